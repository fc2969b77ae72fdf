//! `list`, `stale` and the groups of `summary` as tables.

use std::cmp::Reverse;
use std::io::{self, Write};
use std::iter;

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentLineStyle, Row, Table, TableStyle, Width,
};
use sstat::{Session, Status, escape};
use unicode_width::UnicodeWidthStr;

use crate::render::style::{Role, Span, Style, percent, worst_issue};
use crate::render::{age, issue, show_command, since, time_in_status};
use crate::view::column::Column;
use crate::view::group::GroupBy;
use crate::view::{StaleList, Summary};

/// From this width on, progress bars have their full width.
const ROOMY: usize = 100;

/// Spaces between two columns.
const GAP: usize = 2;

/// The minimum width of a truncated column.
const MIN_WIDTH: usize = 4;

/// The minimum width of a truncated status. Those that sstat writes are shorter.
const MIN_WORD: usize = 12;

/// The maximum width of a column, also when piped, because every row is padded
/// to it.
const MAX_WIDTH: usize = 1000;

/// Separates the columns in the lines of comfy-table. No text contains it.
const SEPARATOR: char = '\0';

/// The number of rows to format at once, since each takes 2.5 KB of memory.
const ROWS_AT_ONCE: usize = 500;

/// The number of rows whose fields are kept after they were measured. They take
/// 0.4 KB each, and making them twice takes a tenth of `list`.
const MAX_KEPT: usize = 20_000;

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
pub fn write_list(
    out: &mut dyn Write,
    sessions: &[Session],
    columns: &[Column],
    style: &Style,
) -> io::Result<()> {
    let is_chosen = !columns.is_empty();
    let columns = if is_chosen { columns } else { LIST };
    let headers = columns.iter().map(|column| {
        let (kind, room) = match column {
            Column::For => (Kind::Fixed, 16),
            Column::Task => (Kind::Elastic, 12),
            Column::Progress => (Kind::Fixed, 10),
            Column::Message => (Kind::Elastic, 8),
            Column::Status => (Kind::Word, 0),
            Column::Age | Column::Since => (Kind::Fixed, 0),
            Column::Pid => (Kind::Number, 0),
            Column::Session | Column::Directory => (Kind::Name, 0),
            _ => (Kind::Elastic, 0),
        };
        Header::new(column.title(), kind, if is_chosen { 0 } else { room })
    });
    let headers: Vec<Header> = headers.collect();
    let bar = match style.width {
        Some(..80) => 0,
        Some(..ROOMY) => 6,
        _ => 10,
    };
    write_table(out, style, &headers, is_chosen, sessions, |session| {
        let (update, health) = (&session.update, &session.health);
        let cell = |column: &Column| match column {
            Column::Status => Span::of_status(&update.status),
            Column::Age => {
                let mark = if health.is_acknowledged { " ack" } else { "" };
                match worst_issue(health) {
                    Some((issue, role)) => Span::of(role, format!("{} {issue}{mark}", age(health))),
                    None => Span::of(Role::Faint, age(health) + mark),
                }
            }
            Column::Progress => Span::plain(progress(update.progress, bar, style)),
            Column::For => Span::plain(time_in_status(session)),
            Column::Since => Span::plain(since(session)),
            _ => Span::plain(escape(&column.text(session))),
        };
        columns.iter().map(cell).collect()
    })
}

/// Formats a progress as a bar of some columns, if any, and a percentage.
fn progress(progress: Option<f64>, bar: usize, style: &Style) -> String {
    progress.map_or(String::new(), |progress| {
        let percent = percent(progress);
        match bar {
            0 => format!("{percent:>4}"),
            _ => format!("{} {percent:>4}", style.bar(progress, bar)),
        }
    })
}

/// Writes a row for each session: its age, its issue, and the command that shows
/// it.
pub fn write_stale(out: &mut dyn Write, list: &StaleList, style: &Style) -> io::Result<()> {
    let headers = [
        Header::new("SESSION", Kind::Name, 0),
        Header::new("STATUS", Kind::Word, 0),
        Header::new("FOR", Kind::Fixed, 20),
        Header::new("AGE", Kind::Fixed, 0),
        Header::new("ISSUE", Kind::Elastic, 0),
        Header::new("LOOK", Kind::Fixed, 30),
    ];
    write_table(out, style, &headers, false, &list.sessions, |session| {
        let (update, health) = (&session.update, &session.health);
        let command = show_command(session, list.has_named_directory);
        let mut issue = issue(update, health).unwrap_or_else(|| Span::plain(""));
        if health.is_acknowledged {
            issue.text += ", acknowledged";
        }
        vec![
            Span::plain(escape(&session.display_name())),
            Span::of_status(&update.status),
            Span::plain(time_in_status(session)),
            Span::plain(age(health)),
            issue,
            Span::of(Role::Faint, command),
        ]
    })
}

/// Writes a row for each group: its counts and its mean progress.
pub fn write_groups(out: &mut dyn Write, summary: &Summary, style: &Style) -> io::Result<()> {
    let key = summary.by.as_ref().map_or(String::new(), GroupBy::title);
    let statuses = || summary.totals.by_status.keys();
    let mut headers = vec![
        Header::new(key, Kind::Name, 0),
        Header::new("TOTAL", Kind::Number, 0),
    ];
    headers.extend(statuses().map(|status| {
        let needs_attention = matches!(status, Status::Error | Status::Blocked);
        let room = if needs_attention { 0 } else { 8 };
        Header::new(status.as_str().to_uppercase(), Kind::Number, room)
    }));
    headers.push(Header::new("ATTENTION", Kind::Number, 0));
    headers.push(Header::new("PROGRESS", Kind::Fixed, 0));
    let bar = match style.width {
        Some(..ROOMY) => 0,
        _ => 10,
    };
    write_table(out, style, &headers, true, &summary.groups(), |group| {
        let count = |count: u64, role| match count {
            0 => Span::of(Role::Faint, "0"),
            _ => Span::of(role, count.to_string()),
        };
        let mut row = vec![
            Span::plain(escape(&group.name)),
            Span::plain(group.members.len().to_string()),
        ];
        row.extend(statuses().map(|status| {
            let number = group.by_status.get(status).copied();
            count(number.unwrap_or(0), Role::of_status(status))
        }));
        let role = Role::of_attention(group.worst);
        row.push(count(group.attention as u64, role));
        row.push(Span::plain(progress(group.mean_progress(), bar, style)));
        row
    })
}

/// The head of a column, and how the column adapts to a narrow terminal.
struct Header {
    title: String,
    kind: Kind,
    /// The column is left out if an elastic one would get less than this width
    /// otherwise, or if the row does not fit: the column with the highest value first.
    room: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As wide as its longest text.
    Fixed,
    /// The same, aligned to the right.
    Number,
    /// Truncated at the end on a narrow terminal, the widest first.
    Elastic,
    /// The same, but truncated less.
    Word,
    /// The same, but truncated less, and in the middle: names often differ only in
    /// their last characters.
    Name,
}

impl Header {
    fn new(title: impl Into<String>, kind: Kind, room: usize) -> Self {
        let title = escape(&title.into()).into_owned();
        Self { title, kind, room }
    }
}

/// Returns the width of each column, given that of its longest text, zero for a column
/// to leave out; `None` for one that is left out.
fn widths(headers: &[Header], longest: &[usize], terminal: Option<usize>) -> Vec<Option<usize>> {
    let longest = headers.iter().zip(longest).map(|(header, &longest)| {
        (longest > 0).then(|| longest.max(header.title.width()).min(MAX_WIDTH))
    });
    let mut longest: Vec<_> = longest.collect();
    let Some(terminal) = terminal else {
        return longest;
    };
    let overflows = |longest: &[_], limit| row_width(&limited(headers, longest, limit)) > terminal;
    let mut dispensable: Vec<usize> = (0..headers.len()).rev().collect();
    dispensable.sort_by_key(|&column| Reverse(headers[column].room));
    for &column in &dispensable {
        if headers[column].room > 0 && overflows(&longest, headers[column].room) {
            longest[column] = None;
        }
    }
    // What still does not fit is left out from the right.
    for column in (1..longest.len()).rev() {
        if overflows(&longest, MIN_WIDTH) {
            longest[column] = None;
        }
    }
    let mut limits = (MIN_WIDTH..=terminal).rev();
    let limit = limits.find(|&limit| !overflows(&longest, limit));
    limited(headers, &longest, limit.unwrap_or(MIN_WIDTH))
}

/// Returns the widths if elastic columns have at most this width, and names twice as
/// much.
fn limited(headers: &[Header], longest: &[Option<usize>], limit: usize) -> Vec<Option<usize>> {
    let limited = headers.iter().zip(longest).map(|(header, width)| {
        let limit = match header.kind {
            Kind::Fixed | Kind::Number => return *width,
            Kind::Elastic => limit,
            Kind::Word => limit.max(MIN_WORD),
            Kind::Name => 2 * limit,
        };
        width.map(|width| width.min(limit))
    });
    limited.collect()
}

fn row_width(widths: &[Option<usize>]) -> usize {
    let widths = widths.iter().flatten();
    widths
        .map(|width| width + GAP)
        .sum::<usize>()
        .saturating_sub(GAP)
}

/// Writes the titles and the rows; nothing without rows. Each row is one line, on a
/// terminal no wider than it.
fn write_table<T>(
    out: &mut dyn Write,
    style: &Style,
    headers: &[Header],
    keeps_empty: bool,
    rows: &[T],
    fields: impl Fn(&T) -> Vec<Span>,
) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    // A column that is empty in all rows is left out.
    let mut longest = vec![usize::from(keeps_empty); headers.len()];
    let mut measure = |fields: &[Span]| {
        for (longest, field) in longest.iter_mut().zip(fields) {
            // No character is wider than its bytes.
            if field.text.len() > *longest {
                *longest = field.text.width().max(*longest);
            }
        }
    };
    let (kept, others) = rows.split_at(rows.len().min(MAX_KEPT));
    let kept: Vec<_> = kept.iter().map(&fields).collect();
    kept.iter().for_each(|fields| measure(fields));
    others.iter().for_each(|row| measure(&fields(row)));
    let widths = widths(headers, &longest, style.width).into_iter();
    let columns = widths.zip(headers).enumerate();
    // The place, the kind and the width of each column that is shown.
    let shown = columns.filter_map(|(place, (width, header))| Some((place, header.kind, width?)));
    let shown: Vec<(usize, Kind, usize)> = shown.collect();
    let row = |fields: &Vec<Span>| {
        Row::from(shown.iter().map(|&(place, kind, width)| match kind {
            Kind::Name => style.fit_middle(&fields[place].text, width),
            _ => style.fit(&fields[place].text, width),
        }))
    };
    let titles = headers.iter();
    let titles = titles.map(|header| Span::of(Role::Heading, &header.title));
    let lines = iter::once(titles.collect()).chain(kept);
    let mut lines = lines.chain(others.iter().map(&fields)).peekable();
    while lines.peek().is_some() {
        let lines: Vec<_> = lines.by_ref().take(ROWS_AT_ONCE).collect();
        let mut table = Table::new();
        table.load_style(
            TableStyle::new().content_lines(ContentLineStyle::none().junction(SEPARATOR)),
        );
        table.add_rows(lines.iter().map(row));
        for (column, &(_, kind, width)) in table.column_iter_mut().zip(&shown) {
            column.set_padding((0, 0));
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width as u16)));
            if kind == Kind::Number {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for (line, fields) in table.lines().zip(&lines) {
            let mut text = String::new();
            for (cell, &(place, ..)) in line.split(SEPARATOR).zip(&shown) {
                let trimmed = cell.trim_end();
                match fields[place].role {
                    Some(role) => text.push_str(&style.paint(role, trimmed)),
                    None => text.push_str(trimmed),
                }
                text.extend(iter::repeat_n(' ', cell.len() - trimmed.len() + GAP));
            }
            writeln!(out, "{}", text.trim_end())?;
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
        let sessions: Vec<Session> = sessions.collect();
        let style = Style {
            width,
            ..Style::PLAIN
        };
        let mut out = Vec::new();
        write_list(&mut out, &sessions, &[], &style).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn row_fits_the_terminal() {
        let rows = [
            r#"{"timestamp":"2026-02-14T20:00:00Z","session":"integration-tests","status":"blocked","task_id":"T-1","progress":0.5,"message":"waits for the database"}"#,
            r#"{"timestamp":"2026-02-14T22:35:00Z","session":"worker10","status":"completed","message":"日本語 and 👍🏽 more ❤️❤️❤️ 👩‍💻"}"#,
        ];
        for width in 20..200 {
            let lines = lines(&rows, Some(width));
            assert_eq!(lines.len(), 3, "{width}: {lines:?}");
            for line in lines {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn row_of_joined_and_combined_characters_is_one_line() {
        let characters: Vec<char> = "a ❤\u{fe0f}👍🏽👩\u{200d}💻🇩🇪e\u{301}日ﾞ1\u{20e3}क्ष"
            .chars()
            .collect();
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..300 {
            let text: String = (0..random.usize(1..40))
                .map(|_| characters[random.usize(..characters.len())])
                .collect();
            let row = format!(
                r#"{{"timestamp":"2026-02-14T20:00:00Z","session":"{text}","status":"{text}","message":"{text}"}}"#
            );
            let width = random.usize(30..90);
            let lines = lines(&[&row, &row], Some(width));
            assert_eq!(lines.len(), 3, "{width}: {lines:?}");
            assert!(
                lines.iter().all(|line| line.width() <= width),
                "{width}: {lines:?}"
            );
        }
    }

    #[test]
    fn narrow_terminal_keeps_what_tells_sessions_apart() {
        let rows = [
            r#"{"timestamp":"2026-02-14T20:34:00Z","session":"data_pipeline_transformer1","status":"working","task_id":"160","progress":0.5,"message":"Checking the roadmap of the other teams"}"#,
            r#"{"timestamp":"2026-02-14T20:20:00Z","session":"data_pipeline_transformer2","status":"working","message":"Compiling"}"#,
        ];
        let at = |width| lines(&rows, Some(width)).join("\n");
        assert_eq!(
            at(100),
            "\
SESSION                     STATUS   PROGRESS         TASK  MESSAGE                        AGE
data_pipeline_transformer1  working  █████░░░░░  50%  160   Checking the roadmap of the …  1m
data_pipeline_transformer2  working                         Compiling                      15m stale"
        );
        assert_eq!(
            at(60),
            "\
SESSION                   STATUS   MESSAGE       AGE
data_pipeli…transformer1  working  Checking th…  1m
data_pipeli…transformer2  working  Compiling     15m stale"
        );
    }

    #[test]
    fn long_status_leaves_room_for_the_other_columns() {
        let long = "x".repeat(300);
        let long =
            format!(r#"{{"timestamp":"2026-02-14T20:34:00Z","session":"a","status":"{long}"}}"#);
        let other =
            r#"{"timestamp":"2026-02-14T20:15:00Z","session":"b","status":"idle","message":"m"}"#;
        let lines = lines(&[&long, other], Some(50));
        assert_eq!(lines[0], "SESSION  STATUS            MESSAGE  AGE");
        assert_eq!(
            lines[2],
            "b        idle              m        20m very stale"
        );
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
