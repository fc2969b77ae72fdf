//! The five statuses that can be written, and unknown ones that are kept.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What a session is doing.
///
/// Five statuses can be written. Readers keep any other as it is.
///
/// The variants are in the order of every output: working, blocked, error, idle,
/// completed, then the unknown ones by name.
///
/// ```
/// use sstat::Status;
/// let status: Status = "working".parse()?;
/// assert_eq!(status, Status::Working);
/// assert!("sleeping".parse::<Status>().is_err());
/// assert_eq!(Status::from_stored("sleeping").as_str(), "sleeping");
/// # Ok::<(), sstat::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Busy with its task.
    Working,
    /// Unable to continue before something outside of the session happens.
    Blocked,
    /// Failed.
    Error,
    /// Waiting for a task.
    Idle,
    /// Done; no further update is expected.
    Completed,
    /// A status of another writer.
    Other(Box<str>),
}

impl Status {
    /// The statuses that can be written, in the order of every output.
    pub const KNOWN: [Self; 5] = [
        Self::Working,
        Self::Blocked,
        Self::Error,
        Self::Idle,
        Self::Completed,
    ];

    /// Returns the status of a stored line, known or not.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        match text {
            "working" => Self::Working,
            "blocked" => Self::Blocked,
            "error" => Self::Error,
            "idle" => Self::Idle,
            "completed" => Self::Completed,
            _ => Self::Other(text.into()),
        }
    }

    /// Returns the status as it is written in the file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Working => "working",
            Self::Blocked => "blocked",
            Self::Error => "error",
            Self::Idle => "idle",
            Self::Completed => "completed",
            Self::Other(text) => text,
        }
    }
}

impl FromStr for Status {
    type Err = Error;

    /// # Errors
    /// [`Error::Status`] for a status that cannot be written.
    fn from_str(text: &str) -> Result<Self> {
        match Self::from_stored(text) {
            Self::Other(_) => Err(Error::Status {
                status: text.to_owned(),
            }),
            known => Ok(known),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for Status {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_statuses_sort_last_and_by_name() {
        let mut all: Vec<Status> = [
            "zzz",
            "completed",
            "idle",
            "aaa",
            "error",
            "blocked",
            "working",
        ]
        .into_iter()
        .map(Status::from_stored)
        .collect();
        all.sort();
        let words: Vec<&str> = all.iter().map(Status::as_str).collect();
        assert_eq!(
            words,
            [
                "working",
                "blocked",
                "error",
                "idle",
                "completed",
                "aaa",
                "zzz"
            ]
        );
    }

    #[test]
    fn status_is_case_sensitive() {
        assert!("Working".parse::<Status>().is_err());
        assert_eq!(
            Status::from_stored("Working"),
            Status::Other("Working".into())
        );
    }
}
