//! The row of a group: its counts, aligned with those of the other groups.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::bars::statuses;
use super::paint::Painter;
use crate::render::style::{Role, percent};
use crate::tui::model::Screen;
use crate::tui::rows::FINISHED;
use crate::tui::text::{columns, steady};
use crate::view::group::Group;

/// The maximum columns of the names of groups.
const MAX_NAME: usize = 32;

/// The columns of the bar, on a terminal of at least `MIN_WIDTH_FOR_BAR` columns.
const BAR: usize = 6;
const MIN_WIDTH_FOR_BAR: usize = 70;

/// Returns the columns of the names of all groups.
pub fn name_width(screen: &Screen, width: usize) -> usize {
    let names = screen.rows.groups.iter().map(|group| columns(&group.name));
    names.max().unwrap_or(0).min(MAX_NAME).min(width / 4)
}

/// Formats a group: its name, the number of sessions, the mean progress, and the
/// counts that fit, the most urgent first.
pub fn line(
    painter: &Painter,
    screen: &Screen,
    group: &Group,
    name_width: usize,
    width: usize,
) -> Line<'static> {
    let is_unfolded = screen.choice.unfolded.contains(&group.name);
    let mark = match is_unfolded {
        true => painter.symbol("▾", "-"),
        false => painter.symbol("▸", "+"),
    };
    let count = group.members.len();
    if screen.choice.by.is_none() {
        return Line::from(painter.span(Role::Faint, format!("{mark} {count} {FINISHED}")));
    }
    let totals = &screen.rows.totals;
    let count_width = totals.members.len().to_string().len();
    let name = painter.fit(&group.name, name_width);
    let blank = " ".repeat(name_width.saturating_sub(name.width()));
    let mut line = Line::from(vec![
        Span::raw(format!("{mark} ")),
        painter.span(Role::Heading, name),
        Span::raw(format!("{blank}  {count:>count_width$}")),
    ]);
    if totals.mean_progress().is_some() {
        let progress = group.mean_progress();
        if width >= MIN_WIDTH_FOR_BAR {
            let bar = progress.map(|progress| painter.bar(Role::Working, progress, BAR));
            line.push_span("  ");
            line.push_span(bar.unwrap_or_else(|| Span::raw(" ".repeat(BAR))));
        }
        line.push_span(format!(" {:>4}", progress.map(percent).unwrap_or_default()));
    }
    let attention = Role::of_attention(group.worst);
    let mut counts = vec![(attention, group.attention, totals.attention, "attention")];
    let statuses = statuses(totals);
    counts.extend(statuses.iter().map(|(role, status, total)| {
        let count = group.by_status.get(status).copied().unwrap_or(0);
        (*role, count as usize, *total, status.as_str())
    }));
    for (role, count, total, word) in counts.into_iter().filter(|(_, _, total, _)| *total > 0) {
        let (digits, word) = (total.to_string().len(), steady(word));
        let text = match count {
            0 => " ".repeat(digits + 1 + word.width()),
            _ => format!("{count:>digits$} {word}"),
        };
        if line.width() + 2 + text.width() > width {
            break;
        }
        line.push_span("  ");
        line.push_span(painter.span(role, text));
    }
    line
}
