//! File descriptors of wrapped commands, and limits of processes and descriptors.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use super::*;
use crate::support::{or_skip, sstat_binary};

/// Runs a script that runs sstat.
fn run_script(sandbox: &Sandbox, script: &str) -> Ran {
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    Ran::from(shell.args(["-c", script]).output().unwrap())
}

#[test]
fn pipe_that_the_command_closes_has_no_other_writer() {
    if !have("timeout") {
        return;
    }
    for (descriptor, redirections) in [
        (1, "2>/dev/null"),
        (2, "2>&1 >/dev/null"),
        (7, "7>&1 >/dev/null 2>&1"),
    ] {
        let sandbox = Sandbox::new();
        // cat reads until no process has the pipe open for writing.
        let script = format!(
            "(exec {redirections}; exec sstat push w working -- sh -c '
                exec {descriptor}>&-; until [ -e seen ]; do sleep 0.05; done; exit 3') |
            {{ timeout 60 cat; echo $?; touch seen; }}"
        );
        let ran = run_script(&sandbox, &script);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("0\n", ""));
        let last = sandbox.updates("w").pop().unwrap();
        assert_eq!(last["metadata"]["exit_code"], 3, "{descriptor}");
    }
}

#[test]
fn lock_that_the_command_releases_is_free() {
    let sandbox = Sandbox::new();
    if !have("flock") {
        return;
    }
    let script = "exec 7>lock; flock 7; exec sstat push w working -- sh -c '
        flock -n lock true && echo not locked
        exec 7>&-; flock -w 60 lock echo free'";
    let ran = run_script(&sandbox, script);
    assert_eq!((ran.stdout.as_str(), ran.code), ("free\n", 0), "{ran:?}");
}

/// A record lock belongs to the process of the caller, which becomes that of sstat.
#[test]
fn record_lock_of_the_caller_is_held_until_the_command_ends() {
    let sandbox = Sandbox::new();
    if !have("python3") {
        return;
    }
    let holder = "import fcntl, os, sys
file = os.open('lock', os.O_RDWR | os.O_CREAT)
os.set_inheritable(file, True)
fcntl.lockf(file, fcntl.LOCK_EX)
os.execvp(sys.argv[1], sys.argv[1:])";
    let other = "import fcntl, time
time.sleep(0.3)
try:
    fcntl.lockf(open('lock', 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)
    print('not locked')
except OSError:
    print('locked')";
    let mut python = Command::new("python3");
    sandbox.isolate(&mut python);
    let wrapped = [
        "sstat", "push", "w", "working", "--", "python3", "-c", other,
    ];
    let output = python.args(["-c", holder]).args(wrapped).output().unwrap();
    assert_eq!(Ran::from(output).stdout, "locked\n");
}

#[test]
fn failure_to_record_the_end_is_reported_after_the_output_of_the_command() {
    let sandbox = Sandbox::new();
    let script = "echo before >log
        sstat push w working -- sh -c 'echo during >&2; rm -r \"$SSTAT_DIR\"; touch \"$SSTAT_DIR\"; exit 3' 2>>log
        echo $?; cat log";
    let ran = run_script(&sandbox, script);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[..3], ["3", "before", "during"], "{ran:?}");
    assert!(lines[3].ends_with("the end of the command is not recorded"));
}

/// Runs a script under a limit of prlimit(1), directly and wrapped.
fn check_limit(limit: &str, run: impl Fn(&[&str]) -> Ran) {
    let script = ["sh", "-c", "echo out; exit 7"];
    let without = run(&script);
    for option in ["--quiet", "--tail"] {
        let wrapped = ["./sstat", "push", "w", "working", option, "--"];
        let with = run(&[&wrapped[..], &script].concat());
        let results = |ran: &Ran| (ran.stdout.clone(), ran.code);
        assert_eq!(
            results(&with),
            results(&without),
            "{limit} {option}: {with:?}"
        );
    }
}

/// Returns a directory in which each user can run sstat.
fn public(sandbox: &Sandbox) -> &Path {
    let shared = sandbox.root();
    let mut install = Command::new("install");
    install.args(["-m", "755"]).args([sstat_binary(), shared]);
    assert!(install.status().unwrap().success());
    for (directory, mode) in [(shared, 0o755), (&sandbox.dir(), 0o777)] {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(directory, mode).unwrap();
    }
    shared
}

#[test]
fn command_runs_when_no_process_is_left() {
    if !have("prlimit") || !have("setpriv") {
        return;
    }
    let sandbox = Sandbox::new();
    // No other process has this user. A limit does not apply to root.
    let user = 200_000 + std::process::id();
    if !or_skip(chown(sandbox.root(), Some(user), None).is_ok(), "root") {
        return;
    }
    let user = user.to_string();
    let directory = public(&sandbox);
    for processes in 1..=6 {
        let limit = format!("--nproc={processes}");
        check_limit(&limit, |command| {
            let mut setpriv = Command::new("setpriv");
            sandbox.isolate(&mut setpriv);
            setpriv.current_dir(directory);
            setpriv.args(["--reuid", &user, "--clear-groups", "prlimit", &limit]);
            Ran::from(setpriv.args(command).output().unwrap())
        });
    }
    // With one process, the command has taken the place of sstat.
    let updates = sandbox.updates("w");
    assert_eq!(updates[0]["status"], "working");
    assert_eq!(updates[1]["status"], "working");
    assert_eq!(updates.last().unwrap()["metadata"]["exit_code"], 7);
}

#[test]
fn command_runs_when_no_file_descriptor_is_left() {
    if !have("prlimit") {
        return;
    }
    let sandbox = Sandbox::new();
    let directory = public(&sandbox);
    for descriptors in 3..=20 {
        let limit = format!("--nofile={descriptors}");
        check_limit(&limit, |command| {
            let mut prlimit = Command::new("prlimit");
            sandbox.isolate(&mut prlimit);
            prlimit.current_dir(directory).arg(&limit);
            Ran::from(prlimit.args(command).output().unwrap())
        });
    }
    assert_eq!(
        sandbox.updates("w").pop().unwrap()["metadata"]["exit_code"],
        7
    );
}

#[test]
fn tail_passes_on_what_a_slow_reader_or_a_full_disk_delays() {
    if !have("python3") {
        return;
    }
    let sandbox = Sandbox::new();
    let slow = "import os, subprocess, time
reader, writer = os.pipe()
os.set_blocking(writer, False)
script = 'head -c 1000000 /dev/zero >&2; exit 3'
child = subprocess.Popen(['sstat', 'push', 'w', 'working', '--tail', '--', 'sh', '-c', script], stderr=writer)
os.close(writer)
count = 0
while data := os.read(reader, 65536):
    count += len(data)
    time.sleep(0.01)
print(count, child.wait())";
    let mut python = Command::new("python3");
    sandbox.isolate(&mut python);
    let ran = Ran::from(python.args(["-c", slow]).output().unwrap());
    assert_eq!(ran.stdout, "1000000 3\n");
    if Path::new("/dev/full").exists() {
        let script = "for i in 1 2 3; do head -c 200000 /dev/zero >&2 || exit 9; done; exit 3";
        let wrapped = format!("sstat push w working --tail -- sh -c '{script}' 2>/dev/full");
        assert_eq!(run_script(&sandbox, &wrapped).code, 3);
    }
}
