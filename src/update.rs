//! An update: one line of a status file. The format on disk lives here.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, SecondsFormat, SubsecRound, Utc};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::json::{SafeFormatter, StringBytes, string_value, text};
use crate::name::SessionName;
use crate::process::ProcessIdentity;
use crate::status::Status;

/// The longest line that is written, with its newline.
pub const MAX_WRITTEN_BYTES: usize = 64 * 1024;

/// The longest line that is read; a longer one is a bad line.
pub const MAX_READ_BYTES: usize = 1024 * 1024;

/// The deepest nesting of a line, the line's own object included.
pub const MAX_DEPTH: usize = 64;

/// The keys that JSON output adds to an update's own. They are dropped on
/// reading, so that output fed back in does not carry old ages along.
pub const DERIVED_KEYS: [&str; 4] = ["age_seconds", "is_stale", "is_very_stale", "is_alive"];

/// What one session said at one time.
///
/// ```
/// use sstat::{Status, Update};
/// let update = Update::decode(br#"{"timestamp":"2026-02-14T20:35:00.5+01:00","status":"working","progress":0.5}"#)?;
/// assert_eq!(update.status, Status::Working);
/// assert_eq!(update.timestamp.to_rfc3339(), "2026-02-14T19:35:00.500+00:00");
/// assert_eq!(update.progress, Some(0.5));
/// # Ok::<(), sstat::BadLine>(())
/// ```
#[derive(Clone, Debug)]
pub struct Update {
    /// When it was said.
    pub timestamp: DateTime<Utc>,
    /// The session's name. In an update read from a directory it is the one
    /// of the file, whatever the line says.
    pub session: String,
    /// What the session is doing.
    pub status: Status,
    /// How far it is, 0.0 to 1.0.
    pub progress: Option<f64>,
    /// What it says; may be empty.
    pub message: String,
    /// The task it works on.
    pub task_id: Option<String>,
    /// The worker's own data: a JSON object, kept to the letter.
    pub metadata: Option<Box<RawValue>>,
    /// How long a silence this update allows before it counts as stale.
    pub stale_after: Option<Duration>,
    /// The process that stands behind it.
    pub process: Option<Box<ProcessIdentity>>,
    /// Keys unknown to this format with their JSON, in the order of the line.
    pub extra: Vec<(String, Box<RawValue>)>,
}

impl Update {
    /// An update of this moment with a status's own defaults: `completed` has
    /// progress 1.0, `idle` says "Waiting for tasks".
    #[must_use]
    pub fn new(session: &SessionName, status: Status, timestamp: DateTime<Utc>) -> Self {
        let progress = (status == Status::Completed).then_some(1.0);
        let message = match status {
            Status::Idle => IDLE_MESSAGE,
            _ => "",
        };
        Self {
            timestamp,
            session: session.as_str().to_owned(),
            status,
            progress,
            message: message.to_owned(),
            task_id: None,
            metadata: None,
            stale_after: None,
            process: None,
            extra: Vec::new(),
        }
    }

    /// Fills what the line left out with the defaults of [`new`](Self::new),
    /// for lines that some other tool made.
    pub fn fill_defaults(&mut self) {
        if self.status == Status::Completed && self.progress.is_none() {
            self.progress = Some(1.0);
        }
        if self.status == Status::Idle && self.message.is_empty() {
            IDLE_MESSAGE.clone_into(&mut self.message);
        }
    }

    /// The line as it is stored, with its newline: keys in the format's order,
    /// the timestamp in UTC and whole seconds.
    ///
    /// # Errors
    /// [`Error::Status`] for an unknown status; [`Error::Update`] for a progress
    /// outside 0.0 to 1.0, a year outside 0 to 9999, metadata that is no object
    /// or nested too deeply, and a line over 64 KiB.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let fail = |reason: String| Err(Error::Update { reason });
        if let Status::Other(word) = &self.status {
            return Err(Error::Status {
                status: word.to_string(),
            });
        }
        if !has_four_digit_year(&self.timestamp) {
            return fail(format!(
                "timestamp {}: must be from the years 0 to 9999",
                self.timestamp
            ));
        }
        if let Some(progress) = self.progress
            && !(0.0..=1.0).contains(&progress)
        {
            return fail(format!("progress {progress}: must be from 0.0 to 1.0"));
        }
        if let Some(metadata) = &self.metadata
            && !metadata.get().starts_with('{')
        {
            return fail("metadata: must be a JSON object".to_owned());
        }
        let mut line = Vec::with_capacity(256);
        let mut serializer =
            serde_json::Serializer::with_formatter(&mut line, SafeFormatter::compact());
        Stored(self)
            .serialize(&mut serializer)
            .map_err(|error| Error::Update {
                reason: error.to_string(),
            })?;
        if deeper_than(&line, MAX_DEPTH) {
            return fail(format!("metadata: is nested deeper than {}", MAX_DEPTH - 1));
        }
        line.push(b'\n');
        if line.len() > MAX_WRITTEN_BYTES {
            return fail(format!(
                "session '{}': {} bytes are more than the {MAX_WRITTEN_BYTES} of a line; shorten the message or the metadata",
                self.session,
                line.len()
            ));
        }
        Ok(line)
    }

    /// Reads a stored line, with or without its newline.
    ///
    /// A key of a wrong type counts as absent; only the timestamp and the
    /// status must be there. Of a repeated key the last one counts.
    ///
    /// # Errors
    /// [`BadLine`] says why the line is none.
    pub fn decode(line: &[u8]) -> std::result::Result<Self, BadLine> {
        Self::decode_line(line, None)
    }

    /// Reads a line that was received and not stored: one without a timestamp
    /// is of the time at which it was received.
    ///
    /// # Errors
    /// [`BadLine`] says why the line is none.
    pub fn decode_received(
        line: &[u8],
        received: DateTime<Utc>,
    ) -> std::result::Result<Self, BadLine> {
        Self::decode_line(line, Some(received))
    }

    fn decode_line(
        line: &[u8],
        received: Option<DateTime<Utc>>,
    ) -> std::result::Result<Self, BadLine> {
        if line.len() > MAX_READ_BYTES {
            return Err(BadLine::TooLong);
        }
        let line = line.trim_ascii();
        if line.first() == Some(&0) {
            return Err(BadLine::NulBytes);
        }
        let text = str::from_utf8(line).map_err(|_| BadLine::NotUtf8)?;
        if text.starts_with('\u{feff}') {
            return Err(BadLine::ByteOrderMark);
        }
        if !text.starts_with('{') {
            return Err(if serde_json::from_str::<IgnoredAny>(text).is_ok() {
                BadLine::NotObject
            } else {
                BadLine::NotJson
            });
        }
        if deeper_than(line, MAX_DEPTH) {
            return Err(BadLine::TooDeep);
        }
        let reason = |error: serde_json::Error| match error.is_eof() {
            true => BadLine::CutOff,
            false => BadLine::NotJson,
        };
        let keys = Keys::read(text, StringBytes::OfText).or_else(|_| {
            // A key that is no text may still be JSON. What reads it would let
            // control characters pass.
            serde_json::from_str::<IgnoredAny>(text)?;
            Keys::read(text, StringBytes::OfAny)
        });
        keys.map_err(reason)?.into_update(received)
    }
}

const IDLE_MESSAGE: &str = "Waiting for tasks";

/// Why a line is no update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadLine {
    /// It is over 1 MiB long.
    TooLong,
    /// It is not UTF-8.
    NotUtf8,
    /// It begins with a byte order mark, which JSON does not allow.
    ByteOrderMark,
    /// It is no JSON.
    NotJson,
    /// It begins as JSON and ends in the middle.
    CutOff,
    /// It is JSON, but no object.
    NotObject,
    /// It begins with NUL bytes, as files do after a power cut.
    NulBytes,
    /// It is nested deeper than 64.
    TooDeep,
    /// It has no timestamp.
    NoTimestamp,
    /// Its timestamp is no RFC 3339 string.
    BadTimestamp,
    /// It has no status, or one that is no string.
    NoStatus,
    /// It is the last line, unterminated and not whole, and its writer has
    /// been silent for a while.
    Torn,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TooLong => "longer than 1 MiB",
            Self::NotUtf8 => "not UTF-8",
            Self::ByteOrderMark => "begins with a byte order mark",
            Self::NotJson => "not JSON",
            Self::CutOff => "cut off in the middle",
            Self::NotObject => "not a JSON object",
            Self::NulBytes => "NUL bytes",
            Self::TooDeep => "nested deeper than 64",
            Self::NoTimestamp => "no timestamp",
            Self::BadTimestamp => "a timestamp that is not RFC 3339",
            Self::NoStatus => "no status",
            Self::Torn => "torn last line",
        })
    }
}

impl std::error::Error for BadLine {}

/// Whether objects and arrays are nested deeper than `limit`.
fn deeper_than(json: &[u8], limit: usize) -> bool {
    // Few opening brackets cannot nest deeply, and counting them is quick.
    if count(json, |byte| matches!(byte, b'{' | b'[')) <= limit {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for &byte in json {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// How many bytes are wanted. In sums that stay small, so that sixteen bytes are
/// looked at at once. Not with `memchr`: it asks the processor what it can do,
/// which on a virtual machine takes longer than all else that happens to a
/// pushed line.
fn count(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    let count = |part: &[u8]| part.iter().map(|&byte| u8::from(wanted(byte))).sum::<u8>();
    let parts = bytes.chunks(usize::from(u8::MAX));
    parts.map(|part| usize::from(count(part))).sum()
}

/// An RFC 3339 timestamp; one without an offset is UTC. One that its offset
/// moves out of the four digits of a year could not be written again and is
/// none.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<DateTime<Utc>> {
    let parse = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    parse(text)
        .or_else(|| parse(&format!("{text}Z")))
        .map(|timestamp| timestamp.to_utc())
        .filter(has_four_digit_year)
}

fn has_four_digit_year(timestamp: &DateTime<Utc>) -> bool {
    (0..=9999).contains(&timestamp.year())
}

/// A line's keys, each still JSON text.
#[derive(Default)]
struct Keys<'a> {
    timestamp: Option<&'a RawValue>,
    session: Option<&'a RawValue>,
    status: Option<&'a RawValue>,
    progress: Option<&'a RawValue>,
    message: Option<&'a RawValue>,
    task_id: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
    stale_after: Option<&'a RawValue>,
    process: Option<&'a RawValue>,
    extra: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl Keys<'_> {
    fn into_update(self, received: Option<DateTime<Utc>>) -> std::result::Result<Update, BadLine> {
        let timestamp = match self.timestamp {
            None => received.ok_or(BadLine::NoTimestamp)?,
            Some(timestamp) => string_value(timestamp)
                .as_deref()
                .and_then(parse_timestamp)
                .ok_or(BadLine::BadTimestamp)?,
        };
        let status = self
            .status
            .and_then(string_value)
            .ok_or(BadLine::NoStatus)?;
        Ok(Update {
            timestamp,
            session: self
                .session
                .and_then(string_value)
                .map(Cow::into_owned)
                .unwrap_or_default(),
            status: Status::from_stored(&status),
            progress: self
                .progress
                .and_then(number)
                .filter(|progress| (0.0..=1.0).contains(progress))
                // JSON knows -0.0, and people would read "-0%".
                .map(f64::abs),
            message: self
                .message
                .and_then(string_value)
                .map(Cow::into_owned)
                .unwrap_or_default(),
            task_id: self.task_id.and_then(|raw| match string_value(raw) {
                Some(text) => Some(text.into_owned()),
                None => is_number(raw).then(|| raw.get().to_owned()),
            }),
            metadata: self.metadata.filter(|raw| is_object(raw)).map(to_owned),
            stale_after: self
                .stale_after
                .and_then(number)
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            process: self
                .process
                .filter(|raw| is_object(raw))
                .and_then(|raw| serde_json::from_str(raw.get()).ok()),
            extra: self
                .extra
                .into_iter()
                .map(|(key, raw)| (key.into_owned(), to_owned(raw)))
                .collect(),
        })
    }
}

fn to_owned(raw: &RawValue) -> Box<RawValue> {
    raw.to_owned()
}

fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

fn is_number(raw: &RawValue) -> bool {
    raw.get()
        .starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

fn number(raw: &RawValue) -> Option<f64> {
    let number: f64 = is_number(raw).then(|| raw.get().parse().ok())??;
    number.is_finite().then_some(number)
}

impl<'a> Keys<'a> {
    /// Reads the keys of a JSON object, which are bytes of such strings.
    fn read(json: &'a str, key: StringBytes) -> serde_json::Result<Self> {
        struct KeysVisitor(StringBytes);
        impl<'de> Visitor<'de> for KeysVisitor {
            type Value = Keys<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Keys<'de>, A::Error> {
                let mut keys = Keys::default();
                while let Some(key) = map.next_key_seed(self.0)? {
                    let value = Some(map.next_value::<&'de RawValue>()?);
                    match &*key {
                        b"timestamp" => keys.timestamp = value,
                        b"session" => keys.session = value,
                        b"status" => keys.status = value,
                        b"progress" => keys.progress = value,
                        b"message" => keys.message = value,
                        b"task_id" => keys.task_id = value,
                        b"metadata" => keys.metadata = value,
                        b"stale_after" => keys.stale_after = value,
                        b"process" => keys.process = value,
                        derived if DERIVED_KEYS.iter().any(|key| key.as_bytes() == derived) => {}
                        _ => keys.extra.extend(value.map(|value| (text(key), value))),
                    }
                }
                keep_last(&mut keys.extra);
                Ok(keys)
            }
        }
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let keys = deserializer.deserialize_map(KeysVisitor(key))?;
        deserializer.end()?;
        Ok(keys)
    }
}

/// Drops all but the last pair of each key. A line can hold a hundred thousand
/// keys, so they are not compared each with each.
fn keep_last<V>(pairs: &mut Vec<(Cow<'_, str>, V)>) {
    if pairs.len() < 2 {
        return;
    }
    let mut last: Vec<bool> = {
        let mut seen = HashSet::with_capacity(pairs.len());
        pairs
            .iter()
            .rev()
            .map(|(key, _)| seen.insert(key))
            .collect()
    };
    pairs.retain(|_| last.pop().unwrap_or(true));
}

/// Serializes an update as it is stored: whole seconds.
struct Stored<'a>(&'a Update);

impl Serialize for Stored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        // Cut, not rounded: an update must never seem to come from the future.
        let seconds = self.0.timestamp.trunc_subsecs(0);
        let seconds = seconds.to_rfc3339_opts(SecondsFormat::Secs, true);
        serialize_keys(self.0, &seconds, &mut map)?;
        map.end()
    }
}

/// The update's keys in the format's order, the fraction of its timestamp kept.
impl Serialize for Update {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let timestamp = self.timestamp.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        serialize_keys(self, &timestamp, &mut map)?;
        map.end()
    }
}

fn serialize_keys<M: SerializeMap>(
    update: &Update,
    timestamp: &str,
    map: &mut M,
) -> std::result::Result<(), M::Error> {
    map.serialize_entry("timestamp", timestamp)?;
    map.serialize_entry("session", &update.session)?;
    map.serialize_entry("status", &update.status)?;
    if let Some(progress) = update.progress {
        map.serialize_entry("progress", &progress)?;
    }
    map.serialize_entry("message", &update.message)?;
    if let Some(task_id) = &update.task_id {
        map.serialize_entry("task_id", task_id)?;
    }
    if let Some(metadata) = &update.metadata {
        map.serialize_entry("metadata", metadata)?;
    }
    if let Some(stale_after) = update.stale_after {
        if stale_after.subsec_nanos() == 0 {
            map.serialize_entry("stale_after", &stale_after.as_secs())?;
        } else {
            map.serialize_entry("stale_after", &stale_after.as_secs_f64())?;
        }
    }
    if let Some(process) = &update.process {
        map.serialize_entry("process", process)?;
    }
    for (key, value) in &update.extra {
        map.serialize_entry(key, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(line: &str) -> std::result::Result<Update, BadLine> {
        Update::decode(line.as_bytes())
    }

    fn good(keys: &str) -> Update {
        decode(&format!(
            r#"{{"timestamp":"2026-02-14T20:35:00Z","status":"working"{keys}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn keys_stand_in_the_formats_order() {
        let name = SessionName::new("manager1").unwrap();
        let mut update = Update::new(
            &name,
            Status::Working,
            parse_timestamp("2026-02-14T20:35:00.999Z").unwrap(),
        );
        update.progress = Some(0.45);
        update.message = "Querying".into();
        update.task_id = Some("160".into());
        update.metadata = Some(RawValue::from_string("{\"b\":1.10,\n\"a\":2}".into()).unwrap());
        update.stale_after = Some(Duration::from_secs(2700));
        assert_eq!(
            String::from_utf8(update.encode().unwrap()).unwrap(),
            r#"{"timestamp":"2026-02-14T20:35:00Z","session":"manager1","status":"working","progress":0.45,"message":"Querying","task_id":"160","metadata":{"b":1.10, "a":2},"stale_after":2700}"#
                .to_owned()
                + "\n"
        );
    }

    #[test]
    fn statuses_have_defaults() {
        let name = SessionName::new("w").unwrap();
        let now = parse_timestamp("2026-02-14T20:35:00Z").unwrap();
        assert_eq!(
            Update::new(&name, Status::Completed, now).progress,
            Some(1.0)
        );
        assert_eq!(
            Update::new(&name, Status::Idle, now).message,
            "Waiting for tasks"
        );
        assert_eq!(Update::new(&name, Status::Working, now).message, "");
    }

    #[test]
    fn timestamps_of_any_offset_or_none() {
        for (text, utc) in [
            ("2026-02-14T20:35:00Z", "2026-02-14T20:35:00+00:00"),
            ("2026-02-14T20:35:00", "2026-02-14T20:35:00+00:00"),
            (
                "2026-02-14T20:35:00.123456",
                "2026-02-14T20:35:00.123456+00:00",
            ),
            ("2026-02-14t20:35:00z", "2026-02-14T20:35:00+00:00"),
            ("2026-02-14 20:35:00-05:30", "2026-02-15T02:05:00+00:00"),
        ] {
            assert_eq!(parse_timestamp(text).unwrap().to_rfc3339(), utc, "{text}");
        }
        for text in [
            "",
            "Z",
            "2026-02-14",
            "20:35:00",
            "2026-02-30T00:00:00Z",
            "1771101300",
            "2026-02-14T20:35Z",
            "9999-12-31T23:59:59-00:01",
            "0000-01-01T00:00:00+00:01",
        ] {
            assert!(parse_timestamp(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_of_a_wrong_type_counts_as_absent() {
        let update = good(
            r#","progress":"half","message":7,"task_id":[1],"metadata":[],"stale_after":"5m","process":4242"#,
        );
        assert_eq!(update.progress, None);
        assert_eq!(update.message, "");
        assert_eq!(update.task_id, None);
        assert!(update.metadata.is_none());
        assert_eq!(update.stale_after, None);
        assert!(update.process.is_none());
        assert!(update.extra.is_empty());
        for progress in ["null", "1e400", "-0.1", "1.01", "50"] {
            assert_eq!(good(&format!(r#","progress":{progress}"#)).progress, None);
        }
    }

    #[test]
    fn nothing_is_not_less_than_nothing() {
        let progress = good(r#","progress":-0.0"#).progress.unwrap();
        assert!(progress == 0.0 && progress.is_sign_positive());
    }

    #[test]
    fn only_a_received_line_may_lack_its_time() {
        let now = parse_timestamp("2026-02-14T20:35:00Z").unwrap();
        let received = |line: &str| Update::decode_received(line.as_bytes(), now);
        let line = r#"{"status":"idle"}"#;
        assert_eq!(decode(line).unwrap_err(), BadLine::NoTimestamp);
        assert_eq!(received(line).unwrap().timestamp, now);
        let line = r#"{"status":"idle","timestamp":"2025-01-01T00:00:00Z"}"#;
        assert!(received(line).unwrap().timestamp < now);
        for bad in ["null", "1771101300", "\"today\""] {
            let line = format!(r#"{{"status":"idle","timestamp":{bad}}}"#);
            assert_eq!(received(&line).unwrap_err(), BadLine::BadTimestamp);
        }
    }

    #[test]
    fn a_number_as_task_is_its_text() {
        assert_eq!(good(r#","task_id":160"#).task_id.as_deref(), Some("160"));
        assert_eq!(
            good(r#","task_id":12345678901234567890123"#)
                .task_id
                .as_deref(),
            Some("12345678901234567890123")
        );
    }

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        assert_eq!(good(r#","message":"a","message":"b""#).message, "b");
        assert_eq!(
            decode(r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working","status":1}"#)
                .unwrap_err(),
            BadLine::NoStatus
        );
        let extra = good(r#","x":1,"y":2,"x":3"#).extra;
        let pairs: Vec<(&str, &str)> = extra
            .iter()
            .map(|(key, raw)| (key.as_str(), raw.get()))
            .collect();
        assert_eq!(pairs, [("y", "2"), ("x", "3")]);
    }

    #[test]
    fn half_a_surrogate_pair_does_not_cost_the_line() {
        assert!(good(r#","message":"a\ud800b""#).message.starts_with('a'));
        assert_eq!(good(r#","a\ud800":1"#).extra.len(), 1);
    }

    #[test]
    fn a_year_that_cannot_be_read_again_is_not_written() {
        let name = SessionName::new("w").unwrap();
        let update = Update::new(&name, Status::Working, DateTime::<Utc>::MAX_UTC);
        assert!(update.encode().is_err());
    }

    #[test]
    fn bad_lines_say_why() {
        let deep = format!(
            r#"{{"timestamp":"2026-02-14T20:35:00Z","status":"working","metadata":{}1{}}}"#,
            "{\"a\":".repeat(64),
            "}".repeat(64)
        );
        for (line, reason) in [
            ("", BadLine::NotJson),
            ("[]", BadLine::NotObject),
            ("42", BadLine::NotObject),
            ("nonsense", BadLine::NotJson),
            ("\0\0\0\0", BadLine::NulBytes),
            ("\u{feff}{}", BadLine::ByteOrderMark),
            ("{}", BadLine::NoTimestamp),
            (
                r#"{"timestamp":1771101300,"status":"idle"}"#,
                BadLine::BadTimestamp,
            ),
            (
                r#"{"timestamp":"today","status":"idle"}"#,
                BadLine::BadTimestamp,
            ),
            (r#"{"timestamp":"2026-02-14T20:35:00Z"}"#, BadLine::NoStatus),
            (
                r#"{"timestamp":"2026-02-14T20:35:00Z","status":"wor"#,
                BadLine::CutOff,
            ),
            (
                r#"{"timestamp":"2026-02-14T20:35:00Z","status":"idle"}{}"#,
                BadLine::NotJson,
            ),
            (
                r#"{"timestamp":"2026-02-14T20:35:00Z","status":"idle","progress":NaN}"#,
                BadLine::NotJson,
            ),
            (&deep, BadLine::TooDeep),
        ] {
            assert_eq!(decode(line).unwrap_err(), reason, "{line}");
        }
        assert_eq!(
            Update::decode(b"{\"a\":\"\xc3\"}").unwrap_err(),
            BadLine::NotUtf8
        );
        assert_eq!(
            Update::decode(&vec![b' '; MAX_READ_BYTES + 1]).unwrap_err(),
            BadLine::TooLong
        );
        assert!(Update::decode("[".repeat(100_000).as_bytes()).is_err());
        assert!(Update::decode(format!("{{\"a\":{}", "[".repeat(100_000)).as_bytes()).is_err());
    }

    #[test]
    fn depth_counts_outside_of_strings_only() {
        let brackets = "[".repeat(200);
        assert_eq!(
            good(&format!(r#","message":"\"{brackets}""#)).message,
            format!("\"{brackets}")
        );
        let nested = format!("{}1{}", "[".repeat(63), "]".repeat(63));
        assert_eq!(good(&format!(r#","x":{nested}"#)).extra.len(), 1);
    }

    #[test]
    fn an_encoded_line_is_one_line_and_short() {
        let name = SessionName::new("w").unwrap();
        let mut update = Update::new(&name, Status::Working, Utc::now());
        update.message = "a\nb\u{9b}\u{202e}".into();
        let line = update.encode().unwrap();
        assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        assert_eq!(Update::decode(&line).unwrap().message, update.message);
        update.message = "x".repeat(MAX_WRITTEN_BYTES);
        assert!(update.encode().is_err());
    }
}
