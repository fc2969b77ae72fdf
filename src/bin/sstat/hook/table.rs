//! Maps events to status changes. The agents share one table: their events have
//! the same names or unique ones.
//!
//! - Claude Code: <https://code.claude.com/docs/en/hooks>, also Qwen Code
//! - Codex: <https://developers.openai.com/codex/hooks>
//! - Gemini CLI: <https://geminicli.com/docs/hooks/reference>
//! - Copilot CLI: <https://docs.github.com/en/copilot/reference/hooks-reference>
//! - opencode: `contrib/agents/opencode.js` sends events of Claude Code, and
//!   `RequestReplied`

use std::time::Duration;

use chrono::{DateTime, Local, Utc};
use sstat::Status;

use crate::hook::Payload;
use crate::hook::change::{Progress, StatusChange};
use crate::hook::event::Event;
use crate::hook::request::{Answered, COMPACTION, ELICITATION, Kind, Request};
use crate::hook::schedule;
use crate::hook::state::Subagent;
use crate::hook::wording::{Tool, first_line};

/// Time after a scheduled run until the session is stale.
const SCHEDULE_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Assumed time until the next scheduled run if it is unknown: a day.
const UNKNOWN_WAIT: Duration = Duration::from_secs(24 * 3600);

const WAITING: &str = "Waiting for an answer";

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
        "PreToolUse"            => Some(before_tool(event, Tool::hash)),
        "BeforeTool"            => Some(before_tool(event, Tool::argument_hash)),
        "PostToolUse"
        | "PostToolUseFailure"
        | "PermissionDenied"    => Some(after_tool(event, Tool::hash)),
        "AfterTool"             => Some(after_tool(event, Tool::argument_hash)),
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
    let id = event.subagent();
    let label = event.line("agent_type");
    let tool = event.tool();
    let using = |answered| StatusChange {
        subagent: Some(Subagent {
            id: id.clone(),
            label: label.unwrap_or_else(|| "Subagent".to_owned()),
        }),
        ..StatusChange::working(tool.to_string(), answered)
    };
    Some(match name {
        "PreToolUse" => {
            let answered = Answered::Agent(id.clone());
            match question(event, &tool, tool.hash()) {
                Some(request) => StatusChange {
                    answered,
                    ..StatusChange::asking(request)
                },
                None => using(answered),
            }
        }
        "PostToolUse" | "PostToolUseFailure" => using(Answered::Subagent(id.clone())),
        "PostToolBatch" | "RequestReplied" | "ElicitationResult" | "Interrupt" | "Stop"
        | "SubagentStop" => StatusChange::answering(Answered::Subagent(id)),
        "PermissionRequest" => return permission_requested(event),
        "Elicitation" => StatusChange::asking(elicitation(event)),
        _ => return None,
    })
}

/// Handles the start of a session. Compaction also sends it, during a turn.
fn started(event: &Event) -> StatusChange {
    let progress = match event.text("source").as_deref() {
        Some("compact") => return StatusChange::answering(Answered::hash(COMPACTION)),
        Some("resume") => Progress::Unchanged,
        _ => Progress::Restarted,
    };
    StatusChange {
        drops_task: true,
        answered: Answered::Everything,
        progress,
        in_background: Some(Vec::new()),
        ..StatusChange::main(Status::Idle, "")
    }
}

/// Handles a prompt of the user or of the agent itself. Qwen Code sends an empty
/// prompt before each further model call, after all tool calls have ended.
fn prompted(event: &Event) -> StatusChange {
    if event.has_blank("prompt") {
        return StatusChange::answering(Answered::Agent(String::new()));
    }
    let prompt = event.text("prompt").unwrap_or_default();
    let is_notice =
        prompt.trim_start().starts_with("<task-notification>") || prompt.starts_with("[System: ");
    let is_other = |source: String| source != "user" && source != "typed";
    let by_agent = is_notice || event.text("source").is_some_and(is_other);
    let message = match is_notice {
        true => event.summary(&prompt),
        false => event.said("prompt"),
    };
    let message = message.unwrap_or_else(|| "Working on a prompt".to_owned());
    let change = StatusChange::main(Status::Working, message);
    match by_agent {
        true => change,
        // The user cannot enter a prompt while a question is on the screen. Codex sends no
        // event if a subagent's question is dismissed.
        false => StatusChange {
            drops_task: true,
            answered: Answered::Everything,
            ..change
        },
    }
}

fn before_tool(event: &Event, hash: fn(&Tool) -> String) -> StatusChange {
    let tool = event.tool();
    let hash = hash(&tool);
    match question(event, &tool, hash.clone()) {
        Some(request) => StatusChange::asking(request),
        // Qwen Code asks for permission before this event.
        None => using(&tool, Answered::hash(&hash)),
    }
}

/// Handles the end of a tool call. A call that the user cancels ends the turn.
fn after_tool(event: &Event, hash: fn(&Tool) -> String) -> StatusChange {
    let response = event.fields.object("tool_response");
    let result = response.and_then(|response| response.text("returnDisplay"));
    let is_cancelled = |result: String| result.starts_with("Command cancelled by user");
    if event.is_true("is_interrupt") || result.is_some_and(is_cancelled) {
        return StatusChange::interrupted();
    }
    let tool = event.tool();
    let answered = Answered::Call {
        id: event.call_id(),
        hash: hash(&tool),
    };
    using(&tool, answered)
}

/// Returns the change for a tool call: progress for a task list, no new status for a call
/// of `sstat push`, whose own update must stay the last.
fn using(tool: &Tool, answered: Answered) -> StatusChange {
    let list = match tool.name.as_deref() {
        Some("TodoWrite" | "todo_write" | "write_todos") => "todos",
        Some("update_plan") => "plan",
        Some("TaskUpdate") => return StatusChange::answering(answered),
        _ if tool.pushes_status() => return StatusChange::answering(answered),
        _ => return StatusChange::working(tool.to_string(), answered),
    };
    match list_progress(&tool.input.objects(list)) {
        Some((progress, message)) => StatusChange {
            progress: Progress::Reached(progress),
            ..StatusChange::working(message, answered)
        },
        None => StatusChange::working(tool.to_string(), answered),
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
    let active = items.iter().find(|item| has(item, "in_progress"));
    let text =
        active.and_then(|item| item.first_text(&["activeForm", "content", "description", "step"]));
    let message = text.and_then(|text| first_line(&text));
    let message = message.unwrap_or_else(|| format!("{done} of {all} done"));
    Some((done as f64 / all as f64, message))
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
        Kind::Question => tool.question().unwrap_or_else(|| WAITING.to_owned()),
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
    let message = event.said("message").unwrap_or_else(|| WAITING.to_owned());
    request(event, Kind::Question, ELICITATION.to_owned(), message)
}

/// Handles a notification. Those of Claude Code follow a request after some
/// seconds and have fewer details; in older versions, the message is the only key.
fn notified(event: &Event) -> Option<StatusChange> {
    let message = event.line("message").unwrap_or_default();
    let kind = event.fields.first_text(&["notification_type", "type"]);
    let (kind, fallback) = match kind.as_deref().unwrap_or_default() {
        "permission_prompt" => (Kind::Permission, "Waiting for permission"),
        "elicitation" | "elicitation_dialog" | "agent_needs_input" => (Kind::Question, WAITING),
        "elicitation_response" | "elicitation_complete" => {
            return Some(StatusChange::answering(Answered::hash(ELICITATION)));
        }
        "ToolPermission" => {
            let tool = event.requested_tool();
            let message = tool.question().unwrap_or_else(|| tool.permission());
            let request = request(event, Kind::Permission, tool.argument_hash(), message);
            return Some(StatusChange::asking(request));
        }
        // The agent waits for a prompt: if its turn has not ended, it was interrupted.
        kind if kind == "idle_prompt" || message.ends_with("is waiting for your input") => {
            return Some(StatusChange {
                is_interruption: true,
                ..StatusChange::interrupted()
            });
        }
        "" if message.contains("needs your permission") => (Kind::Permission, WAITING),
        _ => return None,
    };
    let message = event.said("message").unwrap_or_else(|| fallback.to_owned());
    Some(StatusChange {
        asks_unless_open: true,
        ..StatusChange::asking(request(event, kind, String::new(), message))
    })
}

fn task(event: &Event, progress: Progress, before: &str) -> StatusChange {
    let subject = event.text("task_subject");
    let subject = subject.as_deref().unwrap_or("a task");
    let message = first_line(&format!("{before}{subject}")).unwrap_or_default();
    StatusChange {
        progress,
        ..StatusChange::working(message, Answered::Nothing)
    }
}

fn stopped(event: &Event, now: DateTime<Utc>) -> StatusChange {
    let tasks = event.fields.objects("background_tasks");
    let is_left = |task: &&Payload| {
        let status = task.text("status").unwrap_or_default();
        !["completed", "failed", "killed", "cancelled", "stopped"].contains(&&*status)
    };
    let left: Vec<&Payload> = tasks.iter().filter(is_left).collect();
    if let Some(first) = left.first() {
        return in_background(event, first, &left);
    }
    // Cursor has one event for all ends of a turn.
    match event.text("status").as_deref() {
        Some("aborted") => return StatusChange::interrupted(),
        Some("error") => return failed(event),
        _ => {}
    }
    let crons = ["session_crons", "crons"].map(|key| event.fields.objects(key));
    match crons.iter().flatten().next() {
        Some(_) => asleep(schedule::next_run(crons.iter().flatten(), now), now),
        None => completed(event.said("last_assistant_message")),
    }
}

fn completed(answer: Option<String>) -> StatusChange {
    let message = answer.unwrap_or_else(|| "Turn completed".to_owned());
    StatusChange {
        in_background: Some(Vec::new()),
        ..StatusChange::main(Status::Completed, message)
    }
}

/// Returns the change of an agent whose turn has ended, but not all of its tasks.
fn in_background(event: &Event, first: &Payload, tasks: &[&Payload]) -> StatusChange {
    let keys: &[&str] = match event.prompts {
        true => &["description", "command", "name", "type"],
        false => &["name", "type"],
    };
    let what = first.first_text(keys);
    let what = what.map_or_else(String::new, |what| format!(": {what}"));
    let message = match tasks.len() {
        1 => format!("In the background{what}"),
        many => format!("{many} tasks in the background{what}"),
    };
    let subagents = tasks.iter().map(|task| {
        let label = task.text("description").and_then(|text| first_line(&text));
        Subagent {
            id: task.text("id").unwrap_or_default(),
            label: label.unwrap_or_else(|| "Subagent".to_owned()),
        }
    });
    StatusChange {
        in_background: Some(subagents.collect()),
        ..StatusChange::main(Status::Working, first_line(&message).unwrap_or_default())
    }
}

/// Returns the change of an agent that waits for a scheduled prompt.
fn asleep(next: Option<DateTime<Utc>>, now: DateTime<Utc>) -> StatusChange {
    let message = next.map_or("wakes on a schedule".to_owned(), |next| {
        let (now, next) = (now.with_timezone(&Local), next.with_timezone(&Local));
        let format = match next.date_naive() == now.date_naive() {
            true => "wakes at %H:%M",
            false => "wakes at %Y-%m-%d %H:%M",
        };
        next.format(format).to_string()
    });
    let wait = next.and_then(|next| (next - now).to_std().ok());
    StatusChange {
        stale_after: Some(wait.unwrap_or(UNKNOWN_WAIT) + SCHEDULE_TOLERANCE),
        ..StatusChange::main(Status::Idle, message)
    }
}

/// Handles the end of a turn of Gemini, which also ends this way after an API
/// error.
fn answered(event: &Event) -> StatusChange {
    match event.text("prompt_response").as_deref().map(str::trim) {
        Some("[no response text]") => StatusChange::main(Status::Error, "no answer"),
        _ => completed(event.last_paragraph("prompt_response")),
    }
}

fn failed(event: &Event) -> StatusChange {
    let kind = event.line("error");
    let details = event
        .said("last_assistant_message")
        .or_else(|| event.said("error_details"));
    let message = details.or_else(|| kind.clone());
    let message = message.unwrap_or_else(|| "Turn failed".to_owned());
    StatusChange {
        error_kind: kind,
        ..StatusChange::main(Status::Error, message)
    }
}

/// Handles an error of Copilot, which retries recoverable ones.
fn error_occurred(event: &Event) -> StatusChange {
    let kind = event
        .fields
        .first_text(&["error_context", "errorContext"])
        .and_then(|kind| first_line(&kind));
    let error = event.fields.object("error");
    let text = error.and_then(|error| error.text("message"));
    let nested = |text: &str| Payload::parse_bytes(text.as_bytes()).ok()?.text("message");
    let text = text.map(|text| nested(&text).unwrap_or(text));
    let message = text.and_then(|text| first_line(&text));
    let message = message.unwrap_or_else(|| "Turn failed".to_owned());
    let status = match event.is_true("recoverable") {
        true => Status::Working,
        false => Status::Error,
    };
    StatusChange {
        error_kind: kind,
        ..StatusChange::main(status, message)
    }
}

/// Handles the end of a session. Its reason and its last status decide whether that is an
/// error.
fn ended(event: &Event) -> StatusChange {
    let reason = event.line("reason").unwrap_or_else(|| "other".to_owned());
    let is_error = matches!(&*reason, "error" | "timeout");
    StatusChange {
        error_kind: is_error.then(|| reason.clone()),
        drops_task: true,
        answered: Answered::Everything,
        session_end: Some(reason),
        in_background: Some(Vec::new()),
        ..StatusChange::default()
    }
}

/// Handles the argument of Codex' `notify` command, which has a type instead of
/// an event name.
fn notified_by_codex(event: &Event) -> Option<StatusChange> {
    match event.text("type")?.as_str() {
        "agent-turn-complete" => Some(completed(event.said("last-assistant-message"))),
        _ => None,
    }
}
