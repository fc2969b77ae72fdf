//! The table of results.

use std::time::Duration;

use crate::measure::Timing;

/// A ratio to reach.
#[derive(Clone, Copy)]
pub enum Target {
    /// sstat takes at most this many times as long.
    AtMost(f64),
    /// sstat is at least this many times faster.
    Faster(f64),
}

#[derive(Default)]
pub struct Row {
    pub what: String,
    pub build: &'static str,
    pub ours: String,
    pub against: &'static str,
    pub theirs: String,
    pub ratio: String,
    pub target: String,
    pub met: Option<bool>,
}

#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    pub fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    /// Adds a row for each pair of one of the first `ours` timings and one of the
    /// others.
    pub fn compare(
        &mut self,
        what: &str,
        ours: usize,
        timings: &[Timing],
        target: impl Fn(&str, &str) -> Option<Target>,
    ) {
        let (ours, others) = timings.split_at(ours.min(timings.len()));
        for our in ours {
            for other in others {
                let ratio = our.best().as_secs_f64() / other.best().as_secs_f64();
                let target = target(our.label, other.label);
                let (ratio_text, target_text, met) = match target {
                    Some(Target::AtMost(most)) => (
                        format!("{ratio:.2}×"),
                        format!("≤ {most}×"),
                        Some(ratio <= most),
                    ),
                    Some(Target::Faster(least)) => (
                        format!("{:.1}× faster", 1.0 / ratio),
                        format!("≥ {least}×"),
                        Some(1.0 / ratio >= least),
                    ),
                    None if ratio < 1.0 => {
                        (format!("{:.1}× faster", 1.0 / ratio), String::new(), None)
                    }
                    None => (format!("{ratio:.2}×"), String::new(), None),
                };
                self.add(Row {
                    what: what.to_owned(),
                    build: our.label,
                    ours: times(our),
                    against: other.label,
                    theirs: times(other),
                    ratio: ratio_text,
                    target: target_text,
                    met,
                });
            }
        }
    }

    pub fn print(&self) {
        if self.0.is_empty() {
            return;
        }
        println!(
            "\n{:<34} {:<8} {:>19}  {:<14} {:>19}  {:>14}  {:<10}",
            "", "build", "sstat (median)", "against", "other (median)", "ratio", "target"
        );
        for row in &self.0 {
            let met = match row.met {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "",
            };
            println!(
                "{:<34} {:<8} {:>19}  {:<14} {:>19}  {:>14}  {:<10} {met}",
                row.what, row.build, row.ours, row.against, row.theirs, row.ratio, row.target
            );
        }
    }
}

fn times(timing: &Timing) -> String {
    format!(
        "{} ({})",
        duration(timing.best()),
        duration(timing.median())
    )
}

pub fn duration(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1000.0;
    match millis {
        0.0..10.0 => format!("{millis:.2} ms"),
        10.0..100.0 => format!("{millis:.1} ms"),
        100.0..10_000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1000.0),
    }
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
