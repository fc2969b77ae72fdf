//! `sstat watch`.

mod alarms;
mod stream;
mod until;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Sandbox;

/// How long a test waits for what must come: far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A watch that runs, and what it has said so far.
struct Live {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Live {
    fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
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

    /// The same, once the first snapshot says that it listens.
    fn listening(sandbox: &Sandbox, args: &[&str]) -> Self {
        let live = Self::start(sandbox, args);
        assert_eq!(live.event()["event"], "snapshot");
        live
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    fn event(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// The next event in short: what, who, from, to.
    fn short(&self) -> String {
        short(&self.event())
    }

    fn error(&self) -> String {
        self.errors.recv_timeout(PATIENCE).unwrap()
    }

    /// How it ends by itself.
    fn code(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
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
        let _ = self.child.kill();
        let _ = self.child.wait();
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

/// A process of this machine that is there until it is killed.
struct Poller(Child);

impl Poller {
    fn new() -> Self {
        let sleep = Command::new("sleep").arg("1000").spawn();
        Self(sleep.unwrap())
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
