//! Several wrapped commands that write to one session.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Ran, Sandbox};

/// A wrapped `cat`, which runs until its stdin is closed.
struct Run(Child);

impl Run {
    fn start(sandbox: &Sandbox, session: &str, message: &str) -> Self {
        let args = ["push", session, "working", message, "--", "sh", "-c"];
        let script = "read line; exit ${line:-0}";
        let child = sandbox
            .command([&args[..], &[script]].concat())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        eventually(|| {
            sandbox
                .updates(session)
                .iter()
                .any(|update| update["message"] == message)
        });
        Self(child)
    }

    /// Ends the command with exit code 0.
    fn end(mut self) -> Ran {
        drop(self.0.stdin.take());
        Ran::from(self.0.wait_with_output().unwrap())
    }

    /// Ends the command with an exit code.
    fn fail(mut self, code: i32) -> Ran {
        use std::io::Write;
        writeln!(self.0.stdin.take().unwrap(), "{code}").unwrap();
        Ran::from(self.0.wait_with_output().unwrap())
    }
}

fn eventually(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "timeout");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the status and the message of each update; `*` marks a repeated one.
fn short(updates: &[Value]) -> Vec<String> {
    let text = |update: &Value| {
        let mark = if update["repeated"] == true { "*" } else { "" };
        let [status, message] = ["status", "message"].map(|key| update[key].as_str().unwrap());
        format!("{mark}{status} {message}")
    };
    updates.iter().map(text).collect()
}

#[test]
fn second_wrapper_warns_while_the_first_runs() {
    let sandbox = Sandbox::with_real_clock();
    let a = Run::start(&sandbox, "w", "a");
    let other = Run::start(&sandbox, "other", "a").end();
    assert_eq!(other.stderr, "");
    let pid = a.0.id();
    let b = Run::start(&sandbox, "w", "b").end();
    assert_eq!(
        b.stderr,
        format!(
            "sstat: w: process {pid} still runs a command of this session; both record their status here\n"
        )
    );
    // A killed wrapper does not run.
    Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status()
        .unwrap();
    a.fail(1);
    assert_eq!(Run::start(&sandbox, "w", "c").end().stderr, "");
}

#[test]
fn update_of_the_run_that_continues_stays_the_last() {
    let sandbox = Sandbox::with_real_clock();
    let a = Run::start(&sandbox, "w", "a");
    let b = Run::start(&sandbox, "w", "b");
    assert_eq!(a.fail(3).code, 3);
    let lines = sandbox.updates("w");
    assert_eq!(
        short(&lines),
        [
            "working a",
            "working b",
            "error a: exit code 3",
            "*working b"
        ]
    );
    let mut copy = lines[3].clone();
    copy.as_object_mut().unwrap().remove("repeated");
    assert_eq!(copy, lines[1]);
    let list = sandbox.json(["list", "--json"]);
    assert_eq!(
        (&list["w"]["status"], &list["w"]["is_alive"]),
        (&"working".into(), &true.into())
    );
    let shown = sandbox.json(["show", "w", "--json"]);
    assert_eq!(
        (&shown["message"], &shown["repeated"]),
        (&"b".into(), &true.into())
    );
    assert_eq!(b.end().code, 0);
    assert_eq!(short(&sandbox.updates("w")[4..]), ["completed b"]);
}

#[test]
fn first_wrapper_is_repeated_with_the_last_update_of_its_command() {
    let sandbox = Sandbox::with_real_clock();
    let a = Run::start(&sandbox, "w", "a");
    // The command of the first wrapper pushes with its run.
    let run = sandbox.updates("w")[0]["run"].clone();
    let mut line = sandbox.updates("w")[0].clone();
    (line["status"], line["message"]) = ("blocked".into(), "a question".into());
    let content = sandbox.read("w");
    sandbox.write("w", format!("{content}{line}\n"));
    assert_eq!(line["run"], run);
    let b = Run::start(&sandbox, "w", "b").end();
    assert_eq!(b.code, 0);
    assert_eq!(
        short(&sandbox.updates("w")[2..]),
        ["working b", "completed b", "*blocked a question"]
    );
    a.end();
    assert_eq!(short(&sandbox.updates("w")[5..]), ["completed a"]);
}

#[test]
fn command_of_the_same_session_inside_a_wrapper_does_not_end_it() {
    let sandbox = Sandbox::with_real_clock();
    let inner = "sstat push w working inner -- true; sstat list --json";
    let ran = sandbox.run(["push", "w", "working", "outer", "--", "sh", "-c", inner]);
    let list: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(short(&[list["w"].clone()]), ["*working outer"]);
    let expected = [
        "working outer",
        "working inner",
        "completed inner",
        "*working outer",
        "completed outer",
    ];
    assert_eq!(short(&sandbox.updates("w")), expected);
}

#[test]
fn only_an_agent_in_the_middle_of_a_turn_is_repeated() {
    for (status, is_repeated) in [("blocked", true), ("idle", false), ("error", false)] {
        let sandbox = Sandbox::with_real_clock();
        let pid = std::process::id().to_string();
        sandbox.ok(["push", "w", status, "agent", "--pid", &pid]);
        let mut line = sandbox.updates("w").remove(0);
        line["run"] = "0198c0de".into();
        sandbox.write("w", format!("{line}\n"));
        let ended = Run::start(&sandbox, "w", "a").end();
        assert_eq!(ended.stderr, "", "an agent is not a wrapper");
        let last = short(&sandbox.updates("w")).pop().unwrap();
        let expected = if is_repeated {
            "*blocked agent"
        } else {
            "completed a"
        };
        assert_eq!(last, expected);
    }
}

#[test]
fn without_the_lock_nothing_is_repeated() {
    let sandbox = Sandbox::with_real_clock();
    let a = Run::start(&sandbox, "w", "a");
    let b = Run::start(&sandbox, "w", "b");
    let file = std::fs::File::open(sandbox.file("w")).unwrap();
    file.lock().unwrap();
    a.end();
    assert_eq!(short(&sandbox.updates("w")[2..]), ["completed a"]);
    file.unlock().unwrap();
    b.end();
}

#[test]
fn repeated_lines_are_left_out_of_the_history() {
    let sandbox = Sandbox::with_real_clock();
    let a = Run::start(&sandbox, "w", "a");
    let b = Run::start(&sandbox, "w", "b");
    a.end();
    let history = sandbox.json(["history", "w", "--json"]);
    assert_eq!(history["total_updates"], 3);
    let expected = ["working a", "working b", "completed a"];
    assert_eq!(short(history["updates"].as_array().unwrap()), expected);
    for args in [
        &["--jsonl"][..],
        &["--jsonl", "--limit", "0"],
        &["--limit", "3"],
    ] {
        let lines = sandbox.ok([&["history", "w"], args].concat());
        assert_eq!(lines.lines().count(), 3, "{lines}");
        assert!(!lines.contains("repeated"));
    }
    let mut follow = sandbox
        .command(["history", "w", "--follow", "--jsonl", "--limit", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(follow.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        short(&[serde_json::from_str(&line).unwrap()]).remove(0)
    };
    assert_eq!(next(), "completed a");
    let c = Run::start(&sandbox, "w", "c");
    c.end();
    assert_eq!(
        short(&sandbox.updates("w")[5..]),
        ["completed c", "*working b"]
    );
    b.end();
    assert_eq!(
        [next(), next(), next()],
        ["working c", "completed c", "completed b"]
    );
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn old_repeated_lines_do_not_end_the_search_of_since() {
    let sandbox = Sandbox::new();
    let line = |time: &str, end: &str| {
        let padding = "x".repeat(5_000);
        format!(
            "{{\"timestamp\":\"2026-02-14T{time}Z\",\"status\":\"working\",\"message\":\"{padding}\"{end}}}\n"
        )
    };
    let old = line("10:00:00", ",\"repeated\":true");
    sandbox.write(
        "w",
        line("20:34:00", "") + &old.repeat(20) + &line("20:35:00", ""),
    );
    for limit in ["0", "10"] {
        let found = sandbox.ok(["history", "w", "--since", "5m", "--jsonl", "--limit", limit]);
        assert_eq!(found.lines().count(), 2, "limit {limit}");
    }
}

#[test]
fn end_of_one_run_meets_no_until_and_fires_no_alert_while_another_continues() {
    let sandbox = Sandbox::with_real_clock();
    let a = Run::start(&sandbox, "w", "a");
    let b = Run::start(&sandbox, "w", "b");
    let until = ["watch", "w", "--json", "--until", "completed"];
    let alerts = ["--on", "completed,error", "--exec", "echo alert"];
    let mut until = sandbox
        .command([&until[..], &alerts].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(until.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    assert_eq!(next()["event"], "snapshot");
    // The copy of the other's last update is no event either.
    assert_eq!(a.fail(3).code, 3);
    assert_eq!(b.end().code, 0);
    let event = next();
    assert_eq!(
        (&event["to"], &event["state"]["message"]),
        (&"completed".into(), &"b".into())
    );
    let ended = Ran::from(until.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, "alert\n"));
}

#[test]
#[ignore = "slow: 100 pairs of wrapped commands"]
fn two_runs_that_end_at_once_end_the_session() {
    for attempt in 0..100 {
        let sandbox = Sandbox::with_real_clock();
        let a = Run::start(&sandbox, "w", "a");
        let b = Run::start(&sandbox, "w", "b");
        thread::scope(|scope| {
            scope.spawn(move || a.end());
            scope.spawn(move || b.end());
        });
        let updates = short(&sandbox.updates("w"));
        let [_, _, first, copy, last] = &updates[..] else {
            panic!("attempt {attempt}: {updates:?}");
        };
        let mut ends = [first.as_str(), last];
        let other = last.strip_prefix("completed ").unwrap();
        assert_eq!(*copy, format!("*working {other}"), "{updates:?}");
        ends.sort_unstable();
        assert_eq!(
            ends,
            ["completed a", "completed b"],
            "attempt {attempt}: {updates:?}"
        );
    }
}
