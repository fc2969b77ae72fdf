//! The histories of some sessions, still in their files: they are read while
//! they are printed, so that thousands need no more memory than one does.

mod follow;

use std::cell::RefCell;
use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};
use sstat::{FileWarning, Follower, History, Query, Store, Update};

pub use self::follow::HistoryFollower;

/// Which names are wanted.
pub type NameFilter = Box<dyn Fn(&str) -> bool>;

/// How histories are followed.
pub struct Follow {
    /// Which sessions that come later are followed, too.
    pub joins: Option<NameFilter>,
}

/// The histories of some sessions. Each is opened when it is its turn.
pub struct HistoryReader {
    store: Store,
    query: Query,
    names: Vec<String>,
    /// One session asked for by name is one object, not an array of one.
    single: bool,
    /// Whether and how to go on with new updates as they come.
    pub follow: Option<Follow>,
    warnings: RefCell<Vec<FileWarning>>,
}

/// The earliest and the latest time of a session's updates.
#[derive(Clone, Copy)]
pub struct Extent<'a> {
    pub name: &'a str,
    pub first: DateTime<Utc>,
    pub last: DateTime<Utc>,
}

impl HistoryReader {
    pub fn new(store: Store, names: Vec<String>, query: Query, single: bool) -> Self {
        Self {
            store,
            query,
            names,
            single,
            follow: None,
            warnings: RefCell::default(),
        }
    }

    /// A follower for each session that joins: it is wanted and not known yet.
    fn joining(&self, follow: &Follow, known: &HashSet<String>) -> Vec<Follower> {
        let Some(joins) = &follow.joins else {
            return Vec::new();
        };
        let names = self.store.names().unwrap_or_default();
        names
            .iter()
            .filter(|name| joins(name) && !known.contains(*name))
            .map(|name| self.store.follow(name))
            .collect()
    }

    /// Whether lines of several sessions may stand one below the other.
    pub fn are_several(&self) -> bool {
        let follow = self.follow.as_ref();
        let may_join = follow.is_some_and(|follow| follow.joins.is_some());
        self.names.len() > 1 || may_join
    }

    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Whether they have no end: what comes later belongs to them.
    pub fn go_on(&self) -> bool {
        self.follow.is_some()
    }

    /// Hands the updates of all with their stored lines to `each` until that
    /// fails: one session after the other, each oldest first. Gives what comes
    /// after them, if they are followed.
    ///
    /// # Errors
    /// `each`'s own, or that a file cannot be read.
    pub fn for_each<E: From<sstat::Error>>(
        &self,
        mut each: impl FnMut(&[u8], &Update) -> Result<(), E>,
    ) -> Result<Option<HistoryFollower<'_>>, E> {
        let mut following = HistoryFollower::new(self);
        for name in &self.names {
            let Some(history) = self.open(name)? else {
                continue;
            };
            self.read(&history, |line, update| each(line, &update))?;
            if let Some(following) = &mut following {
                following.add(history)?;
            }
        }
        Ok(following)
    }

    /// The extents of all that have updates.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn extents(&self) -> sstat::Result<Vec<Extent<'_>>> {
        let mut extents = Vec::new();
        for name in &self.names {
            let Some(history) = self.open(name)? else {
                continue;
            };
            let mut times = None;
            self.read(&history, |_, update| -> sstat::Result<()> {
                let at = update.timestamp;
                let (first, last) = times.get_or_insert((at, at));
                *first = at.min(*first);
                *last = at.max(*last);
                Ok(())
            })?;
            extents.extend(times.map(|(first, last)| Extent { name, first, last }));
        }
        Ok(extents)
    }

    /// One of the histories; `None` if its file has vanished meanwhile.
    fn open(&self, name: &str) -> sstat::Result<Option<History>> {
        self.store.history(name, self.query.clone())
    }

    /// One of the histories with all that came before and between the updates
    /// that are asked for, as far as that can be told from them; `None` if its
    /// file has vanished meanwhile.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open_context(&self, name: &str) -> sstat::Result<Option<History>> {
        let query = &self.query;
        // A limit counts from the end of what matches; only where everything
        // matches is it known what that leaves out.
        let all_match = query.statuses.is_empty() && query.task.is_none() && query.until.is_none();
        let context = Query {
            limit: query.limit.filter(|_| all_match),
            ..Query::default()
        };
        self.store.history(name, context)
    }

    /// Hands the updates of one of the histories to `each` until that fails.
    fn read<E: From<sstat::Error>>(
        &self,
        history: &History,
        each: impl FnMut(&[u8], Update) -> Result<(), E>,
    ) -> Result<(), E> {
        let warning = history.for_each(each)?;
        self.warnings.borrow_mut().extend(warning);
        Ok(())
    }

    /// What was found wrong with the files since the last call.
    pub fn take_warnings(&self) -> Vec<FileWarning> {
        self.warnings.take()
    }
}

impl Serialize for HistoryReader {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let open = |name: &String| self.open(name).map_err(S::Error::custom);
        if self.single
            && let [name] = &*self.names
            && let Some(history) = open(name)?
        {
            return HistoryJson(self, &history).serialize(serializer);
        }
        let mut seq = serializer.serialize_seq(None)?;
        for name in &self.names {
            if let Some(history) = open(name)? {
                seq.serialize_element(&HistoryJson(self, &history))?;
            }
        }
        seq.end()
    }
}

struct HistoryJson<'a>(&'a HistoryReader, &'a History);

impl Serialize for HistoryJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let total = self.1.count_lines().map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("session", self.1.name())?;
        map.serialize_entry("total_updates", &total)?;
        map.serialize_entry("updates", &Updates(self.0, self.1))?;
        map.end()
    }
}

struct Updates<'a>(&'a HistoryReader, &'a History);

impl Serialize for Updates<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Either side's error: the reader's or the serializer's.
        enum Stop<E> {
            Read(sstat::Error),
            Write(E),
        }
        impl<E> From<sstat::Error> for Stop<E> {
            fn from(error: sstat::Error) -> Self {
                Self::Read(error)
            }
        }
        let mut seq = serializer.serialize_seq(None)?;
        self.0
            .read(self.1, |_, update| {
                seq.serialize_element(&update).map_err(Stop::Write)
            })
            .map_err(|stop| match stop {
                Stop::Read(error) => S::Error::custom(error),
                Stop::Write(error) => error,
            })?;
        seq.end()
    }
}
