//! Durations such as `90s`, `5m`, `2h`, `1h30m` and `7d`.

use std::time::Duration;

use crate::error::{Error, Result};

/// Parses whole numbers with a unit, the largest unit first: `d`, `h`, `m`, `s` or
/// `ms`, as in `1h30m`.
///
/// # Errors
/// [`Error::Duration`] for another form and for more than 1,000 years.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(sstat::parse_duration("1h30m")?, Duration::from_secs(5400));
/// assert!(sstat::parse_duration("90").is_err());
/// # Ok::<(), sstat::Error>(())
/// ```
pub fn parse_duration(text: &str) -> Result<Duration> {
    let fail = |reason| Error::Duration {
        text: text.to_owned(),
        reason,
    };
    const FORM: &str = "expected a number and a unit, e.g. 90s, 5m, 2h or 1h30m";
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(fail(FORM));
    }
    let mut total_millis: u64 = 0;
    let mut last_unit = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let unit_millis = match unit {
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return Err(fail(FORM)),
        };
        if digits == 0 || unit_millis >= last_unit {
            return Err(fail(FORM));
        }
        last_unit = unit_millis;
        total_millis = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(unit_millis))
            .and_then(|millis| millis.checked_add(total_millis))
            .filter(|&millis| millis <= MAX_MILLIS)
            .ok_or_else(|| fail("must not be longer than 1000 years"))?;
        rest = tail;
    }
    Ok(Duration::from_millis(total_millis))
}

/// 1,000 years, which added to any timestamp of a valid update does not overflow.
const MAX_MILLIS: u64 = 1_000 * 365 * 86_400_000;

/// Formats a duration in its two largest units: `45s`, `6m12s`, `2h`, `3d4h`.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (value, rest, units) = match seconds {
        0..60 => return format!("{seconds}s"),
        60..3600 => (seconds / 60, seconds % 60, ("m", "s")),
        3600..86400 => (seconds / 3600, seconds % 3600 / 60, ("h", "m")),
        _ => (seconds / 86400, seconds % 86400 / 3600, ("d", "h")),
    };
    if rest == 0 {
        format!("{value}{}", units.0)
    } else {
        format!("{value}{}{rest}{}", units.0, units.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_durations_are_parsed() {
        for (text, seconds) in [
            ("90s", 90),
            ("5m", 300),
            ("2h", 7200),
            ("1h30m", 5400),
            ("7d", 604_800),
            ("1d2h3m4s", 93_784),
            ("0s", 0),
            (" 5m ", 300),
        ] {
            assert_eq!(parse_duration(text).unwrap().as_secs(), seconds, "{text}");
        }
        assert_eq!(parse_duration("1s500ms").unwrap().as_millis(), 1500);
    }

    #[test]
    fn invalid_durations_are_errors() {
        for text in [
            "",
            " ",
            "5",
            "m",
            "5 m",
            "-5m",
            "5x",
            "1.5h",
            "5m1h",
            "5m5m",
            "٥m",
            "1h 30m",
            "99999999999999999999s",
            "18446744073709551615d",
            "+5m",
            "5M",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn duration_is_formatted_in_two_units_at_most() {
        for (seconds, text) in [
            (0, "0s"),
            (45, "45s"),
            (60, "1m"),
            (372, "6m12s"),
            (7200, "2h"),
            (7260, "2h1m"),
            (90_000, "1d1h"),
        ] {
            assert_eq!(format_duration(Duration::from_secs(seconds)), text);
        }
    }
}
