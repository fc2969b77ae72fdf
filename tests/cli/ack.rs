//! `sstat push NAME --ack`.

use serde_json::{Value, json};

use crate::support::{NOW, Sandbox};

/// Sessions of which `blocked`, `failed` and `old` need attention.
fn team() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "fine", "working"]);
    sandbox.aged("blocked", "blocked", 100);
    sandbox.aged("failed", "error", 10);
    sandbox.aged("old", "working", 400);
    sandbox
}

fn attention(sandbox: &Sandbox) -> Vec<String> {
    let list = sandbox.json(["list", "--attention", "--json"]);
    list.as_object().unwrap().keys().cloned().collect()
}

/// Runs the binary at a time after [`NOW`].
fn after(sandbox: &Sandbox, seconds: i64, args: &[&str]) -> String {
    let now = sstat::parse_timestamp(NOW).unwrap() + chrono::TimeDelta::seconds(seconds);
    let mut command = sandbox.command(args);
    let output = command.env("SSTAT_NOW", now.to_rfc3339()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn last_update_is_repeated_as_it_is() {
    let sandbox = Sandbox::new();
    let line = r#"{"timestamp":"2026-02-14T21:00:00.5+01:00","status":"paused","session":"x","progress":"half","note":1.10,"metadata":{"z":1e400,"a":2},"repeated":false"#;
    sandbox.write("w", format!("{line}}}"));
    sandbox.ok(["push", "w", "--ack"]);
    sandbox.ok(["push", "w", "--ack=1h30m"]);
    sandbox.ok(["push", "w", "--ack=0s"]);
    let line = line.replace(r#","repeated":false"#, "");
    let copies = [
        r#","repeated":false"#,
        r#","repeated":true,"acknowledged_until":"next-update""#,
        r#","repeated":true,"acknowledged_until":"2026-02-14T22:05:00Z""#,
        r#","repeated":true"#,
    ];
    let expected = copies.map(|keys| format!("{line}{keys}}}\n"));
    assert_eq!(sandbox.read("w"), expected.concat());
}

#[test]
fn acknowledged_session_needs_no_attention_until_its_next_update() {
    let sandbox = team();
    let summary = sandbox.ok(["summary"]);
    let counts = sandbox.json(["history", "--all", "--json"]);
    assert_eq!(attention(&sandbox), ["blocked", "failed", "old"]);
    for session in ["blocked", "failed", "old"] {
        sandbox.ok(["push", session, "--ack"]);
    }
    assert_eq!(attention(&sandbox), [""; 0]);
    let gate = ["list", "--attention", "--exit-code"];
    assert_eq!(sandbox.run(gate).code, 0);
    assert_eq!(sandbox.ok(["summary", "--short"]), "1 working\n");
    assert_eq!(sandbox.ok(["summary"]), summary);
    assert_eq!(sandbox.json(["history", "--all", "--json"]), counts);
    let old = &sandbox.json(["list", "--json"])["old"];
    assert_eq!(
        [
            &old["is_acknowledged"],
            &old["is_stale"],
            &old["age_seconds"],
            &old["for_seconds"]
        ],
        [&json!(true), &json!(true), &json!(400), &json!(400)]
    );
    assert!(sandbox.ok(["list", "old"]).contains("6m40s stale ack"));
    assert!(
        sandbox
            .ok(["stale", "old"])
            .contains("6m40s  stale, acknowledged ")
    );
    assert!(
        sandbox
            .ok(["show", "old"])
            .contains("Ack        until its next update\n")
    );

    sandbox.ok(["push", "blocked", "blocked", "again"]);
    sandbox.ok(["push", "failed", "--ack=0s"]);
    assert_eq!(attention(&sandbox), ["blocked", "failed"]);
    assert_eq!(sandbox.run(gate).code, 1);
}

#[test]
fn acknowledgement_expires() {
    let sandbox = team();
    sandbox.ok(["push", "blocked", "--ack=10m"]);
    let gate = ["list", "blocked", "--attention"];
    assert_eq!(after(&sandbox, 599, &gate), "");
    assert!(after(&sandbox, 600, &gate).contains("blocked"));
    assert!(
        sandbox
            .ok(["show", "blocked"])
            .contains("Ack        until 2026-02-14 20:45:00\n")
    );
}

#[test]
fn refused_acknowledgement_changes_nothing() {
    let sandbox = team();
    let ran = sandbox.run(["push", "blokced", "--ack"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("did you mean 'blocked'?"),
        "{}",
        ran.stderr
    );
    assert!(!sandbox.file("blokced").exists());
    sandbox.write("empty", "");
    assert_eq!(sandbox.run(["push", "empty", "--ack"]).code, 1);
    for args in [
        &["blocked", "error", "--ack"][..],
        &["--ack"],
        &["blocked", "--ack=soon"],
    ] {
        assert_eq!(sandbox.run([&["push"], args].concat()).code, 2, "{args:?}");
    }
    for args in [["blocked", "--ack", "2h"], ["--ack", "2h", "blocked"]] {
        let ran = sandbox.run([&["push"], &args[..]].concat());
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(ran.stderr.contains("--ack=2h"), "{}", ran.stderr);
    }
    let line = format!(
        r#"{{"timestamp":"{NOW}","status":"error","message":"{}"}}"#,
        "x".repeat(sstat::MAX_WRITTEN_BYTES - 100)
    );
    sandbox.write("long", format!("{line}\n"));
    let ran = sandbox.run(["push", "long", "--ack"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("bytes are more than"), "{}", ran.stderr);
    assert_eq!(sandbox.read("long"), format!("{line}\n"));
}

#[test]
fn name_is_resolved_as_in_readers() {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "feature/login", "blocked"]);
    sandbox.ok(["push", "feature/login", "--ack"]);
    assert_eq!(sandbox.updates("feature_login").len(), 2);
    // The second of several directories.
    let other = sandbox.root().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::rename(
        sandbox.file("feature_login"),
        other.join("there_status.json"),
    )
    .unwrap();
    let list = std::env::join_paths([sandbox.dir(), other.clone()]).unwrap();
    for name in ["there", "other/there"] {
        let ran = sandbox
            .command(["push", name, "--ack"])
            .env("SSTAT_DIR", &list)
            .output();
        assert_eq!(ran.unwrap().status.code(), Some(0), "{name}");
    }
    let text = std::fs::read_to_string(other.join("there_status.json")).unwrap();
    assert_eq!(text.lines().count(), 4);
}

#[test]
#[cfg_attr(windows, ignore = "needs sh")]
fn hook_and_wrapper_continue_after_an_acknowledged_copy() {
    let sandbox = Sandbox::new();
    let hook = |fields: Value| {
        let mut payload =
            json!({"session_id": "b5f6c1c2-8d1e-4c6b-9f43-444455556666", "cwd": "/src"});
        payload
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        sandbox.ok([
            "push",
            "--hook",
            "claude-code",
            "--session",
            "a",
            &payload.to_string(),
        ]);
        sandbox.updates("a").pop().unwrap()
    };
    hook(json!({"hook_event_name": "UserPromptSubmit", "prompt": "Go"}));
    let request = json!({"hook_event_name": "PermissionRequest", "tool_name": "Bash", "tool_input": {"command": "ls"}});
    let asked = hook(request.clone());
    assert_eq!(asked["status"], "blocked");
    sandbox.ok(["push", "a", "--ack"]);
    let mut copy = sandbox.updates("a").pop().unwrap();
    assert_eq!(copy["acknowledged_until"], "next-update");
    copy.as_object_mut()
        .unwrap()
        .retain(|key, _| asked.get(key).is_some());
    assert_eq!(copy, asked, "with the state of the hooks");
    // The same event again is no news.
    hook(request);
    assert_eq!(sandbox.updates("a").len(), 3);
    let answered = hook(
        json!({"hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_input": {"command": "ls"}}),
    );
    assert_eq!(answered["status"], "working");
    assert_eq!(
        answered
            .get("acknowledged_until")
            .or(answered.get("repeated")),
        None
    );

    let script = "sstat push w --ack && sstat list w --json > during; exit 3";
    let ran = sandbox.run(["push", "w", "working", "Tests", "--", "sh", "-c", script]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let during = std::fs::read_to_string(sandbox.root().join("during")).unwrap();
    let during: Value = serde_json::from_str(&during).unwrap();
    assert_eq!(during["w"]["is_acknowledged"], true);
    assert_eq!(during["w"]["is_alive"], true);
    let last = sandbox.updates("w").pop().unwrap();
    assert_eq!(
        (&last["message"], &last["metadata"]["exit_code"]),
        (&json!("Tests: exit code 3"), &json!(3))
    );
    assert_eq!(
        last.get("acknowledged_until").or(last.get("repeated")),
        None
    );
}

/// A worker pushes while its session is acknowledged again and again. Whatever the
/// order, its last update is the last one.
#[test]
#[cfg_attr(windows, ignore = "slow: starts sstat hundreds of times")]
fn last_update_of_a_pushing_worker_stays_the_last() {
    let sandbox = Sandbox::with_real_clock();
    for attempt in 0..100 {
        let name = format!("w{attempt}");
        sandbox.ok(["push", &name, "blocked", "0"]);
        let mut ack = sandbox.command(["push", &name, "--ack"]).spawn().unwrap();
        let update = format!(r#"{{"timestamp":"{NOW}","status":"error","message":"1"}}"#);
        // Every other worker takes no lock.
        if attempt % 2 == 0 {
            sandbox.ok(["push", &name, "error", "1"]);
        } else {
            use std::io::Write;
            let file = std::fs::File::options()
                .append(true)
                .open(sandbox.file(&name));
            file.unwrap()
                .write_all(format!("{update}\n").as_bytes())
                .unwrap();
        }
        assert!(ack.wait().unwrap().success());
        let last = sandbox.updates(&name).pop().unwrap();
        assert_eq!(
            (&last["status"], &last["message"]),
            (&json!("error"), &json!("1"))
        );
    }
}
