//! The results of commands: plain values. Serialized they are the JSON output,
//! in which keys may be added, never removed or changed.

pub mod column;
pub mod group;

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use sstat::{Health, Session, Status, Update};

use crate::error::exit_code;
use crate::view::group::{Group, GroupBy, group};

/// The messages of a command and its exit code.
#[derive(Default)]
pub struct Report {
    pub warnings: Vec<String>,
    pub failures: Vec<String>,
    pub code: u8,
}

impl Report {
    /// Sets the exit code of a gate that has found a session, unless an error sets it.
    pub fn note_match(&mut self, is_match: bool) {
        self.code = self.code.max(exit_code::NO_MATCH * u8::from(is_match));
    }
}

/// A session as JSON: the keys of its last update and those derived from it.
pub struct SessionState<'a>(pub &'a Session);

/// Returns the directory of a session for JSON, which has it if several directories
/// are read.
pub fn directory_if_several(session: &Session) -> Option<String> {
    let directory = session.directory.as_ref()?;
    directory.project().map(|_| directory.to_string())
}

impl Serialize for SessionState<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Keys<'a> {
            #[serde(flatten)]
            update: &'a Update,
            #[serde(skip_serializing_if = "Option::is_none")]
            directory: Option<String>,
            age_seconds: u64,
            is_stale: bool,
            is_very_stale: bool,
            is_alive: Option<bool>,
            is_stopped: bool,
            is_acknowledged: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            since: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            for_seconds: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            since_is_exact: Option<bool>,
        }
        let Session { health, since, .. } = self.0;
        Keys {
            update: &self.0.update,
            directory: directory_if_several(self.0),
            age_seconds: health.age.as_secs(),
            is_stale: health.is_stale(),
            is_very_stale: health.is_very_stale(),
            is_alive: health.is_alive(),
            is_stopped: health.is_stopped,
            is_acknowledged: health.is_acknowledged,
            since: since.map(|since| since.at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            for_seconds: self.0.time_in_status().map(|time| time.as_secs()),
            since_is_exact: since.map(|since| since.is_exact),
        }
        .serialize(serializer)
    }
}

/// All sessions in natural order of their names, and their counts.
pub struct Summary {
    pub sessions: Vec<Session>,
    /// The group of all sessions.
    pub totals: Group,
    pub skipped_lines: u64,
    pub by: Option<GroupBy>,
}

impl Summary {
    pub fn new(sessions: Vec<Session>, skipped_lines: u64, by: Option<GroupBy>) -> Self {
        let mut totals = Group::default();
        for (index, session) in sessions.iter().enumerate() {
            totals.add(index, session);
        }
        Self {
            sessions,
            totals,
            skipped_lines,
            by,
        }
    }

    /// Returns the groups of `--by`, the one that needs attention most first.
    pub fn groups(&self) -> Vec<Group> {
        let by = self.by.as_ref();
        by.map_or(Vec::new(), |by| group(by, self.sessions.iter().enumerate()))
    }

    pub fn with_status(&self, status: Status) -> impl Iterator<Item = &Session> {
        let sessions = self.sessions.iter();
        sessions.filter(move |session| session.update.status == status)
    }

    pub fn with_health(&self, is_wanted: fn(&Health) -> bool) -> impl Iterator<Item = &Session> {
        let sessions = self.sessions.iter();
        sessions.filter(move |session| is_wanted(&session.health))
    }

    /// Returns the qualified names of sessions of a group.
    fn names(&self, group: &Group, is_wanted: impl Fn(&Session) -> bool) -> Vec<Cow<'_, str>> {
        let sessions = group.members.iter().map(|&index| &self.sessions[index]);
        let sessions = sessions.filter(|session| is_wanted(session));
        sessions.map(Session::qualified_name).collect()
    }
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut keys = serializer.serialize_map(None)?;
        serialize_counts(&mut keys, self, &self.totals)?;
        keys.serialize_entry("skipped_lines", &self.skipped_lines)?;
        if self.by.is_some() {
            keys.serialize_entry("groups", &Groups(self))?;
        }
        keys.end()
    }
}

/// The groups of a summary as JSON, by name.
struct Groups<'a>(&'a Summary);

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let groups = self.0.groups().into_iter();
        serializer.collect_map(groups.map(|group| (group.name.clone(), GroupState(self.0, group))))
    }
}

/// A group of a summary as JSON.
struct GroupState<'a>(&'a Summary, Group);

impl Serialize for GroupState<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(summary, group) = self;
        let mut keys = serializer.serialize_map(None)?;
        serialize_counts(&mut keys, summary, group)?;
        let attention = summary.names(group, Session::needs_attention);
        keys.serialize_entry("attention_sessions", &attention)?;
        keys.serialize_entry("mean_progress", &group.mean_progress())?;
        keys.end()
    }
}

/// Serializes the keys that a summary and a group have in common.
fn serialize_counts<M: SerializeMap>(
    keys: &mut M,
    summary: &Summary,
    group: &Group,
) -> Result<(), M::Error> {
    keys.serialize_entry("total_sessions", &group.members.len())?;
    keys.serialize_entry("by_status", &group.by_status)?;
    let mut names = |key, is_wanted: &dyn Fn(&Session) -> bool| {
        keys.serialize_entry(key, &summary.names(group, is_wanted))
    };
    let has = |status| move |session: &Session| session.update.status == status;
    names("working_sessions", &has(Status::Working))?;
    names("error_sessions", &has(Status::Error))?;
    names("stale_sessions", &|session| session.health.is_stale())?;
    names("idle_sessions", &has(Status::Idle))?;
    names("blocked_sessions", &has(Status::Blocked))?;
    names("completed_sessions", &has(Status::Completed))?;
    names("very_stale_sessions", &|session| {
        session.health.is_very_stale()
    })?;
    names("dead_sessions", &|session| session.health.is_dead())
}

/// Stale and dead sessions, worst first.
pub struct StaleList {
    pub sessions: Vec<Session>,
    /// The user named the directory.
    pub has_named_directory: bool,
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
    #[cfg_attr(not(feature = "tui"), allow(dead_code))] // only the live screen uses it
    pub now: DateTime<Utc>,
    /// The last updates, oldest first.
    pub recent: Vec<Update>,
    /// The progress of the current task, oldest first.
    pub progress: Vec<(DateTime<Utc>, f64)>,
    pub remaining: Option<Remaining>,
    /// The last lines of the session's tmux pane, or the reason why they are not
    /// available.
    pub pane: Option<Result<Vec<String>, String>>,
    pub path: PathBuf,
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
