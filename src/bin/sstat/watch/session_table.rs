//! The state of every watched session, and the events of its changes. Pure: the
//! caller passes updates, the states of processes and the time.

use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sstat::{
    Health, Liveness, ProcessIdentity, ProcessState, Session, Staleness, StatusDirectory,
    StatusSince, Thresholds, Update, natural_cmp,
};

use super::event::{Event, EventKind, HealthIssue};
use crate::directories::{compare, parts, split};

/// Sessions in natural order of their names, then of their projects.
#[derive(Clone, Debug)]
pub struct SessionTable {
    thresholds: Thresholds,
    // Boxes, because 100,000 entries would take 5 ms to move for each new session.
    #[allow(clippy::vec_box)]
    sessions: Vec<Box<Entry>>,
    /// No session becomes stale before this time.
    next_change: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
struct Entry {
    session: Session,
    process: ProcessState,
    stale_since: Option<DateTime<Utc>>,
    dead_since: Option<DateTime<Utc>>,
    stopped_since: Option<DateTime<Utc>>,
}

impl SessionTable {
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            sessions: Vec::new(),
            next_change: None,
        }
    }

    /// Returns the sessions, evaluated at the last [`tick`](Self::tick) or update.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = &Session> {
        self.sessions.iter().map(|entry| &entry.session)
    }

    /// Returns the session with a qualified name.
    pub fn session(&self, name: &str) -> Option<&Session> {
        self.get(self.position(name)?)
    }

    /// Returns the sessions with a bare or qualified name.
    pub fn named(&self, given: &str) -> impl Iterator<Item = &Session> {
        let (project, name) = split(given);
        let namesakes = self.sessions[self.namesakes(name)].iter();
        let sessions = namesakes.map(|entry| &entry.session);
        sessions.filter(move |session| project.is_empty() || session.project() == Some(project))
    }

    /// Returns the session at an index in the order of [`sessions`](Self::sessions).
    pub fn get(&self, index: usize) -> Option<&Session> {
        self.sessions.get(index).map(|entry| &entry.session)
    }

    /// Returns the index of a session in the order of [`sessions`](Self::sessions).
    pub fn position(&self, name: &str) -> Option<usize> {
        self.find(name).ok()
    }

    /// Evaluates the health of the session at an index at the time `now`.
    pub fn health_at(&self, index: usize, now: DateTime<Utc>) -> Option<Health> {
        let entry = self.sessions.get(index)?;
        let update = &entry.session.update;
        Some(Health::of(update, entry.process, now, &self.thresholds))
    }

    /// Returns a session, evaluated at the time `now`.
    pub fn session_at(&self, name: &str, now: DateTime<Utc>) -> Option<Session> {
        let index = self.position(name)?;
        let health = self.health_at(index, now)?;
        let mut session = self.get(index)?.clone();
        session.health = health;
        Some(session)
    }

    /// Sets since when a session has had its status; `None` if that is not known.
    pub fn set_since(&mut self, name: &str, since: Option<StatusSince>) {
        if let Ok(index) = self.find(name) {
            self.sessions[index].session.since = since;
        }
    }

    /// Returns when a session may become stale and [`tick`](Self::tick) is due.
    pub fn next_change(&self) -> Option<DateTime<Utc>> {
        self.next_change
    }

    /// Adds a session that exists when the watch starts. Its snapshot is the only
    /// event, even if the session is stale or dead.
    pub fn snapshot(
        &mut self,
        directory: &Arc<StatusDirectory>,
        update: Update,
        since: Option<StatusSince>,
        process: ProcessState,
        now: DateTime<Utc>,
    ) {
        let health = Health::of(&update, process, now, &self.thresholds);
        let mut session = Session::new(update, health);
        session.set_directory(directory.clone());
        session.since = since;
        let mut entry = Entry::new(session, process);
        entry.report_changes(Staleness::Fresh, now, &self.thresholds, &mut Vec::new());
        self.schedule(entry.next_change(now, &self.thresholds));
        match self.find(&entry.session.qualified_name()) {
            Ok(index) => *self.sessions[index] = entry,
            Err(index) => self.insert(index, entry),
        }
    }

    fn insert(&mut self, index: usize, entry: Entry) {
        let name = entry
            .session
            .project()
            .map(|_| entry.session.name().to_owned());
        self.sessions.insert(index, Box::new(entry));
        if let Some(name) = name {
            self.mark_namesakes(&name);
        }
    }

    /// Applies a new update.
    pub fn update(
        &mut self,
        directory: &Arc<StatusDirectory>,
        update: Update,
        process: ProcessState,
        now: DateTime<Utc>,
        events: &mut Vec<Event>,
    ) {
        let health = Health::of(&update, process, now, &self.thresholds);
        let mut session = Session::new(update, health);
        session.set_directory(directory.clone());
        session.since = Some(StatusSince::new(session.update.timestamp, true));
        let (index, before) = match self.find(&session.qualified_name()) {
            Ok(index) => {
                let entry = &mut *self.sessions[index];
                session.has_namesake = entry.session.has_namesake;
                if entry.session.update.status == session.update.status {
                    session.since = entry.session.since;
                }
                let before = std::mem::replace(&mut entry.session, session);
                entry.process = process;
                (index, Some(before))
            }
            Err(index) => {
                self.insert(index, Entry::new(session, process));
                (index, None)
            }
        };
        let entry = &mut *self.sessions[index];
        let update = &entry.session.update;
        let copied = before
            .as_ref()
            .filter(|before| update.is_copy_of(&before.update));
        let acknowledged_before = copied.and_then(|copied| copied.update.acknowledged_until);
        let has_new_acknowledgement = update.acknowledged_until != acknowledged_before;
        let staleness = copied.map_or(Staleness::Fresh, |copied| copied.health.staleness);
        let mut kinds = Vec::new();
        if copied.is_none() {
            let from = before.map(|before| before.update.status);
            kinds.push(EventKind::Update { from });
        }
        if has_new_acknowledgement {
            kinds.push(EventKind::Acknowledged);
        }
        events.extend(kinds.into_iter().map(|kind| Event {
            kind,
            at: now,
            session: entry.session.clone(),
        }));
        entry.report_changes(staleness, now, &self.thresholds, events);
        let next = entry.next_change(now, &self.thresholds);
        self.schedule(next);
    }

    fn schedule(&mut self, next: Option<DateTime<Utc>>) {
        self.next_change = [self.next_change, next].into_iter().flatten().min();
    }

    /// Removes a session and returns it, evaluated at the time `now`.
    pub fn remove(&mut self, name: &str, now: DateTime<Utc>) -> Option<Session> {
        let index = self.position(name)?;
        let mut entry = self.sessions.remove(index);
        self.mark_namesakes(entry.session.name());
        entry.refresh(now, &self.thresholds);
        Some(entry.session)
    }

    /// Returns the sessions whose process was running when it was last checked.
    pub fn running(&self) -> impl Iterator<Item = (&Session, &ProcessIdentity)> {
        self.sessions
            .iter()
            .filter(|entry| entry.process.is_alive())
            .filter_map(|entry| {
                let process = entry.session.update.process.as_deref()?;
                Some((&entry.session, process))
            })
    }

    /// Notes that the process of a session's last update has ended. The next tick
    /// reports a dead session.
    pub fn process_ended(&mut self, name: &str, now: DateTime<Utc>, events: &mut Vec<Event>) {
        let Ok(index) = self.find(name) else {
            return;
        };
        let entry = &mut self.sessions[index];
        entry.process = ProcessState::Gone;
        let update = &entry.session.update;
        let health = Health::of(update, entry.process, now, &self.thresholds);
        if health.liveness != Liveness::Dead {
            let mut exited = Event::new(EventKind::Exited, now, &entry.session);
            exited.session.health = health;
            events.push(exited);
        }
    }

    /// Notes which of the running processes are stopped. Returns true if that has
    /// changed for one, which the next tick reports. A process that has ended is left
    /// to [`process_ended`](Self::process_ended).
    pub fn note_stopped(&mut self, check: impl Fn(&ProcessIdentity) -> ProcessState) -> bool {
        let mut has_changed = false;
        for entry in &mut self.sessions {
            if entry.process.is_alive()
                && let Some(process) = &entry.session.update.process
            {
                let state = check(process);
                if state.is_alive() && state != entry.process {
                    entry.process = state;
                    has_changed = true;
                }
            }
        }
        has_changed
    }

    /// Evaluates the health of all sessions at the time `now`.
    pub fn tick(&mut self, now: DateTime<Utc>, events: &mut Vec<Event>) {
        for entry in &mut self.sessions {
            let before = entry.session.health.staleness;
            entry.refresh(now, &self.thresholds);
            entry.report_changes(before, now, &self.thresholds, events);
        }
        let sessions = self.sessions.iter();
        let changes = sessions.filter_map(|entry| entry.next_change(now, &self.thresholds));
        self.next_change = changes.min();
    }

    fn find(&self, qualified: &str) -> Result<usize, usize> {
        let wanted = split(qualified);
        self.sessions
            .binary_search_by(|entry| compare(parts(&entry.session), wanted))
    }

    /// Returns the range of the sessions with a name, which are neighbours.
    fn namesakes(&self, name: &str) -> Range<usize> {
        let compare = |entry: &Entry| natural_cmp(entry.session.name(), name);
        let start = self
            .sessions
            .partition_point(|entry| compare(entry).is_lt());
        let rest = self.sessions[start..].iter();
        start..start + rest.take_while(|entry| compare(entry).is_eq()).count()
    }

    fn mark_namesakes(&mut self, name: &str) {
        let namesakes = self.namesakes(name);
        let has_namesake = namesakes.len() > 1;
        for entry in &mut self.sessions[namesakes] {
            entry.session.has_namesake = has_namesake;
        }
    }
}

impl Entry {
    fn new(session: Session, process: ProcessState) -> Self {
        Self {
            session,
            process,
            stale_since: None,
            dead_since: None,
            stopped_since: None,
        }
    }

    fn refresh(&mut self, now: DateTime<Utc>, thresholds: &Thresholds) {
        self.session.health = Health::of(&self.session.update, self.process, now, thresholds);
    }

    /// Adds the events of a change. `before` is the previous staleness.
    fn report_changes(
        &mut self,
        before: Staleness,
        now: DateTime<Utc>,
        thresholds: &Thresholds,
        events: &mut Vec<Event>,
    ) {
        let health = self.session.health;
        let [stale_at, very_stale_at] =
            thresholds.staleness_times(&self.session.update, self.process);
        let dead_at = (health.liveness == Liveness::Dead).then_some(now);
        let stopped_at = health.is_stopped.then_some(now);
        let stale_at = health.is_stale().then(|| stale_at.unwrap_or(now));
        let mut kinds = Vec::new();
        for (issue, begin, since) in [
            (HealthIssue::Dead, dead_at, &mut self.dead_since),
            (HealthIssue::Stopped, stopped_at, &mut self.stopped_since),
            (HealthIssue::Stale, stale_at, &mut self.stale_since),
        ] {
            kinds.extend(match (*since, begin) {
                (None, Some(begin)) => Some(EventKind::began(issue, begin)),
                (Some(since), None) => Some(EventKind::Recovered { issue, since }),
                _ => None,
            });
            *since = begin.map(|begin| since.unwrap_or(begin));
        }
        if health.is_very_stale() && before < Staleness::VeryStale {
            let since = very_stale_at.unwrap_or(now);
            kinds.push(EventKind::VeryStale { since });
        }
        let kinds = kinds.into_iter();
        events.extend(kinds.map(|kind| Event::new(kind, now, &self.session)));
    }

    /// Returns when the session becomes stale or very stale without an update.
    fn next_change(&self, now: DateTime<Utc>, thresholds: &Thresholds) -> Option<DateTime<Utc>> {
        thresholds
            .staleness_times(&self.session.update, self.process)
            .into_iter()
            .flatten()
            .find(|&at| at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCESS: &str =
        r#","process":{"pid":4242,"start_time":1,"boot_id":"b","host":"h","pid_namespace":1}"#;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_771_101_300 + second, 0).unwrap()
    }

    fn update(name: &str, second: i64, status: &str, keys: &str) -> Update {
        let time = at(second).to_rfc3339();
        let line = format!(r#"{{"timestamp":"{time}","status":"{status}"{keys}}}"#);
        let mut update = Update::decode(line.as_bytes()).unwrap();
        update.session = name.to_owned();
        update
    }

    /// Thresholds are 5 and 15 minutes.
    struct Scene(SessionTable);

    impl Scene {
        fn new() -> Self {
            Self(SessionTable::new(Thresholds::default()))
        }

        fn snapshot(&mut self, now: i64, update: Update, process: ProcessState) {
            self.0
                .snapshot(&Default::default(), update, None, process, at(now));
        }

        fn push(&mut self, now: i64, update: Update, process: ProcessState) -> Vec<EventKind> {
            let mut events = Vec::new();
            self.0
                .update(&Default::default(), update, process, at(now), &mut events);
            events.into_iter().map(|event| event.kind).collect()
        }

        fn end_process(&mut self, now: i64) -> Vec<EventKind> {
            let mut events = Vec::new();
            self.0.process_ended("w", at(now), &mut events);
            events.into_iter().map(|event| event.kind).collect()
        }

        fn tick(&mut self, now: i64) -> Vec<EventKind> {
            let mut events = Vec::new();
            self.0.tick(at(now), &mut events);
            events.into_iter().map(|event| event.kind).collect()
        }
    }

    fn from(from: Option<Status>) -> EventKind {
        EventKind::Update { from }
    }

    use ProcessState::{Gone, Running, Unknown};
    use sstat::Status;

    #[test]
    fn session_becomes_stale_and_recovers() {
        let mut scene = Scene::new();
        let first = scene.push(0, update("w", 0, "working", ""), Unknown);
        assert_eq!(first, [from(None)]);
        assert_eq!(scene.0.next_change(), Some(at(301)));
        assert!(scene.tick(300).is_empty());
        assert_eq!(scene.tick(301), [EventKind::Stale { since: at(301) }]);
        assert_eq!(scene.0.next_change(), Some(at(901)));
        assert!(scene.tick(302).is_empty());
        assert_eq!(scene.tick(1000), [EventKind::VeryStale { since: at(901) }]);
        assert_eq!(scene.0.next_change(), None);
        assert_eq!(
            scene.push(1010, update("w", 1010, "blocked", ""), Unknown),
            [
                from(Some(Status::Working)),
                EventKind::Recovered {
                    issue: HealthIssue::Stale,
                    since: at(301)
                }
            ]
        );
    }

    #[test]
    fn both_thresholds_passed_at_once_are_reported() {
        let mut scene = Scene::new();
        scene.push(0, update("w", 0, "working", ""), Unknown);
        assert_eq!(
            scene.tick(5000),
            [
                EventKind::Stale { since: at(301) },
                EventKind::VeryStale { since: at(901) }
            ]
        );
        // An update with an old timestamp.
        assert_eq!(
            scene.push(5000, update("v", 4000, "working", ""), Unknown),
            [
                from(None),
                EventKind::Stale { since: at(4301) },
                EventKind::VeryStale { since: at(4901) }
            ]
        );
    }

    #[test]
    fn snapshot_reports_no_problem_but_its_recovery() {
        let mut scene = Scene::new();
        scene.snapshot(5000, update("w", 0, "working", PROCESS), Gone);
        assert!(scene.tick(5001).is_empty());
        assert_eq!(
            scene.push(5002, update("w", 5002, "working", ""), Unknown),
            [
                from(Some(Status::Working)),
                EventKind::Recovered {
                    issue: HealthIssue::Dead,
                    since: at(5000)
                },
                EventKind::Recovered {
                    issue: HealthIssue::Stale,
                    since: at(301)
                }
            ]
        );
    }

    #[test]
    fn end_of_a_process_is_reported_once() {
        let mut scene = Scene::new();
        scene.push(0, update("w", 0, "working", PROCESS), Running);
        assert_eq!(scene.0.running().count(), 1);
        assert!(scene.tick(10).is_empty());
        assert_eq!(scene.end_process(11), []);
        assert_eq!(scene.tick(11), [EventKind::Dead { since: at(11) }]);
        assert!(scene.tick(12).is_empty());
        assert_eq!(scene.0.running().count(), 0);
        assert_eq!(
            scene.push(20, update("w", 20, "error", PROCESS), Gone),
            [
                from(Some(Status::Working)),
                EventKind::Recovered {
                    issue: HealthIssue::Dead,
                    since: at(11)
                }
            ]
        );
    }

    #[test]
    fn end_of_the_process_of_a_completed_session_is_reported() {
        let mut scene = Scene::new();
        scene.push(0, update("w", 0, "completed", PROCESS), Running);
        assert_eq!(scene.end_process(10), [EventKind::Exited]);
        assert!(scene.tick(11).is_empty());
    }

    #[test]
    fn status_starts_with_its_first_update() {
        let mut scene = Scene::new();
        let since = |scene: &Scene| scene.0.session("w").unwrap().since;
        scene.snapshot(0, update("w", 0, "working", ""), Unknown);
        scene.push(5, update("w", 5, "working", ""), Unknown);
        assert_eq!(since(&scene), None, "not read");
        let begun = StatusSince::new(at(-60), false);
        scene.0.set_since("w", Some(begun));
        scene.push(10, update("w", 10, "working", ""), Unknown);
        assert_eq!(since(&scene), Some(begun));
        scene.push(20, update("w", 20, "blocked", ""), Unknown);
        assert_eq!(since(&scene), Some(StatusSince::new(at(20), true)));
        scene.tick(50);
        let held = scene.0.session("w").unwrap().time_in_status();
        assert_eq!(held, Some(std::time::Duration::from_secs(30)));
    }

    #[test]
    fn change_of_the_clock_is_followed() {
        let mut scene = Scene::new();
        scene.push(0, update("w", 0, "working", ""), Unknown);
        assert_eq!(scene.tick(400).len(), 1);
        let recovered = EventKind::Recovered {
            issue: HealthIssue::Stale,
            since: at(301),
        };
        assert_eq!(scene.tick(-86_400), [recovered]);
        assert_eq!(scene.0.next_change(), Some(at(301)));
        assert_eq!(scene.tick(86_400).len(), 2);
    }

    #[test]
    fn sessions_are_in_natural_order_until_removed() {
        let mut scene = Scene::new();
        for name in ["w10", "w2", "a", "w1"] {
            scene.push(0, update(name, 0, "working", ""), Unknown);
        }
        let names = |table: &SessionTable| -> Vec<String> {
            table
                .sessions()
                .map(|session| session.name().to_owned())
                .collect()
        };
        assert_eq!(names(&scene.0), ["a", "w1", "w2", "w10"]);
        let removed = scene.0.remove("w2", at(1000)).unwrap();
        assert!(removed.health.is_very_stale());
        assert!(scene.0.remove("nobody", at(1000)).is_none());
        assert_eq!(names(&scene.0), ["a", "w1", "w10"]);
        assert_eq!(
            scene.push(1001, update("w2", 1001, "idle", ""), Unknown),
            [from(None)]
        );
    }

    #[test]
    fn a_thousand_sessions_go_stale_in_one_tick() {
        let mut scene = Scene::new();
        for index in 0..1000 {
            scene.push(0, update(&format!("w{index}"), 0, "idle", ""), Unknown);
        }
        assert_eq!(scene.0.next_change(), Some(at(301)));
        assert_eq!(scene.tick(301).len(), 1000);
        assert!(scene.tick(302).is_empty());
    }
}
