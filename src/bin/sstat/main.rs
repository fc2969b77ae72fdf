//! The `sstat` command: parse, dispatch, and turn what comes of it into an
//! exit code.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cli;
mod command;
mod config;
mod error;
mod history;
mod hook;
#[cfg(unix)]
mod job_control;
mod metadata;
mod output;
mod render;
mod select;
mod timeout;
mod tmux;
#[cfg(all(unix, feature = "tui"))]
mod tui;
mod view;
mod watch;

use std::ffi::OsString;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::process::ExitCode;

use clap::error::{ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use crate::cli::{Cli, Command, Deferred};
use crate::config::{Config, Stream};
use crate::error::{Result, exit_code};
use crate::render::style::{Role, Style};
use sstat::escape;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let (arguments, is_hook) = cli::arguments(std::env::args_os());
    let code = begin(arguments);
    // An agent takes a hook's exit code for an order.
    ExitCode::from(if is_hook { 0 } else { code })
}

fn begin(arguments: Vec<OsString>) -> u8 {
    if cli::lacks_command(&arguments) {
        let reason = "push: there is no command after '--'";
        output::print_diagnostic(&Style::PLAIN, reason, Role::Error);
        return exit_code::ERROR;
    }
    let mut cli = match parse(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let config = match Config::new(cli.take_common()) {
        Ok(config) => config,
        Err(failure) => {
            // That there is nowhere to record it stops no command.
            if let Command::Push(Deferred { args, .. }) = cli.command
                && !args.command.is_empty()
            {
                let report = command::push::wrap::run_without_status(args, &failure, &Style::PLAIN);
                return report.code;
            }
            output::print_diagnostic(&Style::PLAIN, &failure.message, Role::Error);
            return failure.code;
        }
    };
    run(&config, cli.command).unwrap_or_else(|failure| {
        output::print_diagnostic(&config.style(Stream::Err), &failure.message, Role::Error);
        failure.code
    })
}

/// What `clap::Parser::try_parse` does, but for taking the definitions and the
/// matches apart again: the process ends soon, and a push would spend a fifth
/// of its instructions on that.
fn parse(arguments: Vec<OsString>) -> std::result::Result<Cli, clap::Error> {
    let mut definitions = ManuallyDrop::new(Cli::command());
    let mut matches = ManuallyDrop::new(definitions.try_get_matches_from_mut(arguments)?);
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut definitions))
}

fn run(config: &Config, command: Command) -> Result<u8> {
    if config.verbose {
        let (path, origin) = (config.directory(), config.location.origin);
        let note = format!("directory: {path} ({origin})");
        output::print_diagnostic(&config.style(Stream::Err), &note, Role::Faint);
    }
    let report = match command {
        Command::Push(Deferred { args, .. }) => command::push::run(config, args)?,
        Command::Summary(Deferred { args, .. }) => command::summary::run(config, &args)?,
        Command::List(Deferred { args, .. }) => command::list::run(config, &args)?,
        Command::Show(Deferred { args, .. }) => command::show::run(config, &args)?,
        Command::History(Deferred { args, .. }) => return command::history::run(config, &args),
        Command::Stale(Deferred { args, .. }) => command::stale::run(config, &args)?,
        Command::Watch(Deferred { args, .. }) => return command::watch::run(config, &args),
    };
    output::print(config, report)
}

/// Help goes to stdout; what clap has to complain about becomes one line like
/// every other complaint, with its hints and without control characters.
fn usage(error: &clap::Error) -> u8 {
    let answer = match error.kind() {
        ErrorKind::DisplayHelp => Some(error.print()),
        // The verbs have no version of their own.
        ErrorKind::DisplayVersion => {
            let version = Cli::command().render_version();
            Some(std::io::stdout().write_all(version.as_bytes()))
        }
        _ => None,
    };
    if let Some(answer) = answer {
        let printed = answer.and_then(|()| std::io::stdout().flush());
        return match printed.or_else(output::unless_closed) {
            Ok(()) => 0,
            Err(failure) => {
                output::print_diagnostic(&Style::PLAIN, &failure.message, Role::Error);
                failure.code
            }
        };
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return exit_code::ERROR;
    }
    let mut text = error.render().to_string();
    // A value may hold newlines of its own.
    for (_, value) in error.context() {
        if let ContextValue::String(value) = value {
            text = text.replace(value.as_str(), &escape(value));
        }
    }
    let mut parts = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"))
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let mut message = parts
        .next()
        .map(|first| first.trim_start_matches("error: ").to_owned())
        .unwrap_or_default();
    for part in parts {
        message.push_str(if message.ends_with(':') { " " } else { "; " });
        message.push_str(part);
    }
    if matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument | ErrorKind::UnknownArgument
    ) {
        message.push_str("; see --help");
    }
    let _ = std::io::stdout().flush();
    output::print_diagnostic(&Style::PLAIN, &message, Role::Error);
    exit_code::ERROR
}
