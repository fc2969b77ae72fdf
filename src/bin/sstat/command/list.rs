//! `sstat list`: one row for each session.

use std::cmp::Ordering;

use sstat::Session;

use crate::cli::{self, SortKey};
use crate::config::Config;
use crate::error::{Result, exit_code};
use crate::select::select;
use crate::view::{Form, List, Report, View};

pub fn run(config: &Config, args: &cli::List) -> Result<Report> {
    let rules = config.rules(&args.reading.staleness)?;
    let mut selection = select(config, &args.filters, &rules)?;
    let mut sessions = std::mem::take(&mut selection.sessions);
    if args.attention {
        sessions.retain(Session::needs_attention);
    }
    let key = args.sort.unwrap_or(if args.attention {
        SortKey::Age
    } else {
        SortKey::Name
    });
    // Stable: sessions with an equal key stay in the order of their names.
    sessions.sort_by(|a, b| compare(key, a, b));
    let is_match = !sessions.is_empty();
    let view = View::List(List { sessions }, Form::of(args.reading.json));
    let mut report = Report::of(view);
    if args.exit_code && is_match {
        report.code = exit_code::NO_MATCH;
    }
    Ok(selection.conclude(config, report, args.exit_code))
}

fn compare(key: SortKey, a: &Session, b: &Session) -> Ordering {
    let (a, b) = (&a.update, &b.update);
    match key {
        SortKey::Name => Ordering::Equal,
        SortKey::Age => a.timestamp.cmp(&b.timestamp),
        SortKey::Status => a.status.cmp(&b.status),
        // Sessions without progress come last.
        SortKey::Progress => {
            let (a, b) = (a.progress.unwrap_or(-1.0), b.progress.unwrap_or(-1.0));
            b.total_cmp(&a)
        }
    }
}
