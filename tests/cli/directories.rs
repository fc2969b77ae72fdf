//! Several status directories at once.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::hook::fed;
use crate::support::{NOW, Ran, Sandbox};

const NAMES: [&str; 12] = [
    "admin", "api", "auth", "billing", "db", "docs", "etl", "infra", "mobile", "search", "site",
    "web",
];

/// Twelve projects, each with a working session `main`, and with a session of its
/// own that is `blocked` in `web` and `idle` elsewhere.
pub struct Projects {
    pub sandbox: Sandbox,
    /// The time of all updates.
    time: String,
}

impl Projects {
    /// Returns projects with a fixed clock.
    fn new() -> Self {
        Self::within(Sandbox::new(), NOW.to_owned())
    }

    /// Returns projects with the real clock.
    pub fn live() -> Self {
        let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        Self::within(Sandbox::with_real_clock(), time)
    }

    fn within(sandbox: Sandbox, time: String) -> Self {
        let projects = Self { sandbox, time };
        for name in NAMES {
            let directory = projects.directory(name);
            fs::create_dir_all(&directory).unwrap();
            let status = if name == "web" { "blocked" } else { "idle" };
            projects.write(name, "main", "working");
            projects.write(name, &format!("{name}-job"), status);
        }
        projects
    }

    pub fn directory(&self, project: &str) -> PathBuf {
        let root = self.sandbox.root().join("work");
        root.join(project).join("data").join("session_status")
    }

    pub fn write(&self, project: &str, session: &str, status: &str) {
        let time = &self.time;
        let line = format!(
            "{{\"timestamp\":\"{time}\",\"session\":\"{session}\",\"status\":\"{status}\",\"message\":\"in {project}\"}}\n"
        );
        let file = format!("{session}_status.json");
        fs::write(self.directory(project).join(file), line).unwrap();
    }

    /// Returns the value of `SSTAT_DIR` for some projects.
    pub fn list(&self, names: &[&str]) -> OsString {
        std::env::join_paths(names.iter().map(|name| self.directory(name))).unwrap()
    }

    /// Returns a command with all projects in `SSTAT_DIR`.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.sandbox.command(args);
        command.env("SSTAT_DIR", self.list(&NAMES));
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().unwrap())
    }

    /// Runs the binary, expects exit code 0 and an empty stderr, and returns stdout.
    fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
        ran.stdout
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }

    /// Returns the first column of a table.
    fn sessions(&self, args: &[&str]) -> Vec<String> {
        let table = self.ok(args);
        let rows = table.lines().skip(1);
        rows.map(|row| row.split(' ').next().unwrap().to_owned())
            .collect()
    }

    /// Runs the binary with directories in `--dir` and without `SSTAT_DIR`.
    fn named(&self, before: &[&str], verb: &[&str], after: &[&str]) -> Ran {
        let options = |names: &[&str]| -> Vec<OsString> {
            let pairs = names
                .iter()
                .map(|name| ["--dir".into(), self.directory(name).into()]);
            pairs.flatten().collect()
        };
        let mut command = self.sandbox.command(options(before));
        command
            .args(verb)
            .args(options(after))
            .env_remove("SSTAT_DIR");
        Ran::from(command.output().unwrap())
    }
}

fn keys(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn dir_can_be_repeated_and_counts_after_the_verb() {
    let projects = Projects::new();
    let sessions = |before: &[&str], after: &[&str]| {
        let ran = projects.named(before, &["list", "--json"], after);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let sessions: Value = serde_json::from_str(&ran.stdout).unwrap();
        keys(&sessions).join(" ")
    };
    let both = "web/main web/web-job";
    assert_eq!(sessions(&["api"], &[]), "api-job main");
    assert_eq!(
        sessions(&["api", "web"], &[]),
        format!("api/api-job api/main {both}")
    );
    assert_eq!(
        sessions(&[], &["db", "web"]),
        format!("db/db-job db/main {both}")
    );
    assert_eq!(
        sessions(&["api", "docs"], &["db", "web"]),
        format!("db/db-job db/main {both}")
    );
    assert_eq!(sessions(&["api", "docs"], &["db"]), "db-job main");
}

#[test]
fn push_writes_to_one_directory() {
    let projects = Projects::new();
    let ran = projects.run(&["push", "new", "idle", "-v"]);
    assert_eq!(ran.code, 0);
    let first = projects.directory("admin");
    assert_eq!(
        ran.stderr,
        format!(
            "sstat: directory: {} (the first that SSTAT_DIR names)\n",
            first.display()
        )
    );
    assert!(first.join("new_status.json").exists());
    // An alias may name a directory that its caller overrides.
    let ran = projects.named(&["api"], &["push", "other", "idle"], &["db", "web"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(projects.directory("web").join("other_status.json").exists());
    // The first entry is created, and the others do not matter.
    let mut command = projects.sandbox.command(["push", "w", "idle"]);
    let made = projects.sandbox.root().join("made");
    let list = std::env::join_paths([made.as_path(), "$HOME/x".as_ref()]).unwrap();
    assert!(command.env("SSTAT_DIR", list).status().unwrap().success());
    assert!(made.join("w_status.json").exists());
}

#[test]
fn push_with_a_qualified_name_writes_to_its_project() {
    let projects = Projects::new();
    let last = |project: &str, session: &str| {
        let file = format!("{session}_status.json");
        let text = fs::read_to_string(projects.directory(project).join(file)).unwrap();
        let line: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(line["session"], session);
        line["message"].as_str().unwrap().to_owned()
    };
    for (project, session, name) in [
        ("web", "web/main", "main"),
        ("api", "api/feature/login", "feature_login"),
        // No project: the first directory.
        ("admin", "feature/login", "feature_login"),
    ] {
        assert_eq!(projects.ok(&["push", session, "working", session]), "");
        assert_eq!(last(project, name), session);
        let shown = projects.json(&["show", &format!("{project}/{name}"), "--json"]);
        assert_eq!(shown["message"], session);
    }
    let ran = projects.named(
        &[],
        &["push", "db/main", "idle", "by --dir"],
        &["db", "web"],
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(last("db", "main"), "by --dir");
    if !cfg!(windows) {
        let run = ["push", "etl/main", "working", "wrapped", "--", "sh", "-c"];
        projects.ok(&[&run[..], &["test $SSTAT_SESSION = main"]].concat());
        assert_eq!(last("etl", "main"), "wrapped");
    }
    // An agent's hook, by its option and by the variable.
    for (prompt, option, variable) in [
        ("a", &["--session", "docs/main"][..], ""),
        ("b", &[], "docs/main"),
    ] {
        let mut command = projects.command(&[&["push", "--hook", "codex"], option].concat());
        let event = r#"{"hook_event_name":"UserPromptSubmit","session_id":"s","prompt":"PROMPT"}"#;
        let event = event.replace("PROMPT", prompt);
        let ran = fed(command.env("SSTAT_SESSION", variable), event.as_bytes());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        assert_eq!(last("docs", "main"), prompt);
    }
}

#[test]
fn wrapper_and_its_hooks_pass_on_one_directory() {
    if !crate::support::have("sh") {
        return;
    }
    if cfg!(windows) {
        return;
    }
    let projects = Projects::new();
    let run = ["push", "ci", "working", "--", "sh", "-c", "echo $SSTAT_DIR"];
    assert_eq!(
        projects.ok(&run),
        format!("{}\n", projects.directory("admin").display())
    );
}

#[test]
fn value_that_names_an_existing_directory_is_not_a_list() {
    if cfg!(windows) {
        return;
    }
    let sandbox = Sandbox::new();
    let odd = sandbox.root().join("a:b");
    let command = |args: &[&str]| {
        let mut command = sandbox.command(args);
        command.env("SSTAT_DIR", &odd);
        Ran::from(command.output().unwrap())
    };
    fs::create_dir(&odd).unwrap();
    assert_eq!(command(&["push", "w", "idle"]).code, 0);
    assert!(odd.join("w_status.json").exists());
    assert!(command(&["list", "--json"]).stdout.contains("\"w\": {"));
    // Otherwise it is one: both parts are missing.
    fs::remove_dir_all(&odd).unwrap();
    let ran = command(&["list"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    let root = sandbox.root().display();
    assert_eq!(
        ran.stderr,
        format!(
            "sstat: no sessions: {root}/a does not exist (named by SSTAT_DIR)\n\
             sstat: no sessions: {root}/b does not exist (named by SSTAT_DIR)\n"
        )
    );
}

#[cfg(unix)]
#[test]
fn same_directory_is_read_once() {
    let projects = Projects::new();
    let link = projects.sandbox.root().join("link");
    std::os::unix::fs::symlink(projects.directory("api"), &link).unwrap();
    let twice = |second: PathBuf| {
        let first = projects.directory("api");
        let list = std::env::join_paths([first, PathBuf::new(), second]).unwrap();
        let mut command = projects.sandbox.command(["list", "--json"]);
        let output = command.env("SSTAT_DIR", list).output().unwrap();
        let sessions: Value = serde_json::from_slice(&output.stdout).unwrap();
        keys(&sessions).join(" ")
    };
    // It is the only directory, so that names are not qualified.
    assert_eq!(twice(projects.directory("api")), "api-job main");
    assert_eq!(
        twice(projects.directory("api").join("../session_status")),
        "api-job main"
    );
    assert_eq!(twice(link), "api-job main");
    assert_eq!(
        twice(projects.directory("db")),
        "api/api-job api/main db/db-job db/main"
    );
}

#[test]
fn text_qualifies_names_that_occur_twice() {
    let projects = Projects::new();
    // By name, and equal names by project.
    let mains = NAMES.map(|name| format!("{name}/main"));
    let jobs = NAMES.map(|name| format!("{name}-job"));
    let all = projects.sessions(&["list"]);
    let at = all.iter().position(|name| name == "admin/main").unwrap();
    assert_eq!(all[at..at + 12], mains);
    let others: Vec<&String> = all.iter().filter(|name| !name.contains('/')).collect();
    assert_eq!(others, jobs.iter().collect::<Vec<_>>());
    assert_eq!(projects.sessions(&["list", "main"]), mains);
    let block = projects.ok(&["summary"]);
    assert!(block.contains("  • web-job: in web\n"), "{block}");
    assert!(block.contains("  • web/main: in web\n"), "{block}");
    assert_eq!(
        projects.ok(&["summary", "--short"]),
        "12 working · 1 blocked · 11 idle\n"
    );
    let later = [("SSTAT_NOW", "2026-02-14T21:35:00Z")];
    let output = projects.command(&["stale", "main"]).envs(later).output();
    let stale = Ran::from(output.unwrap()).stdout;
    assert!(
        stale.contains("\nweb/main ") && stale.contains("sstat show web/main"),
        "{stale}"
    );
}

#[test]
fn session_of_a_bare_and_a_qualified_name_is_read_once() {
    let projects = Projects::new();
    projects.write("web", "w2", "working");
    for pattern in [&[][..], &["w?"]] {
        let given = [&["list", "web-job", "web/web-job"], pattern].concat();
        let expected = [&["w2"][..pattern.len()], &["web-job"]].concat();
        assert_eq!(projects.sessions(&given), expected);
    }
    fs::write(projects.directory("web").join("main_status.json"), "junk\n").unwrap();
    let job = projects.directory("web").join("web-job_status.json");
    let line = fs::read_to_string(&job).unwrap();
    fs::write(&job, format!("{line}junk\n")).unwrap();
    let ran = projects.run(&["summary", "--json", "web-job", "web/web-job"]);
    assert!(ran.stdout.contains("\"skipped_lines\": 1\n"), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    let ran = projects.run(&["summary", "main", "web/main"]);
    let reasons = ran.stderr.matches("not JSON").count();
    assert_eq!((ran.code, reasons), (1, 2), "{ran:?}");
}

#[test]
fn json_keys_are_qualified_and_values_have_the_directory() {
    let projects = Projects::new();
    let list = projects.json(&["list", "--json"]);
    assert_eq!(list.as_object().unwrap().len(), 24);
    let main = &list["web/main"];
    assert_eq!(main["session"], "main");
    let directory = projects.directory("web").display().to_string();
    assert_eq!(main["directory"], directory);
    assert_eq!(list["web/web-job"]["session"], "web-job");
    let summary = projects.json(&["summary", "--json"]);
    assert_eq!(
        summary["blocked_sessions"],
        serde_json::json!(["web/web-job"])
    );
    assert_eq!(summary["working_sessions"][11], "web/main");
    let groups = projects.json(&["summary", "--json", "--by", "directory"]);
    assert_eq!(
        groups["groups"]["web"]["blocked_sessions"][0],
        "web/web-job"
    );
    let metrics = projects.ok(&["summary", "--prometheus"]);
    assert!(metrics.contains("{session=\"web/main\"}"), "{metrics}");
    assert!(metrics.contains("{session=\"web/web-job\"}"), "{metrics}");
    let show = projects.json(&["show", "--json", "web-job"]);
    assert_eq!(show["directory"], directory);
    // With one directory, nothing is qualified and no directory is added.
    let single = projects.named(&["web"], &["list", "--json"], &[]);
    let single: Value = serde_json::from_str(&single.stdout).unwrap();
    assert_eq!(keys(&single), ["main", "web-job"]);
    assert_eq!(single["main"].get("directory"), None);
}

#[test]
fn directory_replaces_a_key_of_the_update_only_if_there_are_several() {
    let projects = Projects::new();
    let file = projects.directory("web").join("own_status.json");
    let line = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"idle","directory":"own"}"#;
    fs::write(file, line).unwrap();
    let text = projects.ok(&["show", "--json", "own"]);
    assert_eq!(text.matches("\"directory\"").count(), 1, "{text}");
    assert!(!text.contains("\"directory\": \"own\""), "{text}");
    let single = projects.named(&["web"], &["show", "--json", "own"], &[]);
    assert!(single.stdout.contains("\"directory\": \"own\""));
}

#[test]
fn project_is_named_by_as_many_parents_as_needed() {
    let sandbox = Sandbox::new();
    let paths = [
        "home/api/data/session_status",
        "work/api/data/session_status",
        "work/web/data/session_status",
        "status/plain",
    ]
    .map(|path| sandbox.root().join(path));
    for path in &paths {
        let mut command = sandbox.command(["push", "w", "idle"]);
        assert!(command.env("SSTAT_DIR", path).status().unwrap().success());
    }
    let mut command = sandbox.command(["list", "--json"]);
    command.env("SSTAT_DIR", std::env::join_paths(&paths).unwrap());
    let output = command.output().unwrap();
    let sessions: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        keys(&sessions),
        ["home/api/w", "plain/w", "web/w", "work/api/w"]
    );
}

#[test]
fn names_and_patterns_match_bare_and_qualified_names() {
    let projects = Projects::new();
    let sessions = |names: &[&str]| projects.sessions(&[&["list"], names].concat()).join(" ");
    assert_eq!(sessions(&["web/main"]), "main");
    assert_eq!(sessions(&["web/main", "api/main"]), "api/main web/main");
    assert_eq!(sessions(&["web-job"]), "web-job");
    assert_eq!(sessions(&["web/*"]), "main web-job");
    assert_eq!(sessions(&["*/main"]).split(' ').count(), 12);
    assert_eq!(sessions(&["a*/m*"]), "admin/main api/main auth/main");
    assert_eq!(sessions(&["w[e]b/main", "db-job"]), "db-job main");
    // In a pattern without `/`, no project takes part.
    assert_eq!(sessions(&["web*"]), "web-job");
    assert_eq!(sessions(&["??-job"]), "db-job");
    assert_eq!(sessions(&["web?main"]), "");
    assert_eq!(sessions(&["db/main", "w*"]), "main web-job");
    // One rule makes a name of any text, also after a project.
    projects.write("web", "feature_login", "idle");
    assert_eq!(sessions(&["feature/login"]), "feature_login");
    assert_eq!(sessions(&["web/feature/login"]), "feature_login");
}

#[test]
fn unknown_name_is_an_error_with_a_suggestion() {
    let projects = Projects::new();
    for (name, suggestion) in [
        ("web-jab", " (did you mean 'web-job'?)"),
        ("mian", " (did you mean 'main'?)"),
        ("web/mian", " (did you mean 'web/main'?)"),
        ("web/main2", " (did you mean 'web/main'?)"),
        ("nothing-like-it", ""),
    ] {
        for verb in ["list", "show", "history"] {
            let ran = projects.run(&[verb, name]);
            assert_eq!(ran.code, 1, "{verb} {name}");
            assert_eq!(
                ran.stderr,
                format!("sstat: no session '{name}' in 12 directories{suggestion}\n"),
                "{verb} {name}"
            );
        }
    }
}

#[test]
fn show_needs_one_session() {
    let projects = Projects::new();
    let ran = projects.run(&["show", "main"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(
        ran.stderr
            .starts_with("sstat: session 'main' is ambiguous: admin/main, api/main,"),
        "{}",
        ran.stderr
    );
    let shown = projects.ok(&["show", "web/main"]);
    assert!(
        shown.starts_with("main\n") && shown.contains("in web"),
        "{shown}"
    );
    assert!(projects.ok(&["show", "api-job"]).starts_with("api-job\n"));
}

#[test]
fn history_reads_all_directories() {
    let projects = Projects::new();
    assert_eq!(
        projects.ok(&["history", "web/main", "api/main"]),
        "2026-02-14 20:35:00  web/main  working         in web\n\
         2026-02-14 20:35:00  api/main  working         in api\n"
    );
    assert_eq!(
        projects.ok(&["history", "web/*"]),
        "2026-02-14 20:35:00  main     working         in web\n\
         2026-02-14 20:35:00  web-job  blocked         in web\n"
    );
    let single = projects.json(&["history", "--json", "web/main"]);
    assert_eq!(single["session"], "main");
    assert_eq!(
        single["directory"],
        projects.directory("web").display().to_string()
    );
    assert_eq!(single["updates"][0]["session"], "main");
    let several = projects.json(&["history", "--json", "main"]);
    assert_eq!(several.as_array().unwrap().len(), 12);
    let plot = projects.ok(&["history", "--plot", "web/main", "api/main", "db-job"]);
    for lane in ["\nweb/main ", "\napi/main ", "\ndb-job "] {
        assert!(plot.contains(lane), "{lane:?} in {plot}");
    }
}

#[test]
fn missing_directory_is_reported_and_the_others_are_shown() {
    let projects = Projects::new();
    fs::remove_dir_all(projects.directory("web")).unwrap();
    let ran = projects.run(&["list", "main"]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.stdout.lines().count(), 12);
    let web = projects.directory("web");
    let message = format!(
        "sstat: no sessions: {} does not exist (named by SSTAT_DIR)\n",
        web.display()
    );
    assert_eq!(ran.stderr, message);
    let ran = projects.run(&["list", "web/main"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        format!(
            "{message}sstat: no session 'web/main' in 12 directories (did you mean 'db/main'?)\n"
        )
    );
    let gate = projects.run(&["list", "--attention", "--exit-code"]);
    assert_eq!((gate.code, gate.stderr), (2, message));
}

#[cfg(unix)]
#[test]
fn unreadable_directory_is_reported_and_the_others_are_shown() {
    let projects = Projects::new();
    let web = projects.directory("web");
    // A file in its place is unreadable for root too.
    fs::remove_dir_all(&web).unwrap();
    fs::write(&web, "").unwrap();
    let message = format!("sstat: {}: cannot read: Not a directory\n", web.display());
    for args in [
        &["list"][..],
        &["list", "*main"],
        &["summary"],
        &["history", "--all"],
        &["watch", "--once"],
        &["watch", "--once", "--json"],
    ] {
        let ran = projects.run(args);
        assert_eq!((ran.code, &ran.stderr), (2, &message), "{args:?}");
        assert!(!ran.stdout.is_empty(), "{args:?}");
    }
    // A single directory has nothing else to show.
    let ran = projects.named(&["web"], &["list"], &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert_eq!(ran.stderr, message);
}

#[test]
fn verbose_prints_all_directories() {
    let projects = Projects::new();
    let ran = projects.run(&["list", "-v", "main"]);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let web = projects.directory("web");
    assert_eq!(lines.len(), 12);
    assert_eq!(
        lines[11],
        format!("sstat: directory: {} (named by SSTAT_DIR)", web.display())
    );
}
