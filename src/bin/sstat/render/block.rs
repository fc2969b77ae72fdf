//! The summary: the block, and the line for status bars.

use std::borrow::Cow;
use std::io::{self, Write};

use owo_colors::AnsiColors;
use sstat::Status;

use crate::render::minutes;
use crate::render::style::{Role, Style, percent};
use crate::view::{Row, Summary};
use sstat::escape;

/// Columns of a progress bar.
const BAR: usize = 10;

/// The width of the block where there is no terminal: the original's.
const PIPE_WIDTH: usize = 60;

/// The original's block, to the letter where there is no terminal; on one the
/// same with progress bars and lines cut to its width.
pub fn write_block(out: &mut dyn Write, summary: &Summary, style: &Style) -> io::Result<()> {
    let block = Block { style };
    let rule = "=".repeat(style.width.unwrap_or(PIPE_WIDTH).min(PIPE_WIDTH));
    writeln!(out, "{rule}")?;
    writeln!(
        out,
        "{}",
        style.paint(Role::Heading, "SESSION STATUS SUMMARY")
    )?;
    writeln!(out, "{rule}")?;
    writeln!(out, "Total Sessions: {}", summary.total())?;
    if !summary.by_status.is_empty() {
        writeln!(out, "\nBy Status:")?;
        for (status, count) in &summary.by_status {
            let word = style.paint(Role::of_status(status), escape(status.as_str()));
            writeln!(out, "  {word}: {count}")?;
        }
    }
    let message = |row: &Row<'_>| escape(row.message).into_owned();
    block.section(
        out,
        "❌ Errors",
        Role::Error,
        || summary.with_status(Status::Error),
        message,
    )?;
    block.section(
        out,
        "Blocked",
        Role::Blocked,
        || summary.with_status(Status::Blocked),
        message,
    )?;
    block.section(
        out,
        "Working",
        Role::Working,
        || summary.with_status(Status::Working),
        |row| block.work(row),
    )?;
    block.section(
        out,
        "⚠️  Stale",
        Role::Stale,
        || summary.stale(),
        |row| format!("No update for {}", minutes(row.health.age)),
    )?;
    block.section(
        out,
        "💀 Dead",
        Role::Dead,
        || summary.dead(),
        |row| {
            let pid = row.pid.map_or(String::new(), |pid| format!(" {pid}"));
            format!(
                "process{pid} is gone, no update for {}",
                minutes(row.health.age)
            )
        },
    )?;
    writeln!(out, "{rule}")
}

struct Block<'a> {
    style: &'a Style,
}

impl Block<'_> {
    fn section<'r, I: Iterator<Item = Row<'r>>>(
        &self,
        out: &mut dyn Write,
        title: &str,
        role: Role,
        rows: impl Fn() -> I,
        text: impl Fn(&Row<'_>) -> String,
    ) -> io::Result<()> {
        let count = rows().count();
        if count == 0 {
            return Ok(());
        }
        let title = format!("{title} ({count}):");
        writeln!(out, "\n{}", self.style.paint(role, title))?;
        for row in rows() {
            let name = escape(row.name);
            let text = text(&row);
            let separator = if text.is_empty() { "" } else { ": " };
            let line = format!("  • {name}{separator}{text}");
            writeln!(out, "{}", self.cut(&line))?;
        }
        Ok(())
    }

    /// What a working session says and how far it is.
    fn work(&self, row: &Row<'_>) -> String {
        let message = escape(row.message);
        let Some(progress) = row.progress else {
            return message.into_owned();
        };
        let percent = percent(progress);
        let far = match self.style.width {
            Some(_) => format!("{} {percent}", self.style.bar(progress, BAR)),
            None => format!("({percent})"),
        };
        if message.is_empty() {
            return far;
        }
        match self.style.width {
            Some(_) => format!("{far} {message}"),
            None => format!("{message} {far}"),
        }
    }

    fn cut<'t>(&self, line: &'t str) -> Cow<'t, str> {
        match self.style.width {
            Some(width) => self.style.fit(line, width),
            None => Cow::Borrowed(line),
        }
    }
}

/// `4 working · 1 blocked · 1 stale`; nothing when there is nothing. The
/// statuses come first, then what is wrong.
pub fn short_line(summary: &Summary, style: &Style) -> String {
    counts(summary)
        .map(|(count, word, role)| {
            style
                .paint(role, format!("{count} {}", escape(&word)))
                .into_owned()
        })
        .collect::<Vec<_>>()
        .join(" · ")
}

/// The same line with tmux's colour codes.
pub fn tmux_line(summary: &Summary) -> String {
    counts(summary)
        .map(|(count, word, role)| {
            // tmux reads '#' as the beginning of a format.
            let word = escape(&word).replace('#', "##");
            let bold = if role.is_bold() { ",bold" } else { "" };
            let color = match role.color() {
                Some(AnsiColors::Green) => "green",
                Some(AnsiColors::Yellow) => "yellow",
                Some(AnsiColors::Blue) => "blue",
                Some(AnsiColors::Cyan) => "cyan",
                Some(AnsiColors::Magenta) => "magenta",
                Some(AnsiColors::Red) => "red",
                _ => "default",
            };
            format!("#[fg={color}{bold}]{count} {word}#[default]")
        })
        .collect::<Vec<_>>()
        .join(" · ")
}

fn counts(summary: &Summary) -> impl Iterator<Item = (u64, Cow<'_, str>, Role)> {
    let statuses = summary
        .by_status
        .iter()
        .map(|(status, count)| (*count, status.as_str().into(), Role::of_status(status)));
    let stale = (summary.stale().count() as u64, "stale".into(), Role::Stale);
    let dead = (summary.dead().count() as u64, "dead".into(), Role::Dead);
    statuses.chain([stale, dead].into_iter().filter(|(count, ..)| *count > 0))
}
