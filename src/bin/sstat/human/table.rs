//! Sessions as rows: `list` and `stale`.

use std::borrow::Cow;
use std::io::{self, Write};

use comfy_table::{Attribute, Cell, Color, Row, Table, presets};
use owo_colors::AnsiColors;
use sstat::Session;
use unicode_width::UnicodeWidthStr;

use crate::human::escape::escape;
use crate::human::style::{Role, Style, percent};
use crate::human::{age, pane_command, trouble, trouble_word};
use crate::view::{List, StaleList};

/// Columns of a progress bar.
const BAR: usize = 10;

/// Below this width a percentage must do without its bar.
const NARROW: usize = 80;

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
                match trouble_word(&session.condition) {
                    Some(trouble) => format!("{} {trouble}", age(&session.condition)),
                    None => age(&session.condition),
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
            Field::meaning(
                Role::of_status(&update.status),
                escape(update.status.as_str()),
            ),
            Field::plain(age(&session.condition)),
            Field::meaning(
                Role::of_condition(&session.condition),
                trouble(update, &session.condition).unwrap_or_default(),
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

/// Lays rows out in columns: on a terminal each row on one line of it.
fn write_table<'a, const N: usize>(
    out: &mut dyn Write,
    style: &Style,
    layout: &Layout<'a, N>,
    sessions: &'a [Session],
    row: impl Fn(&'a Session) -> [Field<'a>; N],
) -> io::Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let columns = layout.columns;
    let mut rows: Vec<[Field; N]> = sessions.iter().map(row).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, field) in widths.iter_mut().zip(row) {
            *width = (*width).max(field.text.width());
        }
    }
    let mut shown = widths.map(|width| width > 0);
    if let Some(terminal) = style.width {
        // A very long name must not push everything else off the screen.
        let longest_name = (terminal / 3).max(LEAST);
        widths[0] = widths[0].min(longest_name);
        let (fitting, room) = layout.fit(widths, terminal);
        shown = fitting;
        for row in &mut rows {
            for (column, field) in row.iter_mut().enumerate() {
                let most = match column {
                    0 => longest_name,
                    _ if columns[column] == layout.elastic => room,
                    _ => continue,
                };
                if field.text.width() > most {
                    field.text = style.fit(&field.text, most).into_owned().into();
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
    let last = table.column_count().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index < last { GAP as u16 } else { 0 }));
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
