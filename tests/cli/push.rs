//! `sstat push` with one update on the command line.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use crate::support::{Sandbox, have, waiting_process};

fn pushed(args: &[&str]) -> String {
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.ok([&["push", "w"], args].concat()),
        "",
        "silent on success"
    );
    sandbox.read("w")
}

#[test]
fn line_has_the_documented_format() {
    assert_eq!(
        pushed(&[
            "working",
            "Querying database for statistics",
            "0.45",
            "160",
            "--metadata",
            r#"{"phase":"data_collection"}"#,
            "-m",
            "items_processed=15"
        ]),
        concat!(
            r#"{"timestamp":"2026-02-14T20:35:00Z","session":"w","status":"working","progress":0.45,"#,
            r#""message":"Querying database for statistics","task_id":"160","#,
            r#""metadata":{"phase":"data_collection","items_processed":15}}"#,
            "\n"
        )
    );
}

#[test]
fn named_and_positional_values_write_the_same_line() {
    let by_place = pushed(&["working", "Querying DB", "0.5", "160"]);
    for args in [
        &["working", "Querying DB", "-p", "0.5", "-t", "160"][..],
        &[
            "working",
            "Querying DB",
            "--progress",
            "50%",
            "--task",
            "160",
        ],
        &["--task=160", "--progress=50%", "working", "Querying DB"],
    ] {
        assert_eq!(pushed(args), by_place, "{args:?}");
    }
}

#[test]
fn progress_and_message_have_defaults_by_status() {
    assert!(pushed(&["completed"]).contains(r#""progress":1.0,"message":"""#));
    assert!(pushed(&["completed", "", "0.9"]).contains(r#""progress":0.9"#));
    assert!(pushed(&["idle"]).contains(r#""message":"Waiting for tasks""#));
    assert!(pushed(&["idle", ""]).contains(r#""message":"""#));
    assert!(!pushed(&["error", "boom"]).contains("progress"));
}

#[test]
fn message_may_begin_with_a_hyphen() {
    for message in [
        "-5% memory",
        "- a list",
        "--weird is a flag",
        "--progress is stuck",
        "-hot fix",
        "-test failed",
        "-p is broken",
        "-",
    ] {
        let line = pushed(&["working", message]);
        let update: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(update["message"], message);
    }
}

#[test]
fn value_may_be_attached_to_a_short_option() {
    for arguments in [
        &["working", "-p0.5", "-t160", "-mk=1", "text"][..],
        &["working", "text", "-p50%", "-t=160", "-mk=1"],
        &["-t160", "working", "-mk=1", "text", "-p.5"],
    ] {
        let update: serde_json::Value = serde_json::from_str(&pushed(arguments)).unwrap();
        assert_eq!(update["message"], "text");
        assert_eq!(update["progress"], 0.5);
        assert_eq!(update["task_id"], "160");
        assert_eq!(update["metadata"]["k"], 1);
    }
    let sandbox = Sandbox::new();
    let ran = sandbox.run(["push", "w", "working", "-p50"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("did you mean 50%"), "{}", ran.stderr);
    // After `--` they are arguments of the command.
    if !have("echo") {
        return;
    }
    let ran = sandbox.run(["push", "w", "working", "--", "echo", "-p0.5"]);
    assert_eq!(ran.stdout, "-p0.5\n");
}

#[test]
fn message_is_stored_unchanged() {
    for message in [
        "größe 日本 👩\u{200d}💻",
        "a\nb\tc",
        "\u{1b}[31m\u{202e}\u{9b}",
        "\"\\",
        "{}",
    ] {
        let line = pushed(&["working", message]);
        assert_eq!(line.lines().count(), 1);
        assert!(!line.trim_end().chars().any(char::is_control));
        let update: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(update["message"], message);
    }
}

#[test]
fn expect_sets_stale_after() {
    assert!(pushed(&["working", "--expect", "45m"]).contains(r#""stale_after":2700"#));
    assert!(pushed(&["working", "--expect", "1h30m"]).contains(r#""stale_after":5400"#));
}

#[test]
fn meta_stores_versions_and_big_numbers_as_text() {
    let line = pushed(&[
        "working",
        "-m",
        "v=1.10",
        "-m",
        "n=2",
        "-m",
        "n=3",
        "-m",
        "on=true",
        "-m",
        "id=12345678901234567890123",
        "-m",
        "list=[1,2]",
        "-m",
        "eq=a=b",
    ]);
    assert!(line.contains(
        r#""metadata":{"v":"1.10","n":3,"on":true,"id":"12345678901234567890123","list":[1,2],"eq":"a=b"}"#
    ), "{line}");
    let doubled = pushed(&[
        "working",
        "--metadata",
        r#"{"a":1,"b":2,"a":3}"#,
        "-m",
        "a=4",
        "-m",
        "q= 1",
    ]);
    assert!(
        doubled.contains(r#""metadata":{"a":4,"b":2,"q":" 1"}"#),
        "{doubled}"
    );
    let spread = pushed(&["working", "--metadata", "{\n  \"a\": 1,\n  \"b\": 1.50\n}"]);
    assert_eq!(spread.lines().count(), 1);
    assert!(spread.contains("1.50"));
}

#[test]
fn invalid_input_is_explained_and_writes_nothing() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(64 * 1024);
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(64), "]".repeat(64));
    for (args, reason) in [
        (vec!["", "working"], "empty"),
        (vec![" \t", "working"], "empty"),
        (vec!["-w", "working"], "-w"),
        (
            vec!["w", "sleeping"],
            "idle, working, blocked, completed or error",
        ),
        (vec!["w", "Working"], "expected idle"),
        (vec!["w", "working", "two", "words"], "needs quotes"),
        (vec!["w", "--status", "working"], "STATUS follows SESSION"),
        (vec!["--name", "w", "working"], "argument '--name'"),
        (vec!["--tail", "5", "w", "working"], "--tail=5"),
        (vec!["w", "working", "m", "50"], "50%"),
        (vec!["w", "working", "m", "NaN"], "0.0 to 1.0"),
        (vec!["w", "working", "m", "-1"], "0.0 to 1.0"),
        (vec!["w", "working", "m", "half"], "0.0 to 1.0"),
        (vec!["w", "working", "-p", "101%"], "0% to 100%"),
        (vec!["w", "working", "-m", "novalue"], "KEY=VALUE"),
        (vec!["w", "working", "--metadata", "[1]"], "JSON object"),
        (
            vec!["w", "working", "--metadata", "{\"a\":}"],
            "invalid JSON",
        ),
        (vec!["w", "working", "--metadata", &deep], "nested deeper"),
        (vec!["w", "working", "--expect", "soon"], "5m"),
        (vec!["w", "working", "--expect", "90"], "unit"),
        (
            vec!["w", "working", "--pid", "4194305"],
            "no process has the id 4194305",
        ),
        (vec!["w", "working", "--pid", "-1"], "expected a process id"),
        (vec!["w", "working", &long], "65536"),
        (vec!["w"], "STATUS"),
        (vec!["w", "working", "--"], "missing command"),
    ] {
        if cfg!(windows) && args.contains(&&*long) {
            continue; // Arguments are limited to 32 KiB.
        }
        let ran = sandbox.run([&["push"], &args[..]].concat());
        assert_eq!(ran.code, 2, "{args:?} {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "one line: {}", ran.stderr);
        assert!(ran.stderr.starts_with("sstat: "), "{}", ran.stderr);
        assert!(ran.stderr.contains(reason), "{args:?}: {}", ran.stderr);
        assert_eq!(fs::read_dir(sandbox.dir()).unwrap().count(), 0, "{args:?}");
    }
}

#[test]
fn any_text_names_a_session_in_every_command() {
    let sandbox = Sandbox::new();
    let long = "ö".repeat(200);
    for (text, name) in [
        ("feature/login", "feature_login"),
        ("../etc/passwd", "_._etc_passwd"),
        (".hidden", "_hidden"),
        (" a b\n", "a b"),
        ("a\u{1b}b\u{202e}", "a_b_"),
        (&long, &long[..242]),
    ] {
        let ran = sandbox.run(["push", text, "working", "m"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let update: serde_json::Value = serde_json::from_str(&sandbox.read(name)).unwrap();
        assert_eq!(update["session"], name);
        let mut import = sandbox.command(["push", "--stdin"]);
        let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
        let line = serde_json::json!({"session": text, "status": "idle"}).to_string();
        std::io::Write::write_all(&mut import.stdin.take().unwrap(), line.as_bytes()).unwrap();
        assert!(import.wait().unwrap().success());
        assert_eq!(sandbox.read(name).lines().count(), 2);
        let shown = sandbox.json(["show", text, "--json"]);
        assert_eq!(shown["session"], name);
        for verb in ["list", "summary", "stale"] {
            sandbox.ok([verb, text, "--json"]);
        }
        assert_eq!(
            sandbox.json(["list", text, "--json"])[name]["session"],
            name
        );
        let history = sandbox.json(["history", text, "--json"]);
        assert_eq!(history["total_updates"], 2);
        sandbox.ok(["watch", text, "--until", "idle", "--now", "--timeout", "9s"]);
    }
    let ran = sandbox.run(["push", "-v", "feature/login", "idle"]);
    assert!(ran.stderr.contains("as session 'feature_login'"), "{ran:?}");
    if cfg!(windows) {
        return; // No file has the names below.
    }
    // A file that push would not have written keeps its name.
    fs::rename(sandbox.file("a b"), sandbox.file(".x ")).unwrap();
    fs::rename(sandbox.file("_hidden"), sandbox.file("a\\b")).unwrap();
    assert_eq!(sandbox.json(["show", "a\\b", "--json"])["status"], "idle");
}

#[test]
#[cfg_attr(windows, ignore = "arguments are limited to 32 KiB")]
fn line_has_at_most_64_kib() {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w", "working", ""]);
    let empty = sandbox.read("w").len();
    sandbox.ok(["push", "w", "working", &"x".repeat(65_536 - empty)]);
    assert_eq!(sandbox.read("w").len(), empty + 65_536);
    let ran = sandbox.run(["push", "w", "working", &"x".repeat(65_537 - empty)]);
    assert_eq!(ran.code, 2);
    assert_eq!(sandbox.read("w").len(), empty + 65_536);
}

#[cfg(unix)]
#[test]
fn special_file_is_refused() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.file("directory")).unwrap();
    let target = sandbox.root().join("target");
    fs::write(&target, "").unwrap();
    symlink(&target, sandbox.file("link")).unwrap();
    symlink(sandbox.root().join("nowhere"), sandbox.file("dangling")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(sandbox.file("fifo"))
            .status()
            .unwrap()
            .success()
    );
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.file("socket")).unwrap();
    for (name, kind) in [
        ("directory", "a directory"),
        ("link", "a symbolic link"),
        ("dangling", "a symbolic link"),
        ("fifo", "a FIFO"),
        ("socket", "a socket"),
    ] {
        let ran = sandbox.run(["push", name, "working"]);
        assert_eq!(ran.code, 2, "{name}");
        assert!(ran.stderr.contains(kind), "{}", ran.stderr);
        assert!(
            ran.stderr.contains(&format!("{name}_status.json")),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(fs::read(target).unwrap(), b"");
    assert!(!sandbox.root().join("nowhere").exists());
}

#[cfg(unix)]
#[test]
fn unwritable_file_or_directory_is_named() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(["push", "w", "idle", "--dir", "/proc/nowhere/status"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains(": cannot create"), "{}", ran.stderr);
    fs::write(sandbox.root().join("file"), "").unwrap();
    let ran = sandbox.run(["push", "w", "idle", "--dir", "file"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("file"), "{}", ran.stderr);
    // The mode does not apply to root.
    sandbox.ok(["push", "w", "idle"]);
    fs::set_permissions(sandbox.file("w"), fs::Permissions::from_mode(0o444)).unwrap();
    if fs::OpenOptions::new()
        .append(true)
        .open(sandbox.file("w"))
        .is_err()
    {
        let ran = sandbox.run(["push", "w", "idle"]);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains("Permission denied"), "{}", ran.stderr);
    }
}

#[test]
fn torn_line_of_another_writer_is_sealed() {
    let sandbox = Sandbox::new();
    sandbox.write("w", "{\"timestamp\":\"2026");
    sandbox.ok(["push", "w", "idle"]);
    let content = sandbox.read("w");
    let lines: Vec<&str> = content.lines().collect();
    assert_eq!(lines[0], "{\"timestamp\":\"2026");
    assert!(lines[1].starts_with("{\"timestamp\":\"2026-02-14T20:35:00Z\""));
    assert_eq!(lines.len(), 2);
}

#[test]
fn message_by_name_may_be_any_text() {
    if !have("sh") {
        return;
    }
    let sandbox = Sandbox::new();
    for message in [
        "--help",
        "--sync",
        "-q",
        "-t5",
        "-mk=v",
        "--progess",
        "--",
        "",
    ] {
        sandbox.ok(["push", "w", "working", "--message", message, "-p", "0.5"]);
        let equals = format!("--message={message}");
        sandbox.ok(["push", "w", "working", &equals]);
        let content = sandbox.read("w");
        for line in content.lines().rev().take(2) {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["message"], message);
        }
    }
    for message in ["--hook", "--", "--message"] {
        let wrapped = ["push", "c", "working", "--message", message, "--"];
        let ran = sandbox.run([&wrapped[..], &["sh", "-c", "echo $1; exit 4", "-", "{}"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (4, "{}\n"), "{message}");
        let refused = sandbox.run(["push", "", "working", "--message", message]);
        assert_eq!(refused.code, 2);
    }
    sandbox.ok(["push", "o", "working", "--message", "--", "-p0.5"]);
    assert!(
        sandbox
            .read("o")
            .contains(r#""progress":0.5,"message":"--""#)
    );
    let twice = sandbox.run(["push", "w", "working", "one", "--message", "two"]);
    assert_eq!(twice.code, 2);
}

#[test]
fn misspelled_option_is_not_a_message() {
    let sandbox = Sandbox::new();
    for misspelled in [
        "--vesion",
        "--progress0.5",
        "--progess",
        "--meta-data",
        "--tsk=5",
        "--exspect",
        "--colour",
    ] {
        let ran = sandbox.run(["push", "w", "working", misspelled, "0.5"]);
        assert_eq!(ran.code, 2, "{misspelled}");
        assert!(
            ran.stderr.contains("a similar argument exists: '--"),
            "{ran:?}"
        );
        assert!(!sandbox.file("w").exists());
    }
    for message in ["--dirty tree", "--nothing-like-it", "--", "---", "-5%"] {
        let ran = sandbox.run(["push", "w", "working", message, "0.5"]);
        assert_eq!(ran.code == 0, message != "--", "{message}: {ran:?}");
    }
}

#[test]
fn repeated_option_has_its_last_value() {
    let sandbox = Sandbox::new();
    sandbox.ok([
        "push", "w", "working", "-p", "0.1", "-p", "0.2", "-m", "a=1", "-m", "b=2",
    ]);
    let all = sandbox.json(["list", "--json", "--sort=age", "--sort", "name", "-q", "-q"]);
    assert_eq!(all["w"]["progress"], 0.2);
    assert_eq!(all["w"]["metadata"], serde_json::json!({"a": 1, "b": 2}));
}

#[test]
fn every_verb_prints_the_version() {
    let sandbox = Sandbox::new();
    let version = format!("sstat {}\n", env!("CARGO_PKG_VERSION"));
    for verb in [
        "push", "summary", "list", "show", "history", "stale", "watch",
    ] {
        assert_eq!(sandbox.ok([verb, "--version"]), version);
        assert_eq!(sandbox.ok([verb, "-V"]), version);
    }
    assert_eq!(sandbox.ok(["--version"]), version);
    if let Ok(full) = fs::File::options().write(true).open("/dev/full") {
        let mut unwritten = sandbox.command(["--version"]);
        let output = unwritten.stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn session_option_is_for_hooks_only() {
    let sandbox = Sandbox::new();
    for arguments in [&["w", "working"][..], &["--stdin"]] {
        let ran = sandbox.run([&["push", "--session", "x"], arguments].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
    }
}

#[test]
fn unexpected_directory_is_noted_with_verbose() {
    let sandbox = Sandbox::new();
    let project = sandbox.root().join("project");
    let below = project.join("data").join("session_status");
    fs::create_dir_all(&below).unwrap();
    let typo = sandbox.root().join("typo");
    let created = format!("push: created {}", typo.display());
    let (project, below) = (project.display(), below.display());
    let meant = format!("no sessions in {project} (did you mean {below}?)");
    for (directory, note) in [("typo", created), ("project", meant)] {
        let push = ["push", "w", "idle", "--dir", directory, "-v"];
        let ran = sandbox.run(push);
        let lines: Vec<&str> = ran.stderr.lines().skip(1).collect();
        assert_eq!((ran.code, lines), (0, vec![&*format!("sstat: {note}")]));
        // The second push is expected.
        assert_eq!(sandbox.run(push).stderr.lines().count(), 1);
    }
    assert_eq!(sandbox.ok(["push", "w", "idle", "--dir", "new"]), "");
}

#[test]
fn unusual_use_is_noted_with_verbose() {
    let sandbox = Sandbox::new();
    let new = sandbox.root().join("new");
    let created = format!("push: created {}", new.display());
    let is_message = "is recorded as the message; PROGRESS is the next argument, or use -p";
    let long = "x".repeat(244);
    let cut = format!("push: '{long}' is recorded as session '{}'", &long[..243]);
    for (args, note) in [
        (vec!["w", "idle", "--dir", "new"], &created),
        (
            vec!["w", "working", "0.5"],
            &format!("push: '0.5' {is_message}"),
        ),
        (
            vec!["w", "working", "50"],
            &format!("push: '50' {is_message}"),
        ),
        (vec![&long, "idle"], &cut),
    ] {
        let ran = sandbox.run([&["push", "-v"], &args[..]].concat());
        let lines: Vec<&str> = ran.stderr.lines().skip(1).collect();
        assert_eq!((ran.code, lines), (0, vec![&*format!("sstat: {note}")]));
        let ran = sandbox.run([&["push"], &args[..]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    }
    for usual in [
        &["5 of 9"][..],
        &["7", "0.5"],
        &["7", "-p", "5%"],
        &["--message", "7"],
    ] {
        let ran = sandbox.run([&["push", "-v", "w", "working"], usual].concat());
        assert_eq!((ran.code, ran.stderr.lines().count()), (0, 1), "{ran:?}");
    }
}

#[test]
fn sync_works_in_a_new_relative_directory() {
    let sandbox = Sandbox::new();
    for directory in ["new", "and/below", "./here"] {
        sandbox.ok(["push", "w", "idle", "--sync", "--dir", directory]);
        let file = sandbox.root().join(directory).join("w_status.json");
        assert_eq!(fs::read_to_string(file).unwrap().lines().count(), 1);
    }
}

#[test]
fn sync_calls_fdatasync_and_fsync() {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w", "idle", "--sync"]);
    let mut command = sandbox.command(["push", "w", "idle"]);
    assert!(command.env("SSTAT_SYNC", "1").status().unwrap().success());
    assert_eq!(sandbox.read("w").lines().count(), 2);
    if !have("strace") {
        return;
    }
    for (file, sync, calls) in [("new", true, 2), ("w", true, 1), ("w", false, 0)] {
        let trace = sandbox.root().join("trace");
        let mut strace = Command::new("strace");
        sandbox.isolate(&mut strace);
        strace
            .args(["-f", "-e", "trace=fsync,fdatasync", "-o"])
            .arg(&trace);
        strace.args(["sstat", "push", file, "idle"]);
        if sync {
            strace.arg("--sync");
        }
        assert!(strace.status().unwrap().success());
        let trace = fs::read_to_string(trace).unwrap();
        assert_eq!(
            trace.matches("sync(").count(),
            calls,
            "{file} {sync}: {trace}"
        );
    }
}

#[test]
fn process_is_set_by_option_and_by_variable() {
    let sandbox = Sandbox::new();
    let me = std::process::id();
    sandbox.ok(["push", "flag", "working", "--pid", &me.to_string()]);
    let mut command = sandbox.command(["push", "variable", "working"]);
    assert!(
        command
            .env("SSTAT_PID", me.to_string())
            .status()
            .unwrap()
            .success()
    );
    for name in ["flag", "variable"] {
        let update: serde_json::Value = serde_json::from_str(&sandbox.read(name)).unwrap();
        let process = &update["process"];
        assert_eq!(process["pid"], me);
        for key in ["start_time", "boot_id", "host", "pid_namespace"] {
            assert!(!process[key].is_null(), "{key}");
        }
    }
    assert_eq!(sandbox.json(["show", "flag", "--json"])["is_alive"], true);
}

#[test]
fn session_is_dead_once_its_process_has_ended() {
    let sandbox = Sandbox::with_real_clock();
    for (status, liveness) in [("working", Some(false)), ("completed", None)] {
        let mut child = waiting_process();
        sandbox.ok(["push", status, status, "--pid", &child.id().to_string()]);
        assert_eq!(sandbox.json(["show", status, "--json"])["is_alive"], true);
        child.kill().unwrap();
        // A killed process is a zombie until it is waited for.
        let state = || sandbox.json(["show", status, "--json"])["is_alive"].as_bool();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while state() == Some(true) && std::time::Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(state(), liveness, "a zombie, {status}");
        child.wait().unwrap();
        assert_eq!(state(), liveness, "gone, {status}");
    }
    assert_eq!(
        sandbox.json(["summary", "--json"])["dead_sessions"],
        serde_json::json!(["working"])
    );
}

#[test]
fn python_writer_shares_the_file() {
    if !have("python3") {
        return;
    }
    let sandbox = Sandbox::with_real_clock();
    let script = r#"
import json, os, sys, datetime
path, count = sys.argv[1], int(sys.argv[2])
for i in range(count):
    line = {"timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z"),
            "session": "shared", "status": "working", "message": f"python {i}", "progress": 0.5, "task_id": "160"}
    with open(path, "a") as f:
        f.write(json.dumps(line) + "\n")
"#;
    let mut python = Command::new("python3")
        .args(["-c", script])
        .arg(sandbox.file("shared"))
        .arg("300")
        .spawn()
        .unwrap();
    for i in 0..100 {
        sandbox.ok(["push", "shared", "working", &format!("sstat {i}")]);
    }
    assert!(python.wait().unwrap().success());
    let history = sandbox.json(["history", "shared", "--limit", "0", "--json"]);
    let messages: Vec<&str> = history["updates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|update| update["message"].as_str().unwrap())
        .collect();
    assert_eq!(history["total_updates"], 400);
    for (writer, count) in [("python", 300), ("sstat", 100)] {
        let own: Vec<&str> = messages
            .iter()
            .filter(|m| m.starts_with(writer))
            .copied()
            .collect();
        let expected: Vec<String> = (0..count).map(|i| format!("{writer} {i}")).collect();
        assert_eq!(own, expected);
    }
}

#[test]
fn exit_code_0_means_that_a_line_was_written() {
    let sandbox = Sandbox::new();
    for args in [
        vec!["push", "w", "working", "--hook=abc is broken"],
        vec!["push", "w", "working", "--hook=abc"],
        vec!["push", "w", "working", "--hook=a\tb"],
        vec!["push", "w", "working", "--hook"],
        vec!["push", "-p", "0.5", "w", "working", "--hook"],
        vec!["push", "w", "wrking", "--hook=codex"],
        vec![
            "push", "w", "working", "m", "0.5", "1", "--hook", "nonsense",
        ],
        vec!["push", "--message", "--hook", "w", "wrking"],
    ] {
        let ran = sandbox.run(&args);
        assert_eq!(
            (ran.code, sandbox.file("w").exists()),
            (2, false),
            "{ran:?}"
        );
        assert!(!ran.stderr.is_empty(), "{args:?}");
    }
    let ran = sandbox.run(["show", "push", "--hook"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = sandbox.run(["push", "--hook", "nonsense"]);
    assert_eq!(ran.code, 0, "a hook that is set up wrongly: {ran:?}");
    for message in ["--- FAIL: TestX", "- item", "-5%"] {
        sandbox.ok(["push", "w", "working", message]);
        assert!(sandbox.read("w").contains(message), "{message}");
    }
}

#[test]
fn name_in_another_case_or_normalization_is_the_same_session() {
    for (name, other) in [("Worker1", "worker1"), ("B\u{fc}ro", "Bu\u{308}ro")] {
        let sandbox = Sandbox::new();
        sandbox.ok(["push", name, "working"]);
        if !sandbox.file(other).exists() {
            // The file system distinguishes them, as is usual on Linux.
            assert_eq!(sandbox.run(["show", other]).code, 1);
            continue;
        }
        let ran = sandbox.run(["push", other, "idle", "-v"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let note = format!("{other}: this file system stores the session as '{name}'");
        assert!(ran.stderr.contains(&note), "{}", ran.stderr);
        assert_eq!(sandbox.updates(name).len(), 2);
        for arguments in [["show", other], ["list", other]] {
            let ran = sandbox.run(arguments);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            assert!(ran.stderr.contains(&note), "{}", ran.stderr);
        }
    }
}
