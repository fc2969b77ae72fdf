//! Decides when `watch --until` ends, and with which exit code. Pure: the caller
//! passes the events.

use std::time::Duration;

use sstat::{Session, Status};

use super::event::{Event, EventKind};
use crate::cli;
use crate::error::exit_code;
use crate::hook::is_finished;
use crate::select::Names;

/// The sessions to wait for, and which of them have reached a status or failed.
pub struct WaitCondition {
    statuses: Vec<Status>,
    /// One session that reaches a status is enough.
    any: bool,
    /// The statuses at the start count, if they are not older than `since`.
    now: bool,
    since: Option<Duration>,
    sessions: Vec<Waited>,
    /// The patterns that no session has matched yet.
    patterns: Vec<(String, Names)>,
}

struct Waited {
    /// The qualified name.
    name: String,
    /// The name for text.
    label: String,
    last_status: Option<Status>,
    verdict: Option<Verdict>,
}

/// How the wait for one or all sessions has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub code: u8,
    /// `None` if the code is 0.
    pub reason: Option<String>,
}

impl Verdict {
    const REACHED: Self = Self {
        code: 0,
        reason: None,
    };

    pub fn failed(code: u8, reason: String) -> Self {
        Self {
            code,
            reason: Some(reason),
        }
    }
}

impl WaitCondition {
    pub fn new(args: &cli::Watch) -> Self {
        Self {
            statuses: args.until.clone(),
            any: args.any,
            now: args.now,
            since: args.filters.since,
            sessions: Vec::new(),
            patterns: Vec::new(),
        }
    }

    /// Waits for the session with a qualified name.
    pub fn add_session(&mut self, name: &str) {
        if self.sessions.iter().all(|waited| waited.name != name) {
            self.sessions.push(Waited {
                name: name.to_owned(),
                label: name.to_owned(),
                last_status: None,
                verdict: None,
            });
        }
    }

    /// Waits for the first session that will match a pattern.
    pub fn add_pattern(&mut self, pattern: &str) {
        let names = Names::new(&[pattern.to_owned()]);
        self.patterns.push((pattern.to_owned(), names));
    }

    fn match_patterns(&mut self, session: &Session) {
        let before = self.patterns.len();
        self.patterns
            .retain(|(_, names)| !names.want_session(session));
        if self.patterns.len() < before {
            self.add_session(&session.qualified_name());
        }
    }

    /// Takes an event into account. Returns a note for the user.
    pub fn observe(&mut self, event: &Event) -> Option<String> {
        let session = &event.session;
        let status = &session.update.status;
        let is_removed = event.kind == EventKind::Removed;
        if !is_removed {
            self.match_patterns(session);
        }
        let name = session.qualified_name();
        let waited = self
            .sessions
            .iter_mut()
            .find(|waited| waited.name == name)?;
        let label = session.display_name();
        waited.label = label.clone().into_owned();
        waited.last_status = (!is_removed).then(|| status.clone());
        if waited.verdict.is_some() {
            return None;
        }
        if is_removed {
            return Some(format!(
                "{label}: its file is gone or empty; waiting for it"
            ));
        }
        let is_snapshot = event.kind == EventKind::Snapshot;
        let dead = session.health.is_dead();
        let is_old = self.since.is_some_and(|since| session.health.age > since);
        let counts = match event.kind {
            // The last status of a dead session is obsolete.
            EventKind::Snapshot => self.now && !dead && !is_old,
            EventKind::Update { .. } => true,
            _ => false,
        };
        let reached = self.statuses.contains(status);
        let ended = *status == Status::Error || is_finished(&session.update);
        let failed = |code, why: &str| Some(Verdict::failed(code, format!("{label}: {why}")));
        let pid = session.update.process.as_ref();
        let pid = pid.map_or(String::new(), |process| format!(" {}", process.pid));
        let gone = format!("process{pid} is gone, its last status is {status}");
        waited.verdict = if counts && reached {
            Some(Verdict::REACHED)
        } else if counts && ended {
            let message = match &*session.update.message {
                "" => String::new(),
                message => format!(": {message}"),
            };
            failed(exit_code::NO_MATCH, &format!("ended as {status}{message}"))
        } else if dead {
            failed(exit_code::DEAD, &format!("dead: {gone}"))
        } else if event.kind == EventKind::Exited {
            failed(exit_code::NO_MATCH, &gone)
        } else {
            None
        };
        if waited.verdict.is_some() || !is_snapshot || !(reached || ended) {
            return None;
        }
        Some(match (self.now, reached) {
            (true, _) => {
                format!("{label}: was {status} before --since; waiting for its next update")
            }
            (false, true) => format!(
                "{label}: is {status} already; waiting for the next time (--now would accept it)"
            ),
            (false, false) => format!(
                "{label}: is {status} already; waiting for its next update (--now would end here)"
            ),
        })
    }

    /// Returns how the wait has ended, or `None` if it has not.
    pub fn verdict(&self) -> Option<Verdict> {
        let total = self.sessions.len() + self.patterns.len();
        let verdicts = self
            .sessions
            .iter()
            .filter_map(|waited| waited.verdict.as_ref());
        let (reached, failed): (Vec<_>, Vec<_>) = verdicts.partition(|verdict| verdict.code == 0);
        let needed = if self.any { 1 } else { total };
        if reached.len() >= needed {
            return Some(Verdict::REACHED);
        }
        if !self.any {
            return failed.first().copied().cloned();
        }
        if failed.len() < total {
            return None;
        }
        let reasons = failed
            .iter()
            .filter_map(|verdict| verdict.reason.as_deref());
        let reasons = reasons.collect::<Vec<&str>>().join("; ");
        // DEAD, the highest code, only if all sessions are dead.
        let code = failed.iter().map(|verdict| verdict.code).min()?;
        Some(Verdict::failed(code, reasons))
    }

    /// Describes the sessions that are still waited for.
    pub fn open(&self) -> String {
        let open = self
            .sessions
            .iter()
            .filter(|waited| waited.verdict.is_none());
        let open = open.map(|waited| match &waited.last_status {
            Some(status) => format!("{} is {status}", waited.label),
            None => format!("{} does not exist", waited.label),
        });
        let unmatched = self.patterns.iter().map(|(pattern, _)| no_match(pattern));
        open.chain(unmatched).collect::<Vec<String>>().join(", ")
    }
}

pub fn no_match(pattern: &str) -> String {
    format!("no session matches '{pattern}'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use sstat::{Health, ProcessState, Thresholds, Update};

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
        let mut condition = WaitCondition {
            statuses: vec![Status::Completed],
            any,
            now,
            since: None,
            sessions: Vec::new(),
            patterns: Vec::new(),
        };
        names.iter().for_each(|name| condition.add_session(name));
        condition
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
    fn only_updates_count_without_now() {
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
    fn session_that_ended_otherwise_before_is_noted_and_fails_with_now() {
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
    fn removed_session_is_waited_for() {
        let mut until = until(&["a", "w"], false, false);
        update(&mut until, "a", "completed");
        snapshot(&mut until, "w", "working");
        let remove = |until: &mut WaitCondition, name| {
            // Its process may well be gone too by then.
            let event = event(EventKind::Removed, name, "working", ProcessState::Gone);
            until.observe(&event)
        };
        assert_eq!(remove(&mut until, "a"), None, "not waited for");
        assert_eq!(
            remove(&mut until, "w").unwrap(),
            "w: its file is gone or empty; waiting for it"
        );
        assert_eq!(until.open(), "w does not exist");
        assert_eq!(code(&until), None);
        update(&mut until, "w", "completed");
        assert_eq!(code(&until), Some(0));
    }

    #[test]
    fn unmatched_pattern_waits_for_its_first_session() {
        let mut all = until(&["a"], false, false);
        all.add_pattern("x*");
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
        any.add_pattern("x*");
        update(&mut any, "a", "error");
        assert_eq!(code(&any), None);
        update(&mut any, "x1", "error");
        assert_eq!(code(&any), Some(1));

        let mut both = until(&["x1"], false, false);
        both.add_pattern("x*");
        update(&mut both, "x1", "completed");
        assert_eq!(code(&both), Some(0), "one may be named twice");
    }

    #[test]
    fn first_failure_ends_a_wait_for_all() {
        let mut all = until(&["a", "b"], false, false);
        update(&mut all, "a", "completed");
        update(&mut all, "a", "error");
        assert_eq!(code(&all), None, "the first verdict on a session counts");
        assert_eq!(all.open(), "b does not exist");
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
    fn wait_for_any_fails_when_all_have_failed() {
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
    fn session_dead_at_the_start_fails() {
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
