//! Notifies the ends of processes.

#[cfg_attr(all(target_os = "linux", not(sstat_portable)), path = "exits/linux.rs")]
#[cfg_attr(windows, path = "exits/windows.rs")]
#[cfg_attr(
    not(any(all(target_os = "linux", not(sstat_portable)), windows)),
    path = "exits/portable.rs"
)]
mod platform;

pub use self::platform::{ExitWatch, Exits};
