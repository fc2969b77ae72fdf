//! Signals as a queue: they are blocked, so that none is lost or acted upon before
//! it is read.

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
