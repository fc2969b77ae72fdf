//! Status changes, and how one is applied to the last update.
//!
//! A session has a status and, in front of it, the open requests: questions and
//! permissions that the user has not answered. While a request is open, the
//! session is blocked. When the last one is answered, the status behind them
//! is shown again. Requests, task counts and the status behind are stored in the
//! metadata of the updates, so that the file is the only state.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sstat::{ProcessIdentity, SessionName, Status, Update};

use crate::hook::request::{Answered, Request};
use crate::hook::state::{Behind, HookState, Subagent, TaskCounts};
use crate::hook::wording::first_line;

/// Minimum time between equal updates, and between those of subagents, so that
/// tool calls do not flood the file.
const REPEAT_AFTER: TimeDelta = TimeDelta::seconds(30);

/// `stale_after` of an ended session: a year.
const ENDED_STALE_AFTER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Maximum number of open requests, so that a line stays short.
const MAX_REQUESTS: usize = 20;

/// A change of the progress.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Progress {
    #[default]
    Unchanged,
    /// The completed part of the task list.
    Reached(f64),
    TaskCreated,
    TaskCompleted,
    /// The tasks of an earlier session no longer count.
    Restarted,
}

/// A change of the session's status.
#[derive(Debug, Default)]
pub struct StatusChange {
    /// The new status with its message; `None` keeps the last one.
    pub status: Option<(Status, String)>,
    pub error_kind: Option<String>,
    pub progress: Progress,
    /// Whether the task and the progress of the last update no longer apply.
    pub drops_task: bool,
    pub answered: Answered,
    pub asks: Option<Request>,
    /// Whether the request is only added if no other is open, which has more details.
    pub asks_unless_open: bool,
    /// The reason, if the agent's session ends.
    pub session_end: Option<String>,
    pub stale_after: Option<Duration>,
    /// Whether the change only applies in the middle of a turn.
    pub is_interruption: bool,
    /// The subagent that works. Its events only refresh a working session.
    pub subagent: Option<Subagent>,
    /// The subagents that run in the background from now on.
    pub in_background: Option<Vec<Subagent>>,
}

impl StatusChange {
    /// Answers requests without a new status.
    pub fn answering(answered: Answered) -> Self {
        Self {
            answered,
            ..Self::default()
        }
    }

    pub fn asking(request: Request) -> Self {
        Self {
            asks: Some(request),
            ..Self::default()
        }
    }

    pub fn working(message: String, answered: Answered) -> Self {
        Self {
            status: Some((Status::Working, message)),
            ..Self::answering(answered)
        }
    }

    /// Returns the change of the main agent when it continues or ends its turn.
    pub fn main(status: Status, message: impl Into<String>) -> Self {
        Self {
            status: Some((status, message.into())),
            ..Self::answering(Answered::Agent(String::new()))
        }
    }

    pub fn interrupted() -> Self {
        Self {
            drops_task: true,
            ..Self::main(Status::Idle, "Interrupted")
        }
    }

    pub fn ends_session(&self) -> bool {
        self.session_end.is_some()
    }

    /// Applies the change to the last update. Returns `None` if nothing is to be
    /// written. Without the lock, task counts and open requests stay unchanged.
    pub fn apply(&self, context: &Context<'_>) -> Option<Update> {
        let last = context.last;
        let is_other_run = |run: &String| context.run.is_some_and(|current| current != run);
        let is_new_run = context.state.run.as_ref().is_some_and(is_other_run);
        let mut state = match is_new_run {
            // Requests and tasks belonged to another session of the agent.
            true => HookState::default(),
            false => context.state.clone(),
        };
        let mut new_status = match &self.session_end {
            Some(reason) => Some(status_at_end(reason, context)?),
            None => self.status.clone(),
        };
        let requests = self.requests_after(&state.requests);
        let requests_change = requests != context.state.requests;
        let of_last = || Some(Behind::of(last.filter(|_| !is_new_run)?, &state));
        let mut behind = state.behind.clone().or_else(of_last).unwrap_or_default();
        let is_in_turn = matches!(behind.status.as_str(), "working" | "blocked");
        let has_background = !state.subagents.is_empty();
        if self.is_interruption && (last.is_none() || !is_in_turn || has_background) {
            return None;
        }
        if let Some(subagent) = &self.subagent {
            let is_working = behind.status() == Status::Working;
            let is_due = last.is_some_and(|last| context.now - last.timestamp >= REPEAT_AFTER);
            if !(requests_change || is_working && is_due) {
                return None;
            }
            new_status = new_status.filter(|_| is_working);
            if let Some((_, message)) = &mut new_status {
                *message = subagent.message(&state, message);
            }
        } else if new_status.is_none() && self.asks.is_none() && !requests_change {
            return None;
        }
        if let Some((status, message)) = new_status {
            let keeps_progress = !self.drops_task && is_in_turn && status != Status::Completed;
            let kept_error = state.error_kind.clone().filter(|_| self.ends_session());
            behind = Behind {
                progress: behind.progress.filter(|_| keeps_progress),
                status: status.as_str().to_owned(),
                message,
                error_kind: self.error_kind.clone().or(kept_error),
            };
        }
        if self.progress == Progress::Restarted {
            state.tasks = None;
        }
        if let Some(subagents) = &self.in_background {
            state.subagents.clone_from(subagents);
        }
        if context.is_locked {
            state.requests.clone_from(&requests);
            let tasks = match self.progress {
                Progress::TaskCreated => Some(state.tasks.unwrap_or_default().created()),
                // Without the number of created tasks there is no progress.
                Progress::TaskCompleted => state.tasks.map(TaskCounts::completed),
                _ => None,
            };
            state.tasks = tasks.or(state.tasks);
            behind.progress = tasks.map(TaskCounts::progress).or(behind.progress);
        }
        if let Progress::Reached(progress) = self.progress {
            behind.progress = Some(progress);
        }
        // A question is more important than a compaction.
        let shown = requests.iter().find(|request| request.is_question());
        let shown = shown.or(requests.first());
        let update = self.update(context, state, behind, shown);
        let repeats = last.is_some_and(|last| repeats(&update, last));
        (!repeats).then_some(update)
    }

    /// Returns the open requests after the change.
    fn requests_after(&self, before: &[Request]) -> Vec<Request> {
        let ends_compaction = self.status.is_some() && self.subagent.is_none();
        let is_open = |request: &&Request| {
            let is_over = ends_compaction && !request.is_question();
            !is_over && !self.answered.includes(request)
        };
        let mut requests: Vec<Request> = before.iter().filter(is_open).cloned().collect();
        let is_blocked = requests.iter().any(Request::is_question);
        if let Some(asked) = &self.asks
            && !(self.asks_unless_open && is_blocked)
        {
            match requests.iter_mut().find(|request| request.is_same(asked)) {
                Some(known) if known.call.is_empty() => known.clone_from(asked),
                None if before.len() < MAX_REQUESTS => requests.push(asked.clone()),
                _ => {}
            }
        }
        requests
    }

    /// Returns the update for the request that is shown, or for the status behind.
    fn update(
        &self,
        context: &Context<'_>,
        mut state: HookState,
        behind: Behind,
        shown: Option<&Request>,
    ) -> Update {
        let (status, message) = match shown {
            Some(request) if request.is_question() => (Status::Blocked, request.message.clone()),
            Some(compaction) => (Status::Working, compaction.message.clone()),
            None => (behind.status(), behind.message.clone()),
        };
        let status = match status {
            // Only the wrapper ends its run.
            Status::Completed | Status::Error if context.sender.wrapper.is_some() => Status::Idle,
            status => status,
        };
        let mut update = Update::new(context.session, status, context.now);
        update.run = context.run.map(str::to_owned);
        let sender = context.sender;
        let wrapper = sender.wrapper.as_ref();
        update.wrapper = wrapper.map(ProcessIdentity::run_name);
        update.tmux.clone_from(&sender.tmux);
        if !message.is_empty() {
            update.message = message;
        }
        let shows_progress = shown.is_none() || behind.status() == Status::Working;
        let progress = behind.progress.filter(|_| shows_progress);
        update.progress = progress.or(update.progress);
        // After the end of the agent, the wrapper still runs.
        let process = match self.ends_session() {
            true => wrapper,
            false => sender.process.as_ref(),
        };
        update.process = process.cloned().map(Box::new);
        update.stale_after = match process {
            None if self.ends_session() => Some(ENDED_STALE_AFTER),
            _ => self.stale_after.or(context.stale_after),
        };
        if !self.drops_task {
            update.task_id = context.last.and_then(|last| last.task_id.clone());
        }
        let question = shown.filter(|request| request.is_question());
        state.waiting_for = question.map(|request| request.kind);
        state.error_kind = behind.error_kind.clone().filter(|_| shown.is_none());
        state.session_end.clone_from(&self.session_end);
        state.behind = shown.map(|_| behind);
        // What the event lacks is kept.
        let agent = sender.agent.clone().or(state.agent);
        state.agent = agent.or_else(|| Some("unknown".to_owned()));
        state.cwd = sender.directory.clone().or(state.cwd);
        let model = sender.model.as_deref().and_then(first_line);
        state.model = model.or(state.model);
        update.metadata = serde_json::value::to_raw_value(&state).ok();
        update
    }
}

/// Returns the status of a session that ends, or `None` if its last status is kept. An
/// event that only ends a session never creates one.
fn status_at_end(reason: &str, context: &Context<'_>) -> Option<(Status, String)> {
    let last = context.last?;
    let is_kept = matches!(last.status, Status::Completed | Status::Error)
        || context.state.session_end.is_some();
    let is_in_turn = matches!(last.status, Status::Working | Status::Blocked);
    match reason {
        // The agent continues with another session, which has this session's name
        // unless the name is derived from the id.
        "clear" | "resume" if !context.is_named_by_id => None,
        _ if is_kept => None,
        "clear" | "resume" | "prompt_input_exit" | "logout" | "user_exit" | "abort" => {
            Some((Status::Idle, "session ended".to_owned()))
        }
        _ if is_in_turn => Some((Status::Error, "ended before its turn did".to_owned())),
        // The wrapped agent has ended its turn.
        _ if context.sender.wrapper.is_some() => Some((Status::Idle, last.message.clone())),
        _ => Some((Status::Idle, "session ended".to_owned())),
    }
}

/// The facts that a change is applied to.
pub struct Context<'a> {
    pub session: &'a SessionName,
    pub now: DateTime<Utc>,
    pub last: Option<&'a Update>,
    pub state: &'a HookState,
    /// Whether the file is locked since `last` and `state` were read.
    pub is_locked: bool,
    /// Whether the session's name is derived from the agent's session id.
    pub is_named_by_id: bool,
    /// The value of `--expect`.
    pub stale_after: Option<Duration>,
    /// The id of the agent's session, for a subagent that of its parent's.
    pub run: Option<&'a str>,
    pub sender: &'a Sender,
}

/// The agent that sent an event.
#[derive(Default)]
pub struct Sender {
    pub agent: Option<String>,
    pub process: Option<ProcessIdentity>,
    /// The id of the agent's session.
    pub run: Option<String>,
    /// The tmux pane of the agent.
    pub tmux: Option<String>,
    /// The wrapper around the agent.
    pub wrapper: Option<ProcessIdentity>,
    pub directory: Option<String>,
    pub model: Option<String>,
}

/// Returns true if the update is equal to `last`, or to the update that `last` repeats,
/// and follows it within [`REPEAT_AFTER`].
fn repeats(update: &Update, last: &Update) -> bool {
    let mut same = last.clone();
    same.timestamp = update.timestamp;
    same.repeated = false;
    same.acknowledged_until = None;
    let is_soon = (update.timestamp - last.timestamp).abs() <= REPEAT_AFTER;
    is_soon
        && same
            .encode()
            .is_ok_and(|line| update.encode().is_ok_and(|next| next == line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_update_within_30_seconds_is_a_repeat() {
        let now = DateTime::from_timestamp(1_771_101_300, 0).unwrap();
        let name = SessionName::new("w").unwrap();
        let mut last = Update::new(&name, Status::Working, now);
        last.progress = Some(0.4);
        let mut next = last.clone();
        for (second, repeated) in [(0, true), (30, true), (-2, true), (31, false), (-31, false)] {
            next.timestamp = now + TimeDelta::seconds(second);
            assert_eq!(repeats(&next, &last), repeated, "{second}");
        }
        for change in [
            |update: &mut Update| update.message.push('!'),
            |update: &mut Update| update.status = Status::Blocked,
            |update: &mut Update| update.progress = None,
            |update: &mut Update| update.task_id = Some("160".to_owned()),
            |update: &mut Update| update.metadata = serde_json::value::to_raw_value("").ok(),
        ] {
            let mut next = last.clone();
            change(&mut next);
            assert!(!repeats(&next, &last));
        }
    }
}
