//! `sstat list`: one row, JSON value or path for each session.

use std::path::PathBuf;

use sstat::{Liveness, Session};

use crate::cli::{self, SortKey};
use crate::config::{Config, Stream};
use crate::error::Result;
use crate::output;
use crate::render::table;
use crate::select::select;
use crate::view::column::Column;
use crate::view::{Report, SessionState};

pub fn run(config: &Config, args: &cli::List) -> Result<u8> {
    let mut rules = config.rules(&args.reading.staleness)?;
    let shows_since = |column: &Column| matches!(column, Column::For | Column::Since);
    rules.finds_since = (args.columns.is_empty() && !args.files)
        || args.columns.iter().any(shows_since)
        || args.sort == Some(SortKey::For)
        || args.filters.longer_than.is_some();
    let (mut sessions, selection) = select(config, &args.filters, &rules)?;
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
    let mut report = selection.conclude(config, args.exit_code);
    report.note_match(args.exit_code && !sessions.is_empty());
    let paths = match args.files {
        true => files(config, &sessions, args.null, &mut report)?,
        false => Vec::new(),
    };
    output::print(config, &report, |out| match args {
        cli::List { files: true, .. } => output::write_paths(out, &paths, args.null),
        cli::List { jsonl: true, .. } => {
            output::write_lines(out, sessions.iter().map(SessionState))
        }
        _ if args.reading.json => output::write_sessions(out, &sessions),
        _ => table::write_list(out, &sessions, &args.columns, &config.style(Stream::Out)),
    })
}

/// Returns the paths of the sessions' files. A path with a newline is left out unless
/// each ends with NUL, because a reader would take its parts for two paths.
fn files(
    config: &Config,
    sessions: &[Session],
    null: bool,
    report: &mut Report,
) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for session in sessions {
        let store = config.directories.store_of(session);
        let Some(path) = store.path_of(session.name())? else {
            continue;
        };
        if !null && path.as_os_str().as_encoded_bytes().contains(&b'\n') {
            let path = path.display();
            report.warnings.push(format!(
                "{path}: left out: the path contains a newline; use -0"
            ));
        } else {
            paths.push(path);
        }
    }
    Ok(paths)
}
