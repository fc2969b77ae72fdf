//! `sstat push`: one update from the command line, many from stdin, the event of
//! an agent's hook, or the status of a command.

pub mod child;
mod hook;
mod record;
mod runs;
mod stdin;
pub mod wrap;

use std::time::Duration;

use chrono::SubsecRound;
use serde_json::value::RawValue;
use sstat::{Acknowledgement, HealthRules, JsonObject, Thresholds, Update};

use crate::cli;
use crate::command::show::find_one;
use crate::config::Config;
use crate::error::{CliError, Result};
use crate::select::{absent, resolve_name};
use crate::view::Report;

pub fn run(config: &Config, args: cli::Push) -> Result<Report> {
    if !args.command.is_empty() {
        return Ok(wrap::run(config, args));
    }
    catch_size_limit();
    if let Some(agent) = &args.hook {
        return hook::run(config, agent, &args);
    }
    if args.stdin {
        return stdin::run(config, &args);
    }
    if let Some(limit) = args.ack {
        return acknowledge(config, &args, limit);
    }
    push_one(config, args)
}

/// Makes a write beyond `ulimit -f` fail with an error that is reported. By
/// default SIGXFSZ kills the process silently.
#[cfg(unix)]
fn catch_size_limit() {
    // Without the handler the default applies.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
}

#[cfg(not(unix))]
fn catch_size_limit() {}

/// Acknowledges a session, at most for `limit`. A limit of zero withdraws it.
fn acknowledge(config: &Config, args: &cli::Push, limit: Option<Duration>) -> Result<Report> {
    let now = config.now()?;
    let until = match limit {
        None => Some(Acknowledgement::NextUpdate),
        Some(Duration::ZERO) => None,
        Some(limit) => Some(Acknowledgement::Until((now + limit).trunc_subsecs(0))),
    };
    let given = args.session.as_deref().unwrap_or_default();
    let mut given = sstat::escape_invalid_utf8(given.as_encoded_bytes());
    resolve_name(config, &mut given);
    let (store, name) = find_one(
        config,
        &given,
        &HealthRules::new(now, Thresholds::default()),
    )?;
    match store.acknowledge(name, until, config.durability(args.sync))? {
        true => Ok(Report::default()),
        false => Err(absent(config, &given)),
    }
}

fn push_one(config: &Config, args: cli::Push) -> Result<Report> {
    let mut report = Report::default();
    let durability = config.durability(args.sync);
    let pid = args.pid;
    let mut update = update_from(config, args)?;
    update.process = match pid {
        Some(pid) => record::process_with_id(pid, &mut report)?.map(Box::new),
        None => record::process_of_variable(config, &mut report).map(Box::new),
    };
    update.run = record::wrapper(config).map(|wrapper| wrapper.run_name());
    record::record(config, &update, durability)?;
    Ok(report)
}

/// Returns the update that the arguments describe, without a process.
fn update_from(config: &Config, args: cli::Push) -> Result<Update> {
    // clap requires both unless there is a command.
    let (Some(session), Some(status)) = (args.session, args.status) else {
        return Err(CliError::error("push: missing SESSION"));
    };
    let session = record::session_name(config, &session)?;
    let mut update = Update::new(&session, status, config.now()?);
    let is_positional = args.message.is_some();
    if let Some(message) = args.message.or(args.message_by_name) {
        // Replace invalid UTF-8 rather than lose the update.
        update.message = message.to_string_lossy().into_owned();
    }
    match args.progress.or(args.progress_positional) {
        None if is_positional && is_number(&update.message) => {
            let message = &update.message;
            let note = format!(
                "push: '{message}' is recorded as the message; PROGRESS is the next argument, or use -p"
            );
            record::note(config, &note);
        }
        None => {}
        progress => update.progress = progress,
    }
    update.task_id = args.task.or(args.task_positional);
    update.metadata = merge_metadata(args.metadata, args.meta)?;
    update.stale_after = args.expect;
    update.tmux = config.tmux_pane();
    Ok(update)
}

/// Returns whether a text is a number or a percentage.
fn is_number(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || ".,%".contains(c);
    text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_part)
}

/// Returns the metadata with the keys set, a repeated key to its last value.
/// Values keep the form in which they were written.
fn merge_metadata(
    metadata: Option<Box<RawValue>>,
    keys: Vec<(String, Box<RawValue>)>,
) -> Result<Option<Box<RawValue>>> {
    if keys.is_empty() {
        return Ok(metadata);
    }
    let fail = |error: serde_json::Error| CliError::error(format!("--metadata: {error}"));
    let mut object = match &metadata {
        Some(metadata) => JsonObject::parse(metadata.get()).map_err(fail)?,
        None => JsonObject::default(),
    }
    .without_repeated_keys();
    for (key, value) in keys {
        object.set(key, value);
    }
    let json = serde_json::value::to_raw_value(&object).map_err(fail)?;
    Ok(Some(json))
}
