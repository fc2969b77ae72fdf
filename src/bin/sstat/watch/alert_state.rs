//! Decides which events raise an alert: once when a condition starts to hold,
//! and again at an interval while it lasts. Pure: the caller passes the time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sstat::Session;

use super::MAX_REMOVED;
use super::event::{Event, EventKind, HealthIssue};

/// The default of `--on`.
pub const DEFAULT: [&str; 3] = ["error", "very_stale", "dead"];

/// The words of `--on` that are not statuses.
pub const EVENTS: [&str; 11] = [
    "snapshot",
    "update",
    "stale",
    "very_stale",
    "dead",
    "stopped",
    "overdue",
    "exited",
    "recovered",
    "acknowledged",
    "removed",
];

const OVERDUE: &str = "overdue";

/// Returns whether a session, which the filters select, is in the state that a word of
/// `--on` names; `None` for an event that does not last.
fn holds(trigger: &str, session: &Session) -> Option<bool> {
    let Session { update, health, .. } = session;
    Some(match trigger {
        "stale" => health.is_stale(),
        "very_stale" => health.is_very_stale(),
        "dead" => health.is_dead(),
        "stopped" => health.is_stopped,
        // The limits are filters.
        OVERDUE => true,
        word if EVENTS.contains(&word) => return None,
        status => update.status.as_str() == status,
    })
}

/// Returns true if a state that lasts can start with an event of this kind.
fn is_raised_by(trigger: &str, kind: &EventKind) -> bool {
    match kind {
        // From then on, the filters select the session.
        EventKind::Snapshot | EventKind::Overdue { .. } => true,
        EventKind::Update { .. } => trigger == OVERDUE || !EVENTS.contains(&trigger),
        kind => kind.name() == trigger,
    }
}

/// An alert to report.
#[derive(Debug)]
pub struct AlertEvent {
    pub trigger: String,
    pub event: Event,
}

/// The alerts that are firing.
pub struct AlertStates {
    /// The words of `--on`, `overdue` last.
    triggers: Vec<String>,
    /// The time between two reports of the same alert.
    repeat: Option<Duration>,
    /// Alerts that are firing when the watch starts are reported.
    now: bool,
    /// By session and index of the trigger.
    firing: HashMap<(String, usize), Alert>,
    /// The alerts of removed sessions, which may return unchanged.
    removed: HashMap<(String, usize), Alert>,
    /// Until this time, sessions that become stale are not reported.
    hold_until: Option<Instant>,
    /// The sessions that have become stale during a hold, and its end.
    held: HashMap<String, Instant>,
}

struct Alert {
    raised_by: EventKind,
    next_report: Option<Instant>,
}

impl AlertStates {
    pub fn new(mut triggers: Vec<String>, repeat: Option<Duration>, now: bool) -> Self {
        triggers.sort_by_key(|word| word == OVERDUE);
        Self {
            triggers,
            repeat,
            now,
            firing: HashMap::new(),
            removed: HashMap::new(),
            hold_until: None,
            held: HashMap::new(),
        }
    }

    /// Returns true if an alert of the session holds when the watch starts, but is not
    /// reported.
    pub fn is_old(&self, session: &Session) -> bool {
        let mut states = self.triggers.iter().map(|trigger| holds(trigger, session));
        !self.now && !session.health.is_acknowledged && states.any(|holds| holds == Some(true))
    }

    /// Delays alerts of sessions that become stale until this time. Those that have
    /// recovered by then are not reported.
    pub fn hold_stale(&mut self, until: Instant) {
        self.hold_until = Some(until);
    }

    /// Adds the alerts that an event raises to `alerts`. `selected` is true if the
    /// filters select the session.
    pub fn observe(
        &mut self,
        event: &Event,
        selected: bool,
        at: Instant,
        alerts: &mut Vec<AlertEvent>,
    ) {
        let hold_until = self.hold_until.filter(|until| at < *until);
        let name = &*event.session.qualified_name();
        let is_held = match event.kind {
            EventKind::Stale { .. } | EventKind::VeryStale { .. } | EventKind::Overdue { .. } => {
                hold_until.is_some()
            }
            EventKind::Recovered {
                issue: HealthIssue::Stale,
                ..
            } => self.held.remove(name).is_some_and(|until| at < until),
            _ => false,
        };
        // A session that was acknowledged for a time needs attention again after it.
        let has_expired = event.kind == EventKind::Acknowledged
            && event.session.update.acknowledged_until.is_some()
            && !event.session.health.is_acknowledged;
        let is_old = event.kind == EventKind::Snapshot
            && (!self.now || event.session.health.is_acknowledged);
        let mut report = |trigger: &str| {
            let (trigger, event) = (trigger.to_owned(), event.clone());
            alerts.push(AlertEvent { trigger, event });
        };
        let mut is_raised = false;
        for (index, trigger) in self.triggers.iter().enumerate() {
            let Some(holds) = holds(trigger, &event.session) else {
                if selected && !is_held && event.kind.name() == trigger {
                    report(trigger);
                }
                continue;
            };
            let key = (name.to_owned(), index);
            if event.kind == EventKind::Removed {
                if self.removed.len() >= MAX_REMOVED {
                    self.removed.clear();
                }
                self.removed.extend(self.firing.remove_entry(&key));
                continue;
            }
            let removed = self.removed.remove_entry(&key);
            if event.kind == EventKind::Snapshot {
                self.firing.extend(removed);
            }
            if !selected || !holds {
                self.firing.remove(&key);
                continue;
            }
            // Any other alert of the event says more than `overdue`.
            let is_silent = is_old || (is_raised && trigger == OVERDUE);
            if let Some(alert) = self.firing.get_mut(&key) {
                if has_expired && !is_silent {
                    alert.next_report = Some(at);
                    is_raised = true;
                }
            } else if is_raised_by(trigger, &event.kind) {
                is_raised |= !is_silent;
                let next_report = match self.repeat {
                    _ if is_silent => None,
                    _ if is_held => hold_until,
                    repeat => repeat.map(|repeat| at + repeat),
                };
                let raised_by = event.kind.clone();
                let alert = Alert {
                    raised_by,
                    next_report,
                };
                self.firing.insert(key, alert);
                if !is_held && !is_silent {
                    report(trigger);
                }
            }
        }
        match (&event.kind, hold_until) {
            (EventKind::Stale { .. }, Some(until)) => {
                self.held.insert(name.to_owned(), until);
            }
            (EventKind::Removed, _) => drop(self.held.remove(name)),
            _ => {}
        }
    }

    /// Returns when the next alert is to be reported without an event.
    pub fn next_report(&self) -> Option<Instant> {
        let alerts = self.firing.values();
        alerts.filter_map(|alert| alert.next_report).min()
    }

    /// Returns the session, the trigger and the kind of the event of each alert that
    /// is to be reported without an event.
    pub fn take_due(&mut self, at: Instant) -> Vec<(String, String, EventKind)> {
        let mut due = Vec::new();
        for ((name, index), alert) in &mut self.firing {
            if alert.next_report.is_some_and(|next| next <= at) {
                alert.next_report = self.repeat.map(|repeat| at + repeat);
                let trigger = self.triggers[*index].clone();
                due.push((name.clone(), trigger, alert.raised_by.clone()));
            }
        }
        due.sort_unstable_by(|a, b| sstat::natural_cmp(&a.0, &b.0).then_with(|| a.1.cmp(&b.1)));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::session_table::SessionTable;
    use sstat::{ProcessState, Update};

    /// A session table whose events are observed for alerts.
    struct Scene {
        table: SessionTable,
        states: AlertStates,
        begin: Instant,
    }

    impl Scene {
        fn new(words: &[&str], repeat: Option<u64>, now: bool) -> Self {
            let triggers = words.iter().map(ToString::to_string).collect();
            Self {
                table: SessionTable::default(),
                states: AlertStates::new(triggers, repeat.map(Duration::from_secs), now),
                begin: Instant::now(),
            }
        }

        fn update(minute: u32, status: &str) -> Update {
            let line =
                format!(r#"{{"timestamp":"2026-02-14T20:{minute:02}:00Z","status":"{status}"}}"#);
            let mut update = Update::decode(line.as_bytes()).unwrap();
            update.session = "w".to_owned();
            update
        }

        fn observe(&mut self, minute: u32, events: &[Event]) -> Vec<String> {
            let at = self.begin + Duration::from_secs(60 * u64::from(minute));
            let mut alerts = Vec::new();
            for event in events {
                self.states.observe(event, true, at, &mut alerts);
            }
            alerts.into_iter().map(|alert| alert.trigger).collect()
        }

        fn snapshot(&mut self, minute: u32, status: &str) -> Vec<String> {
            let update = Self::update(minute, status);
            let now = update.timestamp;
            let state = ProcessState::Unknown;
            self.table
                .snapshot(&Default::default(), update, None, state, now);
            let session = self.table.session("w").unwrap();
            let event = Event::new(EventKind::Snapshot, now, session);
            self.observe(minute, &[event])
        }

        fn push(&mut self, minute: u32, status: &str) -> Vec<String> {
            let update = Self::update(minute, status);
            let now = update.timestamp;
            let mut events = Vec::new();
            self.table.update(
                &Default::default(),
                update,
                ProcessState::Unknown,
                now,
                &mut events,
            );
            self.observe(minute, &events)
        }

        fn tick(&mut self, minute: u32) -> Vec<String> {
            let mut events = Vec::new();
            self.table
                .tick(Self::update(minute, "idle").timestamp, &mut events);
            self.observe(minute, &events)
        }

        fn remove(&mut self, minute: u32) {
            let now = Self::update(minute, "idle").timestamp;
            let session = self.table.remove("w", now).unwrap();
            let event = Event::new(EventKind::Removed, now, &session);
            assert!(self.observe(minute, &[event]).is_empty());
        }

        fn overdue(&mut self, minute: u32) -> Vec<String> {
            let session = self.table.session("w").unwrap();
            let since = session.update.timestamp;
            let event = Event::new(EventKind::Overdue { since }, since, session);
            self.observe(minute, &[event])
        }

        fn repeats(&mut self, minute: u32) -> usize {
            let at = self.begin + Duration::from_secs(60 * u64::from(minute));
            self.states.take_due(at).len()
        }
    }

    #[test]
    fn alert_is_raised_again_after_it_was_resolved() {
        let mut scene = Scene::new(&["error", "very_stale"], None, false);
        assert_eq!(scene.push(0, "error"), ["error"]);
        assert!(scene.push(1, "error").is_empty());
        assert!(scene.push(2, "working").is_empty());
        assert_eq!(scene.push(3, "error"), ["error"]);
        assert!(scene.tick(10).is_empty());
        assert_eq!(scene.tick(20), ["very_stale"]);
        assert!(scene.tick(25).is_empty());
        assert!(scene.push(26, "error").is_empty());
        assert_eq!(scene.tick(50), ["very_stale"]);
    }

    #[test]
    fn alert_firing_at_the_start_is_reported_only_with_now() {
        let mut scene = Scene::new(&["error"], Some(60), false);
        assert!(scene.snapshot(0, "error").is_empty());
        assert!(scene.push(1, "error").is_empty());
        assert_eq!(scene.repeats(9), 0);
        assert!(scene.push(2, "idle").is_empty());
        assert_eq!(scene.push(3, "error"), ["error"]);
        let mut scene = Scene::new(&["error"], None, true);
        assert_eq!(scene.snapshot(0, "error"), ["error"]);
    }

    #[test]
    fn firing_alert_is_repeated() {
        let mut scene = Scene::new(&["blocked"], Some(600), false);
        assert_eq!(scene.push(0, "blocked"), ["blocked"]);
        assert_eq!(scene.repeats(9), 0);
        assert_eq!(scene.repeats(10), 1);
        assert_eq!(scene.repeats(11), 0);
        assert_eq!(scene.repeats(25), 1);
        scene.push(26, "working");
        assert_eq!(scene.repeats(50), 0);
    }

    #[test]
    fn alert_of_a_session_that_returns_goes_on() {
        for now in [false, true] {
            let mut scene = Scene::new(&["error"], Some(600), now);
            assert_eq!(scene.push(0, "error"), ["error"]);
            scene.remove(1);
            assert!(scene.states.firing.is_empty());
            assert!(scene.snapshot(0, "error").is_empty());
            assert_eq!(scene.repeats(10), 1);
            // A new session of this name.
            scene.remove(11);
            assert_eq!(scene.push(11, "error"), ["error"]);
            assert_eq!(scene.repeats(20), 0);
        }
    }

    #[test]
    fn every_event_of_a_named_kind_is_reported() {
        let mut scene = Scene::new(&["update", "recovered", "stale"], None, true);
        assert!(scene.snapshot(0, "working").is_empty());
        assert_eq!(scene.push(1, "working"), ["update"]);
        assert_eq!(scene.tick(10), ["stale"]);
        assert_eq!(scene.push(11, "working"), ["update", "recovered"]);
    }

    #[test]
    fn stale_alert_waits_after_a_suspension() {
        let triggers = ["stale", "very_stale", "recovered", "error"];
        let mut scene = Scene::new(&triggers, None, false);
        let hold = |scene: &mut Scene, minute: u64| {
            let until = scene.begin + Duration::from_secs(60 * minute);
            scene.states.hold_stale(until);
        };
        scene.push(0, "working");
        hold(&mut scene, 31);
        assert!(scene.tick(30).is_empty());
        assert_eq!(scene.repeats(30), 0);
        assert!(
            scene.push(30, "working").is_empty(),
            "nothing to recover from"
        );
        assert_eq!(scene.repeats(31), 0);
        assert_eq!(scene.push(30, "error"), ["error"]);
        // A session that does not recover is reported after the hold.
        hold(&mut scene, 51);
        assert!(scene.tick(50).is_empty());
        assert_eq!(scene.states.next_report(), scene.states.hold_until);
        assert_eq!(scene.repeats(51), 2);
        assert_eq!(scene.repeats(52), 0);
        assert_eq!(scene.push(53, "error"), ["recovered"]);
    }

    #[test]
    fn session_that_was_stale_before_a_suspension_recovers() {
        let triggers = ["stale", "very_stale", "overdue", "recovered"];
        let mut scene = Scene::new(&triggers, None, false);
        scene.push(0, "working");
        assert_eq!(scene.tick(10), ["stale"]);
        let until = scene.begin + Duration::from_secs(60 * 31);
        scene.states.hold_stale(until);
        assert!(scene.overdue(30).is_empty());
        assert!(scene.tick(30).is_empty());
        assert_eq!(scene.push(30, "working"), ["recovered"]);
    }

    #[test]
    fn event_raises_overdue_only_if_it_raises_nothing_else() {
        // An earlier update is not selected.
        let old = |scene: &mut Scene, status| {
            scene.push(0, status);
            scene.states.firing.clear();
        };
        for triggers in [["overdue", "error"], ["error", "overdue"]] {
            let mut scene = Scene::new(&triggers, Some(600), false);
            old(&mut scene, "error");
            assert_eq!(scene.overdue(1), ["error"]);
            assert!(scene.push(2, "error").is_empty());
            assert_eq!(scene.repeats(30), 1);
            let mut scene = Scene::new(&triggers, Some(600), false);
            old(&mut scene, "working");
            assert_eq!(scene.overdue(1), ["overdue"]);
            assert_eq!(scene.repeats(30), 1);
            // An alert for another reason follows.
            assert_eq!(scene.push(31, "error"), ["error"]);
            let mut scene = Scene::new(&triggers, None, true);
            assert_eq!(scene.snapshot(0, "error"), ["error"]);
        }
    }
}
