//! Following the histories of sessions: new updates, and sessions that appear.

use std::collections::HashSet;

use sstat::{FileWarning, FileWarningKind, Follower, History, NewUpdates, Query, Store, Update};

/// Decides whether a session of this name is followed.
pub type NameFilter = Box<dyn Fn(&str) -> bool>;

/// About how many bytes are read of a file at a time: one that is written anew
/// may be of any size.
const MANY_BYTES: usize = 256 * 1024;

/// So many files are held open, so that what came into one before it was
/// renamed is still read.
const MOST_HELD: usize = 256;

/// The sessions that are followed.
pub struct HistoryFollower {
    store: Store,
    query: Query,
    /// Which new sessions are followed too.
    joins: Option<NameFilter>,
    followed: Vec<Followed>,
    known: HashSet<String>,
    warnings: Vec<FileWarning>,
}

struct Followed {
    follower: Follower,
    /// The file that was read last. Each is a descriptor.
    held: Option<History>,
    /// It has been told that it cannot be read.
    complained: bool,
}

impl HistoryFollower {
    /// Follows no session yet.
    pub fn new(store: Store, query: Query, joins: Option<NameFilter>) -> Self {
        Self {
            store,
            query,
            joins,
            followed: Vec::new(),
            known: HashSet::new(),
            warnings: Vec::new(),
        }
    }

    /// A follower for each session that joins: it is wanted and not known yet.
    fn joining(&self) -> Vec<Follower> {
        let Some(joins) = &self.joins else {
            return Vec::new();
        };
        let names = self.store.names().unwrap_or_default();
        names
            .iter()
            .filter(|name| joins(name) && !self.known.contains(*name))
            .map(|name| self.store.follow(name))
            .collect()
    }

    /// Follows a session from the end of its history.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn add(&mut self, history: History) -> sstat::Result<()> {
        let follower = history.follower()?;
        let held = (self.followed.len() < MOST_HELD).then_some(history);
        self.join(follower, held);
        Ok(())
    }

    fn join(&mut self, follower: Follower, held: Option<History>) {
        self.known.insert(follower.name().to_owned());
        self.followed.push(Followed {
            follower,
            held,
            complained: false,
        });
    }

    /// Hands the first of the updates that came since the last call to `each`,
    /// with their stored lines, those of each session oldest first; true if
    /// there are more. A file that cannot be read is a
    /// [problem](Self::take_problems).
    ///
    /// # Errors
    /// `each`'s own.
    pub fn read_some<E>(
        &mut self,
        mut each: impl FnMut(&[u8], &Update) -> Result<(), E>,
    ) -> Result<bool, E> {
        for follower in self.joining() {
            self.join(follower, None);
        }
        let mut is_more = false;
        for followed in &mut self.followed {
            // What came into a file before it was renamed is read first.
            for from_held in [true, false] {
                let appended = match followed.read_some(&self.store, from_held) {
                    Ok(appended) => appended,
                    Err(error) => {
                        if !std::mem::replace(&mut followed.complained, true) {
                            let kind = FileWarningKind::Unreadable(error);
                            self.warnings.push(followed.follower.warning(kind));
                        }
                        break;
                    }
                };
                for (line, update) in &appended.updates {
                    if self.query.matches(update) {
                        each(line, update)?;
                    }
                }
                if appended.bad.count > 0 {
                    let kind = FileWarningKind::BadLines(appended.bad);
                    self.warnings.push(followed.follower.warning(kind));
                }
                if appended.more {
                    is_more = true;
                    break;
                }
            }
        }
        Ok(is_more)
    }

    /// What was found wrong since the last call: a file that cannot be read
    /// once, and all bad lines.
    pub fn take_warnings(&mut self) -> Vec<FileWarning> {
        std::mem::take(&mut self.warnings)
    }
}

impl Followed {
    /// What is new in the file that is held, or in the one of the session's
    /// name, which is held from then on in its place.
    fn read_some(&mut self, store: &Store, from_held: bool) -> sstat::Result<NewUpdates> {
        let follower = &mut self.follower;
        let appended = match &self.held {
            Some(held) if from_held => follower.read_held(held, MANY_BYTES)?,
            None if from_held => NewUpdates::default(),
            _ => follower.read_some(MANY_BYTES)?,
        };
        let is_another = |held| !follower.is_in(held);
        if self.held.as_ref().is_some_and(is_another)
            && let Ok(history) = store.history(follower.name(), Query::default())
        {
            self.held = history;
        }
        Ok(appended)
    }
}
