//! Reads the updates that are appended to a session's file.
//!
//! A [`Follower`] keeps the file open between reads. When the path names another
//! file, as after a rotation, the follower first reads the rest of the file that
//! it holds and then continues in the new one: after the line that it read last
//! if the new file contains it, as after a clean-up, otherwise from the start.

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::health::StatusSince;
use crate::store::history::History;
use crate::store::lines::{Line, LinesForward, Tail, is_complete};
use crate::store::open::{self, Directory, StatusFile, read_exact_at};
use crate::store::{BadLines, FileWarning, FileWarningKind, Store, open_and_read};
use crate::update::Update;

/// A session's file and how far it has been read.
#[derive(Debug)]
pub struct Follower {
    name: String,
    path: PathBuf,
    position: Option<Position>,
    /// The file that `position` is in.
    file: Option<StatusFile>,
    keeps_file_open: bool,
    /// A search for the renamed file has found nothing.
    is_lost: bool,
}

/// How far a file has been read.
#[derive(Clone, Debug)]
struct Position {
    /// The file's [identity](StatusFile::identity).
    file: Option<(u64, u64)>,
    /// The file's size and time of modification at the last read.
    size: u64,
    modified: Option<SystemTime>,
    offset: u64,
    /// The bytes before `offset` are the start of a line of more than 1 MiB.
    overlong: bool,
    last: Option<LineFingerprint>,
}

/// Identifies the line that was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LineFingerprint {
    start: u64,
    length: u64,
    /// The hash of the line's last [`FINGERPRINT_BYTES`].
    hash: u64,
}

const FINGERPRINT_BYTES: usize = 4096;

/// The result of a read.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct NewUpdates {
    /// The new updates with their stored lines, oldest first.
    pub updates: Vec<(Vec<u8>, Update)>,
    /// The new invalid lines.
    pub bad: BadLines,
    /// The path names no file, or an empty one.
    pub missing: bool,
    /// The file is another one or has been rewritten, and does not contain the
    /// line that was read last: `updates` starts with its first line.
    pub restarted: bool,
    /// There may be more to read.
    pub more: bool,
}

impl Store {
    /// Returns a follower that starts with the first line of the session's file,
    /// which may be missing.
    ///
    /// # Errors
    /// If no file can have this name, or the directory cannot be searched for a
    /// name that contains `\xNN`.
    pub fn follow(&self, name: &str) -> Result<Follower> {
        let path = self.path_of(name)?.ok_or_else(|| Error::Name {
            name: name.to_owned(),
            reason: "must be usable in a file name",
        })?;
        Ok(Follower::new(name.to_owned(), path))
    }
}

impl History {
    /// Returns a follower that starts where this history ends: with the next
    /// line, or with the last line if it is still being written.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn into_follower(self) -> Result<Follower> {
        let (name, path, file) = self.into_parts();
        let (position, _) = Position::at_end(&file, false).map_err(Error::io("read", &path))?;
        let mut follower = Follower::new(name, path);
        follower.move_to(position, Some(file));
        Ok(follower)
    }
}

impl Follower {
    /// The number of followers that a process should let keep their files open.
    /// Some systems allow a process only 256 descriptors.
    pub const MAX_OPEN: usize = 128;

    fn new(name: String, path: PathBuf) -> Self {
        Self {
            name,
            path,
            position: None,
            file: None,
            // On Windows, a program could not replace an open file.
            keeps_file_open: cfg!(unix),
            is_lost: false,
        }
    }

    /// Closes the file after each read. If it is rotated in the meantime, its
    /// last lines are only read if its new name starts with the old one.
    pub fn close_between_reads(&mut self) {
        self.keeps_file_open = false;
        self.file = None;
    }

    /// Returns the session's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a warning about the session's file.
    #[must_use]
    pub fn warning(&self, kind: FileWarningKind) -> FileWarning {
        FileWarning {
            path: self.path.clone(),
            kind,
        }
    }

    /// Skips all lines of the file except a last one that is still being
    /// written. Returns the last update and the warning about the lines after
    /// it; neither if the file is missing. With `finds_since`, the update comes with
    /// the start of its status.
    ///
    /// # Errors
    /// If the file cannot be read.
    #[expect(clippy::type_complexity, reason = "a pair like that of Store::session")]
    pub fn skip_to_end(
        &mut self,
        finds_since: bool,
    ) -> Result<(Option<(Update, Option<StatusSince>)>, Option<FileWarning>)> {
        let open = || open::open_read(&self.path);
        let at_end = |file: &StatusFile| Position::at_end(file, finds_since);
        let Some((file, (position, mut tail))) = open_and_read(open, || self.path.clone(), at_end)?
        else {
            (self.position, self.file) = (None, None);
            return Ok((None, None));
        };
        self.move_to(position, Some(file));
        let update = tail.update.take();
        let last = update.map(|update| (self.with_name(update), tail.since));
        Ok((last, tail.warning(|| self.path.clone())))
    }

    /// Returns true if the path names the file that was read last, and its size
    /// and time of modification are the same. Needs one system call.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        match (open::stat(&self.path), &self.position) {
            (Ok((metadata, identity)), Some(position)) => {
                position.file == identity
                    && position.size == metadata.len()
                    && position.modified == metadata.modified().ok()
            }
            (Ok(_), None) => false,
            (Err(error), position) => error.kind() == io::ErrorKind::NotFound && position.is_none(),
        }
    }

    /// Returns the updates since the last call: about `limit_bytes` of them, if
    /// there are more.
    ///
    /// # Errors
    /// If the file cannot be read. The next call tries again from the same
    /// position.
    pub fn read_new(&mut self, limit_bytes: usize) -> Result<NewUpdates> {
        if let (Some(file), Ok((metadata, identity))) = (&mut self.file, open::stat(&self.path))
            && identity == file.identity()
        {
            file.metadata = metadata;
            return self.read(None, limit_bytes);
        }
        let named = match open::open_read(&self.path) {
            Err(error) if error.is_not_found() => None,
            file => Some(file?),
        };
        let is_same = |file: &StatusFile| {
            let position = self.position.as_ref();
            position.is_some_and(|position| position.file == file.identity())
        };
        if !named.as_ref().is_some_and(is_same) {
            let rest = self.read_rest_of_renamed(limit_bytes);
            if let Some(rest) = rest.filter(|new| !new.updates.is_empty() || new.bad.count > 0) {
                return Ok(NewUpdates { more: true, ..rest });
            }
        }
        match named {
            Some(file) => self.read(Some(file), limit_bytes),
            // A writer may still have it open, or it may come back.
            None => Ok(NewUpdates {
                missing: true,
                ..NewUpdates::default()
            }),
        }
    }

    /// Reads on in the file that was read last, which the path no longer names.
    /// Returns `None` if it cannot be found or read.
    fn read_rest_of_renamed(&mut self, limit_bytes: usize) -> Option<NewUpdates> {
        let position = self.position.as_ref()?;
        let file = match self.file.take() {
            Some(file) => StatusFile {
                metadata: file.file.metadata().ok()?,
                ..file
            },
            None if self.is_lost => return None,
            None => {
                let found = find_renamed(&self.path, position.file?);
                self.is_lost = found.is_none();
                found?
            }
        };
        if !position.continues_in(&file).ok()? {
            return None;
        }
        self.read(Some(file), limit_bytes).ok()
    }

    /// Reads on in `file`, or in the file that is open.
    fn read(&mut self, file: Option<StatusFile>, limit_bytes: usize) -> Result<NewUpdates> {
        let Some(source) = file.as_ref().or(self.file.as_ref()) else {
            return Ok(NewUpdates::default());
        };
        let (new, position) = self
            .read_lines(source, limit_bytes)
            .map_err(Error::io("read", &self.path))?;
        self.move_to(position, file);
        Ok(new)
    }

    fn move_to(&mut self, position: Position, file: Option<StatusFile>) {
        if file.is_some() && self.keeps_file_open {
            self.file = file;
        }
        self.position = Some(position);
        self.is_lost = false;
    }

    fn read_lines(
        &self,
        file: &StatusFile,
        limit_bytes: usize,
    ) -> io::Result<(NewUpdates, Position)> {
        let mut new = NewUpdates::default();
        let size = file.metadata.len();
        let mut position = match &self.position {
            Some(position) if position.continues_in(file)? => position.clone(),
            // Lines that were there before are not new when a clean-up writes them again
            // (`cat SHORTER > FILE`).
            Some(before) if size == 0 && before.last.is_some() => {
                new.missing = true;
                Position {
                    file: file.identity(),
                    ..before.clone()
                }
            }
            before => {
                let mut position = Position::at_start(file);
                if let Some(last) = before.as_ref().and_then(|before| before.last) {
                    position.skip_past(file, last)?;
                }
                new.restarted = before.is_some() && position.last.is_none();
                position
            }
        };
        position.size = size;
        position.modified = file.metadata.modified().ok();
        let mut lines = LinesForward::new(&file.file, position.offset, size);
        let mut bytes = 0;
        while let Some(line) = lines.next()? {
            if position.overlong {
                position.overlong = !line.terminated;
                position.offset = lines.position();
                continue;
            }
            let decoded = line.decode();
            if !line.terminated && decoded.is_err() && line.bytes.is_some() {
                // It is still being written.
                break;
            }
            position.last = LineFingerprint::of(&line).or(position.last);
            match decoded {
                Ok(update) => {
                    let line = line.bytes.unwrap_or_default().to_vec();
                    bytes += line.len();
                    new.updates.push((line, self.with_name(update)));
                }
                Err(_) if line.is_blank() => {}
                Err(reason) => new.bad.note_later(reason),
            }
            position.overlong = line.bytes.is_none() && !line.terminated;
            position.offset = lines.position();
            if bytes >= limit_bytes && position.offset < size {
                new.more = true;
                // `is_unchanged` must not return true before the end is read.
                position.modified = None;
                break;
            }
        }
        Ok((new, position))
    }

    fn with_name(&self, mut update: Update) -> Update {
        update.session.clone_from(&self.name);
        update
    }
}

/// Finds a file under a name that starts with its old one.
fn find_renamed(path: &Path, identity: (u64, u64)) -> Option<StatusFile> {
    let old = path.file_name()?.as_encoded_bytes();
    let directory = Directory::open(path.parent()?).ok()?;
    let mut found = None;
    let search = directory.names(|name| {
        if name.as_encoded_bytes().starts_with(old) && name.len() > old.len() {
            let file = directory.open_read(name).ok();
            found = found
                .take()
                .or(file.filter(|file| file.identity() == Some(identity)));
        }
    });
    search.ok().and(found)
}

impl Position {
    fn at_start(file: &StatusFile) -> Self {
        Self {
            file: file.identity(),
            size: 0,
            modified: None,
            offset: 0,
            overlong: false,
            last: None,
        }
    }

    /// Returns the position at the end of a file, but before a last line that is
    /// still being written, and the file's last update.
    fn at_end(file: &StatusFile, finds_since: bool) -> io::Result<(Self, Tail)> {
        let size = file.metadata.len();
        let mut position = Self {
            size,
            modified: file.metadata.modified().ok(),
            offset: size,
            ..Self::at_start(file)
        };
        let tail = Tail::read(file, &mut Vec::new(), finds_since, |line, update| {
            let is_complete = match update {
                Ok(update) => update.is_some(),
                Err(reason) => is_complete(*reason),
            };
            if !line.terminated && !is_complete {
                position.offset = line.offset;
            } else if position.last.is_none() {
                position.last = LineFingerprint::of(line);
            }
        })?;
        Ok((position, tail))
    }

    /// Returns true if `file` is the same file and still contains the line that
    /// was read last.
    fn continues_in(&self, file: &StatusFile) -> io::Result<bool> {
        let is_same = self.file == file.identity() && self.offset <= file.metadata.len();
        match &self.last {
            Some(last) if is_same => last.is_in(file),
            _ => Ok(is_same),
        }
    }

    /// Moves past the last line that is equal to `line`, if there is one.
    fn skip_past(&mut self, file: &StatusFile, line: LineFingerprint) -> io::Result<()> {
        let wanted = (line.length, line.hash);
        let mut lines = LinesForward::new(&file.file, 0, file.metadata.len());
        while let Some(line) = lines.next()? {
            if let Some(fingerprint) = LineFingerprint::of(&line)
                && (fingerprint.length, fingerprint.hash) == wanted
            {
                self.last = Some(fingerprint);
                self.offset = fingerprint.start + fingerprint.length + u64::from(line.terminated);
            }
        }
        Ok(())
    }
}

impl LineFingerprint {
    /// Returns `None` for a blank or over-long line.
    fn of(line: &Line<'_>) -> Option<Self> {
        let bytes = line.bytes.filter(|_| !line.is_blank())?;
        Some(Self {
            start: line.offset,
            length: bytes.len() as u64,
            hash: hash(&bytes[bytes.len().saturating_sub(FINGERPRINT_BYTES)..]),
        })
    }

    /// Returns true if the line is at the same place in `file`.
    fn is_in(&self, file: &StatusFile) -> io::Result<bool> {
        let length = self.length.min(FINGERPRINT_BYTES as u64);
        let mut buffer = [0; FINGERPRINT_BYTES];
        let end = &mut buffer[..length as usize];
        match read_exact_at(&file.file, end, self.start + self.length - length) {
            // The file was truncated meanwhile.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            read => read.map(|()| hash(end) == self.hash),
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::history::Query;
    use std::fs;
    use std::io::Write;

    const LINE: &str = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working","message":"M"}"#;

    fn line(message: &str) -> String {
        format!("{}\n", LINE.replace('M', message))
    }

    fn append(path: &Path, text: &str) {
        let mut file = fs::File::options().append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until there is no more and returns the messages.
    fn messages(follower: &mut Follower) -> Vec<String> {
        let mut messages = Vec::new();
        loop {
            let new = follower.read_new(usize::MAX).unwrap();
            messages.extend(new.updates.into_iter().map(|(_, update)| update.message));
            if !new.more {
                return messages;
            }
        }
    }

    #[test]
    fn each_line_is_read_once_across_torn_lines_rotation_and_removal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let store = Store::new(directory.path());
        fs::write(&path, line("a") + &line("b")[..20]).unwrap();
        let history = store.history("w", Query::default()).unwrap().unwrap();
        let mut follower = history.into_follower().unwrap();
        assert!(messages(&mut follower).is_empty());
        append(
            &path,
            &(line("b")[20..].to_owned() + &line("c") + "junk\n" + &line("d")),
        );
        assert_eq!(messages(&mut follower), ["b", "c", "d"]);
        assert!(messages(&mut follower).is_empty());
        fs::rename(&path, directory.path().join("old")).unwrap();
        assert!(follower.read_new(usize::MAX).unwrap().missing);
        fs::write(&path, line("e")).unwrap();
        assert_eq!(messages(&mut follower), ["e"]);
        fs::write(&path, "").unwrap();
        assert!(messages(&mut follower).is_empty());
        fs::write(&path, line("f").trim_end()).unwrap();
        assert_eq!(messages(&mut follower), ["f"], "unterminated but complete");
    }

    #[test]
    fn rewritten_file_is_continued_after_the_last_known_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut follower = Store::new(directory.path()).follow("w").unwrap();
        fs::write(&path, line("a") + &line("b") + &line("c")).unwrap();
        assert_eq!(
            follower.skip_to_end(false).unwrap().0.unwrap().0.message,
            "c"
        );
        assert!(follower.is_unchanged());

        // A clean-up keeps the last lines.
        let shorter = directory.path().join("shorter");
        fs::write(&shorter, line("b") + &line("c") + &line("d")).unwrap();
        fs::rename(&shorter, &path).unwrap();
        assert!(!follower.is_unchanged());
        let new = follower.read_new(usize::MAX).unwrap();
        assert_eq!(new.updates.len(), 1);
        assert!(!new.restarted);

        // All lines are overwritten by others of the same length.
        fs::write(&path, line("e") + &line("f") + &line("g")).unwrap();
        let new = follower.read_new(usize::MAX).unwrap();
        assert!(new.restarted);
        assert_eq!(new.updates.len(), 3);

        fs::write(&path, "").unwrap();
        let new = follower.read_new(usize::MAX).unwrap();
        assert!(new.missing && new.updates.is_empty());
        assert!(follower.is_unchanged());
        // A clean-up has truncated the file and writes its lines again.
        fs::write(&path, line("f") + &line("g") + &line("h")).unwrap();
        assert_eq!(messages(&mut follower), ["h"]);
    }

    #[test]
    fn read_stops_at_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut follower = Store::new(directory.path()).follow("w").unwrap();
        fs::write(&path, line("a").repeat(100)).unwrap();
        let mut count = 0;
        loop {
            let new = follower.read_new(10 * line("a").len()).unwrap();
            count += new.updates.len();
            assert!(new.updates.len() <= 11);
            assert_eq!(follower.is_unchanged(), !new.more);
            if !new.more {
                break;
            }
        }
        assert_eq!(count, 100);
    }

    #[test]
    fn rest_of_a_renamed_file_is_read_first() {
        for keeps_file_open in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("w_status.json");
            let rotated = directory.path().join("w_status.json-20260214");
            let mut follower = Store::new(directory.path()).follow("w").unwrap();
            if !keeps_file_open {
                follower.close_between_reads();
            }
            fs::write(&path, line("a")).unwrap();
            fs::write(&rotated, line("x")).unwrap();
            follower.skip_to_end(false).unwrap();
            append(&path, &line("b").repeat(50));
            fs::rename(&path, &rotated).unwrap();
            append(&rotated, &line("c"));
            fs::write(&path, line("d")).unwrap();
            let mut expected = vec!["b"; 50];
            expected.extend(["c", "d"]);
            let mut messages = Vec::new();
            loop {
                let new = follower.read_new(10 * line("b").len()).unwrap();
                messages.extend(new.updates.into_iter().map(|(_, update)| update.message));
                if !new.more {
                    break;
                }
            }
            assert_eq!(messages, expected, "{keeps_file_open}");
        }
    }

    #[test]
    fn file_that_returns_is_unchanged() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut follower = Store::new(directory.path()).follow("w").unwrap();
        follower.close_between_reads();
        fs::write(&path, line("a")).unwrap();
        follower.skip_to_end(false).unwrap();
        fs::rename(&path, directory.path().join("away")).unwrap();
        for _ in 0..2 {
            assert!(follower.read_new(usize::MAX).unwrap().missing);
        }
        fs::rename(directory.path().join("away"), &path).unwrap();
        assert!(follower.is_unchanged());
    }

    #[cfg(unix)]
    #[test]
    fn deleted_file_is_read_to_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut follower = Store::new(directory.path()).follow("w").unwrap();
        fs::write(&path, line("a")).unwrap();
        assert_eq!(messages(&mut follower), ["a"]);
        append(&path, &line("b"));
        fs::remove_file(&path).unwrap();
        assert_eq!(messages(&mut follower), ["b"]);
        assert!(follower.read_new(usize::MAX).unwrap().missing);
    }

    #[test]
    fn invalid_last_line_is_reported_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        fs::write(&path, line("a") + r#"{"status":"idle"}"#).unwrap();
        let mut follower = Store::new(directory.path()).follow("w").unwrap();
        let (last, warning) = follower.skip_to_end(false).unwrap();
        assert_eq!(last.unwrap().0.message, "a");
        assert_eq!(warning.unwrap().bad_lines(), 1);
        append(&path, &format!("\n{}", line("b")));
        let new = follower.read_new(usize::MAX).unwrap();
        assert_eq!((new.updates.len(), new.bad.count), (1, 0));
    }

    #[test]
    fn overlong_line_is_skipped_while_it_grows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut follower = Store::new(directory.path()).follow("w").unwrap();
        fs::write(&path, "").unwrap();
        for _ in 0..3 {
            append(&path, &"x".repeat(crate::MAX_READ_BYTES + 1));
            assert!(messages(&mut follower).is_empty());
        }
        append(&path, &format!("x\n{}", line("a")));
        assert_eq!(messages(&mut follower), ["a"]);
    }

    #[test]
    fn name_without_a_file_cannot_be_followed() {
        for name in ["", "a/b", "a\0b"] {
            assert!(Store::new("/nonexistent").follow(name).is_err(), "{name:?}");
        }
    }
}
