//! Sleeps until a descriptor is readable, another thread wakes the sleeper, the
//! output is closed or the time is over.

#[cfg_attr(unix, path = "poller/unix.rs")]
#[cfg_attr(windows, path = "poller/windows.rs")]
mod platform;

pub use self::platform::{Poller, Waker};
