//! Watching sessions: an engine that says what happens to them as it happens.
//!
//! [`Watcher`] joins a pure [`board`] of what is known with the edges that
//! tell it: file-change notifications ([`source`]), the ends of processes
//! ([`processes`]), and time. It starts to listen before it reads, so that
//! nothing falls between the two, and takes every notification for a hint:
//! what counts is what stands in the files.

#![cfg_attr(not(feature = "tui"), allow(dead_code))] // the screen uses all of it

mod alert_state;
pub mod alerts;
pub mod command_runner;
mod dir_watcher;
pub mod event;
mod poller;
mod processes;
pub mod session_table;
pub mod wait;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sstat::{Error, FileWarningKind, Follower, ProcessState, Session, Store};

use self::dir_watcher::DirWatcher;
use self::event::Event;
use self::poller::Poller;
pub use self::poller::Waker;
use self::processes::Processes;
use self::session_table::SessionTable;
use crate::cli::{Filters, StalenessArgs};
use crate::config::{Clock, Config};
use crate::error::{CliError, Result};
use crate::select::{Names, matches};

/// How often all is looked at where not every change is told.
const POLL: Duration = Duration::from_secs(1);

/// How often processes are asked for whose end nobody tells.
const PROCESS_POLL: Duration = Duration::from_secs(1);

/// A full rescan comes at least this often, however long the interval is.
const RESCAN: Duration = Duration::from_secs(10);

/// About how many events are given at once, and how many bytes are read of a
/// file at a time: a burst must not fill the memory.
const MANY_EVENTS: usize = 1000;
const READ_BYTES: usize = 256 * 1024;

/// How to watch.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The time between two full rescans.
    pub interval: Duration,
    /// Look for changes instead of being told.
    pub poll: bool,
}

/// Watches the sessions of a directory, which need not exist yet.
///
/// ```ignore
/// let mut watcher = Watcher::new(config, &args.filters, &args.reading.staleness, options)?;
/// loop {
///     for event in watcher.wait(Duration::from_secs(1))? { /* one line, one alarm */ }
/// }
/// ```
pub struct Watcher {
    store: Store,
    names: Names,
    filters: Filters,
    clock: Clock,
    options: Options,
    table: SessionTable,
    followers: HashMap<String, Followed>,
    source: DirWatcher,
    processes: Processes,
    poller: Poller,
    events: Vec<Event>,
    warnings: Vec<String>,
    /// What was complained about already: a file, or the directory.
    complained: HashSet<String>,
    next_rescan: Instant,
    next_process_poll: Instant,

    /// Sessions whose file has to be read, each once.
    to_read: VecDeque<String>,
    is_to_read: HashSet<String>,
    /// Whether there are processes whose end nobody tells.
    must_ask: bool,
    /// The pids of processes that have ended since sessions were looked at.
    ended: Vec<u32>,
    /// All sessions have to be looked at once everything is read.
    tick_is_due: bool,
}

struct Followed {
    follower: Follower,
    /// It could not be read so far: what stands in it is no news when it can.
    unread: bool,
    /// The last rescan found no such file. It may be that it was renamed and
    /// that its successor is yet to come.
    missing: bool,
}

impl Watcher {
    /// Begins to listen and reads what is there: the first
    /// [`wait`](Self::wait) gives it at once, as snapshots in natural order.
    ///
    /// # Errors
    /// A pattern that is none, a bad environment variable, or a directory that
    /// is there and cannot be read.
    pub fn new(
        config: &Config,
        filters: &Filters,
        staleness: &StalenessArgs,
        options: Options,
    ) -> Result<Self> {
        let store = config.location.store.clone();
        let source = DirWatcher::new(store.path(), options.poll);
        let now = Instant::now();
        let mut watcher = Self {
            names: Names::new(&filters.names),
            filters: filters.clone(),
            clock: config.clock()?,
            options,
            table: SessionTable::new(config.rules(staleness)?.thresholds),
            followers: HashMap::new(),
            source,
            processes: Processes::new(),
            poller: Poller::new().map_err(|error| CliError::error(format!("pipe: {error}")))?,
            events: Vec::new(),
            warnings: Vec::new(),
            complained: HashSet::new(),
            next_rescan: now,
            next_process_poll: now + PROCESS_POLL,
            to_read: VecDeque::new(),
            is_to_read: HashSet::new(),
            must_ask: false,
            ended: Vec::new(),
            tick_is_due: false,
            store,
        };
        let mut names = watcher.wanted_names()?;
        names.sort_unstable_by(|a, b| sstat::natural_cmp(a, b));
        for name in names {
            watcher.take_snapshot(name);
        }
        watcher.sort_processes();
        watcher.next_rescan = now + watcher.rescan_interval();
        Ok(watcher)
    }

    /// The time it is for this watch: real, or fixed by `SSTAT_NOW`.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Returns the table of all sessions whose name is wanted, as of the last
    /// event.
    #[cfg_attr(not(unix), allow(dead_code))] // only the live screen uses it
    pub fn table(&self) -> &SessionTable {
        &self.table
    }

    /// All sessions whose name is wanted, whatever the other filters say.
    pub fn all_sessions(&self) -> impl Iterator<Item = &Session> {
        self.table.sessions()
    }

    /// One session, wanted by the filters or not.
    pub fn session(&self, name: &str) -> Option<&Session> {
        self.table.session(name)
    }

    /// One session with the ages of this moment.
    pub fn session_now(&self, name: &str) -> Option<Session> {
        self.table.seen(name, self.clock.now())
    }

    /// Whether the filters other than names want a session as it is.
    pub fn wants(&self, session: &Session) -> bool {
        matches(&self.filters, &session.update, self.clock.now())
    }

    /// Waits until something happens to a session, something cannot be read,
    /// an input is readable, a [`Waker`] calls, a signal comes, or `timeout` is
    /// over, and gives what has happened, which can be nothing: the events of
    /// all sessions whose name is wanted, whatever the other filters say
    /// ([`wants`](Self::wants) tells).
    ///
    /// # Errors
    /// When waiting itself fails. What cannot be read is a problem, not an
    /// error.
    pub fn wait(&mut self, timeout: Duration) -> Result<Vec<Event>> {
        let deadline = Instant::now().checked_add(timeout);
        while self.events.is_empty() && self.warnings.is_empty() {
            let woken = self.step(deadline)?;
            let over = deadline.is_some_and(|deadline| deadline <= Instant::now());
            if woken || over {
                break;
            }
        }
        Ok(std::mem::take(&mut self.events))
    }

    /// What could not be read since the last call, a line each; every file is
    /// named once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// What ends a [`wait`](Self::wait) from another thread.
    pub fn waker(&self) -> Waker {
        self.poller.waker()
    }

    /// From now on a [`wait`](Self::wait) also ends while there is something
    /// to read from `input`, as from the terminal.
    #[cfg(unix)]
    pub fn wake_on(&mut self, input: std::os::fd::OwnedFd) {
        self.poller.wake_on(input);
    }

    /// From now on a [`wait`](Self::wait) also ends when nobody reads `output`
    /// any more; [`output_closed`](Self::output_closed) then says so.
    #[cfg(unix)]
    pub fn wake_on_close(&mut self, output: std::os::fd::OwnedFd) {
        self.poller.wake_on_close(output);
    }

    pub fn output_closed(&self) -> bool {
        self.poller.output_closed()
    }

    /// Sleeps once, and looks at what has changed. True if somebody else than
    /// a session ended the sleep.
    fn step(&mut self, deadline: Option<Instant>) -> Result<bool> {
        let pause = self.pause(deadline);
        #[cfg(unix)]
        let sources = [self.source.as_fd(), self.processes.as_fd()];
        let woken = self
            .poller
            .sleep(
                #[cfg(unix)]
                sources,
                pause,
            )
            .map_err(|error| CliError::error(format!("poll: {error}")))?;
        // The ends of processes come first: what one wrote before it ended is
        // then among the hints.
        let ended = self.processes.ended();
        self.ended.extend(ended);
        self.take_hints();
        if self.next_rescan <= Instant::now() {
            self.rescan();
        }
        while self.events.len() < MANY_EVENTS
            && let Some(name) = self.to_read.pop_front()
        {
            self.is_to_read.remove(&name);
            if self.read(&name) {
                self.read_later(name);
            }
        }
        if self.to_read.is_empty() {
            self.look_at_processes();
            self.tick_if_due();
        }
        Ok(woken)
    }

    /// Evaluates all sessions if the health of one may have changed without an
    /// update.
    fn tick_if_due(&mut self) {
        let now = self.clock.now();
        if self.table.next_change().is_some_and(|at| at <= now) {
            if self.source.must_poll() && !self.tick_is_due {
                // Nobody may have told of an update that came in time.
                self.rescan();
                if !self.to_read.is_empty() {
                    return;
                }
            }
            self.tick_is_due = true;
        }
        if self.tick_is_due {
            self.tick_is_due = false;
            self.table.tick(now, &mut self.events);
        }
    }

    fn take_hints(&mut self) {
        let changes = self.source.changes();
        for name in changes.changed {
            if self.names.want(&name) {
                self.read_later(name);
            }
        }
        if changes.rescan {
            self.next_rescan = Instant::now();
        }
    }

    fn read_later(&mut self, name: String) {
        if self.is_to_read.insert(name.clone()) {
            self.to_read.push_back(name);
        }
    }

    /// How long nothing can happen that nobody tells.
    fn pause(&self, deadline: Option<Instant>) -> Duration {
        if !self.to_read.is_empty() {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let mut until = self.next_rescan;
        until = until.min(deadline.unwrap_or(until));
        if self.must_ask {
            until = until.min(self.next_process_poll);
        }
        let pause = until.saturating_duration_since(now);
        match self.table.next_change() {
            None => pause,
            Some(at) => pause.min((at - self.clock.now()).to_std().unwrap_or_default()),
        }
    }

    fn rescan_interval(&self) -> Duration {
        let longest = if self.source.must_poll() {
            POLL
        } else {
            RESCAN
        };
        self.options.interval.min(longest)
    }

    /// Finds out which processes must be asked from now on.
    fn sort_processes(&mut self) {
        let running = || self.table.running().map(|(_, process)| process);
        self.processes.retain(running());
        self.must_ask = running().any(|process| !self.processes.is_waited_for(process));
    }

    /// The names of the sessions there are that are wanted, in no order; none
    /// where there is no directory.
    fn wanted_names(&self) -> sstat::Result<Vec<String>> {
        let mut names = match self.names.exactly() {
            Some(names) => names.to_vec(),
            None => match self.store.names() {
                Err(error) if error.is_not_found() => Vec::new(),
                names => names?,
            },
        };
        names.retain(|name| self.names.want(name));
        Ok(names)
    }

    /// Compares every file with its state when it was last read.
    fn rescan(&mut self) {
        self.source.follow_path();
        let names = match self.wanted_names() {
            Ok(names) => names,
            Err(error) => {
                // What is known stays: a directory that cannot be read for a
                // while has not lost its sessions.
                self.print_diagnostic(String::new(), format!("{error:#}"));
                self.next_rescan = Instant::now() + self.rescan_interval();
                return;
            }
        };
        let there: HashSet<&String> = names.iter().collect();
        let mut gone = Vec::new();
        let mut back = HashSet::new();
        self.followers.retain(|name, followed| {
            let was_missing = followed.missing;
            followed.missing = !there.contains(name);
            if followed.missing && !was_missing {
                gone.push(name.clone());
            }
            if was_missing && !followed.missing {
                back.insert(name.clone());
            }
            !(followed.missing && was_missing)
        });
        for name in gone {
            self.remove(&name);
        }
        let is_changed = |name: &String| {
            let followed = self.followers.get(name);
            back.contains(name) || followed.is_none_or(|followed| !followed.follower.is_unchanged())
        };
        let mut changed: Vec<String> = names.into_iter().filter(is_changed).collect();
        changed.sort_unstable_by(|a, b| sstat::natural_cmp(a, b));
        for name in changed {
            self.read_later(name);
        }
        self.sort_processes();
        // There is no notification of a stopped process.
        self.table
            .note_stopped(|process| self.processes.look(process));
        self.tick_is_due = true;
        self.next_rescan = Instant::now() + self.rescan_interval();
    }

    /// Returns a new entry for a session, or `None` after printing why the
    /// session cannot be followed.
    fn follow(&mut self, name: &str) -> Option<Followed> {
        match self.store.follow(name) {
            Ok(mut follower) => {
                if self.followers.len() >= Follower::MAX_OPEN {
                    follower.close_between_reads();
                }
                Some(Followed {
                    follower,
                    unread: false,
                    missing: false,
                })
            }
            Err(error) => {
                self.print_diagnostic(name.to_owned(), format!("{error:#}"));
                None
            }
        }
    }

    fn take_snapshot(&mut self, name: String) {
        let Some(mut followed) = self.follow(&name) else {
            return;
        };
        let mut read = followed.follower.skip_to_end();
        let mut process = ProcessState::Unknown;
        if let Ok((Some(update), _)) = &read {
            process = self.processes.state(update.process.as_deref());
            if process == ProcessState::Gone {
                // It may have pushed once more before it ended.
                read = followed.follower.skip_to_end();
            }
        }
        match read {
            Ok((update, warning)) => {
                // A warning from the time when it could not be read is obsolete.
                self.complained.remove(&name);
                if let Some(warning) = warning {
                    self.print_diagnostic(name.clone(), warning.to_string());
                }
                if let Some(update) = update {
                    process = match process {
                        ProcessState::Gone => self.processes.state(update.process.as_deref()),
                        state => state,
                    };
                    let now = self.clock.now();
                    self.events.push(self.table.snapshot(update, process, now));
                }
            }
            Err(error) => {
                followed.unread = true;
                self.print_diagnostic(name.clone(), format!("{error:#}"));
            }
        }
        self.followers.insert(name, followed);
    }

    /// Reads about [`READ_BYTES`] of the new updates of a session. Returns true
    /// if there may be more.
    fn read(&mut self, name: &str) -> bool {
        if !self.followers.contains_key(name) {
            let Some(followed) = self.follow(name) else {
                return false;
            };
            self.followers.insert(name.to_owned(), followed);
        }
        let Some(followed) = self.followers.get_mut(name) else {
            return false;
        };
        if followed.unread {
            self.take_snapshot(name.to_owned());
            self.sort_processes();
            return false;
        }
        let mut updates = Vec::new();
        let mut warning = None;
        let mut failed = false;
        let (missing, more) = loop {
            let new = match followed.follower.read_new(READ_BYTES) {
                Ok(new) => new,
                Err(error) => {
                    warning = Some(format!("{error:#}"));
                    failed = true;
                    // A regular file may only be unreadable for a while.
                    break (matches!(error, Error::NotRegular { .. }), false);
                }
            };
            if new.bad.count > 0 {
                let kind = FileWarningKind::BadLines(new.bad);
                warning = Some(followed.follower.warning(kind).to_string());
            }
            let missing = new.missing || (new.restarted && new.updates.is_empty());
            let last = new.updates.last();
            let process = last.and_then(|(_, update)| update.process.as_deref());
            let process = self.processes.state(process);
            updates.extend(new.updates.into_iter().map(|(_, update)| update));
            // A process that is gone may have pushed once more before it ended.
            if new.more || process != ProcessState::Gone {
                break (missing, new.more);
            }
        };
        if let Some(warning) = warning {
            self.print_diagnostic(name.to_owned(), warning);
        }
        let is_silent = updates.is_empty();
        self.take_in(updates, more);
        if missing && !more {
            self.remove(name);
        } else if is_silent && !failed && !more && self.table.session(name).is_none() {
            // A file that went away came back as it was.
            let followed = self.followers.get_mut(name);
            let last = followed.and_then(|followed| followed.follower.skip_to_end().ok()?.0);
            self.take_in(last.into_iter().collect(), false);
        }
        more
    }

    /// Takes in the new updates of one session, oldest first. The process of
    /// any but the very last is of no interest: it may have ended since.
    fn take_in(&mut self, updates: Vec<sstat::Update>, more: bool) {
        let now = self.clock.now();
        let last = if more {
            usize::MAX
        } else {
            updates.len().saturating_sub(1)
        };
        for (index, update) in updates.into_iter().enumerate() {
            let process = self.processes.state(update.process.as_deref());
            let process = match process {
                state if index < last && !state.is_alive() => ProcessState::Unknown,
                state => state,
            };
            self.must_ask |= process.is_alive()
                && !update
                    .process
                    .as_deref()
                    .is_some_and(|process| self.processes.is_waited_for(process));
            self.table.update(update, process, now, &mut self.events);
        }
    }

    fn remove(&mut self, name: &str) {
        let now = self.clock.now();
        self.table.remove(name, now, &mut self.events);
    }

    /// Marks sessions whose process has ended. Polls the processes for which there
    /// is no notification.
    fn look_at_processes(&mut self) {
        let ended = std::mem::take(&mut self.ended);
        let poll = self.must_ask && self.next_process_poll <= Instant::now();
        if poll {
            self.next_process_poll = Instant::now() + PROCESS_POLL;
        }
        if ended.is_empty() && !poll {
            return;
        }
        let gone: Vec<_> = self
            .table
            .running()
            .filter(|(_, process)| {
                ended.contains(&process.pid) || (poll && !self.processes.is_waited_for(process))
            })
            .filter(|(_, process)| self.processes.look(process) == ProcessState::Gone)
            .map(|(name, process)| (name.to_owned(), process.clone()))
            .collect();
        for (name, process) in gone {
            // It may have said something before it ended. If that is much, its
            // end comes later.
            if self.read(&name) {
                self.read_later(name);
                self.ended.push(process.pid);
                continue;
            }
            let session = self.table.session(&name);
            if session.is_some_and(|session| session.update.process.as_deref() == Some(&process)) {
                self.table.process_ended(&name);
                self.tick_is_due = true;
            }
        }
    }

    fn print_diagnostic(&mut self, about: String, warning: String) {
        if self.complained.insert(about) {
            self.warnings.push(warning);
        }
    }
}
