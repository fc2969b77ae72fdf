//! Linux: process file descriptors (pidfd_open(2)).

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{Timespec, epoll};
use rustix::process::{Pid, PidfdFlags, Resource, getrlimit, pidfd_open};

use crate::watch::poller::Waker;

/// The maximum number of descriptors for processes. At most half of the
/// descriptors that sstat may open are used.
const MAX_PIDFDS: u64 = 4096;

/// Watches a process until it is dropped.
pub type ExitWatch = OwnedFd;

pub struct Exits {
    /// Readable when a watched process has ended. `None` without epoll(7).
    epoll: Option<OwnedFd>,
    max_pidfds: u64,
}

impl Exits {
    pub fn new(_waker: &Waker) -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).ok(),
            max_pidfds: (limit / 2).min(MAX_PIDFDS),
        }
    }

    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.epoll.as_ref().map(AsFd::as_fd)
    }

    /// Watches a process if the system can and a descriptor is left.
    pub fn watch(&self, pid: u32, watched: usize) -> Option<ExitWatch> {
        let epoll = self.epoll.as_ref()?;
        if watched as u64 >= self.max_pidfds {
            return None;
        }
        let raw = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let pidfd = pidfd_open(raw, PidfdFlags::empty()).ok()?;
        let data = epoll::EventData::new_u64(u64::from(pid));
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        epoll::add(epoll, &pidfd, data, flags).ok()?;
        Some(pidfd)
    }

    /// Returns the pids of processes that have ended, each once.
    pub fn take_ended(&self) -> HashSet<u32> {
        let mut pids = HashSet::new();
        let Some(epoll) = &self.epoll else {
            return pids;
        };
        let mut ready = Vec::with_capacity(64);
        loop {
            ready.clear();
            let spare = rustix::buffer::spare_capacity(&mut ready);
            let waited = epoll::wait(epoll, spare, Some(&Timespec::default()));
            if waited.is_err() || ready.is_empty() {
                return pids;
            }
            pids.extend(ready.iter().filter_map(|event| {
                let data = event.data;
                u32::try_from(data.u64()).ok()
            }));
        }
    }
}
