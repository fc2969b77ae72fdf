//! `sstat push ... -- COMMAND`: runs a command and records its status: `working`
//! while it runs, then `completed` or `error`.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::value::RawValue;
use sstat::{
    JsonObject, MAX_WRITTEN_BYTES, ProcessIdentity, Status, Update, escape_invalid_utf8, truncate,
};

use crate::cli;
use crate::command::push::child::{self, Ending, Signals};
use crate::command::push::record::record;
use crate::command::push::{merge_metadata, runs, update_from};
use crate::config::{Config, Stream};
use crate::error::{CliError, Result, exit_code};
use crate::hook::secrets;
use crate::output::print_diagnostic;
use crate::render::style::{Role, Style};
use crate::view::Report;

/// Most bytes of the command line that are recorded.
const COMMAND_BYTES: usize = 1024;

/// Bytes of a line that are reserved for the command line, which can be six times
/// as long in JSON, and for the rest.
const RESERVED_BYTES: usize = 8 * 1024;

pub fn run(config: &Config, mut args: cli::Push) -> Report {
    let signals = Signals::block();
    let argv = std::mem::take(&mut args.command);
    let session = args.session.clone().unwrap_or_default();
    let durability = config.durability(args.sync);
    let tail = args.tail;
    let style = config.style(Stream::Err);
    let warn = |reason: &dyn Display, consequence| {
        print_diagnostic(&style, &format!("{reason}; {consequence}"), Role::Stale);
    };
    let is_open = matches!(
        args.status,
        Some(Status::Idle | Status::Working | Status::Blocked)
    );
    if args.session.is_some() && !is_open {
        let reason = match &args.status {
            // A reader that waits for this status would be notified before the
            // command has run.
            Some(status) => format!("push: '{status}' is recorded when the command ends"),
            None => "push: missing STATUS".to_owned(),
        };
        warn(&reason, "recorded as 'working'");
        args.status = Some(Status::Working);
    }
    let mut update = match update_from(config, args) {
        Ok(update) => update,
        Err(reason) => return run_without_status(&argv, session, &reason, &signals, &style),
    };
    if let Err(reason) = check_room(&update) {
        warn(&reason, "recorded without message and metadata");
        update.message.clear();
        update.metadata = None;
    }
    update.process = ProcessIdentity::of(std::process::id()).map(|mut process| {
        process.command = Some(words(&argv));
        Box::new(process)
    });
    update.run = update.process.as_ref().map(|process| process.run_name());
    if update.process.is_none() && !config.quiet {
        let reason = "push: this system does not show the processes that run";
        warn(
            &reason,
            "the session goes stale while the command is silent",
        );
    }
    let others = runs::last_updates(config, &update.session);
    let mut wrappers = others.iter().rev().filter_map(runs::open_wrapper);
    if let Some(pid) = wrappers.next().filter(|_| !config.quiet) {
        let reason = format!(
            "{}: process {pid} still runs a command of this session",
            update.session
        );
        warn(&reason, "both record their status here");
    }
    if let Err(failure) = record(config, &update, durability) {
        warn(&failure, RUNS_WITHOUT_STATUS);
    }
    let mut variables = vec![
        ("SSTAT_DIR", config.directories.first().store.path().into()),
        ("SSTAT_SESSION", OsString::from(&update.session)),
    ];
    variables.extend(update.run.clone().map(|run| ("SSTAT_RUN", run.into())));
    let started = Instant::now();
    let (ending, stderr) = execute(&argv, &signals, variables, tail.is_some(), &style);
    // From here on, sstat must end as the command ended.
    let took = started.elapsed();
    let recorded = runs::record_end(config, &update, durability, |own| {
        let last = closing_update(config, &update, own, &ending, took)?;
        with_tail(last, &stderr, tail.unwrap_or_default())
    });
    if let Err(failure) = recorded {
        warn(&failure, "the end of the command is not recorded");
    }
    end(&ending)
}

const RUNS_WITHOUT_STATUS: &str = "the command runs without a status";

/// Runs the command without recording a status, and prints the reason.
pub fn run_without_status(
    argv: &[OsString],
    session: OsString,
    reason: &CliError,
    signals: &Signals,
    style: &Style,
) -> Report {
    let message = format!("{reason}; {RUNS_WITHOUT_STATUS}");
    print_diagnostic(style, &message, Role::Stale);
    let variables = vec![("SSTAT_SESSION", session)];
    end(&execute(argv, signals, variables, false, style).0)
}

/// Ends as the command ended: does not return if a signal killed it.
fn end(ending: &Ending) -> Report {
    #[cfg(unix)]
    if let Ending::Killed(signal) = ending {
        child::die_by(*signal);
    }
    #[cfg(windows)]
    if let Ending::Exited(code) = ending {
        child::exit(*code);
    }
    Report {
        code: exit_code(ending),
        ..Report::default()
    }
}

/// Runs the command. Returns the end of its stderr too, if that is piped.
fn execute(
    argv: &[OsString],
    signals: &Signals,
    variables: Vec<(&str, OsString)>,
    pipes_stderr: bool,
    style: &Style,
) -> (Ending, Vec<u8>) {
    let run = |mut command: Command| {
        command
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("SSTAT_PID", std::process::id().to_string());
        let ended = child::run(&mut command, signals, pipes_stderr);
        #[cfg(unix)]
        if let Err(error) = &ended
            && child::is_limit(error)
        {
            let warning = format!(
                "push: cannot start another process: {error}; the command takes the place of sstat, so its end is not recorded"
            );
            print_diagnostic(style, &warning, Role::Stale);
            return Err(child::exec(&mut command, signals));
        }
        ended
    };
    let ended = run_or_interpret(argv, run);
    ended.unwrap_or_else(|error| (not_started(argv, error, style), Vec::new()))
}

/// Replaces this process, a launcher, by the command of its wrapper. Returns the exit code
/// if that fails.
#[cfg(unix)]
pub fn launch(arguments: &[OsString]) -> u8 {
    use std::os::unix::process::CommandExt;
    let argv = child::await_wrapper(arguments).unwrap_or_default();
    let ended = run_or_interpret(argv, |mut command| Err::<Ending, _>(command.exec()));
    exit_code(&ended.unwrap_or_else(|error| not_started(argv, error, &Style::PLAIN)))
}

/// Runs a command. A script without `#!` runs with /bin/sh, as from a shell.
fn run_or_interpret<T>(argv: &[OsString], run: impl Fn(Command) -> io::Result<T>) -> io::Result<T> {
    /// The error of exec(2) for a file in an unknown format.
    const ENOEXEC: i32 = 8;
    let Some((program, arguments)) = argv.split_first() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let mut command = child::command(program);
    command.args(arguments);
    match run(command) {
        Err(error) if cfg!(unix) && error.raw_os_error() == Some(ENOEXEC) => {
            let mut shell = child::command("/bin/sh".as_ref());
            shell.args(["-c", "exec \"$0\" \"$@\""]).args(argv);
            run(shell)
        }
        ended => ended,
    }
}

/// Prints why the command cannot be run.
fn not_started(argv: &[OsString], source: io::Error, style: &Style) -> Ending {
    let kind = source.kind();
    let program = argv.first().filter(|program| !program.is_empty());
    let program = program.cloned().unwrap_or_else(|| "''".into());
    let hint =
        match kind == io::ErrorKind::NotFound && argv.len() == 1 && is_shell_command(&program) {
            true => "; to run a shell command, use: sh -c 'COMMAND'",
            false => "",
        };
    let error = sstat::Error::Io {
        action: "run",
        path: program.into(),
        source,
    };
    print_diagnostic(style, &format!("{error:#}{hint}"), Role::Error);
    Ending::NotStarted(kind)
}

fn is_shell_command(program: &OsStr) -> bool {
    program
        .to_string_lossy()
        .contains(|c: char| c.is_whitespace() || ";&|<>$`".contains(c))
}

/// Checks that a line has room for the command line, and in the end for the exit
/// code and the duration.
fn check_room(update: &Update) -> Result<()> {
    let length = update.encode()?.len();
    if length + RESERVED_BYTES <= MAX_WRITTEN_BYTES {
        return Ok(());
    }
    Err(CliError::error(format!(
        "update: {length} bytes leave no room in a line of {MAX_WRITTEN_BYTES} bytes for the end of the command"
    )))
}

/// Returns the words of a command line up to [`COMMAND_BYTES`]. The first word that
/// exceeds them is truncated, the others are dropped.
fn words(argv: &[OsString]) -> Vec<String> {
    let mut room = COMMAND_BYTES;
    let mut words = Vec::new();
    for word in argv {
        let word = escape_invalid_utf8(word.as_encoded_bytes());
        if word.len() > room {
            words.push(format!("{}…", truncate(&word, room)));
            break;
        }
        // Many empty words fill a line too.
        room = room.saturating_sub(word.len() + 1);
        words.push(word);
    }
    words
}

/// Returns the final update. It continues the last update of the command itself,
/// unless that leaves no room for how the command ended.
fn closing_update(
    config: &Config,
    first: &Update,
    own: Option<Update>,
    ending: &Ending,
    took: Duration,
) -> Result<Update> {
    let own = own.map(|own| own_update(own, first, ending));
    match own.map(|own| final_update(config, own, ending, took)) {
        Some(Ok(last)) if last.encode().is_ok() => Ok(last),
        _ => final_update(config, first.clone(), ending, took),
    }
}

/// Adds the last lines of stderr to the update of a failure, if they fit.
fn with_tail(update: Update, stderr: &[u8], lines: usize) -> Result<Update> {
    let text = secrets::mask(&child::last_lines(stderr, lines));
    if text.is_empty() || update.status != Status::Error {
        return Ok(update);
    }
    let mut with_tail = update.clone();
    let tail = vec![("stderr_tail".to_owned(), raw(&text)?)];
    with_tail.metadata = merge_metadata(with_tail.metadata, tail)?;
    Ok(match with_tail.encode() {
        Ok(_) => with_tail,
        Err(_) => update,
    })
}

fn raw(value: &impl Serialize) -> Result<Box<RawValue>> {
    let raw = serde_json::value::to_raw_value(value);
    raw.map_err(|error| CliError::error(error.to_string()))
}

/// Returns the last update of the run with what it lacks from the first one. Its
/// reason for an error says more than the exit code. A completed command keeps
/// the first message, unless its own update says `completed` too.
fn own_update(mut own: Update, first: &Update, ending: &Ending) -> Update {
    own.run.clone_from(&first.run);
    if own.wrapper.take().is_some() {
        own.metadata = own
            .metadata
            .and_then(|metadata| without_requests(&metadata));
    }
    let succeeded = matches!(ending, Ending::Exited(0));
    own.task_id = own.task_id.or_else(|| first.task_id.clone());
    own.metadata = own.metadata.or_else(|| first.metadata.clone());
    if own.message.is_empty() || (succeeded && own.status != Status::Completed) {
        own.message.clone_from(&first.message);
    }
    own
}

/// Returns the metadata of an agent without what it was waiting for.
fn without_requests(metadata: &RawValue) -> Option<Box<RawValue>> {
    const REQUESTS: [&str; 3] = ["waiting_for", "requests", "behind"];
    let object = JsonObject::parse(metadata.get()).ok()?;
    let entries = object.into_entries().into_iter();
    let kept = entries.filter(|(key, _)| !REQUESTS.contains(&&**key));
    merge_metadata(None, kept.collect()).ok()?
}

/// Returns an update that says how the command ended, without a process and
/// without an expected next update.
fn final_update(
    config: &Config,
    mut update: Update,
    ending: &Ending,
    took: Duration,
) -> Result<Update> {
    let (key, value) = match ending {
        Ending::Exited(code) => ("exit_code", raw(code)?),
        Ending::Killed(signal) => ("signal", raw(&child::signal_name(*signal))?),
        Ending::NotStarted(_) => ("exit_code", raw(&exit_code(ending))?),
    };
    let seconds = raw(&(took.as_millis() as f64 / 1000.0))?;
    let metadata = [(key, value), ("duration_seconds", seconds)];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value)).into();
    update.timestamp = config.now()?;
    update.metadata = merge_metadata(update.metadata, metadata)?;
    update.stale_after = None;
    update.process = None;
    match describe_failure(ending) {
        None => {
            update.status = Status::Completed;
            update.progress = Some(1.0);
        }
        Some(failure) => {
            update.status = Status::Error;
            update.message = match &*update.message {
                "" => failure,
                message => format!("{message}: {failure}"),
            };
        }
    }
    Ok(update)
}

/// The exit code of a program on Windows that Ctrl-C has ended.
const CONTROL_C_EXIT: i32 = 0xC000_013A_u32.cast_signed();

/// Describes a failure as a shell does.
fn describe_failure(ending: &Ending) -> Option<String> {
    match ending {
        Ending::Exited(0) => None,
        Ending::Exited(CONTROL_C_EXIT) => Some("interrupted by Ctrl-C".to_owned()),
        Ending::Exited(code) => Some(format!("exit code {code}")),
        Ending::Killed(signal) => Some(format!("killed by {}", child::signal_name(*signal))),
        Ending::NotStarted(io::ErrorKind::NotFound) => Some("command not found".to_owned()),
        Ending::NotStarted(_) => Some("the command cannot be run".to_owned()),
    }
}

fn exit_code(ending: &Ending) -> u8 {
    match ending {
        Ending::Exited(code) => *code as u8,
        Ending::Killed(signal) => 128u8.saturating_add(u8::try_from(*signal).unwrap_or(u8::MAX)),
        Ending::NotStarted(io::ErrorKind::NotFound) => exit_code::NOT_FOUND,
        Ending::NotStarted(_) => exit_code::NOT_EXECUTABLE,
    }
}
