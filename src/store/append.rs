//! One durable line at the end of a file that others may be writing to.
//!
//! A single write with `O_APPEND` is never interleaved on the file systems of
//! one machine, but a writer can be killed in the middle of it, a disk can
//! fill up, and `echo` and `print` split long lines. So a push locks, looks
//! at the last byte, writes once and reads back what it wrote.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::store::open::{self, StatusFile};

/// How long another push may hold the lock before this one goes on without.
/// Correctness does not hang on the lock: it only keeps writers of ours from
/// sealing each other's lines.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// How long an unterminated last line may take to be finished by its writer.
/// Sealing at once destroyed half of the foreign lines that were still being
/// written, waiting this long one in sixty.
const WRITER_PATIENCE: Duration = Duration::from_millis(20);

/// How often a line that another writer tore is written again.
const REWRITES: u32 = 4;

/// How often a file that becomes shorter than it said is looked at again.
const RELOOKS: u32 = 100;

/// How often a file that is replaced while it is opened is opened again.
const REOPENS: u32 = 100;

/// Whether an append waits for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The line is in the system's cache: it survives the end of this
    /// process, not a power cut.
    #[default]
    Cached,
    /// The line is on the disk, and so is the name of a new file.
    Synced,
}

/// A status file kept open for appending.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    open: Option<StatusFile>,
    created: bool,
}

impl Appender {
    /// An appender for a path. Nothing is opened before the first append.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: None,
            created: false,
        }
    }

    /// Appends one line, or several, each ending in a newline.
    ///
    /// `Ok` means that it stands in the file exactly once and whole, an error
    /// that it stands there at most once.
    ///
    /// # Errors
    /// What the system refused, a file that is no regular one, or
    /// [`Error::Unconfirmed`] when other writers tore the line every time.
    pub fn append(&mut self, line: &[u8], durability: Durability) -> Result<()> {
        let mut open = self.lock_current()?;
        write_line(&mut open.file, &self.path, line)?;
        if durability == Durability::Synced {
            open.file
                .sync_data()
                .map_err(Error::io("sync", &self.path))?;
            if self.created
                && let Some(directory) = self.path.parent()
            {
                sync_directory(directory)?;
            }
        }
        // After any failure, and where the lock cannot be given back, the
        // file is closed, which gives it back for certain.
        if open.file.unlock().is_ok() {
            self.open = Some(open);
        }
        Ok(())
    }

    /// Opens and locks the file that the path names now.
    fn lock_current(&mut self) -> Result<StatusFile> {
        let deadline = Instant::now() + LOCK_PATIENCE;
        for _ in 0..REOPENS {
            let open = match self.open.take() {
                Some(open) => open,
                None => {
                    let (open, created) = open_or_create(&self.path)?;
                    self.created = created;
                    open
                }
            };
            lock(&open.file, deadline);
            // Rotation may have renamed the file, or a clean-up removed it,
            // while we waited: a line in it would be lost from sight.
            match self.path.symlink_metadata() {
                Ok(now) if open::identity(&now) == open::identity(&open.metadata) => {
                    return Ok(open);
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("look at", &self.path)(error));
                }
                _ => {}
            }
        }
        Err(Error::Unconfirmed {
            path: self.path.clone(),
            attempts: REOPENS,
        })
    }
}

fn open_or_create(path: &Path) -> Result<(StatusFile, bool)> {
    for _ in 0..REOPENS {
        match open::open_append(path) {
            Err(error) if error.is_not_found() => {}
            other => return other.map(|open| (open, false)),
        }
        match open::create_append(path) {
            // Somebody else made it between the two: open theirs.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {}
            Err(Error::NotRegular { .. }) => {}
            other => return other.map(|open| (open, true)),
        }
    }
    open::open_append(path).map(|open| (open, false))
}

/// Takes the lock if it comes free before the deadline; a file system without
/// locks has none to wait for.
fn lock(file: &File, deadline: Instant) {
    let mut pause = Duration::from_micros(50);
    while let Err(TryLockError::WouldBlock) = file.try_lock() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

fn write_line(file: &mut File, path: &Path, line: &[u8]) -> Result<()> {
    let fail = |action| Error::io(action, path);
    let mut on_new_line = wait_for_writer(file).map_err(fail("read"))?;
    for _ in 0..=REWRITES {
        let sealed;
        let bytes = if on_new_line {
            line
        } else {
            // A torn line is sealed, never cut off and never glued to.
            sealed = [b"\n", line].concat();
            &sealed
        };
        write_whole(file, bytes).map_err(fail("append"))?;
        if stands_whole(file, line).map_err(fail("read back"))? {
            return Ok(());
        }
        on_new_line = ends_in_newline(file).map_err(fail("read"))?;
    }
    Err(Error::Unconfirmed {
        path: path.to_path_buf(),
        attempts: REWRITES + 1,
    })
}

/// Gives the writer of an unterminated last line a moment to finish it; says
/// whether the file ends in a newline now.
fn wait_for_writer(file: &File) -> io::Result<bool> {
    if ends_in_newline(file)? {
        return Ok(true);
    }
    let deadline = Instant::now() + WRITER_PATIENCE;
    while Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
        if ends_in_newline(file)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a line that is appended now begins on a line of its own.
fn ends_in_newline(file: &File) -> io::Result<bool> {
    let mut last = [0];
    for _ in 0..RELOOKS {
        let size = file.metadata()?.len();
        if size == 0 {
            return Ok(true);
        }
        match open::read_exact_at(file, &mut last, size - 1) {
            Ok(()) => return Ok(last == [b'\n']),
            // Truncated in between: look again.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// One write; a short one is continued, and what cannot be continued is
/// sealed so that the next line does not stick to it.
fn write_whole(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        let error = match file.write(&bytes[written..]) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(count) => {
                written += count;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        if written > 0 {
            // If this fails too, the next push seals.
            let _ = file.write(b"\n");
        }
        return Err(error);
    }
    Ok(())
}

/// Whether the line just written stands where it was written and has a line of
/// its own. `O_APPEND` leaves the position behind it.
fn stands_whole(file: &mut File, line: &[u8]) -> io::Result<bool> {
    let end = file.stream_position()?;
    let Some(start) = end.checked_sub(line.len() as u64) else {
        return Ok(false);
    };
    // The byte before tells whether a stump of another writer came between.
    let before = usize::from(start > 0);
    let mut found = vec![0; before + line.len()];
    match open::read_exact_at(file, &mut found, start - before as u64) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error),
    }
    let (before, found) = found.split_at(before);
    Ok(found == line && matches!(before, [] | [b'\n']))
}

/// Makes a directory's entries durable.
#[cfg(unix)]
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(Error::io("sync", directory))
}

/// Directories cannot be synced here.
#[cfg(not(unix))]
pub(crate) fn sync_directory(_directory: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn appended(before: &[u8], line: &[u8]) -> Vec<u8> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        fs::write(&path, before).unwrap();
        Appender::new(path.clone())
            .append(line, Durability::Synced)
            .unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn a_torn_line_is_sealed_and_a_whole_one_left_alone() {
        assert_eq!(appended(b"", b"{}\n"), b"{}\n");
        assert_eq!(appended(b"{}\n", b"{}\n"), b"{}\n{}\n");
        assert_eq!(appended(b"{\"tor", b"{}\n"), b"{\"tor\n{}\n");
    }

    #[test]
    fn a_kept_appender_follows_a_rename_and_a_removal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut appender = Appender::new(path.clone());
        appender.append(b"1\n", Durability::Cached).unwrap();
        fs::rename(&path, directory.path().join("old")).unwrap();
        appender.append(b"2\n", Durability::Cached).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2\n");
        fs::remove_file(&path).unwrap();
        appender.append(b"3\n", Durability::Cached).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"3\n");
    }

    #[test]
    fn a_line_glued_to_a_stump_does_not_stand_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let (mut open, _) = open_or_create(&path).unwrap();
        open.file.write_all(b"stump{}\n").unwrap();
        assert!(!stands_whole(&mut open.file, b"{}\n").unwrap());
        open.file.write_all(b"{}\n").unwrap();
        assert!(stands_whole(&mut open.file, b"{}\n").unwrap());
        open.file.write_all(b"\n{}\n").unwrap();
        assert!(stands_whole(&mut open.file, b"{}\n").unwrap());
    }

    #[test]
    fn the_lock_is_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut appender = Appender::new(path.clone());
        appender.append(b"1\n", Durability::Cached).unwrap();
        assert!(File::open(&path).unwrap().try_lock().is_ok());
    }
}
