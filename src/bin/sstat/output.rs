//! Views to streams: text or JSON, through one buffer, and a reader that has
//! gone is no error.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use serde::Serialize;
use sstat::{FileWarning, HealthRules, SafeFormatter, Update};

use crate::config::{Config, Stream};
use crate::error::{CliError, Result};
use crate::history::{Extent, HistoryReader};
use crate::render::plot::{Plot, TimeSpan};
use crate::render::prometheus;
use crate::render::style::{Role, Style};
use crate::render::{block, detail, table, timeline};
use crate::view::{Form, HistoryForm, Report, SummaryForm, View};
use sstat::escape;

/// Line-buffered output costs five times as much.
const BUFFER: usize = 64 * 1024;

/// How often followed files are looked at.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);

/// Prints a report and returns the exit code.
pub fn print(config: &Config, report: Report) -> Result<u8> {
    let code = report.code;
    let is_read = print_report(config, report)?;
    Ok(if is_read { code } else { 0 })
}

/// Prints a report; false if whoever read stdout has seen enough.
pub fn print_report(config: &Config, mut report: Report) -> Result<bool> {
    if report.view.goes_on() {
        // There is no end of it after which something could be said.
        complain_all(config, &mut report);
    }
    match std::mem::replace(&mut report.view, View::Nothing) {
        View::Nothing => {}
        view => match write_buffered(config, view)? {
            Some(warnings) => report = report.with_warnings(&warnings),
            None => return Ok(false),
        },
    }
    complain_all(config, &mut report);
    Ok(true)
}

/// Says what a report warns of and what failed.
fn complain_all(config: &Config, report: &mut Report) {
    let warnings = std::mem::take(&mut report.warnings).into_iter();
    let warnings = warnings.filter(|_| !config.quiet);
    let failures = std::mem::take(&mut report.failures);
    let complaints: Vec<_> = warnings
        .map(|warning| (warning, Role::Stale))
        .chain(failures.into_iter().map(|text| (text, Role::Error)))
        .collect();
    // The terminal and half a dozen variables are asked only if there is
    // something to say: most pushes have nothing.
    if !complaints.is_empty() {
        let style = config.style(Stream::Err);
        for (text, role) in complaints {
            print_diagnostic(&style, &text, role);
        }
    }
}

/// Prints values as JSON at once, one a line; false if whoever read stdout has
/// seen enough.
pub fn print_lines(values: impl Iterator<Item: Serialize>) -> Result<bool> {
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let write = |value| -> io::Result<()> {
        let layout = SafeFormatter::compact();
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, layout);
        Serialize::serialize(&value, &mut serializer)?;
        out.write_all(b"\n")
    };
    let written = values.into_iter().try_for_each(write);
    match written.and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) => {
            // What is still in the buffer must not be tried again.
            let _ = out.into_parts();
            unless_closed(error)?;
            Ok(false)
        }
    }
}

/// Writes a view to stdout; returns what was found wrong only while it was
/// written, or `None` if whoever read this has seen enough.
fn write_buffered(config: &Config, view: View) -> Result<Option<Vec<FileWarning>>> {
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let written = write_view(&mut out, view, config).and_then(|warnings| {
        out.flush().map_err(Stop::Write)?;
        Ok(warnings)
    });
    match written {
        Ok(warnings) => Ok(Some(warnings)),
        Err(Stop::Write(error)) => {
            // What is still in the buffer must not be tried again.
            let _ = out.into_parts();
            unless_closed(error)?;
            Ok(None)
        }
        Err(Stop::Read(error)) => Err(error.into()),
        Err(Stop::Value(error)) => Err(CliError::error(error)),
    }
}

/// The failure to write, unless it is that whoever read stdout has seen enough.
pub fn unless_closed(source: io::Error) -> Result<()> {
    if source.kind() == io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(CliError::of_stream("write", "stdout", source))
}

/// One line on stderr: `sstat: WHAT: WHY`.
pub fn print_diagnostic(style: &Style, message: &str, role: Role) {
    // Nobody is left to be told when stderr is closed.
    let _ = writeln!(
        io::stderr().lock(),
        "{} {}",
        style.paint(role, "sstat:"),
        escape(message)
    );
}

/// Why printing stopped: the reader of the output, or a file of the store.
pub enum Stop {
    Write(io::Error),
    Read(sstat::Error),
    /// What a value says that could not make itself JSON: that of the file it
    /// was reading.
    Value(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<serde_json::Error> for Stop {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() {
            Self::Write(error.into())
        } else {
            Self::Value(error.to_string())
        }
    }
}

impl From<sstat::Error> for Stop {
    fn from(error: sstat::Error) -> Self {
        Self::Read(error)
    }
}

/// Writes a view; returns what was found wrong only while it was written.
fn write_view(
    out: &mut dyn Write,
    view: View,
    config: &Config,
) -> std::result::Result<Vec<FileWarning>, Stop> {
    let style = || config.style(Stream::Out);
    match view {
        View::Nothing => {}
        View::Summary(summary, form) => match form {
            SummaryForm::Json => json(out, &summary)?,
            SummaryForm::Block => block::write_block(out, &summary, &style())?,
            SummaryForm::Short => line(out, &block::short_line(&summary, &style()))?,
            SummaryForm::Prometheus => prometheus::write_metrics(out, &summary)?,
            SummaryForm::Tmux => line(out, &block::tmux_line(&summary))?,
        },
        View::List(list, Form::Json) => json(out, &list)?,
        View::List(list, Form::Human) => table::write_list(out, &list, &style())?,
        View::Stale(list, Form::Json) => json(out, &list)?,
        View::Stale(list, Form::Human) => table::write_stale(out, &list, &style())?,
        View::Show(detail, Form::Json) => json(out, &*detail)?,
        View::Show(detail, Form::Human) => detail::write_detail(out, &detail, &style())?,
        View::History(histories, form) => {
            match form {
                HistoryForm::Json => json(out, &histories)?,
                HistoryForm::Human => {
                    let style = style();
                    let several = histories.are_several();
                    write_updates(out, config, &histories, |out, _, update| {
                        let name = several.then_some(update.session.as_str());
                        timeline::write_update(out, update, name, &style)
                    })?;
                }
                HistoryForm::Lines => write_updates(out, config, &histories, |out, line, _| {
                    write_stored_line(out, line)
                })?,
            }
            return Ok(histories.take_warnings());
        }
        View::Plot(histories, rules) => {
            write_plot(out, &histories, &rules, &style())?;
            return Ok(histories.take_warnings());
        }
    }
    Ok(Vec::new())
}

/// A line, unless there is nothing to say.
fn line(out: &mut dyn Write, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    writeln!(out, "{text}")
}

/// Indented JSON without raw control or format characters.
fn json(out: &mut dyn Write, value: &impl Serialize) -> std::result::Result<(), Stop> {
    // A buffer whose type is known here: the thousand small pieces of a value
    // must not each go through `dyn`.
    let mut out = BufWriter::with_capacity(BUFFER, out);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, SafeFormatter::pretty());
    value.serialize(&mut serializer)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Writes the updates of all histories one after the other and, if they are
/// followed, each later one as it comes: until nobody reads them any more.
fn write_updates(
    out: &mut dyn Write,
    config: &Config,
    histories: &HistoryReader,
    mut write: impl FnMut(&mut dyn Write, &[u8], &Update) -> io::Result<()>,
) -> std::result::Result<(), Stop> {
    let following = histories.for_each(|line, update| -> std::result::Result<(), Stop> {
        Ok(write(out, line, update)?)
    })?;
    let Some(mut following) = following else {
        return Ok(());
    };
    let mut more = false;
    while !stdout_closed() {
        out.flush()?;
        let mut met = Report::of(View::Nothing)
            .with_warnings(&histories.take_warnings())
            .with_warnings(&following.take_warnings());
        complain_all(config, &mut met);
        if !more {
            std::thread::sleep(FOLLOW_INTERVAL);
        }
        more = following.read_some(|line, update| write(out, line, update))?;
    }
    Ok(())
}

/// Whether the reader of stdout has gone, which a pipe tells even when there
/// is nothing to write to it.
#[cfg(unix)]
fn stdout_closed() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = io::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    poll(&mut fds, Some(&Timespec::default())).is_ok() && fds[0].revents().contains(PollFlags::ERR)
}

/// Found out by writing only.
#[cfg(not(unix))]
fn stdout_closed() -> bool {
    false
}

/// Draws histories. They are read twice, first for the time that they span,
/// so that no more than one lane is held at a time.
fn write_plot(
    out: &mut dyn Write,
    histories: &HistoryReader,
    rules: &HealthRules,
    style: &Style,
) -> std::result::Result<(), Stop> {
    let shown = histories.extents()?;
    let first = shown.iter().map(|extent| extent.first).min();
    let last = shown.iter().map(|extent| extent.last).max();
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(());
    };
    let query = histories.query();
    let span = TimeSpan::new(query, first, last, rules);
    let names = shown.iter().map(|extent| extent.name);
    let mut plot = Plot::new(span, rules, names, style);
    plot.write_title(out)?;
    for Extent { name, first, .. } in shown {
        let Some(history) = histories.open_context(name)? else {
            continue;
        };
        // Without a limit, what held when the span began is drawn, too.
        let from = query
            .limit
            .map_or(chrono::DateTime::<chrono::Utc>::MIN_UTC, |_| first);
        let mut lane = plot.lane(query, from);
        history.for_each(|_, update| -> std::result::Result<(), Stop> {
            plot.add(&mut lane, update);
            Ok(())
        })?;
        plot.write_lane(out, name, lane)?;
    }
    Ok(plot.write_axis(out)?)
}

/// A stored line as it is, but for unprintable characters.
pub fn write_stored_line(out: &mut dyn Write, line: &[u8]) -> io::Result<()> {
    let mut escaped = Vec::with_capacity(line.len() + 1);
    sstat::escape_json(&String::from_utf8_lossy(line.trim_ascii()), &mut escaped);
    escaped.push(b'\n');
    out.write_all(&escaped)
}
