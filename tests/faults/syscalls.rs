//! Every system call of a push fails in turn, and the process is killed at each.

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::ledger::Ledger;
use crate::support::{Sandbox, have};
use crate::{count, run, run_to_end};

const GOOD: &str =
    "{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"idle\",\"message\":\"before\"}\n";

/// The end of the file before the push: no file, a complete line, a torn one.
const FILES: [Option<&str>; 3] = [None, Some(""), Some("{\"timestamp\":\"2026")];

#[derive(Clone, Debug)]
struct Case {
    file: usize,
    call: String,
    /// The fault that strace injects, and into which of the calls of that name.
    fault: String,
    when: String,
    /// The push has accessed the status directory before.
    in_store: bool,
}

fn put(sandbox: &Sandbox, file: usize) -> String {
    let before = FILES[file].map(|torn| format!("{GOOD}{torn}"));
    match &before {
        Some(before) => sandbox.write("w", before),
        None => drop(fs::remove_file(sandbox.file("w"))),
    }
    before.unwrap_or_default()
}

fn strace(sandbox: &Sandbox, options: &[&str]) -> Command {
    let mut command = Command::new("strace");
    sandbox.isolate(&mut command);
    command
        .args(["-qq", "-e", "signal=none"])
        .args(options)
        .args(["sstat", "push", "w", "working", "token", "--sync"]);
    command
}

/// Returns the errors that a call can have.
fn errors(call: &str) -> &'static [&'static str] {
    match call {
        "openat" => &["EACCES", "EIO", "EMFILE", "ENOSPC", "EROFS", "EINTR"],
        "write" => &["EIO", "ENOSPC", "EDQUOT", "EFBIG", "EINTR"],
        "pread64" | "read" => &["EIO", "EINTR"],
        "flock" => &["ENOLCK", "EOPNOTSUPP", "EINTR", "EAGAIN"],
        "fdatasync" | "fsync" => &["EIO", "ENOSPC"],
        // It has no other error.
        "clock_nanosleep" => &["EINTR"],
        "statx" | "newfstatat" | "fstat" | "lstat" => &["EIO", "EACCES"],
        _ => &["EIO", "ENOMEM"],
    }
}

/// Returns the first and the last calls of each name. Those between are rounds of
/// a waiting loop.
fn cases(sandbox: &Sandbox, file: usize) -> Vec<Case> {
    put(sandbox, file);
    let trace = sandbox.root().join("trace");
    let traced = run(&mut strace(sandbox, &["-o", trace.to_str().unwrap()]));
    assert_eq!(traced.code, 0, "{traced:?}");
    let trace = fs::read_to_string(trace).unwrap();
    let directory = sandbox.dir().display().to_string();
    let mut in_store = false;
    let mut calls: HashMap<&str, Vec<bool>> = HashMap::new();
    for line in trace.lines() {
        let Some((name, arguments)) = line.split_once('(') else {
            continue;
        };
        // `execve` has already succeeded, `exit_group` and `geteuid` cannot fail,
        // and `brk` returns an address in any case.
        if ["execve", "exit_group", "geteuid", "brk"].contains(&name) {
            continue;
        }
        in_store |= arguments.contains(&directory);
        calls.entry(name).or_default().push(in_store);
    }
    let ends = count(2, 4);
    let mut cases = Vec::new();
    for (call, seen) in calls {
        for (index, &in_store) in seen.iter().enumerate() {
            if index >= ends && index + ends < seen.len() {
                continue;
            }
            let mut add = |fault: String, when: String| {
                cases.push(Case {
                    file,
                    call: call.to_owned(),
                    fault,
                    when,
                    in_store,
                });
            };
            let number = index + 1;
            for error in errors(call) {
                add(format!("error={error}"), format!("{number}"));
                // The standard library repeats an interrupted call, for ever if
                // it is interrupted every time.
                if *error != "EINTR" {
                    add(format!("error={error}"), format!("{number}+"));
                }
            }
            add("signal=KILL".to_owned(), format!("{number}"));
        }
    }
    cases
}

/// Pushes with a fault and checks the file. Returns true if it was acknowledged.
fn inject(sandbox: &Sandbox, case: &Case) -> bool {
    let before = put(sandbox, case.file);
    let inject = format!("inject={}:{}:when={}", case.call, case.fault, case.when);
    let trace = format!("trace={}", case.call);
    let mut push = strace(sandbox, &["-o", "/dev/null", "-e", &trace, "-e", &inject]);
    // Before that, the loader and the runtime may panic or abort.
    let ran = match case.in_store {
        true => run(&mut push),
        false => run_to_end(&mut push),
    };
    let acknowledged = ran.code == 0;
    let killed = case.fault.starts_with("signal");
    if case.in_store && !acknowledged && !killed && case.call != "write" {
        assert!(!ran.stderr.is_empty(), "{case:?}: {ran:?}");
    }
    let now = fs::read_to_string(sandbox.file("w")).unwrap_or_default();
    assert!(now.starts_with(&before), "{case:?}: {now}");
    let next = run(&mut sandbox.command(["push", "w", "working", "next"]));
    assert_eq!((next.code, next.stderr.as_str()), (0, ""), "{case:?}");
    let now = fs::read_to_string(sandbox.file("w")).unwrap();
    assert!(now.starts_with(&before), "{case:?}: {now}");
    let ledger = Ledger::of(now.as_bytes());
    let times = (ledger.times("token"), ledger.times("next"));
    let allowed = if acknowledged { 1..=1 } else { 0..=1 };
    assert!(
        allowed.contains(&times.0) && times.1 == 1,
        "{case:?}: {ran:?} {now}"
    );
    assert_eq!(ledger.times("before"), u32::from(!before.is_empty()));
    acknowledged
}

#[test]
#[ignore = "slow: 4 s"]
fn failed_or_killed_call_damages_no_line() {
    if !have("strace") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut cases: Vec<Case> = (0..FILES.len())
        .flat_map(|file| cases(&sandbox, file))
        .collect();
    if count(0, 1) == 0 {
        // Before that, the calls are those of any program.
        cases.retain(|case| case.in_store);
    }
    assert!(cases.iter().any(|case| case.call == "write"));
    let (next, acknowledged) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let sandbox = Sandbox::new();
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    acknowledged.fetch_add(usize::from(inject(&sandbox, case)), Ordering::Relaxed);
                }
            });
        }
    });
    println!(
        "{} faults injected: {} pushes acknowledged nevertheless",
        cases.len(),
        acknowledged.into_inner()
    );
}

/// Calls `attempt` with a time in milliseconds until it returns true: on a busy machine,
/// a program needs longer to come to its first write.
fn eventually(attempt: impl Fn(u64) -> bool) -> bool {
    (1..=8).any(|times| attempt(400 * times))
}

/// Returns the fault that delays the first write.
fn delay(milliseconds: u64) -> String {
    format!("inject=write:delay_enter={}:when=1", 1000 * milliseconds)
}

/// A writer without the lock appends an update after `push --ack` has read the last
/// one and before it writes the copy. The update is appended again.
#[test]
fn update_before_an_acknowledged_copy_stays_the_last() {
    use std::io::Write;
    if !have("strace") {
        return;
    }
    let newer = GOOD.replace("before", "newer");
    let is_raced = eventually(|wait| {
        let sandbox = Sandbox::new();
        sandbox.write("w", GOOD);
        let mut command = Command::new("strace");
        sandbox.isolate(&mut command);
        command.args(["-qq", "-e", "trace=write", "-e", &delay(2 * wait)]);
        command.args(["sstat", "push", "w", "--ack"]);
        let ack = thread::spawn(move || run(&mut command));
        thread::sleep(Duration::from_millis(wait));
        let file = fs::File::options().append(true).open(sandbox.file("w"));
        file.unwrap().write_all(newer.as_bytes()).unwrap();
        assert_eq!(ack.join().unwrap().code, 0);
        let lines = sandbox.updates("w");
        let is_raced = lines[1]["message"] == "newer" && lines[2]["message"] == "before";
        if is_raced {
            let last = &lines[3];
            assert_eq!(
                (&last["message"], &last["repeated"]),
                (&"newer".into(), &true.into())
            );
            assert!(last.get("acknowledged_until").is_none());
        }
        is_raced
    });
    assert!(is_raced, "the update was never written before the copy");
}

/// Another writer appends white space after the push has read the last byte and
/// before it writes. Readers accept the line, so it is not damaged.
#[test]
fn white_space_before_a_line_does_not_duplicate_it() {
    use std::io::Write;
    if !have("strace") {
        return;
    }
    for space in ["   ", "\r", "\t"] {
        let is_raced = eventually(|wait| {
            let sandbox = Sandbox::new();
            sandbox.write("w", GOOD);
            let mut command = strace(&sandbox, &["-e", "trace=write", "-e", &delay(2 * wait)]);
            let push = thread::spawn(move || run(&mut command));
            thread::sleep(Duration::from_millis(wait));
            let mut file = fs::File::options()
                .append(true)
                .open(sandbox.file("w"))
                .unwrap();
            file.write_all(space.as_bytes()).unwrap();
            let ran = push.join().unwrap();
            assert_eq!(ran.code, 0, "{space:?}: {ran:?}");
            let content = sandbox.read("w");
            assert_eq!(content.matches("token").count(), 1, "{content:?}");
            let history = sandbox.ok(["history", "w", "--jsonl"]);
            assert_eq!(history.matches("token").count(), 1, "{history}");
            content.contains(&format!("\n{space}{{"))
        });
        assert!(is_raced, "{space:?} was never written before the line");
    }
}
