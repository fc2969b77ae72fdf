//! Appending lines to a file that other programs write to as well.
//!
//! A line must be written exactly once, on its own line, whatever other writers
//! do: the worker's `echo` and Python's `print` know nothing of locks and write
//! long lines in parts, a writer can be killed in the middle of a line, and a
//! disk can become full. [`Appender::append_lines`] therefore proceeds in steps:
//!
//! 1. It opens the file for reading and appending, and creates it if it is
//!    missing.
//! 2. It locks the file, and checks that the path still names it: rotation or a
//!    clean-up may have replaced it, and no reader would see the line.
//! 3. If the file does not end with a newline, it gives the writer of that last
//!    line a moment to finish. Otherwise its own line starts with a newline,
//!    so that an incomplete line does not become a part of it. Nothing is ever
//!    truncated or overwritten: the incomplete line is another writer's data.
//! 4. It writes everything with one `write`, which local file systems never
//!    interleave with another append.
//! 5. It reads the written range back, and writes a damaged line again.
//! 6. With [`Durability::Synced`], it waits for the disk.
//!
//! The lock is an optimization. It stops two sstat writers from terminating each
//! other's incomplete lines. Where it is unavailable, step 5 detects the damage.

use std::fs::{File, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::store::open::{self, Lock, StatusFile};

/// How long to wait for the writer of an incomplete last line. Without waiting,
/// half of the lines that `echo` and `print` write in parts were damaged; with
/// 20 ms, one in sixty.
const WRITER_TIMEOUT: Duration = Duration::from_millis(20);

/// How often a damaged line is written again.
pub(crate) const MAX_REWRITES: u32 = 4;

/// How often a file that is replaced while it is opened is opened again, and
/// one that is truncated while its end is read is read again.
const MAX_RETRIES: u32 = 100;

/// How many bytes before a written line are read back. Another writer may have
/// added white space there, which does not damage the line.
const READ_BACK_CONTEXT: u64 = 256;

/// Selects whether an append waits for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// The line is in the system's cache: it survives the end of this process,
    /// but not a power failure.
    #[default]
    Cached,
    /// The line is on the disk, and so is the directory entry of a new file.
    Synced,
}

/// A status file that is kept open for appending.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    open: Option<StatusFile>,
    /// The open file was created by this appender.
    created: bool,
}

/// Why lines were not appended, and which.
#[derive(Debug)]
#[non_exhaustive]
pub struct AppendError {
    /// The reason.
    pub error: Error,
    /// The lines that were not written, or not for certain, counted from 0.
    pub lines: Vec<usize>,
}

impl Appender {
    /// How long an append waits for the lock before it continues without it.
    pub const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

    /// Returns an appender for a path. The first append opens the file.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: None,
            created: false,
        }
    }

    /// Returns an appender for an existing file.
    pub(crate) fn existing(path: PathBuf) -> Result<Self> {
        Ok(Self {
            open: Some(open::open_append(&path)?),
            ..Self::new(path)
        })
    }

    /// Appends one line, which ends with a newline.
    ///
    /// `Ok` means that the line was written exactly once, an error that it was
    /// written at most once. Blocks for up to 2 s while another program holds
    /// the lock, and for 20 ms while another program writes a line.
    ///
    /// # Errors
    /// [`Error::Update`] if a newline is missing or inside the line,
    /// [`Error::NotRegular`] for anything but a regular file,
    /// [`Error::Unconfirmed`] if other writers damaged the line every time, and
    /// [`Error::Io`].
    pub fn append(&mut self, line: &[u8], durability: Durability) -> Result<()> {
        let newline = line.iter().position(|&byte| byte == b'\n');
        if newline.map(|at| at + 1) != Some(line.len()) {
            return Err(Error::Update {
                reason: "a line must end with its only newline".to_owned(),
            });
        }
        self.append_lines(line, durability)
            .map_err(|unwritten| unwritten.error)
    }

    /// Appends the lines that `lines` returns while the file is locked, so that they
    /// can depend on the updates before them. They are one write. Waits for the lock
    /// at most `timeout`; `lines` receives false if it was not acquired.
    ///
    /// # Errors
    /// Those of [`append`](Self::append) and of `lines`.
    pub fn append_locked<E: From<Error>>(
        &mut self,
        timeout: Duration,
        durability: Durability,
        lines: impl FnOnce(bool) -> std::result::Result<Option<Vec<u8>>, E>,
    ) -> std::result::Result<(), E> {
        let (mut open, lock) = self.open_and_lock(timeout)?;
        let Some(lines) = lines(lock.is_some())? else {
            return Ok(());
        };
        self.write(&mut open, &lines, durability)?;
        Ok(())
    }

    /// Appends lines to the open file (steps 3 to 6).
    pub(crate) fn write(
        &self,
        open: &mut StatusFile,
        lines: &[u8],
        durability: Durability,
    ) -> Result<()> {
        Batch::new(lines).write(&mut open.file, &self.path)?;
        match durability {
            Durability::Synced => self.sync(&open.file),
            Durability::Cached => Ok(()),
        }
    }

    /// Appends several lines in their order, each ending with a newline. They
    /// are one write, so that together they should not exceed
    /// [`MAX_WRITTEN_BYTES`](crate::MAX_WRITTEN_BYTES).
    ///
    /// # Errors
    /// Those of [`append`](Self::append), with the lines they apply to.
    pub fn append_lines(
        &mut self,
        lines: &[u8],
        durability: Durability,
    ) -> std::result::Result<(), AppendError> {
        let mut batch = Batch::new(lines);
        self.append_batch(&mut batch, durability)
            .map_err(|error| AppendError {
                error,
                lines: batch.unwritten(),
            })
    }

    fn append_batch(&mut self, batch: &mut Batch<'_>, durability: Durability) -> Result<()> {
        let (mut open, lock) = self.open_and_lock(Self::LOCK_TIMEOUT)?;
        batch.write(&mut open.file, &self.path)?;
        if durability == Durability::Synced
            && let Err(error) = self.sync(&open.file)
        {
            // The lines may be lost: none of them is written for certain.
            batch.next = 0;
            return Err(error);
        }
        // After an error, the file is closed, which releases the lock too.
        if open::unlock(&open.file, lock) {
            self.open = Some(open);
        }
        Ok(())
    }

    /// Opens and locks the file that the path names (steps 1 and 2). Returns no lock
    /// if it was not acquired within `timeout`.
    pub(crate) fn open_and_lock(
        &mut self,
        timeout: Duration,
    ) -> Result<(StatusFile, Option<Lock>)> {
        let deadline = Instant::now() + timeout;
        for _ in 0..MAX_RETRIES {
            let Some(open) = self.open_or_create()? else {
                continue;
            };
            let lock = lock(&open.file, &self.path, deadline);
            match open::stat(&self.path) {
                Ok((_, identity)) if identity == open.identity() => return Ok((open, lock)),
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("read", &self.path)(error));
                }
                // Renamed, replaced or removed while this program waited.
                _ => {}
            }
        }
        Err(Error::Unconfirmed {
            path: self.path.clone(),
            attempts: MAX_RETRIES,
        })
    }

    /// Returns `None` if another program creates the file at the same time.
    fn open_or_create(&mut self) -> Result<Option<StatusFile>> {
        if let Some(open) = self.open.take() {
            return Ok(Some(open));
        }
        self.created = false;
        match open::open_append(&self.path) {
            Err(error) if error.is_not_found() => {}
            opened => return opened.map(Some),
        }
        match open::create_append(&self.path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                Ok(None)
            }
            Err(Error::NotRegular { .. }) => Ok(None),
            created => {
                self.created = created.is_ok();
                created.map(Some)
            }
        }
    }

    /// Waits for the disk (step 6). A new file also needs its directory entry.
    fn sync(&self, file: &File) -> Result<()> {
        open::sync_data(file).map_err(Error::io("sync", &self.path))?;
        match self.path.parent() {
            Some(directory) if self.created => open::sync_directory(directory),
            _ => Ok(()),
        }
    }
}

/// Takes the lock if it becomes free before the deadline. A file system without
/// locks returns another error than `WouldBlock`.
fn lock(file: &File, path: &Path, deadline: Instant) -> Option<Lock> {
    let mut pause = Duration::from_micros(50);
    loop {
        match open::try_lock(file, path) {
            Err(TryLockError::WouldBlock) => {}
            result => return result.ok(),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

/// The lines of one append.
struct Batch<'a> {
    lines: Vec<&'a [u8]>,
    /// The lines before this one are written, except those in `lost`.
    next: usize,
    lost: Vec<usize>,
}

impl<'a> Batch<'a> {
    fn new(lines: &'a [u8]) -> Self {
        Self {
            lines: lines.split_inclusive(|&byte| byte == b'\n').collect(),
            next: 0,
            lost: Vec::new(),
        }
    }

    fn unwritten(mut self) -> Vec<usize> {
        self.lost.extend(self.next..self.lines.len());
        self.lost
    }

    /// Writes the lines until the file contains them (steps 3 to 5).
    fn write(&mut self, file: &mut File, path: &Path) -> Result<()> {
        let mut on_new_line = wait_for_newline(file).map_err(Error::io("read", path))?;
        for _ in 0..=MAX_REWRITES {
            let start = usize::from(!on_new_line);
            let mut bytes = vec![b'\n'; start];
            for line in &self.lines[self.next..] {
                bytes.extend_from_slice(line);
            }
            let mut pieces = Vec::with_capacity(1);
            let written = write_once(file, &bytes, &mut pieces);
            // Even after an error, some of the lines may be written.
            let found = read_back(file, &pieces);
            self.confirm(found.as_deref().unwrap_or_default(), start);
            written.map_err(Error::io("append", path))?;
            found.map_err(Error::io("read back", path))?;
            if self.next == self.lines.len() {
                break;
            }
            on_new_line = ends_with_newline(file).map_err(Error::io("read", path))?;
        }
        if self.next == self.lines.len() && self.lost.is_empty() {
            return Ok(());
        }
        Err(Error::Unconfirmed {
            path: path.to_path_buf(),
            attempts: MAX_REWRITES + 1,
        })
    }

    /// Notes which lines the file contains; `start` is the offset of the next
    /// line in the written bytes. A damaged line before an intact one is lost:
    /// written again, it would follow a later update.
    fn confirm(&mut self, found: &[Found], mut start: usize) {
        for number in self.next..self.lines.len() {
            let line = self.lines[number];
            if found.iter().any(|found| found.contains(start, line)) {
                self.lost.extend(self.next..number);
                self.next = number + 1;
            }
            start += line.len();
        }
    }
}

/// Waits until the file ends with a newline, for at most [`WRITER_TIMEOUT`].
/// Returns whether it does.
fn wait_for_newline(file: &File) -> io::Result<bool> {
    if ends_with_newline(file)? {
        return Ok(true);
    }
    let deadline = Instant::now() + WRITER_TIMEOUT;
    while Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
        if ends_with_newline(file)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns true if the next appended byte starts a line.
fn ends_with_newline(file: &File) -> io::Result<bool> {
    let mut last = [0];
    for _ in 0..MAX_RETRIES {
        let size = file.metadata()?.len();
        if size == 0 {
            return Ok(true);
        }
        match open::read_exact_at(file, &mut last, size - 1) {
            Ok(()) => return Ok(last == [b'\n']),
            // Truncated since its size was read.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// A range of the written bytes that is contiguous in the file.
struct Piece {
    /// The range's start and length in the written bytes.
    start: usize,
    length: usize,
    /// The range's end in the file.
    end: u64,
}

/// Writes the bytes with one `write`. A short one, as on a full disk, is
/// continued. If that fails, the incomplete line gets a newline. `pieces` gets
/// the written ranges, also after an error.
fn write_once(file: &mut File, bytes: &[u8], pieces: &mut Vec<Piece>) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        let error = match file.write(&bytes[written..]) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(length) => {
                // With `O_APPEND`, a write moves the position to its end.
                let end = file.stream_position()?;
                match pieces.last_mut() {
                    Some(last) if last.end + length as u64 == end => {
                        last.length += length;
                        last.end = end;
                    }
                    _ => pieces.push(Piece {
                        start: written,
                        length,
                        end,
                    }),
                }
                written += length;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        if written > 0 && bytes[written - 1] != b'\n' {
            // If this fails too, the next append starts with a newline.
            let _ = file.write(b"\n");
        }
        return Err(error);
    }
    Ok(())
}

/// The contents of the file where a piece was written.
struct Found {
    /// The piece's start in the written bytes.
    start: usize,
    /// The piece's start in `bytes`. The context precedes it.
    context: usize,
    /// The context starts at the beginning of the file.
    is_file_start: bool,
    bytes: Vec<u8>,
}

impl Found {
    /// Returns true if a reader would accept the line that was written at
    /// `start`: it is intact and only white space precedes it on its line.
    fn contains(&self, start: usize, line: &[u8]) -> bool {
        let position = start.checked_sub(self.start).map(|at| self.context + at);
        let Some((before, written)) = position.and_then(|at| self.bytes.split_at_checked(at))
        else {
            return false;
        };
        let is_space = |byte: &&u8| byte.is_ascii_whitespace() && **byte != b'\n';
        let is_own_line = match before.iter().rev().find(|byte| !is_space(byte)) {
            Some(byte) => *byte == b'\n',
            None => self.is_file_start,
        };
        is_own_line && written.starts_with(line)
    }
}

fn read_back(file: &File, pieces: &[Piece]) -> io::Result<Vec<Found>> {
    let mut found = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let Some(offset) = piece.end.checked_sub(piece.length as u64) else {
            continue;
        };
        let context = offset.min(READ_BACK_CONTEXT);
        let mut bytes = vec![0; context as usize + piece.length];
        match open::read_exact_at(file, &mut bytes, offset - context) {
            Ok(()) => found.push(Found {
                start: piece.start,
                context: context as usize,
                is_file_start: context == offset,
                bytes,
            }),
            // Truncated since.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
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
            .append_lines(line, Durability::Synced)
            .unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn torn_tail_is_sealed() {
        assert_eq!(appended(b"", b"{}\n"), b"{}\n");
        assert_eq!(appended(b"{}\n", b"{}\n"), b"{}\n{}\n");
        assert_eq!(appended(b"{\"tor", b"{}\n"), b"{\"tor\n{}\n");
    }

    #[test]
    fn kept_appender_follows_rename_and_removal() {
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

    /// Returns which lines are confirmed after bytes of another writer were put
    /// before them or over them.
    fn confirmed(before: &[u8], written: &[u8], over: Option<(&[u8], u64)>) -> Vec<bool> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut open = open::create_append(&path).unwrap();
        open.file.write_all(before).unwrap();
        let mut pieces = Vec::new();
        write_once(&mut open.file, written, &mut pieces).unwrap();
        if let Some((bytes, at)) = over {
            let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.seek(io::SeekFrom::Start(at)).unwrap();
            file.write_all(bytes).unwrap();
        }
        let found = read_back(&open.file, &pieces).unwrap();
        let mut batch = Batch::new(written);
        batch.confirm(&found, 0);
        let count = batch.lines.len();
        let unwritten = batch.unwritten();
        (0..count).map(|line| !unwritten.contains(&line)).collect()
    }

    #[test]
    fn line_is_confirmed_only_on_its_own_line() {
        assert_eq!(confirmed(b"", b"{}\n", None), [true]);
        assert_eq!(confirmed(b"{}\n", b"{}\n", None), [true]);
        assert_eq!(confirmed(b"stump", b"{}\n", None), [false]);
        assert_eq!(confirmed(b"stump", b"{}\n{}\n", None), [false, true]);
        assert_eq!(confirmed(b"stump", b"\n{}\n", None), [false, true]);
        assert_eq!(confirmed(b"{}\n \t\r", b"{}\n", None), [true]);
        assert_eq!(confirmed(b"  ", b"{}\n", None), [true]);
        assert_eq!(confirmed(b"stump  ", b"{}\n", None), [false]);
        let over = |at| Some((&b"x"[..], at));
        assert_eq!(confirmed(b"", b"1\n2\n3\n", over(2)), [true, false, true]);
        assert_eq!(confirmed(b"", b"1\n2\n3\n", over(3)), [true, false, false]);
    }

    #[test]
    fn lines_in_several_pieces_are_confirmed_if_intact() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        fs::write(&path, "1\n2foreign\n\n3\n").unwrap();
        let piece = |start, end| Piece {
            start,
            length: 3,
            end,
        };
        let file = File::open(&path).unwrap();
        let found = read_back(&file, &[piece(0, 3), piece(3, 14)]).unwrap();
        let mut batch = Batch::new(b"1\n2\n3\n");
        batch.confirm(&found, 0);
        assert_eq!(batch.unwritten(), [1]);
    }

    #[test]
    fn several_lines_are_appended_in_order() {
        assert_eq!(appended(b"{\"tor", b"1\n2\n"), b"{\"tor\n1\n2\n");
        let directory = tempfile::tempdir().unwrap();
        let unwritten = Appender::new(directory.path().join("no/w_status.json"))
            .append_lines(b"1\n2\n3\n", Durability::Cached)
            .unwrap_err();
        assert_eq!(unwritten.lines, [0, 1, 2]);
        assert!(unwritten.error.is_not_found());
    }

    #[test]
    fn lock_is_released() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let mut appender = Appender::new(path.clone());
        appender.append(b"1\n", Durability::Cached).unwrap();
        assert!(open::try_lock(&File::open(&path).unwrap(), &path).is_ok());
    }
}
