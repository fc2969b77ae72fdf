//! Computes the next run of an agent's scheduled prompts.

use chrono::{DateTime, Datelike, Local, TimeDelta, Timelike, Utc};

use crate::hook::Payload;

/// Number of minutes that are searched for the next run: 31 days.
const SEARCHED_MINUTES: i64 = 31 * 24 * 60;

/// Returns the earliest next run of the schedules, which are cron expressions in
/// local time, or `None` if no expression is valid.
pub fn next_run<'a>(
    crons: impl Iterator<Item = &'a Payload>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let local = now
        .with_timezone(&Local)
        .with_second(0)?
        .with_nanosecond(0)?;
    crons
        .filter_map(|cron| cron.first_text(&["schedule", "cron", "expression"]))
        .filter_map(|expression| {
            let fields = parse(&expression)?;
            (1..=SEARCHED_MINUTES)
                .map(|minutes| local + TimeDelta::minutes(minutes))
                .find(|time| matches(&fields, time))
        })
        .min()
        .map(|time| time.to_utc())
}

/// The values of each field of a cron expression as a bit set: minute, hour, day
/// of the month, month, day of the week.
struct Fields {
    sets: [u64; 5],
    /// Whether both fields for days are restricted. Then either may match.
    either_day: bool,
}

fn parse(expression: &str) -> Option<Fields> {
    const RANGES: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
    let fields: Vec<&str> = expression.split_ascii_whitespace().collect();
    if fields.len() != RANGES.len() {
        return None;
    }
    let mut sets = [0; 5];
    for ((set, field), (first, last)) in sets.iter_mut().zip(&fields).zip(RANGES) {
        for part in field.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
                None => (part, 1),
            };
            let (from, to) = match (range, range.split_once('-')) {
                ("*", _) => (first, last),
                (_, Some((from, to))) => (from.parse().ok()?, to.parse().ok()?),
                (value, None) if part.contains('/') => (value.parse().ok()?, last),
                (value, None) => (value.parse().ok()?, value.parse().ok()?),
            };
            if from < first || to > last {
                return None;
            }
            for value in (from..=to).step_by(step) {
                *set |= 1 << value;
            }
        }
    }
    // 7 is Sunday, like 0.
    sets[4] |= sets[4] >> 7 & 1;
    Some(Fields {
        sets,
        either_day: !fields[2].starts_with('*') && !fields[4].starts_with('*'),
    })
}

fn matches(fields: &Fields, time: &DateTime<Local>) -> bool {
    let values = [
        time.minute(),
        time.hour(),
        time.day(),
        time.month(),
        time.weekday().num_days_from_sunday(),
    ];
    let [minute, hour, day, month, weekday] =
        std::array::from_fn(|index| fields.sets[index] >> values[index] & 1 == 1);
    let is_day = match fields.either_day {
        true => day || weekday,
        false => day && weekday,
    };
    minute && hour && month && is_day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_run_follows_the_cron_expressions() {
        let now = DateTime::from_timestamp(1_771_101_312, 0).unwrap();
        let next = |expressions: &[&str]| {
            let crons: Vec<Payload> = expressions
                .iter()
                .map(|cron| Payload::parse_bytes(format!("{{\"schedule\":\"{cron}\"}}").as_bytes()))
                .map(Result::unwrap)
                .collect();
            next_run(crons.iter(), now).map(|next| (next - now).num_seconds())
        };
        assert_eq!(next(&["* * * * *"]), Some(48));
        assert_eq!(next(&["0 0 1 1 *", "*/5 * * * *"]), Some(288));
        assert!(next(&["30 9 * * 1-5"]).unwrap() < 4 * 24 * 3600);
        for invalid in ["", "* * * *", "61 * * * *", "*/0 * * * *", "x * * * *"] {
            assert_eq!(next(&[invalid]), None, "{invalid}");
        }
    }
}
