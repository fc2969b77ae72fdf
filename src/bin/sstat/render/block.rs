//! The summary as a block of text and as one line for status bars.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use sstat::{Health, Session, Status, escape};
use unicode_width::UnicodeWidthStr;

use crate::render::style::{Role, Style, rounded_percent, worst_issue};
use crate::view::Summary;

/// The width of the Python original's block, used when piped.
const PIPE_WIDTH: usize = 60;

/// Formats the age of an update in minutes with one decimal, on a terminal only from one
/// minute on.
fn minutes(age: Duration, style: &Style) -> String {
    match (style.width, age.as_secs()) {
        (Some(_), ..60) => "less than a minute".to_owned(),
        _ => format!("{:.1} minutes", age.as_secs_f64() / 60.0),
    }
}

/// Writes the Python original's block, unchanged when piped. On a terminal, counts,
/// names, progress bars and messages are aligned, lines are truncated to its width, and
/// a session has its issue beside its message, because the block names it twice.
pub fn write_block(out: &mut dyn Write, summary: &Summary, style: &Style) -> io::Result<()> {
    let rule = "=".repeat(style.width.unwrap_or(PIPE_WIDTH).min(PIPE_WIDTH));
    let heading = style.paint(Role::Heading, "SESSION STATUS SUMMARY");
    writeln!(out, "{rule}\n{heading}\n{rule}")?;
    writeln!(out, "Total Sessions: {}", summary.sessions.len())?;
    let by_status = &summary.totals.by_status;
    if !by_status.is_empty() {
        writeln!(out, "\nBy Status:")?;
    }
    let words = by_status.keys().map(|status| escape(status.as_str()));
    let longest = words.map(|word| word.width()).max().unwrap_or(0);
    let column = style.width.map(|width| longest.min(width / 2));
    for (status, count) in by_status {
        let word = escape(status.as_str());
        let word = style.fit(&word, column.unwrap_or(longest));
        let gap = column.map_or(0, |column| column.saturating_sub(word.width()));
        let word = style.paint(Role::of_status(status), word);
        writeln!(out, "  {word}:{:gap$} {count}", "")?;
    }

    let with_status = |status| -> Vec<&Session> { summary.with_status(status).collect() };
    let with_health = |is_wanted| -> Vec<&Session> { summary.with_health(is_wanted).collect() };
    let sections = [
        ("❌ Errors", Role::Error, with_status(Status::Error)),
        ("Blocked", Role::Blocked, with_status(Status::Blocked)),
        ("Working", Role::Working, with_status(Status::Working)),
        ("⚠️  Stale", Role::Stale, with_health(Health::is_stale)),
        ("💀 Dead", Role::Dead, with_health(Health::is_dead)),
    ];
    let mut working = summary.with_status(Status::Working);
    let has_progress = working.any(|session| session.update.progress.is_some());
    let text = |role, session: &Session| match role {
        Role::Working => progress_and_message(session, has_progress, style),
        Role::Stale => format!("No update for {}", minutes(session.health.age, style)),
        Role::Dead => {
            let process = session.update.process.as_ref();
            let pid = process.map_or(String::new(), |process| format!(" {}", process.pid));
            let age = minutes(session.health.age, style);
            format!("process{pid} is gone, no update for {age}")
        }
        _ => message(session, style).into_owned(),
    };
    let sessions = sections.iter().flat_map(|(_, _, sessions)| sessions);
    let longest = sessions
        .map(|session| escape(&session.display_name()).width())
        .max();
    for (title, role, sessions) in sections {
        if sessions.is_empty() {
            continue;
        }
        let note = match (role, style.width) {
            (Role::Stale | Role::Dead, Some(_)) => ", also counted above",
            _ => "",
        };
        let title = format!("{title} ({}{note}):", sessions.len());
        writeln!(out, "\n{}", style.paint(role, title))?;
        for session in sessions {
            let name = session.display_name();
            let (name, text) = (escape(&name), text(role, session));
            let Some(width) = style.width else {
                let separator = if text.is_empty() { "" } else { ": " };
                writeln!(out, "  • {name}{separator}{text}")?;
                continue;
            };
            let column = longest.unwrap_or(0).min(width / 3);
            let name = style.fit_middle(&name, column);
            let line = format!(
                "  • {name}{:1$}  {text}",
                "",
                column.saturating_sub(name.width())
            );
            writeln!(out, "{}", style.fit(line.trim_end(), width))?;
        }
    }
    writeln!(out, "{rule}")
}

/// Returns a session's message, on a terminal with its issue.
fn message<'a>(session: &'a Session, style: &Style) -> Cow<'a, str> {
    let message = escape(&session.update.message);
    match (worst_issue(&session.health), style.width) {
        (Some((issue, _)), Some(_)) => format!("({issue}) {message}").into(),
        _ => message,
    }
}

/// Formats a working session. On a terminal the progress comes first; without one
/// there is room for it if others have one.
fn progress_and_message(session: &Session, has_progress: bool, style: &Style) -> String {
    let message = message(session, style);
    let percent = session.update.progress.map(rounded_percent);
    let Some(terminal) = style.width else {
        let space = if message.is_empty() { "" } else { " " };
        return match percent {
            Some(percent) => format!("{message}{space}({percent})"),
            None => message.into_owned(),
        };
    };
    let bar = if terminal < 120 { 10 } else { 20 };
    match session.update.progress.zip(percent) {
        Some((progress, percent)) => {
            format!("{} {percent:>4}  {message}", style.bar(progress, bar))
        }
        None if has_progress => format!("{:1$}{message}", "", bar + 7),
        None => message.into_owned(),
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
        let color = role.color().map_or("default", |color| color.name);
        format!("#[fg={color}{bold}]{count} {word}#[default]")
    })
}

fn join(summary: &Summary, format: impl Fn(u64, &str, Role) -> String) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (status, count) in &summary.totals.by_status {
        let word = escape(status.as_str());
        parts.push(format(*count, &word, Role::of_status(status)));
    }
    let count = |is_wanted| summary.with_health(is_wanted).count() as u64;
    for (count, word, role) in [
        (count(Health::is_stale), "stale", Role::Stale),
        (count(Health::is_dead), "dead", Role::Dead),
    ] {
        if count > 0 {
            parts.push(format(count, word, role));
        }
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sstat::{HealthRules, Liveness, Thresholds, Update};

    #[test]
    fn terminal_block_is_aligned() {
        let now = sstat::parse_timestamp("2026-02-14T20:35:00Z").unwrap();
        let rules = HealthRules::new(now, Thresholds::default());
        let sessions = [
            r#""session":"a","status":"working","progress":0.5,"message":"Querying the database"}"#,
            r#""session":"日本語","status":"working","progress":1.0,"message":"Done"}"#,
            r#""session":"transformer_with_a_name1","status":"working","message":"Compiling"}"#,
            r#""session":"transformer_with_a_name2","status":"error","message":"out of memory"}"#,
            r#""session":"idle_with_a_longer_name_than_all","status":"idle"}"#,
            r#""session":"foreign","status":"a status of another program"}"#,
            r#""session":"late","status":"working","stale_after":30,"message":"Linking"}"#,
            r#""session":"gone","status":"blocked","message":"Waiting"}"#,
        ];
        let sessions = sessions.iter().map(|keys| {
            let line = format!(r#"{{"timestamp":"2026-02-14T20:34:00Z",{keys}"#);
            rules.evaluate(Update::decode(line.as_bytes()).unwrap())
        });
        let mut sessions: Vec<Session> = sessions.collect();
        sessions[7].health.liveness = Liveness::Dead;
        let summary = Summary::new(sessions, 0, None);
        let style = Style {
            width: Some(55),
            ..Style::PLAIN
        };
        let mut out = Vec::new();
        write_block(&mut out, &summary, &style).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rule = "=".repeat(55);
        assert_eq!(
            text,
            format!(
                "\
{rule}
SESSION STATUS SUMMARY
{rule}
Total Sessions: 8

By Status:
  working:                     4
  blocked:                     1
  error:                       1
  idle:                        1
  a status of another program: 1

❌ Errors (1):
  • transfor…h_a_name2  out of memory

Blocked (1):
  • gone                (dead) Waiting

Working (4):
  • a                   █████░░░░░  50%  Querying the …
  • 日本語              ██████████ 100%  Done
  • transfor…h_a_name1                   Compiling
  • late                                 (stale) Linki…

⚠️  Stale (1, also counted above):
  • late                No update for 1.0 minutes

💀 Dead (1, also counted above):
  • gone                process is gone, no update for…
{rule}
"
            )
        );
    }

    #[test]
    fn age_below_a_minute_is_text_on_a_terminal() {
        for (seconds, piped, on_terminal) in [
            (2, "0.0 minutes", "less than a minute"),
            (90, "1.5 minutes", "1.5 minutes"),
        ] {
            let age = Duration::from_secs(seconds);
            let width = Some(80);
            assert_eq!(minutes(age, &Style::PLAIN), piped);
            let terminal = Style {
                width,
                ..Style::PLAIN
            };
            assert_eq!(minutes(age, &terminal), on_terminal);
        }
    }
}
