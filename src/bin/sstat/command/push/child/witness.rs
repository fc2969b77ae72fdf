//! A second sstat process in the process group. It reports the signals that it
//! receives: a signal that only sstat receives was sent to sstat alone.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Pid;

use super::signals::Signals;

/// The program name that makes sstat a witness, visible in ps.
pub const WITNESS: &str = "sstat-signal-witness";

/// The answer that all signals so far are reported.
const DONE: u8 = 0;

/// How long a witness may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// A running witness. It is killed when this is dropped.
pub struct Witness {
    process: Child,
    reports: ChildStdout,
    /// A byte asks for an answer. The witness exits when the pipe is closed, also
    /// if sstat is killed.
    questions: ChildStdin,
}

impl Witness {
    /// Starts a witness. It inherits the blocked signals, and so misses none.
    /// Returns `None` if that fails.
    pub fn start() -> Option<Self> {
        // The path of a deleted binary would not work.
        let program = match cfg!(target_os = "linux") {
            true => "/proc/self/exe".into(),
            false => std::env::current_exe().ok()?,
        };
        let mut process = Command::new(program)
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
        })
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Returns the signals that the witness has reported since the last call, or if
    /// `complete`, all that it has received until now. Returns `None` if it has
    /// ended.
    pub fn reports(&mut self, complete: bool) -> Option<Vec<i32>> {
        let mut reports = self.read(Duration::ZERO)?;
        if complete && self.questions.write_all(&[DONE]).is_ok() {
            loop {
                let read = self.read(ANSWER_TIMEOUT)?;
                reports.extend(&read);
                if read.is_empty() || read.contains(&DONE) {
                    break;
                }
            }
        }
        reports.retain(|report| *report != DONE);
        Some(reports.into_iter().map(i32::from).collect())
    }

    /// Reads the bytes that arrive within `timeout`. Returns `None` at the end of the
    /// reports.
    fn read(&mut self, timeout: Duration) -> Option<Vec<u8>> {
        let mut bytes = [0; 64];
        let mut reports = [PollFd::new(&self.reports, PollFlags::IN)];
        let deadline = Instant::now() + timeout;
        let count = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left: Option<Timespec> = left.try_into().ok();
            match poll(&mut reports, left.as_ref()) {
                Err(Errno::INTR) => {}
                Ok(1) => {
                    break self
                        .reports
                        .read(&mut bytes)
                        .ok()
                        .filter(|&count| count > 0)?;
                }
                _ => break 0,
            }
        };
        Some(bytes[..count].to_vec())
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
    let signals = Signals::block();
    let (mut stdin, mut stdout) = (io::stdin(), io::stdout().lock());
    loop {
        let mut fds = vec![PollFd::new(&stdin, PollFlags::IN)];
        fds.extend(
            signals
                .as_fd()
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
        );
        let is_asked = poll(&mut fds, None).is_ok() && !fds[0].revents().is_empty();
        if is_asked && stdin.read(&mut [0])? == 0 {
            return Ok(());
        }
        // The signals that came before the question are reported before the answer.
        let mut reports: Vec<u8> = signals
            .received()
            .into_iter()
            .map(|signal| signal as u8)
            .collect();
        reports.extend(is_asked.then_some(DONE));
        stdout.write_all(&reports)?;
        stdout.flush()?;
    }
}
