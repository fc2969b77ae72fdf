//! `sstat push --hook` with recorded, incomplete and hostile payloads.

mod names;
mod state;
mod traces;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::support::{NOW, Ran, Sandbox, have};

const AGENTS: [&str; 3] = ["claude-code", "codex", "gemini"];

/// A recorded payload and the update that it causes.
#[derive(serde::Deserialize)]
struct Recorded {
    payload: Value,
    means: Option<Value>,
}

fn recorded(agent: &str) -> Vec<Recorded> {
    let path = format!(
        "{}/tests/fixtures/hooks/{agent}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Runs a command with this stdin.
pub fn fed(command: &mut Command, stdin: &[u8]) -> Ran {
    let mut child = piped(command);
    // The command may exit before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    Ran::from(child.wait_with_output().unwrap())
}

fn piped(command: &mut Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

impl Sandbox {
    fn hook(&self, agent: &str, session: &str, payload: &Value) -> Ran {
        let mut command = self.command(["push", "--hook", agent, "--session", session]);
        fed(&mut command, payload.to_string().as_bytes())
    }

    /// Runs a hook that must succeed without output.
    fn event(&self, agent: &str, session: &str, payload: Value) {
        let ran = self.hook(agent, session, &payload);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (0, "", ""),
            "{payload}"
        );
    }

    fn claude(&self, session: &str, event: &str, mut fields: Value) {
        fields["hook_event_name"] = json!(event);
        fields["session_id"] = json!("b5f6c1c2-8d1e-4c6b-9f43-444455556666");
        self.event("claude-code", session, fields);
    }

    fn last(&self, session: &str) -> Value {
        self.updates(session).pop().unwrap()
    }

    fn sessions(&self) -> Vec<String> {
        let names: BTreeMap<String, Value> =
            serde_json::from_value(self.json(["list", "--json"])).unwrap();
        names.into_keys().collect()
    }
}

fn bash(command: &str) -> Value {
    json!({"tool_name": "Bash", "tool_input": {"command": command}})
}

#[test]
#[cfg_attr(windows, ignore = "slow: starts sstat hundreds of times")]
fn recorded_payloads_cause_the_expected_updates() {
    for agent in AGENTS {
        let sandbox = Sandbox::new();
        for (index, Recorded { payload, means }) in recorded(agent).into_iter().enumerate() {
            let session = format!("s{index}");
            sandbox.event(agent, &session, payload.clone());
            let pushed = sandbox.updates(&session).pop().map(|update| {
                let mut said = json!({"status": update["status"], "message": update["message"]});
                if let Some(progress) = update.get("progress") {
                    said["progress"] = progress.clone();
                }
                said
            });
            assert_eq!(pushed, means, "{agent}: {payload}");
        }
    }
}

#[test]
#[cfg_attr(windows, ignore = "slow: starts sstat hundreds of times")]
fn missing_invalid_and_hostile_keys_are_tolerated() {
    const HOSTILE: &str = "\u{1b}[2J\u{202e}../../x\n\0`$(id)`'\"\\{}%s 日本\u{e0041}";
    let others = [
        json!(7),
        json!(HOSTILE),
        json!([{"a": [1]}]),
        json!(HOSTILE),
    ];
    for agent in AGENTS {
        let sandbox = Sandbox::new();
        let mut payloads = Vec::new();
        let mut events = Vec::new();
        for Recorded { payload, .. } in recorded(agent) {
            let event = payload["hook_event_name"].clone();
            if events.contains(&event) {
                continue;
            }
            events.push(event);
            // The unit tests replace every value at every depth.
            for (key, value) in payload
                .as_object()
                .unwrap()
                .keys()
                .zip(others.iter().cycle())
            {
                let mut changed = payload.clone();
                changed[key] = value.clone();
                payloads.push(changed);
                let mut without = payload.clone();
                without.as_object_mut().unwrap().remove(key);
                payloads.push(without);
            }
        }
        thread::scope(|scope| {
            for (number, part) in payloads.chunks(payloads.len() / 4 + 1).enumerate() {
                let sandbox = &sandbox;
                scope.spawn(move || {
                    for payload in part {
                        let ran = sandbox.hook(agent, &format!("w{number}"), payload);
                        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{payload}");
                        assert_eq!(ran.stderr, "", "{payload}");
                    }
                });
            }
        });
        let names = sandbox.sessions();
        assert!(!names.is_empty());
        for name in names {
            for update in sandbox.updates(&name) {
                let message = update["message"].as_str().unwrap();
                assert!(message.chars().count() <= 120, "{message}");
                assert!(!message.contains('\n'), "{message}");
            }
            assert!(!sandbox.read(&name).contains(['\u{1b}', '\0', '\u{202e}']));
        }
        // No file was created elsewhere.
        assert_eq!(std::fs::read_dir(sandbox.root()).unwrap().count(), 2);
    }
}

#[test]
fn invalid_payload_is_reported_and_exits_with_0() {
    let sandbox = Sandbox::new();
    let deep = format!("{{\"a\":{}", "[".repeat(1_000_000));
    for stdin in [
        "", "\n", "null", "[]", "\"Stop\"", "7", "{", "{}{", "not json", "\0", "[{}]", &deep,
    ] {
        let mut command = sandbox.command(["push", "--hook", "claude-code", "--session", "w"]);
        let ran = fed(&mut command, stdin.as_bytes());
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{stdin:.20}");
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(ran.stderr.starts_with("sstat: --hook: "), "{}", ran.stderr);
    }
    let mut command = sandbox.command(["push", "--hook", "claude-code", "--session", "w"]);
    let ran = fed(
        &mut command,
        b"{\"hook_event_name\":\"Stop\",\"x\":\"\xff\xfe\"}",
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(sandbox.updates("w").len(), 1);
}

#[cfg(unix)]
#[test]
fn every_error_exits_with_0_and_an_empty_stdout() {
    let sandbox = Sandbox::new();
    let stop = json!({"hook_event_name": "Stop", "session_id": "abc"}).to_string();
    std::fs::create_dir(sandbox.file("directory")).unwrap();
    for arguments in [
        "--hook",
        "--hook=",
        "--hook cursor",
        "--hook codex --session",
        "--hook codex --session=",
        "--hook codex --session w --no-such-flag",
        "--hook codex w working",
        "--hook codex --task 1",
        "--hook codex --expect soon",
        "--hook codex --color sometimes",
        "--hook codex --dir /dev/null --session w",
        "--hook codex --dir /proc/none --session w",
        "--hook codex --session directory",
    ] {
        let mut command = sandbox.command(["push"]);
        command.args(arguments.split(' '));
        let ran = fed(&mut command, stop.as_bytes());
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{arguments}");
        assert_eq!(ran.stderr.lines().count(), 1, "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("sstat: "), "{}", ran.stderr);
    }
    for (variable, value) in [
        ("SSTAT_NOW", "yesterday"),
        ("SSTAT_DIR", "/dev/null/x"),
        ("HOME", "relative"),
    ] {
        let mut command = sandbox.command(["push", "--hook", "codex", "--session", "w"]);
        command.env_remove("SSTAT_DIR").env(variable, value);
        let ran = fed(&mut command, stop.as_bytes());
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{variable}");
    }
    assert!(!sandbox.file("w").exists());

    let foreign = sandbox.home().join("data/session_status");
    std::fs::create_dir_all(&foreign).unwrap();
    if std::os::unix::fs::chown(&foreign, Some(12345), None).is_err() {
        eprintln!("SKIPPED: only root can give a directory away");
        return;
    }
    let mut command = sandbox.command(["push", "--hook", "codex", "--session", "w"]);
    command.env_remove("SSTAT_DIR").current_dir(sandbox.home());
    let ran = fed(&mut command, stop.as_bytes());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert!(ran.stderr.contains("12345"), "{}", ran.stderr);
}

#[test]
fn closed_or_open_streams_are_tolerated() {
    if !have("sh") {
        return;
    }
    let sandbox = Sandbox::new();
    let push = "sstat push --hook claude-code --session w";
    for script in [
        format!("{push} <&-"),
        format!("{push} </dev/null 2>&-"),
        format!("echo junk | {push} >&- 2>&-"),
        format!("[ ! -e /dev/full ] || {push} </ 2>/dev/full"),
    ] {
        let mut shell = Command::new("sh");
        sandbox.isolate(&mut shell);
        let ran = Ran::from(shell.args(["-c", &script]).output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{script}");
    }
    assert!(!sandbox.file("w").exists());

    // Reading stops at the end of the object, even if stdin stays open.
    let command = ["push", "--hook", "claude-code", "--session", "w"];
    let mut child = piped(&mut sandbox.command(command));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"{\"hook_event_name\":\"Stop\"}").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(sandbox.last("w")["status"], "completed");

    // A missing payload times out.
    let mut child = piped(&mut sandbox.command(command));
    let stdin = child.stdin.take().unwrap();
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert!(stderr.contains("stdin"), "{stderr}");
    drop(stdin);
}

#[test]
fn terminal_stdin_is_rejected() {
    if !have("python3") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut python = Command::new("python3");
    sandbox.isolate(&mut python);
    let spawn = "import pty, sys; sys.exit(pty.spawn(['sstat', 'push', '--hook', 'codex', '--session', 'w']))";
    let ran = Ran::from(python.args(["-c", spawn]).output().unwrap());
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.contains("stdin is a terminal"), "{}", ran.stdout);
}

#[test]
fn large_tool_response_is_ignored() {
    let sandbox = Sandbox::new();
    let mut payload = bash("cargo test");
    payload["tool_response"] = json!({"stdout": "x}".repeat(2_500_000)});
    sandbox.claude("w", "PostToolUse", payload.clone());
    assert_eq!(sandbox.last("w")["message"], "Bash: cargo test");
    payload["hook_event_name"] = json!("PostToolUse");
    payload["tool_response"] = json!("x".repeat(17_000_000));
    let ran = sandbox.hook("claude-code", "w", &payload);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert!(ran.stderr.contains("longer than"), "{}", ran.stderr);
}

#[test]
fn prompts_and_answers_can_be_omitted() {
    let sandbox = Sandbox::new();
    for (agent, payload) in [
        (
            "claude-code",
            json!({"hook_event_name": "UserPromptSubmit", "prompt": "SECRET"}),
        ),
        (
            "claude-code",
            json!({"hook_event_name": "Stop", "last_assistant_message": "SECRET"}),
        ),
        (
            "codex",
            json!({"hook_event_name": "UserPromptSubmit", "prompt": "SECRET"}),
        ),
        (
            "codex",
            json!({"type": "agent-turn-complete", "input-messages": ["SECRET"], "last-assistant-message": "SECRET"}),
        ),
        (
            "copilot",
            json!({"hook_event_name": "Notification", "notification_type": "permission_prompt",
                "message": "Run command: SECRET"}),
        ),
        (
            "gemini",
            json!({"hook_event_name": "BeforeTool", "tool_name": "update_topic",
                "tool_input": {"title": "SECRET"}}),
        ),
        (
            "gemini",
            json!({"hook_event_name": "BeforeAgent", "prompt": "SECRET"}),
        ),
        (
            "gemini",
            json!({"hook_event_name": "AfterAgent", "prompt": "SECRET", "prompt_response": "SECRET"}),
        ),
    ] {
        for off in ["off", "OFF", "0"] {
            let mut command = sandbox.command(["push", "--hook", agent, "--session", "w"]);
            command.env("SSTAT_HOOK_PROMPT", off);
            assert_eq!(fed(&mut command, payload.to_string().as_bytes()).code, 0);
        }
    }
    assert_eq!(sandbox.updates("w").len(), 8);
    assert!(!sandbox.read("w").contains("SECRET"));
    sandbox.claude("w", "UserPromptSubmit", json!({"prompt": "SECRET"}));
    assert!(sandbox.read("w").contains("SECRET"));
}

#[test]
fn codex_notification_is_read_from_the_last_argument() {
    let sandbox = Sandbox::new();
    let json = json!({"type": "agent-turn-complete", "thread-id": "b5f6c1", "cwd": "/srv/shop",
        "last-assistant-message": "Done"})
    .to_string();
    for (arguments, name) in [
        (vec!["push", "--hook", "codex"], "shop-b5f6c1"),
        (vec!["push", "--hook", "codex", "--session", "w1"], "w1"),
        (vec!["push", "--hook=codex", "--session=w2", "--sync"], "w2"),
    ] {
        let mut command = sandbox.command(arguments);
        let ran = Ran::from(command.arg(&json).output().unwrap());
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (0, "", "")
        );
        assert_eq!(sandbox.last(name)["message"], "Done");
    }
    assert_eq!(
        sandbox.run(["push", "--hook", "codex", "{\"type\":"]).code,
        0
    );
    // Without --hook, such an argument is an ordinary session name.
    sandbox.ok(["push", "{w}", "working", "{}"]);
    assert_eq!(sandbox.last("{w}")["message"], "{}");
}

#[test]
fn auto_reads_the_spellings_of_other_agents() {
    let sandbox = Sandbox::new();
    for (payload, name, message) in [
        (
            json!({"hook_event_name": "beforeSubmitPrompt", "conversation_id": "abc",
                "workspace_roots": ["/srv/cursor"], "cursor_version": "1", "prompt": "Go"}),
            "cursor-abc",
            "Go",
        ),
        (
            json!({"event": "PreToolUse", "sessionId": "def", "working_dir": "/srv/goose",
                "toolName": "shell", "toolArgs": "{\"command\":\"make\"}"}),
            "goose-def",
            "shell: make",
        ),
        (
            json!({"hookEventName": "pre_tool_use", "sessionID": "fed", "cwd": "/srv/x",
                "tool_name": "Bash", "toolInput": {"cmd": "ls"}}),
            "x-fed",
            "Bash: ls",
        ),
    ] {
        let mut command = sandbox.command(["push", "--hook", "auto"]);
        let ran = fed(&mut command, payload.to_string().as_bytes());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        assert_eq!(sandbox.last(name)["message"], message);
    }
}

#[test]
fn huge_values_still_fit_into_a_line() {
    let sandbox = Sandbox::new();
    let huge = "x".repeat(100_000);
    for event in ["PermissionRequest", "PreToolUse", "SubagentStop", "Stop"] {
        let payload = json!({"hook_event_name": event, "session_id": huge, "cwd": huge,
            "tool_name": huge, "tool_use_id": huge, "agent_id": huge, "agent_type": huge,
            "model": huge, "error": huge});
        sandbox.event("claude-code", "w", payload);
    }
    assert_eq!(sandbox.updates("w").len(), 2);
}

#[test]
fn last_paragraph_of_a_gemini_answer_is_shown() {
    let sandbox = Sandbox::new();
    for (response, message) in [
        ("I look.\nThere is **one** file.", "There is one file."),
        ("I look.\n\n# Done\n- a\n- b\n", "Done"),
        ("Hello", "Hello"),
    ] {
        let payload = json!({"hook_event_name": "AfterAgent", "prompt_response": response});
        sandbox.event("gemini", "w", payload);
        assert_eq!(sandbox.last("w")["message"], message);
    }
}

#[test]
fn expect_applies_to_every_hook_update() {
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        let mut command = sandbox.command([
            "push",
            "--hook",
            "gemini",
            "--session",
            "w",
            "--expect",
            "30m",
        ]);
        assert_eq!(
            fed(&mut command, b"{\"hook_event_name\":\"BeforeAgent\"}").code,
            0
        );
    }
    assert_eq!(sandbox.updates("w").len(), 1);
    assert_eq!(sandbox.last("w")["stale_after"].as_f64(), Some(1800.0));
    assert_eq!(sandbox.last("w")["timestamp"], NOW);
}

#[test]
fn secrets_are_masked_and_commands_can_be_omitted() {
    let sandbox = Sandbox::new();
    let payload = json!({"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {
        "command": "API_KEY=sk-not-a-real-key-123 curl -H 'Authorization: Bearer not-real' x",
        "description": "Call the API"}});
    let event = |prompts: &str| {
        let mut command = sandbox.command(["push", "--hook", "claude-code", "--session", "w"]);
        command.env("SSTAT_HOOK_PROMPT", prompts);
        assert_eq!(fed(&mut command, payload.to_string().as_bytes()).code, 0);
        sandbox.last("w")["message"].clone()
    };
    assert_eq!(
        event("on"),
        "Bash: API_KEY=*** curl -H 'Authorization: ***' x"
    );
    assert_eq!(event("off"), "Bash: Call the API");
    assert!(!sandbox.read("w").contains("real"));
}
