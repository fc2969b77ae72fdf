//! Why a command ends without success, and the exit code that says so.

use std::fmt;
use std::io;

pub type Result<T> = std::result::Result<T, CliError>;

/// The exit codes besides 0.
pub mod exit_code {
    /// A "no": an unknown session, or something found where none should be.
    pub const NO_MATCH: u8 = 1;
    /// Usage, input or output went wrong.
    pub const ERROR: u8 = 2;
    /// A session that was waited for is dead.
    pub const DEAD: u8 = 3;
    /// The time to wait is over.
    pub const TIMED_OUT: u8 = 124;
    /// A command to be run is there but cannot be run, as in shells.
    pub const NOT_EXECUTABLE: u8 = 126;
    /// A command to be run is not there, as in shells.
    pub const NOT_FOUND: u8 = 127;
}

/// One line for stderr and an exit code.
#[derive(Debug)]
pub struct CliError {
    pub code: u8,
    pub message: String,
}

impl CliError {
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            code: exit_code::ERROR,
            message: message.into(),
        }
    }

    /// What the system refused to do with one of the standard streams.
    pub fn of_stream(action: &'static str, stream: &str, source: io::Error) -> Self {
        let path = stream.into();
        sstat::Error::Io {
            action,
            path,
            source,
        }
        .into()
    }

    pub fn no(message: impl Into<String>) -> Self {
        Self {
            code: exit_code::NO_MATCH,
            message: message.into(),
        }
    }
}

impl From<sstat::Error> for CliError {
    fn from(error: sstat::Error) -> Self {
        let mut message = format!("{error:#}");
        match error {
            sstat::Error::Ownership { .. } => {
                message += "; if you trust it, name it with --dir or SSTAT_DIR";
            }
            sstat::Error::NoDirectory => message += "; name one with --dir or SSTAT_DIR",
            _ => {}
        }
        Self::error(message)
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
