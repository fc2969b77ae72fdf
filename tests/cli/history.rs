//! `sstat history`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::{Ran, Running, Sandbox, fs, have};

/// Sixty updates, one each minute until now. Every third is blocked. Every tenth
/// has task 10, as a string or as a number.
fn hour() -> Sandbox {
    let sandbox = Sandbox::new();
    let now = sstat::parse_timestamp(crate::support::NOW).unwrap();
    let lines: String = (0..60)
        .map(|i| {
            let then = now - chrono::TimeDelta::minutes(59 - i);
            let status = if i % 3 == 0 { "blocked" } else { "working" };
            let task = match i % 20 {
                0 => ",\"task_id\":\"10\"",
                10 => ",\"task_id\":10",
                _ => "",
            };
            format!(
                "{{\"timestamp\":\"{}\",\"status\":\"{status}\",\"message\":\"m{i}\"{task}}}\n",
                then.to_rfc3339()
            )
        })
        .collect();
    sandbox.write("w", lines);
    sandbox
}

fn messages(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let json = sandbox.json([&["history", "w", "--json"], args].concat());
    let updates = json["updates"].as_array().unwrap().clone();
    updates
        .iter()
        .map(|update| update["message"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn default_is_the_last_fifty_oldest_first() {
    let sandbox = hour();
    let text = sandbox.ok(["history", "w"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 50);
    assert_eq!(lines[0], "2026-02-14 19:46:00  working         [10]  m10");
    assert_eq!(lines[49], "2026-02-14 20:35:00  working         m59");
    assert_eq!(
        sandbox.ok(["history", "w", "--limit", "0"]).lines().count(),
        60
    );
    assert_eq!(sandbox.ok(["history", "w", "-n", "3"]).lines().count(), 3);
}

#[test]
fn json_counts_all_updates() {
    let sandbox = hour();
    let json = sandbox.json(["history", "w", "--json", "--limit", "1"]);
    assert_eq!(json["session"], "w");
    assert_eq!(json["total_updates"], 60);
    assert_eq!(json["updates"].as_array().unwrap().len(), 1);
    assert_eq!(json["updates"][0]["message"], "m59");
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 3);
}

#[test]
fn filters_match_time_status_and_task() {
    let sandbox = hour();
    assert_eq!(
        messages(&sandbox, &["--since", "2m"]),
        ["m57", "m58", "m59"]
    );
    assert_eq!(
        messages(&sandbox, &["--since", "2026-02-14T20:34:00Z"]),
        ["m58", "m59"]
    );
    assert_eq!(
        messages(&sandbox, &["--since", "3m", "--until", "1m"]),
        ["m56", "m57", "m58"]
    );
    assert_eq!(
        messages(&sandbox, &["--status", "blocked", "-n", "2"]),
        ["m54", "m57"]
    );
    for limit in ["0", "50"] {
        assert_eq!(
            messages(&sandbox, &["--task", "10", "-n", limit]),
            ["m0", "m10", "m20", "m30", "m40", "m50"]
        );
    }
    assert_eq!(
        messages(&sandbox, &["--task", "10", "-n", "2"]),
        ["m40", "m50"]
    );
    assert_eq!(messages(&sandbox, &["--task", "1"]), [""; 0]);
    assert_eq!(
        sandbox.run(["history", "w", "--since", "yesterday"]).code,
        2
    );
    let reversed = sandbox.run(["history", "w", "--since", "1m", "--until", "3m"]);
    assert_eq!(reversed.stderr, "sstat: --since: is after --until\n");
}

#[test]
fn since_selects_all_updates_of_the_time() {
    let sandbox = hour();
    assert_eq!(messages(&sandbox, &["--since", "55m"]).len(), 56);
    assert_eq!(messages(&sandbox, &["--since", "55m", "-n", "9"]).len(), 9);
    assert_eq!(messages(&sandbox, &["--until", "1m"]).len(), 50);
}

#[test]
fn line_has_no_trailing_spaces() {
    let sandbox = Sandbox::new();
    let line = |status: &str, keys: &str| {
        format!("{{\"timestamp\":\"2026-02-14T20:34:00Z\",\"status\":\"{status}\"{keys}}}\n")
    };
    let lines = [
        line("idle", ""),
        line("待機中", ",\"message\":\"m\""),
        line("working", ",\"progress\":0.2"),
    ];
    sandbox.write("w", lines.concat());
    assert_eq!(
        sandbox.ok(["history", "w"]),
        "\
2026-02-14 20:34:00  idle
2026-02-14 20:34:00  待機中          m
2026-02-14 20:34:00  working    20%
"
    );
    let plot = sandbox.ok(["history", "w", "--plot"]);
    assert!(plot.lines().all(|line| line.trim_end() == line), "{plot}");
}

#[test]
fn status_that_no_update_has_gets_a_note() {
    let sandbox = hour();
    sandbox.aged("foreign", "paused", 10);
    let note = "sstat: --status: no update shown is 'paused' (sstat writes working, blocked, error, idle, completed)\n";
    for form in ["--jsonl", "--json", "--plot"] {
        let ran = sandbox.run(["history", "w", "--status", "blocked,paused", form]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, note), "{form}");
        assert!(!ran.stdout.is_empty(), "{form}");
    }
    let typo = sandbox.run(["history", "--all", "--status", "paused,wroking"]);
    assert_eq!(typo.stdout.lines().count(), 1);
    assert_eq!(
        typo.stderr,
        "sstat: --status: no update shown is 'wroking' (did you mean 'working'?)\n"
    );
    sandbox.ok(["history", "foreign", "--status", "paused,idle"]);
    sandbox.ok(["history", "w", "--status", "paused", "--quiet"]);
    let mut follow = sandbox.command(["history", "w", "--follow", "--status", "paused"]);
    let mut follow = follow.stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut stderr = BufReader::new(follow.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    follow.kill().unwrap();
    follow.wait().unwrap();
    assert_eq!(line, note);
}

#[test]
fn jsonl_prints_the_stored_lines() {
    let sandbox = Sandbox::new();
    let lines = [
        r#"{"timestamp": "2026-02-14T20:35:00Z",  "status":"working", "z":1.10, "message":"ö"}"#,
        r#"{"status":"idle","timestamp":"2026-02-14T20:35:00.5Z"}"#,
    ];
    sandbox.write("w", format!("{}\njunk\n\n{}\r\n", lines[0], lines[1]));
    let ran = sandbox.run(["history", "w", "--jsonl"]);
    assert_eq!(ran.stdout, format!("{}\n{}\n", lines[0], lines[1]));
    assert_eq!(ran.code, 0);
    assert!(
        ran.stderr
            .contains("w_status.json: skipped 1 invalid line (not JSON)"),
        "{}",
        ran.stderr
    );
    sandbox.write("w", "{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"idle\",\"message\":\"\u{9b}31m\u{202e}\u{7f}\"}\n");
    assert!(
        sandbox
            .ok(["history", "w", "--jsonl"])
            .contains(r#""\u009b31m\u202e\u007f""#)
    );
}

#[test]
fn several_sessions_are_printed_one_after_the_other() {
    let sandbox = Sandbox::new();
    for name in ["w2", "w10", "m1"] {
        sandbox.ok(["push", name, "working", name]);
    }
    sandbox.write("junk", "junk\n");
    let all = sandbox.run(["history", "--all", "--json"]);
    let all: serde_json::Value = serde_json::from_str(&all.stdout).unwrap();
    let names = |json: &serde_json::Value| -> Vec<String> {
        let array = json.as_array().unwrap();
        array
            .iter()
            .map(|one| one["session"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&all), ["m1", "w2", "w10"]);
    assert_eq!(
        names(&sandbox.json(["history", "w10", "m1", "--json"])),
        ["w10", "m1"]
    );
    assert_eq!(
        names(&sandbox.json(["history", "w*", "--json"])),
        ["w2", "w10"]
    );
    assert_eq!(
        names(&sandbox.json(["history", "w1*", "--json"])),
        ["w10"],
        "a pattern gives an array"
    );
    assert!(sandbox.json(["history", "w2", "--json"]).is_object());
    let text = sandbox.ok(["history", "w2", "w10", "m1"]);
    let rows: Vec<&str> = text
        .lines()
        .map(|line| &line["2026-02-14 20:35:00".len()..])
        .collect();
    let row = |name: &str| format!("  {name:3}  working         {name}");
    assert_eq!(rows, ["w2", "w10", "m1"].map(row), "aligned");
    assert_eq!(sandbox.json(["history", "x*", "--json"]), json!([]));
    fs::remove_file(sandbox.file("junk")).unwrap();
    assert_eq!(sandbox.ok(["history", "--all"]).lines().count(), 3);
    assert_eq!(sandbox.run(["history"]).code, 2);
    assert_eq!(sandbox.run(["history", "w2", "--all"]).code, 2);
}

#[test]
fn unknown_session_exits_with_one() {
    let sandbox = hour();
    sandbox.ok(["push", "worker", "idle"]);
    let ran = sandbox.run(["history", "worke"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr.contains("did you mean 'worker'?"),
        "{}",
        ran.stderr
    );
    let ran = sandbox.run(["history", "w", "nobody"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (1, 50));
}

#[test]
fn follow_prints_new_updates() {
    let sandbox = hour();
    for form in ["--limit=1", "--jsonl"] {
        let mut command = sandbox.command(["history", "w", "--follow", "--limit=1", form]);
        if form == "--limit=1" {
            command = sandbox.command(["history", "w", "--follow", form]);
        }
        let mut child = Running::start(command.stdout(Stdio::piped()));
        let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        assert!(
            lines.next().unwrap().unwrap().contains("m"),
            "the last update"
        );
        for i in 0..3 {
            sandbox.ok(["push", "w", "working", &format!("{form} {i}")]);
        }
        for i in 0..3 {
            assert!(
                lines
                    .next()
                    .unwrap()
                    .unwrap()
                    .contains(&format!("{form} {i}"))
            );
        }
    }
    assert_eq!(sandbox.run(["history", "w", "--follow", "--json"]).code, 2);
}

fn line(minute: u32, status: &str, keys: &str) -> String {
    format!("{{\"timestamp\":\"2026-02-14T20:{minute:02}:00Z\",\"status\":\"{status}\"{keys}}}\n")
}

/// Two sessions over twenty-five minutes without an update in the last five.
fn two_sessions(sandbox: &Sandbox) {
    let done = line(20, "completed", ",\"progress\":1.0");
    let far = |minute, far: f64| {
        line(
            minute,
            "working",
            &format!(",\"progress\":{far},\"task_id\":\"160\""),
        )
    };
    let first = [far(10, 0.0), far(13, 0.4), far(17, 0.8), done];
    sandbox.write("manager1", first.concat());
    let second = [line(13, "blocked", ""), line(28, "idle", "")];
    sandbox.write("worker2", second.concat());
}

#[test]
fn plot_has_a_common_axis() {
    let sandbox = Sandbox::new();
    two_sessions(&sandbox);
    let plot = sandbox.ok(["history", "--all", "--plot"]);
    assert_eq!(
        plot,
        "\
2026-02-14 20:10:00 to 2026-02-14 20:35:00, 21s a column
manager1 ████████████████████████████✓
         ▁▁▁▁▁▁▁▁▃▃▃▃▃▃▃▃▃▃▃▆▆▆▆▆▆▆▆▆█
worker2          ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒····························───────────────·····
         ┴─────────────┴─────────────┴─────────────┴─────────────┴──────────────
         20:10         20:15         20:20         20:25         20:30
         █ working  ▒ blocked  ─ idle  ✓ completed  · silent
"
    );
}

#[test]
fn plot_with_since_is_ascii_in_the_c_locale() {
    let sandbox = Sandbox::new();
    two_sessions(&sandbox);
    let args = ["history", "--all", "--plot", "--since", "20m"];
    let mut command = sandbox.command(args);
    let ran = Ran::from(command.env("LC_ALL", "C").output().unwrap());
    assert!(ran.stdout.is_ascii(), "{}", ran.stdout);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("2026-02-14 20:15:00 to 2026-02-14 20:35:00"));
    // The state at the beginning of the range starts at the left edge.
    assert!(lines[1].starts_with("manager1 ####"), "{}", ran.stdout);
    assert!(lines[3].starts_with("worker2  %%%"), "{}", ran.stdout);
}

#[test]
fn plot_of_a_task_excludes_the_others() {
    let sandbox = Sandbox::new();
    two_sessions(&sandbox);
    let plot = sandbox.ok(["history", "--all", "--plot", "--task", "160"]);
    assert!(!plot.contains("worker2") && !plot.contains('✓'), "{plot}");
    assert_eq!(
        sandbox.ok(["history", "--all", "--plot", "--task", "7"]),
        ""
    );
    for other in ["--json", "--jsonl", "--follow"] {
        let ran = sandbox.run(["history", "--all", "--plot", other]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{other}");
    }
}

#[test]
fn plot_handles_extreme_times() {
    let sandbox = Sandbox::new();
    let at = |time: &str| format!("{{\"timestamp\":\"{time}\",\"status\":\"working\"}}\n");
    let times = [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2026-02-14T20:00:00Z",
    ];
    for some in [&times[..1], &times[1..2], &times[..], &times[1..]] {
        sandbox.write("w1", some.iter().map(|time| at(time)).collect::<String>());
        for since in ["1s", "5m", "9000d"] {
            sandbox.ok(["history", "w1", "--plot", "--since", since]);
        }
        let plot = sandbox.ok(["history", "w1", "--plot"]);
        assert!(
            plot.lines().all(|line| line.chars().count() <= 80),
            "{plot}"
        );
    }
}

#[test]
fn follow_includes_new_sessions_and_the_rest_of_renamed_files() {
    let sandbox = hour();
    let mut command = sandbox.command(["history", "--all", "--follow", "--limit=1"]);
    let mut child = Running::start(command.stdout(Stdio::piped()));
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().contains("m59"));
    sandbox.ok(["push", "later", "working", "joined"]);
    assert!(next().contains("later  working         joined"));
    sandbox.ok(["push", "w", "working", "before the rename"]);
    fs::rename(sandbox.file("w"), sandbox.dir().join("w_status.json.old")).unwrap();
    sandbox.ok(["push", "w", "working", "after the rename"]);
    assert!(next().contains("before the rename"));
    assert!(next().contains("after the rename"));
}

#[test]
fn follow_reads_a_large_replacement_whole() {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w", "idle"]);
    let mut command = sandbox.command(["history", "w", "--follow", "--jsonl"]);
    let mut child = Running::start(command.stdout(Stdio::piped()));
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    // The file is replaced, so all of its lines are new.
    let long: Vec<String> = (0..700)
        .map(|i| line(35, "working", &format!(",\"message\":\"{i:01000}\"")))
        .collect();
    fs::write(sandbox.root().join("new"), long.concat()).unwrap();
    fs::rename(sandbox.root().join("new"), sandbox.file("w")).unwrap();
    sandbox.ok(["push", "w", "completed"]);
    for expected in &long {
        assert_eq!(lines.next().unwrap().unwrap(), expected.trim_end());
    }
    assert!(lines.next().unwrap().unwrap().contains("completed"));
}

/// Returns how often the traced process has opened a status file.
fn opened_files(trace: &Path) -> usize {
    let trace = fs::read_to_string(trace).unwrap_or_default();
    trace.matches("_status.json").count()
}

#[test]
#[cfg_attr(
    any(not(target_os = "linux"), sstat_portable),
    ignore = "only inotify names the files that change"
)]
fn follow_opens_no_file_while_nothing_changes() {
    if !have("strace") {
        return;
    }
    let sandbox = Sandbox::with_real_clock();
    for index in 0..50 {
        sandbox.ok(["push", &format!("w{index}"), "working"]);
    }
    let trace = sandbox.root().join("trace");
    let mut command = Command::new("strace");
    sandbox.isolate(&mut command);
    command
        .args(["-f", "-qq", "-e", "trace=open,openat", "-o"])
        .arg(&trace)
        .args(["sstat", "history", "--all", "--follow"]);
    let mut child = Running::start(command.stdout(Stdio::piped()));
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    for _ in 0..50 {
        lines.next().unwrap().unwrap();
    }
    sandbox.ok(["push", "w0", "working", "after the start"]);
    assert!(lines.next().unwrap().unwrap().contains("after the start"));
    let before = opened_files(&trace);
    assert!(before >= 50, "{before}");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(opened_files(&trace), before);
    sandbox.ok(["push", "w49", "working", "after the pause"]);
    assert!(lines.next().unwrap().unwrap().contains("after the pause"));
}

#[test]
#[cfg_attr(windows, ignore = "Windows does not report a closed pipe")]
fn follow_ends_when_its_pipe_is_closed() {
    let sandbox = hour();
    let mut shell = Command::new("bash");
    sandbox.isolate(&mut shell);
    shell.args(["-c", "set -o pipefail; sstat history w --follow | head -1"]);
    assert_eq!(shell.output().unwrap().status.code(), Some(0));
}

#[test]
fn file_without_update_exits_with_one_and_unreadable_file_with_two() {
    let sandbox = hour();
    sandbox.write("junk", "junk\n");
    sandbox.write("empty", "");
    fs::create_dir(sandbox.file("directory")).unwrap();
    for (verb, gate) in [
        ("history", None),
        ("list", None),
        ("list", Some("--exit-code")),
        ("show", None),
    ] {
        let run = |name: &str| sandbox.run([verb, name].into_iter().chain(gate));
        let junk = run("junk");
        assert_eq!(
            junk.code,
            if gate.is_some() { 2 } else { 1 },
            "{verb} {}",
            junk.stderr
        );
        assert!(junk.stderr.contains("no session 'junk': ") && junk.stderr.contains("not JSON"));
        assert_eq!(junk.stderr.lines().count(), 1, "{}", junk.stderr);
        let empty = run("empty");
        assert!(
            empty.stderr.contains("its file has no update yet"),
            "{}",
            empty.stderr
        );
        let directory = run("directory");
        assert_eq!(directory.code, 2, "{verb}");
        assert!(
            directory.stderr.contains("is a directory"),
            "{}",
            directory.stderr
        );
    }
    let all = sandbox.run(["history", "--all", "-n1"]);
    assert_eq!((all.code, all.stdout.lines().count()), (0, 1));
    assert!(
        all.stderr
            .contains("junk_status.json: skipped 1 invalid line"),
        "{}",
        all.stderr
    );
}

#[test]
#[cfg_attr(windows, ignore = "Windows does not read TZ")]
fn time_without_offset_is_local() {
    let sandbox = hour();
    let mut command = sandbox.command(["history", "w", "--since", "2026-02-14 15:34:00", "--json"]);
    let output = command.env("TZ", "America/New_York").output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["updates"].as_array().unwrap().len(), 2);
}

#[test]
#[cfg_attr(windows, ignore = "Windows does not read TZ")]
fn skipped_local_time_has_the_offset_before_the_change_of_clocks() {
    let sandbox = Sandbox::new();
    let update = |time: &str| format!(r#"{{"timestamp":"{time}","status":"idle"}}"#);
    let times = |hour: u32, day: &str| {
        (0..6)
            .map(|step| {
                update(&format!(
                    "{day}T{:02}:{:02}:00Z",
                    hour + step / 2,
                    step % 2 * 30
                ))
            })
            .collect::<Vec<_>>()
            .join("\n")
    };
    sandbox.write("spring", times(0, "2026-03-29"));
    sandbox.write("autumn", times(0, "2026-10-25"));
    for (session, since, first) in [
        ("spring", "2026-03-29 01:30", "2026-03-29T00:30:00Z"),
        ("spring", "2026-03-29 02:00", "2026-03-29T01:00:00Z"),
        ("spring", "2026-03-29 03:00", "2026-03-29T01:00:00Z"),
        ("spring", "2026-03-29 02:30", "2026-03-29T01:30:00Z"),
        ("spring", "2026-03-29 03:30", "2026-03-29T01:30:00Z"),
        ("spring", "2026-03-29 04:00", "2026-03-29T02:00:00Z"),
        ("autumn", "2026-10-25 02:30", "2026-10-25T00:30:00Z"),
        ("autumn", "2026-10-25 02:00", "2026-10-25T00:00:00Z"),
        ("autumn", "2026-10-25 03:00", "2026-10-25T02:00:00Z"),
    ] {
        for zone in ["Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"] {
            let is_file = zone.starts_with("Europe");
            if is_file && !Path::new("/usr/share/zoneinfo").join(zone).exists() {
                continue;
            }
            let mut command = sandbox.command(["history", session, "--since", since, "--json"]);
            command.envs([("SSTAT_NOW", "2026-12-01T00:00:00Z"), ("TZ", zone)]);
            let output = command.output().unwrap();
            let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(json["updates"][0]["timestamp"], first, "{since} {zone}");
        }
    }
}

#[test]
fn foreign_values_are_printed_as_standard_json() {
    let sandbox = Sandbox::new();
    let head = r#""timestamp":"2026-02-14T20:35:00Z","status":"working""#;
    let first = format!("\u{feff}{{{head},\"metadata\":{{\"loss\":NaN}},\"x\":-Infinity}}\n");
    let second = format!("{{{head},\"progress\":\"45%\",\"message\":\"b");
    sandbox.write(
        "w",
        [first.as_bytes(), second.as_bytes(), b"\xfcild\"}\n"].concat(),
    );
    let ran = sandbox.run(["history", "w", "--jsonl"]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines[0],
        format!(r#"{{{head},"metadata":{{"loss":null}},"x":null}}"#)
    );
    assert!(
        lines[1].ends_with("\"message\":\"b\u{fffd}ild\"}"),
        "{}",
        lines[1]
    );
    let json = sandbox.json(["history", "w", "--json"]);
    assert_eq!(
        json["updates"][0]["metadata"]["loss"],
        serde_json::Value::Null
    );
    assert_eq!(json["updates"][1]["progress"], 0.45);
    let json = sandbox.json(["show", "w", "--json"]);
    assert_eq!(json["message"], "b\u{fffd}ild");
}

#[test]
fn object_over_several_lines_and_utf16_are_named() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "jq",
        "{\n  \"timestamp\": \"2026-02-14T20:35:00Z\",\n  \"status\": \"idle\"\n}\n",
    );
    let utf16 = "{\"status\":\"idle\"}\n{}\n".encode_utf16();
    sandbox.write(
        "powershell",
        utf16.flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
    );
    for (session, reason) in [
        (
            "jq",
            "skipped 4 invalid lines (first: JSON object spread over several lines)\n",
        ),
        ("powershell", "(first: UTF-16 instead of UTF-8)\n"),
    ] {
        let ran = sandbox.run(["history", session]);
        assert!(ran.stderr.ends_with(reason), "{}", ran.stderr);
    }
}

#[cfg(unix)]
#[test]
#[cfg_attr(target_vendor = "apple", ignore = "macOS has no such file names")]
fn invalid_line_is_reported_once_for_invalid_utf8_name() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    let name = std::ffi::OsStr::from_bytes(b"w\xff_status.json");
    let good = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"idle"}"#;
    fs::write(sandbox.dir().join(name), format!("{good}\nbad\n")).unwrap();
    let ran = sandbox.run(["history", "--all"]);
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
}

#[test]
fn sessions_are_in_the_order_of_the_arguments() {
    let sandbox = Sandbox::new();
    for name in ["w1", "w2", "w10"] {
        sandbox.aged(name, "working", 1);
    }
    let names = |args: &[&str]| -> Vec<String> {
        let out = sandbox.ok(["history", "--jsonl"].iter().chain(args));
        let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let name = |line| value(line)["session"].as_str().unwrap().to_owned();
        out.lines().map(name).collect()
    };
    assert_eq!(names(&["w10", "w1", "w10"]), ["w10", "w1"]);
    assert_eq!(names(&["w2", "w*"]), ["w2", "w1", "w10"]);
}

#[test]
fn read_error_names_the_file() {
    if !have("strace") {
        return;
    }
    let sandbox = hour();
    let file = sandbox.file("w");
    for form in ["--json", "--jsonl", "--color=never"] {
        let mut history = Command::new("strace");
        sandbox.isolate(&mut history);
        let ran = Ran::from(
            history
                .args(["-o", "/dev/null", "-e", "inject=pread64:error=EIO", "-P"])
                .arg(&file)
                .args(["sstat", "history", "w", "--limit", "0", form])
                .output()
                .unwrap(),
        );
        // The texts of glibc and of musl.
        let errors = ["Input/output error", "I/O error"]
            .map(|error| format!("sstat: {}: cannot read: {error}\n", file.display()));
        assert_eq!(ran.code, 2, "{form}");
        assert!(errors.contains(&ran.stderr), "{form}: {}", ran.stderr);
    }
}

#[cfg(unix)]
#[test]
fn follow_continues_after_unreadable_files() {
    use std::os::unix::fs::symlink;
    let sandbox = hour();
    sandbox.write("bad", line(35, "idle", "") + "junk\n");
    symlink("/nonexistent", sandbox.file("x")).unwrap();
    let mut command = sandbox.command(["history", "--all", "--follow", "--limit=1"]);
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running::start(piped);
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut errors = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    let mut error = || errors.next().unwrap().unwrap();
    // Warnings are printed before the first update.
    assert!(error().contains("bad_status.json: skipped 1 invalid line"));
    assert!(error().contains("x_status.json: is a symbolic link"));
    assert!(next().contains("bad"));
    assert!(next().contains("m59"));
    // A followed file can become unreadable and return.
    fs::rename(sandbox.file("w"), sandbox.root().join("w")).unwrap();
    fs::create_dir(sandbox.file("w")).unwrap();
    assert!(error().contains("w_status.json: is a directory"));
    sandbox.ok(["push", "other", "working", "goes on"]);
    assert!(next().contains("goes on"));
    fs::remove_dir(sandbox.file("w")).unwrap();
    fs::rename(sandbox.root().join("w"), sandbox.file("w")).unwrap();
    sandbox.ok(["push", "w", "working", "back again"]);
    assert!(next().contains("back again"));
    let file = sandbox.root().join("file");
    fs::write(&file, line(35, "working", ",\"message\":\"a file by now\"")).unwrap();
    fs::rename(&file, sandbox.file("x")).unwrap();
    assert!(next().contains("a file by now"));
    drop(child);
    assert_eq!(
        errors.next().map(Result::unwrap),
        None,
        "each file is reported once"
    );

    let mut command = sandbox.command(["history", "w", "nobody", "--follow"]);
    let piped = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Running::start(piped);
    let mut errors = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let error = errors.next().unwrap().unwrap();
    assert!(error.contains("no session 'nobody'"), "{error}");
}

#[test]
fn history_ignores_an_invalid_stale_after() {
    let sandbox = Sandbox::new();
    sandbox.aged("w", "working", 10);
    for (args, code) in [
        (vec!["history", "w"], 0),
        (vec!["history", "w", "--plot"], 2),
    ] {
        let mut command = sandbox.command(&args);
        let output = command.env("SSTAT_STALE_AFTER", "5").output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}");
    }
}

/// Thousands of updates, one each second until now, after two invalid lines.
#[test]
fn since_stops_at_old_lines_and_json_counts_valid_lines() {
    let sandbox = Sandbox::new();
    let now = sstat::parse_timestamp(crate::support::NOW).unwrap();
    let line = |seconds: i64| {
        let then = (now - chrono::TimeDelta::seconds(seconds)).to_rfc3339();
        format!("{{\"timestamp\":\"{then}\",\"status\":\"working\",\"message\":\"m{seconds}\"}}\n")
    };
    let mut content = "junk\n{}\n".to_owned();
    for seconds in (0..5_000).rev() {
        content += &line(seconds);
        if seconds % 100 == 50 {
            // Clocks that are wrong for a moment do not end the search.
            content += "{\"timestamp\":\"1970-01-01T00:00:00Z\",\"status\":\"idle\"}\n";
        }
    }
    sandbox.write("w", &content);
    for (limit, count) in [("0", 601), ("50", 50), ("2000", 601)] {
        for task in [&[][..], &["--status", "working"]] {
            let args = ["history", "w", "--since", "10m", "--limit", limit];
            let ran = sandbox.run([&args[..], task].concat());
            // The invalid lines are long before, and are not read.
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
            assert_eq!(ran.stdout.lines().count(), count, "{args:?}");
        }
    }
    let json = sandbox.json(["history", "w", "--since", "1m", "--json"]);
    assert_eq!(json["total_updates"], 5_050);
    assert_eq!(json["updates"].as_array().unwrap().len(), 61);
    let all = sandbox.run(["history", "w", "--since", "2h", "--limit", "0"]);
    assert_eq!(all.stdout.lines().count(), 5_000);
    assert!(all.stderr.contains("skipped 2 invalid lines"), "{all:?}");
}
