//! Printing: the only code that writes to stdout and stderr.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::path::PathBuf;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};
use sstat::{FileWarning, Session, escape, escape_invalid_utf8, escape_json};

use crate::config::{Config, Stream};
use crate::error::{CliError, Result};
use crate::render::style::{Role, Style};
use crate::view::{Report, SessionState};

/// Buffered stdout.
pub type Stdout = BufWriter<StdoutLock<'static>>;

/// Line-buffered output takes five times as long.
const BUFFER: usize = 64 * 1024;

/// Writes to stdout, then prints the messages of a report unless the reader of stdout is
/// gone. Returns the exit code.
pub fn print(
    config: &Config,
    report: &Report,
    write: impl FnOnce(&mut Stdout) -> io::Result<()>,
) -> Result<u8> {
    match write_stdout(|out| Ok(write(out)?))? {
        true => Ok(print_report(config, report)),
        // The exit code of a gate must not depend on whether its output is read.
        false => Ok(report.code),
    }
}

/// Prints the messages of a report and returns its exit code.
pub fn print_report(config: &Config, report: &Report) -> u8 {
    print_messages(config, &report.warnings, &report.failures);
    report.code
}

/// Prints warnings, except with `--quiet`, and errors on stderr.
pub fn print_messages(config: &Config, warnings: &[String], failures: &[String]) {
    let warnings = if config.quiet { &[] } else { warnings };
    // Without a message the terminal and the environment need not be examined,
    // which would make a push slower.
    if warnings.is_empty() && failures.is_empty() {
        return;
    }
    let style = config.style(Stream::Err);
    for warning in warnings {
        print_diagnostic(&style, warning, Role::Stale);
    }
    for failure in failures {
        print_diagnostic(&style, failure, Role::Error);
    }
}

/// Prints warnings about files on stderr.
pub fn print_warnings(config: &Config, warnings: &[FileWarning]) {
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    print_messages(config, &warnings, &[]);
}

/// Prints one line on stderr: `sstat: WHAT: WHY`.
pub fn print_diagnostic(style: &Style, message: &str, role: Role) {
    let line = format!("{} {}\n", style.paint(role, "sstat:"), escape(message));
    // One write, so that the lines of other programs do not begin within this one.
    // Ignore errors on stderr.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Prints each value as a line of JSON. Returns false if the reader of stdout is
/// gone.
pub fn print_lines(values: impl Iterator<Item: Serialize>) -> Result<bool> {
    write_stdout(|out| Ok(write_lines(out, values)?))
}

pub fn write_lines(out: &mut Stdout, mut values: impl Iterator<Item: Serialize>) -> io::Result<()> {
    values.try_for_each(|value| {
        let json = serde_json::to_string(&value)?;
        writeln!(out, "{}", escape_json(&json))
    })
}

/// The reason why a command stopped printing.
pub enum Stop {
    Write(io::Error),
    Read(sstat::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<sstat::Error> for Stop {
    fn from(error: sstat::Error) -> Self {
        Self::Read(error)
    }
}

/// Runs a function that writes to stdout. Returns false if the reader of stdout
/// is gone, which is not an error.
pub fn write_stdout(
    write: impl FnOnce(&mut Stdout) -> std::result::Result<(), Stop>,
) -> Result<bool> {
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let written = write(&mut out).and_then(|()| Ok(out.flush()?));
    match written {
        Ok(()) => Ok(true),
        Err(Stop::Read(error)) => Err(error.into()),
        Err(Stop::Write(error)) => {
            // Dropping the buffer would write the rest of it again.
            let _ = out.into_parts();
            unless_closed(error)?;
            Ok(false)
        }
    }
}

/// Turns a write error into the command's error, unless the reader of stdout is
/// gone.
pub fn unless_closed(source: io::Error) -> Result<()> {
    if source.kind() == io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(CliError::of_stream("write", "stdout", source))
}

/// Writes paths unchanged, except on a terminal, each followed by a newline or NUL.
pub fn write_paths(out: &mut Stdout, paths: &[PathBuf], null: bool) -> io::Result<()> {
    let is_terminal = out.get_ref().is_terminal();
    let end = if null { b"\0" } else { b"\n" };
    paths.iter().try_for_each(|path| {
        let bytes = path.as_os_str().as_encoded_bytes();
        match is_terminal {
            true => out.write_all(escape(&escape_invalid_utf8(bytes)).as_bytes())?,
            false => out.write_all(bytes)?,
        }
        out.write_all(end)
    })
}

/// Writes a line unless it is empty.
pub fn write_line(out: &mut Stdout, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    writeln!(out, "{text}")
}

/// Writes sessions as a JSON object, keyed by qualified name.
pub fn write_sessions(out: &mut Stdout, sessions: &[Session]) -> io::Result<()> {
    let mut items = JsonItems::begin(out, ["{", "}"], 0)?;
    for session in sessions {
        items.next(out)?;
        write_json(out, &session.qualified_name(), 1)?;
        out.write_all(b": ")?;
        write_json(out, &SessionState(session), 1)?;
    }
    items.end(out)?;
    writeln!(out)
}

pub fn write_document(out: &mut Stdout, value: &impl Serialize) -> io::Result<()> {
    write_json(out, value, 0)?;
    writeln!(out)
}

/// Writes a value as JSON without raw control or invisible characters, indented
/// as the value of a document at a depth.
pub fn write_json(out: &mut impl Write, value: &impl Serialize, depth: usize) -> io::Result<()> {
    let mut layout = PrettyFormatter::new();
    for _ in 0..depth {
        layout.begin_object(&mut io::sink())?;
    }
    let mut json = Vec::with_capacity(512);
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut json, layout,
    ))?;
    // Most JSON is ASCII, and is written as it is.
    let is_plain = |byte: &u8| matches!(byte, b'\n' | b' '..=b'~');
    if json.iter().fold(true, |all, byte| all & is_plain(byte)) {
        return out.write_all(&json);
    }
    // A newline is never part of a string.
    let json = String::from_utf8_lossy(&json);
    let lines: Vec<_> = json.split('\n').map(escape_json).collect();
    out.write_all(lines.join("\n").as_bytes())
}

/// A JSON array or object whose items are written one by one, so that the document is
/// not in memory.
pub struct JsonItems {
    end: &'static str,
    depth: usize,
    is_empty: bool,
}

impl JsonItems {
    /// Begins an array or object as the value of a document at a depth.
    pub fn begin(
        out: &mut Stdout,
        [begin, end]: [&'static str; 2],
        depth: usize,
    ) -> io::Result<Self> {
        out.write_all(begin.as_bytes())?;
        Ok(Self {
            end,
            depth,
            is_empty: true,
        })
    }

    /// Writes everything in front of the next item, which is at `depth + 1`.
    pub fn next(&mut self, out: &mut Stdout) -> io::Result<()> {
        let comma = if self.is_empty { "" } else { "," };
        self.is_empty = false;
        write!(out, "{comma}\n{:1$}", "", 2 * (self.depth + 1))
    }

    pub fn end(self, out: &mut Stdout) -> io::Result<()> {
        if !self.is_empty {
            write!(out, "\n{:1$}", "", 2 * self.depth)?;
        }
        out.write_all(self.end.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    #[test]
    fn raw_value_is_escaped() {
        let raw = RawValue::from_string("{\"k\":\"\u{9b}31m\"}".into()).unwrap();
        let mut out = Vec::new();
        write_json(&mut out, &[raw], 1).unwrap();
        assert_eq!(out, b"[\n    {\"k\":\"\\u009b31m\"}\n  ]");
    }
}
