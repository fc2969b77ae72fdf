//! Hooks of Codex, which resemble those of Claude Code, and its older `notify`:
//! <https://developers.openai.com/codex/hooks>.

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
        | "PostToolUse"     => StatusChange::using(&event.tool(), ("update_plan", "plan")),
        "PermissionRequest" => Some(StatusChange::blocked(event.tool().permission())),
        "PreCompact"        => Some(StatusChange::working("Compacting the conversation")),
        "Stop"              => Some(StatusChange::completed(event.said("last_assistant_message"))),
        "StopFailure"       => Some(StatusChange::failed(event.text("error"), event.text("error_details"))),
        "Interrupt"         => Some(StatusChange::started()),
        "SessionEnd"        => claude_code::ended(event),
        _                   => None,
    }
}

/// Handles the argument of a `notify` command, which has a type instead of an
/// event name.
fn notified(event: &Event) -> Option<StatusChange> {
    match event.text("type")?.as_str() {
        "agent-turn-complete" => Some(StatusChange::completed(
            event.said("last-assistant-message"),
        )),
        _ => None,
    }
}
