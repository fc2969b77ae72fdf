//! Linux: `/proc/PID/stat` (proc_pid_stat(5)), the boot id in
//! `/proc/sys/kernel/random/boot_id`, `/proc/self/ns/pid` (namespaces(7)) and
//! machine-id(5).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::{HostIdentity, ProcessStat, hash_of_machine};

pub(super) fn current_host() -> Option<HostIdentity> {
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(HostIdentity {
        boot_id: boot_id.trim().to_owned(),
        host: rustix::system::uname().nodename().to_str().ok()?.to_owned(),
        pid_namespace: fs::metadata("/proc/self/ns/pid").ok()?.ino(),
        machine: machine_id().as_deref().map(hash_of_machine),
    })
}

fn machine_id() -> Option<String> {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .map(|id| id.trim().to_owned())
        .find(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Returns the time at which the machine was booted. It is read once, since a
/// directory can hold many sessions of an earlier boot.
pub(super) fn boot_time() -> Option<DateTime<Utc>> {
    static BOOT_TIME: OnceLock<Option<DateTime<Utc>>> = OnceLock::new();
    let read = || {
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let seconds = uptime.split_ascii_whitespace().next()?.parse().ok()?;
        let uptime = Duration::try_from_secs_f64(seconds).ok()?;
        Utc::now().checked_sub_signed(TimeDelta::from_std(uptime).ok()?)
    };
    *BOOT_TIME.get_or_init(read)
}

pub(super) fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

/// Returns the name of a process, which Linux truncates to 15 bytes.
pub(super) fn name(pid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

pub(super) fn arguments(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let arguments = line.split(|&byte| byte == 0).skip(1);
    arguments
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

/// Returns true if a pid is that of a process. `/proc` also answers for the ids
/// of threads.
pub(super) fn is_process(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let group = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    group.is_some_and(|group| group.trim().parse() == Ok(pid))
}

/// Returns the processes with `SSTAT_RUN` in their environment, and its value.
/// `/proc/PID/environ` can be read for processes of the same user only.
pub(super) fn runs() -> Vec<(u32, String)> {
    let run_of = |pid: &str| {
        let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let mut variables = environ.split(|&byte| byte == 0);
        let run = variables.find_map(|variable| variable.strip_prefix(b"SSTAT_RUN="))?;
        Some((pid.parse().ok()?, String::from_utf8(run.to_vec()).ok()?))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| run_of(entry.file_name().to_str()?))
        .collect()
}

/// The mask is empty if the system has no `/proc`.
pub(super) fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    parse_ignored(&status).unwrap_or(0)
}

fn parse_ignored(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// Returns true if a pid that `/proc` does not show may exist: with the mount
/// option `hidepid`, `/proc` hides the processes of other users.
pub(super) fn may_exist(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

impl ProcessStat {
    pub(super) fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Returns the fields of this process.
    pub fn of_self() -> Option<Self> {
        Self::parse(&fs::read("/proc/self/stat").ok()?)
    }

    /// Parses a line. The name in field 2 can contain spaces and parentheses,
    /// so the fields after it are counted from the last parenthesis.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let name_end = line.iter().rposition(|&byte| byte == b')')?;
        let mut fields = str::from_utf8(&line[name_end + 1..])
            .ok()?
            .split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let mut id = |skipped| {
            let id: i32 = fields.nth(skipped)?.parse().ok()?;
            Some(u32::try_from(id).ok().filter(|&id| id > 0))
        };
        Some(Self {
            state,
            parent: id(0)?,
            group: id(0)?,
            session: id(0)?,
            foreground: id(1)?,
            start_time: fields.nth(13)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{ProcessIdentity, ProcessState};

    #[test]
    fn name_with_parentheses_is_skipped() {
        let tail = "1 2 3 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 98765 0 0";
        let stat = ProcessStat::parse(format!("42 (a) Z (b)) S {tail}").as_bytes()).unwrap();
        assert!(!stat.is_zombie());
        assert_eq!(stat.start_time, 98765);
        assert_eq!((stat.parent, stat.group), (Some(1), Some(2)));
        assert_eq!(stat.session, Some(3));
        assert_eq!(stat.foreground, None);
        let zombie = ProcessStat::parse(format!("42 (x) Z {tail}").as_bytes()).unwrap();
        assert!(zombie.is_zombie());
        assert!(ProcessStat::parse(b"42 (x) S 1 1").is_none());
        assert!(ProcessStat::parse(b"").is_none());
    }

    #[test]
    fn ignored_signals_are_read_from_proc() {
        let status = "Name:\tsstat\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert_eq!(parse_ignored(status), Some(0x1001));
        assert_eq!(parse_ignored("Name:\tsstat\n"), None);
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
        for pid in [this, parent()] {
            assert_eq!(ProcessIdentity::of_ancestor(pid).unwrap().pid, pid);
        }
        let mut child = std::process::Command::new("sleep")
            .arg("9")
            .spawn()
            .unwrap();
        assert!(ProcessIdentity::of(child.id()).is_some());
        assert!(ProcessIdentity::of_ancestor(child.id()).is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn thread_is_not_a_process() {
        let ids = || {
            let tasks = fs::read_dir("/proc/self/task").unwrap();
            tasks.map(|task| task.unwrap().file_name().to_str().unwrap().parse().unwrap())
        };
        let this = std::process::id();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || stopped.recv());
        let threads: Vec<u32> = ids().filter(|&id| id != this).collect();
        assert!(!threads.is_empty());
        for id in threads {
            assert!(ProcessIdentity::of(id).is_none());
        }
        drop(stop);
        let _ = thread.join();
    }
}
