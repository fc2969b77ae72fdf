//! Unix: signals, job control and the state of the terminal.

use std::io;
use std::os::fd::AsFd;
use std::sync::mpsc::Sender;
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{QueueSelector, tcflush};
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM, SIGTTOU, SIGWINCH};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{self, raise};

pub use signal_hook::consts::{SIGCONT, SIGHUP, SIGTSTP};

use crate::job_control::JobControl;
use crate::watch::Watcher;

/// The pause in the input that ends a paste.
const SILENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// How often to wait for [`SILENCE`], while a key is held down.
const MAX_DISCARDS: usize = 50;

/// Makes signals and a closed terminal end the watcher's waits.
pub fn listen(watcher: &mut Watcher, sender: Sender<i32>) -> io::Result<()> {
    // The input of a closed terminal is reported like a closed output.
    watcher
        .poller
        .wake_on_close(io::stdin().as_fd().try_clone_to_owned()?);
    let waker = watcher.poller.waker();
    let mut caught = Signals::new([SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP])?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in caught.forever() {
                if sender.send(signal).is_err() {
                    // The screen has ended.
                    act_by_default(signal);
                }
                waker.wake();
            }
        })?;
    Ok(())
}

/// Does what the signal does to a process that does not catch it.
pub fn act_by_default(signal: i32) {
    let _ = low_level::emulate_default_handler(signal);
}

/// Returns true if a shell controls this job.
pub fn has_job_control() -> bool {
    JobControl::this().has_job_control()
}

/// Stops the whole job, as a shell expects after Ctrl-Z. This process receives the
/// signal too.
pub fn stop_job() {
    let _ = kill_current_process_group(Signal::TSTP);
}

/// Stops this process while it is in the background, as after any other access to
/// the terminal.
pub fn wait_for_foreground() {
    let is_in_background = |job: JobControl| job.has_job_control() && !job.is_in_foreground();
    while is_in_background(JobControl::this()) {
        act_by_default(SIGTTOU);
    }
}

/// Returns whether the terminal was closed.
pub fn is_terminal_gone() -> bool {
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    poll_stdin(&Timespec::default()).intersects(gone)
}

/// Ends the wait for input in another thread, by the event of a new size.
pub fn end_read() {
    let _ = raise(SIGWINCH);
}

/// Discards pending input until the terminal is silent, so that the shell does
/// not run the rest of a paste.
pub fn discard_input() {
    for _ in 0..MAX_DISCARDS {
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
        if poll_stdin(&SILENCE).is_empty() {
            return;
        }
    }
}

/// Waits for input, and returns the state of stdin.
fn poll_stdin(timeout: &Timespec) -> PollFlags {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    match poll(&mut fds, Some(timeout)) {
        Ok(_) => fds[0].revents(),
        Err(_) => PollFlags::empty(),
    }
}
