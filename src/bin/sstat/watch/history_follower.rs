//! Follows the histories of several sessions, and of sessions that appear later.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use sstat::{FileWarning, FileWarningKind, Follower, History, Query, Store, Update};

use super::MAX_RESCAN_INTERVAL;
use super::READ_BYTES;
use super::dir_watcher::DirWatcher;
use super::poller::Poller;

/// Selects the sessions to follow by their names.
pub type NameFilter = Box<dyn Fn(&str) -> bool>;

/// The interval between polls of all files if there are no notifications.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

pub struct HistoryFollower {
    store: Store,
    query: Query,
    /// Selects the sessions that are followed once they appear.
    joins: Option<NameFilter>,
    followers: Vec<Follower>,
    /// The indexes of the followers, by session.
    indexes: HashMap<String, usize>,
    /// The indexes of the followers whose files are to be read.
    pending: Vec<usize>,
    /// The indexes of the followers whose files were reported as unreadable.
    unreadable: Vec<usize>,
    warnings: Vec<FileWarning>,
    directory: DirWatcher,
    poller: Poller,
    next_rescan: Instant,
}

impl HistoryFollower {
    /// Returns a follower of no session. It listens for changes from now on.
    ///
    /// # Errors
    /// If no pipe can be created.
    pub fn new(store: Store, query: Query, joins: Option<NameFilter>) -> io::Result<Self> {
        #[cfg_attr(not(unix), allow(unused_mut))]
        let mut poller = Poller::new()?;
        #[cfg(unix)]
        poller.wake_on_close(std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?);
        Ok(Self {
            directory: DirWatcher::new(store.path(), false, &poller.waker()),
            store,
            query,
            joins,
            followers: Vec::new(),
            indexes: HashMap::new(),
            pending: Vec::new(),
            unreadable: Vec::new(),
            warnings: Vec::new(),
            poller,
            next_rescan: Instant::now(),
        })
    }

    /// Follows a session from the end of its history.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn add(&mut self, history: History) -> sstat::Result<()> {
        self.join(history.into_follower()?);
        Ok(())
    }

    fn join(&mut self, mut follower: Follower) {
        if self.followers.len() >= Follower::MAX_OPEN {
            follower.close_between_reads();
        }
        let index = self.followers.len();
        self.indexes.insert(follower.name().to_owned(), index);
        self.followers.push(follower);
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
        for name in changes.changed {
            self.note_change(&name);
        }
        if changes.rescan || self.next_rescan <= Instant::now() {
            self.rescan();
        }
        Ok(!self.poller.output_closed())
    }

    fn note_change(&mut self, name: &str) {
        if !self.indexes.contains_key(name)
            && self.joins.as_ref().is_some_and(|joins| joins(name))
            && let Ok(follower) = self.store.follow(name)
        {
            self.join(follower);
        }
        self.pending.extend(self.indexes.get(name));
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
            let mut names = self.store.names().unwrap_or_default();
            names.retain(|name| !self.indexes.contains_key(name));
            names.iter().for_each(|name| self.note_change(name));
        }
        let followers = self.followers.iter().enumerate();
        let changed = followers.filter(|(_, follower)| !follower.is_unchanged());
        self.pending.extend(changed.map(|(index, _)| index));
    }

    /// Calls `each` with the selected updates that are new and their stored lines,
    /// those of each session oldest first.
    ///
    /// # Errors
    /// The error of `each`. If a file cannot be read, that is a
    /// [warning](Self::take_warnings).
    pub fn read_some<E>(
        &mut self,
        mut each: impl FnMut(&[u8], &Update) -> Result<(), E>,
    ) -> Result<(), E> {
        for index in std::mem::take(&mut self.pending) {
            let follower = &mut self.followers[index];
            let new = match follower.read_new(READ_BYTES) {
                Ok(new) => new,
                Err(error) => {
                    if !self.unreadable.contains(&index) {
                        self.unreadable.push(index);
                        let kind = FileWarningKind::Unreadable(error);
                        self.warnings.push(follower.warning(kind));
                    }
                    continue;
                }
            };
            for (line, update) in &new.updates {
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
