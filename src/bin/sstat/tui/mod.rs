//! The live screen: `sstat watch` on a terminal.
//!
//! [`model`] is what is shown, [`keys`] what keys mean, [`draw`] how it looks,
//! [`terminal`] the edge. Here they meet the watcher: one loop, which sleeps
//! until a session, a key, a signal or the next second wakes it.

mod attention;
mod draw;
mod keys;
mod model;
mod terminal;
mod text;

use std::io;
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crossterm::event::Event as Input;
use rustix::process::{Signal, kill_current_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use sstat::{HealthRules, Thresholds};

use self::model::{Effect, Screen, Since};
use self::terminal::{Terminal, give_back};
use crate::cli;
use crate::command::show;
use crate::config::{Config, Stream};
use crate::error::{CliError, Result};
use crate::job_control::JobControl;
use crate::output;
use crate::render::style::{Role, Style};
use crate::select::{is_literal, missing_directory, unknown};
use crate::tmux;
use crate::watch::alerts::Alerts;
use crate::watch::command_runner::Printing;
use crate::watch::event::{Event, EventKind};
use crate::watch::{Options, Watcher};

/// What comes in quick succession is drawn together.
const FRAME: Duration = Duration::from_millis(40);

/// The part of the time that goes into frames at most, however many sessions
/// there are: one in so many.
const SHARE: u32 = 4;

/// How long a frame may be held up by looking up what only files know.
const LOOK_UP: Duration = Duration::from_millis(8);

/// The last updates that the detail shows.
const RECENT: usize = 100;

/// Shows the screen until somebody quits it. `doubts` are about the arguments.
pub fn run(config: &Config, args: &cli::Watch, doubts: Vec<String>) -> Result<u8> {
    let staleness = &args.reading.staleness;
    let options = Options {
        interval: args.interval,
        poll: args.poll,
    };
    let mut watcher = Watcher::new(config, &args.filters, staleness, options)?;
    let thresholds = config.rules(staleness)?.thresholds;
    let (signals, signal) = mpsc::channel();
    listen(&mut watcher, signals).map_err(|error| broken(&error))?;
    let sessions: Vec<_> = watcher.sessions().cloned().collect();
    let mut screen = Screen::new(sessions, watcher.now(), thresholds.clone());
    let alerts = Alerts::new(args, &watcher, Printing::Dropped)?;
    let names = args.filters.names.iter();
    let mut missing = names.filter(|name| is_literal(name));
    if let Some(name) = missing.find(|name| watcher.session(name).is_none()) {
        screen.note(format!("{}; waiting for it", unknown(config, name)));
    }
    let mut live = Live {
        config,
        args,
        style: Style {
            width: None,
            ..config.style(Stream::Out)
        },
        thresholds,
        watcher,
        signal,
        screen,
        alerts,
        warnings: Vec::new(),
    };
    live.print_diagnostic(doubts);
    let ended = Terminal::take(live.style.color)
        .map_err(|error| broken(&error))
        .and_then(|mut terminal| live.run(&mut terminal));
    // The terminal is back, and commands may be waited for: from here on a
    // signal ends us like any other program.
    let unheeded: Vec<i32> = live.signal.try_iter().collect();
    drop(live.signal);
    for signal in unheeded {
        let _ = emulate_default_handler(signal);
    }
    if let Some(alerts) = &mut live.alerts {
        if alerts.are_unfinished() && !config.quiet {
            let note = "waiting for the alerts' commands to end; Ctrl-C ends the wait";
            output::print_diagnostic(&config.style(Stream::Err), note, Role::Faint);
        }
        live.warnings.extend(alerts.finish());
    }
    // What was wrong can now be said where it stays.
    if !config.quiet {
        for warning in &live.warnings {
            output::print_diagnostic(&config.style(Stream::Err), warning, Role::Stale);
        }
    }
    match ended? {
        End::Quit => Ok(0),
        End::Signal(signal) => {
            // Whoever waits for us sees that it was the signal.
            let _ = emulate_default_handler(signal);
            Ok(0)
        }
    }
}

fn broken(error: &io::Error) -> CliError {
    CliError::error(format!("terminal: {error}"))
}

/// Has keys and signals end the watcher's waits.
fn listen(watcher: &mut Watcher, signals: mpsc::Sender<i32>) -> io::Result<()> {
    watcher.wake_on(io::stdin().as_fd().try_clone_to_owned()?);
    let waker = watcher.waker();
    let mut caught = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP])?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in caught.forever() {
                if signals.send(signal).is_err() {
                    // The screen is over: it means what it always does.
                    let _ = emulate_default_handler(signal);
                }
                waker.wake();
            }
        })?;
    Ok(())
}

/// Why the screen ends.
enum End {
    Quit,
    Signal(i32),
}

/// The screen and the world around it.
struct Live<'a> {
    config: &'a Config,
    args: &'a cli::Watch,
    style: Style,
    thresholds: Thresholds,
    watcher: Watcher,
    signal: mpsc::Receiver<i32>,
    screen: Screen,
    alerts: Option<Alerts>,
    /// What went wrong, to be told in the end.
    warnings: Vec<String>,
}

impl Live<'_> {
    fn run(&mut self, terminal: &mut Terminal) -> Result<End> {
        let mut next_frame = Instant::now();
        let mut changed = true;
        let mut next_second = Instant::now();
        loop {
            if next_second <= Instant::now() {
                next_second = Instant::now() + self.until_next_second();
                self.tick();
                changed = true;
            }
            let begun = Instant::now();
            if changed && next_frame <= begun {
                self.look_up();
                self.draw(terminal).map_err(|error| broken(&error))?;
                next_frame = begun + FRAME.max(begun.elapsed() * SHARE);
                // Only now is it known which rows are visible.
                changed = self.screen.without_since().is_some();
            }
            let mut until = match changed {
                true => next_frame.min(next_second),
                false => next_second,
            };
            if let Some(next) = self.alerts.as_ref().and_then(Alerts::next) {
                until = until.min(next);
            }
            let timeout = until.saturating_duration_since(Instant::now());
            let events = self.watcher.wait(timeout)?;
            let mut warnings = self.watcher.take_warnings();
            if let Some(alerts) = &mut self.alerts {
                warnings.extend(alerts.attend(&mut self.watcher, &events));
            }
            changed |= !events.is_empty() || !warnings.is_empty();
            self.print_diagnostic(warnings);
            for event in events {
                self.take(event);
            }
            if let Some(end) = self.signals(terminal)? {
                return Ok(end);
            }
            let mut pressed = false;
            while let Some(input) = terminal.event().map_err(|error| broken(&error))? {
                pressed = true;
                let effect = match input {
                    Input::Key(key) => keys::action(self.screen.mode(), key)
                        .and_then(|action| self.screen.act(action)),
                    _ => None,
                };
                // Where the next key goes depends on what this one has done.
                self.screen.refresh();
                match effect {
                    Some(Effect::Quit) => return Ok(End::Quit),
                    Some(Effect::Suspend) if is_controlled() => suspend(),
                    Some(Effect::Suspend) => self.screen.note("no shell to go back to"),
                    Some(Effect::Redraw) => terminal.clear().map_err(|error| broken(&error))?,
                    Some(Effect::Jump(name)) => self.jump(&name),
                    None => {}
                }
            }
            if terminal.is_gone() {
                return Ok(End::Signal(SIGHUP));
            }
            if pressed {
                // A key is answered at once.
                (changed, next_frame) = (true, Instant::now());
            }
        }
    }

    /// The clock's next second: that is when ages change.
    fn until_next_second(&self) -> Duration {
        let millis = self.watcher.now().timestamp_subsec_millis() % 1000;
        Duration::from_millis(u64::from(1000 - millis))
    }

    fn tick(&mut self) {
        let now = self.watcher.now();
        self.screen.tick(now);
        if self.args.filters.since.is_some() {
            // Time alone makes a session too old for the filter.
            let (screen, watcher) = (&mut self.screen, &self.watcher);
            screen.retain(|session| watcher.wants(session));
        }
    }

    fn take(&mut self, event: Event) {
        let gone = event.kind == EventKind::Removed || !self.watcher.wants(&event.session);
        if gone {
            self.screen.remove(event.session.name());
        } else {
            self.screen
                .put(event.session, event.kind != EventKind::Snapshot);
        }
    }

    fn print_diagnostic(&mut self, warnings: Vec<String>) {
        if let Some(first) = warnings.first() {
            self.screen.note(match warnings.len() {
                1 => first.clone(),
                more => format!("{first} (and {} more)", more - 1),
            });
            self.warnings.extend(warnings);
        }
    }

    fn signals(&mut self, terminal: &mut Terminal) -> Result<Option<End>> {
        while let Ok(signal) = self.signal.try_recv() {
            if signal != SIGTSTP {
                return Ok(Some(End::Signal(signal)));
            }
            if !is_controlled() {
                continue;
            }
            give_back();
            // Stops here, until the shell lets it go on.
            let _ = emulate_default_handler(SIGTSTP);
            terminal.retake().map_err(|error| broken(&error))?;
            self.tick();
        }
        Ok(None)
    }

    /// Reads what the visible part of the screen needs from the files, as much
    /// of it as there is time for.
    fn look_up(&mut self) {
        let begun = Instant::now();
        let store = &self.config.location.store;
        let rules = || HealthRules::new(self.watcher.now(), self.thresholds.clone());
        self.screen.refresh();
        if let Some(name) = self.screen.wanted_detail() {
            let detail = show::detail(store, name, &rules(), RECENT);
            // A file that cannot be read has been complained about.
            let detail = detail.ok().and_then(|(detail, _)| detail);
            self.screen.set_detail(detail.map(Box::new));
        }
        while let Some(name) = self.screen.without_since() {
            if begun.elapsed() > LOOK_UP {
                return;
            }
            let name = name.to_owned();
            let detail = show::detail(store, &name, &rules(), 0);
            let since = match detail.ok().and_then(|(detail, _)| detail) {
                Some(detail) => Since {
                    at: detail.status_since,
                    at_least: !detail.status_since_is_exact,
                },
                None => Since {
                    at: self.watcher.now(),
                    at_least: true,
                },
            };
            self.screen.set_since(&name, since);
        }
    }

    fn draw(&mut self, terminal: &mut Terminal) -> io::Result<()> {
        let empty = match self.screen.totals().sessions {
            0 => self.why_empty(),
            _ => String::new(),
        };
        terminal.draw(|frame| draw::draw(frame, &mut self.screen, &self.style, &empty))
    }

    /// Why there is no session at all to be shown.
    fn why_empty(&self) -> String {
        if let Some(missing) = missing_directory(self.config) {
            return format!("{missing} yet");
        }
        let store = &self.config.location.store;
        let path = self.config.directory();
        let there = match self.args.filters.names.is_empty() {
            true => self.watcher.all_sessions().count(),
            // The watcher knows of no other names than those asked for.
            false => store.names().map_or(0, |names| names.len()),
        };
        match there {
            0 => format!("no sessions in {path}"),
            there => format!("no session matches ({there} in {path})"),
        }
    }

    /// Goes to the tmux session of that name, if this is tmux.
    fn jump(&mut self, name: &str) {
        if !self.config.is_inside_tmux() {
            return self.screen.note("not inside tmux");
        }
        if let Err(why) = tmux::switch_to(name) {
            self.screen.note(why);
        }
    }
}

/// Whether a shell would bring this job back if it stopped.
fn is_controlled() -> bool {
    JobControl::this().is_some_and(|job| job.has_job_control())
}

/// Stops the whole job, as the shell expects it of Ctrl-Z: what stands beside
/// us in a pipeline or above us in a script, too. We get the signal like them.
fn suspend() {
    let _ = kill_current_process_group(Signal::TSTP);
}
