//! Notifies which files of the directories may have changed.
//!
//! Notifications can be lost when the kernel's queue overflows, and a network file
//! system does not send them for writes of other hosts. Therefore an overflow
//! requests a rescan, and callers rescan at an interval in any case.

#[cfg_attr(
    all(target_os = "linux", not(sstat_portable)),
    path = "dir_watcher/linux.rs"
)]
#[cfg_attr(
    any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    ),
    path = "dir_watcher/bsd.rs"
)]
#[cfg_attr(windows, path = "dir_watcher/windows.rs")]
#[cfg_attr(
    not(any(
        all(target_os = "linux", not(sstat_portable)),
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        windows
    )),
    path = "dir_watcher/portable.rs"
)]
mod platform;

pub use self::platform::DirWatcher;

/// The changes since the last call.
#[derive(Debug, Default)]
pub struct ChangeSet {
    /// Sessions whose file was created, changed or removed, each once: the index of
    /// the directory and the name.
    pub changed: Vec<(usize, String)>,
    /// Any file may have changed.
    pub rescan: bool,
}
