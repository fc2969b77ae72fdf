//! A child process run as if this one did not stand between it and whoever
//! started it: same terminal, same process group, same signals.

use std::io;

/// How a command ended.
#[derive(Debug)]
pub enum Ending {
    /// By itself, with this exit code.
    Exited(u8),
    /// By a signal.
    #[cfg_attr(not(unix), allow(dead_code))]
    Killed {
        signal: i32,
        /// The terminal sent it, to this process as well.
        with_us: bool,
    },
    /// It did not begin, for this kind of reason.
    NotStarted(io::ErrorKind),
}

/// Runs a command to its end.
///
/// # Errors
/// Why it could not be started.
#[cfg(not(unix))]
pub fn run(command: &mut std::process::Command) -> io::Result<Ending> {
    let code = command.status()?.code();
    Ok(Ending::Exited(
        code.and_then(|code| code.try_into().ok()).unwrap_or(1),
    ))
}

/// The name of a signal, as in `SIGTERM`.
pub fn signal_name(signal: i32) -> String {
    #[cfg(unix)]
    if let Some(name) = signal_hook::low_level::signal_name(signal) {
        return name.to_owned();
    }
    format!("signal {signal}")
}

/// Ends this process as a Ctrl-C ended the command: a shell that sees it stops
/// the loop or script it is in the middle of, which it does not do for a mere
/// exit code.
pub fn interrupt_self() {
    #[cfg(unix)]
    let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGINT);
}

#[cfg(unix)]
pub use unix::run;

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::process::Command;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{self, Pid, Signal, WaitOptions};
    use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    use signal_hook::iterator::backend::SignalDelivery;
    use signal_hook::iterator::exfiltrator::WithRawSiginfo;

    use super::Ending;
    use crate::job_control::JobControl;

    /// The signals that are meant for the command when this process gets them.
    const PASSED_ON: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

    /// Runs a command to its end.
    ///
    /// # Errors
    /// Why it could not be started.
    pub fn run(command: &mut Command) -> io::Result<Ending> {
        // A signal that whoever started us has made us ignore (nohup, a job in
        // a script's background) must stay ignored: the child would get the
        // default action in place of a handler of ours.
        let ignored = ignored_signals();
        let caught = PASSED_ON
            .iter()
            .filter(|&signal| ignored >> (signal - 1) & 1 == 0)
            .chain([&SIGCHLD]);
        let (read, write) = UnixStream::pair()?;
        let mut signals = SignalDelivery::with_pipe(read, write, WithRawSiginfo, caught)?;
        let child = Pid::from_child(&command.spawn()?);
        let end = end_of(child);
        leave_streams();
        let mut interrupted = false;
        loop {
            let has_ended = wait_for_either(signals.get_read(), end.as_ref());
            for info in signals.pending() {
                let from_kernel = is_from_kernel(info.si_signo, info.si_code);
                interrupted |= info.si_signo == SIGINT && from_kernel;
                if is_for_child(info.si_signo, from_kernel, leads_session)
                    && let Some(signal) = Signal::from_named_raw(info.si_signo)
                {
                    // It may have ended just now.
                    let _ = process::kill_process(child, signal);
                }
            }
            let mut options = WaitOptions::UNTRACED;
            // A debugger may hold a child that has ended: then it is waited for.
            options.set(WaitOptions::NOHANG, !has_ended);
            let Some((_, status)) = process::waitpid(Some(child), options)? else {
                continue;
            };
            if let Some(code) = status.exit_status() {
                // Exit codes are one byte.
                return Ok(Ending::Exited(code as u8));
            }
            if let Some(signal) = status.terminating_signal() {
                let with_us = interrupted && signal == SIGINT;
                return Ok(Ending::Killed { signal, with_us });
            }
            if status.stopped() && in_foreground() {
                // It stopped itself alone, and the shell waits for us: stop
                // too, and let it go on when the shell lets us go on.
                let _ = process::kill_process(process::getpid(), Signal::STOP);
                let _ = process::kill_process(child, Signal::CONT);
            }
        }
    }

    /// What tells of a child's end even where SIGCHLD is blocked, which is
    /// inherited from whoever started us.
    #[cfg(target_os = "linux")]
    fn end_of(child: Pid) -> Option<OwnedFd> {
        process::pidfd_open(child, process::PidfdFlags::empty()).ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn end_of(_child: Pid) -> Option<OwnedFd> {
        None
    }

    /// Waits for a signal or the child's end; whether that has come.
    fn wait_for_either(signals: &UnixStream, end: Option<&OwnedFd>) -> bool {
        let mut fds: Vec<PollFd<'_>> = [Some(signals.as_fd()), end.map(AsFd::as_fd)]
            .into_iter()
            .flatten()
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        // Interrupted by a signal, it has one to tell of.
        poll(&mut fds, None).is_ok()
            && fds
                .get(1)
                .is_some_and(|end| end.revents().contains(PollFlags::IN))
    }

    /// Whether the kernel itself sent a signal: the terminal on Ctrl-C, to all
    /// of the foreground. A signal from another process does not say whether
    /// it went to us or to the whole group; it is taken as ours alone, since a
    /// signal that comes twice does less harm than one that never comes.
    fn is_from_kernel(signal: i32, code: i32) -> bool {
        if cfg!(target_os = "linux") {
            code > 0
        } else {
            // Elsewhere the code does not tell. The keyboard's signals are
            // taken for the keyboard's.
            signal == SIGINT || signal == SIGQUIT
        }
    }

    /// Whether a signal must be passed on. What the kernel sends has reached
    /// the whole group, but for one: when the terminal goes away, only the
    /// leader of its session is told.
    fn is_for_child(signal: i32, from_kernel: bool, leads_session: fn() -> bool) -> bool {
        PASSED_ON.contains(&signal) && (!from_kernel || (signal == SIGHUP && leads_session()))
    }

    fn leads_session() -> bool {
        JobControl::this().is_some_and(|job| job.leads_session())
    }

    fn in_foreground() -> bool {
        JobControl::this().is_some_and(|job| job.is_in_foreground())
    }

    /// The set of ignored signals, bit N-1 for signal N; empty where the
    /// system does not tell.
    fn ignored_signals() -> u64 {
        std::fs::read_to_string("/proc/self/status")
            .ok()
            .and_then(|status| parse_ignored(&status))
            .unwrap_or(0)
    }

    fn parse_ignored(status: &str) -> Option<u64> {
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    }

    /// Lets go of the command's input and output: when the command closes its
    /// end of a pipe, whoever holds the other end must see it.
    fn leave_streams() {
        if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stdin(&null);
            let _ = rustix::stdio::dup2_stdout(&null);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_the_terminal_sent_is_not_sent_again() {
            for signal in PASSED_ON {
                assert!(is_for_child(signal, false, || false));
                assert!(!is_for_child(signal, true, || false));
            }
            assert!(is_for_child(SIGHUP, true, || true));
            assert!(!is_for_child(SIGINT, true, || true));
            assert!(!is_for_child(SIGCHLD, false, || false));
        }

        #[test]
        fn the_ignored_signals_of_proc() {
            let status = "Name:\tsstat\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
            let ignored = parse_ignored(status).unwrap();
            assert_eq!(ignored >> (SIGHUP - 1) & 1, 1);
            assert_eq!(ignored >> (SIGINT - 1) & 1, 0);
            assert_eq!(parse_ignored("Name:\tsstat\n"), None);
        }
    }
}
