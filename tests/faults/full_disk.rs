//! Short writes: a disk that becomes full in the middle of a line, and a limit on
//! the size of files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ledger::Ledger;
use crate::support::{Sandbox, have};
use crate::{count, run};

/// A small file system in memory, unmounted when dropped.
struct SmallDisk {
    _root: tempfile::TempDir,
    path: PathBuf,
}

impl SmallDisk {
    /// Returns `None` without the permission to mount.
    fn mount(kibibytes: usize) -> Option<Self> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("disk");
        fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kibibytes}k"), "tmpfs"])
            .arg(&path)
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            println!("SKIPPED: cannot mount a small tmpfs (requires root)");
            return None;
        }
        Some(Self { _root: root, path })
    }

    fn file(&self) -> PathBuf {
        self.path.join("w_status.json")
    }

    /// Uses all free space.
    fn fill(&self) {
        let error = fs::write(self.path.join("filler"), vec![b'x'; 1 << 20]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn free(&self) {
        fs::remove_file(self.path.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

fn push(sandbox: &Sandbox, directory: &Path, token: &str) -> bool {
    let ran = run(sandbox
        .command(["push", "w", "working", token, "--dir"])
        .arg(directory));
    assert!(
        ran.code == 0 || ran.stderr.contains("w_status.json"),
        "{ran:?}"
    );
    ran.code == 0
}

/// The last page of the file has space for exactly `room` bytes, from 0 to a line
/// with a newline before it.
#[test]
#[ignore = "slow: 13 s"]
fn disk_full_at_any_byte_damages_no_line() {
    const PAGE: usize = 4096;
    let Some(disk) = SmallDisk::mount(256) else {
        return;
    };
    let sandbox = Sandbox::new();
    let line = {
        push(&sandbox, &disk.path, "measure");
        let line = fs::read(disk.file()).unwrap();
        fs::remove_file(disk.file()).unwrap();
        line.len()
    };
    let good = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"idle","message":"before"}"#;
    let cycles = count(1, 5);
    let (mut refused, mut acked) = (0, 0);
    for _ in 0..cycles {
        for room in 0..line + 3 {
            for torn in [false, true] {
                let end = if torn { "{\"torn" } else { "" };
                let padding = PAGE - room - good.len() - 1 - end.len();
                let before = format!("{}{good}\n{end}", " ".repeat(padding));
                fs::write(disk.file(), &before).unwrap();
                disk.fill();
                let first = push(&sandbox, &disk.path, "measure");
                // Still full: the next push fails too.
                let second = push(&sandbox, &disk.path, "second");
                disk.free();
                let third = push(&sandbox, &disk.path, "third");
                let content = fs::read(disk.file()).unwrap();
                assert!(content.starts_with(before.as_bytes()));
                let ledger = Ledger::of(&content);
                assert!(third && ledger.times("before") == 1, "space for {room}");
                ledger.check([("measure", first), ("second", second), ("third", third)]);
                refused += usize::from(!first) + usize::from(!second);
                acked += usize::from(first) + usize::from(second) + usize::from(third);
            }
        }
    }
    println!("full at every one of {line} bytes: {acked} acknowledged, {refused} refused");
    assert!(refused > 0 && acked > 0);
}

#[test]
fn disk_full_and_free_again_damages_no_line() {
    let Some(disk) = SmallDisk::mount(256) else {
        return;
    };
    let sandbox = Sandbox::new();
    let cycles = count(5, 1_000);
    let (mut acked, mut refused) = (0, 0);
    for cycle in 0..cycles {
        let mut pushes = Vec::new();
        // Long lines until one fails, then short ones that may still fit. They
        // must not be joined with its beginning.
        for push_number in 0.. {
            let token = format!("c{cycle}-{push_number}");
            let size = 1_000 + (cycle * 37 + push_number * 7_919) % 50_000;
            let message = format!("{token} {}", "x".repeat(size));
            let done = push(&sandbox, &disk.path, &message);
            pushes.push((token, done));
            if !done {
                break;
            }
        }
        for short in 0..3 {
            let token = format!("s{cycle}-{short}");
            let done = push(&sandbox, &disk.path, &token);
            pushes.push((token, done));
        }
        let ledger = Ledger::of(&fs::read(disk.file()).unwrap());
        ledger.check(pushes.iter().map(|(token, acked)| (token.as_str(), *acked)));
        acked += pushes.iter().filter(|(_, acked)| *acked).count();
        refused += pushes.iter().filter(|(_, acked)| !acked).count();
        fs::remove_file(disk.file()).unwrap();
    }
    println!("{cycles} times full and free again: {acked} acknowledged, {refused} refused");
    assert!(refused >= cycles);
}

/// `ulimit -f` allows `room` bytes of the line. The push fails with an error and
/// is not killed by SIGXFSZ.
#[test]
#[ignore = "slow: 15 s"]
fn file_size_limit_at_any_byte_damages_no_line() {
    if !have("prlimit") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w", "working", "measure"]);
    let line = fs::read(sandbox.file("w")).unwrap().len();
    let good =
        "{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"idle\",\"message\":\"before\"}\n";
    let mut refused = 0;
    for before in [good.to_owned(), format!("{good}{{\"torn")] {
        for signal in ["--default-signal=XFSZ", "--ignore-signal=XFSZ"] {
            for room in 0..line + 3 {
                fs::write(sandbox.file("w"), &before).unwrap();
                let mut limited = Command::new("env");
                sandbox.isolate(&mut limited);
                limited
                    .arg(signal)
                    .arg("prlimit")
                    .arg(format!("--fsize={}", before.len() + room))
                    .args(["sstat", "push", "w", "working", "measure"]);
                let ran = run(&mut limited);
                let first = ran.code == 0;
                assert!(
                    first || (ran.code == 2 && ran.stderr.contains("too large")),
                    "{ran:?}"
                );
                assert_eq!(first, room >= line + usize::from(before != good));
                sandbox.ok(["push", "w", "working", "second"]);
                let content = fs::read(sandbox.file("w")).unwrap();
                assert!(content.starts_with(before.as_bytes()));
                let ledger = Ledger::of(&content);
                ledger.check([("before", true), ("measure", first), ("second", true)]);
                refused += usize::from(!first);
            }
        }
    }
    println!("a size limit at every one of {line} bytes: {refused} refused");
}
