//! `sstat watch --json`, `--once` and the blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
#[cfg(unix)]
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{Live, POLL_ON_WINDOWS, short, write_future};
use crate::support::{Running, Sandbox, fs, have};

#[test]
fn event_lines_are_stable() {
    let sandbox = Sandbox::new();
    sandbox.aged("a", "idle", 0);
    let live = Live::start(&sandbox, &["--json"]);
    let state = |name: &str, status: &str, time: &str, age: u64, stale: bool, very: bool| {
        format!(
            r#""state":{{"timestamp":"{time}","session":"{name}","status":"{status}","message":"m","age_seconds":{age},"is_stale":{stale},"is_very_stale":{very},"is_alive":null,"is_stopped":false,"is_acknowledged":false,"since":"{time}","for_seconds":{age},"since_is_exact":true}}}}"#
        )
    };
    let now = "2026-02-14T20:35:00Z";
    assert_eq!(
        live.line(),
        format!(
            r#"{{"event":"snapshot","session":"a","at":"{now}",{}"#,
            state("a", "idle", now, 0, false, false)
        )
    );

    sandbox.ok(["push", "a", "working", "m"]);
    assert_eq!(
        live.line(),
        format!(
            r#"{{"event":"update","session":"a","at":"{now}","from":"idle","to":"working",{}"#,
            state("a", "working", now, 0, false, false)
        )
    );

    let other = sandbox.root().join("other");
    sandbox.aged("b", "blocked", 1000);
    let old = state("b", "blocked", "2026-02-14T20:18:20Z", 1000, true, true);
    for line in [
        format!(
            r#"{{"event":"update","session":"b","at":"{now}","from":null,"to":"blocked",{old}"#
        ),
        format!(
            r#"{{"event":"stale","session":"b","at":"{now}","since":"2026-02-14T20:23:21Z",{old}"#
        ),
        format!(
            r#"{{"event":"very_stale","session":"b","at":"{now}","since":"2026-02-14T20:33:21Z",{old}"#
        ),
    ] {
        assert_eq!(live.line(), line);
    }

    sandbox.ok(["push", "b", "working", "m"]);
    let new = state("b", "working", now, 0, false, false);
    for line in [
        format!(
            r#"{{"event":"update","session":"b","at":"{now}","from":"blocked","to":"working",{new}"#
        ),
        format!(
            r#"{{"event":"recovered","session":"b","at":"{now}","since":"2026-02-14T20:23:21Z","condition":"stale",{new}"#
        ),
    ] {
        assert_eq!(live.line(), line);
    }

    fs::rename(sandbox.file("b"), other).unwrap();
    assert_eq!(
        live.line(),
        format!(r#"{{"event":"removed","session":"b","at":"{now}",{new}"#)
    );

    let worker = Running::waiting();
    sandbox.ok(["push", "c", "working", "m", "--pid", &worker.pid()]);
    assert_eq!(live.event()["state"]["is_alive"], true);
    drop(worker);
    let dead = live.event();
    let keys: Vec<&String> = dead.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 5, "{keys:?}");
    assert_eq!(dead["event"], "dead");
    assert_eq!(dead["session"], "c");
    assert_eq!(dead["at"], now);
    assert_eq!(dead["since"], now);
    assert_eq!(dead["state"]["is_alive"], false);
    sandbox.ok(["push", "c", "idle", "m"]);
    assert_eq!(live.short(), "update c working idle");
    let recovered = live.event();
    assert_eq!(recovered["condition"], "dead");
    assert_eq!(recovered["since"], now);
}

#[test]
#[cfg_attr(windows, ignore = "needs sh")]
fn burst_of_pushes_is_complete_and_in_order() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "ready", "idle"]);
    let live = Live::listening(&sandbox, &["--json"]);
    let mut shells: Vec<_> = (0..4)
        .map(|shell| {
            // Two shells push to each session.
            let script = format!(
                "for i in $(seq 50); do sstat push w{} working {shell}:$i & [ $((i % 5)) = 0 ] && wait; done; wait",
                shell / 2
            );
            let mut command = Command::new("bash");
            sandbox.isolate(&mut command);
            command.args(["-c", &script]).spawn().unwrap()
        })
        .collect();
    let mut messages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for _ in 0..200 {
        let event = live.event();
        assert_eq!(event["event"], "update");
        let session = event["session"].as_str().unwrap().to_owned();
        let message = event["state"]["message"].as_str().unwrap().to_owned();
        messages.entry(session).or_default().push(message);
    }
    for shell in &mut shells {
        assert!(shell.wait().unwrap().success());
    }
    for (session, messages) in messages {
        let stored: Vec<String> = sandbox
            .read(&session)
            .lines()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                line["message"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(messages, stored);
    }
    sandbox.ok(["push", "ready", "completed"]);
    assert_eq!(live.short(), "update ready idle completed");
}

#[test]
fn directory_can_be_created_removed_and_replaced() {
    let sandbox = Sandbox::with_real_clock();
    let parent = sandbox.root().join("data");
    let dir = parent.join("session_status");
    let flag = format!("--dir={}", dir.display());
    let live = Live::start(&sandbox, &[&["--json", &flag], POLL_ON_WINDOWS].concat());
    let note = live.error();
    assert!(
        note.contains("does not exist (named by --dir)") && note.contains("waiting"),
        "{note}"
    );
    for _ in 0..2 {
        sandbox.ok(["push", &flag, "a", "working"]);
        assert_eq!(live.short(), "update a null working");
        sandbox.ok(["push", &flag, "a", "idle"]);
        assert_eq!(live.short(), "update a working idle");
        fs::remove_dir_all(&parent).unwrap();
        assert_eq!(live.short(), "removed a");
    }
    // Replace it by a rename.
    let other = sandbox.root().join("other");
    let other_flag = format!("--dir={}", other.join("session_status").display());
    sandbox.ok(["push", &other_flag, "b", "blocked"]);
    sandbox.ok(["push", &flag, "a", "working"]);
    assert_eq!(live.short(), "update a null working");
    fs::rename(&parent, sandbox.root().join("gone")).unwrap();
    fs::rename(&other, &parent).unwrap();
    let events: BTreeSet<String> = [live.short(), live.short()].into();
    assert_eq!(
        events,
        ["removed a", "update b null blocked"]
            .map(str::to_owned)
            .into()
    );
}

#[test]
fn directory_that_returns_repeats_no_update() {
    let sandbox = Sandbox::with_real_clock();
    let worker = Running::waiting();
    sandbox.ok(["push", "w", "working", "old"]);
    sandbox.ok(["push", "w", "blocked", "old", "--pid", &worker.pid()]);
    sandbox.ok(["push", "v", "error", "old"]);
    let away = sandbox.root().join("away");
    for args in [&["--json"][..], &["--json", "w", "v", "other", "end"]] {
        let live = Live::start(
            &sandbox,
            &[args, POLL_ON_WINDOWS, &["--interval", "20ms"]].concat(),
        );
        assert_eq!([live.short(), live.short()], ["snapshot v", "snapshot w"]);
        for _ in 0..2 {
            fs::rename(sandbox.dir(), &away).unwrap();
            let removed = BTreeSet::from([live.short(), live.short()]);
            assert_eq!(
                removed,
                ["removed v", "removed w"].map(str::to_owned).into()
            );
            // The directory is missing in many rescans.
            for number in 0..5 {
                sandbox.ok(["push", "other", "idle", &number.to_string()]);
                assert_eq!(live.short(), "update other null idle");
                fs::remove_dir_all(sandbox.dir()).unwrap();
                assert_eq!(live.short(), "removed other");
            }
            fs::rename(&away, sandbox.dir()).unwrap();
            let back = BTreeSet::from([live.short(), live.short()]);
            assert_eq!(back, ["snapshot v", "snapshot w"].map(str::to_owned).into());
        }
        // Another copy of the directory comes back, with two new updates.
        let copy = sandbox.root().join("copy");
        fs::create_dir(&copy).unwrap();
        for name in ["v", "w"] {
            let path = copy.join(format!("{name}_status.json"));
            fs::copy(sandbox.file(name), path).unwrap();
        }
        fs::rename(sandbox.dir(), &away).unwrap();
        assert!(live.short().starts_with("removed "));
        assert!(live.short().starts_with("removed "));
        let flag = format!("--dir={}", copy.display());
        for message in ["1", "2"] {
            sandbox.ok(["push", &flag, "w", "idle", message]);
        }
        sandbox.ok(["push", &flag, "v", "completed", "3"]);
        fs::rename(&copy, sandbox.dir()).unwrap();
        let mut events: Vec<_> = (0..3).map(|_| live.short()).collect();
        events.sort();
        let expected = [
            "update v null completed",
            "update w idle idle",
            "update w null idle",
        ];
        assert_eq!(events, expected);
        sandbox.ok(["push", "end", "idle"]);
        assert_eq!(live.short(), "update end null idle");
        fs::remove_dir_all(sandbox.dir()).unwrap();
        fs::rename(&away, sandbox.dir()).unwrap();
    }
}

#[test]
fn returning_session_meets_no_wait() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "completed"]);
    let mut live = Live::listening(&sandbox, &["--json", "--until", "completed", "w"]);
    let away = sandbox.root().join("away");
    fs::rename(sandbox.dir(), &away).unwrap();
    assert_eq!(live.short(), "removed w");
    fs::rename(&away, sandbox.dir()).unwrap();
    assert_eq!(live.short(), "snapshot w");
    sandbox.ok(["push", "w", "working"]);
    assert_eq!(live.short(), "update w completed working");
    sandbox.ok(["push", "w", "completed"]);
    assert_eq!(live.code(), 0);
}

#[test]
fn sessions_become_stale_without_a_write() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.aged("ready", "completed", 0);
    let limits = ["--stale-after", "0s", "--very-stale-after", "1s"];
    let live = Live::listening(&sandbox, &[&["--json"], &limits[..]].concat());
    for index in 0..1000 {
        write_future(&sandbox, &format!("w{index}"), "working", 2);
    }
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut sessions = BTreeSet::new();
    for _ in 0..3000 {
        let event = live.event();
        let kind = event["event"].as_str().unwrap().to_owned();
        *kinds.entry(kind).or_default() += 1;
        sessions.insert(short(&event));
    }
    let expected = ["update", "stale", "very_stale"].map(|kind| (kind.to_owned(), 1000));
    assert_eq!(kinds, expected.into());
    assert_eq!(sessions.len(), 3000);
}

#[test]
#[cfg_attr(windows, ignore = "needs SIGSTOP")]
fn acknowledgement_is_an_event() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "working"]);
    let live = Live::listening(&sandbox, &["--json"]);
    sandbox.ok(["push", "w", "error"]);
    assert_eq!(live.short(), "update w working error");
    for (option, is_acknowledged) in [("--ack", true), ("--ack=0s", false), ("--ack=1h", true)] {
        sandbox.ok(["push", "w", option]);
        let event = live.event();
        assert_eq!(short(&event), "acknowledged w");
        assert_eq!(event["state"]["is_acknowledged"], is_acknowledged);
        assert_eq!(event["state"]["since"], event["state"]["timestamp"]);
    }
    sandbox.ok(["push", "w", "error"]);
    let event = live.event();
    assert_eq!(short(&event), "update w error error");
    assert_eq!(event["state"]["is_acknowledged"], false);
    // The watch reads an update and its acknowledged copy at once.
    live.signal("STOP");
    sandbox.ok(["push", "w", "blocked"]);
    sandbox.ok(["push", "w", "--ack"]);
    live.signal("CONT");
    assert_eq!(live.short(), "update w error blocked");
    assert_eq!(live.short(), "acknowledged w");
}

#[test]
fn end_of_an_acknowledgement_is_an_event() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "error"]);
    let live = Live::listening(&sandbox, &["--json"]);
    let begin = live.acknowledge_briefly(&sandbox, "w");
    for (event, is_acknowledged) in [(begin, true), (live.event(), false)] {
        assert_eq!(short(&event), "acknowledged w");
        assert_eq!(event["state"]["is_acknowledged"], is_acknowledged);
    }
    sandbox.ok(["push", "w", "--ack=0s"]);
    sandbox.ok(["push", "w", "idle"]);
    assert_eq!(live.short(), "update w error idle");
}

#[test]
fn session_that_passes_a_limit_is_an_event() {
    for option in ["--longer-than", "--older-than"] {
        let sandbox = Sandbox::with_real_clock();
        sandbox.aged("ready", "completed", 0);
        let live = Live::listening(&sandbox, &["--json", option, "1s"]);
        for (session, status) in [("w", "working"), ("v", "idle"), ("w", "blocked")] {
            sandbox.ok(["push", session, status]);
        }
        let expected = [("v", "idle"), ("w", "blocked")];
        let expected = expected.map(|(session, status)| (session.to_owned(), status.into()));
        let mut overdue = BTreeMap::new();
        // If the pushes are slow, the first status of "w" passes the limit too.
        while overdue != expected.clone().into() {
            let event = live.event();
            // If the watch is slow, it reads an update that has passed the limit.
            if event["event"] == "overdue" {
                let session = event["session"].as_str().unwrap().to_owned();
                let state = &event["state"];
                let time = |value: &serde_json::Value| value.as_str().unwrap().parse();
                let passed: chrono::DateTime<chrono::Utc> = time(&state["since"]).unwrap();
                let passed = passed + chrono::TimeDelta::seconds(2);
                assert_eq!(time(&event["since"]), Ok(passed), "{event}");
                overdue.insert(session, state["status"].clone());
            }
        }
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs sh")]
fn last_update_precedes_the_death_of_its_process() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "ready", "idle"]);
    let live = Live::listening(&sandbox, &["--json"]);
    // A process that pushes completed and ends at once is not dead.
    let mut command = Command::new("bash");
    sandbox.isolate(&mut command);
    let script = "export SSTAT_PID=$$; for i in 1 2 3 4 5; do sstat push good working $i; done; sstat push good completed";
    assert!(command.args(["-c", script]).status().unwrap().success());
    assert_eq!(live.short(), "update good null working");
    for _ in 0..4 {
        assert_eq!(live.short(), "update good working working");
    }
    assert_eq!(live.short(), "update good working completed");
    // Two sessions of the same process, which is killed.
    let worker = Running::waiting();
    for session in ["x", "y"] {
        sandbox.ok(["push", session, "working", "--pid", &worker.pid()]);
        let mut event = live.short();
        // Its process can end after its last update has been read.
        if event == "exited good" {
            event = live.short();
        }
        assert_eq!(event, format!("update {session} null working"));
    }
    drop(worker);
    assert_eq!(live.short(), "dead x");
    assert_eq!(live.short(), "dead y");
}

#[test]
#[cfg_attr(windows, ignore = "needs SIGSTOP")]
fn overflow_of_the_notification_queue_loses_nothing() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    sandbox.ok(["push", "gone", "idle"]);
    let live = Live::listening(&sandbox, &["--json"]);
    assert_eq!(live.short(), "snapshot w");
    live.signal("STOP");
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
    let limit: usize = limit.map_or(16_384, |limit| limit.trim().parse().unwrap());
    let mut noise = ["a", "b"].map(|name| fs::File::create(sandbox.dir().join(name)).unwrap());
    // The kernel merges an event with the previous one if they are equal.
    for _ in 0..=limit / 2 {
        for file in &mut noise {
            file.write_all(b"x").unwrap();
        }
    }
    for index in 0..5 {
        sandbox.ok(["push", "w", "working", &format!("m{index}")]);
    }
    fs::remove_file(sandbox.file("gone")).unwrap();
    sandbox.ok(["push", "new", "working"]);
    live.signal("CONT");
    assert_eq!(live.short(), "removed gone");
    assert_eq!(live.short(), "update new null working");
    let messages: Vec<String> = (0..5)
        .map(|_| {
            live.event()["state"]["message"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(messages, ["m0", "m1", "m2", "m3", "m4"]);
}

#[test]
#[cfg_attr(windows, ignore = "needs SIGSTOP")]
fn rotation_loses_no_update_and_a_clean_up_repeats_none() {
    let sandbox = Sandbox::with_real_clock();
    for message in ["1", "2", "3"] {
        sandbox.ok(["push", "w", "working", message]);
    }
    let live = Live::listening(&sandbox, &["--json"]);
    let message = |live: &Live| {
        let event = live.event();
        assert_eq!(short(&event), "update w working working");
        event["state"]["message"].as_str().unwrap().to_owned()
    };
    live.signal("STOP");
    sandbox.ok(["push", "w", "working", "4"]);
    fs::rename(sandbox.file("w"), sandbox.dir().join("w_status.json.1")).unwrap();
    sandbox.ok(["push", "w", "working", "5"]);
    live.signal("CONT");
    assert_eq!(message(&live), "4");
    assert_eq!(message(&live), "5");
    // copytruncate
    fs::copy(sandbox.file("w"), sandbox.dir().join("copy")).unwrap();
    fs::write(sandbox.file("w"), "").unwrap();
    assert_eq!(live.short(), "removed w");
    sandbox.ok(["push", "w", "working", "6"]);
    assert_eq!(live.short(), "update w null working");
    sandbox.ok(["push", "w", "working", "7"]);
    assert_eq!(message(&live), "7");
    // tail -n 1 > tmp && mv tmp w
    let last = sandbox.read("w").lines().last().unwrap().to_owned() + "\n";
    fs::write(sandbox.dir().join("tmp"), last).unwrap();
    fs::rename(sandbox.dir().join("tmp"), sandbox.file("w")).unwrap();
    sandbox.ok(["push", "w", "working", "8"]);
    assert_eq!(message(&live), "8");
    // tail -n 1 > tmp && cat tmp > w, between the truncation and the write
    let last = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working","message":"old"}"#;
    let file = fs::File::options().append(true).open(sandbox.file("w"));
    writeln!(file.unwrap(), "{last}").unwrap();
    assert_eq!(message(&live), "old");
    assert_eq!([live.short(), live.short()], ["stale w", "very_stale w"]);
    sandbox.write("w", "");
    assert_eq!(live.short(), "removed w");
    sandbox.write("w", last);
    assert_eq!(live.short(), "snapshot w");
    sandbox.ok(["push", "w", "working", "9"]);
    assert_eq!(message(&live), "9");
    assert_eq!(live.short(), "recovered w");
    // A file that returns is a snapshot.
    fs::rename(sandbox.file("w"), sandbox.dir().join("tmp")).unwrap();
    assert_eq!(live.short(), "removed w");
    fs::rename(sandbox.dir().join("tmp"), sandbox.file("w")).unwrap();
    assert_eq!(live.short(), "snapshot w");
}

#[test]
#[cfg_attr(windows, ignore = "needs SIGSTOP")]
fn rotation_of_many_files_loses_no_update() {
    const SESSIONS: usize = 150;
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "working", "MESSAGE"]);
    let line = sandbox.read("w");
    fs::remove_file(sandbox.file("w")).unwrap();
    let names: Vec<String> = (0..SESSIONS).map(|index| format!("w{index}")).collect();
    for name in &names {
        sandbox.write(name, line.replace("MESSAGE", "old"));
    }
    let live = Live::start(&sandbox, &["--json"]);
    for name in &names {
        assert_eq!(live.short(), format!("snapshot {name}"));
    }
    // Only the first files are held open.
    let descriptors = Path::new("/proc")
        .join(live.child.id().to_string())
        .join("fd");
    if let Ok(descriptors) = fs::read_dir(descriptors) {
        assert!(descriptors.count() < SESSIONS);
    }
    live.signal("STOP");
    for name in &names {
        sandbox.write(
            name,
            line.replace("MESSAGE", "old") + &line.replace("MESSAGE", "4"),
        );
        let rotated = sandbox.dir().join(format!("{name}_status.json.1"));
        fs::rename(sandbox.file(name), rotated).unwrap();
        sandbox.write(name, line.replace("MESSAGE", "5"));
    }
    live.signal("CONT");
    let mut messages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for _ in 0..2 * SESSIONS {
        let event = live.event();
        let session = event["session"].as_str().unwrap().to_owned();
        let message = event["state"]["message"].as_str().unwrap().to_owned();
        messages.entry(session).or_default().push(message);
    }
    assert_eq!(messages.len(), SESSIONS);
    assert!(messages.values().all(|messages| messages == &["4", "5"]));
}

/// macOS allows a process 256 descriptors, with which its kernel notifies the changes of
/// open files.
#[test]
#[cfg_attr(windows, ignore = "needs ulimit")]
fn more_files_than_descriptors_are_watched() {
    const SESSIONS: usize = 300;
    let sandbox = Sandbox::with_real_clock();
    let worker = Running::waiting();
    sandbox.ok(["push", "w", "working", "m", "--pid", &worker.pid()]);
    let line = sandbox.read("w");
    for index in 1..SESSIONS {
        sandbox.write(&format!("w{index}"), &line);
    }
    let mut command = Command::new("sh");
    sandbox.isolate(&mut command);
    command.args(["-c", "ulimit -n 256; exec sstat watch --json"]);
    let live = Live::spawn(&mut command);
    for _ in 0..SESSIONS {
        assert_eq!(live.event()["event"], "snapshot");
    }
    let completed = "{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"completed\"}\n";
    let mut expected = BTreeSet::new();
    for index in 1..SESSIONS {
        let session = format!("w{index}");
        let file = fs::File::options()
            .append(true)
            .open(sandbox.file(&session));
        file.unwrap().write_all(completed.as_bytes()).unwrap();
        expected.insert(format!("update {session} working completed"));
    }
    let events: BTreeSet<String> = (1..SESSIONS).map(|_| live.short()).collect();
    assert_eq!(events, expected);
    drop(worker);
    assert_eq!(live.short(), "dead w");
}

#[test]
#[cfg_attr(windows, ignore = "needs SIGSTOP")]
fn large_rest_of_a_renamed_file_is_read_first() {
    const LINES: usize = 700;
    let sandbox = Sandbox::with_real_clock();
    let worker = Running::waiting();
    sandbox.ok(["push", "w", "working", "MESSAGE", "--pid", &worker.pid()]);
    let line = sandbox.read("w");
    let many = |from: usize| -> String {
        let messages = (from..from + LINES).map(|number| format!("{number:01000}"));
        messages.map(|m| line.replace("MESSAGE", &m)).collect()
    };
    let append = |lines: String| {
        let file = fs::File::options().append(true).open(sandbox.file("w"));
        file.unwrap().write_all(lines.as_bytes()).unwrap();
    };
    let live = Live::listening(&sandbox, &["--json"]);
    live.signal("STOP");
    append(many(0));
    fs::rename(sandbox.file("w"), sandbox.dir().join("w_status.json.1")).unwrap();
    fs::write(sandbox.file("w"), &line).unwrap();
    append(many(LINES));
    drop(worker);
    live.signal("CONT");
    let mut number = 0;
    while number < 2 * LINES {
        let event = live.event();
        assert_eq!(short(&event), "update w working working");
        let message = event["state"]["message"].as_str().unwrap().to_owned();
        if message != "MESSAGE" {
            assert_eq!(message, format!("{number:01000}"));
            number += 1;
        }
    }
    assert_eq!(live.short(), "dead w");
}

#[test]
fn push_during_the_start_is_not_missed() {
    for _ in 0..20 {
        let sandbox = Sandbox::with_real_clock();
        sandbox.ok(["push", "w", "working"]);
        let live = Live::start(&sandbox, &["--json"]);
        sandbox.ok(["push", "w", "completed"]);
        let mut statuses = vec![live.event()["state"]["status"].clone()];
        if statuses[0] != "completed" {
            statuses.push(live.event()["state"]["status"].clone());
        }
        assert_eq!(*statuses.last().unwrap(), "completed");
    }
}

#[test]
fn polling_finds_all_changes() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    let live = Live::listening(&sandbox, &["--json", "--poll", "--interval", "100ms"]);
    sandbox.ok(["push", "w", "working"]);
    sandbox.ok(["push", "w", "blocked"]);
    assert_eq!(live.short(), "update w idle working");
    assert_eq!(live.short(), "update w working blocked");
    fs::remove_dir_all(sandbox.dir()).unwrap();
    assert_eq!(live.short(), "removed w");
    sandbox.ok(["push", "w", "error"]);
    assert_eq!(live.short(), "update w null error");
}

#[test]
fn filters_and_names_select_events() {
    let sandbox = Sandbox::with_real_clock();
    for session in ["w1", "w2", "other"] {
        sandbox.ok(["push", session, "idle"]);
    }
    let live = Live::start(&sandbox, &["--json", "w*", "--status", "idle,error"]);
    assert_eq!(live.short(), "snapshot w1");
    assert_eq!(live.short(), "snapshot w2");
    sandbox.ok(["push", "w1", "working"]);
    sandbox.ok(["push", "other", "error"]);
    sandbox.ok(["push", "w2", "error"]);
    assert_eq!(live.short(), "update w2 idle error");
    let live = Live::start(&sandbox, &["--json", "w3"]);
    assert!(live.error().contains("no session 'w3'"));
    sandbox.ok(["push", "w2", "idle"]);
    sandbox.ok(["push", "w3", "idle"]);
    assert_eq!(live.short(), "update w3 null idle");
}

#[test]
fn metadata_and_age_select_events() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w1", "working", "-m", "phase=test"]);
    sandbox.ok(["push", "w2", "working", "-m", "phase=build"]);
    let live = Live::start(&sandbox, &["--json", "--meta", "phase=t*"]);
    assert_eq!(live.short(), "snapshot w1");
    sandbox.ok(["push", "w1", "working", "-m", "phase=deploy"]);
    sandbox.ok(["push", "w2", "working", "-m", "phase=test"]);
    assert_eq!(live.short(), "update w2 working working");

    let sandbox = Sandbox::new();
    sandbox.aged("w1", "working", 60);
    sandbox.aged("w2", "working", 61);
    let once = sandbox.ok(["watch", "--once", "--json", "--older-than", "1m"]);
    let event = serde_json::from_str(&once).unwrap();
    assert_eq!(short(&event), "snapshot w2");
}

#[test]
fn invalid_lines_and_files_are_reported_once() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    fs::create_dir(sandbox.file("directory")).unwrap();
    let live = Live::listening(&sandbox, &["--json"]);
    assert!(live.error().contains("is a directory"));
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(sandbox.file("w"))
        .unwrap();
    for _ in 0..2 {
        file.write_all(b"junk\n").unwrap();
        sandbox.ok(["push", "w", "working"]);
        assert!(live.short().ends_with(" working"));
    }
    assert!(live.error().contains("skipped 1 invalid line (not JSON)"));
    // A line that is written in two parts.
    file.write_all(br#"{"timestamp":"2026-02-14T20:35:00Z","#)
        .unwrap();
    file.write_all(b"\"status\":\"blocked\"}\n").unwrap();
    assert_eq!(live.short(), "update w working blocked");
    // Control characters are escaped.
    file.write_all("{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"idle\",\"message\":\"\u{9b}2J\u{202e}\"}\n".as_bytes())
        .unwrap();
    loop {
        let line = live.line();
        assert!(!line.chars().any(sstat::is_unprintable), "{line}");
        if line.contains("\\u009b2J") {
            break;
        }
    }
    drop(live);
}

/// Injects an error into each of the first six reads.
#[test]
fn failed_read_is_retried_and_repeats_no_event() {
    if !have("strace") {
        return;
    }
    for failing in 1..=6 {
        let sandbox = Sandbox::with_real_clock();
        sandbox.ok(["push", "w", "completed", "old"]);
        sandbox.ok(["push", "w", "working", "old"]);
        let trace = sandbox.root().join("trace");
        let mut command = Command::new("strace");
        sandbox.isolate(&mut command);
        command
            .args(["-f", "-qq", "-e", "trace=pread64", "-P"])
            .arg(sandbox.file("w"))
            .args(["-e", &format!("inject=pread64:error=EIO:when={failing}")])
            .arg("-o")
            .arg(&trace)
            .args(["sstat", "watch", "w", "--json", "--interval", "50ms"])
            .args(["--until", "completed", "--allow-missing"]);
        let mut live = Live::spawn(&mut command);
        assert_eq!(live.short(), "snapshot w");
        for message in ["one", "two"] {
            sandbox.ok(["push", "w", "working", message]);
            let event = live.event();
            assert_eq!(short(&event), "update w working working", "{failing}");
            assert_eq!(event["state"]["message"], message, "{failing}");
        }
        sandbox.ok(["push", "w", "completed", "three"]);
        let event = live.event();
        assert_eq!(event["state"]["message"], "three", "{failing}");
        assert_eq!(live.code(), 0);
        assert!(live.error().contains("cannot read: "), "{failing}");
        assert!(fs::read_to_string(&trace).unwrap().contains("INJECTED"));
    }
}

#[cfg(unix)]
#[test]
#[cfg_attr(
    any(not(target_os = "linux"), sstat_portable),
    ignore = "only inotify notifies a symbolic link that is replaced at once"
)]
fn file_that_becomes_readable_is_a_snapshot() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "good", "working"]);
    for name in ["w", "x"] {
        symlink("/nonexistent", sandbox.file(name)).unwrap();
    }
    let live = Live::listening(&sandbox, &["--json"]);
    assert!(live.error().contains("w_status.json: is a symbolic link"));
    assert!(live.error().contains("x_status.json: is a symbolic link"));
    // Replace the link by a file with an old update.
    sandbox.ok(["push", "old", "completed"]);
    assert_eq!(live.short(), "update old null completed");
    let mut file = fs::File::options()
        .append(true)
        .open(sandbox.file("old"))
        .unwrap();
    file.write_all(b"junk\n").unwrap();
    assert!(
        live.error()
            .contains("old_status.json: skipped 1 invalid line")
    );
    fs::rename(sandbox.file("old"), sandbox.file("w")).unwrap();
    let events = [live.short(), live.short()];
    assert!(events.contains(&"removed old".to_owned()), "{events:?}");
    assert!(events.contains(&"snapshot w".to_owned()), "{events:?}");
    assert!(
        live.error()
            .contains("w_status.json: skipped 1 invalid line")
    );
    sandbox.ok(["push", "w", "completed"]);
    assert_eq!(live.short(), "update w completed completed");
    // The first line of a new file is an update.
    fs::remove_file(sandbox.file("x")).unwrap();
    fs::remove_file(sandbox.file("good")).unwrap();
    assert_eq!(live.short(), "removed good");
    sandbox.ok(["push", "x", "completed"]);
    assert_eq!(live.short(), "update x null completed");
}

#[test]
#[cfg_attr(windows, ignore = "Windows does not report a closed pipe")]
fn watch_ends_when_its_output_is_closed() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "idle"]);
    for args in [&["--json"][..], &["--interval", "1h"]] {
        let mut child = sandbox
            .command([&["watch"], args].concat())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 1];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
        drop(child.stdout.take());
        let ran = crate::support::Ran::from(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    }
}

#[test]
fn block_is_printed_at_every_interval() {
    let sandbox = Sandbox::with_real_clock();
    write_future(&sandbox, "w", "working", 2);
    let live = Live::start(&sandbox, &["--interval", "0.2", "--stale-after", "0s"]);
    let mut seen = Vec::new();
    // If the watch starts late, the session is stale in the first block.
    let blocks = |seen: &[String]| seen.iter().filter(|line| line.starts_with("Total")).count();
    let is_stale = |line: &String| line.contains("w: No update for");
    while blocks(&seen) < 2 || !seen.iter().any(is_stale) {
        seen.push(live.line());
    }
    let rule = "=".repeat(60);
    assert_eq!(
        seen[..4],
        [
            &*rule,
            "SESSION STATUS SUMMARY",
            &*rule,
            "Total Sessions: 1"
        ]
    );
}

#[cfg(unix)]
#[test]
fn blocks_continue_after_an_unreadable_directory() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "working"]);
    // The rename replaces the link without a gap.
    let link = sandbox.root().join("link");
    let lead_to = |path: &Path| {
        let new = sandbox.root().join("new");
        symlink(path, &new).unwrap();
        fs::rename(&new, &link).unwrap();
    };
    lead_to(&sandbox.dir());
    let args = ["--interval", "20ms", "--dir", link.to_str().unwrap()];
    let live = Live::start(&sandbox, &args);
    let wait_for_block = || while live.line() != "Total Sessions: 1" {};
    wait_for_block();
    lead_to(&sandbox.file("w"));
    let why = live.error();
    assert!(why.contains("link: cannot read: Not a dir"), "{why}");
    // At the start, this is an error.
    let ran = sandbox.run([&["watch"], &args[..]].concat());
    assert_eq!((ran.code, ran.stderr.trim()), (2, &*why));
    lead_to(&sandbox.dir());
    while live.lines.try_recv().is_ok() {}
    wait_for_block();
    assert!(live.errors.try_recv().is_err(), "reported once");
}

#[test]
fn once_prints_one_block_or_the_snapshots() {
    let sandbox = Sandbox::new();
    sandbox.aged("w2", "working", 372);
    sandbox.aged("w10", "idle", 1);
    assert_eq!(sandbox.ok(["watch", "--once"]), sandbox.ok(["summary"]));
    let lines = sandbox.ok(["watch", "--once", "--json"]);
    let events: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(short(&events[0]), "snapshot w2");
    assert_eq!(events[0]["state"], sandbox.json(["list", "--json"])["w2"]);
    assert_eq!(short(&events[1]), "snapshot w10");
    assert_eq!(events.len(), 2);
    let ran = sandbox.run(["watch", "--once", "--json", "w3"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
}
