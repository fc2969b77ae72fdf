//! `sstat watch`: what happens to the sessions, for as long as it is wanted.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use sstat::{HealthRules, Session, Status, Thresholds};

use crate::cli;
use crate::command::summary;
use crate::config::{Config, Stream};
use crate::error::{CliError, Result, exit_code};
use crate::output;
use crate::render::style::Role;
use crate::select::{Names, absent, is_literal, missing_directory, nearest, select, unknown};
use crate::view::{Report, SummaryForm, View};
use crate::watch::alerts::{Alerts, Trigger};
use crate::watch::command_runner::Printing;
use crate::watch::event::{Event, EventKind};
use crate::watch::wait::{Verdict, WaitCondition, no_match};
use crate::watch::{Options, Watcher};

/// How long to wait where nothing but an event ends it.
const NEVER: Duration = Duration::from_secs(24 * 3600);

pub fn run(config: &Config, args: &cli::Watch) -> Result<u8> {
    if args.now && args.until.is_empty() && args.exec.is_none() && !args.bell {
        return Err(CliError::error("--now: needs --until, --exec or --bell"));
    }
    refuse_slips(args)?;
    match (args.once, args.reading.json) {
        (true, true) => snapshots(config, args),
        (true, false) => output::print(config, block(config, args)?),
        #[cfg(all(unix, feature = "tui"))]
        (false, false) if args.until.is_empty() && config.is_interactive() => {
            crate::tui::run(config, args, doubtful_words(args))
        }
        (false, _) => watch(config, args),
    }
}

/// One block: what `summary` says at this moment.
fn block(config: &Config, args: &cli::Watch) -> Result<Report> {
    let rules = config.rules(&args.reading.staleness)?;
    summary::report(config, &args.filters, &rules, SummaryForm::Block)
}

/// The beginning of the stream, and nothing more.
fn snapshots(config: &Config, args: &cli::Watch) -> Result<u8> {
    let rules = config.rules(&args.reading.staleness)?;
    let mut selection = select(config, &args.filters, &rules)?;
    let sessions = std::mem::take(&mut selection.sessions);
    let events = sessions.into_iter().map(|session| Event {
        kind: EventKind::Snapshot,
        at: rules.now,
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
    let mut watch = Watch::new(config, args)?;
    let code = loop {
        if let Some(code) = watch.step()? {
            break code;
        }
    };
    if let Some(alerts) = &mut watch.alerts {
        for warning in alerts.finish() {
            watch.print_diagnostic(&warning);
        }
    }
    Ok(code)
}

/// A watch without a screen.
struct Watch<'a> {
    config: &'a Config,
    args: &'a cli::Watch,
    watcher: Watcher,
    form: Form,
    until: Option<WaitCondition>,
    /// When the time to wait for a status is over.
    give_up: Option<Instant>,
    alerts: Option<Alerts>,
    /// What the blocks have warned of: the beginnings of those lines, because
    /// a file that gets worse is named only once.
    warned: HashSet<String>,
}

impl<'a> Watch<'a> {
    fn new(config: &'a Config, args: &'a cli::Watch) -> Result<Self> {
        let begin = Instant::now();
        let options = Options {
            interval: args.interval,
            poll: args.poll,
        };
        let watcher = Watcher::new(config, &args.filters, &args.reading.staleness, options)?;
        let form = Form::of(args);
        let printing = match form {
            Form::Lines => Printing::ToStderr,
            Form::Blocks { .. } => Printing::Dropped,
            Form::Nothing => Printing::Shared,
        };
        let mut watch = Self {
            config,
            args,
            form,
            until: None,
            give_up: args.timeout.and_then(|timeout| begin.checked_add(timeout)),
            alerts: Alerts::new(args, &watcher, printing)?,
            warned: HashSet::new(),
            watcher,
        };
        watch.name_the_missing();
        if !args.until.is_empty() {
            watch.until = Some(until(config, args, &watch.watcher)?);
        }
        // Nobody is told of a waiting that does not begin.
        for doubt in doubtful_words(args) {
            watch.warn(&doubt);
        }
        #[cfg(unix)]
        if !matches!(watch.form, Form::Nothing)
            && let Ok(stdout) = std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned()
        {
            watch.watcher.wake_on_close(stdout);
        }
        Ok(watch)
    }

    /// Says which of what was asked for is not there yet.
    fn name_the_missing(&mut self) {
        let mut missing: Vec<String> = missing_directory(self.config).into_iter().collect();
        if missing.is_empty() && self.args.until.is_empty() {
            let names = self.args.filters.names.iter();
            let unseen =
                names.filter(|name| is_literal(name) && self.watcher.session(name).is_none());
            missing = unseen.map(|name| unknown(self.config, name)).collect();
        }
        let waits = self.args.until.is_empty() || self.args.allow_missing;
        for missing in missing {
            let end = if waits { "; waiting for it" } else { "" };
            self.warn(&format!("{missing}{end}"));
            self.warned.insert(beginning(&missing).to_owned());
        }
    }

    /// Waits once, and does what is called for. The exit code ends it.
    fn step(&mut self) -> Result<Option<u8>> {
        let events = self.watcher.wait(self.timeout())?;
        for warning in self.watcher.take_warnings() {
            // A block names the bad files itself.
            if !matches!(self.form, Form::Blocks { .. }) {
                self.warn(&warning);
            }
        }
        if let Some(alerts) = &mut self.alerts {
            for warning in alerts.attend(&mut self.watcher, &events) {
                self.print_diagnostic(&warning);
            }
        }
        let wanted = || {
            let events = events.iter();
            events.filter(|event| self.watcher.wants(&event.session))
        };
        let is_read = match &mut self.form {
            Form::Lines => wanted().next().is_none() || output::print_lines(wanted())?,
            Form::Blocks { next } if *next <= Instant::now() => {
                *next = Instant::now() + self.args.interval;
                // What cannot be read for a while is read again.
                let failed = |failure: CliError| Report {
                    warnings: vec![failure.message],
                    ..Report::of(View::Nothing)
                };
                let mut report = block(self.config, self.args).unwrap_or_else(failed);
                report.warnings.append(&mut report.failures);
                let is_new = |warning: &String| self.warned.insert(beginning(warning).to_owned());
                report.warnings.retain(is_new);
                output::print_report(self.config, report)?
            }
            _ => true,
        };
        if !is_read || self.watcher.output_closed() {
            return Ok(Some(0));
        }
        let Some(until) = &mut self.until else {
            return Ok(None);
        };
        let mut notes = Vec::new();
        // Whatever one whose file is gone said last, it says it no more.
        let concerns =
            |event: &&Event| event.kind == EventKind::Removed || self.watcher.wants(&event.session);
        let verdict = events.iter().filter(concerns).find_map(|event| {
            notes.extend(until.observe(event));
            until.verdict()
        });
        let timed_out = self.give_up.is_some_and(|at| at <= Instant::now());
        let verdict = verdict.or_else(|| {
            timed_out.then(|| Verdict {
                code: exit_code::TIMED_OUT,
                reason: Some(format!("timed out: {}", until.open())),
            })
        });
        for note in notes {
            self.warn(&note);
        }
        if let Some(reason) = verdict.as_ref().and_then(|verdict| verdict.reason.as_ref()) {
            self.print_diagnostic(reason);
        }
        Ok(verdict.map(|verdict| verdict.code))
    }

    /// How long nothing but an event calls for anything.
    fn timeout(&self) -> Duration {
        let next_block = match self.form {
            Form::Blocks { next } => Some(next),
            _ => None,
        };
        let next_alarm = self.alerts.as_ref().and_then(Alerts::next);
        let first = [self.give_up, next_block, next_alarm]
            .into_iter()
            .flatten()
            .min();
        first.map_or(NEVER, |at| at.saturating_duration_since(Instant::now()))
    }

    fn warn(&self, warning: &str) {
        if !self.config.quiet {
            output::print_diagnostic(&self.config.style(Stream::Err), warning, Role::Stale);
        }
    }

    fn print_diagnostic(&self, warning: &str) {
        output::print_diagnostic(&self.config.style(Stream::Err), warning, Role::Error);
    }
}

/// What a complaint is about: WHAT in `WHAT: WHY`.
fn beginning(complaint: &str) -> &str {
    complaint.split(": ").next().unwrap_or(complaint)
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
    fn of(args: &cli::Watch) -> Self {
        let next = Instant::now();
        let is_alarm = args.exec.is_some() || args.bell;
        match args.reading.json {
            true => Self::Lines,
            false if !args.until.is_empty() => Self::Nothing,
            false if is_alarm && !std::io::stdout().is_terminal() => Self::Nothing,
            false => Self::Blocks { next },
        }
    }
}

/// The words of `--until` and `--on` that sstat does not know, with their
/// option: they can only be statuses of some other writer.
fn foreign_words(args: &cli::Watch) -> impl Iterator<Item = (&'static str, &str)> {
    let statuses = args.until.iter().map(|status| ("--until", status.as_str()));
    let words = args.on.iter().map(|word| ("--on", word.as_str()));
    statuses
        .chain(words)
        .filter(|(option, word)| match (*option, Trigger::of_word(word)) {
            (_, Trigger::Status(status)) => !Status::KNOWN.contains(&status),
            (option, _) => option == "--until",
        })
}

fn known_words(option: &str) -> Vec<String> {
    let mut known: Vec<String> = Status::KNOWN.map(|status| status.to_string()).into();
    if option == "--on" {
        known.extend(Trigger::EVENTS.map(str::to_owned));
    }
    known
}

/// What waits for a slip of the pen waits for ever, and such an alarm is never
/// raised: better to say so before anybody relies on it.
fn refuse_slips(args: &cli::Watch) -> Result<()> {
    for (option, word) in foreign_words(args) {
        if let Some(nearest) = nearest(word, &known_words(option)) {
            return Err(CliError::error(format!(
                "{option}: '{word}' is no status that sstat writes; did you mean '{nearest}'?"
            )));
        }
    }
    Ok(())
}

/// A warning for each word that is far from all that sstat knows.
fn doubtful_words(args: &cli::Watch) -> Vec<String> {
    foreign_words(args)
        .map(|(option, word)| {
            let known = known_words(option).join(", ");
            let what = if option == "--on" { "no event and no status" } else { "no status" };
            format!("{option}: '{word}' is {what} that sstat writes (they are {known}); waiting for it all the same")
        })
        .collect()
}

/// Why a name is no session that could be waited for.
fn why_absent(config: &Config, name: &str) -> Result<CliError> {
    let rules = HealthRules::new(config.now()?, Thresholds::default());
    let (_, warning) = config.location.store.session(name, &rules)?;
    Ok(absent(config, name, warning.as_ref()))
}

/// What to wait for: the sessions named, those that patterns match now, and
/// the first of a pattern that may match nothing yet.
fn until(config: &Config, args: &cli::Watch, watcher: &Watcher) -> Result<WaitCondition> {
    let mut names: Vec<String> = Vec::new();
    let mut unmatched = Vec::new();
    let mut missing = Vec::new();
    for name in &args.filters.names {
        let found: Vec<String> = if is_literal(name) {
            if watcher.session(name).is_none() && !args.allow_missing {
                missing.push(why_absent(config, name)?);
            }
            vec![name.clone()]
        } else {
            let pattern = Names::new(std::slice::from_ref(name));
            let there = watcher.all_sessions().map(Session::name);
            there
                .filter(|name| pattern.want(name))
                .map(str::to_owned)
                .collect()
        };
        if found.is_empty() {
            if args.allow_missing {
                unmatched.push(name.clone());
            } else {
                missing.push(CliError::no(no_match(name)));
            }
        }
        names.extend(
            found
                .into_iter()
                .filter(|name| !names.contains(name))
                .collect::<Vec<_>>(),
        );
    }
    if let Some(last) = missing.pop() {
        let code = missing
            .iter()
            .fold(last.code, |code, other| code.max(other.code));
        for other in missing {
            output::print_diagnostic(&config.style(Stream::Err), &other.message, Role::Error);
        }
        return Err(CliError { code, ..last });
    }
    let mut until = WaitCondition::new(names, args.until.clone(), args.any, args.now);
    for pattern in unmatched {
        until.add_unmatched(pattern);
    }
    Ok(until)
}
