//! Follows the histories of several sessions, and of sessions that appear later.

use std::collections::HashSet;

use sstat::{FileWarning, FileWarningKind, Follower, History, Query, Store, Update};

/// Selects the sessions to follow by their names.
pub type NameFilter = Box<dyn Fn(&str) -> bool>;

/// Limits how much of one file is read at a time.
const READ_BYTES: usize = 256 * 1024;

pub struct HistoryFollower {
    store: Store,
    query: Query,
    /// Selects the sessions that are followed once they appear.
    joins: Option<NameFilter>,
    followers: Vec<Follower>,
    names: HashSet<String>,
    /// The names of files that were reported as unreadable.
    unreadable: HashSet<String>,
    warnings: Vec<FileWarning>,
}

impl HistoryFollower {
    /// Returns a follower of no session.
    pub fn new(store: Store, query: Query, joins: Option<NameFilter>) -> Self {
        Self {
            store,
            query,
            joins,
            followers: Vec::new(),
            names: HashSet::new(),
            unreadable: HashSet::new(),
            warnings: Vec::new(),
        }
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
        self.names.insert(follower.name().to_owned());
        self.followers.push(follower);
    }

    fn join_new_sessions(&mut self) {
        let Some(joins) = &self.joins else { return };
        let mut names = self.store.names().unwrap_or_default();
        names.retain(|name| joins(name) && !self.names.contains(name));
        for name in names {
            if let Ok(follower) = self.store.follow(&name) {
                self.join(follower);
            }
        }
    }

    /// Calls `each` with the selected updates since the last call and their
    /// stored lines, those of each session oldest first. Returns true if there
    /// are more.
    ///
    /// # Errors
    /// The error of `each`. If a file cannot be read, that is a
    /// [warning](Self::take_warnings).
    pub fn read_some<E>(
        &mut self,
        mut each: impl FnMut(&[u8], &Update) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.join_new_sessions();
        let mut has_more = false;
        for follower in &mut self.followers {
            let new = match follower.read_new(READ_BYTES) {
                Ok(new) => new,
                Err(error) => {
                    if self.unreadable.insert(follower.name().to_owned()) {
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
            has_more |= new.more;
        }
        Ok(has_more)
    }

    /// Returns the warnings since the last call. An unreadable file is reported
    /// once.
    pub fn take_warnings(&mut self) -> Vec<FileWarning> {
        std::mem::take(&mut self.warnings)
    }
}
