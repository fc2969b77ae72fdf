//! Views as text. Code here knows views and streams, not the store.

pub mod block;
pub mod detail;
pub mod plot;
pub mod prometheus;
pub mod style;
pub mod table;
pub mod timeline;

use chrono::{DateTime, Local, SubsecRound, Utc};
use sstat::{Health, Session, Update, escape, format_duration};

use crate::render::style::{Span, worst_issue};

/// Converts a time to the user's time zone.
pub fn local(time: DateTime<Utc>) -> DateTime<Local> {
    time.with_timezone(&Local)
}

/// Formats a time in the user's time zone.
pub fn local_time(time: DateTime<Utc>) -> String {
    local(time).naive_local().trunc_subsecs(0).to_string()
}

/// Formats the age of an update, or the time by which its clock is ahead.
pub fn age(health: &Health) -> String {
    match health.clock_skew {
        Some(ahead) => format!("clock {} ahead", format_duration(ahead)),
        None => format_duration(health.age),
    }
}

/// Formats how long a session has had its status: `53m`, or `>53m` if it may be
/// longer. Empty if that is unknown.
pub fn time_in_status(session: &Session) -> String {
    session.since.map_or(String::new(), |since| {
        let mark = if since.is_exact { "" } else { ">" };
        format!(
            "{mark}{}",
            format_duration(since.elapsed(session.health.at))
        )
    })
}

/// Formats when a session got its status. Empty if that is unknown.
pub fn since(session: &Session) -> String {
    session.since.map_or(String::new(), |since| {
        let before = if since.is_exact { "" } else { "before " };
        format!("{before}{}", local_time(since.at))
    })
}

/// Returns a session's worst issue and its role; `None` for a healthy session. For a
/// dead one it has the process.
pub fn issue(update: &Update, health: &Health) -> Option<Span> {
    let (word, role) = worst_issue(health)?;
    let text = match &update.process {
        Some(process) if health.is_dead() => {
            let text = format!("{word}: process {} is gone", process.pid);
            match health.command_pid {
                Some(pid) => format!("{text}; its command still runs (pid {pid})"),
                None => text,
            }
        }
        _ => word.to_owned(),
    };
    Some(Span::of(role, text))
}

/// Quotes a word for the shell if necessary.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Returns the command that shows a session, and the end of its tmux pane if that is
/// known, with the session's directory if the user named directories.
pub fn show_command(session: &Session, has_named_directory: bool) -> String {
    let (directory, name) = match &session.directory {
        Some(directory) if has_named_directory => {
            let directory = shell_word(&escape(&directory.to_string()));
            (format!(" --dir {directory}"), session.name().into())
        }
        _ => (String::new(), session.display_name()),
    };
    let pane = session.update.tmux.as_ref().map_or("", |_| " --tmux");
    let dashes = if name.starts_with('-') { "-- " } else { "" };
    let name = shell_word(&escape(&name));
    format!("sstat show{pane}{directory} {dashes}{name}")
}
