//! The push API for a worker written in Rust.

use chrono::Utc;

use crate::error::{Error, Result};
use crate::name::SessionName;
use crate::process::ProcessIdentity;
use crate::status::Status;
use crate::store::Store;
use crate::store::append::{Appender, Durability};
use crate::store::locate::Location;
use crate::update::Update;

/// A handle through which a worker reports its own status.
///
/// ```
/// use sstat::{SessionStatus, Status, Store};
/// # let directory = tempfile::tempdir()?;
/// let store = Store::new(directory.path());
/// let mut session = SessionStatus::new(&store, "manager1".parse()?);
/// session.idle()?;
/// session.working("Querying DB", 0.5, Some("160"))?;
/// session.blocked("Waiting for a review")?;
/// let mut update = session.update(Status::Working);
/// update.message = "Going on".into();
/// session.push(&update)?;
/// session.completed("Report sent")?;
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
    /// Creates a handle for a session of a store. Its updates name this
    /// process, so that readers detect when it ends.
    #[must_use]
    pub fn new(store: &Store, name: SessionName) -> Self {
        Self {
            appender: store.appender(&name),
            name,
            durability: Durability::Cached,
            process: ProcessIdentity::of(std::process::id()),
        }
    }

    /// Creates a handle in the directory that `sstat` itself would use:
    /// `SSTAT_DIR`, the nearest `data/session_status`, or the user's state
    /// directory. Creates the directory if it is missing.
    ///
    /// # Errors
    /// Those of [`Location::find`] and [`Location::create`].
    pub fn discover(name: SessionName) -> Result<Self> {
        let location = Location::find(None, std::env::var_os("SSTAT_DIR"))?;
        location.create(Durability::Cached)?;
        Ok(Self::new(&location.store, name))
    }

    /// Sets whether a push waits for the disk.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Pushes `idle`: waiting for a task.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn idle(&mut self) -> Result<()> {
        self.push(&self.update(Status::Idle))
    }

    /// Pushes `working`; `progress` is from 0.0 to 1.0.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn working(
        &mut self,
        message: &str,
        progress: impl Into<Option<f64>>,
        task_id: Option<&str>,
    ) -> Result<()> {
        let mut update = self.saying(Status::Working, message);
        update.progress = progress.into();
        update.task_id = task_id.map(str::to_owned);
        self.push(&update)
    }

    /// Pushes `blocked`, with the reason as its message.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn blocked(&mut self, message: &str) -> Result<()> {
        self.push(&self.saying(Status::Blocked, message))
    }

    /// Pushes `completed`, at progress 1.0.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn completed(&mut self, message: &str) -> Result<()> {
        self.push(&self.saying(Status::Completed, message))
    }

    /// Pushes `error`, with the reason as its message.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn error(&mut self, message: &str) -> Result<()> {
        self.push(&self.saying(Status::Error, message))
    }

    /// Returns an update of this session with the current time, to be filled in
    /// and pushed.
    #[must_use]
    pub fn update(&self, status: Status) -> Update {
        let mut update = Update::new(&self.name, status, Utc::now());
        update.process = self.process.clone().map(Box::new);
        update
    }

    fn saying(&self, status: Status, message: &str) -> Update {
        let mut update = self.update(status);
        message.clone_into(&mut update.message);
        update
    }

    /// Appends an update to this session's file. `Ok`: the line was written
    /// exactly once. An error: it was written at most once.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn update_of_another_session_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        let other = SessionStatus::new(&store, "b".parse().unwrap());
        let mut session = SessionStatus::new(&store, "a".parse().unwrap());
        let error = session.push(&other.update(Status::Idle)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the update is of session 'b', not of 'a'"
        );
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        session.push(&session.update(Status::Idle)).unwrap();
    }
}
