//! The top line with the counts, and the bottom line with the input, a message
//! or the keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use sstat::{Attention, Status};
use unicode_width::UnicodeWidthStr;

use super::paint::Painter;
use crate::render::local;
use crate::render::style::Role;
use crate::tui::keys::{COLUMN_HINTS, DETAIL_HINTS, HELP_HINTS, HINTS, Mode};
use crate::tui::model::Screen;
use crate::tui::rows::Rows;
use crate::tui::text::steady;
use crate::view::group::Group;

/// The key that is always at the end of the bottom line.
const HELP: &str = "? help ";

/// Draws the counts on the left, the order and the clock on the right.
pub fn draw_top(frame: &mut Frame, area: Rect, painter: &Painter, screen: &Screen) {
    let counts = counts(painter, &screen.rows, usize::from(area.width));
    let left = usize::from(area.width).saturating_sub(counts.width() + 1);
    frame.render_widget(counts, area);
    let clock = local(screen.now).format("%H:%M:%S");
    let (time, short, role) = match screen.is_paused {
        true => (format!("PAUSED at {clock} "), " PAUSED", Role::Heading),
        false => (format!("{clock} "), "", Role::Faint),
    };
    let time = painter.span(role, time);
    let order = format!("by {}  ", steady(&screen.order_in_words()));
    let both = Line::from(vec![painter.span(Role::Faint, order), time.clone()]);
    let mut choices = [both, Line::from(time)].into_iter();
    let right = choices.find(|line| line.width() < left);
    let right = right.unwrap_or(painter.span(role, short).into());
    frame.render_widget(right.right_aligned(), area);
}

/// Returns the statuses and their counts, the most urgent first.
pub fn statuses(group: &Group) -> Vec<(Role, &Status, usize)> {
    let statuses = group.by_status.iter();
    let mut statuses: Vec<_> = statuses
        .map(|(status, &count)| (Role::of_status(status), status, count as usize))
        .collect();
    statuses.sort_by_key(|&(role, ..)| attention_of(role));
    statuses
}

/// Returns the total and the counts of each status and issue, the most urgent first,
/// as many as fit.
fn counts(painter: &Painter, rows: &Rows, width: usize) -> Line<'static> {
    let statuses = statuses(&rows.totals).into_iter();
    let statuses = statuses.map(|(role, status, count)| (role, count, status.as_str()));
    let issues = [
        (Role::Stale, rows.stale, "stale"),
        (Role::Dead, rows.dead, "dead"),
    ];
    let counts = statuses.chain(issues).filter(|(_, count, _)| *count > 0);
    let mut counts: Vec<_> = counts
        .map(|(role, count, word)| (role, format!("  {count} {}", steady(word))))
        .collect();
    counts.sort_by_key(|&(role, _)| attention_of(role));
    let sessions = rows.totals.members.len();
    let noun = if sessions == 1 { "session" } else { "sessions" };
    let mut total = format!(" {sessions} {noun}");
    let words: usize = counts.iter().map(|(_, text)| text.width()).sum();
    if total.len() + words > width {
        total = format!(" {sessions}");
    }
    let mut used = total.len();
    let mut line = Line::from(painter.span(Role::Heading, total));
    for (role, text) in counts {
        used += text.width();
        if used > width {
            break;
        }
        line.push_span(painter.span(role, text));
    }
    line
}

fn attention_of(role: Role) -> Attention {
    match role {
        Role::Error | Role::Dead => Attention::Failed,
        Role::Blocked => Attention::Blocked,
        Role::Stale | Role::VeryStale => Attention::Stale,
        _ => Attention::None,
    }
}

/// Draws the filter while the user types it, a message, or the filters and the
/// keys.
pub fn draw_bottom(frame: &mut Frame, area: Rect, painter: &Painter, screen: &Screen) {
    let rows = &screen.rows;
    let found = format!("{} of {}", rows.found, rows.totals.members.len());
    if screen.mode == Mode::Filter {
        let input = painter.span(Role::Heading, format!("/{}", steady(&screen.choice.filter)));
        let hint = format!("   {found}   Enter keeps it, Esc clears it");
        // The end of a long input is visible, with the cursor after it.
        let end = input.width().min(usize::from(u16::MAX) - 1) as u16;
        let hidden = (end + 1).saturating_sub(area.width);
        let line = Line::from(vec![input, painter.span(Role::Faint, hint)]);
        if !area.is_empty() {
            frame.set_cursor_position((area.x + end - hidden, area.y));
        }
        return frame.render_widget(Paragraph::new(line).scroll((0, hidden)), area);
    }
    let help = match screen.mode {
        Mode::Browse => Line::from_iter(hint(painter, HELP)),
        _ => Line::default(),
    };
    let mut left = area;
    left.width = area.width.saturating_sub(help.width() as u16);
    frame.render_widget(help.right_aligned(), area);
    let width = usize::from(left.width);
    let line = match &screen.note {
        Some(note) => {
            let note = painter.fit(note, width.saturating_sub(2));
            painter.span(Role::Heading, format!(" {note}")).into()
        }
        None => keys(painter, screen, &found, width),
    };
    frame.render_widget(line, left);
}

/// Formats a key and its action.
fn hint(painter: &Painter, hint: &'static str) -> [Span<'static>; 2] {
    let (key, action) = hint.split_at(hint.find(' ').unwrap_or(0));
    let action = painter.span(Role::Faint, action);
    [painter.span(Role::Heading, key), action]
}

fn keys(painter: &Painter, screen: &Screen, found: &str, width: usize) -> Line<'static> {
    let mut line = Line::from(" ");
    let hints = match screen.mode {
        Mode::Help => HELP_HINTS,
        Mode::Columns => COLUMN_HINTS,
        _ if screen.is_pane_open => DETAIL_HINTS,
        _ => HINTS,
    };
    let crumbs = screen.breadcrumbs();
    if !crumbs.is_empty() && screen.mode == Mode::Browse {
        let separator = painter.symbol(" › ", " > ");
        // The innermost matter most.
        let fits = |from: &usize| crumbs[*from..].join(separator).width() <= width / 2;
        let from = (0..crumbs.len()).find(fits).unwrap_or(crumbs.len() - 1);
        let crumbs = painter.fit(&crumbs[from..].join(separator), width / 2);
        line.push_span(painter.span(Role::Heading, format!("{crumbs} {found}   ")));
    }
    let mut used = line.width();
    for text in hints.split('|') {
        used += text.len() + 2;
        if used > width {
            break;
        }
        line.spans.extend(hint(painter, text));
        line.push_span("  ");
    }
    line
}
