//! The last lines that a command writes on stderr, for `--tail`.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
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
    /// Returns the pipe that the command gets as stderr too.
    pub fn start() -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let (running, ended) = UnixStream::pair()?;
        let thread = thread::Builder::new().spawn(move || pass_through(reader, &ended))?;
        Ok((Self { thread, running }, writer))
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
            let count = match stderr.read(&mut buffer) {
                Ok(count @ 1..) => count,
                Err(error) if is_temporary(&error) => continue,
                _ => break,
            };
            // If stderr has no reader, the command gets SIGPIPE as without the pipe.
            if !write(&buffer[..count]) {
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

/// Writes to stderr, which another process may have made non-blocking. Returns false if
/// it has no reader. After other errors, e.g. of a full disk, the command can continue.
fn write(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match io::stderr().write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if is_temporary(&error) => {
                let stderr = io::stderr();
                let _ = poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], None);
            }
            Err(error) => return error.kind() != io::ErrorKind::BrokenPipe,
        }
    }
    true
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
    )
}
