//! Systems without notifications: the caller polls.

use std::collections::HashSet;
use std::path::PathBuf;

use super::ChangeSet;
use crate::watch::poller::Waker;

pub struct DirWatcher;

impl DirWatcher {
    pub fn new(_directories: Vec<PathBuf>, _poll: bool, _waker: &Waker) -> Self {
        Self
    }

    pub fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }

    pub fn needs_polling(&self) -> bool {
        true
    }

    pub fn follow_path(&mut self) {}

    pub fn changes(&mut self) -> ChangeSet {
        ChangeSet::default()
    }
}

pub enum ExitWatch {}

pub struct Exits;

impl Exits {
    pub fn new(_waker: &Waker) -> Self {
        Self
    }

    pub fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }

    pub fn watch(&self, _pid: u32, _watched: usize) -> Option<ExitWatch> {
        None
    }

    pub fn take_ended(&self) -> HashSet<u32> {
        HashSet::new()
    }
}
