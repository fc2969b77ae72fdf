//! End-to-end tests of the binary, one file per command.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod complete;
mod directory;
mod history;
mod hook;
mod list;
#[cfg(target_os = "linux")]
mod liveness;
mod push;
#[cfg(feature = "tui")]
mod screen;
mod show;
mod stale;
mod stdin;
mod summary;
mod transparent;
mod usage;
mod watch;
mod wrap;
mod writers;
