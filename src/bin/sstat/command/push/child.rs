//! Runs a child process transparently: it has the terminal, the process group and
//! the signals of this process.

use std::io;

/// How a command ended.
#[derive(Debug)]
pub enum Ending {
    /// It exited with this code.
    Exited(u8),
    /// A signal killed it.
    #[cfg_attr(not(unix), allow(dead_code))]
    Killed {
        signal: i32,
        /// The terminal sent the signal, to this process too.
        with_us: bool,
    },
    /// It could not be started.
    NotStarted(io::ErrorKind),
}

/// Runs a command to its end.
///
/// # Errors
/// The command cannot be started.
#[cfg(not(unix))]
pub fn run(command: &mut std::process::Command) -> io::Result<Ending> {
    let code = command.status()?.code();
    Ok(Ending::Exited(
        code.and_then(|code| code.try_into().ok()).unwrap_or(1),
    ))
}

/// Returns the name of a signal, such as `SIGTERM`.
pub fn signal_name(signal: i32) -> String {
    #[cfg(unix)]
    if let Some(name) = signal_hook::low_level::signal_name(signal) {
        return name.to_owned();
    }
    format!("signal {signal}")
}

/// Kills this process with SIGINT, as Ctrl-C killed the command. A shell then
/// stops the loop or script that it runs, which it does not do for an exit code.
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
    use crate::job_control::{JobControl, ignored_signals};

    const FORWARDED: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

    /// Runs a command to its end.
    ///
    /// # Errors
    /// The command cannot be started.
    pub fn run(command: &mut Command) -> io::Result<Ending> {
        // A signal that was ignored when sstat started (nohup, a background job
        // of a script) must stay ignored. In place of a handler, the child would
        // get the default action.
        let ignored = ignored_signals();
        let caught = FORWARDED
            .iter()
            .filter(|&signal| ignored >> (signal - 1) & 1 == 0)
            .chain([&SIGCHLD]);
        let (read, write) = UnixStream::pair()?;
        let mut signals = SignalDelivery::with_pipe(read, write, WithRawSiginfo, caught)?;
        let child = Pid::from_child(&command.spawn()?);
        let end = open_pidfd(child);
        release_streams();
        let mut interrupted = false;
        loop {
            let has_ended = wait_for_signal_or_end(signals.get_read(), end.as_ref());
            for info in signals.pending() {
                let from_kernel = is_from_kernel(info.si_signo, info.si_code);
                interrupted |= info.si_signo == SIGINT && from_kernel;
                if is_for_child(info.si_signo, from_kernel, leads_session)
                    && let Some(signal) = Signal::from_named_raw(info.si_signo)
                {
                    // Fails if the child has just ended.
                    let _ = process::kill_process(child, signal);
                }
            }
            let mut options = WaitOptions::UNTRACED;
            // waitpid blocks while a debugger holds a child that has ended.
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
                // The child stopped itself, and the shell waits for this process.
                // Stop too, and continue the child when the shell continues us.
                let _ = process::kill_process(process::getpid(), Signal::STOP);
                let _ = process::kill_process(child, Signal::CONT);
            }
        }
    }

    /// Returns a file descriptor that is readable once the child has ended. It
    /// works even if this process was started with SIGCHLD blocked.
    #[cfg(target_os = "linux")]
    fn open_pidfd(child: Pid) -> Option<OwnedFd> {
        process::pidfd_open(child, process::PidfdFlags::empty()).ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn open_pidfd(_child: Pid) -> Option<OwnedFd> {
        None
    }

    /// Waits for a signal or the end of the child. Returns whether it has ended.
    fn wait_for_signal_or_end(signals: &UnixStream, end: Option<&OwnedFd>) -> bool {
        let mut fds: Vec<PollFd<'_>> = [Some(signals.as_fd()), end.map(AsFd::as_fd)]
            .into_iter()
            .flatten()
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        // poll fails if a signal interrupts it.
        poll(&mut fds, None).is_ok()
            && fds
                .get(1)
                .is_some_and(|end| end.revents().contains(PollFlags::IN))
    }

    /// Returns whether the kernel sent a signal, such as SIGINT to all processes of
    /// the foreground on Ctrl-C. A signal of another process does not say whether
    /// it was sent to this process or to the group. It counts as sent to this
    /// process, since a signal that arrives twice does less harm than a lost one.
    fn is_from_kernel(signal: i32, code: i32) -> bool {
        if cfg!(target_os = "linux") {
            code > 0
        } else {
            // The code is not reliable. Assume that the terminal sent the signals
            // that it can send.
            signal == SIGINT || signal == SIGQUIT
        }
    }

    /// Returns whether to forward a signal. Signals of the kernel reach the whole
    /// group, except SIGHUP on a hangup of the terminal: only the session leader
    /// gets it.
    fn is_for_child(signal: i32, from_kernel: bool, leads_session: fn() -> bool) -> bool {
        FORWARDED.contains(&signal) && (!from_kernel || (signal == SIGHUP && leads_session()))
    }

    fn leads_session() -> bool {
        JobControl::this().is_some_and(|job| job.leads_session())
    }

    fn in_foreground() -> bool {
        JobControl::this().is_some_and(|job| job.is_in_foreground())
    }

    /// Replaces stdin and stdout by /dev/null. When the command closes its end of
    /// a pipe, no other writer or reader may be left.
    fn release_streams() {
        if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stdin(&null);
            let _ = rustix::stdio::dup2_stdout(&null);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn signal_of_the_terminal_is_not_forwarded() {
            for signal in FORWARDED {
                assert!(is_for_child(signal, false, || false));
                assert!(!is_for_child(signal, true, || false));
            }
            assert!(is_for_child(SIGHUP, true, || true));
            assert!(!is_for_child(SIGINT, true, || true));
            assert!(!is_for_child(SIGCHLD, false, || false));
        }
    }
}
