//! The updates of one session, oldest first, without holding its file.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::status::Status;
use crate::store::lines::{Line, LinesBackward, LinesForward, count_lines};
use crate::store::open::{self, StatusFile, read_exact_at};
use crate::store::search::TaskSearch;
use crate::store::tail::{BadLines, judge};
use crate::store::{FileWarning, REREADS, Store};
use crate::update::Update;

/// How far back the last updates of a task are looked for line by line. A task
/// that is rarer than that is sooner found by a search of the whole file, which
/// parses next to nothing.
const SEARCHED_BACKWARD: u64 = 256 * 1024;

/// The last updates are held up to so many bytes of their lines, from the last
/// backward, while those before are looked for; the lines of others are read
/// once more.
const HELD_BYTES: usize = 64 * 1024;

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
    ) -> std::result::Result<Option<FileWarning>, E> {
        let fail = |error| Error::io("read", &self.path)(error);
        let (bad, gave_up) = match self.query.limit {
            Some(limit) => {
                let mut last = self.find_last(limit)?;
                let mut buffer = Vec::new();
                while let Some(wanted) = last.lines.pop() {
                    let (offset, length) = match wanted {
                        Wanted::At(offset, length) => (offset, length),
                        Wanted::Held(held) => {
                            let (line, update) = *held;
                            each(&line, self.named(update))?;
                            continue;
                        }
                    };
                    buffer.resize(length, 0);
                    match read_exact_at(&self.open.file, &mut buffer, offset) {
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
                        read => read.map_err(fail)?,
                    }
                    // Decoded once already; a file that somebody truncates or
                    // overwrites meanwhile has no line here any more.
                    if let Ok(update) = Update::decode(&buffer) {
                        each(&buffer, self.named(update))?;
                    }
                }
                (last.bad, last.gave_up)
            }
            None => {
                let bad = self.for_each_before(self.size(), |line, update| {
                    each(line.bytes.unwrap_or_default(), self.named(update))
                })?;
                (bad, false)
            }
        };
        Ok(FileWarning::of_lines(|| self.path.clone(), bad, gave_up))
    }

    /// Hands each wanted update of the file's first `end` bytes to `each`. For
    /// a task only the lines that may be of it are looked at, so that bad ones
    /// elsewhere are not met.
    fn for_each_before<E: From<Error>>(
        &self,
        end: u64,
        mut each: impl FnMut(&Line<'_>, Update) -> std::result::Result<(), E>,
    ) -> std::result::Result<BadLines, E> {
        let mut bad = BadLines::default();
        let mut lines = LinesForward::new(&self.open.file, 0, end);
        let mut task = self.query.task.as_deref().map(TaskSearch::new);
        loop {
            let line = match &mut task {
                Some(task) => lines.next_of(task),
                None => lines.next(),
            };
            let Some(line) = line.map_err(Error::io("read", &self.path))? else {
                return Ok(bad);
            };
            match judge(&line, &self.open.metadata) {
                Ok(Some(update)) if self.query.matches(&update) => each(&line, update)?,
                Ok(_) => {}
                Err(reason) => bad.note_later(reason),
            }
        }
    }

    fn named(&self, mut update: Update) -> Update {
        update.session.clone_from(&self.name);
        update
    }

    /// A file that is truncated meanwhile is searched again up to where it ends
    /// now.
    fn find_last(&self, limit: usize) -> Result<Last> {
        let fail = |error| Error::io("read", &self.path)(error);
        let mut size = self.size();
        for _ in 0..REREADS {
            match self.find_last_below(size, limit) {
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::UnexpectedEof => {
                    let now = self.open.file.metadata().map_err(fail)?.len();
                    size = size.min(now);
                }
                result => return result,
            }
        }
        self.find_last_below(size, limit)
    }

    fn find_last_below(&self, size: u64, limit: usize) -> Result<Last> {
        let fail = |error| Error::io("read", &self.path)(error);
        let mut buffer = Vec::new();
        let mut lines = LinesBackward::new(&self.open.file, size, &mut buffer).map_err(fail)?;
        let mut last = Last::default();
        let mut held_bytes = 0;
        while last.lines.len() < limit {
            let Some(line) = lines.next().map_err(fail)? else {
                break;
            };
            let offset = line.offset;
            match judge(&line, &self.open.metadata) {
                Ok(Some(update)) => {
                    if self.query.matches(&update) {
                        let bytes = line.bytes.unwrap_or_default();
                        held_bytes += bytes.len();
                        last.lines.push(if held_bytes <= HELD_BYTES {
                            Wanted::Held(Box::new((bytes.to_owned(), update)))
                        } else {
                            Wanted::of(&line)
                        });
                    }
                    lines.note_good(offset);
                }
                Ok(None) => {}
                Err(reason) => last.bad.note_earlier(reason),
            }
            if self.query.task.is_some() && size - offset > SEARCHED_BACKWARD {
                self.find_last_before(offset, limit, &mut last)?;
                return Ok(last);
            }
        }
        last.gave_up = lines.gave_up();
        Ok(last)
    }

    /// Adds to `last` what is wanted of the file's first `end` bytes.
    fn find_last_before(&self, end: u64, limit: usize, last: &mut Last) -> Result<()> {
        let wanted = limit - last.lines.len();
        if wanted == 0 {
            return Ok(());
        }
        let mut found = VecDeque::new();
        let bad = self.for_each_before(end, |line, _| -> Result<()> {
            if found.len() == wanted {
                found.pop_front();
            }
            found.push_back(Wanted::of(line));
            Ok(())
        })?;
        last.lines.extend(found.into_iter().rev());
        last.bad.note_all_earlier(bad);
        Ok(())
    }
}

/// The last wanted lines, last first.
#[derive(Default)]
struct Last {
    lines: Vec<Wanted>,
    bad: BadLines,
    gave_up: bool,
}

/// A line that is wanted.
enum Wanted {
    Held(Box<(Vec<u8>, Update)>),
    /// Where it stands: its offset and its length without the newline.
    At(u64, usize),
}

impl Wanted {
    fn of(line: &Line<'_>) -> Self {
        let (offset, length) = line.place();
        Self::At(offset, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_truncated_meanwhile_is_read_to_its_new_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let line = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working"}"#;
        for limit in [None, Some(50)] {
            std::fs::write(&path, format!("{line}\n").repeat(100)).unwrap();
            let query = Query {
                limit,
                ..Query::default()
            };
            let store = Store::new(directory.path());
            let history = store.history("w", query).unwrap().unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_len(2 * (line.len() as u64 + 1)).unwrap();
            let mut found = 0;
            let each = |_: &[u8], _| -> Result<()> {
                found += 1;
                Ok(())
            };
            history.for_each(each).unwrap();
            assert_eq!(found, 2, "{limit:?}");
        }
    }

    #[test]
    fn lines_that_are_held_and_lines_that_are_not_come_in_their_order() {
        let directory = tempfile::tempdir().unwrap();
        let line = |n: usize| {
            let message = "x".repeat(n);
            format!(
                r#"{{"timestamp":"2026-02-14T20:35:00Z","status":"working","message":"{message}"}}"#
            )
        };
        let stored: Vec<String> = (0..1_000).map(line).collect();
        assert!(stored.iter().map(String::len).sum::<usize>() > 2 * HELD_BYTES);
        std::fs::write(
            directory.path().join("w_status.json"),
            stored.join("\n") + "\n",
        )
        .unwrap();
        for limit in [1, 10, 900, 2_000] {
            let query = Query {
                limit: Some(limit),
                ..Query::default()
            };
            let store = Store::new(directory.path());
            let mut found = Vec::new();
            let each = |line: &[u8], update: Update| -> Result<()> {
                assert_eq!(update.session, "w");
                found.push(String::from_utf8_lossy(line).into_owned());
                Ok(())
            };
            store
                .history("w", query)
                .unwrap()
                .unwrap()
                .for_each(each)
                .unwrap();
            assert!(found == stored[stored.len().saturating_sub(limit)..]);
        }
    }

    /// What is found of a task must be what parsing every line finds.
    #[test]
    fn a_search_finds_what_parsing_finds() {
        let spellings = [
            r#""task7""#,
            r#""t\u0061sk7""#,
            "7",
            r#""7""#,
            r#""77""#,
            "77",
            r#""a\/b""#,
            r#""a/b""#,
            r#""""#,
            "null",
            r#"["task7"]"#,
        ];
        let mut content = String::new();
        // Most spellings only in the first lines, so that even the last of them
        // lie beyond what is read backward.
        let padding = "x".repeat(1000);
        for line in 0..1_000 {
            let spelling = match line {
                0..500 => spellings[line % spellings.len()],
                _ if line % 99 == 0 => r#""task7""#,
                _ => r#""other""#,
            };
            content += &format!(
                "{{\"timestamp\":\"2026-02-14T20:35:00Z\",\"status\":\"working\",\"message\":\"{line} task7 \\n{padding}\",\"task_id\":{spelling}}}\n"
            );
            if line % 100 == 0 {
                content += "nonsense \"task7\"\n\n";
            }
        }
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        std::fs::write(directory.path().join("w_status.json"), &content).unwrap();
        let found = |query: Query| {
            let history = store.history("w", query).unwrap().unwrap();
            let mut found = Vec::new();
            history
                .for_each(|line, update| -> Result<()> {
                    found.push((update.task_id, line.to_vec()));
                    Ok(())
                })
                .unwrap();
            found
        };
        let all = found(Query::default());
        for task in ["task7", "7", "77", "a/b", "", "none"] {
            let task = Some(task.to_owned());
            let parsed: Vec<_> = all.iter().filter(|(other, _)| *other == task).collect();
            assert_eq!(parsed.is_empty(), task.as_deref() == Some("none"));
            for limit in [None, Some(3), Some(100_000)] {
                let query = Query {
                    task: task.clone(),
                    limit,
                    ..Query::default()
                };
                let limit = limit.unwrap_or(usize::MAX).min(parsed.len());
                let wanted = &parsed[parsed.len() - limit..];
                assert!(
                    found(query).iter().eq(wanted.iter().copied()),
                    "{task:?} {limit}"
                );
            }
        }
    }
}
