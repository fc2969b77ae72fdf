//! Which process an update names, and what readers make of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Ran, Running, Sandbox, or_skip};

fn signal(signal: &str, pid: &str) {
    let status = Command::new("kill").args([signal, pid]).status();
    assert!(status.unwrap().success());
}

fn last(sandbox: &Sandbox, name: &str) -> Value {
    serde_json::from_str(sandbox.read(name).lines().last().unwrap()).unwrap()
}

fn state(sandbox: &Sandbox, name: &str) -> Value {
    sandbox.json(["show", name, "--json"])
}

/// Waits until a session's JSON has a key with this value.
fn wait_for(sandbox: &Sandbox, name: &str, key: &str, value: &Value) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while state(sandbox, name)[key] != *value {
        assert!(Instant::now() < deadline, "{key} is not {value}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Writes a session whose process has other keys than the test's own process.
fn write_with(sandbox: &Sandbox, name: &str, timestamp: &str, changes: &Value) {
    let me = std::process::id().to_string();
    sandbox.ok(["push", name, "working", "--pid", &me]);
    let mut update = last(sandbox, name);
    update["timestamp"] = timestamp.into();
    let process = update["process"].as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => process.remove(key),
            value => process.insert(key.clone(), value.clone()),
        };
    }
    sandbox.write(name, format!("{update}\n"));
}

/// Returns true if the machine has an id; otherwise records the test as skipped.
fn has_machine_id(sandbox: &Sandbox) -> bool {
    write_with(sandbox, "id", "2026-02-14T20:00:00Z", &json!({}));
    let has_id = last(sandbox, "id")["process"]["machine"].is_string();
    fs::remove_file(sandbox.file("id")).unwrap();
    or_skip(has_id, "machine-id")
}

#[test]
fn machine_id_is_recorded_as_a_hash() {
    let sandbox = Sandbox::new();
    if !has_machine_id(&sandbox) {
        return;
    }
    write_with(&sandbox, "w", "2026-02-14T20:00:00Z", &json!({}));
    let process = last(&sandbox, "w")["process"].clone();
    let machine = process["machine"].as_str().unwrap();
    assert_eq!(machine.len(), 16);
    if let Ok(id) = fs::read_to_string("/etc/machine-id") {
        assert!(!sandbox.read("w").contains(id.trim()));
        assert!(!id.contains(machine));
    }
    let keys: Vec<&String> = process.as_object().unwrap().keys().collect();
    assert!(keys.contains(&&"host".to_owned()), "{keys:?}");
}

#[test]
fn host_name_is_not_compared() {
    let sandbox = Sandbox::new();
    let changes = json!({"host": "renamed", "machine": null});
    write_with(&sandbox, "w", "2026-02-14T20:00:00Z", &changes);
    assert_eq!(state(&sandbox, "w")["is_alive"], true);
    let changes = json!({"pid_namespace": 1});
    write_with(&sandbox, "c", "2026-02-14T20:00:00Z", &changes);
    assert_eq!(state(&sandbox, "c")["is_alive"], Value::Null);
}

#[test]
fn session_from_before_a_reboot_is_dead_on_the_same_machine_only() {
    let sandbox = Sandbox::with_real_clock();
    if !has_machine_id(&sandbox) {
        return;
    }
    let now = chrono::Utc::now().to_rfc3339();
    for (name, timestamp, changes, is_alive) in [
        ("same", "2001-01-01T00:00:00Z", json!({}), json!(false)),
        ("after-the-boot", &now, json!({}), Value::Null),
        (
            "other-machine",
            "2001-01-01T00:00:00Z",
            json!({"machine": "0123456789abcdef"}),
            Value::Null,
        ),
        (
            "unknown-machine",
            "2001-01-01T00:00:00Z",
            json!({"machine": null}),
            Value::Null,
        ),
    ] {
        let mut changes = changes;
        changes["boot_id"] = "00000000-0000-0000-0000-000000000000".into();
        write_with(&sandbox, name, timestamp, &changes);
        assert_eq!(state(&sandbox, name)["is_alive"], is_alive, "{name}");
    }
    let summary = sandbox.json(["summary", "--json"]);
    assert_eq!(summary["dead_sessions"], json!(["same"]));
}

#[test]
fn stopped_process_is_alive_and_needs_attention() {
    let sandbox = Sandbox::with_real_clock();
    let sleep = Running::waiting();
    sandbox.ok(["push", "w", "working", "--pid", &sleep.pid()]);
    let running = state(&sandbox, "w");
    assert_eq!(running["is_stopped"], false);
    assert!(!sandbox.ok(["list", "--attention"]).contains('w'));

    signal("-STOP", &sleep.pid());
    wait_for(&sandbox, "w", "is_stopped", &json!(true));
    assert_eq!(state(&sandbox, "w")["is_alive"], true);
    let ran = sandbox.run(["list", "--attention", "--exit-code"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("stopped"), "{}", ran.stdout);
    assert!(sandbox.ok(["show", "w"]).contains(", stopped"));

    signal("-CONT", &sleep.pid());
    wait_for(&sandbox, "w", "is_stopped", &json!(false));
    assert!(!sandbox.ok(["list", "--attention"]).contains("stopped"));
}

#[test]
fn stopped_wrapper_becomes_stale() {
    let sandbox = Sandbox::with_real_clock();
    let mut command = sandbox.command(["push", "w", "working", "--", "sleep", "60"]);
    let mut wrapper = command.spawn().unwrap();
    // The file exists before it has its first line.
    while sandbox.updates("w").is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    let is_stale = || {
        let later = chrono::Utc::now() + chrono::TimeDelta::hours(1);
        let mut list = sandbox.command(["list", "--json"]);
        list.env("SSTAT_NOW", later.to_rfc3339());
        let list: Value = serde_json::from_slice(&list.output().unwrap().stdout).unwrap();
        list["w"]["is_stale"].clone()
    };
    let pid = wrapper.id().to_string();
    wait_for(&sandbox, "w", "is_alive", &json!(true));
    assert_eq!(is_stale(), false);
    signal("-STOP", &pid);
    wait_for(&sandbox, "w", "is_stopped", &json!(true));
    assert_eq!(is_stale(), true);
    signal("-CONT", &pid);
    signal("-TERM", &pid);
    wrapper.wait().unwrap();
}

#[test]
fn command_of_a_killed_wrapper_is_named() {
    let sandbox = Sandbox::with_real_clock();
    let pid_file = sandbox.root().join("pid");
    // macOS hides the environments of its own programs.
    let script = format!(
        "sleep 9 & echo $$ $SSTAT_RUN >{0}.new; mv {0}.new {0}; exec sstat watch --json",
        pid_file.display()
    );
    let mut command = sandbox.command(["push", "w", "working", "--", "sh", "-c", &script]);
    let mut wrapper = command.stdout(Stdio::null()).spawn().unwrap();
    while !pid_file.exists() {
        thread::sleep(Duration::from_millis(5));
    }
    let line = fs::read_to_string(&pid_file).unwrap();
    let (pid, run) = line.trim().split_once(' ').unwrap();
    let process = last(&sandbox, "w")["process"].clone();
    let boot_id = process["boot_id"].as_str().unwrap();
    let expected = format!("{}-{}-{boot_id}", process["pid"], process["start_time"]);
    assert_eq!(run, expected);

    wrapper.kill().unwrap();
    wrapper.wait().unwrap();
    assert_eq!(state(&sandbox, "w")["is_alive"], false);
    let text = format!("is gone; its command still runs (pid {pid})");
    for args in [["show", "w"], ["stale", "w"]] {
        let ran = sandbox.run(args);
        assert!(ran.stdout.contains(&text), "{}", ran.stdout);
    }
    signal("-KILL", pid);
    let deadline = Instant::now() + Duration::from_secs(30);
    while sandbox.ok(["show", "w"]).contains(&text) {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn watch_shows_a_stopped_process() {
    let sandbox = Sandbox::with_real_clock();
    let sleep = Running::waiting();
    sandbox.ok(["push", "w", "working", "--pid", &sleep.pid()]);
    signal("-STOP", &sleep.pid());
    wait_for(&sandbox, "w", "is_stopped", &json!(true));
    let ran = sandbox.run([
        "watch",
        "w",
        "--json",
        "--until",
        "completed",
        "--timeout",
        "1s",
    ]);
    let event: Value = serde_json::from_str(ran.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(event["state"]["is_stopped"], true, "{event}");
    assert_eq!(event["state"]["is_alive"], true, "{event}");
}

#[test]
fn watch_reports_stopped_and_continued_processes() {
    let sandbox = Sandbox::with_real_clock();
    let sleep = Running::waiting();
    sandbox.ok(["push", "w", "working", "--pid", &sleep.pid()]);
    let mut watch = sandbox.command(["watch", "--json", "--interval", "100ms"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut event = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(event()["event"], "snapshot");
    signal("-STOP", &sleep.pid());
    let stopped = event();
    assert_eq!(stopped["event"], "stopped");
    assert_eq!(stopped["state"]["is_stopped"], true);
    signal("-CONT", &sleep.pid());
    let recovered = event();
    assert_eq!(
        (&recovered["event"], &recovered["condition"]),
        (&json!("recovered"), &json!("stopped"))
    );
    drop(sleep);
    assert_eq!(event()["event"], "dead");
    watch.kill().unwrap();
    watch.wait().unwrap();
}

/// Pushes in a shell, with `SSTAT_PID` set to a word of the shell.
fn push_with(sandbox: &Sandbox, name: &str, sstat_pid: &str, script: &str) -> Ran {
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    let script = format!(
        "export SSTAT_PID={sstat_pid}; {}",
        script.replace("PUSH", &format!("sstat push {name} working"))
    );
    Ran::from(shell.args(["-c", &script]).output().unwrap())
}

#[test]
fn sstat_pid_names_the_process_or_an_ancestor() {
    let sandbox = Sandbox::new();
    for (name, script) in [
        ("parent", "PUSH; :"),
        ("grandparent", "sh -c 'PUSH; :'; :"),
        ("pipeline", ": | (sh -c '(PUSH); :'; :)"),
        ("itself", "exec sstat push itself working"),
    ] {
        let ran = push_with(&sandbox, name, "$$", &format!("echo $$; {script}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}");
        let process = &last(&sandbox, name)["process"];
        assert_eq!(process["pid"].to_string(), ran.stdout.trim(), "{name}");
    }
}

#[test]
fn foreign_sstat_pid_is_ignored() {
    let sandbox = Sandbox::new();
    let sleep = Running::waiting();
    for pid in [&*sleep.pid(), "4194305", "shell", "-1", "0"] {
        let ran = push_with(&sandbox, "w", pid, "PUSH; :");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{pid}");
        assert_eq!(last(&sandbox, "w")["process"], Value::Null, "{pid}");
        let ran = push_with(&sandbox, "w", pid, "PUSH -v; :");
        let reason = format!("sstat: SSTAT_PID: {pid} is not the id of an ancestor");
        assert!(ran.stderr.contains(&reason), "{}", ran.stderr);
    }
    assert_eq!(sandbox.read("w").lines().count(), 10);
}

#[test]
fn far_ancestor_is_found_up_to_a_limit() {
    let sandbox = Sandbox::new();
    let nested = |depth: usize| {
        let script = format!(
            "if [ $1 -gt 0 ]; then sh {0}/nest $(($1 - 1)); else sstat push d{depth} working; fi; :",
            sandbox.root().display()
        );
        fs::write(sandbox.root().join("nest"), script).unwrap();
        let ran = push_with(&sandbox, "x", "$$", &format!("sh nest {depth}; :"));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        !last(&sandbox, &format!("d{depth}"))["process"].is_null()
    };
    assert!(nested(40));
    assert!(!nested(80));
}

#[test]
#[cfg_attr(
    any(not(target_os = "linux"), sstat_portable),
    ignore = "only on Linux threads have such ids"
)]
fn thread_is_not_a_process() {
    let sandbox = Sandbox::new();
    // The test harness runs each test in a thread of its own.
    let id = fs::read_link("/proc/thread-self").unwrap();
    let id = id.file_name().unwrap().to_str().unwrap().to_owned();
    assert_ne!(id, std::process::id().to_string());
    let ran = sandbox.run(["push", "w", "working", "--pid", &id]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("--pid"), "{}", ran.stderr);
    assert!(!sandbox.file("w").exists());
}

#[test]
fn lines_of_a_wrapped_command_name_its_run() {
    let sandbox = Sandbox::new();
    let script = "echo $SSTAT_RUN; sstat push w working 'Step 1' --pid $$; sstat push other idle";
    let ran = sandbox.run(["push", "w", "working", "Tests", "--", "sh", "-c", script]);
    let run = ran.stdout.trim();
    let lines = sandbox.updates("w");
    assert_eq!(lines.len(), 3);
    for line in lines.iter().chain(&sandbox.updates("other")) {
        assert_eq!(line["run"], run, "{line}");
        assert_eq!(line["wrapper"], Value::Null);
    }
    assert_eq!(state(&sandbox, "w")["run"], run);
}

#[test]
fn foreign_run_is_ignored() {
    let sandbox = Sandbox::new();
    let me = std::process::id();
    let sleep = Running::waiting();
    for run in [
        "",
        "x",
        &format!("{me}-1-b"),
        &format!("{}-1-b", sleep.pid()),
    ] {
        let mut command = sandbox.command(["push", "w", "working"]);
        assert!(command.env("SSTAT_RUN", run).status().unwrap().success());
        assert_eq!(last(&sandbox, "w")["run"], Value::Null, "{run}");
    }
}

#[test]
fn wrapper_ends_the_run_of_an_agent() {
    let sandbox = Sandbox::new();
    let hook = |event: &str| {
        format!("echo '{event}' | sstat push --hook claude-code --session w; echo $SSTAT_RUN")
    };
    let failure = json!({"hook_event_name": "StopFailure", "session_id": "abcdef123456", "error": "overloaded"});
    let script = format!("{}; exit 3", hook(&failure.to_string()));
    let ran = sandbox.run(["push", "w", "working", "Agent", "--", "sh", "-c", &script]);
    assert_eq!(ran.code, 3);
    let run = ran.stdout.trim();
    let [first, hook, end] = &sandbox.updates("w")[..] else {
        panic!("{}", sandbox.read("w"));
    };
    assert_eq!(
        (&first["run"], &first["wrapper"]),
        (&json!(run), &Value::Null)
    );
    assert_eq!(
        (&hook["run"], &hook["wrapper"], &hook["status"]),
        (&json!("abcdef123456"), &json!(run), &json!("idle"))
    );
    assert_eq!((&end["run"], &end["wrapper"]), (&json!(run), &Value::Null));
    assert_eq!(
        (&end["status"], &end["metadata"]["exit_code"]),
        (&json!("error"), &json!(3))
    );
    assert_eq!(end["metadata"]["agent"], "claude-code");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "hides /proc, which only Linux has")]
fn process_that_the_system_does_not_show_is_a_warning() {
    let hidden = |script: &str| {
        let mut unshare = Command::new("unshare");
        let script = format!("mount -t tmpfs none /proc && {script}");
        unshare.args(["--map-root-user", "--mount", "sh", "-c", &script]);
        unshare
    };
    let mounts = hidden("true").stderr(Stdio::null()).status();
    if !or_skip(
        mounts.is_ok_and(|status| status.success()),
        "unshare --mount",
    ) {
        return;
    }
    let sandbox = Sandbox::new();
    for (script, warning) in [
        (
            "sstat push w working --pid $$",
            "--pid: this system does not show process",
        ),
        (
            "sstat push w working --pid 4194305",
            "--pid: this system does not show process",
        ),
        (
            "sstat push w working -- true",
            "push: this system does not show the processes",
        ),
        ("SSTAT_PID=$$ sstat push w working", ""),
    ] {
        let mut shell = hidden(script);
        sandbox.isolate(&mut shell);
        let ran = Ran::from(shell.output().unwrap());
        assert_eq!(ran.code, 0, "{script}: {}", ran.stderr);
        assert!(ran.stderr.contains(warning), "{script}: {}", ran.stderr);
        let lines = usize::from(!warning.is_empty());
        assert_eq!(
            ran.stderr.lines().count(),
            lines,
            "{script}: {}",
            ran.stderr
        );
    }
    assert_eq!(sandbox.updates("w").len(), 5);
    assert!(
        sandbox
            .updates("w")
            .iter()
            .all(|update| update.get("process").is_none())
    );
}
