//! Runs every command of the settings in `contrib/agents` as an agent does.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Ran, Sandbox, contrib, have_python_module};

/// Returns the event and command of each hook.
fn commands(settings: &Value) -> Vec<(String, String)> {
    let mut commands = Vec::new();
    for (event, groups) in settings["hooks"].as_object().unwrap() {
        for group in groups.as_array().unwrap() {
            for hook in group["hooks"].as_array().unwrap() {
                assert_eq!(hook["type"], "command", "{event}");
                let seconds = hook["timeout"].as_u64().unwrap();
                assert!(matches!(seconds, 3 | 5 | 5000), "{event}");
                commands.push((event.clone(), hook["command"].as_str().unwrap().to_owned()));
            }
        }
    }
    commands
}

/// Runs each command with the recorded payloads of its event, and checks that
/// the settings contain exactly the events that cause an update, and those whose
/// update depends on the last one.
fn run_settings(agent: &str, settings: &Value, dependent: &[&str]) {
    let recorded = std::fs::read_to_string(format!(
        "{}/tests/fixtures/hooks/{agent}.json",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap();
    let recorded: Vec<Value> = serde_json::from_str(&recorded).unwrap();
    let commands = commands(settings);
    let mut meant = BTreeSet::new();
    for entry in recorded {
        let Some(event) = entry["payload"]["hook_event_name"].as_str() else {
            continue;
        };
        if entry["means"].is_null() {
            continue;
        }
        meant.insert(event.to_owned());
        let (_, command) = commands
            .iter()
            .find(|(of, _)| of == event)
            .unwrap_or_else(|| panic!("{agent}: no hook for {event}"));
        let sandbox = Sandbox::new();
        let mut shell = Command::new("sh");
        sandbox.isolate(&mut shell);
        let mut child = shell
            .args(["-c", command])
            .env("SSTAT_SESSION", "w")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let payload = entry["payload"].to_string();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(payload.as_bytes())
            .unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (0, "", ""),
            "{payload}"
        );
        let update: Value = serde_json::from_str(&sandbox.read("w")).unwrap();
        assert_eq!(update["status"], entry["means"]["status"], "{payload}");
    }
    let installed: BTreeSet<String> = commands.into_iter().map(|(event, _)| event).collect();
    meant.extend(dependent.iter().map(ToString::to_string));
    assert_eq!(installed, meant, "{agent}");
}

#[test]
fn claude_code_settings_contain_every_event() {
    let settings = serde_json::from_str(&contrib("agents/claude-code.json")).unwrap();
    let dependent = [
        "ElicitationResult",
        "PostCompact",
        "PostToolBatch",
        "SessionEnd",
        "SubagentStop",
    ];
    run_settings("claude-code", &settings, &dependent);
}

#[test]
fn claude_code_process_is_recorded() {
    let settings = serde_json::from_str(&contrib("agents/claude-code.json")).unwrap();
    let sandbox = Sandbox::new();
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    let mut child = shell
        .args(["-c", &commands(&settings)[0].1])
        .envs([
            ("SSTAT_SESSION", "w"),
            ("CLAUDE_PID", &std::process::id().to_string()),
        ])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let payload = json!({"hook_event_name": "Elicitation"}).to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(payload.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
    let update: Value = serde_json::from_str(&sandbox.read("w")).unwrap();
    assert_eq!(update["process"]["pid"], std::process::id());
}

#[test]
fn gemini_settings_contain_every_event() {
    let settings = serde_json::from_str(&contrib("agents/gemini.json")).unwrap();
    run_settings("gemini", &settings, &["SessionEnd"]);
}

#[test]
fn codex_settings_contain_every_documented_event() {
    if !have_python_module("tomllib") {
        return;
    }
    let sandbox = Sandbox::new();
    let settings = contrib("agents/codex.toml");
    let settings = crate::toml(&sandbox, &settings.replace("# notify", "notify"));
    assert_eq!(
        settings["notify"],
        json!(["sstat", "push", "--hook", "codex"])
    );
    let dependent = ["PostCompact", "SessionEnd", "SubagentStop"];
    run_settings("codex", &settings, &dependent);
}

#[test]
fn commands_in_agents_md_run() {
    let text = contrib("agents/AGENTS.md");
    let commands: String = text
        .split("```")
        .filter_map(|block| block.strip_prefix("sh\n"))
        .collect();
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "worker2", "working"]);
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    // Other tests cover waiting.
    let script = format!("set -e\n{}", commands.replace("completed", "working --now"));
    let ran = Ran::from(
        shell
            .args(["-c", &script])
            .env("SSTAT_SESSION", "w")
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let statuses: Vec<Value> = sandbox
        .read("w")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["status"].clone())
        .collect();
    assert_eq!(statuses, ["working", "working", "blocked"]);
}
