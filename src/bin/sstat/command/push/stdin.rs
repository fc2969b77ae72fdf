//! `sstat push --stdin`: updates as JSON Lines, of any number of sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
#[cfg(windows)]
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sstat::{
    AppendError, BadLine, Durability, MAX_READ_BYTES, MAX_WRITTEN_BYTES, SessionName, Update,
};

use super::record::{appender, note_renamed};
use crate::cli;
use crate::config::{Config, Stream};
use crate::error::{CliError, Result, exit_code};
use crate::output::print_diagnostic;
use crate::render::style::{Role, Style};
use crate::view::Report;

const BUFFER_BYTES: usize = 256 * 1024;

/// Lines are gathered up to this size while more input is ready, because the
/// lines of one session share an open, a lock and a write.
const MAX_GATHERED_BYTES: usize = 8 * 1024 * 1024;

/// With this much gathered, the input is a bulk import, and it is worth waiting
/// for more of it. A single line is recorded at once.
const BULK_BYTES: usize = 16 * 1024;

const BULK_WAIT: Duration = Duration::from_millis(5);

pub fn run(config: &Config, args: &cli::Push) -> Result<Report> {
    let clock = config.clock()?;
    let mut import = Import {
        config,
        durability: config.durability(args.sync),
        style: config.style(Stream::Err),
        sessions: BTreeMap::new(),
        gathered_bytes: 0,
        renamed: BTreeSet::new(),
        any_refused: false,
    };
    let mut input = BufReader::with_capacity(BUFFER_BYTES, stdin()?);
    let mut number = 0;
    let mut line = Vec::new();
    loop {
        if input.buffer().is_empty() {
            let wait = match import.gathered_bytes {
                BULK_BYTES.. => BULK_WAIT,
                _ => Duration::ZERO,
            };
            if import.gathered_bytes >= MAX_GATHERED_BYTES || !input.get_mut().has_more(Some(wait))
            {
                import.record();
            }
        }
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) => {
                import.record();
                return Err(unreadable(error));
            }
        };
        let newline = memchr::memchr(b'\n', available);
        let part = &available[..newline.unwrap_or(available.len())];
        if line.len() <= MAX_READ_BYTES {
            line.extend_from_slice(part);
        }
        let is_end = available.is_empty();
        let used = part.len() + usize::from(newline.is_some());
        input.consume(used);
        if newline.is_some() || is_end {
            number += 1;
            if let Err(reason) = import.gather(number, &line, clock.now()) {
                import.refuse(number, &reason);
            }
            line.clear();
        }
        if is_end {
            break;
        }
    }
    import.record();
    Ok(Report {
        code: match import.any_refused {
            true => exit_code::ERROR,
            false => 0,
        },
        ..Report::default()
    })
}

/// Valid lines that are not written yet, and the settings for writing them.
struct Import<'a> {
    config: &'a Config,
    durability: Durability,
    style: Style,
    sessions: BTreeMap<SessionName, Lines>,
    gathered_bytes: usize,
    /// Sessions that another text names, with a note each.
    renamed: BTreeSet<SessionName>,
    any_refused: bool,
}

/// The encoded lines of one session.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// The number of each line in the input.
    numbers: Vec<u64>,
}

impl Import<'_> {
    /// Gathers a line, or returns the reason why it is invalid.
    fn gather(
        &mut self,
        number: u64,
        line: &[u8],
        now: DateTime<Utc>,
    ) -> std::result::Result<(), String> {
        if line.len() > MAX_READ_BYTES {
            return Err(BadLine::TooLong.to_string());
        }
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let mut update = Update::decode_received(line, now).map_err(|bad| bad.to_string())?;
        if update.session.is_empty() {
            return Err("no session".to_owned());
        }
        update.fill_defaults();
        let reason = |error: sstat::Error| format!("{error:#}");
        let name = SessionName::from_text(&update.session).map_err(reason)?;
        if update.session != name.as_str() && self.renamed.insert(name.clone()) {
            note_renamed(self.config, &update.session, &name);
        }
        update.session = name.to_string();
        let line = update.encode().map_err(reason)?;
        let lines = self.sessions.entry(name).or_default();
        lines.bytes.extend_from_slice(&line);
        lines.numbers.push(number);
        self.gathered_bytes += line.len();
        if !self.config.quiet {
            for key in &update.dropped {
                let warning = format!("line {number}: recorded without its {key}");
                print_diagnostic(&self.style, &warning, Role::Stale);
            }
        }
        Ok(())
    }

    /// Writes the gathered lines.
    fn record(&mut self) {
        let sessions = std::mem::take(&mut self.sessions);
        self.gathered_bytes = 0;
        for (name, lines) in sessions {
            let mut appender = match appender(self.config, &name, self.durability) {
                Ok(appender) => appender,
                Err(error) => {
                    for number in lines.numbers {
                        self.refuse(number, &format!("{error:#}"));
                    }
                    continue;
                }
            };
            let mut numbers = &lines.numbers[..];
            for chunk in chunks(&lines.bytes) {
                let count = memchr::memchr_iter(b'\n', chunk).count();
                let these;
                (these, numbers) = numbers.split_at(count);
                if let Err(AppendError { error, lines, .. }) =
                    appender.append_lines(chunk, self.durability)
                {
                    for line in lines {
                        self.refuse(these[line], &format!("{error:#}"));
                    }
                }
            }
        }
    }

    fn refuse(&mut self, number: u64, reason: &str) {
        self.any_refused = true;
        let message = format!("line {number}: {reason}");
        print_diagnostic(&self.style, &message, Role::Error);
    }
}

/// Splits lines into chunks that one write may have.
fn chunks(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if lines.is_empty() {
            return None;
        }
        let longest = &lines[..lines.len().min(MAX_WRITTEN_BYTES)];
        let end = memchr::memrchr(b'\n', longest).map_or(longest.len(), |newline| newline + 1);
        let chunk;
        (chunk, lines) = lines.split_at(end);
        Some(chunk)
    })
}

/// Unbuffered standard input.
#[cfg(unix)]
struct Stdin(File);

/// Standard input, which Windows cannot poll: a thread reads it.
#[cfg(windows)]
struct Stdin {
    parts: Receiver<io::Result<Vec<u8>>>,
    next: Option<io::Result<Vec<u8>>>,
}

#[cfg(unix)]
fn stdin() -> Result<Stdin> {
    use std::os::fd::AsFd;
    let owned = io::stdin().as_fd().try_clone_to_owned();
    Ok(Stdin(owned.map_err(unreadable)?.into()))
}

#[cfg(windows)]
fn stdin() -> Result<Stdin> {
    use std::os::windows::io::AsHandle;
    /// So many parts have at most [`MAX_GATHERED_BYTES`].
    const MAX_PARTS: usize = 128;
    let owned = io::stdin().as_handle().try_clone_to_owned();
    let mut stdin: File = owned.map_err(unreadable)?.into();
    let (sender, parts) = sync_channel(MAX_PARTS);
    std::thread::spawn(move || {
        loop {
            let mut part = vec![0; MAX_GATHERED_BYTES / MAX_PARTS];
            let read = stdin.read(&mut part).map(|length| {
                part.truncate(length);
                part
            });
            let is_last = !matches!(&read, Ok(part) if !part.is_empty());
            if sender.send(read).is_err() || is_last {
                return;
            }
        }
    });
    Ok(Stdin { parts, next: None })
}

fn unreadable(source: io::Error) -> CliError {
    CliError::of_stream("read", "stdin", source)
}

#[cfg(windows)]
impl Stdin {
    /// Returns whether there is something to read within `timeout`.
    fn has_more(&mut self, timeout: Option<Duration>) -> bool {
        if self.next.is_none() {
            self.next = self.parts.recv_timeout(timeout.unwrap_or_default()).ok();
        }
        self.next.is_some()
    }
}

#[cfg(windows)]
impl Read for Stdin {
    /// Reads a part. The buffer has room for it.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The thread ends after the last part.
        let part = match self.next.take() {
            Some(part) => part?,
            None => self.parts.recv().unwrap_or(Ok(Vec::new()))?,
        };
        part.as_slice().read(buffer)
    }
}

#[cfg(unix)]
impl Stdin {
    /// Returns whether there is something to read within `timeout`.
    fn has_more(&self, timeout: Option<Duration>) -> bool {
        use rustix::event::{PollFd, PollFlags, poll};
        let timeout = timeout.and_then(|timeout| timeout.try_into().ok());
        let mut stdin = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut stdin, timeout.as_ref()).is_ok_and(|ready| ready > 0)
    }
}

#[cfg(unix)]
impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another process that shares stdin has made it non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.has_more(None);
                }
                other => return other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_is_whole_lines_of_at_most_64_kib() {
        let line = [&[b'x'; 999][..], b"\n"].concat();
        let lines = line.repeat(200);
        let sizes: Vec<usize> = chunks(&lines).map(<[u8]>::len).collect();
        assert_eq!(sizes, [65_000, 65_000, 65_000, 5_000]);
        assert_eq!(chunks(b"").count(), 0);
    }
}
