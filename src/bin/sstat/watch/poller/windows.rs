//! Windows: the waker unparks the sleeping thread.

use std::io;
use std::thread::{self, Thread};
use std::time::Duration;

/// The sleeping thread.
pub struct Poller(Thread);

/// Ends the sleep from another thread.
#[derive(Clone)]
pub struct Waker(Thread);

impl Waker {
    /// Ends the current sleep, or else the next one.
    pub fn wake(&self) {
        self.0.unpark();
    }
}

impl Poller {
    pub fn new() -> io::Result<Self> {
        Ok(Self(thread::current()))
    }

    pub fn waker(&self) -> Waker {
        Waker(self.0.clone())
    }

    /// Returns false: a closed output is not detected on this platform.
    pub fn output_closed(&self) -> bool {
        false
    }

    /// Sleeps until woken, but at most `limit`. Returns false in both cases.
    pub fn sleep(&mut self, limit: Duration) -> io::Result<bool> {
        thread::park_timeout(limit);
        Ok(false)
    }
}
