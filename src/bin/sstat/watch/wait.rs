//! Waiting for sessions to reach a status. Pure: it is told what happens.

use sstat::{Liveness, Status};

use super::event::{Event, EventKind};
use crate::error::exit_code;
use crate::select::Names;

/// What is waited for, and how far it has come.
pub struct WaitCondition {
    statuses: Vec<Status>,
    /// One session that reaches it is enough.
    any: bool,
    /// What already holds when the watch begins counts.
    now: bool,
    waited: Vec<Waited>,
    /// Patterns that nothing matches yet.
    unmatched: Vec<Unmatched>,
}

struct Waited {
    name: String,
    /// What it says by now, for people.
    last: Option<Status>,
    outcome: Option<Outcome>,
}

struct Unmatched {
    pattern: String,
    names: Names,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Reached,
    /// It ended in another way, in these words and with this exit code.
    Failed(u8, String),
}

/// How the waiting ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    pub code: u8,
    /// Why, unless all went well.
    pub reason: Option<String>,
}

impl WaitCondition {
    pub fn new(names: Vec<String>, statuses: Vec<Status>, any: bool, now: bool) -> Self {
        let waited = names.into_iter().map(|name| Waited {
            name,
            last: None,
            outcome: None,
        });
        Self {
            statuses,
            any,
            now,
            waited: waited.collect(),
            unmatched: Vec::new(),
        }
    }

    /// Waits also for the first session that comes and matches this pattern.
    pub fn add_unmatched(&mut self, pattern: String) {
        let names = Names::new(std::slice::from_ref(&pattern));
        self.unmatched.push(Unmatched { pattern, names });
    }

    /// Waits for this session from now on if it is the first of a pattern.
    fn match_first(&mut self, name: &str) {
        let unmatched = self.unmatched.len();
        self.unmatched.retain(|pattern| !pattern.names.want(name));
        let is_first = self.unmatched.len() < unmatched;
        // It may have been named besides.
        if is_first && self.waited.iter().all(|waited| waited.name != name) {
            self.waited.push(Waited {
                name: name.to_owned(),
                last: None,
                outcome: None,
            });
        }
    }

    /// Takes in what happened. Gives back what a person should know about it.
    pub fn observe(&mut self, event: &Event) -> Option<String> {
        let session = &event.session;
        let status = &session.update.status;
        let is_removed = event.kind == EventKind::Removed;
        if !is_removed {
            self.match_first(session.name());
        }
        let waited = self
            .waited
            .iter_mut()
            .find(|waited| waited.name == session.name())?;
        waited.last = (!is_removed).then(|| status.clone());
        if waited.outcome.is_some() {
            return None;
        }
        if is_removed {
            return Some(format!(
                "{}: its file is gone or empty; waiting for it",
                waited.name
            ));
        }
        let dead = session.health.liveness == Liveness::Dead;
        let counts = match event.kind {
            // What one that is dead already says about itself holds no more.
            EventKind::Snapshot => self.now && !dead,
            EventKind::Update { .. } => true,
            _ => false,
        };
        let reached = self.statuses.contains(status);
        let ended = matches!(status, Status::Completed | Status::Error);
        if counts && reached {
            waited.outcome = Some(Outcome::Reached);
        } else if counts && ended {
            let message = match &*session.update.message {
                "" => String::new(),
                message => format!(": {message}"),
            };
            let reason = format!("{}: ended as {status}{message}", waited.name);
            waited.outcome = Some(Outcome::Failed(exit_code::NO_MATCH, reason));
        } else if dead {
            let pid = session.update.process.as_ref();
            let pid = pid.map_or(String::new(), |process| format!(" {}", process.pid));
            let reason = format!(
                "{}: dead: process{pid} is gone, its last status is {status}",
                waited.name
            );
            waited.outcome = Some(Outcome::Failed(exit_code::DEAD, reason));
        } else if event.kind == EventKind::Snapshot && reached {
            return Some(format!(
                "{}: is {status} already; waiting for the next time (--now would accept it)",
                waited.name
            ));
        } else if event.kind == EventKind::Snapshot && ended {
            return Some(format!(
                "{}: is {status} already; waiting for its next update (--now would end here)",
                waited.name
            ));
        }
        None
    }

    /// How it ended, once it has.
    pub fn verdict(&self) -> Option<Verdict> {
        let failed = |waited: &Waited| match &waited.outcome {
            Some(Outcome::Failed(code, reason)) => Some((*code, reason.clone())),
            _ => None,
        };
        let reached = |waited: &Waited| waited.outcome == Some(Outcome::Reached);
        let all = &self.waited;
        let done = if self.any {
            all.iter().any(reached)
        } else {
            self.unmatched.is_empty() && all.iter().all(reached)
        };
        if done {
            return Some(Verdict {
                code: 0,
                reason: None,
            });
        }
        let failures: Vec<(u8, String)> = all.iter().filter_map(failed).collect();
        let (code, reason) = failures.first()?;
        if !self.any {
            return Some(Verdict {
                code: *code,
                reason: Some(reason.clone()),
            });
        }
        if failures.len() < all.len() + self.unmatched.len() {
            return None;
        }
        // Death is the verdict only if nothing else ended any of them.
        let code = failures.iter().map(|(code, _)| *code).min();
        let reasons: Vec<&str> = failures.iter().map(|(_, reason)| &**reason).collect();
        Some(Verdict {
            code: code.unwrap_or(exit_code::NO_MATCH),
            reason: Some(reasons.join("; ")),
        })
    }

    /// What is still waited for, for people.
    pub fn open(&self) -> String {
        let open = self.waited.iter().filter(|waited| waited.outcome.is_none());
        let open = open.map(|waited| match &waited.last {
            Some(last) => format!("{} is {last}", waited.name),
            None => format!("{} is no session", waited.name),
        });
        let unmatched = self.unmatched.iter();
        let unmatched = unmatched.map(|Unmatched { pattern, .. }| no_match(pattern));
        open.chain(unmatched).collect::<Vec<String>>().join(", ")
    }
}

/// That a pattern is nobody's.
pub fn no_match(pattern: &str) -> String {
    format!("no session matches '{pattern}'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use sstat::{Health, ProcessState, Session, Thresholds, Update};

    const PROCESS: &str = r#""pid":4242,"start_time":1,"boot_id":"b","host":"h","pid_namespace":1"#;

    fn event(kind: EventKind, name: &str, status: &str, process: ProcessState) -> Event {
        let line = format!(
            r#"{{"timestamp":"2026-02-14T20:35:00Z","status":"{status}","message":"m","process":{{{PROCESS}}}}}"#
        );
        let mut update = Update::decode(line.as_bytes()).unwrap();
        update.session = name.to_owned();
        let at: DateTime<Utc> = update.timestamp;
        let health = Health::of(&update, process, at, &Thresholds::default());
        Event {
            kind,
            at,
            session: Session::new(update, health),
        }
    }

    fn until(names: &[&str], any: bool, now: bool) -> WaitCondition {
        let names = names.iter().map(ToString::to_string).collect();
        WaitCondition::new(names, vec![Status::Completed], any, now)
    }

    fn snapshot(until: &mut WaitCondition, name: &str, status: &str) -> Option<String> {
        until.observe(&event(
            EventKind::Snapshot,
            name,
            status,
            ProcessState::Unknown,
        ))
    }

    fn update(until: &mut WaitCondition, name: &str, status: &str) {
        let kind = EventKind::Update { from: None };
        until.observe(&event(kind, name, status, ProcessState::Unknown));
    }

    fn die(until: &mut WaitCondition, name: &str) {
        let event = event(EventKind::Removed, name, "working", ProcessState::Gone);
        let since = event.at;
        until.observe(&Event {
            kind: EventKind::Dead { since },
            ..event
        });
    }

    fn code(until: &WaitCondition) -> Option<u8> {
        until.verdict().map(|verdict| verdict.code)
    }

    #[test]
    fn only_updates_count_unless_now_is_asked_for() {
        let mut later = until(&["w"], false, false);
        assert!(
            snapshot(&mut later, "w", "completed")
                .unwrap()
                .contains("already")
        );
        assert_eq!(code(&later), None);
        update(&mut later, "w", "working");
        update(&mut later, "w", "completed");
        assert_eq!(code(&later), Some(0));
        let mut now = until(&["w"], false, true);
        assert_eq!(snapshot(&mut now, "w", "completed"), None);
        assert_eq!(code(&now), Some(0));
    }

    #[test]
    fn what_ended_otherwise_before_is_told_and_counts_with_now() {
        let mut now = until(&["w"], false, true);
        assert_eq!(snapshot(&mut now, "w", "error"), None);
        assert_eq!(code(&now), Some(1));
        let mut later = until(&["w"], false, false);
        assert_eq!(
            snapshot(&mut later, "w", "error").unwrap(),
            "w: is error already; waiting for its next update (--now would end here)"
        );
        assert_eq!(code(&later), None);
        update(&mut later, "w", "completed");
        assert_eq!(code(&later), Some(0));
        let mut later = until(&["w"], false, false);
        assert_eq!(snapshot(&mut later, "w", "blocked"), None);
    }

    #[test]
    fn one_whose_file_is_gone_is_nothing_any_more_and_may_come_back() {
        let mut until = until(&["a", "w"], false, false);
        update(&mut until, "a", "completed");
        snapshot(&mut until, "w", "working");
        let remove = |until: &mut WaitCondition, name| {
            // Its process may well be gone too by then.
            let event = event(EventKind::Removed, name, "working", ProcessState::Gone);
            until.observe(&event)
        };
        assert_eq!(remove(&mut until, "a"), None, "nobody waits for it");
        assert_eq!(
            remove(&mut until, "w").unwrap(),
            "w: its file is gone or empty; waiting for it"
        );
        assert_eq!(until.open(), "w is no session");
        assert_eq!(code(&until), None);
        update(&mut until, "w", "completed");
        assert_eq!(code(&until), Some(0));
    }

    #[test]
    fn a_pattern_without_a_match_waits_for_its_first() {
        let mut all = until(&["a"], false, false);
        all.add_unmatched("x*".to_owned());
        update(&mut all, "a", "completed");
        assert_eq!(code(&all), None);
        assert_eq!(all.open(), "no session matches 'x*'");
        update(&mut all, "x1", "working");
        assert_eq!(all.open(), "x1 is working");
        update(&mut all, "x2", "error");
        assert_eq!(code(&all), None, "the first is the one");
        update(&mut all, "x1", "completed");
        assert_eq!(code(&all), Some(0));

        let mut any = until(&["a"], true, false);
        any.add_unmatched("x*".to_owned());
        update(&mut any, "a", "error");
        assert_eq!(code(&any), None);
        update(&mut any, "x1", "error");
        assert_eq!(code(&any), Some(1));

        let mut both = until(&["x1"], false, false);
        both.add_unmatched("x*".to_owned());
        update(&mut both, "x1", "completed");
        assert_eq!(code(&both), Some(0), "one may be named twice");
    }

    #[test]
    fn all_must_reach_it_and_the_first_that_does_not_decides() {
        let mut all = until(&["a", "b"], false, false);
        update(&mut all, "a", "completed");
        update(&mut all, "a", "error");
        assert_eq!(code(&all), None, "once reached is reached");
        assert_eq!(all.open(), "b is no session");
        update(&mut all, "b", "blocked");
        assert_eq!(all.open(), "b is blocked");
        update(&mut all, "b", "completed");
        assert_eq!(code(&all), Some(0));
        let mut all = until(&["a", "b"], false, false);
        die(&mut all, "b");
        assert_eq!(code(&all), Some(3));
        let mut all = until(&["a", "b"], false, false);
        update(&mut all, "b", "error");
        update(&mut all, "a", "completed");
        assert_eq!(
            all.verdict().unwrap().reason.unwrap(),
            "b: ended as error: m"
        );
    }

    #[test]
    fn any_is_enough_and_fails_when_all_have_failed() {
        let mut any = until(&["a", "b"], true, false);
        update(&mut any, "a", "error");
        assert_eq!(code(&any), None);
        update(&mut any, "b", "completed");
        assert_eq!(code(&any), Some(0));
        let mut any = until(&["a", "b"], true, false);
        die(&mut any, "a");
        die(&mut any, "b");
        assert_eq!(code(&any), Some(3));
        let mut any = until(&["a", "b"], true, false);
        die(&mut any, "a");
        update(&mut any, "b", "error");
        assert_eq!(code(&any), Some(1));
    }

    #[test]
    fn dead_at_the_start_is_dead() {
        for now in [false, true] {
            let mut until = until(&["w"], false, now);
            until.observe(&event(
                EventKind::Snapshot,
                "w",
                "working",
                ProcessState::Gone,
            ));
            assert_eq!(code(&until), Some(3));
        }
    }
}
