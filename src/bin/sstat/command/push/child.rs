//! Runs a child process transparently: it has the terminal, the process group and
//! the signals of this process.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod witness;

use std::io;

#[cfg(unix)]
pub use unix::{die_by, is_ignored, run};
#[cfg(unix)]
pub use witness::{WITNESS, run_witness};

/// How a command ended.
#[derive(Debug)]
pub enum Ending {
    /// It exited with this code.
    Exited(u8),
    /// A signal killed it.
    #[cfg_attr(not(unix), allow(dead_code))]
    Killed(i32),
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
