//! `sstat push ... -- COMMAND`.

#[cfg(all(target_os = "linux", not(sstat_portable)))] // PID namespaces
mod init;
#[cfg(target_os = "linux")] // /proc/self/fd
mod resources;
mod signals;
mod terminal;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{self, Ran, Sandbox, have};

/// Polls until there is a result; fails after 30 s.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "timeout: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Returns the exit code that a shell reports.
fn code_of(child: &mut Child) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let status = child.wait().unwrap();
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap())
}

fn kill(signal: &str, pid: u64) {
    support::kill(signal.trim_start_matches('-'), &pid.to_string());
}

/// Starts a wrapped script and waits until it prints "ready".
fn start(sandbox: &Sandbox, script: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = sandbox
        .command(["push", "w", "working", "m", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut output), "ready");
    (child, output)
}

fn line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn end_of_the_command_is_recorded_and_passed_on() {
    for (script, code, status, metadata) in [
        ("exit 0", 0, "completed", json!({"exit_code": 0})),
        ("exit 1", 1, "error", json!({"exit_code": 1})),
        ("exit 255", 255, "error", json!({"exit_code": 255})),
        ("kill -KILL $$", 137, "error", json!({"signal": "SIGKILL"})),
        ("kill -TERM $$", 143, "error", json!({"signal": "SIGTERM"})),
    ] {
        let sandbox = Sandbox::new();
        let ran = sandbox.run([
            "push",
            "w",
            "working",
            "Unit tests",
            "0.3",
            "162",
            "-m",
            "branch=main",
            "--expect",
            "45m",
            "--",
            "sh",
            "-c",
            script,
        ]);
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{script}");
        let updates = sandbox.updates("w");
        let [first, last] = &updates[..] else {
            panic!("{updates:?}")
        };
        assert_eq!(first["status"], "working");
        assert_eq!(first["progress"], 0.3);
        assert_eq!(first["stale_after"], 2700);
        assert_eq!(first["process"]["command"], json!(["sh", "-c", script]));
        assert_eq!(last["status"], status);
        assert_eq!(last["task_id"], "162");
        assert!(last["message"].as_str().unwrap().starts_with("Unit tests"));
        assert!(last.get("process").is_none() && last.get("stale_after").is_none());
        let mut found = last["metadata"].clone();
        let took = found.as_object_mut().unwrap().remove("duration_seconds");
        assert!(took.unwrap().as_f64().unwrap() < 30.0);
        let mut expected = metadata;
        expected["branch"] = json!("main");
        assert_eq!(found, expected, "{script}");
    }
}

#[test]
fn command_that_cannot_run_is_an_error() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.root().join("notes"), "text").unwrap();
    for (program, code) in [
        ("no-such-command", 127),
        ("", 127),
        ("./notes", 126),
        ("/", 126),
    ] {
        let ran = sandbox.run(["push", "w", "working", "m", "--", program]);
        assert_eq!(ran.code, code, "{program}");
        let shown = if program.is_empty() { "''" } else { program };
        let start = format!("sstat: {shown}: cannot run: ");
        assert!(ran.stderr.starts_with(&start), "{}", ran.stderr);
        let last = sandbox.updates("w").pop().unwrap();
        assert_eq!(last["status"], "error");
        assert_eq!(last["metadata"]["exit_code"], code);
    }
}

#[test]
fn command_has_the_streams_of_sstat() {
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command([
            "push",
            "w",
            "working",
            "--",
            "sh",
            "-c",
            "cat; echo err >&2",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    use std::io::Write;
    child.stdin.take().unwrap().write_all(b"in\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&b"in\n"[..], &b"err\n"[..])
    );
    // sstat does not hold an output open that the command closes.
    let (mut child, mut output) = start(&sandbox, "echo ready; exec sleep 60 >&-");
    assert_eq!(line(&mut output), "");
    kill("-TERM", child.id().into());
    assert_eq!(code_of(&mut child), 143);
}

#[test]
fn pushes_of_the_command_name_the_wrapper() {
    let sandbox = Sandbox::with_real_clock();
    let ran = sandbox.run([
        "push",
        "w",
        "working",
        "--",
        "sh",
        "-c",
        "sstat push \"$SSTAT_SESSION\" blocked 'a question'; echo $SSTAT_PID; sstat list --json",
    ]);
    let (pid, list) = ran.stdout.split_once('\n').unwrap();
    let list: Value = serde_json::from_str(list).unwrap();
    assert_eq!(list["w"]["status"], "blocked");
    assert_eq!(list["w"]["process"]["pid"].to_string(), pid);
    assert_eq!(list["w"]["is_alive"], true);
    let updates = sandbox.updates("w");
    assert_eq!(updates[0]["process"]["pid"], updates[1]["process"]["pid"]);
    assert_eq!(updates[2]["status"], "completed");
    assert_eq!(
        sandbox.json(["list", "--json"])["w"]["is_alive"],
        Value::Null
    );
}

#[test]
fn command_gets_the_status_directory() {
    let sandbox = Sandbox::new();
    let script = "cd / && sstat push other idle";
    let wrapped = ["push", "w", "working", "--", "sh", "-c", script];
    sandbox.ok([&wrapped[..3], &["--dir", "else/where"], &wrapped[3..]].concat());
    assert!(sandbox.root().join("else/where/other_status.json").exists());

    let mut relative = sandbox.command(wrapped);
    relative.env("SSTAT_DIR", "by/variable");
    assert!(relative.status().unwrap().success());
    assert!(
        sandbox
            .root()
            .join("by/variable/other_status.json")
            .exists()
    );

    let project = sandbox.root().join("data/session_status");
    std::fs::create_dir_all(&project).unwrap();
    let mut found = sandbox.command(wrapped);
    found.env_remove("SSTAT_DIR");
    assert!(found.status().unwrap().success());
    assert!(project.join("other_status.json").exists());
}

#[test]
fn lone_surrogate_in_metadata_does_not_change_the_exit_code() {
    let sandbox = Sandbox::new();
    let metadata = r#"{"\ud800":1}"#;
    let wrapped = [
        "push",
        "w",
        "working",
        "--metadata",
        metadata,
        "--",
        "sh",
        "-c",
        "exit 7",
    ];
    let ran = sandbox.run(wrapped);
    assert_eq!((ran.code, ran.stderr.as_str()), (7, ""));
    // Not every parser reads the lone surrogate of the first line.
    let content = sandbox.read("w");
    let last: Value = serde_json::from_str(content.lines().last().unwrap()).unwrap();
    assert_eq!(last["metadata"]["exit_code"], 7);
    assert_eq!(last["metadata"]["\u{fffd}"], 1);
    assert!(sandbox.ok(["show", "w"]).contains("exit_code"));
}

#[test]
fn mistake_in_the_status_part_does_not_stop_the_command() {
    let long = "x".repeat(65_000);
    for (arguments, warnings, first) in [
        (
            &["w", "sleeping", "m", "0.5"][..],
            1,
            Some(("working", "m", Some(0.5), None)),
        ),
        (
            &["w", "working", "m", "50", "7"],
            1,
            Some(("working", "m", None, Some("7"))),
        ),
        (
            &["w", "--bogus", "blocked", "m", "--expect", "soon"],
            2,
            Some(("blocked", "m", None, None)),
        ),
        (
            &["w", "working", "--progess", "0.5"],
            1,
            Some(("working", "0.5", None, None)),
        ),
        (
            &["--stdin", "w", "working", "--pid", "1"],
            2,
            Some(("working", "", None, None)),
        ),
        (
            &["w", "completed", "m"],
            1,
            Some(("working", "m", None, None)),
        ),
        (&["w", "error"], 1, Some(("working", "", None, None))),
        (&["w"], 1, Some(("working", "", None, None))),
        (
            &["w", "working", "--metadata", "[]"],
            1,
            Some(("working", "", None, None)),
        ),
        (
            &["w", "working", &long],
            1,
            Some(("working", "", None, None)),
        ),
        (&["--bogus"], 2, None),
        (&[], 1, None),
    ] {
        let sandbox = Sandbox::new();
        let command = ["--", "sh", "-c", "echo ran; exit 7"];
        let ran = sandbox.run([&["push"], arguments, &command].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (7, "ran\n"), "{ran:?}");
        assert_eq!(ran.stderr.lines().count(), warnings, "{}", ran.stderr);
        let updates = sandbox.updates("w");
        assert_eq!(updates.len(), if first.is_some() { 2 } else { 0 });
        if let Some((status, message, progress, task)) = first {
            assert_eq!(updates[0]["status"], status);
            assert_eq!(updates[0]["message"], message);
            assert_eq!(updates[0]["progress"].as_f64(), progress);
            assert_eq!(updates[0]["task_id"].as_str(), task);
            assert_eq!(updates[1]["metadata"]["exit_code"], 7);
        }
    }
    let sandbox = Sandbox::new();
    for arguments in [
        &["push", "w", "sleeping", "-h", "--", "touch", "ran"][..],
        &["psh", "w", "working", "--", "touch", "ran"],
        &["push", "w", "sleeping", "--"],
    ] {
        sandbox.run(arguments);
    }
    assert!(!sandbox.root().join("ran").exists());
}

#[test]
fn script_without_interpreter_line_runs_with_sh() {
    let sandbox = Sandbox::new();
    let script = sandbox.root().join("script");
    support::write_program(&script, "echo \"$0 $1\"; exit 3");
    let ran = sandbox.run(["push", "w", "working", "--", "./script", "a b"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, "./script a b\n"));
    let mut in_path = sandbox.command(["push", "w", "working", "--", "script", "a"]);
    let path = std::env::var("PATH").unwrap();
    in_path.env("PATH", format!("{}:{path}", sandbox.root().display()));
    let ran = Ran::from(in_path.output().unwrap());
    assert_eq!(
        (ran.code, ran.stdout),
        (3, format!("{} a\n", script.display()))
    );
}

#[test]
fn tail_records_the_last_lines_of_stderr_of_a_failure() {
    let sandbox = Sandbox::new();
    let wrap = |tail: &str, script: &str| {
        let ran = sandbox.run(["push", "w", "working", tail, "--", "sh", "-c", script]);
        (ran, sandbox.updates("w").pop().unwrap())
    };
    let script = "i=0; while [ $i -lt 30 ]; do echo line $i >&2; i=$((i+1)); done
        printf '\\033[31mpassword=hunter2\\033[0m\\n' >&2; echo out; exit 3";
    let (ran, last) = wrap("--tail=2", script);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, "out\n"));
    assert!(ran.stderr.starts_with("line 0\nline 1\n"), "{ran:?}");
    assert!(
        ran.stderr
            .ends_with("\u{1b}[31mpassword=hunter2\u{1b}[0m\n")
    );
    let tail = last["metadata"]["stderr_tail"].as_str().unwrap();
    assert!(tail.starts_with("line 29\npassword="), "{tail}");
    assert!(
        !tail.contains("hunter2") && !tail.contains('\u{1b}'),
        "{tail}"
    );
    let (_, last) = wrap("--tail", script);
    let tail = last["metadata"]["stderr_tail"].as_str().unwrap();
    assert_eq!(tail.lines().count(), 10);
    let (_, last) = wrap(
        "--tail",
        "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1",
    );
    let tail = last["metadata"]["stderr_tail"].as_str().unwrap();
    assert_eq!(tail.len(), 4096);
    let (_, last) = wrap("--tail", "echo fine >&2");
    assert!(last["metadata"].get("stderr_tail").is_none(), "{last}");
    // An orphan keeps stderr open.
    let started = Instant::now();
    let (ran, last) = wrap("--tail", "sleep 20 >/dev/null & echo why >&2; exit 4");
    assert_eq!((ran.code, ran.stderr.as_str()), (4, "why\n"));
    assert_eq!(last["metadata"]["stderr_tail"], "why");
    assert!(started.elapsed() < Duration::from_secs(10));
    // An orphan that never stops writing is not waited for.
    let (ran, _) = wrap("--tail", "yes >&2 & exit 4");
    assert_eq!(ran.code, 4);
    assert_eq!(sandbox.run(["push", "w", "working", "--tail"]).code, 2);
}

#[test]
fn shell_command_in_one_word_is_explained() {
    let ran = Sandbox::new().run(["push", "w", "working", "--", "true && false"]);
    assert_eq!(ran.code, 127);
    assert!(ran.stderr.contains("sh -c 'COMMAND'"), "{}", ran.stderr);
}

#[test]
fn command_without_a_status_has_no_signal_blocked() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(["push", "--", "sh", "-c", "kill -TERM $$; echo blocked"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (128 + 15, ""));
}

#[test]
fn failure_to_record_does_not_stop_the_command() {
    let sandbox = Sandbox::new();
    // A directory that cannot be created, because its parent is a file.
    std::fs::write(sandbox.root().join("file"), "").unwrap();
    let command = ["--", "sh", "-c", "echo out; exit 7"];
    let ran = sandbox.run([&["push", "w", "working", "--dir", "file/sub"][..], &command].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (7, "out\n"));
    assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("the command runs without a status"));
    // A status file that is a directory.
    std::fs::create_dir(sandbox.file("w")).unwrap();
    let ran = sandbox.run([&["push", "w", "working"][..], &command].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (7, "out\n"));
    assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
    // A directory of another user.
    let mut nowhere = sandbox.command([&["push", "w", "working"][..], &command].concat());
    nowhere.env_remove("SSTAT_DIR").current_dir(sandbox.home());
    let theirs = sandbox.home().join("data/session_status");
    std::fs::create_dir_all(&theirs).unwrap();
    if std::os::unix::fs::chown(&theirs, Some(4242), None).is_ok() {
        let ran = Ran::from(nowhere.output().unwrap());
        assert_eq!((ran.code, ran.stdout.as_str()), (7, "out\n"));
        assert!(
            ran.stderr.contains("belongs to user 4242"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn long_command_line_is_truncated() {
    let sandbox = Sandbox::new();
    let words = "\u{1b}\"é".repeat(10_000);
    let message = "m".repeat(57_000);
    for message in ["", &message] {
        sandbox.ok([
            "push", "w", "working", message, "--", "true", &words, "more",
        ]);
        let updates = sandbox.updates("w");
        let first = &updates[updates.len() - 2];
        let command = first["process"]["command"].as_array().unwrap();
        assert_eq!(command[0], "true");
        assert!(command.last().unwrap().as_str().unwrap().ends_with('…'));
        assert!(command.len() <= 2);
    }
    assert!(sandbox.read("w").lines().all(|line| line.len() < 64 * 1024));
}

#[test]
fn session_of_a_killed_wrapper_is_dead() {
    let sandbox = Sandbox::with_real_clock();
    let (mut child, _output) = start(&sandbox, "echo ready; echo $$ >pid; exec sleep 60");
    let alive = sandbox.json(["list", "--json"]);
    assert_eq!(alive["w"]["is_alive"], true);
    let later = chrono::Utc::now() + chrono::TimeDelta::hours(3);
    let mut late = sandbox.command(["list", "--json"]);
    late.env("SSTAT_NOW", later.to_rfc3339());
    let late: Value = serde_json::from_slice(&late.output().unwrap().stdout).unwrap();
    assert_eq!(
        (&late["w"]["is_stale"], &late["w"]["is_alive"]),
        (&json!(false), &json!(true))
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(sandbox.json(["list", "--json"])["w"]["is_alive"], false);
    let pid = std::fs::read_to_string(sandbox.root().join("pid")).unwrap();
    kill("-KILL", pid.trim().parse().unwrap());
}

#[test]
fn final_update_continues_an_update_of_the_command() {
    let sandbox = Sandbox::with_real_clock();
    let script = "sstat push w blocked 'Approve, please' 0.7 -m url=1; exit 3";
    let ran = sandbox.run([
        "push", "w", "working", "Deploy", "--task", "5", "--", "sh", "-c", script,
    ]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let last = sandbox.updates("w").pop().unwrap();
    assert_eq!(last["status"], "error");
    assert_eq!(last["message"], "Approve, please: exit code 3");
    assert_eq!(
        (&last["progress"], &last["task_id"]),
        (&json!(0.7), &json!("5"))
    );
    assert_eq!(
        (&last["metadata"]["url"], &last["metadata"]["exit_code"]),
        (&json!(1), &json!(3))
    );
    assert!(last["process"].is_null());

    let script = "sstat push u working 'Step 9 of 9'; sstat push u completed 'All green' 1";
    sandbox.ok(["push", "u", "working", "Tests", "--", "sh", "-c", script]);
    assert_eq!(sandbox.updates("u").pop().unwrap()["message"], "All green");
    let script = "sstat push t working 'Step 9 of 9' 0.9";
    sandbox.ok(["push", "t", "working", "Tests", "--", "sh", "-c", script]);
    let last = sandbox.updates("t").pop().unwrap();
    assert_eq!(
        (&last["message"], &last["progress"]),
        (&json!("Tests"), &json!(1.0))
    );

    // An update of another process is not continued.
    let script = "SSTAT_RUN= SSTAT_PID= sstat push v working 'somebody else'";
    sandbox.ok(["push", "v", "working", "Deploy", "--", "sh", "-c", script]);
    let last = sandbox.updates("v").pop().unwrap();
    assert_eq!(
        (&last["status"], &last["message"]),
        (&json!("completed"), &json!("Deploy"))
    );
}
