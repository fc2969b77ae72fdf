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
    let line = ps(&["-o", "args=", "-p", &pid.to_string()]).unwrap_or_default();
    let arguments = line.split_whitespace().skip(1);
    arguments.map(str::to_owned).collect()
}

/// Returns the output of ps(1), with times in UTC.
#[cfg(any(sstat_portable, not(target_os = "linux")))]
pub(super) fn ps(arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new("ps")
        .args(arguments)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
