//! The live screen of `sstat watch`, in tmux as a real terminal.

mod keys;
mod look;
mod sessions;
mod terminal;

use crate::support::Sandbox;

/// Returns the row under the cursor.
fn selected(capture: &str) -> &str {
    let row = capture.lines().find_map(|line| line.strip_prefix("› "));
    row.unwrap_or_default()
}

/// Pushes twelve sessions: w1 to w10, a blocked one and a failed one.
fn dozen(sandbox: &Sandbox) {
    for number in 1..=10 {
        let name = format!("w{number}");
        let progress = format!("{}%", number * 10);
        let message = format!("step {number}");
        sandbox.ok(["push", &name, "working", &message, &progress, "160"]);
    }
    sandbox.aged("stuck", "blocked", 60);
    sandbox.aged("broken", "error", 90);
}

/// Creates a tmux in the home directory that runs a script.
fn fake_tmux(sandbox: &Sandbox, script: &str) {
    let path = sandbox.home().join("tmux");
    crate::support::write_program(&path, &format!("#!/bin/sh\n{script}\n"));
}
