//! What was appended to a session's file since it was last looked at.

use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::store::history::History;
use crate::store::lines::{Line, LinesBackward, LinesForward, Tail, is_complete};
use crate::store::open::{self, Directory, StatusFile, read_exact_at};
use crate::store::{BadLines, FileWarning, FileWarningKind, MAX_REREADS, Store};
use crate::update::Update;

/// A place in a session's file, which moves on as the file grows.
///
/// It knows the file by device and inode and by the last line it read there.
/// In a file that was put in its place, truncated or written anew it goes on
/// behind that line, as after a clean-up that keeps the last ones, or from
/// the beginning where there is no such line, as after a rotation.
#[derive(Clone, Debug)]
pub struct Follower {
    name: String,
    path: PathBuf,
    position: Option<Position>,
}

/// How far a file has been read.
#[derive(Clone, Debug)]
struct Position {
    file: Option<(u64, u64)>,
    /// What the file's metadata said when it was last read.
    size: u64,
    modified: Option<SystemTime>,
    offset: u64,
    /// What stands before `offset` is the beginning of a line over 1 MiB.
    overlong: bool,
    last: Option<LineFingerprint>,
}

/// The last line that was read, by which a file is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LineFingerprint {
    start: u64,
    length: u64,
    /// Of its last bytes: one look at the end of a line is enough.
    hash: u64,
}

/// How many bytes of a line make it known again.
const FINGERPRINT_BYTES: usize = 4096;

/// What a follower found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct NewUpdates {
    /// The new updates with their stored lines, oldest first.
    pub updates: Vec<(Vec<u8>, Update)>,
    /// The new lines that are none.
    pub bad: BadLines,
    /// The file is not there (any more).
    pub missing: bool,
    /// The file is not the one that was read before, or no longer holds what
    /// was read: `updates` is all there is in it.
    pub restarted: bool,
    /// The limit was reached: there is more to read.
    pub more: bool,
    /// There is another file by now, and nothing was read of it.
    pub replaced: bool,
}

impl Store {
    /// A follower of a session that has read nothing yet.
    #[must_use]
    pub fn follow(&self, name: &str) -> Follower {
        let file_name = self.file_of(name).ok().flatten().unwrap_or_default();
        Follower {
            name: name.to_owned(),
            path: self.path().join(file_name),
            position: None,
        }
    }
}

impl History {
    /// A follower that goes on where this history ends: with the next line, or
    /// with a last line that was still being written.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn follower(&self) -> Result<Follower> {
        let (position, _) = Position::at_end(self.opened(), &mut Vec::new())
            .map_err(Error::io("read", self.path()))?;
        Ok(Follower {
            name: self.name().to_owned(),
            path: self.path().to_path_buf(),
            position: Some(position),
        })
    }
}

impl Follower {
    /// The session's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the file that `held` opened which was read last.
    #[must_use]
    pub fn is_in(&self, held: &History) -> bool {
        let file = open::identity(&held.opened().metadata);
        self.position
            .as_ref()
            .is_some_and(|position| position.file == file)
    }

    /// Something that is wrong with the file, for people.
    #[must_use]
    pub fn warning(&self, kind: FileWarningKind) -> FileWarning {
        FileWarning {
            path: self.path.clone(),
            kind,
        }
    }

    /// Passes over all that stands in the file now, but for a last line that
    /// is still being written. Gives the last update passed over and what is
    /// wrong behind it; neither where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn skip_to_end(&mut self) -> Result<(Option<Update>, Option<FileWarning>)> {
        let mut tries = 0;
        loop {
            let open = match open::open_read(&self.path) {
                Ok(open) => open,
                Err(error) if error.is_not_found() => {
                    self.position = None;
                    return Ok((None, None));
                }
                Err(error) => return Err(error),
            };
            match Position::at_end(&open, &mut Vec::new()) {
                Ok((position, mut tail)) => {
                    self.position = Some(position);
                    let update = tail.update.take().map(|update| self.named(update));
                    return Ok((update, tail.warning(|| self.path.clone())));
                }
                // Truncated meanwhile: look again.
                Err(error)
                    if error.kind() == io::ErrorKind::UnexpectedEof && tries < MAX_REREADS =>
                {
                    tries += 1;
                }
                Err(error) => return Err(Error::io("read", &self.path)(error)),
            }
        }
    }

    /// Whether the file looks as it did when it was last read: the same file,
    /// as long and as old. Costs one system call.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        let metadata = match self.path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) => {
                return error.kind() == io::ErrorKind::NotFound && self.position.is_none();
            }
        };
        self.position.as_ref().is_some_and(|position| {
            position.file == open::identity(&metadata)
                && position.size == metadata.len()
                && position.modified == metadata.modified().ok()
        })
    }

    /// The updates that came since the last call.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_new(&mut self) -> Result<NewUpdates> {
        self.read_path(usize::MAX, Accept::AnyFile)
    }

    /// The first of the updates that came since the last call, about as many
    /// bytes of them as the limit says.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_some(&mut self, limit_bytes: usize) -> Result<NewUpdates> {
        self.read_path(limit_bytes, Accept::AnyFile)
    }

    /// The same, but nothing of another file than the one read before.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_same(&mut self, limit_bytes: usize) -> Result<NewUpdates> {
        self.read_path(limit_bytes, Accept::SameFile)
    }

    fn read_path(&mut self, limit_bytes: usize, accept: Accept) -> Result<NewUpdates> {
        match open::open_read(&self.path) {
            Ok(open) => self.read(&open, limit_bytes, accept),
            // The place is kept: the file may have been renamed, and what came
            // into it before that is still to be read.
            Err(error) if error.is_not_found() => Ok(NewUpdates {
                missing: true,
                ..NewUpdates::default()
            }),
            Err(error) => Err(error),
        }
    }

    /// As [`read_some`](Self::read_some), of what came before the file was
    /// renamed to `new_name`; none if that is another file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_renamed(&mut self, new_name: &OsStr, limit_bytes: usize) -> Result<NewUpdates> {
        if self.position.is_none() {
            return Ok(NewUpdates::default());
        }
        match open::open_read(&self.path.with_file_name(new_name)) {
            Ok(renamed) => self.read(&renamed, limit_bytes, Accept::SameFile),
            Err(error) if error.is_not_found() => Ok(NewUpdates::default()),
            Err(error) => Err(error),
        }
    }

    /// As [`read_some`](Self::read_some), from the file that `held` opened,
    /// whatever its name is by now; nothing if another one is followed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_held(&mut self, held: &History, limit_bytes: usize) -> Result<NewUpdates> {
        let file = open::identity(&held.opened().metadata);
        if self
            .position
            .as_ref()
            .is_none_or(|position| position.file != file)
        {
            return Ok(NewUpdates::default());
        }
        let again = held
            .opened()
            .again()
            .map_err(Error::io("read", &self.path))?;
        self.read(&again, limit_bytes, Accept::SameFile)
    }

    /// As [`read_some`](Self::read_some), of what came before the file was
    /// renamed, as rotation does: to a longer name that begins with its own.
    ///
    /// # Errors
    /// When the directory or the file cannot be read.
    pub fn read_rotated(&mut self, limit_bytes: usize) -> Result<NewUpdates> {
        let (Some(position), Some(directory), Some(file_name)) =
            (&self.position, self.path.parent(), self.path.file_name())
        else {
            return Ok(NewUpdates::default());
        };
        let mut rotated = None;
        Directory::open(directory)?.names(|name| {
            let is_longer = name.len() > file_name.len()
                && name
                    .as_encoded_bytes()
                    .starts_with(file_name.as_encoded_bytes());
            let is_same = || {
                let metadata = directory.join(name).symlink_metadata();
                metadata.is_ok_and(|metadata| open::identity(&metadata) == position.file)
            };
            if is_longer && is_same() {
                rotated = Some(name.to_owned());
            }
        })?;
        match rotated {
            Some(name) => self.read_renamed(&name, limit_bytes),
            None => Ok(NewUpdates::default()),
        }
    }

    fn read(
        &mut self,
        open: &StatusFile,
        limit_bytes: usize,
        accept: Accept,
    ) -> Result<NewUpdates> {
        let mut new = NewUpdates::default();
        // What fails has read nothing: the place stays where it is.
        let read = self.read_lines(open, limit_bytes, accept, &mut new);
        self.position = read.map_err(Error::io("read", &self.path))?;
        Ok(new)
    }

    /// Reads on from the place where reading ended; gives the new one.
    fn read_lines(
        &self,
        open: &StatusFile,
        limit_bytes: usize,
        accept: Accept,
        new: &mut NewUpdates,
    ) -> io::Result<Option<Position>> {
        let size = open.metadata.len();
        let goes_on = match &self.position {
            Some(position) => position.goes_on_in(open)?,
            None => false,
        };
        let mut position = match &self.position {
            Some(position) if goes_on => position.clone(),
            Some(_) if accept == Accept::SameFile => {
                new.replaced = true;
                return Ok(self.position.clone());
            }
            before => {
                let mut position = Position::at_begin(open);
                let last = before.as_ref().and_then(|before| before.last);
                let found = match last {
                    Some(last) => position.pass_over(open, last)?,
                    None => false,
                };
                new.restarted = before.is_some() && !found;
                position
            }
        };
        position.size = size;
        position.modified = open.metadata.modified().ok();
        let mut lines = LinesForward::new(&open.file, position.offset, size);
        let mut bytes = 0;
        while let Some(line) = lines.next()? {
            let end = line
                .bytes
                .map(|bytes| line.offset + bytes.len() as u64 + u64::from(line.terminated));
            if position.overlong {
                // The rest of a line whose beginning was passed over.
                position.overlong = !line.terminated;
                position.offset = end.unwrap_or_else(|| lines.position());
                continue;
            }
            let decoded = line.decode();
            if !line.terminated && decoded.is_err() && line.bytes.is_some() {
                // Being written: it is read again when there is more of it.
                break;
            }
            if let Some(fingerprint) = LineFingerprint::of(&line) {
                position.last = Some(fingerprint);
            }
            match decoded {
                Ok(update) => {
                    let line = line.bytes.unwrap_or_default().to_vec();
                    bytes += line.len();
                    new.updates.push((line, self.named(update)));
                }
                Err(_) if line.is_blank() => {}
                Err(reason) => new.bad.note_later(reason),
            }
            position.overlong = line.bytes.is_none() && !line.terminated;
            position.offset = end.unwrap_or_else(|| lines.position());
            if bytes >= limit_bytes {
                // Nothing is said of the file's end, which was not reached.
                new.more = position.offset < size;
                position.modified = position.modified.filter(|_| !new.more);
                break;
            }
        }
        Ok(Some(position))
    }

    fn named(&self, mut update: Update) -> Update {
        update.session.clone_from(&self.name);
        update
    }
}

/// Which file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accept {
    AnyFile,
    /// Only the one that was read before.
    SameFile,
}

impl Position {
    fn at_begin(open: &StatusFile) -> Self {
        Self {
            file: open::identity(&open.metadata),
            size: 0,
            modified: None,
            offset: 0,
            overlong: false,
            last: None,
        }
    }

    /// The end of a file, but for a last line that is still being written, and
    /// what stands there.
    fn at_end(open: &StatusFile, buffer: &mut Vec<u8>) -> io::Result<(Self, Tail)> {
        let size = open.metadata.len();
        let mut position = Self {
            size,
            modified: open.metadata.modified().ok(),
            offset: size,
            ..Self::at_begin(open)
        };
        let mut tail = Tail::default();
        let mut lines = LinesBackward::new(&open.file, size, buffer)?;
        while let Some(line) = lines.next()? {
            let verdict = line.update(&open.metadata);
            let is_whole = match &verdict {
                Ok(update) => update.is_some(),
                Err(reason) => is_complete(*reason),
            };
            if !line.terminated && !is_whole {
                position.offset = line.offset;
            } else if position.last.is_none() {
                position.last = LineFingerprint::of(&line);
            }
            match verdict {
                Ok(None) => {}
                Ok(update) => {
                    tail.update = update;
                    return Ok((position, tail));
                }
                Err(reason) => tail.bad.note_earlier(reason),
            }
        }
        tail.gave_up = lines.gave_up();
        Ok((position, tail))
    }

    /// Whether the file still holds what was read of it.
    fn goes_on_in(&self, open: &StatusFile) -> io::Result<bool> {
        let is_same =
            self.file == open::identity(&open.metadata) && self.offset <= open.metadata.len();
        match &self.last {
            Some(last) if is_same => last.stands_in(open),
            _ => Ok(is_same),
        }
    }

    /// Moves behind the last line that is the marked one; false where there
    /// is none.
    fn pass_over(&mut self, open: &StatusFile, marked: LineFingerprint) -> io::Result<bool> {
        let mut lines = LinesForward::new(&open.file, 0, open.metadata.len());
        let mut found = false;
        while let Some(line) = lines.next()? {
            if let Some(fingerprint) = LineFingerprint::of(&line)
                && (fingerprint.length, fingerprint.hash) == (marked.length, marked.hash)
            {
                found = true;
                self.last = Some(fingerprint);
                self.offset = fingerprint.start + fingerprint.length + u64::from(line.terminated);
            }
        }
        Ok(found)
    }
}

impl LineFingerprint {
    /// The mark of a line; none of a blank or an over-long one.
    fn of(line: &Line<'_>) -> Option<Self> {
        let bytes = line.bytes.filter(|_| !line.is_blank())?;
        Some(Self {
            start: line.offset,
            length: bytes.len() as u64,
            hash: hash(&bytes[bytes.len().saturating_sub(FINGERPRINT_BYTES)..]),
        })
    }

    fn stands_in(&self, open: &StatusFile) -> io::Result<bool> {
        let length = self.length.min(FINGERPRINT_BYTES as u64);
        let mut buffer = [0; FINGERPRINT_BYTES];
        let end = &mut buffer[..length as usize];
        match read_exact_at(&open.file, end, self.start + self.length - length) {
            // Truncated meanwhile.
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

    fn messages(follower: &mut Follower) -> Vec<String> {
        let new = follower.read_new().unwrap();
        let messages = new.updates.into_iter();
        messages.map(|(_, update)| update.message).collect()
    }

    #[test]
    fn every_line_is_met_once_through_tearing_rotation_and_removal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let store = Store::new(directory.path());
        fs::write(&path, line("a") + &line("b")[..20]).unwrap();
        let history = store.history("w", Query::default()).unwrap().unwrap();
        let mut follower = history.follower().unwrap();
        assert!(messages(&mut follower).is_empty());
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&line("b").as_bytes()[20..]).unwrap();
        file.write_all((line("c") + "junk\n" + &line("d")).as_bytes())
            .unwrap();
        assert_eq!(messages(&mut follower), ["b", "c", "d"]);
        assert!(messages(&mut follower).is_empty());
        fs::rename(&path, directory.path().join("old")).unwrap();
        assert!(follower.read_new().unwrap().missing);
        fs::write(&path, line("e")).unwrap();
        assert_eq!(messages(&mut follower), ["e"]);
        fs::write(&path, "").unwrap();
        assert!(messages(&mut follower).is_empty());
        fs::write(&path, line("f").trim_end()).unwrap();
        assert_eq!(messages(&mut follower), ["f"], "whole, if unterminated");
    }

    #[test]
    fn a_file_that_was_written_anew_is_known_by_its_last_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut follower = Store::new(directory.path()).follow("w");
        fs::write(&path, line("a") + &line("b") + &line("c")).unwrap();
        assert_eq!(follower.skip_to_end().unwrap().0.unwrap().message, "c");
        assert!(follower.is_unchanged());

        // A clean-up keeps the last lines: they are no news.
        let shorter = directory.path().join("shorter");
        fs::write(&shorter, line("b") + &line("c") + &line("d")).unwrap();
        fs::rename(&shorter, &path).unwrap();
        assert!(!follower.is_unchanged());
        let new = follower.read_new().unwrap();
        assert_eq!(new.updates.len(), 1);
        assert!(!new.restarted);

        // A writer that overwrites its one line with another as long.
        fs::write(&path, line("e") + &line("f") + &line("g")).unwrap();
        let new = follower.read_new().unwrap();
        assert!(new.restarted);
        assert_eq!(new.updates.len(), 3);

        fs::write(&path, "").unwrap();
        let new = follower.read_new().unwrap();
        assert!(new.restarted && new.updates.is_empty());
        assert!(follower.is_unchanged());
    }

    #[test]
    fn much_is_read_in_parts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut follower = Store::new(directory.path()).follow("w");
        fs::write(&path, line("a").repeat(100)).unwrap();
        let mut count = 0;
        loop {
            let new = follower.read_some(10 * line("a").len()).unwrap();
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
    fn what_came_before_a_rename_is_not_lost() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let old = directory.path().join("w_status.json.1");
        let mut follower = Store::new(directory.path()).follow("w");
        fs::write(&path, line("a")).unwrap();
        follower.skip_to_end().unwrap();
        fs::write(&old, line("x")).unwrap();
        let new_name = old.file_name().unwrap();
        assert!(
            follower
                .read_renamed(new_name, usize::MAX)
                .unwrap()
                .updates
                .is_empty()
        );
        fs::write(&path, line("a") + &line("b")).unwrap();
        fs::rename(&path, &old).unwrap();
        fs::write(&path, line("c")).unwrap();
        assert!(follower.read_same(usize::MAX).unwrap().replaced);
        assert_eq!(follower.read_rotated(usize::MAX).unwrap().updates.len(), 1);
        fs::write(&old, line("a") + &line("b") + &line("b2")).unwrap();
        assert_eq!(
            follower
                .read_renamed(new_name, usize::MAX)
                .unwrap()
                .updates
                .len(),
            1
        );
        assert_eq!(messages(&mut follower), ["c"]);
    }

    #[test]
    fn a_whole_bad_line_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        fs::write(&path, line("a") + r#"{"status":"idle"}"#).unwrap();
        let mut follower = Store::new(directory.path()).follow("w");
        let (last, warning) = follower.skip_to_end().unwrap();
        assert_eq!(last.unwrap().message, "a");
        assert_eq!(warning.unwrap().bad_lines(), 1);
        let mut file = fs::File::options().append(true).open(&path).unwrap();
        file.write_all(format!("\n{}", line("b")).as_bytes())
            .unwrap();
        let new = follower.read_new().unwrap();
        assert_eq!((new.updates.len(), new.bad.count), (1, 0));
    }

    #[test]
    fn an_over_long_line_is_passed_over_in_parts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut follower = Store::new(directory.path()).follow("w");
        let mut file = fs::File::create(&path).unwrap();
        for _ in 0..3 {
            file.write_all(&[b'x'; crate::MAX_READ_BYTES + 1]).unwrap();
            assert!(messages(&mut follower).is_empty());
        }
        file.write_all(format!("x\n{}", line("a")).as_bytes())
            .unwrap();
        assert_eq!(messages(&mut follower), ["a"]);
    }
}
