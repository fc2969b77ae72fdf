//! `sstat list`: one row for each session.

use sstat::Session;

use crate::cli::{self, SortKey};
use crate::config::Config;
use crate::error::{Result, exit_code};
use crate::select::select;
use crate::view::column::Column;
use crate::view::{Form, List, Report, View};

pub fn run(config: &Config, args: &cli::List) -> Result<Report> {
    let mut rules = config.rules(&args.reading.staleness)?;
    let shows_since = |column: &Column| matches!(column, Column::For | Column::Since);
    rules.finds_since = args.reading.json
        || args.columns.is_empty()
        || args.columns.iter().any(shows_since)
        || args.sort == Some(SortKey::For)
        || args.filters.longer_than.is_some();
    let mut selection = select(config, &args.filters, &rules)?;
    let mut sessions = std::mem::take(&mut selection.sessions);
    if args.attention {
        sessions.retain(Session::needs_attention);
    }
    let default = match args.attention {
        true => SortKey::Age,
        false => SortKey::Name,
    };
    // Stable: sessions with an equal key stay in the order of their names.
    let progress = |session: &Session| session.update.progress.unwrap_or(-1.0);
    match args.sort.unwrap_or(default) {
        SortKey::Name => {}
        SortKey::Age => sessions.sort_by_key(|session| session.update.timestamp),
        SortKey::For => sessions.sort_by_key(|session| session.since.map(|since| since.at)),
        SortKey::Status => sessions.sort_by(|a, b| a.update.status.cmp(&b.update.status)),
        // Sessions without progress come last.
        SortKey::Progress => sessions.sort_by(|a, b| progress(b).total_cmp(&progress(a))),
    }
    let is_match = !sessions.is_empty();
    let columns = args.columns.clone();
    let view = View::List(List { sessions, columns }, Form::of(args.reading.json));
    let mut report = Report::of(view);
    if args.exit_code && is_match {
        report.code = exit_code::NO_MATCH;
    }
    Ok(selection.conclude(config, report, args.exit_code))
}
