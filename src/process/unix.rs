//! The parts that all Unix systems share.

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

pub(super) fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

pub(super) fn host_name() -> Option<String> {
    let name = rustix::system::uname();
    Some(name.nodename().to_str().ok()?.to_owned())
}

/// Returns true if a pid that the system does not show may exist: Linux with the
/// mount option `hidepid` hides the processes of other users.
pub(super) fn may_exist(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// Returns the hash of machine-id(5), which D-Bus has on other systems too.
#[cfg(not(any(target_vendor = "apple", target_os = "freebsd")))]
pub(super) fn machine() -> Option<String> {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .map(|id| id.trim().to_owned())
        .find(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(|id| super::hash_of_machine(&id))
}

/// Returns the arguments of a process by ps(1), which separates them by spaces.
#[cfg(any(sstat_portable, not(target_os = "linux")))]
pub(super) fn arguments(pid: u32) -> Vec<String> {
    let line = ps(&["-p", &pid.to_string()], &["args"]).unwrap_or_default();
    let arguments = line.split_whitespace().skip(1);
    arguments.map(str::to_owned).collect()
}

/// Returns the processes with `SSTAT_RUN` in their environment, and its value, by
/// ps(1). It shows the environments of this user's processes; on macOS, not of those
/// that run a program of the system.
#[cfg(any(sstat_portable, not(target_os = "linux")))]
pub(super) fn runs() -> Vec<(u32, String)> {
    // No option is the same everywhere.
    let with_environment = match cfg!(target_vendor = "apple") {
        true => "-axEww",
        false => "axeww",
    };
    let processes = ps(&[with_environment], &["pid", "command"]).unwrap_or_default();
    let run_of = |line: &str| {
        let mut words = line.split_whitespace();
        let pid = words.next()?.parse().ok()?;
        let run = words.find_map(|word| word.strip_prefix("SSTAT_RUN="))?;
        Some((pid, run.to_owned()))
    };
    processes.lines().filter_map(run_of).collect()
}

/// Returns these columns of ps(1) without a header, with times in UTC.
#[cfg(any(sstat_portable, not(target_os = "linux")))]
pub(super) fn ps(selection: &[&str], columns: &[&str]) -> Option<String> {
    use std::io::Read;
    use std::process::{Command, Stdio};
    let mut ps = Command::new("ps");
    ps.args(selection);
    // Each in its own option: the header that follows `=` may contain commas.
    for column in columns {
        ps.args(["-o", &format!("{column}=")]);
    }
    ps.env("LC_ALL", "C").env("TZ", "UTC");
    ps.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut ps = ps.stderr(Stdio::null()).spawn().ok()?;
    let mut output = Vec::new();
    let read = ps.stdout.take()?.read_to_end(&mut output);
    // Fails if this process ignores SIGCHLD.
    let _ = ps.wait();
    read.ok()?;
    Some(String::from_utf8_lossy(&output).into_owned())
}
