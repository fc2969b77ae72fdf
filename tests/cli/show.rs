//! `sstat show`.

use std::process::Command;

use crate::support::{Sandbox, have};

#[test]
fn verbose_reports_ignored_keys() {
    let sandbox = Sandbox::new();
    let line = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"idle","progress":50}"#;
    sandbox.write("w", format!("{line}\n"));
    for args in [&["show", "w"][..], &["list"], &["summary"]] {
        assert_eq!(sandbox.run(args).stderr, "");
        let ran = sandbox.run([args, &["-v"]].concat());
        let note = "sstat: w: ignored progress: 50 is not a number from 0 to 1\n";
        assert!(ran.stderr.ends_with(note), "{}", ran.stderr);
    }
}

#[test]
fn detail_has_every_fact() {
    let sandbox = Sandbox::new();
    for (age, progress) in [(1200, "0.2"), (600, "0.3"), (0, "0.4")] {
        let now = sstat::parse_timestamp(crate::support::NOW).unwrap();
        let then = now - chrono::TimeDelta::seconds(age);
        let mut command = sandbox.command([
            "push", "w", "working", "Step", progress, "160", "-m", "rows=15",
        ]);
        assert!(
            command
                .env("SSTAT_NOW", then.to_rfc3339())
                .status()
                .unwrap()
                .success()
        );
    }
    assert_eq!(
        sandbox
            .ok(["show", "w"])
            .replace(sandbox.dir().to_str().unwrap(), "DIR")
            .replace("DIR\\", "DIR/"),
        "\
w
Status     working for 20m, since 2026-02-14 20:15:00
Updated    0s ago, 2026-02-14 20:35:00
Task       160
Progress   ████████░░░░░░░░░░░░ 40%  ▂▃▄
ETA        in about 1h
Message    Step
Metadata   rows = 15
File       DIR/w_status.json

Last updates
2026-02-14 20:15:00  working    20%  [160]  Step
2026-02-14 20:25:00  working    30%  [160]  Step
2026-02-14 20:35:00  working    40%  [160]  Step
"
    );
    let json = sandbox.json(["show", "w", "--json"]);
    assert_eq!(json, sandbox.json(["list", "--json"])["w"]);
}

#[test]
fn detail_has_the_end_of_stderr_and_the_open_question() {
    let sandbox = Sandbox::new();
    let metadata =
        r#"{"a":1,"stderr_tail":"error: first\n\u001b[31m  second","waiting_for":"permission"}"#;
    sandbox.ok(["push", "w", "error", "failed", "--metadata", metadata]);
    let shown = sandbox.ok(["show", "w"]);
    let expected = "\
Message    failed
Waits for  permission
Stderr     error: first
           \\x1b[31m  second
Metadata   a = 1
";
    assert!(shown.contains(expected), "{shown}");
    let metadata = r#"{"stderr_tail":["a"],"waiting_for":null}"#;
    sandbox.ok(["push", "w", "error", "failed", "--metadata", metadata]);
    let shown = sandbox.ok(["show", "w"]);
    let expected = "Metadata   stderr_tail = [\"a\"]\n           waiting_for = null\n";
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn unknown_name_gets_a_suggestion() {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "manager1", "idle"]);
    let ran = sandbox.run(["show", "managr1"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        format!(
            "sstat: no session 'managr1' in {} (did you mean 'manager1'?)\n",
            sandbox.dir().display()
        )
    );
    assert_eq!(ran.stdout, "");
    assert_eq!(sandbox.run(["show", "zebra"]).code, 1);
    assert_eq!(sandbox.run(["show", "../etc"]).code, 1);
    assert_eq!(sandbox.run(["show", ""]).code, 1);
}

#[test]
fn unreadable_file_exits_with_two_and_file_without_update_with_one() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.file("directory")).unwrap();
    let ran = sandbox.run(["show", "directory"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("is a directory"), "{}", ran.stderr);
    sandbox.write("junk", "junk\n");
    let ran = sandbox.run(["show", "junk"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("not JSON"), "{}", ran.stderr);
    sandbox.write("empty", "");
    assert_eq!(sandbox.run(["show", "empty"]).code, 1);
}

#[cfg(unix)]
#[test]
#[cfg_attr(target_vendor = "apple", ignore = "macOS has no such file names")]
fn session_with_invalid_utf8_name_is_listed_and_shown() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    let path = sandbox
        .dir()
        .join(std::ffi::OsStr::from_bytes(b"w\xff_status.json"));
    std::fs::write(
        path,
        r#"{"timestamp":"2026-02-14T20:35:00Z","status":"idle"}"#,
    )
    .unwrap();
    assert!(sandbox.ok(["list"]).contains("w\\xff"));
    assert_eq!(
        sandbox.json(["show", "w\\xff", "--json"])["session"],
        "w\\xff"
    );
}

#[test]
fn tmux_pane_of_the_same_name_is_shown() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "my.worker", "working"]);
    let tmux = |args: &[&str]| {
        let mut command = Command::new("tmux");
        sandbox.isolate(&mut command);
        command
            .env("TMUX_TMPDIR", sandbox.root())
            .env("TERM", "xterm");
        assert!(command.args(args).status().unwrap().success());
    };
    let show = || {
        let mut command = sandbox.command(["show", "my.worker", "--tmux=5"]);
        let output = command.env("TMUX_TMPDIR", sandbox.root()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let without = show();
    assert!(
        without.contains("\nPane "),
        "the reason is shown: {without}"
    );
    tmux(&[
        "new-session",
        "-d",
        "-s",
        "my_worker",
        "printf 'from the pane\\n'; sleep 60",
    ]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !show().contains("from the pane") {
        assert!(std::time::Instant::now() < deadline, "{}", show());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    tmux(&["kill-server"]);
}

#[cfg(unix)]
#[test]
fn hanging_tmux_times_out() {
    let sandbox = Sandbox::new();
    sandbox.aged("w", "working", 0);
    let fake = sandbox.home().join("tmux");
    crate::support::write_program(&fake, "#!/bin/sh\nexec sleep 60\n");
    let path = format!("{}:/usr/bin:/bin", sandbox.home().display());
    let mut command = sandbox.command(["show", "w", "--tmux"]);
    let output = command.env("PATH", path).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.ends_with("Pane tmux: no answer within 1 s\n"),
        "{shown}"
    );
}

/// `show` reads a thousand updates and prints ten.
#[test]
#[ignore = "slow: 5 s"]
fn memory_is_bounded_with_long_updates() {
    if !have("prlimit") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.aged("w", "working", 60);
    let line = sandbox
        .read("w")
        .replace("\"m\"", &format!("\"{}\"", "x".repeat(1_000_000)));
    sandbox.write("w", line.repeat(100));
    let mut command = Command::new("prlimit");
    sandbox.isolate(&mut command);
    let output = command
        .args(["--data=50000000", "sstat", "show", "w", "--color=never"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.stdout.len() > 10_000_000, "the last ten are whole");
}
