//! Windows: ReadDirectoryChangesW, by the crate notify. A write through a handle that
//! stays open may be notified late, so the caller polls as well.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::SystemTime;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::ChangeSet;
use crate::watch::poller::Waker;

/// The file notifications of the directories.
pub struct DirWatcher {
    /// `None` if the caller only polls.
    watcher: Option<RecommendedWatcher>,
    events: Receiver<notify::Result<Event>>,
    directories: Vec<Watched>,
}

struct Watched {
    path: PathBuf,
    /// When the watched directory was created; `None` while it is missing.
    created: Option<SystemTime>,
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
        let watched = |path| Watched {
            path,
            created: None,
        };
        let mut watcher = Self {
            watcher: notify::recommended_watcher(notify).ok().filter(|_| !poll),
            events,
            directories: directories.into_iter().map(watched).collect(),
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
        for Watched { path, created } in &mut self.directories {
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
        let directories = &mut self.directories.iter();
        let index = directories.position(|directory| path.parent() == Some(&directory.path))?;
        Some((index, sstat::session_of_file(path.file_name()?)?))
    }
}
