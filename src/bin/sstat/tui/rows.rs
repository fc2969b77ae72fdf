//! The rows of the table: which sessions, in which order and in which groups.
//! Pure.

use std::borrow::Cow;
use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use sstat::{Attention, Health, Session, Update};

use crate::hook::is_finished;
use crate::render::style::{Role, worst_issue};
use crate::tui::text::columns;
use crate::view::column::Column;
use crate::view::group::{Group, GroupBy, group};
use crate::watch::session_table::SessionTable;

/// Older sessions that are finished fold into one row.
const FINISHED_AFTER: TimeDelta = TimeDelta::hours(1);

/// The name of the group of finished sessions, and their description.
pub const FINISHED: &str = "finished sessions";

/// The mark of an acknowledged session.
pub const ACKNOWLEDGED: &str = "ack";

/// What the user has chosen to see.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    pub columns: Vec<Column>,
    /// The column that decides the order; `None` for the most urgent session first.
    pub sort: Option<Column>,
    pub is_reversed: bool,
    pub only: Only,
    pub filter: String,
    pub by: Option<GroupBy>,
    /// The names of the groups whose sessions are shown.
    pub unfolded: HashSet<String>,
}

/// Which sessions to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    #[default]
    All,
    Attention,
    /// What needs attention, in the order of the time in the status.
    Waiting,
    Finished,
}

/// The row of a session or of a group.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// The index of the session in the session table; `None` for the row of a group.
    pub session: Option<usize>,
    /// The index in [`Rows::groups`] of the group, or of that of the session.
    pub group: Option<usize>,
}

impl Row {
    fn new(session: Option<usize>, group: Option<usize>) -> Self {
        Self { session, group }
    }
}

/// The rows of the table, and what the top line and the widths of the columns
/// depend on.
#[derive(Debug, Default)]
pub struct Rows {
    pub rows: Vec<Row>,
    pub groups: Vec<Group>,
    /// The number of sessions that match the filter.
    pub found: usize,
    /// All sessions that the command line selects.
    pub totals: Group,
    pub stale: usize,
    pub dead: usize,
    /// The maximum width of the text in each column. It is zero if all are empty.
    pub widths: Vec<usize>,
    /// The maximum width of a status or an issue.
    pub word: usize,
}

impl Rows {
    /// Returns the rows of the sessions that match the filters. `wants` is the filter
    /// of the command line.
    pub fn new(
        table: &SessionTable,
        choice: &Choice,
        now: DateTime<Utc>,
        wants: impl Fn(&Session) -> bool,
    ) -> Self {
        let filter = choice.filter.to_lowercase();
        let words: Vec<&str> = filter.split_whitespace().collect();
        let mut text = String::new();
        let mut rows = Self {
            widths: vec![0; choice.columns.len()],
            ..Self::default()
        };
        let mut found = Vec::new();
        for (index, session) in table.sessions().enumerate() {
            if !wants(session) {
                continue;
            }
            rows.count(index, session, &choice.columns);
            let ended_at = ended_at(session);
            let is_finished = ended_at.is_some_and(|at| now - at >= FINISHED_AFTER);
            let is_shown = match choice.only {
                Only::All => true,
                Only::Attention | Only::Waiting => session.needs_attention(),
                Only::Finished => is_finished,
            };
            if is_shown && contains_words(session, &words, &choice.columns, &mut text) {
                let urgency = urgency(session, ended_at.is_some());
                found.push(((index, session), urgency, is_finished));
            }
        }
        rows.found = found.len();
        match &choice.sort {
            Some(column) => column.sort(&mut found, |((_, session), ..)| session),
            None => found.sort_by_key(|&(_, urgency, _)| urgency),
        }
        if choice.is_reversed {
            found.reverse();
        }
        if let Some(by) = &choice.by {
            rows.groups = group(by, found.into_iter().map(|(found, ..)| found));
        } else {
            // A filter shows the finished sessions that match it.
            let may_fold = choice.only == Only::All && choice.filter.is_empty();
            let finished = found.iter().filter(|(.., is_finished)| *is_finished);
            let folds = may_fold && finished.count() > 1;
            let mut finished = Group::new(FINISHED.to_owned());
            for ((index, session), _, is_finished) in found {
                match folds && is_finished {
                    true => finished.add(index, session),
                    false => rows.rows.push(Row::new(Some(index), None)),
                }
            }
            rows.groups.extend(folds.then_some(finished));
        }
        for (place, Group { name, members, .. }) in rows.groups.iter().enumerate() {
            rows.rows.push(Row::new(None, Some(place)));
            if choice.unfolded.contains(name) {
                let members = members.iter().copied();
                let members = members.map(|index| Row::new(Some(index), Some(place)));
                rows.rows.extend(members);
            }
        }
        rows
    }

    fn count(&mut self, index: usize, session: &Session, chosen: &[Column]) {
        let Session { update, health, .. } = session;
        self.totals.add(index, session);
        self.stale += usize::from(health.is_stale());
        self.dead += usize::from(health.is_dead());
        for (column, width) in chosen.iter().zip(&mut self.widths) {
            let text = match column {
                Column::Status => {
                    let issue = worst_issue(health).map_or(0, |(word, _)| 1 + word.len());
                    let ack = usize::from(health.is_acknowledged) * (1 + ACKNOWLEDGED.len());
                    let word = columns(worst_word(update, health).0) + ack;
                    self.word = self.word.max(word);
                    columns(update.status.as_str()) + issue + ack
                }
                Column::Progress => usize::from(update.progress.is_some()),
                Column::Message => continue,
                _ => columns(&column.text(session)),
            };
            *width = text.max(*width);
        }
    }
}

/// Returns when a session without attention has ended; `None` for any other one.
fn ended_at(session: &Session) -> Option<DateTime<Utc>> {
    let update = &session.update;
    (is_finished(update) && !session.needs_attention()).then_some(update.timestamp)
}

/// Returns the key of the order by attention: the most urgent session first, and of
/// equally urgent ones that with the oldest update. Those that have ended come last.
fn urgency(session: &Session, has_ended: bool) -> (Attention, i64) {
    match session.attention() {
        Attention::None => (Attention::None, has_ended.into()),
        attention => (attention, session.update.timestamp.timestamp_millis()),
    }
}

/// Returns whether larger values come first in the order by a column.
pub fn is_descending(column: &Column) -> bool {
    matches!(column, Column::For | Column::Age | Column::Progress)
}

/// Returns the one word that says most about a session, and its role: the status
/// if it needs attention, otherwise the worst issue.
pub fn worst_word<'a>(update: &'a Update, health: &Health) -> (&'a str, Role) {
    let status = Role::of_status(&update.status);
    match worst_issue(health) {
        Some((_, Role::Stale | Role::VeryStale)) if status == Role::Blocked => {}
        Some(issue) if status != Role::Error => return issue,
        _ => {}
    }
    (update.status.as_str(), status)
}

/// Returns whether each word, in lower case, is part of a text that the session's
/// row can show. `text` is a buffer to reuse.
fn contains_words(session: &Session, words: &[&str], chosen: &[Column], text: &mut String) -> bool {
    if words.is_empty() {
        return true;
    }
    let always = [
        Column::Session,
        Column::Status,
        Column::Task,
        Column::Message,
    ];
    let others = chosen.iter().filter(|column| !always.contains(column));
    let all = always.iter().chain(others);
    let parts = all.map(|column| column.text(session));
    let issue = worst_issue(&session.health).map_or("", |(word, _)| word);
    let issue = Cow::Borrowed(issue);
    let qualified = session.project().map(|_| session.qualified_name());
    text.clear();
    for part in parts.chain([issue]).chain(qualified) {
        text.push_str(&part);
        text.push('\n');
    }
    if text.is_ascii() {
        text.make_ascii_lowercase();
    } else {
        *text = text.to_lowercase();
    }
    words.iter().all(|word| text.contains(word))
}
