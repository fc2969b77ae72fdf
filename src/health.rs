//! The health of a session: its last update, seen at one time. Everything here
//! is pure except [`HealthRules`], which reads the state of processes.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::directory::StatusDirectory;
use crate::error::{Error, Result};
use crate::process::{HostIdentity, ProcessState, RunProcesses};
use crate::status::Status;
use crate::update::Update;

/// The ages from which an update is stale.
///
/// ```
/// # use std::time::Duration;
/// # use sstat::{StaleStatuses, Status, Thresholds};
/// let mut thresholds = Thresholds::new(Duration::from_secs(60), Duration::from_secs(600));
/// thresholds.statuses = StaleStatuses::Only(vec![Status::Working]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thresholds {
    /// An older update is stale. The default is 5 minutes.
    pub stale: Duration,
    /// An older update is very stale, but not before it is stale. The default is
    /// 15 minutes.
    pub very_stale: Duration,
    /// The statuses that can become stale.
    pub statuses: StaleStatuses,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self::new(Duration::from_secs(5 * 60), Duration::from_secs(15 * 60))
    }
}

impl Thresholds {
    /// Returns thresholds for every status except `completed`.
    #[must_use]
    pub fn new(stale: Duration, very_stale: Duration) -> Self {
        Self {
            stale,
            very_stale,
            statuses: StaleStatuses::Unfinished,
        }
    }

    /// Returns the ages above which an update is stale and very stale; `None` if
    /// it cannot become stale.
    fn limits(&self, update: &Update, process: ProcessState) -> Option<(Duration, Duration)> {
        let wrapped = update
            .process
            .as_ref()
            .is_some_and(|process| process.command.is_some());
        if !self.statuses.contains(&update.status) || (wrapped && process == ProcessState::Running)
        {
            return None;
        }
        Some(match update.stale_after {
            Some(expected) => (expected, expected.saturating_mul(3)),
            None => (self.stale, self.very_stale.max(self.stale)),
        })
    }

    /// Returns the times at which an update becomes stale and very stale if no
    /// other update follows it and its process stays in this state; `None` for
    /// never.
    #[must_use]
    pub fn staleness_times(
        &self,
        update: &Update,
        process: ProcessState,
    ) -> [Option<DateTime<Utc>>; 2] {
        // Ages are whole seconds, so the first age above the limit is one second
        // more than the limit.
        let above = |limit: Duration| {
            let seconds = i64::try_from(limit.as_secs()).ok()?.checked_add(1)?;
            update
                .timestamp
                .checked_add_signed(TimeDelta::try_seconds(seconds)?)
        };
        match self.limits(update, process) {
            Some((stale, very_stale)) => [above(stale), above(very_stale)],
            None => [None, None],
        }
    }
}

/// The statuses that can become stale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StaleStatuses {
    /// Every status except `completed`.
    #[default]
    Unfinished,
    /// Every status.
    All,
    /// These statuses.
    Only(Vec<Status>),
}

impl StaleStatuses {
    fn contains(&self, status: &Status) -> bool {
        match self {
            Self::Unfinished => *status != Status::Completed,
            Self::All => true,
            Self::Only(statuses) => statuses.contains(status),
        }
    }
}

impl std::str::FromStr for StaleStatuses {
    type Err = Error;

    /// Parses `all` or a comma-separated list of statuses.
    ///
    /// # Errors
    /// Returns [`Error::Status`] for an empty list item.
    fn from_str(text: &str) -> Result<Self> {
        if text == "all" {
            return Ok(Self::All);
        }
        text.split(',')
            .map(|word| match word.trim() {
                "" => Err(Error::Status {
                    status: word.to_owned(),
                }),
                word => Ok(Status::from_stored(word)),
            })
            .collect::<Result<_>>()
            .map(Self::Only)
    }
}

/// The age of an update compared with [`Thresholds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Staleness {
    /// Recent, or the update cannot become stale.
    Fresh,
    /// Older than the first threshold.
    Stale,
    /// Older than the second threshold.
    VeryStale,
}

/// Whether the process behind a session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Liveness {
    /// The process of the last update runs or is stopped.
    Alive,
    /// That process is gone although the status is `idle`, `working` or `blocked`.
    Dead,
    /// The update names no process, or its state is not known here.
    Unknown,
}

/// The health of a session at one time. Every command and output uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The time of the evaluation.
    pub at: DateTime<Utc>,
    /// The age of the update in whole seconds; zero if its time is in the future.
    pub age: Duration,
    /// The time by which the update is in the future, if more than a minute.
    pub clock_skew: Option<Duration>,
    /// Whether the update is stale.
    pub staleness: Staleness,
    /// Whether the process runs.
    pub liveness: Liveness,
    /// True if the process is stopped by a signal (SIGSTOP, Ctrl-Z).
    pub is_stopped: bool,
    /// True if the user has acknowledged the session and that still holds.
    pub is_acknowledged: bool,
    /// The pid of the command of a dead wrapper, if it still runs.
    pub command_pid: Option<u32>,
}

/// The clock difference up to which no clock skew is reported.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

impl Health {
    /// Derives the health of a session from its last update. `process` is the
    /// state of the update's process and is ignored if the update names none.
    #[must_use]
    pub fn of(
        update: &Update,
        process: ProcessState,
        now: DateTime<Utc>,
        thresholds: &Thresholds,
    ) -> Self {
        let process = match process {
            ProcessState::Rebooted(at) if update.timestamp < at => ProcessState::Gone,
            _ if update.process.is_none() => ProcessState::Unknown,
            process => process,
        };
        let since = now.signed_duration_since(update.timestamp);
        // Whole seconds, as in stored timestamps: a fraction must not make a
        // session stale.
        let age = Duration::from_secs(since.num_seconds().try_into().unwrap_or(0));
        let clock_skew = (-since)
            .to_std()
            .ok()
            .filter(|&ahead| ahead > CLOCK_TOLERANCE);
        let liveness = match (process, &update.status) {
            (ProcessState::Running | ProcessState::Stopped, _) => Liveness::Alive,
            (ProcessState::Gone, Status::Idle | Status::Working | Status::Blocked) => {
                Liveness::Dead
            }
            _ => Liveness::Unknown,
        };
        let staleness = match thresholds.limits(update, process) {
            Some((_, very_stale)) if age > very_stale => Staleness::VeryStale,
            Some((stale, _)) if age > stale => Staleness::Stale,
            _ => Staleness::Fresh,
        };
        Self {
            at: now,
            age,
            clock_skew,
            staleness,
            liveness,
            is_stopped: process == ProcessState::Stopped,
            is_acknowledged: (update.acknowledged_until).is_some_and(|until| until.holds(now)),
            command_pid: None,
        }
    }

    /// Returns true if the session is stale or very stale.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.staleness >= Staleness::Stale
    }

    /// Returns true if the session is very stale.
    #[must_use]
    pub fn is_very_stale(&self) -> bool {
        self.staleness == Staleness::VeryStale
    }

    /// Returns true if the process of the session is gone.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.liveness == Liveness::Dead
    }

    /// Returns whether the session is alive; `None` if that is unknown.
    #[must_use]
    pub fn is_alive(&self) -> Option<bool> {
        match self.liveness {
            Liveness::Alive => Some(true),
            Liveness::Dead => Some(false),
            Liveness::Unknown => None,
        }
    }
}

/// Evaluates sessions at one time, on this host.
#[derive(Debug)]
pub struct HealthRules {
    /// The current time.
    pub now: DateTime<Utc>,
    /// The ages from which updates are stale.
    pub thresholds: Thresholds,
    /// Whether readers also find [`Session::since`], for which they read up to 64 KiB
    /// before the last update. False by default.
    pub finds_since: bool,
    here: OnceLock<Option<HostIdentity>>,
    runs: OnceLock<RunProcesses>,
}

impl HealthRules {
    /// Returns rules for the time `now`.
    #[must_use]
    pub fn new(now: DateTime<Utc>, thresholds: Thresholds) -> Self {
        Self {
            now,
            thresholds,
            finds_since: false,
            here: OnceLock::new(),
            runs: OnceLock::new(),
        }
    }

    /// Returns the session whose last update is `update`.
    #[must_use]
    pub fn evaluate(&self, update: Update) -> Session {
        let health = self.health(&update);
        Session::new(update, health)
    }

    /// Returns the health of a session whose last update is `update`.
    #[must_use]
    pub fn health(&self, update: &Update) -> Health {
        let Some(process) = &update.process else {
            return Health::of(update, ProcessState::Unknown, self.now, &self.thresholds);
        };
        let state = process.state(self.here.get_or_init(HostIdentity::current).as_ref());
        let mut health = Health::of(update, state, self.now, &self.thresholds);
        if health.liveness == Liveness::Dead && process.command.is_some() {
            let runs = self.runs.get_or_init(RunProcesses::now);
            health.command_pid = runs.command_of(process);
        }
        health
    }
}

/// A session: its last update and its health.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Session {
    /// The last update. Its `session` is the session's name.
    pub update: Update,
    /// The health at the time of evaluation.
    pub health: Health,
    /// The directory of its file; `None` if it was not read from one.
    pub directory: Option<Arc<StatusDirectory>>,
    /// Another session that is read has the same name, in another directory.
    pub has_namesake: bool,
    /// Since when the session has had its status, if a reader has looked for it.
    pub since: Option<StatusSince>,
}

/// The start of the unbroken run of updates with a session's current status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusSince {
    /// The time of the first update of the run, or of the oldest one that was read.
    pub at: DateTime<Utc>,
    /// False if the run may have started earlier.
    pub is_exact: bool,
}

impl StatusSince {
    /// Returns the start of a run. With `is_exact` false, it may have started earlier.
    #[must_use]
    pub fn new(at: DateTime<Utc>, is_exact: bool) -> Self {
        Self { at, is_exact }
    }

    /// Returns the time in the status in whole seconds; zero if it starts in the
    /// future.
    #[must_use]
    pub fn elapsed(&self, now: DateTime<Utc>) -> Duration {
        let elapsed = now.signed_duration_since(self.at).num_seconds();
        Duration::from_secs(elapsed.try_into().unwrap_or(0))
    }
}

/// The reason why a session needs attention, most urgent first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Attention {
    /// The status is `error` or the session is dead.
    Failed,
    /// The status is `blocked`.
    Blocked,
    /// The process is stopped.
    Stopped,
    /// The session is stale.
    Stale,
    /// The session needs no attention.
    #[default]
    None,
}

impl Session {
    /// Returns a session with this last update and health, and without
    /// [`since`](Self::since).
    #[must_use]
    pub fn new(update: Update, health: Health) -> Self {
        Self {
            update,
            health,
            directory: None,
            has_namesake: false,
            since: None,
        }
    }

    /// Returns how long the session has had its status, if that is known. It is a
    /// minimum if `since` is not exact.
    #[must_use]
    pub fn time_in_status(&self) -> Option<Duration> {
        Some(self.since?.elapsed(self.health.at))
    }

    /// Sets the directory of the session's file. A key `directory` of the update is
    /// removed if this is one of several directories, because JSON output has it.
    pub fn set_directory(&mut self, directory: Arc<StatusDirectory>) {
        if directory.project().is_some() {
            self.update.extra.retain(|(key, _)| key != "directory");
        }
        self.directory = Some(directory);
    }

    /// Returns the session's name, which is unique in its directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.update.session
    }

    /// Returns the name of the session's project if several directories are read.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        self.directory.as_ref()?.project()
    }

    /// Returns the name that is unique among all sessions that are read:
    /// `PROJECT/NAME` if several directories are read, otherwise the name.
    #[must_use]
    pub fn qualified_name(&self) -> Cow<'_, str> {
        match self.project() {
            Some(project) => format!("{project}/{}", self.name()).into(),
            None => self.name().into(),
        }
    }

    /// Returns the name for text: qualified only if it occurs twice.
    #[must_use]
    pub fn display_name(&self) -> Cow<'_, str> {
        match self.has_namesake {
            true => self.qualified_name(),
            false => self.name().into(),
        }
    }

    /// Returns the most urgent reason to look at the session; none if it is
    /// acknowledged.
    #[must_use]
    pub fn attention(&self) -> Attention {
        if self.health.is_acknowledged {
            return Attention::None;
        }
        match (&self.update.status, self.health.liveness) {
            (Status::Error, _) | (_, Liveness::Dead) => Attention::Failed,
            (Status::Blocked, _) => Attention::Blocked,
            _ if self.health.is_stopped => Attention::Stopped,
            _ if self.health.is_stale() => Attention::Stale,
            _ => Attention::None,
        }
    }

    /// Returns true if the session has an error or is blocked, dead, stopped or stale,
    /// and is not acknowledged.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        self.attention() != Attention::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::ProcessIdentity;

    fn update(keys: &str) -> Update {
        Update::decode(format!(r#"{{"timestamp":"2026-02-14T20:00:00Z",{keys}}}"#).as_bytes())
            .unwrap()
    }

    fn after(update: &Update, seconds: i64, process: ProcessState) -> Health {
        let now = update.timestamp + TimeDelta::seconds(seconds);
        Health::of(update, process, now, &Thresholds::default())
    }

    fn staleness(keys: &str, seconds: i64) -> Staleness {
        after(&update(keys), seconds, ProcessState::Unknown).staleness
    }

    #[test]
    fn staleness_starts_above_five_and_fifteen_minutes() {
        let working = r#""status":"working""#;
        assert_eq!(staleness(working, 300), Staleness::Fresh);
        assert_eq!(staleness(working, 301), Staleness::Stale);
        assert_eq!(staleness(working, 900), Staleness::Stale);
        assert_eq!(staleness(working, 901), Staleness::VeryStale);
    }

    #[test]
    fn every_status_except_completed_becomes_stale() {
        for status in ["idle", "working", "blocked", "error", "sleeping"] {
            assert_eq!(
                staleness(&format!(r#""status":"{status}""#), 9999),
                Staleness::VeryStale
            );
        }
        assert_eq!(staleness(r#""status":"completed""#, 9999), Staleness::Fresh);
        let only: StaleStatuses = "working, blocked".parse().unwrap();
        assert!(only.contains(&Status::Blocked) && !only.contains(&Status::Idle));
        assert!(
            "all"
                .parse::<StaleStatuses>()
                .unwrap()
                .contains(&Status::Completed)
        );
        assert!("working,".parse::<StaleStatuses>().is_err());
    }

    #[test]
    fn stale_after_of_an_update_replaces_the_thresholds() {
        let keys = r#""status":"working","stale_after":2700"#;
        assert_eq!(staleness(keys, 2700), Staleness::Fresh);
        assert_eq!(staleness(keys, 2701), Staleness::Stale);
        assert_eq!(staleness(keys, 8100), Staleness::Stale);
        assert_eq!(staleness(keys, 8101), Staleness::VeryStale);
    }

    #[test]
    fn staleness_changes_at_the_staleness_times() {
        let thresholds = Thresholds::default();
        let all = [
            update(r#""status":"working""#),
            update(r#""status":"working","stale_after":1.5"#),
            update(r#""status":"working","stale_after":0"#),
            with_process("working", true),
        ];
        for update in all {
            for (point, before, after) in [
                (0, Staleness::Fresh, Staleness::Stale),
                (1, Staleness::Stale, Staleness::VeryStale),
            ] {
                let at = thresholds.staleness_times(&update, ProcessState::Gone)[point].unwrap();
                let seen = |at| Health::of(&update, ProcessState::Gone, at, &thresholds);
                assert!(seen(at).staleness >= after, "{update:?}");
                let earlier = at - TimeDelta::milliseconds(1);
                assert!(seen(earlier).staleness <= before, "{update:?}");
            }
        }
        let completed = update(r#""status":"completed""#);
        assert_eq!(
            thresholds.staleness_times(&completed, ProcessState::Unknown),
            [None, None]
        );
        let wrapped = with_process("working", true);
        assert_eq!(
            thresholds.staleness_times(&wrapped, ProcessState::Running),
            [None, None]
        );
        let never = update(r#""status":"working","stale_after":1e18"#);
        assert_eq!(
            thresholds.staleness_times(&never, ProcessState::Unknown),
            [None, None]
        );
    }

    #[test]
    fn future_update_has_age_zero_and_clock_skew() {
        let working = update(r#""status":"working""#);
        let health = after(&working, -60, ProcessState::Unknown);
        assert_eq!((health.age, health.clock_skew), (Duration::ZERO, None));
        let health = after(&working, -61, ProcessState::Unknown);
        assert_eq!(health.age, Duration::ZERO);
        assert_eq!(health.clock_skew, Some(Duration::from_secs(61)));
    }

    fn with_process(status: &str, command: bool) -> Update {
        let mut update = update(&format!(r#""status":"{status}""#));
        let mut process: ProcessIdentity = serde_json::from_str(
            r#"{"pid":4242,"start_time":1,"boot_id":"b","host":"h","pid_namespace":1}"#,
        )
        .unwrap();
        process.command = command.then(|| vec!["cargo".into()]);
        update.process = Some(Box::new(process));
        update
    }

    #[test]
    fn session_is_dead_only_while_its_work_is_unfinished() {
        for (status, liveness) in [
            ("idle", Liveness::Dead),
            ("working", Liveness::Dead),
            ("blocked", Liveness::Dead),
            ("completed", Liveness::Unknown),
            ("error", Liveness::Unknown),
            ("sleeping", Liveness::Unknown),
        ] {
            let update = with_process(status, false);
            assert_eq!(
                after(&update, 1, ProcessState::Gone).liveness,
                liveness,
                "{status}"
            );
            assert_eq!(
                after(&update, 1, ProcessState::Running).liveness,
                Liveness::Alive
            );
            assert_eq!(
                after(&update, 1, ProcessState::Unknown).liveness,
                Liveness::Unknown
            );
        }
    }

    #[test]
    fn stopped_process_is_alive_and_needs_attention() {
        let update = with_process("working", true);
        let health = after(&update, 301, ProcessState::Stopped);
        assert_eq!(health.is_alive(), Some(true));
        assert!(health.is_stopped && health.is_stale());
        let health = after(&update, 1, ProcessState::Stopped);
        let session = Session::new(update, health);
        assert_eq!(session.attention(), Attention::Stopped);
        let health = after(
            &self::update(r#""status":"idle""#),
            1,
            ProcessState::Stopped,
        );
        assert!(!health.is_stopped);
    }

    #[test]
    fn process_before_the_last_boot_is_gone() {
        let update = with_process("working", false);
        for (boot_after, liveness) in [
            (1, Liveness::Dead),
            (0, Liveness::Unknown),
            (-1, Liveness::Unknown),
        ] {
            let booted = update.timestamp + TimeDelta::seconds(boot_after);
            let health = after(&update, 9, ProcessState::Rebooted(booted));
            assert_eq!(health.liveness, liveness, "{boot_after}");
        }
    }

    #[test]
    fn wrapped_command_is_not_stale_while_it_runs() {
        let wrapped = with_process("working", true);
        assert_eq!(
            after(&wrapped, 9999, ProcessState::Running).staleness,
            Staleness::Fresh
        );
        assert!(after(&wrapped, 9999, ProcessState::Gone).is_very_stale());
        let bare = with_process("working", false);
        assert!(after(&bare, 9999, ProcessState::Running).is_very_stale());
    }
}
