//! The warnings that reading a status file can give.

use std::path::PathBuf;

use crate::error::{Error, printable};
use crate::update::BadLine;

/// A status file that could not be read, or only in part.
#[derive(Debug)]
#[non_exhaustive]
pub struct FileWarning {
    /// The file.
    pub path: PathBuf,
    /// The problem.
    pub kind: FileWarningKind,
}

/// A problem with a status file.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileWarningKind {
    /// Invalid lines were skipped.
    BadLines(BadLines),
    /// The last 64 MiB have no valid line.
    GaveUp(BadLines),
    /// The file could not be read at all.
    Unreadable(Error),
}

/// The invalid lines that were skipped in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BadLines {
    /// The number of lines.
    pub count: u64,
    /// Why the first of them in the file is invalid.
    pub first: Option<BadLine>,
}

impl BadLines {
    /// Adds a line that precedes all others in the file.
    pub(crate) fn note_earlier(&mut self, reason: BadLine) {
        self.count += 1;
        self.first = Some(reason);
    }

    /// Adds a line that follows all others in the file.
    pub(crate) fn note_later(&mut self, reason: BadLine) {
        self.count += 1;
        self.first.get_or_insert(reason);
    }
}

impl FileWarning {
    /// Returns a warning if lines were skipped or the reader gave up.
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

    /// Returns true if the file could not be read at all.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(self.kind, FileWarningKind::Unreadable(_))
    }

    /// Returns true if the file may contain a session that was not found.
    #[must_use]
    pub fn hides_session(&self) -> bool {
        !matches!(self.kind, FileWarningKind::BadLines(_))
    }

    /// Returns the number of skipped lines.
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
        let path = printable(&self.path);
        match &self.kind {
            FileWarningKind::BadLines(bad) => {
                let lines = if bad.count == 1 { "line" } else { "lines" };
                write!(f, "{path}: skipped {} invalid {lines}", bad.count)?;
                match bad.first {
                    Some(reason) if bad.count == 1 => write!(f, " ({reason})"),
                    Some(reason) => write!(f, " (first: {reason})"),
                    None => Ok(()),
                }
            }
            FileWarningKind::GaveUp(_) => write!(f, "{path}: no valid line in the last 64 MiB"),
            FileWarningKind::Unreadable(error) => write!(f, "{error:#}"),
        }
    }
}
