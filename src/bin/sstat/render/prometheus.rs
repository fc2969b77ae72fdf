//! A summary in Prometheus' text format, for node_exporter's textfile
//! collector. The collector rejects samples with timestamps, so they have none.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::io::{self, Write};

use sstat::{Health, Session, Status, escape};

use crate::view::Summary;

/// Writes all metrics. The five known statuses are always included, so that a
/// count which falls to zero does not disappear.
pub fn write_metrics(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    // Each status with its number of sessions and the age of its oldest update.
    let mut statuses = BTreeMap::from(Status::KNOWN.map(|status| (status, (0, 0))));
    for Session { update, health, .. } in &summary.sessions {
        // Statuses with the same label are one series.
        let label = Status::from_stored(&label_value(update.status.as_str()));
        let (sessions, oldest_age) = statuses.entry(label).or_default();
        *sessions += 1;
        *oldest_age = health.age.as_secs().max(*oldest_age);
    }

    let label = |key, text: &str| format!("{{{key}=\"{text}\"}}");
    let counts = statuses.iter();
    let counts = counts.map(|(status, (count, _))| (label("status", status.as_str()), count));
    let help = "Sessions by the status of their last update.";
    write_gauge(out, "sstat_sessions", help, counts)?;
    for (name, help, count) in [
        (
            "sstat_stale_sessions",
            "Sessions without a recent update, very stale ones included.",
            summary.with_health(Health::is_stale).count(),
        ),
        (
            "sstat_very_stale_sessions",
            "Sessions without an update for much longer.",
            summary.with_health(Health::is_very_stale).count(),
        ),
        (
            "sstat_dead_sessions",
            "Sessions whose process is gone before they completed.",
            summary.with_health(Health::is_dead).count(),
        ),
    ] {
        write_gauge(out, name, help, [("", count)])?;
    }
    let oldest = statuses.iter().filter(|(_, (count, _))| *count > 0);
    let oldest = oldest.map(|(status, (_, age))| (label("status", status.as_str()), age));
    let help = "Age of the oldest last update of each status, when this file was written.";
    write_gauge(out, "sstat_oldest_update_age_seconds", help, oldest)?;
    let help = "Invalid lines at the ends of the files.";
    let skipped = [("", summary.skipped_lines)];
    write_gauge(out, "sstat_skipped_lines", help, skipped)?;
    // The collector rejects a file that has a series twice. Different names can
    // have the same label.
    let mut labels = HashSet::new();
    let updates = summary.sessions.iter().filter_map(|session| {
        let label = label("session", &label_value(&session.qualified_name()));
        let time = session.update.timestamp.timestamp();
        labels.insert(label.clone()).then_some((label, time))
    });
    let help = "Unix time of a session's last update.";
    write_gauge(out, "sstat_last_update_timestamp_seconds", help, updates)
}

/// Writes a metric with its samples, each with its labels.
fn write_gauge(
    out: &mut dyn Write,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (impl Display, impl Display)>,
) -> io::Result<()> {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge")?;
    let mut samples = samples.into_iter();
    samples.try_for_each(|(labels, value)| writeln!(out, "{name}{labels} {value}"))
}

/// Escapes a text for a label. The format has the escapes `\\`, `\"` and `\n`;
/// other unprintable characters get sstat's own escapes.
fn label_value(text: &str) -> Cow<'_, str> {
    match escape(text) {
        Cow::Borrowed(text) if !text.contains(['\\', '"']) => Cow::Borrowed(text),
        _ => {
            let lines = text.split('\n');
            let lines = lines.map(|line| escape(line).replace('\\', r"\\").replace('"', r#"\""#));
            Cow::Owned(lines.collect::<Vec<_>>().join(r"\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        for (text, label) in [
            ("plain ö 日本", "plain ö 日本"),
            (r#"a"b\c"#, r#"a\"b\\c"#),
            ("a\nb", r"a\nb"),
            ("a\tb", r"a\\tb"),
            ("\u{202e}x\u{1b}", r"\\u{202e}x\\x1b"),
        ] {
            assert_eq!(label_value(text), label, "{text:?}");
        }
    }
}
