//! The push API for workers written in Rust.

use std::time::Duration;

use chrono::Utc;
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::error::{Error, Result};
use crate::name::SessionName;
use crate::process::ProcessIdentity;
use crate::status::Status;
use crate::store::Store;
use crate::store::append::{Appender, Durability};
use crate::store::locate::Location;
use crate::update::Update;

/// A handle with which a worker reports its own status.
///
/// [`idle`](Self::idle), [`working`](Self::working), [`blocked`](Self::blocked),
/// [`completed`](Self::completed) and [`error`](Self::error) return a
/// [`PendingUpdate`]; its [`push`](PendingUpdate::push) appends it to the
/// session's file.
///
/// ```
/// use sstat::{SessionStatus, Store};
/// # let directory = tempfile::tempdir()?;
/// let store = Store::new(directory.path());
/// let mut session = SessionStatus::new(&store, "manager1".parse()?);
/// session.idle().push()?;
/// session.working("Querying DB").progress(0.5).task("160").push()?;
/// session.blocked("Waiting for a review").push()?;
/// session.completed("Report sent").push()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SessionStatus {
    name: SessionName,
    appender: Appender,
    durability: Durability,
    process: Option<ProcessIdentity>,
}

impl SessionStatus {
    /// Returns a handle for a session of a store. Its updates name this process,
    /// so that readers detect when it ends. No file is opened before the first
    /// push.
    #[must_use]
    pub fn new(store: &Store, name: SessionName) -> Self {
        Self {
            appender: store.appender(&name),
            name,
            durability: Durability::Cached,
            process: ProcessIdentity::of(std::process::id()),
        }
    }

    /// Returns a handle in the directory that the command `sstat` uses:
    /// `SSTAT_DIR`, the nearest `data/session_status`, or the user's state
    /// directory. Creates the directory if it is missing.
    ///
    /// # Errors
    /// Those of [`Location::find`] and [`Location::create`].
    pub fn discover(name: SessionName) -> Result<Self> {
        let location = Location::find(None, std::env::var_os("SSTAT_DIR"), None)?;
        location.create(Durability::Cached)?;
        Ok(Self::new(&location.store, name))
    }

    /// Sets whether a push waits for the disk. The default is
    /// [`Durability::Cached`].
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Prepares `idle`: the worker waits for a task.
    pub fn idle(&mut self) -> PendingUpdate<'_> {
        self.pending(Status::Idle)
    }

    /// Prepares `working`.
    pub fn working(&mut self, message: impl Into<String>) -> PendingUpdate<'_> {
        self.pending(Status::Working).message(message)
    }

    /// Prepares `blocked`. The message gives the reason.
    pub fn blocked(&mut self, message: impl Into<String>) -> PendingUpdate<'_> {
        self.pending(Status::Blocked).message(message)
    }

    /// Prepares `completed`, with progress 1.0.
    pub fn completed(&mut self, message: impl Into<String>) -> PendingUpdate<'_> {
        self.pending(Status::Completed).message(message)
    }

    /// Prepares `error`. The message gives the reason.
    pub fn error(&mut self, message: impl Into<String>) -> PendingUpdate<'_> {
        self.pending(Status::Error).message(message)
    }

    fn pending(&mut self, status: Status) -> PendingUpdate<'_> {
        let update = self.update(status);
        PendingUpdate {
            session: self,
            update,
        }
    }

    /// Returns an update of this session with the current time, for
    /// [`push`](Self::push).
    #[must_use]
    pub fn update(&self, status: Status) -> Update {
        let mut update = Update::new(&self.name, status, Utc::now());
        update.process = self.process.clone().map(Box::new);
        update
    }

    /// Appends an update to this session's file. `Ok`: the line was written
    /// exactly once. An error: it was written at most once.
    ///
    /// Blocks while another writer holds the file's lock, but at most 2 s, and at
    /// most 20 ms for a foreign writer to finish its last line.
    ///
    /// # Errors
    /// Returns [`Error::Update`] for an update of another session, and the
    /// errors of [`Update::encode`] and [`Appender::append`].
    pub fn push(&mut self, update: &Update) -> Result<()> {
        if update.session != self.name.as_str() {
            return Err(Error::Update {
                reason: format!(
                    "the update is of session '{}', not of '{}'",
                    update.session, self.name
                ),
            });
        }
        self.appender.append(&update.encode()?, self.durability)
    }
}

/// An update of a session that is written by [`push`](Self::push).
#[derive(Debug)]
#[must_use = "an update is written by `push`"]
pub struct PendingUpdate<'a> {
    session: &'a mut SessionStatus,
    update: Update,
}

impl PendingUpdate<'_> {
    /// Sets the message.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.update.message = message.into();
        self
    }

    /// Sets the progress, from 0.0 to 1.0.
    pub fn progress(mut self, progress: f64) -> Self {
        self.update.progress = Some(progress);
        self
    }

    /// Sets the task.
    pub fn task(mut self, task_id: impl Into<String>) -> Self {
        self.update.task_id = Some(task_id.into());
        self
    }

    /// Sets how long the worker may be silent before this update is stale.
    pub fn expect(mut self, silence: Duration) -> Self {
        self.update.stale_after = Some(silence);
        self
    }

    /// Sets the metadata, a value that serializes to a JSON object.
    ///
    /// # Errors
    /// Returns [`Error::Update`] if the value cannot be serialized.
    pub fn metadata(mut self, metadata: &impl Serialize) -> Result<Self> {
        let json = to_raw_value(metadata).map_err(|error| Error::Update {
            reason: format!("metadata: {error}"),
        })?;
        self.update.metadata = Some(json);
        Ok(self)
    }

    /// Appends the update to the session's file.
    ///
    /// # Errors
    /// Those of [`SessionStatus::push`].
    pub fn push(self) -> Result<()> {
        self.session.push(&self.update)
    }
}
