//! Status of many workers in plain files.
//!
//! Each worker appends its status as one JSON line to a file of its own, and
//! readers read the directory. There is no server. The command `sstat` reads and
//! writes the same files.
//!
//! # Writing
//!
//! ```
//! use sstat::{SessionStatus, Store};
//! # let directory = tempfile::tempdir()?;
//! let store = Store::new(directory.path());
//! let mut session = SessionStatus::new(&store, "worker1".parse()?);
//! session.working("Compiling").progress(0.25).task("160").push()?;
//! session.completed("Compiled").push()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`SessionStatus::discover`] uses the directory that the command `sstat` uses.
//!
//! # Reading
//!
//! ```
//! use sstat::{HealthRules, Query, SessionStatus, Status, Store, Thresholds};
//! # let directory = tempfile::tempdir()?;
//! # let store = Store::new(directory.path());
//! # let mut session = SessionStatus::new(&store, "worker1".parse()?);
//! # session.working("Compiling").push()?;
//! # session.blocked("No space left").push()?;
//! let store = Store::new(directory.path());
//! let rules = HealthRules::new(chrono::Utc::now(), Thresholds::default());
//!
//! // The last update of every session.
//! for session in store.scan(&rules, |_name| true)?.sessions {
//!     println!("{}: {}", session.name(), session.update.status);
//!     assert!(session.needs_attention());
//! }
//!
//! // The last update of one session.
//! let (session, _warning) = store.session("worker1", &rules)?;
//! assert_eq!(session.unwrap().update.message, "No space left");
//!
//! // All updates of one session, oldest first.
//! let mut statuses = Vec::new();
//! if let Some(history) = store.history("worker1", Query::default())? {
//!     history.for_each(|_line, update| {
//!         statuses.push(update.status);
//!         Ok::<(), sstat::Error>(())
//!     })?;
//! }
//! assert_eq!(statuses, [Status::Working, Status::Blocked]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Store::follow`] returns the updates that are appended later.
//!
//! # File format
//!
//! The session `NAME` is the file `NAME_status.json`. Each line is a JSON object
//! of at most 64 KiB with `timestamp` (RFC 3339), `session`, `status` (`idle`,
//! `working`, `blocked`, `completed` or `error`), `message` and optionally
//! `progress` (0.0 to 1.0), `task_id`, `metadata` (an object), `stale_after`
//! (seconds) and `process`. The last valid line is the session's status. Readers
//! skip and report invalid lines, so any program may append lines.
//!
//! # Locking and blocking
//!
//! - A push takes the file's lock and appends with one `write(2)`. It waits for
//!   the lock at most 2 s and then writes without it, since the lock only stops
//!   two writers of this library from terminating each other's partial lines.
//! - If the file does not end with a newline, a push waits up to 20 ms for the
//!   writer of the last line, then starts a new line.
//! - With [`Durability::Synced`], a push also waits for the disk.
//! - Readers take no lock and never wait for a writer.
//! - File and directory calls can block as long as the file system does.
//!
//! # Threads and signals
//!
//! [`Store::scan`] reads directories of 200 or more files on up to 16 threads,
//! which end before it returns. Nothing else starts a thread. The library
//! installs no signal handler. If the file size limit (`RLIMIT_FSIZE`) is
//! exceeded, the kernel sends SIGXFSZ, which by default ends the process; a
//! worker that ignores or handles SIGXFSZ gets an [`Error::Io`] from the push.
//!
//! # Platforms
//!
//! Reading and writing work on every platform. [`Liveness`] is known on Linux, macOS,
//! Windows and the BSDs.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod directory;
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
mod timestamp;
mod update;

pub use directory::StatusDirectory;
pub use duration::{format_duration, parse_duration};
pub use error::{Error, Result};
pub use health::{
    Attention, Health, HealthRules, Liveness, Session, StaleStatuses, Staleness, StatusSince,
    Thresholds,
};
pub use name::{FILE_SUFFIX, MAX_NAME_BYTES, SessionName, natural_cmp};
pub use process::{HostIdentity, ProcessIdentity, ProcessState};
pub use session_status::{PendingUpdate, SessionStatus};
pub use status::Status;
pub use store::append::{AppendError, Appender, Durability};
pub use store::follow::{Follower, NewUpdates};
pub use store::history::{History, Query};
pub use store::locate::{Location, Origin};
pub use store::scan::Scan;
pub use store::{BadLines, FileWarning, FileWarningKind, Store};
pub use text::escape;
pub use timestamp::parse_timestamp;
pub use update::{
    Acknowledgement, BadLine, DroppedKey, MAX_DEPTH, MAX_READ_BYTES, MAX_WRITTEN_BYTES, Update,
    parse_progress,
};

// Used by the binary. Not part of the API.
#[doc(hidden)]
pub use json::{JsonObject, JsonValue, escape_json, repair_json};
#[doc(hidden)]
pub use name::session_of_file;
#[doc(hidden)]
pub use process::is_ignored;
#[doc(hidden)]
pub use store::lines::GIVE_UP_BYTES;
#[doc(hidden)]
pub use text::{escape_invalid_utf8, is_unprintable, truncate, truncate_by, unprintable};
#[doc(hidden)]
pub use update::DERIVED_KEYS;
