//! Watches sessions and reports events.
//!
//! [`Watcher`] updates the [`SessionTable`] with new updates, ends of processes and
//! the time. It starts to listen for file notifications before it reads the files,
//! so that no change is missed in between. A notification only says which file to
//! read; the events result from the content.

mod alert_state;
pub mod alerts;
pub mod command_runner;
pub mod event;
pub mod history_follower;
mod notify;
pub mod poller;
mod processes;
pub mod session_table;
mod suspend;
pub mod wait;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use sstat::{
    Error, FileWarningKind, Follower, HealthRules, ProcessIdentity, ProcessState, Session, Status,
    StatusSince, Thresholds, Update,
};

use self::event::{Event, EventKind};
use self::notify::DirWatcher;
use self::poller::Poller;
use self::processes::Processes;
use self::session_table::{Limits, SessionTable};
use self::suspend::SuspendDetector;
use crate::cli::{self, Filters};
use crate::config::{Clock, Config};
use crate::directories::{Directories, compare, name_in, qualify, split};
use crate::error::{CliError, Result};
use crate::select::{Names, matches};

/// The interval between polls of processes, and of files without notifications.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Polls of many processes take at most one part in this many of the time.
const MAX_POLL_SHARE: u32 = 100;

/// When to look again at a process whose notified end is not visible yet.
const NOT_YET_VISIBLE: Duration = Duration::from_millis(20);

/// The maximum interval between two comparisons of all files.
const MAX_RESCAN_INTERVAL: Duration = Duration::from_secs(10);

/// A step stops after about this many events, so that a burst does not fill the
/// memory.
const MAX_EVENTS: usize = 1000;

/// The number of files that are missing whose positions are kept.
const MAX_REMOVED: usize = 100_000;

/// From this age on, the last line of a file that returns is the old one. A younger one
/// may be new and equal to it, because timestamps are whole seconds.
const MIN_OLD_AGE: TimeDelta = TimeDelta::seconds(10);

/// Limits how much of one file is read at a time.
const READ_BYTES: usize = 256 * 1024;

/// Watches the sessions of directories, which may be missing. A session is
/// identified by its qualified name.
pub struct Watcher {
    directories: Directories,
    names: Names,
    filters: Filters,
    clock: Clock,
    interval: Duration,
    table: SessionTable,
    followed: HashMap<String, Followed>,
    dir_watcher: DirWatcher,
    processes: Processes,
    suspend: SuspendDetector,
    resumed_at: Option<Instant>,
    /// [`Session::since`] is looked up for all sessions at the start.
    finds_since: bool,
    /// Ends a [`wait`](Self::wait) for other reasons than events.
    pub poller: Poller,
    events: Vec<Event>,
    warnings: Vec<String>,
    /// The sessions that were warned about. A directory is an empty name.
    warned: HashSet<String>,
    /// The projects whose directory has not been readable yet. Once one is, the last
    /// updates of its sessions are snapshots.
    unreadable: HashSet<String>,
    next_rescan: Instant,
    next_process_poll: Instant,
    /// The sessions whose files are to be read.
    unread: VecDeque<String>,
    /// The pids of ended processes whose sessions are to be checked.
    ended: HashSet<u32>,
    /// All sessions are to be evaluated once no file is left to be read.
    tick_is_due: bool,
}

struct Followed {
    follower: Follower,
    /// The file could not be read yet. Once it can, its last update is a snapshot.
    is_unreadable: bool,
    /// The session that was removed. The position in its file is kept, in case the file
    /// or its directory returns.
    removed: Option<Box<Session>>,
}

impl Watcher {
    /// Starts to listen and reads all files. The first [`wait`](Self::wait) returns
    /// the sessions as snapshots, in natural order.
    ///
    /// # Errors
    /// If an environment variable is invalid, or if no directory can be read.
    pub fn new(config: &Config, args: &cli::Watch) -> Result<Self> {
        let directories = config.directories.clone();
        let named = args.on.iter().map(|word| Status::from_stored(word));
        let now = Instant::now();
        let poller = Poller::new().map_err(|error| CliError::error(format!("pipe: {error}")))?;
        let mut watcher = Self {
            names: Names::new(&args.filters.names),
            filters: args.filters.clone(),
            clock: config.clock()?,
            interval: args.interval,
            table: SessionTable::new(Limits {
                thresholds: config.rules(&args.reading.staleness)?.thresholds,
                older_than: args.filters.older_than,
                longer_than: args.filters.longer_than,
                named: named.chain(args.filters.status.clone()).collect(),
            }),
            followed: HashMap::new(),
            dir_watcher: DirWatcher::new(directories.paths(), args.poll, &poller.waker()),
            processes: Processes::new(&poller.waker()),
            suspend: SuspendDetector::new(),
            resumed_at: None,
            finds_since: args.reading.json
                || args.exec.is_some()
                || args.filters.longer_than.is_some(),
            poller,
            events: Vec::new(),
            warnings: Vec::new(),
            warned: HashSet::new(),
            unreadable: HashSet::new(),
            next_rescan: now,
            next_process_poll: now + POLL_INTERVAL,
            unread: VecDeque::new(),
            ended: HashSet::new(),
            tick_is_due: false,
            directories,
        };
        watcher.next_rescan = now + watcher.rescan_interval();
        let (names, unreadable) = watcher.existing_names();
        if unreadable.len() == config.directories.iter().len()
            && let Some(error) = watcher.warnings.pop()
        {
            return Err(CliError::error(error));
        }
        names.iter().for_each(|name| watcher.take_snapshot(name));
        watcher.unreadable = unreadable;
        let at = watcher.clock.now();
        let sessions = watcher.table.sessions();
        let snapshots = sessions.map(|session| Event::new(EventKind::Snapshot, at, session));
        watcher.events = snapshots.collect();
        watcher.suspend = SuspendDetector::new();
        Ok(watcher)
    }

    /// Returns the time, which `SSTAT_NOW` can fix.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Returns the sessions with the selected names, as of the last event.
    pub fn table(&self) -> &SessionTable {
        &self.table
    }

    /// Returns true if the filters other than the names select the session.
    pub fn wants(&self, session: &Session) -> bool {
        matches(&self.filters, session, self.clock.now())
    }

    /// Looks up since when a session has had its status, and stores it in the table
    /// or in a copy of it. If the file's status has changed since, that of the table
    /// has lasted for an unknown time.
    #[cfg_attr(not(feature = "tui"), allow(dead_code))] // only the live screen uses it
    pub fn find_since(&mut self, name: &str, copy: Option<&mut SessionTable>) {
        let table = copy.unwrap_or(&mut self.table);
        let Some(session) = table.session(name) else {
            return;
        };
        let mut rules = HealthRules::new(self.clock.now(), Thresholds::default());
        rules.finds_since = true;
        let update = &session.update;
        let (store, name_in_store) = self.directories.find(name);
        let found = store
            .session(name_in_store, &rules)
            .ok()
            .and_then(|read| read.0);
        let since = found
            .filter(|found| found.update.status == update.status)
            .and_then(|found| found.since)
            .unwrap_or(StatusSince::new(update.timestamp, false));
        table.set_since(name, Some(since));
    }

    /// Waits for an event, a warning, the timeout or what the [`Poller`] waits for.
    /// Returns the events of all sessions with the selected names. The other
    /// filters do not apply, see [`wants`](Self::wants).
    ///
    /// # Errors
    /// If poll(2) fails. Unreadable files are warnings.
    pub fn wait(&mut self, timeout: Duration) -> Result<Vec<Event>> {
        let deadline = Instant::now().checked_add(timeout);
        while self.events.is_empty() && self.warnings.is_empty() {
            let was_woken = self.step(deadline)?;
            if was_woken || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                break;
            }
        }
        Ok(std::mem::take(&mut self.events))
    }

    /// Returns when a suspension of the system or of this process was last detected.
    pub fn resumed_at(&self) -> Option<Instant> {
        self.resumed_at
    }

    /// Returns the warnings since the last call, at most one per session.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Sleeps once and then reads what has changed. Returns true if the sleep ended
    /// for a reason other than a session.
    fn step(&mut self, deadline: Option<Instant>) -> Result<bool> {
        let pause = self.pause(deadline);
        #[cfg(unix)]
        let sources = [self.dir_watcher.as_fd(), self.processes.as_fd()];
        let was_woken = self
            .poller
            .sleep(
                #[cfg(unix)]
                sources,
                pause,
            )
            .map_err(|error| CliError::error(format!("poll: {error}")))?;
        // In this order, the changes include the last pushes of the processes.
        self.ended.extend(self.processes.take_ended());
        let changes = self.dir_watcher.changes();
        for (directory, name) in changes.changed {
            let store = self.directories.store(directory);
            if self.names.want(store.directory().project(), &name) {
                self.unread.push_back(qualify(store, name));
            }
        }
        if changes.rescan || self.next_rescan <= Instant::now() {
            self.rescan();
        }
        while self.events.len() < MAX_EVENTS
            && let Some(name) = self.unread.pop_front()
        {
            if self.read(&name) {
                self.unread.push_back(name);
            }
        }
        if self.unread.is_empty() {
            self.check_processes();
            self.tick_if_due();
        }
        // After the tick: a stop at any point of this step is detected before its
        // events raise alerts.
        if self.suspend.check(pause) {
            self.resumed_at = Some(Instant::now());
        }
        Ok(was_woken)
    }

    /// Returns how long nothing is due.
    fn pause(&self, deadline: Option<Instant>) -> Duration {
        if !self.unread.is_empty() {
            return Duration::ZERO;
        }
        let mut next = self.next_rescan;
        if let Some(deadline) = deadline {
            next = next.min(deadline);
        }
        if !self.processes.is_empty() {
            next = next.min(self.next_process_poll);
        }
        let pause = next.saturating_duration_since(Instant::now());
        match self.table.next_change() {
            Some(at) => pause.min((at - self.clock.now()).to_std().unwrap_or_default()),
            None => pause,
        }
    }

    /// Evaluates all sessions if the health of one may have changed without an
    /// update.
    fn tick_if_due(&mut self) {
        let now = self.clock.now();
        if self.table.next_change().is_some_and(|at| at <= now) {
            if self.dir_watcher.needs_polling() && !self.tick_is_due {
                // There may be an update that is not known yet.
                self.rescan();
                if !self.unread.is_empty() {
                    return;
                }
            }
            self.tick_is_due = true;
        }
        if std::mem::take(&mut self.tick_is_due) {
            self.table.tick(now, &mut self.events);
        }
    }

    fn rescan_interval(&self) -> Duration {
        self.interval.min(if self.dir_watcher.needs_polling() {
            POLL_INTERVAL
        } else {
            MAX_RESCAN_INTERVAL
        })
    }

    /// Returns the selected qualified names, in natural order, and the projects whose
    /// directory cannot be read, which it warns about. A missing directory has no names.
    fn existing_names(&mut self) -> (Vec<String>, HashSet<String>) {
        let mut names = Vec::new();
        let mut unreadable = HashSet::new();
        for store in self.directories.clone().stores() {
            let project = store.directory().project();
            let in_store = match self.names.exactly() {
                Some(names) => {
                    let names = names.iter().filter_map(|name| name_in(store, name));
                    Ok(names.map(str::to_owned).collect())
                }
                None => store.names(),
            };
            match in_store {
                Ok(in_store) => {
                    let wanted = |name: &String| self.names.want(project, name);
                    let in_store = in_store.into_iter().filter(wanted);
                    names.extend(in_store.map(|name| qualify(store, name)));
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    self.warn(&qualify(store, String::new()), format!("{error:#}"));
                    unreadable.insert(project.unwrap_or_default().to_owned());
                }
            }
        }
        names.sort_unstable_by(|a, b| compare(split(a), split(b)));
        (names, unreadable)
    }

    /// Compares the files with their states at the last read.
    fn rescan(&mut self) {
        self.next_rescan = Instant::now() + self.rescan_interval();
        self.dir_watcher.follow_path();
        let (mut names, unreadable) = self.existing_names();
        let existing: HashSet<&String> = names.iter().collect();
        let mut removed = Vec::new();
        let mut removed_before = 0;
        self.followed.retain(|name, followed| {
            // A directory may only be unreadable for a while.
            if existing.contains(name) || unreadable.contains(split(name).0) {
                return true;
            }
            if followed.removed.is_none() {
                removed.push(name.clone());
                // A file without an update has no position to keep.
                return self.table.session(name).is_some();
            }
            followed.follower.close_between_reads();
            removed_before += 1;
            removed_before <= MAX_REMOVED
        });
        for name in removed {
            self.remove(&name);
        }
        for name in &names {
            self.follow(name);
        }
        self.unreadable
            .retain(|project| unreadable.contains(project));
        names.retain(|name| {
            self.followed.get(name).is_some_and(|followed| {
                followed.removed.is_some() || !followed.follower.is_unchanged()
            })
        });
        self.unread.extend(names);
        let running = self.table.running().map(|(_, process)| process);
        self.processes.retain(running);
        self.tick_is_due = true;
    }

    /// Returns the entry of a session. Warns and returns `None` if it cannot be
    /// followed.
    fn follow(&mut self, name: &str) -> Option<&mut Followed> {
        if !self.followed.contains_key(name) {
            let (store, name_in_store) = self.directories.find(name);
            let mut follower = match store.follow(name_in_store) {
                Ok(follower) => follower,
                Err(error) => {
                    self.warn(name, format!("{error:#}"));
                    return None;
                }
            };
            if self.table.sessions().len() >= Follower::MAX_OPEN {
                follower.close_between_reads();
            }
            let followed = Followed {
                follower,
                is_unreadable: self.unreadable.contains(split(name).0),
                removed: None,
            };
            self.followed.insert(name.to_owned(), followed);
        }
        self.followed.get_mut(name)
    }

    /// Reads the last update of a session and skips the ones before.
    fn take_snapshot(&mut self, name: &str) {
        let finds_since = self.finds_since;
        let mut state = ProcessState::Unknown;
        let mut was_unreadable = false;
        loop {
            let Some(followed) = self.follow(name) else {
                return;
            };
            let read = followed.follower.skip_to_end(finds_since);
            was_unreadable |= std::mem::replace(&mut followed.is_unreadable, read.is_err());
            let (last, warning) = match read {
                Ok(read) => read,
                Err(error) => return self.warn(name, format!("{error:#}")),
            };
            let was_gone = state == ProcessState::Gone;
            let update = last.as_ref().map(|(update, _)| update);
            state = self.processes.state(update.and_then(process_of));
            if state == ProcessState::Gone && !was_gone {
                // It may have pushed once more before it ended.
                continue;
            }
            if was_unreadable {
                self.warned.remove(name);
            }
            if let Some(warning) = warning {
                self.warn(name, warning.to_string());
            }
            if let Some((update, since)) = last {
                self.show(name, update, since);
            }
            return;
        }
    }

    /// Reads about [`READ_BYTES`] of the new updates of a session. Returns true if
    /// there may be more.
    fn read(&mut self, name: &str) -> bool {
        let mut updates = Vec::new();
        let mut was_gone = false;
        let mut is_unchanged = false;
        let new = loop {
            let Some(followed) = self.follow(name) else {
                return false;
            };
            if followed.is_unreadable {
                self.take_snapshot(name);
                self.report_snapshot(name);
                return false;
            }
            is_unchanged |= followed.removed.is_some() && followed.follower.is_unchanged();
            let mut new = match followed.follower.read_new(READ_BYTES) {
                Ok(new) => new,
                Err(error) => {
                    self.warn(name, format!("{error:#}"));
                    self.apply(name, updates, false);
                    // A regular file may only be unreadable for a while.
                    if matches!(error, Error::NotRegular { .. }) {
                        self.remove(name);
                    }
                    return false;
                }
            };
            let removed = followed.removed.as_ref().filter(|_| !was_gone);
            let removed = removed.and_then(|removed| removed.update.process.clone());
            if new.bad.count > 0 {
                let kind = FileWarningKind::BadLines(new.bad);
                let warning = followed.follower.warning(kind).to_string();
                self.warn(name, warning);
            }
            new.missing |= new.restarted && new.updates.is_empty();
            let process = match new.updates.last() {
                Some((_, last)) => process_of(last),
                None => removed.as_deref(),
            };
            was_gone = self.processes.state(process) == ProcessState::Gone;
            let lines = std::mem::take(&mut new.updates);
            updates.extend(lines.into_iter().map(|(_, update)| update));
            // A process that is gone may have pushed once more before it ended.
            if new.more || !was_gone {
                break new;
            }
        };
        let is_silent = updates.is_empty();
        self.apply(name, updates, new.more);
        if new.missing && !new.more {
            self.remove(name);
        }
        let Some(followed) = self.followed.get_mut(name) else {
            return new.more;
        };
        if new.restarted {
            followed.removed = None;
        }
        if is_silent
            && !new.missing
            && !new.more
            && let Some(removed) = followed.removed.take()
        {
            let Session { update, since, .. } = *removed;
            if is_unchanged || self.clock.now() - update.timestamp >= MIN_OLD_AGE {
                self.show(name, update, since);
                self.report_snapshot(name);
            } else {
                self.apply(name, vec![update], false);
            }
        }
        new.more
    }

    /// Adds a session to the table as it is, without an event.
    fn show(&mut self, name: &str, update: Update, since: Option<StatusSince>) {
        let state = self.processes.state(process_of(&update));
        let directory = self.directories.find(name).0.directory();
        let now = self.clock.now();
        self.table.snapshot(directory, update, since, state, now);
    }

    fn report_snapshot(&mut self, name: &str) {
        let at = self.clock.now();
        let session = self.table.session(name);
        let snapshot = session.map(|session| Event::new(EventKind::Snapshot, at, session));
        self.events.extend(snapshot);
    }

    /// Applies the new updates of one session, oldest first. Only the last one says
    /// whether the session is dead: a process of an earlier one may have ended since.
    /// An update before a repeated one is skipped: both are one write, so it was not
    /// the last line at any time.
    fn apply(&mut self, name: &str, updates: Vec<Update>, more: bool) {
        let directory = self.directories.find(name).0.directory();
        let now = self.clock.now();
        let count = updates.len() + usize::from(more);
        if count > 0
            && let Some(followed) = self.followed.get_mut(name)
        {
            followed.removed = None;
        }
        let mut updates = updates.into_iter().enumerate().peekable();
        while let Some((index, update)) = updates.next() {
            if updates.peek().is_some_and(|(_, next)| next.repeated) {
                continue;
            }
            let state = match self.processes.state(process_of(&update)) {
                state if index + 1 < count && !state.is_alive() => ProcessState::Unknown,
                state => state,
            };
            let events = &mut self.events;
            self.table.update(directory, update, state, now, events);
        }
    }

    fn remove(&mut self, name: &str) {
        let now = self.clock.now();
        if let Some(session) = self.table.remove(name, now) {
            let event = Event::new(EventKind::Removed, now, &session);
            self.events.push(event);
            if let Some(followed) = self.followed.get_mut(name) {
                followed.removed = Some(Box::new(session));
            }
        }
    }

    /// Marks the sessions whose process has ended.
    fn check_processes(&mut self) {
        let ended = std::mem::take(&mut self.ended);
        let started = Instant::now();
        let is_poll = !self.processes.is_empty() && self.next_process_poll <= started;
        if is_poll {
            let check = |process: &ProcessIdentity| self.processes.check(process);
            self.tick_is_due |= self.table.note_stopped(check);
            let took = started.elapsed();
            self.next_process_poll = started + POLL_INTERVAL.max(took * MAX_POLL_SHARE);
        }
        if ended.is_empty() && !is_poll {
            return;
        }
        let mut is_early = false;
        let gone: Vec<_> = self
            .table
            .running()
            .filter(|(_, process)| {
                ended.contains(&process.pid) || (is_poll && !self.processes.is_watched(process))
            })
            .filter(|(_, process)| {
                let is_gone = self.processes.check(process) == ProcessState::Gone;
                is_early |= !is_gone && ended.contains(&process.pid);
                is_gone
            })
            .map(|(session, process)| (session.qualified_name().into_owned(), process.clone()))
            .collect();
        if is_early {
            self.next_process_poll = started + NOT_YET_VISIBLE;
        }
        for (name, process) in gone {
            // It may have pushed before it ended.
            if self.read(&name) {
                self.unread.push_back(name);
                self.ended.insert(process.pid);
                continue;
            }
            let session = self.table.session(&name);
            if session.and_then(|session| process_of(&session.update)) == Some(&process) {
                let now = self.clock.now();
                self.table.process_ended(&name, now, &mut self.events);
                self.tick_is_due = true;
            }
        }
    }

    fn warn(&mut self, name: &str, warning: String) {
        if self.warned.insert(name.to_owned()) {
            self.warnings.push(warning);
        }
    }
}

fn process_of(update: &Update) -> Option<&ProcessIdentity> {
    update.process.as_deref()
}
