//! Views to streams: text or JSON, through one buffer, and a reader that has
//! gone is no error.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use serde::Serialize;
use sstat::{Problem, ProblemKind, SafeFormatter, Update, Viewpoint};

use crate::config::{Config, Stream};
use crate::failure::{Failure, Result};
use crate::human::escape::escape;
use crate::human::plot::{Plot, Span};
use crate::human::style::{Role, Style};
use crate::human::{block, detail, table, timeline};
use crate::prometheus;
use crate::view::{Form, Histories, HistoryForm, Report, SummaryForm, View};

/// Line-buffered output costs five times as much.
const BUFFER: usize = 64 * 1024;

/// How often followed files are looked at.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);

/// About how many bytes are read of a followed file at a time: a file that is
/// written anew may be of any size.
const FOLLOW_BYTES: usize = 256 * 1024;

/// So many followed files are held open, so that what came into one before it
/// was renamed is still read.
const MOST_HELD: usize = 256;

/// Prints a report and returns the exit code.
pub fn print(config: &Config, report: Report) -> Result<u8> {
    let code = report.code;
    let is_read = print_report(config, report)?;
    Ok(if is_read { code } else { 0 })
}

/// Prints a report; false if whoever read stdout has seen enough.
pub fn print_report(config: &Config, report: Report) -> Result<bool> {
    let problems = match report.view {
        View::Nothing => Vec::new(),
        view => match write_buffered(config, view)? {
            Some(problems) => problems,
            None => return Ok(false),
        },
    };
    let mut complaints = Vec::new();
    if !config.quiet {
        let problems = problems.iter().map(ToString::to_string);
        let warnings = report.warnings.into_iter().chain(problems);
        complaints.extend(warnings.map(|warning| (warning, Role::Stale)));
    }
    complaints.extend(report.failures.into_iter().map(|text| (text, Role::Error)));
    // The terminal and half a dozen variables are asked only if there is
    // something to say: most pushes have nothing.
    if !complaints.is_empty() {
        let style = config.style(Stream::Err);
        for (text, role) in complaints {
            complain(&style, &text, role);
        }
    }
    Ok(true)
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
            is_read(&error)
        }
    }
}

/// Writes a view to stdout; returns what was found wrong only while it was
/// written, or `None` if whoever read this has seen enough.
fn write_buffered(config: &Config, view: View) -> Result<Option<Vec<Problem>>> {
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let written = write_view(&mut out, view, config).and_then(|problems| {
        out.flush().map_err(Stop::Write)?;
        Ok(problems)
    });
    match written {
        Ok(problems) => Ok(Some(problems)),
        Err(Stop::Write(error)) => {
            // What is still in the buffer must not be tried again.
            let _ = out.into_parts();
            is_read(&error).map(|_| None)
        }
        Err(Stop::Read(error)) => Err(error.into()),
        Err(Stop::Value(error)) => Err(Failure::error(error)),
    }
}

/// False for an error that says that whoever read stdout has seen enough; any
/// other is a failure.
fn is_read(error: &io::Error) -> Result<bool> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(false),
        _ => Err(Failure::error(format!("stdout: {error}"))),
    }
}

/// One line on stderr: `sstat: WHAT: WHY`.
pub fn complain(style: &Style, message: &str, role: Role) {
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
) -> std::result::Result<Vec<Problem>, Stop> {
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
            return Ok(histories.into_problems());
        }
        View::Plot(histories, viewpoint) => {
            write_plot(out, &histories, &viewpoint, &style())?;
            return Ok(histories.into_problems());
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
    histories: &Histories,
    mut write: impl FnMut(&mut dyn Write, &[u8], &Update) -> io::Result<()>,
) -> std::result::Result<(), Stop> {
    let mut followed = Vec::new();
    for name in histories.names() {
        let Some(history) = histories.open(name)? else {
            continue;
        };
        histories.for_each(&history, |line, update| -> std::result::Result<(), Stop> {
            Ok(write(out, line, &update)?)
        })?;
        if histories.follow.is_some() {
            let follower = history.follower()?;
            // Each held file is a descriptor.
            let held = (followed.len() < MOST_HELD).then_some(history);
            followed.push((follower, held));
        }
    }
    let Some(follow) = &histories.follow else {
        return Ok(());
    };
    let mut known: HashSet<String> = histories.names().iter().cloned().collect();
    let mut more = false;
    while !nobody_reads() {
        out.flush()?;
        if !std::mem::take(&mut more) {
            std::thread::sleep(FOLLOW_INTERVAL);
        }
        let joining = histories.joining(follow, &known);
        known.extend(joining.iter().map(|follower| follower.name().to_owned()));
        followed.extend(joining.into_iter().map(|follower| (follower, None)));
        for (follower, held) in &mut followed {
            // What came into a file before it was renamed is read first.
            for is_first in [true, false] {
                let appended = match held {
                    Some(held) if is_first => follower.read_held(held, FOLLOW_BYTES)?,
                    None if is_first => continue,
                    _ => follower.read_some(FOLLOW_BYTES)?,
                };
                for (line, update) in &appended.updates {
                    if histories.query().matches(update) {
                        write(out, line, update)?;
                    }
                }
                if appended.bad.count > 0 && !config.quiet {
                    let problem = follower.problem(ProblemKind::BadLines(appended.bad));
                    complain(
                        &config.style(Stream::Err),
                        &problem.to_string(),
                        Role::Stale,
                    );
                }
                // Another file has this name by now: that one is held.
                if held.as_ref().is_some_and(|held| !follower.is_in(held)) {
                    *held = histories.open(follower.name())?;
                }
                if appended.more {
                    more = true;
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Whether the reader of stdout has gone, which a pipe tells even when there
/// is nothing to write to it.
#[cfg(unix)]
fn nobody_reads() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = io::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    poll(&mut fds, Some(&Timespec::default())).is_ok() && fds[0].revents().contains(PollFlags::ERR)
}

/// Found out by writing only.
#[cfg(not(unix))]
fn nobody_reads() -> bool {
    false
}

/// Draws histories. They are read twice, first for the time that they span,
/// so that no more than one lane is held at a time.
fn write_plot(
    out: &mut dyn Write,
    histories: &Histories,
    viewpoint: &Viewpoint,
    style: &Style,
) -> std::result::Result<(), Stop> {
    let mut shown = Vec::new();
    for name in histories.names() {
        let Some(history) = histories.open(name)? else {
            continue;
        };
        let mut seen = None;
        histories.for_each(
            &history,
            |_, Update { timestamp: at, .. }| -> std::result::Result<(), Stop> {
                let (first, last) = seen.get_or_insert((at, at));
                *first = at.min(*first);
                *last = at.max(*last);
                Ok(())
            },
        )?;
        shown.extend(seen.map(|(first, last)| (name.as_str(), first, last)));
    }
    let first = shown.iter().map(|&(_, first, _)| first).min();
    let last = shown.iter().map(|&(.., last)| last).max();
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(());
    };
    let query = histories.query();
    let span = Span::new(query, first, last, viewpoint);
    let names = shown.iter().map(|&(name, ..)| name);
    let mut plot = Plot::new(span, viewpoint, names, style);
    plot.write_title(out)?;
    for (name, first, _) in shown {
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
