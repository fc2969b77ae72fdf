//! Alarms: which of the things that happen call for one, once an episode.
//! Pure: what happens and the time are told to it; [`commands`](super::commands)
//! runs what it asks for.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sstat::{Life, Status};

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
    Occasion(&'static str),
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
            "snapshot" => Self::Occasion("snapshot"),
            "update" => Self::Occasion("update"),
            "recovered" => Self::Occasion("recovered"),
            "removed" => Self::Occasion("removed"),
            status => Self::Status(Status::from_stored(status)),
        }
    }

    pub fn word(&self) -> &str {
        match self {
            Self::Stale => "stale",
            Self::VeryStale => "very_stale",
            Self::Dead => "dead",
            Self::Status(status) => status.as_str(),
            Self::Occasion(name) => name,
        }
    }

    /// Whether it holds for the session as the event shows it.
    fn holds(&self, event: &Event) -> bool {
        let session = &event.session;
        event.kind != EventKind::Removed
            && match self {
                Self::Stale => session.condition.is_stale(),
                Self::VeryStale => session.condition.is_very_stale(),
                Self::Dead => session.condition.life == Life::Dead,
                Self::Status(status) => session.update.status == *status,
                Self::Occasion(_) => false,
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
            (Self::Occasion(name), kind) => *name == kind.name(),
            _ => false,
        }
    }
}

/// An alarm that is due.
#[derive(Debug)]
pub struct Alarm {
    /// The word of `--on` that it is for.
    pub trigger: String,
    pub event: Event,
}

/// The episodes that are on.
pub struct Episodes {
    triggers: Vec<Trigger>,
    /// How long after an alarm the next one of the same episode comes.
    repeat: Option<Duration>,
    /// What already holds when the watch begins counts.
    now: bool,
    /// By session and trigger.
    on: HashMap<(String, usize), Episode>,
    /// No alarm is repeated before this; it may be too early.
    next_repeat: Option<Instant>,
}

struct Episode {
    kind: EventKind,
    /// None for one that was on before the watch began, and is nobody's news.
    last_alarm: Option<Instant>,
}

impl Episodes {
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
    pub fn see(&mut self, event: &Event, wanted: bool, at: Instant, alarms: &mut Vec<Alarm>) {
        for (index, trigger) in self.triggers.iter().enumerate() {
            let alarm = || Alarm {
                trigger: trigger.word().to_owned(),
                event: event.clone(),
            };
            let begins = wanted && trigger.begins_with(&event.kind);
            if let Trigger::Occasion(name) = trigger {
                if begins && *name == event.kind.name() {
                    alarms.push(alarm());
                }
                continue;
            }
            let key = (event.session.name().to_owned(), index);
            if !wanted || !trigger.holds(event) {
                self.on.remove(&key);
            } else if begins && !self.on.contains_key(&key) {
                let is_news = self.now || event.kind != EventKind::Snapshot;
                if is_news {
                    alarms.push(alarm());
                    self.next_repeat = self.next_repeat.or(self.repeat.map(|repeat| at + repeat));
                }
                let episode = Episode {
                    kind: event.kind.clone(),
                    last_alarm: is_news.then_some(at),
                };
                self.on.insert(key, episode);
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
        for ((name, index), episode) in &mut self.on {
            if let Some(last) = &mut episode.last_alarm
                && *last + repeat <= at
            {
                *last = at;
                let trigger = self.triggers[*index].word().to_owned();
                due.push((name.clone(), trigger, episode.kind.clone()));
            }
        }
        let lasts = self.on.values().filter_map(|episode| episode.last_alarm);
        self.next_repeat = lasts.min().map(|last| last + repeat);
        due.sort_unstable_by(|a, b| sstat::natural_cmp(&a.0, &b.0).then_with(|| a.1.cmp(&b.1)));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::board::Board;
    use sstat::{ProcessState, Thresholds, Update};

    /// A board whose events go to episodes: the two together say how often.
    struct Scene {
        board: Board,
        episodes: Episodes,
        begin: Instant,
    }

    impl Scene {
        fn new(words: &[&str], repeat: Option<u64>, now: bool) -> Self {
            let triggers = words.iter().map(|word| Trigger::of_word(word)).collect();
            Self {
                board: Board::new(Thresholds::default()),
                episodes: Episodes::new(triggers, repeat.map(Duration::from_secs), now),
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

        fn see(&mut self, minute: u32, events: &[Event]) -> Vec<String> {
            let at = self.begin + Duration::from_secs(60 * u64::from(minute));
            let mut alarms = Vec::new();
            for event in events {
                self.episodes.see(event, true, at, &mut alarms);
            }
            alarms.into_iter().map(|alarm| alarm.trigger).collect()
        }

        fn snapshot(&mut self, minute: u32, status: &str) -> Vec<String> {
            let update = Self::update(minute, status);
            let now = update.timestamp;
            let event = self.board.snapshot(update, ProcessState::Unknown, now);
            self.see(minute, &[event])
        }

        fn push(&mut self, minute: u32, status: &str) -> Vec<String> {
            let update = Self::update(minute, status);
            let now = update.timestamp;
            let mut events = Vec::new();
            self.board
                .update(update, ProcessState::Unknown, now, &mut events);
            self.see(minute, &events)
        }

        fn tick(&mut self, minute: u32) -> Vec<String> {
            let mut events = Vec::new();
            self.board
                .tick(Self::update(minute, "idle").timestamp, &mut events);
            self.see(minute, &events)
        }

        fn repeats(&mut self, minute: u32) -> usize {
            let at = self.begin + Duration::from_secs(60 * u64::from(minute));
            self.episodes.repeat(at).len()
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
