//! `sstat watch`.

#[cfg(unix)] // sh; `windows` tests alert commands too
mod alerts;
mod directories;
mod stream;
mod until;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Sandbox;

/// The time after which a test fails. Under Wine on a loaded machine, the start of a
/// program takes seconds.
const TIMEOUT: Duration = Duration::from_secs(120);

/// For a test that removes directories: Wine removes them only once no program listens
/// for their changes.
const POLL_ON_WINDOWS: &[&str] = if cfg!(windows) { &["--poll"] } else { &[] };

/// A running `sstat watch` and the lines that it has printed.
pub struct Live {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Live {
    pub fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        Self::spawn(&mut sandbox.command([&["watch"], args].concat()))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            lines: lines_of(child.stdout.take().unwrap()),
            errors: lines_of(child.stderr.take().unwrap()),
            child,
        }
    }

    /// Starts a watch and waits for its first snapshot: from then on, it misses no
    /// change.
    pub fn listening(sandbox: &Sandbox, args: &[&str]) -> Self {
        let live = Self::start(sandbox, args);
        assert_eq!(live.event()["event"], "snapshot");
        live
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(TIMEOUT).unwrap()
    }

    pub fn event(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Acknowledges a session for a time that has not passed when the watch reads it, and
    /// returns the event.
    fn acknowledge_briefly(&self, sandbox: &Sandbox, session: &str) -> Value {
        let mut seconds = 2;
        loop {
            sandbox.ok(["push", session, &format!("--ack={seconds}s")]);
            match self.lines.recv_timeout(Duration::from_secs(seconds + 30)) {
                Ok(line) => return serde_json::from_str(&line).unwrap(),
                Err(_) => seconds *= 2,
            }
        }
    }

    /// Returns the next event, as "update SESSION FROM TO".
    pub fn short(&self) -> String {
        short(&self.event())
    }

    fn error(&self) -> String {
        self.errors.recv_timeout(TIMEOUT).unwrap()
    }

    /// Waits for its end.
    fn status(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the watch ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Waits for its end and returns its exit code.
    fn code(&mut self) -> i32 {
        self.status().code().unwrap()
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {pid}")])
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It also ends the commands of its alerts, unless it is killed.
            if cfg!(unix) {
                self.signal("CONT");
                self.signal("TERM");
            } else {
                let _ = self.child.kill();
            }
            let deadline = Instant::now() + Duration::from_secs(3);
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn short(event: &Value) -> String {
    let mut words = vec![event["event"].as_str().unwrap()];
    words.push(event["session"].as_str().unwrap());
    if event["event"] == "update" {
        words.push(event["from"].as_str().unwrap_or("null"));
        words.push(event["to"].as_str().unwrap());
    }
    words.join(" ")
}

/// Writes an update with a timestamp in the future.
fn write_future(sandbox: &Sandbox, session: &str, status: &str, seconds: i64) {
    let time = chrono::Utc::now() + chrono::TimeDelta::seconds(seconds);
    let time = time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    sandbox.write(
        session,
        format!("{{\"timestamp\":\"{time}\",\"status\":\"{status}\"}}\n"),
    );
}
