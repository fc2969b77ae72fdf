//! Writing of an update, and the process that it names.

use std::ffi::OsStr;

use sstat::{Appender, Durability, ProcessIdentity, SessionName, Update};

use crate::config::{Config, Stream};
use crate::error::{CliError, Result};
use crate::output::print_diagnostic;
use crate::render::style::Role;
use crate::select;
use crate::view::Report;

/// Makes a session's name of any text, without the project of the directory. If that
/// changes the text, prints the name on a terminal or with `--verbose`.
pub fn session_name(config: &Config, text: &OsStr) -> Result<SessionName> {
    let text = sstat::escape_invalid_utf8(text.as_encoded_bytes());
    let in_project = config.directories.split_given(&text);
    let text = in_project.map_or(&*text, |(_, name)| name);
    let name = SessionName::from_text(text)?;
    if name.as_str() != text {
        note_renamed(config, text, &name);
    }
    Ok(name)
}

/// Prints a note that a text is another session's name.
pub fn note_renamed(config: &Config, text: &str, name: &SessionName) {
    note(
        config,
        &format!("push: '{text}' is recorded as session '{name}'"),
    );
}

/// Prints a note on a terminal or with `--verbose`.
pub fn note(config: &Config, text: &str) {
    if config.is_attended() {
        print_diagnostic(&config.style(Stream::Err), text, Role::Faint);
    }
}

/// Appends an update to its session's file.
pub fn record(config: &Config, update: &Update, durability: Durability) -> Result<()> {
    // Encode first: an update that cannot be written must not create a directory.
    let line = update.encode()?;
    let name = SessionName::new(update.session.as_str())?;
    appender(config, &name, durability)?.append(&line, durability)?;
    if config.is_attended()
        && let Some(text) = select::stored_name(&config.directories.first().store, name.as_str())
    {
        note(config, &text);
    }
    Ok(())
}

/// Returns an appender for a session's file. Creates the directory if it is missing. On
/// a terminal or with `--verbose`, notes show a misspelled directory, and a project
/// instead of its status directory.
pub fn appender(
    config: &Config,
    name: &SessionName,
    durability: Durability,
) -> sstat::Result<Appender> {
    let location = config.directories.first();
    let notes = match (config.is_attended(), location.store.path().is_dir()) {
        (false, _) => Vec::new(),
        (true, true) => config.directories.missing(),
        (true, false) => vec![format!("push: created {}", location.store.directory())],
    };
    location.create(durability)?;
    for note in notes {
        self::note(config, &note);
    }
    Ok(location.store.appender(name))
}

/// Returns the process with this id. If the system cannot tell whether there is
/// one, warns and returns `None`.
///
/// # Errors
/// There is no such process.
pub fn process_with_id(pid: u32, report: &mut Report) -> Result<Option<ProcessIdentity>> {
    let process = ProcessIdentity::of(pid);
    if process.is_none() {
        if !ProcessIdentity::may_exist(pid) {
            // Git Bash has pids of its own.
            let hint = match cfg!(windows) {
                true => "; in Git Bash, use $(cat /proc/PID/winpid)",
                false => "",
            };
            return Err(CliError::error(format!(
                "--pid: no process has the id {pid}{hint}"
            )));
        }
        report.warnings.push(format!(
            "--pid: this system does not show process {pid}; recorded without a process"
        ));
    }
    Ok(process)
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

/// Returns the wrapper that started this process. The variable may be inherited from
/// elsewhere: the run begins with the pid of the wrapper.
pub fn wrapper(config: &Config) -> Option<ProcessIdentity> {
    let run = config.run_variable()?;
    let pid = run.split('-').next()?.parse().ok()?;
    ProcessIdentity::of_ancestor(pid).filter(|wrapper| wrapper.run_name() == run)
}
