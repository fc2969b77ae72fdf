//! The lines of a file, backward from its end and forward, in blocks.

use std::fs::File;
use std::io;

use memchr::arch::all::memchr::One;

use crate::store::open::{read_exact_at, read_some_at};
use crate::store::search::TaskSearch;
use crate::update::{BadLine, MAX_READ_BYTES, Update};

/// The first block read from the end: it holds the last line of most files.
const FIRST_BLOCK: usize = 2 * 1024;

/// Blocks grow up to this size.
const LARGEST_BLOCK: usize = 256 * 1024;

/// A reader that meets no good line in this many bytes going back gives up.
pub const GIVE_UP_BYTES: u64 = 64 * 1024 * 1024;

/// Searches eight bytes at a time. `memchr::memrchr` would first ask the processor
/// what it can do, and a virtual machine needs 40 µs to answer: as long as it
/// takes to read ten files.
fn last_newline(bytes: &[u8]) -> Option<usize> {
    One::new(b'\n').rfind(bytes)
}

/// One line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Where it begins.
    pub(crate) offset: u64,
    /// Its bytes without the newline; `None` for one over 1 MiB.
    pub(crate) bytes: Option<&'a [u8]>,
    /// Whether a newline ends it.
    pub(crate) terminated: bool,
}

impl Line<'_> {
    pub(crate) fn is_blank(&self) -> bool {
        self.bytes
            .is_some_and(|bytes| bytes.trim_ascii().is_empty())
    }

    /// Where it stands: its offset and its length without the newline.
    pub(crate) fn place(&self) -> (u64, usize) {
        (self.offset, self.bytes.map_or(0, <[u8]>::len))
    }

    pub(crate) fn decode(&self) -> Result<Update, BadLine> {
        self.bytes.map_or(Err(BadLine::TooLong), Update::decode)
    }
}

/// Reads the lines of a file's first `size` bytes from the last to the first.
#[derive(Debug)]
pub(crate) struct LinesBackward<'f, 'b> {
    file: &'f File,
    buffer: &'b mut Vec<u8>,
    /// Where in the file the buffer's first byte stands.
    start: u64,
    /// The buffer's bytes up to here are not yet given out.
    end: usize,
    /// The bytes just before `end` that are known to hold no newline.
    searched: usize,
    block: usize,
    /// The rest of an over-long line is being passed over.
    overlong: bool,
    terminated: bool,
    done: bool,
    /// Nothing before this offset is read.
    floor: u64,
    gave_up: bool,
}

impl<'f, 'b> LinesBackward<'f, 'b> {
    pub(crate) fn new(file: &'f File, size: u64, buffer: &'b mut Vec<u8>) -> io::Result<Self> {
        let mut lines = Self {
            file,
            buffer,
            start: size,
            end: 0,
            searched: 0,
            block: FIRST_BLOCK,
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

    /// Puts the block before the buffer's bytes in front of them.
    fn read_block(&mut self) -> io::Result<()> {
        let size = usize::try_from(self.start).map_or(self.block, |start| start.min(self.block));
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
        self.block = (self.block * 4).min(LARGEST_BLOCK);
        Ok(())
    }

    /// Says that a good line begins at this offset: the reader goes on for
    /// another 64 MiB before it gives up.
    pub(crate) fn note_good(&mut self, offset: u64) {
        self.floor = offset.saturating_sub(GIVE_UP_BYTES);
    }

    /// Whether it ended for want of a good line, with more of the file before.
    pub(crate) fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// The line before the one given last.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.done {
            return Ok(None);
        }
        loop {
            let unsearched = &self.buffer[..self.end - self.searched];
            if let Some(newline) = last_newline(unsearched) {
                return Ok(Some(self.give(newline + 1)));
            }
            if self.start == 0 {
                self.done = true;
                return Ok(Some(self.give(0)));
            }
            self.searched = self.end;
            if self.end > MAX_READ_BYTES {
                self.overlong = true;
                self.end = 0;
                self.searched = 0;
            }
            if self.start <= self.floor {
                self.done = true;
                self.gave_up = true;
                return Ok(None);
            }
            self.read_block()?;
        }
    }

    /// Gives out the line that begins at `begin` in the buffer.
    fn give(&mut self, begin: usize) -> Line<'_> {
        let line = begin..self.end;
        let fits = !self.overlong && line.len() <= MAX_READ_BYTES;
        let terminated = self.terminated;
        self.end = begin.saturating_sub(1);
        self.searched = 0;
        self.overlong = false;
        self.terminated = true;
        Line {
            offset: self.start + begin as u64,
            bytes: fits.then(|| &self.buffer[line]),
            terminated,
        }
    }
}

/// Reads the lines that lie in a file from `start` up to `end`, first to last.
#[derive(Debug)]
pub(crate) struct LinesForward<'f> {
    file: &'f File,
    buffer: Vec<u8>,
    /// Where in the file the next read begins.
    position: u64,
    end: u64,
    /// The bytes of the buffer that are not yet given out.
    unread: std::ops::Range<usize>,
    /// The bytes of `unread` that are known to hold no newline.
    searched: usize,
    /// How much of an over-long line has been dropped from the buffer.
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
            searched: 0,
            dropped: 0,
        }
    }

    /// Where the line after the one given last begins.
    pub(crate) fn position(&self) -> u64 {
        self.position - self.unread.len() as u64
    }

    /// The next line that may be of the task, or the last line of all.
    pub(crate) fn next_of(&mut self, task: &mut TaskSearch) -> io::Result<Option<Line<'_>>> {
        loop {
            let bytes = &self.buffer[self.unread.clone()];
            let found = task.first(bytes, self.position());
            // All lines that end before it are passed over.
            let passed = memchr::memrchr(b'\n', &bytes[..found.unwrap_or(bytes.len())]);
            if let Some(newline) = passed {
                self.unread.start += newline + 1;
                self.searched = 0;
                self.dropped = 0;
            }
            if found.is_some() {
                return self.next();
            }
            self.searched = self.unread.len();
            if self.position >= self.end || !self.read_block()? {
                return self.next();
            }
        }
    }

    /// The next line.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            let unsearched = &self.buffer[self.unread.start + self.searched..self.unread.end];
            if let Some(newline) = memchr::memchr(b'\n', unsearched) {
                let length = self.searched + newline;
                return Ok(Some(self.give(length, true)));
            }
            self.searched = self.unread.len();
            if self.position >= self.end || !self.read_block()? {
                if self.unread.is_empty() && self.dropped == 0 {
                    return Ok(None);
                }
                let length = self.unread.len();
                return Ok(Some(self.give(length, false)));
            }
        }
    }

    /// Reads on; false at the end of a file that has become shorter.
    fn read_block(&mut self) -> io::Result<bool> {
        if self.unread.len() > MAX_READ_BYTES {
            // The line is over-long whatever follows: drop what there is of
            // it, and pass over a hole in the file without reading it.
            self.dropped += self.unread.len() as u64;
            self.unread = 0..0;
            self.searched = 0;
            let data = next_data(self.file, self.position).min(self.end);
            self.dropped += data - self.position;
            self.position = data;
        }
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        let wanted = (self.end - self.position).min(LARGEST_BLOCK as u64) as usize;
        let filled = self.unread.end;
        if self.buffer.len() < filled + wanted {
            self.buffer.resize(filled + wanted, 0);
        }
        let count = read_some_at(
            self.file,
            &mut self.buffer[filled..filled + wanted],
            self.position,
        )?;
        self.position += count as u64;
        self.unread.end += count;
        Ok(count > 0 || wanted == 0)
    }

    fn give(&mut self, length: usize, terminated: bool) -> Line<'_> {
        let line = self.unread.start..self.unread.start + length;
        let offset = self.position - self.unread.len() as u64 - self.dropped;
        let fits = self.dropped == 0 && length <= MAX_READ_BYTES;
        self.unread.start = line.end + usize::from(terminated);
        self.searched = 0;
        self.dropped = 0;
        Line {
            offset,
            bytes: fits.then(|| &self.buffer[line]),
            terminated,
        }
    }
}

/// Where the file's next bytes stand that are not in a hole.
#[cfg(unix)]
fn next_data(file: &File, position: u64) -> u64 {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(position)) {
        Ok(data) => data,
        // Nothing but a hole up to the end.
        Err(rustix::io::Errno::NXIO) => u64::MAX,
        Err(_) => position,
    }
}

/// Holes cannot be told from data here.
#[cfg(not(unix))]
fn next_data(_file: &File, position: u64) -> u64 {
    position
}

/// Counts the lines of a file's first `size` bytes that are not empty.
pub(crate) fn count_lines(file: &File, size: u64) -> io::Result<u64> {
    let mut buffer = vec![0; LARGEST_BLOCK];
    let (mut position, mut count) = (0, 0);
    let mut last = b'\n';
    while position < size {
        let wanted = (size - position).min(LARGEST_BLOCK as u64) as usize;
        let read = read_some_at(file, &mut buffer[..wanted], position)?;
        if read == 0 {
            break;
        }
        let block = &buffer[..read];
        count += memchr::memchr_iter(b'\n', block)
            .filter(|&at| *at.checked_sub(1).map_or(&last, |before| &block[before]) != b'\n')
            .count() as u64;
        last = block[read - 1];
        position += read as u64;
        if last == 0 {
            // Perhaps the beginning of a hole.
            position = next_data(file, position);
        }
    }
    Ok(count + u64::from(last != b'\n'))
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
        let blank = split(content)
            .iter()
            .filter(|line| line.1 == Some(Vec::new()))
            .count();
        let count = count_lines(&file, content.len() as u64).unwrap();
        assert_eq!(count as usize, all.len() - blank);
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
    fn both_directions_give_the_same_lines() {
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
    fn a_line_over_a_mebibyte_is_passed_over() {
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
    fn a_hole_is_not_read() {
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
        assert_eq!(count_lines(&file, size).unwrap(), 3);
        let mut buffer = Vec::new();
        let mut lines = LinesBackward::new(&file, size, &mut buffer).unwrap();
        assert_eq!(lines.next().unwrap().unwrap().bytes, Some(&b"b"[..]));
        assert_eq!(lines.next().unwrap(), None);
        assert!(lines.gave_up());
    }
}
