//! Hooks of Gemini CLI: <https://geminicli.com/docs/hooks/reference>.

use crate::hook::wording::{Tool, first_line};
use crate::hook::{Event, StatusChange, claude_code};

#[rustfmt::skip] // a table
pub fn change(event: &Event) -> Option<StatusChange> {
    match event.name()?.as_str() {
        "SessionStart" => claude_code::started(event),
        "BeforeAgent"  => Some(StatusChange::prompted(event.said("prompt"))),
        "BeforeTool"
        | "AfterTool"  => StatusChange::using(&event.tool(), ("write_todos", "todos")),
        "Notification" => notified(event),
        "PreCompress"  => Some(StatusChange::working("Compressing the conversation")),
        "AfterAgent"   => Some(StatusChange::completed(event.said("prompt_response"))),
        "SessionEnd"   => claude_code::ended(event),
        _              => None,
    }
}

/// Handles a permission request.
fn notified(event: &Event) -> Option<StatusChange> {
    if event.text("notification_type")? != "ToolPermission" {
        return None;
    }
    let tool = Tool {
        name: event.text("message"),
        input: event.fields.object("details").unwrap_or_default(),
    };
    let question = tool.name.is_some().then(|| tool.to_string());
    let question = question.and_then(|question| first_line(&question));
    Some(StatusChange::blocked(
        question.unwrap_or_else(|| tool.permission()),
    ))
}
