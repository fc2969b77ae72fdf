//! With a thread that calls sigwait(3).

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use nix::sys::signal::{SigSet, SigmaskHow, Signal as Named};
use rustix::process::Signal;
use signal_hook::consts::SIGCHLD;

/// The blocked signals of this process and of the threads that it starts.
pub struct Signals {
    /// `None` if the thread could not be started. Then no signal is blocked.
    queue: Option<UnixStream>,
    /// The signals that the caller of sstat has blocked.
    pub original_mask: SigSet,
}

impl Signals {
    /// Blocks all signals that have a name.
    pub fn block() -> Self {
        let named: SigSet = Named::iterator().collect();
        let original_mask = named.thread_swap_mask(SigmaskHow::SIG_BLOCK);
        let original_mask = original_mask.unwrap_or_else(|_| SigSet::empty());
        let queue = wait_in_thread(named).ok();
        if queue.is_none() {
            let _ = original_mask.thread_set_mask();
        }
        Self {
            queue,
            original_mask,
        }
    }

    /// Returns the signals that have arrived since the last call, without
    /// SIGCHLD.
    pub fn received(&self) -> Vec<i32> {
        let mut bytes = [0; 64];
        let queue = self.queue.as_ref();
        let count = queue.map_or(0, |mut queue| queue.read(&mut bytes).unwrap_or(0));
        let signals = bytes[..count].iter().copied().map(i32::from);
        signals.filter(|&signal| signal != SIGCHLD).collect()
    }

    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.queue.as_ref().map(AsFd::as_fd)
    }
}

/// Starts a thread that waits for blocked signals. Returns a stream of their
/// numbers, a byte each.
fn wait_in_thread(signals: SigSet) -> io::Result<UnixStream> {
    let (queue, mut sender) = UnixStream::pair()?;
    queue.set_nonblocking(true)?;
    // Without a handler, the system drops signals that are ignored by default,
    // although they are blocked.
    let ignored_by_default = ["SIGINFO", "SIGIO", "SIGURG", "SIGWINCH"];
    for signal in &signals {
        if ignored_by_default.contains(&signal.as_str()) {
            signal_hook::flag::register(signal as i32, Arc::<AtomicBool>::default())?;
        }
    }
    thread::Builder::new().spawn(move || {
        while let Ok(signal) = signals.wait() {
            if sender.write_all(&[signal as u8]).is_err() {
                break;
            }
        }
    })?;
    Ok(queue)
}

/// Returns a signal that can be sent.
pub fn to_signal(signal: i32) -> Option<Signal> {
    Signal::from_named_raw(signal)
}
