//! Windows, without an implementation yet: no process has an identity, and
//! liveness is unknown.

use chrono::{DateTime, Utc};

use super::{HostIdentity, ProcessStat};

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

pub(super) fn ignored_signals() -> u64 {
    0
}

pub(super) fn may_exist(_pid: u32) -> bool {
    true
}

pub(super) fn stat_of(_pid: u32) -> Option<ProcessStat> {
    None
}

pub(super) fn parent_of(_pid: u32) -> Option<u32> {
    None
}
