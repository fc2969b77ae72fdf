//! `sstat push`: one update from the command line, many from stdin, or a
//! command's own status.

mod child;
mod hook;
mod stdin;
pub mod wrap;

use serde_json::value::RawValue;
use sstat::{Durability, ProcessIdentity, SessionName, Update};

use crate::cli;
use crate::config::Config;
use crate::error::{CliError, Result};
use crate::metadata;
use crate::view::{Report, View};

pub fn run(config: &Config, args: cli::Push) -> Result<Report> {
    catch_size_limit();
    if let Some(agent) = args.hook {
        return hook::run(config, agent, &args);
    }
    if args.stdin {
        return stdin::run(config, &args);
    }
    if !args.command.is_empty() {
        return wrap::run(config, args);
    }
    one(config, args)
}

/// Makes a write beyond `ulimit -f` fail with an error that can be reported:
/// by default SIGXFSZ ends the process without a word. By a handler, because
/// what is ignored a wrapped command would inherit.
#[cfg(unix)]
fn catch_size_limit() {
    let unread = std::sync::Arc::default();
    // Where it cannot be had, it is no worse than the default.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, unread);
}

#[cfg(not(unix))]
fn catch_size_limit() {}

/// One update and no more.
fn one(config: &Config, args: cli::Push) -> Result<Report> {
    let mut report = Report::of(View::Nothing);
    let durability = config.durability(args.sync);
    let pid = args.pid;
    let mut update = update_of(config, args)?;
    update.process = match pid {
        Some(pid) => Some(Box::new(ProcessIdentity::of(pid).ok_or_else(|| {
            CliError::error(format!("--pid: there is no process {pid} here"))
        })?)),
        None => process_of_variable(config, &mut report).map(Box::new),
    };
    record(config, &update, durability)?;
    Ok(report)
}

/// The update that the arguments say, without a process.
fn update_of(config: &Config, args: cli::Push) -> Result<Update> {
    // clap lets neither be missing.
    let (Some(session), Some(status)) = (args.session, args.status) else {
        return Err(CliError::error("push: SESSION and STATUS are required"));
    };
    let mut update = Update::new(&session, status, config.now()?);
    if let Some(message) = args.message.or(args.message_by_name) {
        // A message that is no UTF-8 is better pushed with its bad bytes
        // replaced than not at all.
        update.message = message.to_string_lossy().into_owned();
    }
    if let Some(progress) = args.progress.or(args.progress_positional) {
        update.progress = Some(progress);
    }
    update.task_id = args.task.or(args.task_positional);
    update.metadata = merge_metadata(args.metadata, args.meta)?;
    update.stale_after = args.expect;
    Ok(update)
}

/// Appends an update, in a directory that is made where it is missing.
pub fn record(config: &Config, update: &Update, durability: Durability) -> Result<()> {
    // What cannot be written must not leave a directory behind.
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

/// The process that `SSTAT_PID` names. A variable set long ago must not cost
/// an update: what is wrong with it is a warning.
pub fn process_of_variable(config: &Config, report: &mut Report) -> Option<ProcessIdentity> {
    let pid = config.pid_variable()?;
    let process = pid
        .to_str()
        .and_then(|pid| pid.parse().ok())
        .and_then(ProcessIdentity::of);
    if process.is_none() {
        report.warnings.push(format!(
            "SSTAT_PID: there is no process {}; recorded without it",
            sstat::escape_invalid_utf8(pid.as_encoded_bytes())
        ));
    }
    process
}

/// `--metadata` with the keys of `--meta` set in it, the last of a repeated
/// one. Values stay as they were written.
fn merge_metadata(
    metadata: Option<Box<RawValue>>,
    meta: Vec<(String, Box<RawValue>)>,
) -> Result<Option<Box<RawValue>>> {
    if meta.is_empty() {
        return Ok(metadata);
    }
    let fail = |error: serde_json::Error| CliError::error(format!("--metadata: {error}"));
    let mut pairs = match &metadata {
        Some(metadata) => metadata::pairs(metadata).map_err(fail)?,
        None => Vec::new(),
    };
    for (key, value) in meta {
        match pairs.iter_mut().find(|(other, _)| *other == key) {
            Some(pair) => pair.1 = value,
            None => pairs.push((key, value)),
        }
    }
    let mut json = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut json);
    serde::Serializer::collect_map(&mut serializer, pairs).map_err(fail)?;
    let json = String::from_utf8_lossy(&json).into_owned();
    RawValue::from_string(json).map(Some).map_err(fail)
}
