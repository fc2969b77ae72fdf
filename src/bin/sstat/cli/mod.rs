//! Every argument of every command, on one page. Texts here are the help, the
//! completions and the man pages.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, TimeZone, Utc};
use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use sstat::{SessionName, StaleStatuses, Status};

/// Status of many workers: one line a push, one file a session, no server
#[derive(Debug, Parser)]
#[command(name = "sstat", version, propagate_version = true, max_term_width = 100, after_help = examples::SSTAT)]
#[command(
    disable_help_subcommand = true,
    infer_long_args = false,
    args_override_self = true
)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The common arguments, from both sides of the verb.
    pub fn take_common(&mut self) -> Common {
        let (Command::Push(Deferred { common: behind, .. })
        | Command::Summary(Deferred { common: behind, .. })
        | Command::List(Deferred { common: behind, .. })
        | Command::Show(Deferred { common: behind, .. })
        | Command::History(Deferred { common: behind, .. })
        | Command::Stale(Deferred { common: behind, .. })
        | Command::Watch(Deferred { common: behind, .. })) = &mut self.command;
        std::mem::take(behind).or(std::mem::take(&mut self.common))
    }
}

// Before the verb or behind it. (No `global` of clap's: it copies the four
// definitions into every verb, and then their values about. And no groups,
// which clap makes of every struct: it notes each value twice then. The two took
// a third of a push's instructions.)
#[derive(Debug, Default, Args)]
#[group(skip)]
pub struct Common {
    /// The status directory [default: $SSTAT_DIR, else the nearest
    /// data/session_status above, else your own]
    #[arg(
        help_heading = "Common",
        long,
        visible_alias = "status-dir",
        value_name = "DIR"
    )]
    pub dir: Option<PathBuf>,
    /// When to colour [default: auto]
    #[arg(help_heading = "Common", long, value_enum, value_name = "WHEN")]
    pub color: Option<ColorChoice>,
    /// No warnings about the files read, no notes
    #[arg(help_heading = "Common", short, long)]
    pub quiet: bool,
    /// Say which directory is used, and why
    #[arg(help_heading = "Common", short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}

impl Common {
    /// What stands behind the verb before what stands in front of it.
    fn or(self, front: Self) -> Self {
        Self {
            dir: self.dir.or(front.dir),
            color: self.color.or(front.color),
            quiet: self.quiet || (front.quiet && !self.verbose),
            verbose: self.verbose || (front.verbose && !self.quiet),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR says otherwise
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Append an update to a session's file
    Push(Deferred<Push>),
    /// Count the sessions and name those that work, wait, failed or went silent
    Summary(Deferred<Summary>),
    /// One row a session
    List(Deferred<List>),
    /// Everything about one session
    Show(Deferred<Show>),
    /// The updates of one or more sessions, one session after the other, oldest first
    History(Deferred<History>),
    /// The sessions that went silent or died, worst first
    Stale(Deferred<Stale>),
    /// Follow all sessions: live, as a stream, until a status, or with an alarm
    Watch(Deferred<Watch>),
}

/// A verb's arguments, and the common ones behind the verb. They are defined
/// only once that verb is called: to define those of all verbs took a third of
/// a push's instructions.
#[derive(Debug)]
pub struct Deferred<T> {
    pub args: T,
    common: Common,
}

impl<T: Args> Args for Deferred<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(|command| {
            // An alias may say what its caller says otherwise.
            Common::augment_args(T::augment_args(command)).args_override_self(true)
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command
            .defer(|command| Common::augment_args_for_update(T::augment_args_for_update(command)))
    }
}

impl<T: Args> FromArgMatches for Deferred<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    // Without this one the matches are copied first.
    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            args: T::from_arg_matches_mut(matches)?,
            common: Common::from_arg_matches_mut(matches)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.args.update_from_arg_matches(matches)?;
        self.common.update_from_arg_matches(matches)
    }
}

#[derive(Debug, Args)]
#[command(after_help = examples::PUSH)]
#[group(skip)]
pub struct Push {
    /// The session: its file is SESSION_status.json
    #[arg(value_name = "SESSION", value_parser = value::session, required_unless_present_any = ["stdin", "hook"])]
    pub session: Option<SessionName>,
    /// idle, working, blocked, completed or error
    #[arg(value_name = "STATUS", value_parser = value::status, required_unless_present_any = ["stdin", "hook"])]
    pub status: Option<Status>,
    /// What the session is doing; may begin with a hyphen
    #[arg(value_name = "MESSAGE", allow_hyphen_values = true, value_parser = value::message())]
    pub message: Option<OsString>,
    /// How far it is: 0.5 or 50%
    #[arg(value_name = "PROGRESS", allow_negative_numbers = true, value_parser = value::progress)]
    pub progress_positional: Option<f64>,
    /// The task it works on
    #[arg(value_name = "TASK_ID")]
    pub task_positional: Option<String>,

    /// How far it is: 0.5 or 50%
    #[arg(short, long, value_name = "PROGRESS", conflicts_with = "progress_positional",
          allow_negative_numbers = true, value_parser = value::progress)]
    pub progress: Option<f64>,
    /// The task it works on
    #[arg(
        short,
        long,
        value_name = "TASK_ID",
        conflicts_with = "task_positional"
    )]
    pub task: Option<String>,
    /// What the session is doing, whatever it looks like: in a script the safe
    /// way to pass a variable
    #[arg(
        id = "message_by_name",
        long = "message",
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        conflicts_with = "message"
    )]
    pub message_by_name: Option<OsString>,
    /// One key of the metadata; VALUE is JSON if it parses, else text
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = value::meta)]
    pub meta: Vec<(String, Box<serde_json::value::RawValue>)>,
    /// The metadata, a JSON object
    #[arg(long, value_name = "JSON", value_parser = value::metadata)]
    pub metadata: Option<Box<serde_json::value::RawValue>>,
    /// The silence this update allows: stale after DURATION, very stale after
    /// three times that
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub expect: Option<Duration>,
    /// The process that stands behind the session [default: $SSTAT_PID]
    #[arg(long, value_name = "PID", value_parser = value::pid)]
    pub pid: Option<u32>,
    /// Wait until the line is on the disk (also SSTAT_SYNC=1)
    #[arg(long)]
    pub sync: bool,
    /// Read updates from stdin instead, as JSON Lines: any number of them, for
    /// any number of sessions, each with its own process or none
    #[arg(long, conflicts_with_all = ["session", "progress", "task", "message_by_name", "meta", "metadata",
          "expect", "pid", "hook", "command"])]
    pub stdin: bool,

    /// Read the JSON of an agent's hook on stdin and push what it means;
    /// always exits with 0 and prints nothing on stdout
    #[arg(long, value_enum, value_name = "AGENT", help_heading = "Agents",
          conflicts_with_all = ["session", "status", "message", "progress_positional", "task_positional",
                                "progress", "task", "message_by_name", "meta", "metadata", "pid", "command"])]
    pub hook: Option<Agent>,
    /// The agent's session [default: $SSTAT_SESSION, else the tmux session's
    /// name, else one of its directory and id]
    #[arg(id = "hook_session", long = "session", value_name = "SESSION", help_heading = "Agents",
          requires = "hook", conflicts_with_all = ["session", "stdin"], value_parser = value::session)]
    pub hook_session: Option<SessionName>,
    /// The JSON itself, where no stdin is to be read
    #[arg(long, value_name = "JSON", requires = "hook", hide = true)]
    pub payload: Option<OsString>,

    /// Run this command and say how it ends: completed, or error with its exit
    /// code
    #[arg(value_name = "COMMAND", last = true, conflicts_with = "pid")]
    pub command: Vec<OsString>,
}

/// A coding agent whose hooks are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Agent {
    /// Claude Code
    ClaudeCode,
    /// Codex, its hooks and its notify command
    Codex,
    /// Gemini CLI
    Gemini,
}

/// The arguments of this process, and whether it is an agent's hook: then no
/// exit code and no output may be the agent's business, not even those of a
/// wrong argument. The JSON that Codex appends to its `notify` command, behind
/// whatever stands there, becomes the value of `--payload`.
///
/// Since a message may begin with a hyphen, clap takes `-p0.5` for one: in a
/// push such values are split off their options first.
pub fn arguments(given: impl Iterator<Item = OsString>) -> (Vec<OsString>, bool) {
    let mut arguments: Vec<OsString> = given.collect();
    let separator = separator(&arguments);
    let is_hook = is_hook(&arguments[..separator.unwrap_or(arguments.len())]);
    if is_hook
        && separator.is_none()
        && let Some(last) =
            arguments.pop_if(|last| last.as_encoded_bytes().trim_ascii_start().starts_with(b"{"))
    {
        arguments.extend(["--payload".into(), last]);
    }
    if !is_hook {
        split_attached_values(&mut arguments);
    }
    (arguments, is_hook)
}

/// Whether a push announces a command and names none, as `-- $COMMAND` does
/// where the variable is empty. clap takes that for a push without a command.
pub fn lacks_command(arguments: &[OsString]) -> bool {
    separator(arguments).is_some_and(|at| at + 1 == arguments.len() && is_push(&arguments[..at]))
}

fn is_push(arguments: &[OsString]) -> bool {
    matches!(verb(arguments), Some((_, "push")))
}

/// Returns true for a `push` with the option `--hook`, valid or not: an agent
/// must not see the exit code of a hook that is set up wrongly. Behind SESSION
/// and STATUS the same text is a message or an error, which must not exit with 0.
fn is_hook(own: &[OsString]) -> bool {
    let is_flag =
        |word: &OsString| word == "--hook" || word.as_encoded_bytes().starts_with(b"--hook=");
    let Some((verb_at, "push")) = verb(own) else {
        return false;
    };
    let Some((flag_at, _)) = words(own, takes_value).find(|(_, word)| is_flag(word)) else {
        return false;
    };
    let positionals = words(&own[..flag_at], takes_value)
        .filter(|(at, word)| *at > verb_at && !word.as_encoded_bytes().starts_with(b"-"));
    positionals.count() < 2
}

/// Returns the verb, which is the first argument with the name of one, and its
/// index.
fn verb(arguments: &[OsString]) -> Option<(usize, &str)> {
    words(arguments, takes_value).find_map(|(at, word)| {
        let word = word.to_str()?;
        (at > 0 && VERBS.contains(&word)).then_some((at, word))
    })
}

/// The verbs of [`Command`]. Asking clap for them would define it a second time
/// in every process.
const VERBS: [&str; 7] = [
    "push", "summary", "list", "show", "history", "stale", "watch",
];

/// Returns true for an option of `push` whose value is the next argument.
fn takes_value(word: &OsString) -> bool {
    let options = [
        "--dir",
        "--status-dir",
        "--color",
        "-p",
        "--progress",
        "-t",
        "--task",
        "-m",
        "--meta",
        "--metadata",
        "--expect",
        "--pid",
        "--session",
        "--payload",
    ];
    takes_any_value(word) || options.iter().any(|option| word == option)
}

/// Returns true for the option whose value can look like an option or be `--`.
fn takes_any_value(word: &OsString) -> bool {
    word == "--message"
}

/// Returns the arguments and their indices without the values of the options
/// that `takes_value` accepts.
fn words(
    arguments: &[OsString],
    takes_value: fn(&OsString) -> bool,
) -> impl Iterator<Item = (usize, &OsString)> {
    let mut is_next_value = false;
    arguments.iter().enumerate().filter(move |(_, argument)| {
        let is_word = !is_next_value;
        is_next_value = is_word && takes_value(argument);
        is_word
    })
}

/// Where the `--` stands behind which a wrapped command begins.
fn separator(arguments: &[OsString]) -> Option<usize> {
    words(arguments, takes_any_value)
        .find(|(_, word)| *word == "--")
        .map(|(at, _)| at)
}

fn split_attached_values(arguments: &mut Vec<OsString>) {
    let own = &arguments[..separator(arguments).unwrap_or(arguments.len())];
    let of_push = words(own, takes_any_value).skip_while(|(_, word)| *word != "push");
    let attached: Vec<_> = of_push
        .filter_map(|(at, word)| {
            let (option, value) = word.to_str().and_then(attached_value)?;
            Some((at, OsString::from(option), OsString::from(value)))
        })
        .collect();
    // From the back: what is inserted moves only what has been looked at.
    for (at, option, value) in attached.into_iter().rev() {
        arguments[at] = value;
        arguments.insert(at, option);
    }
}

/// A short option of a push and the value attached to it, as in `-p0.5`,
/// `-t160` and `-mkey=1`. What only might be one is a message: `-p is broken`,
/// `-test`.
fn attached_value(argument: &str) -> Option<(&str, &str)> {
    let (option, value) = argument.split_at_checked(2)?;
    let value = value.strip_prefix('=').unwrap_or(value);
    let is_word = !value.contains(char::is_whitespace);
    let is_value = match option {
        "-p" => is_word && value.starts_with(|c: char| c == '.' || c.is_ascii_digit()),
        "-t" => is_word && value.contains(|c: char| c.is_ascii_digit()),
        "-m" => value
            .split_once('=')
            .is_some_and(|(key, _)| !key.is_empty() && !key.contains(char::is_whitespace)),
        _ => false,
    };
    is_value.then_some((option, value))
}

// How a reader prints and what counts as stale. (No doc comment here and on
// the other groups of arguments: clap would take it for the verb's.)
#[derive(Debug, Args)]
#[group(skip)]
pub struct Reading {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub staleness: StalenessArgs,
}

#[derive(Debug, Default, Args)]
#[group(skip)]
pub struct StalenessArgs {
    /// Older updates are stale [default: $SSTAT_STALE_AFTER, else 5m]
    #[arg(help_heading = "Staleness", long, value_name = "DURATION", value_parser = value::duration)]
    pub stale_after: Option<Duration>,
    /// Older updates are very stale [default: $SSTAT_VERY_STALE_AFTER, else 15m,
    /// or three times --stale-after where that is 15m or more]
    #[arg(help_heading = "Staleness", long, value_name = "DURATION", value_parser = value::duration)]
    pub very_stale_after: Option<Duration>,
    /// The statuses that can go stale, or all [default: $SSTAT_STALE_STATUS,
    /// else every one but completed]
    #[arg(help_heading = "Staleness", long, value_name = "STATUS,...", value_parser = value::stale_statuses)]
    pub stale_status: Option<StaleStatuses>,
}

// Which sessions.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct Filters {
    /// Only these sessions: names, or patterns with * ? []
    #[arg(value_name = "NAME|GLOB", value_parser = value::listed_name())]
    pub names: Vec<String>,
    /// Only sessions in one of these statuses
    #[arg(help_heading = "Filters", long, value_name = "STATUS,...", value_delimiter = ',', value_parser = value::stored_status)]
    pub status: Vec<Status>,
    /// Only sessions that work on this task
    #[arg(help_heading = "Filters", long, value_name = "ID")]
    pub task: Option<String>,
    /// Only sessions updated within this time
    #[arg(help_heading = "Filters", long, value_name = "DURATION", value_parser = value::duration)]
    pub since: Option<Duration>,
}

impl Filters {
    pub fn of_names(names: Vec<String>) -> Self {
        Self {
            names,
            ..Self::default()
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = examples::SUMMARY)]
#[group(skip)]
pub struct Summary {
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub reading: Reading,
    /// One line for status bars; nothing when there is nothing
    #[arg(long, conflicts_with_all = ["json", "tmux"])]
    pub short: bool,
    /// The same line with tmux's colours
    #[arg(long, conflicts_with = "json")]
    pub tmux: bool,
    /// Metrics in Prometheus' text format, one series a session among them,
    /// for node_exporter's textfile collector
    #[arg(long, conflicts_with_all = ["json", "short", "tmux"])]
    pub prometheus: bool,
}

#[derive(Debug, Args)]
#[command(after_help = examples::LIST)]
#[group(skip)]
pub struct List {
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub reading: Reading,
    /// The order of the rows [default: name; with --attention: age]
    #[arg(long, value_enum, value_name = "KEY")]
    pub sort: Option<SortKey>,
    /// Only sessions that need attention (error, blocked, dead, stale), the
    /// oldest first
    #[arg(long)]
    pub attention: bool,
    /// Exit with 1 if a row is printed and 0 if none is; a missing directory,
    /// an unreadable file or an unknown name is 2
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SortKey {
    /// Natural order: worker2 before worker10
    Name,
    /// The longest silent first
    Age,
    /// working, blocked, error, idle, completed, others
    Status,
    /// The furthest first
    Progress,
}

#[derive(Debug, Args)]
#[command(after_help = examples::SHOW)]
#[group(skip)]
pub struct Show {
    /// The session
    #[arg(value_name = "NAME", value_parser = value::listed_name())]
    pub name: String,
    #[command(flatten)]
    pub reading: Reading,
    /// Add the last lines of the tmux pane of that name
    #[arg(long, value_name = "LINES", num_args = 0..=1, require_equals = true,
          default_missing_value = "20", value_parser = value::count)]
    pub tmux: Option<usize>,
}

#[derive(Debug, Args)]
#[command(after_help = examples::HISTORY)]
#[group(skip)]
pub struct History {
    /// The sessions: names, or patterns with * ? []
    #[arg(value_name = "NAME", required_unless_present = "all", value_parser = value::listed_name())]
    pub names: Vec<String>,
    /// All sessions
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// The last N updates of a session; 0 for all [default: 50; with --plot 0]
    #[arg(short = 'n', long, value_name = "N", value_parser = value::count)]
    pub limit: Option<usize>,
    /// Not older: a duration ago, or an RFC 3339 time
    #[arg(long, value_name = "WHEN", value_parser = value::moment)]
    pub since: Option<Moment>,
    /// Not younger: a duration ago, or an RFC 3339 time
    #[arg(long, value_name = "WHEN", value_parser = value::moment)]
    pub until: Option<Moment>,
    /// Only updates with one of these statuses
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', value_parser = value::stored_status)]
    pub status: Vec<Status>,
    /// Only updates of this task
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// Go on with new updates as they come
    #[arg(short, long, conflicts_with = "json")]
    pub follow: bool,
    /// Draw who did what when: statuses and progress on an axis of time
    #[arg(long, conflicts_with_all = ["follow", "json", "jsonl"])]
    pub plot: bool,
    /// Print JSON: one object, or an array for several sessions
    #[arg(long)]
    pub json: bool,
    /// Print the stored lines themselves
    #[arg(long, conflicts_with = "json")]
    pub jsonl: bool,
}

/// A point in time as people give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Ago(Duration),
    At(DateTime<Utc>),
}

#[derive(Debug, Args)]
#[command(after_help = examples::STALE)]
#[group(skip)]
pub struct Stale {
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub reading: Reading,
    /// Only very stale and dead sessions
    #[arg(long)]
    pub very: bool,
    /// Exit with 1 if a row is printed and 0 if none is; a missing directory,
    /// an unreadable file or an unknown name is 2
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
#[command(after_help = examples::WATCH)]
#[group(skip)]
pub struct Watch {
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub reading: Reading,
    /// The time between two blocks
    #[arg(short = 'n', long, value_name = "DURATION", default_value = "10s", value_parser = value::interval)]
    pub interval: Duration,
    /// Print one block and end; with --json the snapshots
    #[arg(long, conflicts_with_all = ["until", "exec", "bell"])]
    pub once: bool,
    /// Look for changes every second instead of being told of them, as is done
    /// on network file systems
    #[arg(long)]
    pub poll: bool,
    /// Count what already holds at the start as if it happened then
    #[arg(long)]
    pub now: bool,

    /// Wait until the named sessions reach one of these statuses; exit with 0,
    /// with 1 if one ended otherwise, with 3 if one is dead
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', value_parser = value::stored_status,
          requires = "names", conflicts_with_all = ["status", "since"], help_heading = "Wait")]
    pub until: Vec<Status>,
    /// One of them is enough; fail when all have failed
    #[arg(long, requires = "until", help_heading = "Wait")]
    pub any: bool,
    /// Give up after this time, and exit with 124
    #[arg(long, value_name = "DURATION", value_parser = value::duration, requires = "until", help_heading = "Wait")]
    pub timeout: Option<Duration>,
    /// Wait also for sessions that do not exist yet; of a pattern that matches
    /// none, for the first that comes
    #[arg(long, requires = "until", help_heading = "Wait")]
    pub allow_missing: bool,

    /// What raises an alarm: stale, very_stale, dead, recovered, removed,
    /// update, or a status [default: error,very_stale,dead]
    #[arg(long, value_name = "EVENT,...", value_delimiter = ',', value_parser = value::trigger, help_heading = "Alarm")]
    pub on: Vec<String>,
    /// Run this with sh, once an episode; SSTAT_EVENT, SSTAT_SESSION,
    /// SSTAT_STATUS, SSTAT_MESSAGE and others say what happened
    #[arg(long, value_name = "COMMAND", help_heading = "Alarm")]
    pub exec: Option<OsString>,
    /// Raise the alarm again as long as the episode lasts
    #[arg(long, value_name = "DURATION", value_parser = value::interval, help_heading = "Alarm")]
    pub repeat: Option<Duration>,
    /// Ring the terminal's bell
    #[arg(long, help_heading = "Alarm")]
    pub bell: bool,
}

/// Texts to values. What cannot be one is explained in the words of the user.
mod value {
    use super::*;
    use clap::builder::{OsStringValueParser, TypedValueParser};
    use serde_json::value::RawValue;

    /// The rule that a value breaks; clap says which value of which argument.
    fn reason(error: sstat::Error) -> String {
        match error {
            sstat::Error::Name { reason, .. } | sstat::Error::Duration { reason, .. } => {
                reason.to_owned()
            }
            sstat::Error::Status { .. } => {
                "must be one of idle, working, blocked, completed, error".to_owned()
            }
            other => other.to_string(),
        }
    }

    pub fn session(text: &str) -> Result<SessionName, String> {
        SessionName::new(text).map_err(reason)
    }

    pub fn status(text: &str) -> Result<Status, String> {
        text.parse().map_err(reason)
    }

    /// A message that looks like a slip in an option is taken for one: pushed,
    /// it would say nothing, and what was meant would be missing.
    pub fn message() -> impl TypedValueParser<Value = OsString> {
        OsStringValueParser::new().try_map(|message| {
            let meant = message.to_str().and_then(slip_in_option);
            meant.map_or(Ok(message), |meant| {
                Err(format!("did you mean --{meant}? As a message: --message"))
            })
        })
    }

    fn slip_in_option(message: &str) -> Option<String> {
        let word = message.strip_prefix("--")?;
        let (word, _) = word.split_once('=').unwrap_or((word, ""));
        if word.len() < 3 || word.contains(char::is_whitespace) {
            return None;
        }
        let push = Common::augment_args(Push::augment_args(clap::Command::new("push")));
        let options = push.get_arguments().filter_map(clap::Arg::get_long);
        let options = options.chain(["help", "version"]);
        // A value may stand glued to its option.
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit() || ".%".contains(c));
        let slips = |option: &&str| strsim::damerau_levenshtein(word, option);
        let nearest = options.min_by_key(slips)?;
        (slips(&nearest) <= (nearest.len() / 4).max(1)).then(|| nearest.to_owned())
    }

    pub fn duration(text: &str) -> Result<Duration, String> {
        sstat::parse_duration(text).map_err(reason)
    }

    pub fn stale_statuses(text: &str) -> Result<StaleStatuses, String> {
        text.parse()
            .map_err(|_| "must be statuses with commas between them, or all".to_owned())
    }

    pub fn progress(text: &str) -> Result<f64, String> {
        let (number, scale) = match text.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 100.0),
            None => (text, 1.0),
        };
        // Rust also reads "inf", "nan" and "infinity" as numbers.
        let value = Some(number)
            .filter(|number| {
                number
                    .bytes()
                    .all(|byte| !byte.is_ascii_alphabetic() || byte == b'e')
            })
            .and_then(|number| number.parse::<f64>().ok())
            .filter(|value| value.is_finite())
            .ok_or("must be a number from 0.0 to 1.0, or a percentage like 50%")?
            / scale;
        match value {
            0.0..=1.0 => Ok(value.abs()),
            _ if scale == 1.0 && value > 1.0 && value <= 100.0 => Err(format!(
                "must be from 0.0 to 1.0; did you mean {text}% or {}?",
                value / 100.0
            )),
            _ if scale == 1.0 => Err("must be from 0.0 to 1.0".to_owned()),
            _ => Err("must be from 0% to 100%".to_owned()),
        }
    }

    /// A number stays one only if it prints back the same: `1.10` is a version.
    pub fn meta(text: &str) -> Result<(String, Box<RawValue>), String> {
        let (key, value) = text
            .split_once('=')
            .ok_or("must be KEY=VALUE; the '=' is missing")?;
        if key.is_empty() {
            return Err("must be KEY=VALUE; the key is missing".to_owned());
        }
        let is_json = match serde_json::from_str::<serde_json::Value>(value) {
            Ok(serde_json::Value::Number(number)) => number.to_string() == value,
            Ok(_) => true,
            Err(_) => false,
        };
        let json = if is_json {
            value.to_owned()
        } else {
            serde_json::to_string(value).map_err(|error| error.to_string())?
        };
        let value = RawValue::from_string(json).map_err(|error| error.to_string())?;
        Ok((key.to_owned(), value))
    }

    pub fn metadata(text: &str) -> Result<Box<RawValue>, String> {
        let text = text.trim();
        if !text.starts_with('{') {
            return Err("must be a JSON object".to_owned());
        }
        RawValue::from_string(text.to_owned()).map_err(|error| format!("is not JSON: {error}"))
    }

    /// A status to look for: unknown ones stand in files too.
    pub fn stored_status(text: &str) -> Result<Status, String> {
        match text.trim() {
            "" => Err("must be a status".to_owned()),
            text => Ok(Status::from_stored(text)),
        }
    }

    /// A word of `--on`.
    pub fn trigger(text: &str) -> Result<String, String> {
        match text.trim() {
            "" => Err("must be an event or a status".to_owned()),
            text => Ok(text.to_owned()),
        }
    }

    /// A time without an offset is one of the reader's own clock, as times are
    /// printed.
    pub fn moment(text: &str) -> Result<Moment, String> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Moment::At(time.to_utc()));
        }
        if let Some(time) = local_time(text) {
            return Ok(Moment::At(time));
        }
        sstat::parse_duration(text).map(Moment::Ago).map_err(|_| {
            "must be a duration like 2h, or a time like 2026-02-14T20:35:00Z or '2026-02-14 20:35'"
                .to_owned()
        })
    }

    fn local_time(text: &str) -> Option<DateTime<Utc>> {
        let text = text.replacen('T', " ", 1);
        let time = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())
            .or_else(|| {
                let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?;
                day.and_hms_opt(0, 0, 0)
            })?;
        // An hour that a change of clocks skips is taken for UTC.
        let local = Local.from_local_datetime(&time).earliest();
        Some(local.map_or_else(|| time.and_utc(), |local| local.to_utc()))
    }

    /// Of an argument that may be no UTF-8: a session's name as it is listed.
    pub fn listed_name() -> impl TypedValueParser<Value = String> {
        OsStringValueParser::new().map(|name| sstat::escape_invalid_utf8(name.as_encoded_bytes()))
    }

    pub fn count(text: &str) -> Result<usize, String> {
        text.parse()
            .map_err(|_| "must be a whole number, 0 or more".to_owned())
    }

    pub fn pid(text: &str) -> Result<u32, String> {
        text.parse()
            .map_err(|_| "must be the number of a process".to_owned())
    }

    pub fn interval(text: &str) -> Result<Duration, String> {
        match duration(text)? {
            Duration::ZERO => Err("must be more than nothing".to_owned()),
            interval => Ok(interval),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn progress_is_a_fraction_or_a_percentage() {
            for (text, value) in [
                ("0.5", 0.5),
                ("50%", 0.5),
                ("0", 0.0),
                ("1", 1.0),
                ("100%", 1.0),
                ("1e-1", 0.1),
                (".5", 0.5),
            ] {
                assert_eq!(progress(text), Ok(value), "{text}");
            }
            assert_eq!(progress("-0").map(f64::is_sign_negative), Ok(false));
            for text in [
                "50", "NaN", "-1", "inf", "infinity", "", "%", "half", "101%", "-5%", "1.01",
                "0,5", "1e400",
            ] {
                assert!(progress(text).is_err(), "{text}");
            }
            assert!(progress("50").unwrap_err().contains("50% or 0.5"));
        }

        #[test]
        fn meta_is_json_only_if_it_prints_back_the_same() {
            for (text, json) in [
                ("k=1", "1"),
                ("k=1.5", "1.5"),
                ("k=1.10", "\"1.10\""),
                ("k=007", "\"007\""),
                ("k=12345678901234567890123", "\"12345678901234567890123\""),
                ("k=true", "true"),
                ("k=[1, 2]", "[1, 2]"),
                ("k=a=b", "\"a=b\""),
                ("k=", "\"\""),
                ("k={\"a\":1}", "{\"a\":1}"),
                ("k=NaN", "\"NaN\""),
            ] {
                assert_eq!(meta(text).unwrap().1.get(), json, "{text}");
            }
            assert!(meta("k").is_err() && meta("=1").is_err());
        }

        #[test]
        fn an_attached_value_is_told_from_a_message() {
            for (argument, option, value) in [
                ("-p0.5", "-p", "0.5"),
                ("-p=.5", "-p", ".5"),
                ("-p50%", "-p", "50%"),
                ("-t160", "-t", "160"),
                ("-tJIRA-7", "-t", "JIRA-7"),
                ("-mkey=1", "-m", "key=1"),
                ("-mnote=two words", "-m", "note=two words"),
            ] {
                assert_eq!(attached_value(argument), Some((option, value)));
            }
            for message in [
                "-5% done",
                "-p is broken",
                "-p5 is broken",
                "-test",
                "-t 3 left",
                "-more",
                "-m a=b",
                "--task is missing",
                "--p0.5",
                "-p",
                "-",
                "",
                "-ö=1",
                "p0.5",
            ] {
                assert_eq!(attached_value(message), None, "{message}");
            }
        }

        #[test]
        fn a_hook_is_known_by_its_flag() {
            let of = |line: &str| {
                let (arguments, is_hook) = arguments(line.split(' ').map(Into::into));
                let arguments: Vec<_> = arguments.iter().filter_map(|a| a.to_str()).collect();
                (arguments.join(" "), is_hook)
            };
            let unchanged = |line: &str, is_hook| assert_eq!(of(line), (line.to_owned(), is_hook));
            unchanged("sstat push --hook codex", true);
            unchanged("sstat --dir d push --session w --hook=nonsense", true);
            unchanged("sstat push w working {} -- tool --hook", false);
            unchanged("sstat push w working -- tool --hook {}", false);
            unchanged("sstat --hook codex push", true);
            unchanged("sstat list --hook", false);
            unchanged("sstat show push --hook", false);
            unchanged("sstat --dir show push --hook", true);
            unchanged("sstat --dir push push w --hook", true);
            assert_eq!(
                of("sstat push --hook codex --session w {}").0,
                "sstat push --hook codex --session w --payload {}"
            );
        }

        #[test]
        fn a_command_that_is_announced_must_be_named() {
            let lacks = |line: &str| {
                let arguments: Vec<OsString> = line.split(' ').map(Into::into).collect();
                lacks_command(&arguments)
            };
            assert!(lacks("sstat push w working --") && lacks("sstat --dir d push w idle m --"));
            assert!(!lacks("sstat push w working -- true --") && !lacks("sstat list --"));
            assert!(!lacks("sstat list push --"));
        }

        #[test]
        fn common_arguments_stand_on_both_sides_of_the_verb() {
            let common = |line: &str| {
                let common = Cli::try_parse_from(line.split(' ')).unwrap().take_common();
                let dir = common.dir.map(|dir| dir.display().to_string());
                (dir.unwrap_or_default(), common.color, common.quiet)
            };
            let never = Some(ColorChoice::Never);
            assert_eq!(common("sstat list"), (String::new(), None, false));
            for line in [
                "sstat --dir d --color never -q list",
                "sstat list --dir d --color never -q",
                "sstat --dir d list --color never --quiet",
                "sstat -q --status-dir a --color auto list --dir d --color=never -q",
            ] {
                assert_eq!(common(line), ("d".to_owned(), never, true), "{line}");
            }
            let loudness = |line: &str| {
                let common = Cli::try_parse_from(line.split(' ')).unwrap().take_common();
                (common.quiet, common.verbose)
            };
            assert_eq!(loudness("sstat -q list -v"), (false, true));
            assert_eq!(loudness("sstat -v list -q"), (true, false));
            assert!(Cli::try_parse_from(["sstat", "list", "-q", "-v"]).is_err());
        }

        #[test]
        fn each_verb_is_what_its_line_in_the_list_says() {
            use clap::CommandFactory;
            let mut built = Cli::command();
            built.build();
            for verb in Cli::command().get_subcommands() {
                let built = built.find_subcommand(verb.get_name()).unwrap();
                let about = |command: &clap::Command| command.get_about().unwrap().to_string();
                assert_eq!(about(built), about(verb));
                assert!(built.get_long_about().is_none(), "{}", verb.get_name());
            }
        }

        #[test]
        fn verbs_are_those_of_the_definitions() {
            use clap::CommandFactory;
            let command = Cli::command();
            let verbs: Vec<&str> = command
                .get_subcommands()
                .map(|verb| verb.get_name())
                .collect();
            assert_eq!(verbs, VERBS);
        }

        #[test]
        fn the_definitions_are_sound() {
            use clap::CommandFactory;
            Cli::command().debug_assert();
        }
    }
}

/// The examples that close each help text.
mod examples {
    pub const SSTAT: &str = "\
Examples:
  sstat push manager1 working \"Querying DB\" 0.5 160
  sstat summary
  sstat list --attention
  sstat show manager1

Exit codes: 0 done, 1 a \"no\", 2 an error, 3 dead, 124 timed out.";

    pub const PUSH: &str = "\
Examples:
  sstat push manager1 working \"Querying DB\" 0.5 160
  sstat push manager1 working \"Querying DB\" --progress 50% --task 160 --meta rows=1500
  sstat push trainer working \"Epoch 3 of 90\" --expect 45m
  export SSTAT_PID=$$; sstat push job7 blocked \"Waiting for a review\"
  sstat push manager1 completed
  sstat push ci1 working \"Unit tests\" --task 162 -- cargo test
  sstat history --all --limit 0 --jsonl | ssh host sstat push --stdin
  sstat push --hook claude-code < hook.json";

    pub const SUMMARY: &str = "\
Examples:
  sstat summary
  sstat summary 'worker*' --status working,blocked
  sstat summary --json | jq .stale_sessions
  tmux set -g status-right '#(sstat summary --tmux)'
  sstat summary --prometheus > sstat.prom.tmp && mv sstat.prom.tmp sstat.prom";

    pub const LIST: &str = "\
Examples:
  sstat list --sort age
  sstat list 'qa_*' --task 160
  sstat list --attention --exit-code || echo 'somebody needs help'
  sstat list --json | jq -r 'to_entries[] | select(.value.is_stale) | .key'";

    pub const SHOW: &str = "\
Examples:
  sstat show manager1
  sstat show manager1 --tmux=40
  sstat show manager1 --json | jq .progress";

    pub const HISTORY: &str = "\
Examples:
  sstat history manager1
  sstat history manager1 --limit 0 --task 160
  sstat history --all --since 1h --status error
  sstat history manager1 --follow
  sstat history --all --since 2h --plot
  sstat history manager1 --limit 0 --jsonl | jq -s length";

    pub const STALE: &str = "\
Examples:
  sstat stale
  sstat stale --very --exit-code
  sstat stale --json | jq -r '.sessions[].session'";

    pub const WATCH: &str = "\
Examples:
  sstat watch
  sstat watch --once
  sstat watch --json | jq -c 'select(.event == \"update\") | [.session, .from, .to]'
  sstat watch w1 w2 --until completed --timeout 10m && echo done
  sstat watch --on error,dead --exec 'notify-send \"$SSTAT_SESSION\" \"$SSTAT_MESSAGE\"'";
}
