//! Following the histories of sessions.

mod follow;

pub use self::follow::{HistoryFollower, NameFilter};
