//! macOS and FreeBSD: sysctl(3).

use chrono::{DateTime, Utc};
use libc::{CTL_KERN, KERN_PROC, KERN_PROC_PID};
use sysctl::{Ctl, CtlValue, Sysctl};

#[cfg(target_os = "freebsd")]
use super::kinfo::Layout;
use super::kinfo::{Kinfo, microseconds};
use super::unix::host_name;
pub(super) use super::unix::{arguments, parent, runs};
use super::{HostIdentity, ProcessStat, hash_of_machine};

#[cfg(target_vendor = "apple")]
use super::kinfo::APPLE as LAYOUT;

#[cfg(target_os = "freebsd")]
const LAYOUT: Layout = {
    use libc::kinfo_proc;
    use std::mem::offset_of;
    Layout {
        bytes: size_of::<kinfo_proc>(),
        start: offset_of!(kinfo_proc, ki_start),
        state: offset_of!(kinfo_proc, ki_stat),
        pid: offset_of!(kinfo_proc, ki_pid),
        parent: offset_of!(kinfo_proc, ki_ppid),
        ignored_signals: offset_of!(kinfo_proc, ki_sigignore),
        name: offset_of!(kinfo_proc, ki_comm),
        jail: Some(offset_of!(kinfo_proc, ki_jid)),
    }
};

pub(super) fn current_host() -> Option<HostIdentity> {
    Some(HostIdentity {
        boot_id: boot_id()?,
        host: host_name()?,
        // A jail does not see the processes outside.
        pid_namespace: kinfo(std::process::id())?.jail,
        machine: machine_id().as_deref().map(hash_of_machine),
    })
}

#[cfg(target_vendor = "apple")]
fn boot_id() -> Option<String> {
    text("kern.bootsessionuuid")
}

#[cfg(target_os = "freebsd")]
fn boot_id() -> Option<String> {
    let id = structure(value("kern.boot_id")?)?;
    Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn machine_id() -> Option<String> {
    if cfg!(target_vendor = "apple") {
        // Identifies the volume that the machine boots from.
        return text("kern.bootuuid");
    }
    // A host without an id has zeros.
    text("kern.hostuuid").filter(|id| id.bytes().any(|byte| !matches!(byte, b'0' | b'-')))
}

pub(super) fn boot_time() -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(boot_microseconds()?.try_into().ok()?)
}

fn boot_microseconds() -> Option<u64> {
    microseconds(&structure(value("kern.boottime")?)?)
}

pub(super) fn stat_of(pid: u32) -> Option<ProcessStat> {
    let mut stat = kinfo(pid)?.stat;
    if cfg!(target_os = "freebsd") {
        // FreeBSD adds the boot time, which changes whenever the clock is set.
        stat.start_time = stat.start_time.checked_sub(boot_microseconds()?)?;
    }
    Some(stat)
}

pub(super) fn parent_of(pid: u32) -> Option<u32> {
    kinfo(pid)?.parent
}

pub(super) fn name(pid: u32) -> Option<String> {
    Some(kinfo(pid)?.name)
}

pub(super) fn ignored_signals(pid: u32) -> u64 {
    kinfo(pid).map_or(0, |kinfo| kinfo.ignored_signals)
}

/// Threads have no ids of this kind.
pub(super) fn is_process(_pid: u32) -> bool {
    true
}

/// FreeBSD can be set to hide the processes of other users.
pub(super) fn may_exist(pid: u32) -> bool {
    let sees_others = value("security.bsd.see_other_uids");
    super::unix::may_exist(pid)
        || (matches!(sees_others, Some(CtlValue::Int(0))) && !rustix::process::geteuid().is_root())
}

fn kinfo(pid: u32) -> Option<Kinfo> {
    let oid = vec![CTL_KERN, KERN_PROC, KERN_PROC_PID, pid.try_into().ok()?];
    let bytes = structure(Ctl::Oid(oid).value().ok()?)?;
    Kinfo::parse(&bytes, &LAYOUT, pid)
}

fn value(name: &str) -> Option<CtlValue> {
    Ctl::new(name).ok()?.value().ok()
}

fn text(name: &str) -> Option<String> {
    match value(name)? {
        CtlValue::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn structure(value: CtlValue) -> Option<Vec<u8>> {
    match value {
        CtlValue::Node(bytes) | CtlValue::Struct(bytes) => Some(bytes),
        _ => None,
    }
}
