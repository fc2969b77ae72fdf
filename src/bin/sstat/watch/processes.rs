//! Tells whether the processes of sessions are running, and notifies their ends.
//!
//! If the system does not notify an end, or there are too many processes, the
//! caller polls, as it does for stops.

use std::collections::{HashMap, HashSet};

use sstat::{HostIdentity, ProcessIdentity, ProcessState};

use crate::watch::notify::{ExitWatch, Exits};
use crate::watch::poller::Waker;

/// The pid and start time of a process.
type Key = (u32, u64);

pub struct Processes {
    host: Option<HostIdentity>,
    exits: Exits,
    watched: HashMap<Key, ExitWatch>,
    /// Whether the end of a process may not be notified.
    has_unwatched: bool,
}

impl Processes {
    pub fn new(waker: &Waker) -> Self {
        Self {
            host: HostIdentity::current(),
            exits: Exits::new(waker),
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
        // Watch first: if the process still runs afterwards, the watch cannot belong
        // to a later process with this pid.
        let exit_watch = self.exits.watch(process.pid, self.watched.len());
        let state = self.check(process);
        if state.is_alive() {
            match exit_watch {
                Some(watch) => drop(self.watched.insert(key(process), watch)),
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
            // kqueue(2) notifies an end before it is visible.
            self.has_unwatched = true;
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
