//! Detects that the system was suspended or this process was stopped.

use std::time::{Duration, Instant, SystemTime};

/// How long a step of the watch may take on a busy system, apart from its sleep.
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

    /// Returns true if there was a suspension since the last call, between which and
    /// now this process was to sleep at most for `sleep`.
    pub fn check(&mut self, sleep: Duration) -> bool {
        self.check_at(SystemTime::now(), Instant::now(), sleep)
    }

    /// A stopped process continues late. During a suspension of the system,
    /// [`Instant`] stops on Linux and macOS, so that the wall clock gets ahead. If the
    /// clock was set ahead instead, the sessions look older too.
    fn check_at(&mut self, wall: SystemTime, monotonic: Instant, sleep: Duration) -> bool {
        let wall_elapsed = wall.duration_since(self.wall).unwrap_or_default();
        let elapsed = monotonic.duration_since(self.monotonic);
        (self.wall, self.monotonic) = (wall, monotonic);
        wall_elapsed > elapsed + MAX_DELAY || elapsed > sleep + MAX_DELAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_step_and_jump_of_the_wall_clock_are_suspensions() {
        let mut detector = SuspendDetector::new();
        let (wall, monotonic) = (detector.wall, detector.monotonic);
        let mut check = |wall_seconds, seconds, sleep| {
            let wall = wall + Duration::from_secs(wall_seconds);
            let monotonic = monotonic + Duration::from_secs(seconds);
            detector.check_at(wall, monotonic, Duration::from_secs(sleep))
        };
        assert!(!check(10, 10, 10));
        assert!(!check(14, 14, 0), "a busy system");
        assert!(check(30, 30, 10), "stopped");
        assert!(check(3640, 40, 10), "suspended");
        assert!(!check(3641, 41, 10));
        assert!(!check(100, 42, 10), "the clock was set back");
    }
}
