//! Errors of commands, and exit codes.

use std::fmt;
use std::io;

pub type Result<T> = std::result::Result<T, CliError>;

/// Exit codes other than 0.
pub mod exit_code {
    /// "No": an unknown session, a match of `--exit-code`, another end of `--until`.
    pub const NO_MATCH: u8 = 1;
    /// A usage error, an I/O error or invalid input.
    pub const ERROR: u8 = 2;
    /// A session that was waited for is dead.
    pub const DEAD: u8 = 3;
    /// The timeout of `--timeout`.
    pub const TIMED_OUT: u8 = 124;
    /// A wrapped command exists but cannot be run, as in shells.
    pub const NOT_EXECUTABLE: u8 = 126;
    /// A wrapped command does not exist, as in shells.
    pub const NOT_FOUND: u8 = 127;
}

/// A message of one line, `WHAT: WHY`, and an exit code.
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

    /// Returns the error of an operation on a standard stream.
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
            sstat::Error::NoCurrentDirectory => {
                message += "; name an absolute directory with --dir or SSTAT_DIR";
            }
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
