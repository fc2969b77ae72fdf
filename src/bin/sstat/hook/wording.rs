//! Builds the one-line messages of updates.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::hook::{Payload, secrets};

/// Maximum length of a message in characters.
const MAX_MESSAGE: usize = 120;

/// Keys of a tool's input, most specific first: files are shown by their base
/// name, commands by their first line, texts as they are.
const FILES: [&str; 4] = ["file_path", "notebook_path", "absolute_path", "filePath"];
const COMMANDS: [&str; 2] = ["command", "cmd"];
const TEXTS: [&str; 8] = [
    "pattern",
    "query",
    "url",
    "subject",
    "description",
    "activeForm",
    "skill",
    "name",
];
const DIRECTORIES: [&str; 2] = ["path", "dir_path"];

/// A tool call. `Display` prints its name and its most specific argument.
pub struct Tool {
    pub name: Option<String>,
    pub input: Payload,
    /// Whether arguments other than the description are shown.
    pub shows_arguments: bool,
}

impl Tool {
    /// Returns true if the call runs `sstat push`.
    pub fn pushes_status(&self) -> bool {
        self.command()
            .is_some_and(|command| command.contains("sstat push"))
    }

    /// Returns the question for a permission request.
    pub fn permission(&self) -> String {
        match &self.name {
            Some(_) => shorten(&format!("Allow {self}?")),
            None => "Waiting for permission".to_owned(),
        }
    }

    /// Returns the first question of a tool that asks the user.
    pub fn question(&self) -> Option<String> {
        let questions = self.input.objects("questions");
        let first = questions.first().unwrap_or(&self.input);
        let question = first.first_text(&["question", "header", "message"]);
        first_line(&question?).filter(|_| self.shows_arguments)
    }

    /// Returns the question for a plan.
    pub fn plan(&self) -> String {
        let plan = self.input.text("plan").filter(|_| self.shows_arguments);
        let plan = plan.unwrap_or_default();
        let mut lines = plan.lines().filter_map(first_line);
        match lines.find(|line| !line.eq_ignore_ascii_case("plan")) {
            Some(line) => shorten(&format!("Approve the plan: {line}")),
            None => "Approve the plan?".to_owned(),
        }
    }

    /// Returns a hash of the name and the input. Some agents add a description
    /// to the input of a permission request, or the answers to that of an answered question.
    pub fn hash(&self) -> String {
        let mut parts: Vec<String> = self
            .input
            .clone()
            .into_iter()
            .filter(|(key, _)| key != "description" && key != "answers")
            .map(|(key, value)| format!("{key}={}", value.json()))
            .collect();
        parts.sort();
        let name = self.name.clone().unwrap_or_default();
        hash(&format!("{name}\n{}", parts.join("\n")))
    }

    /// Returns a hash of the most specific argument, empty without one. Gemini's
    /// permission requests have neither the name nor the input of the call.
    pub fn argument_hash(&self) -> String {
        let argument = self.any_argument().or_else(|| self.question());
        argument.map_or_else(String::new, |argument| hash(&argument))
    }

    fn command(&self) -> Option<String> {
        self.input
            .first_text(&COMMANDS)
            .or_else(|| Some(self.input.texts("command").join(" ")).filter(|text| !text.is_empty()))
    }

    fn argument(&self) -> Option<String> {
        if !self.shows_arguments {
            return first_line(&self.input.text("description")?);
        }
        first_line(&self.any_argument()?)
    }

    fn any_argument(&self) -> Option<String> {
        let input = &self.input;
        let file = |keys: &[&str]| {
            let path = input.first_text(keys)?;
            base_name(&path).map(str::to_owned)
        };
        let command = |text: String| patched_file(&text).unwrap_or(text);
        let text = || input.first_text(&TEXTS).map(|text| without_query(&text));
        file(&FILES)
            .or_else(|| self.command().map(command))
            .or_else(text)
            .or_else(|| file(&DIRECTORIES))
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().and_then(first_line);
        let name = name.as_deref().unwrap_or("Using a tool");
        if name == "update_topic"
            && self.shows_arguments
            && let Some(title) = self.input.text("title").and_then(|text| first_line(&text))
        {
            return f.write_str(&title);
        }
        match self.argument() {
            Some(argument) => f.write_str(&shorten(&format!("{name}: {argument}"))),
            None => f.write_str(name),
        }
    }
}

fn hash(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

/// Returns the first line that is not blank, without Markdown marks and secrets,
/// with its white space collapsed and truncated to the length of a message.
pub fn first_line(text: &str) -> Option<String> {
    // A line may have megabytes: split its beginning only.
    let line = text.lines().map(without_heading_mark);
    let line = line.into_iter().find(|line| !line.is_empty())?;
    let line = sstat::truncate(line, MAX_MESSAGE * 16).replace("**", "");
    let words: Vec<&str> = line.split_whitespace().collect();
    Some(shorten(&secrets::mask(&words.join(" "))))
}

fn without_heading_mark(line: &str) -> &str {
    let line = line.trim();
    let text = line.trim_start_matches('#');
    match text.starts_with(' ') || text.is_empty() {
        true => text.trim_start(),
        false => line,
    }
}

fn shorten(text: &str) -> String {
    let mut ends = text.char_indices().skip(MAX_MESSAGE - 1);
    match (ends.next(), ends.next()) {
        (Some((end, _)), Some(_)) => format!("{}…", text[..end].trim_end()),
        _ => text.to_owned(),
    }
}

/// Returns the last component of a Unix or Windows path.
pub fn base_name(path: &str) -> Option<&str> {
    let mut parts = path.trim().rsplit(['/', '\\']);
    parts.find(|part| !matches!(*part, "" | "." | ".."))
}

/// Returns the file name of a patch in the format of Codex.
fn patched_file(command: &str) -> Option<String> {
    let headers = ["*** Update File: ", "*** Add File: ", "*** Delete File: "];
    if !command.trim_start().starts_with("*** Begin Patch") {
        return None;
    }
    command.lines().find_map(|line| {
        let path = headers
            .iter()
            .find_map(|header| line.strip_prefix(header))?;
        base_name(path).map(str::to_owned)
    })
}

/// Removes the query of a URL, which may contain secrets.
fn without_query(text: &str) -> String {
    let end = text.find(['?', '#']).filter(|_| text.contains("://"));
    text[..end.unwrap_or(text.len())].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, input: &str) -> String {
        let tool = Tool {
            name: Some(name.to_owned()),
            input: Payload::parse_bytes(input.as_bytes()).unwrap(),
            shows_arguments: true,
        };
        tool.to_string()
    }

    #[test]
    fn tool_is_printed_with_its_most_specific_argument() {
        for (name, input, message) in [
            (
                "Edit",
                r#"{"file_path":"/a/b.rs","old_string":"x"}"#,
                "Edit: b.rs",
            ),
            (
                "Bash",
                r#"{"command":"cargo test\n--all","description":"d"}"#,
                "Bash: cargo test",
            ),
            ("shell", r#"{"command":["ls","-l"]}"#, "shell: ls -l"),
            (
                "Grep",
                r#"{"pattern":"fn main","path":"src"}"#,
                "Grep: fn main",
            ),
            ("LS", r#"{"path":"/srv/shop/"}"#, "LS: shop"),
            (
                "WebFetch",
                r#"{"url":"https://a.b/c?token=s","prompt":"p"}"#,
                "WebFetch: https://a.b/c",
            ),
            (
                "Agent",
                r#"{"prompt":"p","description":"Find it"}"#,
                "Agent: Find it",
            ),
            (
                "apply_patch",
                r#"{"command":"*** Begin Patch\n*** Update File: src/a.rs\n@@"}"#,
                "apply_patch: a.rs",
            ),
            ("Bash", r#"{"command":7,"file_path":[]}"#, "Bash"),
            ("mcp__x__y", "{}", "mcp__x__y"),
            ("a\n b", "{}", "a"),
        ] {
            assert_eq!(tool(name, input), message);
        }
        let nameless = Tool {
            name: None,
            input: Payload::default(),
            shows_arguments: true,
        };
        assert_eq!(nameless.to_string(), "Using a tool");
        assert_eq!(nameless.permission(), "Waiting for permission");
    }

    #[test]
    fn message_is_one_line_of_at_most_120_characters() {
        assert_eq!(first_line("\n \n  a \t b\nc").as_deref(), Some("a b"));
        assert_eq!(first_line(" \n"), None);
        let exact = "ü".repeat(120);
        assert_eq!(first_line(&exact).as_deref(), Some(exact.as_str()));
        let longer = first_line(&"ü".repeat(121)).unwrap();
        assert_eq!(longer.chars().count(), 120);
        assert!(longer.ends_with("ü…"));
        let huge = tool(
            "Bash",
            &format!(r#"{{"command":"{}"}}"#, "日".repeat(1_000_000)),
        );
        assert_eq!(huge.chars().count(), 120);
    }

    #[test]
    fn sstat_push_command_is_recognized() {
        let own = |command: &str| {
            let input = format!(r#"{{"command":"{command}"}}"#);
            let input = Payload::parse_bytes(input.as_bytes()).unwrap();
            let tool = Tool {
                name: None,
                input,
                shows_arguments: true,
            };
            tool.pushes_status()
        };
        assert!(own("cd x && sstat push w blocked why"));
        assert!(!own("sstat summary"));
    }
}
