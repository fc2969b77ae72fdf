//! Status changes, and how one is applied to the last update.
//!
//! A session has a status and, in front of it, the open requests: questions and
//! permissions that the user has not answered. While a request is open, the
//! session is blocked. When the last one is answered, the status behind them
//! is shown again. Requests, task counts and the status behind are stored in the
//! metadata of the updates, so that the file is the only state.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sstat::{ProcessIdentity, SessionName, Status, Update};

use crate::hook::Payload;
use crate::hook::wording::{Tool, first_line};

/// Minimum time between equal updates, and between those of subagents, so that
/// tool calls do not flood the file.
const REPEAT_AFTER: TimeDelta = TimeDelta::seconds(30);

/// `stale_after` of an ended session: a year.
const ENDED_STALE_AFTER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Time after a scheduled run until the session is stale.
const SCHEDULE_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// The key of a line that has the id of the agent's session.
const RUN: &str = "run";

/// The key of a line that has the run of the wrapper around the agent.
const WRAPPER: &str = "wrapper";

/// Maximum number of open requests, so that a line stays short.
const MAX_REQUESTS: usize = 20;

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Permission,
    Question,
    Plan,
    /// The conversation is being compacted: the session works, and continues
    /// with the status behind.
    Compaction,
}

/// Something that must end before the session shows its own status again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub kind: Kind,
    /// The id of the subagent, empty for the main agent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// The id of the tool call, if known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub call: String,
    /// The hash of the tool call's name and input, if known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
    pub message: String,
}

impl Request {
    pub fn compaction() -> Self {
        Self {
            kind: Kind::Compaction,
            agent: String::new(),
            call: String::new(),
            hash: String::new(),
            message: "Compacting the conversation".to_owned(),
        }
    }

    /// Returns true if both are about the same tool call.
    fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.agent == other.agent
            && (self.hash == other.hash || (!self.call.is_empty() && self.call == other.call))
    }
}

/// The requests that an event answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Answered {
    Nothing,
    /// Requests of the main agent without a known tool call.
    Unnamed,
    /// Requests of the main agent for this tool call.
    Call {
        id: String,
        hash: String,
    },
    /// All requests of this agent.
    Agent(String),
    /// The form of an MCP server.
    Elicitation,
    Compaction,
    Everything,
}

impl Answered {
    fn includes(&self, request: &Request) -> bool {
        let is_main = request.agent.is_empty();
        let is_unnamed = request.call.is_empty() && request.hash.is_empty();
        match self {
            Self::Nothing => false,
            Self::Unnamed => is_main && is_unnamed,
            Self::Call { id, hash } => {
                let is_call = !id.is_empty() && *id == request.call;
                let is_input = !hash.is_empty() && *hash == request.hash;
                is_main && (is_unnamed || is_call || is_input)
            }
            Self::Agent(agent) => request.agent == *agent,
            Self::Elicitation => {
                request.kind == Kind::Question && (is_unnamed || request.hash == "elicitation")
            }
            Self::Compaction => request.kind == Kind::Compaction,
            Self::Everything => true,
        }
    }
}

/// A subagent that runs in the background.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subagent {
    pub id: String,
    pub label: String,
}

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
    /// Whether an end in the middle of a turn is an error.
    may_break_off: bool,
    stale_after: Option<Duration>,
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
            may_break_off: false,
            stale_after: None,
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

    /// Keeps an earlier request, which has more details.
    pub fn asking_unless_open(request: Request) -> Self {
        Self {
            asks_unless_open: true,
            ..Self::asking(request)
        }
    }

    /// Returns the change of the main agent when it continues or ends its turn.
    fn main(status: Status, message: impl Into<String>) -> Self {
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
            stale_after: Some(wait.map_or(ENDED_STALE_AFTER, |wait| wait + SCHEDULE_TOLERANCE)),
            ..Self::main(Status::Idle, message)
        }
    }

    pub fn failed(status: Status, message: String) -> Self {
        Self::main(status, message)
    }

    pub fn with_error_kind(self, error_kind: Option<String>) -> Self {
        Self { error_kind, ..self }
    }

    pub fn interrupted() -> Self {
        Self {
            keeps_task: false,
            ..Self::main(Status::Idle, "Interrupted")
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
            may_break_off: true,
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
        matches!(self.lifetime, Lifetime::Ends | Lifetime::IsReplaced)
    }

    /// Applies the change to the last update. Returns `None` if nothing is to be
    /// written. Without `lock`, task counts and open requests stay unchanged.
    pub fn apply(&self, context: &Context<'_>) -> Option<Update> {
        let mut new_status = self.status.clone();
        let last = context.last;
        let mut state = context.state.clone();
        if self.ends_session() {
            new_status = Some(self.end(context)?);
        }
        let mut requests = state.requests.clone();
        let is_main_working = new_status.is_some() && self.subagent.is_none();
        requests.retain(|request| {
            !(self.answered.includes(request)
                || is_main_working && request.kind == Kind::Compaction)
        });
        let is_open = requests
            .iter()
            .any(|request| request.kind != Kind::Compaction);
        let asked = self.asks.as_ref();
        let asked = asked.filter(|_| !self.asks_unless_open || !is_open);
        if let Some(asked) = asked {
            match requests.iter().position(|request| request.is_same(asked)) {
                Some(known) if requests[known].call.is_empty() => requests[known] = asked.clone(),
                Some(_) => {}
                None if requests.len() < MAX_REQUESTS => requests.push(asked.clone()),
                None => {}
            }
        }
        let requests_change = requests != state.requests;

        let behind = state.behind.take().or_else(|| last.map(Behind::of));
        let mut behind = behind.unwrap_or_default();
        if let Some(subagent) = &self.subagent {
            let is_due = last.is_some_and(|last| context.now - last.timestamp >= REPEAT_AFTER);
            let is_working = behind.status == Status::Working.as_str();
            if !is_working {
                new_status = None;
            } else if let Some((_, message)) = &mut new_status {
                let mut known = state.subagents.iter();
                let known = known.find(|known| known.id == subagent.id);
                let label = &known.unwrap_or(subagent).label;
                *message = first_line(&format!("{label}: {message}")).unwrap_or_default();
            }
            let refreshes = is_working && is_due;
            if !requests_change && !refreshes {
                return None;
            }
        } else if new_status.is_none() && asked.is_none() && !requests_change {
            return None;
        }

        let was_working = matches!(behind.status.as_str(), "working" | "blocked");
        if let Some((status, message)) = new_status {
            let kept = behind.progress.filter(|_| self.keeps_task && was_working);
            behind = Behind {
                progress: kept.filter(|_| status != Status::Completed),
                status: status.as_str().to_owned(),
                message,
                error_kind: self.error_kind.clone(),
            };
        }
        if context.is_locked {
            let tasks = match self.progress {
                Progress::TaskCreated => Some(state.tasks.unwrap_or_default().created()),
                // Without the number of created tasks there is no progress.
                Progress::TaskCompleted => state.tasks.map(TaskCounts::completed),
                _ => None,
            };
            if let Some(tasks) = tasks {
                behind.progress = Some(tasks.progress());
                state.tasks = Some(tasks);
            }
            state.requests.clone_from(&requests);
        }
        if let Progress::Reached(progress) = self.progress {
            behind.progress = Some(progress);
        }
        if self.lifetime == Lifetime::Starts {
            state.tasks = None;
        }
        if let Some(subagents) = &self.in_background {
            state.subagents.clone_from(subagents);
        }

        // A question is more important than a compaction.
        let is_question = |request: &&Request| request.kind != Kind::Compaction;
        let shown = requests.iter().find(is_question).or(requests.first());
        let (status, message, error_kind) = match shown {
            Some(request) => (request.status(), request.message.clone(), None),
            None => (
                behind.status(),
                behind.message.clone(),
                behind.error_kind.clone(),
            ),
        };
        // Only the wrapper ends its run.
        let is_final = matches!(status, Status::Completed | Status::Error);
        let status = match context.wrapper {
            Some(_) if is_final => Status::Idle,
            _ => status,
        };
        let mut update = Update::new(context.session, status, context.now);
        for (key, value) in [(RUN, context.run), (WRAPPER, context.wrapper)] {
            let json = value.and_then(|value| serde_json::value::to_raw_value(value).ok());
            update.extra.extend(json.map(|json| (key.to_owned(), json)));
        }
        if !message.is_empty() {
            update.message = message;
        }
        let progress = behind.progress.filter(|_| shown.is_none() || was_working);
        update.progress = progress.or(update.progress);
        if self.ends_session() {
            update.stale_after = Some(ENDED_STALE_AFTER);
        } else {
            update.stale_after = self.stale_after.or(context.stale_after);
            update.process = context.process.cloned().map(Box::new);
        }
        if self.keeps_task {
            update.task_id = last.and_then(|last| last.task_id.clone());
        }
        state.behind = shown.map(|_| behind);
        state.waiting_for = shown
            .map(|request| request.kind)
            .filter(|kind| *kind != Kind::Compaction);
        state.error_kind = error_kind;
        state.describe(context);
        update.metadata = serde_json::value::to_raw_value(&state).ok();
        let repeats = last.is_some_and(|last| repeats(&update, last));
        (!repeats).then_some(update)
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
            Status::Working | Status::Blocked if self.may_break_off => {
                Some((Status::Error, "ended before its turn did".to_owned()))
            }
            _ if last.stale_after == Some(ENDED_STALE_AFTER) => None,
            _ => self.status.clone(),
        }
    }
}

impl Request {
    fn status(&self) -> Status {
        match self.kind {
            Kind::Compaction => Status::Working,
            _ => Status::Blocked,
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
    /// The value of `--expect`.
    pub stale_after: Option<Duration>,
    pub agent: Option<&'a str>,
    /// The id of the agent's session.
    pub run: Option<&'a str>,
    /// The run of the wrapper around the agent.
    pub wrapper: Option<&'a str>,
    pub directory: Option<String>,
    pub model: Option<String>,
}

/// The metadata of a hook's update.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookState {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<TaskCounts>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subagents: Vec<Subagent>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requests: Vec<Request>,
    #[serde(skip_serializing_if = "Option::is_none")]
    behind: Option<Behind>,
    /// The id of the agent's session.
    #[serde(skip)]
    pub run: Option<String>,
    #[serde(skip)]
    pub process: Option<ProcessIdentity>,
    #[serde(skip)]
    pub has_ended: bool,
}

impl HookState {
    /// Returns the state in the metadata of a hook's update, or `None` for the
    /// update of another writer.
    pub fn of(update: &Update) -> Option<Self> {
        let metadata = update.metadata.as_ref()?;
        let state: Self = serde_json::from_str(metadata.get()).ok()?;
        let run = update.extra.iter().find(|(key, _)| key == RUN);
        state.agent.is_some().then(|| Self {
            run: run.and_then(|(_, json)| serde_json::from_str(json.get()).ok()),
            process: update.process.as_deref().cloned(),
            has_ended: update.stale_after == Some(ENDED_STALE_AFTER),
            ..state
        })
    }

    /// Forgets the status behind open requests: another writer has replaced it.
    pub fn without_behind(self) -> Self {
        Self {
            behind: None,
            ..self
        }
    }

    fn describe(&mut self, context: &Context<'_>) {
        let short = |text: &String| first_line(text);
        let agent = context.agent.map(str::to_owned);
        self.agent = agent
            .or_else(|| self.agent.take())
            .or(Some("unknown".to_owned()));
        self.cwd = context.directory.clone().or_else(|| self.cwd.take());
        let model = context.model.as_ref().and_then(short);
        self.model = model.or_else(|| self.model.take());
    }
}

/// The status behind open requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Behind {
    status: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    progress: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_kind: Option<String>,
}

impl Default for Behind {
    fn default() -> Self {
        Self {
            status: Status::Working.as_str().to_owned(),
            message: "Working on a prompt".to_owned(),
            progress: None,
            error_kind: None,
        }
    }
}

impl Behind {
    fn of(last: &Update) -> Self {
        Self {
            status: last.status.as_str().to_owned(),
            message: last.message.clone(),
            progress: last.progress,
            error_kind: HookState::of(last).and_then(|state| state.error_kind),
        }
    }

    fn status(&self) -> Status {
        self.status.parse().unwrap_or(Status::Working)
    }
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
}

/// Number of tasks in an agent's list, counted from events that each report one
/// task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct TaskCounts {
    created: u64,
    completed: u64,
}

impl TaskCounts {
    /// Counts a new task. After a completed list, a new list begins.
    fn created(self) -> Self {
        if self.completed >= self.created {
            return Self {
                created: 1,
                completed: 0,
            };
        }
        Self {
            created: self.created.saturating_add(1),
            ..self
        }
    }

    fn completed(self) -> Self {
        Self {
            completed: self.completed.saturating_add(1).min(self.created),
            ..self
        }
    }

    fn progress(self) -> f64 {
        match self.created {
            0 => 0.0,
            created => (self.completed as f64 / created as f64).min(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_counts_change_with_each_event() {
        let counts = |created, completed| TaskCounts { created, completed };
        assert_eq!(TaskCounts::default().created(), counts(1, 0));
        assert_eq!(counts(2, 1).created(), counts(3, 1));
        assert_eq!(counts(3, 3).created(), counts(1, 0));
        assert_eq!(counts(3, 3).completed(), counts(3, 3));
        assert_eq!(counts(4, 1).progress(), 0.25);
        assert_eq!(counts(0, 7).progress(), 0.0);
        assert_eq!(counts(u64::MAX, 0).created(), counts(u64::MAX, 0));
    }

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
