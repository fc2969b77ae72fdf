//! Many sessions, kept close together for the views of a whole directory: a
//! million of them take some 130 MB. Each by itself would take three times as
//! much, in pieces that lie all over the memory.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sstat::{Health, Liveness, Session, Staleness, Status, Update};

static KNOWN: [Status; 5] = Status::KNOWN;

/// A length that says that there is no such text.
const NONE: u32 = u32::MAX;

/// Sessions in natural order of their names, or as they were sorted.
#[derive(Default)]
pub struct Sessions {
    parts: Vec<Part>,
    /// Part and row of each, if they were sorted.
    order: Option<Vec<(u32, u32)>>,
}

/// Some sessions that follow each other in natural order: so few that their
/// texts, of a mebibyte a line at most, are counted in 32 bits.
#[derive(Default)]
pub struct Part {
    /// The texts of all rows, one behind the other.
    text: String,
    rows: Vec<Stored>,
    /// The sessions that are not as most are, whole, by row.
    unusual: HashMap<usize, Session>,
}

/// A session as it is kept.
pub struct Stored {
    /// Where its texts begin: name, message, task and metadata.
    begin: u32,
    message_bytes: u32,
    task_bytes: u32,
    metadata_bytes: u32,
    name_bytes: u16,
    /// Its place in [`Status::KNOWN`]; beyond its end for another.
    status: u8,
    pub staleness: Staleness,
    pub liveness: Liveness,
    is_unusual: bool,
    age_seconds: u32,
    /// Not a number where there is none.
    progress: f64,
    timestamp: DateTime<Utc>,
}

impl Stored {
    /// Whether its status is one of the five.
    pub fn is_known(&self) -> bool {
        usize::from(self.status) < KNOWN.len()
    }

    /// Whether it has this one of the five.
    pub fn has(&self, status: &Status) -> bool {
        KNOWN.get(usize::from(self.status)) == Some(status)
    }
}

/// What is asked of most sessions, without a copy.
pub struct Row<'a> {
    pub name: &'a str,
    pub status: &'a Status,
    pub progress: Option<f64>,
    pub message: &'a str,
    pub timestamp: DateTime<Utc>,
    pub health: Health,
    /// Its process's number, if it has one.
    pub pid: Option<u32>,
}

impl Part {
    pub fn new(sessions: impl Iterator<Item = Session>) -> Self {
        let mut part = Self::default();
        for session in sessions {
            part.push(session);
        }
        part.text.shrink_to_fit();
        part.rows.shrink_to_fit();
        part
    }

    fn push(&mut self, session: Session) {
        let Session { update, health } = &session;
        let status = KNOWN.iter().position(|known| *known == update.status);
        let age_seconds = u32::try_from(health.age.as_secs());
        let is_unusual = status.is_none()
            || age_seconds.is_err()
            || health.clock_skew.is_some()
            || update.stale_after.is_some()
            || update.process.is_some()
            || !update.extra.is_empty();
        let mut stored = Stored {
            begin: self.text.len() as u32,
            message_bytes: 0,
            task_bytes: NONE,
            metadata_bytes: NONE,
            name_bytes: 0,
            status: status.unwrap_or(KNOWN.len()) as u8,
            staleness: health.staleness,
            liveness: health.liveness,
            is_unusual,
            age_seconds: age_seconds.unwrap_or(u32::MAX),
            progress: update.progress.unwrap_or(f64::NAN),
            timestamp: update.timestamp,
        };
        if is_unusual {
            self.unusual.insert(self.rows.len(), session);
        } else {
            let mut add = |text: &str| {
                self.text.push_str(text);
                text.len() as u32
            };
            // A file's name has 255 bytes, each spelled out in four at most.
            stored.name_bytes = add(&update.session) as u16;
            stored.message_bytes = add(&update.message);
            stored.task_bytes = update.task_id.as_deref().map_or(NONE, &mut add);
            stored.metadata_bytes = update.metadata.as_ref().map_or(NONE, |raw| add(raw.get()));
        }
        self.rows.push(stored);
    }

    fn row(&self, index: usize) -> Row<'_> {
        let stored = &self.rows[index];
        if stored.is_unusual {
            let Session { update, health } = &self.unusual[&index];
            return Row {
                name: &update.session,
                status: &update.status,
                progress: update.progress,
                message: &update.message,
                timestamp: update.timestamp,
                health: *health,
                pid: update.process.as_ref().map(|process| process.pid),
            };
        }
        let mut texts = Texts(&self.text[stored.begin as usize..]);
        Row {
            name: texts.take(stored.name_bytes.into()),
            status: &KNOWN[usize::from(stored.status)],
            progress: Some(stored.progress).filter(|progress| !progress.is_nan()),
            message: texts.take(stored.message_bytes),
            timestamp: stored.timestamp,
            health: Health {
                age: Duration::from_secs(stored.age_seconds.into()),
                clock_skew: None,
                staleness: stored.staleness,
                liveness: stored.liveness,
            },
            pid: None,
        }
    }

    fn session(&self, index: usize) -> Cow<'_, Session> {
        let stored = &self.rows[index];
        if stored.is_unusual {
            return Cow::Borrowed(&self.unusual[&index]);
        }
        let row = self.row(index);
        let mut texts = Texts(&self.text[stored.begin as usize..]);
        texts.take(u32::from(stored.name_bytes) + stored.message_bytes);
        let mut optional = |length| (length != NONE).then(|| texts.take(length).to_owned());
        Cow::Owned(Session {
            update: Update {
                timestamp: row.timestamp,
                session: row.name.to_owned(),
                status: row.status.clone(),
                progress: row.progress,
                message: row.message.to_owned(),
                task_id: optional(stored.task_bytes),
                metadata: optional(stored.metadata_bytes)
                    .and_then(|json| RawValue::from_string(json).ok()),
                stale_after: None,
                process: None,
                extra: Vec::new(),
            },
            health: row.health,
        })
    }
}

/// Texts that stand one behind the other.
struct Texts<'a>(&'a str);

impl<'a> Texts<'a> {
    fn take(&mut self, length: u32) -> &'a str {
        let (text, rest) = self.0.split_at(length as usize);
        self.0 = rest;
        text
    }
}

impl Sessions {
    /// Parts that follow each other in natural order.
    pub fn new(parts: Vec<Part>) -> Self {
        Self { parts, order: None }
    }

    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.rows.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorts them; equal ones stay in the order they have.
    pub fn sort_by(&mut self, compare: impl Fn(&Row<'_>, &Row<'_>) -> Ordering) {
        let row = |&(part, row): &(u32, u32)| self.parts[part as usize].row(row as usize);
        let mut order: Vec<_> = self.places().collect();
        order.sort_by(|a, b| compare(&row(a), &row(b)));
        self.order = Some(order);
    }

    /// In their order.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, Session>> {
        self.places()
            .map(|(part, row)| self.parts[part as usize].session(row as usize))
    }

    pub fn count_where(&self, wanted: impl Fn(&Stored) -> bool) -> usize {
        self.stored().filter(|(.., stored)| wanted(stored)).count()
    }

    /// In natural order, those that are wanted.
    pub fn rows_where(&self, wanted: impl Fn(&Stored) -> bool) -> impl Iterator<Item = Row<'_>> {
        self.stored()
            .filter(move |(.., stored)| wanted(stored))
            .map(|(part, row, _)| part.row(row))
    }

    fn places(&self) -> impl Iterator<Item = (u32, u32)> {
        let sorted = self.order.iter().flatten().copied();
        let unsorted = match self.order {
            Some(_) => &[],
            None => &*self.parts,
        };
        let unsorted = unsorted.iter().zip(0..);
        sorted.chain(
            unsorted
                .flat_map(|(part, index)| (0..part.rows.len() as u32).map(move |row| (index, row))),
        )
    }

    fn stored(&self) -> impl Iterator<Item = (&Part, usize, &Stored)> {
        self.parts.iter().flat_map(|part| {
            let rows = part.rows.iter().enumerate();
            rows.map(move |(row, stored)| (part, row, stored))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sstat::{HealthRules, Thresholds};

    #[test]
    fn a_row_stays_small() {
        assert_eq!(size_of::<Stored>(), 48);
    }

    #[test]
    fn sessions_come_out_as_they_went_in() {
        let now = "2026-02-14T20:40:00Z".parse().unwrap();
        let rules = HealthRules::new(now, Thresholds::default());
        let sessions: Vec<Session> = [
            r#""status":"working""#,
            r#""status":"idle","message":"größe","task_id":"","metadata":{"a": [1.10]}"#,
            r#""status":"error","progress":1,"task_id":160"#,
            r#""status":"blocked","metadata":{}"#,
            r#""status":"sleeping","message":"unusual""#,
            r#""status":"working","stale_after":1.5"#,
            r#""status":"completed","host":"h","x":[]"#,
            r#""status":"working","timestamp":"0001-01-01T00:00:00Z""#,
            r#""status":"working","timestamp":"2027-01-01T00:00:00.25+01:00""#,
            r#""status":"working","process":{"pid":4242,"start_time":1,"boot_id":"b","host":"h","pid_namespace":1}"#,
        ]
        .iter()
        .zip(1..)
        .map(|(keys, number)| {
            let time = r#""timestamp":"2026-02-14T20:35:00Z""#;
            let line = format!(r#"{{{time},"session":"w{number}",{keys}}}"#);
            rules.evaluate(Update::decode(line.as_bytes()).unwrap())
        })
        .collect();
        let parts = sessions
            .chunks(3)
            .map(|part| Part::new(part.iter().cloned()));
        let mut packed = Sessions::new(parts.collect());
        let same = |packed: &Sessions, sessions: &[Session]| {
            assert_eq!(packed.len(), sessions.len());
            for (out, session) in packed.iter().zip(sessions) {
                assert_eq!(format!("{out:?}"), format!("{session:?}"));
            }
        };
        same(&packed, &sessions);
        for (row, Session { update, health }) in packed.rows_where(|_| true).zip(&sessions) {
            assert_eq!((row.name, row.status), (&*update.session, &update.status));
            assert_eq!(
                (row.message, row.progress),
                (&*update.message, update.progress)
            );
            assert_eq!((row.timestamp, row.health), (update.timestamp, *health));
            assert_eq!(row.pid, update.process.as_ref().map(|process| process.pid));
        }
        let blocked = |stored: &Stored| stored.has(&Status::Blocked);
        assert_eq!(packed.rows_where(blocked).count(), 1);

        let mut sorted = sessions.clone();
        sorted.sort_by(|a, b| a.update.status.cmp(&b.update.status));
        packed.sort_by(|a, b| a.status.cmp(b.status));
        same(&packed, &sorted);
    }
}
