//! The updates of one session, oldest first, without holding its file.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::status::Status;
use crate::store::lines::{LinesBackward, LinesForward, count_lines};
use crate::store::open::{self, StatusFile, read_exact_at};
use crate::store::tail::{BadLines, Verdict, judge};
use crate::store::{Problem, Store};
use crate::update::Update;

/// Which updates of a session are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The last so many of those that match; all of them without.
    pub limit: Option<usize>,
    /// Not older than this.
    pub since: Option<DateTime<Utc>>,
    /// Not younger than this.
    pub until: Option<DateTime<Utc>>,
    /// With one of these statuses; any with none.
    pub statuses: Vec<Status>,
    /// Of this task.
    pub task: Option<String>,
}

impl Query {
    /// Whether an update is wanted.
    #[must_use]
    pub fn matches(&self, update: &Update) -> bool {
        self.since.is_none_or(|since| update.timestamp >= since)
            && self.until.is_none_or(|until| update.timestamp <= until)
            && (self.statuses.is_empty() || self.statuses.contains(&update.status))
            && (self.task.is_none() || self.task == update.task_id)
    }
}

/// An opened session file and the query it is read by. Memory is bounded by
/// the query's limit, or by one line where there is none.
#[derive(Debug)]
pub struct History {
    name: String,
    path: PathBuf,
    open: StatusFile,
    query: Query,
}

impl Store {
    /// A session's history; `None` where there is no such file.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn history(&self, name: &str, query: Query) -> Result<Option<History>> {
        let Some(file_name) = self.file_of(name)? else {
            return Ok(None);
        };
        let path = self.path().join(file_name);
        match open::open_read(&path) {
            Ok(open) => Ok(Some(History {
                name: name.to_owned(),
                path,
                open,
                query,
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl History {
    /// The session's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The session's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes the file had when it was opened; what came later is not
    /// part of this history.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.open.metadata.len()
    }

    pub(crate) fn opened(&self) -> &StatusFile {
        &self.open
    }

    /// How many lines the file has, good or bad: one pass over it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn count_lines(&self) -> Result<u64> {
        count_lines(&self.open.file, self.size()).map_err(Error::io("read", &self.path))
    }

    /// Hands each wanted update with its stored line, oldest first, to `each`
    /// until that fails. Says what was wrong with the part of the file that
    /// was read.
    ///
    /// # Errors
    /// `each`'s own, or, through `From`, that the file cannot be read.
    pub fn for_each<E: From<Error>>(
        &self,
        mut each: impl FnMut(&[u8], Update) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<Problem>, E> {
        let fail = |error| Error::io("read", &self.path)(error);
        let (bad, gave_up) = match self.query.limit {
            Some(limit) => {
                let mut last = self.find_last(limit).map_err(fail)?;
                let mut buffer = Vec::new();
                while let Some((offset, length)) = last.lines.pop() {
                    buffer.resize(length, 0);
                    read_exact_at(&self.open.file, &mut buffer, offset).map_err(fail)?;
                    // Decoded once already; a file that somebody overwrites
                    // meanwhile has no line here any more.
                    if let Ok(update) = Update::decode(&buffer) {
                        each(&buffer, self.named(update))?;
                    }
                }
                (last.bad, last.gave_up)
            }
            None => {
                let mut bad = BadLines::default();
                let mut lines = LinesForward::new(&self.open.file, 0, self.size());
                while let Some(line) = lines.next().map_err(fail)? {
                    match judge(&line, &self.open.metadata) {
                        Verdict::Good(update) if self.query.matches(&update) => {
                            each(line.bytes.unwrap_or_default(), self.named(*update))?;
                        }
                        Verdict::Bad(reason) => bad.note_later(reason),
                        Verdict::Good(_) | Verdict::Nothing => {}
                    }
                }
                (bad, false)
            }
        };
        Ok(Problem::of_lines(|| self.path.clone(), bad, gave_up))
    }

    fn named(&self, mut update: Update) -> Update {
        update.session.clone_from(&self.name);
        update
    }

    fn find_last(&self, limit: usize) -> std::io::Result<Last> {
        let mut buffer = Vec::new();
        let mut lines = LinesBackward::new(&self.open.file, self.size(), &mut buffer)?;
        let mut last = Last::default();
        while last.lines.len() < limit {
            let Some(line) = lines.next()? else { break };
            let offset = line.offset;
            match judge(&line, &self.open.metadata) {
                Verdict::Good(update) => {
                    if self.query.matches(&update) {
                        let length = line.bytes.map_or(0, <[u8]>::len);
                        last.lines.push((offset, length));
                    }
                    lines.note_good(offset);
                }
                Verdict::Bad(reason) => last.bad.note_earlier(reason),
                Verdict::Nothing => {}
            }
        }
        last.gave_up = lines.gave_up();
        Ok(last)
    }
}

/// Where the last wanted lines stand: offset and length, last first.
#[derive(Default)]
struct Last {
    lines: Vec<(u64, usize)>,
    bad: BadLines,
    gave_up: bool,
}
