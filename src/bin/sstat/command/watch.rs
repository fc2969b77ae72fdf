//! `sstat watch`: what happens to the sessions, for as long as it is wanted.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::cli;
use crate::command::select::{missing_directory, select, unknown};
use crate::command::summary;
use crate::config::{Config, Stream};
use crate::failure::Result;
use crate::human::style::Role;
use crate::output;
use crate::view::{Report, SummaryForm, View};
use crate::watch::event::{Event, EventKind};
use crate::watch::{Options, Watcher};

/// How long to wait where nothing but an event ends it.
const NEVER: Duration = Duration::from_secs(24 * 3600);

pub fn run(config: &Config, args: &cli::Watch) -> Result<u8> {
    match (args.once, args.reading.json) {
        (true, true) => snapshots(config, args),
        (true, false) => output::print(config, block(config, args)?),
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
    let options = Options {
        interval: args.interval,
        poll: args.poll,
    };
    let mut watcher = Watcher::new(config, &args.filters, &args.reading.staleness, options)?;
    #[cfg(unix)]
    if let Ok(stdout) = std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned() {
        watcher.wake_on_close(stdout);
    }
    let warn = |warning: &str| {
        if !config.quiet {
            output::complain(&config.style(Stream::Err), warning, Role::Stale);
        }
    };
    if let Some(missing) = missing_directory(config) {
        warn(&format!("{missing} yet; waiting for it"));
    } else {
        let names = args.filters.names.iter();
        for name in names.filter(|name| !name.contains(['*', '?', '['])) {
            if watcher.session(name).is_none() {
                warn(&format!("{}; waiting for it", unknown(config, name)));
            }
        }
    }
    let mut warned = HashSet::new();
    let mut next_block = Instant::now();
    while !watcher.output_closed() {
        let timeout = if args.reading.json {
            NEVER
        } else {
            next_block.saturating_duration_since(Instant::now())
        };
        let events = watcher.wait(timeout)?;
        for problem in watcher.take_problems() {
            // A block names the bad files itself.
            if args.reading.json {
                warn(&problem);
            }
        }
        if args.reading.json {
            let mut wanted = events
                .iter()
                .filter(|event| watcher.wants(&event.session))
                .peekable();
            if wanted.peek().is_some() && !output::print_lines(wanted)? {
                return Ok(0);
            }
        } else if next_block <= Instant::now() {
            next_block = Instant::now() + args.interval;
            let mut report = block(config, args)?;
            let mut seldom = std::mem::take(&mut report.failures);
            seldom.append(&mut report.warnings);
            seldom.retain(|warning| warned.insert(warning.clone()));
            report.warnings = seldom;
            if !output::print_report(config, report)? {
                return Ok(0);
            }
        }
    }
    Ok(0)
}
