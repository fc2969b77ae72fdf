//! One file a verb: each takes the configuration and its arguments and
//! returns what it found.

pub mod history;
pub mod list;
pub mod push;
pub mod show;
pub mod stale;
pub mod summary;
pub mod watch;
