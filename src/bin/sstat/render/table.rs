//! `list` and `stale` as tables, one row for each session.

use std::array::from_fn;
use std::io::{self, Write};

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, Row, Table, Width, presets};
use sstat::{Session, escape};
use unicode_width::UnicodeWidthStr;

use crate::render::style::{Role, Span, Style, percent, worst_issue};
use crate::render::{age, issue, pane_command};
use crate::view::{List, StaleList};

/// Columns of a progress bar.
const BAR: usize = 10;

/// On a narrower terminal the progress is a percentage without a bar.
const MIN_WIDTH_FOR_BAR: usize = 80;

/// Spaces between two columns.
const GAP: usize = 2;

/// The names and the messages get at least this width.
const MIN_WIDTH: usize = 10;

/// The maximum width of a column, also when piped, because every row is padded
/// to it.
const MAX_WIDTH: usize = 1000;

/// The number of rows to format at once, since each takes 2.5 KB of memory.
const ROWS_AT_ONCE: usize = 500;

/// Writes a row for each session. A column that is empty in all rows is left
/// out.
pub fn write_list(out: &mut dyn Write, list: &List, style: &Style) -> io::Result<()> {
    let (progress_column, task_column, message_column) = (2, 3, 4);
    let layout = Layout {
        headers: ["SESSION", "STATUS", "PROGRESS", "TASK", "MESSAGE", "AGE"],
        elastic: message_column,
        min_elastic: MIN_WIDTH,
        dispensable: &[task_column, progress_column, message_column],
    };
    let has_bar = style.width.is_none_or(|width| width >= MIN_WIDTH_FOR_BAR);
    write_table(out, style, &layout, &list.sessions, |session| {
        let (update, health) = (&session.update, &session.health);
        let progress = match update.progress {
            None => String::new(),
            Some(progress) if has_bar => {
                format!("{} {:>4}", style.bar(progress, BAR), percent(progress))
            }
            Some(progress) => format!("{:>4}", percent(progress)),
        };
        let age = match worst_issue(health) {
            Some((issue, role)) => Span::of(role, format!("{} {issue}", age(health))),
            None => Span::of(Role::Faint, age(health)),
        };
        [
            Span::plain(escape(session.name())),
            Span::of_status(&update.status),
            Span::plain(progress),
            Span::plain(escape(update.task_id.as_deref().unwrap_or_default())),
            Span::plain(escape(&update.message)),
            age,
        ]
    })
}

/// Writes a row for each session: its age, its issue, and the command that shows
/// it.
pub fn write_stale(out: &mut dyn Write, list: &StaleList, style: &Style) -> io::Result<()> {
    let (issue_column, look_column) = (3, 4);
    let layout = Layout {
        headers: ["SESSION", "STATUS", "AGE", "ISSUE", "LOOK"],
        elastic: issue_column,
        min_elastic: usize::MAX,
        dispensable: &[look_column],
    };
    write_table(out, style, &layout, &list.sessions, |session| {
        let (update, health) = (&session.update, &session.health);
        let command = pane_command(session.name(), list.directory.as_deref());
        [
            Span::plain(escape(session.name())),
            Span::of_status(&update.status),
            Span::plain(age(health)),
            Span {
                role: Role::of_health(health),
                text: issue(update, health).unwrap_or_default(),
            },
            Span::of(Role::Faint, command),
        ]
    })
}

/// The columns of a table and how they adapt to a narrow terminal.
struct Layout<'a, const N: usize> {
    headers: [&'a str; N],
    /// The column that is truncated to the room that the others leave.
    elastic: usize,
    /// Other columns are left out before the elastic one gets narrower.
    min_elastic: usize,
    /// The columns to leave out, in this order.
    dispensable: &'a [usize],
}

impl<const N: usize> Layout<'_, N> {
    /// Returns the width of each column, given that of its longest text; `None`
    /// for a column to leave out.
    fn widths(&self, longest: [usize; N], terminal: Option<usize>) -> [Option<usize>; N] {
        let headers = self.headers.map(str::len);
        let mut widths: [Option<usize>; N] = from_fn(|column| match longest[column] {
            0 => None,
            longest => Some(longest.clamp(headers[column], MAX_WIDTH)),
        });
        let Some(terminal) = terminal else {
            return widths;
        };
        // A very long name must not take the room of the other columns.
        let max_name = (terminal / 3).max(MIN_WIDTH);
        widths[0] = widths[0].map(|width| width.min(max_name));
        let mut dispensable = self.dispensable.iter();
        loop {
            let others = (0..N).filter(|&column| column != self.elastic);
            let used: usize = others
                .filter_map(|column| Some(widths[column]? + GAP))
                .sum();
            let room = terminal.saturating_sub(used);
            let elastic = widths[self.elastic].unwrap_or(0);
            match dispensable.next() {
                Some(&column) if room < elastic.min(self.min_elastic) => widths[column] = None,
                _ => {
                    let elastic = elastic.min(room).max(headers[self.elastic]);
                    widths[self.elastic] = widths[self.elastic].map(|_| elastic);
                    break;
                }
            }
        }
        let total: usize = widths.iter().flatten().map(|width| width + GAP).sum();
        let excess = total.saturating_sub(terminal + GAP);
        widths[0] = widths[0].map(|width| width.saturating_sub(excess).max(headers[0]));
        widths
    }
}

fn cell(span: &Span, width: usize, style: &Style) -> Cell {
    let mut cell = Cell::new(style.fit(&span.text, width));
    let Some(role) = span.role.filter(|_| style.color) else {
        return cell;
    };
    if let Some(color) = role.color() {
        cell = cell.fg(Color::AnsiValue(color.index));
    }
    if role.is_bold() {
        cell = cell.add_attribute(Attribute::Bold);
    }
    if role.is_dim() {
        cell = cell.add_attribute(Attribute::Dim);
    }
    cell
}

/// Writes sessions as rows. Each row is one line, on a terminal no wider than
/// it. `fields` runs twice for each session, which takes less memory than
/// keeping all fields.
fn write_table<const N: usize>(
    out: &mut dyn Write,
    style: &Style,
    layout: &Layout<'_, N>,
    sessions: &[Session],
    fields: impl Fn(&Session) -> [Span; N],
) -> io::Result<()> {
    let mut longest = [0; N];
    for session in sessions {
        for (longest, field) in longest.iter_mut().zip(fields(session)) {
            *longest = field.text.width().max(*longest);
        }
    }
    let widths = layout.widths(longest, style.width);
    let row = |fields: [Span; N]| {
        let shown = fields.iter().zip(widths);
        Row::from(shown.filter_map(|(field, width)| Some(cell(field, width?, style))))
    };
    for (index, chunk) in sessions.chunks(ROWS_AT_ONCE).enumerate() {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if style.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if index == 0 {
            let headers = layout.headers.map(|text| Span::of(Role::Heading, text));
            table.set_header(row(headers));
        }
        table.add_rows(chunk.iter().map(|session| row(fields(session))));
        let last = table.column_count().saturating_sub(1);
        let columns = table.column_iter_mut().zip(widths.iter().flatten());
        for (index, (column, width)) in columns.enumerate() {
            let gap = if index < last { GAP } else { 0 };
            column.set_padding((0, gap as u16));
            let width = u16::try_from(width + gap).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sstat::{HealthRules, Thresholds, Update};

    fn lines(lines: &[&str], width: Option<usize>) -> Vec<String> {
        let now = sstat::parse_timestamp("2026-02-14T20:35:00Z").unwrap();
        let rules = HealthRules::new(now, Thresholds::default());
        let sessions = lines
            .iter()
            .map(|line| rules.evaluate(Update::decode(line.as_bytes()).unwrap()));
        let sessions = sessions.collect();
        let style = Style {
            width,
            ..Style::PLAIN
        };
        let mut out = Vec::new();
        write_list(&mut out, &List { sessions }, &style).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn row_fits_the_terminal() {
        let rows = [
            r#"{"timestamp":"2026-02-14T20:00:00Z","session":"integration-tests","status":"blocked","task_id":"T-1","progress":0.5,"message":"waits for the database"}"#,
            r#"{"timestamp":"2026-02-14T22:35:00Z","session":"worker10","status":"completed","message":"日本語 and more"}"#,
        ];
        for width in 40..200 {
            for line in lines(&rows, Some(width)) {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn row_is_one_line_of_limited_width() {
        let long = "x".repeat(300_000);
        let long = format!(
            r#"{{"timestamp":"2026-02-14T20:35:00Z","session":"a","status":"working","message":"{long}"}}"#
        );
        let short = r#"{"timestamp":"2026-02-14T20:35:00Z","session":"b","status":"working","message":"m"}"#;
        let lines = lines(&[&long, short], None);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.width() < MAX_WIDTH + 100));
        assert!(lines[1].contains('…'));
    }
}
