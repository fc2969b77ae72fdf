//! The table that is printed.

use std::time::Duration;

use crate::measure::Timing;

/// A ratio to reach.
#[derive(Clone, Copy)]
pub enum Reach {
    /// Ours takes at most so many times as long.
    AtMost(f64),
    /// Ours is at least so many times faster.
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
    pub reach: String,
    pub met: Option<bool>,
}

#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    pub fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    /// The first `ours` timings against each of the others.
    pub fn compare(
        &mut self,
        what: &str,
        ours: usize,
        timings: &[Timing],
        reach: impl Fn(&str, &str) -> Option<Reach>,
    ) {
        let (ours, others) = timings.split_at(ours.min(timings.len()));
        for our in ours {
            for other in others {
                let ratio = our.best().as_secs_f64() / other.best().as_secs_f64();
                let reach = reach(our.label, other.label);
                let (ratio_text, reach_text, met) = match reach {
                    Some(Reach::AtMost(most)) => (
                        format!("{ratio:.2}×"),
                        format!("≤ {most}×"),
                        Some(ratio <= most),
                    ),
                    Some(Reach::Faster(least)) => (
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
                    reach: reach_text,
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
            "", "build", "ours (median)", "against", "theirs (median)", "ratio", "to reach"
        );
        for row in &self.0 {
            let met = match row.met {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "",
            };
            println!(
                "{:<34} {:<8} {:>19}  {:<14} {:>19}  {:>14}  {:<10} {met}",
                row.what, row.build, row.ours, row.against, row.theirs, row.ratio, row.reach
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

pub fn mebibytes(kibibytes: u64) -> String {
    format!("{:.1} MiB", kibibytes as f64 / 1024.0)
}
