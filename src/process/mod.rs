//! A process's identity and state. The identity distinguishes a process from a
//! later one with the same pid, and from one on another host, in another boot
//! or in another container.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "unsupported.rs")]
mod platform;

use serde::{Deserialize, Serialize};

pub use platform::ProcessStat;

/// The process behind an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProcessIdentity {
    /// The pid in the process's own pid namespace.
    pub pid: u32,
    /// The start time in clock ticks since boot.
    pub start_time: u64,
    /// The id of the boot in which the process started.
    pub boot_id: String,
    /// The host's name.
    pub host: String,
    /// The inode of the pid namespace. Each container has its own.
    pub pid_namespace: u64,
    /// The command, if `sstat push -- COMMAND` runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
}

/// Whether a process runs, as seen from this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProcessState {
    /// The process runs.
    Running,
    /// The process has ended or is a zombie, or another one has its pid.
    Gone,
    /// The process belongs to another host, boot or container, or is hidden.
    Unknown,
}

impl ProcessIdentity {
    /// Returns the identity of a running process of this host; `None` if there
    /// is no such process or the platform is unsupported.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = ProcessStat::of(pid).filter(|stat| !stat.is_zombie())?;
        let HostIdentity {
            boot_id,
            host,
            pid_namespace,
        } = HostIdentity::current()?;
        Some(Self {
            pid,
            start_time: stat.start_time,
            boot_id,
            host,
            pid_namespace,
            command: None,
        })
    }

    /// Returns the state of the process as seen from `here`.
    #[must_use]
    pub fn state(&self, here: Option<&HostIdentity>) -> ProcessState {
        let is_here = here.is_some_and(|here| {
            here.boot_id == self.boot_id
                && here.host == self.host
                && here.pid_namespace == self.pid_namespace
        });
        if !is_here {
            return ProcessState::Unknown;
        }
        match ProcessStat::of(self.pid) {
            Some(stat) if stat.is_zombie() || stat.start_time != self.start_time => {
                ProcessState::Gone
            }
            Some(_) => ProcessState::Running,
            None if platform::may_exist(self.pid) => ProcessState::Unknown,
            None => ProcessState::Gone,
        }
    }
}

/// The host, boot and pid namespace of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostIdentity {
    boot_id: String,
    host: String,
    pid_namespace: u64,
}

impl HostIdentity {
    /// Returns the identity of this host; `None` on an unsupported platform.
    #[must_use]
    pub fn current() -> Option<Self> {
        platform::current_host()
    }
}
