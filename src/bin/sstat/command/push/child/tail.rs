//! The last lines that a command writes on stderr, for `--tail`.

use std::io::{self, PipeReader, Read, Write};
use std::os::unix::net::UnixStream;

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
    pub fn start(stderr: PipeReader) -> io::Result<Self> {
        let (running, ended) = UnixStream::pair()?;
        let thread = thread::Builder::new().spawn(move || pass_through(stderr, &ended))?;
        Ok(Self { thread, running })
    }

    /// Returns the end of what the command has written. Does not wait for what
    /// its orphans write later.
    pub fn finish(self) -> Vec<u8> {
        drop(self.running);
        self.thread.join().unwrap_or_default()
    }
}

fn pass_through(mut stderr: PipeReader, ended: &UnixStream) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 64 * 1024];
    // Bytes that can be left in the pipe, once the command has ended.
    let mut left = None;
    while left != Some(0) {
        let mut fds = [
            PollFd::new(&stderr, PollFlags::IN),
            PollFd::new(ended, PollFlags::IN),
        ];
        let no_wait = left.is_some().then(Timespec::default);
        if poll(&mut fds, no_wait.as_ref()).is_err() {
            continue;
        }
        let [is_readable, has_ended] = fds.map(|fd| !fd.revents().is_empty());
        if is_readable {
            let count = stderr.read(&mut buffer).unwrap_or(0);
            // If stderr has no reader, the command gets SIGPIPE as without the pipe.
            if count == 0 || io::stderr().write_all(&buffer[..count]).is_err() {
                break;
            }
            kept.extend_from_slice(&buffer[..count]);
            kept.drain(..kept.len().saturating_sub(MAX_BYTES));
            left = left.map(|left: usize| left.saturating_sub(count));
        } else if left.is_some() {
            break;
        }
        if has_ended {
            left.get_or_insert(MAX_PIPE_BYTES);
        }
    }
    kept
}
