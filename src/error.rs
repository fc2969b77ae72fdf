//! The library's error type. Each variant holds the path or the value it is about.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::text::escape_invalid_utf8;

/// The result of the library's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the library.
///
/// `{}` prints one line without the error's [`source`](std::error::Error::source),
/// `{:#}` prints the source as well: `WHAT: WHY`.
///
/// ```
/// let path = "w_status.json".into();
/// let source = std::io::ErrorKind::NotFound.into();
/// let error = sstat::Error::Io { action: "open", path, source };
/// assert_eq!(error.to_string(), "w_status.json: cannot open");
/// assert_eq!(format!("{error:#}"), "w_status.json: cannot open: entity not found");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A session name that breaks a rule of [`SessionName`](crate::SessionName).
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
    /// An invalid duration.
    Duration {
        /// The duration as given.
        text: String,
        /// The expected form.
        reason: &'static str,
    },
    /// An update that cannot be written as one valid line.
    Update {
        /// The reason.
        reason: String,
    },
    /// The operating system refused an action on a path.
    Io {
        /// The action, a verb after "cannot".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A status file that is not a regular file.
    NotRegular {
        /// The file.
        path: PathBuf,
        /// The file's type: "a FIFO", "a directory".
        kind: &'static str,
    },
    /// A directory found by walking up that belongs neither to the user nor to root.
    Ownership {
        /// The directory.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
    },
    /// A written line that other writers damaged each time.
    Unconfirmed {
        /// The file.
        path: PathBuf,
        /// The number of attempts.
        attempts: u32,
    },
    /// A path with a literal `$NAME`, which the shell has not expanded.
    Unexpanded {
        /// The path as given.
        path: PathBuf,
        /// The variable with its `$`.
        variable: String,
    },
    /// No directory was named and the user has no home directory.
    NoDirectory,
    /// The current directory has been removed, and no absolute directory was
    /// named.
    NoCurrentDirectory,
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

    /// Returns true if a file or directory does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Io { path, .. }
        | Self::NotRegular { path, .. }
        | Self::Ownership { path, .. }
        | Self::Unconfirmed { path, .. }
        | Self::Unexpanded { path, .. } = self
        {
            write!(f, "{}: ", printable(path))?;
        }
        match self {
            Self::Name { name, reason } => write!(f, "invalid session name '{name}': {reason}"),
            Self::Status { status } => write!(
                f,
                "invalid status '{status}': must be one of idle, working, blocked, completed, error"
            ),
            Self::Duration { text, reason } => write!(f, "invalid duration '{text}': {reason}"),
            Self::Update { reason } => f.write_str(reason),
            Self::Io { action, source, .. } if f.alternate() => {
                write!(f, "cannot {action}: {}", without_number(source))
            }
            Self::Io { action, .. } => write!(f, "cannot {action}"),
            Self::NotRegular { kind, .. } => write!(f, "is {kind}, not a regular file"),
            Self::Ownership { owner, .. } => {
                write!(f, "belongs to user {owner}, not to you or root")
            }
            Self::Unconfirmed { attempts, .. } => {
                write!(f, "other writers damaged the line {attempts} times")
            }
            Self::Unexpanded { variable, .. } => {
                write!(f, "{variable} is not expanded inside single quotes")
            }
            Self::NoCurrentDirectory => f.write_str("the current directory has been removed"),
            Self::NoDirectory => f.write_str("no status directory: the user has no home directory"),
        }
    }
}

/// Returns the text of the system's error without its number: "(os error 13)" means
/// nothing to most readers.
pub(crate) fn without_number(error: &io::Error) -> String {
    let mut text = error.to_string();
    text.truncate(text.find(" (os error ").unwrap_or(text.len()));
    text
}

/// Returns a path as text, with each byte that is not UTF-8 as `\xNN`.
pub(crate) fn printable(path: &Path) -> String {
    escape_invalid_utf8(path.as_os_str().as_encoded_bytes())
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
