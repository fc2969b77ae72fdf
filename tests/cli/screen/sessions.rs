//! Which sessions the screen shows, and its messages.

use std::time::Duration;

use super::selected;
use crate::support::tmux::Tmux;
use crate::support::{Sandbox, have};

#[test]
fn sessions_of_several_directories_are_distinguished() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    for (project, session) in [("web", "main"), ("api", "main"), ("api", "build")] {
        sandbox.ok(["push", session, "working", project, "--dir", project]);
    }
    let tmux = Tmux::new(&sandbox, "projects", 80, 24);
    tmux.shell("SSTAT_DIR=web:api sstat watch");
    let capture = tmux.wait_for("3 sessions");
    for name in [" build ", " api/main ", " web/main "] {
        assert!(capture.contains(name), "{capture}");
    }
    // The filter finds projects, and the detail is that of the selected session.
    tmux.keys(&["/", "w", "e", "b", "Enter", "Enter"]);
    let capture = tmux.wait_for("File ");
    assert!(selected(&capture).starts_with("web/main "), "{capture}");
    assert!(capture.contains("Message    web"), "{capture}");
    // A name that no longer occurs twice is not qualified.
    std::fs::remove_file(sandbox.root().join("api/main_status.json")).unwrap();
    tmux.keys(&["Escape", "Escape"]);
    tmux.wait("bare name", |capture| {
        capture.contains("\n  main ") && !capture.contains("/main ")
    });
}

#[test]
fn screen_follows_the_sessions() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::with_real_clock();
    let push = |args: &[&str]| sandbox.ok([&["push"], args].concat());
    push(&["quick", "working", "m", "--expect", "1h"]);
    push(&["slow", "working", "m", "--expect", "1h"]);
    let tmux = Tmux::new(&sandbox, "live", 80, 12);
    tmux.shell(
        "sstat watch --stale-after 2s --on stale,error --exec 'echo x >> alerts; echo printed'",
    );
    tmux.wait_for("2 sessions  2 working");
    push(&["slow", "working", "m"]);
    let capture = tmux.wait_for("1 stale");
    assert!(
        selected(&capture).starts_with("slow     stale"),
        "{capture}"
    );
    push(&["slow", "completed", "done"]);
    let capture = tmux.wait_for("1 completed");
    assert!(!capture.contains("stale"), "{capture}");

    push(&["new", "error", "no such host", "--expect", "1h"]);
    let capture = tmux.wait_for("3 sessions");
    assert!(
        selected(&capture).starts_with("new      error"),
        "{capture}"
    );

    // Alert commands run and print nothing on the screen.
    let alerts = sandbox.root().join("alerts");
    let log = || std::fs::read_to_string(&alerts).unwrap_or_default();
    tmux.wait("two alerts", |_| log() == "x\nx\n");
    assert!(!tmux.capture().contains("printed"));

    // A paused screen does not change.
    tmux.keys(&["Space"]);
    tmux.wait_for("PAUSED");
    std::fs::remove_file(sandbox.file("new")).unwrap();
    push(&["quick", "blocked", "which one?"]);
    std::thread::sleep(Duration::from_millis(300));
    let capture = tmux.capture();
    assert!(
        capture.contains("3 sessions") && !capture.contains("which"),
        "{capture}"
    );
    tmux.keys(&["p"]);
    tmux.wait("screen with both changes", |capture| {
        capture.contains("2 sessions") && selected(capture).starts_with("quick    blocked")
    });

    // A warning is shown on the screen, and printed when it ends.
    std::fs::create_dir(sandbox.file("folder")).unwrap();
    tmux.wait_for("folder_status.json");
    tmux.keys(&["C-c"]);
    tmux.wait("warning in the shell", |capture| {
        capture.contains("sstat: ") && capture.contains("folder_status.json")
    });
}

#[test]
fn warnings_are_kept_once_a_file_and_limited() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w1", "working", "m"]);
    let tmux = Tmux::new(&sandbox, "warnings", 100, 150);
    tmux.shell("sstat watch --on update --exec 'date +%s%N >> ran; exit 3'; echo exit=$?");
    tmux.wait_for("1 session ");
    let ran = sandbox.root().join("ran");
    for count in 1..=3 {
        sandbox.ok(["push", "w1", "working", "m"]);
        tmux.wait("command", |_| {
            std::fs::read_to_string(&ran).is_ok_and(|ran| ran.lines().count() == count)
        });
    }
    tmux.wait_for("exit code 3");
    tmux.keys(&["q"]);
    let capture = tmux.wait_for("exit=0");
    assert_eq!(capture.matches("exit code 3").count(), 1, "{capture}");

    for number in 0..110 {
        std::fs::create_dir(sandbox.file(&format!("folder{number}"))).unwrap();
    }
    tmux.shell("clear; sstat watch; echo exit=$?");
    tmux.wait_for("_status.json");
    tmux.keys(&["q"]);
    let capture = tmux.wait_for("exit=0");
    assert_eq!(capture.matches("sstat: ").count(), 100, "{capture}");
}

#[test]
fn screen_says_which_condition_raises_no_alert() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w1", "blocked", "m"]);
    let tmux = Tmux::new(&sandbox, "note", 100, 12);
    tmux.shell("sstat watch --on blocked --bell");
    tmux.wait_for("no alert for w1: its condition holds already (--now would report it)");
}

#[test]
fn expired_acknowledgement_shows_the_session_again() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w1", "blocked", "m"]);
    sandbox.ok(["push", "w1", "--ack=6s"]);
    let tmux = Tmux::new(&sandbox, "expiry", 80, 12);
    tmux.shell("sstat watch");
    tmux.wait_for("1 session ");
    // Nothing but the time changes from here on.
    tmux.keys(&["a"]);
    tmux.wait_for("attention 1 of 1");
}

#[test]
fn empty_screen_gives_the_reason() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "other", "working", "m"]);
    let tmux = Tmux::new(&sandbox, "empty", 120, 12);
    for (arguments, count, update) in [
        ("'worker*'", 1, ["worker1", "working"]),
        ("--status idle", 2, ["other", "idle"]),
    ] {
        tmux.shell(&format!("clear; sstat watch {arguments}"));
        tmux.wait_for(&format!("no session matches ({count} in "));
        sandbox.ok([&["push"], &update[..], &["m"]].concat());
        tmux.wait_for("1 session ");
        tmux.keys(&["q"]);
        tmux.wait("shell", |_| !tmux.is_in_alternate_screen());
    }
    for name in ["worker1", "other"] {
        std::fs::remove_file(sandbox.file(name)).unwrap();
    }
    tmux.shell("clear; sstat watch 'worker*'");
    tmux.wait_for("no sessions in ");
    tmux.keys(&["q"]);
    tmux.wait("shell", |_| !tmux.is_in_alternate_screen());
    // The reason covers all directories, also those that do not exist.
    sandbox.ok(["push", "other", "working", "m"]);
    let existing = sandbox.dir().display().to_string();
    tmux.shell(&format!(
        "clear; sstat watch --dir missing --dir {existing} 'w*'"
    ));
    let capture = tmux.wait_for("no session matches (1 in 2 directories)");
    assert!(
        capture.contains("missing does not exist (named by --dir)"),
        "{capture}"
    );
}
