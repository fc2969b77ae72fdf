//! Runs the command of `--exec` for each alert, a limited number at a time. A
//! thread for each command waits for its end.

#[cfg_attr(unix, path = "command_runner/unix.rs")]
#[cfg_attr(windows, path = "command_runner/windows.rs")]
mod platform;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use chrono::SecondsFormat;
use sstat::escape_json;

use super::alert_state::AlertEvent;
use super::event::{Event, EventKind};
use super::poller::Waker;

const MAX_RUNNING: usize = 8;

/// Alerts beyond this number are dropped, so that slow commands do not fill the
/// memory.
const MAX_WAITING: usize = 1000;

const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The length to which environment variables are truncated.
const MAX_VARIABLE_BYTES: usize = 4096;

/// Where the output of commands goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandOutput {
    Inherited,
    /// stdout and stderr go to stderr.
    Stderr,
    Discarded,
}

pub struct CommandRunner {
    command: OsString,
    output: CommandOutput,
    waker: Waker,
    waiting: VecDeque<AlertEvent>,
    /// The qualified names of the sessions whose commands are running.
    running: Vec<String>,
    dropped: usize,
    warnings: Vec<String>,
    finished: Receiver<Finished>,
    report: Sender<Finished>,
    stop: Arc<Stop>,
}

/// Ends all commands. A thread that waits for a command holds a reference.
#[derive(Default)]
pub struct Stop {
    is_set: AtomicBool,
    is_by_signal: AtomicBool,
}

/// The session of a command that has ended, and its error.
type Finished = (String, Option<String>);

impl CommandRunner {
    /// `waker` is called when a command has ended.
    pub fn new(command: OsString, output: CommandOutput, waker: Waker) -> Self {
        let (report, finished) = channel();
        Self {
            command,
            output,
            waker,
            waiting: VecDeque::new(),
            running: Vec::new(),
            dropped: 0,
            warnings: Vec::new(),
            finished,
            report,
            stop: Arc::default(),
        }
    }

    /// Adds an alert to the queue, unless the same alert is still waiting and this one
    /// repeats it.
    pub fn add(&mut self, alert: AlertEvent, is_repeat: bool) {
        let is_same = |other: &AlertEvent| {
            other.trigger == alert.trigger
                && other.event.session.qualified_name() == alert.event.session.qualified_name()
        };
        if is_repeat && self.waiting.iter().any(is_same) {
            return;
        }
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(alert);
        } else {
            self.dropped += 1;
        }
    }

    /// Starts as many waiting commands as may run. The commands of one session
    /// run one after another, so that they end in the order of its events.
    pub fn start_waiting(&mut self) {
        while let Ok(finished) = self.finished.try_recv() {
            self.note_end(finished);
        }
        while self.running.len() < MAX_RUNNING {
            let is_free = |alert: &AlertEvent| {
                !self
                    .running
                    .iter()
                    .any(|name| *name == alert.event.session.qualified_name())
            };
            let next = self.waiting.iter().position(is_free);
            let Some(alert) = next.and_then(|next| self.waiting.remove(next)) else {
                break;
            };
            self.start(&alert);
        }
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            self.warnings.push(format!(
                "--exec: {dropped} alerts were dropped: too many are waiting already"
            ));
        }
    }

    /// Starts the commands of the last alerts, drops those that are waiting and
    /// waits for those that are running. After `grace`, they are stopped.
    pub fn finish(&mut self, last: Vec<AlertEvent>, grace: Duration) {
        self.waiting.clear();
        for alert in last {
            self.start(&alert);
        }
        let deadline = Instant::now() + grace;
        while !self.running.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.finished.recv_timeout(left) {
                Ok(finished) => self.note_end(finished),
                Err(_) => break,
            }
        }
        self.stop.is_set.store(true, Ordering::Relaxed);
        while !self.running.is_empty() {
            let Ok(finished) = self.finished.recv() else {
                break;
            };
            self.note_end(finished);
        }
        while self.stop.is_by_signal.load(Ordering::Relaxed) {
            // The signal is about to end this process.
            thread::park();
        }
    }

    /// Returns a way to end the commands from another thread.
    #[cfg(unix)]
    pub fn stop(&self) -> Arc<Stop> {
        self.stop.clone()
    }

    /// Returns the errors since the last call.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn note_end(&mut self, (session, warning): Finished) {
        if let Some(index) = self.running.iter().position(|running| *running == session) {
            self.running.swap_remove(index);
        }
        self.warnings.extend(warning);
    }

    fn start(&mut self, alert: &AlertEvent) {
        // Before the check, because `stop_by_signal` waits until no command has one.
        let stop = self.stop.clone();
        if stop.is_set.load(Ordering::SeqCst) {
            return;
        }
        let session = &alert.event.session;
        let about = format!("--exec for {} ({})", session.display_name(), alert.trigger);
        let session = session.qualified_name().into_owned();
        let (command, input) = (self.command(alert), json_line(&alert.event));
        let (report, waker) = (self.report.clone(), self.waker.clone());
        self.running.push(session.clone());
        let failed = format!("{about}: no thread");
        let failed = (session.clone(), Some(failed));
        let work = move || {
            let result = run(command, input, TIME_LIMIT, &stop.is_set);
            drop(stop);
            let warning = result.err().map(|why| format!("{about}: {why}"));
            let _ = report.send((session, warning));
            waker.wake();
        };
        let thread = thread::Builder::new().name("alert".to_owned());
        if thread.spawn(work).is_err() {
            self.note_end(failed);
        }
    }

    fn command(&self, AlertEvent { trigger, event }: &AlertEvent) -> Command {
        let update = &event.session.update;
        let from = match &event.kind {
            EventKind::Update { from: Some(from) } => from.as_str(),
            _ => "",
        };
        let progress = update.progress.map(|progress| progress.to_string());
        let age = event.session.health.age.as_secs().to_string();
        let since = event.session.since.map_or(String::new(), |since| {
            since.at.to_rfc3339_opts(SecondsFormat::Secs, true)
        });
        let variables = [
            ("SSTAT_EVENT", trigger.as_str()),
            ("SSTAT_SESSION", event.session.name()),
            ("SSTAT_STATUS", update.status.as_str()),
            ("SSTAT_FROM", from),
            ("SSTAT_MESSAGE", &update.message),
            ("SSTAT_TASK_ID", update.task_id.as_deref().unwrap_or("")),
            ("SSTAT_PROGRESS", progress.as_deref().unwrap_or("")),
            ("SSTAT_AGE_SECONDS", &age),
            ("SSTAT_SINCE", &since),
        ];
        let mut command = platform::shell(&self.command);
        command
            .envs(variables.map(|(name, value)| (name, variable(value))))
            .stdin(Stdio::piped());
        if let Some(directory) = &event.session.directory {
            command.env("SSTAT_DIR", directory.path());
        }
        match self.output {
            CommandOutput::Inherited => {}
            CommandOutput::Stderr => {
                command.stdout(io::stderr());
            }
            CommandOutput::Discarded => {
                command.stdout(Stdio::null()).stderr(Stdio::null());
            }
        }
        command
    }
}

impl Drop for CommandRunner {
    fn drop(&mut self) {
        self.finish(Vec::new(), Duration::ZERO);
    }
}

#[cfg(unix)]
impl Stop {
    /// Ends all commands before the signal that was received ends this process.
    pub fn stop_by_signal(self: &Arc<Self>) {
        self.is_by_signal.store(true, Ordering::Relaxed);
        self.is_set.store(true, Ordering::SeqCst);
        // The runner and the caller hold references too.
        while Arc::strong_count(self) > 2 {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn json_line(event: &Event) -> Vec<u8> {
    // Writing to memory does not fail.
    let json = serde_json::to_string(event).unwrap_or_default();
    format!("{}\n", escape_json(&json)).into_bytes()
}

/// Removes NUL, which a variable cannot contain, and truncates the text, since
/// the system limits the size of the environment.
fn variable(text: &str) -> String {
    let mut value = text.replace('\0', "");
    let mut end = value.len().min(MAX_VARIABLE_BYTES);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.truncate(end);
    value
}

/// Runs a command with `input` on its stdin until it ends, `limit` is over or
/// `is_stopping` is set. Returns an error unless its exit code is 0.
fn run(
    mut command: Command,
    input: Vec<u8>,
    limit: Duration,
    is_stopping: &AtomicBool,
) -> Result<(), String> {
    let shell = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .spawn()
        .map_err(|error| format!("{shell}: {error}"))?;
    // A command that does not read its stdin blocks only this thread.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = thread::Builder::new().spawn(move || stdin.write_all(&input));
    }
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(describe(status)),
            Err(error) => return Err(error.to_string()),
        }
        if is_stopping.load(Ordering::Relaxed) {
            platform::kill(&mut child);
            return Err("killed: the watch has ended".to_owned());
        }
        if Instant::now() >= deadline {
            platform::kill(&mut child);
            let limit = sstat::format_duration(limit);
            return Err(format!("killed: it took longer than {limit}"));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => format!("ended by {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_truncated_and_without_nul() {
        assert_eq!(variable("a\0b"), "ab");
        assert_eq!(variable(&"ö".repeat(5000)).len(), 4096);
        assert_eq!(variable(&format!("a{}", "ö".repeat(5000))).len(), 4095);
    }

    #[test]
    fn repeated_alert_waits_once() {
        let waker = super::super::poller::Poller::new().unwrap().waker();
        let mut runner = CommandRunner::new("true".into(), CommandOutput::Discarded, waker);
        let line = br#"{"timestamp":"2026-02-14T20:35:00Z","status":"error"}"#;
        let update = sstat::Update::decode(line).unwrap();
        let now = update.timestamp;
        let session = sstat::HealthRules::new(now, Default::default()).evaluate(update);
        for (trigger, is_repeat, waiting) in [
            ("error", false, 1),
            ("error", true, 1),
            ("very_stale", true, 2),
            ("error", false, 3),
        ] {
            let event = Event::new(EventKind::Snapshot, now, &session);
            let trigger = trigger.to_owned();
            runner.add(AlertEvent { trigger, event }, is_repeat);
            assert_eq!(runner.waiting.len(), waiting);
        }
    }

    #[cfg(unix)]
    #[test]
    fn command_ends_at_its_time_limit_with_all_its_processes() {
        let shell = |script: &str| {
            let mut command = platform::shell(script.as_ref());
            command.stdin(Stdio::piped());
            let limit = Duration::from_millis(500);
            run(command, vec![b'x'; 1 << 18], limit, &AtomicBool::new(false))
        };
        assert_eq!(shell("exit 0"), Ok(()));
        assert_eq!(shell("test $(wc -c) = 262144"), Ok(()));
        assert_eq!(shell("exit 7").unwrap_err(), "exit code 7");
        assert_eq!(
            shell("kill -9 $$").unwrap_err(),
            "ended by signal: 9 (SIGKILL)"
        );
        for script in ["sleep 1000 & wait", "trap '' TERM; sleep 1000 & wait"] {
            assert!(shell(script).unwrap_err().starts_with("killed"));
        }
    }
}
