//! Other Unix systems: ps(1) (POSIX, and the keywords `lstart` and `ignored`, which
//! the BSDs and Linux have).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, Utc};

pub(super) use super::unix::{arguments, may_exist, parent, runs};
use super::unix::{host_name, machine, ps};
use super::{HostIdentity, ProcessStat, ProcessState};

/// How long a list of processes is used. A process that it lacks may have started
/// since, so another list is made for it.
const MAX_AGE: Duration = Duration::from_millis(300);

/// The first process, which starts when the system or the container boots.
const FIRST: u32 = 1;

pub(super) fn current_host() -> Option<HostIdentity> {
    Some(HostIdentity {
        boot_id: find(FIRST)?.1.start_time.to_string(),
        host: host_name()?,
        pid_namespace: 0,
        machine: machine(),
    })
}

pub(super) fn boot_time() -> Option<DateTime<Utc>> {
    let seconds = find(FIRST)?.1.start_time;
    DateTime::from_timestamp(seconds.try_into().ok()?, 0)
}

pub(super) fn stat_of(pid: u32) -> Option<ProcessStat> {
    Some(find(pid)?.1)
}

pub(super) fn parent_of(pid: u32) -> Option<u32> {
    Some(find(pid)?.0).filter(|&parent| parent > 0)
}

pub(super) fn is_process(pid: u32) -> bool {
    find(pid).is_some()
}

pub(super) fn name(pid: u32) -> Option<String> {
    let path = ps(&["-p", &pid.to_string()], &["comm"])?;
    let name = path.trim().rsplit('/').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

pub(super) fn ignored_signals(pid: u32) -> u64 {
    let mask = ps(&["-p", &pid.to_string()], &["ignored"]);
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// The parent and the state of each process.
type Processes = HashMap<u32, (u32, ProcessStat)>;

/// Returns the parent and the state of a process.
fn find(pid: u32) -> Option<(u32, ProcessStat)> {
    static LAST: Mutex<Option<(Instant, Arc<Processes>)>> = Mutex::new(None);
    if !may_exist(pid) {
        return None;
    }
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, processes)) = &*last
        && at.elapsed() < MAX_AGE
        && let Some(found) = processes.get(&pid)
    {
        return Some(*found);
    }
    let listed = ps(&["-A"], &["pid", "ppid", "stat", "lstart"])?;
    let processes: Arc<Processes> = Arc::new(listed.lines().filter_map(parse).collect());
    *last = Some((Instant::now(), processes.clone()));
    processes.get(&pid).copied()
}

fn parse(line: &str) -> Option<(u32, (u32, ProcessStat))> {
    let mut fields = line.split_ascii_whitespace();
    let (pid, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let state = match fields.next()?.as_bytes().first()? {
        b'Z' | b'X' => ProcessState::Gone,
        b'T' => ProcessState::Stopped,
        _ => ProcessState::Running,
    };
    let time = fields.collect::<Vec<_>>().join(" ");
    let time = NaiveDateTime::parse_from_str(&time, "%a %b %d %H:%M:%S %Y").ok()?;
    let start_time = time.and_utc().timestamp().try_into().ok()?;
    Some((pid, (parent, ProcessStat { state, start_time })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_ps_is_parsed() {
        let line = "  501     1 Ss+  Thu Nov  5 07:10:30 2026";
        let (pid, (parent, stat)) = parse(line).unwrap();
        assert_eq!((pid, parent), (501, 1));
        assert_eq!(stat.state, ProcessState::Running);
        assert_eq!(stat.start_time, 1_793_862_630);
        let stopped = parse("7 6 T Thu Nov 26 17:10:30 2026").unwrap();
        assert_eq!(stopped.1.1.state, ProcessState::Stopped);
        assert!(parse("7 6 S 17:10").is_none());
    }

    #[test]
    fn arguments_and_name_of_this_process_are_known() {
        let this = std::process::id();
        assert!(name(this).is_some());
        let given: Vec<String> = std::env::args().skip(1).collect();
        assert_eq!(arguments(this).join(" "), given.join(" "));
    }
}
