//! The process group and session of this process.

#[cfg(all(target_os = "linux", not(sstat_portable)))]
use sstat::JobIds;

/// The ids of the process group and the session of this process. A group or
/// session that started outside the pid namespace, e.g. by a container's
/// `exec`, has no id.
pub struct JobControl {
    group: Option<u32>,
    session: Option<u32>,
    /// The terminal's foreground process group.
    foreground: Option<u32>,
}

impl JobControl {
    /// Returns the ids of this process; `None` if `/proc` is not mounted.
    #[cfg(all(target_os = "linux", not(sstat_portable)))]
    pub fn this() -> Option<Self> {
        JobIds::of_self().map(Self::from)
    }

    #[cfg(not(all(target_os = "linux", not(sstat_portable))))]
    pub fn this() -> Option<Self> {
        use nix::unistd::{getpgrp, getsid};
        let id = |pid: i32| u32::try_from(pid).ok().filter(|&id| id > 0);
        let foreground = std::fs::File::open("/dev/tty")
            .ok()
            .and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok());
        Some(Self {
            group: id(getpgrp().as_raw()),
            session: getsid(None).ok().and_then(|session| id(session.as_raw())),
            foreground: foreground.and_then(|group| id(group.as_raw_pid())),
        })
    }

    /// Returns true if the terminal's keys send signals to this process group.
    pub fn is_in_foreground(&self) -> bool {
        self.group.is_some() && self.group == self.foreground
    }

    /// Returns true if a shell controls this job. A session leader's own group
    /// must not be stopped, since no shell would continue it.
    #[cfg_attr(not(feature = "tui"), allow(dead_code))]
    pub fn has_job_control(&self) -> bool {
        self.group.is_some() && self.session.is_some() && self.group != self.session
    }
}

#[cfg(all(target_os = "linux", not(sstat_portable)))]
impl From<JobIds> for JobControl {
    fn from(ids: JobIds) -> Self {
        Self {
            group: ids.group,
            session: ids.session,
            foreground: ids.foreground,
        }
    }
}

#[cfg(all(test, target_os = "linux", not(sstat_portable)))]
mod tests {
    use super::*;

    fn job(ids: &str) -> JobControl {
        let line = format!("{ids} 4194304 1 0 0 0 0 0 0 0 20 0 1 0 98765");
        JobIds::parse(line.as_bytes()).unwrap().into()
    }

    #[test]
    fn shell_controls_its_jobs() {
        let foreground = job("42 (a) b (c)) S 7 41 30 34816 41");
        assert!(foreground.is_in_foreground());
        assert!(foreground.has_job_control());
        assert!(!job("42 (x) S 7 41 30 34816 30").is_in_foreground());
    }

    #[test]
    fn session_leader_has_no_job_control() {
        let first = job("42 (x) S 7 42 42 34816 42");
        assert!(!first.has_job_control());
    }

    #[test]
    fn group_outside_the_namespace_is_in_no_job() {
        for ids in ["1 (x) S 0 0 0 34816 0", "1 (x) S 0 0 0 0 -1"] {
            let outside = job(ids);
            assert!(!outside.is_in_foreground());
            assert!(!outside.has_job_control());
        }
    }
}
