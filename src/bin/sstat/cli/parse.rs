//! Parsing of the command line.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Error, Parser};

use super::{Cli, Command, value};

/// Parses the command line, the program's name included.
///
/// MESSAGE of `push` may begin with a hyphen, as in `"--- FAIL: TestX"` or
/// `"-5%"`. clap could allow that for the positional, but would then also take
/// `-p0.5` for a message. So a word is tried as MESSAGE if it is prose, or if
/// clap rejects it as an option.
///
/// # Errors
/// The error of clap.
pub fn parse(arguments: &[OsString]) -> Result<Cli, Error> {
    let own = &arguments[..separator(arguments).unwrap_or(arguments.len())];
    let hyphened = own
        .iter()
        .enumerate()
        .filter(|(_, word)| word.as_encoded_bytes().starts_with(b"-"));
    for (at, _) in hyphened.clone().filter(|(_, word)| is_prose(word)) {
        if let Ok(Some(cli)) = parse_with_message(arguments, at) {
            return Ok(cli);
        }
    }
    let error = match Cli::try_parse_from(arguments) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    if can_be_message(&error, own) {
        for (at, _) in hyphened {
            match parse_with_message(arguments, at) {
                Ok(Some(cli)) => return Ok(cli),
                Err(other) if is_behind_message(&other) => return Err(other),
                _ => {}
            }
        }
    }
    Err(with_tip(error, own))
}

/// Returns the error of a `push` with a tip for `--ack 2h`, `--tail 5` and `--status idle`.
fn with_tip(mut error: Error, own: &[OsString]) -> Error {
    let is_split = |words: &&[OsString]| {
        let value = words[1].to_string_lossy();
        (words[0] == "--ack" && value::duration(&value).is_ok())
            || (words[0] == "--tail" && value::count(&value).is_ok())
    };
    let argument = context(&error, ContextKind::InvalidArg);
    let tip = if let Some(words) = own.windows(2).find(is_split) {
        let [option, value] = [0, 1].map(|at| words[at].display());
        format!("the value needs '=': {option}={value}")
    } else if argument.as_deref() == Some("--status") && own.iter().any(|word| word == "push") {
        "STATUS follows SESSION without an option".to_owned()
    } else {
        return error;
    };
    // clap would suggest `--status-dir`.
    error.remove(ContextKind::SuggestedArg);
    let tip = ContextValue::StyledStrs(vec![tip.into()]);
    error.insert(ContextKind::Suggested, tip);
    error
}

fn context(error: &Error, kind: ContextKind) -> Option<String> {
    error.get(kind).map(ToString::to_string)
}

/// Returns whether a word is a text rather than an option with its value: the
/// text may be `-test failed`, the value `-mkey=two words`.
fn is_prose(word: &OsStr) -> bool {
    let word = word.to_string_lossy();
    word.split_once(char::is_whitespace)
        .is_some_and(|(first, _)| !first.contains('='))
}

/// Parses the command line with one word as MESSAGE. Returns `None` if the word
/// is the value of an option or another argument.
fn parse_with_message(arguments: &[OsString], at: usize) -> Result<Option<Cli>, Error> {
    let mut arguments = arguments.to_vec();
    let word = std::mem::replace(&mut arguments[at], PLACEHOLDER.into());
    let mut cli = Cli::try_parse_from(arguments)?;
    if let Command::Push(push) = &mut cli.command
        && let Some(message) = &mut push.args.message
        && message == PLACEHOLDER
    {
        *message = word;
        return Ok(Some(cli));
    }
    Ok(None)
}

/// Returns whether an error is about a value behind MESSAGE. A word in front of STATUS
/// is not a message.
fn is_behind_message(error: &Error) -> bool {
    error.kind() == ErrorKind::ValueValidation
        && context(error, ContextKind::InvalidArg).as_deref() != Some("[STATUS]")
        && context(error, ContextKind::InvalidValue).as_deref() != Some(PLACEHOLDER)
}

const PLACEHOLDER: &str = "<MESSAGE>";

/// Returns whether a word that clap rejects can be a message. A misspelled option
/// such as `--progess` cannot.
fn can_be_message(error: &Error, own: &[OsString]) -> bool {
    let has_flag = |flags: &[&str]| own.iter().any(|word| flags.iter().any(|flag| word == flag));
    match error.kind() {
        ErrorKind::UnknownArgument => {
            error.get(ContextKind::SuggestedArg).is_none()
                || context(error, ContextKind::InvalidArg)
                    .is_some_and(|word| word.contains(char::is_whitespace))
        }
        // `-hot` begins with the short option for help.
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            !has_flag(&["-h", "--help", "-V", "--version"])
        }
        _ => false,
    }
}

/// Returns whether the command line ends with the `--` in front of a command, as
/// `-- $COMMAND` does if the variable is empty.
pub fn lacks_command(arguments: &[OsString]) -> bool {
    separator(arguments).is_some_and(|at| at + 1 == arguments.len())
}

/// Returns the index of the `--` in front of a wrapped command.
fn separator(arguments: &[OsString]) -> Option<usize> {
    let mut units = units(arguments, |word| word == "--message");
    units.find(|(_, unit)| unit[0] == "--").map(|(at, _)| at)
}

/// Parses the valid part of a `push ... -- COMMAND` that clap rejects, because the
/// command must run. Returns the error of each dropped argument too, or `None` if
/// there is no command to run.
pub fn parse_valid_part(arguments: &[OsString]) -> Option<(Cli, Vec<Error>)> {
    let (own, command) = arguments.split_at_checked(separator(arguments)?)?;
    let mut kept = vec!["sstat".into(), "push".into()];
    let mut errors = Vec::new();
    let mut positionals = 0;
    let mut is_task = false;
    for unit in units_of_push(own)? {
        let mut unit = unit.to_vec();
        let is_positional = is_positional(&unit);
        if is_positional {
            positionals += 1;
            if std::mem::take(&mut is_task) {
                unit.insert(0, "--task".into());
            }
        }
        match parse(&[&kept, &unit, command].concat()) {
            Ok(_) => kept.extend(unit),
            Err(error) if !error.use_stderr() => return None,
            Err(error) => {
                errors.push(error);
                // The next positional must not take the place of this one.
                match (is_positional, positionals) {
                    (true, 2) => kept.push("working".into()),
                    (true, 4) => is_task = true,
                    _ => {}
                }
            }
        }
    }
    let cli = parse(&[&kept, command].concat()).ok()?;
    Some((cli, errors))
}

/// Returns whether a command line that clap rejects is a `push` with the option
/// `--hook`, valid or not: an agent must not see the exit code of a hook that is
/// set up wrongly. After SESSION and STATUS, `--hook` is a misplaced message.
pub fn has_hook_option(arguments: &[OsString]) -> bool {
    let own = &arguments[..separator(arguments).unwrap_or(arguments.len())];
    let is_hook = |unit: &[OsString]| {
        unit[0] == "--hook" || unit[0].as_encoded_bytes().starts_with(b"--hook=")
    };
    let mut positionals = 0;
    let units = units_of_push(own).unwrap_or_default().into_iter();
    let mut in_front = units.take_while(|unit| {
        positionals += usize::from(is_positional(unit));
        positionals < 2
    });
    in_front.any(is_hook)
}

/// Returns the positionals of a `push`, and its options with their values.
fn units_of_push(own: &[OsString]) -> Option<Vec<&[OsString]>> {
    let mut definitions = Cli::command();
    definitions.build();
    let push = definitions.find_subcommand("push")?;
    let takes_value = |word: &OsStr| {
        let Some(word) = word.to_str() else {
            return false;
        };
        push.get_arguments().any(|argument| {
            let long = argument.get_long().into_iter();
            let mut longs = long.chain(argument.get_all_aliases().unwrap_or_default());
            let short = argument.get_short().map(|short| format!("-{short}"));
            argument.get_action().takes_values()
                && !argument.is_require_equals_set()
                && (longs.any(|long| word.strip_prefix("--") == Some(long))
                    || short.is_some_and(|short| short == word))
        })
    };
    let units = units(own, takes_value).map(|(_, unit)| unit);
    let mut units: Vec<_> = units.skip(1).collect();
    let verb = units.iter().position(|unit| is_positional(unit))?;
    (units.remove(verb)[0] == "push").then_some(units)
}

fn is_positional(unit: &[OsString]) -> bool {
    !unit[0].as_encoded_bytes().starts_with(b"-")
}

/// Returns the arguments with their indices, together with the next one after each
/// that `takes_value`.
fn units(
    arguments: &[OsString],
    takes_value: impl Fn(&OsStr) -> bool,
) -> impl Iterator<Item = (usize, &[OsString])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let length = 1 + usize::from(takes_value(arguments.get(start)?));
        at = arguments.len().min(start + length);
        Some((start, &arguments[start..at]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(line: &str) -> Vec<OsString> {
        line.split(' ').map(Into::into).collect()
    }

    #[test]
    fn message_may_begin_with_a_hyphen() {
        for (line, message) in [
            ("sstat push w working -5% 0.5", "-5%"),
            ("sstat push w working -p0.5 -5%", "-5%"),
            ("sstat push -p 0.5 w working -5%", "-5%"),
            ("sstat push -p0.5 w working -- true", ""),
            ("sstat push w working -hot -- tool -hot", "-hot"),
            (
                "sstat push w working --nothing-like-it",
                "--nothing-like-it",
            ),
            ("sstat push w working ---", "---"),
        ] {
            let Command::Push(push) = parse(&words_of(line)).unwrap().command else {
                panic!("{line}")
            };
            assert_eq!(push.args.message.unwrap_or_default(), message, "{line}");
        }
        for line in [
            "sstat push w working --progess",
            "sstat push w working -5% 50",
            "sstat push w working -h",
            "sstat list -5%",
        ] {
            assert!(parse(&words_of(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn prose_is_a_message_and_a_value_with_a_space_is_not() {
        for (words, message) in [
            (&["-test failed"][..], "-test failed"),
            (&["-p is broken", "0.5"], "-p is broken"),
            (&["--hook is broken"], "--hook is broken"),
            (&["text", "-mk=a b", "--task=my task"], "text"),
            (&["--meta", "k=-a b", "text"], "text"),
            (&["--message=- a b"], ""),
            (&["--message", "- a b"], ""),
        ] {
            let arguments = [&["sstat", "push", "w", "working"], words].concat();
            let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
            let Command::Push(push) = parse(&arguments).unwrap().command else {
                panic!("{words:?}")
            };
            assert_eq!(push.args.message.unwrap_or_default(), message);
            assert!(push.args.task.is_none_or(|task| task == "my task"));
        }
    }

    #[test]
    fn hook_option_counts_only_in_front_of_status() {
        for line in [
            "sstat push --hook codex",
            "sstat --dir d push --session w --hook=nonsense",
            "sstat --hook codex push",
            "sstat --dir show push --hook",
            "sstat --dir push push w --hook",
        ] {
            assert!(has_hook_option(&words_of(line)), "{line}");
        }
        for line in [
            "sstat push w working {} -- tool --hook",
            "sstat list --hook",
            "sstat show push --hook",
            "sstat push --message --hook w wrking",
            "sstat push -p 0.5 w working --hook",
        ] {
            assert!(!has_hook_option(&words_of(line)), "{line}");
        }
    }

    #[test]
    fn separator_needs_a_command() {
        for line in ["sstat push w working --", "sstat --dir d push w idle m --"] {
            assert!(lacks_command(&words_of(line)), "{line}");
        }
        for line in [
            "sstat push w working -- true --",
            "sstat push w working --message --",
        ] {
            assert!(!lacks_command(&words_of(line)), "{line}");
        }
    }

    #[test]
    fn rest_keeps_its_places_when_a_part_is_dropped() {
        for line in [
            "sstat push w wrking m 2 t -- true",
            "sstat push --tail w wrking m 2 t -- true",
            "sstat push -m k=v w wrking --progess m 2 t -- true",
        ] {
            let (cli, errors) = parse_valid_part(&words_of(line)).unwrap();
            let Command::Push(push) = cli.command else {
                panic!("{line}")
            };
            assert_eq!(push.args.message.unwrap(), "m", "{line}");
            assert_eq!(push.args.task.unwrap(), "t", "{line}");
            assert!(push.args.progress_positional.is_none() && errors.len() >= 2);
        }
    }
}
