//! Tells whether the processes of sessions are running, and notifies their ends.
//!
//! On Linux, a process file descriptor notifies the end. On other systems, and if
//! there are more processes than descriptors, the caller polls, as it does for stops.

use std::collections::{HashMap, HashSet};

use sstat::{HostIdentity, ProcessIdentity, ProcessState};

use self::exits::{Exits, PidFd};

/// The pid and start time of a process.
type Key = (u32, u64);

pub struct Processes {
    host: Option<HostIdentity>,
    exits: Exits,
    watched: HashMap<Key, PidFd>,
    /// Whether the end of a process may not be notified.
    has_unwatched: bool,
}

impl Processes {
    pub fn new() -> Self {
        Self {
            host: HostIdentity::current(),
            exits: Exits::new(),
            watched: HashMap::new(),
            has_unwatched: false,
        }
    }

    /// Returns the state of a process, and watches it if it is alive.
    pub fn state(&mut self, process: Option<&ProcessIdentity>) -> ProcessState {
        let Some(process) = process else {
            return ProcessState::Unknown;
        };
        if self.is_watched(process) {
            let state = self.check(process);
            // Its end is reported by the notification.
            return if state.is_alive() {
                state
            } else {
                ProcessState::Running
            };
        }
        // The descriptor is opened first: if the process is still running after
        // that, the descriptor does not belong to a later one with the same pid.
        let pidfd = self.exits.watch(process.pid, self.watched.len());
        let state = self.check(process);
        if state.is_alive() {
            match pidfd {
                Some(pidfd) => drop(self.watched.insert(key(process), pidfd)),
                None => self.has_unwatched = true,
            }
        }
        state
    }

    /// Returns the state of a process.
    pub fn check(&self, process: &ProcessIdentity) -> ProcessState {
        process.state(self.host.as_ref())
    }

    /// Returns true if the end of the process will be notified.
    pub fn is_watched(&self, process: &ProcessIdentity) -> bool {
        self.watched.contains_key(&key(process))
    }

    /// Returns true if no process is known to be alive.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty() && !self.has_unwatched
    }

    /// Returns the pids of watched processes that have ended, and stops watching
    /// them.
    pub fn take_ended(&mut self) -> HashSet<u32> {
        let ended = self.exits.take_ended();
        if !ended.is_empty() {
            self.watched.retain(|(pid, _), _| !ended.contains(pid));
        }
        ended
    }

    /// Stops watching all other processes.
    pub fn retain<'a>(&mut self, needed: impl Iterator<Item = &'a ProcessIdentity>) {
        let needed: HashSet<Key> = needed.map(key).collect();
        self.watched.retain(|key, _| needed.contains(key));
        self.has_unwatched = self.watched.len() < needed.len();
    }

    /// Returns a descriptor that is readable when a watched process has ended.
    #[cfg(unix)]
    pub fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.exits.as_fd()
    }
}

fn key(process: &ProcessIdentity) -> Key {
    (process.pid, process.start_time)
}

#[cfg(target_os = "linux")]
mod exits {
    use std::collections::HashSet;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::event::{Timespec, epoll};
    use rustix::process::{Pid, PidfdFlags, Resource, getrlimit, pidfd_open};

    /// The maximum number of descriptors for processes. At most half of the
    /// descriptors that sstat may open are used.
    const MAX_PIDFDS: u64 = 4096;

    /// Watches a process until it is dropped.
    pub type PidFd = OwnedFd;

    pub struct Exits {
        /// Readable when a watched process has ended. `None` without epoll(7).
        epoll: Option<OwnedFd>,
        max_pidfds: u64,
    }

    impl Exits {
        pub fn new() -> Self {
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
        pub fn watch(&self, pid: u32, watched: usize) -> Option<PidFd> {
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
}

#[cfg(not(target_os = "linux"))]
mod exits {
    use std::collections::HashSet;

    pub enum PidFd {}

    /// Watches no process: other systems have no process file descriptors.
    pub struct Exits;

    impl Exits {
        pub fn new() -> Self {
            Self
        }

        #[cfg(unix)]
        pub fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
            None
        }

        pub fn watch(&self, _pid: u32, _watched: usize) -> Option<PidFd> {
            None
        }

        pub fn take_ended(&self) -> HashSet<u32> {
            HashSet::new()
        }
    }
}
