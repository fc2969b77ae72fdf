//! The last update of a file, read from its end, so that it costs the same at
//! any size.

use std::io;
use std::time::{Duration, SystemTime};

use crate::store::lines::{Line, LinesBackward};
use crate::store::open::StatusFile;
use crate::update::{BadLine, Update};

/// How old a file must be before its unterminated last line counts as torn
/// and no longer as being written.
const WRITE_IN_PROGRESS: Duration = Duration::from_secs(2);

/// The bad lines that a reader met in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadLines {
    /// How many there were.
    pub count: u64,
    /// Why the first of them in the file is none.
    pub first: Option<BadLine>,
}

impl BadLines {
    /// Notes one that stands before all that were met so far.
    pub(crate) fn note_earlier(&mut self, reason: BadLine) {
        self.count += 1;
        self.first = Some(reason);
    }

    /// Notes others that stand before all that were met so far.
    pub(crate) fn note_all_earlier(&mut self, others: Self) {
        self.count += others.count;
        self.first = others.first.or(self.first);
    }

    /// Notes one that stands behind all that were met so far.
    pub(crate) fn note_later(&mut self, reason: BadLine) {
        self.count += 1;
        self.first.get_or_insert(reason);
    }
}

/// What the end of a file says.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// The last good line.
    pub(crate) update: Option<Update>,
    /// The bad lines behind it.
    pub(crate) bad: BadLines,
    /// There is no good line in the last 64 MiB, and more before them.
    pub(crate) gave_up: bool,
}

/// Reads a file's last good line.
pub(crate) fn read_tail(open: &StatusFile, buffer: &mut Vec<u8>) -> io::Result<Tail> {
    let size = open.metadata.len();
    let mut lines = LinesBackward::new(&open.file, size, buffer)?;
    let mut tail = Tail::default();
    while let Some(line) = lines.next()? {
        match judge(&line, &open.metadata) {
            Ok(None) => {}
            Ok(update) => {
                tail.update = update;
                return Ok(tail);
            }
            Err(reason) => tail.bad.note_earlier(reason),
        }
    }
    tail.gave_up = lines.gave_up();
    Ok(tail)
}

/// A line's update; `None` for a blank line and for one that is being written
/// right now. An unterminated last line counts if it is whole. Otherwise it is
/// a write in progress, until its file has been silent for a while.
pub(crate) fn judge(
    line: &Line<'_>,
    metadata: &std::fs::Metadata,
) -> Result<Option<Update>, BadLine> {
    if line.is_blank() {
        return Ok(None);
    }
    match line.decode() {
        Ok(update) => Ok(Some(update)),
        Err(reason) if line.terminated || is_whole(reason) => Err(reason),
        Err(_) if is_settled(metadata) => Err(BadLine::Torn),
        Err(_) => Ok(None),
    }
}

/// Whether a line that is bad for this reason is a whole object all the same,
/// to which nothing will be added.
pub(crate) fn is_whole(reason: BadLine) -> bool {
    matches!(
        reason,
        BadLine::NoTimestamp | BadLine::BadTimestamp | BadLine::NoStatus
    )
}

fn is_settled(metadata: &std::fs::Metadata) -> bool {
    metadata
        .modified()
        .ok()
        .and_then(|modified| SystemTime::now().duration_since(modified).ok())
        .is_some_and(|age| age >= WRITE_IN_PROGRESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lines::GIVE_UP_BYTES;
    use std::fs::File;
    use std::io::Write;

    fn file_of(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn tail(content: &[u8]) -> Tail {
        let file = file_of(content);
        let metadata = file.metadata().unwrap();
        read_tail(&StatusFile { file, metadata }, &mut Vec::new()).unwrap()
    }

    const GOOD: &str = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working","message":"1"}"#;

    #[test]
    fn a_bad_last_line_does_not_hide_the_session() {
        let tail = tail(format!("{GOOD}\nnonsense\n\n[]\n").as_bytes());
        assert_eq!(tail.update.unwrap().message, "1");
        assert_eq!(
            (tail.bad.count, tail.bad.first),
            (2, Some(BadLine::NotJson))
        );
    }

    #[test]
    fn an_unterminated_line_counts_if_it_is_whole() {
        let whole = tail(format!("[]\n{GOOD}").as_bytes());
        assert_eq!((whole.update.is_some(), whole.bad.count), (true, 0));
        // Just written: a write in progress, not worth a word.
        let torn = tail(format!("{GOOD}\n{{\"timestamp\":").as_bytes());
        assert_eq!((torn.update.is_some(), torn.bad.count), (true, 0));
        // What is whole is not torn.
        let whole = tail(format!("{GOOD}\n{{\"status\":\"idle\"}}").as_bytes());
        assert_eq!(whole.bad.first, Some(BadLine::NoTimestamp));
        assert!(whole.update.is_some());
    }

    #[test]
    fn nothing_good_in_64_mebibytes_is_given_up() {
        let file = file_of(format!("{GOOD}\n").as_bytes());
        file.set_len(GIVE_UP_BYTES * 2).unwrap();
        let metadata = file.metadata().unwrap();
        let tail = read_tail(&StatusFile { file, metadata }, &mut Vec::new()).unwrap();
        assert!(tail.update.is_none() && tail.gave_up);
    }
}
