//! Windows: process handles, the list of all processes, and the id of the
//! installation in the registry.
//!
//! A start time is absolute here, so that a pid and a start time identify a process
//! across boots. The boot id is therefore that of the installation. It includes the
//! computer's name, which changes only with a boot, to distinguish copies of a virtual
//! machine or container.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use winsafe::{HKEY, HPROCESS, HPROCESSLIST, RegistryValue, co};

use super::{HostIdentity, ProcessStat, ProcessState, hash_of_machine};

pub(super) fn current_host() -> Option<HostIdentity> {
    let machine = machine_id()?;
    let host = winsafe::GetComputerName().ok()?;
    Some(HostIdentity {
        boot_id: hash_of_machine(&format!("{machine} {host}")),
        host,
        pid_namespace: 0,
        machine: Some(hash_of_machine(&machine)),
    })
}

fn machine_id() -> Option<String> {
    let key = Some("SOFTWARE\\Microsoft\\Cryptography");
    match HKEY::LOCAL_MACHINE.RegGetValue(key, Some("MachineGuid"), co::RRF::RT_REG_SZ) {
        Ok(RegistryValue::Sz(id)) if !id.is_empty() => Some(id),
        _ => None,
    }
}

pub(super) fn boot_time() -> Option<DateTime<Utc>> {
    let uptime = i64::try_from(winsafe::GetTickCount64()).ok()?;
    Utc::now().checked_sub_signed(TimeDelta::milliseconds(uptime))
}

/// The parent and the name of each process when this one first asked.
static PROCESSES: LazyLock<HashMap<u32, (u32, String)>> = LazyLock::new(processes);

fn processes() -> HashMap<u32, (u32, String)> {
    let mut processes = HashMap::new();
    if let Ok(mut list) = HPROCESSLIST::CreateToolhelp32Snapshot(co::TH32CS::SNAPPROCESS, None) {
        for process in list.iter_processes().flatten() {
            let of_process = (process.th32ParentProcessID, process.szExeFile());
            processes.insert(process.th32ProcessID, of_process);
        }
    }
    processes
}

pub(super) fn parent() -> u32 {
    parent_of(std::process::id()).unwrap_or(0)
}

/// Returns the parent of a process. It may have ended, and its pid may belong to a
/// later process by now.
pub(super) fn parent_of(pid: u32) -> Option<u32> {
    let parent = PROCESSES.get(&pid)?.0;
    let is_older = stat_of(parent)?.start_time <= stat_of(pid)?.start_time;
    is_older.then_some(parent)
}

/// Returns the name of a process in lower case, without `.exe`.
pub(super) fn name(pid: u32) -> Option<String> {
    let name = PROCESSES.get(&pid)?.1.to_lowercase();
    Some(name.trim_end_matches(".exe").to_owned())
}

/// The arguments of other processes need undocumented calls.
pub(super) fn arguments(_pid: u32) -> Vec<String> {
    Vec::new()
}

/// Returns the processes whose parent has ended, and the start of the names of its
/// runs: its pid. The system does not show when it was started.
pub(super) fn runs() -> Vec<(u32, String)> {
    let processes = processes();
    let orphans = processes.iter();
    let orphans = orphans.filter(|(_, (parent, _))| !processes.contains_key(parent));
    let runs = orphans.map(|(&pid, (parent, _))| (pid, format!("{parent}-")));
    runs.collect()
}

/// Returns true if a pid can be that of a process. Windows takes the next three
/// numbers for the same process.
pub(super) fn is_process(pid: u32) -> bool {
    pid.is_multiple_of(4)
}

pub(super) fn ignored_signals(_pid: u32) -> u64 {
    0
}

/// Returns true if a process exists that this user must not examine.
pub(super) fn may_exist(pid: u32) -> bool {
    is_process(pid) && open(pid).is_err_and(|error| error == co::ERROR::ACCESS_DENIED)
}

fn open(pid: u32) -> winsafe::SysResult<winsafe::guard::CloseHandleGuard<HPROCESS>> {
    HPROCESS::OpenProcess(co::PROCESS::QUERY_LIMITED_INFORMATION, false, pid)
}

/// The exit code of a process that has not ended.
const STILL_ACTIVE: u32 = 259;

/// An ended process exists until the last handle of it is closed, as a zombie does.
pub(super) fn stat_of(pid: u32) -> Option<ProcessStat> {
    let process = open(pid).ok()?;
    let is_running = process.GetExitCodeProcess().ok()? == STILL_ACTIVE;
    let (created, ..) = process.GetProcessTimes().ok()?;
    Some(ProcessStat {
        state: match is_running {
            true => ProcessState::Running,
            false => ProcessState::Gone,
        },
        start_time: unix_micros(created.into()),
    })
}

/// Converts a time in 100 ns since 1601, which is more than the numbers of JSON
/// readers can hold.
fn unix_micros(time: u64) -> u64 {
    (time / 10).saturating_sub(11_644_473_600_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_time_is_absolute_and_exact_in_json() {
        let stat = stat_of(std::process::id()).unwrap();
        let started = DateTime::from_timestamp_micros(stat.start_time.cast_signed()).unwrap();
        assert!(Utc::now() - started < TimeDelta::hours(1), "{started}");
        assert!(stat.start_time < 1 << 53);
    }

    #[test]
    fn pid_is_a_multiple_of_4() {
        let this = std::process::id();
        assert!(is_process(this) && !is_process(this + 1));
        assert!(!may_exist(this + 1) && !may_exist(u32::MAX - 3));
    }
}
