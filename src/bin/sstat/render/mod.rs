//! Views to text for people. Knows views and streams, never the store.

pub mod block;
pub mod detail;
pub mod plot;
pub mod prometheus;
pub mod style;
pub mod table;
pub mod timeline;

use std::time::Duration;

use chrono::{DateTime, Local, Utc};
use sstat::{Health, Liveness, Staleness, Update, format_duration};

use sstat::escape;

/// A point in time on the reader's own clock.
pub fn local_time(time: DateTime<Utc>) -> String {
    time.with_timezone(&Local)
        .format("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// "6m12s ago", or what is strange about it.
pub fn age(health: &Health) -> String {
    match health.clock_skew {
        Some(ahead) => format!("clock {} ahead", format_duration(ahead)),
        None => format_duration(health.age),
    }
}

/// Minutes with one decimal, as the summary block has always said it.
pub fn minutes(duration: Duration) -> String {
    format!("{:.1} minutes", duration.as_secs_f64() / 60.0)
}

/// What is wrong with a session in a word; nothing where all is well.
pub fn trouble_word(health: &Health) -> Option<&'static str> {
    match (health.liveness, health.staleness) {
        (Liveness::Dead, _) => Some("dead"),
        (_, Staleness::VeryStale) => Some("very stale"),
        (_, Staleness::Stale) => Some("stale"),
        _ => None,
    }
}

/// The same in a few words.
pub fn trouble(update: &Update, health: &Health) -> Option<String> {
    let word = trouble_word(health)?;
    Some(match &update.process {
        Some(process) if health.liveness == Liveness::Dead => {
            format!("{word}: process {} is gone", process.pid)
        }
        _ => word.to_owned(),
    })
}

/// A word for the shell, quoted where it must be.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The command that shows the end of a session's tmux pane, in the directory
/// that was named if one was.
pub fn pane_command(name: &str, directory: Option<&str>) -> String {
    let directory = directory.map_or(String::new(), |directory| {
        format!(" --dir {}", shell_word(&escape(directory)))
    });
    let dashes = if name.starts_with('-') { "-- " } else { "" };
    format!(
        "sstat show --tmux{directory} {dashes}{}",
        shell_word(&escape(name))
    )
}
