//! With signalfd(2).

use std::os::fd::{AsFd, BorrowedFd};

use nix::libc::{SI_USER, SIGCHLD};
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::process::Signal;
use rustix_libc_wrappers::process::SignalExt;

/// The blocked signals of this process and of the threads that it starts.
pub struct Signals {
    /// `None` if no file descriptor was left. Then no signal is blocked.
    queue: Option<SignalFd>,
    /// The signals that the caller of sstat has blocked.
    pub original_mask: SigSet,
}

impl Signals {
    /// Blocks all signals.
    pub fn block() -> Self {
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let queue = SignalFd::with_flags(&SigSet::all(), flags).ok();
        let blocked = queue.as_ref().map_or_else(SigSet::empty, |_| SigSet::all());
        let original_mask = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK);
        Self {
            queue,
            original_mask: original_mask.unwrap_or_else(|_| SigSet::empty()),
        }
    }

    /// Returns the signals that have arrived since the last call, except those
    /// that this process or the end of a child has caused.
    pub fn received(&self) -> Vec<i32> {
        let next = || self.queue.as_ref()?.read_signal().ok().flatten();
        std::iter::from_fn(next)
            .filter(|signal| {
                let is_own = signal.ssi_pid == std::process::id();
                let is_of_child = signal.ssi_signo == SIGCHLD as u32 && signal.ssi_code > SI_USER;
                !is_own && !is_of_child
            })
            .map(|signal| signal.ssi_signo as i32)
            .collect()
    }

    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.queue.as_ref().map(AsFd::as_fd)
    }
}

/// Returns a signal that can be sent, real-time signals included.
pub fn to_signal(signal: i32) -> Option<Signal> {
    Signal::from_raw(signal)
}
