//! A status directory.
//!
//! A session is one file, an update one line, and there is no index, lock file
//! or daemon: any program that can append a line is a writer, and any that can
//! read a file is a reader. This module is the only code that opens the files.
//!
//! ```text
//! Store::push ─► append ─► open ─► FILE ◄─ open ◄─ lines ◄─ scan, history, follow
//! ```
//!
//! `locate` finds the directory, `append` writes a line that is never lost or
//! merged with another, `lines` reads from either end of a file, and the others
//! build on it: the last update of all sessions (`scan`), all updates of one
//! (`history`), new updates (`follow`).

mod acknowledge;
pub(crate) mod append;
pub(crate) mod follow;
pub(crate) mod history;
pub(crate) mod lines;
pub(crate) mod locate;
pub(crate) mod open;
pub(crate) mod scan;
mod since;
mod task_filter;
pub(crate) mod warning;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::directory::StatusDirectory;
use crate::error::{Error, Result};
use crate::health::{HealthRules, Session};
use crate::name::{FILE_SUFFIX, SessionName, fits_in_file_name, session_of_file};
use crate::store::append::{Appender, Durability};
use crate::store::lines::Tail;
use crate::store::open::{Directory, StatusFile};
use crate::update::Update;

pub use crate::store::warning::{BadLines, FileWarning, FileWarningKind};

/// A status directory. Creating the value touches no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    directory: Arc<StatusDirectory>,
}

impl Store {
    /// Returns the store of a directory, which need not exist.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::of_project(path.into(), None)
    }

    pub(crate) fn of_project(path: PathBuf, project: Option<String>) -> Self {
        let directory = Arc::new(StatusDirectory::new(path, project));
        Self { directory }
    }

    /// Returns the path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the directory.
    #[must_use]
    pub fn directory(&self) -> &Arc<StatusDirectory> {
        &self.directory
    }

    /// Returns an appender for a session's file.
    #[must_use]
    pub fn appender(&self, name: &SessionName) -> Appender {
        Appender::new(self.path().join(name.file_name()))
    }

    /// Encodes an update and appends it to its session's file.
    ///
    /// # Errors
    /// Those of [`Update::encode`] and [`Appender::append`].
    pub fn push(&self, update: &Update, durability: Durability) -> Result<()> {
        let line = update.encode()?;
        let name = SessionName::new(update.session.as_str())?;
        self.appender(&name).append(&line, durability)
    }

    /// Returns one session and the warning about its file. Both are `None` if
    /// the file is missing or empty.
    ///
    /// # Errors
    /// If the name contains `\xNN` and the directory cannot be read.
    pub fn session(
        &self,
        name: &str,
        rules: &HealthRules,
    ) -> Result<(Option<Session>, Option<FileWarning>)> {
        let Some(path) = self.path_of(name)? else {
            return Ok((None, None));
        };
        let open = || open::open_read(&path);
        let buffer = &mut Vec::new();
        let name = name.to_owned();
        let (mut session, warning) = read_session(open, || path.clone(), name, rules, buffer);
        if let Some(session) = &mut session {
            session.set_directory(self.directory.clone());
        }
        Ok((session, warning))
    }

    /// Returns the name under which the file system stores a session, if it differs.
    /// On macOS and Windows, names that differ in case, and on macOS in Unicode
    /// normalization, are names of one file.
    #[must_use]
    pub fn stored_name(&self, name: &str) -> Option<String> {
        if !cfg!(any(target_vendor = "apple", windows)) {
            return None;
        }
        let path = self.path_of(name).ok()??.canonicalize().ok()?;
        session_of_file(path.file_name()?).filter(|stored| stored != name)
    }

    /// Returns the path of a session's file, which need not exist; `None` for a name
    /// that no file can have. Searches the directory only if the name contains `\xNN`, which
    /// can stand for a byte of invalid UTF-8.
    ///
    /// # Errors
    /// If the name contains `\xNN` and the directory cannot be read.
    pub fn path_of(&self, name: &str) -> Result<Option<PathBuf>> {
        let path = self.path().join(format!("{name}{FILE_SUFFIX}"));
        let mut found = (!name.is_empty() && fits_in_file_name(name)).then_some(path);
        if !name.contains("\\x") || found.as_ref().is_some_and(|path| path.exists()) {
            return Ok(found);
        }
        Directory::open(self.path())?.names(|entry| {
            if session_of_file(entry).is_some_and(|session| session == name) {
                found = Some(self.path().join(entry));
            }
        })?;
        Ok(found)
    }
}

/// How often a file that is truncated while it is read is read again.
const MAX_REREADS: u32 = 10;

/// Opens a file and reads it, again if it is truncated meanwhile. Returns `None` if it
/// is missing.
fn open_and_read<T>(
    open: impl Fn() -> Result<StatusFile>,
    path: impl Fn() -> PathBuf,
    mut read: impl FnMut(&StatusFile) -> io::Result<T>,
) -> Result<Option<(StatusFile, T)>> {
    let mut tries = 0;
    loop {
        let file = match open() {
            Err(error) if error.is_not_found() => return Ok(None),
            file => file?,
        };
        match read(&file) {
            Ok(read) => return Ok(Some((file, read))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && tries < MAX_REREADS => {
                tries += 1;
            }
            Err(error) => return Err(Error::io("read", &path())(error)),
        }
    }
}

/// Reads the last update of the session `name`. Returns it with the warning
/// about its file; neither if the file has been deleted.
fn read_session(
    open: impl Fn() -> Result<StatusFile>,
    path: impl Fn() -> PathBuf,
    name: String,
    rules: &HealthRules,
    buffer: &mut Vec<u8>,
) -> (Option<Session>, Option<FileWarning>) {
    let read = |file: &StatusFile| Tail::read(file, buffer, rules.finds_since, |_, _| {});
    match open_and_read(open, &path, read) {
        Ok(None) => (None, None),
        Ok(Some((_, tail))) => {
            let warning = tail.warning(path);
            let session = tail.update.map(|mut update| {
                update.session = name;
                Session {
                    since: tail.since,
                    ..rules.evaluate(update)
                }
            });
            (session, warning)
        }
        Err(error) => {
            let kind = FileWarningKind::Unreadable(error);
            (None, Some(FileWarning { path: path(), kind }))
        }
    }
}
