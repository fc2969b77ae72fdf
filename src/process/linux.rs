//! Linux: `/proc/PID/stat` (proc_pid_stat(5)), the boot id in
//! `/proc/sys/kernel/random/boot_id`, `/proc/self/ns/pid` (namespaces(7)) and
//! machine-id(5).

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::time::Duration;

use super::unix::{host_name, machine};
pub(super) use super::unix::{may_exist, parent};
use super::{HostIdentity, ProcessStat, ProcessState};
use chrono::{DateTime, TimeDelta, Utc};

pub(super) fn current_host() -> Option<HostIdentity> {
    if !proc_shows_this_namespace() {
        return None;
    }
    let boot_id = String::from_utf8(read("/proc/sys/kernel/random/boot_id")?).ok()?;
    Some(HostIdentity {
        boot_id: boot_id.trim().to_owned(),
        host: host_name()?,
        pid_namespace: fs::metadata("/proc/self/ns/pid").ok()?.ino(),
        machine: machine(),
    })
}

/// Returns true if `/proc` shows the pid namespace of this process. In a sandbox it can
/// show another one, in which other processes have the same ids.
fn proc_shows_this_namespace() -> bool {
    fs::read_link("/proc/self").is_ok_and(|pid| pid.as_os_str() == &*std::process::id().to_string())
}

/// Reads up to 1 KiB of a file with one `read`. `fs::read` needs six for
/// `/proc/PID/stat`, because it begins with 32 bytes if a file has no size: a fifth of
/// the time that a reader takes for a running process.
fn read(path: &str) -> Option<Vec<u8>> {
    let mut content = vec![0; 1024];
    let length = File::open(path).ok()?.read(&mut content).ok()?;
    content.truncate(length);
    Some(content)
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

/// Returns the name of a process's program, which is the interpreter for a script. For
/// other users' processes, it is the name of the script, of up to 15 bytes.
pub(super) fn name(pid: u32) -> Option<String> {
    if let Ok(program) = fs::read_link(format!("/proc/{pid}/exe")) {
        let name = program.file_name()?.to_string_lossy();
        return Some(name.trim_end_matches(" (deleted)").to_owned());
    }
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
    status_field(pid, "Tgid:").is_some_and(|group| group.parse() == Ok(pid))
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

/// The mask is empty if the system has no `/proc` of this pid namespace.
pub(super) fn ignored_signals(pid: u32) -> u64 {
    if !proc_shows_this_namespace() {
        return 0;
    }
    let mask = status_field(pid, "SigIgn:");
    mask.and_then(|mask| u64::from_str_radix(&mask, 16).ok())
        .unwrap_or(0)
}

/// Returns a field of `/proc/PID/status` (proc_pid_status(5)).
fn status_field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(field.trim().to_owned())
}

pub(super) fn stat_of(pid: u32) -> Option<ProcessStat> {
    Some(find(pid)?.1)
}

pub(super) fn parent_of(pid: u32) -> Option<u32> {
    Some(find(pid)?.0).filter(|&parent| parent > 0)
}

/// Returns the parent and the state of a process.
fn find(pid: u32) -> Option<(u32, ProcessStat)> {
    parse(&read(&format!("/proc/{pid}/stat"))?)
}

/// Parses a line of `/proc/PID/stat`. The name in field 2 can contain spaces and
/// parentheses, so the fields after it are counted from the last parenthesis.
fn parse(line: &[u8]) -> Option<(u32, ProcessStat)> {
    let name_end = line.iter().rposition(|&byte| byte == b')')?;
    let mut fields = str::from_utf8(&line[name_end + 1..])
        .ok()?
        .split_ascii_whitespace();
    let state = match fields.next()? {
        "Z" | "X" | "x" => ProcessState::Gone,
        "T" => ProcessState::Stopped,
        _ => ProcessState::Running,
    };
    let parent = fields.next()?.parse().ok()?;
    let start_time = fields.nth(17)?.parse().ok()?;
    Some((parent, ProcessStat { state, start_time }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ProcessIdentity;

    #[test]
    fn name_with_parentheses_is_skipped() {
        let tail = "1 2 3 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 98765 0 0";
        let (parent, stat) = parse(format!("42 (a) Z (b)) S {tail}").as_bytes()).unwrap();
        assert_eq!(stat.state, ProcessState::Running);
        assert_eq!((parent, stat.start_time), (1, 98765));
        for (letter, state) in [("Z", ProcessState::Gone), ("T", ProcessState::Stopped)] {
            let (_, stat) = parse(format!("42 (x) {letter} {tail}").as_bytes()).unwrap();
            assert_eq!(stat.state, state);
        }
        assert!(parse(b"42 (x) S 1 1").is_none());
        assert!(parse(b"").is_none());
    }

    #[test]
    fn field_of_the_status_is_read() {
        let this = std::process::id();
        assert_eq!(status_field(this, "Tgid:"), Some(this.to_string()));
        assert_eq!(status_field(this, "SigIgn:").unwrap().len(), 16);
        assert_eq!(status_field(this, "Missing:"), None);
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
