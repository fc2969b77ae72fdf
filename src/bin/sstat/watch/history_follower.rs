//! Follows the histories of several sessions, and of sessions that appear later.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use sstat::{FileWarning, FileWarningKind, Follower, History, Query, Store, Update};

use super::MAX_RESCAN_INTERVAL;
use super::READ_BYTES;
use super::notify::DirWatcher;
use super::poller::Poller;
use crate::directories::{Directories, qualify, split};
use crate::select::Names;

/// The interval between polls of all files if there are no notifications.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

pub struct HistoryFollower {
    directories: Directories,
    query: Query,
    /// Selects the sessions that are followed once they appear.
    joins: Option<Names>,
    /// By qualified name.
    followed: BTreeMap<String, Followed>,
    /// The sessions whose files are to be read.
    pending: Vec<String>,
    warnings: Vec<FileWarning>,
    directory: DirWatcher,
    poller: Poller,
    next_rescan: Instant,
}

struct Followed {
    follower: Follower,
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
            followed: BTreeMap::new(),
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
        self.join(store, history.into_follower()?);
        Ok(())
    }

    fn join(&mut self, store: &Store, mut follower: Follower) {
        if self.followed.len() >= Follower::MAX_OPEN {
            follower.close_between_reads();
        }
        let name = qualify(store, follower.name().to_owned());
        let followed = Followed {
            follower,
            is_unreadable: false,
        };
        self.followed.insert(name, followed);
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
        let qualified = qualify(store, name.to_owned());
        if !self.followed.contains_key(&qualified)
            && (self.joins.as_ref()).is_some_and(|joins| joins.want(project, name))
            && let Ok(follower) = store.follow(name)
        {
            self.join(store, follower);
        }
        if self.followed.contains_key(&qualified) {
            self.pending.push(qualified);
        }
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
                names.retain(|name| !self.followed.contains_key(&qualify(store, name.clone())));
                names.iter().for_each(|name| self.note_change(store, name));
            }
        }
        let followed = self.followed.iter();
        let changed = followed.filter(|(_, followed)| !followed.follower.is_unchanged());
        self.pending.extend(changed.map(|(name, _)| name.clone()));
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
        for name in std::mem::take(&mut self.pending) {
            let is_followed = |store| {
                let namesake = qualify(store, split(&name).1.to_owned());
                self.followed.contains_key(&namesake)
            };
            let has_namesake = self
                .directories
                .stores()
                .filter(|store| is_followed(store))
                .count()
                > 1;
            let Some(followed) = self.followed.get_mut(&name) else {
                continue;
            };
            let follower = &mut followed.follower;
            let mut new = match follower.read_new(READ_BYTES) {
                Ok(new) => new,
                Err(error) => {
                    if !std::mem::replace(&mut followed.is_unreadable, true) {
                        let kind = FileWarningKind::Unreadable(error);
                        self.warnings.push(follower.warning(kind));
                    }
                    continue;
                }
            };
            for (line, update) in &mut new.updates {
                if has_namesake {
                    update.session.clone_from(&name);
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
                self.pending.push(name);
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
