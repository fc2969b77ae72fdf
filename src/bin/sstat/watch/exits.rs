//! Notifies the ends of processes.

#[cfg_attr(all(target_os = "linux", not(sstat_portable)), path = "exits/linux.rs")]
#[cfg_attr(
    any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    ),
    path = "exits/bsd.rs"
)]
#[cfg_attr(windows, path = "exits/windows.rs")]
#[cfg_attr(
    not(any(
        all(target_os = "linux", not(sstat_portable)),
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        windows
    )),
    path = "exits/portable.rs"
)]
mod platform;

#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
))]
pub use self::platform::take_events;
pub use self::platform::{ExitWatch, Exits};
