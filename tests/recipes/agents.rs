//! Runs every command of the settings in `contrib/agents` as an agent does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Ran, Sandbox, contrib, have, have_python_module};

/// Returns the event and command of each hook.
fn commands(settings: &Value) -> Vec<(String, String)> {
    let mut commands = Vec::new();
    for (event, groups) in settings["hooks"].as_object().unwrap() {
        for group in groups.as_array().unwrap() {
            for hook in group["hooks"].as_array().unwrap() {
                assert_eq!(hook["type"], "command", "{event}");
                if let Some(timeout) = hook.get("timeout") {
                    assert!(matches!(timeout.as_u64(), Some(3 | 5 | 5000)), "{event}");
                }
                commands.push((event.clone(), hook["command"].as_str().unwrap().to_owned()));
            }
        }
    }
    commands
}

/// Runs a command as an agent does, with a payload as its stdin. It must succeed
/// without output.
fn run_command(sandbox: &Sandbox, command: &str, variables: &[(&str, &str)], payload: &Value) {
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    let mut child = shell
        .args(["-c", command])
        .env("SSTAT_SESSION", "w")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let payload = payload.to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(payload.as_bytes())
        .unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    let output = (ran.code, ran.stdout.as_str(), ran.stderr.as_str());
    assert_eq!(output, (0, "", ""), "{payload}");
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
        run_command(&sandbox, command, &[], &entry["payload"]);
        let update: Value = serde_json::from_str(&sandbox.read("w")).unwrap();
        assert_eq!(update["status"], entry["means"]["status"], "{event}");
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
    let command = &commands(&settings)[0].1;
    let pid = std::process::id().to_string();
    let payload = json!({"hook_event_name": "Elicitation"});
    run_command(&sandbox, command, &[("CLAUDE_PID", &pid)], &payload);
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
fn claude_code_plugin_has_the_hooks_of_the_settings() {
    let read = |path: &str| -> Value { serde_json::from_str(&contrib(path)).unwrap() };
    assert_eq!(
        read("agents/plugin/hooks/hooks.json"),
        read("agents/claude-code.json")
    );
    let plugin = read("agents/plugin/.claude-plugin/plugin.json");
    assert_eq!(plugin["version"], env!("CARGO_PKG_VERSION"));
    let marketplace = read("agents/plugin/.claude-plugin/marketplace.json");
    assert_eq!(marketplace["plugins"][0]["name"], plugin["name"]);
}

#[test]
fn commands_do_nothing_if_sstat_is_not_installed() {
    for file in ["claude-code", "gemini", "qwen"] {
        let settings: Value =
            serde_json::from_str(&contrib(&format!("agents/{file}.json"))).unwrap();
        for (event, command) in commands(&settings) {
            let mut shell = Command::new("/bin/sh");
            let output = shell
                .args(["-c", &command])
                .env("PATH", "/nowhere")
                .output();
            let ran = Ran::from(output.unwrap());
            let output = (ran.code, ran.stdout.as_str(), ran.stderr.as_str());
            assert_eq!(output, (0, "", ""), "{file}: {event}");
        }
    }
}

#[test]
fn copilot_and_qwen_settings_report_a_turn() {
    let copilot: Value = serde_json::from_str(&contrib("agents/copilot.json")).unwrap();
    let qwen: Value = serde_json::from_str(&contrib("agents/qwen.json")).unwrap();
    let qwen: BTreeMap<String, String> = commands(&qwen).into_iter().collect();
    for agent in ["copilot", "qwen"] {
        let sandbox = Sandbox::new();
        for (event, status) in [
            ("SessionStart", "idle"),
            ("UserPromptSubmit", "working"),
            ("Notification", "blocked"),
            ("Stop", "completed"),
        ] {
            let command = match agent {
                "copilot" => copilot["hooks"][event][0]["bash"].as_str().unwrap(),
                _ => &qwen[event],
            };
            let payload = json!({"hook_event_name": event, "session_id": "a1", "prompt": "Go",
                "source": "new", "notification_type": "permission_prompt"});
            run_command(&sandbox, command, &[], &payload);
            let line = sandbox.read("w").lines().last().unwrap().to_owned();
            let update: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(update["status"], status, "{agent}");
            assert_eq!(update["metadata"]["agent"], agent);
        }
    }
}

/// Loads the plugin of opencode and passes it a list of events: a pair of a hook's
/// name and its arguments, or of `event` and an event.
const DRIVE_PLUGIN: &str = r"
import { pathToFileURL } from 'node:url';
const { SstatPlugin } = await import(pathToFileURL(process.argv[1]));
const hooks = await SstatPlugin({ directory: '/srv/shop' });
for (const [name, ...values] of JSON.parse(process.argv[2])) await hooks[name](...values);
";

#[test]
fn opencode_plugin_reports_turns_requests_and_children() {
    if !have("node") {
        return;
    }
    let sandbox = Sandbox::new();
    let plugin = sandbox.root().join("opencode.mjs");
    std::fs::write(&plugin, contrib("agents/opencode.js")).unwrap();
    let event = |kind: &str, properties: Value| json!(["event", {"event": {"type": kind, "properties": properties}}]);
    let call = json!({"tool": "bash", "sessionID": "s1", "callID": "c1"});
    let args = json!({"args": {"command": "make", "description": "Build"}});
    let after = json!({"tool": "bash", "sessionID": "s1", "callID": "c1", "args": args["args"]});
    let events = json!([
        event("session.created", json!({"info": {"id": "s1", "directory": "/srv/shop"}})),
        ["chat.message", {"sessionID": "s1"}, {"parts": [{"type": "text", "text": "Build it"}]}],
        ["tool.execute.before", call, args],
        event("permission.asked", json!({"id": "p1", "sessionID": "s1", "permission": "bash",
            "patterns": ["make"], "metadata": {}, "tool": {"messageID": "m1", "callID": "c1"}})),
        event("permission.replied", json!({"sessionID": "s1", "requestID": "p1", "reply": "once"})),
        ["tool.execute.after", after, {}],
        event("session.created", json!({"info": {"id": "s2", "parentID": "s1", "title": "Look"}})),
        event("question.asked", json!({"id": "q1", "sessionID": "s2",
            "questions": [{"question": "Which one?"}]})),
        event("question.replied", json!({"sessionID": "s2", "requestID": "q1", "answers": []})),
        event("session.idle", json!({"sessionID": "s2"})),
        event("message.updated", json!({"info": {"id": "m2", "sessionID": "s1", "role": "assistant"}})),
        event("message.part.updated", json!({"part": {"type": "text", "text": "Built.",
            "sessionID": "s1", "messageID": "m2"}})),
        event("session.idle", json!({"sessionID": "s1"})),
        ["chat.message", {"sessionID": "s1"}, {"parts": [{"type": "text", "text": "Again"}]}],
        event("session.error", json!({"sessionID": "s1",
            "error": {"name": "APIError", "data": {"message": "401"}}})),
        event("session.idle", json!({"sessionID": "s1"})),
        event("session.idle", json!({"sessionID": "s1"})),
        ["chat.message", {"sessionID": "s1"}, {"parts": [{"type": "text", "text": "Go"}]}],
        event("permission.asked", json!({"id": "p2", "sessionID": "s1", "permission": "bash",
            "patterns": ["rm x"]})),
        event("permission.replied", json!({"sessionID": "s1", "requestID": "p2", "reply": "reject"})),
        event("session.idle", json!({"sessionID": "s1"})),
    ]);
    let mut node = Command::new("node");
    sandbox.isolate(&mut node);
    node.args(["--input-type=module", "-e", DRIVE_PLUGIN])
        .arg(plugin)
        .arg(events.to_string())
        .env("SSTAT_SESSION", "w");
    let ran = Ran::from(node.output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let updates = sandbox.read("w");
    let updates: Vec<String> = updates
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|update| {
            let text = |key: &str| update[key].as_str().unwrap().to_owned();
            format!("{} {}", text("status"), text("message"))
        })
        .collect();
    let expected = [
        "idle Waiting for tasks",
        "working Build it",
        "working bash: make",
        "blocked Allow bash: make?",
        "working bash: make",
        "blocked Which one?",
        "working bash: make",
        "completed Built.",
        "working Again",
        "error 401",
        "working Go",
        "blocked Allow bash: rm x?",
        "working Go",
        "idle Interrupted",
    ];
    assert_eq!(updates, expected);
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
