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

use crate::hook::Payload;
use crate::hook::request::{Answered, Request};
use crate::hook::state::{Behind, ENDED_STALE_AFTER, HookState, Subagent, TaskCounts};
use crate::hook::wording::{Tool, first_line};

/// Minimum time between equal updates, and between those of subagents, so that
/// tool calls do not flood the file.
const REPEAT_AFTER: TimeDelta = TimeDelta::seconds(30);

/// Time after a scheduled run until the session is stale.
const SCHEDULE_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Assumed time until the next scheduled run if it is unknown: a day.
const UNKNOWN_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Maximum number of open requests, so that a line stays short.
const MAX_REQUESTS: usize = 20;

/// A change of the progress.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    Unchanged,
    /// The completed part of the task list.
    Reached(f64),
    TaskCreated,
    TaskCompleted,
}

/// Whether an event starts or ends the agent's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lifetime {
    Runs,
    Starts,
    Ends,
    /// The session ends, which is an error in the middle of a turn.
    BreaksOff,
    /// The agent continues with another session, which has this session's name
    /// unless the name is derived from the id.
    IsReplaced,
}

/// A change of the session's status.
#[derive(Debug)]
pub struct StatusChange {
    /// The new status with its message; `None` keeps the last one.
    status: Option<(Status, String)>,
    error_kind: Option<String>,
    progress: Progress,
    /// Whether the task and the progress of the last update are kept.
    keeps_task: bool,
    answered: Answered,
    asks: Option<Request>,
    /// Whether the request is only added if no other is open.
    asks_unless_open: bool,
    lifetime: Lifetime,
    end_reason: Option<String>,
    stale_after: Option<Duration>,
    /// Whether the change only applies in the middle of a turn.
    is_interruption: bool,
    /// The subagent that works. Its events only refresh a working session.
    subagent: Option<Subagent>,
    /// The subagents that run in the background from now on.
    in_background: Option<Vec<Subagent>>,
}

impl StatusChange {
    fn new(status: Option<(Status, String)>, answered: Answered) -> Self {
        Self {
            status,
            error_kind: None,
            progress: Progress::Unchanged,
            keeps_task: true,
            answered,
            asks: None,
            asks_unless_open: false,
            lifetime: Lifetime::Runs,
            end_reason: None,
            stale_after: None,
            is_interruption: false,
            subagent: None,
            in_background: None,
        }
    }

    /// Answers requests without a new status.
    pub fn answering(answered: Answered) -> Self {
        Self::new(None, answered)
    }

    pub fn asking(request: Request) -> Self {
        Self {
            asks: Some(request),
            ..Self::new(None, Answered::Nothing)
        }
    }

    pub fn also_answering(self, answered: Answered) -> Self {
        Self { answered, ..self }
    }

    /// Keeps an earlier request, which has more details.
    pub fn asking_unless_open(request: Request) -> Self {
        Self {
            asks_unless_open: true,
            ..Self::asking(request)
        }
    }

    /// Returns the change of the main agent when it continues or ends its turn.
    pub fn main(status: Status, message: impl Into<String>) -> Self {
        let answered = Answered::Agent(String::new());
        Self::new(Some((status, message.into())), answered)
    }

    pub fn started() -> Self {
        Self {
            keeps_task: false,
            lifetime: Lifetime::Starts,
            answered: Answered::Everything,
            in_background: Some(Vec::new()),
            ..Self::main(Status::Idle, "")
        }
    }

    pub fn prompted(prompt: Option<String>) -> Self {
        Self {
            keeps_task: false,
            ..Self::continued(prompt)
        }
    }

    /// Returns the change for a prompt that the agent sends to itself.
    pub fn continued(prompt: Option<String>) -> Self {
        let message = prompt.unwrap_or_else(|| "Working on a prompt".to_owned());
        Self::main(Status::Working, message)
    }

    /// Returns the change for a tool call: progress for a task list, no new
    /// status for a call of `sstat push`, whose own update must stay the last.
    pub fn using(tool: &Tool, answered: Answered) -> Self {
        let list = match tool.name.as_deref() {
            Some("TodoWrite" | "todo_write" | "write_todos") => "todos",
            Some("update_plan") => "plan",
            Some("TaskUpdate") => return Self::answering(answered),
            _ if tool.pushes_status() => return Self::answering(answered),
            _ => return Self::new(Some((Status::Working, tool.to_string())), answered),
        };
        let (progress, message) = match list_progress(&tool.input.objects(list)) {
            Some((progress, message)) => (Progress::Reached(progress), message),
            None => (Progress::Unchanged, tool.to_string()),
        };
        Self {
            progress,
            ..Self::new(Some((Status::Working, message)), answered)
        }
    }

    pub fn subagent_working(subagent: Subagent, message: String, answered: Answered) -> Self {
        Self {
            subagent: Some(subagent),
            ..Self::new(Some((Status::Working, message)), answered)
        }
    }

    pub fn completed(answer: Option<String>) -> Self {
        let message = answer.unwrap_or_else(|| "Turn completed".to_owned());
        Self {
            in_background: Some(Vec::new()),
            ..Self::main(Status::Completed, message)
        }
    }

    pub fn in_background(message: String, subagents: Vec<Subagent>) -> Self {
        Self {
            in_background: Some(subagents),
            ..Self::main(Status::Working, message)
        }
    }

    /// Returns the change of an agent that waits for its next scheduled run.
    pub fn asleep(message: String, wait: Option<Duration>) -> Self {
        Self {
            stale_after: Some(wait.unwrap_or(UNKNOWN_WAIT) + SCHEDULE_TOLERANCE),
            ..Self::main(Status::Idle, message)
        }
    }

    pub fn with_error_kind(self, error_kind: Option<String>) -> Self {
        Self { error_kind, ..self }
    }

    pub fn with_end_reason(self, end_reason: Option<String>) -> Self {
        Self { end_reason, ..self }
    }

    pub fn interrupted() -> Self {
        Self {
            keeps_task: false,
            ..Self::main(Status::Idle, "Interrupted")
        }
    }

    /// Returns the change of an agent that waits for a prompt: if its turn has not ended,
    /// the user has interrupted it.
    pub fn waiting() -> Self {
        Self {
            is_interruption: true,
            ..Self::interrupted()
        }
    }

    pub fn ended() -> Self {
        Self {
            keeps_task: false,
            lifetime: Lifetime::Ends,
            answered: Answered::Everything,
            in_background: Some(Vec::new()),
            ..Self::main(Status::Idle, "session ended")
        }
    }

    pub fn replaced() -> Self {
        Self {
            lifetime: Lifetime::IsReplaced,
            ..Self::ended()
        }
    }

    /// Returns the change for an end that is an error in the middle of a turn.
    pub fn broken_off() -> Self {
        Self {
            lifetime: Lifetime::BreaksOff,
            ..Self::ended()
        }
    }

    pub fn task(change: Progress, message: String) -> Self {
        Self {
            progress: change,
            ..Self::new(Some((Status::Working, message)), Answered::Nothing)
        }
    }

    /// Returns true if the agent exits.
    pub fn ends_session(&self) -> bool {
        !matches!(self.lifetime, Lifetime::Runs | Lifetime::Starts)
    }

    /// Applies the change to the last update. Returns `None` if nothing is to be
    /// written. Without the lock, task counts and open requests stay unchanged.
    pub fn apply(&self, context: &Context<'_>) -> Option<Update> {
        let last = context.last;
        let mut state = context.state.clone();
        let is_other_run = |run: &String| context.run.is_some_and(|current| current != run);
        let is_new_run = state.run.as_ref().is_some_and(is_other_run);
        if is_new_run {
            // Requests and tasks belonged to another session of the agent.
            state = HookState::default();
        }
        let mut new_status = match self.ends_session() {
            true => Some(self.end(context)?),
            false => self.status.clone(),
        };
        let requests = self.requests_after(&state.requests);
        let requests_change = requests != context.state.requests;
        let of_last = || last.filter(|_| !is_new_run).map(Behind::of);
        let behind = state.behind.take().or_else(of_last);
        let mut behind = behind.unwrap_or_default();
        let was_working = matches!(behind.status.as_str(), "working" | "blocked");
        let is_in_turn = last.is_some() && was_working && state.subagents.is_empty();
        if self.is_interruption && !is_in_turn {
            return None;
        }
        if let Some(subagent) = &self.subagent {
            let is_working = behind.status == Status::Working.as_str();
            let is_due = last.is_some_and(|last| context.now - last.timestamp >= REPEAT_AFTER);
            let refreshes = is_working && is_due;
            if !requests_change && !refreshes {
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
            let kept_error = state.error_kind.clone().filter(|_| self.ends_session());
            let keeps = self.keeps_task && was_working && status != Status::Completed;
            behind = Behind {
                progress: behind.progress.filter(|_| keeps),
                status: status.as_str().to_owned(),
                message,
                error_kind: self.error_kind.clone().or(kept_error),
            };
        }
        if self.lifetime == Lifetime::Starts {
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
        let Some(asked) = self
            .asks
            .as_ref()
            .filter(|_| !self.asks_unless_open || !is_blocked)
        else {
            return requests;
        };
        match requests.iter().position(|request| request.is_same(asked)) {
            Some(known) if requests[known].call.is_empty() => requests[known] = asked.clone(),
            Some(_) => {}
            None if requests.len() < MAX_REQUESTS => requests.push(asked.clone()),
            None => {}
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
            Some(request) => (request.status(), request.message.clone()),
            None => (behind.status(), behind.message.clone()),
        };
        let is_final = matches!(status, Status::Completed | Status::Error);
        let status = match context.wrapper {
            // Only the wrapper ends its run.
            Some(_) if is_final => Status::Idle,
            _ => status,
        };
        let mut update = Update::new(context.session, status, context.now);
        update.run = context.run.map(str::to_owned);
        update.wrapper = context.wrapper.map(ProcessIdentity::run_name);
        update.tmux = context.tmux.map(str::to_owned);
        if !message.is_empty() {
            update.message = message;
        }
        let shows_progress = shown.is_none() || behind.status() == Status::Working;
        let progress = behind.progress.filter(|_| shows_progress);
        update.progress = progress.or(update.progress);
        let reason = self.end_reason.as_deref().unwrap_or("other");
        state.session_end = self.ends_session().then(|| reason.to_owned());
        // After the end of the agent, the wrapper still runs.
        let process = match self.ends_session() {
            true => context.wrapper,
            false => context.process,
        };
        update.process = process.cloned().map(Box::new);
        update.stale_after = match (self.ends_session(), process) {
            (true, None) => Some(ENDED_STALE_AFTER),
            _ => self.stale_after.or(context.stale_after),
        };
        if self.keeps_task {
            update.task_id = context.last.and_then(|last| last.task_id.clone());
        }
        state.waiting_for = shown
            .filter(|request| request.is_question())
            .map(|request| request.kind);
        state.error_kind = behind.error_kind.clone().filter(|_| shown.is_none());
        state.behind = shown.map(|_| behind);
        state.describe(context);
        update.metadata = serde_json::value::to_raw_value(&state).ok();
        update
    }

    /// Returns the status of a session that ends, or `None` if its last status is
    /// kept. An event that only ends a session never creates one.
    fn end(&self, context: &Context<'_>) -> Option<(Status, String)> {
        let last = context.last?;
        if self.lifetime == Lifetime::IsReplaced && !context.is_named_by_id {
            return None;
        }
        match last.status {
            Status::Completed | Status::Error => None,
            Status::Working | Status::Blocked if self.lifetime == Lifetime::BreaksOff => {
                Some((Status::Error, "ended before its turn did".to_owned()))
            }
            _ if context.state.session_end.is_some() => None,
            // The wrapped agent has ended its turn.
            Status::Idle if context.wrapper.is_some() => Some((Status::Idle, last.message.clone())),
            _ => self.status.clone(),
        }
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
    pub process: Option<&'a ProcessIdentity>,
    /// The tmux pane of the agent.
    pub tmux: Option<&'a str>,
    /// The value of `--expect`.
    pub stale_after: Option<Duration>,
    pub agent: Option<&'a str>,
    /// The id of the agent's session.
    pub run: Option<&'a str>,
    /// The wrapper around the agent.
    pub wrapper: Option<&'a ProcessIdentity>,
    pub directory: Option<String>,
    pub model: Option<String>,
}

/// Returns the completed part of a task list and its active task, or `None` for
/// an empty list.
fn list_progress(items: &[Payload]) -> Option<(f64, String)> {
    let has = |item: &Payload, status: &str| item.text("status").as_deref() == Some(status);
    let all = items.iter().filter(|item| !has(item, "cancelled")).count();
    let done = items.iter().filter(|item| has(item, "completed")).count();
    if all == 0 {
        return None;
    }
    let active = items
        .iter()
        .find(|item| has(item, "in_progress"))
        .and_then(|item| item.first_text(&["activeForm", "content", "description", "step"]))
        .and_then(|text| first_line(&text));
    let message = active.unwrap_or_else(|| format!("{done} of {all} done"));
    Some((done as f64 / all as f64, message))
}

/// Returns true if the update is equal to `last` and follows it within
/// [`REPEAT_AFTER`].
fn repeats(update: &Update, last: &Update) -> bool {
    let seconds = |stale_after: Option<Duration>| stale_after.map(|time| time.as_secs());
    let metadata = |update: &Update| update.metadata.as_ref().map(|json| json.get().to_owned());
    (update.timestamp - last.timestamp).abs() <= REPEAT_AFTER
        && update.status == last.status
        && update.message == last.message
        && update.progress == last.progress
        && update.task_id == last.task_id
        && update.process == last.process
        && seconds(update.stale_after) == seconds(last.stale_after)
        && metadata(update) == metadata(last)
        && update.run == last.run
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
