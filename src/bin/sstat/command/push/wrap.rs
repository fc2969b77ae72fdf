//! `sstat push ... -- COMMAND`: a command whose status is kept for it. It is
//! `working` while it runs, then `completed` or `error`.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use sstat::{
    HealthRules, MAX_WRITTEN_BYTES, ProcessIdentity, Status, Thresholds, Update,
    escape_invalid_utf8, is_unprintable,
};

use crate::cli;
use crate::command::push::child::{self, Ending};
use crate::command::push::{self, merge_metadata, update_of};
use crate::config::{Config, Stream};
use crate::error::{CliError, Result, exit_code};
use crate::output::print_diagnostic;
use crate::render::style::{Role, Style};
use crate::view::{Report, View};

/// How much of a command line goes into the file.
const COMMAND_BYTES: usize = 4 * 1024;

/// What an update must leave free in its line for the process, and at the end
/// for how the command ended.
const RESERVED_BYTES: usize = 2 * 1024;

pub fn run(config: &Config, mut args: cli::Push) -> Result<Report> {
    let argv = std::mem::take(&mut args.command);
    let durability = config.durability(args.sync);
    let sstat_dir = directory_for_child(config);
    let mut update = update_of(config, args)?;
    // Whoever waits for that would be told before anything has run.
    if matches!(update.status, Status::Completed | Status::Error) {
        return Err(CliError::error(format!(
            "push: '{}' is how a command ends; push it as working",
            update.status
        )));
    }
    let room = room_for_command(&update)?;
    update.process = ProcessIdentity::of(std::process::id()).map(|mut process| {
        process.command = Some(words(&argv, room));
        Box::new(process)
    });

    let style = config.style(Stream::Err);
    let record = |update: &Update, consequence| {
        if let Err(failure) = push::record(config, update, durability) {
            print_diagnostic(&style, &format!("{failure}; {consequence}"), Role::Stale);
        }
    };
    record(&update, "the command runs without a status");
    let started = Instant::now();
    let ending = execute(&argv, &update.session, sstat_dir.as_deref(), &style);
    let took = started.elapsed();
    // From here on nothing may come between the command's end and ours.
    let unrecorded = "how the command ended is not recorded";
    match closing_update(config, update, &ending, took) {
        Ok(last) => record(&last, unrecorded),
        Err(failure) => print_diagnostic(&style, &format!("{failure}; {unrecorded}"), Role::Stale),
    }
    Ok(end(ending))
}

/// Runs the command where no status can be kept at all, and says why.
pub fn run_without_status(args: cli::Push, why: &CliError, style: &Style) -> Report {
    let message = format!("{why}; the command runs without a status");
    print_diagnostic(style, &message, Role::Stale);
    let session = args.session.map(|name| name.to_string());
    end(execute(
        &args.command,
        &session.unwrap_or_default(),
        None,
        style,
    ))
}

fn end(ending: Ending) -> Report {
    if let Ending::Killed { with_us: true, .. } = ending {
        child::interrupt_self();
    }
    Report {
        code: exit_code(&ending),
        ..Report::of(View::Nothing)
    }
}

fn execute(argv: &[OsString], session: &str, sstat_dir: Option<&Path>, style: &Style) -> Ending {
    let Some((program, arguments)) = argv.split_first() else {
        return Ending::NotStarted(io::ErrorKind::NotFound);
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("SSTAT_SESSION", session)
        .env("SSTAT_PID", std::process::id().to_string());
    if let Some(directory) = sstat_dir {
        command.env("SSTAT_DIR", directory);
    }
    child::run(&mut command).unwrap_or_else(|source| {
        let kind = source.kind();
        let error = sstat::Error::Io {
            action: "run",
            path: program.into(),
            source,
        };
        print_diagnostic(style, &format!("{error:#}"), Role::Error);
        Ending::NotStarted(kind)
    })
}

/// Our directory is that of the command's own pushes too, wherever the command
/// goes.
fn directory_for_child(config: &Config) -> Option<PathBuf> {
    std::path::absolute(config.location.store.path()).ok()
}

/// What the command line may take of the line. That a message is too long must
/// be said before anything runs, not when it has ended.
fn room_for_command(update: &Update) -> Result<usize> {
    let length = update.encode()?.len();
    match MAX_WRITTEN_BYTES.checked_sub(RESERVED_BYTES + length) {
        Some(room) => Ok(room.min(COMMAND_BYTES)),
        None => Err(CliError::error(format!(
            "update: {length} bytes leave no room for the command's end in the {MAX_WRITTEN_BYTES} of a line; shorten the message or the metadata"
        ))),
    }
}

/// A command line as far as it fits in so many bytes of JSON: a word that does
/// not is cut, and those behind it are left out.
fn words(argv: &[OsString], mut room: usize) -> Vec<String> {
    let mut words = Vec::new();
    for word in argv {
        let word = escape_invalid_utf8(word.as_encoded_bytes());
        let mut left = room.saturating_sub("\"…\",".len());
        let fits = word.char_indices().find_map(|(at, c)| {
            let length = match c {
                '"' | '\\' => 2,
                c if is_unprintable(c) => 6 * c.len_utf16(),
                c => c.len_utf8(),
            };
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return Some(at),
            }
            None
        });
        if let Some(cut) = fits {
            words.push(format!("{}…", &word[..cut]));
            break;
        }
        room = left;
        words.push(word);
    }
    words
}

/// The update that says how the command ended, after its own last word.
fn closing_update(
    config: &Config,
    first: Update,
    ending: &Ending,
    took: Duration,
) -> Result<Update> {
    // What the command said itself may leave no room for how it ended.
    match last_word(config, &first, ending)?.map(|own| last_update(config, own, ending, took)) {
        Some(Ok(last)) if last.encode().is_ok() => Ok(last),
        _ => last_update(config, first, ending, took),
    }
}

/// What the command last said of the session itself, which is what its end
/// carries on: its own reason for an error says more than the exit code alone.
/// A step on the way is not what a completed command has to say.
fn last_word(config: &Config, first: &Update, ending: &Ending) -> Result<Option<Update>> {
    let rules = HealthRules::new(config.now()?, Thresholds::default());
    let store = &config.location.store;
    let (Ok((Some(session), _)), Some(us)) =
        (store.session(&first.session, &rules), &first.process)
    else {
        return Ok(None);
    };
    let own = session.update;
    let is_ours = own.process.as_ref().is_some_and(|process| {
        (process.pid, process.start_time, &process.boot_id) == (us.pid, us.start_time, &us.boot_id)
    });
    let succeeded = matches!(ending, Ending::Exited(0));
    Ok(is_ours.then(|| Update {
        task_id: own.task_id.or_else(|| first.task_id.clone()),
        metadata: own.metadata.or_else(|| first.metadata.clone()),
        message: if own.message.is_empty() || (succeeded && own.status != Status::Completed) {
            first.message.clone()
        } else {
            own.message
        },
        ..own
    }))
}

/// The update that says how it ended: no process stands behind it, and no
/// silence is announced.
fn last_update(config: &Config, first: Update, ending: &Ending, took: Duration) -> Result<Update> {
    let status = match ending {
        Ending::Exited(0) => Status::Completed,
        _ => Status::Error,
    };
    let json = |text: String| {
        RawValue::from_string(text).map_err(|error| CliError::error(error.to_string()))
    };
    let mut metadata = Vec::new();
    if let Ending::Killed { signal, .. } = ending {
        let name = child::signal_name(*signal);
        metadata.push(("signal".to_owned(), json(format!("\"{name}\""))?));
    } else {
        metadata.push(("exit_code".to_owned(), json(exit_code(ending).to_string())?));
    }
    let seconds = json(format!("{:.3}", took.as_secs_f64()))?;
    metadata.push(("duration_seconds".to_owned(), seconds));
    Ok(Update {
        timestamp: config.now()?,
        progress: match status {
            Status::Completed => Some(1.0),
            _ => first.progress,
        },
        message: match failure_of(ending) {
            None => first.message,
            Some(failure) if first.message.is_empty() => failure,
            Some(failure) => format!("{}: {failure}", first.message),
        },
        metadata: merge_metadata(first.metadata, metadata)?,
        stale_after: None,
        process: None,
        status,
        ..first
    })
}

/// What went wrong, in the words of a shell.
fn failure_of(ending: &Ending) -> Option<String> {
    match ending {
        Ending::Exited(0) => None,
        Ending::Exited(code) => Some(format!("exit code {code}")),
        Ending::Killed { signal, .. } => Some(format!("killed by {}", child::signal_name(*signal))),
        Ending::NotStarted(io::ErrorKind::NotFound) => Some("command not found".to_owned()),
        Ending::NotStarted(_) => Some("the command cannot be run".to_owned()),
    }
}

fn exit_code(ending: &Ending) -> u8 {
    match ending {
        Ending::Exited(code) => *code,
        Ending::Killed { signal, .. } => {
            128u8.saturating_add(u8::try_from(*signal).unwrap_or(u8::MAX))
        }
        Ending::NotStarted(io::ErrorKind::NotFound) => exit_code::NOT_FOUND,
        Ending::NotStarted(_) => exit_code::NOT_EXECUTABLE,
    }
}
