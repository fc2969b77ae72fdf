//! The five statuses, and the unknown ones that are kept as they are.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What a session says it is doing.
///
/// Five can be written; a status that is none of them is kept on reading and
/// shown verbatim, never folded into another.
///
/// The order is the one every output lists them in: working, blocked, error,
/// idle, completed, then the unknown ones by name.
///
/// ```
/// use sstat::Status;
/// let status: Status = "working".parse()?;
/// assert_eq!(status, Status::Working);
/// assert!("sleeping".parse::<Status>().is_err());
/// assert_eq!(Status::from_stored("sleeping").as_str(), "sleeping");
/// # Ok::<(), sstat::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Busy with its task.
    Working,
    /// Waiting for somebody or something before it can go on.
    Blocked,
    /// Failed.
    Error,
    /// Waiting for a task.
    Idle,
    /// Done; owes no further update.
    Completed,
    /// A status that some other writer made up.
    Other(Box<str>),
}

impl Status {
    /// The five that can be written, in their order.
    pub const KNOWN: [Self; 5] = [
        Self::Working,
        Self::Blocked,
        Self::Error,
        Self::Idle,
        Self::Completed,
    ];

    /// The status of a stored line, known or not.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        text.parse().unwrap_or_else(|_| Self::Other(text.into()))
    }

    /// The word that stands in the file.
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

    fn rank(&self) -> u8 {
        match self {
            Self::Working => 0,
            Self::Blocked => 1,
            Self::Error => 2,
            Self::Idle => 3,
            Self::Completed => 4,
            Self::Other(_) => 5,
        }
    }
}

impl FromStr for Status {
    type Err = Error;

    /// # Errors
    /// [`Error::Status`] for a word that is none of the five.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "working" => Ok(Self::Working),
            "blocked" => Ok(Self::Blocked),
            "error" => Ok(Self::Error),
            "idle" => Ok(Self::Idle),
            "completed" => Ok(Self::Completed),
            _ => Err(Error::Status {
                status: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Ord for Status {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank()
            .cmp(&other.rank())
            .then_with(|| self.as_str().cmp(other.as_str()))
    }
}

impl PartialOrd for Status {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
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
    fn order_is_known_ones_first_then_by_name() {
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
    fn a_status_is_taken_to_the_letter() {
        assert!("Working".parse::<Status>().is_err());
        assert_eq!(
            Status::from_stored("Working"),
            Status::Other("Working".into())
        );
    }
}
