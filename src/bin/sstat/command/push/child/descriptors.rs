//! The file descriptors that sstat has inherited. When the command closes a pipe or a
//! locked file, no other process may hold it open.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::libc::O_CLOEXEC;
use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

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

/// Closes the inherited descriptors above 2, replaces stdin and stdout by /dev/null,
/// and if `releases_stderr`, stderr too. Returns the file of stderr, for
/// [`restore_stderr`].
pub fn release(releases_stderr: bool) -> Option<OwnedFd> {
    let null = File::options().read(true).write(true).open("/dev/null");
    let (true, Ok(null)) = (close_inherited(), null) else {
        return None;
    };
    let _ = dup2_stdin(&null);
    let _ = dup2_stdout(&null);
    if !releases_stderr || cfg!(not(target_os = "linux")) {
        return None;
    }
    // A descriptor with O_PATH does not hold a pipe open.
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let stderr = open("/proc/self/fd/2", flags, Mode::empty()).ok()?;
    // A socket, for example, cannot be opened again.
    open_again(&stderr)?;
    dup2_stderr(&null).ok()?;
    Some(stderr)
}

pub fn restore_stderr(stderr: &OwnedFd) {
    if let Some(stderr) = open_again(stderr) {
        let _ = dup2_stderr(&stderr);
    }
}

/// Opens the file of a descriptor for writing. Fails if it is a pipe without a reader.
fn open_again(file: &OwnedFd) -> Option<OwnedFd> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = open(path, flags | OFlags::NONBLOCK, Mode::empty()).ok()?;
    fcntl_setfl(&file, OFlags::APPEND).ok()?;
    Some(file)
}
