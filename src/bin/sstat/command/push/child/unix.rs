//! Waits for the child and forwards signals to it.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawnp};
use nix::sys::signal::{SigSet, Signal as Named, raise};
use nix::unistd::{getpgid, getpgrp, getppid};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    self, Pid, Resource, Rlimit, WaitId, WaitIdOptions, WaitOptions, WaitStatus,
};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
use sstat::is_ignored;

use super::Ending;
use super::descriptors::{release, release_stderr_with};
use super::signals::{Signals, expect_children, to_signal};
use super::tail::Tail;
use super::witness::Witness;
use crate::config;
use crate::job_control::JobControl;

/// How long to wait for the witness to receive a signal too.
const REPORT_WAIT: Duration = Duration::from_millis(10);

/// When to look for the first time whether the command has closed stderr.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// Returns a command that runs a program.
pub fn command(program: &OsStr) -> Command {
    Command::new(program)
}

/// The program name that makes sstat a launcher. The process id of the wrapper and the
/// command follow.
pub const LAUNCHER: &str = "command-launcher";

/// Runs a command to its end. With `pipes_stderr`, returns the end of its stderr too.
///
/// # Errors
/// The command cannot be started.
pub fn run(
    command: &mut Command,
    signals: &Signals,
    pipes_stderr: bool,
) -> io::Result<(Ending, Vec<u8>)> {
    let (mut relay, tail) = match start(command, signals, true, pipes_stderr) {
        // The witness and the thread that reads stderr may be what exceeds the limit.
        Err(error) if is_limit(&error) => start(command, signals, false, false)?,
        started => started?,
    };
    // A signal to the group may have been sent before there was a command.
    relay.receive(signals);
    for (signal, _) in relay.received.drain(..) {
        send(relay.child, signal);
    }
    let releases_stderr = release() && tail.is_none();
    let ending = supervise(signals, relay, releases_stderr)?;
    Ok((ending, tail.map(Tail::finish).unwrap_or_default()))
}

/// Returns true if no process, no memory or no file descriptor was left.
pub fn is_limit(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        code,
        Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE)
    )
}

/// Starts a command, with `has_witness` a witness, and with `pipes_stderr` a thread that
/// reads stderr. Leaves out a witness and a thread that cannot be started.
fn start(
    command: &Command,
    signals: &Signals,
    has_witness: bool,
    pipes_stderr: bool,
) -> io::Result<(Relay, Option<Tail>)> {
    let needs_launcher = is_ignored(std::process::id(), SIGCHLD);
    if !needs_launcher {
        expect_children();
    }
    let witness = has_witness.then(Witness::start).flatten();
    let tail = pipes_stderr.then(Tail::start).and_then(Result::ok);
    let (tail, writer) = tail.unzip();
    let child = spawn(
        command,
        signals,
        writer.as_ref().map(AsFd::as_fd),
        needs_launcher,
    );
    drop(writer);
    match child {
        Ok(child) => {
            expect_children();
            if needs_launcher && process::test_kill_process(child) == Err(Errno::SRCH) {
                // A signal ended the launcher while SIGCHLD was ignored, so that its end is
                // lost. The command that starts now gets the signal from this process.
                drop(witness);
                tail.map(Tail::finish);
                return start(command, signals, has_witness, pipes_stderr);
            }
            Ok((Relay::new(child, witness), tail))
        }
        Err(error) => {
            tail.map(Tail::finish);
            Err(error)
        }
    }
}

/// Starts a command with the signals blocked that the caller has blocked. With
/// `needs_launcher`, a launcher starts it once this process expects children.
///
/// With the standard library, sstat itself would have to unblock signals meanwhile, and
/// so lose them.
fn spawn(
    command: &Command,
    signals: &Signals,
    stderr: Option<BorrowedFd<'_>>,
    needs_launcher: bool,
) -> io::Result<Pid> {
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_flags(
        PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF,
    )?;
    attributes.set_sigmask(&signals.original_mask)?;
    // The Rust runtime ignores SIGPIPE.
    attributes.set_sigdefault(&SigSet::from(Named::SIGPIPE))?;
    let mut actions = PosixSpawnFileActions::init()?;
    if let Some(stderr) = stderr {
        actions.add_dup2(stderr.as_raw_fd(), 2)?;
    }
    let mut program = command.get_program().to_owned();
    let mut arguments = Vec::new();
    if needs_launcher {
        program = own_program()?.into();
        arguments = vec![LAUNCHER.into(), std::process::id().to_string().into()];
    }
    arguments.push(command.get_program().to_owned());
    arguments.extend(command.get_args().map(OsStr::to_owned));
    let is_set = |name: &OsStr| command.get_envs().any(|(set, _)| set == name);
    let inherited = config::environment().filter(|(name, _)| !is_set(name));
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let environment = inherited
        .chain(set)
        .map(|(name, value)| [name, value].join(OsStr::new("=")));
    let pid = posix_spawnp(
        &CString::new(program.into_vec())?,
        &actions,
        &attributes,
        &c_strings(arguments)?,
        &c_strings(environment)?,
    )?;
    Ok(Pid::from_raw(pid.as_raw()).ok_or(io::ErrorKind::NotFound)?)
}

fn c_strings(texts: impl IntoIterator<Item = OsString>) -> io::Result<Vec<CString>> {
    let texts = texts.into_iter().map(|text| CString::new(text.into_vec()));
    Ok(texts.collect::<Result<_, _>>()?)
}

/// Returns the path of this program. On Linux it works if the file is deleted too.
pub fn own_program() -> io::Result<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Ok("/proc/self/exe".into()),
        false => std::env::current_exe(),
    }
}

/// Returns the command of a launcher, once its parent, the wrapper, expects children. A
/// launcher starts while the wrapper still ignores SIGCHLD, as its caller does, so that the
/// command ignores it too.
pub fn await_wrapper(arguments: &[OsString]) -> Option<&[OsString]> {
    let [_, wrapper, command @ ..] = arguments else {
        return None;
    };
    let wrapper = wrapper.to_str()?.parse().ok()?;
    while parent_id() == wrapper && is_ignored(wrapper, SIGCHLD) {
        thread::sleep(Duration::from_millis(1));
    }
    Some(command)
}

/// Replaces this process by a command. Returns only if that fails.
pub fn exec(command: &mut Command, signals: &Signals) -> io::Error {
    let _ = signals.original_mask.thread_set_mask();
    command.exec()
}

/// Waits for the end of the child. Until then, forwards signals and stops with the
/// child. With `releases_stderr`, closes stderr after the child has closed it, and looks
/// for that in growing intervals.
fn supervise(signals: &Signals, mut relay: Relay, releases_stderr: bool) -> io::Result<Ending> {
    let started = Instant::now();
    let mut next_look = releases_stderr.then(|| started + FIRST_LOOK);
    // Without a queue of signals, only the end of the child is awaited.
    let mut wait_options = WaitOptions::UNTRACED | WaitOptions::CONTINUED;
    wait_options.set(WaitOptions::NOHANG, signals.as_fd().is_some());
    loop {
        relay.receive(signals);
        relay.forward();
        // As process 1 of a container, this also reaps orphans.
        while let Some((pid, status)) = process::wait(wait_options)? {
            if status.continued() {
                continue;
            }
            if relay
                .witness
                .as_ref()
                .is_some_and(|witness| witness.pid() == pid)
            {
                // A witness that is stopped or killed does not answer.
                relay.replace_witness();
            }
            if pid != relay.child {
                continue;
            }
            if let Some(ending) = ending_of(status) {
                return Ok(ending);
            }
            // A signal that stopped the child has arrived here before.
            relay.receive(signals);
            if let Some(signal) = status.stopping_signal()
                && (relay.is_to_stop || !relay.is_to_continue() && is_job_of_a_shell())
            {
                // The job of a shell stops. The SIGCONT that ends this is forwarded.
                act_by(signal, Some(relay.child));
                // A report that ended during the stop must not suppress a later signal.
                relay.reported.retain(|(_, end)| *end > Instant::now());
            }
        }
        if next_look.is_some_and(|look| look <= Instant::now()) {
            let is_released = release_stderr_with(relay.child);
            next_look = (!is_released).then(|| Instant::now() + started.elapsed());
        }
        wait(signals, &relay, next_look);
    }
}

fn ending_of(status: WaitStatus) -> Option<Ending> {
    let exited = status.exit_status().map(Ending::Exited);
    exited.or_else(|| status.terminating_signal().map(Ending::Killed))
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
    /// How often the witness can be replaced. Limited for systems where none can run.
    replacements: u8,
    /// Received signals, and when to forward them.
    received: Vec<(i32, Instant)>,
    /// Reported signals, and until when they are not forwarded.
    reported: Vec<(i32, Instant)>,
    /// Whether the last job-control signal was a stop signal rather than SIGCONT.
    is_to_stop: bool,
}

impl Relay {
    fn new(child: Pid, witness: Option<Witness>) -> Self {
        Self {
            child,
            witness,
            replacements: 100,
            received: Vec::new(),
            reported: Vec::new(),
            is_to_stop: false,
        }
    }

    fn replace_witness(&mut self) {
        // The old one ends first: it may be the last process of a limit.
        self.witness = None;
        if self.replacements > 0 {
            self.replacements -= 1;
            self.witness = Witness::start();
        }
    }

    fn receive(&mut self, signals: &Signals) {
        let now = Instant::now();
        self.add_received(signals.received(), now);
    }

    /// Adds the signals that had arrived at this time.
    fn add_received(&mut self, signals: Vec<i32>, now: Instant) {
        let is_stop = |signal: i32| matches!(signal, SIGTSTP | SIGTTIN | SIGTTOU);
        for signal in signals {
            if is_stop(signal) || signal == SIGCONT {
                self.is_to_stop = is_stop(signal);
                // As in the kernel, a stop discards a pending SIGCONT and the reverse.
                let is_discarded = |other: i32| match signal {
                    SIGCONT => is_stop(other),
                    _ => other == SIGCONT,
                };
                self.received.retain(|(other, _)| !is_discarded(*other));
                self.reported.retain(|(other, _)| !is_discarded(*other));
            }
            if !self.reported.iter().any(|(other, _)| *other == signal) {
                self.received.push((signal, now + REPORT_WAIT));
            }
        }
        // Reports that end before this process gets processor time apply to what has
        // arrived until now.
        self.reported.retain(|(_, end)| *end > now);
    }

    fn is_to_continue(&self) -> bool {
        self.received.iter().any(|(signal, _)| *signal == SIGCONT)
    }

    /// Forwards the signals that are due and not reported.
    fn forward(&mut self) {
        let now = Instant::now();
        if let Some(witness) = &mut self.witness {
            let is_due = self.received.iter().any(|(_, end)| *end <= now);
            match witness.reports(is_due) {
                Some(signals) => {
                    self.received
                        .retain(|(signal, _)| !signals.contains(signal));
                    let end = Instant::now() + REPORT_WAIT;
                    self.reported
                        .extend(signals.into_iter().map(|signal| (signal, end)));
                }
                None => self.replace_witness(),
            }
        }
        let (child, has_witness) = (self.child, self.witness.is_some());
        self.received.retain(|&(signal, end)| {
            let is_due = end <= now || !has_witness;
            // Without a witness, assume that the signals of keys came from the terminal.
            let is_key = matches!(signal, SIGINT | SIGQUIT) && !has_witness;
            if is_due && !(is_key && JobControl::this().is_in_foreground()) {
                send(child, signal);
            }
            !is_due
        });
    }
}

fn send(child: Pid, signal: i32) {
    if let Some(signal) = to_signal(signal) {
        // Fails if the child has just ended.
        let _ = process::kill_process(child, signal);
    }
}

/// Waits for a signal, a report, the next signal to forward or the next look at stderr.
/// The end of a child is a signal too.
fn wait(signals: &Signals, relay: &Relay, next_look: Option<Instant>) {
    let Some(queue) = signals.as_fd() else { return };
    let mut fds = vec![PollFd::from_borrowed_fd(queue, PollFlags::IN)];
    let reports = relay.witness.as_ref().map(Witness::as_fd);
    fds.extend(reports.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    let ends = relay.received.iter().chain(&relay.reported);
    let next = ends.map(|(_, end)| *end).chain(next_look).min();
    let timeout = next.map(|next| next.saturating_duration_since(Instant::now()));
    let timeout = timeout.and_then(|timeout| timeout.try_into().ok());
    // Fails only for lack of memory.
    let _ = poll(&mut fds, timeout.as_ref());
}

/// Returns true if the parent is a shell that has this process run in the foreground
/// and waits for its stop too.
fn is_job_of_a_shell() -> bool {
    let job = JobControl::this();
    // nix, because rustix does not expect the 0 of a group outside the pid namespace.
    let is_group_of_parent = getpgid(Some(getppid())) == Ok(getpgrp());
    job.is_in_foreground() && job.has_job_control() && !is_group_of_parent
}

/// Has a signal act on this process as it acted on the command. A stop signal has no effect
/// if the child `stopped` has continued or ended meanwhile.
fn act_by(signal: i32, stopped: Option<Pid>) {
    if let Ok(signal) = Named::try_from(signal) {
        let blocked = SigSet::from(signal);
        // Raised while it is blocked, a stop signal and an equal one of the terminal stop
        // this process once: the SIGCONT that ends the stop discards the other.
        let _ = raise(signal);
        // The stop signal has discarded a SIGCONT that arrived before.
        if stopped.is_some_and(has_continued_or_ended) {
            let _ = raise(Named::SIGCONT);
        }
        let _ = blocked.thread_unblock();
        let _ = blocked.thread_block();
    }
}

fn has_continued_or_ended(child: Pid) -> bool {
    let options = WaitIdOptions::CONTINUED | WaitIdOptions::EXITED;
    let options = options | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(process::waitid(WaitId::Pid(child), options), Ok(None))
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
    // The limit does not apply to a program that takes core dumps, e.g. that of systemd.
    #[cfg(target_os = "linux")]
    let _ = process::set_dumpable_behavior(process::DumpableBehavior::NotDumpable);
    // Restores the default action of a signal that is ignored or caught. It does not
    // know all signals, and takes SIGIO for harmless.
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    act_by(signal, None);
    // A real-time signal, or SIGIO with a handler.
    let _ = SigSet::empty().thread_set_mask();
    let mut shell = Command::new("/bin/sh");
    let _ = shell
        .args(["-c", &format!("kill -{signal} $$")])
        .stderr(Stdio::null())
        .exec();
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Command, exit};
    use std::time::{Duration, Instant};

    use nix::sys::signal::{SigSet, Signal as Named, raise};
    use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
    use signal_hook::consts::{SIGTERM, SIGTSTP};

    use super::Relay;

    /// Set in the process that stops.
    const STOPS: &str = "SSTAT_TEST_STOPS";

    #[test]
    #[expect(clippy::zombie_processes, reason = "waitpid, which returns a stop too")]
    fn one_sigcont_ends_a_stop() {
        if std::env::var_os(STOPS).is_some() {
            let _ = SigSet::from(Named::SIGTSTP).thread_block();
            // The signal of the terminal, not yet read.
            let _ = raise(Named::SIGTSTP);
            super::act_by(SIGTSTP, None);
            exit(7);
        }
        let name = std::thread::current().name().unwrap().to_owned();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name])
            .env(STOPS, "")
            // SIGTSTP stops no process whose parent is in its group.
            .process_group(0)
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let wait = || {
            let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
            (status.stopping_signal(), status.exit_status())
        };
        assert_eq!(wait(), (Some(SIGTSTP), None));
        kill_process(pid, Signal::CONT).unwrap();
        assert_eq!(wait(), (None, Some(7)));
    }

    #[test]
    fn report_applies_to_a_signal_that_is_read_late() {
        let reported = Instant::now();
        let mut relay = Relay::new(getpid(), None);
        relay.reported.push((SIGTERM, reported));
        for (delay, received) in [(50, 0), (51, 1)] {
            relay.add_received(vec![SIGTERM], reported + Duration::from_millis(delay));
            assert_eq!(relay.received.len(), received);
        }
    }
}
