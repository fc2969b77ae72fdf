//! Codex' hooks, which have Claude Code's shape, and its older `notify`:
//! <https://developers.openai.com/codex/hooks>.

use crate::hook::wording::Tool;
use crate::hook::{Event, StatusChange, claude_code};

#[rustfmt::skip] // a table
pub fn change(event: &Event) -> Option<StatusChange> {
    let Some(name) = event.name() else {
        return notified(event);
    };
    match name.as_str() {
        "SessionStart"      => claude_code::started(event),
        "UserPromptSubmit"  => Some(StatusChange::prompted(event.said("prompt"))),
        "PreToolUse"
        | "PostToolUse"     => using(&event.tool()),
        "PermissionRequest" => Some(StatusChange::blocked(event.tool().permission())),
        "PreCompact"        => Some(StatusChange::working("Compacting the conversation")),
        "Stop"              => Some(StatusChange::completed(event.said("last_assistant_message"))),
        "StopFailure"       => Some(StatusChange::failed(event.text("error"), event.text("error_details"))),
        "Interrupt"         => Some(StatusChange::started()),
        "SessionEnd"        => claude_code::ended(event),
        _                   => None,
    }
}

fn using(tool: &Tool) -> Option<StatusChange> {
    let list = match tool.name.as_deref() {
        Some("update_plan") => StatusChange::doing(&tool.input.objects("plan")),
        _ => None,
    };
    list.or_else(|| StatusChange::using(tool))
}

/// The argument of a `notify` command: it has a type and no event's name.
fn notified(event: &Event) -> Option<StatusChange> {
    match event.text("type")?.as_str() {
        "agent-turn-complete" => Some(StatusChange::completed(
            event.said("last-assistant-message"),
        )),
        _ => None,
    }
}
