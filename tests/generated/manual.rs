//! man/: a page for the command and one for each verb. The arguments come
//! from their definitions, the sections behind them from here.

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
    let examples = command.get_after_help().unwrap().to_string();
    let examples = examples
        .split("\n\n")
        .next()
        .unwrap()
        .trim_start_matches("Examples:\n");
    let man = Man::new(command.clone())
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

/// Paragraphs; one that is "NAME  text" becomes a tagged one.
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

/// Text that roff takes for text.
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
0  Done. A reader that closes the pipe is no error.
1  A \"no\": an unknown session; --exit-code found something; --until ended otherwise.
2  Usage, input or output went wrong; stderr says what and why in one line.
3  A session that was waited for is dead.
124  Waiting timed out.
A wrapped command's own exit code is passed on; 127 when it is not found, 126 when it is not executable, 128+N when signal N ended it.";

const ENVIRONMENT: &str = "\
SSTAT_DIR  The status directory, unless --dir names one.
SSTAT_PID  The process that stands behind every push; in a shell script: export SSTAT_PID=$$
SSTAT_SESSION  The session of a hook, and set for a wrapped command.
SSTAT_SYNC  1 makes every push wait for the disk.
SSTAT_STALE_AFTER, SSTAT_VERY_STALE_AFTER  The silence that counts as stale (5m) and very stale (15m).
SSTAT_STALE_STATUS  The statuses that can go stale, with commas between them, or all.
SSTAT_HOOK_PROMPT  off leaves prompts and answers out of what hooks push.
SSTAT_NOW  An RFC 3339 time that is taken for now, also by push, for reproducible output.
NO_COLOR, CLICOLOR_FORCE, FORCE_COLOR, TERM  Whether to colour, in this order after --color.
XDG_STATE_HOME  Where the user's own status directory is: sstat/session_status in it.
LC_ALL, LC_CTYPE, LANG  Whether text may leave ASCII.
TZ  The time zone of times shown to people.";

const FILES: &str = "\
NAME_status.json  One session's updates, one JSON object a line, appended and never rewritten. Keys: timestamp, session, status, progress, message, task_id, metadata, stale_after, process.
data/session_status/  The nearest such directory above the current one is used unless --dir or SSTAT_DIR names another.
~/.local/state/sstat/session_status/  The user's own directory, where nothing else applies.";

/// What `--json` prints. Contracts grow by keys only.
fn json(verb: &str) -> Option<&'static str> {
    Some(match verb {
        "summary" => "\
total_sessions  How many sessions there are.
by_status  How many in each status that occurs.
working_sessions, error_sessions, stale_sessions, idle_sessions, blocked_sessions, completed_sessions, very_stale_sessions, dead_sessions  Names in natural order. Stale is an axis of its own: a stale worker is also in working_sessions.
skipped_lines  How many bad lines were met at the files' ends.",
        "list" => "\
An object keyed by name. Each value is the last update's own keys, those that sstat does not know included, and:
age_seconds  Whole seconds since the update; 0 for one from the future.
is_stale  Whether it has been silent for too long; true for very stale ones too.
is_very_stale  Whether for much too long.
is_alive  Whether its process runs: true, false, or null when that cannot be told.",
        "show" => "The session's object, as in sstat-list(1).",
        "history" => "\
One session is an object, several are an array of them:
session  The name.
total_updates  How many lines the file has.
updates  The updates' own keys, oldest first.
--jsonl prints the stored lines themselves, control and format characters as \\uXXXX.",
        "stale" => "\
count  How many sessions there are.
sessions  They, worst first, each as in sstat-list(1).",
        "watch" => "\
One object a line:
event  snapshot (once for each session at the start, later for one that could not be read then), update, stale, very_stale, dead, recovered or removed.
session  The name.
at  When it happened, RFC 3339.
from, to  With update: the statuses before (null for a new session) and after.
since  With stale, very_stale, dead and recovered: since when it holds, or held.
condition  With recovered: what ended, stale or dead.
state  The session, as in sstat-list(1).",
        _ => return None,
    })
}
