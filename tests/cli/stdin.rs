//! `sstat push --stdin`.

use std::fmt::Write as _;
use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{NOW, Ran, Sandbox, StopAtEnd};

fn import(sandbox: &Sandbox, arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
    let mut child = sandbox
        .command([&["push", "--stdin"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_vec();
    let writer = thread::spawn(move || stdin.write_all(&input));
    let ran = Ran::from(child.wait_with_output().unwrap());
    let _ = writer.join().unwrap();
    ran
}

#[test]
fn lines_of_many_sessions_are_recorded_with_defaults() {
    let sandbox = Sandbox::new();
    let ran = import(
        &sandbox,
        &[],
        concat!(
            r#"{"session":"w1","status":"working","extra":{"b":[1.10]},"age_seconds":7,"is_stale":true}"#,
            "\n",
            r#"{"session":"w2","status":"completed","timestamp":"2026-02-14T21:00:00.9+01:00"}"#,
            "\n\n",
            r#"{"session":"w1","status":"idle","task_id":160,"stale_after":60,"metadata":{"k":1}}"#,
            "\r\n",
            r#"{"session":"w2","status":"error","message":"last, without a newline"}"#,
        ),
    );
    assert_eq!(
        (ran.code, ran.stderr.as_str(), ran.stdout.as_str()),
        (0, "", "")
    );
    assert_eq!(
        sandbox.read("w1"),
        format!(
            "{}\n{}\n",
            r#"{"timestamp":"2026-02-14T20:35:00Z","session":"w1","status":"working","message":"","extra":{"b":[1.10]}}"#,
            r#"{"timestamp":"2026-02-14T20:35:00Z","session":"w1","status":"idle","message":"Waiting for tasks","task_id":"160","metadata":{"k":1},"stale_after":60}"#,
        )
    );
    assert_eq!(
        sandbox.read("w2"),
        format!(
            "{}\n{}\n",
            r#"{"timestamp":"2026-02-14T20:00:00Z","session":"w2","status":"completed","progress":1.0,"message":""}"#,
            r#"{"timestamp":"2026-02-14T20:35:00Z","session":"w2","status":"error","message":"last, without a newline"}"#,
        )
    );
}

#[test]
fn invalid_line_is_reported_and_the_rest_recorded() {
    let sandbox = Sandbox::new();
    let long = format!(
        r#"{{"session":"w","status":"idle","message":"{}"}}"#,
        "x".repeat(70_000)
    );
    let endless = "x".repeat(3 << 20);
    let bad: [(&[u8], &str); 12] = [
        (b"nonsense", "not JSON"),
        (b"[]", "not a JSON object"),
        (br#"{"session":"w","status":"idle""#, "cut off"),
        (br#"{"status":"idle"}"#, "no session"),
        (br#"{"session":7,"status":"idle"}"#, "no session"),
        (br#"{"session":" ","status":"idle"}"#, "must not be empty"),
        (br#"{"session":"w"}"#, "no status"),
        (
            br#"{"session":"w","status":"sleeping"}"#,
            "must be one of idle",
        ),
        (
            br#"{"session":"w","status":"idle","timestamp":"today"}"#,
            "unreadable timestamp",
        ),
        (
            b"{\"session\":\"w\",\"status\":\"idle\",\"a\":\xff}",
            "not UTF-8",
        ),
        (long.as_bytes(), "70"),
        (endless.as_bytes(), "longer than 1 MiB"),
    ];
    let good = br#"{"session":"w","status":"working"}"#;
    let mut input = Vec::new();
    for (line, _) in bad {
        for line in [&good[..], line] {
            input.extend_from_slice(line);
            input.push(b'\n');
        }
    }
    let ran = import(&sandbox, &[], &input);
    assert_eq!(ran.code, 2);
    let complaints: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(complaints.len(), bad.len(), "{}", ran.stderr);
    for (at, (complaint, (_, reason))) in complaints.iter().zip(bad).enumerate() {
        let begin = format!("sstat: line {}: ", 2 * at + 2);
        assert!(
            complaint.starts_with(&begin) && complaint.contains(reason),
            "{complaint}"
        );
    }
    assert_eq!(sandbox.read("w").lines().count(), bad.len());
    let ran = import(&sandbox, &[], r#"{"session":"w","sta"#);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (2, "sstat: line 1: cut off in the middle\n")
    );
}

#[test]
fn unwritable_session_is_reported_and_the_rest_recorded() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.file("folder")).unwrap();
    let of = |session: &str| format!("{{\"session\":\"{session}\",\"status\":\"idle\"}}\n");
    let input = [of("a"), of("folder"), of("b"), of("folder"), of("a")].concat();
    let ran = import(&sandbox, &[], input);
    assert_eq!(ran.code, 2);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert!(lines[0].starts_with("sstat: line 2: ") && lines[0].contains("is a directory"));
    assert!(lines[1].starts_with("sstat: line 4: "));
    assert_eq!(lines.len(), 2);
    assert_eq!(sandbox.read("a").lines().count(), 2);
    assert_eq!(sandbox.read("b").lines().count(), 1);
}

#[test]
fn line_is_recorded_when_it_arrives() {
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command(["push", "--stdin"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for count in 1..=3 {
        stdin.write_all(b"{\"session\":\"w\",").unwrap();
        stdin.write_all(b"\"status\":\"idle\"}\n{\"sess").unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while std::fs::read_to_string(sandbox.file("w")).map_or(0, |text| text.lines().count())
            < count
        {
            assert!(Instant::now() < deadline, "line {count} is not written");
            thread::sleep(Duration::from_millis(5));
        }
        stdin
            .write_all(b"ion\":\"other\",\"status\":\"idle\"}\n")
            .unwrap();
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(sandbox.read("other").lines().count(), 3);
}

#[test]
fn history_is_imported_unchanged() {
    let sandbox = Sandbox::new();
    sandbox.ok([
        "push",
        "w1",
        "working",
        "größe\u{202e}",
        "0.5",
        "160",
        "-m",
        "v=1.10",
    ]);
    sandbox.ok(["push", "w1", "completed"]);
    sandbox.ok(["push", "w2", "blocked", "-", "--expect", "90s"]);
    let jsonl = sandbox.ok(["history", "--all", "--limit", "0", "--jsonl"]);
    let other = sandbox.root().join("other");
    let other = other.to_str().unwrap();
    let ran = import(&sandbox, &["--dir", other, "--sync"], &jsonl);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    for session in ["w1", "w2"] {
        let copy = std::fs::read_to_string(format!("{other}/{session}_status.json")).unwrap();
        assert_eq!(copy, sandbox.read(session));
    }
}

#[test]
fn import_beside_a_writer_of_torn_lines_keeps_every_line() {
    let sandbox = Sandbox::new();
    let mut input = String::new();
    for number in 0..20_000 {
        let session = number % 7;
        writeln!(
            input,
            r#"{{"session":"w{session}","status":"working","metadata":{{"n":{number}}}}}"#
        )
        .unwrap();
    }
    let stop = AtomicBool::new(false);
    let ran = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let mut file = std::fs::File::options()
                    .append(true)
                    .create(true)
                    .open(sandbox.file("w3"))
                    .unwrap();
                file.write_all(b"{\"torn").unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let _stop = StopAtEnd(&stop);
        import(&sandbox, &[], &input)
    });
    // Every line is written once and in order, except those that are reported.
    let mut lost: Vec<u64> = Vec::new();
    for line in ran.stderr.lines() {
        let number = line
            .strip_prefix("sstat: line ")
            .unwrap()
            .split(':')
            .next()
            .unwrap();
        lost.push(number.parse::<u64>().unwrap() - 1);
    }
    for session in 0..7 {
        let found: Vec<u64> = sandbox
            .read(&format!("w{session}"))
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|update| update["metadata"]["n"].as_u64().unwrap())
            .collect();
        let expected: Vec<u64> = (0..20_000)
            .filter(|number| number % 7 == session && !lost.contains(number))
            .collect();
        assert_eq!(found, expected, "w{session}");
    }
}

#[test]
fn stdin_excludes_session_and_adds_no_process() {
    let sandbox = Sandbox::new();
    for arguments in [&["w", "idle"][..], &["--task", "1"], &["--pid", "1"]] {
        let ran = import(&sandbox, arguments, "");
        assert_eq!(ran.code, 2, "{arguments:?}");
        assert!(ran.stderr.contains("cannot be used with"), "{}", ran.stderr);
    }
    // The process of the pushing shell is not the process of these sessions.
    let process =
        json!({"pid": 1, "start_time": 2, "boot_id": "b", "host": "h", "pid_namespace": 3});
    let theirs = json!({"session": "theirs", "status": "idle", "process": process});
    let mut command = sandbox.command(["push", "--stdin"]);
    command.env("SSTAT_PID", std::process::id().to_string());
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, r#"{{"session":"w","status":"idle"}}"#).unwrap();
    writeln!(stdin, "{theirs}").unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let update: Value = serde_json::from_str(&sandbox.read("w")).unwrap();
    assert_eq!(
        (&update["process"], &update["timestamp"]),
        (&Value::Null, &json!(NOW))
    );
    let update: Value = serde_json::from_str(&sandbox.read("theirs")).unwrap();
    assert_eq!(update["process"], process);
}

#[test]
fn empty_input_creates_nothing() {
    let sandbox = Sandbox::new();
    let none = sandbox.root().join("none");
    let ran = import(&sandbox, &["--dir", none.to_str().unwrap()], "\n");
    assert_eq!((ran.code, none.exists()), (0, false));
}

#[test]
fn dropped_key_is_a_warning() {
    let sandbox = Sandbox::new();
    let long = "9".repeat(100);
    let lines = [
        r#"{"session":"a","status":"working","progress":45}"#.to_owned(),
        r#"{"session":"b","status":"working","metadata":[1],"task_id":"","message":7}"#.to_owned(),
        r#"{"session":"c","status":"working","progress":null,"message":"no progress"}"#.to_owned(),
        format!(r#"{{"session":"d","status":"working","progress":{long}}}"#),
        r#"{"session":"e","status":"working","progress":"half","\ud800":1}"#.to_owned(),
    ]
    .join("\n");
    let ran = import(&sandbox, &[], &lines);
    let nines = "9".repeat(40);
    let warnings = [
        "line 1: recorded without its progress: 45 is not a number from 0 to 1",
        "line 2: recorded without its metadata: [1] is not an object",
        "line 2: recorded without its message: 7 is not a string",
        &format!("line 4: recorded without its progress: {nines} is not a number from 0 to 1"),
        "line 5: recorded without its progress: \"half\" is not a number from 0 to 1",
    ];
    assert_eq!(ran.code, 0);
    let printed: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(printed, warnings.map(|warning| format!("sstat: {warning}")));
    assert_eq!(
        sandbox.json(["list", "--json"]).as_object().unwrap().len(),
        5
    );
    let refused = r#"{"session":" ","status":"working","progress":"x"}"#;
    let refused = import(&sandbox, &[], refused);
    assert_eq!((refused.code, refused.stderr.lines().count()), (2, 1));
    let quiet = import(&sandbox, &["-q"], &lines);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
}

#[test]
fn changed_name_is_noted_once_with_verbose() {
    let sandbox = Sandbox::new();
    let lines = "{\"session\":\"feature/login\",\"status\":\"idle\"}\n".repeat(3);
    let ran = import(&sandbox, &["-v"], &lines);
    let notes: Vec<&str> = ran.stderr.lines().skip(1).collect();
    let note = "sstat: push: 'feature/login' is recorded as session 'feature_login'";
    assert_eq!((ran.code, notes), (0, vec![note]));
    assert_eq!(sandbox.read("feature_login").lines().count(), 3);
    assert_eq!(import(&sandbox, &[], &lines).stderr, "");
}
