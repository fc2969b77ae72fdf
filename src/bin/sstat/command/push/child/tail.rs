//! The last lines that a command writes on stderr, for `--tail`.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ChildStderr;
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Most bytes that are kept.
const MAX_BYTES: usize = 4 * 1024;

/// Most bytes that a pipe holds (pipe(7)), and so what the command can have left
/// in it at its end. An orphan may continue to write.
const MAX_PIPE_BYTES: usize = 1024 * 1024;

/// A thread that passes stderr through and keeps its end.
pub struct Tail {
    thread: JoinHandle<Vec<u8>>,
    /// Closed when the command has ended.
    running: UnixStream,
}

impl Tail {
    pub fn start(stderr: ChildStderr) -> io::Result<Self> {
        let (running, ended) = UnixStream::pair()?;
        let thread = thread::Builder::new().spawn(move || pass_through(stderr, &ended))?;
        Ok(Self { thread, running })
    }

    /// Returns the end of what the command has written. What its orphans write
    /// later is not awaited.
    pub fn finish(self) -> Vec<u8> {
        drop(self.running);
        self.thread.join().unwrap_or_default()
    }
}

fn pass_through(mut stderr: ChildStderr, ended: &UnixStream) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 64 * 1024];
    let mut has_ended = false;
    let mut rest = MAX_PIPE_BYTES;
    loop {
        let mut fds = [
            PollFd::new(&stderr, PollFlags::IN),
            PollFd::new(ended, PollFlags::IN),
        ];
        let no_wait = has_ended.then(Timespec::default);
        if poll(&mut fds, no_wait.as_ref()).is_err() {
            continue;
        }
        has_ended |= !fds[1].revents().is_empty();
        if fds[0].revents().is_empty() {
            if no_wait.is_some() {
                return kept;
            }
            continue;
        }
        let count = stderr.read(&mut buffer).unwrap_or(0);
        if no_wait.is_some() {
            rest = rest.saturating_sub(count);
        }
        // If nobody reads stderr, the command gets SIGPIPE as without the pipe.
        if count == 0 || io::stderr().write_all(&buffer[..count]).is_err() {
            return kept;
        }
        kept.extend_from_slice(&buffer[..count]);
        kept.drain(..kept.len().saturating_sub(MAX_BYTES));
        if rest == 0 {
            return kept;
        }
    }
}
