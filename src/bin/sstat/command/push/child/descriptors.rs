//! The file descriptors that sstat has inherited. When the command closes a pipe or a
//! locked file, no other process may hold it open.

use std::fs::{self, File};
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;

use nix::libc::O_CLOEXEC;
use rustix::process::Pid;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

/// Closes the inherited descriptors above 2 (Linux). Returns false if it keeps them,
/// because this process holds a record lock: closing the file would release it.
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
/// Returns false if it keeps the streams.
pub fn release() -> bool {
    let null = close_inherited().then(null).flatten();
    if let Some(null) = &null {
        let _ = dup2_stdin(null);
        let _ = dup2_stdout(null);
    }
    null.is_some()
}

/// Replaces stderr by /dev/null if the command has closed it or has opened another file
/// (Linux). Returns true then.
pub fn release_stderr_with(command: Pid) -> bool {
    let command = format!("/proc/{}", command.as_raw_nonzero());
    let file = |process: &str| {
        let file = fs::metadata(format!("{process}/fd/2")).ok()?;
        Some((file.dev(), file.ino()))
    };
    let is_same = file(&command) == file("/proc/self");
    // A command that has ended has no program, and its stderr is still needed.
    let is_running = fs::read_link(format!("{command}/exe")).is_ok();
    let null = (is_running && !is_same).then(null).flatten();
    null.is_some_and(|null| dup2_stderr(null).is_ok())
}

fn null() -> Option<File> {
    let null = File::options().read(true).write(true).open("/dev/null");
    null.ok()
}
