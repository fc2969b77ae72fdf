//! Updates that depend on the last one: requests, progress, tasks and repeats.

use std::thread;

use serde_json::{Value, json};

use super::{bash, fed};
use crate::support::Sandbox;

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

/// The input of an answered question contains the answers.
#[test]
fn answer_ends_the_question_without_a_call_id() {
    let sandbox = Sandbox::new();
    let mut question = json!({"tool_name": "AskUserQuestion",
        "tool_input": {"questions": [{"question": "Which one?"}]}});
    sandbox.claude("w", "PreToolUse", question.clone());
    assert_eq!(sandbox.last("w")["message"], "Which one?");
    question["tool_input"]["answers"] = json!({"Which one?": "SQLite"});
    sandbox.claude("w", "PostToolUse", question);
    assert_eq!(sandbox.last("w")["status"], "working");
}

/// Codex sends no event if the user dismisses a subagent's question.
#[test]
fn prompt_of_the_user_answers_all_requests() {
    let sandbox = Sandbox::new();
    let mut asked = bash("git push");
    asked["agent_id"] = json!("a1");
    sandbox.claude("w", "UserPromptSubmit", json!({"prompt": "Go"}));
    sandbox.claude("w", "PermissionRequest", asked.clone());
    sandbox.claude("w", "Stop", json!({}));
    assert_eq!(sandbox.last("w")["status"], "blocked");
    sandbox.claude("w", "UserPromptSubmit", json!({"prompt": "Go on"}));
    assert_eq!(sandbox.last("w")["message"], "Go on");
    sandbox.claude("w", "PermissionRequest", asked);
    sandbox.claude("w", "Interrupt", json!({"agent_id": "a1"}));
    assert_eq!(sandbox.last("w")["message"], "Go on");
    let notified = json!({"prompt": "<task-notification><summary>x</summary>", "agent_id": "a2"});
    sandbox.claude("w", "UserPromptSubmit", notified);
    assert_eq!(sandbox.last("w")["message"], "Go on");
}

/// Hooks of one agent run at the same time.
#[test]
fn late_start_does_not_replace_the_first_prompt() {
    let sandbox = Sandbox::new();
    sandbox.claude("w", "UserPromptSubmit", json!({"prompt": "Go"}));
    sandbox.claude("w", "SessionStart", json!({"source": "startup"}));
    assert_eq!(sandbox.last("w")["message"], "Go");
    sandbox.claude("w", "SessionEnd", json!({"reason": "logout"}));
    sandbox.claude("w", "SessionStart", json!({"source": "startup"}));
    assert_eq!(sandbox.last("w")["message"], "Waiting for tasks");
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
#[cfg_attr(
    sstat_portable,
    ignore = "ps(1) takes longer than hooks wait for the lock"
)]
#[cfg_attr(windows, ignore = "under Wine, so do hooks")]
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

#[test]
fn notification_of_older_versions_has_no_type() {
    let sandbox = Sandbox::new();
    let notify = |message: &str| {
        sandbox.claude("w", "Notification", json!({"message": message}));
        let last = sandbox.last("w");
        last["status"].as_str().unwrap().to_owned()
    };
    sandbox.claude("w", "UserPromptSubmit", json!({"prompt": "Go"}));
    assert_eq!(
        notify("Claude needs your permission to use Bash"),
        "blocked"
    );
    assert_eq!(notify("Claude is waiting for your input"), "idle");
    assert_eq!(notify("Something else"), "idle");
}
