//! Unix: `sh -c` in a process group of its own.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How long a command may take to end after SIGTERM.
const KILL_AFTER: Duration = Duration::from_secs(1);

/// Returns a command for the shell. Its process group is its own, so that all of its
/// processes can be killed.
pub fn shell(command: &OsStr) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).process_group(0);
    shell
}

/// Ends the processes of a command: with SIGTERM, then with SIGKILL.
pub fn kill(child: &mut Child) {
    let group = Pid::from_raw(child.id().cast_signed());
    let send = |signal| group.map(|group| kill_process_group(group, signal));
    send(Signal::TERM);
    let deadline = Instant::now() + KILL_AFTER;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    send(Signal::KILL);
    let _ = child.wait();
}
