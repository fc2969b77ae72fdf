//! Platforms without an implementation: no process has an identity, and
//! liveness is unknown.

use chrono::{DateTime, Utc};

use super::HostIdentity;

pub(super) fn current_host() -> Option<HostIdentity> {
    None
}

pub(super) fn boot_time() -> Option<DateTime<Utc>> {
    None
}

pub(super) fn parent() -> u32 {
    0
}

pub(super) fn name(_pid: u32) -> Option<String> {
    None
}

pub(super) fn arguments(_pid: u32) -> Vec<String> {
    Vec::new()
}

pub(super) fn runs() -> Vec<(u32, String)> {
    Vec::new()
}

pub(super) fn is_process(_pid: u32) -> bool {
    false
}

pub(super) fn may_exist(_pid: u32) -> bool {
    true
}

/// The state of a process, which cannot be read here.
#[derive(Clone, Copy, Debug)]
pub struct ProcessStat {
    pub(super) parent: Option<u32>,
    pub(super) start_time: u64,
}

impl ProcessStat {
    pub(super) fn of(_pid: u32) -> Option<Self> {
        None
    }

    pub(super) fn is_zombie(&self) -> bool {
        false
    }

    pub(super) fn is_stopped(&self) -> bool {
        false
    }
}
