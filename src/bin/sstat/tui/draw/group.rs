//! The row of a group: its counts, aligned with those of the other groups.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::bars::statuses;
use super::paint::Painter;
use crate::render::style::{Role, percent};
use crate::tui::model::Screen;
use crate::tui::rows::FINISHED;
use crate::tui::text::columns;
use crate::view::group::Group;

/// The maximum columns of the names of groups.
const MAX_NAME: usize = 32;

/// The columns of the bar, on a terminal of at least `MIN_WIDTH_FOR_BAR` columns.
const BAR: usize = 6;
const MIN_WIDTH_FOR_BAR: usize = 70;

/// Formats a group: its name, the number of sessions, the mean progress, and the
/// counts that fit, the most urgent first.
pub fn line(painter: &Painter, screen: &Screen, place: usize, width: usize) -> Line<'static> {
    let groups = &screen.rows.groups;
    let Some(group) = groups.get(place) else {
        return Line::default();
    };
    let mark = match (
        painter.style.unicode,
        screen.choice.unfolded.contains(&group.name),
    ) {
        (true, true) => "▾",
        (true, false) => "▸",
        (false, true) => "-",
        (false, false) => "+",
    };
    let count = group.members.len();
    if screen.choice.by.is_none() {
        return Line::from(painter.span(Role::Faint, format!("{mark} {count} {FINISHED}")));
    }
    let max = |size: &dyn Fn(&Group) -> usize| groups.iter().map(size).max().unwrap_or(0);
    let name_width = max(&|group| columns(&group.name))
        .min(MAX_NAME)
        .min(width / 4);
    let count_width = digits(max(&|group| group.members.len()));
    let name = painter.fit(&group.name, name_width);
    let blank = " ".repeat(name_width.saturating_sub(name.width()));
    let mut line = Line::from(vec![
        Span::raw(format!("{mark} ")),
        painter.span(Role::Heading, name),
        Span::raw(format!("{blank}  {count:>count_width$}")),
    ]);
    if groups.iter().any(|group| group.mean_progress().is_some()) {
        let progress = group.mean_progress();
        if width >= MIN_WIDTH_FOR_BAR {
            let bar = progress.map(|progress| painter.bar(Role::Working, progress, BAR));
            line.push_span("  ");
            line.push_span(bar.unwrap_or_else(|| Span::raw(" ".repeat(BAR))));
        }
        line.push_span(format!(" {:>4}", progress.map(percent).unwrap_or_default()));
    }
    let mut add = |role: Role, word: &str, count: &dyn Fn(&Group) -> usize| {
        let max = max(count);
        let digits = digits(max);
        let text = match count(group) {
            0 => " ".repeat(digits + 1 + word.width()),
            count => format!("{count:>digits$} {word}"),
        };
        if max > 0 && line.width() + 2 + text.width() <= width {
            line.push_span("  ");
            line.push_span(painter.span(role, text));
        }
    };
    let attention = Role::of_attention(group.worst);
    add(attention, "attention", &|group| group.attention);
    for (role, status, word) in statuses(&screen.rows.totals) {
        let count = |group: &Group| group.by_status.get(&status).copied().unwrap_or(0);
        add(role, &word, &|group| count(group) as usize);
    }
    line
}

fn digits(number: usize) -> usize {
    number.to_string().len()
}
