//! Tells whether the processes of sessions are running, and notifies their ends.
//!
//! On Linux, a process file descriptor notifies the end. On other systems, and if
//! there are more processes than descriptors, the caller polls.

use sstat::{HostIdentity, ProcessIdentity, ProcessState};

use self::exit_notifier::ExitNotifier;

/// The pid and start time of a process.
type Key = (u32, u64);

pub struct Processes {
    host: Option<HostIdentity>,
    exits: ExitNotifier,
    needs_polling: bool,
}

impl Processes {
    pub fn new() -> Self {
        Self {
            host: HostIdentity::current(),
            exits: ExitNotifier::new(),
            needs_polling: false,
        }
    }

    /// Returns whether a process is running, and watches it if it is.
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
        self.exits.watch(key(process));
        let state = self.check(process);
        if state.is_alive() {
            self.needs_polling |= !self.is_watched(process);
        } else {
            self.exits.forget(key(process));
        }
        state
    }

    /// Returns whether a process is running.
    pub fn check(&self, process: &ProcessIdentity) -> ProcessState {
        process.state(self.host.as_ref())
    }

    /// Returns true if the end of the process will be notified.
    pub fn is_watched(&self, process: &ProcessIdentity) -> bool {
        self.exits.contains(key(process))
    }

    /// Returns true if a process may be running whose end will not be notified.
    pub fn needs_polling(&self) -> bool {
        self.needs_polling
    }

    /// Returns the pids of watched processes that have ended, and stops watching
    /// them.
    pub fn take_ended(&mut self) -> Vec<u32> {
        self.exits.take_ended()
    }

    /// Stops watching all other processes.
    pub fn retain<'a>(&mut self, needed: impl Iterator<Item = &'a ProcessIdentity>) {
        let needed = needed.map(key).collect();
        self.exits.retain(&needed);
        self.needs_polling = needed.iter().any(|&key| !self.exits.contains(key));
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
mod exit_notifier {
    use std::collections::{HashMap, HashSet};
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::event::{Timespec, epoll};
    use rustix::process::{Pid, PidfdFlags, Resource, getrlimit, pidfd_open};

    use super::Key;

    /// The maximum number of descriptors for processes. At most half of the
    /// descriptors that sstat may open are used.
    const MAX_DESCRIPTORS: u64 = 4096;

    pub struct ExitNotifier {
        /// Readable when one of `pidfds` is. `None` if the system has no epoll.
        epoll: Option<OwnedFd>,
        pidfds: HashMap<Key, OwnedFd>,
        max_pidfds: u64,
    }

    impl ExitNotifier {
        pub fn new() -> Self {
            let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
            Self {
                epoll: epoll::create(epoll::CreateFlags::CLOEXEC).ok(),
                pidfds: HashMap::new(),
                max_pidfds: (limit / 2).min(MAX_DESCRIPTORS),
            }
        }

        pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
            self.epoll.as_ref().map(AsFd::as_fd)
        }

        pub fn contains(&self, key: Key) -> bool {
            self.pidfds.contains_key(&key)
        }

        /// Watches a process if the system can and a descriptor is left.
        pub fn watch(&mut self, key: Key) {
            let Some(epoll) = &self.epoll else { return };
            if self.pidfds.len() as u64 >= self.max_pidfds {
                return;
            }
            let pid = i32::try_from(key.0).ok().and_then(Pid::from_raw);
            let pidfd = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty()));
            let Some(Ok(pidfd)) = pidfd else { return };
            let data = epoll::EventData::new_u64(u64::from(key.0));
            if epoll::add(epoll, &pidfd, data, epoll::EventFlags::IN).is_ok() {
                self.pidfds.insert(key, pidfd);
            }
        }

        pub fn take_ended(&mut self) -> Vec<u32> {
            let mut pids = HashSet::new();
            let Some(epoll) = &self.epoll else {
                return Vec::new();
            };
            let mut ready = Vec::with_capacity(64);
            loop {
                ready.clear();
                let spare = rustix::buffer::spare_capacity(&mut ready);
                let waited = epoll::wait(epoll, spare, Some(&Timespec::default()));
                if waited.is_err() || ready.is_empty() {
                    return pids.into_iter().collect();
                }
                for event in &ready {
                    let data = event.data;
                    pids.extend(u32::try_from(data.u64()));
                }
                // Closing a descriptor removes it from the epoll set.
                self.pidfds.retain(|(pid, _), _| !pids.contains(pid));
            }
        }

        pub fn forget(&mut self, key: Key) {
            self.pidfds.remove(&key);
        }

        pub fn retain(&mut self, needed: &HashSet<Key>) {
            self.pidfds.retain(|key, _| needed.contains(key));
        }
    }
}

/// Watches no process: other systems have no process file descriptors.
#[cfg(not(target_os = "linux"))]
mod exit_notifier {
    use std::collections::HashSet;

    use super::Key;

    pub struct ExitNotifier;

    impl ExitNotifier {
        pub fn new() -> Self {
            Self
        }

        #[cfg(unix)]
        pub fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
            None
        }

        pub fn contains(&self, _key: Key) -> bool {
            false
        }

        pub fn watch(&mut self, _key: Key) {}

        pub fn take_ended(&mut self) -> Vec<u32> {
            Vec::new()
        }

        pub fn forget(&mut self, _key: Key) {}

        pub fn retain(&mut self, _needed: &HashSet<Key>) {}
    }
}
