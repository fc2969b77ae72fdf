//! A process's identity and state. The identity distinguishes a process from a
//! later one with the same pid, and from one in another boot or container.

// Other systems: platform.rs.
#[cfg_attr(all(target_os = "linux", not(sstat_portable)), path = "linux.rs")]
#[cfg_attr(
    any(target_vendor = "apple", target_os = "freebsd"),
    path = "sysctl.rs"
)]
#[cfg_attr(windows, path = "windows.rs")]
mod platform;

#[cfg(any(test, target_vendor = "apple", target_os = "freebsd"))]
mod kinfo;
#[cfg(unix)]
mod unix;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The process behind an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProcessIdentity {
    /// The pid in the process's own pid namespace.
    pub pid: u32,
    /// The start time in a unit of the platform: clock ticks since boot on Linux,
    /// microseconds since 1970 on macOS and Windows.
    pub start_time: u64,
    /// The id of the boot in which the process started; on Windows, where start
    /// times are absolute, of the installation.
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
    /// is no such process, the pid is that of a thread, or the system cannot tell
    /// (see [`may_exist`](Self::may_exist)).
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        if pid != std::process::id() && !platform::is_process(pid) {
            return None;
        }
        Self::of_process(pid)
    }

    /// Returns true unless the system knows that no process has this pid. A process
    /// can be hidden, or the system cannot identify processes at all.
    #[must_use]
    pub fn may_exist(pid: u32) -> bool {
        HostIdentity::current().is_none()
            || (platform::stat_of(pid).is_none() && platform::may_exist(pid))
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
            // Without a version, as in zsh-5.9 and ksh93.
            let is_version = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-');
            platform::name(pid).is_none_or(|name| {
                let name = name.trim_end_matches(is_version);
                SHELLS.split_whitespace().any(|shell| shell == name)
            })
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
        let stat = platform::stat_of(pid).filter(|stat| stat.state.is_alive())?;
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
        match platform::stat_of(self.pid) {
            Some(stat) if stat.start_time == self.start_time => stat.state,
            Some(_) => ProcessState::Gone,
            None if platform::may_exist(self.pid) => ProcessState::Unknown,
            None => ProcessState::Gone,
        }
    }
}

/// The maximum number of ancestors in a search.
const MAX_ANCESTORS: usize = 64;

/// Shells, and timeout(1), which does not replace itself by its command.
const SHELLS: &str = "sh bash dash ash busybox zsh ksh mksh yash fish csh tcsh nu cmd powershell \
                      pwsh timeout";

/// Returns a pid and those of its ancestors.
fn ancestors(pid: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(pid), |&pid| platform::parent_of(pid)).take(MAX_ANCESTORS)
}

/// The processes that wrappers may have started, each with the name of its run. On
/// Windows, only the pid is known, which the name starts with.
#[derive(Debug)]
pub(crate) struct RunProcesses(Vec<(u32, String)>);

impl RunProcesses {
    pub(crate) fn now() -> Self {
        Self(platform::runs())
    }

    /// Returns the oldest process that a wrapper has started.
    pub(crate) fn command_of(&self, wrapper: &ProcessIdentity) -> Option<u32> {
        let run = wrapper.run_name();
        let of_run = self.0.iter().filter(|(_, name)| match cfg!(windows) {
            true => run.starts_with(name),
            false => run == *name,
        });
        let started =
            of_run.filter_map(|(pid, _)| Some((platform::stat_of(*pid)?.start_time, *pid)));
        let oldest = started.filter(|(at, _)| *at >= wrapper.start_time).min();
        oldest.map(|(_, pid)| pid)
    }
}

/// The state of a process that exists or is a zombie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ProcessStat {
    /// `Running`, `Stopped`, or `Gone` for a zombie.
    state: ProcessState,
    start_time: u64,
}

/// Returns true if a process ignores a signal. Other systems than Linux do not tell
/// whether it ignores one that is ignored by default.
#[must_use]
pub fn is_ignored(pid: u32, signal: i32) -> bool {
    let is_known = |bit| cfg!(target_os = "linux") || bit & IGNORED_BY_DEFAULT == 0;
    // The mask has bit N-1 for signal N.
    let bit = 1 << (signal - 1);
    is_known(bit) && platform::ignored_signals(pid) & bit != 0
}

/// SIGURG, SIGCHLD, SIGIO, SIGWINCH and SIGINFO of macOS and the BSDs.
const IGNORED_BY_DEFAULT: u64 = 1 << 15 | 1 << 19 | 1 << 22 | 1 << 27 | 1 << 28;

/// The machine, boot and pid namespace of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostIdentity {
    boot_id: String,
    host: String,
    pid_namespace: u64,
    machine: Option<String>,
}

impl HostIdentity {
    /// Returns the identity of this host; `None` if the system cannot identify
    /// processes.
    #[must_use]
    pub fn current() -> Option<Self> {
        platform::current_host()
    }
}

/// Returns a hash of a machine id: 64-bit FNV-1a of `sstat` and the id, in
/// hexadecimal. Many ids have the same hash, so it does not reveal the id.
fn hash_of_machine(id: &str) -> String {
    let bytes = "sstat".bytes().chain(id.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    /// Starts a process that ends when its stdin is closed.
    fn start_process() -> Child {
        let mut command = match cfg!(windows) {
            true => Command::new("cmd"),
            false => Command::new("cat"),
        };
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command.spawn().unwrap()
    }

    #[test]
    fn this_process_runs_and_others_do_not() {
        let here = HostIdentity::current();
        let this = ProcessIdentity::of(std::process::id()).unwrap();
        assert_eq!(this.state(here.as_ref()), ProcessState::Running);
        assert_eq!(this.state(None), ProcessState::Unknown);
        let mut reused = this.clone();
        reused.start_time += 1;
        assert_eq!(reused.state(here.as_ref()), ProcessState::Gone);
        let mut elsewhere = this.clone();
        elsewhere.boot_id = "another".into();
        elsewhere.machine = None;
        assert_eq!(elsewhere.state(here.as_ref()), ProcessState::Unknown);
        elsewhere.machine = Some("another".into());
        assert_eq!(elsewhere.state(here.as_ref()), ProcessState::Unknown);
        let mut renamed = this.clone();
        renamed.host = "another".into();
        assert_eq!(renamed.state(here.as_ref()), ProcessState::Running);
        let mut missing = this;
        missing.pid = u32::MAX;
        assert_ne!(missing.state(here.as_ref()), ProcessState::Running);
    }

    #[test]
    fn earlier_boot_of_this_machine_has_ended() {
        let mut here = HostIdentity::current().unwrap();
        here.machine = Some("m".into());
        let mut earlier = ProcessIdentity::of(std::process::id()).unwrap();
        earlier.boot_id = "another".into();
        earlier.machine = Some("m".into());
        let ProcessState::Rebooted(at) = earlier.state(Some(&here)) else {
            panic!("the machine was booted again");
        };
        assert!(at < Utc::now());
        here.machine = None;
        earlier.machine = None;
        assert_eq!(earlier.state(Some(&here)), ProcessState::Unknown);
    }

    #[test]
    fn only_this_process_and_its_ancestors_are_ancestors() {
        let this = std::process::id();
        for pid in [this, platform::parent()] {
            // Wine's parent is not a process of Windows.
            if pid > 0 {
                assert_eq!(ProcessIdentity::of_ancestor(pid).unwrap().pid, pid);
            }
        }
        let mut child = start_process();
        assert!(ProcessIdentity::of(child.id()).is_some());
        assert!(ProcessIdentity::of_ancestor(child.id()).is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn signal_that_is_ignored_by_default_is_not_reported() {
        let children = rustix::process::Signal::CHILD.as_raw();
        assert!(!is_ignored(std::process::id(), children));
    }

    #[test]
    fn ended_process_is_gone_before_it_is_waited_for() {
        let here = HostIdentity::current();
        let mut child = start_process();
        let process = ProcessIdentity::of(child.id()).unwrap();
        assert_eq!(process.state(here.as_ref()), ProcessState::Running);
        drop(child.stdin.take());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while process.state(here.as_ref()) != ProcessState::Gone {
            assert!(std::time::Instant::now() < deadline);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child.wait().unwrap();
    }
}
