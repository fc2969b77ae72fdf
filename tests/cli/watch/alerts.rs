//! `sstat watch --on ... --exec ...`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
#[cfg(unix)]
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Live, wait_until, write_future};
use crate::support::{Running, Sandbox, ps};

/// Returns the lines of the file "alerts" once there are at least `count`.
fn lines(sandbox: &Sandbox, count: usize) -> Vec<String> {
    let path = sandbox.root().join("alerts");
    let mut lines = Vec::new();
    wait_until("the alerts are reported", || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        lines = text.lines().map(str::to_owned).collect();
        lines.len() >= count
    });
    lines
}

const NOTE: &str = "echo $SSTAT_EVENT $SSTAT_SESSION $SSTAT_FROM $SSTAT_STATUS >> alerts";

#[test]
fn command_runs_each_time_a_condition_starts_to_hold() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "error", "since long"]);
    let live = Live::listening(&sandbox, &["--json", "--exec", NOTE]);
    for status in ["error", "working", "error", "error", "blocked", "error"] {
        sandbox.ok(["push", "w", status]);
    }
    let worker = Running::waiting();
    sandbox.ok(["push", "d", "working", "--pid", &worker.pid()]);
    assert_eq!(
        lines(&sandbox, 2),
        ["error w working error", "error w blocked error"]
    );
    drop(worker);
    assert_eq!(lines(&sandbox, 3)[2], "dead d working");
    sandbox.ok(["push", "d", "error"]);
    assert_eq!(lines(&sandbox, 4)[3], "error d working error");
    drop(live);
}

#[test]
fn alert_firing_at_the_start_is_reported_with_now() {
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
fn firing_alert_is_repeated() {
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
fn acknowledged_alert_is_not_repeated() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let args = [
        "--json",
        "--on",
        "error,acknowledged",
        "--repeat",
        "20ms",
        "--exec",
        NOTE,
    ];
    let _live = Live::listening(&sandbox, &args);
    sandbox.ok(["push", "w", "error"]);
    assert_eq!(
        lines(&sandbox, 2)[..2],
        ["error w idle error", "error w idle error"]
    );
    sandbox.ok(["push", "w", "--ack"]);
    let is_acknowledged = |line: &String| line == "acknowledged w error";
    wait_until("the acknowledgement is reported", || {
        lines(&sandbox, 1).iter().any(is_acknowledged)
    });
    // Another alert is repeated more than once in this time.
    sandbox.ok(["push", "v", "error"]);
    lines(&sandbox, lines(&sandbox, 1).len() + 3);
    let all = lines(&sandbox, 1);
    let after = all.iter().skip_while(|line| !is_acknowledged(line)).skip(1);
    let after: Vec<_> = after.filter(|line| line.starts_with("error w")).collect();
    assert!(after.is_empty(), "{all:?}");
}

#[test]
fn alert_is_reported_again_when_an_acknowledgement_expires() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let live = Live::listening(&sandbox, &["--json", "--on", "error", "--exec", NOTE]);
    sandbox.ok(["push", "w", "error"]);
    assert_eq!(lines(&sandbox, 1), ["error w idle error"]);
    assert_eq!(live.short(), "update w idle error");
    live.acknowledge_briefly(&sandbox, "w");
    assert_eq!(lines(&sandbox, 2)[1], "error w idle error");
}

#[test]
fn acknowledged_session_raises_no_alert_at_the_start() {
    let sandbox = Sandbox::with_real_clock();
    for name in ["v", "w"] {
        sandbox.ok(["push", name, "error"]);
    }
    sandbox.ok(["push", "v", "--ack"]);
    let args = ["--json", "--on", "error", "--now", "--exec", NOTE];
    let _live = Live::listening(&sandbox, &args);
    assert_eq!(lines(&sandbox, 1), ["error w error"]);
}

#[test]
fn session_that_passes_a_limit_raises_its_alerts() {
    for (on, expected) in [
        (&[][..], ["error v error", "overdue w working"]),
        (
            &["--on", "working,error,completed"],
            ["completed d completed", "working w working"],
        ),
    ] {
        let sandbox = Sandbox::with_real_clock();
        sandbox.aged("u", "idle", 0);
        let args = [
            "--json",
            "--longer-than",
            "1s",
            "--now",
            "--repeat",
            "100ms",
        ];
        let args = [&args[..], on, &["--exec", NOTE]].concat();
        let _live = Live::listening(&sandbox, &args);
        for (session, status) in [("d", "completed"), ("v", "error"), ("w", "working")] {
            sandbox.ok(["push", session, status]);
        }
        // The commands of one session run in the order of its alerts.
        let mut all = Vec::new();
        wait_until("the alerts are reported and repeated", || {
            all = lines(&sandbox, 1);
            let count = |wanted: &str| all.iter().filter(|line| *line == wanted).count();
            expected.iter().all(|wanted| count(wanted) > 1)
        });
        for redundant in ["overdue v error", "overdue d completed"] {
            assert!(!all.iter().any(|line| line == redundant), "{all:?}");
        }
    }
}

#[test]
fn condition_that_holds_at_the_start_is_noted() {
    let sandbox = Sandbox::new();
    for name in ["v", "w"] {
        sandbox.ok(["push", name, "blocked"]);
    }
    let watch = |extra: &[&str]| {
        let until = ["watch", "v", "w", "--until", "completed", "--timeout", "0s"];
        let alerts = ["--on", "blocked", "--exec", "true"];
        let ran = sandbox.run([&until[..], &alerts, extra].concat());
        assert_eq!(ran.code, 124);
        ran.stderr
    };
    let end = "sstat: timed out: v is blocked, w is blocked\n";
    let both =
        "sstat: no alert for 2 sessions: their conditions hold already (--now would report them)\n";
    let one = "sstat: no alert for w: its condition holds already (--now would report it)\n";
    assert_eq!(watch(&[]), format!("{both}{end}"));
    assert_eq!(watch(&["--quiet"]), end);
    assert_eq!(watch(&["--now"]), end);
    sandbox.ok(["push", "v", "--ack"]);
    assert_eq!(watch(&[]), format!("{one}{end}"));
    // A limit that was passed before the start.
    sandbox.aged("w", "working", 61);
    let args = ["--json", "--longer-than", "1m", "--bell"];
    let live = Live::listening(&sandbox, &args);
    assert_eq!(live.error() + "\n", one);
}

#[test]
fn alert_of_a_session_that_the_filters_no_longer_select_is_not_repeated() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "ready", "idle"]);
    let args = [
        "--json", "--since", "5s", "--on", "error", "--repeat", "20ms",
    ];
    let _live = Live::listening(&sandbox, &[&args[..], &["--exec", NOTE]].concat());
    write_future(&sandbox, "w", "error", 5);
    write_future(&sandbox, "v", "error", 3600);
    let recent = |count: usize| lines(&sandbox, count).into_iter().rev().take(count);
    wait_until("both are repeated", || {
        let names: BTreeSet<String> = recent(10).collect();
        names.len() == 2
    });
    wait_until("only one is repeated", || {
        recent(10).all(|line| line == "error v error")
    });
}

#[test]
fn stale_session_raises_an_alert() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.aged("w", "idle", 0);
    let args = ["--json", "--on", "stale,recovered", "--now", "--exec", NOTE];
    let _live = Live::listening(&sandbox, &args);
    assert_eq!(lines(&sandbox, 1), ["stale w idle"]);
    sandbox.ok(["push", "w", "working"]);
    assert_eq!(lines(&sandbox, 2)[1], "recovered w working");
}

#[test]
fn data_is_in_variables_and_on_stdin_but_not_in_the_command() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let script = r#"printf '%s|' "$SSTAT_EVENT" "$SSTAT_SESSION" "$SSTAT_STATUS" "$SSTAT_FROM" "$SSTAT_MESSAGE" "$SSTAT_TASK_ID" "$SSTAT_PROGRESS" "$SSTAT_AGE_SECONDS" "$SSTAT_SINCE" "$SSTAT_DIR" > part; cat > json; mv json whole"#;
    let live = Live::listening(&sandbox, &["--json", "--on", "error", "--exec", script]);
    let message = format!(
        "$(touch hacked); `touch hacked` \u{1b}[2J {}",
        "ö".repeat(4000)
    );
    sandbox.ok(["push", "w", "error", &message, "25%", "160"]);
    assert_eq!(live.event()["to"], "error");
    let whole = sandbox.root().join("whole");
    wait_until("the command has run", || whole.exists());
    let event: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(whole).unwrap()).unwrap();
    assert_eq!(event["event"], "update");
    assert_eq!(event["from"], "idle");
    assert_eq!(event["state"]["message"], *message);
    let part = fs::read_to_string(sandbox.root().join("part")).unwrap();
    let values: Vec<&str> = part.split('|').collect();
    assert_eq!(values[..4], ["error", "w", "error", "idle"]);
    assert!(message.starts_with(values[4]) && (4095..=4096).contains(&values[4].len()));
    assert_eq!(values[5..7], ["160", "0.25"]);
    assert_eq!(values[7], event["state"]["age_seconds"].to_string());
    assert_eq!(values[8], event["state"]["since"]);
    assert_eq!(values[9], sandbox.dir().to_str().unwrap());
    assert!(!sandbox.root().join("hacked").exists());
}

#[test]
fn eight_commands_run_at_a_time_and_leave_no_zombie() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let script = "echo >> alerts; ls -d running.* 2>/dev/null | wc -l >> counts; touch running.$$; sleep 0.05; rm running.$$";
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
    let watch = live.child.id().to_string();
    wait_until("no child is left", || {
        let ps = Command::new("ps").args(["-A", "-o", "ppid="]).output();
        let parents = String::from_utf8(ps.unwrap().stdout).unwrap();
        !parents.lines().any(|parent| parent.trim() == watch)
    });
}

#[test]
fn alerts_are_dropped_while_too_many_are_waiting() {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w", "idle"]);
    // The commands of one session run one after another.
    let script = "echo >> alerts; [ -e go ] || sleep 1000";
    let live = Live::listening(&sandbox, &["--json", "--on", "update", "--exec", script]);
    let line = "{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"working\"}\n";
    let file = fs::File::options().append(true).open(sandbox.file("w"));
    file.unwrap()
        .write_all(line.repeat(1010).as_bytes())
        .unwrap();
    for _ in 0..1010 {
        assert_eq!(live.event()["to"], "working");
    }
    let error = live.error();
    assert!(
        error.ends_with("were dropped: too many are waiting already"),
        "{error}"
    );
    assert_eq!(lines(&sandbox, 1).len(), 1);
}

#[test]
fn failing_command_is_reported() {
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
fn running_commands_end_before_the_watch() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "working"]);
    let script = "sleep 0.1; echo done >> alerts; echo shown";
    let ran = sandbox.run([
        "watch", "w", "--until", "working", "--now", "--on", "working", "--exec", script,
    ]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "shown\n"));
    assert_eq!(lines(&sandbox, 1), ["done"]);
}

#[test]
fn bell_rings() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "error"]);
    let ran = sandbox.run(["watch", "w", "--until", "error", "--now", "--bell"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "\x07"));
}

/// Sessions `w0` to `w39`, all blocked.
fn forty_blocked() -> Sandbox {
    let sandbox = Sandbox::with_real_clock();
    for index in 0..40 {
        sandbox.ok(["push", &format!("w{index}"), "blocked"]);
    }
    sandbox
}

#[test]
fn waiting_commands_do_not_start_after_a_timeout() {
    let sandbox = forty_blocked();
    let ran = sandbox.run([
        "watch",
        "w*",
        "--until",
        "completed",
        "--timeout",
        "500ms",
        "--on",
        "blocked",
        "--now",
        "--exec",
        "echo >> alerts; sleep 1000",
    ]);
    assert_eq!(ran.code, 124, "{}", ran.stderr);
    assert_eq!(lines(&sandbox, 8).len(), 8);
}

#[test]
fn verdict_starts_the_command_of_its_event_and_stops_the_others() {
    let sandbox = forty_blocked();
    sandbox.ok(["push", "last", "working"]);
    let script = "echo $SSTAT_EVENT $$ >> alerts; [ $SSTAT_EVENT = completed ] || sleep 1000";
    let args = [
        "last",
        "w*",
        "--until",
        "completed",
        "--any",
        "--json",
        "--now",
    ];
    let exec = ["--on", "blocked,completed", "--exec", script];
    let mut live = Live::listening(&sandbox, &[&args[..], &exec].concat());
    lines(&sandbox, 8);
    let start = Instant::now();
    sandbox.ok(["push", "last", "completed"]);
    assert_eq!(live.code(), 0);
    assert!(start.elapsed() >= Duration::from_secs(5));
    let lines = lines(&sandbox, 9);
    assert_eq!(lines.len(), 9);
    assert!(lines[8].starts_with("completed "), "{lines:?}");
    for line in &lines {
        assert!(!is_running(line.split(' ').nth(1).unwrap()), "{line}");
    }
    assert!(live.error().contains("killed: the watch has ended"));
}

/// Returns true if the process still sleeps, or a shell will. Another process can have
/// got its id.
fn is_running(pid: &str) -> bool {
    ps(pid, "args").contains("sleep 1000")
}

#[cfg(unix)]
#[test]
fn signal_ends_the_watch_and_its_commands() {
    for (name, number) in [("HUP", 1), ("INT", 2), ("QUIT", 3), ("TERM", 15)] {
        let sandbox = Sandbox::with_real_clock();
        sandbox.ok(["push", "w", "blocked"]);
        let script = "echo $$ >> alerts; trap '' TERM; sleep 1000";
        let args = ["--json", "--on", "blocked", "--now", "--exec", script];
        let mut live = Live::listening(&sandbox, &args);
        let pid = lines(&sandbox, 1).remove(0);
        assert!(is_running(&pid));
        live.signal(name);
        assert_eq!(live.status().signal(), Some(number));
        assert!(!is_running(&pid), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn signal_after_a_verdict_ends_the_commands() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "blocked"]);
    let script = "echo $$ >> alerts; sleep 1000";
    let args = [
        "w",
        "--until",
        "completed",
        "--json",
        "--on",
        "blocked",
        "--now",
    ];
    let mut live = Live::listening(&sandbox, &[&args[..], &["--exec", script]].concat());
    let pid = lines(&sandbox, 1).remove(0);
    sandbox.ok(["push", "w", "completed"]);
    assert_eq!(live.short(), "update w blocked completed");
    live.signal("TERM");
    assert_eq!(live.status().signal(), Some(15));
    assert!(!is_running(&pid));
}

#[test]
fn ignored_signal_does_not_end_the_watch() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let mut command = Command::new("sh");
    sandbox.isolate(&mut command);
    command.args([
        "-c",
        "trap '' HUP; exec sstat watch --json --exec \"$0\"",
        NOTE,
    ]);
    let live = Live::spawn(&mut command);
    assert_eq!(live.short(), "snapshot w");
    live.signal("HUP");
    sandbox.ok(["push", "w", "error"]);
    assert_eq!(lines(&sandbox, 1), ["error w idle error"]);
}

/// The test does not read the pipe, which is full after the first snapshot.
#[cfg(unix)]
#[test]
fn signal_ends_a_watch_whose_output_is_blocked() {
    let sandbox = Sandbox::with_real_clock();
    for name in ["v", "w"] {
        sandbox.ok(["push", name, "error", &"x".repeat(50_000)]);
    }
    let script = "echo $$ >> alerts; sleep 1000";
    let mut command = sandbox.command(["watch", "--json", "--now", "--exec", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let pids = lines(&sandbox, 2);
    let status = Command::new("kill").arg(child.id().to_string()).status();
    assert!(status.unwrap().success());
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert!(!pids.iter().any(|pid| is_running(pid)));
}

#[cfg(target_os = "linux")] // /dev/full
#[test]
fn failure_ends_the_commands() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "blocked"]);
    let script = "echo $$ >> alerts; exec sleep 1000";
    let args = [
        "watch", "--json", "--on", "blocked", "--now", "--exec", script,
    ];
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = sandbox.command(args);
    let output = command.stdout(full).stderr(Stdio::piped()).output();
    assert_eq!(output.unwrap().status.code(), Some(2));
    // If the watch has failed before the command has started, there is no file.
    if let Ok(pid) = fs::read_to_string(sandbox.root().join("alerts")) {
        assert!(!is_running(pid.trim()));
    }
}

#[test]
fn closed_output_ends_the_commands() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "blocked"]);
    let script = "echo $$ >> alerts; sleep 1000";
    let mut command = Command::new("sh");
    sandbox.isolate(&mut command);
    let watch = "sstat watch --json --on blocked --now --exec \"$0\" | { read line; until [ -s alerts ]; do sleep 0.01; done; }";
    let output = command.args(["-c", watch, script]).output().unwrap();
    assert!(output.status.success());
    let pid = lines(&sandbox, 1).remove(0);
    wait_until("the command is ended", || !is_running(&pid));
}

#[test]
fn commands_have_the_limits_of_the_watch() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let mut command = Command::new("sh");
    sandbox.isolate(&mut command);
    let watch = "ulimit -S -n 300; exec sstat watch --json --exec \"$0\"";
    command.args(["-c", watch, "ulimit -S -n >> alerts"]);
    let live = Live::spawn(&mut command);
    assert_eq!(live.short(), "snapshot w");
    sandbox.ok(["push", "w", "error"]);
    assert_eq!(lines(&sandbox, 1), ["300"]);
}

#[test]
fn stale_alert_waits_after_a_suspension() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "working"]);
    let args = [
        "--json",
        "--stale-after",
        "15s",
        "--on",
        "stale,recovered,error",
    ];
    let live = Live::listening(&sandbox, &[&args[..], &["--exec", NOTE]].concat());
    live.signal("STOP");
    std::thread::sleep(Duration::from_secs(22));
    live.signal("CONT");
    assert_eq!(live.short(), "stale w");
    sandbox.ok(["push", "w", "error"]);
    assert_eq!(live.short(), "update w working error");
    assert_eq!(live.short(), "recovered w");
    assert_eq!(lines(&sandbox, 1), ["error w working error"]);
}
