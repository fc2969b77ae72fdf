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
    crons
        .filter_map(|cron| cron.first_text(&["schedule", "cron", "expression"]))
        .filter_map(|expression| next_time(&expression, now.with_timezone(&Local)))
        .min()
        .map(|time| time.to_utc())
}

fn next_time(expression: &str, now: DateTime<Local>) -> Option<DateTime<Local>> {
    let fields: Vec<&str> = expression.split_ascii_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else {
        return None;
    };
    let minutes = values(minute, 0, 59)?;
    let hours = values(hour, 0, 23)?;
    let days = values(day, 1, 31)?;
    let months = values(month, 1, 12)?;
    let weekdays = values(weekday, 0, 7)?;
    // 7 is Sunday, like 0.
    let weekdays = weekdays | weekdays >> 7 & 1;
    let is_either_day = !day.starts_with('*') && !weekday.starts_with('*');
    let has = |values: u64, value: u32| values >> value & 1 == 1;
    let matches = |time: &DateTime<Local>| {
        let is_day = has(days, time.day());
        let is_weekday = has(weekdays, time.weekday().num_days_from_sunday());
        has(minutes, time.minute())
            && has(hours, time.hour())
            && has(months, time.month())
            && match is_either_day {
                true => is_day || is_weekday,
                false => is_day && is_weekday,
            }
    };
    let start = now.with_second(0)?.with_nanosecond(0)?;
    let mut minutes = (1..=SEARCHED_MINUTES).map(|minutes| start + TimeDelta::minutes(minutes));
    minutes.find(matches)
}

/// Returns the values of a field of a cron expression as a bit set.
fn values(field: &str, first: u32, last: u32) -> Option<u64> {
    let mut set = 0;
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
        set |= (from..=to)
            .step_by(step)
            .fold(0, |set, value| set | 1 << value);
    }
    Some(set)
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
