//! `sstat summary`.

use crate::support::Sandbox;

#[test]
fn piped_block_equals_the_original() {
    let sandbox = Sandbox::new();
    let push = |args: &[&str]| sandbox.ok([&["push"], args].concat());
    push(&["architect1", "working", "Checking roadmap alignment", "0.5"]);
    push(&["manager1", "working", "Compiling status report", "0.75"]);
    push(&["qa_tester1", "working", "Running integration tests", "0.6"]);
    push(&["worker2", "working", "Implementing feature", "0.4"]);
    push(&["worker10", "idle"]);
    sandbox.aged("worker3", "idle", 372);
    assert_eq!(
        sandbox.ok(["summary"]),
        "\
============================================================
SESSION STATUS SUMMARY
============================================================
Total Sessions: 6

By Status:
  working: 4
  idle: 2

Working (4):
  • architect1: Checking roadmap alignment (50%)
  • manager1: Compiling status report (75%)
  • qa_tester1: Running integration tests (60%)
  • worker2: Implementing feature (40%)

⚠️  Stale (1):
  • worker3: No update for 6.2 minutes
============================================================
"
    );
}

#[test]
fn piped_block_has_minutes_with_one_decimal() {
    let sandbox = Sandbox::new();
    for (name, age) in [("a", 2), ("b", 59), ("c", 60)] {
        sandbox.aged(name, "idle", age);
    }
    let block = sandbox.ok(["summary", "--stale-after", "1s"]);
    assert!(
        block.contains(
            "\
Stale (3):
  • a: No update for 0.0 minutes
  • b: No update for 1.0 minutes
  • c: No update for 1.0 minutes
"
        ),
        "{block}"
    );
}

/// One session of every kind. The process of the dead one has a start time that
/// differs from that of the running process with its pid.
fn everything() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w2", "working", "Second", "0.5"]);
    sandbox.ok(["push", "w10", "working"]);
    sandbox.ok(["push", "b1", "blocked", "Waiting for a review"]);
    sandbox.ok(["push", "e1", "error", "Out of memory"]);
    sandbox.ok(["push", "c1", "completed"]);
    sandbox.aged("i1", "idle", 1000);
    sandbox.aged("s1", "paused", 372);
    let me = std::process::id().to_string();
    sandbox.ok(["push", "d1", "working", "Half way", "0.5", "--pid", &me]);
    let mut line: serde_json::Value = serde_json::from_str(&sandbox.read("d1")).unwrap();
    line["process"]["start_time"] = 1.into();
    line["timestamp"] = "2026-02-14T20:31:54Z".into();
    sandbox.write("d1", format!("{line}\n"));
    sandbox
}

#[test]
fn sections_are_in_order() {
    let me = std::process::id();
    assert_eq!(
        everything().ok(["summary"]),
        format!(
            "\
============================================================
SESSION STATUS SUMMARY
============================================================
Total Sessions: 8

By Status:
  working: 3
  blocked: 1
  error: 1
  idle: 1
  completed: 1
  paused: 1

❌ Errors (1):
  • e1: Out of memory

Blocked (1):
  • b1: Waiting for a review

Working (3):
  • d1: Half way (50%)
  • w2: Second (50%)
  • w10

⚠️  Stale (2):
  • i1: No update for 16.7 minutes
  • s1: No update for 6.2 minutes

💀 Dead (1):
  • d1: process {me} is gone, no update for 3.1 minutes
============================================================
"
        )
    );
}

#[test]
fn color_adds_only_escape_sequences() {
    let sandbox = everything();
    let colored = sandbox.ok(["summary", "--color", "always"]);
    assert!(colored.contains('\u{1b}'));
    let mut plain = String::new();
    let mut rest = colored.as_str();
    while let Some(begin) = rest.find('\u{1b}') {
        plain += &rest[..begin];
        rest = &rest[begin + rest[begin..].find('m').unwrap() + 1..];
    }
    plain += rest;
    assert_eq!(plain, sandbox.ok(["summary"]));
}

#[test]
fn json_has_every_key_and_staleness_apart_from_status() {
    let sandbox = everything();
    sandbox.write("junk", "junk\n");
    let ran = sandbox.run(["summary", "--json"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("junk_status.json"));
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "total_sessions": 8,
            "by_status": {"working": 3, "blocked": 1, "error": 1, "idle": 1, "completed": 1, "paused": 1},
            "working_sessions": ["d1", "w2", "w10"],
            "error_sessions": ["e1"],
            "stale_sessions": ["i1", "s1"],
            "idle_sessions": ["i1"],
            "blocked_sessions": ["b1"],
            "completed_sessions": ["c1"],
            "very_stale_sessions": ["i1"],
            "dead_sessions": ["d1"],
            "skipped_lines": 1
        })
    );
    let order: Vec<usize> = [
        "total_sessions",
        "by_status",
        "working",
        "blocked",
        "error\"",
        "idle",
        "completed",
        "paused",
        "working_sessions",
    ]
    .iter()
    .map(|key| ran.stdout.find(&format!("\"{key}")).unwrap())
    .collect();
    assert!(order.is_sorted(), "{}", ran.stdout);
}

#[test]
fn short_and_tmux_print_one_line() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.ok(["summary", "--short"]), "");
    assert_eq!(sandbox.ok(["summary", "--tmux"]), "");
    let sandbox = everything();
    assert_eq!(
        sandbox.ok(["summary", "--short"]),
        "3 working · 1 blocked · 1 error · 1 idle · 1 completed · 1 paused · 2 stale · 1 dead\n"
    );
    let tmux = sandbox.ok(["summary", "--tmux", "w*", "--status", "working"]);
    assert_eq!(tmux, "#[fg=green]2 working#[default]\n");
    sandbox.aged("hostile", "#(reboot)", 0);
    assert!(sandbox.ok(["summary", "--tmux"]).contains("1 ##(reboot)"));
    assert_eq!(sandbox.run(["summary", "--short", "--json"]).code, 2);
}

#[test]
fn block_without_sessions_has_a_total() {
    let block = Sandbox::new().ok(["summary"]);
    assert!(block.contains("Total Sessions: 0\n===="), "{block}");
}

/// Two tasks on the way, one with a failed session, and a session without a task.
fn tasks() -> Sandbox {
    let sandbox = Sandbox::new();
    for args in [
        "push api-1 working m 0.5 t2 -m team=red",
        "push api-2 working m 1.0 t2 -m team=red",
        "push web1 blocked m 0.25 t10 -m team=blue",
        "push web2 error m -t t10",
        "push solo idle",
    ] {
        sandbox.ok(args.split(' '));
    }
    sandbox
}

#[test]
fn groups_are_rows_with_counts_worst_first() {
    let sandbox = tasks();
    assert_eq!(
        sandbox.ok(["summary", "--by", "task"]),
        "\
TASK    TOTAL  WORKING  BLOCKED  ERROR  IDLE  ATTENTION  PROGRESS
t10         2        0        1      1     0          2  ██░░░░░░░░  25%
(none)      1        0        0      0     1          0
t2          2        2        0      0     0          0  ███████░░░  75%
"
    );
    let first_column = |by: &str| -> Vec<String> {
        let text = sandbox.ok(["summary", "--by", by]);
        let words = text
            .lines()
            .map(|line| line.split_whitespace().next().unwrap());
        words.map(str::to_owned).collect()
    };
    assert_eq!(first_column("prefix"), ["PREFIX", "web", "api", "solo"]);
    assert_eq!(
        first_column("status"),
        ["STATUS", "error", "blocked", "idle", "working"]
    );
    assert_eq!(first_column("meta.team"), ["TEAM", "(none)", "blue", "red"]);
    assert_eq!(first_column("host"), ["HOST", "(none)"]);
    assert_eq!(sandbox.ok(["summary", "--by", "task", "nobody*"]), "");
}

#[test]
fn groups_in_json_are_summaries() {
    let sandbox = tasks();
    let json = sandbox.json(["summary", "--by", "task", "--json"]);
    let mut without = json.clone();
    let groups = without.as_object_mut().unwrap().remove("groups").unwrap();
    assert_eq!(without, sandbox.json(["summary", "--json"]));
    assert_eq!(
        groups["t10"],
        serde_json::json!({
            "total_sessions": 2,
            "by_status": {"blocked": 1, "error": 1},
            "working_sessions": [],
            "error_sessions": ["web2"],
            "stale_sessions": [],
            "idle_sessions": [],
            "blocked_sessions": ["web1"],
            "completed_sessions": [],
            "very_stale_sessions": [],
            "dead_sessions": [],
            "attention_sessions": ["web1", "web2"],
            "mean_progress": 0.25
        })
    );
    assert_eq!(groups["(none)"]["mean_progress"], serde_json::Value::Null);
    assert_eq!(
        groups["t2"]["working_sessions"],
        serde_json::json!(["api-1", "api-2"])
    );
    let text = sandbox.ok(["summary", "--by", "task", "--json"]);
    let places = ["t10", "(none)", "t2"].map(|name| text.find(&format!("\"{name}\": {{")).unwrap());
    assert!(places.is_sorted(), "{text}");
    assert_eq!(
        sandbox.json(["summary", "--by", "task", "--json", "x*"])["groups"],
        serde_json::json!({})
    );
}

#[test]
fn group_key_is_checked() {
    let sandbox = tasks();
    for by in ["message", "tasks", "meta.", ""] {
        let ran = sandbox.run(["summary", "--by", by]);
        assert_eq!(ran.code, 2, "{by}");
        let expected = "expected task, host, status, directory, prefix or meta.KEY";
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
    assert_eq!(sandbox.run(["summary", "--by", "task", "--short"]).code, 2);
}
