//! An update: one line of a status file. This file defines the line format.
//!
//! [`Update::encode`] makes the line that is written, [`Update::decode`] reads a
//! line from any writer.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::json::{
    JsonObject, JsonValue, deeper_than, escape_json, repair_json, skip_byte_order_mark,
};
use crate::name::SessionName;
use crate::process::ProcessIdentity;
use crate::status::Status;
use crate::text::truncate;
use crate::timestamp::{from_unix, has_four_digit_year, parse_timestamp};

/// The length limit of a written line in bytes, with its newline.
pub const MAX_WRITTEN_BYTES: usize = 64 * 1024;

/// The length limit of a line that is read, in bytes. A longer one is invalid.
pub const MAX_READ_BYTES: usize = 1024 * 1024;

/// The nesting limit of a line, its own object included.
pub const MAX_DEPTH: usize = 64;

/// The keys of the format, each a field of [`Update`].
const KEYS: [&str; 14] = [
    "timestamp",
    "session",
    "status",
    "progress",
    "message",
    "task_id",
    "metadata",
    "stale_after",
    "process",
    "run",
    "wrapper",
    "tmux",
    "acknowledged_until",
    "repeated",
];

/// The keys that JSON output adds to an update's own. Reading drops them, so that
/// output that is pushed again does not carry old ages along.
pub const DERIVED_KEYS: [&str; 9] = [
    "age_seconds",
    "is_stale",
    "is_very_stale",
    "is_alive",
    "is_stopped",
    "is_acknowledged",
    "since",
    "for_seconds",
    "since_is_exact",
];

/// The length limit of the value of a [`DroppedKey`], in bytes.
const SHOWN_BYTES: usize = 40;

const IDLE_MESSAGE: &str = "Waiting for tasks";

/// A session's status at one time.
///
/// ```
/// use sstat::{Status, Update};
/// let update = Update::decode(br#"{"timestamp":"2026-02-14T20:35:00.5+01:00","status":"working","progress":0.5}"#)?;
/// assert_eq!(update.status, Status::Working);
/// assert_eq!(update.timestamp.to_rfc3339(), "2026-02-14T19:35:00.500+00:00");
/// assert_eq!(update.progress, Some(0.5));
/// # Ok::<(), sstat::BadLine>(())
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Update {
    /// When the update was made.
    #[serde(serialize_with = "serialize_timestamp")]
    pub timestamp: DateTime<Utc>,
    /// The session's name. An update that a [`Store`](crate::Store) reads has the
    /// name of its file.
    pub session: String,
    /// What the session is doing.
    pub status: Status,
    /// The progress of its task, from 0.0 to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// The message for people; may be empty.
    pub message: String,
    /// The task that the session works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// The worker's own data: a JSON object, passed through unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<RawValue>>,
    /// The age at which this update becomes stale, if it differs from the
    /// reader's threshold.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "serialize_seconds"
    )]
    pub stale_after: Option<Duration>,
    /// The process that runs the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Box<ProcessIdentity>>,
    /// The run of the session that wrote the line: that of `sstat push -- COMMAND`
    /// or the id of an agent's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The run of the `sstat push -- COMMAND` around an agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrapper: Option<String>,
    /// The tmux pane that the update came from: the server's socket, the server's
    /// pid and the pane's id, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmux: Option<String>,
    /// Until when the session needs no attention, as the user has acknowledged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_until: Option<Acknowledgement>,
    /// True if the line repeats an earlier update, so that it stays the last one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
    /// Keys unknown to this format with their JSON, in the order of the line.
    #[serde(flatten, serialize_with = "serialize_entries")]
    pub extra: Vec<(String, Box<RawValue>)>,
    /// The keys of the line that counted as absent because of their value. Not
    /// written.
    #[serde(skip)]
    pub dropped: Vec<DroppedKey>,
}

impl Update {
    /// Returns an update with the defaults of its status: `completed` has
    /// progress 1.0, `idle` the message "Waiting for tasks".
    #[must_use]
    pub fn new(session: &SessionName, status: Status, timestamp: DateTime<Utc>) -> Self {
        let mut update = Self::blank(timestamp);
        update.session = session.to_string();
        update.status = status;
        update.fill_defaults();
        update
    }

    /// Returns an update without values. Not a public `Default`, which would be an update
    /// of no session from 1970.
    ///
    /// ```compile_fail
    /// sstat::Update::default();
    /// ```
    fn blank(timestamp: DateTime<Utc>) -> Self {
        Self {
            timestamp,
            session: String::new(),
            status: Status::Idle,
            progress: None,
            message: String::new(),
            task_id: None,
            metadata: None,
            stale_after: None,
            process: None,
            run: None,
            wrapper: None,
            tmux: None,
            acknowledged_until: None,
            repeated: false,
            extra: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// Sets a missing progress or message to the default of the status, as
    /// [`new`](Self::new) does.
    pub fn fill_defaults(&mut self) {
        if self.status == Status::Completed && self.progress.is_none() {
            self.progress = Some(1.0);
        }
        if self.status == Status::Idle && self.message.is_empty() {
            IDLE_MESSAGE.clone_into(&mut self.message);
        }
    }

    /// Returns the value of a metadata key, or else of a dotted path such as
    /// `usage.tokens`. A value that is not a string is returned as JSON text.
    #[must_use]
    pub fn metadata_text(&self, path: &str) -> Option<String> {
        let metadata = JsonObject::parse(self.metadata.as_ref()?.get());
        metadata.ok()?.text_at(path)
    }

    /// Returns the line to write, with its newline: keys in the format's order,
    /// the timestamp in UTC and whole seconds.
    ///
    /// # Errors
    /// [`Error::Status`] for an unknown status; [`Error::Update`] for a progress
    /// outside 0.0 to 1.0, a year outside 0 to 9999, metadata that is not an object
    /// or is nested too deeply, a key of the format in `extra`, and a line over
    /// 64 KiB.
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
        if let Some(metadata) = &self.metadata
            && !metadata.get().starts_with('{')
        {
            return fail("metadata: must be a JSON object".to_owned());
        }
        if let Some((key, _)) = self.extra.iter().find(|(key, _)| KEYS.contains(&&**key)) {
            return fail(format!("extra: '{key}' is a key of the format"));
        }
        let progress = self.progress.map(|progress| {
            clamp_progress(progress).ok_or_else(|| Error::Update {
                reason: format!("progress {progress}: must be from 0.0 to 1.0"),
            })
        });
        let written = Self {
            // Truncate rather than round, so that a timestamp is never in the future.
            timestamp: self.timestamp.trunc_subsecs(0),
            progress: progress.transpose()?,
            ..self.clone()
        };
        let json = serde_json::to_string(&written).map_err(|error| Error::Update {
            reason: error.to_string(),
        })?;
        let mut line = escape_json(&json).into_owned();
        if deeper_than(line.as_bytes(), MAX_DEPTH) {
            return fail(format!("metadata: is nested deeper than {}", MAX_DEPTH - 1));
        }
        line.push('\n');
        if line.len() > MAX_WRITTEN_BYTES {
            return Err(Self::too_long(&self.session, line.len()));
        }
        Ok(line.into_bytes())
    }

    pub(crate) fn too_long(session: &str, bytes: usize) -> Error {
        let reason = format!(
            "session '{session}': {bytes} bytes are more than the {MAX_WRITTEN_BYTES} of a line; shorten the message or the metadata"
        );
        Error::Update { reason }
    }

    /// Returns true if this line repeats `earlier`.
    #[must_use]
    pub fn is_copy_of(&self, earlier: &Self) -> bool {
        self.repeated
            && self.timestamp == earlier.timestamp
            && self.status == earlier.status
            && self.message == earlier.message
    }

    /// Decodes a stored line, with or without its newline.
    ///
    /// Only the timestamp and the status are required. A key with a value of
    /// another type counts as absent. If a key is repeated, the last one counts.
    ///
    /// # Errors
    /// [`BadLine`] if the line is not a valid update.
    pub fn decode(line: &[u8]) -> std::result::Result<Self, BadLine> {
        decode_line(line, None)
    }

    /// Returns the timestamp and the status of a line that [`decode`](Self::decode)
    /// accepts and that is not repeated, in a third of the time for most lines:
    /// readers of many updates need no more of them.
    pub(crate) fn decode_own(line: &[u8]) -> Option<(DateTime<Utc>, Status)> {
        #[derive(Deserialize)]
        struct Required<'a> {
            timestamp: &'a str,
            status: &'a str,
            repeated: Option<IgnoredAny>,
        }
        // Anything unusual is left to `decode`: invalid UTF-8, an escape in these
        // strings, a repeated key, an array, which serde accepts as a struct.
        if line.starts_with(b"{")
            && !deeper_than(line, MAX_DEPTH)
            && let Ok(text) = str::from_utf8(line)
            && let Ok(required) = serde_json::from_str::<Required<'_>>(text)
            && required.repeated.is_none()
            && let Some(timestamp) = parse_timestamp(required.timestamp)
        {
            return Some((timestamp, Status::from_stored(required.status)));
        }
        let update = Self::decode(line).ok().filter(|update| !update.repeated)?;
        Some((update.timestamp, update.status))
    }

    /// Decodes a line that has not been stored. If it has no timestamp, the
    /// update gets the time at which it was received.
    ///
    /// # Errors
    /// [`BadLine`] if the line is not a valid update.
    pub fn decode_received(
        line: &[u8],
        received: DateTime<Utc>,
    ) -> std::result::Result<Self, BadLine> {
        decode_line(line, Some(received))
    }
}

/// Until when a session is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acknowledgement {
    /// Until its next update.
    NextUpdate,
    /// Until its next update, at most until this time.
    Until(DateTime<Utc>),
}

impl Acknowledgement {
    const NEXT_UPDATE: &str = "next-update";

    fn parse(text: &str) -> Option<Self> {
        match text {
            Self::NEXT_UPDATE => Some(Self::NextUpdate),
            time => parse_timestamp(time).map(Self::Until),
        }
    }

    /// Returns true if it has not expired at the time `now`.
    #[must_use]
    pub fn holds(self, now: DateTime<Utc>) -> bool {
        match self {
            Self::NextUpdate => true,
            Self::Until(until) => now < until,
        }
    }
}

impl Serialize for Acknowledgement {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::NextUpdate => serializer.serialize_str(Self::NEXT_UPDATE),
            Self::Until(time) => serialize_timestamp(time, serializer),
        }
    }
}

/// Serializes a timestamp in UTC, with its fraction.
fn serialize_timestamp<S: Serializer>(
    timestamp: &DateTime<Utc>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&timestamp.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// Serializes a number of seconds, without a fraction if it is whole.
fn serialize_seconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    let duration = duration.unwrap_or_default();
    match duration.subsec_nanos() {
        0 => serializer.serialize_u64(duration.as_secs()),
        _ => serializer.serialize_f64(duration.as_secs_f64()),
    }
}

fn serialize_entries<S: Serializer>(
    entries: &[(String, Box<RawValue>)],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
}

fn decode_line(
    line: &[u8],
    received: Option<DateTime<Utc>>,
) -> std::result::Result<Update, BadLine> {
    if line.len() > MAX_READ_BYTES {
        return Err(BadLine::TooLong);
    }
    let line = skip_byte_order_mark(line.trim_ascii());
    if !line.starts_with(b"{") {
        return Err(diagnose(line));
    }
    if deeper_than(line, MAX_DEPTH) {
        return Err(BadLine::TooDeep);
    }
    // Most lines are standard JSON and are decoded without a copy.
    if let Ok(text) = str::from_utf8(line)
        && let Ok(object) = JsonObject::parse(text)
    {
        return decode_object(object, received);
    }
    match JsonObject::parse(&repair_json(line)) {
        Ok(object) => decode_object(object, received),
        Err(_) => Err(diagnose(line)),
    }
}

/// Returns the reason why a line is not a JSON object.
fn diagnose(line: &[u8]) -> BadLine {
    if is_utf16(line) {
        return BadLine::Utf16;
    }
    if line.starts_with(b"\0") {
        return BadLine::NulBytes;
    }
    let text = repair_json(line);
    if is_part_of_object(&text) {
        return BadLine::SeveralLines;
    }
    match serde_json::from_str::<IgnoredAny>(&text) {
        Ok(_) => BadLine::NotObject,
        Err(error) if error.is_eof() && line.starts_with(b"{") => BadLine::CutOff,
        Err(_) if str::from_utf8(line).is_err() => BadLine::NotUtf8,
        Err(_) => BadLine::NotJson,
    }
}

/// Returns true if every other byte of a line's start is NUL, as in ASCII text in
/// UTF-16. A line after the first starts with the second half of a newline.
fn is_utf16(line: &[u8]) -> bool {
    let has_mark = line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff");
    let start = line.strip_prefix(b"\0").unwrap_or(line);
    let mut units = start.chunks_exact(2).take(8);
    has_mark || (start.len() >= 4 && units.all(|unit| unit[0] != 0 && unit[1] == 0))
}

/// Returns true for a line of an object in the layout of `jq .` and
/// `json.dumps(…, indent=2)`.
fn is_part_of_object(text: &str) -> bool {
    let text = text.trim_end_matches(',');
    let closing = match text.chars().last() {
        Some('{') => "}}",
        Some('[') => "]}",
        _ => "}",
    };
    matches!(text, "{" | "}" | "[" | "]")
        || (text.starts_with('"') && JsonObject::parse(&format!("{{{text}{closing}")).is_ok())
}

fn decode_object(
    object: JsonObject<'_>,
    received: Option<DateTime<Utc>>,
) -> std::result::Result<Update, BadLine> {
    let mut update = Update::blank(DateTime::default());
    let mut timestamp = received.ok_or(BadLine::NoTimestamp);
    let (mut status, mut session, mut message) = (None, None, None);
    let mut unknown = JsonObject::default();
    for (key, value) in object {
        update.dropped.retain(|other| other.key != *key);
        let is_valid = match &*key {
            "timestamp" => {
                timestamp = decode_timestamp(&value).ok_or(BadLine::BadTimestamp);
                continue;
            }
            "status" => {
                status = value.string().map(|status| Status::from_stored(&status));
                continue;
            }
            "session" => set(&mut session, value.string().map(Cow::into_owned)),
            "progress" => set(&mut update.progress, decode_progress(&value)),
            "message" => set(&mut message, value.string().map(Cow::into_owned)),
            "task_id" => set(&mut update.task_id, decode_task_id(&value)),
            "metadata" => set(&mut update.metadata, value.object_json()),
            "stale_after" => set(&mut update.stale_after, decode_seconds(&value)),
            "process" => set(&mut update.process, value.decode_object().map(Box::new)),
            "run" => set(&mut update.run, value.string().map(Cow::into_owned)),
            "wrapper" => set(&mut update.wrapper, value.string().map(Cow::into_owned)),
            "tmux" => set(&mut update.tmux, value.string().map(Cow::into_owned)),
            "acknowledged_until" => {
                let until = value
                    .string()
                    .and_then(|text| Acknowledgement::parse(&text));
                set(&mut update.acknowledged_until, until)
            }
            "repeated" => {
                let value = value.json().parse();
                update.repeated = value == Ok(true);
                value.is_ok()
            }
            derived if DERIVED_KEYS.contains(&derived) => true,
            _ => {
                unknown.push(key, value);
                continue;
            }
        };
        if !is_valid && !value.is_empty() {
            update.dropped.push(DroppedKey {
                key: key.into_owned(),
                value: truncate(value.json(), SHOWN_BYTES).to_owned(),
            });
        }
    }
    update.timestamp = timestamp?;
    update.status = status.ok_or(BadLine::NoStatus)?;
    update.session = session.unwrap_or_default();
    update.message = message.unwrap_or_default();
    update.extra = unknown.without_repeated_keys().into_entries();
    Ok(update)
}

fn set<T>(field: &mut Option<T>, value: Option<T>) -> bool {
    *field = value;
    field.is_some()
}

fn decode_timestamp(value: &JsonValue<'_>) -> Option<DateTime<Utc>> {
    match value.string() {
        Some(text) => parse_timestamp(&text),
        None => from_unix(value.number()?),
    }
}

fn decode_progress(value: &JsonValue<'_>) -> Option<f64> {
    match value.string() {
        Some(text) => parse_progress(&text),
        None => clamp_progress(value.number()?),
    }
}

/// Parses a progress from 0 to 1, as a number or as a percentage: `0.5`, `50%`.
#[must_use]
pub fn parse_progress(text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, scale) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 100.0),
        None => (text, 1.0),
    };
    // Rust also parses "inf", "nan" and "infinity".
    let is_letter = |c: char| c.is_ascii_alphabetic() && c != 'e';
    let number: f64 = number
        .parse()
        .ok()
        .filter(|_| !number.contains(is_letter))?;
    clamp_progress(number / scale)
}

/// Clamps a progress to its range; `None` if it is outside by more than a rounding
/// error.
fn clamp_progress(progress: f64) -> Option<f64> {
    const ROUNDING_ERROR: f64 = 1e-9;
    let is_near = (-ROUNDING_ERROR..=1.0 + ROUNDING_ERROR).contains(&progress);
    // Without the sign of -0.0, which would be shown as "-0%".
    is_near.then(|| progress.clamp(0.0, 1.0).abs())
}

fn decode_task_id(value: &JsonValue<'_>) -> Option<String> {
    match value.string() {
        Some(text) => Some(text.into_owned()),
        None => value.is_number().then(|| value.json().to_owned()),
    }
}

fn decode_seconds(value: &JsonValue<'_>) -> Option<Duration> {
    Duration::try_from_secs_f64(value.number()?).ok()
}

/// A key that counts as absent because its value has another type or is out of
/// range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedKey {
    key: String,
    value: String,
}

/// Writes the key and the reason: `progress: "half" is not a number from 0 to 1`.
impl fmt::Display for DroppedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = match self.key.as_str() {
            "progress" => "a number from 0 to 1",
            "metadata" => "an object",
            "stale_after" => "a number of seconds",
            "process" => "a process record",
            "acknowledged_until" => "a timestamp or next-update",
            "repeated" => "true or false",
            _ => "a string",
        };
        write!(f, "{}: {} is not {expected}", self.key, self.value)
    }
}

/// The reason why a line is not a valid update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadLine {
    /// It is longer than 1 MiB.
    TooLong,
    /// It is not UTF-8.
    NotUtf8,
    /// It is UTF-16, as PowerShell writes it.
    Utf16,
    /// It is one line of a JSON object that is spread over several.
    SeveralLines,
    /// It is not JSON.
    NotJson,
    /// It starts as JSON and ends in the middle.
    CutOff,
    /// It is JSON, but not an object.
    NotObject,
    /// It starts with NUL bytes, as files do after a power failure.
    NulBytes,
    /// It is nested deeper than 64.
    TooDeep,
    /// It has no timestamp.
    NoTimestamp,
    /// Its timestamp is unreadable: see [`parse_timestamp`].
    BadTimestamp,
    /// It has no status, or one that is not a string.
    NoStatus,
    /// It is an incomplete last line whose writer has been silent for a while.
    Torn,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TooLong => "longer than 1 MiB",
            Self::NotUtf8 => "not UTF-8",
            Self::Utf16 => "UTF-16 instead of UTF-8",
            Self::SeveralLines => "JSON object spread over several lines",
            Self::NotJson => "not JSON",
            Self::CutOff => "cut off in the middle",
            Self::NotObject => "not a JSON object",
            Self::NulBytes => "NUL bytes",
            Self::TooDeep => "nested deeper than 64",
            Self::NoTimestamp => "no timestamp",
            Self::BadTimestamp => "unreadable timestamp",
            Self::NoStatus => "no status",
            Self::Torn => "torn last line",
        })
    }
}

impl std::error::Error for BadLine {}

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
    fn encoded_keys_are_in_the_formats_order() {
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
        update.run = Some("1-2-3".into());
        update.tmux = Some("/tmp/tmux-0/default,42,%3".into());
        update.acknowledged_until = Some(Acknowledgement::NextUpdate);
        update.repeated = true;
        assert_eq!(
            String::from_utf8(update.encode().unwrap()).unwrap(),
            r#"{"timestamp":"2026-02-14T20:35:00Z","session":"manager1","status":"working","progress":0.45,"message":"Querying","task_id":"160","metadata":{"b":1.10, "a":2},"stale_after":2700,"run":"1-2-3","tmux":"/tmp/tmux-0/default,42,%3","acknowledged_until":"next-update","repeated":true}"#
                .to_owned()
                + "\n"
        );
    }

    #[test]
    fn completed_and_idle_have_defaults() {
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
    fn number_as_timestamp_is_unix_time() {
        for number in ["1771101300", "1771101300.5", "1771101300123", "1.7711013e9"] {
            let line = format!(r#"{{"timestamp":{number},"status":"idle"}}"#);
            let timestamp = decode(&line).unwrap().timestamp;
            assert_eq!(timestamp.timestamp(), 1_771_101_300, "{number}");
        }
        for number in ["0", "999999999", "-1771101300", "1e300"] {
            let line = format!(r#"{{"timestamp":{number},"status":"idle"}}"#);
            assert_eq!(
                decode(&line).unwrap_err(),
                BadLine::BadTimestamp,
                "{number}"
            );
        }
    }

    #[test]
    fn key_of_another_type_counts_as_absent() {
        let update = good(
            r#","progress":"half","message":7,"task_id":[1],"metadata":[],"stale_after":"5m","process":4242,"repeated":"true""#,
        );
        assert_eq!(update.progress, None);
        assert_eq!(update.message, "");
        assert_eq!(update.task_id, None);
        assert!(update.metadata.is_none());
        assert_eq!(update.stale_after, None);
        assert!(update.process.is_none());
        assert!(update.extra.is_empty());
        let dropped: Vec<String> = update.dropped.iter().map(ToString::to_string).collect();
        assert_eq!(dropped[0], "progress: \"half\" is not a number from 0 to 1");
        assert_eq!(dropped[6], "repeated: \"true\" is not true or false");
        assert_eq!(dropped.len(), 7);
        let repeated = good(r#","message":7,"message":"a","task_id":null,"progress":"""#);
        assert_eq!(repeated.dropped, []);
        for progress in ["null", "1e400", "-0.1", "1.01", "50"] {
            assert_eq!(good(&format!(r#","progress":{progress}"#)).progress, None);
        }
    }

    #[test]
    fn lenient_writers_lose_no_update() {
        let update = good(r#","progress":NaN,"metadata":{"loss":NaN,"a":"NaN"},"x":-Infinity"#);
        assert_eq!(update.progress, None);
        assert_eq!(update.metadata.unwrap().get(), r#"{"loss":null,"a":"NaN"}"#);
        assert_eq!(update.extra[0].1.get(), "null");
        let line = b"\xef\xbb\xbf{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"idle\",\"message\":\"b\xfcild\"}";
        assert_eq!(Update::decode(line).unwrap().message, "b\u{fffd}ild");
    }

    #[test]
    fn progress_is_clamped_within_a_rounding_error() {
        for (json, progress) in [
            ("\"0.5\"", Some(0.5)),
            ("\"45%\"", Some(0.45)),
            ("\" 45 % \"", Some(0.45)),
            ("1.0000000000000002", Some(1.0)),
            ("\"100.00000001%\"", Some(1.0)),
            ("-1e-10", Some(0.0)),
            ("1.00000001", None),
            ("50", None),
            ("\"50\"", None),
            ("-1", None),
            ("\"NaN\"", None),
            ("\"inf\"", None),
            ("\"\"", None),
            ("\"half\"", None),
        ] {
            assert_eq!(
                good(&format!(r#","progress":{json}"#)).progress,
                progress,
                "{json}"
            );
        }
        let mut update = good("");
        update.progress = Some(1.000_000_000_000_000_2);
        let line = String::from_utf8(update.encode().unwrap()).unwrap();
        assert!(line.contains(r#""progress":1.0,"#), "{line}");
        update.progress = Some(f64::NAN);
        assert!(update.encode().is_err());
    }

    #[test]
    fn negative_zero_progress_is_zero() {
        let progress = good(r#","progress":-0.0"#).progress.unwrap();
        assert!(progress == 0.0 && progress.is_sign_positive());
    }

    #[test]
    fn received_line_needs_no_timestamp() {
        let now = parse_timestamp("2026-02-14T20:35:00Z").unwrap();
        let received = |line: &str| Update::decode_received(line.as_bytes(), now);
        let line = r#"{"status":"idle"}"#;
        assert_eq!(decode(line).unwrap_err(), BadLine::NoTimestamp);
        assert_eq!(received(line).unwrap().timestamp, now);
        let line = r#"{"status":"idle","timestamp":"2025-01-01T00:00:00Z"}"#;
        assert!(received(line).unwrap().timestamp < now);
        for bad in ["null", "42", "\"today\""] {
            let line = format!(r#"{{"status":"idle","timestamp":{bad}}}"#);
            assert_eq!(received(&line).unwrap_err(), BadLine::BadTimestamp);
        }
    }

    #[test]
    fn number_as_task_id_is_its_text() {
        assert_eq!(good(r#","task_id":160"#).task_id.as_deref(), Some("160"));
        assert_eq!(
            good(r#","task_id":12345678901234567890123"#)
                .task_id
                .as_deref(),
            Some("12345678901234567890123")
        );
    }

    #[test]
    fn last_value_of_a_repeated_key_counts() {
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
        assert_eq!(pairs, [("x", "3"), ("y", "2")]);
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        assert!(good(r#","message":"a\ud800b""#).message.starts_with('a'));
        assert_eq!(good(r#","a\ud800":1"#).extra.len(), 1);
    }

    #[test]
    fn year_that_cannot_be_read_is_not_written() {
        let name = SessionName::new("w").unwrap();
        let update = Update::new(&name, Status::Working, DateTime::<Utc>::MAX_UTC);
        assert!(update.encode().is_err());
    }

    #[test]
    fn invalid_line_has_a_reason() {
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
            ("\u{feff}{}", BadLine::NoTimestamp),
            ("\u{feff}", BadLine::NotJson),
            ("{", BadLine::SeveralLines),
            (
                "  \"timestamp\": \"2026-02-14T20:35:00Z\",",
                BadLine::SeveralLines,
            ),
            ("  \"metadata\": {", BadLine::SeveralLines),
            ("    \"a\": 1", BadLine::SeveralLines),
            ("  \"list\": [", BadLine::SeveralLines),
            ("  },", BadLine::SeveralLines),
            ("}", BadLine::SeveralLines),
            ("{\0\"\0t\0", BadLine::Utf16),
            ("{\"a\":NaN", BadLine::CutOff),
            ("NaN", BadLine::NotObject),
            ("\0{\0\"\0t\0", BadLine::Utf16),
            ("{}", BadLine::NoTimestamp),
            (
                r#"{"timestamp":true,"status":"idle"}"#,
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
                r#"{"timestamp":"2026-02-14T20:35:00Z","status":"idle","a":nan}"#,
                BadLine::NotJson,
            ),
            (&deep, BadLine::TooDeep),
        ] {
            assert_eq!(decode(line).unwrap_err(), reason, "{line}");
        }
        for (line, reason) in [
            (&b"{\"a\":\"\xc3\"}"[..], BadLine::NoTimestamp),
            (b"{\"a\":\xc3}", BadLine::NotUtf8),
            (b"{\"a\":\"\xc3", BadLine::CutOff),
            (b"\xff\xfe{\0", BadLine::Utf16),
            (b"\xfe\xff\0{", BadLine::Utf16),
        ] {
            assert_eq!(Update::decode(line).unwrap_err(), reason);
        }
        assert_eq!(
            Update::decode(&vec![b' '; MAX_READ_BYTES + 1]).unwrap_err(),
            BadLine::TooLong
        );
        assert!(Update::decode("[".repeat(100_000).as_bytes()).is_err());
        assert!(Update::decode(format!("{{\"a\":{}", "[".repeat(100_000)).as_bytes()).is_err());
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        let brackets = "[".repeat(200);
        assert_eq!(
            good(&format!(r#","message":"\"{brackets}""#)).message,
            format!("\"{brackets}")
        );
        let nested = format!("{}1{}", "[".repeat(63), "]".repeat(63));
        assert_eq!(good(&format!(r#","x":{nested}"#)).extra.len(), 1);
    }

    #[test]
    fn encoded_line_is_one_line_of_64_kib_at_most() {
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
