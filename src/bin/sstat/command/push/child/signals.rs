//! Blocks signals and reads them from a queue, so that none is lost or acts on sstat.

#[cfg_attr(
    all(target_os = "linux", not(sstat_portable)),
    path = "signals/linux.rs"
)]
#[cfg_attr(
    not(all(target_os = "linux", not(sstat_portable))),
    path = "signals/portable.rs"
)]
mod platform;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGCHLD;

pub use platform::{Signals, to_signal};

/// Stops ignoring SIGCHLD. While a process ignores it, the system drops the exit status
/// of its children.
pub fn expect_children() {
    let _ = signal_hook::flag::register(SIGCHLD, Arc::<AtomicBool>::default());
}
