//! What the commands found: the values that text is made of and, serialized,
//! the JSON contracts. Contracts grow by keys only.

mod sessions;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use sstat::{FileWarning, HealthRules, Liveness, Session, Staleness, Status, Update};

use crate::history::HistoryReader;

pub use self::sessions::{Part, Row, Sessions};

/// What a command found, and how it ends.
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

/// What there is to print, and in which form.
pub enum View {
    Nothing,
    Summary(Summary, SummaryForm),
    List(List, Form),
    Show(Box<Detail>, Form),
    History(HistoryReader, HistoryForm),
    /// HistoryReader as a picture, seen from a moment.
    Plot(HistoryReader, Box<HealthRules>),
    Stale(StaleList, Form),
}

impl View {
    /// Whether it has no end: what comes later is printed as it comes.
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::History(histories, _) if histories.go_on())
    }
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryForm {
    Human,
    Json,
    Lines,
}

/// A session as JSON: the last update's own keys and what they mean now.
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
        }
        let health = &self.0.health;
        Keys {
            update: &self.0.update,
            age_seconds: health.age.as_secs(),
            is_stale: health.is_stale(),
            is_very_stale: health.is_very_stale(),
            is_alive: health.is_alive(),
        }
        .serialize(serializer)
    }
}

/// All sessions in natural order of their names, and their counts.
pub struct Summary {
    sessions: Sessions,
    pub by_status: BTreeMap<Status, u64>,
    pub skipped_lines: u64,
}

impl Summary {
    pub fn new(parts: Vec<Part>, skipped_lines: u64) -> Self {
        let sessions = Sessions::new(parts);
        let known = Status::KNOWN.into_iter().map(|status| {
            let count = sessions.count_where(|stored| stored.has(&status));
            (status, count as u64)
        });
        let mut by_status: BTreeMap<_, _> = known.filter(|(_, count)| *count > 0).collect();
        for row in sessions.rows_where(|stored| !stored.is_known()) {
            *by_status.entry(row.status.clone()).or_default() += 1;
        }
        Self {
            sessions,
            by_status,
            skipped_lines,
        }
    }

    /// Some of its sessions, as much of them as it says, with the messages of
    /// those that the block shows where `with_text`.
    pub fn part(sessions: impl Iterator<Item = Session>, with_text: bool) -> Part {
        Part::new(sessions.map(|mut session| {
            let Session { update, health } = &mut session;
            let shown = matches!(
                update.status,
                Status::Working | Status::Blocked | Status::Error
            );
            if !(with_text && shown) {
                update.message = String::new();
            }
            update.task_id = None;
            update.metadata = None;
            update.stale_after = None;
            update.extra = Vec::new();
            if health.liveness != Liveness::Dead {
                update.process = None;
            }
            health.clock_skew = None;
            session
        }))
    }

    pub fn total(&self) -> usize {
        self.sessions.len()
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.sessions.rows_where(|_| true)
    }

    /// Those with one of the five known statuses.
    pub fn with_status(&self, status: Status) -> impl Iterator<Item = Row<'_>> {
        self.sessions.rows_where(move |stored| stored.has(&status))
    }

    pub fn stale(&self) -> impl Iterator<Item = Row<'_>> {
        self.sessions
            .rows_where(|stored| stored.staleness >= Staleness::Stale)
    }

    pub fn very_stale(&self) -> impl Iterator<Item = Row<'_>> {
        self.sessions
            .rows_where(|stored| stored.staleness == Staleness::VeryStale)
    }

    pub fn dead(&self) -> impl Iterator<Item = Row<'_>> {
        self.sessions
            .rows_where(|stored| stored.liveness == Liveness::Dead)
    }
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("total_sessions", &self.total())?;
        map.serialize_entry("by_status", &self.by_status)?;
        map.serialize_entry(
            "working_sessions",
            &Names(|| self.with_status(Status::Working)),
        )?;
        map.serialize_entry("error_sessions", &Names(|| self.with_status(Status::Error)))?;
        map.serialize_entry("stale_sessions", &Names(|| self.stale()))?;
        map.serialize_entry("idle_sessions", &Names(|| self.with_status(Status::Idle)))?;
        map.serialize_entry(
            "blocked_sessions",
            &Names(|| self.with_status(Status::Blocked)),
        )?;
        map.serialize_entry(
            "completed_sessions",
            &Names(|| self.with_status(Status::Completed)),
        )?;
        map.serialize_entry("very_stale_sessions", &Names(|| self.very_stale()))?;
        map.serialize_entry("dead_sessions", &Names(|| self.dead()))?;
        map.serialize_entry("skipped_lines", &self.skipped_lines)?;
        map.end()
    }
}

/// Rows as an array of their names.
struct Names<F>(F);

impl<'a, F, I> Serialize for Names<F>
where
    F: Fn() -> I,
    I: Iterator<Item = Row<'a>>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)().map(|row| row.name))
    }
}

/// Sessions in the order asked for: an object keyed by name.
pub struct List {
    pub sessions: Sessions,
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for session in self.sessions.iter() {
            map.serialize_entry(session.name(), &SessionState(&session))?;
        }
        map.end()
    }
}

/// Sessions that went silent or died, worst first.
pub struct StaleList {
    pub sessions: Sessions,
    /// The directory, if the caller named it.
    pub directory: Option<String>,
}

impl Serialize for StaleList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct States<'a>(&'a Sessions);
        impl Serialize for States<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut seq = serializer.serialize_seq(None)?;
                for session in self.0.iter() {
                    seq.serialize_element(&SessionState(&session))?;
                }
                seq.end()
            }
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("count", &self.sessions.len())?;
        map.serialize_entry("sessions", &States(&self.sessions))?;
        map.end()
    }
}

/// Everything about one session. Its JSON is the session's state.
pub struct Detail {
    pub session: Session,
    pub now: DateTime<Utc>,
    /// Since when it has its status, and whether that is certain: a status
    /// held for very many updates is not followed to its beginning.
    pub status_since: DateTime<Utc>,
    pub status_since_is_exact: bool,
    /// The last updates, oldest first.
    pub recent: Vec<Update>,
    /// The task's progress so far, oldest first.
    pub progress: Vec<(DateTime<Utc>, f64)>,
    /// How long the task will still take, as far as its own progress tells.
    pub remaining: Option<Remaining>,
    /// The last lines of its tmux pane, or why there are none.
    pub pane: Option<Result<Vec<String>, String>>,
    pub path: std::path::PathBuf,
}

/// A guess at how long a task will still take: at the faster and at the slower
/// of the paces it has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    pub soonest: Duration,
    pub latest: Duration,
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SessionState(&self.session).serialize(serializer)
    }
}
