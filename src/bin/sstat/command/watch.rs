//! `sstat watch`: what happens to the sessions, for as long as it is wanted.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use sstat::{Session, Status};

use crate::cli;
use crate::command::select::{Names, missing_directory, nearest, select, unknown};
use crate::command::summary;
use crate::config::{Config, Stream};
use crate::failure::{Failure, Result, code};
use crate::human::style::Role;
use crate::output;
use crate::view::{Report, SummaryForm, View};
use crate::watch::alarms::{Alarms, Trigger};
use crate::watch::commands::Printing;
use crate::watch::event::{Event, EventKind};
use crate::watch::until::{Until, Verdict};
use crate::watch::{Options, Watcher};

/// How long to wait where nothing but an event ends it.
const NEVER: Duration = Duration::from_secs(24 * 3600);

pub fn run(config: &Config, args: &cli::Watch) -> Result<u8> {
    if args.now && args.until.is_empty() && args.exec.is_none() && !args.bell {
        return Err(Failure::error("--now: needs --until, --exec or --bell"));
    }
    match (args.once, args.reading.json) {
        (true, true) => snapshots(config, args),
        (true, false) => output::print(config, block(config, args)?),
        #[cfg(all(unix, feature = "tui"))]
        (false, false) if args.until.is_empty() && config.is_interactive() => {
            crate::screen::run(config, args, doubtful_words(args))
        }
        (false, _) => watch(config, args),
    }
}

/// One block: what `summary` says at this moment.
fn block(config: &Config, args: &cli::Watch) -> Result<Report> {
    let viewpoint = config.viewpoint(&args.reading.staleness)?;
    summary::report(config, &args.filters, &viewpoint, SummaryForm::Block)
}

/// The beginning of the stream, and nothing more.
fn snapshots(config: &Config, args: &cli::Watch) -> Result<u8> {
    let viewpoint = config.viewpoint(&args.reading.staleness)?;
    let mut selection = select(config, &args.filters, &viewpoint, Some)?;
    let mut sessions = std::mem::take(&mut selection.found);
    sessions.sort_unstable_by(|a, b| sstat::natural_cmp(a.name(), b.name()));
    let events = sessions.into_iter().map(|session| Event {
        kind: EventKind::Snapshot,
        at: viewpoint.now,
        session,
    });
    if !output::print_lines(events)? {
        return Ok(0);
    }
    output::print(
        config,
        selection.conclude(config, Report::of(View::Nothing), false),
    )
}

fn watch(config: &Config, args: &cli::Watch) -> Result<u8> {
    let begin = Instant::now();
    let options = Options {
        interval: args.interval,
        poll: args.poll,
    };
    let mut watcher = Watcher::new(config, &args.filters, &args.reading.staleness, options)?;
    let warn = |warning: &str| {
        if !config.quiet {
            output::complain(&config.style(Stream::Err), warning, Role::Stale);
        }
    };
    for doubt in doubtful_words(args) {
        warn(&doubt);
    }
    let missing = missing_directory(config);
    if let Some(missing) = &missing {
        warn(&format!("{missing} yet; waiting for it"));
    }
    let mut until = match &*args.until {
        [] => {
            for name in args.filters.names.iter().filter(|name| is_literal(name)) {
                if missing.is_none() && watcher.session(name).is_none() {
                    warn(&format!("{}; waiting for it", unknown(config, name)));
                }
            }
            None
        }
        statuses => {
            let names = waited_names(config, args, &watcher)?;
            Some(Until::new(names, statuses.to_vec(), args.any, args.now))
        }
    };
    let mut form = Form::of(args, until.is_some());
    let printing = match form {
        Form::Lines => Printing::ToStderr,
        Form::Blocks { .. } => Printing::Dropped,
        Form::Nothing => Printing::Shared,
    };
    let mut alarms = Alarms::new(args, &watcher, printing)?;
    #[cfg(unix)]
    if !matches!(form, Form::Nothing)
        && let Ok(stdout) = std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned()
    {
        watcher.wake_on_close(stdout);
    }
    let give_up = args.timeout.and_then(|timeout| begin.checked_add(timeout));
    let mut warned = HashSet::new();
    let code = loop {
        let next_block = match form {
            Form::Blocks { next } => Some(next),
            _ => None,
        };
        let next_alarm = alarms.as_ref().and_then(Alarms::next);
        let wake_up = [give_up, next_block, next_alarm]
            .into_iter()
            .flatten()
            .min();
        let timeout = wake_up.map_or(NEVER, |at| at.saturating_duration_since(Instant::now()));
        let events = watcher.wait(timeout)?;
        for problem in watcher.take_problems() {
            // A block names the bad files itself.
            if next_block.is_none() {
                warn(&problem);
            }
        }
        if let Some(alarms) = &mut alarms {
            for problem in alarms.attend(&mut watcher, &events) {
                warn(&problem);
            }
        }
        let mut wanted = events
            .iter()
            .filter(|event| watcher.wants(&event.session))
            .peekable();
        let is_read = match &mut form {
            Form::Lines => wanted.peek().is_none() || output::print_lines(wanted.clone())?,
            Form::Blocks { next } if *next <= Instant::now() => {
                *next = Instant::now() + args.interval;
                let mut report = block(config, args)?;
                report.warnings.append(&mut report.failures);
                report
                    .warnings
                    .retain(|warning| warned.insert(warning.clone()));
                output::print_report(config, report)?
            }
            _ => true,
        };
        if !is_read || watcher.output_closed() {
            break 0;
        }
        if let Some(until) = &mut until {
            let verdict = wanted.find_map(|event| {
                if let Some(note) = until.see(event) {
                    warn(&note);
                }
                until.verdict()
            });
            if let Some(Verdict { code, reason }) = verdict {
                if let Some(reason) = reason {
                    output::complain(&config.style(Stream::Err), &reason, Role::Error);
                }
                break code;
            }
            if give_up.is_some_and(|at| at <= Instant::now()) {
                let reason = format!("timed out: {}", until.open());
                output::complain(&config.style(Stream::Err), &reason, Role::Error);
                break code::TIMED_OUT;
            }
        }
    };
    if let Some(alarms) = &mut alarms {
        for problem in alarms.finish() {
            warn(&problem);
        }
    }
    Ok(code)
}

/// What goes to stdout meanwhile.
enum Form {
    /// A line of JSON for every event.
    Lines,
    /// The summary's block, at this moment and then every interval.
    Blocks { next: Instant },
    /// Whoever waits for a status, or to be alarmed, reads nothing.
    Nothing,
}

impl Form {
    fn of(args: &cli::Watch, waits: bool) -> Self {
        let next = Instant::now();
        let is_alarm = args.exec.is_some() || args.bell;
        match args.reading.json {
            true => Self::Lines,
            false if waits => Self::Nothing,
            false if is_alarm && !std::io::stdout().is_terminal() => Self::Nothing,
            false => Self::Blocks { next },
        }
    }
}

/// The words of `--until` and `--on` that can only be statuses of some other
/// writer: more often they are slips.
fn doubtful_words(args: &cli::Watch) -> Vec<String> {
    let statuses = args.until.iter().map(|status| ("--until", status.as_str()));
    let words = args.on.iter().map(|word| ("--on", word.as_str()));
    statuses
        .chain(words)
        .filter(|(option, word)| match (*option, Trigger::of_word(word)) {
            (_, Trigger::Status(status)) => !Status::KNOWN.contains(&status),
            (option, _) => option == "--until",
        })
        .map(|(option, word)| {
            let mut known: Vec<String> = Status::KNOWN.map(|status| status.to_string()).into();
            if option == "--on" {
                known.extend(Trigger::EVENTS.map(str::to_owned));
            }
            let hint = match nearest(word, &known) {
                Some(nearest) => format!("did you mean '{nearest}'?"),
                None => format!("they are {}", known.join(", ")),
            };
            format!("{option}: '{word}' is no status that sstat writes ({hint}); waiting for it all the same")
        })
        .collect()
}

/// The sessions to wait for: those named, and those that patterns match now.
fn waited_names(config: &Config, args: &cli::Watch, watcher: &Watcher) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    let mut missing = Vec::new();
    for name in &args.filters.names {
        let found: Vec<String> = if is_literal(name) {
            if watcher.session(name).is_none() && !args.allow_missing {
                missing.push(unknown(config, name));
            }
            vec![name.clone()]
        } else {
            let pattern = Names::new(std::slice::from_ref(name))?;
            let there = watcher.all_sessions().map(Session::name);
            there
                .filter(|name| pattern.want(name))
                .map(str::to_owned)
                .collect()
        };
        if found.is_empty() {
            missing.push(format!("no session matches '{name}'"));
        }
        names.extend(
            found
                .into_iter()
                .filter(|name| !names.contains(name))
                .collect::<Vec<_>>(),
        );
    }
    match missing.pop() {
        None => Ok(names),
        Some(last) => {
            for missing in missing {
                output::complain(&config.style(Stream::Err), &missing, Role::Error);
            }
            Err(Failure::no(last))
        }
    }
}

fn is_literal(name: &str) -> bool {
    !name.contains(['*', '?', '['])
}
