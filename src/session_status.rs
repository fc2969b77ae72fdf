//! The push API for a worker written in Rust.

use chrono::Utc;

use crate::error::Result;
use crate::name::SessionName;
use crate::process::ProcessIdentity;
use crate::status::Status;
use crate::store::Store;
use crate::store::append::{Appender, Durability};
use crate::store::locate::Location;
use crate::update::Update;

/// A session's handle on its own status: what a worker keeps and reports
/// through.
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
    /// A handle on a session of a store. Its updates carry this process, so
    /// that readers see when it dies.
    #[must_use]
    pub fn new(store: &Store, name: SessionName) -> Self {
        Self {
            appender: store.appender(&name),
            name,
            durability: Durability::Cached,
            process: ProcessIdentity::of(std::process::id()),
        }
    }

    /// A handle in the directory that `sstat` itself would take: `SSTAT_DIR`,
    /// the nearest `data/session_status`, the user's state directory. It is
    /// made where it is missing.
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

    /// Waiting for a task.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn idle(&mut self) -> Result<()> {
        self.push(&self.update(Status::Idle))
    }

    /// Working; `progress` is from 0.0 to 1.0.
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

    /// Waiting for what the message says.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn blocked(&mut self, message: &str) -> Result<()> {
        self.push(&self.saying(Status::Blocked, message))
    }

    /// Done, at progress 1.0.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn completed(&mut self, message: &str) -> Result<()> {
        self.push(&self.saying(Status::Completed, message))
    }

    /// Failed for the reason that the message says.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn error(&mut self, message: &str) -> Result<()> {
        self.push(&self.saying(Status::Error, message))
    }

    /// An update of this moment and this session, to be filled in and pushed.
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

    /// Appends an update to this session's file. `Ok` means that it stands
    /// there exactly once and whole, an error that it does at most once.
    ///
    /// # Errors
    /// Those of [`Update::encode`] and [`Appender::append`].
    pub fn push(&mut self, update: &Update) -> Result<()> {
        self.appender.append(&update.encode()?, self.durability)
    }
}
