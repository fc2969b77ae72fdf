//! Timestamps in the forms that date(1), Python, JavaScript and Go print.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

const MONTHS: &str = "jan feb mar apr may jun jul aug sep oct nov dec";
const WEEKDAYS: &str = "mon tue wed thu fri sat sun";

/// The names of time zones that have one offset in the tz database from 2015 on.
/// CST, CDT, IST and PST have several.
const ZONES: [(&str, &str); 24] = [
    ("+00:00", "UTC GMT UT Z WET"),
    ("+01:00", "CET BST WAT WEST"),
    ("+02:00", "CEST EET CAT SAST"),
    ("+03:00", "EEST EAT IDT MSK"),
    ("+05:00", "PKT"),
    ("+07:00", "WIB"),
    ("+08:00", "AWST HKT WITA"),
    ("+09:00", "JST WIT"),
    ("+09:30", "ACST"),
    ("+10:00", "AEST"),
    ("+10:30", "ACDT"),
    ("+11:00", "AEDT"),
    ("+12:00", "NZST"),
    ("+13:00", "NZDT"),
    ("-02:30", "NDT"),
    ("-03:00", "ADT"),
    ("-03:30", "NST"),
    ("-04:00", "AST EDT"),
    ("-05:00", "EST"),
    ("-06:00", "MDT"),
    ("-07:00", "MST PDT"),
    ("-08:00", "AKDT"),
    ("-09:00", "AKST"),
    ("-10:00", "HST"),
];

/// Parses a timestamp: RFC 3339, other variants of ISO 8601, RFC 2822, the output
/// of date(1), ctime(3), JavaScript's `Date` and Go's `time.Time`, and Unix time.
/// Without an offset it is UTC.
///
/// Returns `None` also for an ambiguous name of a time zone without its offset, such
/// as CST, and for a UTC year outside 0 to 9999, which could not be written again.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<DateTime<Utc>> {
    let parse = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    // Most lines have the first form, those of Python's isoformat() the third.
    let own = parse_own(text);
    if own.is_some() {
        return own;
    }
    parse(text)
        .or_else(|| parse(&format!("{text}Z")))
        .map(|timestamp| timestamp.to_utc())
        .or_else(|| parse_unix(text))
        .or_else(|| parse(&rfc3339(text)?).map(|timestamp| timestamp.to_utc()))
        .filter(has_four_digit_year)
}

/// Parses the form that sstat writes, five times as fast as chrono parses every form of
/// RFC 3339: a scan of many updates takes a tenth less.
fn parse_own(text: &str) -> Option<DateTime<Utc>> {
    let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let has_form = bytes
        .iter()
        .zip(b"0000-00-00T00:00:00Z")
        .all(|(byte, form)| byte == form || (byte.is_ascii_digit() && *form == b'0'));
    let number = |range: std::ops::Range<usize>| {
        let digits = bytes[range].iter();
        digits.fold(0, |number, digit| 10 * number + u32::from(digit - b'0'))
    };
    has_form.then_some(())?;
    NaiveDate::from_ymd_opt(number(0..4) as i32, number(5..7), number(8..10))?
        .and_hms_opt(number(11..13), number(14..16), number(17..19))
        .map(|time| time.and_utc())
}

pub(crate) fn has_four_digit_year(timestamp: &DateTime<Utc>) -> bool {
    (0..=9999).contains(&timestamp.year())
}

fn parse_unix(text: &str) -> Option<DateTime<Utc>> {
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_number.then(|| from_unix(text.parse().ok()?))?
}

/// Converts Unix time: seconds from 1e9 on, milliseconds from 1e11 on,
/// microseconds from 1e14 on, nanoseconds from 1e17 on.
pub(crate) fn from_unix(number: f64) -> Option<DateTime<Utc>> {
    let micros = match number {
        1e9..1e11 => number * 1e6,
        1e11..1e14 => number * 1e3,
        1e14..1e17 => number,
        1e17..1e20 => number / 1e3,
        _ => return None,
    };
    DateTime::from_timestamp_micros(micros.round() as i64).filter(has_four_digit_year)
}

/// Rewrites a timestamp as RFC 3339. Its fields are not checked.
fn rfc3339(text: &str) -> Option<String> {
    // Go appends its monotonic clock, JavaScript the name of the time zone.
    let text = text.split(" m=").next()?.split(" (").next()?.trim();
    let (date, words) = match split_iso_date(text) {
        Some((date, rest)) => (Some(date), rest.to_owned()),
        None => (None, split_dashed_date(text)),
    };
    let (mut month, mut day, mut year) = (None, None, None);
    let (mut clock, mut offset, mut is_afternoon) = (None, None, None);
    for word in words.split_whitespace() {
        let word = word.trim_end_matches(',');
        let starts_with_digit = word.starts_with(|c: char| c.is_ascii_digit());
        if clock.is_none() && starts_with_digit && (date.is_some() || word.contains(':')) {
            let (fields, rest) = split_clock(word)?;
            clock = Some(fields);
            if !rest.is_empty() {
                offset = Some(parse_offset(rest)?);
            }
        } else if starts_with_digit && date.is_none() {
            let number = word.parse::<u32>().ok()?;
            match day {
                None => day = Some(number),
                Some(_) => year = Some(full_year(number, word.len())),
            }
        } else if offset.is_some() && word.chars().all(char::is_alphanumeric) {
            // The name of a time zone whose offset is known.
        } else if let Some(parsed) = parse_offset(word) {
            offset = Some(parsed);
        } else if word.eq_ignore_ascii_case("AM") || word.eq_ignore_ascii_case("PM") {
            is_afternoon = Some(word.eq_ignore_ascii_case("PM"));
        } else if let Some(index) = position(MONTHS, word) {
            month = Some(index + 1);
        } else if position(WEEKDAYS, word).is_none() {
            return None;
        }
    }
    let date = match date {
        Some(date) => date,
        None => format!("{:04}-{:02}-{:02}", year?, month?, day?),
    };
    let (hour, rest) = clock?;
    let hour = match is_afternoon {
        None => hour,
        Some(false) => hour % 12,
        Some(true) => hour % 12 + 12,
    };
    let offset = offset.unwrap_or_else(|| "Z".to_owned());
    Some(format!("{date}T{hour:02}:{rest}{offset}"))
}

/// Splits `2026-02-14` or `20260214T` and its separator from the rest.
fn split_iso_date(text: &str) -> Option<(String, &str)> {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_separator = |c: char| matches!(c, 'T' | 't' | ' ');
    if let Some((date, rest)) = text.split_at_checked(10)
        && date.split('-').map(str::len).eq([4, 2, 2])
        && rest.starts_with(is_separator)
    {
        return Some((date.to_owned(), &rest[1..]));
    }
    let (date, rest) = text.split_at_checked(8)?;
    (is_digits(date) && rest.starts_with(is_separator)).then(|| {
        let date = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
        (date, &rest[1..])
    })
}

/// Splits `14-Feb-26`, as in RFC 850, into words.
fn split_dashed_date(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.split('-').count() {
        3 => word.replace('-', " "),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Splits a clock from the rest: returns its hour, the fields after it as in
/// `35:00.123`, and what follows.
fn split_clock(text: &str) -> Option<((u32, String), &str)> {
    let is_end = |c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.' | ',');
    let (clock, rest) = text.split_at(text.find(is_end).unwrap_or(text.len()));
    let clock = clock.replace(',', ".");
    let (whole, fraction) = match clock.find('.') {
        Some(point) => clock.split_at(point),
        None => (&*clock, ""),
    };
    // Without colons: `2035` and `203500`.
    let basic = whole.as_bytes().chunks(2).map(str::from_utf8);
    let fields: Vec<&str> = match whole.contains(':') {
        true => whole.split(':').collect(),
        false => basic.collect::<Result<_, _>>().ok()?,
    };
    let (hour, minute, second) = match fields[..] {
        [hour] => (hour, "00", "00"),
        [hour, minute] => (hour, minute, "00"),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let hour = hour.parse().ok()?;
    Some(((hour, format!("{minute}:{second}{fraction}")), rest))
}

/// Parses `Z`, `CET`, `+01`, `+0100`, `+01:00` and `GMT+0100`.
fn parse_offset(text: &str) -> Option<String> {
    let is_name = |name: &str| name.eq_ignore_ascii_case(text);
    let mut zones = ZONES.iter();
    if let Some((offset, _)) = zones.find(|(_, names)| names.split(' ').any(is_name)) {
        return Some((*offset).to_owned());
    }
    let number = text.trim_start_matches("UTC").trim_start_matches("GMT");
    let (sign, digits) = number.split_at_checked(1)?;
    let digits = digits.replace(':', "");
    match (sign, digits.split_at_checked(2)?) {
        ("+" | "-", (hours, "")) => Some(format!("{sign}{hours}:00")),
        ("+" | "-", (hours, minutes)) => Some(format!("{sign}{hours}:{minutes}")),
        _ => None,
    }
}

/// Two digits are years from 1969 to 2068, as in POSIX.
fn full_year(number: u32, digits: usize) -> u32 {
    match (digits, number) {
        (2, 69..) => 1900 + number,
        (2, _) => 2000 + number,
        _ => number,
    }
}

/// Finds a name, which may be longer, by its first three letters.
fn position(names: &str, word: &str) -> Option<usize> {
    let start = word.get(..3)?.to_ascii_lowercase();
    names.split(' ').position(|name| name == start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of these is 2026-02-14 20:35:00 UTC, without its fraction.
    const FORMS: &[&str] = &[
        // RFC 3339.
        "2026-02-14T20:35:00Z",
        "2026-02-14t20:35:00z",
        "2026-02-14T21:35:00+01:00",
        // date -Iseconds, -Ins, -Iminutes; --rfc-3339=seconds, =ns; -R
        "2026-02-14T20:35:00+00:00",
        "2026-02-14T21:35:00,123456789+01:00",
        "2026-02-14T20:35+00:00",
        "2026-02-14 20:35:00+00:00",
        "2026-02-14 15:05:00.123456789-05:30",
        "Sat, 14 Feb 2026 21:35:00 +0100",
        // date and date +%c in the C locale, date in en_US
        "Sat Feb 14 20:35:00 UTC 2026",
        "Sat Feb 14 20:35:00 2026",
        "Sat Feb 14 08:35:00 PM UTC 2026",
        "Sat 14 Feb 2026 08:35:00 PM UTC",
        "Sat Feb 14 21:35:00 CET 2026",
        "Sat Feb 14 03:35:00 PM EST 2026",
        "Sun Feb 15 07:05:00 ACDT 2026",
        // date +FORMAT: %Y-%m-%dT%H:%M:%S%z, %FT%TZ, %F %T, %F %T %z, %F %T %Z,
        // %FT%T%:::z, %Y%m%dT%H%M%S, %Y%m%dT%H%M%SZ, %s, %s.%N, %s%3N, %s%N
        "2026-02-14T21:35:00+0100",
        "2026-02-14 20:35:00",
        "2026-02-14 21:35:00 +0100",
        "2026-02-14 20:35:00 UTC",
        "2026-02-14T21:35:00+01",
        "20260214T203500",
        "20260214T203500Z",
        "1771101300",
        "1771101300.123456789",
        "1771101300123",
        "1771101300123456789",
        // Python: isoformat(), isoformat(timespec="minutes"), str(datetime), logging
        "2026-02-14T20:35:00",
        "2026-02-14T20:35:00.123456",
        "2026-02-14T20:35:00.123456+00:00",
        "2026-02-14T20:35",
        "2026-02-14 20:35:00.123456+00:00",
        "2026-02-14 20:35:00,123",
        // Python: time.ctime(), email.utils.formatdate(), time.time() as text
        "Sat Feb 14 20:35:00 2026",
        "Sat, 14 Feb 2026 20:35:00 -0000",
        "Sat, 14 Feb 2026 20:35:00 GMT",
        "1771101300.1234567",
        // JavaScript: toISOString(), toString(), toUTCString(), Date.now()
        "2026-02-14T20:35:00.123Z",
        "Sat Feb 14 2026 21:35:00 GMT+0100 (Central European Standard Time)",
        "Sat Feb 14 2026 20:35:00 GMT+0000 (Coordinated Universal Time)",
        // Go: String(), with and without the monotonic clock
        "2026-02-14 21:35:00.123456789 +0100 CET m=+0.000012345",
        "2026-02-14 20:35:00.1 +0000 UTC",
        "2026-02-14 17:35:00 -0300 -03 m=+1.5",
        // Go: UnixDate, RubyDate, RFC822, RFC822Z, RFC850, RFC1123, RFC1123Z
        "Sat Feb 14 20:35:00 UTC 2026",
        "Sat Feb 14 21:35:00 +0100 2026",
        "14 Feb 26 20:35 UTC",
        "14 Feb 26 21:35 +0100",
        "Saturday, 14-Feb-26 20:35:00 UTC",
        "Sat, 14 Feb 2026 20:35:00 UTC",
        // White space around
        " 2026-02-14T20:35:00Z\n",
    ];

    #[test]
    fn usual_forms_are_parsed() {
        for text in FORMS {
            let parsed = parse_timestamp(text).map(|timestamp| timestamp.timestamp());
            assert_eq!(parsed, Some(1_771_101_300), "{text}");
        }
        for (text, utc) in [
            ("2026-02-14T20+00:00", "2026-02-14T20:00:00+00:00"),
            ("Wed Feb  4 02:03:04 2026", "2026-02-04T02:03:04+00:00"),
            (
                "Wed Feb  4 12:03:04 AM UTC 2026",
                "2026-02-04T00:03:04+00:00",
            ),
            (
                "Wed Feb  4 12:03:04 PM UTC 2026",
                "2026-02-04T12:03:04+00:00",
            ),
            (
                "Tue, 1 Jul 2008 10:52:37 +0200",
                "2008-07-01T08:52:37+00:00",
            ),
            ("2026-02-14T20:35:00,5Z", "2026-02-14T20:35:00.500+00:00"),
            ("1771101300.25", "2026-02-14T20:35:00.250+00:00"),
            ("1771101300123456", "2026-02-14T20:35:00.123456+00:00"),
            ("1000000000", "2001-09-09T01:46:40+00:00"),
            ("100000000000", "1973-03-03T09:46:40+00:00"),
        ] {
            let parsed = parse_timestamp(text).map(|timestamp| timestamp.to_rfc3339());
            assert_eq!(parsed.as_deref(), Some(utc), "{text}");
        }
    }

    #[test]
    fn ambiguous_and_invalid_timestamps_are_not_parsed() {
        for text in [
            "",
            "Z",
            "today",
            "null",
            // No time, no date
            "2026-02-14",
            "20:35:00",
            "Sat Feb 14 2026",
            "Feb 14 20:35:00",
            // A zone whose name is ambiguous
            "Sat Feb 14 14:35:00 CST 2026",
            "2026-02-14 21:35:00 CST",
            // Month and day are ambiguous
            "2/14/2026, 8:35:00 PM",
            "02/03/26 20:35:00",
            // Out of range
            "2026-02-30T00:00:00Z",
            "Sat Feb 30 20:35:00 UTC 2026",
            "2026-02-14T25:00:00+0100",
            "2026-02-14T20:35:00+2500",
            "9999-12-31T23:59:59-00:01",
            "0000-01-01T00:00:00+00:01",
            "999999999",
            "1e9",
            "1771101300.1.2",
            "999999999999999999999",
            // Junk behind
            "2026-02-14T20:35:00Zx",
            "2026-02-14T20:35:00+01:0",
            "2026-02-14T20:35:00Z junk 2026-02-14",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }
}
