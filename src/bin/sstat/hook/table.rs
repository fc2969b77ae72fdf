//! Maps events to status changes. The agents share one table: their events have
//! the same names or unique ones.
//!
//! - Claude Code: <https://code.claude.com/docs/en/hooks>, also Qwen Code
//! - Codex: <https://developers.openai.com/codex/hooks>
//! - Gemini CLI: <https://geminicli.com/docs/hooks/reference>
//! - Copilot CLI: <https://docs.github.com/en/copilot/reference/hooks-reference>
//! - opencode: `contrib/agents/opencode.js` sends events of Claude Code, and
//!   `RequestReplied`

use crate::hook::change::{Progress, StatusChange};
use crate::hook::event::Event;
use crate::hook::request::{Answered, COMPACTION, ELICITATION, Kind, Request};
use crate::hook::schedule;
use crate::hook::state::Subagent;
use crate::hook::wording::{Tool, first_line};
use chrono::{DateTime, Utc};
use sstat::Status;

/// Returns the status change of an event, or `None` for unknown events.
#[rustfmt::skip] // a table
pub fn change(event: &Event, now: DateTime<Utc>) -> Option<StatusChange> {
    let Some(name) = event.name() else {
        return notified_by_codex(event);
    };
    if !event.subagent().is_empty() {
        return subagent_change(event, &name);
    }
    match name.as_str() {
        "SessionStart"          => Some(started(event)),
        "UserPromptSubmit"
        | "UserPromptSubmitted"
        | "BeforeSubmitPrompt"
        | "BeforeAgent"         => Some(prompted(event)),
        "PreToolUse"            => Some(before_tool(event, event.tool().hash())),
        "BeforeTool"            => Some(before_tool(event, event.tool().argument_hash())),
        "PostToolUse"
        | "PostToolUseFailure"
        | "PermissionDenied"    => Some(after_tool(event, event.tool().hash())),
        "AfterTool"             => Some(after_tool(event, event.tool().argument_hash())),
        "PostToolBatch"         => Some(StatusChange::answering(Answered::Agent(String::new()))),
        "RequestReplied"        => Some(StatusChange::answering(Answered::Call { id: event.call_id(), hash: String::new() })),
        "PermissionRequest"     => permission_requested(event),
        "Notification"          => notified(event),
        "Elicitation"           => Some(StatusChange::asking(elicitation(event))),
        "ElicitationResult"     => Some(StatusChange::answering(Answered::hash(ELICITATION))),
        "TaskCreated"           => Some(task(event, Progress::TaskCreated, "")),
        "TaskCompleted"         => Some(task(event, Progress::TaskCompleted, "Completed: ")),
        "PreCompact"            => Some(StatusChange::asking(Request::compaction())),
        "PostCompact"           => Some(StatusChange::answering(Answered::hash(COMPACTION))),
        "Stop" | "AgentStop"    => Some(stopped(event, now)),
        "AfterAgent"            => Some(answered(event)),
        "StopFailure"           => Some(failed(event)),
        "ErrorOccurred"         => Some(error_occurred(event)),
        "Interrupt"             => Some(StatusChange::interrupted()),
        "SessionEnd"            => Some(ended(event)),
        // Gemini sends PreCompress before every model call.
        _                       => None,
    }
}

/// Handles an event of a subagent, which reports to its parent's session.
fn subagent_change(event: &Event, name: &str) -> Option<StatusChange> {
    let agent = event.subagent();
    let answered = match name {
        "PreToolUse" => Answered::Agent(agent.clone()),
        _ => Answered::Subagent(agent.clone()),
    };
    match name {
        "PreToolUse" | "PostToolUse" | "PostToolUseFailure" => {
            let subagent = Subagent {
                id: agent,
                label: event
                    .line("agent_type")
                    .unwrap_or_else(|| "Subagent".to_owned()),
            };
            let tool = event.tool();
            let question = (name == "PreToolUse").then(|| question(event, &tool, tool.hash()));
            Some(match question.flatten() {
                Some(request) => StatusChange::asking(request).also_answering(answered),
                None => StatusChange::subagent_working(subagent, tool.to_string(), answered),
            })
        }
        "PostToolBatch" | "RequestReplied" | "ElicitationResult" | "SubagentStop" => {
            Some(StatusChange::answering(answered))
        }
        "PermissionRequest" => permission_requested(event),
        "Elicitation" => Some(StatusChange::asking(elicitation(event))),
        _ => None,
    }
}

/// Handles the start of a session. Compaction also sends it, during a turn.
fn started(event: &Event) -> StatusChange {
    match event.text("source").as_deref() {
        Some("compact") => StatusChange::answering(Answered::hash(COMPACTION)),
        _ => StatusChange::started(),
    }
}

/// Handles a prompt of the user or of the agent itself. Qwen Code sends an empty
/// prompt before each further model call, after all tool calls have ended.
fn prompted(event: &Event) -> StatusChange {
    if event.has_blank("prompt") {
        return StatusChange::answering(Answered::Agent(String::new()));
    }
    let prompt = event.text("prompt").unwrap_or_default();
    let by_agent = prompt.trim_start().starts_with("<task-notification>")
        || prompt.starts_with("[System: ")
        || event
            .text("source")
            .is_some_and(|source| source != "user" && source != "typed");
    if !by_agent {
        return StatusChange::prompted(event.said("prompt"));
    }
    StatusChange::continued(event.summary(&prompt))
}

fn before_tool(event: &Event, hash: String) -> StatusChange {
    let tool = event.tool();
    match question(event, &tool, hash.clone()) {
        Some(request) => StatusChange::asking(request),
        // Qwen Code asks for permission before this event.
        None => StatusChange::using(&tool, Answered::hash(&hash)),
    }
}

/// Handles the end of a tool call. A call that the user cancels ends the turn.
fn after_tool(event: &Event, hash: String) -> StatusChange {
    let response = event.fields.object("tool_response");
    let result = response.and_then(|response| response.text("returnDisplay"));
    let is_cancelled = |result: String| result.starts_with("Command cancelled by user");
    if event.is_true("is_interrupt") || result.is_some_and(is_cancelled) {
        return StatusChange::interrupted();
    }
    let answered = Answered::Call {
        id: event.call_id(),
        hash,
    };
    StatusChange::using(&event.tool(), answered)
}

/// Returns the request of a tool that asks the user.
fn question(event: &Event, tool: &Tool, hash: String) -> Option<Request> {
    let kind = match tool.name.as_deref()? {
        "AskUserQuestion" | "ask_user_question" | "request_user_input" | "ask_user" => {
            Kind::Question
        }
        "ExitPlanMode" | "exit_plan_mode" => Kind::Plan,
        _ => return None,
    };
    let message = match kind {
        Kind::Question => tool.question().unwrap_or_else(waiting),
        _ => tool.plan(),
    };
    Some(request(event, kind, hash, message))
}

fn request(event: &Event, kind: Kind, hash: String, message: String) -> Request {
    Request {
        kind,
        agent: event.subagent(),
        call: event.call_id(),
        hash,
        message,
    }
}

/// Handles a permission request. Copilot sends it for each call, even if it
/// needs no permission, under `hookName`.
fn permission_requested(event: &Event) -> Option<StatusChange> {
    if event.fields.has("hookName") {
        return None;
    }
    let tool = event.tool();
    let request = question(event, &tool, tool.hash())
        .unwrap_or_else(|| request(event, Kind::Permission, tool.hash(), tool.permission()));
    Some(StatusChange::asking(request))
}

fn elicitation(event: &Event) -> Request {
    let message = event.said("message").unwrap_or_else(waiting);
    request(event, Kind::Question, ELICITATION.to_owned(), message)
}

fn waiting() -> String {
    "Waiting for an answer".to_owned()
}

/// Handles a notification. Those of Claude Code follow a request after some
/// seconds and have fewer details.
fn notified(event: &Event) -> Option<StatusChange> {
    let kind = match event
        .fields
        .first_text(&["notification_type", "type"])?
        .as_str()
    {
        "permission_prompt" => Kind::Permission,
        "elicitation" | "elicitation_dialog" | "agent_needs_input" => Kind::Question,
        "elicitation_response" | "elicitation_complete" => {
            return Some(StatusChange::answering(Answered::hash(ELICITATION)));
        }
        "idle_prompt" => return Some(StatusChange::waiting()),
        "ToolPermission" => {
            let tool = event.requested_tool();
            let message = match tool.question() {
                Some(question) => question,
                None => tool.permission(),
            };
            let request = request(event, Kind::Permission, tool.argument_hash(), message);
            return Some(StatusChange::asking(request));
        }
        _ => return None,
    };
    let message = event.line("message").unwrap_or_else(waiting);
    let request = request(event, kind, String::new(), message);
    Some(StatusChange::asking_unless_open(request))
}

fn task(event: &Event, change: Progress, before: &str) -> StatusChange {
    let subject = event.text("task_subject");
    let subject = subject.as_deref().unwrap_or("a task");
    let message = first_line(&format!("{before}{subject}"));
    StatusChange::task(change, message.unwrap_or_default())
}

fn stopped(event: &Event, now: DateTime<Utc>) -> StatusChange {
    let tasks = event.fields.objects("background_tasks");
    let left: Vec<_> = tasks
        .iter()
        .filter(|task| !is_over(task.text("status").as_deref()))
        .collect();
    let subagents = left.iter().map(|task| {
        let label = task.text("description").and_then(|text| first_line(&text));
        Subagent {
            id: task.text("id").unwrap_or_default(),
            label: label.unwrap_or_else(|| "Subagent".to_owned()),
        }
    });
    let subagents = subagents.collect();
    let Some(first) = left.first() else {
        // Cursor has one event for all ends of a turn.
        match event.text("status").as_deref() {
            Some("aborted") => return StatusChange::interrupted(),
            Some("error") => return failed(event),
            _ => {}
        }
        let crons = ["session_crons", "crons"].map(|key| event.fields.objects(key));
        return match crons.iter().flatten().next() {
            Some(_) => asleep(schedule::next_run(crons.iter().flatten(), now), now),
            None => StatusChange::completed(event.said("last_assistant_message")),
        };
    };
    let keys: &[&str] = match event.prompts {
        true => &["description", "command", "name", "type"],
        false => &["name", "type"],
    };
    let what = first.first_text(keys);
    let what = what.map_or_else(String::new, |what| format!(": {what}"));
    let message = match left.len() {
        1 => format!("In the background{what}"),
        many => format!("{many} tasks in the background{what}"),
    };
    StatusChange::in_background(first_line(&message).unwrap_or_default(), subagents)
}

/// Returns the change of an agent that waits for a scheduled prompt.
fn asleep(next: Option<DateTime<Utc>>, now: DateTime<Utc>) -> StatusChange {
    let message = match next {
        Some(next) => {
            let next = next.with_timezone(&chrono::Local);
            let format = match next.date_naive() == now.with_timezone(&chrono::Local).date_naive() {
                true => "%H:%M",
                false => "%Y-%m-%d %H:%M",
            };
            format!("wakes at {}", next.format(format))
        }
        None => "wakes on a schedule".to_owned(),
    };
    let wait = next.and_then(|next| (next - now).to_std().ok());
    StatusChange::asleep(message, wait)
}

fn is_over(status: Option<&str>) -> bool {
    matches!(
        status,
        Some("completed" | "failed" | "killed" | "cancelled" | "stopped")
    )
}

/// Handles the end of a turn of Gemini, which also ends this way after an API
/// error.
fn answered(event: &Event) -> StatusChange {
    match event.text("prompt_response").as_deref().map(str::trim) {
        Some("[no response text]") => StatusChange::main(Status::Error, "no answer"),
        _ => StatusChange::completed(event.last_paragraph("prompt_response")),
    }
}

fn failed(event: &Event) -> StatusChange {
    let kind = event.line("error");
    let details = event
        .said("last_assistant_message")
        .or_else(|| event.said("error_details"));
    let message = details.or_else(|| kind.clone());
    let message = message.unwrap_or_else(|| "Turn failed".to_owned());
    StatusChange::main(Status::Error, message).with_error_kind(kind)
}

/// Handles an error of Copilot, which retries recoverable ones.
fn error_occurred(event: &Event) -> StatusChange {
    let kind = event
        .fields
        .first_text(&["error_context", "errorContext"])
        .and_then(|kind| first_line(&kind));
    let error = event.fields.object("error");
    let text = error.and_then(|error| error.text("message"));
    let nested = |text: &str| {
        crate::hook::Payload::parse_bytes(text.as_bytes())
            .ok()?
            .text("message")
    };
    let text = text.map(|text| nested(&text).unwrap_or(text));
    let message = text.and_then(|text| first_line(&text));
    let message = message.unwrap_or_else(|| "Turn failed".to_owned());
    let status = match event.is_true("recoverable") {
        true => Status::Working,
        false => Status::Error,
    };
    StatusChange::main(status, message).with_error_kind(kind)
}

/// Handles the end of a session. After `clear` and `resume` the agent continues
/// with another session.
fn ended(event: &Event) -> StatusChange {
    let reason = event.line("reason");
    let change = match reason.as_deref() {
        Some("clear" | "resume") => StatusChange::replaced(),
        Some("prompt_input_exit" | "logout" | "user_exit" | "abort") => StatusChange::ended(),
        reason => {
            let kind = reason.filter(|reason| matches!(*reason, "error" | "timeout"));
            StatusChange::broken_off().with_error_kind(kind.map(str::to_owned))
        }
    };
    change.with_end_reason(reason)
}

/// Handles the argument of Codex' `notify` command, which has a type instead of
/// an event name.
fn notified_by_codex(event: &Event) -> Option<StatusChange> {
    match event.text("type")?.as_str() {
        "agent-turn-complete" => Some(StatusChange::completed(
            event.said("last-assistant-message"),
        )),
        _ => None,
    }
}
