//! The subcommands. Each takes the configuration and its arguments and returns
//! a report, or prints while it runs and returns the exit code.

pub mod history;
pub mod list;
pub mod push;
pub mod show;
pub mod stale;
pub mod summary;
pub mod watch;
