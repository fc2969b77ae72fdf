//! Commands that alerts run: a bounded number at once, each for a limited
//! time, all waited for.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use sstat::SafeFormatter;

use super::Waker;
use super::alert_state::AlertEvent;

/// How many commands run at once.
const AT_ONCE: usize = 8;

/// How many wait for their turn, and how many bytes of data for them: commands
/// slower than the alarms must not fill the memory.
const MOST_WAITING: usize = 10_000;
const MOST_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// How long a command may take.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The longest value of a variable, in bytes.
const MAX_VARIABLE_BYTES: usize = 4096;

/// What becomes of what the commands print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printing {
    /// It goes where ours goes.
    Shared,
    /// All of it goes to our stderr: stdout is for something else.
    ToStderr,
    /// Nothing of it is seen: there is a screen that it would spoil.
    Dropped,
}

/// Runs one command for every alarm.
pub struct CommandRunner {
    command: OsString,
    directory: OsString,
    printing: Printing,
    waker: Waker,
    waiting: VecDeque<Invocation>,
    /// How many bytes those that wait have together.
    waiting_bytes: usize,
    /// The sessions for which a command runs.
    running: Vec<String>,
    dropped: u64,
    done: Receiver<Ended>,
    report: Sender<Ended>,
}

/// For which session a command ran, and what went wrong.
type Ended = (String, Option<String>);

/// What the command is run with for one alarm.
struct Invocation {
    session: String,
    /// The word of `--on` that it is for.
    trigger: String,
    variables: Vec<(&'static str, String)>,
    json: Vec<u8>,
}

impl CommandRunner {
    /// `directory` is the status directory; a command ends a sleep through
    /// `waker` when it ends itself.
    pub fn new(command: OsString, directory: &OsStr, printing: Printing, waker: Waker) -> Self {
        let (report, done) = channel();
        Self {
            command,
            directory: directory.to_owned(),
            printing,
            waker,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            running: Vec::new(),
            dropped: 0,
            done,
            report,
        }
    }

    /// Runs the command for an alarm, now or when it is its turn.
    pub fn run(&mut self, alert: &AlertEvent) {
        if self.waiting.len() >= MOST_WAITING || self.waiting_bytes >= MOST_WAITING_BYTES {
            self.dropped += 1;
            return;
        }
        let invocation = Invocation::of(alert);
        self.waiting_bytes += invocation.bytes();
        self.waiting.push_back(invocation);
        self.start_waiting();
    }

    /// Goes on with those that wait, and gives what went wrong since the last
    /// call, a line each.
    pub fn tend(&mut self) -> Vec<String> {
        let ended: Vec<Ended> = self.done.try_iter().collect();
        let mut warnings = Vec::new();
        for ended in ended {
            warnings.extend(self.note_end(ended));
        }
        self.start_waiting();
        if self.dropped > 0 {
            warnings.push(format!(
                "--exec: {} alerts were dropped: too many are waiting already",
                self.dropped
            ));
            self.dropped = 0;
        }
        warnings
    }

    /// Whether any run or wait.
    #[cfg_attr(not(all(unix, feature = "tui")), allow(dead_code))] // the live screen's
    pub fn are_unfinished(&self) -> bool {
        !self.running.is_empty() || !self.waiting.is_empty()
    }

    /// Waits for all that run and wait; gives what went wrong.
    pub fn finish(&mut self) -> Vec<String> {
        let mut warnings = self.tend();
        while !self.running.is_empty() {
            let Ok(ended) = self.done.recv() else { break };
            warnings.extend(self.note_end(ended));
            self.start_waiting();
        }
        warnings
    }

    fn note_end(&mut self, (session, warning): Ended) -> Option<String> {
        self.running.retain(|running| *running != session);
        warning
    }

    /// Starts what may run now. Those of one session come one after another:
    /// the news that it recovered must not overtake the bad ones.
    fn start_waiting(&mut self) {
        while self.running.len() < AT_ONCE {
            let is_free = |invocation: &Invocation| !self.running.contains(&invocation.session);
            let next = self.waiting.iter().position(is_free);
            let Some(invocation) = next.and_then(|next| self.waiting.remove(next)) else {
                return;
            };
            self.waiting_bytes -= invocation.bytes();
            self.running.push(invocation.session.clone());
            self.start(invocation);
        }
    }

    fn start(&self, invocation: Invocation) {
        let command = self.command(&invocation);
        let (report, waker) = (self.report.clone(), self.waker.clone());
        let session = invocation.session.clone();
        let work = move || {
            let warning = run(command, invocation.json, TIME_LIMIT).err();
            let (session, trigger) = (invocation.session, invocation.trigger);
            let warning = warning.map(|why| format!("--exec for {session} ({trigger}): {why}"));
            let _ = report.send((session, warning));
            waker.wake();
        };
        let thread = thread::Builder::new().name("alert".to_owned());
        if let Err(error) = thread.spawn(work) {
            let warning = format!("--exec for {session}: {error}");
            let _ = self.report.send((session, Some(warning)));
        }
    }

    fn command(&self, invocation: &Invocation) -> Command {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(&self.command)
            .env("SSTAT_DIR", &self.directory)
            .envs(
                invocation
                    .variables
                    .iter()
                    .map(|(name, value)| (name, value)),
            );
        // A group of its own, so that the time limit ends all of it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        match self.printing {
            Printing::Shared => {}
            Printing::ToStderr => {
                command.stdout(stderr());
            }
            Printing::Dropped => {
                command.stdout(Stdio::null()).stderr(Stdio::null());
            }
        }
        command
    }
}

#[cfg(unix)]
fn stderr() -> Stdio {
    use std::os::fd::AsFd;
    let stderr = std::io::stderr().as_fd().try_clone_to_owned();
    stderr.map_or_else(|_| Stdio::null(), Stdio::from)
}

#[cfg(not(unix))]
fn stderr() -> Stdio {
    Stdio::null()
}

impl Invocation {
    fn of(AlertEvent { trigger, event }: &AlertEvent) -> Self {
        let update = &event.session.update;
        let from = match &event.kind {
            super::event::EventKind::Update { from: Some(from) } => from.as_str(),
            _ => "",
        };
        let progress = update.progress.map(|progress| progress.to_string());
        let variables = [
            ("SSTAT_EVENT", trigger.as_str()),
            ("SSTAT_SESSION", &update.session),
            ("SSTAT_STATUS", update.status.as_str()),
            ("SSTAT_FROM", from),
            ("SSTAT_MESSAGE", &update.message),
            (
                "SSTAT_TASK_ID",
                update.task_id.as_deref().unwrap_or_default(),
            ),
            ("SSTAT_PROGRESS", progress.as_deref().unwrap_or_default()),
            (
                "SSTAT_AGE_SECONDS",
                &event.session.health.age.as_secs().to_string(),
            ),
        ];
        let mut json = Vec::new();
        let layout = SafeFormatter::compact();
        let mut serializer = serde_json::Serializer::with_formatter(&mut json, layout);
        // Nothing in an event cannot be written.
        let _ = serde::Serialize::serialize(event, &mut serializer);
        json.push(b'\n');
        Self {
            session: update.session.clone(),
            trigger: trigger.clone(),
            variables: variables
                .map(|(name, value)| (name, variable(value)))
                .to_vec(),
            json,
        }
    }

    /// How much of it is as long as the update makes it.
    fn bytes(&self) -> usize {
        let values = self.variables.iter().map(|(_, value)| value.len());
        values.sum::<usize>() + self.json.len()
    }
}

/// A variable cannot hold a NUL, and the system limits how long all are.
fn variable(text: &str) -> String {
    sstat::truncate(&text.replace('\0', ""), MAX_VARIABLE_BYTES).to_owned()
}

/// Runs a command to its end, or to the end of its time, with `input` on its
/// stdin. What went wrong is an error.
fn run(mut command: Command, input: Vec<u8>, limit: Duration) -> Result<(), String> {
    command.stdin(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("sh: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // From a thread, because one that does not read must not stop us. It
        // ends with the command.
        let write = move || {
            let _ = stdin.write_all(&input);
        };
        let thread = thread::Builder::new()
            .name("alert's input".to_owned())
            .spawn(write);
        thread.map_err(|error| error.to_string()).map(drop)?;
    }
    let status = wait(&mut child, limit).map_err(|error| error.to_string())?;
    match status {
        None => Err(format!(
            "killed: it took longer than {}",
            sstat::format_duration(limit)
        )),
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(how_it_ended(status)),
    }
}

/// Waits for a command; kills all of its group after the limit and gives
/// `None`.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            #[cfg(unix)]
            if let Some(pid) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
                let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
            }
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn how_it_ended(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("ended by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_short_and_without_nul() {
        assert_eq!(variable("a\0b"), "ab");
        assert_eq!(variable(&"ö".repeat(5000)).len(), 4096);
        assert_eq!(variable(&format!("a{}", "ö".repeat(5000))).len(), 4095);
    }

    #[cfg(unix)]
    #[test]
    fn a_command_ends_in_time_with_all_it_started() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            run(command, vec![b'x'; 1 << 20], Duration::from_millis(200))
        };
        assert_eq!(shell("exit 0"), Ok(()));
        assert_eq!(shell("cat > /dev/null"), Ok(()));
        assert_eq!(shell("exit 7").unwrap_err(), "exit code 7");
        assert_eq!(shell("kill -9 $$").unwrap_err(), "ended by signal 9");
        assert!(
            shell("sleep 1000 & wait")
                .unwrap_err()
                .starts_with("killed")
        );
    }
}
