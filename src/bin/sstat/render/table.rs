//! Sessions as rows: `list` and `stale`.

use std::borrow::Cow;
use std::io::{self, Write};

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, Row, Table, Width, presets};
use owo_colors::AnsiColors;
use sstat::{Session, Status};
use unicode_width::UnicodeWidthStr;

use crate::render::style::{Role, Style, percent};
use crate::render::{age, pane_command, trouble, trouble_word};
use crate::view::{List, Sessions, StaleList};
use sstat::escape;

/// Columns of a progress bar.
const BAR: usize = 10;

/// Below this width a percentage must do without its bar.
const NARROW: usize = 80;

/// Spaces between two columns.
const GAP: usize = 2;

/// A column that takes what is left of the terminal gets at least this.
const LEAST: usize = 10;

/// No text of a row is longer, also where there is no terminal: every other row
/// is padded to it.
const LONGEST: usize = 1000;

/// Rows that are laid out together. A row takes 2.5 KB while it is.
const ROWS_AT_A_TIME: usize = 500;

/// Text in a row and what it means.
struct Field<'a> {
    text: Cow<'a, str>,
    role: Option<Role>,
}

impl<'a> Field<'a> {
    fn plain(text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            text: text.into(),
            role: None,
        }
    }

    fn status(status: &'a Status) -> Self {
        Self::meaning(Role::of_status(status), escape(status.as_str()))
    }

    fn meaning(role: impl Into<Option<Role>>, text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            text: text.into(),
            role: role.into(),
        }
    }
}

/// One row a session; a column that no session needs is left out.
pub fn write_list(out: &mut dyn Write, list: &List, style: &Style) -> io::Result<()> {
    let bar = style.width.is_none_or(|width| width >= NARROW);
    let columns = ["SESSION", "STATUS", "PROGRESS", "TASK", "MESSAGE", "AGE"];
    let layout = Layout {
        columns,
        elastic: "MESSAGE",
        least: LEAST,
        dispensable: &["TASK", "PROGRESS", "MESSAGE"],
    };
    write_table(out, style, &layout, &list.sessions, |session| {
        let update = &session.update;
        [
            Field::plain(escape(session.name())),
            Field::status(&update.status),
            Field::plain(match update.progress {
                None => String::new(),
                Some(progress) if bar => {
                    format!("{} {:>4}", style.bar(progress, BAR), percent(progress))
                }
                Some(progress) => format!("{:>4}", percent(progress)),
            }),
            Field::plain(escape(update.task_id.as_deref().unwrap_or_default())),
            Field::plain(escape(&update.message)),
            Field::meaning(
                Role::of_health(&session.health).unwrap_or(Role::Faint),
                match trouble_word(&session.health) {
                    Some(trouble) => format!("{} {trouble}", age(&session.health)),
                    None => age(&session.health),
                },
            ),
        ]
    })
}

/// One row a session: how long silent, what is wrong, and how to look.
pub fn write_stale(out: &mut dyn Write, list: &StaleList, style: &Style) -> io::Result<()> {
    let columns = ["SESSION", "STATUS", "AGE", "TROUBLE", "LOOK"];
    let layout = Layout {
        columns,
        elastic: "TROUBLE",
        least: usize::MAX,
        dispensable: &["LOOK"],
    };
    write_table(out, style, &layout, &list.sessions, |session| {
        let update = &session.update;
        [
            Field::plain(escape(session.name())),
            Field::status(&update.status),
            Field::plain(age(&session.health)),
            Field::meaning(
                Role::of_health(&session.health),
                trouble(update, &session.health).unwrap_or_default(),
            ),
            Field::meaning(
                Role::Faint,
                pane_command(session.name(), list.directory.as_deref()),
            ),
        ]
    })
}

/// Which columns there are and what gives way on a small terminal.
struct Layout<'a, const N: usize> {
    columns: [&'a str; N],
    /// Cut to what the others leave.
    elastic: &'a str,
    /// Cut no further than this, if something else can be left out instead.
    least: usize,
    /// Left out one after the other where there is no room for all.
    dispensable: &'a [&'a str],
}

impl<const N: usize> Layout<'_, N> {
    /// Which columns are shown, and how wide the elastic one may be.
    fn fit(&self, widths: [usize; N], terminal: usize) -> ([bool; N], usize) {
        let mut shown = widths.map(|width| width > 0);
        let mut dispensable = self.dispensable.iter();
        loop {
            let others: usize = (0..N)
                .filter(|&column| shown[column] && self.columns[column] != self.elastic)
                .map(|column| widths[column].max(self.columns[column].len()) + GAP)
                .sum();
            let room = terminal.saturating_sub(others);
            let enough = widths
                .iter()
                .zip(self.columns)
                .find(|(_, column)| *column == self.elastic)
                .map_or(0, |(width, _)| (*width).min(self.least));
            if room >= enough {
                return (shown, room);
            }
            let Some(least) = dispensable.next() else {
                return (shown, room);
            };
            for (shown, column) in shown.iter_mut().zip(self.columns) {
                *shown &= column != *least;
            }
        }
    }
}

/// Lays rows out in columns: on a terminal each row on one line of it. Twice
/// over the sessions and some rows at a time, so that memory holds no second
/// copy of them all.
fn write_table<const N: usize>(
    out: &mut dyn Write,
    style: &Style,
    layout: &Layout<'_, N>,
    sessions: &Sessions,
    row: impl Fn(&Session) -> [Field<'_>; N],
) -> io::Result<()> {
    let columns = layout.columns;
    let mut widths = [0; N];
    for session in sessions.iter() {
        for (width, field) in widths.iter_mut().zip(row(&session)) {
            *width = (*width).max(field.text.width());
        }
    }
    let mut shown = widths.map(|width| width > 0);
    let mut most = [LONGEST; N];
    if let Some(terminal) = style.width {
        // A very long name must not push everything else off the screen.
        most[0] = (terminal / 3).max(LEAST);
        widths[0] = widths[0].min(most[0]);
        let (fitting, room) = layout.fit(widths, terminal);
        shown = fitting;
        for column in 0..N {
            if columns[column] == layout.elastic {
                most[column] = room.min(LONGEST);
            }
        }
    }
    for column in 0..N {
        widths[column] = widths[column].min(most[column]).max(columns[column].len());
    }
    if let Some(terminal) = style.width {
        // Where nothing more can be left out, the name gives way.
        let total: usize = (0..N)
            .filter(|&column| shown[column])
            .map(|column| widths[column] + GAP)
            .sum();
        let over = total.saturating_sub(GAP + terminal);
        widths[0] = widths[0].saturating_sub(over).max(columns[0].len());
        most[0] = most[0].min(widths[0]);
    }
    let mut is_first = true;
    let mut sessions = sessions.iter().peekable();
    while sessions.peek().is_some() {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if style.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if std::mem::take(&mut is_first) {
            let header = columns.map(|column| Field::meaning(Role::Heading, column));
            table.set_header(cells(&header, shown, style));
        }
        for session in sessions.by_ref().take(ROWS_AT_A_TIME) {
            let mut fields = row(&session);
            for (field, most) in fields.iter_mut().zip(most) {
                if field.text.width() > most {
                    field.text = style.fit(&field.text, most).into_owned().into();
                }
            }
            table.add_row(Row::from(cells(&fields, shown, style)));
        }
        let last = table.column_count().saturating_sub(1);
        let widths = widths.iter().zip(shown).filter(|(_, shown)| *shown);
        for ((index, column), (&width, _)) in table.column_iter_mut().enumerate().zip(widths) {
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

fn cells<const N: usize>(fields: &[Field<'_>; N], shown: [bool; N], style: &Style) -> Vec<Cell> {
    fields
        .iter()
        .zip(shown)
        .filter(|(_, shown)| *shown)
        .map(|(field, _)| cell(field, style))
        .collect()
}

fn cell(field: &Field<'_>, style: &Style) -> Cell {
    let mut cell = Cell::new(&field.text);
    let Some(role) = field.role.filter(|_| style.color) else {
        return cell;
    };
    if let Some(color) = role.color() {
        cell = cell.fg(match color {
            AnsiColors::Green => Color::DarkGreen,
            AnsiColors::Yellow => Color::DarkYellow,
            AnsiColors::Red => Color::DarkRed,
            AnsiColors::Blue => Color::DarkBlue,
            AnsiColors::Cyan => Color::DarkCyan,
            AnsiColors::Magenta => Color::DarkMagenta,
            _ => Color::Reset,
        });
    }
    if role.is_bold() {
        cell = cell.add_attribute(Attribute::Bold);
    }
    if role == Role::Faint {
        cell = cell.add_attribute(Attribute::Dim);
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Part;
    use sstat::{HealthRules, Thresholds, Update};

    fn lines(lines: &[&str], width: Option<usize>) -> Vec<String> {
        let now = sstat::parse_timestamp("2026-02-14T20:35:00Z").unwrap();
        let rules = HealthRules::new(now, Thresholds::default());
        let sessions = lines
            .iter()
            .map(|line| rules.evaluate(Update::decode(line.as_bytes()).unwrap()));
        let sessions = Sessions::new(vec![Part::new(sessions)]);
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
    fn a_row_is_no_wider_than_the_terminal() {
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
    fn a_row_is_one_line_and_not_padded_without_end() {
        let long = "x".repeat(300_000);
        let long = format!(
            r#"{{"timestamp":"2026-02-14T20:35:00Z","session":"a","status":"working","message":"{long}"}}"#
        );
        let short = r#"{"timestamp":"2026-02-14T20:35:00Z","session":"b","status":"working","message":"m"}"#;
        let lines = lines(&[&long, short], None);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.width() < LONGEST + 100));
        assert!(lines[1].contains('…'));
    }
}
