//! Lists the tests that were skipped because a tool is missing, and those that are
//! not compiled for this system.
//!
//! Cargo runs test targets in the order of their names. This one comes last.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/skipped.rs"]
#[allow(dead_code)] // Records are written by the other targets.
mod skipped;

use std::io::Write;

#[test]
fn no_required_tool_is_missing() {
    let mut skipped = skipped::take();
    if cfg!(not(unix)) {
        let targets = "faults, generated, python, recipes, schema";
        skipped.push(format!("{targets}: Unix is required"));
    } else if cfg!(not(target_os = "linux")) {
        let modules = "full_disk, hostile, kinds, refusals, syscalls";
        skipped.push(format!("faults ({modules}): Linux is required"));
    }
    if !skipped.is_empty() {
        let list = skipped.join("\nSKIPPED ");
        // Not eprintln!, whose output the test harness captures.
        writeln!(std::io::stderr(), "SKIPPED {list}").unwrap();
    }
    assert!(
        skipped.is_empty() || !skipped::tools_are_required(),
        "{} tests were skipped and SSTAT_REQUIRE_TOOLS=1",
        skipped.len()
    );
}
