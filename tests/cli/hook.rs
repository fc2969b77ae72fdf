//! `sstat push --hook` with recorded, incomplete and hostile payloads.

mod traces;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
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
fn fed(command: &mut Command, stdin: &[u8]) -> Ran {
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

    fn updates(&self, session: &str) -> Vec<Value> {
        let file = std::fs::read_to_string(self.file(session)).unwrap_or_default();
        file.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
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
    let sandbox = Sandbox::new();
    let push = "sstat push --hook claude-code --session w";
    for script in [
        format!("{push} <&-"),
        format!("{push} </dev/null 2>&-"),
        format!("echo junk | {push} >&- 2>&-"),
        format!("{push} </ 2>/dev/full"),
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
fn repeated_update_is_written_again_after_30_seconds() {
    let sandbox = Sandbox::new();
    let push = |second: u32, command: &str| {
        let mut payload = bash(command);
        payload["hook_event_name"] = json!("PreToolUse");
        let mut command = sandbox.command(["push", "--hook", "claude-code", "--session", "w"]);
        command.env("SSTAT_NOW", format!("2026-02-14T20:35:{second:02}Z"));
        assert_eq!(fed(&mut command, payload.to_string().as_bytes()).code, 0);
        sandbox.updates("w").len()
    };
    assert_eq!(push(0, "make"), 1);
    assert_eq!(push(1, "make"), 1);
    assert_eq!(push(30, "make"), 1);
    assert_eq!(push(31, "make"), 2);
    assert_eq!(push(32, "make check"), 3);
    assert_eq!(push(33, "make"), 4);
}

#[test]
fn session_end_keeps_completed_and_error() {
    let sandbox = Sandbox::new();
    for (status, reason, expected) in [
        ("completed", "other", ("completed", "before")),
        ("error", "other", ("error", "before")),
        ("working", "other", ("error", "ended before its turn did")),
        ("blocked", "exit", ("error", "ended before its turn did")),
        ("working", "prompt_input_exit", ("idle", "session ended")),
        ("blocked", "logout", ("idle", "session ended")),
        ("idle", "other", ("idle", "session ended")),
        ("working", "clear", ("working", "before")),
    ] {
        sandbox.ok(["push", status, status, "before"]);
        sandbox.claude(status, "SessionEnd", json!({"reason": reason}));
        let last = sandbox.last(status);
        let last = (last["status"].as_str(), last["message"].as_str());
        assert_eq!(last, (Some(expected.0), Some(expected.1)), "{reason}");
    }
    sandbox.claude("new", "SessionEnd", json!({"reason": "other"}));
    assert!(!sandbox.file("new").exists(), "the end created a session");
    // --expect is part of the command for all events.
    let ended = json!({"hook_event_name": "SessionEnd", "reason": "other"}).to_string();
    sandbox.ok(["push", "new2", "idle"]);
    sandbox.ok([
        "push",
        "--hook=claude-code",
        "--session=new2",
        "--expect=10m",
        &ended,
    ]);
    assert_eq!(sandbox.last("new2")["stale_after"], 365 * 24 * 3600);
    // An ended session does not go stale.
    let mut later = sandbox.command(["list", "new2", "--attention", "--exit-code"]);
    let later = later.env("SSTAT_NOW", "2026-05-01T00:00:00Z").status();
    assert_eq!(later.unwrap().code(), Some(0));
}

#[test]
fn notification_keeps_the_question() {
    let sandbox = Sandbox::new();
    let notification =
        json!({"notification_type": "permission_prompt", "message": "Claude needs you"});
    sandbox.claude("w", "PermissionRequest", bash("git push"));
    sandbox.claude("w", "Notification", notification.clone());
    assert_eq!(sandbox.last("w")["message"], "Allow Bash: git push?");
    sandbox.claude("w", "PostToolUse", bash("git push"));
    assert_eq!(sandbox.last("w")["status"], "working");
    sandbox.claude("w", "Notification", notification);
    assert_eq!(sandbox.last("w")["message"], "Claude needs you");
}

#[test]
fn progress_and_task_are_kept_during_a_turn() {
    let sandbox = Sandbox::new();
    sandbox.claude("w", "UserPromptSubmit", json!({"prompt": "Go"}));
    sandbox.ok(["push", "w", "working", "Porting", "30%", "160"]);
    sandbox.claude("w", "PreToolUse", bash("make"));
    let last = sandbox.last("w");
    assert_eq!(
        (&last["progress"], &last["task_id"]),
        (&json!(0.3), &json!("160"))
    );
    let todos = json!({"tool_name": "TodoWrite", "tool_input": {"todos": [
        {"content": "a", "status": "completed"}, {"content": "b", "status": "pending"}]}});
    sandbox.claude("w", "PostToolUse", todos);
    sandbox.claude("w", "PermissionRequest", bash("make install"));
    let last = sandbox.last("w");
    assert_eq!(
        (&last["progress"], &last["task_id"]),
        (&json!(0.5), &json!("160"))
    );
    sandbox.claude("w", "Stop", json!({}));
    let last = sandbox.last("w");
    assert_eq!(
        (&last["progress"], &last["task_id"]),
        (&json!(1.0), &json!("160"))
    );
    sandbox.claude("w", "UserPromptSubmit", json!({"prompt": "Something else"}));
    let last = sandbox.last("w");
    assert!(last.get("progress").is_none() && last.get("task_id").is_none());
}

#[test]
fn tasks_are_counted_across_turns() {
    let sandbox = Sandbox::new();
    let task = |event: &str, subject: &str| {
        sandbox.claude("w", event, json!({"task_id": "1", "task_subject": subject}));
        let last = sandbox.last("w");
        (
            last["progress"].as_f64(),
            last["message"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(
        task("TaskCompleted", "old"),
        (None, "Completed: old".into())
    );
    for _ in 0..4 {
        assert_eq!(task("TaskCreated", "same"), (Some(0.0), "same".into()));
    }
    assert_eq!(
        task("TaskCompleted", "same"),
        (Some(0.25), "Completed: same".into())
    );
    sandbox.ok(["push", "w", "working", "Own message", "--meta", "tasks=7"]);
    sandbox.claude("w", "Stop", json!({}));
    sandbox.claude("w", "UserPromptSubmit", json!({"prompt": "Go on"}));
    assert_eq!(task("TaskCompleted", "next").0, Some(0.5));
    sandbox.claude("w", "SessionStart", json!({"source": "clear"}));
    assert_eq!(
        task("TaskCompleted", "old"),
        (None, "Completed: old".into())
    );
    assert_eq!(task("TaskCreated", "new").0, Some(0.0));
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
    assert_eq!(sandbox.updates("w").len(), 6);
    assert!(!sandbox.read("w").contains("SECRET"));
    sandbox.claude("w", "UserPromptSubmit", json!({"prompt": "SECRET"}));
    assert!(sandbox.read("w").contains("SECRET"));
}

#[test]
fn name_sources_have_an_order() {
    let sandbox = Sandbox::new();
    let payload =
        json!({"hook_event_name": "Stop", "session_id": "b5f6c1c2-1", "cwd": "/srv/shop"})
            .to_string();
    let name = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = sandbox.command(["push", "--hook", "claude-code"]);
        command.args(arguments).envs(variables.iter().copied());
        let ran = fed(&mut command, payload.as_bytes());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let names = sandbox.sessions();
        for name in &names {
            std::fs::remove_file(sandbox.file(name)).unwrap();
        }
        names.join(" ")
    };
    assert_eq!(
        name(&["--session", "flag"], &[("SSTAT_SESSION", "variable")]),
        "flag"
    );
    assert_eq!(name(&[], &[("SSTAT_SESSION", "variable")]), "variable");
    assert_eq!(
        name(&[], &[("SSTAT_SESSION", "../team/w\n1")]),
        "_._team_w_1"
    );
    assert_eq!(name(&[], &[("SSTAT_SESSION", " ")]), "shop-b5f6c1");
    // An unknown pane, or tmux is not installed.
    assert_eq!(
        name(&[], &[("TMUX_PANE", "%424242"), ("TMUX", "/nowhere,1,0")]),
        "shop-b5f6c1"
    );
    assert_eq!(
        name(&[], &[("TMUX_PANE", "%0"), ("PATH", "/nowhere")]),
        "shop-b5f6c1"
    );
    // A tmux that does not respond.
    let fake = sandbox.home().join("tmux");
    std::fs::write(&fake, "#!/bin/sh\nexec sleep 1000\n").unwrap();
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", sandbox.home().display());
    assert_eq!(
        name(&[], &[("TMUX_PANE", "%0"), ("PATH", &path)]),
        "shop-b5f6c1"
    );
}

#[test]
fn name_of_the_tmux_session_is_used() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    let tmux = |arguments: &[&str]| {
        let mut command = Command::new("tmux");
        sandbox.isolate(&mut command);
        command.env("TMUX_TMPDIR", sandbox.home()).args(arguments);
        let ran = Ran::from(command.output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        ran.stdout.trim().to_owned()
    };
    let pane = tmux(&[
        "new-session",
        "-d",
        "-P",
        "-F",
        "#{pane_id}",
        "-s",
        "team/worker 1",
        "cat",
    ]);
    let stop =
        json!({"hook_event_name": "Stop", "session_id": "abc", "cwd": "/srv/shop"}).to_string();
    let mut command = sandbox.command(["push", "--hook", "gemini"]);
    command
        .env("TMUX_TMPDIR", sandbox.home())
        .env("TMUX_PANE", pane);
    let ran = fed(&mut command, stop.replace("Stop", "AfterAgent").as_bytes());
    tmux(&["kill-server"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "", "")
    );
    assert_eq!(sandbox.sessions(), ["team_worker 1"]);
}

#[test]
fn session_keeps_its_name_in_another_directory() {
    let sandbox = Sandbox::new();
    let event = |agent: &str, payload: Value| {
        let mut command = sandbox.command(["push", "--hook", agent]);
        let ran = fed(&mut command, payload.to_string().as_bytes());
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
        ran.stderr
    };
    let id = "b5f6c1c2-8d1e-4c6b-9f43-444455556666";
    for (name, directory) in [
        ("SessionStart", "/srv/shop"),
        ("PreCompact", "/srv/shop/src"),
        ("Stop", "/tmp"),
    ] {
        event(
            "claude-code",
            json!({"hook_event_name": name, "session_id": id, "cwd": directory, "source": "startup"}),
        );
    }
    assert_eq!(sandbox.sessions(), ["shop-b5f6c1"]);
    // The ids of Codex begin with the time.
    let (first, second) = (
        "019fb560-de6b-7320-a070-5642753ded3d",
        "019fb560-de6b-7321-a070-5642753dedff",
    );
    event(
        "codex",
        json!({"hook_event_name": "SessionStart", "source": "startup", "session_id": first, "cwd": "/srv/shop"}),
    );
    event(
        "codex",
        json!({"hook_event_name": "SessionStart", "source": "startup", "session_id": second, "cwd": "/srv/shop"}),
    );
    event(
        "codex",
        json!({"type": "agent-turn-complete", "thread-id": first, "cwd": "/tmp"}),
    );
    assert_eq!(
        sandbox.sessions(),
        ["shop-3ded3d", "shop-3dedff", "shop-b5f6c1"]
    );
    assert_eq!(sandbox.last("shop-3ded3d")["status"], "completed");
    // Without `cwd`, the working directory of the hook is used.
    event(
        "gemini",
        json!({"hook_event_name": "AfterAgent", "session_id": "7c9e6679"}),
    );
    let own = sandbox
        .root()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let own = own.replacen('.', "_", 1);
    assert!(sandbox.file(&format!("{own}-7c9e66")).exists());
    // Without an id, the session has no name.
    let stderr = event(
        "gemini",
        json!({"hook_event_name": "AfterAgent", "cwd": "/srv/shop"}),
    );
    assert!(stderr.contains("session_id"), "{stderr}");
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

/// Runs a hook of Claude Code in an agent process with this pid.
fn claude_in(sandbox: &Sandbox, pid: u32, id: &str, payload: &Value) {
    let mut payload = payload.clone();
    payload["session_id"] = json!(id);
    let mut command = sandbox.command(["push", "--hook", "claude-code"]);
    command.envs([
        ("CLAUDE_PID", pid.to_string().as_str()),
        ("SSTAT_SESSION", "w"),
    ]);
    let ran = fed(&mut command, payload.to_string().as_bytes());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn process_of_the_agent_is_recorded() {
    let sandbox = Sandbox::with_real_clock();
    let mut agent = Command::new("sleep").arg("1000").spawn().unwrap();
    let prompt = json!({"hook_event_name": "UserPromptSubmit", "prompt": "Go"});
    claude_in(&sandbox, agent.id(), "a1", &prompt);
    assert_eq!(sandbox.last("w")["process"]["pid"], agent.id());
    assert_eq!(sandbox.last("w")["run"], "a1");
    let end = json!({"hook_event_name": "SessionEnd", "reason": "logout"});
    claude_in(&sandbox, agent.id(), "a1", &end);
    agent.kill().unwrap();
    agent.wait().unwrap();
    // An ended session is not dead.
    assert!(sandbox.last("w").get("process").is_none());
    assert_eq!(
        sandbox.json(["summary", "--json"])["dead_sessions"],
        json!([])
    );
    // Without CLAUDE_PID: the nearest ancestor that is not a shell.
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    shell.args(["-c", "sstat push --hook codex --session w2; true"]);
    let ran = fed(
        &mut shell,
        b"{\"hook_event_name\":\"Stop\",\"session_id\":\"a2\"}",
    );
    assert_eq!(ran.code, 0);
    assert_eq!(sandbox.last("w2")["process"]["pid"], std::process::id());
}

#[test]
fn agent_owns_its_name_until_it_ends() {
    let sandbox = Sandbox::with_real_clock();
    let mut owner = Command::new("sh")
        .args(["-c", "sleep 1000 & echo $!; wait"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(owner.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    let nested: u32 = line.trim().parse().unwrap();
    let mut unrelated = Command::new("sleep").arg("1000").spawn().unwrap();
    let event = |pid: u32, id: &str, name: &str| {
        claude_in(
            &sandbox,
            pid,
            id,
            &json!({"hook_event_name": name, "prompt": id, "reason": "other"}),
        );
    };
    event(owner.id(), "aaaaaa-1", "UserPromptSubmit");
    // A nested agent and the end of an earlier session are ignored.
    event(nested, "bbbbbb-1", "Stop");
    event(unrelated.id(), "cccccc-1", "SessionEnd");
    assert_eq!(sandbox.last("w")["message"], "aaaaaa-1");
    // Another agent gets a name of its own and keeps it.
    event(unrelated.id(), "dddddd-1", "UserPromptSubmit");
    assert_eq!(sandbox.last("w")["message"], "aaaaaa-1");
    assert_eq!(sandbox.last("w-dddddd")["message"], "dddddd-1");
    // The same process takes over, as after /clear.
    event(owner.id(), "eeeeee-1", "UserPromptSubmit");
    assert_eq!(sandbox.last("w")["message"], "eeeeee-1");
    for child in [nested, owner.id()] {
        Command::new("kill")
            .arg("-9")
            .arg(child.to_string())
            .status()
            .unwrap();
    }
    owner.wait().unwrap();
    event(unrelated.id(), "ffffff-1", "UserPromptSubmit");
    assert_eq!(sandbox.last("w")["message"], "ffffff-1");
    event(unrelated.id(), "dddddd-1", "Stop");
    assert_eq!(sandbox.last("w-dddddd")["status"], "completed");
    assert_eq!(sandbox.sessions(), ["w", "w-dddddd"]);
    unrelated.kill().unwrap();
    unrelated.wait().unwrap();
}

#[test]
fn shared_daemon_names_sessions_by_their_payload() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.root().join("agent.sh");
    let script = "echo '{\"hook_event_name\":\"Stop\",\"session_id\":\"abcdef1\",\"cwd\":\"/srv/shop\"}' | sstat push --hook codex\n";
    std::fs::write(&daemon, script).unwrap();
    // A copy of the shell under another name, which is not a shell by its name.
    let program = sandbox.root().join("agent");
    std::fs::copy("/bin/sh", &program).unwrap();
    let mut command = Command::new(program);
    sandbox.isolate(&mut command);
    command.arg(daemon).args(["app-server", "--managed-daemon"]);
    command.env("SSTAT_SESSION", "first");
    assert!(command.status().unwrap().success());
    assert_eq!(sandbox.sessions(), ["shop-abcdef"]);
}

#[test]
fn completed_is_idle_inside_a_wrapped_run() {
    let sandbox = Sandbox::with_real_clock();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let start = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(19)
        .unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let run = format!("{}-{start}-{}", std::process::id(), boot.trim());
    let event = |run: &str, name: &str| {
        let mut command = sandbox.command(["push", "--hook", "claude-code", "--session", "w"]);
        let payload = json!({"hook_event_name": name, "error": "rate_limit",
            "last_assistant_message": "Text"});
        let ran = fed(
            command.env("SSTAT_RUN", run),
            payload.to_string().as_bytes(),
        );
        assert_eq!(ran.code, 0);
        sandbox.last("w")
    };
    let last = event(&run, "Stop");
    assert_eq!(
        (&last["status"], &last["message"]),
        (&json!("idle"), &json!("Text"))
    );
    assert_eq!(last["wrapper"], run);
    let last = event(&run, "StopFailure");
    assert_eq!(last["metadata"]["error_kind"], "rate_limit");
    assert_eq!(last["status"], "idle");
    // A run that another process exported is ignored.
    assert_eq!(event("1-1-boot", "Stop")["status"], "completed");
}

#[test]
fn clear_ends_a_session_that_is_named_by_its_id() {
    let sandbox = Sandbox::new();
    let event = |name: &str, id: &str| {
        let mut command = sandbox.command(["push", "--hook", "auto"]);
        let payload = json!({"hook_event_name": name, "session_id": id, "cwd": "/srv/shop",
            "prompt": "Go", "reason": "clear", "source": "clear",
            "transcript_path": "/home/ada/.claude/projects/x.jsonl"});
        assert_eq!(fed(&mut command, payload.to_string().as_bytes()).code, 0);
    };
    event("UserPromptSubmit", "aaaaaa-1");
    event("SessionEnd", "aaaaaa-1");
    event("SessionStart", "bbbbbb-1");
    let last = sandbox.last("shop-aaaaaa");
    assert_eq!(last["message"], "session ended");
    assert_eq!(last["metadata"]["agent"], "claude-code");
    assert_eq!(sandbox.last("shop-bbbbbb")["status"], "idle");
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
fn hook_in_an_alert_command_does_not_use_its_session() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(["push", "--hook", "claude-code"]);
    command.envs([("SSTAT_EVENT", "error"), ("SSTAT_SESSION", "w")]);
    let payload = json!({"hook_event_name": "Stop", "session_id": "abc", "cwd": "/srv/shop"});
    assert_eq!(fed(&mut command, payload.to_string().as_bytes()).code, 0);
    assert_eq!(sandbox.sessions(), ["shop-abc"]);
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
fn new_session_of_the_agent_has_no_open_requests() {
    let sandbox = Sandbox::new();
    let mut asked = bash("git push");
    asked["agent_id"] = json!("a1");
    sandbox.claude("w", "PermissionRequest", asked);
    assert_eq!(sandbox.last("w")["status"], "blocked");
    sandbox.event(
        "claude-code",
        "w",
        json!({"hook_event_name": "UserPromptSubmit", "session_id": "other", "prompt": "Go"}),
    );
    assert_eq!(sandbox.last("w")["status"], "working");
}

/// Requests belong to a call: other calls and the parent of a subagent leave
/// them open.
#[test]
fn permission_stays_open_until_its_own_call_ends() {
    let sandbox = Sandbox::new();
    let event = |event: &str, mut fields: Value, agent: &str| {
        if !agent.is_empty() {
            fields["agent_id"] = json!(agent);
            fields["agent_type"] = json!("Explore");
        }
        sandbox.claude("w", event, fields);
        let last = sandbox.last("w");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&last["status"]), text(&last["message"]))
    };
    let blocked = |text: &str| ("blocked".to_owned(), text.to_owned());
    let working = |text: &str| ("working".to_owned(), text.to_owned());
    event("UserPromptSubmit", json!({"prompt": "Go"}), "");
    event("PreToolUse", bash("make"), "");
    let asked = event("PermissionRequest", bash("make"), "");
    assert_eq!(asked, blocked("Allow Bash: make?"));
    // A parallel call does not answer it, and a second request waits.
    assert_eq!(event("PostToolUse", bash("ls"), ""), asked);
    assert_eq!(event("PermissionRequest", bash("rm x"), ""), asked);
    let next = event("PostToolUse", bash("make"), "");
    assert_eq!(next, blocked("Allow Bash: rm x?"));
    let next = event("PostToolBatch", json!({"tool_calls": []}), "");
    assert_eq!(next, working("Bash: make"));

    // The question of a subagent.
    let asked = event("PermissionRequest", bash("git push"), "a1");
    assert_eq!(asked, blocked("Allow Bash: git push?"));
    let notification = json!({"notification_type": "permission_prompt", "message": "Claude"});
    assert_eq!(event("Notification", notification, ""), asked);
    assert_eq!(event("PostToolUse", bash("make"), ""), asked);
    assert_eq!(event("PreToolUse", bash("ls"), "a2"), asked);
    let stop = json!({"last_assistant_message": "Parent is done."});
    assert_eq!(event("Stop", stop, ""), asked);
    let after = event("PostToolUse", bash("git push"), "a1");
    assert_eq!(
        after,
        ("completed".to_owned(), "Parent is done.".to_owned())
    );
    // A question of a subagent ends its earlier request.
    event("PermissionRequest", bash("git push"), "a1");
    let question = json!({"tool_name": "AskUserQuestion", "tool_use_id": "t1",
        "tool_input": {"questions": [{"question": "Which one?"}]}});
    assert_eq!(event("PreToolUse", question, "a1"), blocked("Which one?"));
    event("SubagentStop", json!({}), "a1");
    // Another writer replaces the status behind a question.
    event("PermissionRequest", bash("git push"), "a1");
    sandbox.ok(["push", "w", "working", "My own"]);
    assert_eq!(event("SubagentStop", json!({}), "a1"), working("My own"));
}

#[test]
fn subagent_in_the_background_refreshes_the_session() {
    let sandbox = Sandbox::new();
    let push = |second: u32, event: &str, fields: Value| {
        let mut payload = fields;
        payload["hook_event_name"] = json!(event);
        let mut command = sandbox.command(["push", "--hook", "claude-code", "--session", "w"]);
        command.env("SSTAT_NOW", format!("2026-02-14T20:35:{second:02}Z"));
        assert_eq!(fed(&mut command, payload.to_string().as_bytes()).code, 0);
        let last = sandbox.last("w");
        last["message"].as_str().unwrap().to_owned()
    };
    let tasks = json!({"background_tasks": [{"id": "a1", "type": "subagent",
        "status": "running", "description": "Look around"}]});
    let stopped = push(0, "Stop", tasks);
    assert_eq!(stopped, "In the background: Look around");
    let mut tool = bash("cargo test");
    tool["agent_id"] = json!("a1");
    assert_eq!(push(29, "PreToolUse", tool.clone()), stopped);
    assert_eq!(
        push(30, "PostToolUse", tool.clone()),
        "Look around: Bash: cargo test"
    );
    assert_eq!(push(40, "Stop", json!({})), "Turn completed");
    assert_eq!(push(59, "PostToolUse", tool), "Turn completed");
}

#[test]
fn scheduled_prompt_is_awaited_as_idle() {
    let sandbox = Sandbox::new();
    let crons = json!({"background_tasks": [], "session_crons":
        [{"id": "c1", "schedule": "*/5 * * * *", "recurring": true, "prompt": "Look"}]});
    sandbox.claude("w", "Stop", crons);
    let last = sandbox.last("w");
    assert_eq!(last["status"], "idle");
    let message = last["message"].as_str().unwrap();
    assert!(message.starts_with("wakes at "), "{message}");
    assert_eq!(last["stale_after"].as_f64(), Some(600.0));
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

#[test]
fn parallel_task_events_are_all_counted() {
    let sandbox = Sandbox::new();
    thread::scope(|scope| {
        for worker in 0..8 {
            let sandbox = &sandbox;
            scope.spawn(move || {
                for number in 0..10 {
                    let subject = format!("task {worker}-{number}");
                    sandbox.claude("w", "TaskCreated", json!({"task_subject": subject}));
                }
            });
        }
    });
    assert_eq!(sandbox.last("w")["metadata"]["tasks"]["created"], 80);
}

#[test]
fn compaction_returns_to_the_status_before_it() {
    let sandbox = Sandbox::new();
    sandbox.claude("w", "Stop", json!({"last_assistant_message": "Done."}));
    sandbox.claude("w", "PreCompact", json!({"trigger": "manual"}));
    assert_eq!(sandbox.last("w")["message"], "Compacting the conversation");
    sandbox.claude("w", "SessionStart", json!({"source": "compact"}));
    let last = sandbox.last("w");
    assert_eq!(
        (&last["status"], &last["message"]),
        (&json!("completed"), &json!("Done."))
    );
    sandbox.claude("w", "PreCompact", json!({"trigger": "auto"}));
    sandbox.claude("w", "PreToolUse", bash("make"));
    assert_eq!(sandbox.last("w")["message"], "Bash: make");
}
