//! Hooks of Claude Code (2.1): <https://code.claude.com/docs/en/hooks>.

use crate::hook::wording::{Tool, first_line};
use crate::hook::{Event, Progress, StatusChange};

#[rustfmt::skip] // a table
pub fn change(event: &Event) -> Option<StatusChange> {
    match event.name()?.as_str() {
        "SessionStart"           => started(event),
        "UserPromptSubmit"       => Some(StatusChange::prompted(event.said("prompt"))),
        "PreToolUse"             => before_tool(&event.tool()),
        "PostToolUse"
        | "PostToolUseFailure"   => using(&event.tool()),
        "PermissionRequest"      => Some(asking(&event.tool())),
        "Notification"           => notified(event),
        "Elicitation"            => Some(StatusChange::blocked_unless_already(message(event))),
        "TaskCreated"            => Some(task(event, Progress::TaskCreated, "")),
        "TaskCompleted"          => Some(task(event, Progress::TaskCompleted, "Completed: ")),
        "PreCompact"             => Some(StatusChange::working("Compacting the conversation")),
        "Stop"                   => Some(stopped(event)),
        "StopFailure"            => Some(StatusChange::failed(event.text("error"), event.text("error_details"))),
        "SessionEnd"             => ended(event),
        _                        => None,
    }
}

/// Handles the start of a session. Compaction also sends it, during a turn.
pub fn started(event: &Event) -> Option<StatusChange> {
    match event.text("source")?.as_str() {
        "startup" | "resume" | "fork" | "clear" => Some(StatusChange::started()),
        _ => None,
    }
}

/// Handles the end of a session. After `clear` and `resume` the agent continues
/// with another session.
pub fn ended(event: &Event) -> Option<StatusChange> {
    match event.text("reason").as_deref() {
        Some("clear" | "resume") => None,
        _ => Some(StatusChange::ended()),
    }
}

fn before_tool(tool: &Tool) -> Option<StatusChange> {
    match tool.name.as_deref() {
        Some("AskUserQuestion" | "ExitPlanMode") => Some(asking(tool)),
        _ => using(tool),
    }
}

fn using(tool: &Tool) -> Option<StatusChange> {
    StatusChange::using(tool, ("TodoWrite", "todos"))
}

fn asking(tool: &Tool) -> StatusChange {
    let question = match tool.name.as_deref() {
        Some("AskUserQuestion") => tool
            .input
            .objects("questions")
            .first()
            .and_then(|question| question.first_text(&["question", "header"])),
        Some("ExitPlanMode") => tool
            .input
            .text("plan")
            .and_then(|plan| first_line(&plan))
            .map(|plan| format!("Approve the plan: {plan}")),
        _ => None,
    };
    let question = question.and_then(|question| first_line(&question));
    StatusChange::blocked(question.unwrap_or_else(|| tool.permission()))
}

/// Handles a notification, which follows a request after some seconds and has
/// fewer details.
fn notified(event: &Event) -> Option<StatusChange> {
    match event.text("notification_type")?.as_str() {
        "permission_prompt" | "elicitation" | "elicitation_dialog" => {
            Some(StatusChange::blocked_unless_already(message(event)))
        }
        _ => None,
    }
}

fn message(event: &Event) -> Option<String> {
    event.text("message").and_then(|text| first_line(&text))
}

fn task(event: &Event, change: Progress, before: &str) -> StatusChange {
    let subject = event.text("task_subject");
    let subject = subject.as_deref().unwrap_or("a task");
    let message = first_line(&format!("{before}{subject}"));
    StatusChange::task(change, message.unwrap_or_default())
}

fn stopped(event: &Event) -> StatusChange {
    let tasks = event.fields.objects("background_tasks");
    let left: Vec<_> = tasks
        .iter()
        .filter(|task| !is_over(task.text("status").as_deref()))
        .collect();
    let Some(first) = left.first() else {
        return StatusChange::completed(event.said("last_assistant_message"));
    };
    let what = first.first_text(&["description", "command", "name", "type"]);
    let what = what.map_or_else(String::new, |what| format!(": {what}"));
    let message = match left.len() {
        1 => format!("In the background{what}"),
        many => format!("{many} tasks in the background{what}"),
    };
    StatusChange::working(first_line(&message).unwrap_or_default())
}

fn is_over(status: Option<&str>) -> bool {
    matches!(
        status,
        Some("completed" | "failed" | "killed" | "cancelled" | "stopped")
    )
}
