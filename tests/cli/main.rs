//! End-to-end tests of the binary, one file per command.
// Helpers of the tests that need Unix.
#![cfg_attr(windows, allow(dead_code, unused_imports))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod ack;
mod complete;
mod directories;
mod directory;
mod history;
mod hook;
mod list;
#[cfg(unix)] // shell scripts and signals
mod liveness;
mod push;
#[cfg(all(unix, feature = "tui"))] // needs tmux
mod screen;
mod show;
mod stale;
mod stdin;
mod summary;
#[cfg(unix)] // signals and process groups
mod transparent;
mod usage;
mod watch;
#[cfg(windows)]
mod windows;
#[cfg(unix)] // shell scripts and signals; `windows` has its own tests
mod wrap;
#[cfg(unix)] // wrapped shell scripts
mod writers;
