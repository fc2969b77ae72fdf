//! Codex' hooks, which have Claude Code's shape, and its older `notify`:
//! <https://developers.openai.com/codex/hooks>.

use crate::hook::wording::Tool;
use crate::hook::{Event, Meaning, claude_code};

#[rustfmt::skip] // a table
pub fn meaning(event: &Event) -> Option<Meaning> {
    let Some(name) = event.name() else {
        return notified(event);
    };
    match name.as_str() {
        "SessionStart"      => claude_code::started(event),
        "UserPromptSubmit"  => Some(Meaning::prompted(event.said("prompt"))),
        "PreToolUse"
        | "PostToolUse"     => using(&event.tool()),
        "PermissionRequest" => Some(Meaning::blocked(event.tool().permission())),
        "PreCompact"        => Some(Meaning::working("Compacting the conversation")),
        "Stop"              => Some(Meaning::completed(event.said("last_assistant_message"))),
        "StopFailure"       => Some(Meaning::failed(event.text("error"), event.text("error_details"))),
        "Interrupt"         => Some(Meaning::started()),
        "SessionEnd"        => claude_code::ended(event),
        _                   => None,
    }
}

fn using(tool: &Tool) -> Option<Meaning> {
    let list = match tool.name.as_deref() {
        Some("update_plan") => Meaning::doing(&tool.input.objects("plan")),
        _ => None,
    };
    list.or_else(|| Meaning::using(tool))
}

/// The argument of a `notify` command: it has a type and no event's name.
fn notified(event: &Event) -> Option<Meaning> {
    match event.text("type")?.as_str() {
        "agent-turn-complete" => Some(Meaning::completed(event.said("last-assistant-message"))),
        _ => None,
    }
}
