//! The updates of one session, oldest first.
//!
//! Lines are parsed and passed on one by one, so that memory stays bounded for
//! a file of any size. With a limit, the last matching lines are located from
//! the end of the file, and then read again in the order of the file. Lines from
//! long before [`Query::since`] are not read.

use std::fs::Metadata;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{Error, Result};
use crate::status::Status;
use crate::store::lines::{Line, LinesBackward, LinesForward};
use crate::store::open::{self, StatusFile, read_exact_at};
use crate::store::scan::on_threads;
use crate::store::task_filter::TaskFilter;
use crate::store::{BadLines, FileWarning, MAX_REREADS, Store};
use crate::update::{BadLine, Update};

/// A thread counts the updates in this many bytes at a time.
const COUNT_CHUNK: u64 = 4 * 1024 * 1024;

/// Selects updates of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// The number of updates: the last of those that match. Default: all.
    pub limit: Option<usize>,
    /// Updates from this time on.
    pub since: Option<DateTime<Utc>>,
    /// Updates up to this time.
    pub until: Option<DateTime<Utc>>,
    /// Updates with one of these statuses. Empty: any status.
    pub statuses: Vec<Status>,
    /// Updates of this task.
    pub task: Option<String>,
}

impl Query {
    /// Returns a query for the last `limit` updates.
    #[must_use]
    pub fn last(limit: usize) -> Self {
        Self {
            limit: Some(limit),
            ..Self::default()
        }
    }

    /// Returns true if the update is selected, apart from the limit. A repeated
    /// update never is.
    #[must_use]
    pub fn matches(&self, update: &Update) -> bool {
        !update.repeated
            && self.since.is_none_or(|since| update.timestamp >= since)
            && self.until.is_none_or(|until| update.timestamp <= until)
            && (self.statuses.is_empty() || self.statuses.contains(&update.status))
            && (self.task.is_none() || self.task == update.task_id)
    }
}

/// A session's file, opened, and the query by which it is read. Memory is
/// bounded by one line and a few bytes for each update of the limit.
#[derive(Debug)]
pub struct History {
    name: String,
    path: PathBuf,
    open: StatusFile,
    query: Query,
    /// Skips lines of other tasks if the query has a task.
    task: Option<TaskFilter>,
}

impl Store {
    /// Returns a session's history, or `None` if the file is missing.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn history(&self, name: &str, query: Query) -> Result<Option<History>> {
        let Some(path) = self.path_of(name)? else {
            return Ok(None);
        };
        match open::open_read(&path) {
            Ok(open) => Ok(Some(History {
                name: name.to_owned(),
                path,
                open,
                task: query.task.as_deref().map(TaskFilter::new),
                query,
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl History {
    /// Returns the session's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of the session's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the size of the file in bytes when it was opened. Later updates
    /// are not part of this history.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.open.metadata.len()
    }

    pub(crate) fn into_parts(self) -> (String, PathBuf, StatusFile) {
        (self.name, self.path, self.open)
    }

    /// Returns the number of valid updates in the file, selected or not, without
    /// repeated ones. Reads the whole file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn count_updates(&self) -> Result<u64> {
        let next = AtomicU64::new(0);
        let counts = on_threads(self.size() > COUNT_CHUNK, || {
            let mut count = 0;
            loop {
                let start = next.fetch_add(COUNT_CHUNK, Ordering::Relaxed);
                if start >= self.size() {
                    return Ok(count);
                }
                let (found, after) = self.count_in(start..start + COUNT_CHUNK)?;
                count += found;
                // A line over many parts, e.g. the hole of a sparse file, is read once.
                next.fetch_max(after / COUNT_CHUNK * COUNT_CHUNK, Ordering::Relaxed);
            }
        });
        let counts: io::Result<Vec<u64>> = counts.into_iter().collect();
        Ok(counts.map_err(Error::io("read", &self.path))?.iter().sum())
    }

    /// Counts the updates whose lines begin in a range of the file. Returns the
    /// offset of the first line after the range too.
    fn count_in(&self, range: Range<u64>) -> io::Result<(u64, u64)> {
        let mut lines =
            LinesForward::new(&self.open.file, range.start.saturating_sub(1), self.size());
        if range.start > 0 {
            // The rest of the line before, or its newline.
            lines.next()?;
        }
        let mut count = 0;
        while let Some(line) = lines.next()? {
            if line.offset >= range.end {
                return Ok((count, line.offset));
            }
            count += u64::from(line.bytes.and_then(Update::decode_own).is_some());
        }
        Ok((count, self.size()))
    }

    /// Calls `each` with every selected update and its stored line, oldest
    /// first, until `each` fails. Returns the warning about the part of the
    /// file that was read.
    ///
    /// # Errors
    /// The error of `each`, or, converted with `From`, that the file cannot be
    /// read.
    pub fn for_each<E: From<Error>>(
        &self,
        mut each: impl FnMut(&[u8], Update) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<FileWarning>, E> {
        let fail = |error| Error::io("read", &self.path)(error);
        let mut each = |line: &[u8], mut update: Update| {
            update.session.clone_from(&self.name);
            each(line, update)
        };
        let Some(limit) = self.query.limit else {
            let mut bad = BadLines::default();
            let start = match self.find_start() {
                // Truncated meanwhile.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
                start => start.map_err(fail)?,
            };
            let mut lines = LinesForward::new(&self.open.file, start, self.size());
            while let Some(line) = lines.next().map_err(fail)? {
                match self.parse(&line) {
                    Ok(Some(update)) if self.query.matches(&update) => {
                        each(line.bytes.unwrap_or_default(), update)?;
                    }
                    Ok(_) => {}
                    Err(reason) => bad.note_later(reason),
                }
            }
            return Ok(FileWarning::of_lines(|| self.path.clone(), bad, false));
        };
        let last = self.find_last(limit).map_err(fail)?;
        let mut buffer = Vec::new();
        for &(offset, length) in last.lines.iter().rev() {
            buffer.resize(length, 0);
            match read_exact_at(&self.open.file, &mut buffer, offset) {
                // Truncated since.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                read => read.map_err(fail)?,
            }
            // Valid a moment ago, unless another program rewrites the file.
            if let Ok(update) = Update::decode(&buffer) {
                each(&buffer, update)?;
            }
        }
        let path = || self.path.clone();
        Ok(FileWarning::of_lines(path, last.bad, last.gave_up))
    }

    /// Returns `None` for a line that has no update or is of another task.
    fn parse(&self, line: &Line<'_>) -> std::result::Result<Option<Update>, BadLine> {
        match (&self.task, line.bytes) {
            (Some(task), Some(bytes)) if !task.may_match(bytes) => Ok(None),
            _ => line.update(&self.open.metadata),
        }
    }

    /// Returns the offset before which no update is selected.
    fn find_start(&self) -> io::Result<u64> {
        let mut since = SinceLimit::of(self);
        if since.oldest.is_none() {
            return Ok(0);
        }
        let mut buffer = Vec::new();
        let mut lines = LinesBackward::new(&self.open.file, self.size(), &mut buffer)?;
        while let Some(line) = lines.next()? {
            let offset = line.offset;
            if since.is_reached(&line) {
                return Ok(offset);
            }
            lines.note_valid(offset);
        }
        Ok(0)
    }

    /// Locates the last `limit` selected updates. If the file is truncated
    /// meanwhile, it starts again from the new end.
    fn find_last(&self, limit: usize) -> io::Result<LastLines> {
        let mut size = self.size();
        for _ in 0..MAX_REREADS {
            match self.find_last_before(size, limit) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    size = size.min(self.open.file.metadata()?.len());
                }
                result => return result,
            }
        }
        self.find_last_before(size, limit)
    }

    fn find_last_before(&self, end: u64, limit: usize) -> io::Result<LastLines> {
        let mut buffer = Vec::new();
        let mut lines = LinesBackward::new(&self.open.file, end, &mut buffer)?;
        let mut last = LastLines::default();
        let mut since = SinceLimit::of(self);
        while last.lines.len() < limit
            && let Some(line) = lines.next()?
            && !since.is_reached(&line)
        {
            let offset = line.offset;
            match self.parse(&line) {
                Ok(update) => {
                    if update.is_some_and(|update| self.query.matches(&update)) {
                        let length = line.bytes.map_or(0, <[u8]>::len);
                        last.lines.push((offset, length));
                    }
                    lines.note_valid(offset);
                }
                Err(reason) => last.bad.note_earlier(reason),
            }
        }
        last.gave_up = lines.gave_up();
        Ok(last)
    }
}

/// How much older than [`Query::since`] lines must be to end a backward search:
/// the clocks of a session's writers may differ.
const SINCE_MARGIN: TimeDelta = TimeDelta::minutes(5);

/// One line is decoded in so many bytes, and so many of these in a row must be
/// too old. A few alone may be of a computer that started with a wrong clock.
const SAMPLE_BYTES: u64 = 4 * 1024;
const OLD_SAMPLES: u32 = 8;

/// Detects where a backward search reaches lines that are too old to be selected.
struct SinceLimit<'a> {
    metadata: &'a Metadata,
    oldest: Option<DateTime<Utc>>,
    next_sample: u64,
    old_samples: u32,
}

impl<'a> SinceLimit<'a> {
    fn of(history: &'a History) -> Self {
        let since = history.query.since;
        Self {
            metadata: &history.open.metadata,
            oldest: since.and_then(|since| since.checked_sub_signed(SINCE_MARGIN)),
            next_sample: u64::MAX,
            old_samples: 0,
        }
    }

    fn is_reached(&mut self, line: &Line<'_>) -> bool {
        if let Some(oldest) = self.oldest
            && line.offset <= self.next_sample
            && let Ok(Some(update)) = line.update(self.metadata)
            && !update.repeated
        {
            self.next_sample = line.offset.saturating_sub(SAMPLE_BYTES);
            let is_old = update.timestamp < oldest;
            self.old_samples = if is_old { self.old_samples + 1 } else { 0 };
        }
        self.old_samples >= OLD_SAMPLES
    }
}

/// The last selected lines of a file.
#[derive(Default)]
struct LastLines {
    /// The offset and the length of each, without its newline, last first.
    lines: Vec<(u64, usize)>,
    bad: BadLines,
    gave_up: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_file_is_read_to_its_new_end() {
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
    fn updates_of_a_large_file_are_counted_once() {
        let line = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working","message":"M"}"#;
        let mut content = String::new();
        let mut count: usize = 0;
        // A line contains each border of two parts.
        while content.len() < 3 * COUNT_CHUNK as usize + 1000 {
            let message = "x".repeat(50_000 + count % 200);
            content += &format!("{}\ninvalid\n", line.replace('M', &message));
            count += 1;
        }
        // A line that begins with the last byte of a part.
        let border = 4 * COUNT_CHUNK as usize;
        let filler = border - content.len() - line.len() - 1;
        content += &format!("{}\n{line}", line.replace('M', &"z".repeat(filler)));
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("w_status.json"), &content).unwrap();
        let store = Store::new(directory.path());
        let history = store.history("w", Query::default()).unwrap().unwrap();
        // Without the line of more than 1 MiB.
        assert_eq!(history.count_updates().unwrap(), count as u64 + 1);
    }

    #[test]
    fn last_updates_are_returned_in_file_order() {
        let directory = tempfile::tempdir().unwrap();
        let line = |n: usize| {
            let message = "x".repeat(n);
            format!(
                r#"{{"timestamp":"2026-02-14T20:35:00Z","status":"working","message":"{message}"}}"#
            )
        };
        let stored: Vec<String> = (0..1_000).map(line).collect();
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

    #[test]
    fn task_filter_finds_the_same_as_parsing_every_line() {
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
