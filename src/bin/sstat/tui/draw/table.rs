//! The table of sessions.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{
    Block, Cell, HighlightSpacing, Padding, Paragraph, Row as TableRow, Table, TableState, Wrap,
};
use sstat::{Health, Session};
use unicode_width::UnicodeWidthStr;

use super::group;
use super::paint::Painter;
use crate::render::style::{Role, percent, worst_issue};
use crate::tui::model::Screen;
use crate::tui::rows::{ACKNOWLEDGED, Only, is_descending, worst_word};
use crate::tui::text::{short_duration, short_time, steady};
use crate::view::column::Column;

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

/// A message with less room is left out. The task is left out to leave it.
const MIN_MESSAGE: usize = 12;

/// The time in a status is left out if the message would get less room.
const COMFORTABLE_MESSAGE: usize = 18;

/// The columns that fit, from left to right, and their widths.
struct Columns {
    all: Vec<(Column, usize)>,
    is_roomy: bool,
    /// The columns of the progress bar.
    bar: usize,
    gap: usize,
}

impl Columns {
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
        let message = choice.columns.iter().position(|c| *c == Column::Message);
        let indent = if choice.unfolded.is_empty() {
            0
        } else {
            INDENT
        };
        let mut wanted = Vec::new();
        for (place, (column, &text)) in choice.columns.iter().zip(&rows.widths).enumerate() {
            let is_order = choice.sort.as_ref() == Some(column);
            // The heading of the order has an arrow.
            let heading = title(column, bar).width() + usize::from(is_order);
            let fit = |text: usize, max: usize| text.clamp(heading, max.max(heading));
            // The importance, the room to leave for the message, and the width.
            let (rank, keep, width) = match column {
                Column::Session => (0, 0, fit(text + indent, max_session)),
                Column::Status if is_roomy => (1, 0, fit(text, max_status)),
                Column::Status => (1, 0, fit(rows.word, max_status)),
                Column::Age => (3, 0, DURATION),
                Column::Progress | Column::Task if text == 0 => continue,
                Column::Progress if bar == 0 => (4, 0, heading),
                Column::Progress => (4, 0, bar + 1 + PERCENT),
                Column::Task => (5, MIN_MESSAGE, fit(text, max_text)),
                Column::For => (7, COMFORTABLE_MESSAGE, DURATION),
                Column::Since => (6, 0, SINCE),
                Column::Message => continue,
                _ => (6, 0, fit(text, max_text)),
            };
            let keep = if message.is_some() { keep } else { 0 };
            wanted.push(match is_order {
                true => (2, place, 0, width),
                false => (rank, place, keep, width),
            });
        }
        wanted.sort_unstable();
        let mut left = width.saturating_sub(usize::from(GUTTER));
        let mut shown = Vec::new();
        for (_, place, keep, wanted) in wanted {
            if wanted + gap + keep <= left {
                left -= wanted + gap;
                shown.push((place, wanted));
            }
        }
        if let Some(message) = message.filter(|_| left >= MIN_MESSAGE) {
            shown.push((message, left));
        } else if let Some((0, session)) = shown.first_mut() {
            let name = rows.widths.first().map_or(0, |name| name + indent);
            *session = name.clamp(*session, *session + left);
        }
        shown.sort_unstable();
        let all = shown.into_iter();
        Self {
            all: all
                .map(|(place, width)| (choice.columns[place].clone(), width))
                .collect(),
            is_roomy,
            bar,
            gap,
        }
    }
}

fn title(column: &Column, bar: usize) -> String {
    match column {
        Column::Progress if bar == 0 => "PROG".to_owned(),
        _ => steady(&column.title()).into_owned(),
    }
}

/// Draws the table, or the reason why it is empty.
pub fn draw(frame: &mut Frame, area: Rect, painter: &Painter, screen: &mut Screen) {
    // A single line is for the session that needs attention most.
    let header = Rect {
        height: u16::from(area.height > 1),
        ..area
    };
    let rows = Rect {
        y: header.bottom(),
        height: area.height - header.height,
        ..area
    };
    screen.set_page(usize::from(rows.height));
    let columns = Columns::new(screen, usize::from(area.width));
    let gap = columns.gap as u16;
    let titles = Rect {
        x: header.x + GUTTER.min(header.width),
        width: header.width.saturating_sub(GUTTER),
        ..header
    };
    let mut x = titles.x;
    let headings = columns.all.iter().map(|(column, width)| {
        let width = *width as u16;
        let area = Rect { x, width, ..titles }.intersection(titles);
        x += width + gap;
        (area, column.clone())
    });
    screen.areas.headings = headings.collect();
    screen.areas.rows = rows;
    let widths = columns.all.iter().map(|(_, width)| *width as u16);
    // Without a message, the rows of groups have room behind the last column.
    let rest = Some(titles.right().saturating_sub(x)).filter(|rest| *rest > 0);
    let widths = widths.chain(rest).map(Constraint::Length);
    let screen: &Screen = screen;

    let mut rows_shown = screen.visible_rows().iter();
    match &screen.choice.by {
        Some(by) if rows_shown.all(|row| row.session.is_none()) => {
            let title = steady(&by.title()).into_owned();
            frame.render_widget(painter.span(Role::Faint, title), titles);
        }
        _ => {
            for (area, column) in &screen.areas.headings {
                frame.render_widget(heading(painter, screen, column, columns.bar), *area);
            }
        }
    }
    let (visible, all) = (screen.visible(), screen.rows.rows.len());
    let place = format!("  {}-{} of {all} ", visible.start + 1, visible.end);
    let room = columns.all.last().map_or(0, |(_, width)| *width);
    if visible.len() < all && "MESSAGE".len() + 1 + place.len() <= room {
        let place = painter.span(Role::Faint, place).into_right_aligned_line();
        frame.render_widget(place, header);
    }

    let group_name = group::name_width(screen, usize::from(titles.width));
    let lines = screen.visible_rows().iter().zip(visible.clone());
    let lines = lines.filter_map(|(row, place)| {
        let cells = if let Some(index) = row.session {
            let cells = Cells {
                painter,
                columns: &columns,
                screen,
                session: painter.table.get(index)?,
                health: painter.table.health_at(index, screen.now)?,
                is_indented: row.group.is_some(),
            };
            let all = columns.all.iter();
            all.map(|(column, width)| cells.cell(column, *width).into())
                .collect()
        } else {
            let width = usize::from(titles.width);
            let line = group::line(painter, screen, screen.group(*row)?, group_name, width);
            vec![Cell::from(line).column_span(u16::MAX)]
        };
        // The style of a bar takes precedence over that of its row.
        let mut style = Style::new();
        if place == screen.cursor {
            style = style.reversed();
        }
        Some(TableRow::new(cells).style(style))
    });
    let cursor = screen.cursor.checked_sub(visible.start);
    let widget = Table::new(lines, widths)
        .column_spacing(gap)
        .highlight_symbol(painter.symbol("› ", "> "))
        .highlight_spacing(HighlightSpacing::Always);
    let mut state = TableState::new().with_selected(cursor);
    frame.render_stateful_widget(widget, rows, &mut state);
    if all == 0 {
        let reason = match screen.choice.only {
            _ if screen.rows.totals.members.is_empty() => painter.empty,
            _ if !screen.choice.filter.is_empty() => "no session matches the filter",
            Only::Finished => "no session has been finished for an hour",
            _ => "no session needs attention",
        };
        let lines = reason
            .lines()
            .map(|line| Line::from(painter.span(Role::Faint, steady(line))));
        let notice = Paragraph::new(lines.collect::<Text>()).wrap(Wrap { trim: true });
        let padding = Padding::new(GUTTER, GUTTER, u16::from(rows.height > 1), 0);
        frame.render_widget(notice.block(Block::new().padding(padding)), rows);
    }
}

/// Returns the heading of a column. The sorted one has an arrow, up for ascending
/// order.
fn heading(painter: &Painter, screen: &Screen, column: &Column, bar: usize) -> Line<'static> {
    let mut title = title(column, bar);
    let mut role = Role::Faint;
    if screen.choice.sort.as_ref() == Some(column) {
        role = Role::Heading;
        let is_descending = is_descending(column) != screen.choice.is_reversed;
        title += match is_descending {
            true => painter.symbol("↓", "v"),
            false => painter.symbol("↑", "^"),
        };
    }
    let line = Line::from(painter.span(role, title));
    match column {
        Column::For | Column::Age => line.right_aligned(),
        _ => line,
    }
}

/// The data of one row's cells.
struct Cells<'a> {
    painter: &'a Painter<'a>,
    columns: &'a Columns,
    screen: &'a Screen,
    session: &'a Session,
    health: Health,
    /// Whether the session is below the row of its group.
    is_indented: bool,
}

impl Cells<'_> {
    fn cell(&self, column: &Column, width: usize) -> Line<'static> {
        let (painter, health, now) = (self.painter, &self.health, self.screen.now);
        let Session { update, since, .. } = self.session;
        match (column, since, update.progress) {
            (Column::Session, ..) if self.is_indented => {
                let name = self.session.display_name();
                let name = painter.fit(&name, width.saturating_sub(INDENT));
                Line::from(format!("{:INDENT$}{name}", ""))
            }
            (Column::Status, ..) => self.status(width),
            (Column::For, Some(since), _) => {
                let mark = if since.is_exact { "" } else { ">" };
                let held = short_duration(since.elapsed(now), DURATION - mark.len());
                Line::from(format!("{mark}{held}")).right_aligned()
            }
            (Column::Since, Some(since), _) => Line::from(short_time(since.at, now)),
            (Column::Age, ..) => {
                let (age, role) = match health.clock_skew {
                    Some(ahead) => {
                        let ahead = short_duration(ahead, DURATION - 1);
                        (format!("+{ahead}"), Role::Stale)
                    }
                    None => {
                        let role = worst_issue(health).map_or(Role::Faint, |(_, role)| role);
                        (short_duration(health.age, DURATION), role)
                    }
                };
                painter.span(role, age).into_right_aligned_line()
            }
            (Column::Progress, _, Some(progress)) => {
                let percent = percent(progress);
                let percent = format!(" {percent:>PERCENT$}");
                if self.columns.bar == 0 {
                    return Line::from(percent).right_aligned();
                }
                let role = Role::of_status(&update.status);
                let bar = painter.bar(role, progress, self.columns.bar);
                Line::from(vec![bar, Span::raw(percent)])
            }
            _ => Line::from(painter.fit(&column.text(self.session), width)),
        }
    }

    /// The status and the issue, or the more important of the two. They are faint if
    /// the session is acknowledged.
    fn status(&self, width: usize) -> Line<'static> {
        let (painter, update, health) = (self.painter, &self.session.update, &self.health);
        let mut words = vec![worst_word(update, health)];
        if self.columns.is_roomy {
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
        let mut line = Line::from(painter.span(words[0].1, first));
        for &(word, role) in &words[1..] {
            line.push_span(" ");
            line.push_span(painter.span(role, word.to_owned()));
        }
        line
    }
}
