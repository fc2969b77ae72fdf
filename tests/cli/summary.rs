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
