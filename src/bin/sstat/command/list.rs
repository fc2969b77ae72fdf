//! `sstat list`: one row, JSON value or path for each session.

use sstat::{Liveness, Session};

use crate::cli::{self, SortKey};
use crate::config::Config;
use crate::error::{Result, exit_code};
use crate::select::select;
use crate::view::column::Column;
use crate::view::{Form, List, Report, View};

pub fn run(config: &Config, args: &cli::List) -> Result<Report> {
    let mut rules = config.rules(&args.reading.staleness)?;
    let shows_since = |column: &Column| matches!(column, Column::For | Column::Since);
    rules.finds_since = (args.columns.is_empty() && !args.files)
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
    let column = match args.sort.unwrap_or(default) {
        SortKey::Name => Column::Session,
        SortKey::Age => Column::Age,
        SortKey::For => Column::For,
        SortKey::Status => Column::Status,
        SortKey::Progress => Column::Progress,
        SortKey::Task => Column::Task,
    };
    column.sort(&mut sessions, |session| session);
    if args.files {
        sessions.retain(|session| session.health.liveness != Liveness::Alive);
    }
    let is_match = !sessions.is_empty();
    let mut report = match args.files {
        true => files(config, &sessions, args.null)?,
        false => {
            let form = match (args.reading.json, args.jsonl) {
                (true, _) => Form::Json,
                (_, true) => Form::JsonLines,
                _ => Form::Human,
            };
            let columns = args.columns.clone();
            Report::of(View::List(List { sessions, columns }, form))
        }
    };
    if args.exit_code && is_match {
        report.code = exit_code::NO_MATCH;
    }
    Ok(selection.conclude(config, report, args.exit_code))
}

/// Reports the paths of the sessions' files. A path with a newline is left out unless
/// each ends with NUL, because a reader would take its parts for two paths.
fn files(config: &Config, sessions: &[Session], null: bool) -> Result<Report> {
    let mut paths = Vec::new();
    let mut warnings = Vec::new();
    for session in sessions {
        let qualified_name = session.qualified_name();
        let (store, name) = config.directories.find(&qualified_name);
        let Some(path) = store.path_of(name)? else {
            continue;
        };
        if !null && path.as_os_str().as_encoded_bytes().contains(&b'\n') {
            let path = path.display();
            warnings.push(format!(
                "{path}: left out: the path contains a newline; use -0"
            ));
        } else {
            paths.push(path);
        }
    }
    let end = if null { b'\0' } else { b'\n' };
    let view = View::Paths(paths, end);
    Ok(Report {
        warnings,
        ..Report::of(view)
    })
}
