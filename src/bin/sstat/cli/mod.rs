//! Definitions of all arguments. Help, completions and man pages are made of
//! the texts here.

mod examples;
mod filters;
mod parse;
mod value;

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use serde_json::value::RawValue;
use sstat::{StaleStatuses, Status};

use crate::view::column::Column;
use crate::view::group::GroupBy;

pub use filters::MetaFilter;
pub use parse::{has_hook_option, lacks_command, parse, parse_valid_part};
pub use value::{pattern, stale_statuses};

/// Show the status of many workers, without a server
///
/// Each worker appends updates to a file of its own, one JSON line each. The
/// other commands read the directory of these files.
#[derive(Debug, Parser)]
#[command(name = "sstat", version, propagate_version = true, max_term_width = 100, after_long_help = examples::SSTAT)]
#[command(
    disable_help_subcommand = true,
    disable_version_flag = true,
    args_override_self = true
)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Takes the common arguments. Those after the verb override those before it.
    pub fn take_common(&mut self) -> Common {
        let (Command::Push(Deferred { common: after, .. })
        | Command::Summary(Deferred { common: after, .. })
        | Command::List(Deferred { common: after, .. })
        | Command::Show(Deferred { common: after, .. })
        | Command::History(Deferred { common: after, .. })
        | Command::Stale(Deferred { common: after, .. })
        | Command::Watch(Deferred { common: after, .. })) = &mut self.command;
        std::mem::take(after).or(std::mem::take(&mut self.common))
    }
}

// No doc comment on this and the other groups of arguments: clap would use it
// as the description of the verb.
#[derive(Debug, Default, Args)]
pub struct Common {
    /// Status directory [default: see --help]
    ///
    /// Without this option: $SSTAT_DIR, else the nearest data/session_status in
    /// the current directory or above, else the user's own directory. push
    /// creates a directory that is missing. Readers accept it several times,
    /// and a list in $SSTAT_DIR; --dir after the verb replaces those before it.
    /// --status-dir is an alias.
    #[arg(long, alias = "status-dir", value_name = "DIR")]
    pub dir: Vec<PathBuf>,
    /// When to use colors [default: auto]
    #[arg(long, value_enum, value_name = "WHEN", hide_short_help = true)]
    pub color: Option<ColorChoice>,
    /// Suppress warnings and notes
    #[arg(short, long)]
    pub quiet: bool,
    /// Print which directory is used and why
    #[arg(short, long, conflicts_with = "quiet", hide_short_help = true)]
    pub verbose: bool,
    /// Print version
    #[arg(short = 'V', long, action = clap::ArgAction::Version, hide_short_help = true)]
    version: Option<bool>,
}

impl Common {
    fn or(self, before: Self) -> Self {
        Self {
            dir: match self.dir.is_empty() {
                true => before.dir,
                false => self.dir,
            },
            color: self.color.or(before.color),
            quiet: self.quiet || (before.quiet && !self.verbose),
            verbose: self.verbose || (before.verbose && !self.quiet),
            version: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
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
    /// Summarize sessions: counts and names by status
    Summary(Deferred<Summary>),
    /// List sessions, one per row
    List(Deferred<List>),
    /// Show all that is known about one session
    Show(Deferred<Show>),
    /// Print past updates, oldest first
    History(Deferred<History>),
    /// List stale and dead sessions, worst first
    Stale(Deferred<Stale>),
    /// Follow sessions: live screen, event stream, wait or alerts
    Watch(Deferred<Watch>),
}

impl Command {
    /// Returns the NAME arguments of a command that reads.
    pub fn names_mut(&mut self) -> &mut [String] {
        match self {
            Self::Push(_) => &mut [],
            Self::Summary(Deferred { args, .. }) => &mut args.filters.names,
            Self::List(Deferred { args, .. }) => &mut args.filters.names,
            Self::Show(Deferred { args, .. }) => std::slice::from_mut(&mut args.name),
            Self::History(Deferred { args, .. }) => &mut args.names,
            Self::Stale(Deferred { args, .. }) => &mut args.filters.names,
            Self::Watch(Deferred { args, .. }) => &mut args.filters.names,
        }
    }
}

/// A verb's arguments and the common ones after the verb.
///
/// They are defined only when that verb is called. Defining the arguments of
/// all verbs took 0.2 ms, a quarter of a push.
#[derive(Debug)]
pub struct Deferred<T> {
    pub args: T,
    common: Common,
}

impl<T: Args> Args for Deferred<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        // A repeated option overrides: an alias may set what its caller changes.
        command.defer(|command| {
            Common::augment_args(T::augment_args(command))
                .disable_version_flag(true)
                .args_override_self(true)
                // The name that --version prints.
                .display_name("sstat")
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl<T: Args> FromArgMatches for Deferred<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            args: T::from_arg_matches(matches)?,
            common: Common::from_arg_matches(matches)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::PUSH)]
#[command(
    override_usage = "sstat push [OPTIONS] SESSION STATUS [MESSAGE] [PROGRESS] [TASK_ID]
       sstat push [OPTIONS] SESSION STATUS [...] -- COMMAND...
       sstat push SESSION --ack[=DURATION]"
)]
pub struct Push {
    /// Name of the session
    ///
    /// Characters that a name cannot have become "_": feature/login is the
    /// session feature_login, in every command. With several directories,
    /// PROJECT/NAME is the session NAME in the directory of PROJECT.
    #[arg(value_name = "SESSION", required_unless_present_any = ["stdin", "hook", "command"])]
    pub session: Option<OsString>,
    /// idle, working, blocked, completed or error
    #[arg(value_name = "STATUS", value_parser = value::status, required_unless_present_any = ["stdin", "hook", "command", "ack"])]
    pub status: Option<Status>,
    /// Text that says what the session does
    ///
    /// It may begin with a hyphen if no option of push begins like it. In a
    /// script, pass a variable with --message.
    #[arg(value_name = "MESSAGE")]
    pub message: Option<OsString>,
    /// Progress: 0.5 or 50%
    #[arg(value_name = "PROGRESS", allow_negative_numbers = true, value_parser = value::progress)]
    pub progress_positional: Option<f64>,
    /// Task that the session works on
    #[arg(value_name = "TASK_ID")]
    pub task_positional: Option<String>,

    /// Progress: 0.5 or 50%
    #[arg(short, long, value_name = "PROGRESS", conflicts_with = "progress_positional",
          allow_negative_numbers = true, value_parser = value::progress)]
    pub progress: Option<f64>,
    /// Task that the session works on
    #[arg(
        short,
        long,
        value_name = "TASK_ID",
        conflicts_with = "task_positional"
    )]
    pub task: Option<String>,
    /// Message, whatever text it begins with
    #[arg(
        id = "message_by_name",
        long = "message",
        value_name = "MESSAGE",
        allow_hyphen_values = true,
        conflicts_with = "message"
    )]
    pub message_by_name: Option<OsString>,
    /// Metadata key; VALUE is JSON or else text
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = value::meta)]
    pub meta: Vec<(String, Box<RawValue>)>,
    /// Metadata as a JSON object
    #[arg(long, value_name = "JSON", value_parser = value::metadata, hide_short_help = true)]
    pub metadata: Option<Box<RawValue>>,
    /// Time until the next update
    ///
    /// The session is stale after DURATION and very stale after three times
    /// DURATION, instead of the readers' limits.
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub expect: Option<Duration>,
    /// Process of the session [default: $SSTAT_PID]
    ///
    /// The session is dead when this process has ended while the status is
    /// idle, working or blocked.
    #[arg(long, value_name = "PID", value_parser = value::pid, allow_negative_numbers = true, hide_short_help = true)]
    pub pid: Option<u32>,
    /// Wait until the line is on the disk
    ///
    /// SSTAT_SYNC=1 does the same.
    #[arg(long, hide_short_help = true)]
    pub sync: bool,
    /// Read updates from stdin, as JSON Lines
    ///
    /// They can be of any number of sessions in one directory. An invalid line is reported, the others are recorded, and the exit code
    /// is 2.
    #[arg(long, conflicts_with_all = ["session", "progress", "task", "message_by_name", "meta", "metadata",
          "expect", "pid", "hook", "command"])]
    pub stdin: bool,

    /// Read an agent's hook from stdin: codex, auto, ...
    ///
    /// AGENT is claude-code, codex, gemini, qwen, copilot, opencode or auto, which
    /// recognizes the agent. Pushes the status that the hook implies. Always exits with 0 and prints
    /// nothing on stdout, because agents interpret both. The JSON can also be
    /// the last argument.
    #[arg(long, value_name = "AGENT", hide_possible_values = true,
          value_parser = ["claude-code", "codex", "gemini", "qwen", "copilot", "opencode", "auto"],
          conflicts_with_all = ["status", "message", "progress_positional", "task_positional",
                                "progress", "task", "message_by_name", "meta", "metadata", "pid", "command"])]
    pub hook: Option<String>,
    /// Session of the hook
    ///
    /// Without this option: $SSTAT_SESSION, else the name of the tmux session,
    /// else a name made of the agent's directory and id.
    #[arg(id = "hook_session", long = "session", value_name = "SESSION", hide_short_help = true,
          requires = "hook", conflicts_with_all = ["status", "stdin"])]
    pub hook_session: Option<OsString>,

    /// Acknowledge a session that needs attention
    ///
    /// Until its next update, or for DURATION at most, list --attention, the status
    /// line of summary and repeated alerts of watch leave it out. --ack=0s withdraws
    /// it.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, value_parser = value::duration,
          hide_short_help = true, conflicts_with_all = ["stdin", "hook", "command", "status", "progress", "task", "message_by_name",
                                "meta", "metadata", "expect", "pid"])]
    pub ack: Option<Option<Duration>>,

    /// Record the last lines of stderr if COMMAND fails [default: 10]
    ///
    /// stderr becomes a pipe. Its last lines, at most 4 KiB, are the metadata key
    /// stderr_tail.
    #[arg(long, value_name = "LINES", num_args = 0..=1, require_equals = true, requires = "command",
          default_missing_value = "10", value_parser = value::count, hide_short_help = true)]
    pub tail: Option<usize>,

    /// Command to run; its end is recorded
    ///
    /// The session is working while COMMAND runs, then completed, or error with
    /// the exit code or the signal. The exit code is that of COMMAND.
    #[arg(value_name = "COMMAND", last = true, conflicts_with = "pid")]
    pub command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct Reading {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub staleness: StalenessArgs,
}

#[derive(Debug, Default, Args)]
pub struct StalenessArgs {
    /// Age at which a session is stale [default: 5m]
    ///
    /// $SSTAT_STALE_AFTER sets the default.
    #[arg(help_heading = "Staleness", long, value_name = "DURATION", value_parser = value::duration,
          hide_short_help = true)]
    pub stale_after: Option<Duration>,
    /// Age at which a session is very stale [default: 15m]
    ///
    /// $SSTAT_VERY_STALE_AFTER sets the default. If only --stale-after is given
    /// and is 15m or more, the default is three times that.
    #[arg(help_heading = "Staleness", long, value_name = "DURATION", value_parser = value::duration,
          hide_short_help = true)]
    pub very_stale_after: Option<Duration>,
    /// Statuses that can go stale, or "all" [default: all but completed]
    ///
    /// $SSTAT_STALE_STATUS sets the default.
    #[arg(help_heading = "Staleness", long, value_name = "STATUS,...", value_parser = value::stale_statuses,
          hide_short_help = true)]
    pub stale_status: Option<StaleStatuses>,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Filters {
    /// Only these sessions: names, or patterns with * ? []
    #[arg(value_name = "NAME|GLOB", value_parser = value::listed_name())]
    pub names: Vec<String>,
    /// Only sessions with one of these statuses
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', value_parser = value::stored_status)]
    pub status: Vec<Status>,
    /// Only sessions with this task
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// Only sessions updated within this time
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub since: Option<Duration>,
    /// Only sessions not updated within this time
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub older_than: Option<Duration>,
    /// Only sessions longer than this in their status
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub longer_than: Option<Duration>,
    /// Only sessions with this metadata
    ///
    /// KEY is a key or a dotted path. GLOB is a text, or a pattern with * ? [], for the whole value. A value that
    /// is not a string is compared as JSON text.
    #[arg(long, value_name = "KEY=GLOB", value_parser = value::meta_filter)]
    pub meta: Vec<MetaFilter>,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::SUMMARY)]
pub struct Summary {
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub reading: Reading,
    /// Count by task, host, status, prefix, meta.KEY, ...
    ///
    /// KEY is task, host, status, directory, prefix or meta.KEY. Each group is a row with its counts and its mean progress. The group that
    /// needs attention most is first. prefix is the name up to its last digits or
    /// its last separator (- _ . : / or a space), e.g. worker for worker12. Sessions
    /// without the key are the group "(none)".
    #[arg(long, value_name = "KEY", conflicts_with_all = ["short", "tmux", "prometheus"])]
    pub by: Option<GroupBy>,
    /// Print one line for a status bar
    ///
    /// Prints nothing without sessions. Stale and dead sessions are also counted under their
    /// status, acknowledged ones not at all.
    #[arg(long, conflicts_with_all = ["json", "tmux"])]
    pub short: bool,
    /// Print the line of --short with tmux colors
    #[arg(long, conflicts_with = "json")]
    pub tmux: bool,
    /// Print metrics in the Prometheus text format
    ///
    /// For the textfile collector of node_exporter. Some metrics have one series
    /// per session.
    #[arg(long, conflicts_with_all = ["json", "short", "tmux"])]
    pub prometheus: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::LIST)]
pub struct List {
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub reading: Reading,
    /// Sort by name, age, for, status, progress or task
    ///
    /// The default is name, with --attention age. name and task are in natural order:
    /// worker2 before worker10. age puts the oldest update first, for the longest
    /// time in the same status, progress the highest one. The order of status is
    /// working, blocked, error, idle, completed, others.
    #[arg(long, value_enum, value_name = "KEY", hide_possible_values = true)]
    pub sort: Option<SortKey>,
    /// Columns of the table, e.g. session,meta.phase
    ///
    /// The columns are session, status, for, age, progress, task, message, pid, host,
    /// since, directory and meta.KEY. KEY is a key of the metadata or a dotted path.
    /// age includes the issue: dead (the process is gone), stopped, stale or very stale,
    /// and "ack" if the session is acknowledged.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', value_parser = <Column as FromStr>::from_str,
          conflicts_with_all = ["json", "jsonl", "files"])]
    pub columns: Vec<Column>,
    /// Print JSON Lines, one session per line
    #[arg(long, conflicts_with_all = ["json", "files"])]
    pub jsonl: bool,
    /// Print the paths of the files
    ///
    /// Sessions that are alive are left out. The examples show how to remove the files of finished sessions.
    #[arg(long, conflicts_with = "json")]
    pub files: bool,
    /// End each path with NUL instead of a newline
    #[arg(short = '0', long, requires = "files")]
    pub null: bool,
    /// Only error, blocked, dead, stopped or stale ones
    #[arg(long)]
    pub attention: bool,
    /// Exit with 1 if a session is listed, otherwise 0
    ///
    /// A missing directory, an unreadable file or an unknown name is an error:
    /// 2.
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SortKey {
    /// Natural order: worker2 before worker10
    Name,
    /// Oldest update first
    Age,
    /// Longest time in the same status first
    For,
    /// working, blocked, error, idle, completed, others
    Status,
    /// Highest progress first
    Progress,
    /// Natural order of the tasks, sessions without one last
    Task,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::SHOW)]
pub struct Show {
    /// Name of the session
    #[arg(value_name = "NAME", value_parser = value::listed_name())]
    pub name: String,
    #[command(flatten)]
    pub reading: Reading,
    /// Add the last lines of the tmux pane of the session [default: 20]
    #[arg(long, value_name = "LINES", num_args = 0..=1, require_equals = true,
          default_missing_value = "20", value_parser = value::count)]
    pub tmux: Option<usize>,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::HISTORY)]
#[command(group = ArgGroup::new("sessions").args(["names", "all"]).required(true))]
pub struct History {
    /// Sessions: names, or patterns with * ? []
    #[arg(value_name = "NAME", value_parser = value::listed_name())]
    pub names: Vec<String>,
    /// All sessions
    #[arg(long)]
    pub all: bool,
    /// Number of updates per session; 0 for all [default: 50; with --since or --plot: 0]
    #[arg(short = 'n', long, value_name = "N", value_parser = value::count)]
    pub limit: Option<usize>,
    /// Only updates since then: a duration ago, or a time
    ///
    /// A time is RFC 3339, or local time without an offset.
    #[arg(long, value_name = "WHEN", value_parser = value::moment)]
    pub since: Option<Moment>,
    /// Only updates until then: a duration ago, or a time
    #[arg(long, value_name = "WHEN", value_parser = value::moment)]
    pub until: Option<Moment>,
    /// Only updates with one of these statuses
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', value_parser = value::stored_status)]
    pub status: Vec<Status>,
    /// Only updates with this task
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// Print new updates as they are written
    #[arg(short, long, conflicts_with = "json")]
    pub follow: bool,
    /// Plot statuses and progress over time
    #[arg(long, conflicts_with_all = ["follow", "json", "jsonl"])]
    pub plot: bool,
    /// Print JSON: an object, or an array for several sessions
    #[arg(long)]
    pub json: bool,
    /// Print the stored lines
    #[arg(long, conflicts_with = "json")]
    pub jsonl: bool,
}

/// A point in time, as given on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Ago(Duration),
    At(DateTime<Utc>),
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::STALE)]
pub struct Stale {
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub reading: Reading,
    /// Only very stale and dead sessions
    #[arg(long)]
    pub very: bool,
    /// Exit with 1 if a session is listed, otherwise 0
    ///
    /// A missing directory, an unreadable file or an unknown name is an error:
    /// 2.
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = examples::WATCH)]
#[command(mut_arg("older_than", |arg| arg.hide_short_help(true)))]
#[command(mut_arg("longer_than", |arg| arg.hide_short_help(true)))]
#[command(mut_arg("meta", |arg| arg.hide_short_help(true)))]
pub struct Watch {
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub reading: Reading,
    /// Time between two summaries
    ///
    /// Applies without a terminal and without --json.
    #[arg(short = 'n', long, value_name = "DURATION", default_value = "10s", value_parser = value::interval)]
    pub interval: Duration,
    /// Print one summary and exit
    ///
    /// With --json, print one event for each session.
    #[arg(long, conflicts_with_all = ["until", "exec", "bell"])]
    pub once: bool,
    /// Poll every second instead of waiting for notifications
    ///
    /// This is the default on network file systems.
    #[arg(long, hide_short_help = true)]
    pub poll: bool,
    /// Treat conditions that hold at the start as events
    ///
    /// With --until and --since 1m, a status of the last minute counts: the end
    /// of a job just before the wait is not missed, and the end of an earlier run
    /// does not count.
    #[arg(long, hide_short_help = true)]
    pub now: bool,

    /// Wait until the sessions have one of these statuses
    ///
    /// Exits with 0 then, with 1 if a session ended with another status, with 3
    /// if one is dead.
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', value_parser = value::stored_status,
          requires = "names", conflicts_with = "status", help_heading = "Wait and alerts")]
    pub until: Vec<Status>,
    /// Wait for one session; fail when all have failed
    #[arg(
        long,
        requires = "until",
        help_heading = "Wait and alerts",
        hide_short_help = true
    )]
    pub any: bool,
    /// Exit with 124 after this time
    #[arg(long, value_name = "DURATION", value_parser = value::seconds, requires = "until", help_heading = "Wait and alerts")]
    pub timeout: Option<Duration>,
    /// Wait also for sessions that do not exist yet
    ///
    /// For a pattern without a match, wait for the first session that matches.
    #[arg(
        long,
        requires = "until",
        help_heading = "Wait and alerts",
        hide_short_help = true
    )]
    pub allow_missing: bool,

    /// Events to alert on [default: error,very_stale,dead]
    ///
    /// An event is stale, very_stale, dead, stopped, overdue, exited, recovered,
    /// acknowledged, removed, update or a status. A session is overdue when it has
    /// passed --longer-than or --older-than, with which this is one of the defaults; a
    /// completed one only if --status or --on names its status. A condition that holds
    /// at the start counts only with --now.
    #[arg(long, value_name = "EVENT,...", value_delimiter = ',', value_parser = value::trigger, help_heading = "Wait and alerts")]
    pub on: Vec<String>,
    /// Run a command with sh -c when an event occurs
    ///
    /// The command finds the event in SSTAT_EVENT, SSTAT_SESSION, SSTAT_STATUS,
    /// SSTAT_MESSAGE and others, and as JSON on stdin. On Windows, it runs with cmd /C
    /// if sh is not installed.
    #[arg(long, value_name = "COMMAND", help_heading = "Wait and alerts")]
    pub exec: Option<OsString>,
    /// Repeat the alert while the condition holds
    #[arg(long, value_name = "DURATION", value_parser = value::repeat, help_heading = "Wait and alerts",
          hide_short_help = true)]
    pub repeat: Option<Duration>,
    /// Ring the terminal bell when an event occurs
    #[arg(long, help_heading = "Wait and alerts")]
    pub bell: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn common_arguments_work_on_both_sides_of_the_verb() {
        let common = |line: &str| {
            let common = Cli::try_parse_from(line.split(' ')).unwrap().take_common();
            let dir: PathBuf = common.dir.iter().collect();
            (dir.display().to_string(), common.color, common.quiet)
        };
        let never = Some(ColorChoice::Never);
        assert_eq!(common("sstat list"), (String::new(), None, false));
        for line in [
            "sstat --dir d --color never -q list",
            "sstat list --dir d --color never -q",
            "sstat --dir d list --color never --quiet",
            "sstat -q --status-dir a --dir b --color auto list --dir d --color=never -q",
        ] {
            assert_eq!(common(line), ("d".to_owned(), never, true), "{line}");
        }
        let verbosity = |line: &str| {
            let common = Cli::try_parse_from(line.split(' ')).unwrap().take_common();
            (common.quiet, common.verbose)
        };
        assert_eq!(verbosity("sstat -q list -v"), (false, true));
        assert_eq!(verbosity("sstat -v list -q"), (true, false));
        assert!(Cli::try_parse_from(["sstat", "list", "-q", "-v"]).is_err());
    }

    #[test]
    fn verb_keeps_its_description_after_deferral() {
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
    fn definitions_pass_the_checks_of_clap() {
        Cli::command().debug_assert();
    }
}
