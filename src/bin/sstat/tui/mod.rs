//! The live screen: `sstat watch` on a terminal.
//!
//! [`model`] holds the state, [`keys`] maps keys to actions, [`draw`] draws and
//! [`terminal`] sets up the terminal. This module connects them with the
//! watcher in one loop, which waits for a session, a key, a signal or the next
//! second.

mod draw;
mod keys;
mod model;
mod rows;
mod terminal;
mod text;

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod platform;

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crossterm::event::Event as Input;
use sstat::{Acknowledgement, Session};

use self::draw::Painter;
use self::keys::Action;
use self::model::Screen;
use self::platform::{SIGCONT, SIGHUP, SIGTSTP, act_by_default, has_job_control};
use self::terminal::{Terminal, restore};
use crate::cli;
use crate::command::show;
use crate::config::{Config, Stream};
use crate::error::{CliError, Result};
use crate::output;
use crate::render::style::{Role, Style};
use crate::select::{is_literal, matches, unknown};
use crate::tmux;
use crate::watch::Watcher;
use crate::watch::alerts::Alerts;
use crate::watch::command_runner::CommandOutput;
use crate::watch::session_table::SessionTable;

/// The minimum time between two frames without a key.
const FRAME: Duration = Duration::from_millis(40);

/// Drawing takes at most one part in this many of the time, however many
/// sessions there are.
const FRAME_SHARE: u32 = 4;

/// The maximum time per frame for reading from files when statuses started.
const LOOK_UP: Duration = Duration::from_millis(8);

/// How many warnings to print.
const MAX_WARNINGS: usize = 100;

/// How many of a session's last updates the detail shows.
const RECENT: usize = 100;

/// Shows the screen until the user quits it. `warnings` are about the
/// arguments.
pub fn run(config: &Config, args: &cli::Watch, warnings: Vec<String>) -> Result<u8> {
    let mut watcher = Watcher::new(config, args)?;
    let (sender, signals) = mpsc::channel();
    platform::listen(&mut watcher, sender).map_err(terminal_error)?;
    let mut screen = Screen::new(watcher.now());
    screen.scope = args.filters.to_arguments();
    let alerts = Alerts::new(args, &watcher, CommandOutput::Discarded)?;
    screen.note = alerts.as_ref().and_then(|alerts| alerts.note(&watcher));
    let mut names = args.filters.names.iter().filter(|name| is_literal(name));
    if let Some(name) = names.find(|name| watcher.table().named(name).next().is_none()) {
        screen.note(format!("{}; waiting for it", unknown(config, name)));
    }
    let mut live = Live {
        config,
        args,
        style: Style {
            width: None,
            ..config.style(Stream::Out)
        },
        alerts,
        watcher,
        frozen: None,
        signals,
        screen,
        has_changed: true,
        next_frame: Instant::now(),
        warnings: BTreeMap::new(),
    };
    live.warn(warnings);
    let end = Terminal::new(live.style.color, live.watcher.poller.waker())
        .map_err(terminal_error)
        .and_then(|mut terminal| live.run(&mut terminal));
    // The terminal is restored. From here on, signals have their default effect,
    // so that the user can end the wait for commands.
    let pending: Vec<i32> = live.signals.try_iter().collect();
    drop(live.signals);
    for signal in pending {
        act_by_default(signal);
    }
    if let Some(alerts) = &mut live.alerts {
        alerts.finish(&live.watcher, None, Duration::ZERO);
    }
    if !config.quiet {
        for warning in live.warnings.values().take(MAX_WARNINGS) {
            output::print_diagnostic(&config.style(Stream::Err), warning, Role::Stale);
        }
    }
    if let Some(signal) = end? {
        // The parent process sees that the signal ended sstat.
        act_by_default(signal);
    }
    Ok(0)
}

fn terminal_error(error: io::Error) -> CliError {
    CliError::error(format!("terminal: {error}"))
}

/// The screen, the watcher and the alerts.
struct Live<'a> {
    config: &'a Config,
    args: &'a cli::Watch,
    style: Style,
    watcher: Watcher,
    /// The session table that a paused screen shows.
    frozen: Option<SessionTable>,
    signals: mpsc::Receiver<i32>,
    screen: Screen,
    /// Whether the next frame differs from the last one.
    has_changed: bool,
    next_frame: Instant,
    alerts: Option<Alerts>,
    /// Warnings to print after the screen has ended, by their subjects.
    warnings: BTreeMap<String, String>,
}

impl Live<'_> {
    /// Shows the screen. Returns the signal that ends it; `None` if the user quits.
    fn run(&mut self, terminal: &mut Terminal) -> Result<Option<i32>> {
        let mut next_second = Instant::now();
        loop {
            if next_second <= Instant::now() {
                next_second = Instant::now() + self.until_next_second();
                self.screen.tick(self.watcher.now());
                self.has_changed = true;
            }
            let start = Instant::now();
            if self.has_changed && self.next_frame <= start {
                self.look_up();
                self.draw(terminal).map_err(terminal_error)?;
                self.next_frame = start + FRAME.max(start.elapsed() * FRAME_SHARE);
                // Drawing has decided which rows are visible.
                let table = shown_table(&self.frozen, &self.watcher);
                self.has_changed = !self.screen.without_since(table).is_empty();
            }
            let mut wake_up = next_second;
            if self.has_changed {
                wake_up = wake_up.min(self.next_frame);
            }
            if let Some(next) = self.alerts.as_ref().and_then(Alerts::next_report) {
                wake_up = wake_up.min(next);
            }
            let timeout = wake_up.saturating_duration_since(Instant::now());
            let events = self.watcher.wait(timeout)?;
            let mut warnings = self.watcher.take_warnings();
            if let Some(alerts) = &mut self.alerts {
                warnings.extend(alerts.report(&self.watcher, &events));
            }
            self.has_changed |= !events.is_empty() || !warnings.is_empty();
            self.warn(warnings);
            for event in &events {
                self.screen.observe(event);
            }
            if let Some(signal) = self.handle_signals(terminal)? {
                return Ok(Some(signal));
            }
            if self.handle_input(terminal)? {
                return Ok(None);
            }
            if platform::is_terminal_gone() {
                return Ok(Some(SIGHUP));
            }
        }
    }

    /// Makes the next frame follow at once, e.g. in response to a key.
    fn draw_now(&mut self) {
        (self.has_changed, self.next_frame) = (true, Instant::now());
    }

    /// The time until the clock's next second, when all ages change.
    fn until_next_second(&self) -> Duration {
        let millis = self.watcher.now().timestamp_subsec_millis() % 1000;
        Duration::from_millis(u64::from(1000 - millis))
    }

    fn refresh(&mut self) {
        let (filters, now) = (&self.args.filters, self.screen.now);
        let table = shown_table(&self.frozen, &self.watcher);
        self.screen
            .refresh(table, |session| matches(filters, session, now));
    }

    /// Shows the first warning, and keeps the last one about each file for the
    /// end.
    fn warn(&mut self, warnings: Vec<String>) {
        if let Some(first) = warnings.first() {
            self.screen.note(match warnings.len() {
                1 => first.clone(),
                count => format!("{first} (and {} more)", count - 1),
            });
        }
        for warning in warnings {
            let subject = warning.split(": ").next().unwrap_or_default();
            self.warnings.insert(subject.to_owned(), warning);
        }
    }

    /// Handles pending signals. Returns one that ends the screen.
    fn handle_signals(&mut self, terminal: &mut Terminal) -> Result<Option<i32>> {
        while let Ok(signal) = self.signals.try_recv() {
            match signal {
                SIGCONT => self.resume(terminal)?,
                SIGTSTP if has_job_control() => {
                    restore();
                    // This call returns when the shell continues the job.
                    act_by_default(SIGTSTP);
                    self.resume(terminal)?;
                }
                SIGTSTP => {}
                signal => return Ok(Some(signal)),
            }
        }
        Ok(None)
    }

    /// Sets up the terminal again after the process was continued. In the
    /// background, the process stops again, as after any other access to the
    /// terminal.
    fn resume(&mut self, terminal: &mut Terminal) -> Result<()> {
        platform::wait_for_foreground();
        terminal.set_up().map_err(terminal_error)?;
        self.screen.tick(self.watcher.now());
        // A stop in the middle of a frame delays the next one otherwise.
        self.draw_now();
        Ok(())
    }

    /// Handles pending input. Returns whether the user quits.
    fn handle_input(&mut self, terminal: &mut Terminal) -> Result<bool> {
        while let Some(input) = terminal.event() {
            let action = match &input {
                Input::Key(key) => keys::action(self.screen.mode, *key),
                Input::Mouse(mouse) => keys::mouse_action(*mouse),
                _ => None,
            };
            if matches!(input, Input::Mouse(_)) && action.is_none() {
                continue;
            }
            self.draw_now();
            if let Input::Paste(text) = &input {
                self.screen.paste(text);
            }
            let Some(action) = action else { continue };
            // A key refers to the rows as the events and keys before it left them.
            self.refresh();
            let table = shown_table(&self.frozen, &self.watcher);
            match self.screen.act(action, table) {
                Some(Action::Quit) => return Ok(true),
                Some(Action::Suspend) if has_job_control() => platform::stop_job(),
                Some(Action::Suspend) => self.screen.note("no shell to return to"),
                Some(Action::ToggleMouse) => {
                    let is_on = terminal.toggle_mouse().map_err(terminal_error)?;
                    self.screen.note(match is_on {
                        true => "the mouse selects rows and sorts; m leaves it to the terminal",
                        false => "the mouse selects text; m gives it back to the screen",
                    });
                }
                Some(Action::Redraw) => terminal.clear().map_err(terminal_error)?,
                Some(Action::Pause) => {
                    let is_paused = self.screen.is_paused;
                    self.frozen = is_paused.then(|| self.watcher.table().clone());
                    self.screen.tick(self.watcher.now());
                }
                Some(Action::Jump) => self.jump(),
                Some(Action::Acknowledge) => self.acknowledge(),
                _ => {}
            }
        }
        Ok(false)
    }

    /// Reads from the files what the visible rows and the pane need, within
    /// [`LOOK_UP`] for the rows.
    fn look_up(&mut self) {
        let start = Instant::now();
        self.refresh();
        let table = shown_table(&self.frozen, &self.watcher);
        if self.screen.is_pane_open
            && self.screen.shown_detail(table).is_none()
            && let Some(session) = self.screen.selected_session(table)
        {
            let name = session.qualified_name();
            let (store, name) = self.config.directories.find(&name);
            let rules = self.config.rules(&self.args.reading.staleness);
            let detail = rules.and_then(|rules| show::detail(store, name, &rules, RECENT));
            // The watcher has warned about files that cannot be read.
            self.screen.detail = detail.ok().and_then(|found| found.0).map(Box::new);
        }
        for name in self.screen.without_since(table) {
            if start.elapsed() > LOOK_UP {
                return;
            }
            self.watcher.find_since(&name, self.frozen.as_mut());
            self.screen.observe_since();
        }
    }

    fn draw(&mut self, terminal: &mut Terminal) -> io::Result<()> {
        let empty = match self.screen.rows.totals.members.len() {
            0 => self.why_empty(),
            _ => String::new(),
        };
        let painter = Painter {
            style: &self.style,
            table: shown_table(&self.frozen, &self.watcher),
            empty: &empty,
        };
        terminal.draw(|frame| draw::draw(frame, &mut self.screen, &painter))
    }

    /// Returns the reason why there are no sessions.
    fn why_empty(&self) -> String {
        let directories = &self.config.directories;
        let missing = directories.missing();
        let reason = match directories.names().len() {
            0 if directories.is_single() && !missing.is_empty() => None,
            0 => Some(format!("no sessions in {directories}")),
            count => Some(format!("no session matches ({count} in {directories})")),
        };
        let reasons: Vec<String> = reason.into_iter().chain(missing).collect();
        reasons.join("\n")
    }

    /// Acknowledges what needs attention in the selected row, or withdraws that if
    /// nothing does. Waits at most 2 s for the lock of a file.
    fn acknowledge(&mut self) {
        let table = shown_table(&self.frozen, &self.watcher);
        let names = |is_due: fn(&Session) -> bool| -> Vec<String> {
            let sessions = self.screen.selected_sessions(table).into_iter();
            let sessions = sessions.filter(|session| is_due(session));
            sessions
                .map(|session| session.qualified_name().into_owned())
                .collect()
        };
        let open = names(Session::needs_attention);
        let (names, until, done) = match open.is_empty() {
            false => {
                let until = Acknowledgement::NextUpdate;
                (open, Some(until), "acknowledged until its next update")
            }
            true => {
                let acknowledged = names(|session| session.health.is_acknowledged);
                (acknowledged, None, "no longer acknowledged")
            }
        };
        let mut note = match &names[..] {
            [] => "nothing here needs attention".to_owned(),
            [name] => format!("{name}: {done}"),
            names => format!("{} sessions: {done}", names.len()),
        };
        for qualified_name in names {
            let (store, name) = self.config.directories.find(&qualified_name);
            let durability = self.config.durability(false);
            if let Err(error) = store.acknowledge(name, until, durability) {
                note = format!("{qualified_name}: {error:#}");
                break;
            }
        }
        self.screen.note(note);
    }

    /// Switches to the tmux pane of the selected session.
    fn jump(&mut self) {
        let table = shown_table(&self.frozen, &self.watcher);
        let Some(session) = self.screen.selected_session(table) else {
            return;
        };
        let current = self.config.tmux_pane();
        if let Err(error) = tmux::switch_to(&session.update, current.as_deref()) {
            self.screen.note(error);
        }
    }
}

/// Returns the table to show: the frozen one on a paused screen.
fn shown_table<'a>(frozen: &'a Option<SessionTable>, watcher: &'a Watcher) -> &'a SessionTable {
    frozen.as_ref().unwrap_or_else(|| watcher.table())
}
