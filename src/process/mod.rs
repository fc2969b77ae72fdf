//! A process's identity: enough to tell alive from dead, a reused pid from
//! the same process, and another machine's or container's pid from ours.
//!
//! The facts come from Linux: `/proc/PID/stat` (proc_pid_stat(5)),
//! `/proc/sys/kernel/random/boot_id` and the inode of `/proc/self/ns/pid`
//! (namespaces(7)). Elsewhere no identity can be made and every life is
//! unknown.

use serde::{Deserialize, Serialize};

/// The process behind an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Its number in its own pid namespace.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
    /// The boot it belongs to.
    pub boot_id: String,
    /// The host's name.
    pub host: String,
    /// The inode of its pid namespace: containers have their own.
    pub pid_namespace: u64,
    /// The command it runs, when sstat wraps one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
}

/// Whether a process runs, as far as it can be told from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProcessState {
    /// That very process runs.
    Running,
    /// It has ended, or is a zombie, or its pid belongs to another by now.
    Gone,
    /// It belongs to another host, boot or container, or cannot be seen.
    Unknown,
}

impl ProcessIdentity {
    /// The identity of a running process of this machine; `None` where there
    /// is no such process or the system does not tell.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let start_time = match read_stat(pid)? {
            Stat { zombie: true, .. } => return None,
            Stat { start_time, .. } => start_time,
        };
        let machine = HostIdentity::current()?;
        Some(Self {
            pid,
            start_time,
            boot_id: machine.boot_id,
            host: machine.host,
            pid_namespace: machine.pid_namespace,
            command: None,
        })
    }

    /// Whether it runs, seen from `machine`.
    #[must_use]
    pub fn state(&self, machine: Option<&HostIdentity>) -> ProcessState {
        let here = machine.is_some_and(|machine| {
            machine.boot_id == self.boot_id
                && machine.host == self.host
                && machine.pid_namespace == self.pid_namespace
        });
        if !here {
            return ProcessState::Unknown;
        }
        match read_stat(self.pid) {
            Some(stat) if stat.zombie || stat.start_time != self.start_time => ProcessState::Gone,
            Some(_) => ProcessState::Running,
            None if may_exist(self.pid) => ProcessState::Unknown,
            None => ProcessState::Gone,
        }
    }
}

/// What the pids of this process mean: host, boot and pid namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostIdentity {
    boot_id: String,
    host: String,
    pid_namespace: u64,
}

impl HostIdentity {
    /// This machine; `None` where it does not say.
    #[must_use]
    pub fn current() -> Option<Self> {
        current_host()
    }
}

struct Stat {
    zombie: bool,
    start_time: u64,
}

#[cfg(target_os = "linux")]
fn current_host() -> Option<HostIdentity> {
    use std::os::unix::fs::MetadataExt;
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(HostIdentity {
        boot_id: boot_id.trim().to_owned(),
        host: rustix::system::uname().nodename().to_str().ok()?.to_owned(),
        pid_namespace: std::fs::metadata("/proc/self/ns/pid").ok()?.ino(),
    })
}

#[cfg(target_os = "linux")]
fn read_stat(pid: u32) -> Option<Stat> {
    parse_stat(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Whether a pid that `/proc` does not show may exist all the same: with the
/// mount option `hidepid` it hides other users' processes.
#[cfg(target_os = "linux")]
fn may_exist(pid: u32) -> bool {
    i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(target_os = "linux"))]
fn current_host() -> Option<HostIdentity> {
    None
}

#[cfg(not(target_os = "linux"))]
fn read_stat(_pid: u32) -> Option<Stat> {
    None
}

#[cfg(not(target_os = "linux"))]
fn may_exist(_pid: u32) -> bool {
    true
}

/// Field 3 (state) and 22 (starttime) of `/proc/PID/stat`. Field 2 is the
/// command's name in parentheses and may itself hold spaces and parentheses,
/// so the others are counted from the last one.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn parse_stat(stat: &[u8]) -> Option<Stat> {
    let after_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
    let mut fields = str::from_utf8(&stat[after_name..])
        .ok()?
        .split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X" | "x");
    let start_time = fields.nth(18)?.parse().ok()?;
    Some(Stat { zombie, start_time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let tail = "1 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 98765 0 0";
        let stat = parse_stat(format!("42 (a) Z (b)) S {tail}").as_bytes()).unwrap();
        assert!(!stat.zombie);
        assert_eq!(stat.start_time, 98765);
        assert!(
            parse_stat(format!("42 (x) Z {tail}").as_bytes())
                .unwrap()
                .zombie
        );
        assert!(parse_stat(b"42 (x) S 1 1").is_none());
        assert!(parse_stat(b"").is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_runs_and_others_do_not() {
        let machine = HostIdentity::current();
        let me = ProcessIdentity::of(std::process::id()).unwrap();
        assert_eq!(me.state(machine.as_ref()), ProcessState::Running);
        let reused = ProcessIdentity {
            start_time: me.start_time + 1,
            ..me.clone()
        };
        assert_eq!(reused.state(machine.as_ref()), ProcessState::Gone);
        let elsewhere = ProcessIdentity {
            boot_id: "another".into(),
            ..me.clone()
        };
        assert_eq!(elsewhere.state(machine.as_ref()), ProcessState::Unknown);
        let never = ProcessIdentity {
            pid: u32::MAX,
            ..me.clone()
        };
        assert_ne!(never.state(machine.as_ref()), ProcessState::Running);
        assert_eq!(me.state(None), ProcessState::Unknown);
    }
}
