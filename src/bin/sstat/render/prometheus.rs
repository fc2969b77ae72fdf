//! A summary in Prometheus' text format, for node_exporter's textfile
//! collector. The collector rejects samples with timestamps, so they have none.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::io::{self, Write};

use sstat::{Session, Status, escape};

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

    let mut sessions = Gauge::begin(
        out,
        "sstat_sessions",
        "Sessions by the status of their last update.",
    )?;
    for (status, (count, _)) in &statuses {
        sessions.labelled("status", status.as_str(), count)?;
    }
    for (name, help, count) in [
        (
            "sstat_stale_sessions",
            "Sessions without a recent update, very stale ones included.",
            summary.stale().count(),
        ),
        (
            "sstat_very_stale_sessions",
            "Sessions without an update for much longer.",
            summary.very_stale().count(),
        ),
        (
            "sstat_dead_sessions",
            "Sessions whose process is gone before they completed.",
            summary.dead().count(),
        ),
    ] {
        Gauge::begin(out, name, help)?.plain(count)?;
    }
    let mut oldest = Gauge::begin(
        out,
        "sstat_oldest_update_age_seconds",
        "Age of the oldest last update of each status, when this file was written.",
    )?;
    for (status, (_, age)) in statuses.iter().filter(|(_, (count, _))| *count > 0) {
        oldest.labelled("status", status.as_str(), age)?;
    }
    Gauge::begin(
        out,
        "sstat_skipped_lines",
        "Invalid lines at the ends of the files.",
    )?
    .plain(summary.skipped_lines)?;
    let mut updates = Gauge::begin(
        out,
        "sstat_last_update_timestamp_seconds",
        "Unix time of a session's last update.",
    )?;
    // The collector rejects a file that has a series twice. Different names can
    // have the same label.
    let mut labels = HashSet::new();
    for session in &summary.sessions {
        let label = label_value(&session.qualified_name()).into_owned();
        if labels.insert(label.clone()) {
            updates.labelled("session", &label, session.update.timestamp.timestamp())?;
        }
    }
    Ok(())
}

/// The samples of one metric.
struct Gauge<'a> {
    out: &'a mut dyn Write,
    name: &'static str,
}

impl<'a> Gauge<'a> {
    fn begin(out: &'a mut dyn Write, name: &'static str, help: &str) -> io::Result<Self> {
        writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge")?;
        Ok(Self { out, name })
    }

    fn plain(&mut self, value: impl Display) -> io::Result<()> {
        writeln!(self.out, "{} {value}", self.name)
    }

    fn labelled(&mut self, key: &str, label: &str, value: impl Display) -> io::Result<()> {
        writeln!(self.out, "{}{{{key}=\"{label}\"}} {value}", self.name)
    }
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
