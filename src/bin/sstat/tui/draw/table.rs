//! The table of sessions.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{
    Block, Cell, HighlightSpacing, Padding, Paragraph, Row, Table, TableState, Wrap,
};
use sstat::{Health, Session, StatusSince};

use super::paint::Painter;
use crate::render::style::{Role, percent, worst_issue};
use crate::tui::model::{Screen, Sort, Totals, worst_word};
use crate::tui::text::{short_duration, steady};
use crate::watch::session_table::SessionTable;

/// The columns of the cursor, left of the names.
const GUTTER: u16 = 2;

/// The columns of a duration.
const DURATION: usize = 6;

/// The columns of a percentage.
const PERCENT: usize = 4;

/// From this width on, the status and the issue are side by side.
const ROOMY: usize = 100;

/// A message with less room is left out.
const MIN_MESSAGE: usize = 12;

/// The time in a status is left out if the message would get less room.
const COMFORTABLE_MESSAGE: usize = 18;

/// A column of the table, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Session,
    Status,
    For,
    Age,
    Progress,
    Task,
    Message,
}

/// The columns that fit, from left to right.
struct Layout {
    columns: Vec<(Column, usize)>,
    is_roomy: bool,
    /// The columns of the progress bar.
    bar: usize,
    gap: u16,
}

impl Layout {
    fn new(totals: &Totals, width: usize) -> Self {
        let is_roomy = width >= ROOMY;
        let gap = if width >= 60 { 2 } else { 1 };
        let (max_session, max_status, max_task) = match is_roomy {
            true => (width / 5, 20, 16),
            false => (width / 4, 12, 8),
        };
        let clamp =
            |title: &str, width: usize, max: usize| width.clamp(title.len(), max.max(title.len()));
        let session = clamp("SESSION", totals.name, max_session);
        let status = match is_roomy {
            true => totals.status_and_issue,
            false => totals.word,
        };
        let status = clamp("STATUS", status, max_status);
        let task = match totals.task {
            0 => 0,
            task => clamp("TASK", task, max_task),
        };
        let bar = match width {
            ..70 => 0,
            70..ROOMY => 6,
            _ => 10,
        };
        let progress = match bar {
            _ if !totals.any_progress => 0,
            0 => PERCENT,
            bar => bar + 1 + PERCENT,
        };
        // By importance: the column, its width, the minimum width of the terminal,
        // and the room to leave for the message.
        let wanted = [
            (Column::Session, session, 0, 0),
            (Column::Status, status, 0, 0),
            (Column::Age, DURATION, 24, 0),
            (Column::Progress, progress, 30, 0),
            (Column::Task, task, 60, 0),
            (Column::For, DURATION, 80, COMFORTABLE_MESSAGE),
        ];
        let mut left = width.saturating_sub(usize::from(GUTTER));
        let mut columns = Vec::new();
        for (column, wanted, min_width, keep) in wanted {
            if wanted > 0 && width >= min_width && wanted + gap + keep <= left {
                left -= wanted + gap;
                columns.push((column, wanted));
            }
        }
        if left >= MIN_MESSAGE {
            columns.push((Column::Message, left));
        } else if let Some((Column::Session, session)) = columns.first_mut() {
            *session = totals.name.clamp(*session, *session + left);
        }
        columns.sort_unstable();
        Self {
            columns,
            is_roomy,
            bar,
            gap: gap as u16,
        }
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
    let screen: &Screen = screen;
    let layout = Layout::new(&screen.totals, usize::from(area.width));
    let selected = screen.cursor_in_page();
    let rows = screen.visible_rows().iter().enumerate();
    let rows = rows.filter_map(|(row, &index)| {
        let cells = Cells {
            painter,
            layout: &layout,
            screen,
            session: table.get(index)?,
            health: table.health_at(index, screen.now)?,
        };
        let columns = layout.columns.iter();
        let cells = columns.map(|&(column, width)| cells.cell(column, width));
        let style = match row == selected {
            true => Style::new().add_modifier(Modifier::REVERSED),
            false => Style::new(),
        };
        Some(Row::new(cells).style(style))
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

    let (visible, all) = (screen.visible(), screen.rows.len());
    if visible.len() < all {
        let place = format!("  {}-{} of {all} ", visible.start + 1, visible.end);
        let message = layout
            .columns
            .last()
            .filter(|(column, _)| *column == Column::Message);
        if message.is_some_and(|(_, width)| "MESSAGE".len() + place.len() <= *width) {
            let place = Line::from(painter.span(Role::Faint, place)).right_aligned();
            frame.render_widget(place, Rect { height: 1, ..area });
        }
    }
    if all == 0 {
        let reason = match screen.totals.sessions {
            0 => empty,
            _ if !screen.filter.is_empty() => "no session matches the filter",
            _ => "no session needs attention",
        };
        let text = painter.span(Role::Faint, steady(reason));
        let notice = Paragraph::new(text).wrap(Wrap { trim: true });
        let padding = Padding::new(GUTTER, GUTTER, 2, 0);
        frame.render_widget(notice.block(Block::new().padding(padding)), area);
    }
}

fn header(painter: &Painter, screen: &Screen, layout: &Layout) -> Row<'static> {
    let cells = layout.columns.iter().map(|(column, _)| {
        let (title, sort) = match column {
            Column::Session => ("SESSION", Some(Sort::Name)),
            Column::Status => ("STATUS", Some(Sort::Status)),
            Column::For => ("FOR", None),
            Column::Age => ("AGE", Some(Sort::Age)),
            Column::Progress if layout.bar == 0 => ("PROG", Some(Sort::Progress)),
            Column::Progress => ("PROGRESS", Some(Sort::Progress)),
            Column::Task => ("TASK", Some(Sort::Task)),
            Column::Message => ("MESSAGE", None),
        };
        let role = match sort {
            Some(sort) if sort == screen.sort => Role::Heading,
            _ => Role::Faint,
        };
        let line = Line::from(painter.span(role, title));
        Cell::from(match column {
            Column::For | Column::Age => line.right_aligned(),
            _ => line,
        })
    });
    Row::new(cells)
}

/// What the cells of a row are made from.
struct Cells<'a> {
    painter: &'a Painter<'a>,
    layout: &'a Layout,
    screen: &'a Screen,
    session: &'a Session,
    health: Health,
}

impl Cells<'_> {
    fn cell(&self, column: Column, width: usize) -> Line<'static> {
        let (painter, health) = (self.painter, &self.health);
        let Session { update, since, .. } = self.session;
        let text = |text: &str| Line::from(painter.fit(text, width));
        match column {
            Column::Session => text(&update.session),
            Column::Status => self.status(width),
            Column::For => {
                let held = since.map(|since| self.held(since)).unwrap_or_default();
                Line::from(held).right_aligned()
            }
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
            Column::Task => text(update.task_id.as_deref().unwrap_or_default()),
            Column::Message => text(&update.message),
        }
    }

    /// The status and the issue, or the more important of the two.
    fn status(&self, width: usize) -> Line<'static> {
        let (painter, update, health) = (self.painter, &self.session.update, &self.health);
        match worst_issue(health) {
            Some((issue, role)) if self.layout.is_roomy => {
                let room = width.saturating_sub(1 + issue.len());
                let word = painter.fit(update.status.as_str(), room);
                let status = Role::of_status(&update.status);
                Line::from(vec![
                    painter.span(status, word),
                    Span::raw(" "),
                    painter.span(role, issue),
                ])
            }
            _ => {
                let (word, role) = worst_word(update, health);
                Line::from(painter.span(role, painter.fit(word, width)))
            }
        }
    }

    fn held(&self, since: StatusSince) -> String {
        let held = since.elapsed(self.screen.now);
        let mark = if since.is_exact { "" } else { ">" };
        format!("{mark}{}", short_duration(held, DURATION - mark.len()))
    }
}
