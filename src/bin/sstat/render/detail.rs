//! One session in detail.

use std::io::{self, Write};
use std::time::Duration;

use sstat::{Acknowledgement, JsonObject, Liveness, Status, escape, format_duration};

use crate::render::style::{Role, Span, Style, percent};
use crate::render::timeline::write_update;
use crate::render::{age, issue, local_time, since, time_in_status};
use crate::view::{Detail, Remaining};

/// Columns of the progress bar.
const BAR: usize = 20;

/// The maximum columns of the sparkline.
const SPARKS: usize = 40;

/// Columns of the labels.
const LABEL: usize = 10;

pub fn write_detail(out: &mut dyn Write, detail: &Detail, style: &Style) -> io::Result<()> {
    let name = detail.session.display_name();
    let name = escape(&name);
    writeln!(out, "{}", style.paint(Role::Heading, name))?;
    for Fact { label, value } in facts(detail, style) {
        let label = style.paint(Role::Faint, format!("{label:LABEL$}"));
        writeln!(out, "{label} {}", style.paint_all(&value))?;
    }

    writeln!(out, "\n{}", style.paint(Role::Heading, "Last updates"))?;
    for update in &detail.recent {
        write_update(out, update, None, style)?;
    }
    if let Some(pane) = &detail.pane {
        let heading = style.paint(Role::Heading, "Pane");
        match pane {
            Ok(lines) => {
                writeln!(out, "\n{heading}")?;
                for line in lines {
                    writeln!(out, "{}", escape(line))?;
                }
            }
            Err(reason) => writeln!(out, "\n{heading} {}", escape(reason))?,
        }
    }
    Ok(())
}

/// A labelled value. In a fact of several lines only the first has the label.
pub struct Fact {
    pub label: &'static str,
    pub value: Vec<Span>,
}

/// Everything about a session except its last updates.
pub fn facts(detail: &Detail, style: &Style) -> Vec<Fact> {
    let session = &detail.session;
    let (update, health) = (&session.update, &session.health);
    let mut facts = Vec::new();
    let mut add = |label, value| facts.push(Fact { label, value });

    let (held, since) = (time_in_status(session), since(session));
    let held = Span::plain(format!(" for {held}, since {since}"));
    add("Status", vec![Span::of_status(&update.status), held]);
    if let Some(issue) = issue(update, health) {
        add("Issue", vec![issue]);
    }
    if health.is_acknowledged
        && let Some(until) = update.acknowledged_until
    {
        let until = match until {
            Acknowledgement::Until(time) => local_time(time),
            _ => "its next update".to_owned(),
        };
        add("Ack", vec![Span::plain(format!("until {until}"))]);
    }
    let mut plain = |label, text: String| add(label, vec![Span::plain(text)]);
    let updated = match health.clock_skew {
        Some(_) => age(health),
        None => format!("{} ago", age(health)),
    };
    let time = local_time(update.timestamp);
    plain("Updated", format!("{updated}, {time}"));
    if let Some(task) = &update.task_id {
        plain("Task", escape(task).into_owned());
    }
    if let Some(progress) = update.progress {
        let mut text = format!("{} {}", style.bar(progress, BAR), percent(progress));
        if detail.progress.len() > 1 {
            text += &format!("  {}", sparkline(&detail.progress, style));
        }
        plain("Progress", text);
    }
    if let Some(remaining) = detail.remaining {
        plain("ETA", format!("in {}", roughly(&remaining)));
    }
    if !update.message.is_empty() {
        plain("Message", escape(&update.message).into_owned());
    }
    let metadata = update.metadata.as_ref().map(|metadata| metadata.get());
    let metadata = JsonObject::parse(metadata.unwrap_or("{}")).unwrap_or_default();
    if let Some(waiting_for) = metadata.text("waiting_for") {
        plain("Waits for", escape(&waiting_for).into_owned());
    }
    // The wrapper writes the last lines of a failed command.
    let stderr = metadata.text("stderr_tail").unwrap_or_default();
    for (number, line) in stderr.lines().enumerate() {
        let label = if number == 0 { "Stderr" } else { "" };
        plain(label, escape(line).into_owned());
    }
    if let Some(stale_after) = update.stale_after.map(format_duration) {
        plain("Expects", format!("stale after {stale_after}"));
    }
    if let Some(process) = &update.process {
        let liveness = match health.liveness {
            Liveness::Alive if health.is_stopped => ", stopped",
            Liveness::Alive => ", alive",
            Liveness::Dead => ", gone",
            // The work has ended, so it does not matter whether it runs.
            Liveness::Unknown if matches!(update.status, Status::Completed | Status::Error) => "",
            _ => ", unknown whether it runs",
        };
        let mut text = format!("{} on {}{liveness}", process.pid, escape(&process.host));
        if let Some(command) = &process.command {
            text += &format!(", running {}", escape(&command.join(" ")));
        }
        plain("Process", text);
    }
    let mut label = "Metadata";
    for (key, value) in metadata.without_repeated_keys() {
        let is_fact = ["waiting_for", "stderr_tail"].contains(&&*key);
        if !is_fact || value.string().is_none() {
            let value = value.to_text();
            plain(label, format!("{} = {}", escape(&key), escape(&value)));
            label = "";
        }
    }
    let path = sstat::escape_invalid_utf8(detail.path.as_os_str().as_encoded_bytes());
    plain("File", escape(&path).into_owned());
    facts
}

/// The progress of the last updates, one character each.
fn sparkline<T>(points: &[(T, f64)], style: &Style) -> String {
    points[points.len().saturating_sub(SPARKS)..]
        .iter()
        .map(|(_, progress)| style.level((progress * 8.0) as usize + 1))
        .collect()
}

/// Formats an estimate, rounded according to its size: as a range if its ends
/// differ after that.
pub fn roughly(remaining: &Remaining) -> String {
    const MINUTE: Duration = Duration::from_secs(60);
    let (soonest, latest) = (rounded(remaining.soonest), rounded(remaining.latest));
    match (format_duration(soonest), format_duration(latest)) {
        _ if latest < MINUTE => "less than a minute".to_owned(),
        (soonest, latest) if soonest == latest => format!("about {latest}"),
        (_, latest) if soonest < MINUTE => format!("up to {latest}"),
        (soonest, latest) => format!("{soonest} to {latest}"),
    }
}

fn rounded(duration: Duration) -> Duration {
    let minutes = duration.as_secs_f64() / 60.0;
    let step = match minutes {
        ..1.0 => return Duration::ZERO,
        ..10.0 => 1.0,
        ..60.0 => 5.0,
        ..600.0 => 30.0,
        ..2880.0 => 60.0,
        _ => 1440.0,
    };
    Duration::from_secs((minutes / step).round() as u64 * step as u64 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_is_rounded() {
        for (soonest, latest, text) in [
            (10, 10, "less than a minute"),
            (0, 90, "up to 2m"),
            (90, 100, "about 2m"),
            (1000, 1700, "15m to 30m"),
            (1700, 1750, "about 30m"),
            (3580, 7000, "1h to 2h"),
            (100_000, 101_000, "about 1d4h"),
            (1_000_000, 1_000_001, "about 12d"),
        ] {
            let remaining = Remaining {
                soonest: Duration::from_secs(soonest),
                latest: Duration::from_secs(latest),
            };
            assert_eq!(roughly(&remaining), text, "{soonest} to {latest}");
        }
    }
}
