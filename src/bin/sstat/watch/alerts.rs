//! `--on`, `--exec` and `--bell`: reports the alerts that events raise.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use sstat::Session;

use super::Watcher;
pub use super::alert_state::EVENTS;
use super::alert_state::{AlertEvent, AlertStates, DEFAULT};
use super::command_runner::{CommandOutput, CommandRunner};
use super::event::Event;
use crate::cli;
use crate::error::{CliError, Result};

/// The time for workers to push again after a suspension, before they are reported
/// as stale.
const SUSPEND_GRACE: Duration = Duration::from_secs(60);

pub struct Alerts {
    states: AlertStates,
    commands: Option<CommandRunner>,
    bell: bool,
}

impl Alerts {
    /// Returns the alerts that the arguments ask for, or `None`.
    ///
    /// # Errors
    /// If `--on` or `--repeat` is given without `--exec` or `--bell`.
    pub fn new(
        args: &cli::Watch,
        watcher: &Watcher,
        output: CommandOutput,
    ) -> Result<Option<Self>> {
        if args.exec.is_none() && !args.bell {
            let option = match (args.on.is_empty(), args.repeat) {
                (false, _) => "--on",
                (true, Some(_)) => "--repeat",
                (true, None) => return Ok(None),
            };
            return Err(CliError::error(format!(
                "{option}: needs --exec COMMAND or --bell"
            )));
        }
        let mut triggers = args.on.clone();
        if triggers.is_empty() {
            let limit = args.filters.longer_than.or(args.filters.older_than);
            let overdue = limit.map(|_| "overdue");
            triggers.extend(DEFAULT.into_iter().chain(overdue).map(str::to_owned));
        }
        let commands = args
            .exec
            .clone()
            .map(|command| CommandRunner::new(command, output, watcher.poller.waker()));
        Ok(Some(Self {
            states: AlertStates::new(triggers, args.repeat, args.now),
            commands,
            bell: args.bell,
        }))
    }

    /// Returns a note about sessions that raise no alert, because the condition holds
    /// when the watch starts.
    pub fn note(&self, watcher: &Watcher) -> Option<String> {
        let sessions = watcher.table().sessions();
        let is_old = |session: &&Session| self.states.is_old(session) && watcher.wants(session);
        let old: Vec<&Session> = sessions.filter(is_old).collect();
        let (about, whose, them) = match &old[..] {
            [] => return None,
            [session] => (session.display_name(), "its condition holds", "it"),
            several => {
                let about = format!("{} sessions", several.len());
                (about.into(), "their conditions hold", "them")
            }
        };
        Some(format!(
            "no alert for {about}: {whose} already (--now would report {them})"
        ))
    }

    /// Reports the alerts that the events raise and those that are due.
    /// Returns the errors of commands since the last call. Call it after every
    /// [`Watcher::wait`], so that waiting commands start.
    pub fn report(&mut self, watcher: &Watcher, events: &[Event]) -> Vec<String> {
        let mut alerts = self.observe(watcher, events);
        let new = alerts.len();
        let at = watcher.now();
        for (name, trigger, kind) in self.states.take_due(Instant::now()) {
            let session = watcher.table().session_at(&name, at);
            let session =
                session.filter(|session| !session.health.is_acknowledged && watcher.wants(session));
            alerts.extend(session.map(|session| AlertEvent {
                trigger,
                event: Event { kind, at, session },
            }));
        }
        self.ring_bell(&alerts);
        let Some(commands) = &mut self.commands else {
            return Vec::new();
        };
        for (index, alert) in alerts.into_iter().enumerate() {
            commands.add(alert, index >= new);
        }
        commands.start_waiting();
        commands.take_warnings()
    }

    /// Reports the alerts of the last event. Drops the commands that are waiting
    /// and stops those that are still running after `grace`. Returns the errors
    /// of commands.
    pub fn finish(
        &mut self,
        watcher: &Watcher,
        last: Option<&Event>,
        grace: Duration,
    ) -> Vec<String> {
        let alerts = self.observe(watcher, last.map(std::slice::from_ref).unwrap_or_default());
        self.ring_bell(&alerts);
        let Some(commands) = &mut self.commands else {
            return Vec::new();
        };
        commands.finish(alerts, grace);
        commands.take_warnings()
    }

    /// Returns a way to end the commands from another thread, if alerts run commands.
    #[cfg(unix)]
    pub fn stop(&self) -> Option<std::sync::Arc<super::command_runner::Stop>> {
        self.commands.as_ref().map(CommandRunner::stop)
    }

    fn observe(&mut self, watcher: &Watcher, events: &[Event]) -> Vec<AlertEvent> {
        let at = Instant::now();
        if let Some(resumed_at) = watcher.resumed_at() {
            self.states.hold_stale(resumed_at + SUSPEND_GRACE);
        }
        let mut alerts = Vec::new();
        for event in events {
            let selected = watcher.wants(&event.session);
            self.states.observe(event, selected, at, &mut alerts);
        }
        alerts
    }

    fn ring_bell(&self, alerts: &[AlertEvent]) {
        if self.bell && !alerts.is_empty() {
            // stderr is more often the terminal than stdout is.
            let _ = io::stderr().write_all(b"\x07");
        }
    }

    /// Returns when the next alert is to be reported without an event.
    pub fn next_report(&self) -> Option<Instant> {
        self.states.next_report()
    }
}
