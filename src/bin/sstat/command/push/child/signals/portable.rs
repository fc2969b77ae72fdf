//! With a thread that calls sigwait(3).

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use nix::sys::signal::{SigSet, SigmaskHow, Signal as Named, kill};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use signal_hook::consts::SIGCHLD;

/// A signal that this process sends to itself: the thread has written the signals that
/// arrived before it. sigwait(3) takes the signal with the lowest number first.
const MARK: Named = Named::SIGPROF;

/// How long the thread may take to write [`MARK`].
const MARK_TIMEOUT: Option<&Timespec> = Some(&Timespec {
    tv_sec: 1,
    tv_nsec: 0,
});

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
    /// SIGCHLD and [`MARK`].
    pub fn received(&self) -> Vec<i32> {
        let Some(queue) = &self.queue else {
            return Vec::new();
        };
        let mut signals = Vec::new();
        // A mark that came too late the last time is not the one of this call.
        read(queue, &mut signals);
        let _ = kill(Pid::this(), MARK);
        let is_readable = || poll(&mut [PollFd::new(queue, PollFlags::IN)], MARK_TIMEOUT) == Ok(1);
        while is_readable() && !read(queue, &mut signals) {}
        signals.retain(|signal| ![SIGCHLD, MARK as i32].contains(signal));
        signals
    }

    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.queue.as_ref().map(AsFd::as_fd)
    }
}

/// Adds the signals that can be read. Returns true if [`MARK`] is one of them.
fn read(mut queue: &UnixStream, signals: &mut Vec<i32>) -> bool {
    let mut bytes = [0; 64];
    let count = queue.read(&mut bytes).unwrap_or(0);
    signals.extend(bytes[..count].iter().copied().map(i32::from));
    bytes[..count].contains(&(MARK as u8))
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
