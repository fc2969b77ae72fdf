//! `sstat summary`.

use crate::support::Sandbox;

#[test]
fn the_piped_block_is_the_originals_to_the_letter() {
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
