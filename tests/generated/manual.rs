//! man/: a page for the command and one for each verb. The arguments come from
//! their definitions, the other sections from this file.

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;

#[test]
fn man_pages_are_up_to_date() {
    let mut command = Cli::command();
    command.build();
    crate::check("man/sstat.1", &page(&command, "sstat", None));
    for verb in command.get_subcommands() {
        let name = format!("sstat-{}", verb.get_name());
        crate::check(
            &format!("man/{name}.1"),
            &page(verb, &name, Some(verb.get_name())),
        );
    }
}

fn page(command: &Command, name: &str, verb: Option<&str>) -> String {
    let examples = command.get_after_long_help().unwrap().to_string();
    let examples = examples
        .split("\n\n")
        .next()
        .unwrap()
        .trim_start_matches("Examples:\n");
    // clap_mangen leaves out the help of options that `-h` hides.
    let shown = command
        .clone()
        .display_name(name.to_owned())
        .mut_args(|argument| argument.hide_short_help(false));
    let man = Man::new(shown)
        .title(name)
        .section("1")
        .source(format!("sstat {}", env!("CARGO_PKG_VERSION")))
        .manual("sstat");
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    man.render_synopsis_section(&mut page).unwrap();
    man.render_description_section(&mut page).unwrap();
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page).unwrap();
    }
    man.render_options_section(&mut page).unwrap();
    let mut page = String::from_utf8(page).unwrap();
    if let Some(contract) = verb.and_then(json) {
        section(&mut page, "JSON", contract);
    }
    page.push_str(".SH EXAMPLES\n.nf\n");
    for line in examples.lines() {
        page.push_str(&escape(line.trim_start()));
        page.push('\n');
    }
    page.push_str(".fi\n");
    section(&mut page, "EXIT STATUS", EXIT_STATUS);
    section(&mut page, "ENVIRONMENT", ENVIRONMENT);
    section(&mut page, "FILES", FILES);
    let others = match verb {
        None => {
            "sstat-push(1), sstat-summary(1), sstat-list(1), sstat-show(1), sstat-history(1), sstat-stale(1), sstat-watch(1)"
        }
        Some(_) => "sstat(1)",
    };
    section(&mut page, "SEE ALSO", others);
    page
}

/// Appends a section of paragraphs. "NAME  text" becomes a tagged paragraph.
fn section(page: &mut String, title: &str, text: &str) {
    page.push_str(&format!(".SH {title}\n"));
    for (index, paragraph) in text.lines().enumerate() {
        match paragraph.split_once("  ") {
            Some((tag, text)) => page.push_str(&format!(
                ".TP\n\\fB{}\\fR\n{}\n",
                escape(tag),
                escape(text.trim_start())
            )),
            None if index > 0 => page.push_str(&format!(".PP\n{}\n", escape(paragraph))),
            None => page.push_str(&format!("{}\n", escape(paragraph))),
        }
    }
}

/// Escapes text for roff.
fn escape(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('`', "\\`");
    if text.starts_with('.') {
        format!("\\&{text}")
    } else {
        text
    }
}

const EXIT_STATUS: &str = "\
0  Success. A reader that closes the pipe is not an error.
1  \"No\": an unknown session, a match of --exit-code, or --until ended with another status.
2  Usage error, I/O error or invalid input; stderr gives the reason in one line.
3  A session that was waited for is dead.
124  Timeout of --timeout.
A wrapped command's exit code is passed on; 127 if the command is not found, 126 if it is not executable. If a signal killed it, the same signal kills sstat.";

const ENVIRONMENT: &str = "\
SSTAT_DIR  The status directory, unless --dir is given; or a list of directories, separated as in PATH. push writes to the first, and a session PROJECT/NAME to the one of that project.
SSTAT_PID  The process of every push, if it is an ancestor of it. In a shell script: export SSTAT_PID=$$. Set for a wrapped command.
SSTAT_RUN  The run of the wrapper. Set for a wrapped command.
SSTAT_SESSION  The session of a hook. Set for a wrapped command.
SSTAT_SYNC  1 makes every push wait until the line is on the disk.
SSTAT_STALE_AFTER, SSTAT_VERY_STALE_AFTER  The age at which a session is stale (default 5m) and very stale (default 15m).
SSTAT_STALE_STATUS  The statuses that can go stale, separated by commas, or all.
SSTAT_HOOK_PROMPT  off leaves prompts and answers out of the updates of hooks.
SSTAT_NOW  An RFC 3339 time that replaces the current time, also in push, for reproducible output.
NO_COLOR, CLICOLOR_FORCE, FORCE_COLOR, TERM  Whether to use colors, in this order after --color.
COLORTERM, TERM  Which colors to use. A terminal of 8 or 16 colors gets its own ones, any other those of a palette of 256.
XDG_STATE_HOME  The parent of the user's own status directory, sstat/session_status.
LC_ALL, LC_CTYPE, LANG  Whether text may contain characters other than ASCII.
TZ  The time zone of the times in text output.";

const FILES: &str = "\
NAME_status.json  The updates of one session, one JSON object per line. Lines are appended and never rewritten. Keys: timestamp, session, status, progress, message, task_id, metadata, stale_after, process, run, wrapper, tmux, acknowledged_until, repeated.
data/session_status/  The status directory of a project. The nearest one in the current directory or above is used unless --dir or SSTAT_DIR is given.
~/.local/state/sstat/session_status/  The user's own directory, used if no other applies.";

/// Describes the output of `--json`. It is stable: keys may be added, never
/// removed or changed.
fn json(verb: &str) -> Option<&'static str> {
    Some(match verb {
        "summary" => "\
total_sessions  The number of sessions.
by_status  The number of sessions with each status that occurs.
working_sessions, error_sessions, stale_sessions, idle_sessions, blocked_sessions, completed_sessions, very_stale_sessions, dead_sessions  Names in natural order. Staleness does not depend on the status: a stale worker is also in working_sessions.
skipped_lines  The number of invalid lines at the ends of the files.",
        "list" => "\
An object with the sessions' names as keys. Each value has the keys of the last update, unknown ones included, and:
age_seconds  Whole seconds since the update; 0 if it is in the future.
is_stale  Whether the session is stale; true for very stale ones too.
is_very_stale  Whether the session is very stale.
is_alive  Whether its process runs: true, false, or null if that is unknown.
is_stopped  Whether its process is stopped by a signal.
is_acknowledged  Whether the session is acknowledged: see sstat push --ack.
since  The time of the first update of the unbroken run with this status.
for_seconds  Whole seconds since then; 0 if it is in the future.
since_is_exact  False if the run may have started earlier: readers look back 64 KiB, sstat show 1,000 updates.",
        "show" => "The session's object, as in sstat-list(1).",
        "history" => "\
An object for one session, an array of them for several:
session  The name.
total_updates  The number of updates in the file.
updates  The updates, oldest first.
--jsonl prints the stored lines, with control and format characters as \\uXXXX.",
        "stale" => "\
count  The number of sessions.
sessions  The sessions, worst first, each as in sstat-list(1).",
        "watch" => "\
One object per line:
event  snapshot (for each session at the start, and later for one that could not be read then or that returns unchanged), update, stale, very_stale, dead, exited, stopped, overdue, recovered, acknowledged or removed.
session  The name.
at  The time of the event, RFC 3339.
from, to  With update: the previous status (null for a new session) and the new one.
since  With stale, very_stale, dead, stopped, overdue and recovered: the start of the condition.
condition  With recovered: the condition that ended, stale, dead or stopped.
state  The session, as in sstat-list(1).",
        _ => return None,
    })
}
