//! The processes behind the sessions: whether they run, and a word as soon as
//! one ends.
//!
//! On Linux the kernel tells through a process file descriptor. Where it does
//! not, and for more processes than descriptors may be spent on, somebody has
//! to ask from time to time.

use sstat::{HostIdentity, ProcessIdentity, ProcessState};

use self::exit_notifier::ExitNotifier;

/// A process as it is known on this machine: pid and start time.
type Key = (u32, u64);

/// Processes that are looked at.
pub struct Processes {
    machine: Option<HostIdentity>,
    exit_notifier: Option<ExitNotifier>,
}

impl Processes {
    pub fn new() -> Self {
        Self {
            machine: HostIdentity::current(),
            exit_notifier: ExitNotifier::new(),
        }
    }

    /// Whether a process runs. The end of one that does is told from now on,
    /// where that is possible.
    pub fn state(&mut self, process: Option<&ProcessIdentity>) -> ProcessState {
        let Some(process) = process else {
            return ProcessState::Unknown;
        };
        if self.is_waited_for(process) {
            let state = self.look(process);
            // Its end is reported by the notification.
            return if state.is_alive() {
                state
            } else {
                ProcessState::Running
            };
        }
        // The order matters: a descriptor that was opened before cannot belong
        // to a later process with the same pid if this one still runs.
        self.wait_for(process);
        let state = self.look(process);
        if !state.is_alive() {
            self.forget(process);
        }
        state
    }

    /// Whether a process runs.
    pub fn look(&self, process: &ProcessIdentity) -> ProcessState {
        process.state(self.machine.as_ref())
    }

    /// Whether the end of this process will be told.
    pub fn is_waited_for(&self, process: &ProcessIdentity) -> bool {
        self.exit_notifier
            .as_ref()
            .is_some_and(|exit_notifier| exit_notifier.contains(key(process)))
    }

    /// The pids of the processes waited for that have ended: they are waited
    /// for no more, but should be looked at.
    pub fn ended(&mut self) -> Vec<u32> {
        self.exit_notifier
            .as_mut()
            .map(ExitNotifier::take_ended)
            .unwrap_or_default()
    }

    /// Waits for no process but these any more.
    pub fn retain<'a>(&mut self, needed: impl Iterator<Item = &'a ProcessIdentity>) {
        if let Some(exit_notifier) = &mut self.exit_notifier {
            exit_notifier.retain(&needed.map(key).collect());
        }
    }

    fn wait_for(&mut self, process: &ProcessIdentity) {
        if let Some(exit_notifier) = &mut self.exit_notifier {
            exit_notifier.wait_for(key(process));
        }
    }

    fn forget(&mut self, process: &ProcessIdentity) {
        if let Some(exit_notifier) = &mut self.exit_notifier {
            exit_notifier.forget(key(process));
        }
    }

    /// A descriptor that is readable once one of the processes has ended.
    #[cfg(unix)]
    pub fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.exit_notifier.as_ref().map(ExitNotifier::as_fd)
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

    /// The number of descriptors used for processes, and no more than half of
    /// those that this process may open.
    const MAX_DESCRIPTORS: u64 = 4096;

    /// Process file descriptors, and one that is readable when any of them is.
    pub struct ExitNotifier {
        epoll: OwnedFd,
        pidfds: HashMap<Key, OwnedFd>,
        budget: usize,
    }

    impl ExitNotifier {
        pub fn new() -> Option<Self> {
            let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
            Some(Self {
                epoll: epoll::create(epoll::CreateFlags::CLOEXEC).ok()?,
                pidfds: HashMap::new(),
                budget: usize::try_from((limit / 2).min(MAX_DESCRIPTORS)).ok()?,
            })
        }

        pub fn as_fd(&self) -> BorrowedFd<'_> {
            self.epoll.as_fd()
        }

        pub fn contains(&self, key: Key) -> bool {
            self.pidfds.contains_key(&key)
        }

        /// Does nothing if the system does not tell or the budget is spent.
        pub fn wait_for(&mut self, key: Key) {
            if self.pidfds.len() >= self.budget {
                return;
            }
            let Some(pid) = i32::try_from(key.0).ok().and_then(Pid::from_raw) else {
                return;
            };
            let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else {
                return;
            };
            let data = epoll::EventData::new_u64(u64::from(key.0));
            if epoll::add(&self.epoll, &pidfd, data, epoll::EventFlags::IN).is_ok() {
                self.pidfds.insert(key, pidfd);
            }
        }

        pub fn take_ended(&mut self) -> Vec<u32> {
            let mut pids = HashSet::new();
            let mut ready = Vec::with_capacity(64);
            let at_once = Timespec::default();
            loop {
                ready.clear();
                let spare = rustix::buffer::spare_capacity(&mut ready);
                if epoll::wait(&self.epoll, spare, Some(&at_once)).is_err() || ready.is_empty() {
                    return pids.into_iter().collect();
                }
                for event in &ready {
                    let data = event.data;
                    pids.extend(u32::try_from(data.u64()));
                }
                // Closing the only descriptor takes it out of the epoll set.
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

/// No notices here: somebody has to ask.
#[cfg(not(target_os = "linux"))]
mod exit_notifier {
    use std::collections::HashSet;

    use super::Key;

    pub enum ExitNotifier {}

    impl ExitNotifier {
        pub fn new() -> Option<Self> {
            None
        }

        #[cfg(unix)]
        pub fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            match *self {}
        }

        pub fn contains(&self, _key: Key) -> bool {
            match *self {}
        }

        pub fn wait_for(&mut self, _key: Key) {
            match *self {}
        }

        pub fn take_ended(&mut self) -> Vec<u32> {
            match *self {}
        }

        pub fn forget(&mut self, _key: Key) {
            match *self {}
        }

        pub fn retain(&mut self, _needed: &HashSet<Key>) {
            match *self {}
        }
    }
}
