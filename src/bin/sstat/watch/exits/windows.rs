//! Windows: a thread waits for each process.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use winsafe::{HPROCESS, co};

use crate::watch::poller::Waker;

/// The maximum number of threads. The caller polls the other processes.
const MAX_THREADS: usize = 64;

const STACK_BYTES: usize = 64 * 1024;

/// A watched process. Its thread waits until the process ends.
pub struct ExitWatch;

pub struct Exits {
    waker: Waker,
    ended: Receiver<u32>,
    sender: Sender<u32>,
}

impl Exits {
    pub fn new(waker: &Waker) -> Self {
        let (sender, ended) = channel();
        Self {
            waker: waker.clone(),
            ended,
            sender,
        }
    }

    /// Watches a process if the system lets this user wait for it.
    pub fn watch(&self, pid: u32, watched: usize) -> Option<ExitWatch> {
        if watched >= MAX_THREADS {
            return None;
        }
        let process = HPROCESS::OpenProcess(co::PROCESS::SYNCHRONIZE, false, pid).ok()?;
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let wait = move || {
            if process.WaitForSingleObject(None).is_ok() && sender.send(pid).is_ok() {
                waker.wake();
            }
        };
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(wait);
        thread.is_ok().then_some(ExitWatch)
    }

    /// Returns the pids of processes that have ended.
    pub fn take_ended(&self) -> HashSet<u32> {
        self.ended.try_iter().collect()
    }
}
