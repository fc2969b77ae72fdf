//! Notifies which files of the directories may have changed, and which processes have
//! ended.
//!
//! Notifications can be lost when the kernel's queue overflows, and a network file
//! system does not send them for writes of other hosts. Therefore an overflow
//! requests a rescan, and callers rescan at an interval in any case.

// Other systems: platform.rs.
#[cfg_attr(
    all(target_os = "linux", not(sstat_portable)),
    path = "notify/linux.rs"
)]
#[cfg_attr(
    any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    ),
    path = "notify/kqueue.rs"
)]
#[cfg_attr(windows, path = "notify/windows.rs")]
mod platform;

pub use self::platform::{DirWatcher, ExitWatch, Exits};

/// The changes since the last call.
#[derive(Debug, Default)]
pub struct ChangeSet {
    /// Sessions whose file was created, changed or removed, each once: the index of
    /// the directory and the name.
    pub changed: Vec<(usize, String)>,
    /// Any file may have changed.
    pub rescan: bool,
}
