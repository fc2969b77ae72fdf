//! `list` and `stale` as tables, one row for each session.

use std::io::{self, Write};

use sstat::{Session, escape};
use unicode_width::UnicodeWidthStr;

use crate::render::style::{Role, Span, Style, percent, worst_issue};
use crate::render::{age, issue, pane_command, since, time_in_status};
use crate::view::column::Column;
use crate::view::group::GroupBy;
use crate::view::{List, StaleList, Summary};

/// Columns of a progress bar.
const BAR: usize = 10;

/// On a narrower terminal the progress is a percentage without a bar.
const MIN_WIDTH_FOR_BAR: usize = 80;

/// Spaces between two columns.
const GAP: usize = 2;

/// The minimum width of an elastic column.
const MIN_ELASTIC: usize = 4;

/// The maximum width of a column, also when piped, because every row is padded
/// to it.
const MAX_WIDTH: usize = 1000;

/// The columns of `list` without `--columns`.
const LIST: &[Column] = &[
    Column::Session,
    Column::Status,
    Column::For,
    Column::Progress,
    Column::Task,
    Column::Message,
    Column::Age,
];

/// Writes a row for each session. Of the usual columns, those that are empty in all
/// rows are left out.
pub fn write_list(out: &mut dyn Write, list: &List, style: &Style) -> io::Result<()> {
    let is_chosen = !list.columns.is_empty();
    let columns = if is_chosen { &list.columns } else { LIST };
    let has_bar = style.width.is_none_or(|width| width >= MIN_WIDTH_FOR_BAR);
    let dispensable = [Column::For, Column::Task, Column::Progress, Column::Message];
    let dispensable = dispensable.iter().filter(|_| !is_chosen);
    let layout = Layout {
        titles: columns
            .iter()
            .map(|column| escape(&column.title()).into_owned())
            .collect(),
        elastic: positions(columns, |column| {
            !matches!(
                column,
                Column::Status
                    | Column::For
                    | Column::Age
                    | Column::Progress
                    | Column::Pid
                    | Column::Since
            )
        }),
        min_elastic: 10,
        dispensable: dispensable
            .filter_map(|wanted| columns.iter().position(|column| column == wanted))
            .collect(),
        keeps_empty: is_chosen,
    };
    write_table(out, style, &layout, &list.sessions, |session| {
        let cells = columns
            .iter()
            .map(|column| cell(column, session, has_bar, style));
        cells.collect()
    })
}

fn cell(column: &Column, session: &Session, has_bar: bool, style: &Style) -> Span {
    let (update, health) = (&session.update, &session.health);
    match column {
        Column::Status => Span::of_status(&update.status),
        Column::Age => match worst_issue(health) {
            Some((issue, role)) => Span::of(role, format!("{} {issue}", age(health))),
            None => Span::of(Role::Faint, age(health)),
        },
        Column::Progress => progress(update.progress, has_bar, style),
        Column::For => Span::plain(time_in_status(session)),
        Column::Since => Span::plain(since(session)),
        _ => Span::plain(escape(&column.text(session))),
    }
}

fn progress(progress: Option<f64>, has_bar: bool, style: &Style) -> Span {
    Span::plain(match progress {
        None => String::new(),
        Some(progress) if has_bar => {
            format!("{} {:>4}", style.bar(progress, BAR), percent(progress))
        }
        Some(progress) => format!("{:>4}", percent(progress)),
    })
}

/// Writes a row for each session: its age, its issue, and the command that shows
/// it.
pub fn write_stale(out: &mut dyn Write, list: &StaleList, style: &Style) -> io::Result<()> {
    let titles = ["SESSION", "STATUS", "FOR", "AGE", "ISSUE", "LOOK"];
    let layout = Layout {
        titles: titles.map(str::to_owned).into(),
        elastic: vec![0, 4],
        min_elastic: 30,
        dispensable: vec![5, 2],
        keeps_empty: false,
    };
    write_table(out, style, &layout, &list.sessions, |session| {
        let (update, health) = (&session.update, &session.health);
        let command = pane_command(session, list.has_named_directory);
        vec![
            Span::plain(escape(&session.display_name())),
            Span::of_status(&update.status),
            Span::plain(time_in_status(session)),
            Span::plain(age(health)),
            Span {
                role: Role::of_health(health),
                text: issue(update, health).unwrap_or_default(),
            },
            Span::of(Role::Faint, command),
        ]
    })
}

/// Writes a row for each group: counts and mean progress.
pub fn write_groups(out: &mut dyn Write, summary: &Summary, style: &Style) -> io::Result<()> {
    let statuses: Vec<_> = summary.by_status.keys().collect();
    let key = summary.by.as_ref().map_or(String::new(), GroupBy::title);
    let mut titles = vec![escape(&key).into_owned(), "TOTAL".to_owned()];
    titles.extend(
        statuses
            .iter()
            .map(|status| escape(status.as_str()).to_uppercase()),
    );
    titles.extend(["ATTENTION", "PROGRESS"].map(str::to_owned));
    let layout = Layout {
        elastic: vec![0],
        min_elastic: 10,
        dispensable: vec![],
        keeps_empty: true,
        titles,
    };
    let has_bar = style.width.is_none_or(|width| width >= MIN_WIDTH_FOR_BAR);
    write_table(out, style, &layout, &summary.groups(), |group| {
        let count = |column: usize, count: usize, role| Span {
            role: if count > 0 { role } else { Some(Role::Faint) },
            text: format!("{count:>0$}", layout.titles[column].width()),
        };
        let mut cells = vec![
            Span::plain(escape(&group.name)),
            count(1, group.members.len(), None),
        ];
        for (index, status) in statuses.iter().enumerate() {
            let number = group.by_status.get(status).copied().unwrap_or(0);
            cells.push(count(
                2 + index,
                number as usize,
                Some(Role::of_status(status)),
            ));
        }
        cells.push(count(
            cells.len(),
            group.attention,
            Some(Role::of_attention(group.worst)),
        ));
        cells.push(progress(group.mean_progress(), has_bar, style));
        cells
    })
}

/// The columns of a table and how they adapt to a narrow terminal.
struct Layout {
    titles: Vec<String>,
    /// The columns that are truncated, the widest first.
    elastic: Vec<usize>,
    /// Other columns are left out before an elastic one is truncated to less.
    min_elastic: usize,
    /// The columns to leave out, in this order.
    dispensable: Vec<usize>,
    /// Whether to keep a column that is empty in all rows.
    keeps_empty: bool,
}

impl Layout {
    /// Returns the width of each column, given that of its longest text; `None`
    /// for a column to leave out.
    fn widths(&self, longest: &[usize], terminal: Option<usize>) -> Vec<Option<usize>> {
        let columns = self.titles.iter().zip(longest);
        let mut widths: Vec<_> = columns
            .map(|(title, &longest)| match longest {
                0 if !self.keeps_empty => None,
                _ => Some(longest.max(title.width()).min(MAX_WIDTH)),
            })
            .collect();
        let Some(terminal) = terminal else {
            return widths;
        };
        let mut dispensable = self.dispensable.iter();
        loop {
            let elastic = self.elastic.iter().filter_map(|&column| widths[column]);
            let mut elastic: Vec<_> = elastic.collect();
            let used: usize = widths.iter().flatten().map(|width| width + GAP).sum();
            let fixed = used.saturating_sub(GAP + elastic.iter().sum::<usize>());
            let limit = limit(&mut elastic, terminal.saturating_sub(fixed));
            match dispensable.next() {
                Some(&column) if limit < self.min_elastic => widths[column] = None,
                _ => {
                    for &column in &self.elastic {
                        widths[column] =
                            widths[column].map(|width| width.min(limit.max(MIN_ELASTIC)));
                    }
                    return widths;
                }
            }
        }
    }
}

/// Returns the maximum width with which columns fit into the room.
fn limit(widths: &mut [usize], mut room: usize) -> usize {
    widths.sort_unstable();
    for (index, width) in widths.iter().enumerate() {
        let share = room / (widths.len() - index);
        if *width > share {
            return share;
        }
        room -= width;
    }
    usize::MAX
}

/// Writes the titles and the rows; nothing without rows. Each row is one line, on a
/// terminal no wider than it. `fields` runs twice for each session, which takes less memory than
/// keeping all fields.
fn write_table<T>(
    out: &mut dyn Write,
    style: &Style,
    layout: &Layout,
    rows: &[T],
    fields: impl Fn(&T) -> Vec<Span>,
) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut longest = vec![0; layout.titles.len()];
    for row in rows {
        for (longest, field) in longest.iter_mut().zip(fields(row)) {
            *longest = field.text.width().max(*longest);
        }
    }
    let widths = layout.widths(&longest, style.width);
    let mut write_row = |fields: Vec<Span>| {
        let mut line = String::new();
        let mut gap = 0;
        for (field, width) in fields.into_iter().zip(&widths) {
            let Some(width) = *width else { continue };
            let text = style.fit(&field.text, width);
            if text.is_empty() {
                gap += width + GAP;
                continue;
            }
            line.extend(std::iter::repeat_n(' ', gap));
            gap = width + GAP - text.width();
            match field.role {
                Some(role) => line.push_str(&style.paint(role, text)),
                None => line.push_str(&text),
            }
        }
        writeln!(out, "{line}")
    };
    let titles = layout.titles.iter();
    write_row(
        titles
            .map(|title| Span::of(Role::Heading, title.as_str()))
            .collect(),
    )?;
    rows.iter().try_for_each(|row| write_row(fields(row)))
}

/// Returns the indexes of the columns for which a condition holds.
fn positions(columns: &[Column], is_wanted: impl Fn(&Column) -> bool) -> Vec<usize> {
    (0..columns.len())
        .filter(|&index| is_wanted(&columns[index]))
        .collect()
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
        let columns = Vec::new();
        write_list(&mut out, &List { sessions, columns }, &style).unwrap();
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
