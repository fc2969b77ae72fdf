//! Writing of an update, and the process that it names.

use sstat::{Durability, ProcessIdentity, SessionName, Update};

use crate::config::Config;
use crate::error::Result;
use crate::view::Report;

/// Appends an update to its session's file. Creates the directory if it is
/// missing.
pub fn record(config: &Config, update: &Update, durability: Durability) -> Result<()> {
    // Encode first: an update that cannot be written must not create a directory.
    let line = update.encode()?;
    let name = SessionName::new(update.session.as_str())?;
    config.location.create(durability)?;
    config
        .location
        .store
        .appender(&name)
        .append(&line, durability)?;
    Ok(())
}

/// Returns the process that `SSTAT_PID` names if it is an ancestor of this one.
/// The variable may be inherited from elsewhere, e.g. by a tmux server, so any
/// other value is ignored.
pub fn process_of_variable(config: &Config, report: &mut Report) -> Option<ProcessIdentity> {
    let pid = config.pid_variable()?;
    let process = pid
        .to_str()
        .and_then(|pid| pid.parse().ok())
        .and_then(ProcessIdentity::of_ancestor);
    if process.is_none() && config.verbose {
        report.warnings.push(format!(
            "SSTAT_PID: {} is not the id of an ancestor of this process; recorded without a process",
            sstat::escape_invalid_utf8(pid.as_encoded_bytes())
        ));
    }
    process
}
