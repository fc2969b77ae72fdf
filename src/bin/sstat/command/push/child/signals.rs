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

pub use platform::{Signals, to_signal};
