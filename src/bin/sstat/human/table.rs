//! Sessions as rows: `list` and `stale`.

use std::borrow::Cow;
use std::io::{self, Write};

use comfy_table::{Attribute, Cell, Color, Row, Table, presets};
use owo_colors::AnsiColors;
use sstat::Session;
use unicode_width::UnicodeWidthStr;

use crate::human::escape::escape;
use crate::human::style::{Role, Style, percent};
use crate::human::{age, pane_command, trouble};
use crate::view::{List, StaleList};

/// Columns of a progress bar.
const BAR: usize = 10;

/// Below this width a percentage must do without its bar.
const NARROW: usize = 70;

/// Spaces between two columns.
const GAP: usize = 2;

/// A column that takes what is left of the terminal gets at least this.
const LEAST: usize = 10;

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
    write_table(out, style, columns, "MESSAGE", &list.sessions, |session| {
        let update = &session.update;
        [
            Field::plain(escape(session.name())),
            Field::meaning(
                Role::of_status(&update.status),
                escape(update.status.as_str()),
            ),
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
                Role::of_condition(&session.condition).unwrap_or(Role::Faint),
                match trouble(update, &session.condition) {
                    Some(trouble) => format!("{}, {trouble}", age(&session.condition)),
                    None => age(&session.condition),
                },
            ),
        ]
    })
}

/// One row a session: how long silent, what is wrong, and how to look.
pub fn write_stale(out: &mut dyn Write, list: &StaleList, style: &Style) -> io::Result<()> {
    let columns = ["SESSION", "STATUS", "AGE", "TROUBLE", "LOOK"];
    write_table(out, style, columns, "TROUBLE", &list.sessions, |session| {
        let update = &session.update;
        [
            Field::plain(escape(session.name())),
            Field::meaning(
                Role::of_status(&update.status),
                escape(update.status.as_str()),
            ),
            Field::plain(age(&session.condition)),
            Field::meaning(
                Role::of_condition(&session.condition),
                trouble(update, &session.condition).unwrap_or_default(),
            ),
            Field::meaning(Role::Faint, pane_command(session.name())),
        ]
    })
}

/// Lays rows out in columns, the elastic one cut to what a terminal has left.
fn write_table<'a, const N: usize>(
    out: &mut dyn Write,
    style: &Style,
    columns: [&'a str; N],
    elastic: &str,
    sessions: &'a [Session],
    row: impl Fn(&'a Session) -> [Field<'a>; N],
) -> io::Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<[Field; N]> = sessions.iter().map(row).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, field) in widths.iter_mut().zip(row) {
            *width = (*width).max(field.text.width());
        }
    }
    let shown = widths.map(|width| width > 0);
    for (width, column) in widths.iter_mut().zip(columns) {
        *width = (*width).max(column.len());
    }
    if let Some(terminal) = style.width {
        let mut cut = |column: usize, room: usize| {
            for row in &mut rows {
                if row[column].text.width() > room {
                    let text = style.fit(&row[column].text, room).into_owned();
                    row[column].text = text.into();
                }
            }
            widths[column] = widths[column].min(room);
        };
        // A very long name must not push everything else off the screen.
        cut(0, (terminal / 3).max(LEAST));
        let others: usize = (0..N)
            .filter(|&column| shown[column] && columns[column] != elastic)
            .map(|column| widths[column] + GAP)
            .sum();
        let room = terminal.saturating_sub(others).max(LEAST);
        if let Some(column) = columns.iter().position(|&column| column == elastic) {
            for row in &mut rows {
                if row[column].text.width() > room {
                    let text = style.fit(&row[column].text, room).into_owned();
                    row[column].text = text.into();
                }
            }
        }
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if style.color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let header: Vec<Cell> = columns
        .iter()
        .zip(shown)
        .filter(|(_, shown)| *shown)
        .map(|(column, _)| cell(&Field::meaning(Role::Heading, *column), style))
        .collect();
    table.set_header(header);
    for row in &rows {
        let cells = row.iter().zip(shown).filter(|(_, shown)| *shown);
        table.add_row(Row::from(
            cells
                .map(|(field, _)| cell(field, style))
                .collect::<Vec<_>>(),
        ));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP as u16));
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
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
