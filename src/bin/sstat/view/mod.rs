//! The results of commands: plain values. Serialized they are the JSON output,
//! in which keys may be added, never removed or changed.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use sstat::{FileWarning, Liveness, Session, Status, Update};

/// The result of a command, its messages and its exit code.
pub struct Report {
    pub view: View,
    pub warnings: Vec<String>,
    pub failures: Vec<String>,
    pub code: u8,
}

impl Report {
    pub fn of(view: View) -> Self {
        Self {
            view,
            warnings: Vec::new(),
            failures: Vec::new(),
            code: 0,
        }
    }

    pub fn with_warnings(mut self, warnings: &[FileWarning]) -> Self {
        self.warnings
            .extend(warnings.iter().map(ToString::to_string));
        self
    }
}

/// A value to print and its form.
pub enum View {
    Nothing,
    Summary(Summary, SummaryForm),
    List(List, Form),
    Show(Box<Detail>, Form),
    Stale(StaleList, Form),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Human,
    Json,
}

impl Form {
    pub fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Human }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SummaryForm {
    Block,
    Short,
    Tmux,
    Json,
    Prometheus,
}

/// A session as JSON: the keys of its last update and those derived from it.
pub struct SessionState<'a>(pub &'a Session);

impl Serialize for SessionState<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Keys<'a> {
            #[serde(flatten)]
            update: &'a Update,
            age_seconds: u64,
            is_stale: bool,
            is_very_stale: bool,
            is_alive: Option<bool>,
            is_stopped: bool,
        }
        let health = &self.0.health;
        Keys {
            update: &self.0.update,
            age_seconds: health.age.as_secs(),
            is_stale: health.is_stale(),
            is_very_stale: health.is_very_stale(),
            is_alive: health.is_alive(),
            is_stopped: health.is_stopped,
        }
        .serialize(serializer)
    }
}

/// All sessions in natural order of their names, and their counts.
pub struct Summary {
    pub sessions: Vec<Session>,
    pub by_status: BTreeMap<Status, u64>,
    pub skipped_lines: u64,
}

impl Summary {
    pub fn new(sessions: Vec<Session>, skipped_lines: u64) -> Self {
        let mut by_status = BTreeMap::new();
        for Session { update, .. } in &sessions {
            *by_status.entry(update.status.clone()).or_insert(0) += 1;
        }
        Self {
            sessions,
            by_status,
            skipped_lines,
        }
    }

    pub fn with_status(&self, status: Status) -> impl Iterator<Item = &Session> {
        let sessions = self.sessions.iter();
        sessions.filter(move |session| session.update.status == status)
    }

    pub fn stale(&self) -> impl Iterator<Item = &Session> {
        let sessions = self.sessions.iter();
        sessions.filter(|session| session.health.is_stale())
    }

    pub fn very_stale(&self) -> impl Iterator<Item = &Session> {
        let sessions = self.sessions.iter();
        sessions.filter(|session| session.health.is_very_stale())
    }

    pub fn dead(&self) -> impl Iterator<Item = &Session> {
        let sessions = self.sessions.iter();
        sessions.filter(|session| session.health.liveness == Liveness::Dead)
    }
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn names<'a>(sessions: impl Iterator<Item = &'a Session>) -> Vec<&'a str> {
            sessions.map(Session::name).collect()
        }
        let with_status = |status| names(self.with_status(status));
        let mut keys = serializer.serialize_struct("Summary", 11)?;
        keys.serialize_field("total_sessions", &self.sessions.len())?;
        keys.serialize_field("by_status", &self.by_status)?;
        keys.serialize_field("working_sessions", &with_status(Status::Working))?;
        keys.serialize_field("error_sessions", &with_status(Status::Error))?;
        keys.serialize_field("stale_sessions", &names(self.stale()))?;
        keys.serialize_field("idle_sessions", &with_status(Status::Idle))?;
        keys.serialize_field("blocked_sessions", &with_status(Status::Blocked))?;
        keys.serialize_field("completed_sessions", &with_status(Status::Completed))?;
        keys.serialize_field("very_stale_sessions", &names(self.very_stale()))?;
        keys.serialize_field("dead_sessions", &names(self.dead()))?;
        keys.serialize_field("skipped_lines", &self.skipped_lines)?;
        keys.end()
    }
}

/// Sessions in the order to print. As JSON an object keyed by name.
pub struct List {
    pub sessions: Vec<Session>,
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sessions = self.sessions.iter();
        serializer.collect_map(sessions.map(|session| (session.name(), SessionState(session))))
    }
}

/// Stale and dead sessions, worst first.
pub struct StaleList {
    pub sessions: Vec<Session>,
    /// The directory, if the user named it.
    pub directory: Option<String>,
}

impl Serialize for StaleList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sessions: Vec<_> = self.sessions.iter().map(SessionState).collect();
        let mut keys = serializer.serialize_struct("StaleList", 2)?;
        keys.serialize_field("count", &sessions.len())?;
        keys.serialize_field("sessions", &sessions)?;
        keys.end()
    }
}

/// Everything about one session. Its JSON is that of the session.
pub struct Detail {
    pub session: Session,
    pub now: DateTime<Utc>,
    /// The time since which the session has its status, or that of the oldest
    /// update that was read if it is not exact.
    pub status_since: DateTime<Utc>,
    pub status_since_is_exact: bool,
    /// The last updates, oldest first.
    pub recent: Vec<Update>,
    /// The progress of the current task, oldest first.
    pub progress: Vec<(DateTime<Utc>, f64)>,
    pub remaining: Option<Remaining>,
    /// The last lines of the session's tmux pane, or the reason why they are not
    /// available.
    pub pane: Option<Result<Vec<String>, String>>,
    pub path: std::path::PathBuf,
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SessionState(&self.session).serialize(serializer)
    }
}

/// An estimate of the time until the task is completed, at its fastest and its
/// slowest pace so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    pub soonest: Duration,
    pub latest: Duration,
}
