//! The state of the screen: cursor, order, filter and panes. The sessions are
//! in the [`SessionTable`], which most functions read. This module does no I/O.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use sstat::{Attention, Health, Liveness, Session, Status, Update, natural_cmp};

use crate::render::issue_word;
use crate::render::style::{Role, worst_issue};
use crate::tui::keys::{Action, Mode};
use crate::tui::text::columns;
use crate::view::Detail;
use crate::watch::event::Event;
use crate::watch::session_table::SessionTable;

/// The maximum age of the detail, because its estimate changes with time.
const DETAIL_SECONDS: i64 = 10;

/// The state of the screen.
#[derive(Default)]
pub struct Screen {
    /// The indexes in the session table, in the order of the rows.
    pub rows: Vec<usize>,
    /// Whether `rows` and `totals` must be computed again.
    is_outdated: bool,
    pub totals: Totals,
    pub now: DateTime<Utc>,

    pub sort: Sort,
    is_reversed: bool,
    pub only_attention: bool,
    pub filter: String,
    pub mode: Mode,
    pub is_paused: bool,
    /// The session under the cursor. If it is `None`, the cursor stays in the
    /// first row.
    selected: Option<String>,
    cursor: usize,
    top: usize,
    page: usize,
    pub is_pane_open: bool,
    /// The last detail that was read; `None` if it has changed since or could not
    /// be read.
    pub detail: Option<Box<Detail>>,
    /// The first visible line of the detail, and of the help.
    pub detail_top: usize,
    pub help_top: usize,
    /// A message in the bottom line, until the next key.
    pub note: Option<String>,
}

/// The counts in the top line, and what the widths of the columns depend on.
#[derive(Debug, Default)]
pub struct Totals {
    pub sessions: usize,
    pub by_status: BTreeMap<Status, usize>,
    pub stale: usize,
    pub dead: usize,
    pub any_progress: bool,
    /// The maximum width of the names.
    pub name: usize,
    /// The maximum width of a status and its issue.
    pub status_and_issue: usize,
    /// The maximum width of a status or an issue.
    pub word: usize,
    /// The maximum width of the tasks.
    pub task: usize,
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The most urgent session first.
    #[default]
    Attention,
    Name,
    Status,
    Age,
    Progress,
    Task,
}

impl Sort {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Attention, "attention"),
        (Self::Name, "name"),
        (Self::Status, "status"),
        (Self::Age, "age"),
        (Self::Progress, "progress"),
        (Self::Task, "task"),
    ];

    fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()].0
    }
}

impl Screen {
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            now,
            is_outdated: true,
            page: 1,
            ..Self::default()
        }
    }

    /// Takes note of a change in the session table.
    pub fn observe(&mut self, event: &Event) {
        if self.is_paused {
            return;
        }
        self.is_outdated = true;
        let update = &event.session.update;
        let name = update.session.as_str();
        self.detail.take_if(|detail| detail.session.name() == name);
    }

    /// Sets the time, except on a paused screen. `time_filters` says that the
    /// time decides which sessions are shown.
    pub fn tick(&mut self, now: DateTime<Utc>, time_filters: bool) {
        if !self.is_paused {
            self.now = now;
            self.is_outdated |= time_filters;
        }
    }

    /// Updates the rows and the totals after changes. `wants` is the filter of
    /// the command line. The other functions rely on this call.
    pub fn refresh(&mut self, table: &SessionTable, wants: impl Fn(&Session) -> bool) {
        if !std::mem::take(&mut self.is_outdated) {
            return;
        }
        let filter = self.filter.to_lowercase();
        let words: Vec<&str> = filter.split_whitespace().collect();
        let mut text = String::new();
        self.totals = Totals::default();
        let mut rows = Vec::new();
        for (index, session) in table.sessions().enumerate() {
            if wants(session) {
                self.totals.add(session);
                if (!self.only_attention || session.needs_attention())
                    && contains_words(session, &words, &mut text)
                {
                    rows.push((sort_key(self.sort, session), index));
                }
            }
        }
        // The rows are in natural order of the names, and the sorts are stable.
        rows.sort_by_key(|&(key, _)| key);
        self.rows.clear();
        self.rows.extend(rows.into_iter().map(|(_, index)| index));
        let sort = self.sort;
        if !matches!(sort, Sort::Attention | Sort::Name) {
            self.rows.sort_by(|&a, &b| {
                let sessions = table.get(a).zip(table.get(b));
                sessions.map_or(Ordering::Equal, |(a, b)| compare(sort, a, b))
            });
        }
        if self.is_reversed {
            self.rows.reverse();
        }
        let selected = self.selected.as_deref();
        let index = selected.and_then(|name| table.position(name));
        let row = index.and_then(|index| self.rows.iter().position(|&row| row == index));
        match (selected, row) {
            (None, _) => self.cursor = 0,
            (Some(_), Some(row)) => self.cursor = row,
            (Some(_), None) => self.select(self.cursor, table),
        }
        self.scroll();
    }

    /// Sets the height of the page.
    pub fn set_page(&mut self, page: usize) {
        self.page = page.max(1);
        self.scroll();
    }

    /// Returns the indexes of the visible sessions in the table.
    pub fn visible_rows(&self) -> &[usize] {
        &self.rows[self.visible()]
    }

    /// Returns the range of the visible rows.
    pub fn visible(&self) -> Range<usize> {
        self.top..(self.top + self.page).min(self.rows.len())
    }

    /// Returns the cursor's distance from the first visible row.
    pub fn cursor_in_page(&self) -> usize {
        self.cursor - self.top
    }

    /// Keeps the cursor visible and the page full.
    fn scroll(&mut self) {
        let max_top = self.rows.len().saturating_sub(self.page);
        self.top = self
            .top
            .min(max_top)
            .min(self.cursor)
            .max((self.cursor + 1).saturating_sub(self.page));
    }

    /// Moves the cursor to a row, or to the last one.
    fn select(&mut self, row: usize, table: &SessionTable) {
        self.cursor = row.min(self.rows.len().saturating_sub(1));
        self.selected = self.selected_session(table).map(|s| s.name().to_owned());
        self.detail_top = 0;
        self.scroll();
    }

    /// Performs an action. Returns an action that involves more than the screen.
    pub fn act(&mut self, action: Action, table: &SessionTable) -> Option<Action> {
        self.note = None;
        if self.mode == Mode::Help
            && let Some(top) = self.moved(action, self.help_top)
        {
            self.help_top = top;
            return None;
        }
        if let Some(row) = self.moved(action, self.cursor) {
            self.select(row, table);
            if action == Action::First {
                self.selected = None;
            }
            return None;
        }
        self.is_outdated = true;
        match action {
            Action::Pause => {
                self.is_paused = !self.is_paused;
                // The events of the pause were not observed.
                self.detail = None;
                return Some(action);
            }
            Action::Back => self.back(),
            Action::Help if self.mode == Mode::Help => self.mode = Mode::Browse,
            Action::Help => (self.mode, self.help_top) = (Mode::Help, 0),
            Action::NextSort => {
                self.sort = self.sort.next();
                self.is_reversed = false;
                self.note(format!("sorted by {}", self.order_in_words()));
            }
            Action::Reverse => {
                self.is_reversed = !self.is_reversed;
                self.note(format!("sorted by {}", self.order_in_words()));
            }
            Action::OnlyAttention => self.only_attention = !self.only_attention,
            Action::Open => {
                self.is_pane_open = !self.is_pane_open;
                self.detail_top = 0;
            }
            Action::Close => self.is_pane_open = false,
            Action::PaneUp => self.detail_top = self.detail_top.saturating_sub(1),
            Action::PaneDown => self.detail_top += 1,
            Action::StartFilter => self.mode = Mode::Filter,
            Action::Type(c) => self.filter.push(c),
            Action::Erase if self.filter.is_empty() => self.mode = Mode::Browse,
            Action::Erase => {
                self.filter.pop();
            }
            Action::EraseWord => {
                let kept = self.filter.trim_end();
                let kept = kept.rfind(char::is_whitespace).map_or(0, |end| end + 1);
                self.filter.truncate(kept);
            }
            Action::EraseAll => self.filter.clear(),
            Action::Accept => self.mode = Mode::Browse,
            _ => return Some(action),
        }
        None
    }

    /// Inserts pasted text into the filter while the user types it, otherwise
    /// ignores it.
    pub fn paste(&mut self, text: &str) {
        if self.mode == Mode::Filter {
            let text = text.replace(char::is_control, " ");
            self.filter.push_str(text.trim());
            self.is_outdated = true;
        }
    }

    /// Returns the row or line to which an action moves; `None` for an action that
    /// does not move. The result may be after the last row.
    fn moved(&self, action: Action, from: usize) -> Option<usize> {
        let half = self.page.div_ceil(2);
        Some(match action {
            Action::Up(rows) => from.saturating_sub(rows),
            Action::Down(rows) => from.saturating_add(rows),
            Action::HalfUp => from.saturating_sub(half),
            Action::HalfDown => from.saturating_add(half),
            Action::PageUp => from.saturating_sub(self.page),
            Action::PageDown => from.saturating_add(self.page),
            Action::First => 0,
            Action::Last => usize::MAX,
            _ => return None,
        })
    }

    /// Leaves the innermost of help, filter, detail and attention view, never the
    /// screen: Esc pressed once too often must not end it.
    fn back(&mut self) {
        if self.mode == Mode::Help {
            self.mode = Mode::Browse;
        } else if self.mode == Mode::Filter || !self.filter.is_empty() {
            self.mode = Mode::Browse;
            self.filter.clear();
        } else if self.is_pane_open {
            self.is_pane_open = false;
        } else {
            self.only_attention = false;
        }
    }

    /// Shows a message until the next key.
    pub fn note(&mut self, note: impl Into<String>) {
        self.note = Some(note.into());
    }

    pub fn order_in_words(&self) -> String {
        let reversed = if self.is_reversed { ", reversed" } else { "" };
        format!("{}{reversed}", Sort::ALL[self.sort as usize].1)
    }

    pub fn selected_session<'a>(&self, table: &'a SessionTable) -> Option<&'a Session> {
        table.get(*self.rows.get(self.cursor)?)
    }

    /// Returns a visible session whose status has an unknown start.
    pub fn without_since<'a>(&self, table: &'a SessionTable) -> Option<&'a str> {
        self.visible_rows()
            .iter()
            .filter_map(|&index| table.get(index))
            .find(|session| session.since.is_none())
            .map(Session::name)
    }

    /// Returns the selected session if the pane needs its current detail.
    pub fn wanted_detail<'a>(&self, table: &'a SessionTable) -> Option<&'a str> {
        let name = self.selected_session(table)?.name();
        let max_age = TimeDelta::seconds(DETAIL_SECONDS);
        let is_current = self
            .detail
            .as_ref()
            .is_some_and(|detail| detail.session.name() == name && self.now - detail.now < max_age);
        (self.is_pane_open && !is_current).then_some(name)
    }

    /// Returns the detail of the selected session with its current health.
    pub fn detail(&mut self, table: &SessionTable) -> Option<&Detail> {
        let index = *self.rows.get(self.cursor)?;
        let name = table.get(index)?.name();
        let detail = self.detail.as_mut()?;
        if detail.session.name() != name {
            return None;
        }
        detail.now = self.now.max(detail.now);
        detail.session.health = table.health_at(index, self.now)?;
        Some(detail)
    }
}

/// Returns the key for the order by attention: the most urgent session first, and
/// the one that has waited longest.
fn sort_key(sort: Sort, session: &Session) -> Option<(Attention, i64)> {
    let attention = session.attention();
    (sort == Sort::Attention).then(|| match attention {
        Attention::None => (attention, 0),
        _ => (attention, session.update.timestamp.timestamp_millis()),
    })
}

fn compare(sort: Sort, a: &Session, b: &Session) -> Ordering {
    let (a, b) = (&a.update, &b.update);
    match sort {
        Sort::Age => a.timestamp.cmp(&b.timestamp),
        Sort::Status => a.status.cmp(&b.status),
        // Sessions without progress come last.
        Sort::Progress => {
            let (a, b) = (a.progress.unwrap_or(-1.0), b.progress.unwrap_or(-1.0));
            b.total_cmp(&a)
        }
        Sort::Task => match (&a.task_id, &b.task_id) {
            (Some(a), Some(b)) => natural_cmp(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        },
        Sort::Attention | Sort::Name => Ordering::Equal,
    }
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

/// Returns whether each word, in lower case, is part of the session's name,
/// status, task, message or issue. `text` is a buffer to reuse.
fn contains_words(session: &Session, words: &[&str], text: &mut String) -> bool {
    if words.is_empty() {
        return true;
    }
    let Session { update, health, .. } = session;
    text.clear();
    for part in [
        &update.session,
        update.status.as_str(),
        update.task_id.as_deref().unwrap_or_default(),
        &update.message,
        issue_word(health).unwrap_or_default(),
    ] {
        text.push_str(part);
        text.push('\n');
    }
    if text.is_ascii() {
        text.make_ascii_lowercase();
    } else {
        *text = text.to_lowercase();
    }
    words.iter().all(|word| text.contains(word))
}

impl Totals {
    fn add(&mut self, session: &Session) {
        let Session { update, health, .. } = session;
        self.sessions += 1;
        match self.by_status.get_mut(&update.status) {
            Some(count) => *count += 1,
            None => {
                self.by_status.insert(update.status.clone(), 1);
            }
        }
        self.stale += usize::from(health.is_stale());
        self.dead += usize::from(health.liveness == Liveness::Dead);
        self.any_progress |= update.progress.is_some();
        let issue = issue_word(health).map_or(0, |word| 1 + word.len());
        let status = columns(update.status.as_str());
        self.name = self.name.max(columns(&update.session));
        self.status_and_issue = self.status_and_issue.max(status + issue);
        self.word = self.word.max(columns(worst_word(update, health).0));
        let task = update.task_id.as_deref().unwrap_or_default();
        self.task = self.task.max(columns(task));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sstat::{ProcessState, Thresholds};

    fn now() -> DateTime<Utc> {
        sstat::parse_timestamp("2026-02-14T20:35:00Z").unwrap()
    }

    /// A screen and its session table.
    struct Scene {
        screen: Screen,
        table: SessionTable,
    }

    impl Scene {
        fn new() -> Self {
            let mut scene = Self {
                screen: Screen::new(now()),
                table: SessionTable::new(Thresholds::default()),
            };
            scene.put("w1", "working", 10);
            scene.put("w2", "working", 400);
            scene.put("w10", "idle", 20);
            scene.put("w3", "blocked", 30);
            scene.put("w4", "error", 40);
            scene.put("w5", "error", 50);
            scene
        }

        fn put(&mut self, name: &str, status: &str, age: i64) {
            let then = (now() - TimeDelta::seconds(age)).to_rfc3339();
            let line = format!(
                r#"{{"timestamp":"{then}","status":"{status}","message":"says {name}","task_id":"t{age}"}}"#
            );
            let mut update = Update::decode(line.as_bytes()).unwrap();
            update.session = name.to_owned();
            self.change(|table, events| table.update(update, ProcessState::Unknown, now(), events));
        }

        fn remove(&mut self, name: &str) {
            self.change(|table, events| table.remove(name, now(), events));
        }

        fn change(&mut self, change: impl FnOnce(&mut SessionTable, &mut Vec<Event>)) {
            let mut events = Vec::new();
            change(&mut self.table, &mut events);
            for event in &events {
                self.screen.observe(event);
            }
            self.refresh();
        }

        fn refresh(&mut self) {
            self.screen.refresh(&self.table, |_| true);
        }

        fn act(&mut self, actions: &[Action]) {
            for &action in actions {
                let effect = self.screen.act(action, &self.table);
                assert!(matches!(effect, None | Some(Action::Pause)), "{action:?}");
                self.refresh();
            }
        }

        fn names(&mut self) -> Vec<&str> {
            self.screen.set_page(100);
            let rows = self.screen.visible_rows();
            rows.iter()
                .map(|&index| self.table.get(index).unwrap().name())
                .collect()
        }

        fn selected(&self) -> Option<&str> {
            self.screen.selected_session(&self.table).map(Session::name)
        }
    }

    #[test]
    fn urgent_sessions_come_first() {
        let mut scene = Scene::new();
        let order = ["w5", "w4", "w3", "w2", "w1", "w10"];
        assert_eq!(scene.names(), order);
        scene.act(&[Action::OnlyAttention]);
        assert_eq!(scene.names(), order[..4]);
        assert_eq!(scene.screen.totals.stale, 1);
    }

    #[test]
    fn rows_are_sorted_and_reversed() {
        let mut scene = Scene::new();
        scene.act(&[Action::NextSort]);
        assert_eq!(scene.screen.sort, Sort::Name);
        assert_eq!(scene.names(), ["w1", "w2", "w3", "w4", "w5", "w10"]);
        scene.act(&[Action::Reverse]);
        assert_eq!(scene.names(), ["w10", "w5", "w4", "w3", "w2", "w1"]);
        scene.act(&[Action::NextSort, Action::NextSort]);
        assert_eq!(scene.screen.order_in_words(), "age");
        assert_eq!(scene.names(), ["w2", "w5", "w4", "w3", "w10", "w1"]);
        scene.act(&[Action::NextSort, Action::NextSort]);
        assert_eq!(scene.names(), ["w1", "w10", "w3", "w4", "w5", "w2"]);
    }

    #[test]
    fn filter_searches_all_that_a_row_shows() {
        let mut scene = Scene::new();
        scene.act(&[Action::StartFilter]);
        for (typed, left) in [('S', 6), ('t', 1), ('a', 1), ('l', 1), ('e', 1)] {
            scene.act(&[Action::Type(typed)]);
            assert_eq!(scene.screen.rows.len(), left, "{typed}");
        }
        assert_eq!(scene.names(), ["w2"]);
        scene.act(&[Action::EraseWord, Action::Accept]);
        assert_eq!(
            (scene.screen.mode, scene.screen.rows.len()),
            (Mode::Browse, 6)
        );
        scene.act(&[Action::StartFilter]);
        for typed in "error says t40".chars() {
            scene.act(&[Action::Type(typed)]);
        }
        assert_eq!(scene.names(), ["w4"]);
        scene.act(&[Action::Accept, Action::Back]);
        assert_eq!(scene.screen.rows.len(), 6);
    }

    #[test]
    fn cursor_stays_with_its_session() {
        let mut scene = Scene::new();
        assert_eq!(scene.selected(), Some("w5"));
        // Before the first key it stays in the first row.
        scene.put("w0", "error", 60);
        assert_eq!(scene.selected(), Some("w0"));
        scene.act(&[Action::Down(2)]);
        assert_eq!(scene.selected(), Some("w4"));
        scene.put("w4", "working", 0);
        assert_eq!(scene.selected(), Some("w4"));
        scene.remove("w4");
        assert_eq!(scene.selected(), Some("w10"), "the next in its place");
        scene.act(&[Action::First, Action::Up(1)]);
        assert_eq!(scene.selected(), Some("w0"));
        scene.act(&[Action::Last, Action::Down(1)]);
        assert_eq!(scene.selected(), Some("w10"));
    }

    #[test]
    fn page_follows_the_cursor_and_stays_full() {
        let mut scene = Scene::new();
        scene.screen.set_page(4);
        assert_eq!(scene.screen.visible(), 0..4);
        scene.act(&[Action::PageDown]);
        assert_eq!(scene.screen.visible(), 1..5);
        scene.act(&[Action::Last]);
        assert_eq!(scene.screen.visible(), 2..6);
        scene.screen.set_page(5);
        assert_eq!(scene.screen.visible(), 1..6);
        scene.act(&[Action::First]);
        assert_eq!(scene.screen.visible(), 0..5);
        scene.act(&[Action::HalfDown, Action::HalfDown]);
        assert_eq!(scene.screen.visible(), 1..6);
    }

    #[test]
    fn paused_screen_ignores_events_and_time() {
        let mut scene = Scene::new();
        scene.act(&[Action::Pause]);
        scene.put("w1", "error", 0);
        scene.remove("w3");
        scene.screen.tick(now() + TimeDelta::hours(1), true);
        assert_eq!(scene.screen.rows.len(), 6);
        assert_eq!((scene.screen.now, scene.screen.totals.stale), (now(), 1));
        scene.act(&[Action::Pause]);
        scene.screen.tick(now() + TimeDelta::hours(1), true);
        assert_eq!(scene.screen.now, now() + TimeDelta::hours(1));
        assert_eq!(scene.names(), ["w5", "w4", "w1", "w2", "w10"]);
    }

    #[test]
    fn session_goes_stale_without_an_update() {
        let mut scene = Scene::new();
        scene.change(|table, events| table.tick(now() + TimeDelta::seconds(290), events));
        assert_eq!(scene.screen.totals.stale, 5, "all but w1");
        assert_eq!(scene.names(), ["w5", "w4", "w3", "w2", "w10", "w1"]);
    }

    #[test]
    fn visible_session_without_its_start_is_found() {
        let mut scene = Scene::new();
        scene.names();
        assert_eq!(scene.screen.without_since(&scene.table), None);
        scene.table.set_since("w10", None);
        assert_eq!(scene.screen.without_since(&scene.table), Some("w10"));
        scene.screen.set_page(3);
        assert_eq!(
            scene.screen.without_since(&scene.table),
            None,
            "not visible"
        );
    }

    #[test]
    fn back_leaves_one_view_at_a_time() {
        let mut scene = Scene::new();
        scene.act(&[Action::OnlyAttention, Action::Open]);
        scene.act(&[Action::StartFilter, Action::Type('w'), Action::Accept]);
        scene.act(&[Action::Help]);
        assert_eq!(scene.screen.wanted_detail(&scene.table), Some("w5"));
        scene.act(&[Action::Back]);
        assert_eq!(
            (scene.screen.mode, scene.screen.filter.as_str()),
            (Mode::Browse, "w")
        );
        scene.act(&[Action::Back]);
        assert!(scene.screen.filter.is_empty() && scene.screen.is_pane_open);
        scene.act(&[Action::Back]);
        assert!(!scene.screen.is_pane_open && scene.screen.only_attention);
        scene.act(&[Action::Back]);
        assert_eq!(
            (scene.screen.only_attention, scene.screen.rows.len()),
            (false, 6)
        );
        scene.act(&[Action::Back]);
        let mut effect = |action| scene.screen.act(action, &scene.table);
        assert_eq!(effect(Action::Quit), Some(Action::Quit));
        assert_eq!(effect(Action::Jump), Some(Action::Jump));
    }
}
