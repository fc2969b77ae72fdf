//! `sstat push --stdin`: updates as JSON Lines, for any number of sessions.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sstat::{
    AppendError, BadLine, Durability, MAX_READ_BYTES, MAX_WRITTEN_BYTES, SessionName, Update,
};

use crate::cli;
use crate::config::{Config, Stream};
use crate::error::{CliError, Result, exit_code};
use crate::output::print_diagnostic;
use crate::render::style::{Role, Style};
use crate::view::{Report, View};

/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;

/// How much is gathered before it is written, while more is waiting to be
/// read: the lines of one session then share an open, a lock and a write.
const GATHERED_BYTES: usize = 8 * 1024 * 1024;

/// With this much gathered, lines come in bulk, and more of them are worth a
/// moment's wait; a single line is not made to wait.
const BULK_BYTES: usize = 16 * 1024;

/// That moment.
const BULK_PATIENCE: Duration = Duration::from_millis(5);

pub fn run(config: &Config, args: &cli::Push) -> Result<Report> {
    // A wrong SSTAT_NOW is told before anything is read.
    config.now()?;
    let style = config.style(Stream::Err);
    let mut import = Import {
        config,
        durability: config.durability(args.sync),
        style,
        gathered: Gathered::default(),
        any_bad: false,
    };
    let mut input = Input::new(stdin()?);
    loop {
        let read = input.read();
        let now = config.now()?;
        while let Some((number, line)) = input.next_line() {
            import.take(number, line, now);
        }
        match read {
            Ok(0) => break,
            // What comes one by one is recorded one by one, not at the end.
            Ok(_) => {
                let bytes = import.gathered.bytes;
                let patience = match bytes {
                    BULK_BYTES.. => BULK_PATIENCE,
                    _ => Duration::ZERO,
                };
                if bytes >= GATHERED_BYTES || !input.source.has_more(patience) {
                    import.record();
                }
            }
            Err(error) => {
                import.record();
                return Err(unreadable(error));
            }
        }
    }
    if let Some((number, line)) = input.last_line() {
        import.take(number, line, config.now()?);
    }
    import.record();
    Ok(Report {
        code: if import.any_bad { exit_code::ERROR } else { 0 },
        ..Report::of(View::Nothing)
    })
}

/// What is being made of the lines.
struct Import<'a> {
    config: &'a Config,
    durability: Durability,
    style: Style,
    gathered: Gathered,
    any_bad: bool,
}

impl Import<'_> {
    fn take(&mut self, number: u64, line: Line<'_>, now: DateTime<Utc>) {
        if let Err(reason) = self.gather(number, line, now) {
            self.refuse(number, &reason);
        }
    }

    fn gather(
        &mut self,
        number: u64,
        line: Line<'_>,
        now: DateTime<Utc>,
    ) -> std::result::Result<(), String> {
        let Line::Whole(line) = line else {
            return Err(BadLine::TooLong.to_string());
        };
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let (mut update, dropped) =
            Update::decode_received(line, now).map_err(|bad| bad.to_string())?;
        if update.session.is_empty() {
            return Err("no session".to_owned());
        }
        update.fill_defaults();
        let line = update.encode().map_err(|error| error.to_string())?;
        self.gathered
            .add(number, &update.session, &line)
            .map_err(|error| error.to_string())?;
        if !self.config.quiet {
            for key in dropped {
                let warning = format!("line {number}: recorded without its {key}");
                print_diagnostic(&self.style, &warning, Role::Stale);
            }
        }
        Ok(())
    }

    /// Writes what is gathered.
    fn record(&mut self) {
        let gathered = std::mem::take(&mut self.gathered);
        if gathered.sessions.is_empty() {
            return;
        }
        if let Err(error) = self.config.location.create(self.durability) {
            let numbers = gathered
                .sessions
                .iter()
                .flat_map(|session| &session.numbers);
            for &number in numbers {
                self.refuse(number, &format!("{error:#}"));
            }
            return;
        }
        for session in gathered.sessions {
            let mut appender = self.config.location.store.appender(&session.name);
            let mut numbers = &session.numbers[..];
            for lines in portions(&session.lines) {
                let count = memchr::memchr_iter(b'\n', lines).count();
                let these;
                (these, numbers) = numbers.split_at(count);
                if let Err(AppendError { error, lines, .. }) =
                    appender.append_lines(lines, self.durability)
                {
                    for line in lines {
                        self.refuse(these[line], &format!("{error:#}"));
                    }
                }
            }
        }
    }

    fn refuse(&mut self, number: u64, reason: &str) {
        self.any_bad = true;
        print_diagnostic(
            &self.style,
            &format!("line {number}: {reason}"),
            Role::Error,
        );
    }
}

/// Good lines, encoded, by session.
#[derive(Default)]
struct Gathered {
    sessions: Vec<SessionLines>,
    by_name: HashMap<String, usize>,
    bytes: usize,
}

struct SessionLines {
    name: SessionName,
    lines: Vec<u8>,
    /// Where each line came from.
    numbers: Vec<u64>,
}

impl Gathered {
    fn add(&mut self, number: u64, session: &str, line: &[u8]) -> sstat::Result<()> {
        let at = match self.by_name.get(session) {
            Some(&at) => at,
            None => {
                self.sessions.push(SessionLines {
                    name: SessionName::new(session)?,
                    lines: Vec::new(),
                    numbers: Vec::new(),
                });
                let at = self.sessions.len() - 1;
                self.by_name.insert(session.to_owned(), at);
                at
            }
        };
        let session = &mut self.sessions[at];
        session.lines.extend_from_slice(line);
        session.numbers.push(number);
        self.bytes += line.len();
        Ok(())
    }
}

/// Lines in portions that one write may have.
fn portions(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if lines.is_empty() {
            return None;
        }
        let most = &lines[..lines.len().min(MAX_WRITTEN_BYTES)];
        let end = memchr::memrchr(b'\n', most).map_or(most.len(), |newline| newline + 1);
        let portion;
        (portion, lines) = lines.split_at(end);
        Some(portion)
    })
}

/// A line as it came in.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Whole(&'a [u8]),
    /// Longer than any that is read, and passed over.
    TooLong,
}

/// Splits what comes in into lines, in bounded memory.
struct Input<R> {
    source: R,
    buffer: Vec<u8>,
    /// The bytes of the buffer that are not given out yet.
    unread: std::ops::Range<usize>,
    /// The bytes of `unread` that are known to hold no newline.
    searched: usize,
    /// The rest of a line that is too long is being passed over.
    too_long: bool,
    number: u64,
}

impl<R: Read> Input<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            unread: 0..0,
            searched: 0,
            too_long: false,
            number: 0,
        }
    }

    /// Waits for more and reads it; 0 at the end.
    fn read(&mut self) -> io::Result<usize> {
        if self.unread.len() > MAX_READ_BYTES {
            self.too_long = true;
            self.unread = 0..0;
            self.searched = 0;
        }
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        let filled = self.unread.end;
        if self.buffer.len() < filled + READ_BYTES {
            self.buffer.resize(filled + READ_BYTES, 0);
        }
        let count = self.source.read(&mut self.buffer[filled..])?;
        self.unread.end += count;
        Ok(count)
    }

    /// The next line that a newline ends.
    fn next_line(&mut self) -> Option<(u64, Line<'_>)> {
        let unsearched = &self.buffer[self.unread.start + self.searched..self.unread.end];
        let Some(newline) = memchr::memchr(b'\n', unsearched) else {
            self.searched = self.unread.len();
            return None;
        };
        let start = self.unread.start;
        let end = start + self.searched + newline;
        self.unread.start = end + 1;
        self.searched = 0;
        Some(self.give(start..end))
    }

    /// What stands behind the last newline.
    fn last_line(&mut self) -> Option<(u64, Line<'_>)> {
        let rest = self.unread.clone();
        (self.too_long || !rest.is_empty()).then(|| self.give(rest))
    }

    fn give(&mut self, line: std::ops::Range<usize>) -> (u64, Line<'_>) {
        self.number += 1;
        let too_long = std::mem::take(&mut self.too_long) || line.len() > MAX_READ_BYTES;
        let line = if too_long {
            Line::TooLong
        } else {
            Line::Whole(&self.buffer[line])
        };
        (self.number, line)
    }
}

/// Standard input without a buffer of its own.
struct Stdin(File);

#[cfg(unix)]
fn stdin() -> Result<Stdin> {
    use std::os::fd::AsFd;
    let owned = io::stdin().as_fd().try_clone_to_owned();
    Ok(Stdin(owned.map_err(unreadable)?.into()))
}

#[cfg(windows)]
fn stdin() -> Result<Stdin> {
    use std::os::windows::io::AsHandle;
    let owned = io::stdin().as_handle().try_clone_to_owned();
    Ok(Stdin(owned.map_err(unreadable)?.into()))
}

fn unreadable(source: io::Error) -> CliError {
    CliError::of_stream("read", "stdin", source)
}

impl Stdin {
    /// Whether there is something to read within a time.
    #[cfg(unix)]
    fn has_more(&self, patience: Duration) -> bool {
        self.poll(patience.try_into().ok())
    }

    /// That cannot be told here.
    #[cfg(not(unix))]
    fn has_more(&self, _patience: Duration) -> bool {
        false
    }

    #[cfg(unix)]
    fn poll(&self, timeout: Option<rustix::event::Timespec>) -> bool {
        use rustix::event::{PollFd, PollFlags, poll};
        let mut stdin = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut stdin, timeout.as_ref()).is_ok_and(|ready| ready > 0)
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Whoever shares this input with us has made it non-blocking.
                #[cfg(unix)]
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.poll(None);
                }
                other => return other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(self.1).min(buffer.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn lines(content: &[u8], at_a_time: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        fn own((number, line): (u64, Line<'_>)) -> (u64, Option<Vec<u8>>) {
            match line {
                Line::Whole(line) => (number, Some(line.to_vec())),
                Line::TooLong => (number, None),
            }
        }
        let mut input = Input::new(Trickle(content, at_a_time));
        let mut lines = Vec::new();
        loop {
            let count = input.read().unwrap();
            while let Some(line) = input.next_line() {
                lines.push(own(line));
            }
            assert!(input.buffer.len() <= MAX_READ_BYTES + 2 * READ_BYTES);
            if count == 0 {
                lines.extend(input.last_line().map(own));
                return lines;
            }
        }
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let content = b"one\n\ntwo\r\nthree";
        let expected = [&b"one"[..], b"", b"two\r", b"three"];
        for at_a_time in [1, 2, 5, 100] {
            let lines = lines(content, at_a_time);
            assert_eq!(lines.len(), expected.len());
            for (at, (number, line)) in lines.into_iter().enumerate() {
                assert_eq!(number, at as u64 + 1);
                assert_eq!(line.as_deref(), Some(expected[at]));
            }
        }
        assert!(lines(b"", 1).is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        for (length, fits) in [
            (MAX_READ_BYTES, true),
            (MAX_READ_BYTES + 1, false),
            (3 * MAX_READ_BYTES, false),
        ] {
            for end in ["", "\nafter"] {
                let content = ["before\n", &"x".repeat(length), end].concat();
                let lines = lines(content.as_bytes(), 100_000);
                assert_eq!(lines[0].1.as_deref(), Some(&b"before"[..]));
                assert_eq!((lines[1].0, lines[1].1.is_some()), (2, fits), "{length}");
                assert_eq!(lines.get(2).is_some(), !end.is_empty());
            }
        }
    }

    #[test]
    fn a_portion_is_no_longer_than_a_line_may_be() {
        let line = [&[b'x'; 999][..], b"\n"].concat();
        let lines = line.repeat(200);
        let sizes: Vec<usize> = portions(&lines).map(<[u8]>::len).collect();
        assert_eq!(sizes, [65_000, 65_000, 65_000, 5_000]);
        assert_eq!(portions(b"").count(), 0);
    }
}
