//! Waits for the child and forwards signals to it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{self, Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus};
use signal_hook::consts::{
    SIGBUS, SIGCHLD, SIGCONT, SIGINT, SIGPIPE, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use super::Ending;
use super::tail::Tail;
use super::witness::Witness;
use crate::job_control::JobControl;
use sstat::ignored_signals;

/// How long to wait for the witness to receive a signal too.
const REPORT_WAIT: Duration = Duration::from_millis(10);

/// The received signals of this process.
pub type Signals = SignalDelivery<UnixStream, SignalOnly>;

/// Returns a command that runs a program.
pub fn command(program: &OsStr) -> Command {
    Command::new(program)
}

/// Runs a command to its end. If its stderr is piped, returns the end of that too.
///
/// # Errors
/// The command cannot be started.
pub fn run(command: &mut Command) -> io::Result<(Ending, Vec<u8>)> {
    let mut signals = catch_signals(&[SIGCHLD])?;
    let witness = Witness::start();
    // The command gets a signal that arrives before it is started.
    let early: Vec<i32> = signals.pending().collect();
    let mut process = command.spawn()?;
    let child = Pid::from_child(&process);
    let tail = process.stderr.take().map(Tail::start).transpose()?;
    early.into_iter().for_each(|signal| send(child, signal));
    let end = open_pidfd(child);
    release_streams();
    let relay = Relay {
        child,
        witness,
        received: Vec::new(),
        reported: Vec::new(),
    };
    let ending = supervise(child, signals, end.as_ref(), relay)?;
    Ok((ending, tail.map(Tail::finish).unwrap_or_default()))
}

/// Waits for the end of the child. Until then, forwards signals and stops with the
/// child.
fn supervise(
    child: Pid,
    mut signals: Signals,
    end: Option<&OwnedFd>,
    mut relay: Relay,
) -> io::Result<Ending> {
    loop {
        let has_ended = wait(signals.get_read(), end, &relay);
        let mut was_continued = false;
        for signal in signals.pending().filter(|&signal| signal != SIGCHLD) {
            was_continued |= signal == SIGCONT;
            relay.receive(signal);
        }
        relay.forward();
        // As process 1 of a container, this also reaps orphans.
        while let Some((pid, status)) = process::wait(WaitOptions::UNTRACED | WaitOptions::NOHANG)?
        {
            if pid != child {
                continue;
            }
            if let Some(ending) = ending_of(status) {
                return Ok(ending);
            }
            if status.stopped() && !was_continued && in_foreground() {
                // The child stopped itself, and the shell waits for this process.
                // Stop too. The SIGCONT that ends this is forwarded.
                let _ = process::kill_process(process::getpid(), Signal::STOP);
            }
        }
        // A debugger may hold a child that has ended.
        if has_ended
            && let Some((_, status)) = process::waitpid(Some(child), WaitOptions::empty())?
            && let Some(ending) = ending_of(status)
        {
            return Ok(ending);
        }
    }
}

fn ending_of(status: WaitStatus) -> Option<Ending> {
    let exited = status.exit_status().map(Ending::Exited);
    exited.or_else(|| status.terminating_signal().map(Ending::Killed))
}

/// Catches `others` and all signals that are forwarded.
///
/// A signal that was ignored when sstat started (nohup, a background job of a
/// script) is not caught, because the child would get the default action in place
/// of the handler. SIGXFSZ, SIGPIPE and SIGBUS are sstat's own. SIGTSTP, SIGTTIN
/// and SIGTTOU stop sstat together with the rest of its group.
pub fn catch_signals(others: &[i32]) -> io::Result<Signals> {
    const OWN: [i32; 7] = [SIGCHLD, SIGXFSZ, SIGPIPE, SIGBUS, SIGTSTP, SIGTTIN, SIGTTOU];
    let ignored = ignored_signals();
    let forwarded = (1..=31).filter(|signal| {
        ignored >> (signal - 1) & 1 == 0
            && Signal::from_named_raw(*signal).is_some()
            && !OWN.contains(signal)
            && !signal_hook::consts::FORBIDDEN.contains(signal)
    });
    let (read, write) = UnixStream::pair()?;
    let caught = forwarded.chain(others.iter().copied());
    SignalDelivery::with_pipe(read, write, SignalOnly, caught)
}

/// Forwards to the child the signals that were sent to this process alone.
///
/// A signal to the process group, of another process or of the terminal, reaches
/// the child and the witness too. So a received signal is forwarded unless the
/// witness reports it. Equal signals within [`REPORT_WAIT`] count as one, as
/// pending ones do.
struct Relay {
    child: Pid,
    witness: Option<Witness>,
    /// Received signals, and when to forward them.
    received: Vec<(i32, Instant)>,
    /// Reported signals, and until when they are not forwarded.
    reported: Vec<(i32, Instant)>,
}

impl Relay {
    fn receive(&mut self, signal: i32) {
        let mut known = self.received.iter().chain(&self.reported);
        if !known.any(|(other, _)| *other == signal) {
            self.received.push((signal, Instant::now() + REPORT_WAIT));
        }
    }

    /// Forwards the signals that are due and not reported.
    fn forward(&mut self) {
        let now = Instant::now();
        self.reported.retain(|(_, end)| *end > now);
        if let Some(witness) = &mut self.witness {
            let is_due = self.received.iter().any(|(_, end)| *end <= now);
            match witness.reports(is_due) {
                Some(signals) => {
                    self.received
                        .retain(|(signal, _)| !signals.contains(signal));
                    let end = now + REPORT_WAIT;
                    self.reported
                        .extend(signals.into_iter().map(|signal| (signal, end)));
                }
                None => self.witness = None,
            }
        }
        let (child, has_witness) = (self.child, self.witness.is_some());
        self.received.retain(|&(signal, end)| {
            let is_due = end <= now || !has_witness;
            // Without a witness, assume that SIGINT and SIGQUIT came from the terminal.
            if is_due && (has_witness || !matches!(signal, SIGINT | SIGQUIT)) {
                send(child, signal);
            }
            !is_due
        });
    }
}

fn send(child: Pid, signal: i32) {
    if let Some(signal) = Signal::from_named_raw(signal) {
        // Fails if the child has just ended.
        let _ = process::kill_process(child, signal);
    }
}

/// Waits for a signal, a report, the next signal to forward or the end of the
/// child. Returns whether the child has ended.
fn wait(signals: &UnixStream, end: Option<&OwnedFd>, relay: &Relay) -> bool {
    let fds = [
        Some(signals.as_fd()),
        relay.witness.as_ref().map(Witness::as_fd),
        end.map(AsFd::as_fd),
    ];
    let mut fds: Vec<PollFd<'_>> = fds
        .into_iter()
        .flatten()
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    let next = relay.received.iter().map(|(_, end)| *end).min();
    let timeout = next.map(|next| next.saturating_duration_since(Instant::now()));
    let timeout = timeout.and_then(|timeout| timeout.try_into().ok());
    // poll fails if a signal interrupts it.
    let is_ready = poll(&mut fds, timeout.as_ref()).is_ok();
    is_ready
        && end.is_some()
        && fds
            .last()
            .is_some_and(|end| end.revents().contains(PollFlags::IN))
}

/// Returns a file descriptor that is readable once the child has ended. It works
/// even if this process was started with SIGCHLD blocked.
#[cfg(target_os = "linux")]
fn open_pidfd(child: Pid) -> Option<OwnedFd> {
    process::pidfd_open(child, process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_pidfd(_child: Pid) -> Option<OwnedFd> {
    None
}

fn in_foreground() -> bool {
    JobControl::this().is_some_and(|job| job.is_in_foreground())
}

/// Returns whether this process ignores a signal.
pub fn is_ignored(signal: i32) -> bool {
    ignored_signals() >> (signal - 1) & 1 == 1
}

/// Replaces stdin and stdout by /dev/null. When the command closes its end of a
/// pipe, no other writer or reader may be left.
fn release_streams() {
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}

/// Kills this process by the signal that killed the command, so that the caller
/// sees the same end. A shell, for example, then stops its loop on SIGINT. Returns
/// if that is impossible, as for process 1.
pub fn die_by(signal: i32) {
    if process::getpid().is_init() {
        return;
    }
    // The command has left the core dump.
    let limit = Rlimit {
        current: Some(0),
        ..process::getrlimit(Resource::Core)
    };
    let _ = process::setrlimit(Resource::Core, limit);
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    // signal-hook does not know all signals, and takes SIGIO for harmless. exec
    // restores the default action.
    let script = format!("kill -{signal} $$");
    let _ = Command::new("/bin/sh").args(["-c", &script]).exec();
}
