//! Reads an event of any agent: each value has several spellings.

use crate::hook::Payload;
use crate::hook::wording::{Tool, first_line};

const EVENT: [&str; 4] = ["hook_event_name", "hookEventName", "hookName", "event"];
const SESSION: [&str; 7] = [
    "session_id",
    "sessionId",
    "sessionID",
    "conversation_id",
    "conversationId",
    "thread-id",
    "thread_id",
];
const TOOL: [&str; 2] = ["tool_name", "toolName"];
const INPUT: [&str; 3] = ["tool_input", "toolInput", "toolArgs"];
const CALL: [&str; 3] = ["tool_use_id", "toolUseId", "callID"];
const DIRECTORY: [&str; 2] = ["cwd", "working_dir"];
const SUBAGENT: [&str; 2] = ["agent_id", "agentId"];

/// The directories of agents.
const AGENTS: [(&str, &str); 5] = [
    (".claude", "claude-code"),
    (".codex", "codex"),
    (".gemini", "gemini"),
    (".qwen", "qwen"),
    (".copilot", "copilot"),
];

/// Maximum lengths in bytes: an update must fit into a line.
const MAX_ID: usize = 128;
const MAX_DIRECTORY: usize = 4096;

/// One event of an agent.
pub struct Event {
    pub fields: Payload,
    /// Whether prompts, answers and commands are included in messages.
    pub prompts: bool,
}

impl Event {
    /// Returns the event's name in Pascal case.
    pub fn name(&self) -> Option<String> {
        let name = self.fields.first_text(&EVENT)?;
        let words = name.split(['_', '-', '.', ' ']).map(|word| {
            let mut characters = word.chars();
            let first = characters.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(characters).collect::<String>()
        });
        Some(words.collect())
    }

    /// Returns true for the start of an agent, not for the start of another session of
    /// a running one.
    pub fn is_startup(&self) -> bool {
        let continues = |source: String| matches!(&*source, "clear" | "resume" | "compact");
        self.name().as_deref() == Some("SessionStart")
            && !self.text("source").is_some_and(continues)
    }

    pub fn text(&self, key: &str) -> Option<String> {
        self.fields.text(key)
    }

    /// Returns true if a key has a string without visible text.
    pub fn has_blank(&self, key: &str) -> bool {
        let value = self.fields.get(key).and_then(|value| value.string());
        value.is_some_and(|text| text.trim().is_empty())
    }

    pub fn is_true(&self, key: &str) -> bool {
        self.fields
            .get(key)
            .is_some_and(|value| value.json() == "true")
    }

    /// Returns the first line of a text.
    pub fn line(&self, key: &str) -> Option<String> {
        self.text(key).and_then(|text| first_line(&text))
    }

    /// Returns the first line of a prompt or an answer, unless they are disabled.
    pub fn said(&self, key: &str) -> Option<String> {
        self.line(key).filter(|_| self.prompts)
    }

    /// Returns the tool call of the event.
    pub fn tool(&self) -> Tool {
        let parsed = || {
            let json = self.fields.first_text(&INPUT)?;
            Payload::parse_bytes(json.as_bytes()).ok()
        };
        let objects = INPUT.iter().find_map(|key| self.fields.object(key));
        Tool {
            name: self.fields.first_text(&TOOL),
            input: objects.or_else(parsed).unwrap_or_default(),
            shows_arguments: self.prompts,
        }
    }

    /// Returns the id of the event's tool call.
    pub fn call_id(&self) -> String {
        self.id(&CALL).unwrap_or_default()
    }

    /// Returns the id of the subagent that caused the event, empty for the main
    /// agent.
    pub fn subagent(&self) -> String {
        self.id(&SUBAGENT).unwrap_or_default()
    }

    /// Returns the id of the agent's session. Copilot's subagents have a session of
    /// their own and name that of their parent.
    pub fn session_id(&self) -> Option<String> {
        self.id(&["parent_agent_id"]).or_else(|| self.id(&SESSION))
    }

    fn id(&self, keys: &[&str]) -> Option<String> {
        let id = self.fields.first_text(keys)?;
        Some(sstat::truncate(&id, MAX_ID).to_owned())
    }

    /// Returns the agent's working directory.
    pub fn directory(&self) -> Option<String> {
        let root = || self.fields.texts("workspace_roots").into_iter().next();
        let directory = self.fields.first_text(&DIRECTORY).or_else(root)?;
        Some(sstat::truncate(&directory, MAX_DIRECTORY).to_owned())
    }

    /// Returns the agent's name as far as the event shows it: agents keep their
    /// transcripts in a directory with their name.
    pub fn agent(&self) -> Option<&'static str> {
        let transcript = self
            .fields
            .first_text(&["transcript_path", "transcriptPath"]);
        let transcript = transcript.unwrap_or_default();
        let mut parts = transcript.split(['/', '\\']);
        let agent_of = |part: &str| AGENTS.iter().find(|(directory, _)| *directory == part);
        let known = parts.find_map(agent_of).map(|(_, agent)| *agent);
        known.or_else(|| self.fields.has("cursor_version").then_some("cursor"))
    }

    /// Returns the tool call of Gemini's permission request, which describes it in
    /// `details`, without the name of the tool.
    pub fn requested_tool(&self) -> Tool {
        let details = self.fields.object("details").unwrap_or_default();
        let title = details.text("title").unwrap_or_default();
        let name = match details.text("type").as_deref() {
            Some("exec") => Some("run_shell_command".to_owned()),
            Some("edit") if title.starts_with("Confirm Write") => Some("write_file".to_owned()),
            Some("edit") => Some("replace".to_owned()),
            Some("info") => Some("web_fetch".to_owned()),
            _ => details.first_text(&["toolName", "toolDisplayName"]),
        };
        Tool {
            name: name.or_else(|| self.text("message")),
            input: details,
            shows_arguments: self.prompts,
        }
    }

    /// Returns the beginning of the last paragraph of an answer, unless answers are
    /// disabled. Without empty lines, each line is a paragraph.
    pub fn last_paragraph(&self, key: &str) -> Option<String> {
        let text = self.text(key).filter(|_| self.prompts)?;
        let text = text.trim();
        let separator = if text.contains("\n\n") { "\n\n" } else { "\n" };
        first_line(text.rsplit(separator).next()?)
    }

    /// Returns the summary of a notification that an agent sends to itself as a
    /// prompt.
    pub fn summary(&self, prompt: &str) -> Option<String> {
        let (_, rest) = prompt.split_once("<summary>")?;
        let (summary, _) = rest.split_once("</summary>")?;
        first_line(summary).filter(|_| self.prompts)
    }
}
