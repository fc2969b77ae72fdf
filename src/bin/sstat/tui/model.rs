//! The state of the screen: cursor, mode, panes and the user's choices. The
//! sessions are in the [`SessionTable`], which most functions read. This module
//! does no I/O.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, Utc};
use ratatui::layout::{Position, Rect};
use sstat::{JsonObject, Session};

use crate::tui::keys::{Action, FIRST, Mode};
use crate::tui::rows::{Choice, Only, Row, Rows};
use crate::view::Detail;
use crate::view::column::Column;
use crate::view::group::{Group, GroupBy, group};
use crate::watch::event::Event;
use crate::watch::session_table::SessionTable;

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
    pub cursor: usize,
    top: usize,
    page: usize,
    pub is_pane_open: bool,
    /// The last detail that was read; `None` if it could not be read or must be read
    /// again.
    pub detail: Option<Box<Detail>>,
    /// The first visible line of the detail.
    pub detail_top: usize,
    /// The first visible line of the help, or the cursor in the columns to choose from.
    pub place: usize,
    pub choosable: Vec<Column>,
    /// A message in the bottom line, until the next key.
    pub note: Option<String>,
    /// The areas of the last frame that react to a click.
    pub areas: Areas,
}

/// A row that the cursor follows.
struct Selected {
    /// The name of a group, if the cursor is in its row.
    group: Option<String>,
    /// The session, or the first one of the group, which is selected if the group no
    /// longer exists.
    session: String,
}

/// The areas of a frame.
#[derive(Default)]
pub struct Areas {
    pub rows: Rect,
    pub pane: Rect,
    pub headings: Vec<(Rect, Column)>,
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

    /// Sets the time, on which the rows depend, except on a paused screen.
    pub fn tick(&mut self, now: DateTime<Utc>) {
        if !self.is_paused {
            (self.now, self.is_outdated) = (now, true);
            self.detail = None;
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

    /// Returns the row of a session or of a group. For a session in a folded group it
    /// is the row of the group.
    fn row_of(&self, selected: &Selected, table: &SessionTable) -> Option<usize> {
        let row = |is_wanted: &dyn Fn(&Row) -> bool| self.rows.rows.iter().position(is_wanted);
        let group_row = |is_wanted: &dyn Fn(&Group) -> bool| {
            row(&|row| row.session.is_none() && self.group(*row).is_some_and(is_wanted))
        };
        let index = table.position(&selected.session);
        let name = selected.group.as_ref();
        name.and_then(|name| group_row(&|group| group.name == *name))
            .or_else(|| row(&|row| row.session.is_some() && row.session == index))
            .or_else(|| {
                group_row(&|group| index.is_some_and(|index| group.members.contains(&index)))
            })
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
        let group = self.selected_group();
        let first = self.selected_sessions(table).into_iter().next();
        self.selected = first.map(|first| Selected {
            group: group.map(|group| group.name.clone()),
            session: first.qualified_name().into_owned(),
        });
        self.detail_top = 0;
        self.scroll();
    }

    /// Performs an action. Returns an action that involves more than the screen.
    pub fn act(&mut self, action: Action, table: &SessionTable) -> Option<Action> {
        self.note = None;
        let is_covered = matches!(self.mode, Mode::Help | Mode::Columns);
        let from = if is_covered { self.place } else { self.cursor };
        if let Some(to) = self.moved(action, from) {
            match self.mode {
                Mode::Help => self.place = to,
                Mode::Columns => self.place = to.min(self.choosable.len().saturating_sub(1)),
                _ => {
                    self.select(to, table);
                    self.selected.take_if(|_| action == FIRST);
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
            Action::Help => (self.mode, self.place) = (Mode::Help, 0),
            Action::NextSort => self.sort_by(self.next_sort()),
            Action::Reverse => {
                self.choice.is_reversed = !self.choice.is_reversed;
                self.note_order();
            }
            Action::Show(only) if only == self.choice.only => self.show(Only::All),
            Action::Show(only) => self.show(only),
            Action::NextGrouping => self.group_by_next(table),
            Action::Enter | Action::Open | Action::Close => self.open_or_fold(action),
            Action::ChooseColumns => self.choose_columns(table),
            Action::ToggleColumn => self.toggle_column(),
            Action::Click(at) => return self.click(at, table),
            Action::Scroll(rows, at) if !self.areas.pane.contains(at) => {
                return self.act(Action::Move(rows), table);
            }
            Action::Scroll(lines, _) | Action::MoveDetail(lines) => {
                self.detail_top = self.detail_top.saturating_add_signed(lines);
            }
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
            let text = text.trim_end_matches(['\r', '\n']);
            let text = text.replace(char::is_control, " ");
            self.choice.filter.push_str(&text);
            self.is_outdated = true;
        }
    }

    /// Returns the row or line to which an action moves; `None` for an action that
    /// does not move. The result may be after the last row.
    fn moved(&self, action: Action, from: usize) -> Option<usize> {
        let page = self.page.cast_signed();
        let rows = match action {
            Action::Move(rows) => rows,
            Action::MoveHalfPages(count) => count * (page + 1) / 2,
            Action::MovePages(count) => count * page,
            _ => return None,
        };
        Some(from.saturating_add_signed(rows))
    }

    /// Opens or closes the detail of a session; unfolds or folds a group.
    fn open_or_fold(&mut self, action: Action) {
        let group = match action {
            Action::Close => self.group(self.row()),
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

    /// Sorts by the column of a clicked heading, or selects a clicked row. A click on
    /// the selected row is like Enter.
    fn click(&mut self, at: Position, table: &SessionTable) -> Option<Action> {
        if matches!(self.mode, Mode::Help | Mode::Columns) {
            return None;
        }
        let mut headings = self.areas.headings.iter();
        if let Some((_, column)) = headings.find(|(area, _)| area.contains(at)) {
            if self.choice.sort.as_ref() == Some(column) {
                return self.act(Action::Reverse, table);
            }
            self.sort_by(Some(column.clone()));
        } else if self.areas.rows.contains(at) {
            let row = self.top + usize::from(at.y - self.areas.rows.y);
            if row == self.cursor {
                return self.act(Action::Enter, table);
            }
            if row < self.visible().end {
                self.select(row, table);
            }
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
            self.show(Only::All);
        } else {
            self.choice.by = None;
        }
    }

    /// Shows some of the sessions. Those that wait come with their own order, which
    /// ends with them.
    fn show(&mut self, only: Only) {
        let was = std::mem::replace(&mut self.choice.only, only);
        if only == Only::Waiting {
            self.choice.by = None;
            (self.choice.sort, self.choice.is_reversed) = (Some(Column::For), false);
        } else if was == Only::Waiting {
            (self.choice.sort, self.choice.is_reversed) = (None, false);
        }
    }

    /// Returns the order after the current one: by attention, then by each column.
    /// While columns are chosen, it is the column under the cursor.
    fn next_sort(&self) -> Option<Column> {
        if self.mode == Mode::Columns {
            return self.choosable.get(self.place).cloned();
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
        if let Some(selected) = &mut self.selected {
            selected.group = None;
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
        (self.mode, self.place) = (Mode::Columns, 0);
    }

    /// Shows or hides the column under the cursor. The names are always shown.
    fn toggle_column(&mut self) {
        let toggled = self.choosable.get(self.place);
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
        let by = by.as_ref().map(|by| format!("by {by}"));
        let only = match only {
            Only::All => "",
            Only::Attention => "attention",
            Only::Waiting => "waiting",
            Only::Finished => "finished",
        };
        let filter = Some(format!("/{filter}")).filter(|_| !filter.is_empty());
        let scope = self.scope.clone();
        let crumbs = [
            scope,
            by.unwrap_or_default(),
            only.to_owned(),
            filter.unwrap_or_default(),
        ];
        crumbs
            .into_iter()
            .filter(|crumb| !crumb.is_empty())
            .collect()
    }

    /// Returns the row under the cursor.
    fn row(&self) -> Row {
        let row = self.rows.rows.get(self.cursor);
        row.copied().unwrap_or_default()
    }

    /// Returns the group of a row.
    pub fn group(&self, row: Row) -> Option<&Group> {
        self.rows.groups.get(row.group?)
    }

    /// Returns the group in whose row the cursor is.
    pub fn selected_group(&self) -> Option<&Group> {
        let row = self.row();
        self.group(row).filter(|_| row.session.is_none())
    }

    pub fn selected_session<'a>(&self, table: &'a SessionTable) -> Option<&'a Session> {
        table.get(self.row().session?)
    }

    /// Returns the session or the sessions of the group in the selected row.
    pub fn selected_sessions<'a>(&self, table: &'a SessionTable) -> Vec<&'a Session> {
        let group = self.selected_group();
        let members = group.map_or(&[][..], |group| &group.members);
        let all = self
            .row()
            .session
            .into_iter()
            .chain(members.iter().copied());
        all.filter_map(|index| table.get(index)).collect()
    }

    /// Returns sessions whose status has an unknown start: visible ones, and all if
    /// it decides the order, at most 1,000.
    pub fn without_since(&self, table: &SessionTable) -> Vec<String> {
        let rows = match self.choice.sort {
            Some(Column::For | Column::Since) => &self.rows.rows[..],
            _ => self.visible_rows(),
        };
        let sessions = rows.iter().filter_map(|row| table.get(row.session?));
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

    /// Returns the detail of the selected session.
    pub fn shown_detail(&self, table: &SessionTable) -> Option<&Detail> {
        let name = self.selected_session(table)?.qualified_name();
        let detail = self.detail.as_deref();
        detail.filter(|detail| detail.session.qualified_name() == name)
    }
}

#[cfg(test)]
mod tests;
