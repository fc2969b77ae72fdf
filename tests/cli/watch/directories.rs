//! `sstat watch` and `history --follow` of several directories.

use std::io::Write;

use super::{Live, POLL_ON_WINDOWS, wait_until};
use crate::directories::Projects;
use crate::support::fs;

/// Starts a watch of all projects and waits for its first event.
fn listening(projects: &Projects, args: &[&str]) -> Live {
    let live = Live::spawn(&mut projects.command(&[&["watch"], args].concat()));
    assert_eq!(live.event()["event"], "snapshot");
    live
}

fn push(projects: &Projects, project: &str, args: &[&str]) {
    let mut command = projects.sandbox.command([&["push"], args].concat());
    command.env("SSTAT_DIR", projects.directory(project));
    assert!(command.status().unwrap().success());
}

#[test]
fn events_have_qualified_names_and_directories() {
    let projects = Projects::live();
    let live = Live::spawn(&mut projects.command(&["watch", "--json", "main", "new"]));
    let names: Vec<String> = (0..12).map(|_| live.short()).collect();
    assert_eq!(names[0], "snapshot admin/main");
    assert_eq!(names[11], "snapshot web/main");
    push(&projects, "web", &["main", "blocked"]);
    let event = live.event();
    assert_eq!(event["session"], "web/main");
    assert_eq!(
        (&event["from"], &event["to"]),
        (&"working".into(), &"blocked".into())
    );
    assert_eq!(event["state"]["session"], "main");
    let directory = projects.directory("web").display().to_string();
    assert_eq!(event["state"]["directory"], directory);
    push(&projects, "api", &["new", "idle"]);
    assert_eq!(live.short(), "update api/new null idle");
    fs::remove_file(projects.directory("web").join("main_status.json")).unwrap();
    assert_eq!(live.short(), "removed web/main");
    push(&projects, "api", &["main", "idle"]);
    assert_eq!(live.short(), "update api/main working idle");
}

#[test]
fn directory_that_appears_or_is_replaced_is_followed() {
    let projects = Projects::live();
    let web = projects.directory("web");
    fs::remove_dir_all(web.parent().unwrap()).unwrap();
    let args = [&["--json", "w*", "web/*", "db-job"], POLL_ON_WINDOWS].concat();
    let live = listening(&projects, &args);
    push(&projects, "web", &["w1", "idle"]);
    assert_eq!(live.short(), "update web/w1 null idle");
    fs::remove_dir_all(&web).unwrap();
    assert_eq!(live.short(), "removed web/w1");
    push(&projects, "web", &["main", "idle"]);
    assert_eq!(live.short(), "update web/main null idle");
}

#[test]
fn bare_name_waits_for_all_sessions_of_this_name() {
    let projects = Projects::live();
    let mut live = listening(
        &projects,
        &["--json", "--until", "completed", "web/main", "db-job"],
    );
    push(&projects, "db", &["db-job", "completed"]);
    push(&projects, "db", &["main", "error"]);
    push(&projects, "web", &["main", "completed"]);
    assert_eq!(live.code(), 0);

    let mut live = listening(&projects, &["--json", "--until", "completed", "main"]);
    push(&projects, "web", &["main", "completed"]);
    push(&projects, "api", &["main", "error", "no disk"]);
    assert_eq!(live.code(), 1);
    assert_eq!(
        live.error(),
        "sstat: db/main: is error already; waiting for its next update (--now would end here)"
    );
    assert_eq!(
        live.error(),
        "sstat: web/main: is completed already; waiting for the next time (--now would accept it)"
    );
    assert_eq!(live.error(), "sstat: api/main: ended as error: no disk");
}

#[test]
fn missing_session_is_waited_for_in_all_directories() {
    let projects = Projects::live();
    let missing = projects.run(&["watch", "--until", "completed", "new", "web/other"]);
    assert_eq!(missing.code, 1);
    assert_eq!(
        missing.stderr,
        "sstat: no session 'new' in 12 directories\n\
         sstat: no session 'web/other' in 12 directories\n"
    );
    let wait = [
        "--json",
        "--until",
        "completed",
        "--allow-missing",
        "new",
        "web/other",
        "web-job",
    ];
    let mut live = listening(&projects, &wait);
    push(&projects, "web", &["web-job", "completed"]);
    push(&projects, "db", &["other", "error"]);
    push(&projects, "db", &["new", "completed"]);
    push(&projects, "web", &["other", "completed"]);
    assert_eq!(live.code(), 0);
}

#[cfg(unix)]
#[test]
fn command_gets_the_directory_of_its_session() {
    if !crate::support::have("sh") {
        return;
    }
    let projects = Projects::live();
    let note = r#"echo $SSTAT_SESSION $(sstat show $SSTAT_SESSION | grep Message) >> alerts
        grep -o '"session":"[^"]*/[^"]*"' >> alerts"#;
    let _live = listening(&projects, &["--json", "--on", "error", "--exec", note]);
    push(&projects, "web", &["main", "error", "no disk"]);
    let alerts = projects.sandbox.root().join("alerts");
    let expected = "main Message no disk\n\"session\":\"web/main\"\n";
    wait_until("the alert is reported", || {
        fs::read_to_string(&alerts).is_ok_and(|text| text == expected)
    });
}

#[test]
fn history_follows_sessions_of_all_directories() {
    let projects = Projects::live();
    let live = Live::spawn(&mut projects.command(&["history", "-f", "web/*", "db-job", "db/n*"]));
    let words = |live: &Live| {
        let line = live.line();
        let words: Vec<&str> = line.split_whitespace().skip(2).collect();
        words.join(" ")
    };
    assert_eq!(words(&live), "db-job idle in db");
    assert_eq!(words(&live), "main working in web");
    assert_eq!(words(&live), "web-job blocked in web");
    push(&projects, "db", &["db-job", "working", "on it"]);
    assert_eq!(words(&live), "db-job working on it");
    push(&projects, "web", &["new", "idle", "first"]);
    assert_eq!(words(&live), "new idle first");
    push(&projects, "api", &["new", "idle", "not followed"]);
    push(&projects, "db", &["new", "idle", "second"]);
    // Now the name occurs twice.
    assert_eq!(words(&live), "db/new idle second");
    push(&projects, "web", &["new", "error", "third"]);
    assert_eq!(words(&live), "web/new error third");
}

#[cfg(target_os = "linux")]
#[test]
fn unreadable_directory_is_reported_once_and_keeps_its_sessions() {
    let projects = Projects::live();
    let web = projects.directory("web");
    let hidden = projects.sandbox.root().join("hidden");
    fs::rename(&web, &hidden).unwrap();
    fs::write(&web, "").unwrap();
    let live = listening(&projects, &["--json", "-n", "100ms"]);
    assert_eq!(
        live.error(),
        format!("sstat: {}: cannot read: Not a directory", web.display())
    );
    for _ in 1..22 {
        assert_eq!(live.event()["event"], "snapshot");
    }
    // They are exchanged in one step, because a missing directory has no sessions.
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let exchange = || renameat_with(CWD, &hidden, CWD, &web, RenameFlags::EXCHANGE).unwrap();
    exchange();
    assert_eq!(live.short(), "snapshot web/main");
    assert_eq!(live.short(), "snapshot web/web-job");
    // It keeps its sessions while it is unreadable again.
    exchange();
    push(&projects, "api", &["main", "error"]);
    assert_eq!(live.short(), "update api/main working error");
}

#[test]
fn block_reports_each_missing_directory_and_damaged_file_once() {
    let projects = Projects::live();
    let damaged = projects.directory("api").join("main_status.json");
    let mut file = fs::File::options().append(true).open(&damaged).unwrap();
    file.write_all(b"junk\n").unwrap();
    let live = Live::spawn(&mut projects.command(&["watch", "--interval", "20ms"]));
    let wait_for_block = || while !live.line().starts_with("Total Sessions") {};
    let path = damaged.display();
    let error = format!("sstat: {path}: skipped 1 invalid line (not JSON)");
    assert_eq!(live.error(), error);
    file.write_all(b"junk\njunk\n").unwrap();
    for project in ["web", "db"] {
        let directory = projects.directory(project);
        fs::remove_dir_all(&directory).unwrap();
        let error = live.error();
        let missing = format!("no sessions: {} does not exist", directory.display());
        assert!(error.contains(&missing), "{error}");
    }
    while live.lines.try_recv().is_ok() {}
    wait_for_block();
    wait_for_block();
    assert!(live.errors.try_recv().is_err(), "reported once");
}
