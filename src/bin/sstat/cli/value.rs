//! Parsers of argument values. Their errors complete clap's "invalid value 'X'
//! for '--option <NAME>':".

use std::time::Duration;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use clap::builder::{OsStringValueParser, TypedValueParser};
use glob::Pattern;
use serde_json::value::RawValue;
use sstat::{StaleStatuses, Status};

use super::{MetaFilter, Moment};

pub fn status(text: &str) -> Result<Status, String> {
    text.parse()
        .map_err(|_| "expected idle, working, blocked, completed or error".to_owned())
}

pub fn duration(text: &str) -> Result<Duration, String> {
    sstat::parse_duration(text).map_err(|error| match error {
        sstat::Error::Duration { reason, .. } => reason.to_owned(),
        other => other.to_string(),
    })
}

pub fn stale_statuses(text: &str) -> Result<StaleStatuses, String> {
    text.parse()
        .map_err(|_| "expected \"all\" or a comma-separated list of statuses".to_owned())
}

pub fn progress(text: &str) -> Result<f64, String> {
    sstat::parse_progress(text).ok_or_else(|| match text.parse::<f64>() {
        Ok(value) if value > 1.0 && value <= 100.0 => format!(
            "expected 0.0 to 1.0; did you mean {text}% or {}?",
            value / 100.0
        ),
        _ if text.contains(',') && sstat::parse_progress(&text.replace(',', ".")).is_some() => {
            format!("expected a decimal point: {}", text.replace(',', "."))
        }
        _ if text.ends_with('%') => "expected 0% to 100%".to_owned(),
        _ => {
            let hint = match text.starts_with(char::is_alphabetic) {
                true => "; a message of several words needs quotes",
                false => "",
            };
            format!("expected a number from 0.0 to 1.0, or a percentage such as 50%{hint}")
        }
    })
}

/// Parses `KEY=VALUE`. VALUE is stored as a number only if that prints the same
/// text, because `1.10` is a version.
pub fn meta(text: &str) -> Result<(String, Box<RawValue>), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("expected KEY=VALUE: the '=' is missing")?;
    if key.is_empty() {
        return Err("expected KEY=VALUE: the key is missing".to_owned());
    }
    let is_json = match serde_json::from_str::<serde_json::Value>(value) {
        Ok(serde_json::Value::Number(number)) => number.to_string() == value,
        Ok(_) => true,
        Err(_) => false,
    };
    let json = if is_json {
        value.to_owned()
    } else {
        serde_json::to_string(value).map_err(|error| error.to_string())?
    };
    let value = RawValue::from_string(json).map_err(|error| error.to_string())?;
    Ok((key.to_owned(), value))
}

/// Parses a text or pattern as a pattern. `a[` is not one and can only be a text.
pub fn pattern(text: &str) -> Option<Pattern> {
    if !text.contains(['*', '?', '[']) {
        return None;
    }
    // Shells and most tools also accept `^` to negate a set.
    let mut text = text.replace("[^", "[!");
    // `glob` rejects `**` inside a name, and it has no directories to match.
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    Pattern::new(&text).ok()
}

pub fn meta_filter(text: &str) -> Result<MetaFilter, String> {
    let (key, glob) = text
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or("expected KEY=GLOB, e.g. phase=test*")?;
    Ok(MetaFilter {
        key: key.to_owned(),
        text: glob.to_owned(),
        pattern: pattern(glob),
    })
}

pub fn metadata(text: &str) -> Result<Box<RawValue>, String> {
    let text = text.trim();
    if !text.starts_with('{') {
        return Err("expected a JSON object".to_owned());
    }
    let json = sstat::repair_json(text.as_bytes()).into_owned();
    RawValue::from_string(json).map_err(|error| format!("invalid JSON: {error}"))
}

/// Parses a status to filter by. Files may have statuses that sstat does not
/// know.
pub fn stored_status(text: &str) -> Result<Status, String> {
    match text.trim() {
        "" => Err("expected a status".to_owned()),
        text => Ok(Status::from_stored(text)),
    }
}

/// Parses a word of `--on`.
pub fn trigger(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("expected an event or a status".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// Parses a duration or a time. A time without an offset is local, as times are
/// printed.
pub fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(Moment::At(time.to_utc()));
    }
    if let Some(time) = local_time(text) {
        return Ok(Moment::At(time));
    }
    sstat::parse_duration(text).map(Moment::Ago).map_err(|_| {
        "expected a duration such as 2h, or a time such as 2026-02-14T20:35:00Z or '2026-02-14 20:35'"
            .to_owned()
    })
}

fn local_time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.replacen('T', " ", 1);
    let time = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())
        .or_else(|| {
            let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?;
            day.and_hms_opt(0, 0, 0)
        })?;
    // A time that a change of clocks skips has the offset before the change; the
    // longest gap is a day (Samoa).
    (0..=25).find_map(|hours| {
        let gap = TimeDelta::hours(hours);
        let time = time - gap;
        let found = Local.from_local_datetime(&time);
        // At the hour of the change chrono also returns times that are not this
        // local time, and the later one first.
        let found = found.earliest().into_iter().chain(found.latest());
        let same =
            found.filter(|found| Local.from_utc_datetime(&found.naive_utc()).naive_local() == time);
        Some(same.min()?.to_utc() + gap)
    })
}

/// Returns a parser of session names, which may be invalid UTF-8, in the form in
/// which sessions are listed.
pub fn listed_name() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|name| sstat::escape_invalid_utf8(name.as_encoded_bytes()))
}

pub fn count(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| "expected a whole number, 0 or more".to_owned())
}

pub fn pid(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "expected a process id".to_owned())
}

/// Parses a duration, or a number of seconds as in `timeout 30` and `watch -n 0.5`.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    match text.parse::<f64>() {
        Ok(seconds) if is_number => duration(&format!("{}ms", (seconds * 1000.0).round())),
        _ => duration(text),
    }
}

pub fn interval(text: &str) -> Result<Duration, String> {
    positive(seconds(text)?)
}

pub fn repeat(text: &str) -> Result<Duration, String> {
    positive(duration(text)?)
}

fn positive(duration: Duration) -> Result<Duration, String> {
    match duration {
        Duration::ZERO => Err("expected more than 0s".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_need_no_unit() {
        for (text, millis) in [("5", 5000), ("0.5", 500), ("30s", 30_000), ("1m", 60_000)] {
            assert_eq!(seconds(text), Ok(Duration::from_millis(millis)));
        }
        for text in [
            "",
            ".",
            "-1",
            "1e3",
            "inf",
            "NaN",
            "5x",
            "1.2.3",
            "99999999999999999999",
        ] {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert!(interval("0").is_err() && interval("0.0001").is_err());
    }

    #[test]
    fn progress_is_a_fraction_or_a_percentage() {
        for (text, value) in [
            ("0.5", 0.5),
            ("50%", 0.5),
            ("0", 0.0),
            ("1", 1.0),
            ("100%", 1.0),
            ("1e-1", 0.1),
            ("1.0000000000000002", 1.0),
            (".5", 0.5),
        ] {
            assert_eq!(progress(text), Ok(value), "{text}");
        }
        assert_eq!(progress("-0").map(f64::is_sign_negative), Ok(false));
        for text in [
            "50", "NaN", "-1", "inf", "infinity", "", "%", "half", "101%", "-5%", "1.01", "0,5",
            "1e400",
        ] {
            assert!(progress(text).is_err(), "{text}");
        }
        assert!(progress("50").unwrap_err().contains("50% or 0.5"));
        assert!(progress("0,5").unwrap_err().ends_with("point: 0.5"));
    }

    #[test]
    fn meta_is_a_number_only_if_it_prints_the_same() {
        for (text, json) in [
            ("k=1", "1"),
            ("k=1.5", "1.5"),
            ("k=1.10", "\"1.10\""),
            ("k=007", "\"007\""),
            ("k=12345678901234567890123", "\"12345678901234567890123\""),
            ("k=true", "true"),
            ("k=[1, 2]", "[1, 2]"),
            ("k=a=b", "\"a=b\""),
            ("k=", "\"\""),
            ("k={\"a\":1}", "{\"a\":1}"),
            ("k=NaN", "\"NaN\""),
        ] {
            assert_eq!(meta(text).unwrap().1.get(), json, "{text}");
        }
        assert!(meta("k").is_err() && meta("=1").is_err());
    }
}
