//! `sstat watch --until`.

use super::Live;
use crate::support::{Running, Sandbox, fs};

/// Returns two working sessions and a watch that waits for `completed`.
fn waiting(args: &[&str]) -> (Sandbox, Live) {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w1", "working"]);
    sandbox.ok(["push", "w2", "working"]);
    let until = [&["w1", "w2", "--until", "completed", "--json"], args].concat();
    let live = Live::listening(&sandbox, &until);
    (sandbox, live)
}

#[test]
fn all_sessions_must_reach_the_status() {
    let (sandbox, mut live) = waiting(&[]);
    sandbox.ok(["push", "w2", "completed"]);
    sandbox.ok(["push", "w2", "idle"]);
    sandbox.ok(["push", "other", "error"]);
    sandbox.ok(["push", "w1", "blocked"]);
    sandbox.ok(["push", "w1", "completed"]);
    assert_eq!(live.code(), 0);
}

#[test]
fn first_session_that_ends_otherwise_decides() {
    let (sandbox, mut live) = waiting(&[]);
    sandbox.ok(["push", "w2", "error", "no \x1bdisk"]);
    assert_eq!(live.code(), 1);
    assert_eq!(live.error(), "sstat: w2: ended as error: no \\x1bdisk");
}

#[test]
fn any_session_is_enough_and_all_must_fail() {
    let (sandbox, mut live) = waiting(&["--any"]);
    sandbox.ok(["push", "w1", "error"]);
    sandbox.ok(["push", "w2", "completed"]);
    assert_eq!(live.code(), 0);
    let (sandbox, mut live) = waiting(&["--any"]);
    sandbox.ok(["push", "w1", "error"]);
    sandbox.ok(["push", "w2", "error"]);
    assert_eq!(live.code(), 1);
}

#[test]
fn several_statuses_can_be_given() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "working"]);
    let mut live = Live::listening(&sandbox, &["w", "--until", "blocked,error", "--json"]);
    sandbox.ok(["push", "w", "error"]);
    assert_eq!(live.code(), 0);
    let mut live = Live::listening(&sandbox, &["w", "--until", "error", "--json"]);
    sandbox.ok(["push", "w", "completed"]);
    assert_eq!(live.code(), 1);
}

#[test]
fn dead_session_exits_with_3() {
    let sandbox = Sandbox::with_real_clock();
    let worker = Running::waiting();
    sandbox.ok(["push", "w", "working", "--pid", &worker.pid()]);
    let mut live = Live::listening(&sandbox, &["w", "--until", "completed", "--json"]);
    drop(worker);
    assert_eq!(live.code(), 3);
    // The same for a session that is dead at the start.
    for args in [
        &["watch", "w", "--until", "completed"][..],
        &["watch", "w", "--until", "completed", "--now"],
    ] {
        let ran = sandbox.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
        assert!(ran.stderr.contains("w: dead: process"), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1);
    }
}

/// Sessions that have ended otherwise and cannot reach the status any more.
#[test]
fn session_that_has_ended_exits_with_1() {
    let sandbox = Sandbox::with_real_clock();
    let hook = |event: &str| {
        let payload =
            format!(r#"{{"hook_event_name":"{event}","session_id":"a","reason":"logout"}}"#);
        sandbox.ok(["push", "--hook", "claude-code", "--session", "w", &payload]);
    };
    hook("UserPromptSubmit");
    let mut live = Live::listening(&sandbox, &["w", "--until", "completed", "--json"]);
    hook("SessionEnd");
    assert_eq!(live.code(), 1);
    assert_eq!(live.error(), "sstat: w: ended as idle: session ended");
    // A completed session whose process ends while its next completion is waited for.
    let worker = Running::waiting();
    sandbox.ok(["push", "w2", "completed", "--pid", &worker.pid()]);
    let mut live = Live::listening(&sandbox, &["w2", "--until", "completed", "--json"]);
    let reason = format!(
        "process {} is gone, its last status is completed",
        worker.pid()
    );
    drop(worker);
    assert_eq!(live.event()["event"], "exited");
    assert_eq!(live.code(), 1);
    assert!(live.error().contains("is completed already"));
    assert_eq!(live.error(), format!("sstat: w2: {reason}"));
}

#[test]
fn status_at_the_start_counts_only_with_now() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "completed"]);
    sandbox.ok(["watch", "w", "--until", "completed", "--now"]);
    assert_eq!(
        sandbox
            .run(["watch", "w", "--until", "error", "--now"])
            .code,
        1
    );
    let mut live = Live::start(&sandbox, &["w", "--until", "completed"]);
    assert_eq!(
        live.error(),
        "sstat: w: is completed already; waiting for the next time (--now would accept it)"
    );
    sandbox.ok(["push", "w", "completed"]);
    assert_eq!(live.code(), 0);
}

#[test]
fn recent_status_at_the_start_counts_with_now_and_since() {
    let sandbox = Sandbox::new();
    let until = |extra: &[&str]| {
        let args = [
            "watch",
            "w",
            "--until",
            "completed",
            "--timeout",
            "0.1",
            "--now",
        ];
        sandbox.run([&args[..], extra].concat())
    };
    // The job ended before the wait.
    sandbox.aged("w", "completed", 30);
    assert_eq!(until(&["--since", "1m"]).code, 0);
    sandbox.aged("w", "error", 30);
    assert_eq!(until(&["--since", "1m"]).code, 1);
    // An earlier run ended. The next one has not started yet.
    for status in ["completed", "error"] {
        sandbox.aged("w", status, 90);
        let ran = until(&["--since", "1m"]);
        assert_eq!(ran.code, 124, "{}", ran.stderr);
        let note = format!(
            "sstat: w: was {status} before --since; waiting for its next update\n\
             sstat: timed out: w is {status}\n"
        );
        assert_eq!(ran.stderr, note);
    }
    // --since does not apply to a session that is still working.
    sandbox.aged("w", "working", 90);
    let args = [
        "w",
        "--until",
        "completed",
        "--now",
        "--since",
        "1m",
        "--json",
    ];
    let mut live = Live::start(&sandbox, &args);
    assert!(
        live.lines
            .recv_timeout(std::time::Duration::from_millis(200))
            .is_err()
    );
    sandbox.ok(["push", "w", "completed"]);
    assert_eq!(live.code(), 0);
}

#[test]
fn limit_that_no_new_update_has_passed_is_refused() {
    let sandbox = Sandbox::new();
    for option in ["--older-than", "--longer-than"] {
        let ran = sandbox.run(["watch", "w", "--until", "completed", option, "1m"]);
        let error = format!("sstat: {option}: cannot be used with --until\n");
        assert_eq!((ran.code, ran.stderr), (2, error));
    }
    let ran = sandbox.run(["watch", "--on", "error,overdue", "--exec", "true"]);
    let error = "sstat: --on overdue: needs --longer-than or --older-than\n";
    assert_eq!((ran.code, &*ran.stderr), (2, error));
}

#[test]
fn timeout_exits_with_124() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "working"]);
    let ran = sandbox.run(["watch", "w", "--until", "completed", "--timeout", "50ms"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (124, ""));
    assert_eq!(ran.stderr, "sstat: timed out: w is working\n");
    let ran = sandbox.run(["watch", "w", "--until", "completed", "--timeout", "0.05"]);
    assert_eq!(ran.code, 124, "seconds need no unit");
    // A timeout of 0 tests the condition once.
    sandbox.ok([
        "watch",
        "w",
        "--until",
        "working",
        "--now",
        "--timeout",
        "0s",
    ]);
}

#[test]
fn unknown_session_exits_with_1_unless_missing_is_allowed() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "manager1", "working"]);
    let ran = sandbox.run(["watch", "managr1", "--until", "completed"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("did you mean 'manager1'?"),
        "{}",
        ran.stderr
    );
    let ran = sandbox.run(["watch", "x*", "--until", "completed"]);
    assert_eq!(ran.code, 1);
    let mut live = Live::listening(
        &sandbox,
        &[
            "manager1",
            "later",
            "--until",
            "blocked",
            "--allow-missing",
            "--any",
            "--json",
        ],
    );
    sandbox.ok(["push", "later", "blocked"]);
    assert_eq!(live.code(), 0);
}

#[test]
fn pattern_and_task_select_sessions() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w1", "working", "-t", "7"]);
    let mut live = Live::listening(
        &sandbox,
        &["w*", "--until", "completed", "--task", "7", "--json"],
    );
    sandbox.ok(["push", "w1", "error", "-t", "6"]);
    sandbox.ok(["push", "w1", "completed", "-t", "7"]);
    assert_eq!(live.code(), 0);
}

#[test]
fn contradictory_options_are_refused() {
    let sandbox = Sandbox::new();
    for args in [
        &["--until", "completed"][..],
        &["w", "--any"],
        &["w", "--timeout", "1s"],
        &["w", "--allow-missing"],
        &["w", "--now"],
        &["w", "--until", ""],
        &["w", "--until", "completed", "--status", "idle"],
        &["w", "--until", "completed", "--once"],
        &["w", "--until", "completed", "--since", "1m"],
        &["w", "--until", "completed", "--timeout", "-1"],
        &["--interval", "0s"],
        &["--on", "error"],
        &["--repeat", "1h"],
        &["--once", "--bell"],
    ] {
        let ran = sandbox.run([&["watch"], args].concat());
        assert_eq!(ran.code, 2, "{args:?} {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{args:?} {}", ran.stderr);
    }
}

#[test]
fn misspelled_status_is_refused_and_unknown_one_warned_about() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.write(
        "w",
        "{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"asleep\"}\n",
    );
    let ran = sandbox.run(["watch", "w", "--until", "asleep", "--now"]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.stderr.contains("unknown status 'asleep' (known: "),
        "{}",
        ran.stderr
    );
    for (args, meant) in [
        (
            &["w", "--until", "asleep,complete", "--now"][..],
            "completed",
        ),
        (&["w", "--until", "Error"], "error"),
        (&["--on", "very-stale", "--exec", "true"], "very_stale"),
        (&["--on", "error,ded", "--bell"], "dead"),
    ] {
        let ran = sandbox.run([&["watch"], args].concat());
        assert_eq!(ran.code, 2, "{args:?} {}", ran.stderr);
        let hint = format!("did you mean '{meant}'?\n");
        assert!(ran.stderr.ends_with(&hint), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    // Without a wait, there is no warning about the status.
    let ran = sandbox.run(["watch", "nobody", "--until", "asleep"]);
    assert_eq!(ran.code, 1);
    assert!(!ran.stderr.contains("waiting"), "{}", ran.stderr);
}

#[test]
fn removed_session_is_waited_for() {
    let sandbox = Sandbox::with_real_clock();
    for task in [&[][..], &["--task", "7"]] {
        sandbox.ok(["push", "w", "working", "-t", "7"]);
        let args = [&["w", "--until", "completed", "--json"], task].concat();
        let mut live = Live::listening(&sandbox, &args);
        fs::remove_file(sandbox.file("w")).unwrap();
        assert_eq!(
            live.error(),
            "sstat: w: its file is gone or empty; waiting for it"
        );
        sandbox.ok(["push", "w", "working", "-t", "7"]);
        sandbox.ok(["push", "w", "completed", "-t", "7"]);
        assert_eq!(live.code(), 0);
    }
}

#[test]
fn status_at_the_start_is_noted() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "error"]);
    let mut live = Live::start(&sandbox, &["w", "--until", "completed"]);
    assert_eq!(
        live.error(),
        "sstat: w: is error already; waiting for its next update (--now would end here)"
    );
    sandbox.ok(["push", "w", "completed"]);
    assert_eq!(live.code(), 0);
    sandbox.ok(["push", "w", "error"]);
    let ran = sandbox.run(["watch", "w", "--until", "completed", "--now"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr, "sstat: w: ended as error\n");
}

#[test]
fn unmatched_pattern_waits_for_its_first_session() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "other", "working"]);
    let args = ["watch", "x*", "--until", "completed", "--allow-missing"];
    let ran = sandbox.run([&args[..], &["--timeout", "50ms"]].concat());
    assert_eq!(ran.code, 124);
    assert_eq!(ran.stderr, "sstat: timed out: no session matches 'x*'\n");
    let args = ["other", "x*", "--until", "completed", "--allow-missing"];
    let mut live = Live::listening(&sandbox, &[&args[..], &["--json"]].concat());
    sandbox.ok(["push", "other", "completed"]);
    sandbox.ok(["push", "x1", "working"]);
    sandbox.ok(["push", "x2", "working"]);
    sandbox.ok(["push", "x1", "completed"]);
    assert_eq!(live.code(), 0);
    // The same without a directory.
    let empty = Sandbox::with_real_clock();
    let directory = empty.root().join("later");
    let directory = directory.to_str().unwrap();
    let args = ["watch", "--dir", directory, "x*", "--until", "completed"];
    let ran = empty.run([&args[..], &["--allow-missing", "--timeout", "50ms"]].concat());
    assert_eq!(ran.code, 124);
    let ran = empty.run(args);
    assert_eq!(ran.code, 1);
    assert!(!ran.stderr.contains("waiting"), "{}", ran.stderr);
}

#[test]
fn unreadable_file_exits_with_2() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.file("w")).unwrap();
    let ran = sandbox.run(["watch", "w", "other", "--until", "completed"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(
        ran.stderr.contains("w_status.json: is a directory"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("no session 'other'"), "{ran:?}");
}
