//! The record of tests that were skipped because a tool is missing.
//!
//! A test binary knows only its own tests, so the record is a file. Its name
//! contains the id of the parent process, which is the `cargo test` that runs
//! all test binaries, so that runs do not read each other's records.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Returns true if a missing tool is a failure (`SSTAT_REQUIRE_TOOLS=1`).
pub fn tools_are_required() -> bool {
    std::env::var_os("SSTAT_REQUIRE_TOOLS").is_some_and(|value| value == "1")
}

/// Records that `test` was skipped because `tool` is missing.
pub fn record(test: &str, tool: &str) {
    fs::create_dir_all(directory()).unwrap();
    // One write, so that the lines of tests that run at once do not mix.
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(file())
        .and_then(|mut file| {
            file.write_all(format!("{test}: {tool} is not installed\n").as_bytes())
        })
        .unwrap();
}

/// Returns the lines that this run recorded and deletes the record.
pub fn take() -> Vec<String> {
    let text = fs::read_to_string(file()).unwrap_or_default();
    let _ = fs::remove_file(file());
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    lines
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped")
}

fn file() -> PathBuf {
    #[cfg(unix)]
    let run = std::os::unix::process::parent_id().to_string();
    // Windows has no call for the parent's id: the runs share a record.
    #[cfg(not(unix))]
    let run = "run";
    directory().join(run)
}
