//! Windows: the console sends Ctrl-C to all of its processes, and a program can be a
//! batch file.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::process::{ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::Ending;
use crate::timeout::run_with_timeout;

/// Most bytes of stderr that are kept.
const MAX_BYTES: usize = 4 * 1024;

/// How long to read what the command has left in the pipe. An orphan may hold it open.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(200);

/// Returns a command that runs a program. The name `npm` finds `npm.cmd` as in a
/// shell: `Command` adds only `.exe`.
pub fn command(program: &OsStr) -> Command {
    match which::which(program) {
        Ok(path) => Command::new(path),
        Err(_) => Command::new(program),
    }
}

/// There are no signals to forward on this platform.
pub struct Signals;

impl Signals {
    pub fn block() -> Self {
        Self
    }
}

/// Runs a command to its end. With `pipes_stderr`, returns the end of its stderr too.
///
/// # Errors
/// The command cannot be started.
pub fn run(
    command: &mut Command,
    _signals: &Signals,
    pipes_stderr: bool,
) -> io::Result<(Ending, Vec<u8>)> {
    if pipes_stderr {
        command.stderr(Stdio::piped());
    }
    // Ctrl-C must not end this process before the end of the command is recorded.
    // The handler is not inherited. Without it, the default applies.
    let _ = ctrlc::set_handler(|| {});
    let mut child = command.spawn()?;
    let kept = Arc::new(Mutex::new(Vec::new()));
    let reader = child.stderr.take().map(|stderr| {
        let kept = kept.clone();
        thread::spawn(move || pass_through(stderr, &kept))
    });
    let status = child.wait()?;
    if let Some(reader) = reader {
        run_with_timeout(DRAIN_TIMEOUT, || reader.join());
    }
    let kept = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((Ending::Exited(status.code().unwrap_or(1)), kept))
}

fn pass_through(mut stderr: ChildStderr, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        if io::stderr().write_all(&buffer[..count]).is_err() {
            return;
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..count]);
        let excess = kept.len().saturating_sub(MAX_BYTES);
        kept.drain(..excess);
    }
}

/// Exits with a code of 32 bits, which `ExitCode` cannot hold.
pub fn exit(code: i32) {
    winsafe::ExitProcess(code.cast_unsigned());
}
