//! `--on`, `--exec` and `--bell`: alarms from what happens to commands run.

use std::io::{self, Write};
use std::time::Instant;

use super::Watcher;
pub use super::alert_state::Trigger;
use super::alert_state::{AlertEvent, AlertStates};
use super::command_runner::{CommandRunner, Printing};
use super::event::Event;
use crate::cli;
use crate::error::{CliError, Result};

/// The alarms that a watch was asked for.
pub struct Alerts {
    states: AlertStates,
    commands: Option<CommandRunner>,
    bell: bool,
}

impl Alerts {
    /// The alarms of these arguments; `None` if they ask for none. `printing`
    /// is what becomes of what the commands print.
    ///
    /// # Errors
    /// Options that make no sense without each other.
    pub fn new(args: &cli::Watch, watcher: &Watcher, printing: Printing) -> Result<Option<Self>> {
        let is_wanted = args.exec.is_some() || args.bell;
        if !is_wanted {
            let lonely = [
                ("--on", !args.on.is_empty()),
                ("--repeat", args.repeat.is_some()),
            ];
            return match lonely.iter().find(|(_, given)| *given) {
                Some((option, _)) => Err(CliError::error(format!(
                    "{option}: needs --exec COMMAND or --bell"
                ))),
                None => Ok(None),
            };
        }
        let triggers = match &*args.on {
            [] => Trigger::DEFAULT.to_vec(),
            words => words.iter().map(|word| Trigger::of_word(word)).collect(),
        };
        let commands = args.exec.clone().map(|command| {
            // The command may go elsewhere before it asks for more.
            let directory = watcher.store.path();
            let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.into());
            CommandRunner::new(command, absolute.as_os_str(), printing, watcher.waker())
        });
        Ok(Some(Self {
            states: AlertStates::new(triggers, args.repeat, args.now),
            commands,
            bell: args.bell,
        }))
    }

    /// Raises the alarms that these events call for, and those that are due
    /// again. Gives what went wrong with earlier ones, a line each. To be
    /// called after every [`Watcher::wait`], also without an event.
    pub fn attend(&mut self, watcher: &mut Watcher, events: &[Event]) -> Vec<String> {
        let at = Instant::now();
        let mut alerts = Vec::new();
        for event in events {
            let wanted = watcher.wants(&event.session);
            self.states.observe(event, wanted, at, &mut alerts);
        }
        for (name, trigger, kind) in self.states.repeat(at) {
            let now = watcher.now();
            alerts.extend(watcher.session_now(&name).map(|session| AlertEvent {
                trigger,
                event: Event {
                    kind,
                    at: now,
                    session,
                },
            }));
        }
        if self.bell && !alerts.is_empty() {
            // To stderr, which is the terminal more often than stdout is.
            let _ = io::stderr().write_all(b"\x07");
        }
        let Some(commands) = &mut self.commands else {
            return Vec::new();
        };
        for alert in &alerts {
            commands.run(alert);
        }
        commands.tend()
    }

    /// When an alarm may be due again: time to [`attend`](Self::attend).
    pub fn next(&self) -> Option<Instant> {
        self.states.next_repeat()
    }

    /// Whether commands run or wait for their turn.
    #[cfg_attr(not(all(unix, feature = "tui")), allow(dead_code))] // the live screen's
    pub fn are_unfinished(&self) -> bool {
        self.commands
            .as_ref()
            .is_some_and(CommandRunner::are_unfinished)
    }

    /// Waits for the commands that run or wait for their turn; gives what went
    /// wrong with them.
    pub fn finish(&mut self) -> Vec<String> {
        self.commands
            .as_mut()
            .map(CommandRunner::finish)
            .unwrap_or_default()
    }
}
