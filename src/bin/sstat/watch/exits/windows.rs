//! Windows: no notifications yet: the caller polls.

use std::collections::HashSet;

use crate::watch::poller::Waker;

/// Watches a process until it is dropped.
pub enum ExitWatch {}

pub struct Exits;

impl Exits {
    pub fn new(_waker: &Waker) -> Self {
        Self
    }

    pub fn watch(&self, _pid: u32, _watched: usize) -> Option<ExitWatch> {
        None
    }

    pub fn take_ended(&self) -> HashSet<u32> {
        HashSet::new()
    }
}
