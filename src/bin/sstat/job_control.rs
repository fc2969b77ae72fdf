//! The process group and session of this process.

use nix::unistd::{getpgrp, getsid};

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
    /// Returns the ids of this process.
    pub fn this() -> Self {
        // nix, because rustix does not expect the 0 of a group without an id.
        let id = |pid: i32| u32::try_from(pid).ok().filter(|&id| id > 0);
        let foreground = std::fs::File::open("/dev/tty")
            .ok()
            .and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok());
        Self {
            group: id(getpgrp().as_raw()),
            session: getsid(None).ok().and_then(|session| id(session.as_raw())),
            foreground: foreground.and_then(|group| id(group.as_raw_pid())),
        }
    }

    /// Returns true if the terminal's keys send signals to this process group.
    pub fn is_in_foreground(&self) -> bool {
        self.group.is_some() && self.group == self.foreground
    }

    /// Returns true if a shell controls this job. A session leader's own group
    /// must not be stopped, since no shell would continue it.
    pub fn has_job_control(&self) -> bool {
        self.group.is_some() && self.session.is_some() && self.group != self.session
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(group: u32, session: u32, foreground: u32) -> JobControl {
        let id = |id| Some(id).filter(|&id| id > 0);
        JobControl {
            group: id(group),
            session: id(session),
            foreground: id(foreground),
        }
    }

    #[test]
    fn shell_controls_its_jobs() {
        let foreground = job(41, 30, 41);
        assert!(foreground.is_in_foreground());
        assert!(foreground.has_job_control());
        assert!(!job(41, 30, 30).is_in_foreground());
    }

    #[test]
    fn session_leader_has_no_job_control() {
        assert!(!job(42, 42, 42).has_job_control());
    }

    #[test]
    fn group_outside_the_namespace_is_in_no_job() {
        let outside = job(0, 0, 0);
        assert!(!outside.is_in_foreground());
        assert!(!outside.has_job_control());
    }
}
