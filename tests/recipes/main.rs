//! What users are told to combine `sstat` with, tried on the real programs.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod prometheus;
mod rsyslog;
