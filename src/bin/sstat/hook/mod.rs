//! Converts events of coding agents to updates, without I/O: one table per
//! agent maps an event to a status change, which is applied to the last update.

mod claude_code;
mod codex;
mod gemini;
mod wording;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sstat::{JsonObject, SessionName, Status, Update};

use crate::cli::Agent;
use crate::hook::wording::{Tool, first_line};

/// The JSON object that an agent passes to its hook.
pub type Payload = JsonObject<'static>;

/// Minimum time between equal updates, so that tool calls do not flood the file.
const REPEAT_AFTER: TimeDelta = TimeDelta::seconds(30);

/// Returns the status change of an event, or `None` for unknown events and those
/// of subagents.
pub fn change(agent: Agent, event: &Event) -> Option<StatusChange> {
    if event.fields.has("agent_id") {
        return None;
    }
    match agent {
        Agent::ClaudeCode => claude_code::change(event),
        Agent::Codex => codex::change(event),
        Agent::Gemini => gemini::change(event),
    }
}

/// One event of an agent.
pub struct Event {
    pub fields: Payload,
    /// Whether prompts and answers are included in messages.
    pub prompts: bool,
}

impl Event {
    fn name(&self) -> Option<String> {
        self.text("hook_event_name")
    }

    fn text(&self, key: &str) -> Option<String> {
        self.fields.text(key)
    }

    /// Returns the first line of a prompt or an answer, unless they are disabled.
    fn said(&self, key: &str) -> Option<String> {
        self.text(key)
            .filter(|_| self.prompts)
            .and_then(|text| first_line(&text))
    }

    fn tool(&self) -> Tool {
        Tool {
            name: self.text("tool_name"),
            input: self.fields.object("tool_input").unwrap_or_default(),
        }
    }

    /// Returns the id of the agent's session.
    pub fn session_id(&self) -> Option<String> {
        self.text("session_id").or_else(|| self.text("thread-id"))
    }
}

/// A change of the session's status.
#[derive(Debug)]
pub struct StatusChange {
    status: Status,
    message: String,
    progress: Progress,
    /// Whether the task and progress of the last update are kept.
    keeps_task: bool,
    /// Whether the agent exits.
    ends_session: bool,
    /// Statuses of the last update that this change does not replace.
    unless: &'static [Status],
}

/// A change of the progress.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Progress {
    Unchanged,
    /// The completed part of the task list.
    Reached(f64),
    TaskCreated,
    TaskCompleted,
}

/// `stale_after` of an ended session: a year.
const ENDED_STALE_AFTER: Duration = Duration::from_secs(365 * 24 * 3600);

impl StatusChange {
    fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            progress: Progress::Unchanged,
            keeps_task: true,
            ends_session: false,
            unless: &[],
        }
    }

    fn started() -> Self {
        Self {
            keeps_task: false,
            ..Self::new(Status::Idle, "")
        }
    }

    fn prompted(prompt: Option<String>) -> Self {
        let message = prompt.unwrap_or_else(|| "Working on a prompt".to_owned());
        Self {
            keeps_task: false,
            ..Self::new(Status::Working, message)
        }
    }

    fn working(message: impl Into<String>) -> Self {
        Self::new(Status::Working, message)
    }

    /// Returns the change for a tool call: the progress of the task list if the
    /// tool is `list`, a pair of the tool's name and the key of the list. Returns
    /// `None` for a call of `sstat push`, whose own update must stay the last.
    fn using(tool: &Tool, (list_tool, list_key): (&str, &str)) -> Option<Self> {
        if tool.pushes_status() {
            return None;
        }
        let is_list = tool.name.as_deref() == Some(list_tool);
        let list = is_list.then(|| Self::doing(&tool.input.objects(list_key)));
        list.flatten()
            .or_else(|| Some(Self::working(tool.to_string())))
    }

    fn blocked(question: impl Into<String>) -> Self {
        Self::new(Status::Blocked, question)
    }

    /// Keeps an earlier question, which may have more details.
    fn blocked_unless_already(question: Option<String>) -> Self {
        Self {
            unless: &[Status::Blocked],
            ..Self::blocked(question.unwrap_or_else(|| "Waiting for an answer".to_owned()))
        }
    }

    fn completed(answer: Option<String>) -> Self {
        let message = answer.unwrap_or_else(|| "Turn completed".to_owned());
        Self::new(Status::Completed, message)
    }

    /// Returns the change for a failed turn.
    fn failed(kind: Option<String>, details: Option<String>) -> Self {
        let kind = kind.unwrap_or_else(|| "Turn failed".to_owned());
        let message = match details {
            Some(details) => format!("{kind}: {details}"),
            None => kind,
        };
        Self::new(Status::Error, first_line(&message).unwrap_or_default())
    }

    fn ended() -> Self {
        Self {
            keeps_task: false,
            ends_session: true,
            unless: &[Status::Completed, Status::Error],
            ..Self::new(Status::Idle, "session ended")
        }
    }

    /// Returns the progress of a task list with its active task as the message,
    /// or `None` for an empty list.
    fn doing(items: &[Payload]) -> Option<Self> {
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
        Some(Self {
            progress: Progress::Reached(done as f64 / all as f64),
            ..Self::working(message)
        })
    }

    fn task(change: Progress, message: String) -> Self {
        Self {
            progress: change,
            ..Self::working(message)
        }
    }

    /// Returns true if the change depends on the task counts.
    pub fn counts_tasks(&self) -> bool {
        matches!(
            self.progress,
            Progress::TaskCreated | Progress::TaskCompleted
        )
    }

    /// Returns true if the agent exits.
    pub fn ends_session(&self) -> bool {
        self.ends_session
    }

    /// Applies the change to the last update and the task counts. Returns `None`
    /// if `last` is kept.
    pub fn apply(
        self,
        session: &SessionName,
        now: DateTime<Utc>,
        last: Option<&Update>,
        tasks: Option<TaskCounts>,
    ) -> Option<Update> {
        if last.is_some_and(|last| self.unless.contains(&last.status)) {
            return None;
        }
        let mut update = Update::new(session, self.status, now);
        if !self.message.is_empty() {
            update.message = self.message;
        }
        update.stale_after = self.ends_session.then_some(ENDED_STALE_AFTER);
        if let Some(last) = last.filter(|_| self.keeps_task) {
            update.task_id.clone_from(&last.task_id);
            if matches!(last.status, Status::Working | Status::Blocked) {
                update.progress = update.progress.or(last.progress);
            }
        }
        let tasks = match self.progress {
            Progress::Unchanged => None,
            Progress::Reached(progress) => {
                update.progress = Some(progress);
                None
            }
            Progress::TaskCreated => Some(tasks.unwrap_or_default().created()),
            // Without the number of created tasks there is no progress.
            Progress::TaskCompleted => tasks.map(TaskCounts::completed),
        };
        if let Some(tasks) = tasks {
            update.progress = Some(tasks.progress());
            update.metadata = tasks.metadata();
        }
        Some(update)
    }
}

/// Returns true if the update is equal to `last` and follows it within
/// [`REPEAT_AFTER`].
pub fn repeats(update: &Update, last: &Update) -> bool {
    (update.timestamp - last.timestamp).abs() <= REPEAT_AFTER
        && update.status == last.status
        && update.message == last.message
        && update.progress == last.progress
        && update.task_id == last.task_id
        && update.process == last.process
        && same_seconds(update.stale_after, last.stale_after)
        && update.metadata.as_ref().is_none_or(|metadata| {
            last.metadata
                .as_ref()
                .is_some_and(|last| last.get() == metadata.get())
        })
}

fn same_seconds(a: Option<Duration>, b: Option<Duration>) -> bool {
    a.map(|a| a.as_secs()) == b.map(|b| b.as_secs())
}

/// Number of tasks in an agent's list, counted from events that each report one
/// task, and stored in the metadata of the updates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCounts {
    created: u64,
    completed: u64,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    tasks: TaskCounts,
}

impl TaskCounts {
    /// Returns the counts after another update. An idle update resets them.
    pub fn after(before: Option<Self>, update: &Update) -> Option<Self> {
        if update.status == Status::Idle {
            return None;
        }
        let metadata = update.metadata.as_ref();
        metadata
            .and_then(|metadata| serde_json::from_str::<Metadata>(metadata.get()).ok())
            .map(|metadata| metadata.tasks)
            .or(before)
    }

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

    fn metadata(self) -> Option<Box<serde_json::value::RawValue>> {
        serde_json::value::to_raw_value(&Metadata { tasks: self }).ok()
    }
}

/// Returns a session name made of the base name of the directory and six
/// characters of the id, or `None` if the id has no letters or digits.
pub fn directory_name(agent: Agent, directory: &str, id: &str) -> Option<SessionName> {
    let id = short_id(id)?;
    let base = wording::base_name(directory).unwrap_or(match agent {
        Agent::ClaudeCode => "claude-code",
        Agent::Codex => "codex",
        Agent::Gemini => "gemini",
    });
    let most = sstat::MAX_NAME_BYTES - id.len() - 1;
    session_name(&format!("{}-{id}", sstat::truncate(base, most)))
}

/// Returns the suffix that all names of an id share, regardless of the directory.
pub fn name_end(id: &str) -> Option<String> {
    short_id(id).map(|id| format!("-{id}"))
}

/// Returns the first six letters and digits, or the last six of a UUID version 7,
/// which begins with the time.
fn short_id(id: &str) -> Option<String> {
    const LENGTH: usize = 6;
    let characters: Vec<char> = id.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_version_7 = id.len() == 36 && id.as_bytes()[14] == b'7' && characters.len() == 32;
    let from = if is_version_7 { 32 - LENGTH } else { 0 };
    let short: String = characters.iter().skip(from).take(LENGTH).collect();
    (!short.is_empty()).then_some(short)
}

/// Converts any text to a valid session name. Returns `None` for a blank text.
pub fn session_name(text: &str) -> Option<SessionName> {
    SessionName::from_text(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_771_101_300 + second, 0).unwrap()
    }

    fn name() -> SessionName {
        SessionName::new("w").unwrap()
    }

    fn follow(change: StatusChange, last: Option<&Update>) -> Option<Update> {
        change.apply(&name(), seconds(0), last, None)
    }

    fn working(progress: f64, task: &str) -> Update {
        let mut update = Update::new(&name(), Status::Working, seconds(0));
        update.progress = Some(progress);
        update.task_id = Some(task.to_owned());
        update
    }

    /// Replaces every value of every recorded payload, at any depth.
    #[test]
    fn message_is_short_for_any_payload() {
        use serde_json::{Value, json};
        fn replace(value: &mut Value, number: &mut usize, by: &Value) -> bool {
            if *number == 0 {
                *value = by.clone();
                return true;
            }
            *number -= 1;
            match value {
                Value::Object(map) => map.values_mut().any(|value| replace(value, number, by)),
                Value::Array(list) => list.iter_mut().any(|value| replace(value, number, by)),
                _ => false,
            }
        }
        let others = [
            json!(null),
            json!(""),
            json!("x".repeat(300)),
            json!("\n\r\n \u{2028}é日\u{0}".repeat(20)),
            json!([null, 7, "a", {"status": "in_progress"}, [[]]]),
            json!({"status": 7, "command": ["a", 7], "file_path": "/"}),
        ];
        for (agent, recorded) in [
            (
                Agent::ClaudeCode,
                include_str!("../../../../tests/fixtures/hooks/claude-code.json"),
            ),
            (
                Agent::Codex,
                include_str!("../../../../tests/fixtures/hooks/codex.json"),
            ),
            (
                Agent::Gemini,
                include_str!("../../../../tests/fixtures/hooks/gemini.json"),
            ),
        ] {
            let recorded: Vec<Value> = serde_json::from_str(recorded).unwrap();
            let mut changes = 0;
            for (payload, by) in recorded
                .iter()
                .flat_map(|recorded| others.iter().map(|by| (recorded["payload"].clone(), by)))
            {
                for number in 1.. {
                    let mut changed = payload.clone();
                    if !replace(&mut changed, &mut number.clone(), by) {
                        break;
                    }
                    let json = changed.to_string();
                    let event = Event {
                        fields: Payload::parse_bytes(json.as_bytes()).unwrap(),
                        prompts: true,
                    };
                    let Some(change) = change(agent, &event) else {
                        continue;
                    };
                    changes += 1;
                    let update = follow(change, None).unwrap();
                    assert!(update.message.chars().count() <= 120, "{json:.300}");
                    assert!(!update.message.contains(['\n', '\r']), "{json:.300}");
                    assert!(!update.message.is_empty(), "{json:.300}");
                    update.encode().unwrap();
                }
            }
            assert!(changes > 500, "{changes}");
        }
    }

    #[test]
    fn task_and_progress_are_kept_until_the_turn_ends() {
        let last = working(0.4, "160");
        let next = follow(StatusChange::working("Edit: a.rs"), Some(&last)).unwrap();
        assert_eq!(
            (next.progress, next.task_id.as_deref()),
            (Some(0.4), Some("160"))
        );
        let next = follow(StatusChange::completed(None), Some(&last)).unwrap();
        assert_eq!(
            (next.progress, next.task_id.as_deref()),
            (Some(1.0), Some("160"))
        );
        let after = follow(StatusChange::working("Read: a.rs"), Some(&next)).unwrap();
        assert_eq!(
            (after.progress, after.task_id.as_deref()),
            (None, Some("160"))
        );
        for fresh in [
            StatusChange::prompted(None),
            StatusChange::started(),
            StatusChange::ended(),
        ] {
            let next = follow(fresh, Some(&last)).unwrap();
            assert_eq!((next.progress, next.task_id), (None, None));
        }
    }

    #[test]
    fn some_statuses_are_kept() {
        for status in [Status::Completed, Status::Error] {
            let last = Update::new(&name(), status, seconds(0));
            assert!(follow(StatusChange::ended(), Some(&last)).is_none());
        }
        let last = Update::new(&name(), Status::Blocked, seconds(0));
        assert!(follow(StatusChange::ended(), Some(&last)).is_some());
        assert!(follow(StatusChange::blocked_unless_already(None), Some(&last)).is_none());
        assert!(follow(StatusChange::blocked_unless_already(None), None).is_some());
    }

    #[test]
    fn equal_update_within_30_seconds_is_a_repeat() {
        let last = working(0.4, "160");
        let mut next = last.clone();
        for (second, repeated) in [(0, true), (30, true), (-2, true), (31, false), (-31, false)] {
            next.timestamp = seconds(second);
            assert_eq!(repeats(&next, &last), repeated, "{second}");
        }
        for change in [
            |update: &mut Update| update.message.push('!'),
            |update: &mut Update| update.status = Status::Blocked,
            |update: &mut Update| update.progress = None,
            |update: &mut Update| update.task_id = None,
            |update: &mut Update| update.metadata = TaskCounts::default().metadata(),
        ] {
            let mut next = last.clone();
            change(&mut next);
            assert!(!repeats(&next, &last));
        }
    }

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

        let mut update = working(0.5, "1");
        update.metadata = counts(4, 1).metadata();
        assert_eq!(TaskCounts::after(None, &update), Some(counts(4, 1)));
        update.metadata = None;
        assert_eq!(
            TaskCounts::after(Some(counts(2, 1)), &update),
            Some(counts(2, 1))
        );
        update.status = Status::Idle;
        assert_eq!(TaskCounts::after(Some(counts(2, 1)), &update), None);
    }

    #[test]
    fn completed_task_without_counts_has_no_progress() {
        let event = |change| StatusChange::task(change, "Write tests".to_owned());
        let first = follow(event(Progress::TaskCreated), None).unwrap();
        assert_eq!(first.progress, Some(0.0));
        assert_eq!(
            first.metadata.unwrap().get(),
            r#"{"tasks":{"created":1,"completed":0}}"#
        );
        let unknown = follow(event(Progress::TaskCompleted), None).unwrap();
        assert!(unknown.progress.is_none() && unknown.metadata.is_none());
    }

    #[test]
    fn name_is_derived_from_directory_and_id() {
        let of = |directory: &str, id: &str| {
            directory_name(Agent::Codex, directory, id).map(|name| name.to_string())
        };
        assert_eq!(
            of("/srv/shop", "b5f6c1c2-1111-4222-8333-444455556666").as_deref(),
            Some("shop-b5f6c1")
        );
        assert_eq!(
            of("/srv/shop/", "019fb560-de6b-7320-a070-5642753ded3d").as_deref(),
            Some("shop-3ded3d")
        );
        assert_eq!(of("/", "abc").as_deref(), Some("codex-abc"));
        assert_eq!(of("", "../abc").as_deref(), Some("codex-abc"));
        assert_eq!(of("/x/.config", "abc").as_deref(), Some("_config-abc"));
        assert_eq!(of("/x/-a\nb\\c", "abc").as_deref(), Some("c-abc"));
        assert_eq!(of("/x", "../.."), None);
        assert_eq!(
            of(&format!("/{}", "ü".repeat(300)), "abcdef")
                .unwrap()
                .len(),
            243
        );
    }

    #[test]
    fn any_text_becomes_a_valid_name() {
        let of = |text: &str| session_name(text).map(|name| name.to_string());
        assert_eq!(of("manager1\n").as_deref(), Some("manager1"));
        assert_eq!(of("team/worker 1").as_deref(), Some("team_worker 1"));
        assert_eq!(of("-x").as_deref(), Some("_x"));
        assert_eq!(of("../../etc/passwd").as_deref(), Some("_._.._etc_passwd"));
        assert_eq!(of("a\u{1b}b").as_deref(), Some("a_b"));
        assert_eq!(of(" \n"), None);
        assert_eq!(of(&"é".repeat(200)).unwrap().len(), 242);
    }
}
