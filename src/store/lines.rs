//! The lines of a file, read from its end or from its beginning in blocks.
//!
//! Most readers want the last line only. Reading backward from the end costs
//! the same for a file of any size, and the first block of 2 KiB holds the last
//! line of nearly every file.

use std::fs::{File, Metadata};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::health::StatusSince;
use crate::store::open::{StatusFile, read_exact_at, read_some_at};
use crate::store::since::{LineStart, find_since};
use crate::store::{BadLines, FileWarning};
use crate::update::{BadLine, MAX_READ_BYTES, Update};

/// The size of the first block that is read backward. Each further block is
/// four times as large, up to [`MAX_BLOCK`].
const FIRST_BLOCK: usize = 2 * 1024;

/// The size of the first block for readers that look for the start of a status: it
/// holds about 20 lines.
const SINCE_BLOCK: usize = 4 * 1024;

const MAX_BLOCK: usize = 256 * 1024;

/// A reader gives up after this many bytes without a valid line.
pub const GIVE_UP_BYTES: u64 = 64 * 1024 * 1024;

/// How long an incomplete last line counts as being written after the last
/// change of its file.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns the position of the last newline. `memchr::memrchr` would be faster,
/// but detects the processor's features on its first call. A virtual machine
/// needs 40 µs for that, as long as reading ten files takes. Every x86-64 processor
/// has SSE2.
fn last_newline(bytes: &[u8]) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    let newline = memchr::arch::x86_64::sse2::memchr::One::new(b'\n')?;
    #[cfg(not(target_arch = "x86_64"))]
    let newline = memchr::arch::all::memchr::One::new(b'\n');
    newline.rfind(bytes)
}

/// One line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The offset of its first byte.
    pub(crate) offset: u64,
    /// Its bytes without the newline, or `None` if they are more than 1 MiB.
    pub(crate) bytes: Option<&'a [u8]>,
    /// True if it ends with a newline.
    pub(crate) terminated: bool,
}

impl Line<'_> {
    /// Decodes the line. Returns `None` for a blank line, and for a last line
    /// that is still being written: it is unterminated, is not a complete
    /// object, and the file has changed in the last two seconds.
    pub(crate) fn update(&self, metadata: &Metadata) -> Result<Option<Update>, BadLine> {
        if self.is_blank() {
            return Ok(None);
        }
        match self.decode() {
            Ok(update) => Ok(Some(update)),
            Err(reason) if self.terminated || is_complete(reason) => Err(reason),
            Err(_) if is_idle(metadata) => Err(BadLine::Torn),
            Err(_) => Ok(None),
        }
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.bytes
            .is_some_and(|bytes| bytes.trim_ascii().is_empty())
    }

    pub(crate) fn decode(&self) -> Result<Update, BadLine> {
        self.bytes.map_or(Err(BadLine::TooLong), Update::decode)
    }
}

/// Returns true if a line that is invalid for this reason is nevertheless a
/// complete object, so that its writer is not in the middle of it.
pub(crate) fn is_complete(reason: BadLine) -> bool {
    matches!(
        reason,
        BadLine::NoTimestamp | BadLine::BadTimestamp | BadLine::NoStatus
    )
}

fn is_idle(metadata: &Metadata) -> bool {
    metadata
        .modified()
        .ok()
        .and_then(|modified| SystemTime::now().duration_since(modified).ok())
        .is_some_and(|age| age >= WRITE_TIMEOUT)
}

/// The last valid line of a file and the invalid lines after it.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    pub(crate) update: Option<Update>,
    pub(crate) since: Option<StatusSince>,
    pub(crate) bad: BadLines,
    /// The last 64 MiB have no valid line, and the file is longer.
    pub(crate) gave_up: bool,
}

impl Tail {
    /// Reads the end of a file, which takes the same time for any size. Calls `each`
    /// with the last valid line and those after it, last first.
    pub(crate) fn read(
        open: &StatusFile,
        buffer: &mut Vec<u8>,
        finds_since: bool,
        mut each: impl FnMut(&Line<'_>, &Result<Option<Update>, BadLine>),
    ) -> io::Result<Self> {
        let size = open.metadata.len();
        let block = if finds_since {
            SINCE_BLOCK
        } else {
            FIRST_BLOCK
        };
        let mut lines = LinesBackward::with_block(&open.file, size, buffer, block)?;
        let mut tail = Self::default();
        while let Some(line) = lines.next()? {
            let update = line.update(&open.metadata);
            each(&line, &update);
            match update {
                Ok(None) => {}
                Ok(Some(update)) => {
                    if finds_since {
                        let start = line.bytes.and_then(LineStart::of);
                        tail.since = Some(find_since(&mut lines, &update, start.as_ref())?);
                    }
                    tail.update = Some(update);
                    return Ok(tail);
                }
                Err(reason) => tail.bad.note_earlier(reason),
            }
        }
        tail.gave_up = lines.gave_up();
        Ok(tail)
    }

    pub(crate) fn warning(&self, path: impl FnOnce() -> PathBuf) -> Option<FileWarning> {
        FileWarning::of_lines(path, self.bad, self.gave_up)
    }
}

/// Reads the lines of a file's first `size` bytes from the last to the first.
#[derive(Debug)]
pub(crate) struct LinesBackward<'f, 'b> {
    file: &'f File,
    buffer: &'b mut Vec<u8>,
    /// The file offset of the buffer's first byte.
    start: u64,
    /// `buffer[..end]` has not been returned yet.
    end: usize,
    block: usize,
    /// The bytes after `end`, already dropped, belong to the same line.
    overlong: bool,
    terminated: bool,
    done: bool,
    /// The reader gives up at this offset.
    floor: u64,
    gave_up: bool,
}

impl<'f, 'b> LinesBackward<'f, 'b> {
    pub(crate) fn new(file: &'f File, size: u64, buffer: &'b mut Vec<u8>) -> io::Result<Self> {
        Self::with_block(file, size, buffer, FIRST_BLOCK)
    }

    fn with_block(
        file: &'f File,
        size: u64,
        buffer: &'b mut Vec<u8>,
        block: usize,
    ) -> io::Result<Self> {
        let mut lines = Self {
            file,
            buffer,
            start: size,
            end: 0,
            block,
            overlong: false,
            terminated: false,
            done: size == 0,
            floor: size.saturating_sub(GIVE_UP_BYTES),
            gave_up: false,
        };
        if size > 0 {
            lines.read_block()?;
            if lines.buffer[lines.end - 1] == b'\n' {
                lines.terminated = true;
                lines.end -= 1;
            }
        }
        Ok(lines)
    }

    /// Reads the block before `start` into the front of the buffer.
    fn read_block(&mut self) -> io::Result<()> {
        let left = self.start - self.floor;
        let size = usize::try_from(left).map_or(self.block, |left| left.min(self.block));
        let kept = self.end;
        self.buffer.resize((kept + size).max(self.buffer.len()), 0);
        self.buffer.copy_within(..kept, size);
        read_exact_at(
            self.file,
            &mut self.buffer[..size],
            self.start - size as u64,
        )?;
        self.start -= size as u64;
        self.end = kept + size;
        self.block = (self.block * 4).min(MAX_BLOCK);
        Ok(())
    }

    /// Notes a valid line, after which the reader continues for another 64 MiB
    /// before it gives up.
    pub(crate) fn note_valid(&mut self, offset: u64) {
        self.floor = offset.saturating_sub(GIVE_UP_BYTES);
    }

    /// Makes the reader give up this many bytes before the line returned last.
    pub(crate) fn give_up_after(&mut self, bytes: u64) {
        self.floor = (self.start + self.end as u64).saturating_sub(bytes);
    }

    /// Returns true if the reader gave up before the start of the file.
    pub(crate) fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// Returns the line before the one returned last.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.done {
            return Ok(None);
        }
        loop {
            if let Some(newline) = last_newline(&self.buffer[..self.end]) {
                return Ok(Some(self.take_line(newline + 1)));
            }
            if self.start == 0 {
                self.done = true;
                return Ok(Some(self.take_line(0)));
            }
            if self.end > MAX_READ_BYTES {
                self.overlong = true;
                self.end = 0;
            }
            if self.start <= self.floor {
                self.done = true;
                self.gave_up = true;
                return Ok(None);
            }
            self.read_block()?;
        }
    }

    /// Takes the line that begins at `buffer[begin]`.
    fn take_line(&mut self, begin: usize) -> Line<'_> {
        let line = begin..self.end;
        let fits = !self.overlong && line.len() <= MAX_READ_BYTES;
        let terminated = self.terminated;
        self.end = begin.saturating_sub(1);
        self.overlong = false;
        self.terminated = true;
        Line {
            offset: self.start + begin as u64,
            bytes: fits.then(|| &self.buffer[line]),
            terminated,
        }
    }
}

/// Reads the lines of a file from the offset `start` to the offset `end`.
#[derive(Debug)]
pub(crate) struct LinesForward<'f> {
    file: &'f File,
    buffer: Vec<u8>,
    /// The file offset of the next read.
    position: u64,
    end: u64,
    /// The bytes of the buffer that have not been returned yet.
    unread: std::ops::Range<usize>,
    /// The bytes of an over-long line that were dropped from the buffer.
    dropped: u64,
}

impl<'f> LinesForward<'f> {
    pub(crate) fn new(file: &'f File, start: u64, end: u64) -> Self {
        Self {
            file,
            buffer: Vec::new(),
            position: start,
            end,
            unread: 0..0,
            dropped: 0,
        }
    }

    /// Returns the offset after the line returned last.
    pub(crate) fn position(&self) -> u64 {
        self.position - self.unread.len() as u64
    }

    /// Returns the next line.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            let unread = &self.buffer[self.unread.clone()];
            if let Some(length) = memchr::memchr(b'\n', unread) {
                return Ok(Some(self.take_line(length, true)));
            }
            if self.position >= self.end || !self.read_block()? {
                if self.unread.is_empty() && self.dropped == 0 {
                    return Ok(None);
                }
                let length = self.unread.len();
                return Ok(Some(self.take_line(length, false)));
            }
        }
    }

    /// Reads the next block. Returns false if the file has been truncated and
    /// ends here.
    fn read_block(&mut self) -> io::Result<bool> {
        if self.unread.len() > MAX_READ_BYTES {
            // The line is too long whatever follows: drop its bytes. If a hole
            // follows, skip it, since a sparse file of a terabyte costs its
            // creator nothing and would take minutes to read.
            self.dropped += self.unread.len() as u64;
            self.unread = 0..0;
            let data = next_data(self.file, self.position).min(self.end);
            self.dropped += data - self.position;
            self.position = data;
        }
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        let wanted = (self.end - self.position).min(MAX_BLOCK as u64) as usize;
        let filled = self.unread.end;
        let size = self.buffer.len().max(filled + wanted);
        self.buffer.resize(size, 0);
        let block = &mut self.buffer[filled..filled + wanted];
        let count = read_some_at(self.file, block, self.position)?;
        self.position += count as u64;
        self.unread.end += count;
        Ok(count > 0 || wanted == 0)
    }

    fn take_line(&mut self, length: usize, terminated: bool) -> Line<'_> {
        let line = self.unread.start..self.unread.start + length;
        let offset = self.position - self.unread.len() as u64 - self.dropped;
        let fits = self.dropped == 0 && length <= MAX_READ_BYTES;
        self.unread.start = line.end + usize::from(terminated);
        self.dropped = 0;
        Line {
            offset,
            bytes: fits.then(|| &self.buffer[line]),
            terminated,
        }
    }
}

/// Returns the offset of the next bytes that are not in a hole.
#[cfg(all(unix, not(any(target_os = "openbsd", target_os = "netbsd"))))]
fn next_data(file: &File, position: u64) -> u64 {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(position)) {
        Ok(data) => data,
        // The hole extends to the end of the file.
        Err(rustix::io::Errno::NXIO) => u64::MAX,
        Err(_) => position,
    }
}

/// These systems cannot find holes.
#[cfg(not(all(unix, not(any(target_os = "openbsd", target_os = "netbsd")))))]
fn next_data(_file: &File, position: u64) -> u64 {
    position
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file_of(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn tail(content: &[u8]) -> Tail {
        let file = file_of(content);
        let metadata = file.metadata().unwrap();
        let open = StatusFile { file, metadata };
        Tail::read(&open, &mut Vec::new(), true, |_, _| {}).unwrap()
    }

    const GOOD: &str = r#"{"timestamp":"2026-02-14T20:35:00Z","status":"working","message":"1"}"#;

    #[test]
    fn invalid_last_line_does_not_hide_session() {
        let tail = tail(format!("{GOOD}\nnonsense\n\n[]\n").as_bytes());
        assert_eq!(tail.update.unwrap().message, "1");
        assert_eq!(
            (tail.bad.count, tail.bad.first),
            (2, Some(BadLine::NotJson))
        );
    }

    #[test]
    fn unterminated_line_counts_if_complete() {
        let whole = tail(format!("[]\n{GOOD}").as_bytes());
        assert_eq!((whole.update.is_some(), whole.bad.count), (true, 0));
        // Just written: a write in progress, without a warning.
        let torn = tail(format!("{GOOD}\n{{\"timestamp\":").as_bytes());
        assert_eq!((torn.update.is_some(), torn.bad.count), (true, 0));
        // A complete object is not a write in progress.
        let whole = tail(format!("{GOOD}\n{{\"status\":\"idle\"}}").as_bytes());
        assert_eq!(whole.bad.first, Some(BadLine::NoTimestamp));
        assert!(whole.update.is_some());
    }

    #[test]
    fn reader_gives_up_after_64_mebibytes() {
        let file = file_of(format!("{GOOD}\n").as_bytes());
        file.set_len(GIVE_UP_BYTES * 2).unwrap();
        let metadata = file.metadata().unwrap();
        let open = StatusFile { file, metadata };
        let tail = Tail::read(&open, &mut Vec::new(), true, |_, _| {}).unwrap();
        assert!(tail.update.is_none() && tail.gave_up);
    }

    fn backward(content: &[u8]) -> Vec<(u64, Option<Vec<u8>>, bool)> {
        let file = file_of(content);
        let mut buffer = Vec::new();
        let mut lines = LinesBackward::new(&file, content.len() as u64, &mut buffer).unwrap();
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((line.offset, line.bytes.map(<[u8]>::to_vec), line.terminated));
        }
        all.reverse();
        all
    }

    fn forward(content: &[u8]) -> Vec<(u64, Option<Vec<u8>>, bool)> {
        let file = file_of(content);
        let mut lines = LinesForward::new(&file, 0, content.len() as u64);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((line.offset, line.bytes.map(<[u8]>::to_vec), line.terminated));
        }
        all
    }

    fn split(content: &[u8]) -> Vec<(u64, Option<Vec<u8>>, bool)> {
        let mut offset = 0;
        content
            .split_inclusive(|&byte| byte == b'\n')
            .map(|line| {
                let at = offset;
                offset += line.len() as u64;
                let bytes = line.strip_suffix(b"\n").unwrap_or(line);
                let fits = bytes.len() <= MAX_READ_BYTES;
                (at, fits.then(|| bytes.to_vec()), line.ends_with(b"\n"))
            })
            .collect()
    }

    #[test]
    fn both_directions_return_the_same_lines() {
        let mut content = Vec::new();
        for length in [
            0, 1, 5, 2046, 2047, 2048, 2049, 0, 0, 8191, 70_000, 300_000, 3,
        ] {
            content.extend(std::iter::repeat_n(b'x', length));
            content.push(b'\n');
        }
        for unterminated in [0, 1, 2047, 2048, 5000] {
            let mut content = content.clone();
            content.extend(std::iter::repeat_n(b'y', unterminated));
            assert_eq!(backward(&content), split(&content), "{unterminated}");
            assert_eq!(forward(&content), split(&content), "{unterminated}");
        }
        for content in [&b""[..], b"\n", b"\n\n", b"a", b"a\n", b"\na"] {
            assert_eq!(backward(content), split(content));
            assert_eq!(forward(content), split(content));
        }
    }

    #[test]
    fn line_over_1_mebibyte_has_no_bytes() {
        for length in [MAX_READ_BYTES, MAX_READ_BYTES + 1, 3 * MAX_READ_BYTES] {
            for (before, after) in [("", ""), ("a\n", ""), ("", "\nb\n"), ("a\n", "\nb\n")] {
                let content = [before, &"x".repeat(length), after].concat();
                assert_eq!(backward(content.as_bytes()), split(content.as_bytes()));
                assert_eq!(forward(content.as_bytes()), split(content.as_bytes()));
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn hole_is_skipped() {
        let mut file = file_of(b"a\n");
        file.set_len(1 << 40).unwrap();
        io::Seek::seek(&mut file, io::SeekFrom::End(0)).unwrap();
        file.write_all(b"\nb\n").unwrap();
        let size = file.metadata().unwrap().len();
        let mut lines = LinesForward::new(&file, 0, size);
        assert_eq!(lines.next().unwrap().unwrap().bytes, Some(&b"a"[..]));
        assert_eq!(lines.next().unwrap().unwrap().bytes, None);
        assert_eq!(lines.next().unwrap().unwrap().bytes, Some(&b"b"[..]));
        assert_eq!(lines.next().unwrap(), None);
        let mut buffer = Vec::new();
        let mut lines = LinesBackward::new(&file, size, &mut buffer).unwrap();
        assert_eq!(lines.next().unwrap().unwrap().bytes, Some(&b"b"[..]));
        assert_eq!(lines.next().unwrap(), None);
        assert!(lines.gave_up());
    }
}
