//! What happens to sessions: the lines of `watch --json`, a contract that
//! grows by keys only.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};
use sstat::{Session, Status};

use crate::view::SessionState;

/// Something that happened to a session.
#[derive(Clone, Debug)]
pub struct Event {
    pub kind: EventKind,
    /// When it was noticed.
    pub at: DateTime<Utc>,
    /// The session as it was then; for one that was removed, as it was last.
    pub session: Session,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The session was there when the watch began.
    Snapshot,
    /// An update came. `from` is the status before; none for a new session.
    Update { from: Option<Status> },
    /// The silence became too long, at `since`.
    Stale { since: DateTime<Utc> },
    /// The silence became much too long, at `since`.
    VeryStale { since: DateTime<Utc> },
    /// Its process was found gone, at `since`.
    Dead { since: DateTime<Utc> },
    /// Its process was found stopped by a signal, at `since`.
    Stopped { since: DateTime<Utc> },
    /// It is no longer in the condition it was in since `since`.
    Recovered {
        issue: HealthIssue,
        since: DateTime<Utc>,
    },
    /// Its file is gone, or holds no update any more.
    Removed,
}

/// What a session recovers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthIssue {
    /// Stale, perhaps very stale.
    Stale,
    Dead,
    Stopped,
}

impl EventKind {
    /// Returns the event that reports the start of an issue.
    pub fn began(issue: HealthIssue, since: DateTime<Utc>) -> Self {
        match issue {
            HealthIssue::Stale => Self::Stale { since },
            HealthIssue::Dead => Self::Dead { since },
            HealthIssue::Stopped => Self::Stopped { since },
        }
    }

    /// The word that stands in the stream and in `--on`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Update { .. } => "update",
            Self::Stale { .. } => "stale",
            Self::VeryStale { .. } => "very_stale",
            Self::Dead { .. } => "dead",
            Self::Stopped { .. } => "stopped",
            Self::Recovered { .. } => "recovered",
            Self::Removed => "removed",
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", self.kind.name())?;
        map.serialize_entry("session", self.session.name())?;
        map.serialize_entry("at", &time(self.at))?;
        match &self.kind {
            EventKind::Snapshot | EventKind::Removed => {}
            EventKind::Update { from } => {
                map.serialize_entry("from", from)?;
                map.serialize_entry("to", &self.session.update.status)?;
            }
            EventKind::Stale { since }
            | EventKind::VeryStale { since }
            | EventKind::Dead { since }
            | EventKind::Stopped { since } => map.serialize_entry("since", &time(*since))?,
            EventKind::Recovered { issue, since } => {
                map.serialize_entry("since", &time(*since))?;
                let issue = match issue {
                    HealthIssue::Stale => "stale",
                    HealthIssue::Dead => "dead",
                    HealthIssue::Stopped => "stopped",
                };
                map.serialize_entry("condition", issue)?;
            }
        }
        map.serialize_entry("state", &SessionState(&self.session))?;
        map.end()
    }
}
