//! The events of sessions, which `watch --json` prints. Their JSON is stable: keys
//! may be added, never removed or changed.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};
use sstat::{Session, Status};

use crate::view::SessionState;

/// A change of a session.
#[derive(Clone, Debug)]
pub struct Event {
    pub kind: EventKind,
    /// When the change was detected.
    pub at: DateTime<Utc>,
    /// The session after the change, or as it was before it was removed.
    pub session: Session,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The session existed when the watch started.
    Snapshot,
    /// The session has a new update. `from` is its previous status.
    Update {
        from: Option<Status>,
    },
    Stale {
        since: DateTime<Utc>,
    },
    VeryStale {
        since: DateTime<Utc>,
    },
    /// The process is gone.
    Dead {
        since: DateTime<Utc>,
    },
    /// The process of a session that is completed or has failed is gone.
    Exited,
    /// The process is stopped by a signal.
    Stopped {
        since: DateTime<Utc>,
    },
    /// The session no longer has a problem that it had since `since`.
    Recovered {
        issue: HealthIssue,
        since: DateTime<Utc>,
    },
    /// The session has passed `--older-than` or `--longer-than`.
    Overdue {
        since: DateTime<Utc>,
    },
    /// An acknowledgement was made or withdrawn, or has expired.
    Acknowledged,
    /// The file is missing or has no update.
    Removed,
}

/// A problem that a session can recover from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthIssue {
    /// Stale or very stale.
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

    /// Returns the name in JSON and in `--on`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Update { .. } => "update",
            Self::Stale { .. } => "stale",
            Self::VeryStale { .. } => "very_stale",
            Self::Dead { .. } => "dead",
            Self::Exited => "exited",
            Self::Stopped { .. } => "stopped",
            Self::Recovered { .. } => "recovered",
            Self::Overdue { .. } => "overdue",
            Self::Acknowledged => "acknowledged",
            Self::Removed => "removed",
        }
    }
}

impl Event {
    pub fn new(kind: EventKind, at: DateTime<Utc>, session: &Session) -> Self {
        let session = session.clone();
        Self { kind, at, session }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", self.kind.name())?;
        map.serialize_entry("session", &self.session.qualified_name())?;
        map.serialize_entry("at", &time(self.at))?;
        match &self.kind {
            EventKind::Snapshot
            | EventKind::Exited
            | EventKind::Acknowledged
            | EventKind::Removed => {}
            EventKind::Update { from } => {
                map.serialize_entry("from", from)?;
                map.serialize_entry("to", &self.session.update.status)?;
            }
            EventKind::Stale { since }
            | EventKind::VeryStale { since }
            | EventKind::Dead { since }
            | EventKind::Stopped { since }
            | EventKind::Overdue { since } => map.serialize_entry("since", &time(*since))?,
            EventKind::Recovered { issue, since } => {
                map.serialize_entry("since", &time(*since))?;
                let began = EventKind::began(*issue, *since);
                map.serialize_entry("condition", began.name())?;
            }
        }
        map.serialize_entry("state", &SessionState(&self.session))?;
        map.end()
    }
}
