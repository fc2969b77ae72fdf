//! What the commands found: the values that text is made of and, serialized,
//! the JSON contracts. Contracts grow by keys only.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroU32;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};
use sstat::{
    Follower, History, Life, Problem, Query, Session, Staleness, Status, Store, Update, Viewpoint,
};

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

    pub fn with_problems(mut self, problems: &[Problem]) -> Self {
        self.warnings
            .extend(problems.iter().map(ToString::to_string));
        self
    }
}

/// What there is to print, and in which form.
pub enum View {
    Nothing,
    Summary(Summary, SummaryForm),
    List(List, Form),
    Show(Box<Detail>, Form),
    History(Histories, HistoryForm),
    /// Histories as a picture, seen from a moment.
    Plot(Histories, Box<Viewpoint>),
    Stale(StaleList, Form),
}

impl View {
    /// Whether it has no end: what comes later is printed as it comes.
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::History(histories, _) if histories.follow.is_some())
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
        let condition = &self.0.condition;
        Keys {
            update: &self.0.update,
            age_seconds: condition.age.as_secs(),
            is_stale: condition.is_stale(),
            is_very_stale: condition.is_very_stale(),
            is_alive: condition.is_alive(),
        }
        .serialize(serializer)
    }
}

/// All sessions in natural order of their names, and their counts. They are
/// kept close together: a million of them in some 100 MB.
pub struct Summary {
    parts: Vec<SummaryPart>,
    pub by_status: BTreeMap<Status, u64>,
    pub skipped_lines: u64,
}

/// Some sessions of a summary, in natural order.
#[derive(Default)]
pub struct SummaryPart {
    /// The names and messages of all rows, one behind the other.
    text: String,
    rows: Vec<StoredRow>,
    /// The statuses of somebody's own, by row.
    others: HashMap<usize, Status>,
}

/// A row as it is kept.
struct StoredRow {
    /// Where its name begins in the text; its message follows.
    begin: u32,
    message_bytes: u32,
    name_bytes: u16,
    staleness: Staleness,
    life: Life,
    /// Its place in [`Status::KNOWN`]; beyond its end for another.
    status: u8,
    pid: Option<NonZeroU32>,
    /// Not a number where there is none.
    progress: f64,
    age_seconds: u32,
    updated_seconds: i64,
}

/// As much of a session as a summary says.
pub struct SummaryRow<'a> {
    pub name: &'a str,
    pub status: &'a Status,
    pub progress: Option<f64>,
    /// Empty where the summary's form does not show it.
    pub message: &'a str,
    /// The time of its last update, in seconds since 1970.
    pub updated_seconds: i64,
    pub age: Duration,
    /// Its process's number, if it has one.
    pub pid: Option<u32>,
}

static KNOWN: [Status; 5] = Status::KNOWN;

impl SummaryPart {
    /// Takes in some sessions, and where `with_text` the messages that the
    /// block shows of them.
    pub fn new(sessions: &mut dyn Iterator<Item = Session>, with_text: bool) -> Self {
        let mut part = Self::default();
        for session in sessions {
            part.add(&session, with_text);
        }
        part.text.shrink_to_fit();
        part.rows.shrink_to_fit();
        part
    }

    fn add(&mut self, Session { update, condition }: &Session, with_text: bool) {
        let shown = matches!(
            update.status,
            Status::Working | Status::Blocked | Status::Error
        );
        let message = if with_text && shown {
            &*update.message
        } else {
            ""
        };
        // A line has a mebibyte at most, a file's name 255 bytes, of which
        // each may be spelled out in four, and a part has few of them.
        let begin = self.text.len() as u32;
        self.text.push_str(&update.session);
        self.text.push_str(message);
        let known = KNOWN.iter().position(|known| *known == update.status);
        if known.is_none() {
            self.others.insert(self.rows.len(), update.status.clone());
        }
        self.rows.push(StoredRow {
            begin,
            message_bytes: message.len() as u32,
            name_bytes: update.session.len() as u16,
            staleness: condition.staleness,
            life: condition.life,
            status: known.unwrap_or(KNOWN.len()) as u8,
            pid: update
                .process
                .as_ref()
                .and_then(|process| NonZeroU32::new(process.pid)),
            progress: update.progress.unwrap_or(f64::NAN),
            age_seconds: u32::try_from(condition.age.as_secs()).unwrap_or(u32::MAX),
            updated_seconds: update.timestamp.timestamp(),
        });
    }

    fn rows_where(
        &self,
        wanted: impl Fn(&StoredRow) -> bool,
    ) -> impl Iterator<Item = SummaryRow<'_>> {
        let rows = self.rows.iter().enumerate();
        rows.filter(move |(_, row)| wanted(row))
            .map(|(index, row)| self.row(index, row))
    }

    fn row(&self, index: usize, row: &StoredRow) -> SummaryRow<'_> {
        let message = row.begin as usize + usize::from(row.name_bytes);
        SummaryRow {
            name: &self.text[row.begin as usize..message],
            status: KNOWN
                .get(usize::from(row.status))
                .unwrap_or_else(|| &self.others[&index]),
            progress: Some(row.progress).filter(|progress| !progress.is_nan()),
            message: &self.text[message..message + row.message_bytes as usize],
            updated_seconds: row.updated_seconds,
            age: Duration::from_secs(row.age_seconds.into()),
            pid: row.pid.map(NonZeroU32::get),
        }
    }
}

impl Summary {
    /// Puts parts together that follow each other in natural order.
    pub fn new(parts: Vec<SummaryPart>, skipped_lines: u64) -> Self {
        let mut known = [0; KNOWN.len()];
        let mut by_status = BTreeMap::new();
        for part in &parts {
            for row in &part.rows {
                if let Some(count) = known.get_mut(usize::from(row.status)) {
                    *count += 1;
                }
            }
            for status in part.others.values() {
                *by_status.entry(status.clone()).or_default() += 1;
            }
        }
        let known = KNOWN.iter().cloned().zip(known);
        by_status.extend(known.filter(|(_, count)| *count > 0));
        Self {
            parts,
            by_status,
            skipped_lines,
        }
    }

    pub fn total(&self) -> usize {
        self.parts.iter().map(|part| part.rows.len()).sum()
    }

    pub fn rows(&self) -> impl Iterator<Item = SummaryRow<'_>> {
        self.rows_where(|_| true)
    }

    /// Those with one of the five known statuses.
    pub fn with_status(&self, status: Status) -> impl Iterator<Item = SummaryRow<'_>> {
        let place = KNOWN.iter().position(|known| *known == status);
        self.rows_where(move |row| place == Some(usize::from(row.status)))
    }

    pub fn stale(&self) -> impl Iterator<Item = SummaryRow<'_>> {
        self.rows_where(|row| row.staleness >= Staleness::Stale)
    }

    pub fn very_stale(&self) -> impl Iterator<Item = SummaryRow<'_>> {
        self.rows_where(|row| row.staleness == Staleness::VeryStale)
    }

    pub fn dead(&self) -> impl Iterator<Item = SummaryRow<'_>> {
        self.rows_where(|row| row.life == Life::Dead)
    }

    fn rows_where(
        &self,
        wanted: impl Fn(&StoredRow) -> bool + Copy,
    ) -> impl Iterator<Item = SummaryRow<'_>> {
        let parts = self.parts.iter();
        parts.flat_map(move |part| part.rows_where(wanted))
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
    I: Iterator<Item = SummaryRow<'a>>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)().map(|row| row.name))
    }
}

/// Sessions in the order asked for: an object keyed by name.
pub struct List {
    pub sessions: Vec<Session>,
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.sessions
                .iter()
                .map(|session| (session.name(), SessionState(session))),
        )
    }
}

/// Sessions that went silent or died, worst first.
pub struct StaleList {
    pub sessions: Vec<Session>,
    /// The directory, if the caller named it.
    pub directory: Option<String>,
}

impl Serialize for StaleList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct States<'a>(&'a [Session]);
        impl Serialize for States<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.iter().map(SessionState))
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

/// Which names are wanted.
pub type NameFilter = Box<dyn Fn(&str) -> bool>;

/// How histories are followed.
pub struct Follow {
    /// Which sessions that come later are followed, too.
    pub joins: Option<NameFilter>,
}

/// The histories of some sessions, still in their files: each is opened when
/// it is printed, so that thousands need no more than one does.
pub struct Histories {
    store: Store,
    query: Query,
    names: Vec<String>,
    /// One session asked for by name is one object, not an array of one.
    single: bool,
    /// Whether and how to go on with new updates as they come.
    pub follow: Option<Follow>,
    problems: RefCell<Vec<Problem>>,
}

impl Histories {
    pub fn new(store: Store, names: Vec<String>, query: Query, single: bool) -> Self {
        Self {
            store,
            query,
            names,
            single,
            follow: None,
            problems: RefCell::default(),
        }
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A follower for each session that joins: it is wanted and not known yet.
    pub fn joining(&self, follow: &Follow, known: &HashSet<String>) -> Vec<Follower> {
        let Some(joins) = &follow.joins else {
            return Vec::new();
        };
        let names = self.store.names().unwrap_or_default();
        names
            .iter()
            .filter(|name| joins(name) && !known.contains(*name))
            .map(|name| self.store.follow(name))
            .collect()
    }

    /// Whether lines of several sessions may stand one below the other.
    pub fn are_several(&self) -> bool {
        let follow = self.follow.as_ref();
        let may_join = follow.is_some_and(|follow| follow.joins.is_some());
        self.names.len() > 1 || may_join
    }

    pub fn query(&self) -> &Query {
        &self.query
    }

    /// One of the histories; `None` if its file has vanished meanwhile.
    pub fn open(&self, name: &str) -> sstat::Result<Option<History>> {
        self.store.history(name, self.query.clone())
    }

    /// One of the histories with all that came before and between the updates
    /// that are asked for, as far as that can be told from them.
    pub fn open_context(&self, name: &str) -> sstat::Result<Option<History>> {
        let query = &self.query;
        // A limit counts from the end of what matches; only where everything
        // matches is it known what that leaves out.
        let all_match = query.statuses.is_empty() && query.task.is_none() && query.until.is_none();
        let context = Query {
            limit: query.limit.filter(|_| all_match),
            ..Query::default()
        };
        self.store.history(name, context)
    }

    /// Hands the updates of one of the histories to `each` until that fails.
    pub fn for_each<E: From<sstat::Error>>(
        &self,
        history: &History,
        each: impl FnMut(&[u8], Update) -> Result<(), E>,
    ) -> Result<(), E> {
        let problem = history.for_each(each)?;
        self.problems.borrow_mut().extend(problem);
        Ok(())
    }

    /// What was found wrong while printing.
    pub fn take_problems(&self) -> Vec<Problem> {
        self.problems.take()
    }
}

impl Serialize for Histories {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let open = |name: &String| self.open(name).map_err(S::Error::custom);
        if self.single
            && let [name] = &*self.names
            && let Some(history) = open(name)?
        {
            return HistoryJson(self, &history).serialize(serializer);
        }
        let mut seq = serializer.serialize_seq(None)?;
        for name in &self.names {
            if let Some(history) = open(name)? {
                seq.serialize_element(&HistoryJson(self, &history))?;
            }
        }
        seq.end()
    }
}

struct HistoryJson<'a>(&'a Histories, &'a History);

impl Serialize for HistoryJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let total = self.1.count_lines().map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("session", self.1.name())?;
        map.serialize_entry("total_updates", &total)?;
        map.serialize_entry("updates", &Updates(self.0, self.1))?;
        map.end()
    }
}

struct Updates<'a>(&'a Histories, &'a History);

impl Serialize for Updates<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Either side's error: the reader's or the serializer's.
        enum Stop<E> {
            Read(sstat::Error),
            Write(E),
        }
        impl<E> From<sstat::Error> for Stop<E> {
            fn from(error: sstat::Error) -> Self {
                Self::Read(error)
            }
        }
        let mut seq = serializer.serialize_seq(None)?;
        self.0
            .for_each(self.1, |_, update| {
                seq.serialize_element(&update).map_err(Stop::Write)
            })
            .map_err(|stop| match stop {
                Stop::Read(error) => S::Error::custom(error),
                Stop::Write(error) => error,
            })?;
        seq.end()
    }
}
