//! Status of many workers in plain files.
//!
//! Each worker appends its status as one JSON line to a file of its own, and
//! readers read the directory. [`SessionStatus`] pushes, [`Store`] reads, and
//! [`Health`] derives age, staleness and liveness from a last update.
//!
//! ```
//! use sstat::{SessionStatus, Store, Thresholds, HealthRules};
//! # let directory = tempfile::tempdir()?;
//! let store = Store::new(directory.path());
//! let mut worker = SessionStatus::new(&store, "worker1".parse()?);
//! worker.working("Compiling", 0.25, None)?;
//!
//! let rules = HealthRules::new(chrono::Utc::now(), Thresholds::default());
//! let (session, _warning) = store.session("worker1", &rules)?;
//! let session = session.unwrap();
//! assert_eq!(session.update.message, "Compiling");
//! assert!(!session.health.is_stale());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod duration;
mod error;
mod health;
mod json;
mod name;
mod process;
mod session_status;
mod status;
mod store;
mod text;
mod update;

pub use duration::{format_duration, parse_duration};
pub use error::{Error, Result};
pub use health::{
    Attention, Health, HealthRules, Liveness, Session, StaleStatuses, Staleness, Thresholds,
};
pub use json::{SafeFormatter, escape_json, object_entries, string_value};
pub use name::{FILE_SUFFIX, MAX_NAME_BYTES, SessionName, natural_cmp, session_of_file};
pub use process::{HostIdentity, ProcessIdentity, ProcessStat, ProcessState};
pub use session_status::SessionStatus;
pub use status::Status;
pub use store::append::{AppendError, Appender, Durability};
pub use store::follow::{Follower, NewUpdates};
pub use store::history::{History, Query};
pub use store::lines::GIVE_UP_BYTES;
pub use store::locate::{Location, Origin};
pub use store::scan::Scan;
pub use store::{BadLines, FileWarning, FileWarningKind, Store};
pub use text::{escape, escape_invalid_utf8, is_unprintable};
pub use update::{
    BadLine, DERIVED_KEYS, MAX_DEPTH, MAX_READ_BYTES, MAX_WRITTEN_BYTES, Update, parse_timestamp,
};
