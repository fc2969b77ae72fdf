//! The summary as a block of text and as one line for status bars.

use std::io::{self, Write};

use sstat::{Session, Status, escape};

use crate::render::minutes;
use crate::render::style::{Role, Style, rounded_percent};
use crate::view::Summary;

/// Columns of a progress bar.
const BAR: usize = 10;

/// The width of the Python original's block, used when piped.
const PIPE_WIDTH: usize = 60;

/// Writes the Python original's block, unchanged when piped. On a terminal it
/// has progress bars and lines are truncated to its width.
pub fn write_block(out: &mut dyn Write, summary: &Summary, style: &Style) -> io::Result<()> {
    let rule = "=".repeat(style.width.unwrap_or(PIPE_WIDTH).min(PIPE_WIDTH));
    let heading = style.paint(Role::Heading, "SESSION STATUS SUMMARY");
    writeln!(out, "{rule}\n{heading}\n{rule}")?;
    writeln!(out, "Total Sessions: {}", summary.sessions.len())?;
    if !summary.by_status.is_empty() {
        writeln!(out, "\nBy Status:")?;
        for (status, count) in &summary.by_status {
            let word = style.paint(Role::of_status(status), escape(status.as_str()));
            writeln!(out, "  {word}: {count}")?;
        }
    }

    let mut section = |title, role, sessions: Vec<&Session>, text: &dyn Fn(&Session) -> String| {
        write_section(out, style, (title, role), &sessions, text)
    };
    let with_status = |status| summary.with_status(status).collect();
    let message = |session: &Session| escape(&session.update.message).into_owned();
    section(
        "❌ Errors",
        Role::Error,
        with_status(Status::Error),
        &message,
    )?;
    section(
        "Blocked",
        Role::Blocked,
        with_status(Status::Blocked),
        &message,
    )?;
    section(
        "Working",
        Role::Working,
        with_status(Status::Working),
        &|session| message_and_progress(session, style),
    )?;
    section(
        "⚠️  Stale",
        Role::Stale,
        summary.stale().collect(),
        &|session| format!("No update for {}", minutes(session.health.age)),
    )?;
    section(
        "💀 Dead",
        Role::Dead,
        summary.dead().collect(),
        &|session| {
            let process = session.update.process.as_ref();
            let pid = process.map_or(String::new(), |process| format!(" {}", process.pid));
            let age = minutes(session.health.age);
            format!("process{pid} is gone, no update for {age}")
        },
    )?;
    writeln!(out, "{rule}")
}

/// Writes a title and a line for each session; nothing without sessions.
fn write_section(
    out: &mut dyn Write,
    style: &Style,
    (title, role): (&str, Role),
    sessions: &[&Session],
    text: impl Fn(&Session) -> String,
) -> io::Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let title = format!("{title} ({}):", sessions.len());
    writeln!(out, "\n{}", style.paint(role, title))?;
    for session in sessions {
        let name = session.display_name();
        let name = escape(&name);
        let text = text(session);
        let separator = if text.is_empty() { "" } else { ": " };
        let line = format!("  • {name}{separator}{text}");
        match style.width {
            Some(width) => writeln!(out, "{}", style.fit(&line, width))?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

fn message_and_progress(session: &Session, style: &Style) -> String {
    let message = escape(&session.update.message);
    let Some(progress) = session.update.progress else {
        return message.into_owned();
    };
    let percent = rounded_percent(progress);
    let space = if message.is_empty() { "" } else { " " };
    match style.width {
        Some(_) => format!("{} {percent}{space}{message}", style.bar(progress, BAR)),
        None => format!("{message}{space}({percent})"),
    }
}

/// Formats `4 working · 1 blocked · 1 stale`: the statuses, then the issues. It
/// is empty without sessions.
pub fn short_line(summary: &Summary, style: &Style) -> String {
    join(summary, |count, word, role| {
        style.paint(role, format!("{count} {word}")).into_owned()
    })
}

/// Formats the same line with tmux's color codes.
pub fn tmux_line(summary: &Summary) -> String {
    join(summary, |count, word, role| {
        // tmux would read '#' as the start of a format.
        let word = word.replace('#', "##");
        let bold = if role.is_bold() { ",bold" } else { "" };
        let color = role.color().map_or("default", |color| color.tmux);
        format!("#[fg={color}{bold}]{count} {word}#[default]")
    })
}

fn join(summary: &Summary, format: impl Fn(u64, &str, Role) -> String) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (status, count) in &summary.by_status {
        let word = escape(status.as_str());
        parts.push(format(*count, &word, Role::of_status(status)));
    }
    for (count, word, role) in [
        (summary.stale().count(), "stale", Role::Stale),
        (summary.dead().count(), "dead", Role::Dead),
    ] {
        if count > 0 {
            parts.push(format(count as u64, word, role));
        }
    }
    parts.join(" · ")
}
