//! A process's identity and state. The identity distinguishes a process from a
//! later one with the same pid, and from one in another boot or container.

#[cfg_attr(all(target_os = "linux", not(sstat_portable)), path = "linux.rs")]
#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(
    not(any(all(target_os = "linux", not(sstat_portable)), windows)),
    path = "portable.rs"
)]
mod platform;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

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
    /// The host's name, for display. It is not compared.
    pub host: String,
    /// The inode of the pid namespace. Each container has its own.
    pub pid_namespace: u64,
    /// A hash of the machine id, which stays private. `None` if the machine has
    /// no id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
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
    /// The process is stopped by a signal (SIGSTOP, Ctrl-Z).
    Stopped,
    /// The process has ended or is a zombie, or another one has its pid.
    Gone,
    /// The machine of the process has been booted again, at this time. A process
    /// of an earlier time is gone.
    Rebooted(DateTime<Utc>),
    /// The process belongs to another machine or container, or is hidden.
    Unknown,
}

impl ProcessState {
    /// Returns true if the process runs or is stopped.
    #[must_use]
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Stopped)
    }
}

impl ProcessIdentity {
    /// Returns the identity of a running process of this host; `None` if there
    /// is no such process, the pid is that of a thread, or the platform is
    /// unsupported.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        if pid != std::process::id() && !platform::is_process(pid) {
            return None;
        }
        Self::of_process(pid)
    }

    /// Returns the identity of this process or of one of its 64 nearest ancestors;
    /// `None` for another pid.
    #[must_use]
    pub fn of_ancestor(pid: u32) -> Option<Self> {
        let parent = platform::parent();
        // The parent first: it costs no read of `/proc`.
        let is_ancestor = pid == parent || ancestors(parent).any(|ancestor| ancestor == pid);
        (is_ancestor || pid == std::process::id())
            .then(|| Self::of_process(pid))
            .flatten()
    }

    /// Returns the identity of the wrapper with this [`run_name`](Self::run_name) if it
    /// runs.
    #[must_use]
    pub fn of_run(run: &str) -> Option<Self> {
        let pid = run.split('-').next()?.parse().ok()?;
        Self::of(pid).filter(|wrapper| wrapper.run_name() == run)
    }

    /// Returns the nearest ancestor of this process that is not a shell.
    #[must_use]
    pub fn of_caller() -> Option<Self> {
        let is_shell = |pid: u32| {
            let name = platform::name(pid);
            name.is_none_or(|name| SHELLS.contains(&name.as_str()))
        };
        let caller = ancestors(platform::parent()).find(|&pid| !is_shell(pid))?;
        Self::of_process(caller)
    }

    /// Returns true if the process is a descendant of another one.
    #[must_use]
    pub fn descends_from(&self, other: &Self) -> bool {
        ancestors(self.pid).skip(1).any(|pid| pid == other.pid)
    }

    /// Returns the arguments of the process and of its ancestors, without their
    /// names.
    pub fn arguments(&self) -> impl Iterator<Item = Vec<String>> {
        ancestors(self.pid).map(platform::arguments)
    }

    /// Returns the name of this process's run in `SSTAT_RUN`, if it wraps a command.
    #[must_use]
    pub fn run_name(&self) -> String {
        format!("{}-{}-{}", self.pid, self.start_time, self.boot_id)
    }

    fn of_process(pid: u32) -> Option<Self> {
        let stat = ProcessStat::of(pid).filter(|stat| !stat.is_zombie())?;
        let here = HostIdentity::current()?;
        Some(Self {
            pid,
            start_time: stat.start_time,
            boot_id: here.boot_id,
            host: here.host,
            pid_namespace: here.pid_namespace,
            machine: here.machine,
            command: None,
        })
    }

    /// Returns the state of the process as seen from `here`.
    #[must_use]
    pub fn state(&self, here: Option<&HostIdentity>) -> ProcessState {
        let Some(here) = here else {
            return ProcessState::Unknown;
        };
        if here.boot_id != self.boot_id {
            let is_same_machine = here.machine.is_some() && here.machine == self.machine;
            let boot_time = is_same_machine.then(platform::boot_time).flatten();
            return boot_time.map_or(ProcessState::Unknown, ProcessState::Rebooted);
        }
        if here.pid_namespace != self.pid_namespace {
            return ProcessState::Unknown;
        }
        match ProcessStat::of(self.pid) {
            Some(stat) if stat.is_zombie() || stat.start_time != self.start_time => {
                ProcessState::Gone
            }
            Some(stat) if stat.is_stopped() => ProcessState::Stopped,
            Some(_) => ProcessState::Running,
            None if platform::may_exist(self.pid) => ProcessState::Unknown,
            None => ProcessState::Gone,
        }
    }
}

/// The maximum number of ancestors in a search.
const MAX_ANCESTORS: usize = 64;

const SHELLS: [&str; 11] = [
    "sh", "bash", "dash", "ash", "busybox", "zsh", "ksh", "mksh", "fish", "csh", "tcsh",
];

/// Returns a pid and those of its ancestors.
fn ancestors(pid: u32) -> impl Iterator<Item = u32> {
    let parent = |pid: &u32| ProcessStat::of(*pid)?.parent;
    std::iter::successors(Some(pid), parent).take(MAX_ANCESTORS)
}

/// Returns the oldest process of each run that a wrapper started, by its name in
/// `SSTAT_RUN`, among the processes of the same user.
pub(crate) fn processes_of_runs() -> HashMap<String, u32> {
    let with_start = |(pid, run)| Some((ProcessStat::of(pid)?.start_time, pid, run));
    let mut processes: Vec<_> = platform::runs()
        .into_iter()
        .filter_map(with_start)
        .collect();
    // Newest first, because the map keeps the last process of each run.
    processes.sort_by(|a, b| b.cmp(a));
    let pids = processes.into_iter().map(|(_, pid, run)| (run, pid));
    pids.collect()
}

/// The fields of `/proc/PID/stat` that sstat uses. A process group or session
/// that started outside this pid namespace has no id.
#[derive(Clone, Copy, Debug)]
pub struct ProcessStat {
    state: u8,
    parent: Option<u32>,
    /// The process group.
    pub group: Option<u32>,
    /// The session.
    pub session: Option<u32>,
    /// The foreground process group of its terminal.
    pub foreground: Option<u32>,
    start_time: u64,
}

impl ProcessStat {
    fn is_zombie(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    fn is_stopped(&self) -> bool {
        self.state == b'T'
    }
}

/// Returns the signals that this process ignores, bit N-1 for signal N.
#[must_use]
pub fn ignored_signals() -> u64 {
    platform::ignored_signals()
}

/// The machine, boot and pid namespace of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostIdentity {
    boot_id: String,
    host: String,
    pid_namespace: u64,
    machine: Option<String>,
}

impl HostIdentity {
    /// Returns the identity of this host; `None` on an unsupported platform.
    #[must_use]
    pub fn current() -> Option<Self> {
        platform::current_host()
    }
}

/// Returns a hash of a machine id: 64-bit FNV-1a of `sstat` and the id, in
/// hexadecimal. Many ids have the same hash, so it does not reveal the id.
#[cfg_attr(any(windows, sstat_portable), allow(dead_code))]
fn hash_of_machine(id: &str) -> String {
    let bytes = "sstat".bytes().chain(id.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
