//! `sstat list` and the filters that the readers share.

use serde_json::json;

use crate::support::{NOW, Sandbox};

fn names(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let table = sandbox.ok([&["list"], args].concat());
    table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect()
}

fn team() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "worker10", "working", "Ten", "0.1", "7"]);
    sandbox.ok(["push", "worker2", "working", "Two", "0.9", "8"]);
    sandbox.aged("qa", "blocked", 100);
    sandbox.aged("dba", "error", 200);
    sandbox.aged("old", "working", 1000);
    sandbox.aged("done", "completed", 5000);
    sandbox
}

#[test]
fn rows_are_in_natural_order() {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "worker10", "working", "Ten", "0.1", "7"]);
    sandbox.ok(["push", "worker2", "blocked", "Two"]);
    assert_eq!(
        sandbox.ok(["list"]),
        "\
SESSION   STATUS   FOR  PROGRESS         TASK  MESSAGE  AGE
worker2   blocked  0s                          Two      0s
worker10  working  0s   █░░░░░░░░░  10%  7     Ten      0s
"
    );
}

#[test]
fn empty_column_is_left_out() {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w", "working"]);
    assert_eq!(
        sandbox.ok(["list"]).lines().next(),
        Some("SESSION  STATUS   FOR  AGE")
    );
    assert_eq!(Sandbox::new().ok(["list"]), "");
}

#[test]
fn rows_are_sorted_by_each_key() {
    let sandbox = team();
    assert_eq!(
        names(&sandbox, &[]),
        ["dba", "done", "old", "qa", "worker2", "worker10"]
    );
    assert_eq!(
        names(&sandbox, &["--sort", "age"]),
        ["done", "old", "dba", "qa", "worker2", "worker10"]
    );
    assert_eq!(
        names(&sandbox, &["--sort", "status"]),
        ["old", "worker2", "worker10", "qa", "dba", "done"]
    );
    assert_eq!(
        names(&sandbox, &["--sort", "progress"])[..2],
        ["worker2", "worker10"]
    );
    sandbox.ok(["push", "b", "idle", "m", "0", "10"]);
    assert_eq!(
        names(&sandbox, &["--sort", "task"])[..4],
        ["worker10", "worker2", "b", "dba"]
    );
}

#[test]
fn filters_match_name_pattern_status_task_and_time() {
    let sandbox = team();
    assert_eq!(names(&sandbox, &["worker*"]), ["worker2", "worker10"]);
    assert_eq!(names(&sandbox, &["qa", "worker?"]), ["qa", "worker2"]);
    assert_eq!(names(&sandbox, &["worker2", "qa", "qa"]), ["qa", "worker2"]);
    assert_eq!(
        names(&sandbox, &["--status", "blocked,error"]),
        ["dba", "qa"]
    );
    assert_eq!(names(&sandbox, &["--task", "8"]), ["worker2"]);
    assert_eq!(
        names(&sandbox, &["--since", "2m"]),
        ["qa", "worker2", "worker10"]
    );
    assert_eq!(names(&sandbox, &["w*", "--status", "blocked"]), [""; 0]);
    assert_eq!(
        names(&sandbox, &["--older-than", "3m"]),
        ["dba", "done", "old"]
    );
    assert_eq!(
        names(&sandbox, &["--older-than", "99s", "--since", "200s"]),
        ["dba", "qa"],
        "an update is on one side of each limit"
    );
}

/// Sessions with metadata of every type.
fn with_metadata() -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, metadata) in [
        (
            "api1",
            r#"{"phase":"test/unit","rows":7,"usage":{"tokens":1200}}"#,
        ),
        (
            "api2",
            r#"{"phase":"build","rows":70,"ok":true,"list":["a", 1]}"#,
        ),
        (
            "web-3",
            r#"{"usage.tokens":5,"usage":{"tokens":1200},"phase":null}"#,
        ),
    ] {
        sandbox.ok(["push", name, "working", "m", "--metadata", metadata]);
    }
    sandbox.ok(["push", "plain", "idle"]);
    sandbox
}

#[test]
fn metadata_filter_matches_key_then_path() {
    let sandbox = with_metadata();
    for (filter, expected) in [
        ("phase=test*", &["api1"][..]),
        ("phase=test/unit", &["api1"]),
        ("phase=[^b]*", &["api1", "web-3"]),
        ("phase=*", &["api1", "api2", "web-3"]),
        ("phase=null", &["web-3"]),
        ("phase=test", &[]),
        ("rows=7", &["api1"]),
        ("rows=7?", &["api2"]),
        ("ok=true", &["api2"]),
        (r#"list=["a", 1]"#, &["api2"]),
        ("usage.tokens=5", &["web-3"]),
        ("usage.tokens=1200", &["api1"]),
        ("absent=*", &[]),
    ] {
        assert_eq!(names(&sandbox, &["--meta", filter]), expected, "{filter}");
    }
    let both = [
        "--meta", "phase=*", "--meta", "rows=7*", "--meta", "ok=true",
    ];
    assert_eq!(names(&sandbox, &both), ["api2"], "all filters must match");
    let summary = sandbox.json(["summary", "--json", "--meta", "rows=*"]);
    assert_eq!(summary["working_sessions"], json!(["api1", "api2"]));
    for filter in ["phase", "=x", ""] {
        let ran = sandbox.run(["list", "--meta", filter]);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains("expected KEY=GLOB"), "{}", ran.stderr);
    }
}

#[test]
fn chosen_columns_are_shown_in_their_order_even_if_empty() {
    let sandbox = with_metadata();
    let args = [
        "list",
        "--columns",
        "meta.phase,session,meta.usage.tokens,progress,status",
    ];
    assert_eq!(
        sandbox.ok(args),
        "\
PHASE      SESSION  USAGE.TOKENS  PROGRESS  STATUS
test/unit  api1     1200                    working
build      api2                             working
           plain                            idle
null       web-3    5                       working
"
    );
    let me = std::process::id().to_string();
    sandbox.ok(["push", "api1", "working", "--pid", &me]);
    let ran = sandbox.ok(["list", "api1", "--columns", "pid,host,session"]);
    let process = &sandbox.json(["list", "--json"])["api1"]["process"];
    let row = format!("{me}  {}  api1", process["host"].as_str().unwrap());
    assert_eq!(
        ran.lines()
            .nth(1)
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join("  "),
        row
    );
    for columns in ["sesion", "meta.", "session,,age", ""] {
        let ran = sandbox.run(["list", "--columns", columns]);
        assert_eq!(ran.code, 2, "{columns}");
        assert!(
            ran.stderr.contains("expected session, status,"),
            "{}",
            ran.stderr
        );
    }
    let conflict = sandbox.run(["list", "--columns", "session", "--json"]);
    assert_eq!(conflict.code, 2);
}

#[test]
fn json_lines_are_the_values_of_json() {
    let sandbox = team();
    let text = sandbox.ok(["list", "--jsonl", "--sort", "age"]);
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<serde_json::Value> = lines.collect();
    let all = sandbox.json(["list", "--json"]);
    let order = ["done", "old", "dba", "qa", "worker2", "worker10"];
    assert_eq!(lines, order.map(|name| all[name].clone()));
    assert_eq!(Sandbox::new().ok(["list", "--jsonl"]), "");
    sandbox.aged("hostile", "a\u{9b}31m", 0);
    assert!(
        sandbox
            .ok(["list", "hostile", "--jsonl"])
            .contains(r#""a\u009b31m""#)
    );
}

#[test]
fn files_are_absolute_paths_without_live_sessions() {
    let sandbox = team();
    let me = std::process::id().to_string();
    sandbox.ok(["push", "alive", "completed", "--pid", &me]);
    let path = |name: &str| sandbox.file(name).display().to_string();
    let finished = ["list", "--status", "completed,error", "--files"];
    assert_eq!(
        sandbox.ok(finished),
        format!("{}\n{}\n", path("dba"), path("done"))
    );
    let old = [
        "list",
        "--status",
        "completed",
        "--older-than",
        "1h",
        "--files",
        "-0",
    ];
    assert_eq!(sandbox.ok(old), format!("{}\0", path("done")));
    let relative = sandbox
        .command(["--dir", "status", "list", "old", "--files"])
        .output();
    assert_eq!(
        relative.unwrap().stdout,
        format!("{}\n", path("old")).as_bytes()
    );
    assert_eq!(sandbox.ok(["list", "alive", "--files"]), "");
    assert_eq!(
        sandbox
            .run(["list", "alive", "--files", "--exit-code"])
            .code,
        0
    );
    assert_eq!(
        sandbox.run(["list", "old", "--files", "--exit-code"]).code,
        1
    );
    assert_eq!(sandbox.run(["list", "-0"]).code, 2);
}

#[test]
#[cfg(unix)]
fn path_with_a_newline_needs_nul() {
    let sandbox = Sandbox::new();
    let line = r#"{"timestamp":"2026-02-14T20:34:00Z","status":"completed"}"#;
    sandbox.write("a\nb", line);
    sandbox.write("c", line);
    let lines = sandbox.run(["list", "--files"]);
    assert_eq!(lines.stdout, format!("{}\n", sandbox.file("c").display()));
    assert!(
        lines.stderr.contains("contains a newline; use -0"),
        "{}",
        lines.stderr
    );
    let all = sandbox.ok(["list", "--files", "-0"]);
    assert_eq!(all.split_terminator('\0').count(), 2);
}

#[test]
fn documented_command_removes_what_is_finished() {
    if !crate::support::have("sh") {
        return;
    }
    let sandbox = Sandbox::new();
    let week = 7 * 24 * 3600;
    for (name, status, age) in [
        ("old one", "completed", week + 60),
        ("-old", "completed", week + 1),
        ("recent", "completed", week - 60),
        ("failed", "error", week + 60),
    ] {
        sandbox.aged(name, status, age);
    }
    let readme = include_str!("../../README.md");
    let clean_up = "sstat list --status completed --older-than 7d --files -0 | xargs -0r rm -f --";
    assert!(readme.contains(clean_up));
    let mut shell = std::process::Command::new("sh");
    sandbox.isolate(&mut shell);
    assert!(shell.args(["-c", clean_up]).status().unwrap().success());
    assert_eq!(names(&sandbox, &[]), ["failed", "recent"]);
    // Without a match, nothing runs.
    assert!(shell.status().unwrap().success());
}

#[test]
fn attention_selects_error_blocked_dead_and_stale_oldest_first() {
    let sandbox = team();
    sandbox.ok([
        "push",
        "fine",
        "working",
        "x",
        "--pid",
        &std::process::id().to_string(),
    ]);
    assert_eq!(names(&sandbox, &["--attention"]), ["old", "dba", "qa"]);
    assert_eq!(
        names(&sandbox, &["--attention", "--sort", "name"]),
        ["dba", "old", "qa"]
    );
}

#[test]
fn exit_code_is_two_for_every_mistake() {
    let sandbox = team();
    let gate =
        |args: &[&str]| sandbox.run([&["list", "--attention", "--exit-code"], args].concat());
    assert_eq!(gate(&[]).code, 1);
    assert_eq!(gate(&["worker*"]).code, 0);
    assert_eq!(gate(&["worker2"]).code, 0);
    let typo = gate(&["wroker2"]);
    assert_eq!(typo.code, 2);
    assert!(
        typo.stderr.contains("did you mean 'worker2'?"),
        "{}",
        typo.stderr
    );
    assert_eq!(gate(&["worker2", "nobody"]).code, 2);
    assert_eq!(gate(&["worker22", "worker*"]).code, 2);
    let misspelled = gate(&["--status", "wroking"]);
    assert_eq!(misspelled.code, 2);
    assert!(
        misspelled.stderr.contains("did you mean 'working'?"),
        "{misspelled:?}"
    );
    let foreign = gate(&["--status", "thinking"]);
    assert_eq!(foreign.code, 0, "{foreign:?}");
    assert!(
        foreign
            .stderr
            .contains("no session is 'thinking' (sstat writes working, "),
        "{foreign:?}"
    );
    // 70 MiB of zeros after the last update hide an error.
    sandbox.aged("worker4", "error", 10);
    let worker4 = sandbox.file("worker4");
    let file = std::fs::File::options().append(true).open(worker4).unwrap();
    file.set_len(70 * 1024 * 1024).unwrap();
    let hidden = gate(&["worker*"]);
    assert_eq!(hidden.code, 2, "{}", hidden.stderr);
    assert!(hidden.stderr.contains("no valid line"), "{}", hidden.stderr);
    std::fs::remove_file(sandbox.file("worker4")).unwrap();
    std::fs::create_dir(sandbox.file("worker3")).unwrap();
    let unreadable = gate(&["worker*"]);
    assert_eq!(unreadable.code, 2, "{}", unreadable.stderr);
    assert!(
        unreadable
            .stderr
            .contains("worker3_status.json: is a directory")
    );
    // Without --exit-code the other sessions are shown and the exit code is 0.
    let ran = sandbox.run(["list", "worker*"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 3));
    let quiet = sandbox.run(["list", "--exit-code", "worker*", "--quiet"]);
    assert_eq!(quiet.code, 2);
}

#[test]
fn unknown_name_exits_with_one() {
    let sandbox = team();
    let ran = sandbox.run(["list", "qa", "quality"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stdout.lines().count(), 2, "the known session is shown");
    assert!(
        ran.stderr.contains("no session 'quality' in"),
        "{}",
        ran.stderr
    );
    assert_eq!(sandbox.run(["list", "nobody*"]).code, 0);
}

#[test]
fn json_is_keyed_by_name_and_passes_keys_through() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "w",
        r#"{"timestamp":"2026-02-14T21:28:48+01:00","status":"paused","session":"other","progress":"half","task_id":160,"metadata":{"z":1.10,"a":[12345678901234567890]},"color":"red","is_stale":"x"}"#,
    );
    let text = sandbox.ok(["list", "--json"]);
    assert_eq!(
        text.split_whitespace().collect::<String>(),
        concat!(
            r#"{"w":{"timestamp":"2026-02-14T20:28:48Z","session":"w","status":"paused","message":"","#,
            r#""task_id":"160","metadata":{"z":1.10,"a":[12345678901234567890]},"color":"red","#,
            r#""age_seconds":372,"is_stale":true,"is_very_stale":false,"is_alive":null,"is_stopped":false,"is_acknowledged":false,"#,
            r#""since":"2026-02-14T20:28:48Z","for_seconds":372,"since_is_exact":true}}"#
        )
    );
    assert_eq!(Sandbox::new().json(["list", "--json"]), json!({}));
}

/// Writes a session whose updates have these ages and statuses, oldest first.
fn with_updates(sandbox: &Sandbox, session: &str, updates: &[(i64, &str)]) {
    let now = sstat::parse_timestamp(NOW).unwrap();
    let lines = updates.iter().map(|(age, status)| {
        let then = (now - chrono::TimeDelta::seconds(*age)).to_rfc3339();
        format!("{{\"timestamp\":\"{then}\",\"status\":\"{status}\"}}\n")
    });
    sandbox.write(session, lines.collect::<String>());
}

#[test]
fn time_in_status_starts_with_the_run_of_the_status() {
    let sandbox = Sandbox::new();
    with_updates(
        &sandbox,
        "a",
        &[
            (900, "working"),
            (800, "idle"),
            (700, "working"),
            (60, "working"),
        ],
    );
    with_updates(&sandbox, "b", &[(200, "idle"), (100, "blocked")]);
    // 64 KiB of one status hide its start.
    let long: Vec<(i64, &str)> = (0..1500).rev().map(|age| (age, "working")).collect();
    with_updates(&sandbox, "c", &long);
    let json = sandbox.json(["list", "--json"]);
    let since = |name: &str| {
        let session = &json[name];
        (
            session["for_seconds"].as_u64().unwrap(),
            session["since_is_exact"].as_bool().unwrap(),
        )
    };
    assert_eq!(json["a"]["since"], "2026-02-14T20:23:20Z");
    assert_eq!((since("a"), since("b")), ((700, true), (100, true)));
    let (seconds, is_exact) = since("c");
    assert!(!is_exact && (900..1499).contains(&seconds), "{seconds}");
    let show = sandbox.json(["show", "c", "--json"]);
    assert_eq!(
        (&show["for_seconds"], &show["since_is_exact"]),
        (&json!(999), &json!(false))
    );

    assert_eq!(names(&sandbox, &["--sort", "for"]), ["c", "a", "b"]);
    assert_eq!(names(&sandbox, &["--longer-than", "100s"]), ["a", "c"]);
    assert_eq!(names(&sandbox, &["--longer-than", "11m40s"]), ["c"]);
    let minutes = seconds / 60;
    let table = sandbox.ok(["list", "c"]);
    assert!(table.contains(&format!(" >{minutes}m")), "{table}");
    let stale = sandbox.ok(["list", "a"]);
    assert!(stale.contains(" 11m40s "), "{stale}");
    let summary = sandbox.json(["summary", "--longer-than", "5m", "--json"]);
    assert_eq!(summary["working_sessions"], json!(["a", "c"]));
    assert_eq!(summary["total_sessions"], 2);
}

#[test]
fn invalid_and_repeated_lines_do_not_end_the_run_of_a_status() {
    let sandbox = Sandbox::new();
    let line = |second: u32, status: &str, keys: &str| {
        format!(
            "{{\"timestamp\":\"2026-02-14T20:30:{second:02}Z\",\"status\":\"{status}\"{keys}}}\n"
        )
    };
    let content = [
        line(0, "idle", ""),
        line(1, "working", ""),
        "{\"timestamp\":\"2026-02-14T20:30:02Z\",\"status\":\"idle\"\n".to_owned(),
        line(0, "idle", ",\"repeated\":true"),
        line(3, "working", ",\"metadata\":{\"status\":\"idle\"}"),
        line(3, "working", ",\"repeated\":true"),
    ];
    sandbox.write("w", content.concat());
    let session = &sandbox.json(["list", "--json"])["w"];
    assert_eq!(session["since"], "2026-02-14T20:30:01Z");
    assert_eq!(session["timestamp"], "2026-02-14T20:30:03Z");
    assert_eq!(sandbox.json(["show", "w", "--json", "-q"]), *session);
}

#[test]
fn thresholds_come_from_options_and_variables() {
    let sandbox = Sandbox::new();
    sandbox.aged("w", "working", 372);
    let state = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = sandbox.command([&["list", "--json"], args].concat());
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (
            json["w"]["is_stale"] == true,
            json["w"]["is_very_stale"] == true,
        )
    };
    assert_eq!(state(&[], &[]), (true, false));
    assert_eq!(state(&["--stale-after", "372s"], &[]), (false, false));
    assert_eq!(state(&["--very-stale-after", "371s"], &[]), (true, true));
    assert_eq!(state(&[], &[("SSTAT_STALE_AFTER", "10m")]), (false, false));
    assert_eq!(
        state(&["--stale-after", "6m"], &[("SSTAT_STALE_AFTER", "10m")]),
        (true, false)
    );
    assert_eq!(
        state(&[], &[("SSTAT_VERY_STALE_AFTER", "6m")]),
        (true, true)
    );
    assert_eq!(
        state(&["--stale-status", "idle,blocked"], &[]),
        (false, false)
    );
    assert_eq!(
        state(&[], &[("SSTAT_STALE_STATUS", "idle")]),
        (false, false)
    );
    assert_eq!(
        state(
            &["--stale-status", "all"],
            &[("SSTAT_STALE_STATUS", "idle")]
        ),
        (true, false)
    );
    for (name, value) in [
        ("SSTAT_STALE_AFTER", "5"),
        ("SSTAT_VERY_STALE_AFTER", "x"),
        ("SSTAT_STALE_STATUS", ","),
        ("SSTAT_NOW", "noon"),
    ] {
        let output = sandbox.command(["list"]).env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with(&format!("sstat: {name}: ")), "{stderr}");
    }
    sandbox.aged("quarter", "working", 16 * 60);
    let quarter = |stale_after| {
        let list = sandbox.json(["list", "quarter", "--json", "--stale-after", stale_after]);
        let quarter = &list["quarter"];
        (
            quarter["is_stale"] == true,
            quarter["is_very_stale"] == true,
        )
    };
    assert_eq!(quarter("10m"), (true, true));
    assert_eq!(
        quarter("15m"),
        (true, false),
        "very stale is three times that"
    );
    let inverted = sandbox.run(["list", "--stale-after", "1h", "--very-stale-after", "5m"]);
    assert_eq!(inverted.code, 2);
}

#[test]
fn stale_after_of_an_update_overrides_the_option() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "w",
        r#"{"timestamp":"2026-02-14T20:05:00Z","status":"working","stale_after":2700}"#,
    );
    assert_eq!(
        sandbox.json(["list", "--json", "--stale-after", "1m"])["w"]["is_stale"],
        false
    );
    sandbox.write(
        "w",
        r#"{"timestamp":"2026-02-14T19:05:00Z","status":"working","stale_after":2700}"#,
    );
    let json = sandbox.json(["list", "--json", "--stale-after", "9h"]);
    assert_eq!(
        (&json["w"]["is_stale"], &json["w"]["is_very_stale"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn future_timestamp_is_marked_as_clock_skew() {
    let sandbox = Sandbox::new();
    sandbox.aged("soon", "working", -60);
    sandbox.aged("late", "working", -3600);
    let table = sandbox.ok(["list"]);
    assert!(
        table.contains("clock 1h ahead") && table.matches("ahead").count() == 1,
        "{table}"
    );
    assert_eq!(sandbox.json(["list", "--json"])["late"]["age_seconds"], 0);
    assert_eq!(NOW, "2026-02-14T20:35:00Z");
}

#[test]
fn color_depends_on_flag_variable_and_stream() {
    let sandbox = team();
    let colored = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = sandbox.command([&["list"], args].concat());
        let output = command.envs(variables.iter().copied()).output().unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!colored(&[], &[]));
    assert!(colored(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(colored(&["--color=always"], &[("TERM", "dumb")]));
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(colored(&[], &[("FORCE_COLOR", "1")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "0")]));
    let mut command = sandbox.command(["list", "--color", "always"]);
    let output = command.env("NO_COLOR", "1").output().unwrap();
    let working = "\u{1b}[38;5;28mworking\u{1b}[0m  ";
    assert!(String::from_utf8(output.stdout).unwrap().contains(working));
    assert!(!colored(&[], &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")]));
    assert!(!colored(&["--color", "never"], &[("FORCE_COLOR", "1")]));
    assert_eq!(sandbox.run(["list", "--color", "sometimes"]).code, 2);
}

#[test]
fn closed_pipe_is_not_an_error() {
    if !crate::support::have("sh") {
        return;
    }
    let sandbox = Sandbox::new();
    for i in 0..3000 {
        sandbox.aged(&format!("session{i}"), "working", i);
    }
    let mut shell = std::process::Command::new("bash");
    sandbox.isolate(&mut shell);
    shell.args(["-c", "set -o pipefail; sstat list | head -1"]);
    let output = shell.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    if std::path::Path::new("/dev/full").exists() {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = sandbox.command(["list"]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("stdout"));
    }
}

#[test]
fn misspelled_status_is_reported_unless_a_session_has_it() {
    let sandbox = Sandbox::new();
    sandbox.aged("w", "working", 10);
    let ran = sandbox.run(["list", "--status", "complete"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("did you mean 'completed'?"), "{ran:?}");
    sandbox.aged("x", "complete", 10);
    assert!(sandbox.ok(["list", "--status", "complete"]).contains('x'));
}

#[test]
fn patterns_accept_both_negations() {
    let sandbox = Sandbox::new();
    for name in ["a", "b", "a["] {
        sandbox.aged(name, "working", 10);
    }
    assert_eq!(names(&sandbox, &["[^a]"]), ["b"]);
    assert_eq!(names(&sandbox, &["[!a]"]), ["b"]);
    assert_eq!(names(&sandbox, &["a["]), ["a["]);
    assert_eq!(sandbox.run(["list", "b["]).code, 1);
}

#[test]
fn exit_code_holds_when_the_output_is_closed() {
    if !crate::support::have("sh") {
        return;
    }
    let sandbox = Sandbox::new();
    for i in 0..3000 {
        sandbox.aged(&format!("session{i}"), "error", 3600);
    }
    for command in ["list --attention --exit-code", "stale --exit-code"] {
        let mut shell = std::process::Command::new("bash");
        sandbox.isolate(&mut shell);
        let script = format!("sstat {command} | true; exit ${{PIPESTATUS[0]}}");
        let status = shell.args(["-c", &script]).status().unwrap();
        assert_eq!(status.code(), Some(1), "{command}");
    }
}

#[test]
fn only_complete_progress_is_100_percent() {
    let sandbox = Sandbox::new();
    let line = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working","progress":0.999999}"#;
    sandbox.write("w", format!("{line}\n"));
    for command in [vec!["list"], vec!["show", "w"], vec!["history", "w"]] {
        let text = sandbox.ok(&command);
        assert!(text.contains("99%") && !text.contains("100%"), "{text}");
    }
    // The summary block rounds as the Python original does.
    assert!(sandbox.ok(["summary"]).contains("(100%)"));
}
