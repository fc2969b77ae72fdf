//! What was appended to a session's file since it was last looked at.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::history::History;
use crate::store::lines::{LinesBackward, LinesForward};
use crate::store::open;
use crate::store::tail::BadLines;
use crate::update::Update;

/// A place in a session's file, which moves on as the file grows.
///
/// It knows the file by device and inode: one that is put in its place, as
/// rotation does, is read from its beginning, and so is one that was
/// truncated.
#[derive(Clone, Debug)]
pub struct Follower {
    name: String,
    path: PathBuf,
    file: Option<(u64, u64)>,
    offset: u64,
}

/// What a follower found.
#[derive(Debug, Default)]
pub struct Appended {
    /// The new updates with their stored lines, oldest first.
    pub updates: Vec<(Vec<u8>, Update)>,
    /// The new lines that are none.
    pub bad: BadLines,
    /// The file is not there (any more).
    pub missing: bool,
}

impl Store {
    /// A follower of a session that has read nothing yet.
    #[must_use]
    pub fn follow(&self, name: &str) -> Follower {
        let file_name = self.file_of(name).ok().flatten().unwrap_or_default();
        Follower {
            name: name.to_owned(),
            path: self.path().join(file_name),
            file: None,
            offset: 0,
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
        let open = self.opened();
        let mut buffer = Vec::new();
        let unfinished = LinesBackward::new(&open.file, self.size(), &mut buffer)
            .and_then(|mut lines| {
                let last = lines.next()?;
                Ok(last
                    .filter(|line| !line.terminated && line.decode().is_err())
                    .map(|line| line.offset))
            })
            .map_err(Error::io("read", self.path()))?;
        Ok(Follower {
            name: self.name().to_owned(),
            path: self.path().to_path_buf(),
            file: open::identity(&open.metadata),
            offset: unfinished.unwrap_or(self.size()),
        })
    }
}

impl Follower {
    /// The session's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Passes over all that stands in the file now, but for a last line that
    /// is still being written.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn skip_to_end(&mut self) -> Result<()> {
        self.read(|_, _| {}).map(drop)
    }

    /// The updates that came since the last call.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_new(&mut self) -> Result<Appended> {
        let mut updates = Vec::new();
        let mut appended = self.read(|line, update| updates.push((line.to_vec(), update)))?;
        appended.updates = updates;
        Ok(appended)
    }

    fn read(&mut self, mut each: impl FnMut(&[u8], Update)) -> Result<Appended> {
        let mut appended = Appended::default();
        let open = match open::open_read(&self.path) {
            Ok(open) => open,
            Err(error) if error.is_not_found() => {
                self.file = None;
                self.offset = 0;
                appended.missing = true;
                return Ok(appended);
            }
            Err(error) => return Err(error),
        };
        let (size, file) = (open.metadata.len(), open::identity(&open.metadata));
        if file != self.file || size < self.offset {
            self.offset = 0;
        }
        self.file = file;
        let mut lines = LinesForward::new(&open.file, self.offset, size);
        while let Some(line) = lines.next().map_err(Error::io("read", &self.path))? {
            let decoded = line.decode();
            if !line.terminated && decoded.is_err() {
                // Being written: it is read again when there is more of it.
                break;
            }
            let length = line.bytes.map_or(0, <[u8]>::len) as u64;
            match decoded {
                Ok(mut update) => {
                    update.session.clone_from(&self.name);
                    each(line.bytes.unwrap_or_default(), update);
                }
                Err(_) if line.is_blank() => {}
                Err(reason) => appended.bad.note_later(reason),
            }
            self.offset = match line.bytes {
                Some(_) => line.offset + length + u64::from(line.terminated),
                None => lines.position(),
            };
        }
        Ok(appended)
    }
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
        let appended = follower.read_new().unwrap();
        let messages = appended.updates.into_iter();
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
}
