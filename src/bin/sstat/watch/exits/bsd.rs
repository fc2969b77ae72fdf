//! macOS and the BSDs: kqueue(2).

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};

use nix::libc::timespec;
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};

use crate::watch::poller::Waker;

/// A process that is watched until it ends. Dropping this does not end it: another
/// session can have the same process.
pub struct ExitWatch;

pub struct Exits(Option<Kqueue>);

impl Exits {
    pub fn new(_waker: &Waker) -> Self {
        Self(Kqueue::new().ok())
    }

    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(AsFd::as_fd)
    }

    pub fn watch(&self, pid: u32, _watched: usize) -> Option<ExitWatch> {
        let flags = EvFlags::EV_ADD | EvFlags::EV_ONESHOT;
        let exit = FilterFlag::NOTE_EXIT;
        let pid = usize::try_from(pid).ok()?;
        let event = KEvent::new(pid, EventFilter::EVFILT_PROC, flags, exit, 0, 0);
        self.0.as_ref()?.kevent(&[event], &mut [], None).ok()?;
        Some(ExitWatch)
    }

    /// Returns the pids of processes that have ended, each once.
    pub fn take_ended(&self) -> HashSet<u32> {
        let events = self.0.iter().flat_map(take_events);
        let pids = events.filter_map(|event| u32::try_from(event.ident()).ok());
        pids.collect()
    }
}

/// Returns the events that have occurred.
pub fn take_events(kqueue: &Kqueue) -> Vec<KEvent> {
    const NONE: EvFlags = EvFlags::empty();
    let unused = KEvent::new(0, EventFilter::EVFILT_READ, NONE, FilterFlag::empty(), 0, 0);
    let no_wait = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut events = Vec::new();
    loop {
        let mut buffer = [unused; 64];
        let count = kqueue.kevent(&[], &mut buffer, Some(no_wait)).unwrap_or(0);
        events.extend_from_slice(&buffer[..count]);
        if count < buffer.len() {
            return events;
        }
    }
}
