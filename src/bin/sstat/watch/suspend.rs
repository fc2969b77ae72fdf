//! Detects that the system was suspended or this process was stopped.

use std::time::{Duration, Instant, SystemTime};

/// How late a sleep may end on a busy system.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// The times of the last check.
pub struct SuspendDetector {
    wall: SystemTime,
    monotonic: Instant,
}

impl SuspendDetector {
    pub fn new() -> Self {
        Self {
            wall: SystemTime::now(),
            monotonic: Instant::now(),
        }
    }

    /// Returns true if there was a suspension since the last call. `latest_end` is
    /// when the sleep that has just ended was to end at the latest.
    pub fn check(&mut self, latest_end: Instant) -> bool {
        self.check_at(SystemTime::now(), Instant::now(), latest_end)
    }

    /// A stopped process wakes up late. During a suspension of the system,
    /// [`Instant`] stops on Linux and macOS, so that the wall clock gets
    /// ahead. If the clock was set ahead instead, the sessions look older too.
    fn check_at(&mut self, wall: SystemTime, monotonic: Instant, latest_end: Instant) -> bool {
        let wall_elapsed = wall.duration_since(self.wall).unwrap_or_default();
        let elapsed = monotonic.duration_since(self.monotonic);
        (self.wall, self.monotonic) = (wall, monotonic);
        wall_elapsed > elapsed + MAX_DELAY || monotonic > latest_end + MAX_DELAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_wake_up_and_jump_of_the_wall_clock_are_suspensions() {
        let mut detector = SuspendDetector::new();
        let (wall, monotonic) = (detector.wall, detector.monotonic);
        let mut check = |wall_seconds, seconds, latest_end| {
            let at = |seconds| monotonic + Duration::from_secs(seconds);
            let wall = wall + Duration::from_secs(wall_seconds);
            detector.check_at(wall, at(seconds), at(latest_end))
        };
        assert!(!check(10, 10, 10));
        assert!(!check(14, 14, 10), "a busy system");
        assert!(check(30, 30, 24), "stopped");
        assert!(check(3640, 40, 40), "suspended");
        assert!(!check(3641, 41, 50));
        assert!(!check(100, 42, 50), "the clock was set back");
    }
}
