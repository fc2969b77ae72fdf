//! The state of every watched session, and the events of its changes. Pure: the
//! caller passes updates, the states of processes and the time.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sstat::{
    Acknowledgement, Health, ProcessIdentity, ProcessState, Session, Status, StatusDirectory,
    StatusSince, Thresholds, Update, natural_cmp,
};

use super::event::{Event, EventKind, HealthIssue};
use crate::directories::{compare, parts, split};
use crate::hook::is_finished;

/// The times after which the state of a session changes without an update.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    pub thresholds: Thresholds,
    /// `--older-than` and `--longer-than`: a session that has passed them is overdue.
    pub older_than: Option<Duration>,
    pub longer_than: Option<Duration>,
    /// The statuses that `--status` and `--on` name: only such a session is overdue
    /// after it has finished.
    pub named: Vec<Status>,
}

/// Sessions in natural order of their names, then of their projects.
#[derive(Clone, Debug, Default)]
pub struct SessionTable {
    limits: Limits,
    // Boxes, because 100,000 entries would take 5 ms to move for each new session.
    #[allow(clippy::vec_box)]
    sessions: Vec<Box<Entry>>,
    /// No session changes without an update before this time.
    next_change: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
struct Entry {
    session: Session,
    process: ProcessState,
    stale_since: Option<DateTime<Utc>>,
    dead_since: Option<DateTime<Utc>>,
    stopped_since: Option<DateTime<Utc>>,
    is_very_stale: bool,
    is_overdue: bool,
    /// The acknowledgement that holds.
    acknowledged: Option<Acknowledgement>,
}

impl SessionTable {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
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
        let thresholds = &self.limits.thresholds;
        Some(Health::of(update, entry.process, now, thresholds))
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

    /// Returns when a session may change without an update and [`tick`](Self::tick) is
    /// due.
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
        let mut session = self.session_of(directory, update, process, now);
        session.since = since;
        self.put(session, process, now, &mut Vec::new());
    }

    fn session_of(
        &self,
        directory: &Arc<StatusDirectory>,
        update: Update,
        process: ProcessState,
        now: DateTime<Utc>,
    ) -> Session {
        let health = Health::of(&update, process, now, &self.limits.thresholds);
        let mut session = Session::new(update, health);
        session.set_directory(directory.clone());
        session
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
        let mut session = self.session_of(directory, update, process, now);
        session.since = match self.session(&session.qualified_name()) {
            Some(known) if known.update.status == session.update.status => known.since,
            _ => Some(StatusSince::new(session.update.timestamp, true)),
        };
        self.put(session, process, now, events);
    }

    fn put(
        &mut self,
        mut session: Session,
        process: ProcessState,
        now: DateTime<Utc>,
        events: &mut Vec<Event>,
    ) {
        let (index, before) = match self.find(&session.qualified_name()) {
            Ok(index) => {
                let entry = &mut *self.sessions[index];
                session.has_namesake = entry.session.has_namesake;
                let before = std::mem::replace(&mut entry.session, session);
                entry.process = process;
                (index, Some(before.update))
            }
            Err(index) => {
                let name = session.name().to_owned();
                let entry = Entry::new(session, process);
                self.sessions.insert(index, Box::new(entry));
                self.mark_namesakes(&name);
                (index, None)
            }
        };
        let entry = &mut *self.sessions[index];
        if before
            .as_ref()
            .is_none_or(|before| !entry.session.update.is_copy_of(before))
        {
            let from = before.map(|before| before.status);
            events.push(Event::new(EventKind::Update { from }, now, &entry.session));
            (entry.is_very_stale, entry.acknowledged) = (false, None);
        }
        entry.report_changes(now, &self.limits, events);
        let next = entry.next_change(now, &self.limits);
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
        entry.refresh(now, &self.limits);
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
        let thresholds = &self.limits.thresholds;
        let health = Health::of(update, entry.process, now, thresholds);
        if !health.is_dead() {
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
            entry.refresh(now, &self.limits);
            entry.report_changes(now, &self.limits, events);
        }
        let sessions = self.sessions.iter();
        let changes = sessions.filter_map(|entry| entry.next_change(now, &self.limits));
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
            is_very_stale: false,
            is_overdue: false,
            acknowledged: None,
        }
    }

    fn refresh(&mut self, now: DateTime<Utc>, limits: &Limits) {
        let update = &self.session.update;
        self.session.health = Health::of(update, self.process, now, &limits.thresholds);
    }

    /// Adds an event for each change since the last call.
    fn report_changes(&mut self, now: DateTime<Utc>, limits: &Limits, events: &mut Vec<Event>) {
        let Session { update, health, .. } = &self.session;
        let [stale_at, very_stale_at] = limits.thresholds.staleness_times(update, self.process);
        let dead_at = health.is_dead().then_some(now);
        let stopped_at = health.is_stopped.then_some(now);
        let stale_at = health.is_stale().then(|| stale_at.unwrap_or(now));
        let mut kinds = Vec::new();
        let acknowledged = update.acknowledged_until.filter(|until| until.holds(now));
        if acknowledged != self.acknowledged {
            kinds.push(EventKind::Acknowledged);
        }
        self.acknowledged = acknowledged;
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
        if health.is_very_stale() && !self.is_very_stale {
            let since = very_stale_at.unwrap_or(now);
            kinds.push(EventKind::VeryStale { since });
        }
        self.is_very_stale = health.is_very_stale();
        let overdue_at = limits.overdue_at(&self.session).filter(|at| *at <= now);
        if let Some(since) = overdue_at
            && !self.is_overdue
        {
            kinds.push(EventKind::Overdue { since });
        }
        self.is_overdue = overdue_at.is_some();
        let kinds = kinds.into_iter();
        events.extend(kinds.map(|kind| Event::new(kind, now, &self.session)));
    }

    /// Returns when the session changes next without an update.
    fn next_change(&self, now: DateTime<Utc>, limits: &Limits) -> Option<DateTime<Utc>> {
        let update = &self.session.update;
        let [stale_at, very_stale_at] = limits.thresholds.staleness_times(update, self.process);
        let acknowledged_until = match self.acknowledged {
            Some(Acknowledgement::Until(until)) => Some(until),
            _ => None,
        };
        let overdue_at = limits.overdue_at(&self.session);
        let times = [stale_at, very_stale_at, acknowledged_until, overdue_at];
        times.into_iter().flatten().filter(|at| *at > now).min()
    }
}

impl Limits {
    /// Returns when the session has passed all limits that are given; `None` without a
    /// limit, if the time is unknown, or if nothing more is expected of the session.
    fn overdue_at(&self, session: &Session) -> Option<DateTime<Utc>> {
        // Ages are whole seconds.
        let above = |limit: Duration, start: DateTime<Utc>| {
            let limit = TimeDelta::from_std(limit).ok()?;
            start.checked_add_signed(limit.checked_add(&TimeDelta::seconds(1))?)
        };
        let older = self
            .older_than
            .map(|limit| above(limit, session.update.timestamp));
        let longer = self
            .longer_than
            .map(|limit| above(limit, session.since?.at));
        let passed = match (older, longer) {
            (Some(older), Some(longer)) => older?.max(longer?),
            (one, other) => one.or(other)??,
        };
        let update = &session.update;
        let is_late = !is_finished(update) || self.named.contains(&update.status);
        is_late.then_some(passed)
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
            Self(SessionTable::default())
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
    fn acknowledgement_ends_at_its_time() {
        let mut scene = Scene::new();
        scene.push(0, update("w", 0, "error", ""), Unknown);
        let until = at(60).to_rfc3339();
        let keys = format!(r#","repeated":true,"acknowledged_until":"{until}""#);
        let copy = update("w", 0, "error", &keys);
        assert_eq!(scene.push(1, copy, Unknown), [EventKind::Acknowledged]);
        assert_eq!(scene.0.next_change(), Some(at(60)));
        assert!(scene.tick(59).is_empty());
        assert_eq!(scene.tick(60), [EventKind::Acknowledged]);
        assert!(scene.0.session("w").unwrap().needs_attention());
        assert_eq!(scene.0.next_change(), Some(at(301)));
        // The end of an acknowledgement is not reported twice.
        let copy = update("w", 0, "error", r#","repeated":true"#);
        assert!(scene.push(61, copy, Unknown).is_empty());
    }

    #[test]
    fn session_is_overdue_once_it_has_passed_all_limits() {
        let overdue = |second| [EventKind::Overdue { since: at(second) }];
        let limits = |older_than, longer_than| Limits {
            older_than: Some(Duration::from_secs(older_than)),
            longer_than: Some(Duration::from_secs(longer_than)),
            ..Limits::default()
        };
        let mut scene = Scene(SessionTable::new(limits(10, 30)));
        scene.push(0, update("w", 0, "working", ""), Unknown);
        scene.push(10, update("w", 10, "working", ""), Unknown);
        assert_eq!(scene.0.next_change(), Some(at(31)));
        assert!(scene.tick(30).is_empty());
        assert_eq!(scene.tick(31), overdue(31));
        assert!(scene.tick(32).is_empty());
        scene.push(35, update("w", 35, "working", ""), Unknown);
        assert_eq!(scene.0.next_change(), Some(at(46)), "only the age is below");
        assert_eq!(scene.tick(46), overdue(46));
        scene.push(50, update("w", 50, "blocked", ""), Unknown);
        assert!(scene.tick(80).is_empty());
        assert_eq!(scene.tick(90), overdue(81));
        // A snapshot is not followed by the event.
        scene.snapshot(100, update("v", 0, "idle", ""), Unknown);
        scene.0.set_since("v", Some(StatusSince::new(at(0), true)));
        assert_eq!(scene.tick(101), overdue(31), "its start was not known");
        assert!(scene.tick(102).is_empty());
    }

    #[test]
    fn finished_session_is_overdue_only_if_its_status_is_named() {
        let mut limits = Limits {
            older_than: Some(Duration::from_secs(10)),
            ..Limits::default()
        };
        let ended = r#","stale_after":9,"metadata":{"agent":"a","session_end":"logout"}"#;
        for is_named in [false, true] {
            if is_named {
                limits.named = vec![Status::Completed, Status::Idle];
            }
            let mut scene = Scene(SessionTable::new(limits.clone()));
            for (name, status, keys) in [
                ("a", "completed", ""),
                ("b", "idle", ended),
                ("c", "error", ""),
            ] {
                scene.push(0, update(name, 0, status, keys), Unknown);
            }
            let events = scene.tick(11).into_iter();
            let overdue = events.filter(|kind| matches!(kind, EventKind::Overdue { .. }));
            assert_eq!(overdue.count(), if is_named { 3 } else { 1 });
        }
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
        assert_eq!(held, Some(Duration::from_secs(30)));
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
