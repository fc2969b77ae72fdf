//! A temporary home and status directory for each test, in which the binary
//! runs without the caller's environment.
#![allow(dead_code)] // No test crate uses all of it.

pub mod fs;
pub mod skipped;
#[cfg(unix)]
pub mod tmux;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::Duration;

/// The current time in a sandbox with a fixed clock.
pub const NOW: &str = "2026-02-14T20:35:00Z";

/// Returns the path of the binary under test: `SSTAT_TEST_BINARY`, or else the
/// one that Cargo built for this test run.
///
/// # Panics
///
/// Panics if `SSTAT_TEST_BINARY` is not the absolute path of a file that is
/// named `sstat`: tests run in other directories, and shell scripts find the
/// binary by its name.
pub fn sstat_binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> =
        LazyLock::new(|| match std::env::var_os("SSTAT_TEST_BINARY") {
            None => PathBuf::from(env!("CARGO_BIN_EXE_sstat")),
            Some(path) => {
                let path = PathBuf::from(path);
                assert!(
                    path.is_absolute()
                        && path.is_file()
                        && path.file_stem() == Some("sstat".as_ref()),
                    "SSTAT_TEST_BINARY={}: expected the absolute path of a file named sstat",
                    path.display()
                );
                path
            }
        });
    &BINARY
}

/// Writes an executable file, in a child process: a program that another test
/// starts while this process has the file open would inherit the descriptor, and
/// running the file would fail with "Text file busy".
#[cfg(unix)]
pub fn write_program(path: &Path, content: &str) {
    let script = r#"printf %s "$1" > "$2" && chmod 755 "$2""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh", content]).arg(path);
    assert!(shell.status().unwrap().success(), "{}", path.display());
}

pub struct Sandbox {
    root: tempfile::TempDir,
    now: Option<String>,
    /// Dropped at the end of the test, which stops the watchdog.
    _watchdog: mpsc::Sender<()>,
}

impl Sandbox {
    /// Returns a sandbox with an existing status directory and the clock fixed
    /// at [`NOW`].
    pub fn new() -> Self {
        let sandbox = Self::with_real_clock();
        Self {
            now: Some(NOW.to_owned()),
            ..sandbox
        }
    }

    /// Returns a sandbox with the real clock.
    pub fn with_real_clock() -> Self {
        let mut temporary = std::env::temp_dir();
        if cfg!(unix) {
            // macOS has a symbolic link there, which the current directory resolves.
            temporary = temporary.canonicalize().unwrap();
        }
        let root = tempfile::tempdir_in(temporary).unwrap();
        fs::create_dir_all(root.path().join("home")).unwrap();
        fs::create_dir_all(root.path().join("status")).unwrap();
        Self {
            root,
            now: None,
            _watchdog: start_watchdog(),
        }
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// Returns the status directory.
    pub fn dir(&self) -> PathBuf {
        self.root().join("status")
    }

    /// Returns the path of a session's file.
    pub fn file(&self, session: &str) -> PathBuf {
        self.dir().join(format!("{session}_status.json"))
    }

    pub fn write(&self, session: &str, content: impl AsRef<[u8]>) {
        fs::write(self.file(session), content).unwrap();
    }

    pub fn read(&self, session: &str) -> String {
        fs::read_to_string(self.file(session)).unwrap()
    }

    /// Returns the updates in a session's file; none if there is no file.
    pub fn updates(&self, session: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.file(session)).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    /// Writes a valid update that is `age_seconds` old at [`NOW`].
    pub fn aged(&self, session: &str, status: &str, age_seconds: i64) {
        let now = sstat::parse_timestamp(NOW).unwrap();
        let then = now - chrono::TimeDelta::seconds(age_seconds);
        let then = then.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        self.write(
            session,
            format!("{{\"timestamp\":\"{then}\",\"session\":\"{session}\",\"status\":\"{status}\",\"message\":\"m\"}}\n"),
        );
    }

    /// Returns a command that runs the binary in the sandbox.
    pub fn command<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(&self, args: I) -> Command {
        let mut command = Command::new(sstat_binary());
        self.isolate(&mut command);
        command.args(args);
        command
    }

    /// Replaces a command's environment with the sandbox's, in which `PATH`
    /// starts with the directory of the binary.
    pub fn isolate(&self, command: &mut Command) {
        let bin = sstat_binary().parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = [bin.to_path_buf()]
            .into_iter()
            .chain(std::env::split_paths(&path));
        command
            .env_clear()
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("HOME", self.home())
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("SSTAT_DIR", self.dir())
            .current_dir(self.root())
            .stdin(Stdio::null());
        // Without these, Windows programs do not start.
        for name in ["SystemRoot", "ComSpec", "PATHEXT", "TEMP"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        if let Some(now) = &self.now {
            command.env("SSTAT_NOW", now);
        }
    }

    pub fn run<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(&self, args: I) -> Ran {
        /// The error of Wine for one program in thousands that it fails to start.
        const INTERNAL_ERROR: i32 = 1359;
        let mut command = self.command(args);
        loop {
            match command.output() {
                Err(error) if cfg!(windows) && error.raw_os_error() == Some(INTERNAL_ERROR) => {}
                output => return Ran::from(output.unwrap()),
            }
        }
    }

    /// Runs the binary, expects exit code 0 and an empty stderr, and returns
    /// stdout.
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

    /// The same as [`ok`](Self::ok), with stdout parsed as JSON.
    pub fn json<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(
        &self,
        args: I,
    ) -> serde_json::Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }
}

/// Ends the test run and names the test if it takes longer than 15 minutes
/// (six hours at full size). Without this, a test that hangs would block the
/// run and leave no name.
fn start_watchdog() -> mpsc::Sender<()> {
    let (sender, receiver) = mpsc::channel();
    let full_size = std::env::var_os("SSTAT_FAULTS").is_some_and(|size| size == "full");
    let limit = Duration::from_secs(if full_size { 6 * 3600 } else { 900 });
    let test = thread::current().name().unwrap_or("a test").to_owned();
    thread::spawn(move || {
        if receiver.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            // Not eprintln!, whose output the test harness captures.
            let _ = writeln!(std::io::stderr(), "{test} hangs");
            std::process::exit(101);
        }
    });
    sender
}

/// Sets a flag that stops a test's threads when the test ends. A panic sets it
/// too; otherwise the scope that joins the threads would block forever.
pub struct StopAtEnd<'a>(pub &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The result of a command: exit code (128 + N after signal N) and output.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let status = output.status;
        Self {
            code: status.code().unwrap_or_else(|| 128 + signal(status)),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Returns what ps(1) says about a process, or an empty text if there is none.
#[cfg(unix)]
pub fn ps(pid: &str, column: &str) -> String {
    let mut ps = Command::new("ps");
    let output = ps.args(["-p", pid, "-o", &format!("{column}=")]).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    text.trim().to_owned()
}

/// Sends a signal with `sh`, because the programs of this name take different
/// arguments. The target of a process group is negative.
#[cfg(unix)]
pub fn kill(signal: &str, target: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -s \"$1\" -- \"$2\"", "sh", signal, target]);
    assert!(shell.status().unwrap().success(), "{signal} to {target}");
}

/// A process that is killed when it is dropped, also if the test fails: on Windows, a
/// reader of the tests' output would wait for the process too.
pub struct Running(pub Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Starts a process that waits for its stdin.
    pub fn waiting() -> Self {
        Self(waiting_process())
    }

    pub fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a process that waits for its stdin.
pub fn waiting_process() -> Child {
    let mut command = Command::new(if cfg!(windows) { "cmd" } else { "cat" });
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().unwrap()
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> i32 {
    std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> i32 {
    0
}

/// Returns the content of a file in `contrib/`.
pub fn contrib(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("contrib")
        .join(path);
    fs::read_to_string(path).unwrap()
}

/// Returns true if `tool` is on `PATH`; otherwise records the test as skipped.
pub fn have(tool: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        let file = format!("{tool}{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(&path).any(|directory| directory.join(&file).is_file())
    });
    or_skip(found, tool)
}

/// Returns true if `python3` can import `module`; otherwise records the test as
/// skipped.
pub fn have_python_module(module: &str) -> bool {
    let import = format!("import {module}");
    let found = Command::new("python3")
        .args(["-c", &import])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    or_skip(found, module)
}

/// Returns `found`. If it is false, records that the running test is skipped
/// because `tool` is missing.
///
/// # Panics
///
/// Panics if `found` is false and `SSTAT_REQUIRE_TOOLS` is 1.
pub fn or_skip(found: bool, tool: &str) -> bool {
    if !found {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        skipped::record(&test, tool);
        assert!(
            !skipped::tools_are_required(),
            "{tool} is not installed and SSTAT_REQUIRE_TOOLS=1"
        );
    }
    found
}
