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
#[non_exhaustive]
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

/// Why lines were not appended, and which.
#[derive(Debug)]
#[non_exhaustive]
pub struct AppendError {
    /// What went wrong.
    pub error: Error,
    /// The lines that do not stand in the file, or not for certain, counted
    /// from 0.
    pub lines: Vec<usize>,
}

impl AppendError {
    fn from_line(first: usize, lines: &[u8], error: Error) -> Self {
        let count = memchr::memchr_iter(b'\n', lines).count();
        Self {
            error,
            lines: (first..first + count).collect(),
        }
    }
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

    /// Appends one line, which ends in a newline.
    ///
    /// `Ok` means that it stands in the file exactly once and whole, an error
    /// that it stands there at most once.
    ///
    /// # Errors
    /// Returns [`Error::Update`] if a newline is missing or inside the line,
    /// [`Error::NotRegular`] for a file that is not a regular file,
    /// [`Error::Unconfirmed`] if other writers damaged the line each time, and
    /// [`Error::Io`].
    pub fn append(&mut self, line: &[u8], durability: Durability) -> Result<()> {
        if memchr::memchr(b'\n', line).is_none_or(|end| end + 1 != line.len()) {
            return Err(Error::Update {
                reason: "a line must end with its only newline".to_owned(),
            });
        }
        self.append_lines(line, durability)
            .map_err(|unwritten| unwritten.error)
    }

    /// Appends several lines at once, each ending in a newline, and keeps
    /// their order. All of them together had better be no longer than one line
    /// may be: longer writes may be torn.
    ///
    /// # Errors
    /// As [`append`](Self::append), with the lines that the error is about.
    pub fn append_lines(
        &mut self,
        lines: &[u8],
        durability: Durability,
    ) -> std::result::Result<(), AppendError> {
        let all = |error| AppendError::from_line(0, lines, error);
        let mut open = self.lock_current().map_err(all)?;
        write_lines(&mut open.file, &self.path, lines)?;
        if durability == Durability::Synced {
            self.sync(&open.file).map_err(all)?;
        }
        // After any failure, and where the lock cannot be given back, the
        // file is closed, which gives it back for certain.
        if open.file.unlock().is_ok() {
            self.open = Some(open);
        }
        Ok(())
    }

    fn sync(&self, file: &File) -> Result<()> {
        file.sync_data().map_err(Error::io("sync", &self.path))?;
        match self.path.parent() {
            Some(directory) if self.created => sync_directory(or_current(directory)),
            _ => Ok(()),
        }
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

/// Writes lines until each stands in the file.
fn write_lines(file: &mut File, path: &Path, lines: &[u8]) -> std::result::Result<(), AppendError> {
    let (mut left, mut first) = (lines, 0);
    let mut lost = Vec::new();
    let error = write_until_whole(file, path, &mut left, &mut first, &mut lost).err();
    let unconfirmed = || Error::Unconfirmed {
        path: path.to_path_buf(),
        attempts: REWRITES + 1,
    };
    if error.is_none() && left.is_empty() && lost.is_empty() {
        return Ok(());
    }
    let mut unwritten = AppendError::from_line(first, left, error.unwrap_or_else(unconfirmed));
    unwritten.lines.splice(..0, lost);
    Err(unwritten)
}

/// Takes the lines that stand in the file off the front of `left`, whose first
/// line has the number `first`. One that does not stand while another stands
/// behind it is lost: written again, it would come after what followed it.
fn write_until_whole(
    file: &mut File,
    path: &Path,
    left: &mut &[u8],
    first: &mut usize,
    lost: &mut Vec<usize>,
) -> Result<()> {
    let fail = |action| Error::io(action, path);
    let mut on_new_line = wait_for_writer(file).map_err(fail("read"))?;
    for _ in 0..=REWRITES {
        let sealed;
        let bytes = if on_new_line {
            *left
        } else {
            // A torn line is sealed, never cut off and never glued to.
            sealed = [b"\n", *left].concat();
            &sealed
        };
        let mut pieces = Vec::with_capacity(1);
        let written = write_whole(file, bytes, &mut pieces);
        let found = read_back(file, &pieces);
        if let Ok(found) = &found {
            let (mut start, mut stood) = (bytes.len() - left.len(), None);
            let mut torn = Vec::new();
            for (number, line) in left.split_inclusive(|&byte| byte == b'\n').enumerate() {
                if found.iter().any(|found| found.has_line(start, line)) {
                    stood = Some((number + 1, start + line.len()));
                    lost.append(&mut torn);
                } else {
                    torn.push(*first + number);
                }
                start += line.len();
            }
            if let Some((count, end)) = stood {
                *first += count;
                *left = &left[left.len() - (bytes.len() - end)..];
            }
        }
        written.map_err(fail("append"))?;
        found.map_err(fail("read back"))?;
        if left.is_empty() {
            return Ok(());
        }
        on_new_line = ends_in_newline(file).map_err(fail("read"))?;
    }
    Ok(())
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

/// Bytes that were written in one go, or in several that follow one another.
struct Piece<'a> {
    /// Where they begin among all that were to be written.
    start: usize,
    bytes: &'a [u8],
    /// Where in the file they end.
    end: u64,
}

/// One write; a short one is continued, and what cannot be continued is
/// sealed so that the next line does not stick to it.
fn write_whole<'a>(
    file: &mut File,
    bytes: &'a [u8],
    pieces: &mut Vec<Piece<'a>>,
) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        let error = match file.write(&bytes[written..]) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(count) => {
                // `O_APPEND` leaves the position behind what was written.
                let end = file.stream_position()?;
                match pieces.last_mut() {
                    Some(last) if last.end + count as u64 == end => {
                        last.bytes = &bytes[last.start..written + count];
                        last.end = end;
                    }
                    _ => pieces.push(Piece {
                        start: written,
                        bytes: &bytes[written..written + count],
                        end,
                    }),
                }
                written += count;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        if written > 0 && bytes[written - 1] != b'\n' {
            // If this fails too, the next push seals.
            let _ = file.write(b"\n");
        }
        return Err(error);
    }
    Ok(())
}

/// How many bytes before a written line are read back, in which another writer
/// may have put white space.
const READ_BACK_BEFORE: u64 = 256;

/// The bytes of the file where a piece was written, and those before it.
struct Found {
    start: usize,
    before: usize,
    /// Whether `bytes` begins where the file begins.
    is_file_start: bool,
    bytes: Vec<u8>,
}

impl Found {
    /// Returns true if the line that was written at `start` is intact and a
    /// reader would accept it: only white space may precede it on its line. A
    /// partial line of another writer makes it invalid.
    fn has_line(&self, start: usize, line: &[u8]) -> bool {
        let Some(at) = start.checked_sub(self.start) else {
            return false;
        };
        let at = at + self.before;
        let Some((before, written)) = self.bytes.split_at_checked(at) else {
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

fn read_back(file: &File, pieces: &[Piece<'_>]) -> io::Result<Vec<Found>> {
    let mut found = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let Some(offset) = piece.end.checked_sub(piece.bytes.len() as u64) else {
            continue;
        };
        let before = offset.min(READ_BACK_BEFORE) as usize;
        let mut bytes = vec![0; before + piece.bytes.len()];
        match open::read_exact_at(file, &mut bytes, offset - before as u64) {
            Ok(()) => found.push(Found {
                start: piece.start,
                before,
                is_file_start: before as u64 == offset,
                bytes,
            }),
            // Truncated in between.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The directory above a relative name is the current one, which the system
/// does not know by an empty path.
pub(crate) fn or_current(directory: &Path) -> &Path {
    if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    }
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
            .append_lines(line, Durability::Synced)
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

    /// What stands of lines after something else was written in between.
    fn standing(before: &[u8], written: &[u8], over: Option<(&[u8], u64)>) -> Vec<bool> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        let (mut open, _) = open_or_create(&path).unwrap();
        open.file.write_all(before).unwrap();
        let mut pieces = Vec::new();
        write_whole(&mut open.file, written, &mut pieces).unwrap();
        if let Some((bytes, at)) = over {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, bytes, at).unwrap();
        }
        let found = read_back(&open.file, &pieces).unwrap();
        let mut start = 0;
        written
            .split_inclusive(|&byte| byte == b'\n')
            .map(|line| {
                start += line.len();
                found
                    .iter()
                    .any(|found| found.has_line(start - line.len(), line))
            })
            .collect()
    }

    #[cfg(unix)]
    #[test]
    fn a_line_stands_only_on_a_line_of_its_own() {
        assert_eq!(standing(b"", b"{}\n", None), [true]);
        assert_eq!(standing(b"{}\n", b"{}\n", None), [true]);
        assert_eq!(standing(b"stump", b"{}\n", None), [false]);
        assert_eq!(standing(b"stump", b"{}\n{}\n", None), [false, true]);
        assert_eq!(standing(b"stump", b"\n{}\n", None), [false, true]);
        assert_eq!(standing(b"{}\n \t\r", b"{}\n", None), [true]);
        assert_eq!(standing(b"  ", b"{}\n", None), [true]);
        assert_eq!(standing(b"stump  ", b"{}\n", None), [false]);
        let over = |at| Some((&b"x"[..], at));
        assert_eq!(standing(b"", b"1\n2\n3\n", over(2)), [true, false, true]);
        assert_eq!(standing(b"", b"1\n2\n3\n", over(3)), [true, false, false]);
    }

    #[test]
    fn lines_of_several_pieces_stand_where_they_are_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w_status.json");
        fs::write(&path, "1\n2foreign\n\n3\n").unwrap();
        let bytes = b"1\n2\n3\n";
        let piece = |range: std::ops::Range<usize>, end| Piece {
            start: range.start,
            bytes: &bytes[range],
            end,
        };
        let file = File::open(&path).unwrap();
        let found = read_back(&file, &[piece(0..3, 3), piece(3..6, 14)]).unwrap();
        let stands = |start, line| found.iter().any(|found| found.has_line(start, line));
        assert!(stands(0, b"1\n") && !stands(2, b"2\n") && stands(4, b"3\n"));
    }

    #[test]
    fn several_lines_are_appended_in_their_order() {
        assert_eq!(appended(b"{\"tor", b"1\n2\n"), b"{\"tor\n1\n2\n");
        let directory = tempfile::tempdir().unwrap();
        let unwritten = Appender::new(directory.path().join("no/w_status.json"))
            .append_lines(b"1\n2\n3\n", Durability::Cached)
            .unwrap_err();
        assert_eq!(unwritten.lines, [0, 1, 2]);
        assert!(unwritten.error.is_not_found());
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
