//! Follows the histories of several sessions, and of sessions that appear later.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use sstat::{FileWarning, FileWarningKind, Follower, History, Query, Store, Update};

use super::MAX_RESCAN_INTERVAL;
use super::READ_BYTES;
use super::notify::DirWatcher;
use super::poller::Poller;
use crate::directories::{Directories, qualify};
use crate::select::Names;

/// The interval between polls of all files if there are no notifications.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

pub struct HistoryFollower {
    directories: Directories,
    query: Query,
    /// Selects the sessions that are followed once they appear.
    joins: Option<Names>,
    followers: Vec<Followed>,
    /// The indexes of the followers by name, one for each directory with a session
    /// of this name.
    indexes: HashMap<String, Vec<usize>>,
    /// The indexes of the followers whose files are to be read.
    pending: Vec<usize>,
    warnings: Vec<FileWarning>,
    directory: DirWatcher,
    poller: Poller,
    next_rescan: Instant,
}

struct Followed {
    follower: Follower,
    store: Store,
    /// The file was reported as unreadable.
    is_unreadable: bool,
}

impl HistoryFollower {
    /// Returns a follower of no session. It listens for changes from now on.
    ///
    /// # Errors
    /// If no pipe can be created.
    pub fn new(directories: Directories, query: Query, joins: Option<Names>) -> io::Result<Self> {
        #[cfg_attr(not(unix), allow(unused_mut))]
        let mut poller = Poller::new()?;
        #[cfg(unix)]
        poller.wake_on_close(std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?);
        Ok(Self {
            directory: DirWatcher::new(directories.paths(), false, &poller.waker()),
            directories,
            query,
            joins,
            followers: Vec::new(),
            indexes: HashMap::new(),
            pending: Vec::new(),
            warnings: Vec::new(),
            poller,
            next_rescan: Instant::now(),
        })
    }

    /// Follows a session of a store from the end of its history.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn add(&mut self, store: &Store, history: History) -> sstat::Result<()> {
        self.join(store.clone(), history.into_follower()?);
        Ok(())
    }

    fn join(&mut self, store: Store, mut follower: Follower) {
        if self.followers.len() >= Follower::MAX_OPEN {
            follower.close_between_reads();
        }
        let indexes = self.indexes.entry(follower.name().to_owned()).or_default();
        indexes.push(self.followers.len());
        self.followers.push(Followed {
            follower,
            store,
            is_unreadable: false,
        });
    }

    /// Waits until a session may have new updates. Returns false if stdout has been
    /// closed.
    ///
    /// # Errors
    /// If poll(2) fails.
    pub fn wait(&mut self) -> io::Result<bool> {
        let pause = match self.pending.is_empty() {
            true => self.next_rescan.saturating_duration_since(Instant::now()),
            false => Duration::ZERO,
        };
        self.poller.sleep(
            #[cfg(unix)]
            [self.directory.as_fd(), None],
            pause,
        )?;
        let changes = self.directory.changes();
        for (directory, name) in changes.changed {
            let store = self.directories.store(directory).clone();
            self.note_change(&store, &name);
        }
        if changes.rescan || self.next_rescan <= Instant::now() {
            self.rescan();
        }
        Ok(!self.poller.output_closed())
    }

    fn note_change(&mut self, store: &Store, name: &str) {
        let project = store.directory().project();
        if self.index_of(store, name).is_none()
            && self
                .joins
                .as_ref()
                .is_some_and(|joins| joins.want(project, name))
            && let Ok(follower) = store.follow(name)
        {
            self.join(store.clone(), follower);
        }
        self.pending.extend(self.index_of(store, name));
    }

    fn index_of(&self, store: &Store, name: &str) -> Option<usize> {
        let indexes = self.indexes.get(name)?.iter().copied();
        let mut indexes = indexes.filter(|&index| self.followers[index].store == *store);
        indexes.next()
    }

    /// Finds new sessions, and the files that have changed since the last read.
    fn rescan(&mut self) {
        let interval = match self.directory.needs_polling() {
            true => POLL_INTERVAL,
            false => MAX_RESCAN_INTERVAL,
        };
        self.next_rescan = Instant::now() + interval;
        self.directory.follow_path();
        if self.joins.is_some() {
            for store in self.directories.clone().stores() {
                let mut names = store.names().unwrap_or_default();
                names.retain(|name| self.index_of(store, name).is_none());
                names.iter().for_each(|name| self.note_change(store, name));
            }
        }
        let followers = self.followers.iter().enumerate();
        let changed = followers.filter(|(_, followed)| !followed.follower.is_unchanged());
        self.pending.extend(changed.map(|(index, _)| index));
    }

    /// Calls `each` with the selected updates that are new and their stored lines,
    /// those of each session oldest first. A name that occurs twice is qualified.
    ///
    /// # Errors
    /// The error of `each`. If a file cannot be read, that is a
    /// [warning](Self::take_warnings).
    pub fn read_some<E>(
        &mut self,
        mut each: impl FnMut(&[u8], &Update) -> Result<(), E>,
    ) -> Result<(), E> {
        for index in std::mem::take(&mut self.pending) {
            let Followed {
                follower,
                store,
                is_unreadable,
            } = &mut self.followers[index];
            let mut new = match follower.read_new(READ_BYTES) {
                Ok(new) => new,
                Err(error) => {
                    if !std::mem::replace(is_unreadable, true) {
                        let kind = FileWarningKind::Unreadable(error);
                        self.warnings.push(follower.warning(kind));
                    }
                    continue;
                }
            };
            let is_unique = self.indexes[follower.name()].len() == 1;
            for (line, update) in &mut new.updates {
                if !is_unique {
                    update.session = qualify(store, std::mem::take(&mut update.session));
                }
                if self.query.matches(update) {
                    each(line, update)?;
                }
            }
            if new.bad.count > 0 {
                let kind = FileWarningKind::BadLines(new.bad);
                self.warnings.push(follower.warning(kind));
            }
            if new.more {
                self.pending.push(index);
            }
        }
        Ok(())
    }

    /// Returns the warnings since the last call. An unreadable file is reported
    /// once.
    pub fn take_warnings(&mut self) -> Vec<FileWarning> {
        std::mem::take(&mut self.warnings)
    }
}
