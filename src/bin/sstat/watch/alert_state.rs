//! Alerts: which of the things that happen call for one, once an episode.
//! Pure: what happens and the time are told to it; [`commands`](super::commands)
//! runs what it asks for.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sstat::{Liveness, Status};

use super::event::{Event, EventKind};

/// What can call for an alarm: a word of `--on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    Stale,
    VeryStale,
    Dead,
    /// The session is in this status.
    Status(Status),
    /// An event that is over at once, by its name.
    Moment(&'static str),
}

impl Trigger {
    /// What an alarm is for if nothing else is said.
    pub const DEFAULT: [Self; 3] = [Self::Status(Status::Error), Self::VeryStale, Self::Dead];

    /// The words that are events and no statuses.
    pub const EVENTS: [&str; 7] = [
        "snapshot",
        "update",
        "stale",
        "very_stale",
        "dead",
        "recovered",
        "removed",
    ];

    pub fn of_word(word: &str) -> Self {
        match word {
            "stale" => Self::Stale,
            "very_stale" => Self::VeryStale,
            "dead" => Self::Dead,
            "snapshot" => Self::Moment("snapshot"),
            "update" => Self::Moment("update"),
            "recovered" => Self::Moment("recovered"),
            "removed" => Self::Moment("removed"),
            status => Self::Status(Status::from_stored(status)),
        }
    }

    pub fn word(&self) -> &str {
        match self {
            Self::Stale => "stale",
            Self::VeryStale => "very_stale",
            Self::Dead => "dead",
            Self::Status(status) => status.as_str(),
            Self::Moment(name) => name,
        }
    }

    /// Whether it holds for the session as the event shows it.
    fn holds(&self, event: &Event) -> bool {
        let session = &event.session;
        event.kind != EventKind::Removed
            && match self {
                Self::Stale => session.health.is_stale(),
                Self::VeryStale => session.health.is_very_stale(),
                Self::Dead => session.health.liveness == Liveness::Dead,
                Self::Status(status) => session.update.status == *status,
                Self::Moment(_) => false,
            }
    }

    /// Whether it is this kind of event that begins an episode.
    fn begins_with(&self, kind: &EventKind) -> bool {
        match (self, kind) {
            (_, EventKind::Snapshot)
            | (Self::Status(_), EventKind::Update { .. })
            | (Self::Stale, EventKind::Stale { .. })
            | (Self::VeryStale, EventKind::VeryStale { .. })
            | (Self::Dead, EventKind::Dead { .. }) => true,
            (Self::Moment(name), kind) => *name == kind.name(),
            _ => false,
        }
    }
}

/// An alarm that is due.
#[derive(Debug)]
pub struct AlertEvent {
    /// The word of `--on` that it is for.
    pub trigger: String,
    pub event: Event,
}

/// The episodes that are on.
pub struct AlertStates {
    triggers: Vec<Trigger>,
    /// How long after an alarm the next one of the same episode comes.
    repeat: Option<Duration>,
    /// What already holds when the watch begins counts.
    now: bool,
    /// By session and trigger.
    on: HashMap<(String, usize), Alert>,
    /// No alarm is repeated before this; it may be too early.
    next_repeat: Option<Instant>,
}

struct Alert {
    kind: EventKind,
    /// None for one that was on before the watch began, and is nobody's news.
    last_alarm: Option<Instant>,
}

impl AlertStates {
    pub fn new(triggers: Vec<Trigger>, repeat: Option<Duration>, now: bool) -> Self {
        Self {
            triggers,
            repeat,
            now,
            on: HashMap::new(),
            next_repeat: None,
        }
    }

    /// Takes in what happened at a moment to a session that the filters want,
    /// or no longer want.
    pub fn observe(
        &mut self,
        event: &Event,
        wanted: bool,
        at: Instant,
        alerts: &mut Vec<AlertEvent>,
    ) {
        for (index, trigger) in self.triggers.iter().enumerate() {
            let alert = || AlertEvent {
                trigger: trigger.word().to_owned(),
                event: event.clone(),
            };
            let begins = wanted && trigger.begins_with(&event.kind);
            if let Trigger::Moment(name) = trigger {
                if begins && *name == event.kind.name() {
                    alerts.push(alert());
                }
                continue;
            }
            let key = (event.session.name().to_owned(), index);
            if !wanted || !trigger.holds(event) {
                self.on.remove(&key);
            } else if begins && !self.on.contains_key(&key) {
                let is_news = self.now || event.kind != EventKind::Snapshot;
                if is_news {
                    alerts.push(alert());
                    self.next_repeat = self.next_repeat.or(self.repeat.map(|repeat| at + repeat));
                }
                let alert = Alert {
                    kind: event.kind.clone(),
                    last_alarm: is_news.then_some(at),
                };
                self.on.insert(key, alert);
            }
        }
    }

    /// When [`repeat`](Self::repeat) has something to give, or a little
    /// earlier.
    pub fn next_repeat(&self) -> Option<Instant> {
        self.next_repeat
    }

    /// The alarms that are due again: for which session, because of what, and
    /// the event that it began with.
    pub fn repeat(&mut self, at: Instant) -> Vec<(String, String, EventKind)> {
        let (Some(repeat), Some(next)) = (self.repeat, self.next_repeat) else {
            return Vec::new();
        };
        if at < next {
            return Vec::new();
        }
        let mut due = Vec::new();
        for ((name, index), alert) in &mut self.on {
            if let Some(last) = &mut alert.last_alarm
                && *last + repeat <= at
            {
                *last = at;
                let trigger = self.triggers[*index].word().to_owned();
                due.push((name.clone(), trigger, alert.kind.clone()));
            }
        }
        let lasts = self.on.values().filter_map(|alert| alert.last_alarm);
        self.next_repeat = lasts.min().map(|last| last + repeat);
        due.sort_unstable_by(|a, b| sstat::natural_cmp(&a.0, &b.0).then_with(|| a.1.cmp(&b.1)));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::session_table::SessionTable;
    use sstat::{ProcessState, Thresholds, Update};

    /// A board whose events go to episodes: the two together say how often.
    struct Scene {
        table: SessionTable,
        states: AlertStates,
        begin: Instant,
    }

    impl Scene {
        fn new(words: &[&str], repeat: Option<u64>, now: bool) -> Self {
            let triggers = words.iter().map(|word| Trigger::of_word(word)).collect();
            Self {
                table: SessionTable::new(Thresholds::default()),
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
            let event = self.table.snapshot(update, ProcessState::Unknown, now);
            self.observe(minute, &[event])
        }

        fn push(&mut self, minute: u32, status: &str) -> Vec<String> {
            let update = Self::update(minute, status);
            let now = update.timestamp;
            let mut events = Vec::new();
            self.table
                .update(update, ProcessState::Unknown, now, &mut events);
            self.observe(minute, &events)
        }

        fn tick(&mut self, minute: u32) -> Vec<String> {
            let mut events = Vec::new();
            self.table
                .tick(Self::update(minute, "idle").timestamp, &mut events);
            self.observe(minute, &events)
        }

        fn repeats(&mut self, minute: u32) -> usize {
            let at = self.begin + Duration::from_secs(60 * u64::from(minute));
            self.states.repeat(at).len()
        }
    }

    #[test]
    fn once_an_episode_and_again_when_it_comes_back() {
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
    fn what_holds_at_the_start_is_no_news() {
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
    fn an_episode_that_lasts_is_repeated() {
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
    fn occasions_come_each_time() {
        let mut scene = Scene::new(&["update", "recovered", "stale"], None, true);
        assert!(scene.snapshot(0, "working").is_empty());
        assert_eq!(scene.push(1, "working"), ["update"]);
        assert_eq!(scene.tick(10), ["stale"]);
        assert_eq!(scene.push(11, "working"), ["update", "recovered"]);
    }
}
