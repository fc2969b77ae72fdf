//! `sstat list`: one row a session.

use std::cmp::Ordering;

use crate::cli::{self, SortKey};
use crate::config::Config;
use crate::error::{Result, exit_code};
use crate::select::select_in_parts;
use crate::view::{Form, List, Part, Report, Row, Sessions, View};

pub fn run(config: &Config, args: &cli::List) -> Result<Report> {
    let rules = config.rules(&args.reading.staleness)?;
    let mut selection = select_in_parts(config, &args.filters, &rules, |sessions| {
        Part::new(sessions.filter(|session| !args.attention || session.needs_attention()))
    })?;
    let mut sessions = Sessions::new(std::mem::take(&mut selection.found));
    let key = args.sort.unwrap_or(if args.attention {
        SortKey::Age
    } else {
        SortKey::Name
    });
    // They are in the order of their names, in which equal ones stay.
    if key != SortKey::Name {
        sessions.sort_by(|a, b| compare(key, a, b));
    }
    let found = !sessions.is_empty();
    let view = View::List(List { sessions }, Form::of(args.reading.json));
    let mut report = Report::of(view);
    if args.exit_code && found {
        report.code = exit_code::NO_MATCH;
    }
    Ok(selection.conclude(config, report, args.exit_code))
}

fn compare(key: SortKey, a: &Row<'_>, b: &Row<'_>) -> Ordering {
    match key {
        SortKey::Name => Ordering::Equal,
        SortKey::Age => a.timestamp.cmp(&b.timestamp),
        SortKey::Status => a.status.cmp(b.status),
        // One without progress has not begun to say how far it is.
        SortKey::Progress => {
            let progress = |row: &Row<'_>| row.progress.unwrap_or(-1.0);
            progress(b).total_cmp(&progress(a))
        }
    }
}
