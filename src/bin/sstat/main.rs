//! The `sstat` command: parses the arguments, runs the verb and returns the exit
//! code.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cli;
mod command;
mod config;
mod directories;
mod error;
mod hook;
#[cfg(unix)]
mod job_control;
mod output;
mod render;
mod select;
mod timeout;
mod tmux;
#[cfg(feature = "tui")]
mod tui;
mod view;
mod watch;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::{Cli, Command, Deferred};
use crate::command::push::child;
use crate::config::{Config, Stream};
use crate::error::{CliError, Result, exit_code};
use crate::render::style::{Role, Style};
use sstat::{Location, escape};

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    #[cfg(unix)]
    match arguments.first() {
        Some(name) if name == child::WITNESS => {
            return child::run_witness().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
        }
        Some(name) if name == child::LAUNCHER => {
            return ExitCode::from(command::push::wrap::launch(&arguments));
        }
        _ => {}
    }
    let (code, is_hook) = match cli::parse(&arguments) {
        Ok(cli) => {
            let is_hook = matches!(&cli.command, Command::Push(push) if push.args.hook.is_some());
            (run(cli, &arguments), is_hook)
        }
        Err(error) => match cli::parse_valid_part(&arguments) {
            Some((cli, errors)) => {
                for error in errors {
                    let warning = format!("{}; ignored", usage_message(&error));
                    output::print_diagnostic(&Style::PLAIN, &warning, Role::Stale);
                }
                (run(cli, &arguments), false)
            }
            None => (print_usage(&error), cli::has_hook_option(&arguments)),
        },
    };
    // An agent interprets the exit code of a hook as a decision.
    ExitCode::from(if is_hook { 0 } else { code })
}

fn run(mut cli: Cli, arguments: &[OsString]) -> u8 {
    let common = cli.take_common();
    let push = match &cli.command {
        Command::Push(Deferred { args, .. }) => Some(args),
        _ => None,
    };
    if push.is_some() && cli::lacks_command(arguments) {
        return fail(&CliError::error("push: missing command after '--'"));
    }
    // Only sessions that exist are acknowledged, in any directory.
    let push = push.filter(|push| push.ack.is_none());
    let config = match Config::new(common, push) {
        Ok(config) => config,
        Err(error) => {
            return match cli.command {
                // A command runs even if its status cannot be recorded.
                Command::Push(Deferred { args, .. }) if !args.command.is_empty() => {
                    let session = args.session.unwrap_or_default();
                    let (argv, style) = (&args.command, &Style::PLAIN);
                    let signals = child::Signals::block();
                    command::push::wrap::run_without_status(argv, session, &error, &signals, style)
                        .code
                }
                _ => fail(&error),
            };
        }
    };
    run_verb(&config, cli.command).unwrap_or_else(|error| {
        output::print_diagnostic(&config.style(Stream::Err), &error.message, Role::Error);
        error.code
    })
}

fn run_verb(config: &Config, mut command: Command) -> Result<u8> {
    if config.verbose {
        for Location { store, origin, .. } in config.directories.iter() {
            let note = format!("directory: {} ({origin})", store.directory());
            output::print_diagnostic(&config.style(Stream::Err), &note, Role::Faint);
        }
    }
    for name in command.names_mut() {
        select::resolve_name(config, name);
    }
    match command {
        Command::Push(Deferred { args, .. }) => {
            let report = command::push::run(config, args)?;
            Ok(output::print_report(config, &report))
        }
        Command::Summary(Deferred { args, .. }) => command::summary::run(config, &args),
        Command::List(Deferred { args, .. }) => command::list::run(config, &args),
        Command::Show(Deferred { args, .. }) => command::show::run(config, &args),
        Command::History(Deferred { args, .. }) => command::history::run(config, &args),
        Command::Stale(Deferred { args, .. }) => command::stale::run(config, &args),
        Command::Watch(Deferred { args, .. }) => command::watch::run(config, &args),
    }
}

/// Prints an error without colors and returns its exit code.
fn fail(error: &CliError) -> u8 {
    output::print_diagnostic(&Style::PLAIN, &error.message, Role::Error);
    error.code
}

/// Prints help and version, on stderr if arguments are missing, and a usage error in one
/// line on stderr. Returns the exit code.
fn print_usage(error: &clap::Error) -> u8 {
    let help = [
        ErrorKind::DisplayHelp,
        ErrorKind::DisplayVersion,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    if !help.contains(&error.kind()) {
        return fail(&CliError::error(usage_message(error)));
    }
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    match printed.or_else(output::unless_closed) {
        Ok(()) if error.use_stderr() => exit_code::ERROR,
        Ok(()) => 0,
        Err(error) => fail(&error),
    }
}

/// Returns the text of a usage error with its tips, in one line.
fn usage_message(error: &clap::Error) -> String {
    let mut text = error.render().to_string();
    // Values may contain newlines.
    for (_, value) in error.context() {
        if let ContextValue::String(value) = value {
            text = text.replace(value.as_str(), &escape(value));
        }
    }
    // The usage shows how many arguments a verb takes.
    let word = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    let is_surplus = error.kind() == ErrorKind::UnknownArgument
        && word.is_some_and(|word| !word.starts_with('-'));
    let mut message = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(usage) = line.strip_prefix("Usage: ") {
            if is_surplus {
                message.push_str(&format!("; usage: {usage}"));
            }
            break;
        }
        if line.starts_with("For more information") {
            break;
        }
        // This tip of clap would turn a message into a command to run.
        if line.is_empty() || line.contains("as a value, use '-- ") {
            continue;
        }
        if !message.is_empty() {
            message.push_str(if message.ends_with(':') { " " } else { "; " });
        }
        message.push_str(line.trim_start_matches("error: "));
    }
    if matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::UnknownArgument
            | ErrorKind::InvalidSubcommand
    ) {
        message.push_str("; see --help");
    }
    message
}
