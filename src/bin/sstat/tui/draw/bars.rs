//! The top line with the counts, and the bottom line with the input, a message
//! or the keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use sstat::{Attention, Status};
use unicode_width::UnicodeWidthStr;

use super::paint::Painter;
use crate::render::style::Role;
use crate::tui::keys::{COLUMN_HINTS, HELP_HINTS, HINTS, Mode};
use crate::tui::model::Screen;
use crate::tui::rows::Rows;
use crate::tui::text::{local, steady};
use crate::view::group::Group;

/// Draws the counts on the left, the order and the clock on the right.
pub fn draw_top(frame: &mut Frame, area: Rect, painter: &Painter, screen: &Screen) {
    let counts = counts(painter, &screen.rows, usize::from(area.width));
    let used = counts.width();
    frame.render_widget(counts, area);

    let clock = local(screen.now, "%H:%M:%S");
    let order = format!("by {}  ", steady(&screen.order_in_words()));
    let (state, role) = match screen.is_paused {
        true => (format!("PAUSED at {clock}"), Role::Heading),
        false => (clock, Role::Faint),
    };
    let mut right = vec![
        painter.span(Role::Faint, order),
        painter.span(role, format!("{state} ")),
    ];
    let has_room = |spans: &[Span]| {
        let width: usize = spans.iter().map(Span::width).sum();
        used + 1 + width < usize::from(area.width)
    };
    if !has_room(&right) {
        right.remove(0);
    }
    if !has_room(&right) {
        right.clear();
    }
    if right.is_empty() && screen.is_paused {
        right.push(painter.span(Role::Heading, " PAUSED"));
    }
    frame.render_widget(Line::from(right).right_aligned(), area);
}

/// Returns the statuses and their words, the most urgent first.
pub fn statuses(group: &Group) -> Vec<(Role, Status, String)> {
    let statuses = group.by_status.keys().map(|status| {
        let word = steady(status.as_str()).into_owned();
        (Role::of_status(status), status.clone(), word)
    });
    let mut statuses: Vec<_> = statuses.collect();
    statuses.sort_by_key(|&(role, ..)| attention_of(role));
    statuses
}

/// Returns the total and the counts of each status and issue, as many as fit.
fn counts(painter: &Painter, rows: &Rows, width: usize) -> Line<'static> {
    let totals = &rows.totals;
    let by_status = totals.by_status.iter();
    let mut counts: Vec<(Role, String)> = by_status
        .map(|(status, count)| {
            let word = steady(status.as_str());
            (Role::of_status(status), format!("{count} {word}"))
        })
        .collect();
    let issues = [
        (Role::Stale, rows.stale, "stale"),
        (Role::Dead, rows.dead, "dead"),
    ];
    for (role, count, word) in issues.into_iter().filter(|(_, count, _)| *count > 0) {
        counts.push((role, format!("{count} {word}")));
    }
    let sessions = totals.members.len();
    let noun = if sessions == 1 { "session" } else { "sessions" };
    let mut total = format!("{sessions} {noun}");
    let words: usize = counts.iter().map(|(_, text)| 2 + text.width()).sum();
    if 1 + total.len() + words > width {
        total = sessions.to_string();
        // The most urgent counts come first, because the last are cut off.
        counts.sort_by_key(|&(role, _)| attention_of(role));
    }
    let mut line = Line::from(vec![Span::raw(" "), painter.span(Role::Heading, total)]);
    let mut used = line.width();
    for (role, text) in counts {
        used += 2 + text.width();
        if used > width {
            break;
        }
        line.push_span(Span::raw("  "));
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
    let line = if screen.mode == Mode::Filter {
        let input = steady(&screen.choice.filter);
        let column = u16::try_from(1 + input.width()).unwrap_or(u16::MAX);
        if !area.is_empty() {
            frame.set_cursor_position((area.x + column.min(area.width - 1), area.y));
        }
        let hint = format!("   {found}   Enter keeps it, Esc clears it");
        Line::from(vec![
            painter.span(Role::Heading, format!("/{input}")),
            painter.span(Role::Faint, hint),
        ])
    } else if let Some(note) = &screen.note {
        Line::from(painter.span(Role::Heading, format!(" {}", steady(note))))
    } else {
        keys(painter, screen, &found, usize::from(area.width))
    };
    frame.render_widget(line, area);
}

fn keys(painter: &Painter, screen: &Screen, found: &str, width: usize) -> Line<'static> {
    let mut line = Line::from(" ");
    let hints: &[(&str, &str)] = match screen.mode {
        Mode::Help => &HELP_HINTS,
        Mode::Columns => &COLUMN_HINTS,
        _ => &HINTS,
    };
    let crumbs = screen.breadcrumbs();
    if !crumbs.is_empty() && screen.mode == Mode::Browse {
        let separator = if painter.style.unicode {
            " › "
        } else {
            " > "
        };
        // The innermost matter most.
        let fits = |from: &usize| crumbs[*from..].join(separator).width() <= width / 2;
        let from = (0..crumbs.len()).find(fits).unwrap_or(crumbs.len() - 1);
        let crumbs = painter.fit(&crumbs[from..].join(separator), width / 2);
        line.push_span(painter.span(Role::Heading, format!("{crumbs} {found}   ")));
    }
    let mut used = line.width();
    for &(key, action) in hints {
        used += key.len() + 1 + action.len() + 2;
        // The spaces behind the last key may be cut off.
        if used > width + 2 {
            break;
        }
        line.push_span(painter.span(Role::Heading, key));
        line.push_span(painter.span(Role::Faint, format!(" {action}  ")));
    }
    line
}
