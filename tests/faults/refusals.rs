//! Limits of the system: permissions, descriptors, threads and locks.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;
use std::time::Instant;

use crate::ledger::Ledger;
use crate::support::{Ran, Sandbox, have};
use crate::{count, run};

const GOOD: &str =
    "{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"idle\",\"message\":\"before\"}\n";

/// Runs a command as an unprivileged user, or returns `None` if that is impossible.
fn as_nobody(sandbox: &Sandbox, args: &[&str]) -> Option<Ran> {
    let mut command;
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        if !have("setpriv") {
            return None;
        }
        if !is_reachable() {
            return None;
        }
        command = Command::new("setpriv");
        sandbox.isolate(&mut command);
        command
            .args([
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "--inh-caps=-all",
            ])
            .arg("sstat");
    } else {
        command = sandbox.command([] as [&str; 0]);
    }
    Some(run(command.args(args)))
}

/// Returns true if other users than root can execute the binary.
fn is_reachable() -> bool {
    let mut test = Command::new("setpriv");
    test.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    let status = test
        .args(["test", "-x"])
        .arg(crate::support::sstat_binary())
        .status();
    let is_reachable = status.unwrap().success();
    if !is_reachable {
        println!("SKIPPED: another user cannot reach the binary");
    }
    is_reachable
}

fn mode(path: impl AsRef<std::path::Path>, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn denied_permission_is_reported() {
    let sandbox = Sandbox::new();
    mode(sandbox.root(), 0o755);
    sandbox.write("w", GOOD);
    sandbox.write("closed", GOOD);
    for (directory, file) in [
        (0o755, 0o444),
        (0o755, 0o000),
        (0o555, 0o644),
        (0o000, 0o644),
    ] {
        mode(sandbox.file("w"), file);
        mode(sandbox.dir(), directory);
        for session in ["w", "new"] {
            let Some(ran) = as_nobody(&sandbox, &["push", session, "working", "m"]) else {
                mode(sandbox.dir(), 0o755);
                return;
            };
            assert_eq!(ran.code, 2, "{ran:?}");
            assert_eq!(ran.stderr.lines().count(), 1);
            assert!(ran.stderr.contains("ermission denied"), "{ran:?}");
            let is_others = fs::metadata("/proc/self").unwrap().uid() == 0;
            assert_eq!(
                ran.stderr.contains("belongs to user 0)"),
                is_others,
                "{ran:?}"
            );
        }
        for args in [
            &["summary"][..],
            &["list", "--json"],
            &["stale"],
            &["history", "--all"],
        ] {
            let ran = as_nobody(&sandbox, args).unwrap();
            assert!(ran.code <= 2, "{ran:?}");
            if directory == 0 || file == 0 {
                assert!(ran.stderr.contains("ermission denied"), "{args:?}: {ran:?}");
            }
        }
        let gate = as_nobody(&sandbox, &["list", "--attention", "--exit-code"]).unwrap();
        assert_eq!(gate.code == 2, directory == 0 || file == 0, "{gate:?}");
        mode(sandbox.dir(), 0o755);
        mode(sandbox.file("w"), 0o644);
        assert_eq!(sandbox.read("w"), GOOD);
        assert!(!sandbox.file("new").exists());
    }
}

#[test]
fn scan_works_without_threads() {
    if !have("prlimit") || !have("setpriv") {
        return;
    }
    let sandbox = Sandbox::new();
    mode(sandbox.root(), 0o755);
    for number in 0..500 {
        sandbox.write(&format!("w{number}"), GOOD);
    }
    let mut command = Command::new("prlimit");
    sandbox.isolate(&mut command);
    command.arg("--nproc=1");
    // The limit does not apply to root, and counts all processes of a user.
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        if !is_reachable() {
            return;
        }
        command.args([
            "setpriv",
            "--reuid=64321",
            "--regid=64321",
            "--clear-groups",
        ]);
    }
    let ran = run(command.arg(crate::support::sstat_binary()).arg("summary"));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.contains("Total Sessions: 500"), "{ran:?}");
}

#[test]
fn descriptor_limit_is_reported() {
    if !have("prlimit") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("w", GOOD);
    let mut refused = 0;
    for limit in 0..12 {
        for (number, args) in [
            &["push", "w", "working", "token"][..],
            &["summary"],
            &["list", "--json"],
            &["history", "--all"],
        ]
        .iter()
        .enumerate()
        {
            let mut command = Command::new("prlimit");
            sandbox.isolate(&mut command);
            command
                .arg(format!("--nofile={limit}"))
                .arg("sstat")
                .args(*args);
            let ran = run(&mut command);
            refused += usize::from(ran.code != 0);
            assert!(ran.code == 0 || !ran.stderr.is_empty(), "{limit} {ran:?}");
            if number == 0 {
                let times = Ledger::of(sandbox.read("w").as_bytes()).times("token");
                assert_eq!(times, u32::from(ran.code == 0), "{limit} {ran:?}");
                sandbox.write("w", GOOD);
            }
        }
    }
    println!("0 to 11 descriptors: {refused} refused");
    assert!(refused > 0);
}

/// Another program holds the lock and never releases it.
#[test]
#[ignore = "slow: 8 s"]
fn held_lock_delays_push_by_two_seconds() {
    let sandbox = Sandbox::new();
    sandbox.write("w", GOOD);
    let holder = File::open(sandbox.file("w")).unwrap();
    holder.lock().unwrap();
    let started = Instant::now();
    let pushes = count(3, 20);
    for push in 0..pushes {
        sandbox.ok(["push", "w", "working", &format!("t{push}")]);
    }
    println!(
        "the lock held: {:.2?} a push",
        started.elapsed() / pushes as u32
    );
    let started = Instant::now();
    let many: Vec<_> = (0..8)
        .map(|push| {
            sandbox
                .command(["push", "w", "working", &format!("m{push}")])
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in many {
        assert!(child.wait().unwrap().success());
    }
    println!("the lock held: {:.2?} for 8 at once", started.elapsed());
    let ledger = Ledger::of(sandbox.read("w").as_bytes());
    assert_eq!((ledger.times.len(), ledger.bad), (pushes + 9, 0));
    assert!(ledger.times.values().all(|&times| times == 1));
    drop(holder);
}
