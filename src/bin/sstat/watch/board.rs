//! The state of every watched session, and what happens to it. Pure: updates,
//! the states of processes and the time are told to it.

use chrono::{DateTime, Utc};
use sstat::{
    Condition, Life, ProcessIdentity, ProcessState, Session, Staleness, Thresholds, Update,
    natural_cmp,
};

use super::event::{Event, EventKind, Trouble};

/// All sessions in natural order of their names.
#[derive(Debug)]
pub struct Board {
    thresholds: Thresholds,
    #[allow(clippy::vec_box)] // one more session in the middle moves pointers only
    sessions: Vec<Box<Entry>>,
    /// No session changes by itself before this; it may be too early.
    next_change: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct Entry {
    session: Session,
    process: ProcessState,
    stale_since: Option<DateTime<Utc>>,
    dead_since: Option<DateTime<Utc>>,
}

impl Board {
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            sessions: Vec::new(),
            next_change: None,
        }
    }

    /// The sessions as they were at the last [`tick`](Self::tick) or since.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = &Session> {
        self.sessions.iter().map(|entry| &entry.session)
    }

    pub fn session(&self, name: &str) -> Option<&Session> {
        let index = self.find(name).ok()?;
        Some(&self.sessions[index].session)
    }

    /// One session as it is at a moment.
    pub fn seen(&self, name: &str, now: DateTime<Utc>) -> Option<Session> {
        let entry = &self.sessions[self.find(name).ok()?];
        let update = entry.session.update.clone();
        let condition = Condition::of(&update, entry.process, now, &self.thresholds);
        Some(Session { update, condition })
    }

    /// When a session changes by itself, or a little earlier: time for a tick.
    pub fn next_change(&self) -> Option<DateTime<Utc>> {
        self.next_change
    }

    /// Takes in a session that is there when the watch begins. What holds
    /// already is no news.
    pub fn snapshot(&mut self, update: Update, process: ProcessState, now: DateTime<Utc>) -> Event {
        let condition = Condition::of(&update, process, now, &self.thresholds);
        let [stale_at, _] = self.thresholds.turning_points(&update, condition.life);
        let entry = Entry {
            session: Session { update, condition },
            process,
            stale_since: stale_at.filter(|_| condition.is_stale()),
            dead_since: (condition.life == Life::Dead).then_some(now),
        };
        let event = Event {
            kind: EventKind::Snapshot,
            at: now,
            session: entry.session.clone(),
        };
        self.note_next_change(&entry, now);
        match self.find(event.session.name()) {
            Ok(index) => *self.sessions[index] = entry,
            Err(index) => self.sessions.insert(index, Box::new(entry)),
        }
        event
    }

    /// Takes in an update.
    pub fn update(
        &mut self,
        update: Update,
        process: ProcessState,
        now: DateTime<Utc>,
        events: &mut Vec<Event>,
    ) {
        let condition = Condition::of(&update, process, now, &self.thresholds);
        let session = Session { update, condition };
        let (index, from) = match self.find(session.name()) {
            Ok(index) => {
                let entry = &mut *self.sessions[index];
                let before = std::mem::replace(&mut entry.session, session);
                entry.process = process;
                (index, Some(before.update.status))
            }
            Err(index) => {
                let entry = Entry {
                    session,
                    process,
                    stale_since: None,
                    dead_since: None,
                };
                self.sessions.insert(index, Box::new(entry));
                (index, None)
            }
        };
        let entry = &mut *self.sessions[index];
        events.push(Event {
            kind: EventKind::Update { from },
            at: now,
            session: entry.session.clone(),
        });
        entry.report_changes(Staleness::Fresh, now, &self.thresholds, events);
        let next = entry.next_change(now, &self.thresholds);
        self.next_change = earlier(self.next_change, next);
    }

    /// Takes out a session whose file is gone.
    pub fn remove(&mut self, name: &str, now: DateTime<Utc>, events: &mut Vec<Event>) {
        let Ok(index) = self.find(name) else {
            return;
        };
        let mut entry = self.sessions.remove(index);
        entry.refresh(now, &self.thresholds);
        events.push(Event {
            kind: EventKind::Removed,
            at: now,
            session: entry.session,
        });
    }

    /// The sessions whose process ran when it was last looked at.
    pub fn running(&self) -> impl Iterator<Item = (&str, &ProcessIdentity)> {
        self.sessions
            .iter()
            .filter(|entry| entry.process == ProcessState::Running)
            .filter_map(|entry| {
                let process = entry.session.update.process.as_deref()?;
                Some((entry.session.name(), process))
            })
    }

    /// Notes that the process of a session's last update has ended. Says
    /// nothing before the next tick.
    pub fn process_ended(&mut self, name: &str) {
        if let Ok(index) = self.find(name) {
            self.sessions[index].process = ProcessState::Gone;
        }
    }

    /// Looks at all sessions again by what is known and the time it is.
    pub fn tick(&mut self, now: DateTime<Utc>, events: &mut Vec<Event>) {
        self.next_change = None;
        for entry in &mut self.sessions {
            let before = entry.session.condition.staleness;
            entry.refresh(now, &self.thresholds);
            entry.report_changes(before, now, &self.thresholds, events);
            let next = entry.next_change(now, &self.thresholds);
            self.next_change = earlier(self.next_change, next);
        }
    }

    fn note_next_change(&mut self, entry: &Entry, now: DateTime<Utc>) {
        let next = entry.next_change(now, &self.thresholds);
        self.next_change = earlier(self.next_change, next);
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.sessions
            .binary_search_by(|entry| natural_cmp(entry.session.name(), name))
    }
}

impl Entry {
    fn refresh(&mut self, now: DateTime<Utc>, thresholds: &Thresholds) {
        self.session.condition = Condition::of(&self.session.update, self.process, now, thresholds);
    }

    /// Reports what began or ended, `before` being the staleness so far.
    fn report_changes(
        &mut self,
        before: Staleness,
        now: DateTime<Utc>,
        thresholds: &Thresholds,
        events: &mut Vec<Event>,
    ) {
        let Condition {
            staleness, life, ..
        } = self.session.condition;
        let mut kinds = Vec::new();
        match (life == Life::Dead, self.dead_since) {
            (true, None) => {
                self.dead_since = Some(now);
                kinds.push(EventKind::Dead { since: now });
            }
            (false, Some(since)) => {
                self.dead_since = None;
                kinds.push(EventKind::Recovered {
                    condition: Trouble::Dead,
                    since,
                });
            }
            _ => {}
        }
        let [stale_at, very_stale_at] = thresholds.turning_points(&self.session.update, life);
        match (staleness >= Staleness::Stale, self.stale_since) {
            (true, None) => {
                let since = stale_at.unwrap_or(now);
                self.stale_since = Some(since);
                kinds.push(EventKind::Stale { since });
            }
            (false, Some(since)) => {
                self.stale_since = None;
                kinds.push(EventKind::Recovered {
                    condition: Trouble::Stale,
                    since,
                });
            }
            _ => {}
        }
        if staleness == Staleness::VeryStale && before < Staleness::VeryStale {
            let since = very_stale_at.unwrap_or(now);
            kinds.push(EventKind::VeryStale { since });
        }
        events.extend(kinds.into_iter().map(|kind| Event {
            kind,
            at: now,
            session: self.session.clone(),
        }));
    }

    /// When time alone will change its staleness.
    fn next_change(&self, now: DateTime<Utc>, thresholds: &Thresholds) -> Option<DateTime<Utc>> {
        thresholds
            .turning_points(&self.session.update, self.session.condition.life)
            .into_iter()
            .flatten()
            .find(|&at| at > now)
    }
}

fn earlier(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
