//! The table of sessions.

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{
    Block, Cell, HighlightSpacing, Padding, Paragraph, Row as TableRow, Table, TableState, Wrap,
};
use sstat::{Health, Session, StatusSince};
use unicode_width::UnicodeWidthStr;

use super::group;
use super::paint::Painter;
use crate::render::style::{Role, percent, worst_issue};
use crate::tui::model::Screen;
use crate::tui::rows::{ACKNOWLEDGED, Only, Row, is_descending, worst_word};
use crate::tui::text::{short_duration, short_time, steady};
use crate::view::column::Column;
use crate::watch::session_table::SessionTable;

/// The columns of the cursor, left of the names.
const GUTTER: u16 = 2;

/// The columns of a duration.
const DURATION: usize = 6;

/// The columns by which sessions are indented below their group.
const INDENT: usize = 2;

/// The columns of the start of a status.
const SINCE: usize = 11;

/// The columns of a percentage.
const PERCENT: usize = 4;

/// From this width on, the status and the issue are side by side.
const ROOMY: usize = 100;

/// A message with less room is left out.
const MIN_MESSAGE: usize = 12;

/// The time in a status is left out if the message would get less room.
const COMFORTABLE_MESSAGE: usize = 18;

/// The columns that fit, from left to right.
struct Layout {
    columns: Vec<(Column, usize)>,
    is_roomy: bool,
    /// The columns of the progress bar.
    bar: usize,
    gap: u16,
}

impl Layout {
    fn new(screen: &Screen, width: usize) -> Self {
        let (rows, choice) = (&screen.rows, &screen.choice);
        let is_roomy = width >= ROOMY;
        let gap = if width >= 60 { 2 } else { 1 };
        let (max_session, max_status, max_text) = match is_roomy {
            true => (width / 5, 20, 16),
            false => (width / 4, 12, 8),
        };
        let bar = match width {
            ..70 => 0,
            70..ROOMY => 6,
            _ => 10,
        };
        let indent = if rows.groups.is_empty() { 0 } else { INDENT };
        let mut wanted = Vec::new();
        for (place, (column, &text)) in choice.columns.iter().zip(&rows.widths).enumerate() {
            let is_order = choice.sort.as_ref() == Some(column);
            // The heading of the order has an arrow.
            let heading = title(column, bar).width() + usize::from(is_order);
            let fit = |text: usize, max: usize| text.clamp(heading, max.max(heading));
            // The importance, the minimum width of the terminal, the room to leave for
            // the message, and the width.
            let (rank, min_width, keep, width) = match column {
                Column::Session => (0, 0, 0, fit(text + indent, max_session)),
                Column::Status if is_roomy => (1, 0, 0, fit(text, max_status)),
                Column::Status => (1, 0, 0, fit(rows.word, max_status)),
                Column::Age => (3, 24, 0, DURATION),
                Column::Progress | Column::Task if text == 0 => continue,
                Column::Progress if bar == 0 => (4, 30, 0, heading),
                Column::Progress => (4, 30, 0, bar + 1 + PERCENT),
                Column::Task => (5, 60, 0, fit(text, max_text)),
                Column::For => (7, 80, COMFORTABLE_MESSAGE, DURATION),
                Column::Since => (6, 0, 0, SINCE),
                Column::Message => continue,
                _ => (6, 0, 0, fit(text, max_text)),
            };
            wanted.push(match is_order {
                true => (2, place, 0, 0, width),
                false => (rank, place, min_width, keep, width),
            });
        }
        wanted.sort_unstable();
        let mut left = width.saturating_sub(usize::from(GUTTER));
        let mut columns = Vec::new();
        for (_, place, min_width, keep, wanted) in wanted {
            if width >= min_width && wanted + gap + keep <= left {
                left -= wanted + gap;
                columns.push((place, wanted));
            }
        }
        let is_message = |column: &Column| *column == Column::Message;
        if let Some(message) = choice.columns.iter().position(is_message)
            && left >= MIN_MESSAGE
        {
            columns.push((message, left));
        } else if let Some((0, session)) = columns.first_mut() {
            let name = rows.widths.first().map_or(0, |name| name + indent);
            *session = name.clamp(*session, *session + left);
        }
        columns.sort_unstable();
        let columns = columns.into_iter();
        Self {
            columns: columns
                .map(|(place, width)| (choice.columns[place].clone(), width))
                .collect(),
            is_roomy,
            bar,
            gap: gap as u16,
        }
    }
}

fn title(column: &Column, bar: usize) -> String {
    match column {
        Column::Progress if bar == 0 => "PROG".to_owned(),
        _ => steady(&column.title()).into_owned(),
    }
}

/// Draws the table, or `empty`, the reason why there are no sessions.
pub fn draw(
    frame: &mut Frame,
    area: Rect,
    painter: &Painter,
    screen: &mut Screen,
    table: &SessionTable,
    empty: &str,
) {
    screen.set_page(usize::from(area.height.saturating_sub(1)));
    let layout = Layout::new(screen, usize::from(area.width));
    screen.areas.table = area;
    screen.areas.headings = headings(area, &layout);
    let screen: &Screen = screen;
    let selected = screen.cursor_in_page();
    let first_group = screen
        .rows
        .rows
        .iter()
        .position(|row| matches!(row, Row::Group(_)));
    let rows = screen.visible_rows().iter().zip(screen.visible());
    let rows = rows.enumerate().filter_map(|(line, (row, place))| {
        let cells = match *row {
            // Its line is drawn over all columns.
            Row::Group(_) => Vec::new(),
            Row::Session(index) => {
                let cells = Cells {
                    painter,
                    layout: &layout,
                    screen,
                    session: table.get(index)?,
                    health: table.health_at(index, screen.now)?,
                    is_indented: first_group.is_some_and(|group| group < place),
                };
                let columns = layout.columns.iter();
                columns
                    .map(|(column, width)| cells.cell(column, *width))
                    .collect()
            }
        };
        let style = match line == selected {
            true => Style::new().add_modifier(Modifier::REVERSED),
            false => Style::new(),
        };
        Some(TableRow::new(cells).style(style))
    });
    let widths = layout.columns.iter();
    let widths = widths.map(|&(_, width)| Constraint::Length(width as u16));
    let cursor = if painter.style.unicode { "› " } else { "> " };
    let widget = Table::new(rows, widths)
        .header(header(painter, screen, &layout))
        .column_spacing(layout.gap)
        .highlight_symbol(cursor)
        .highlight_spacing(HighlightSpacing::Always);
    let mut state = TableState::new().with_selected(selected);
    frame.render_stateful_widget(widget, area, &mut state);
    for (line, row) in screen.visible_rows().iter().enumerate() {
        if let Row::Group(place) = *row {
            let area = Rect {
                x: area.x + GUTTER.min(area.width),
                y: area.y + 1 + line as u16,
                width: area.width.saturating_sub(GUTTER),
                height: 1,
            };
            let line = group::line(painter, screen, place, usize::from(area.width));
            frame.render_widget(line, area.intersection(screen.areas.table));
        }
    }

    let (visible, all) = (screen.visible(), screen.rows.rows.len());
    if visible.len() < all {
        let place = format!("  {}-{} of {all} ", visible.start + 1, visible.end);
        let message = layout
            .columns
            .last()
            .filter(|(column, _)| *column == Column::Message);
        if message.is_some_and(|(_, width)| "MESSAGE".len() + 1 + place.len() <= *width) {
            let place = Line::from(painter.span(Role::Faint, place)).right_aligned();
            frame.render_widget(place, Rect { height: 1, ..area });
        }
    }
    if all == 0 {
        let reason = match screen.choice.only {
            _ if screen.rows.totals.members.is_empty() => empty,
            _ if !screen.choice.filter.is_empty() => "no session matches the filter",
            Only::Finished => "no session is finished for an hour",
            _ => "no session needs attention",
        };
        let text = painter.span(Role::Faint, steady(reason));
        let notice = Paragraph::new(text).wrap(Wrap { trim: true });
        let padding = Padding::new(GUTTER, GUTTER, 2, 0);
        frame.render_widget(notice.block(Block::new().padding(padding)), area);
    }
}

/// Returns where each heading is.
fn headings(area: Rect, layout: &Layout) -> Vec<(Range<u16>, Column)> {
    let mut left = area.x + GUTTER;
    let columns = layout.columns.iter().map(|(column, width)| {
        let start = left;
        left += *width as u16 + layout.gap;
        (start..left, column.clone())
    });
    columns.collect()
}

/// Returns the headings. The sorted column has an arrow, up for ascending order. If
/// only groups are visible, the heading is the key of the groups.
fn header(painter: &Painter, screen: &Screen, layout: &Layout) -> TableRow<'static> {
    let is_group = |row: &Row| matches!(row, Row::Group(_));
    if let Some(by) = &screen.choice.by
        && screen.visible_rows().iter().all(is_group)
    {
        let title = steady(&by.title()).into_owned();
        return TableRow::new([painter.span(Role::Faint, title)]);
    }
    let cells = layout.columns.iter().map(|(column, width)| {
        let mut title = title(column, layout.bar);
        let mut role = Role::Faint;
        if screen.choice.sort.as_ref() == Some(column) {
            role = Role::Heading;
            let is_descending = is_descending(column) != screen.choice.is_reversed;
            title.push(match (painter.style.unicode, is_descending) {
                (true, true) => '↓',
                (true, false) => '↑',
                (false, true) => 'v',
                (false, false) => '^',
            });
        }
        let line = Line::from(painter.span(role, painter.fit(&title, *width)));
        Cell::from(match column {
            Column::For | Column::Age => line.right_aligned(),
            _ => line,
        })
    });
    TableRow::new(cells)
}

/// The data of one row's cells.
struct Cells<'a> {
    painter: &'a Painter<'a>,
    layout: &'a Layout,
    screen: &'a Screen,
    session: &'a Session,
    health: Health,
    /// Whether the session is below the row of its group.
    is_indented: bool,
}

impl Cells<'_> {
    fn cell(&self, column: &Column, width: usize) -> Line<'static> {
        let (painter, health) = (self.painter, &self.health);
        let Session { update, since, .. } = self.session;
        match column {
            Column::Session if self.is_indented => {
                let name = self.session.display_name();
                let name = painter.fit(&name, width.saturating_sub(INDENT));
                Line::from(format!("{:INDENT$}{name}", ""))
            }
            Column::Status => self.status(width),
            Column::For => {
                let held = since.map(|since| self.held(since)).unwrap_or_default();
                Line::from(held).right_aligned()
            }
            Column::Since => Line::from(
                since
                    .map(|since| short_time(since.at, self.screen.now))
                    .unwrap_or_default(),
            ),
            Column::Age => {
                let (age, role) = match health.clock_skew {
                    Some(ahead) => {
                        let ahead = short_duration(ahead, DURATION - 1);
                        (format!("+{ahead}"), Role::Stale)
                    }
                    None => {
                        let role = Role::of_health(health).unwrap_or(Role::Faint);
                        (short_duration(health.age, DURATION), role)
                    }
                };
                Line::from(painter.span(role, age)).right_aligned()
            }
            Column::Progress => {
                let Some(progress) = update.progress else {
                    return Line::default();
                };
                let percent = percent(progress);
                if self.layout.bar == 0 {
                    return Line::from(percent).right_aligned();
                }
                let bar = painter.style.bar(progress, self.layout.bar);
                let status = Role::of_status(&update.status);
                // A reversed bar would show the rest instead of the progress.
                let bar = painter.span(status, bar).not_reversed();
                Line::from(vec![bar, Span::raw(format!(" {percent:>PERCENT$}"))])
            }
            _ => Line::from(painter.fit(&column.text(self.session), width)),
        }
    }

    /// The status and the issue, or the more important of the two. They are faint if
    /// the session is acknowledged.
    fn status(&self, width: usize) -> Line<'static> {
        let (painter, update, health) = (self.painter, &self.session.update, &self.health);
        let mut words = vec![worst_word(update, health)];
        if self.layout.is_roomy {
            let status = (update.status.as_str(), Role::of_status(&update.status));
            words = [status].into_iter().chain(worst_issue(health)).collect();
        }
        if health.is_acknowledged {
            words.push((ACKNOWLEDGED, Role::Faint));
            words.iter_mut().for_each(|(_, role)| *role = Role::Faint);
        }
        // A long status leaves room for the other words.
        let others: usize = words[1..].iter().map(|(word, _)| 1 + word.len()).sum();
        let first = painter.fit(words[0].0, width.saturating_sub(others));
        let mut spans = vec![painter.span(words[0].1, first)];
        for &(word, role) in &words[1..] {
            spans.push(Span::raw(" "));
            spans.push(painter.span(role, word.to_owned()));
        }
        Line::from(spans)
    }

    fn held(&self, since: StatusSince) -> String {
        let mark = if since.is_exact { "" } else { ">" };
        let held = since.elapsed(self.screen.now);
        format!("{mark}{}", short_duration(held, DURATION - mark.len()))
    }
}
