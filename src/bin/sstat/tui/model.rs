//! What the screen shows, and how keys change it. Pure: sessions, details and
//! the time are told to it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use sstat::{Health, Liveness, ProcessState, Session, Status, Thresholds, natural_cmp};
use unicode_width::UnicodeWidthStr;

use crate::render::issue_word;
use crate::tui::attention::worst_word;
use crate::tui::keys::{Action, Mode};
use crate::tui::text::steady;
use crate::view::Detail;

/// A detail is read anew when it is so old, for an estimate shrinks by itself.
const DETAIL_SECONDS: i64 = 10;

/// All of the screen but its looks.
pub struct Screen {
    /// In natural order of their names.
    entries: Vec<Entry>,
    /// The entries that are shown, in their order on the screen.
    order: Vec<usize>,
    /// Whether `order` and `totals` are older than what they are made from.
    outdated: bool,
    totals: Totals,
    now: DateTime<Utc>,
    thresholds: Thresholds,

    sort: Sort,
    reversed: bool,
    only_attention: bool,
    filter: String,
    mode: Mode,
    /// The session that the cursor is on. Without one it stays on top,
    /// whoever that is.
    selected: Option<String>,
    cursor: usize,
    top: usize,
    page: usize,
    pane: Option<Pane>,
    pub help_top: usize,
    /// What came while the screen stood still: the last state of each session,
    /// none for one that is gone.
    held_back: Option<HashMap<String, Option<Session>>>,
    note: Option<String>,
}

/// A session on the screen.
pub struct Entry {
    pub session: Session,
    /// Since when it has its status; not known until somebody looks it up.
    pub since: Option<Since>,
    widths: Widths,
    /// What the filter looks at, in lower case; made when there is one.
    haystack: Option<Box<str>>,
}

/// How many columns the parts of a session need.
#[derive(Clone, Copy, Debug, Default)]
pub struct Widths {
    pub name: usize,
    /// Of the status with what is wrong, and of the worse of the two.
    pub status: usize,
    pub word: usize,
    pub task: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    pub at: DateTime<Utc>,
    /// Whether it may have it for longer than that.
    pub at_least: bool,
}

/// The counts on top, and how wide the columns must be.
#[derive(Debug, Default)]
pub struct Totals {
    pub sessions: usize,
    pub by_status: BTreeMap<Status, usize>,
    pub stale: usize,
    pub dead: usize,
    /// The widest of each.
    pub widths: Widths,
    pub any_progress: bool,
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Those that need a person first, by how badly.
    Attention,
    Name,
    Status,
    Age,
    Progress,
    Task,
}

impl Sort {
    const ALL: [Self; 6] = [
        Self::Attention,
        Self::Name,
        Self::Status,
        Self::Age,
        Self::Progress,
        Self::Task,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::Name => "name",
            Self::Status => "status",
            Self::Age => "age",
            Self::Progress => "progress",
            Self::Task => "task",
        }
    }

    fn next(self) -> Self {
        let place = Self::ALL.iter().position(|&sort| sort == self);
        Self::ALL[place.map_or(0, |place| (place + 1) % Self::ALL.len())]
    }
}

/// The pane beside or below the table.
pub struct Pane {
    detail: Option<Box<Detail>>,
    outdated: bool,
    pub top: usize,
}

/// What a key asks of the world outside the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Quit,
    /// Stop, until the shell brings it back.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Show the tmux pane of this session.
    Jump(String),
}

impl Screen {
    pub fn new(
        sessions: impl IntoIterator<Item = Session>,
        now: DateTime<Utc>,
        thresholds: Thresholds,
    ) -> Self {
        let mut entries: Vec<Entry> = sessions
            .into_iter()
            .map(|session| Entry::new(session, None))
            .collect();
        entries.sort_unstable_by(|a, b| natural_cmp(a.session.name(), b.session.name()));
        Self {
            entries,
            order: Vec::new(),
            outdated: true,
            totals: Totals::default(),
            now,
            thresholds,
            sort: Sort::Attention,
            reversed: false,
            only_attention: false,
            filter: String::new(),
            mode: Mode::Browse,
            selected: None,
            cursor: 0,
            top: 0,
            page: 1,
            pane: None,
            help_top: 0,
            held_back: None,
            note: None,
        }
    }

    /// Takes in a session's new state. `seamless` says that nothing was left
    /// out since its last one; a new session begins with it.
    pub fn put(&mut self, session: Session, seamless: bool) {
        match &mut self.held_back {
            Some(held_back) => {
                held_back.insert(session.name().to_owned(), Some(session));
            }
            None => self.place(session, seamless),
        }
    }

    /// Takes out a session that is gone.
    pub fn remove(&mut self, name: &str) {
        match &mut self.held_back {
            Some(held_back) => {
                held_back.insert(name.to_owned(), None);
            }
            None => self.take_out(name),
        }
    }

    fn place(&mut self, session: Session, seamless: bool) {
        self.outdated = true;
        let begun = Since {
            at: session.update.timestamp,
            at_least: false,
        };
        if let Some(pane) = &mut self.pane
            && let Some(detail) = &pane.detail
        {
            pane.outdated |= detail.session.name() == session.name();
        }
        match self.find(session.name()) {
            Ok(index) => {
                let before = &self.entries[index];
                let same = before.session.update.status == session.update.status;
                let since = match (seamless, same) {
                    (true, true) => before.since,
                    (true, false) => Some(begun),
                    (false, _) => None,
                };
                self.entries[index] = Entry::new(session, since);
            }
            Err(index) => {
                let since = seamless.then_some(begun);
                self.entries.insert(index, Entry::new(session, since));
            }
        }
    }

    fn take_out(&mut self, name: &str) {
        if let Ok(index) = self.find(name) {
            self.entries.remove(index);
            self.outdated = true;
        }
    }

    /// Takes out the sessions that are no longer wanted.
    pub fn retain(&mut self, wanted: impl Fn(&Session) -> bool) {
        if self.is_paused() {
            return;
        }
        let before = self.entries.len();
        self.entries.retain(|entry| wanted(&entry.session));
        self.outdated |= self.entries.len() != before;
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.entries
            .binary_search_by(|entry| natural_cmp(entry.session.name(), name))
    }

    /// Lets the time go on, unless the screen stands still.
    pub fn tick(&mut self, now: DateTime<Utc>) {
        if self.is_paused() {
            return;
        }
        self.now = now;
        for entry in &mut self.entries {
            let before = &entry.session.health;
            let process = match before.liveness {
                Liveness::Alive => ProcessState::Running,
                Liveness::Dead => ProcessState::Gone,
                _ => ProcessState::Unknown,
            };
            let after = Health::of(&entry.session.update, process, now, &self.thresholds);
            let turned = after.staleness != before.staleness;
            entry.session.health = after;
            if turned {
                entry.widths = Widths::of(&entry.session);
                self.outdated = true;
            }
        }
    }

    /// Puts the rows in order, if something has changed. Everything below
    /// expects this to have been done.
    pub fn refresh(&mut self) {
        if std::mem::take(&mut self.outdated) {
            self.totals = Totals::of(&self.entries);
            self.arrange();
        }
    }

    fn arrange(&mut self) {
        let filter = self.filter.to_lowercase();
        let words: Vec<&str> = filter.split_whitespace().collect();
        let only_attention = self.only_attention;
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(
            self.entries
                .iter_mut()
                .enumerate()
                .filter_map(|(index, entry)| {
                    let shown = (!only_attention || entry.session.needs_attention())
                        && (words.is_empty() || entry.matches(&words));
                    shown.then_some(index)
                }),
        );
        // They are in natural order, and the sorts leave what is equal as it
        // is.
        let session = |index: usize| &self.entries[index].session;
        match self.sort {
            Sort::Name => {}
            Sort::Attention => order.sort_by_cached_key(|&index| {
                let session = session(index);
                let at = session.update.timestamp.timestamp_millis();
                let at = if session.needs_attention() { at } else { 0 };
                (session.attention(), at)
            }),
            Sort::Age => order.sort_by_cached_key(|&index| session(index).update.timestamp),
            sort => order.sort_by(|&a, &b| compare(sort, session(a), session(b))),
        }
        if self.reversed {
            order.reverse();
        }
        self.order = order;
        let last = self.order.len().saturating_sub(1);
        match &self.selected {
            None => self.cursor = 0,
            Some(name) => {
                let index = self.find(name).ok();
                let place = index.and_then(|index| self.order.iter().position(|&at| at == index));
                self.cursor = place.unwrap_or(self.cursor).min(last);
                if place.is_none() {
                    self.select(self.cursor);
                }
            }
        }
        self.scroll();
    }

    /// Says how many rows there is room for, and gets those to be shown.
    pub fn rows(&mut self, page: usize) -> impl Iterator<Item = (bool, &Entry)> {
        self.page = page.max(1);
        self.scroll();
        let screen: &Self = self;
        screen.visible().map(move |row| {
            let entry = &screen.entries[screen.order[row]];
            (row == screen.cursor, entry)
        })
    }

    /// The places of the visible rows among all that are shown.
    pub fn visible(&self) -> Range<usize> {
        self.top..(self.top + self.page).min(self.order.len())
    }

    /// Keeps the cursor in sight and the page full.
    fn scroll(&mut self) {
        let most = self.order.len().saturating_sub(self.page);
        self.top = self
            .top
            .min(most)
            .min(self.cursor)
            .max((self.cursor + 1).saturating_sub(self.page));
    }

    /// Moves the cursor to a row.
    fn select(&mut self, row: usize) {
        self.cursor = row.min(self.order.len().saturating_sub(1));
        self.selected = self
            .order
            .get(self.cursor)
            .map(|&index| self.entries[index].session.name().to_owned());
        self.scroll();
        if let Some(pane) = &mut self.pane {
            pane.top = 0;
        }
    }

    /// Does what a key means.
    pub fn act(&mut self, action: Action) -> Option<Effect> {
        self.note = None;
        match action {
            Action::Quit => return Some(Effect::Quit),
            Action::Suspend => return Some(Effect::Suspend),
            Action::Redraw => return Some(Effect::Redraw),
            Action::Jump => {
                return self
                    .selected_name()
                    .map(|name| Effect::Jump(name.to_owned()));
            }
            Action::Back => self.back(),
            Action::Help => {
                self.help_top = 0;
                self.mode = match self.mode {
                    Mode::Help => Mode::Browse,
                    Mode::Browse | Mode::Filter => Mode::Help,
                };
            }
            Action::Up(rows) if self.mode == Mode::Help => {
                self.help_top = self.help_top.saturating_sub(rows);
            }
            Action::Down(rows) if self.mode == Mode::Help => self.help_top += rows,
            Action::Up(rows) => self.select(self.cursor.saturating_sub(rows)),
            Action::Down(rows) => self.select(self.cursor + rows),
            Action::PageUp => self.select(self.cursor.saturating_sub(self.page)),
            Action::PageDown => self.select(self.cursor + self.page),
            Action::HalfUp => self.select(self.cursor.saturating_sub(self.page.div_ceil(2))),
            Action::HalfDown => self.select(self.cursor + self.page.div_ceil(2)),
            Action::First => {
                self.select(0);
                self.selected = None;
            }
            Action::Last => self.select(usize::MAX - 1),
            Action::NextSort => {
                self.sort = self.sort.next();
                self.reversed = false;
                self.outdated = true;
                self.note(format!("sorted by {}", self.order_in_words()));
            }
            Action::Reverse => {
                self.reversed = !self.reversed;
                self.outdated = true;
                self.note(format!("sorted by {}", self.order_in_words()));
            }
            Action::OnlyAttention => {
                self.only_attention = !self.only_attention;
                self.outdated = true;
            }
            Action::Open => {
                self.pane = match self.pane {
                    Some(_) => None,
                    None => Some(Pane {
                        detail: None,
                        outdated: true,
                        top: 0,
                    }),
                };
            }
            Action::Close => self.pane = None,
            Action::PaneUp => {
                if let Some(pane) = &mut self.pane {
                    pane.top = pane.top.saturating_sub(1);
                }
            }
            Action::PaneDown => {
                if let Some(pane) = &mut self.pane {
                    pane.top += 1;
                }
            }
            Action::Pause => self.pause(),
            Action::StartFilter => self.mode = Mode::Filter,
            Action::Type(c) => {
                self.filter.push(c);
                self.outdated = true;
            }
            Action::Erase => {
                // There is nothing left to erase but the prompt.
                if self.filter.pop().is_none() {
                    self.mode = Mode::Browse;
                }
                self.outdated = true;
            }
            Action::EraseWord => {
                let kept = self.filter.trim_end();
                let kept = kept.rfind(char::is_whitespace).map_or(0, |end| end + 1);
                self.filter.truncate(kept);
                self.outdated = true;
            }
            Action::EraseAll => {
                self.filter.clear();
                self.outdated = true;
            }
            Action::Accept => self.mode = Mode::Browse,
        }
        None
    }

    /// One step out of wherever one is. Not out of the screen: who presses the
    /// key once too often must not lose it.
    fn back(&mut self) {
        if self.mode == Mode::Help {
            self.mode = Mode::Browse;
        } else if self.mode == Mode::Filter || !self.filter.is_empty() {
            self.mode = Mode::Browse;
            self.filter.clear();
            self.outdated = true;
        } else if self.pane.is_some() {
            self.pane = None;
        } else if self.only_attention {
            self.only_attention = false;
            self.outdated = true;
        }
    }

    fn pause(&mut self) {
        match self.held_back.take() {
            None => self.held_back = Some(HashMap::new()),
            Some(held_back) => {
                for (name, session) in held_back {
                    match session {
                        Some(session) => self.place(session, false),
                        None => self.take_out(&name),
                    }
                }
            }
        }
    }

    pub fn is_paused(&self) -> bool {
        self.held_back.is_some()
    }

    /// Says something until the next key.
    pub fn note(&mut self, note: impl Into<String>) {
        self.note = Some(note.into());
    }

    pub fn noted(&self) -> Option<&str> {
        self.note.as_deref()
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    pub fn sort(&self) -> Sort {
        self.sort
    }

    pub fn order_in_words(&self) -> String {
        let reversed = if self.reversed { ", reversed" } else { "" };
        format!("{}{reversed}", self.sort.word())
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub fn filter(&self) -> &str {
        &self.filter
    }

    pub fn only_attention(&self) -> bool {
        self.only_attention
    }

    /// How many sessions are left by the filter.
    pub fn shown(&self) -> usize {
        self.order.len()
    }

    pub fn selected_name(&self) -> Option<&str> {
        let index = *self.order.get(self.cursor)?;
        Some(self.entries.get(index)?.session.name())
    }

    /// A visible session whose status nobody has looked up yet.
    pub fn without_since(&self) -> Option<&str> {
        self.visible()
            .map(|row| &self.entries[self.order[row]])
            .find(|entry| entry.since.is_none())
            .map(|entry| entry.session.name())
    }

    /// Tells since when a session has its status.
    pub fn set_since(&mut self, name: &str, since: Since) {
        if let Ok(index) = self.find(name) {
            self.entries[index].since = Some(since);
        }
    }

    /// The session whose detail must be read for the pane.
    pub fn wanted_detail(&self) -> Option<&str> {
        let pane = self.pane.as_ref()?;
        let name = self.selected_name()?;
        let fresh = pane.detail.as_ref().is_some_and(|detail| {
            detail.session.name() == name
                && self.now - detail.now < TimeDelta::seconds(DETAIL_SECONDS)
        });
        (pane.outdated || !fresh).then_some(name)
    }

    /// Gives the detail that was wanted; none if it cannot be had.
    pub fn set_detail(&mut self, detail: Option<Box<Detail>>) {
        if let Some(pane) = &mut self.pane {
            pane.outdated = false;
            pane.detail = detail;
        }
    }

    /// The pane, if it is open.
    pub fn pane(&mut self) -> Option<&mut Pane> {
        self.pane.as_mut()
    }

    /// The detail in the pane, as of now.
    pub fn detail(&mut self) -> Option<&Detail> {
        let name = self.selected_name()?;
        let health = self.entries[self.find(name).ok()?].session.health;
        let name = name.to_owned();
        let now = self.now;
        let detail = self.pane.as_mut()?.detail.as_mut()?;
        if detail.session.name() != name {
            return None;
        }
        detail.now = now.max(detail.now);
        detail.session.health = health;
        Some(detail)
    }
}

impl Entry {
    fn new(session: Session, since: Option<Since>) -> Self {
        Self {
            widths: Widths::of(&session),
            session,
            since,
            haystack: None,
        }
    }

    /// Whether it says all of some words, which are in lower case.
    fn matches(&mut self, words: &[&str]) -> bool {
        let Session { update, health, .. } = &self.session;
        let trouble = issue_word(health).unwrap_or_default();
        let haystack = self.haystack.get_or_insert_with(|| {
            let texts = [
                update.session.as_str(),
                update.status.as_str(),
                update.task_id.as_deref().unwrap_or_default(),
                &update.message,
            ];
            texts.join("\n").to_lowercase().into()
        });
        words
            .iter()
            .all(|word| haystack.contains(word) || trouble.contains(word))
    }
}

impl Widths {
    fn of(session: &Session) -> Self {
        let update = &session.update;
        let trouble = issue_word(&session.health).map_or(0, |word| 1 + word.len());
        let (word, _) = worst_word(session);
        Self {
            name: steady(&update.session).width(),
            status: steady(update.status.as_str()).width() + trouble,
            word: steady(word).width(),
            task: update
                .task_id
                .as_ref()
                .map_or(0, |task| steady(task).width()),
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            name: self.name.max(other.name),
            status: self.status.max(other.status),
            word: self.word.max(other.word),
            task: self.task.max(other.task),
        }
    }
}

impl Totals {
    fn of(entries: &[Entry]) -> Self {
        let mut totals = Self {
            sessions: entries.len(),
            ..Self::default()
        };
        for entry in entries {
            let Session { update, health, .. } = &entry.session;
            match totals.by_status.get_mut(&update.status) {
                Some(count) => *count += 1,
                None => {
                    totals.by_status.insert(update.status.clone(), 1);
                }
            }
            totals.stale += usize::from(health.is_stale());
            totals.dead += usize::from(health.liveness == Liveness::Dead);
            totals.widths = totals.widths.max(entry.widths);
            totals.any_progress |= update.progress.is_some();
        }
        totals
    }
}

fn compare(sort: Sort, a: &Session, b: &Session) -> Ordering {
    let (a, b) = (&a.update, &b.update);
    match sort {
        Sort::Status => a.status.cmp(&b.status),
        // One without progress has not begun to say how far it is.
        Sort::Progress => {
            let (a, b) = (a.progress.unwrap_or(-1.0), b.progress.unwrap_or(-1.0));
            b.total_cmp(&a)
        }
        Sort::Task => match (&a.task_id, &b.task_id) {
            (Some(a), Some(b)) => natural_cmp(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        },
        Sort::Attention | Sort::Name | Sort::Age => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sstat::{HealthRules, Update};

    fn now() -> DateTime<Utc> {
        sstat::parse_timestamp("2026-02-14T20:35:00Z").unwrap()
    }

    fn session(name: &str, status: &str, age: i64) -> Session {
        let then = (now() - TimeDelta::seconds(age)).to_rfc3339();
        let line = format!(
            r#"{{"timestamp":"{then}","status":"{status}","message":"says {name}","task_id":"t{age}"}}"#
        );
        let mut update = Update::decode(line.as_bytes()).unwrap();
        update.session = name.to_owned();
        HealthRules::new(now(), Thresholds::default()).evaluate(update)
    }

    fn screen() -> Screen {
        let sessions = [
            session("w1", "working", 10),
            session("w2", "working", 400),
            session("w10", "idle", 20),
            session("w3", "blocked", 30),
            session("w4", "error", 40),
            session("w5", "error", 50),
        ];
        let mut screen = Screen::new(sessions, now(), Thresholds::default());
        screen.refresh();
        screen
    }

    fn names(screen: &mut Screen) -> Vec<String> {
        screen.refresh();
        let rows = screen.rows(100);
        rows.map(|(_, entry)| entry.session.name().to_owned())
            .collect()
    }

    fn act(screen: &mut Screen, actions: &[Action]) {
        for action in actions {
            assert_eq!(screen.act(*action), None, "{action:?}");
            screen.refresh();
        }
    }

    #[test]
    fn those_that_need_attention_come_first() {
        let mut screen = screen();
        let order = ["w5", "w4", "w3", "w2", "w1", "w10"];
        assert_eq!(names(&mut screen), order);
        act(&mut screen, &[Action::OnlyAttention]);
        assert_eq!(names(&mut screen), order[..4]);
        assert_eq!(screen.totals().stale, 1);
    }

    #[test]
    fn sorted_and_reversed() {
        let mut screen = screen();
        act(&mut screen, &[Action::NextSort]);
        assert_eq!(screen.sort(), Sort::Name);
        assert_eq!(names(&mut screen), ["w1", "w2", "w3", "w4", "w5", "w10"]);
        act(&mut screen, &[Action::Reverse]);
        assert_eq!(names(&mut screen), ["w10", "w5", "w4", "w3", "w2", "w1"]);
        act(&mut screen, &[Action::NextSort, Action::NextSort]);
        assert_eq!(screen.order_in_words(), "age");
        assert_eq!(names(&mut screen), ["w2", "w5", "w4", "w3", "w10", "w1"]);
        act(&mut screen, &[Action::NextSort, Action::NextSort]);
        assert_eq!(names(&mut screen), ["w1", "w10", "w3", "w4", "w5", "w2"]);
    }

    #[test]
    fn a_filter_looks_at_all_that_is_shown() {
        let mut screen = screen();
        act(&mut screen, &[Action::StartFilter]);
        for (typed, left) in [('S', 6), ('t', 1), ('a', 1), ('l', 1), ('e', 1)] {
            act(&mut screen, &[Action::Type(typed)]);
            assert_eq!(screen.shown(), left, "{typed}");
        }
        assert_eq!(names(&mut screen), ["w2"]);
        act(&mut screen, &[Action::EraseWord, Action::Accept]);
        assert_eq!((screen.mode(), screen.shown()), (Mode::Browse, 6));
        act(&mut screen, &[Action::StartFilter]);
        for typed in "error says t40".chars() {
            act(&mut screen, &[Action::Type(typed)]);
        }
        assert_eq!(names(&mut screen), ["w4"]);
        act(&mut screen, &[Action::Accept, Action::Back]);
        assert_eq!(screen.shown(), 6);
    }

    #[test]
    fn the_cursor_stays_with_its_session() {
        let mut screen = screen();
        assert_eq!(screen.selected_name(), Some("w5"));
        // Untouched it stays on top, whoever is there.
        screen.put(session("w0", "error", 60), true);
        screen.refresh();
        assert_eq!(screen.selected_name(), Some("w0"));
        act(&mut screen, &[Action::Down(2)]);
        assert_eq!(screen.selected_name(), Some("w4"));
        screen.put(session("w4", "working", 0), true);
        screen.refresh();
        assert_eq!(screen.selected_name(), Some("w4"));
        screen.remove("w4");
        screen.refresh();
        assert_eq!(screen.selected_name(), Some("w10"), "the next in its place");
        act(&mut screen, &[Action::First, Action::Up(1)]);
        assert_eq!(screen.selected_name(), Some("w0"));
        act(&mut screen, &[Action::Last, Action::Down(1)]);
        assert_eq!(screen.selected_name(), Some("w10"));
    }

    #[test]
    fn the_page_follows_the_cursor_and_stays_full() {
        let mut screen = screen();
        assert_eq!(screen.rows(4).count(), 4);
        act(&mut screen, &[Action::PageDown]);
        assert_eq!(screen.visible(), 1..5);
        act(&mut screen, &[Action::Last]);
        assert_eq!(screen.visible(), 2..6);
        assert_eq!(screen.rows(5).count(), 5);
        assert_eq!(screen.visible(), 1..6);
        act(&mut screen, &[Action::First]);
        assert_eq!(screen.visible(), 0..5);
        act(&mut screen, &[Action::HalfDown, Action::HalfDown]);
        assert_eq!(screen.visible(), 1..6);
    }

    #[test]
    fn a_paused_screen_stands_still() {
        let mut screen = screen();
        act(&mut screen, &[Action::Pause]);
        screen.put(session("w1", "error", 0), true);
        screen.put(session("w7", "working", 0), true);
        screen.remove("w3");
        screen.tick(now() + TimeDelta::hours(1));
        assert_eq!(names(&mut screen), ["w5", "w4", "w3", "w2", "w1", "w10"]);
        assert_eq!((screen.now(), screen.totals().stale), (now(), 1));
        act(&mut screen, &[Action::Pause]);
        screen.tick(now() + TimeDelta::hours(1));
        screen.refresh();
        assert_eq!(screen.totals().stale, 6);
        assert_eq!(names(&mut screen), ["w5", "w4", "w1", "w2", "w10", "w7"]);
    }

    #[test]
    fn sessions_go_stale_by_themselves() {
        let mut screen = screen();
        screen.tick(now() + TimeDelta::seconds(290));
        screen.refresh();
        assert_eq!(screen.totals().stale, 5, "all but w1");
        assert_eq!(names(&mut screen), ["w5", "w4", "w3", "w2", "w10", "w1"]);
    }

    #[test]
    fn the_time_in_a_status_begins_with_it() {
        let mut screen = screen();
        assert!(screen.without_since().is_some());
        let begun = Since {
            at: now() - TimeDelta::hours(1),
            at_least: false,
        };
        for name in names(&mut screen) {
            screen.set_since(&name, begun);
        }
        assert_eq!(screen.without_since(), None);
        let since = |screen: &Screen| screen.entries[0].since.unwrap().at;
        screen.put(session("w1", "working", 0), true);
        assert_eq!(since(&screen), begun.at);
        screen.put(session("w1", "blocked", 0), true);
        assert_eq!(since(&screen), now());
        act(&mut screen, &[Action::Pause]);
        screen.put(session("w1", "idle", 0), true);
        act(&mut screen, &[Action::Pause]);
        assert_eq!(screen.without_since(), Some("w1"));
    }

    #[test]
    fn one_step_out_at_a_time() {
        let mut screen = screen();
        let filter = [Action::StartFilter, Action::Type('w'), Action::Accept];
        act(&mut screen, &[Action::OnlyAttention, Action::Open]);
        act(&mut screen, &filter);
        act(&mut screen, &[Action::Help]);
        assert_eq!(screen.wanted_detail(), Some("w5"));
        act(&mut screen, &[Action::Back]);
        assert_eq!((screen.mode(), screen.filter()), (Mode::Browse, "w"));
        act(&mut screen, &[Action::Back]);
        assert!(screen.filter().is_empty() && screen.pane().is_some());
        act(&mut screen, &[Action::Back]);
        assert!(screen.pane().is_none() && screen.only_attention());
        act(&mut screen, &[Action::Back]);
        assert_eq!((screen.only_attention(), screen.shown()), (false, 6));
        // There is nothing left to go back from.
        act(&mut screen, &[Action::Back]);
        assert_eq!(screen.act(Action::Quit), Some(Effect::Quit));
        assert_eq!(
            screen.act(Action::Jump),
            Some(Effect::Jump("w5".to_owned()))
        );
    }
}
