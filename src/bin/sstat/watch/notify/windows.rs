//! Windows: ReadDirectoryChangesW, by the crate notify, and a thread that waits for each
//! process. A write through a handle that stays open may be notified late, so the
//! caller polls as well.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::SystemTime;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use winsafe::{HPROCESS, co};

use super::ChangeSet;
use crate::watch::poller::Waker;

/// The maximum number of threads. The caller polls the other processes.
const MAX_THREADS: usize = 64;

const STACK_BYTES: usize = 64 * 1024;

/// The file notifications of the directories.
pub struct DirWatcher {
    /// `None` if the caller only polls.
    watcher: Option<RecommendedWatcher>,
    events: Receiver<notify::Result<Event>>,
    /// Each with the time when it was created; `None` while it is missing.
    directories: Vec<(PathBuf, Option<SystemTime>)>,
}

impl DirWatcher {
    /// Starts to listen, unless `poll` is true.
    pub fn new(directories: Vec<PathBuf>, poll: bool, waker: &Waker) -> Self {
        let (sender, events) = channel();
        let waker = waker.clone();
        let notify = move |event| {
            if sender.send(event).is_ok() {
                waker.wake();
            }
        };
        let mut watcher = Self {
            watcher: notify::recommended_watcher(notify).ok().filter(|_| !poll),
            events,
            directories: directories.into_iter().map(|path| (path, None)).collect(),
        };
        watcher.follow_path();
        watcher
    }

    pub fn needs_polling(&self) -> bool {
        true
    }

    /// Listens to the directories that the paths name now.
    pub fn follow_path(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for (path, created) in &mut self.directories {
            let metadata = path.metadata();
            let current = metadata.and_then(|metadata| metadata.created()).ok();
            if current != *created {
                let _ = watcher.unwatch(path);
                let watched = watcher.watch(path, RecursiveMode::NonRecursive);
                *created = current.filter(|_| watched.is_ok());
            }
        }
    }

    /// Returns the changes since the last call.
    pub fn changes(&mut self) -> ChangeSet {
        let mut changes = ChangeSet::default();
        for event in self.events.try_iter() {
            // An error means that notifications were lost.
            changes.rescan |= event.as_ref().map_or(true, Event::need_rescan);
            let paths = event.map(|event| event.paths).unwrap_or_default();
            for changed in paths.iter().filter_map(|path| self.session_of(path)) {
                if !changes.changed.contains(&changed) {
                    changes.changed.push(changed);
                }
            }
        }
        changes
    }

    fn session_of(&self, path: &Path) -> Option<(usize, String)> {
        let mut directories = self.directories.iter();
        let index = directories.position(|(directory, _)| path.parent() == Some(directory))?;
        Some((index, sstat::session_of_file(path.file_name()?)?))
    }
}

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
