//! Where this process stands among the jobs of its terminal.

/// The ids of this process and its job. They are compared with one another
/// only: what began outside of this process's PID namespace (by a container's
/// `exec`, say) has no id in here.
pub struct JobControl {
    process: i32,
    group: Option<i32>,
    session: Option<i32>,
    /// The group in the terminal's foreground.
    foreground: Option<i32>,
}

impl JobControl {
    /// This process's job; nothing where the system does not tell.
    pub fn this() -> Option<Self> {
        this()
    }

    /// Whether this process is the first of its session: the one that is told
    /// when the terminal goes away.
    pub fn leads_session(&self) -> bool {
        self.session == Some(self.process)
    }

    /// Whether it belongs to the job that the terminal's keys are for.
    pub fn is_in_foreground(&self) -> bool {
        self.group.is_some() && self.group == self.foreground
    }

    /// Whether a shell controls it. What is the first of its terminal has
    /// none: stopped, it would never be brought back.
    #[cfg_attr(not(feature = "tui"), allow(dead_code))]
    pub fn has_job_control(&self) -> bool {
        self.group.is_some() && self.session.is_some() && self.group != self.session
    }
}

/// From `/proc`, since rustix takes the 0 that the calls answer for a group
/// outside of the namespace for an id, against its own rules.
#[cfg(target_os = "linux")]
fn this() -> Option<JobControl> {
    parse_stat(&std::fs::read("/proc/self/stat").ok()?)
}

/// Elsewhere there are no such namespaces.
#[cfg(not(target_os = "linux"))]
fn this() -> Option<JobControl> {
    use rustix::process::{Pid, getpgrp, getpid, getsid};
    let foreground = std::fs::File::open("/dev/tty")
        .ok()
        .and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok());
    Some(JobControl {
        process: getpid().as_raw_pid(),
        group: Some(getpgrp().as_raw_pid()),
        session: getsid(None).ok().map(Pid::as_raw_pid),
        foreground: foreground.map(Pid::as_raw_pid),
    })
}

/// Fields 1 (pid), 5 (pgrp), 6 (session) and 8 (tpgid) of `/proc/PID/stat`;
/// see proc_pid_stat(5). The command's name in field 2 may itself hold spaces
/// and parentheses, so what follows is counted from the last one.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn parse_stat(stat: &[u8]) -> Option<JobControl> {
    let stat = String::from_utf8_lossy(stat);
    let (process, _) = stat.split_once(' ')?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut ids = after_name.split_ascii_whitespace().skip(2).map(|field| {
        let id: i32 = field.parse().ok()?;
        (id > 0).then_some(id)
    });
    Some(JobControl {
        process: process.parse().ok()?,
        group: ids.next()?,
        session: ids.next()?,
        foreground: ids.nth(1)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(stat: &str) -> JobControl {
        parse_stat(stat.as_bytes()).unwrap()
    }

    #[test]
    fn a_job_of_a_shell() {
        let foreground = job("42 (a) b (c)) S 7 41 30 34816 41 4194304 1");
        assert!(foreground.is_in_foreground());
        assert!(foreground.has_job_control());
        assert!(!foreground.leads_session());
        assert!(!job("42 (x) S 7 41 30 34816 30 4194304 1").is_in_foreground());
    }

    #[test]
    fn the_first_of_a_terminal() {
        let first = job("42 (x) S 7 42 42 34816 42 4194304 1");
        assert!(first.leads_session());
        assert!(!first.has_job_control());
    }

    #[test]
    fn what_began_outside_of_the_namespace_is_nobodys_job() {
        for stat in ["1 (x) S 0 0 0 34816 0 1", "1 (x) S 0 0 0 0 -1 1"] {
            let outside = job(stat);
            assert!(!outside.is_in_foreground());
            assert!(!outside.has_job_control());
            assert!(!outside.leads_session());
        }
        assert!(parse_stat(b"1 (x) S 0 0").is_none());
        assert!(parse_stat(b"").is_none());
    }
}
