//! `sstat list`: one row a session.

use std::cmp::Ordering;

use sstat::Session;

use crate::cli::{self, SortKey};
use crate::config::Config;
use crate::failure::{Result, code};
use crate::select::select;
use crate::view::{Form, List, Report, View};

pub fn run(config: &Config, args: &cli::List) -> Result<Report> {
    let viewpoint = config.viewpoint(&args.reading.staleness)?;
    let mut selection = select(config, &args.filters, &viewpoint, |session| {
        (!args.attention || session.needs_attention()).then_some(session)
    })?;
    let mut sessions = std::mem::take(&mut selection.found);
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
        report.code = code::NO;
    }
    Ok(selection.conclude(config, report, args.exit_code))
}

fn compare(key: SortKey, a: &Session, b: &Session) -> Ordering {
    match key {
        SortKey::Name => Ordering::Equal,
        SortKey::Age => a.update.timestamp.cmp(&b.update.timestamp),
        SortKey::Status => a.update.status.cmp(&b.update.status),
        // One without progress has not begun to say how far it is.
        SortKey::Progress => b
            .update
            .progress
            .unwrap_or(-1.0)
            .total_cmp(&a.update.progress.unwrap_or(-1.0)),
    }
}
