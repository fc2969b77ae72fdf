//! `sstat watch`: prints blocks or events, waits for a status, and reports alerts.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use sstat::{Session, Status};

use crate::cli;
use crate::command::summary;
use crate::config::{Config, Stream};
use crate::error::{CliError, Result, exit_code};
use crate::output;
use crate::render::block::write_block;
use crate::render::style::Role;
use crate::select::{Names, absent, is_literal, matches, nearest, select, unknown};
use crate::view::{Report, Summary};
use crate::watch::Watcher;
use crate::watch::alerts::{Alerts, EVENTS};
use crate::watch::command_runner::CommandOutput;
use crate::watch::event::{Event, EventKind};
use crate::watch::wait::{Verdict, WaitCondition, no_match};

/// The longest time between two looks at the clock.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// How long alert commands may run on after `--until` or `--timeout` has ended the
/// watch.
const COMMAND_GRACE: Duration = Duration::from_secs(5);

pub fn run(config: &Config, args: &cli::Watch) -> Result<u8> {
    if args.now && args.until.is_empty() && args.exec.is_none() && !args.bell {
        return Err(CliError::error("--now: needs --until, --exec or --bell"));
    }
    if !args.until.is_empty() && args.filters.since.is_some() && !args.now {
        return Err(CliError::error("--since: with --until, needs --now"));
    }
    check_limits(args)?;
    let warnings = check_words(args)?;
    match (args.once, args.reading.json) {
        (true, true) => print_snapshots(config, args),
        (true, false) => {
            let (summary, report) = summarize(config, args)?;
            output::print(config, &report, |out| {
                write_block(out, &summary, &config.style(Stream::Out))
            })
        }
        #[cfg(feature = "tui")]
        (false, false) if args.until.is_empty() && config.is_interactive() => {
            crate::tui::run(config, args, warnings)
        }
        (false, _) => Watch::new(config, args, &warnings)?.run(),
    }
}

fn summarize(config: &Config, args: &cli::Watch) -> Result<(Summary, Report)> {
    summary::summarize(config, &args.filters, &args.reading, None, false)
}

fn print_snapshots(config: &Config, args: &cli::Watch) -> Result<u8> {
    let mut rules = config.rules(&args.reading.staleness)?;
    rules.finds_since = true;
    let (sessions, selection) = select(config, &args.filters, &rules)?;
    let events = sessions.into_iter().map(|session| Event {
        kind: EventKind::Snapshot,
        at: rules.now,
        session,
    });
    let report = selection.conclude(config, false);
    output::print(config, &report, |out| output::write_lines(out, events))
}

/// A watch without the live screen.
struct Watch<'a> {
    config: &'a Config,
    args: &'a cli::Watch,
    watcher: Watcher,
    form: Form,
    until: Option<WaitCondition>,
    timeout: Option<Instant>,
    alerts: Option<Alerts>,
    /// The warnings that were printed, without the numbers of invalid lines.
    warned: HashSet<String>,
}

/// The output on stdout.
enum Form {
    Events,
    Blocks { next: Instant },
    Nothing,
}

impl Form {
    fn of(args: &cli::Watch) -> Self {
        let has_alerts = args.exec.is_some() || args.bell;
        if args.reading.json {
            Self::Events
        } else if !args.until.is_empty() || (has_alerts && !std::io::stdout().is_terminal()) {
            Self::Nothing
        } else {
            Self::Blocks {
                next: Instant::now(),
            }
        }
    }
}

impl<'a> Watch<'a> {
    fn new(config: &'a Config, args: &'a cli::Watch, warnings: &[String]) -> Result<Self> {
        let start = Instant::now();
        let watcher = Watcher::new(config, args)?;
        let form = Form::of(args);
        let output = match form {
            Form::Events => CommandOutput::Stderr,
            Form::Blocks { .. } => CommandOutput::Discarded,
            Form::Nothing => CommandOutput::Inherited,
        };
        let mut watch = Self {
            config,
            args,
            form,
            until: None,
            timeout: args.timeout.and_then(|timeout| start.checked_add(timeout)),
            alerts: Alerts::new(args, &watcher, output)?,
            warned: HashSet::new(),
            watcher,
        };
        watch.warn_of_missing();
        if !args.until.is_empty() {
            watch.until = Some(wait_condition(config, args, &watch.watcher)?);
        }
        let alerts = watch.alerts.as_ref();
        let note = alerts.and_then(|alerts| alerts.note(&watch.watcher));
        for warning in warnings.iter().chain(&note) {
            watch.warn(warning);
        }
        #[cfg(unix)]
        {
            use std::os::fd::AsFd;
            if !matches!(watch.form, Form::Nothing)
                && let Ok(stdout) = std::io::stdout().as_fd().try_clone_to_owned()
            {
                watch.watcher.poller.wake_on_close(stdout);
            }
            let error = |error| CliError::error(format!("signals: {error}"));
            watch.catch_signals().map_err(error)?;
        }
        Ok(watch)
    }

    /// Has signals end the commands of alerts before they end the watch, also while the
    /// reader of its output blocks it.
    #[cfg(unix)]
    fn catch_signals(&self) -> std::io::Result<()> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        let Some(commands) = self.alerts.as_ref().and_then(Alerts::stop) else {
            return Ok(());
        };
        let signals = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter();
        let caught = signals.filter(|signal| !sstat::is_ignored(std::process::id(), *signal));
        let mut signals = signal_hook::iterator::Signals::new(caught)?;
        let end = move || {
            for signal in signals.forever() {
                commands.stop_by_signal();
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        };
        std::thread::Builder::new().spawn(end).map(drop)
    }

    /// Warns of a missing directory and of sessions that do not exist yet.
    fn warn_of_missing(&mut self) {
        let is_wait = !self.args.until.is_empty();
        let directories = &self.config.directories;
        let mut missing = directories.missing();
        if (missing.is_empty() || !directories.is_single()) && !is_wait {
            let names = self.args.filters.names.iter();
            let absent = names.filter(|name| {
                is_literal(name) && self.watcher.table().named(name).next().is_none()
            });
            missing.extend(absent.map(|name| unknown(self.config, name)));
        }
        for missing in missing {
            let end = if is_wait && !self.args.allow_missing {
                ""
            } else {
                "; waiting for it"
            };
            self.warn(&format!("{missing}{end}"));
            self.is_new_warning(&missing);
        }
    }

    fn run(mut self) -> Result<u8> {
        loop {
            let events = self.watcher.wait(self.time_to_next())?;
            for warning in self.watcher.take_warnings() {
                // The report of a block contains its own warnings.
                if !matches!(self.form, Form::Blocks { .. }) {
                    self.warn(&warning);
                }
            }
            let verdict = self.verdict(&events);
            let (before, deciding) = match verdict {
                Some((index, _)) => (&events[..index], events.get(index)),
                None => (&events[..], None),
            };
            if let Some(alerts) = &mut self.alerts {
                for warning in alerts.report(&self.watcher, before) {
                    self.print_error(&warning);
                }
            }
            if !self.print(&events)? || self.watcher.poller.output_closed() {
                return Ok(0);
            }
            if let Some((_, verdict)) = verdict {
                if let Some(reason) = &verdict.reason {
                    self.print_error(reason);
                }
                let alerts = self.alerts.as_mut();
                let finish =
                    |alerts: &mut Alerts| alerts.finish(&self.watcher, deciding, COMMAND_GRACE);
                for warning in alerts.map(finish).unwrap_or_default() {
                    self.print_error(&warning);
                }
                return Ok(verdict.code);
            }
        }
    }

    /// Returns how the wait has ended and the index of the event that ended it. For
    /// a timeout, that is the number of events.
    fn verdict(&mut self, events: &[Event]) -> Option<(usize, Verdict)> {
        let mut until = self.until.take()?;
        // A working session may not have pushed for longer than --since.
        let filters = cli::Filters {
            since: None,
            ..self.args.filters.clone()
        };
        let now = self.watcher.now();
        // The filters no longer apply to a session that was removed.
        let mut counted = events.iter().enumerate().filter(|(_, event)| {
            event.kind == EventKind::Removed || matches(&filters, &event.session, now)
        });
        let mut verdict = counted.find_map(|(index, event)| {
            if let Some(note) = until.observe(event) {
                self.warn(&note);
            }
            Some((index, until.verdict()?))
        });
        if verdict.is_none() && self.timeout.is_some_and(|at| at <= Instant::now()) {
            let reason = format!("timed out: {}", until.open());
            verdict = Some((events.len(), Verdict::failed(exit_code::TIMED_OUT, reason)));
        }
        self.until = Some(until);
        verdict
    }

    /// Prints the events, or the next block if it is time. Returns false if stdout
    /// is closed.
    fn print(&mut self, events: &[Event]) -> Result<bool> {
        match &mut self.form {
            Form::Events => {
                let mut events = events
                    .iter()
                    .filter(|event| self.watcher.wants(&event.session))
                    .peekable();
                Ok(events.peek().is_none() || output::print_lines(events)?)
            }
            Form::Blocks { next } if *next <= Instant::now() => {
                *next = Instant::now() + self.args.interval;
                let mut warnings = match summarize(self.config, self.args) {
                    Ok((summary, report)) => {
                        let style = self.config.style(Stream::Out);
                        if !output::write_stdout(|out| Ok(write_block(out, &summary, &style)?))? {
                            return Ok(false);
                        }
                        [report.warnings, report.failures].concat()
                    }
                    // The directory may only be unreadable for a while.
                    Err(error) => vec![error.message],
                };
                warnings.retain(|warning| self.is_new_warning(warning));
                output::print_messages(self.config, &warnings, &[]);
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    /// Returns the time until something is due without an event.
    fn time_to_next(&self) -> Duration {
        let next_block = match self.form {
            Form::Blocks { next } => Some(next),
            _ => None,
        };
        let next_report = self.alerts.as_ref().and_then(Alerts::next_report);
        let next = [self.timeout, next_block, next_report]
            .into_iter()
            .flatten();
        next.min()
            .map_or(MAX_WAIT, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Returns true if the warning was not printed before. A file with more invalid
    /// lines than before is not reported again.
    fn is_new_warning(&mut self, warning: &str) -> bool {
        let without_count = warning.split(": skipped ").next().unwrap_or(warning);
        self.warned.insert(without_count.to_owned())
    }

    fn warn(&self, warning: &str) {
        if !self.config.quiet {
            output::print_diagnostic(&self.config.style(Stream::Err), warning, Role::Stale);
        }
    }

    fn print_error(&self, error: &str) {
        output::print_diagnostic(&self.config.style(Stream::Err), error, Role::Error);
    }
}

/// Checks the limits, which a new update has never passed, because its age is 0: a
/// wait for a status would not end.
fn check_limits(args: &cli::Watch) -> Result<()> {
    let filters = &args.filters;
    let has_until = !args.until.is_empty();
    let error = match (filters.older_than, filters.longer_than) {
        (Some(_), _) if has_until => "--older-than: cannot be used with --until",
        (_, Some(_)) if has_until => "--longer-than: cannot be used with --until",
        (None, None) if args.on.iter().any(|word| word == "overdue") => {
            "--on overdue: needs --longer-than or --older-than"
        }
        _ => return Ok(()),
    };
    Err(CliError::error(error))
}

/// Checks the words of `--until` and `--on` that are not sstat's. Other writers may
/// use other statuses, so such a word is only an error if it looks like a typing
/// error. Returns a warning for each other one.
fn check_words(args: &cli::Watch) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let statuses = args.until.iter().map(|status| ("--until", status.as_str()));
    let events = args.on.iter().map(|word| ("--on", word.as_str()));
    for (option, word) in statuses.chain(events) {
        let mut known: Vec<String> = Status::KNOWN.map(|status| status.to_string()).into();
        let mut kind = "status";
        if option == "--on" {
            known.extend(EVENTS.map(str::to_owned));
            kind = "event or status";
        }
        if known.iter().any(|known| known == word) {
            if cfg!(windows) && word == "stopped" {
                let reason = "Windows does not show whether a process is stopped";
                warnings.push(format!("{option} {word}: never occurs: {reason}"));
            }
            continue;
        }
        let unknown = format!("{option}: unknown {kind} '{word}'");
        if let Some(nearest) = nearest(word, &known) {
            return Err(CliError::error(format!(
                "{unknown}; did you mean '{nearest}'?"
            )));
        }
        let known = known.join(", ");
        warnings.push(format!(
            "{unknown} (known: {known}); waiting for it in case another program writes it"
        ));
    }
    Ok(warnings)
}

/// Returns the condition that waits for the named sessions, for the sessions that
/// match a pattern now, and with `--allow-missing` for the first that will match.
fn wait_condition(config: &Config, args: &cli::Watch, watcher: &Watcher) -> Result<WaitCondition> {
    let mut condition = WaitCondition::new(args);
    let mut missing = Vec::new();
    for name in &args.filters.names {
        let table = watcher.table();
        let names = Names::new(std::slice::from_ref(name));
        let sessions = table.sessions();
        let matching: Vec<&Session> = sessions
            .filter(|session| names.want_session(session))
            .collect();
        for session in &matching {
            condition.add_session(&session.qualified_name());
        }
        // Otherwise, any of the directories may get the session.
        let is_qualified = config.directories.is_single() || name.contains('/');
        match (matching.is_empty(), is_literal(name)) {
            (false, _) => {}
            (true, true) if !args.allow_missing => missing.push(absent(config, name)),
            (true, true) if is_qualified => condition.add_session(name),
            (true, _) if args.allow_missing => condition.add_pattern(name),
            (true, _) => missing.push(CliError::no(no_match(name))),
        }
    }
    let Some(last) = missing.pop() else {
        return Ok(condition);
    };
    let codes = missing.iter().map(|error| error.code);
    let code = codes.fold(last.code, u8::max);
    for error in &missing {
        output::print_diagnostic(&config.style(Stream::Err), &error.message, Role::Error);
    }
    Err(CliError { code, ..last })
}
