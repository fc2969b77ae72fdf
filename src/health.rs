//! A session as it stands now: its last update seen from a moment in time.
//! Pure: the clock, the thresholds and the process's state are arguments.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{Error, Result};
use crate::process::ProcessState;
use crate::status::Status;
use crate::update::Update;

/// When silence counts as stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// An older update is stale.
    pub stale: Duration,
    /// An older one is very stale. Never sooner than `stale`.
    pub very_stale: Duration,
    /// The statuses that owe another update.
    pub statuses: StaleStatuses,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            stale: Duration::from_secs(5 * 60),
            very_stale: Duration::from_secs(15 * 60),
            statuses: StaleStatuses::default(),
        }
    }
}

impl Thresholds {
    /// The ages above which an update is stale and very stale; `None` for one
    /// that owes no other.
    fn limits(&self, update: &Update, liveness: Liveness) -> Option<(Duration, Duration)> {
        let wrapped = update
            .process
            .as_ref()
            .is_some_and(|process| process.command.is_some());
        if !self.statuses.contains(&update.status) || (wrapped && liveness == Liveness::Alive) {
            return None;
        }
        Some(match update.stale_after {
            Some(expected) => (expected, expected.saturating_mul(3)),
            None => (self.stale, self.very_stale.max(self.stale)),
        })
    }

    /// When an update becomes stale and when very stale, if no other follows
    /// it; `None` for one that owes no other, and for never.
    #[must_use]
    pub fn staleness_times(
        &self,
        update: &Update,
        liveness: Liveness,
    ) -> [Option<DateTime<Utc>>; 2] {
        // An age is a whole number of seconds: the first above the limit is
        // one more than the limit's own.
        let above = |limit: Duration| {
            let seconds = i64::try_from(limit.as_secs()).ok()?.checked_add(1)?;
            update
                .timestamp
                .checked_add_signed(TimeDelta::try_seconds(seconds)?)
        };
        match self.limits(update, liveness) {
            Some((stale, very_stale)) => [above(stale), above(very_stale)],
            None => [None, None],
        }
    }
}

/// The statuses that can go stale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StaleStatuses {
    /// Every one but `completed`.
    #[default]
    Unfinished,
    /// Every one.
    All,
    /// These.
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

    /// `all`, or statuses with commas between them.
    ///
    /// # Errors
    /// [`Error::Status`] where there is nothing between two commas.
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

/// How long ago, by the thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Staleness {
    /// Updated recently, or owes no update.
    Fresh,
    /// Silent for longer than it should be.
    Stale,
    /// Silent for much longer.
    VeryStale,
}

/// Whether the process behind a session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Liveness {
    /// The process of its last update runs.
    Alive,
    /// That process is gone although the status says that work goes on.
    Dead,
    /// There is no process to ask about, or none that can be seen from here.
    Unknown,
}

/// What a session's last update means at one moment. Every command and every
/// output takes it from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// How long ago the update was, in whole seconds; zero for one from the
    /// future.
    pub age: Duration,
    /// How far the update's clock is ahead, once that is more than a minute.
    pub clock_skew: Option<Duration>,
    /// Whether the silence is too long.
    pub staleness: Staleness,
    /// Whether its process runs.
    pub liveness: Liveness,
}

/// A clock may be ahead this far without being remarked upon.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

impl Health {
    /// Derives the condition of a session from its last update.
    ///
    /// `process` is the state of the update's process; for an update without
    /// one it does not matter.
    #[must_use]
    pub fn of(
        update: &Update,
        process: ProcessState,
        now: DateTime<Utc>,
        thresholds: &Thresholds,
    ) -> Self {
        let since = now.signed_duration_since(update.timestamp);
        // Whole seconds, because stored timestamps have no more: a part of a
        // second must not make a session stale.
        let age = Duration::from_secs(since.num_seconds().try_into().unwrap_or(0));
        let clock_skew = (-since)
            .to_std()
            .ok()
            .filter(|&ahead| ahead > CLOCK_TOLERANCE);
        let liveness = match (&update.process, process) {
            (None, _) | (_, ProcessState::Unknown) => Liveness::Unknown,
            (_, ProcessState::Running) => Liveness::Alive,
            (_, ProcessState::Gone) => match update.status {
                Status::Idle | Status::Working | Status::Blocked => Liveness::Dead,
                _ => Liveness::Unknown,
            },
        };
        let staleness = match thresholds.limits(update, liveness) {
            Some((_, very_stale)) if age > very_stale => Staleness::VeryStale,
            Some((stale, _)) if age > stale => Staleness::Stale,
            _ => Staleness::Fresh,
        };
        Self {
            age,
            clock_skew,
            staleness,
            liveness,
        }
    }

    /// Stale or very stale.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.staleness >= Staleness::Stale
    }

    /// Very stale.
    #[must_use]
    pub fn is_very_stale(&self) -> bool {
        self.staleness == Staleness::VeryStale
    }

    /// Alive or dead; `None` when that cannot be told.
    #[must_use]
    pub fn is_alive(&self) -> Option<bool> {
        match self.liveness {
            Liveness::Alive => Some(true),
            Liveness::Dead => Some(false),
            Liveness::Unknown => None,
        }
    }
}

/// A session: its last update and what that means now.
#[derive(Clone, Debug)]
pub struct Session {
    /// The last update; its `session` is the session's name.
    pub update: Update,
    /// What it means now.
    pub health: Health,
}

impl Session {
    /// The session's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.update.session
    }

    /// Whether a person should look: an error, blocked, dead or stale.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        matches!(self.update.status, Status::Error | Status::Blocked)
            || self.health.liveness == Liveness::Dead
            || self.health.is_stale()
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
    fn five_and_fifteen_minutes_are_the_limits() {
        let working = r#""status":"working""#;
        assert_eq!(staleness(working, 300), Staleness::Fresh);
        assert_eq!(staleness(working, 301), Staleness::Stale);
        assert_eq!(staleness(working, 900), Staleness::Stale);
        assert_eq!(staleness(working, 901), Staleness::VeryStale);
    }

    #[test]
    fn only_completed_owes_no_update() {
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
    fn an_update_can_ask_for_more_patience() {
        let keys = r#""status":"working","stale_after":2700"#;
        assert_eq!(staleness(keys, 2700), Staleness::Fresh);
        assert_eq!(staleness(keys, 2701), Staleness::Stale);
        assert_eq!(staleness(keys, 8100), Staleness::Stale);
        assert_eq!(staleness(keys, 8101), Staleness::VeryStale);
    }

    #[test]
    fn turning_points_are_where_the_staleness_changes() {
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
                let at = thresholds.staleness_times(&update, Liveness::Dead)[point].unwrap();
                let seen = |at| Health::of(&update, ProcessState::Gone, at, &thresholds);
                assert!(seen(at).staleness >= after, "{update:?}");
                let earlier = at - TimeDelta::milliseconds(1);
                assert!(seen(earlier).staleness <= before, "{update:?}");
            }
        }
        let completed = update(r#""status":"completed""#);
        assert_eq!(
            thresholds.staleness_times(&completed, Liveness::Unknown),
            [None, None]
        );
        let wrapped = with_process("working", true);
        assert_eq!(
            thresholds.staleness_times(&wrapped, Liveness::Alive),
            [None, None]
        );
        let patient = update(r#""status":"working","stale_after":1e18"#);
        assert_eq!(
            thresholds.staleness_times(&patient, Liveness::Unknown),
            [None, None]
        );
    }

    #[test]
    fn the_future_has_no_age() {
        let working = update(r#""status":"working""#);
        let health = after(&working, -60, ProcessState::Unknown);
        assert_eq!((health.age, health.clock_skew), (Duration::ZERO, None));
        let health = after(&working, -61, ProcessState::Unknown);
        assert_eq!(health.age, Duration::ZERO);
        assert_eq!(health.clock_skew, Some(Duration::from_secs(61)));
    }

    fn with_process(status: &str, command: bool) -> Update {
        let mut update = update(&format!(r#""status":"{status}""#));
        update.process = Some(Box::new(ProcessIdentity {
            pid: 4242,
            start_time: 1,
            boot_id: "b".into(),
            host: "h".into(),
            pid_namespace: 1,
            command: command.then(|| vec!["cargo".into()]),
        }));
        update
    }

    #[test]
    fn a_process_gone_is_death_only_while_work_goes_on() {
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
    fn a_wrapped_command_is_not_stale_while_it_lives() {
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
