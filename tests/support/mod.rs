//! A temporary home and status directory for one test, and the real binary
//! run in it with nothing of the caller's environment.
#![allow(dead_code)] // not every test crate uses all of it

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The moment that tests take for now unless they say otherwise.
pub const NOW: &str = "2026-02-14T20:35:00Z";

pub const SSTAT: &str = env!("CARGO_BIN_EXE_sstat");

pub struct Sandbox {
    root: tempfile::TempDir,
    now: Option<String>,
    /// Tells the guard, by being dropped, that the test came to its end.
    _in_use: mpsc::Sender<()>,
}

impl Sandbox {
    /// A sandbox whose status directory exists and whose clock stands at
    /// [`NOW`].
    pub fn new() -> Self {
        let sandbox = Self::with_real_clock();
        Self {
            now: Some(NOW.to_owned()),
            ..sandbox
        }
    }

    /// A sandbox in the time it is.
    pub fn with_real_clock() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("home")).unwrap();
        fs::create_dir_all(root.path().join("status")).unwrap();
        Self {
            root,
            now: None,
            _in_use: guard_against_hangs(),
        }
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// The status directory.
    pub fn dir(&self) -> PathBuf {
        self.root().join("status")
    }

    /// The file of a session.
    pub fn file(&self, session: &str) -> PathBuf {
        self.dir().join(format!("{session}_status.json"))
    }

    pub fn write(&self, session: &str, content: impl AsRef<[u8]>) {
        fs::write(self.file(session), content).unwrap();
    }

    pub fn read(&self, session: &str) -> String {
        fs::read_to_string(self.file(session)).unwrap()
    }

    /// Writes a good line whose age at [`NOW`] is so many seconds.
    pub fn aged(&self, session: &str, status: &str, age_seconds: i64) {
        let now = sstat::parse_timestamp(NOW).unwrap();
        let then = now - chrono::TimeDelta::seconds(age_seconds);
        let then = then.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        self.write(
            session,
            format!("{{\"timestamp\":\"{then}\",\"session\":\"{session}\",\"status\":\"{status}\",\"message\":\"m\"}}\n"),
        );
    }

    /// The command, ready to have more arguments and variables added.
    pub fn command<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(&self, args: I) -> Command {
        let mut command = Command::new(SSTAT);
        self.isolate(&mut command);
        command.args(args);
        command
    }

    /// Gives any command the sandbox's environment: `sstat` is on its path.
    pub fn isolate(&self, command: &mut Command) {
        let bin = Path::new(SSTAT).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", self.home())
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("SSTAT_DIR", self.dir())
            .current_dir(self.root())
            .stdin(Stdio::null());
        if let Some(now) = &self.now {
            command.env("SSTAT_NOW", now);
        }
    }

    pub fn run<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(&self, args: I) -> Ran {
        Ran::from(self.command(args).output().unwrap())
    }

    /// Runs and expects exit code 0 and a silent stderr; gives stdout.
    pub fn ok<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(&self, args: I) -> String {
        let ran = self.run(args);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (0, ""),
            "stdout: {}",
            ran.stdout
        );
        ran.stdout
    }

    /// Runs with `--json` output expected.
    pub fn json<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(
        &self,
        args: I,
    ) -> serde_json::Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }
}

/// Ends the whole test run, and says which test it was, when what it gives
/// back is still there after ten minutes. A test that waits for ever would
/// have nobody to name it.
fn guard_against_hangs() -> mpsc::Sender<()> {
    let (in_use, dropped) = mpsc::channel();
    let full_size = std::env::var_os("SSTAT_FAULTS").is_some_and(|size| size == "full");
    let limit = Duration::from_secs(if full_size { 6 * 3600 } else { 600 });
    let test = thread::current().name().unwrap_or("a test").to_owned();
    thread::spawn(move || {
        if dropped.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            // Not by eprintln!, which the test harness keeps for itself.
            let _ = writeln!(std::io::stderr(), "{test} hangs");
            std::process::exit(101);
        }
    });
    in_use
}

/// Tells the threads beside a test to stop when it ends, also by a panic:
/// else the scope that joins them would wait for ever.
pub struct StopAtEnd<'a>(pub &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let status = output.status;
        Self {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A file of `contrib/`.
pub fn contrib(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("contrib")
        .join(path);
    fs::read_to_string(path).unwrap()
}

/// Whether a tool is there. Without it the test says that it is skipped, or
/// fails where `SSTAT_REQUIRE_TOOLS=1` says that everything must be tested.
pub fn have(tool: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|directory| directory.join(tool).is_file())
    });
    or_skip(found, tool)
}

/// The same for a module of the `python3` that is first on the path.
pub fn have_python_module(module: &str) -> bool {
    let import = format!("import {module}");
    let found = Command::new("python3")
        .args(["-c", &import])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    or_skip(found, module)
}

/// Says what a test is skipped for, or fails where nothing may be skipped.
pub fn or_skip(found: bool, tool: &str) -> bool {
    if !found {
        assert!(
            std::env::var_os("SSTAT_REQUIRE_TOOLS").is_none_or(|value| value != "1"),
            "{tool} is missing and SSTAT_REQUIRE_TOOLS=1"
        );
        eprintln!("SKIPPED: {tool} is not installed");
    }
    found
}
