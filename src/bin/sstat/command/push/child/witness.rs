//! A second sstat process in the process group. It reports the signals that it
//! receives: a signal that only sstat receives was sent to sstat alone.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::Pid;

use super::descriptors::close_inherited;
use super::signals::Signals;
use super::unix::own_program;

/// The program name that makes sstat a witness, visible in ps. Without the name of sstat,
/// so that `pkill -f sstat` does not signal it: the signal would seem to be one to the
/// group.
pub const WITNESS: &str = "signal-witness";

/// The answer that all signals so far are reported.
const DONE: u8 = 0;

/// How long a witness may take to answer. On a busy machine, it can wait for processor time
/// between reading a signal and reporting it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// A running witness. It is killed when this is dropped.
pub struct Witness {
    process: Child,
    reports: ChildStdout,
    /// A byte asks for an answer. The witness exits when the pipe is closed, also
    /// if sstat is killed.
    questions: ChildStdin,
    /// The number of questions without an answer.
    unanswered: usize,
}

impl Witness {
    /// Starts a witness. It inherits the blocked signals, and so misses none.
    /// Returns `None` if that fails.
    pub fn start() -> Option<Self> {
        let mut process = Command::new(own_program().ok()?)
            .arg0(WITNESS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let (questions, reports) = (process.stdin.take()?, process.stdout.take()?);
        Some(Self {
            process,
            reports,
            questions,
            unanswered: 0,
        })
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Returns the signals that the witness has reported since the last call, or if
    /// `complete`, all that it has received until now. Returns `None` if it has
    /// ended.
    pub fn reports(&mut self, complete: bool) -> Option<Vec<i32>> {
        let mut reports = Vec::new();
        self.read(Duration::ZERO, &mut reports)?;
        if complete && self.questions.write_all(&[DONE]).is_ok() {
            self.unanswered += 1;
            while self.unanswered > 0 {
                if !self.read(ANSWER_TIMEOUT, &mut reports)? {
                    // It gets no processor time.
                    reports.extend(self.pending());
                    break;
                }
            }
        }
        Some(reports)
    }

    /// Adds the signals that are reported within `timeout`. Returns false if nothing
    /// arrives, and `None` at the end of the reports.
    fn read(&mut self, timeout: Duration, signals: &mut Vec<i32>) -> Option<bool> {
        let timeout: Option<Timespec> = timeout.try_into().ok();
        let mut fds = [PollFd::new(&self.reports, PollFlags::IN)];
        if retry_on_intr(|| poll(&mut fds, timeout.as_ref())) != Ok(1) {
            return Some(false);
        }
        let mut bytes = [0; 64];
        let count = self.reports.read(&mut bytes).unwrap_or(0);
        for byte in &bytes[..count] {
            match *byte {
                DONE => self.unanswered -= 1,
                signal => signals.push(signal.into()),
            }
        }
        (count > 0).then_some(true)
    }

    /// Returns the signals that the witness has not read yet (Linux).
    fn pending(&self) -> Vec<i32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        let is_pending = |signal: &i32| mask.unwrap_or(0) >> (signal - 1) & 1 == 1;
        (1..=64).filter(is_pending).collect()
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.reports.as_fd()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // Fails if the witness is reaped, and its id may belong to another process.
        if let Ok(None) = self.process.try_wait() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// Writes the number of each received signal to stdout, a byte each, and answers
/// each byte of stdin, until stdin is closed.
pub fn run_witness() -> io::Result<()> {
    close_inherited();
    let signals = Signals::block();
    let (stdin, mut stdout) = (io::stdin(), io::stdout().lock());
    loop {
        let mut fds = vec![PollFd::new(&stdin, PollFlags::IN)];
        fds.extend(
            signals
                .as_fd()
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
        );
        let mut questions = 0;
        if poll(&mut fds, None).is_ok() && !fds[0].revents().is_empty() {
            questions = rustix::io::read(&stdin, &mut [0; 64])?;
            if questions == 0 {
                return Ok(());
            }
        }
        // The signals that came before the questions are reported before the answers.
        let mut reports: Vec<u8> = signals
            .received()
            .into_iter()
            .map(|signal| signal as u8)
            .collect();
        reports.extend(vec![DONE; questions]);
        stdout.write_all(&reports)?;
        stdout.flush()?;
    }
}
