//! `sstat watch --on ... --exec ...`.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use super::{Live, PATIENCE, Poller};
use crate::support::Sandbox;

/// What the alarms have written to a file so far, once it is so many lines.
fn lines(sandbox: &Sandbox, count: usize) -> Vec<String> {
    let path = sandbox.root().join("alarms");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(Instant::now() < deadline, "only {lines:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

const NOTE: &str = "echo $SSTAT_EVENT $SSTAT_SESSION $SSTAT_FROM $SSTAT_STATUS >> alarms";

#[test]
fn a_command_runs_once_an_episode() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "error", "since long"]);
    let live = Live::listening(&sandbox, &["--json", "--exec", NOTE]);
    for status in ["error", "working", "error", "error", "blocked", "error"] {
        sandbox.ok(["push", "w", status]);
    }
    let poller = Poller::new();
    sandbox.ok(["push", "d", "working", "--pid", &poller.pid()]);
    assert_eq!(
        lines(&sandbox, 2),
        ["error w working error", "error w blocked error"]
    );
    drop(poller);
    assert_eq!(lines(&sandbox, 3)[2], "dead d working");
    sandbox.ok(["push", "d", "error"]);
    assert_eq!(lines(&sandbox, 4)[3], "error d working error");
    drop(live);
}

#[test]
fn what_holds_already_counts_with_now() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "blocked"]);
    let _live = Live::listening(
        &sandbox,
        &["--json", "--on", "blocked,removed", "--now", "--exec", NOTE],
    );
    assert_eq!(lines(&sandbox, 1), ["blocked w blocked"]);
    fs::remove_file(sandbox.file("w")).unwrap();
    assert_eq!(lines(&sandbox, 2)[1], "removed w blocked");
    sandbox.ok(["push", "w", "blocked"]);
    assert_eq!(lines(&sandbox, 3)[2], "blocked w blocked");
}

#[test]
fn an_episode_that_lasts_is_repeated() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let _live = Live::listening(
        &sandbox,
        &[
            "--json", "--on", "error", "--repeat", "100ms", "--exec", NOTE,
        ],
    );
    sandbox.ok(["push", "w", "error"]);
    assert_eq!(lines(&sandbox, 3)[2], "error w idle error");
}

#[test]
fn a_silence_raises_an_alarm() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let _live = Live::listening(
        &sandbox,
        &[
            "--json",
            "--on",
            "stale,recovered",
            "--stale-after",
            "0s",
            "--now",
            "--exec",
            NOTE,
        ],
    );
    assert_eq!(lines(&sandbox, 1), ["stale w idle"]);
    sandbox.ok(["push", "w", "working"]);
    assert_eq!(lines(&sandbox, 2)[1], "recovered w working");
}

#[test]
fn data_comes_in_variables_and_on_stdin_never_in_the_command() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let script = r#"printf '%s|' "$SSTAT_EVENT" "$SSTAT_SESSION" "$SSTAT_STATUS" "$SSTAT_FROM" "$SSTAT_MESSAGE" "$SSTAT_TASK_ID" "$SSTAT_PROGRESS" "$SSTAT_AGE_SECONDS" "$SSTAT_DIR" > part; cat > json; mv json whole"#;
    let live = Live::listening(&sandbox, &["--json", "--on", "error", "--exec", script]);
    let message = format!(
        "$(touch hacked); `touch hacked` \u{1b}[2J {}",
        "ö".repeat(4000)
    );
    sandbox.ok(["push", "w", "error", &message, "25%", "160"]);
    assert_eq!(live.event()["to"], "error");
    let whole = sandbox.root().join("whole");
    let deadline = Instant::now() + PATIENCE;
    while !whole.exists() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(10));
    }
    let event: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(whole).unwrap()).unwrap();
    assert_eq!(event["event"], "update");
    assert_eq!(event["from"], "idle");
    assert_eq!(event["state"]["message"], *message);
    let part = fs::read_to_string(sandbox.root().join("part")).unwrap();
    let values: Vec<&str> = part.split('|').collect();
    assert_eq!(values[..4], ["error", "w", "error", "idle"]);
    assert!(message.starts_with(values[4]) && (4095..=4096).contains(&values[4].len()));
    assert_eq!(values[5..8], ["160", "0.25", "0"]);
    assert_eq!(values[8], sandbox.dir().to_str().unwrap());
    assert!(!sandbox.root().join("hacked").exists());
}

#[test]
fn many_commands_wait_their_turn_and_leave_no_zombie() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let script = "echo >> alarms; ls -d running.* 2>/dev/null | wc -l >> counts; touch running.$$; sleep 0.05; rm running.$$";
    let live = Live::listening(&sandbox, &["--json", "--on", "blocked", "--exec", script]);
    for index in 0..40 {
        sandbox.ok(["push", &format!("w{index}"), "blocked"]);
    }
    lines(&sandbox, 40);
    let counts = fs::read_to_string(sandbox.root().join("counts")).unwrap();
    assert!(
        counts
            .lines()
            .all(|count| count.trim().parse::<u32>().unwrap() < 8),
        "{counts}"
    );
    let deadline = Instant::now() + PATIENCE;
    let tasks = format!("/proc/{}/task", live.child.id());
    let has_children = || {
        fs::read_dir(&tasks).unwrap().flatten().any(|task| {
            let children = fs::read_to_string(task.path().join("children"));
            children.is_ok_and(|children| !children.is_empty())
        })
    };
    while has_children() {
        assert!(Instant::now() < deadline, "a child is left");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn alarms_with_much_data_are_dropped_while_too_many_wait() {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w", "idle"]);
    let script = "cat > /dev/null; echo >> alarms; while [ ! -e go ]; do sleep 0.05; done";
    let live = Live::listening(&sandbox, &["--json", "--on", "update", "--exec", script]);
    // One session's come one after another.
    let line = format!(
        "{{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"working\",\"message\":\"{}\"}}\n",
        "x".repeat(1_000_000)
    );
    let file = fs::File::options().append(true).open(sandbox.file("w"));
    file.unwrap().write_all(line.repeat(30).as_bytes()).unwrap();
    for _ in 0..30 {
        assert_eq!(live.event()["to"], "working");
    }
    let told = live.error();
    assert!(
        told.ends_with("were dropped: too many are waiting already"),
        "{told}"
    );
    fs::write(sandbox.root().join("go"), "").unwrap();
    // Those before them have their turn.
    assert!(lines(&sandbox, 16).len() < 30);
}

#[test]
fn a_failing_command_is_reported_and_watched_on() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let live = Live::listening(
        &sandbox,
        &[
            "--json",
            "--on",
            "error",
            "--exec",
            "echo no >&2; echo out; exit 3",
        ],
    );
    for _ in 0..2 {
        sandbox.ok(["push", "w", "error"]);
        sandbox.ok(["push", "w", "idle"]);
        assert_eq!(live.event()["to"], "error");
        // Its output does not spoil the stream.
        assert_eq!(live.event()["to"], "idle");
        let said = [live.error(), live.error(), live.error()];
        assert_eq!(
            said,
            ["no", "out", "sstat: --exec for w (error): exit code 3"]
        );
    }
}

#[test]
fn alarms_are_finished_before_the_watch_ends() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "working"]);
    let script = "sleep 0.3; echo done >> alarms; echo shown";
    let ran = sandbox.run([
        "watch", "w", "--until", "working", "--now", "--on", "working", "--exec", script,
    ]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "shown\n"));
    assert_eq!(lines(&sandbox, 1), ["done"]);
}

#[test]
fn the_bell_rings() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "error"]);
    let ran = sandbox.run(["watch", "w", "--until", "error", "--now", "--bell"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "\x07"));
}
