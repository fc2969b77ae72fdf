//! A status directory: the only code that opens its files.

pub(crate) mod append;
pub(crate) mod follow;
pub(crate) mod history;
pub(crate) mod lines;
pub(crate) mod locate;
pub(crate) mod open;
pub(crate) mod scan;
pub(crate) mod search;
pub(crate) mod tail;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::health::{HealthRules, Session};
use crate::name::{FILE_SUFFIX, SessionName, session_of_file};
use crate::store::append::{Appender, Durability};
use crate::store::open::{Directory, StatusFile};
use crate::store::tail::{BadLines, Tail};
use crate::update::Update;

/// A status directory. Making one touches no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    path: PathBuf,
}

/// A file of a directory that could not be read, or not all of it.
#[derive(Debug)]
pub struct FileWarning {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub kind: FileWarningKind,
}

/// What is wrong with a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileWarningKind {
    /// Lines that are no updates were skipped.
    BadLines(BadLines),
    /// There is no good line in its last 64 MiB.
    GaveUp(BadLines),
    /// It could not be read at all.
    Unreadable(Error),
}

impl FileWarning {
    pub(crate) fn unreadable(path: PathBuf, error: Error) -> Self {
        Self {
            path,
            kind: FileWarningKind::Unreadable(error),
        }
    }

    pub(crate) fn of_lines(
        path: impl FnOnce() -> PathBuf,
        bad: BadLines,
        gave_up: bool,
    ) -> Option<Self> {
        let kind = match (gave_up, bad.count) {
            (true, _) => FileWarningKind::GaveUp(bad),
            (false, 0) => return None,
            (false, _) => FileWarningKind::BadLines(bad),
        };
        Some(Self { path: path(), kind })
    }

    fn of_tail(path: impl FnOnce() -> PathBuf, tail: &Tail) -> Option<Self> {
        Self::of_lines(path, tail.bad, tail.gave_up)
    }

    /// Whether the file could not be read at all.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(self.kind, FileWarningKind::Unreadable(_))
    }

    /// Whether there may be a session in the file that could not be seen.
    #[must_use]
    pub fn hides_session(&self) -> bool {
        matches!(
            self.kind,
            FileWarningKind::Unreadable(_) | FileWarningKind::GaveUp(_)
        )
    }

    /// How many bad lines were skipped.
    #[must_use]
    pub fn bad_lines(&self) -> u64 {
        match &self.kind {
            FileWarningKind::BadLines(bad) | FileWarningKind::GaveUp(bad) => bad.count,
            FileWarningKind::Unreadable(_) => 0,
        }
    }
}

impl std::fmt::Display for FileWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = crate::error::printable(&self.path);
        match &self.kind {
            FileWarningKind::BadLines(bad) => {
                let lines = if bad.count == 1 { "line" } else { "lines" };
                write!(f, "{path}: skipped {} bad {lines}", bad.count)?;
                match bad.first {
                    Some(reason) if bad.count == 1 => write!(f, " ({reason})"),
                    Some(reason) => write!(f, " (the first: {reason})"),
                    None => Ok(()),
                }
            }
            FileWarningKind::GaveUp(_) => {
                write!(
                    f,
                    "{path}: no good line in 64 MiB, gave up looking further back"
                )
            }
            FileWarningKind::Unreadable(error) => write!(f, "{error:#}"),
        }
    }
}

impl Store {
    /// The store of a directory, which need not exist.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An appender for a session's file.
    #[must_use]
    pub fn appender(&self, name: &SessionName) -> Appender {
        Appender::new(self.path.join(name.file_name()))
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

    /// One session by its name, with what is wrong with its file; neither where
    /// there is no such file or nothing in it.
    ///
    /// # Errors
    /// When the directory of a name with `\xNN` in it cannot be searched.
    pub fn session(
        &self,
        name: &str,
        rules: &HealthRules,
    ) -> Result<(Option<Session>, Option<FileWarning>)> {
        let Some(file_name) = self.file_of(name)? else {
            return Ok((None, None));
        };
        let path = self.path.join(file_name);
        let open = || open::open_read(&path);
        let buffer = &mut Vec::new();
        let name = name.to_owned();
        Ok(read_session(open, || path.clone(), name, rules, buffer))
    }

    /// The file's name of a session, whether or not there is such a file. Only
    /// for a name with `\xNN` in it, which stands for a byte that is no UTF-8,
    /// is the directory searched.
    fn file_of(&self, name: &str) -> Result<Option<OsString>> {
        if name.is_empty() || name.contains(['/', '\0']) {
            return Ok(None);
        }
        let file_name = OsString::from(format!("{name}{FILE_SUFFIX}"));
        if !name.contains("\\x") || self.path.join(&file_name).exists() {
            return Ok(Some(file_name));
        }
        let mut found = Some(file_name);
        Directory::open(&self.path)?.names(|entry| {
            if session_of_file(entry).is_some_and(|session| session == name) {
                found = Some(entry.to_owned());
            }
        })?;
        Ok(found)
    }
}

/// How often a file that is truncated while it is read is read again.
pub(crate) const REREADS: u32 = 10;

/// Reads the last update of the session `name` and returns it with the warning
/// about its file; neither if the file has been deleted.
fn read_session(
    open: impl Fn() -> Result<StatusFile>,
    path: impl Fn() -> PathBuf,
    name: String,
    rules: &HealthRules,
    buffer: &mut Vec<u8>,
) -> (Option<Session>, Option<FileWarning>) {
    let mut tries = 0;
    let error = loop {
        let file = match open() {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return (None, None),
            Err(error) => break error,
        };
        match tail::read_tail(&file, buffer) {
            Ok(tail) => {
                let warning = FileWarning::of_lines(path, tail.bad, tail.gave_up);
                let session = tail.update.map(|mut update| {
                    update.session = name;
                    rules.evaluate(update)
                });
                return (session, warning);
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && tries < REREADS => {
                tries += 1;
            }
            Err(error) => break Error::io("read", &path())(error),
        }
    };
    (None, Some(FileWarning::unreadable(path(), error)))
}
