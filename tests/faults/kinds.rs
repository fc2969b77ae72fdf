//! Every command with a special or unusual file in the place of a status file.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Sandbox, have};
use crate::{random, run};

const GOOD: &str =
    "{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"working\",\"message\":\"m\"}\n";

/// Creates a file. Returns false if the system does not allow it.
type Make = fn(&Path) -> bool;

fn made(tool: &str, args: &[&str], path: &Path) -> bool {
    have(tool)
        && Command::new(tool)
            .arg(path)
            .args(args)
            .status()
            .unwrap()
            .success()
}

/// The contents of a file.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    /// It cannot be read.
    Nothing,
    /// It has no valid line.
    NoUpdate,
    /// Its last 64 MiB have no valid line.
    TooLittle,
    Session,
}

impl Holds {
    /// Returns the exit code of a reader. It is not 0 if `w` is named but has no
    /// update, or if `--exit-code` cannot be answered.
    fn code(self, args: &[&str]) -> i32 {
        let is_named = args.contains(&"w");
        let is_gate = args.contains(&"--exit-code");
        match self {
            Self::Nothing if is_named || is_gate => 2,
            Self::TooLittle if is_gate => 2,
            Self::NoUpdate | Self::TooLittle if is_named => 1,
            _ => 0,
        }
    }
}

const SPECIAL_FILES: [(&str, Make); 8] = [
    ("FIFO", |path| made("mkfifo", &[], path)),
    ("socket", |path| {
        let directory = File::open(path.parent().unwrap()).unwrap();
        // Through the descriptor, because a socket's path has at most 107 bytes.
        use std::os::fd::AsRawFd;
        let short = format!("/proc/self/fd/{}/w_status.json", directory.as_raw_fd());
        std::mem::forget(UnixListener::bind(short).unwrap());
        true
    }),
    ("directory", |path| fs::create_dir(path).is_ok()),
    ("device", |path| {
        let made = Command::new("mknod")
            .arg(path)
            .args(["c", "1", "5"])
            .output();
        let made = made.is_ok_and(|output| output.status.success());
        if !made {
            println!("SKIPPED: cannot create a device (requires root)");
        }
        made
    }),
    ("link to a file", |path| {
        let aim = path.with_file_name("aim");
        fs::write(&aim, GOOD).unwrap();
        symlink(aim, path).is_ok()
    }),
    ("link to a device", |path| {
        symlink("/dev/zero", path).is_ok()
    }),
    ("link to nothing", |path| {
        symlink("/nonexistent", path).is_ok()
    }),
    ("link to itself", |path| symlink(path, path).is_ok()),
];

const UNUSUAL_FILES: [(&str, Holds, Make); 7] = [
    ("empty", Holds::NoUpdate, |path| File::create(path).is_ok()),
    ("sparse tebibyte", Holds::TooLittle, |path| {
        let file = File::create(path).unwrap();
        if file.set_len(1 << 40).is_err() {
            println!("SKIPPED: this file system has no sparse file of a tebibyte");
            return false;
        }
        true
    }),
    ("sparse tebibyte with a line", Holds::Session, |path| {
        let mut file = File::create(path).unwrap();
        file.write_all(GOOD.as_bytes()).unwrap();
        if file.set_len(1 << 40).is_err() {
            return false;
        }
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(format!("\n{GOOD}").as_bytes()).unwrap();
        true
    }),
    ("noise", Holds::NoUpdate, |path| {
        let mut random = random("3 MB of noise");
        let noise: Vec<u8> = (0..3_000_000).map(|_| random.u8(..)).collect();
        fs::write(path, noise).is_ok()
    }),
    ("one line of 3 MB", Holds::NoUpdate, |path| {
        fs::write(path, "[".repeat(3_000_000)).is_ok()
    }),
    ("many keys", Holds::Session, |path| {
        let keys: String = (0..90_000).map(|key| format!(",\"{key:x}\":1")).collect();
        let line = GOOD.trim_end().replace("\"}", &format!("\"{keys}}}\n"));
        assert!(line.len() < 1 << 20);
        fs::write(path, line).is_ok()
    }),
    ("unreadable", Holds::Session, |path| {
        fs::write(path, GOOD).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(0o000)).is_ok()
    }),
];

/// Commands that read `w`, alone or with other sessions.
const READERS: [&[&str]; 22] = [
    &["summary"],
    &["summary", "--json"],
    &["summary", "--short"],
    &["summary", "--tmux"],
    &["summary", "w"],
    &["list"],
    &["list", "--json"],
    &["list", "--attention", "--exit-code"],
    &["list", "w", "--sort", "age"],
    &["show", "w"],
    &["show", "w", "--json"],
    &["history", "w"],
    &["history", "w", "--json"],
    &["history", "w", "--limit", "0"],
    &["history", "w", "--task", "1", "--limit", "0", "--jsonl"],
    &["history", "--all", "--json", "--limit", "0"],
    &["history", "w", "--since", "1h", "--status", "working"],
    &["stale"],
    &["stale", "--json"],
    &["stale", "--very", "--exit-code"],
    &["watch", "--once"],
    &["watch", "--once", "w"],
];

fn read(sandbox: &Sandbox, kind: &str, holds: Holds, slowest: &mut (Duration, String)) {
    for args in READERS {
        let started = Instant::now();
        let ran = run(&mut sandbox.command(args));
        let took = started.elapsed();
        if took > slowest.0 {
            *slowest = (took, format!("{args:?} of {kind}"));
        }
        assert_eq!(ran.code, holds.code(args), "{kind} {args:?}: {ran:?}");
        assert!(
            ran.code == 0 || !ran.stderr.is_empty(),
            "{kind} {args:?}: {ran:?}"
        );
    }
}

#[test]
fn special_file_is_reported_and_not_followed() {
    let mut slowest = Default::default();
    for (kind, make) in SPECIAL_FILES {
        let sandbox = Sandbox::new();
        sandbox.write("good", GOOD);
        if !make(&sandbox.file("w")) {
            continue;
        }
        read(&sandbox, kind, Holds::Nothing, &mut slowest);
        let summary = sandbox.run(["summary", "--json"]);
        assert!(
            summary.stdout.contains("\"total_sessions\": 1"),
            "{kind}: {summary:?}"
        );
        assert!(
            summary.stderr.contains("w_status.json"),
            "{kind}: {summary:?}"
        );
        let push = run(&mut sandbox.command(["push", "w", "working", "m"]));
        assert!(
            push.code == 2 && push.stderr.contains("w_status.json"),
            "{kind}: {push:?}"
        );
        if kind == "link to a file" {
            assert_eq!(fs::read_to_string(sandbox.dir().join("aim")).unwrap(), GOOD);
        }
        assert!(!Path::new("/nonexistent").exists());
    }
    println!("slowest: {slowest:?}");
}

/// The file exists before the follower starts, or is created later.
#[test]
fn follower_reports_special_file_once_and_continues() {
    let followers: [&[&str]; 3] = [
        &["history", "--all", "--follow"],
        &["watch", "--json"],
        &["watch", "--interval", "50ms"],
    ];
    let follow = |kind: &str, make: Make, comes_later: bool| {
        let sandbox = Sandbox::new();
        sandbox.write("good", GOOD);
        if !comes_later && !make(&sandbox.file("w")) {
            return;
        }
        let mut running = followers.map(|args| {
            let what = format!("{kind} {args:?} {comes_later}");
            let mut follower = Follower::start(&sandbox, args);
            follower.wait_for("good", &what);
            (follower, what)
        });
        if comes_later && !make(&sandbox.file("w")) {
            return;
        }
        for (follower, what) in &mut running {
            follower.wait_for_warning("w_status.json: is ", what);
        }
        sandbox.ok(["push", "good", "working", "update"]);
        for (mut follower, what) in running {
            follower.wait_for("update", &what);
            assert_eq!(follower.end(), "", "{what}: reported once");
        }
    };
    // In parallel, because they sleep most of the time.
    thread::scope(|scope| {
        for (kind, make) in SPECIAL_FILES {
            for comes_later in [false, true] {
                scope.spawn(move || follow(kind, make, comes_later));
            }
        }
    });
}

/// A command that runs until it is killed.
struct Follower {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Follower {
    fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let mut child = sandbox
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdout: BufReader::new(child.stdout.take().unwrap()),
            stderr: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    fn wait_for(&mut self, text: &str, what: &str) {
        wait_for(&mut self.stdout, text, what);
    }

    fn wait_for_warning(&mut self, text: &str, what: &str) {
        wait_for(&mut self.stderr, text, what);
    }

    /// Ends the command and returns the rest of its stderr.
    fn end(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        rest
    }
}

fn wait_for(stream: &mut impl BufRead, text: &str, what: &str) {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert_ne!(stream.read_line(&mut line).unwrap(), 0, "{what}: it ended");
    }
}

#[test]
#[ignore = "slow: 7 s"]
fn unusual_file_does_not_stop_readers_or_pushes() {
    let mut slowest = Default::default();
    for (kind, holds, make) in UNUSUAL_FILES {
        let sandbox = Sandbox::new();
        sandbox.write("good", GOOD);
        if !make(&sandbox.file("w")) {
            continue;
        }
        // Root can read every file.
        let holds = match File::open(sandbox.file("w")) {
            Ok(_) => holds,
            Err(_) => Holds::Nothing,
        };
        read(&sandbox, kind, holds, &mut slowest);
        let push = run(&mut sandbox.command(["push", "w", "working", "pushed"]));
        if push.code == 0 {
            let shown = run(&mut sandbox.command(["show", "w", "--json"]));
            assert!(
                shown.stdout.contains("pushed") || kind == "unreadable",
                "{kind}: {shown:?}"
            );
        } else {
            assert!(
                kind == "unreadable" || push.stderr.contains("too large"),
                "{kind}: {push:?}"
            );
        }
    }
    println!("slowest: {slowest:?}");
}

#[test]
fn path_that_is_not_a_directory_is_an_error() {
    let sandbox = Sandbox::new();
    let strange = sandbox.root().join("strange");
    let makes: [Make; 4] = [
        |path| made("mkfifo", &[], path),
        |path| File::create(path).is_ok(),
        |path| symlink(path, path).is_ok(),
        |path| symlink("/dev/null", path).is_ok(),
    ];
    for make in makes {
        if !make(&strange) {
            continue;
        }
        for args in READERS.iter().chain(&[&["push", "w", "working"][..]]) {
            let ran = run(sandbox.command(*args).env("SSTAT_DIR", &strange));
            assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
            assert!(ran.stderr.contains("strange"), "{args:?}: {ran:?}");
        }
        fs::remove_file(&strange).unwrap();
    }
}
