//! `sstat watch --until`.

use super::{Live, Poller};
use crate::support::Sandbox;

/// Two sessions at work, and a watch for `completed` that listens.
fn waiting(args: &[&str]) -> (Sandbox, Live) {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w1", "working"]);
    sandbox.ok(["push", "w2", "working"]);
    let until = [&["w1", "w2", "--until", "completed", "--json"], args].concat();
    let live = Live::listening(&sandbox, &until);
    (sandbox, live)
}

#[test]
fn all_must_reach_it() {
    let (sandbox, mut live) = waiting(&[]);
    sandbox.ok(["push", "w2", "completed"]);
    sandbox.ok(["push", "w2", "idle"]);
    sandbox.ok(["push", "other", "error"]);
    sandbox.ok(["push", "w1", "blocked"]);
    sandbox.ok(["push", "w1", "completed"]);
    assert_eq!(live.code(), 0);
}

#[test]
fn the_first_that_ends_otherwise_decides() {
    let (sandbox, mut live) = waiting(&[]);
    sandbox.ok(["push", "w2", "error", "no \x1bdisk"]);
    assert_eq!(live.code(), 1);
    assert_eq!(live.error(), "sstat: w2: ended as error: no \\x1bdisk");
}

#[test]
fn any_is_enough_and_fails_when_all_have_failed() {
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
fn several_statuses_may_be_waited_for() {
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
fn a_death_is_three() {
    let sandbox = Sandbox::with_real_clock();
    let poller = Poller::new();
    sandbox.ok(["push", "w", "working", "--pid", &poller.pid()]);
    let mut live = Live::listening(&sandbox, &["w", "--until", "completed", "--json"]);
    drop(poller);
    assert_eq!(live.code(), 3);
    // Dead already is the same, with and without --now.
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

#[test]
fn only_what_comes_counts_unless_now_accepts_what_is() {
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
fn time_runs_out() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "working"]);
    let ran = sandbox.run(["watch", "w", "--until", "completed", "--timeout", "50ms"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (124, ""));
    assert_eq!(ran.stderr, "sstat: timed out: w is working\n");
    // What already holds is found even in no time.
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
fn an_unknown_name_is_a_no_unless_it_may_come() {
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
fn patterns_and_a_task_narrow_it_down() {
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
fn what_makes_no_sense_is_refused() {
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
fn a_slip_is_refused_and_a_foreign_status_remarked_upon() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.write(
        "w",
        "{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"asleep\"}\n",
    );
    let ran = sandbox.run(["watch", "w", "--until", "asleep", "--now"]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.stderr
            .contains("'asleep' is no status that sstat writes"),
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
    // Of an unknown name nobody is told that it is waited for.
    let ran = sandbox.run(["watch", "nobody", "--until", "asleep"]);
    assert_eq!(ran.code, 1);
    assert!(!ran.stderr.contains("waiting"), "{}", ran.stderr);
}

#[test]
fn one_whose_file_is_removed_is_waited_for() {
    let sandbox = Sandbox::with_real_clock();
    for task in [&[][..], &["--task", "7"]] {
        sandbox.ok(["push", "w", "working", "-t", "7"]);
        let args = [&["w", "--until", "completed", "--json"], task].concat();
        let mut live = Live::listening(&sandbox, &args);
        std::fs::remove_file(sandbox.file("w")).unwrap();
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
fn what_ended_otherwise_before_is_remarked_upon() {
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
fn a_pattern_may_wait_for_its_first_match() {
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
    // Where there is no directory yet, the same.
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
fn a_file_that_cannot_be_read_is_no_unknown_session() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.file("w")).unwrap();
    let ran = sandbox.run(["watch", "w", "other", "--until", "completed"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(
        ran.stderr.contains("w_status.json: is a directory"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("no session 'other'"), "{ran:?}");
}
