//! Windows: threads end the sleep through a channel.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

pub struct Poller {
    wakes: Receiver<()>,
    waker: Waker,
}

/// Ends the sleep from another thread.
#[derive(Clone)]
pub struct Waker(SyncSender<()>);

impl Waker {
    /// Ends the current sleep, or else the next one.
    pub fn wake(&self) {
        let _ = self.0.try_send(());
    }
}

impl Poller {
    pub fn new() -> io::Result<Self> {
        let (waker, wakes) = sync_channel(1);
        Ok(Self {
            wakes,
            waker: Waker(waker),
        })
    }

    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Returns false: the writer of a pipe is not notified that its reader is gone.
    pub fn output_closed(&self) -> bool {
        false
    }

    /// Sleeps at most `limit`. Returns true if a waker has ended the sleep.
    pub fn sleep(&mut self, limit: Duration) -> io::Result<bool> {
        Ok(self.wakes.recv_timeout(limit).is_ok())
    }
}
