//! The state of the screen: cursor, mode, panes and the user's choices. The
//! sessions are in the [`SessionTable`], which most functions read. This module
//! does no I/O.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use ratatui::layout::{Position, Rect};
use sstat::{JsonObject, Session};

use crate::tui::keys::{Action, Mode};
use crate::tui::rows::{Choice, Only, Row, Rows};
use crate::view::Detail;
use crate::view::column::Column;
use crate::view::group::{Group, GroupBy, group};
use crate::watch::event::Event;
use crate::watch::session_table::SessionTable;

/// The maximum age of the detail, because its estimate changes with time.
const DETAIL_SECONDS: i64 = 10;

/// The rows by which the mouse wheel moves.
const WHEEL: isize = 3;

/// The columns that are shown at first.
const COLUMNS: [Column; 7] = [
    Column::Session,
    Column::Status,
    Column::For,
    Column::Age,
    Column::Progress,
    Column::Task,
    Column::Message,
];

/// The columns that can be chosen besides those of the metadata, which come before
/// the message.
const CHOOSABLE: [Column; 11] = [
    Column::Session,
    Column::Status,
    Column::For,
    Column::Age,
    Column::Since,
    Column::Progress,
    Column::Task,
    Column::Pid,
    Column::Host,
    Column::Directory,
    Column::Message,
];

/// How many keys of the metadata can be chosen, the most frequent ones.
const MAX_KEYS: usize = 20;

/// The state of the screen.
#[derive(Default)]
pub struct Screen {
    pub rows: Rows,
    /// Whether `rows` must be computed again.
    is_outdated: bool,
    pub now: DateTime<Utc>,
    /// The filters of the command line.
    pub scope: String,
    pub choice: Choice,
    pub mode: Mode,
    pub is_paused: bool,
    /// The row under the cursor. If it is `None`, the cursor stays in the first row.
    selected: Option<Selected>,
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
    /// The columns to choose from, and the cursor in them.
    pub choosable: Vec<Column>,
    pub chooser_row: usize,
    /// A message in the bottom line, until the next key.
    pub note: Option<String>,
    /// Where the last frame has drawn what can be clicked.
    pub areas: Areas,
}

/// A row that the cursor follows.
enum Selected {
    Session(String),
    /// A group, and its first session, in case that there is no such group anymore.
    Group {
        name: String,
        first: String,
    },
}

/// The areas of a frame.
#[derive(Default)]
pub struct Areas {
    pub table: Rect,
    pub pane: Rect,
    /// The headings of the columns.
    pub headings: Vec<(Range<u16>, Column)>,
}

impl Screen {
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            now,
            is_outdated: true,
            page: 1,
            choice: Choice {
                columns: COLUMNS.into(),
                ..Choice::default()
            },
            ..Self::default()
        }
    }

    /// Takes note of a change in the session table.
    pub fn observe(&mut self, event: &Event) {
        if !self.is_paused {
            self.is_outdated = true;
            let name = event.session.qualified_name();
            self.detail
                .take_if(|detail| detail.session.qualified_name() == name);
        }
    }

    /// Sets the time, except on a paused screen. `time_filters` says that the
    /// time decides which sessions are shown.
    pub fn tick(&mut self, now: DateTime<Utc>, time_filters: bool) {
        if !self.is_paused {
            self.now = now;
            let next = self.rows.next_finished;
            self.is_outdated |= time_filters || next.is_some_and(|at| at <= now);
        }
    }

    /// Updates the rows after changes. `wants` is the filter of the command line.
    /// The other functions rely on this call.
    pub fn refresh(&mut self, table: &SessionTable, wants: impl Fn(&Session) -> bool) {
        if !std::mem::take(&mut self.is_outdated) {
            return;
        }
        self.rows = Rows::new(table, &self.choice, self.now, wants);
        match &self.selected {
            None => self.cursor = 0,
            Some(selected) => match self.row_of(selected, table) {
                Some(row) => self.cursor = row,
                None => self.select(self.cursor, table),
            },
        }
        self.scroll();
    }

    /// Returns the row of a session or of a group. That of a folded session is its
    /// group's.
    fn row_of(&self, selected: &Selected, table: &SessionTable) -> Option<usize> {
        let Rows { rows, groups, .. } = &self.rows;
        let place = |wanted| rows.iter().position(|&row| row == wanted);
        let group_row = |is_wanted: &dyn Fn(&Group) -> bool| {
            let group = groups.iter().position(is_wanted)?;
            place(Row::Group(group))
        };
        let session = match selected {
            Selected::Session(name) => name,
            Selected::Group { name, first } => {
                let row = group_row(&|group| group.name == *name);
                if row.is_some() {
                    return row;
                }
                first
            }
        };
        let index = table.position(session)?;
        place(Row::Session(index)).or_else(|| group_row(&|group| group.members.contains(&index)))
    }

    /// Sets the height of the page.
    pub fn set_page(&mut self, page: usize) {
        self.page = page.max(1);
        self.scroll();
    }

    /// Returns the visible rows.
    pub fn visible_rows(&self) -> &[Row] {
        &self.rows.rows[self.visible()]
    }

    /// Returns the range of the visible rows.
    pub fn visible(&self) -> Range<usize> {
        self.top..(self.top + self.page).min(self.rows.rows.len())
    }

    /// Returns the cursor's distance from the first visible row.
    pub fn cursor_in_page(&self) -> usize {
        self.cursor - self.top
    }

    /// Keeps the cursor visible and the page full.
    fn scroll(&mut self) {
        let max_top = self.rows.rows.len().saturating_sub(self.page);
        self.top = self
            .top
            .min(max_top)
            .min(self.cursor)
            .max((self.cursor + 1).saturating_sub(self.page));
    }

    /// Moves the cursor to a row, or to the last one.
    fn select(&mut self, row: usize, table: &SessionTable) {
        self.cursor = row.min(self.rows.rows.len().saturating_sub(1));
        let name = |index| Some(table.get(index)?.qualified_name().into_owned());
        self.selected = match self.selected_group() {
            Some(group) => group.members.first().and_then(|&first| {
                Some(Selected::Group {
                    name: group.name.clone(),
                    first: name(first)?,
                })
            }),
            None => self.selected_index().and_then(name).map(Selected::Session),
        };
        self.detail_top = 0;
        self.scroll();
    }

    /// Performs an action. Returns an action that involves more than the screen.
    pub fn act(&mut self, action: Action, table: &SessionTable) -> Option<Action> {
        self.note = None;
        let place = match self.mode {
            Mode::Help => self.help_top,
            Mode::Columns => self.chooser_row,
            _ => self.cursor,
        };
        if let Some(place) = self.moved(action, place) {
            match self.mode {
                Mode::Help => self.help_top = place,
                Mode::Columns => {
                    self.chooser_row = place.min(self.choosable.len().saturating_sub(1));
                }
                _ => {
                    self.select(place, table);
                    self.selected.take_if(|_| action == Action::First);
                }
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
            Action::NextSort => self.sort_by(self.next_sort()),
            Action::Reverse => {
                self.choice.is_reversed = !self.choice.is_reversed;
                self.note_order();
            }
            Action::LongestFirst => self.toggle_longest_first(),
            Action::OnlyAttention => self.show_only(Only::Attention),
            Action::OnlyFinished => self.show_only(Only::Finished),
            Action::NextGrouping => self.group_by_next(table),
            Action::Enter | Action::Open | Action::Close => self.open_or_fold(action),
            Action::ChooseColumns => self.choose_columns(table),
            Action::ToggleColumn => self.toggle_column(),
            Action::Click(at) => return self.click(at, table),
            Action::ScrollUp(at) if self.areas.pane.contains(at) => self.scroll_pane(-WHEEL),
            Action::ScrollDown(at) if self.areas.pane.contains(at) => self.scroll_pane(WHEEL),
            Action::ScrollUp(_) => return self.act(Action::Up(WHEEL as usize), table),
            Action::ScrollDown(_) => return self.act(Action::Down(WHEEL as usize), table),
            Action::PaneUp => self.scroll_pane(-1),
            Action::PaneDown => self.scroll_pane(1),
            Action::StartFilter => self.mode = Mode::Filter,
            Action::Type(c) => self.choice.filter.push(c),
            Action::Erase if self.choice.filter.is_empty() => self.mode = Mode::Browse,
            Action::Erase => {
                self.choice.filter.pop();
            }
            Action::EraseWord => {
                let filter = &mut self.choice.filter;
                let kept = filter.trim_end();
                let kept = kept.rfind(char::is_whitespace).map_or(0, |end| end + 1);
                filter.truncate(kept);
            }
            Action::EraseAll => self.choice.filter.clear(),
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
            self.choice.filter.push_str(text.trim());
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

    /// Opens or closes the detail of a session; unfolds or folds a group.
    fn open_or_fold(&mut self, action: Action) {
        let group = match action {
            Action::Close => self.surrounding_group(),
            _ => self.selected_group(),
        };
        let name = group.map(|group| group.name.clone());
        let unfolded = &mut self.choice.unfolded;
        if action == Action::Close && self.is_pane_open {
            self.is_pane_open = false;
        } else if let Some(name) = name {
            let was_unfolded = unfolded.remove(&name);
            if action == Action::Open || (action == Action::Enter && !was_unfolded) {
                unfolded.insert(name);
            }
        } else if action != Action::Close {
            self.is_pane_open = action == Action::Open || !self.is_pane_open;
            self.detail_top = 0;
        }
    }

    fn scroll_pane(&mut self, lines: isize) {
        self.detail_top = self.detail_top.saturating_add_signed(lines);
    }

    /// Sorts by the column of a clicked heading, or selects a clicked row. A click on
    /// the selected row is like Enter.
    fn click(&mut self, at: Position, table: &SessionTable) -> Option<Action> {
        let is_covered = matches!(self.mode, Mode::Help | Mode::Columns);
        if is_covered || !self.areas.table.contains(at) {
            return None;
        }
        let Some(row) = (at.y - self.areas.table.y).checked_sub(1) else {
            let mut headings = self.areas.headings.iter();
            let heading = headings.find(|(columns, _)| columns.contains(&at.x));
            match heading.map(|(_, column)| column.clone()) {
                Some(column) if self.choice.sort.as_ref() == Some(&column) => {
                    return self.act(Action::Reverse, table);
                }
                Some(column) => self.sort_by(Some(column)),
                None => {}
            }
            return None;
        };
        let row = self.top + usize::from(row);
        if row == self.cursor {
            return self.act(Action::Enter, table);
        }
        if row < self.visible().end {
            self.select(row, table);
        }
        None
    }

    /// Leaves the innermost of help, columns, filter, detail, attention or finished
    /// sessions, and groups, never the screen: Esc pressed once too often must not
    /// end it.
    fn back(&mut self) {
        if matches!(self.mode, Mode::Help | Mode::Columns) {
            self.mode = Mode::Browse;
        } else if self.mode == Mode::Filter || !self.choice.filter.is_empty() {
            self.mode = Mode::Browse;
            self.choice.filter.clear();
        } else if self.is_pane_open {
            self.is_pane_open = false;
        } else if self.choice.only != Only::All {
            self.choice.only = Only::All;
        } else {
            self.choice.by = None;
        }
    }

    fn show_only(&mut self, only: Only) {
        let is_on = self.choice.only == only;
        self.choice.only = if is_on { Only::All } else { only };
    }

    /// Returns the order after the current one: by attention, then by each column.
    /// While columns are chosen, it is the column under the cursor.
    fn next_sort(&self) -> Option<Column> {
        if self.mode == Mode::Columns {
            return self.choosable.get(self.chooser_row).cloned();
        }
        let columns = &self.choice.columns;
        let next = match &self.choice.sort {
            Some(sort) => 1 + columns.iter().position(|column| column == sort)?,
            None => 0,
        };
        columns.get(next).cloned()
    }

    fn sort_by(&mut self, column: Option<Column>) {
        self.choice.sort = column;
        self.choice.is_reversed = false;
        self.note_order();
    }

    /// Shows who has waited longest: the sessions that need attention, by the time in
    /// their status. The second time, shows all again.
    fn toggle_longest_first(&mut self) {
        let is_on = self.choice.only == Only::Attention && self.choice.sort == Some(Column::For);
        self.choice.by = None;
        (self.choice.only, self.choice.sort) = match is_on {
            true => (Only::All, None),
            false => (Only::Attention, Some(Column::For)),
        };
        self.choice.is_reversed = false;
    }

    fn note_order(&mut self) {
        self.note(format!("sorted by {}", self.order_in_words()));
    }

    /// Groups by the next key that divides the sessions, or by none after the last.
    fn group_by_next(&mut self, table: &SessionTable) {
        use Column::{Directory, Host, Status, Task};
        let metadata = self.choice.columns.iter();
        let metadata = metadata.filter(|column| matches!(column, Column::Meta(_)));
        let columns = [Task, Status, Host].into_iter().chain(metadata.cloned());
        let first = [GroupBy::Column(Directory), GroupBy::Prefix].into_iter();
        let all: Vec<GroupBy> = first.chain(columns.map(GroupBy::Column)).collect();
        let current = self.choice.by.as_ref();
        let next = current.and_then(|by| all.iter().position(|other| other == by));
        let mut rest = all.into_iter().skip(next.map_or(0, |place| place + 1));
        let sessions = || {
            let members = self.rows.totals.members.iter();
            members.filter_map(|&index| Some((index, table.get(index)?)))
        };
        let by = rest.find(|by| group(by, sessions()).len() > 1);
        // A session can be found in any grouping.
        if let Some(Selected::Group { first, .. }) = &mut self.selected {
            self.selected = Some(Selected::Session(std::mem::take(first)));
        }
        if by.is_none() && current.is_none() {
            self.note("no key divides the sessions into groups");
        }
        self.choice.by = by;
        self.choice.unfolded.clear();
    }

    fn choose_columns(&mut self, table: &SessionTable) {
        let mut keys: BTreeMap<_, usize> = BTreeMap::new();
        for session in table.sessions() {
            let metadata = session.update.metadata.as_ref();
            let object = metadata.and_then(|json| JsonObject::parse(json.get()).ok());
            for (key, _) in object.into_iter().flatten() {
                *keys.entry(key).or_default() += 1;
            }
        }
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by_key(|&(_, count)| Reverse(count));
        let [first @ .., message] = CHOOSABLE;
        let keys = keys.into_iter().take(MAX_KEYS);
        let metadata = keys.map(|(key, _)| Column::Meta(key.into_owned()));
        self.choosable = first.into_iter().chain(metadata).chain([message]).collect();
        (self.mode, self.chooser_row) = (Mode::Columns, 0);
    }

    /// Shows or hides the column under the cursor. The names are always shown.
    fn toggle_column(&mut self) {
        let toggled = self.choosable.get(self.chooser_row);
        let is_chosen = |column: &&Column| {
            let is_shown = self.choice.columns.contains(column);
            **column == Column::Session || is_shown != (toggled == Some(*column))
        };
        self.choice.columns = self.choosable.iter().filter(is_chosen).cloned().collect();
    }

    /// Shows a message until the next key.
    pub fn note(&mut self, note: impl Into<String>) {
        self.note = Some(note.into());
    }

    pub fn order_in_words(&self) -> String {
        let sort = self.choice.sort.as_ref().map(Column::to_string);
        let sort = sort.unwrap_or("attention".to_owned());
        match self.choice.is_reversed {
            true => sort + ", reversed",
            false => sort,
        }
    }

    /// Returns what restricts or groups the rows, from the outermost to the innermost.
    pub fn breadcrumbs(&self) -> Vec<String> {
        let Choice {
            by, only, filter, ..
        } = &self.choice;
        let mut crumbs = Vec::new();
        crumbs.extend(Some(&self.scope).filter(|scope| !scope.is_empty()).cloned());
        crumbs.extend(by.as_ref().map(|by| format!("by {by}")));
        match only {
            Only::All => {}
            Only::Attention => crumbs.push("attention".to_owned()),
            Only::Finished => crumbs.push("finished".to_owned()),
        }
        if !filter.is_empty() {
            crumbs.push(format!("/{filter}"));
        }
        crumbs
    }

    fn selected_index(&self) -> Option<usize> {
        match self.rows.rows.get(self.cursor)? {
            Row::Session(index) => Some(*index),
            Row::Group(_) => None,
        }
    }

    pub fn selected_session<'a>(&self, table: &'a SessionTable) -> Option<&'a Session> {
        table.get(self.selected_index()?)
    }

    /// Returns the session or the sessions of the group in the selected row.
    pub fn selected_sessions<'a>(&'a self, table: &'a SessionTable) -> Vec<&'a Session> {
        let index = self.selected_index();
        let group = self.selected_group();
        let members = group.map_or(&[][..], |group| &group.members);
        let all = index.iter().chain(members);
        all.filter_map(|&index| table.get(index)).collect()
    }

    /// Returns the group in whose row the cursor is.
    pub fn selected_group(&self) -> Option<&Group> {
        match self.rows.rows.get(self.cursor)? {
            Row::Group(place) => self.rows.groups.get(*place),
            Row::Session(_) => None,
        }
    }

    /// Returns the group of the selected row.
    fn surrounding_group(&self) -> Option<&Group> {
        let rows = self.rows.rows.get(..=self.cursor)?;
        let header = rows.iter().rev().find_map(|row| match row {
            Row::Group(place) => Some(*place),
            Row::Session(_) => None,
        });
        self.rows.groups.get(header?)
    }

    /// Returns sessions whose status has an unknown start: visible ones, and all if
    /// it decides the order, at most 1,000.
    pub fn without_since(&self, table: &SessionTable) -> Vec<String> {
        let rows = match self.choice.sort {
            Some(Column::For | Column::Since) => &self.rows.rows[..],
            _ => self.visible_rows(),
        };
        let sessions = rows.iter().filter_map(|row| match *row {
            Row::Session(index) => table.get(index),
            Row::Group(_) => None,
        });
        let unknown = sessions.filter(|session| session.since.is_none());
        unknown
            .take(1000)
            .map(|session| session.qualified_name().into_owned())
            .collect()
    }

    /// Takes note of starts of statuses in the session table.
    pub fn observe_since(&mut self) {
        self.is_outdated |= matches!(self.choice.sort, Some(Column::For | Column::Since));
    }

    /// Returns the selected session if the pane needs its current detail.
    pub fn wanted_detail<'a>(&self, table: &'a SessionTable) -> Option<Cow<'a, str>> {
        let name = self.selected_session(table)?.qualified_name();
        let max_age = TimeDelta::seconds(DETAIL_SECONDS);
        let is_current = self.detail.as_ref().is_some_and(|detail| {
            detail.session.qualified_name() == name && self.now - detail.now < max_age
        });
        (self.is_pane_open && !is_current).then_some(name)
    }

    /// Returns the detail of the selected session with its current health.
    pub fn detail(&mut self, table: &SessionTable) -> Option<&Detail> {
        let index = self.selected_index()?;
        let name = table.get(index)?.qualified_name();
        let detail = self.detail.as_mut()?;
        if detail.session.qualified_name() != name {
            return None;
        }
        detail.now = self.now.max(detail.now);
        detail.session.health = table.health_at(index, self.now)?;
        Some(detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sstat::{ProcessState, StatusSince, Thresholds, Update};

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
            self.put_with(name, status, age, "");
        }

        fn put_with(&mut self, name: &str, status: &str, age: i64, keys: &str) {
            let then = (now() - TimeDelta::seconds(age)).to_rfc3339();
            let line = format!(
                r#"{{"timestamp":"{then}","status":"{status}","message":"says {name}","task_id":"t{age}"{keys}}}"#
            );
            let mut update = Update::decode(line.as_bytes()).unwrap();
            update.session = name.to_owned();
            self.change(|table, events| {
                table.update(
                    &Default::default(),
                    update,
                    ProcessState::Unknown,
                    now(),
                    events,
                )
            });
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
            let rows = self.screen.visible_rows().iter();
            rows.map(|row| match *row {
                Row::Session(index) => self.table.get(index).unwrap().name(),
                Row::Group(place) => self.screen.rows.groups[place].name.as_str(),
            })
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
        assert_eq!(scene.screen.rows.stale, 1);
    }

    #[test]
    fn rows_are_sorted_and_reversed() {
        let mut scene = Scene::new();
        scene.act(&[Action::NextSort]);
        assert_eq!(scene.screen.choice.sort, Some(Column::Session));
        assert_eq!(scene.names(), ["w1", "w2", "w3", "w4", "w5", "w10"]);
        scene.act(&[Action::Reverse]);
        assert_eq!(scene.names(), ["w10", "w5", "w4", "w3", "w2", "w1"]);
        scene.act(&[Action::NextSort; 3]);
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
            assert_eq!(scene.screen.rows.found, left, "{typed}");
        }
        assert_eq!(scene.names(), ["w2"]);
        scene.act(&[Action::EraseWord, Action::Accept]);
        assert_eq!(
            (scene.screen.mode, scene.screen.rows.found),
            (Mode::Browse, 6)
        );
        scene.act(&[Action::StartFilter]);
        for typed in "error says t40".chars() {
            scene.act(&[Action::Type(typed)]);
        }
        assert_eq!(scene.names(), ["w4"]);
        scene.act(&[Action::Accept, Action::Back]);
        assert_eq!(scene.screen.rows.found, 6);
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
        assert_eq!(scene.screen.rows.found, 6);
        assert_eq!((scene.screen.now, scene.screen.rows.stale), (now(), 1));
        scene.act(&[Action::Pause]);
        scene.screen.tick(now() + TimeDelta::hours(1), true);
        assert_eq!(scene.screen.now, now() + TimeDelta::hours(1));
        assert_eq!(scene.names(), ["w5", "w4", "w1", "w2", "w10"]);
    }

    #[test]
    fn session_goes_stale_without_an_update() {
        let mut scene = Scene::new();
        scene.change(|table, events| table.tick(now() + TimeDelta::seconds(290), events));
        assert_eq!(scene.screen.rows.stale, 5, "all but w1");
        assert_eq!(scene.names(), ["w5", "w4", "w3", "w2", "w10", "w1"]);
    }

    #[test]
    fn unknown_starts_are_those_that_matter() {
        let mut scene = Scene::new();
        scene.screen.set_page(2);
        for name in ["w1", "w2", "w3", "w4", "w5", "w10"] {
            scene.table.set_since(name, None);
        }
        let unknown = |scene: &Scene| scene.screen.without_since(&scene.table);
        assert_eq!(unknown(&scene), ["w5", "w4"], "the visible ones");
        scene.act(&[Action::NextSort; 3]);
        assert_eq!(unknown(&scene).len(), 6, "all decide the order");
        for (name, minutes) in [
            ("w1", 9),
            ("w2", 7),
            ("w3", 8),
            ("w4", 1),
            ("w5", 2),
            ("w10", 3),
        ] {
            let since = StatusSince::new(now() - TimeDelta::minutes(minutes), true);
            scene.table.set_since(name, Some(since));
        }
        assert!(unknown(&scene).is_empty());
        scene.screen.observe_since();
        scene.refresh();
        assert_eq!(scene.names(), ["w1", "w3", "w2", "w10", "w5", "w4"]);
        scene.act(&[Action::LongestFirst]);
        assert_eq!(scene.names(), ["w3", "w2", "w5", "w4"], "who waits");
        scene.act(&[Action::LongestFirst]);
        assert_eq!(scene.screen.order_in_words(), "attention");
        assert_eq!(scene.names().len(), 6);
    }

    #[test]
    fn back_leaves_one_view_at_a_time() {
        let mut scene = Scene::new();
        scene.act(&[Action::OnlyAttention, Action::Enter]);
        scene.act(&[Action::StartFilter, Action::Type('w'), Action::Accept]);
        scene.act(&[Action::Help]);
        assert_eq!(
            scene.screen.wanted_detail(&scene.table).as_deref(),
            Some("w5")
        );
        scene.act(&[Action::Back]);
        assert_eq!(
            (scene.screen.mode, scene.screen.choice.filter.as_str()),
            (Mode::Browse, "w")
        );
        scene.act(&[Action::Back]);
        assert!(scene.screen.choice.filter.is_empty() && scene.screen.is_pane_open);
        scene.act(&[Action::Back]);
        assert!(!scene.screen.is_pane_open && (scene.screen.choice.only != Only::All));
        scene.act(&[Action::Back]);
        assert_eq!(
            (
                (scene.screen.choice.only != Only::All),
                scene.screen.rows.found
            ),
            (false, 6)
        );
        scene.act(&[Action::Back]);
        let mut effect = |action| scene.screen.act(action, &scene.table);
        assert_eq!(effect(Action::Quit), Some(Action::Quit));
        assert_eq!(effect(Action::Jump), Some(Action::Jump));
    }

    #[test]
    fn groups_fold_and_unfold_around_the_cursor() {
        let mut scene = Scene::new();
        scene.put("v1", "working", 10);
        scene.act(&[Action::Down(5)]);
        assert_eq!(scene.selected(), Some("w1"));
        scene.act(&[Action::NextGrouping]);
        assert_eq!(scene.screen.breadcrumbs(), ["by prefix"]);
        assert_eq!(scene.names(), ["w", "v"]);
        let name = |scene: &Scene| {
            scene
                .screen
                .selected_group()
                .map(|group| group.name.clone())
        };
        assert_eq!(name(&scene).as_deref(), Some("w"), "the group of w1");
        scene.act(&[Action::Open]);
        assert_eq!(
            scene.names(),
            ["w", "w5", "w4", "w3", "w2", "w1", "w10", "v"]
        );
        assert_eq!(scene.selected(), Some("w1"), "visible again");
        scene.act(&[Action::Close]);
        assert_eq!(scene.names(), ["w", "v"]);
        // Each task has one session. The session under the cursor is found again.
        scene.act(&[Action::NextGrouping]);
        assert_eq!(scene.screen.breadcrumbs(), ["by task"]);
        assert_eq!(name(&scene).as_deref(), Some("t10"), "the task of w1");
        scene.act(&[Action::Last, Action::NextGrouping]);
        assert_eq!(scene.screen.breadcrumbs(), ["by status"]);
        assert_eq!(scene.names(), ["error", "blocked", "working", "idle"]);
        // No session has a host or a directory, so there are no groups of them.
        scene.act(&[Action::NextGrouping]);
        assert!(scene.screen.breadcrumbs().is_empty());
        assert_eq!(scene.names().len(), 7);
        // Enter folds and unfolds, Esc leaves the groups.
        scene.act(&[Action::NextGrouping, Action::First, Action::Enter]);
        assert_eq!(scene.names().len(), 8);
        scene.act(&[Action::Enter]);
        assert_eq!(scene.names(), ["w", "v"]);
        scene.act(&[Action::Back]);
        assert!(scene.screen.breadcrumbs().is_empty());
    }

    #[test]
    fn cursor_stays_with_its_group() {
        let mut scene = Scene::new();
        scene.put("v1", "working", 10);
        scene.act(&[Action::NextGrouping, Action::Last]);
        let name = |scene: &Scene| {
            scene
                .screen
                .selected_group()
                .map(|group| group.name.clone())
        };
        assert_eq!(name(&scene).as_deref(), Some("v"));
        for (status, names) in [("error", ["w", "v"]), ("idle", ["w", "v"])] {
            scene.put("v1", status, 0);
            assert_eq!(scene.names(), names);
            assert_eq!(name(&scene).as_deref(), Some("v"));
        }
        for worker in ["w2", "w3", "w4", "w5"] {
            scene.put(worker, "idle", 0);
        }
        scene.put("v1", "blocked", 0);
        assert_eq!(scene.names(), ["v", "w"]);
        assert_eq!(name(&scene).as_deref(), Some("v"));
        scene.remove("v1");
        assert_eq!(name(&scene).as_deref(), Some("w"));
    }

    #[test]
    fn finished_sessions_fold_after_an_hour() {
        let mut scene = Scene::new();
        scene.put("done1", "completed", 3599);
        // An agent whose session has ended.
        let end = r#","stale_after":31536000,"metadata":{"agent":"a","session_end":"exit"}"#;
        scene.put_with("done2", "idle", 9000, end);
        assert_eq!(scene.names().len(), 8, "one is not folded");
        scene.screen.tick(now() + TimeDelta::seconds(1), false);
        scene.refresh();
        assert_eq!(scene.names().last(), Some(&"finished sessions"));
        assert_eq!(scene.screen.rows.groups[0].members.len(), 2);
        scene.act(&[Action::Last, Action::Enter]);
        assert_eq!(scene.names()[6..], ["finished sessions", "done1", "done2"]);
        scene.act(&[Action::Last, Action::Close]);
        assert_eq!(scene.names().len(), 7);
        scene.act(&[Action::StartFilter, Action::Type('d'), Action::Type('o')]);
        assert_eq!(scene.names(), ["done1", "done2"], "a filter shows them");
        scene.act(&[Action::Back, Action::OnlyFinished]);
        assert_eq!(scene.names(), ["done1", "done2"]);
        assert_eq!(scene.screen.breadcrumbs(), ["finished"]);
        scene.act(&[Action::OnlyAttention]);
        assert_eq!(scene.screen.breadcrumbs(), ["attention"]);
    }

    #[test]
    fn columns_are_chosen_in_their_order() {
        let mut scene = Scene::new();
        scene.put_with("w6", "idle", 60, r#","metadata":{"phase":"b","a":1}"#);
        scene.act(&[Action::ChooseColumns]);
        let shown = |scene: &Scene| {
            let columns = scene.screen.choice.columns.iter();
            columns.map(Column::to_string).collect::<Vec<_>>().join(" ")
        };
        scene.act(&[Action::ToggleColumn, Action::Down(2), Action::ToggleColumn]);
        assert_eq!(shown(&scene), "session status age progress task message");
        scene.act(&[
            Action::Last,
            Action::ToggleColumn,
            Action::Up(1),
            Action::ToggleColumn,
        ]);
        assert_eq!(shown(&scene), "session status age progress task meta.phase");
        scene.act(&[Action::NextSort, Action::Back]);
        assert_eq!(scene.screen.order_in_words(), "meta.phase");
        assert_eq!(scene.names()[..2], ["w6", "w1"]);
        // A shown key of the metadata is also a key to group by.
        scene.act(&[Action::NextGrouping; 3]);
        assert_eq!(scene.screen.breadcrumbs(), ["by meta.phase"]);
    }

    #[test]
    fn mouse_selects_sorts_and_scrolls() {
        let mut scene = Scene::new();
        scene.screen.set_page(4);
        scene.screen.areas = Areas {
            table: Rect::new(0, 1, 40, 5),
            pane: Rect::new(40, 1, 40, 5),
            headings: vec![(2..10, Column::Session), (10..20, Column::Status)],
        };
        let at = Position::new;
        scene.act(&[Action::Click(at(5, 3))]);
        assert_eq!(scene.selected(), Some("w4"));
        scene.act(&[Action::Click(at(5, 3))]);
        assert!(scene.screen.is_pane_open, "a click on the selected row");
        scene.act(&[Action::ScrollDown(at(50, 3)), Action::Click(at(50, 3))]);
        assert_eq!((scene.screen.detail_top, scene.selected()), (3, Some("w4")));
        scene.act(&[Action::ScrollDown(at(5, 3))]);
        assert_eq!(scene.selected(), Some("w1"));
        scene.act(&[Action::Click(at(11, 1))]);
        assert_eq!(scene.screen.order_in_words(), "status");
        scene.act(&[
            Action::Click(at(11, 1)),
            Action::Click(at(30, 1)),
            Action::Click(at(1, 0)),
        ]);
        assert_eq!(scene.screen.order_in_words(), "status, reversed");
    }
}
