//! What can go wrong, each with the path or the value it went wrong with.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::text::escape_invalid_utf8;

/// The library's result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the library. Its text is one line, `WHAT: WHY`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A session name that breaks the rules of [`SessionName`](crate::SessionName).
    Name {
        /// The name as given.
        name: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// A status other than the five that can be written.
    Status {
        /// The status as given.
        status: String,
    },
    /// A duration that is none.
    Duration {
        /// The duration as given.
        text: String,
        /// What a duration looks like.
        reason: &'static str,
    },
    /// An update that cannot be written as one good line.
    Update {
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused an action on a path.
    Io {
        /// The action, as in "cannot ACTION".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A status file that is something else than a regular file.
    NotRegular {
        /// The file.
        path: PathBuf,
        /// What it is: "a FIFO", "a directory".
        kind: &'static str,
    },
    /// A directory found by walking up that belongs to somebody else.
    Ownership {
        /// The directory.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
    },
    /// A write whose line could not be confirmed in the file.
    Unconfirmed {
        /// The file.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
    },
    /// No directory was named and none could be derived.
    NoDirectory,
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// Whether this says that a file or directory does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name, reason } => write!(f, "session name '{name}': {reason}"),
            Self::Status { status } => write!(
                f,
                "status '{status}': must be one of idle, working, blocked, completed, error"
            ),
            Self::Duration { text, reason } => write!(f, "duration '{text}': {reason}"),
            Self::Update { reason } => f.write_str(reason),
            Self::Io {
                action,
                path,
                source,
            } => write!(f, "{}: cannot {action}: {}", printable(path), system(source)),
            Self::NotRegular { path, kind } => {
                write!(f, "{}: is {kind}, not a regular file", printable(path))
            }
            Self::Ownership { path, owner } => write!(
                f,
                "{}: belongs to user {owner}, not to you or root; if you trust it, name it with --dir or SSTAT_DIR",
                printable(path)
            ),
            Self::Unconfirmed { path, attempts } => write!(
                f,
                "{}: the line was torn by another writer {attempts} times",
                printable(path)
            ),
            Self::NoDirectory => f.write_str(
                "no status directory: name one with --dir or SSTAT_DIR (there is no home directory to keep it in)",
            ),
        }
    }
}

/// A path as text, bytes that are no UTF-8 as `\xNN`.
pub(crate) fn printable(path: &Path) -> String {
    escape_invalid_utf8(path.as_os_str().as_encoded_bytes())
}

/// The system's own words, without the "(os error 13)" that says nothing to a person.
fn system(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
