//! `sstat history`: the updates of sessions. They are printed while they are
//! read, one file at a time, so that memory stays bounded.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, Write};

use chrono::{DateTime, Utc};
use sstat::{
    FileWarning, HealthRules, History, Query, Session, Status, Thresholds, Update, escape,
};
use unicode_width::UnicodeWidthStr;

use crate::cli;
use crate::config::{Config, Stream};
use crate::directories::Directories;
use crate::error::{CliError, Result};
use crate::output::{self, JsonItems, Stdout, Stop};
use crate::render::plot::{Plot, TimeRange};
use crate::render::style::Style;
use crate::render::timeline;
use crate::select::{Names, select, unknown_statuses};
use crate::view::directory_if_several;
use crate::watch::history_follower::HistoryFollower;

/// The default of `--limit`.
const LIMIT: usize = 50;

/// A longer name is not aligned with the others.
const MAX_NAME: usize = 32;

type Written<T = ()> = std::result::Result<T, Stop>;

pub fn run(config: &Config, args: &cli::History) -> Result<u8> {
    // A plot and `--since` show a time, so a number of updates is a poor default.
    let is_of_time = args.plot || args.since.is_some();
    let limit = args.limit.unwrap_or(if is_of_time { 0 } else { LIMIT });
    let mut query = Query::default();
    query.limit = (limit > 0).then_some(limit);
    query.since = args.since.map(|since| config.moment(since)).transpose()?;
    query.until = args.until.map(|until| config.moment(until)).transpose()?;
    if let (Some(since), Some(until)) = (query.since, query.until)
        && since > until
    {
        return Err(CliError::error("--since: is after --until"));
    }
    query.statuses.clone_from(&args.status);
    query.task.clone_from(&args.task);
    // Only a plot shows staleness. Without one, an invalid SSTAT_STALE_AFTER
    // must not be an error.
    let rules = if args.plot {
        config.rules(&cli::StalenessArgs::default())?
    } else {
        HealthRules::new(config.now()?, Thresholds::default())
    };
    let filters = cli::Filters::of_names(args.names.clone());
    let (mut sessions, mut selection) = select(config, &filters, &rules)?;
    let joins = joining_sessions(args);
    sort_by_arguments(&mut sessions, &args.names);
    let path = |session: &Session| {
        let store = config.directories.store_of(session);
        store.path_of(session.name()).ok()?
    };
    // These warnings are repeated when the histories are read. With `joins`, that is done
    // for all files.
    let known: HashSet<_> = sessions.iter().filter_map(path).collect();
    let warnings = &mut selection.warnings;
    warnings.retain(|warning| joins.is_none() && !known.contains(&warning.path));
    let is_nothing = sessions.is_empty() && !selection.unknown.is_empty();
    let mut report = selection.conclude(config, false);
    if is_nothing {
        return Ok(output::print_report(config, &report));
    }
    if args.follow {
        let warnings = std::mem::take(&mut report.warnings);
        output::print_messages(config, &warnings, &std::mem::take(&mut report.failures));
    }

    let style = config.style(Stream::Out);
    let is_several = sessions.len() > 1 || joins.is_some();
    let names = sessions.iter().map(Session::display_name);
    let longest = names.map(|name| escape(&name).width().min(MAX_NAME)).max();
    let write_update = |out: &mut Stdout, line: &[u8], update: &Update| {
        if args.jsonl {
            return write_stored_line(out, line);
        }
        let name = is_several.then_some((update.session.as_str(), longest.unwrap_or(0)));
        timeline::write_update(out, update, name, &style)
    };
    let histories = Histories {
        directories: &config.directories,
        unseen: query.statuses.clone().into(),
        query,
        sessions,
    };
    let mut warnings = Vec::new();
    let is_open = output::write_stdout(|out| {
        warnings = if args.plot {
            histories.write_plot(out, &rules, &style)?
        } else if args.json {
            let is_single = match (&*args.names, &*histories.sessions) {
                ([name], [session]) => *name == session.name() || *name == session.qualified_name(),
                _ => false,
            };
            histories.write_json(out, is_single)?
        } else if args.follow {
            return histories.follow(out, config, joins, write_update);
        } else {
            let write = |line: &[u8], update: &Update| Ok(write_update(out, line, update)?);
            histories.for_each(write, |_, _| Ok(()))?
        };
        Ok(())
    })?;
    if !is_open {
        return Ok(report.code);
    }
    let warnings = warnings.iter().map(ToString::to_string);
    report.warnings.extend(histories.unknown_statuses());
    report.warnings.extend(warnings);
    Ok(output::print_report(config, &report))
}

/// Returns the names of new sessions to follow; `None` if no new session is followed.
fn joining_sessions(args: &cli::History) -> Option<Names> {
    let names = Names::new(&args.names);
    (args.follow && names.exactly().is_none()).then_some(names)
}

/// Puts the sessions that are named in the order of the arguments, before those that
/// match a pattern.
fn sort_by_arguments(sessions: &mut [Session], names: &[String]) {
    sessions.sort_by_cached_key(|session| {
        let place = |name: &str| names.iter().position(|given| given == name);
        let place = place(&session.qualified_name()).or_else(|| place(session.name()));
        place.unwrap_or(usize::MAX)
    });
}

/// The sessions whose histories are printed.
struct Histories<'a> {
    directories: &'a Directories,
    query: Query,
    sessions: Vec<Session>,
    /// The wanted statuses that no update had so far.
    unseen: RefCell<Vec<Status>>,
}

impl Histories<'_> {
    /// Opens the histories one after the other, without those whose file has
    /// been deleted.
    fn iter(&self) -> impl Iterator<Item = sstat::Result<(&Session, History)>> {
        self.sessions.iter().filter_map(|session| {
            let history = self.open(session, self.query.clone()).transpose()?;
            Some(history.map(|history| (session, history)))
        })
    }

    fn open(&self, session: &Session, query: Query) -> sstat::Result<Option<History>> {
        let store = self.directories.store_of(session);
        store.history(session.name(), query)
    }

    /// Calls `write` for each update of a history.
    fn read(
        &self,
        history: &History,
        mut write: impl FnMut(&[u8], Update) -> Written,
    ) -> Written<Option<FileWarning>> {
        history.for_each(|line, update| {
            let mut unseen = self.unseen.borrow_mut();
            unseen.retain(|status| *status != update.status);
            write(line, update)
        })
    }

    /// Returns warnings about the wanted statuses that no update had.
    fn unknown_statuses(&self) -> Vec<String> {
        let unseen = self.unseen.borrow();
        let (misspelled, others) = unknown_statuses(&unseen, "no update shown", |_| false);
        [misspelled, others].concat()
    }

    /// Calls `write` for each update and `end` for each history after its
    /// updates.
    fn for_each(
        &self,
        mut write: impl FnMut(&[u8], &Update) -> Written,
        mut end: impl FnMut(&Session, History) -> Written,
    ) -> Written<Vec<FileWarning>> {
        let mut warnings = Vec::new();
        for history in self.iter() {
            let (session, history) = history?;
            let warning = self.read(&history, |line, mut update| {
                if session.has_namesake {
                    update.session = session.qualified_name().into_owned();
                }
                write(line, &update)
            })?;
            warnings.extend(warning);
            end(session, history)?;
        }
        Ok(warnings)
    }

    /// Writes all updates, then new ones as they come, until the reader of
    /// stdout is gone.
    fn follow(
        &self,
        out: &mut Stdout,
        config: &Config,
        joins: Option<Names>,
        write: impl Fn(&mut Stdout, &[u8], &Update) -> io::Result<()>,
    ) -> Written {
        let mut follower =
            HistoryFollower::new(self.directories.clone(), self.query.clone(), joins)?;
        let warnings = self.for_each(
            |line, update| Ok(write(out, line, update)?),
            |session, history| Ok(follower.add(self.directories.store_of(session), history)?),
        )?;
        output::print_warnings(config, &warnings);
        output::print_messages(config, &self.unknown_statuses(), &[]);
        out.flush()?;
        while follower.wait()? {
            follower.read_some(|line, update| write(out, line, update))?;
            out.flush()?;
            output::print_warnings(config, &follower.take_warnings());
        }
        Ok(())
    }

    /// Writes one JSON object for a single session, otherwise an array.
    fn write_json(&self, out: &mut Stdout, is_single: bool) -> Written<Vec<FileWarning>> {
        let mut warnings = Vec::new();
        let mut histories = self.iter();
        if is_single && let Some(history) = histories.next() {
            let (session, history) = history?;
            warnings.extend(self.write_history(out, session, &history, 0)?);
        } else {
            let mut array = JsonItems::begin(out, ["[", "]"], 0)?;
            for history in histories {
                array.next(out)?;
                let (session, history) = history?;
                warnings.extend(self.write_history(out, session, &history, 1)?);
            }
            array.end(out)?;
        }
        writeln!(out)?;
        Ok(warnings)
    }

    /// Draws the histories. They are read twice, first for the time that they
    /// span, so that only one lane is in memory.
    fn write_plot(
        &self,
        out: &mut Stdout,
        rules: &HealthRules,
        style: &Style,
    ) -> Written<Vec<FileWarning>> {
        let mut warnings = Vec::new();
        let mut extents = Vec::new();
        for history in self.iter() {
            let (session, history) = history?;
            let mut extent: Option<(DateTime<Utc>, DateTime<Utc>)> = None;
            let warning = self.read(&history, |_, Update { timestamp, .. }| {
                let (first, last) = extent.get_or_insert((timestamp, timestamp));
                *first = timestamp.min(*first);
                *last = timestamp.max(*last);
                Ok(())
            })?;
            warnings.extend(warning);
            extents.extend(extent.map(|(first, last)| (session, first, last)));
        }
        let first = extents.iter().map(|(_, first, _)| *first).min();
        let last = extents.iter().map(|(.., last)| *last).max();
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(warnings);
        };
        let range = TimeRange::new(&self.query, first, last, rules);
        let names = extents.iter().map(|(session, ..)| session.display_name());
        let mut plot = Plot::new(range, rules, names, style);
        plot.write_title(out)?;
        for (session, first, _) in &extents {
            let Some(history) = self.open(session, self.query_for_plot())? else {
                continue;
            };
            // Without a limit, the lane also shows the state at its left edge,
            // which an earlier update set.
            let limit = self.query.limit;
            let from = limit.map_or(DateTime::<Utc>::MIN_UTC, |_| *first);
            let mut lane = plot.lane(&self.query, from);
            history.for_each(|_, update| -> Written {
                plot.add(&mut lane, update);
                Ok(())
            })?;
            plot.write_lane(out, &session.display_name(), lane)?;
        }
        plot.write_axis(out)?;
        Ok(warnings)
    }

    /// Returns the query for all updates that a plot needs: also those that do
    /// not match, because they end the state before them.
    fn query_for_plot(&self) -> Query {
        let query = &self.query;
        // A limit counts the updates that match. Only if all of them match does
        // it also apply to all updates.
        let all_match = query.statuses.is_empty() && query.task.is_none() && query.until.is_none();
        let limit = query.limit.filter(|_| all_match);
        limit.map_or_else(Query::default, Query::last)
    }

    /// Writes a history as a JSON object, the value of a document at a depth.
    fn write_history(
        &self,
        out: &mut Stdout,
        session: &Session,
        history: &History,
        depth: usize,
    ) -> Written<Option<FileWarning>> {
        let indent = " ".repeat(2 * (depth + 1));
        write!(out, "{{\n{indent}\"session\": ")?;
        output::write_json(out, &history.name(), depth + 1)?;
        if let Some(directory) = directory_if_several(session) {
            write!(out, ",\n{indent}\"directory\": ")?;
            output::write_json(out, &directory, depth + 1)?;
        }
        let total = history.count_updates()?;
        write!(
            out,
            ",\n{indent}\"total_updates\": {total},\n{indent}\"updates\": "
        )?;
        let mut updates = JsonItems::begin(out, ["[", "]"], depth + 1)?;
        let warning = self.read(history, |_, update| {
            updates.next(out)?;
            Ok(output::write_json(out, &update, depth + 2)?)
        })?;
        updates.end(out)?;
        write!(out, "\n{}}}", &indent[2..])?;
        Ok(warning)
    }
}

/// Writes a stored line with its unprintable characters escaped.
fn write_stored_line(out: &mut Stdout, line: &[u8]) -> io::Result<()> {
    let json = sstat::repair_json(line.trim_ascii());
    writeln!(out, "{}", sstat::escape_json(&json))
}
