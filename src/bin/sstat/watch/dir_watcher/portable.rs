//! Systems without file notifications: the caller polls.

use std::path::PathBuf;

use super::ChangeSet;
use crate::watch::poller::Waker;

pub struct DirWatcher;

impl DirWatcher {
    pub fn new(_directories: Vec<PathBuf>, _poll: bool, _waker: &Waker) -> Self {
        Self
    }

    #[cfg(unix)]
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
