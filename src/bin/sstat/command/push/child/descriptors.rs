//! The file descriptors that sstat has inherited. When the command closes a pipe or a
//! locked file, no other process may hold it open.

use std::fs::{self, File};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use nix::libc::O_CLOEXEC;
use rustix::process::Pid;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

/// When to look for the first time whether the command has closed stderr.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// Closes the inherited descriptors above 2 (Linux). Returns false if it keeps them,
/// because this process holds a record lock: to close the file would release it.
pub fn close_inherited() -> bool {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten();
    let numbers: Vec<RawFd> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    let mut inherited = Vec::new();
    for number in numbers {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        if info.contains("POSIX") {
            return false;
        }
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| RawFd::from_str_radix(flags.trim(), 8).ok());
        // Those that sstat has opened itself are closed on exec.
        if number > 2 && flags.is_some_and(|flags| flags & O_CLOEXEC == 0) {
            inherited.push(number);
        }
    }
    for number in inherited {
        let _ = nix::unistd::close(number);
    }
    true
}

/// Closes the inherited descriptors above 2, and replaces stdin and stdout by /dev/null.
pub fn release() {
    if close_inherited()
        && let Ok(null) = null()
    {
        let _ = dup2_stdin(&null);
        let _ = dup2_stdout(&null);
    }
}

fn null() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/null")
}

/// Holds stderr open while the command does, for a message that its end is not recorded.
/// The command is examined in growing intervals (Linux).
pub struct Stderr {
    started: Instant,
    /// When to look whether the command has closed it; `None` if it is released.
    pub next_look: Option<Instant>,
}

impl Stderr {
    pub fn hold() -> Self {
        let started = Instant::now();
        Self {
            started,
            next_look: Some(started + FIRST_LOOK),
        }
    }

    /// Replaces stderr by /dev/null if it is time to look and the command has closed it.
    pub fn release_with(&mut self, command: Pid) {
        let now = Instant::now();
        if self.next_look.is_none_or(|next| next > now) {
            return;
        }
        self.next_look = Some(now + (now - self.started));
        let command = command.as_raw_nonzero().to_string();
        let file = |process: &str| {
            let file = fs::metadata(format!("/proc/{process}/fd/2"))?;
            io::Result::Ok((file.dev(), file.ino()))
        };
        let Ok(own) = file("self") else { return };
        let is_closed = match file(&command) {
            Ok(theirs) => theirs != own,
            // A process that has ended has no descriptors and no program.
            Err(error) => {
                error.kind() == io::ErrorKind::NotFound
                    && fs::read_link(format!("/proc/{command}/exe")).is_ok()
            }
        };
        if is_closed && let Ok(null) = null() {
            let _ = dup2_stderr(&null);
            self.next_look = None;
        }
    }
}
