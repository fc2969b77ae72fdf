//! Windows: no file notifications yet: the caller polls.

use std::path::PathBuf;

use super::ChangeSet;
use crate::watch::poller::Waker;

pub struct DirWatcher;

impl DirWatcher {
    pub fn new(_directories: Vec<PathBuf>, _poll: bool, _waker: &Waker) -> Self {
        Self
    }

    pub fn needs_polling(&self) -> bool {
        true
    }

    pub fn follow_path(&mut self) {}

    pub fn changes(&mut self) -> ChangeSet {
        ChangeSet::default()
    }
}
