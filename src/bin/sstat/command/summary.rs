//! `sstat summary`: the number of sessions by status, and their names.

use crate::cli;
use crate::config::{Config, Stream};
use crate::error::Result;
use crate::output;
use crate::render::{block, prometheus, table};
use crate::select::select;
use crate::view::group::GroupBy;
use crate::view::{Report, Summary};

pub fn run(config: &Config, args: &cli::Summary) -> Result<u8> {
    let is_line = args.short || args.tmux;
    let by = args.by.clone();
    let (summary, report) = summarize(config, &args.filters, &args.reading, by, is_line)?;
    let style = || config.style(Stream::Out);
    output::print(config, &report, |out| match args {
        cli::Summary { short: true, .. } => {
            output::write_line(out, &block::short_line(&summary, &style()))
        }
        cli::Summary { tmux: true, .. } => output::write_line(out, &block::tmux_line(&summary)),
        cli::Summary {
            prometheus: true, ..
        } => prometheus::write_metrics(out, &summary),
        _ if args.reading.json => output::write_document(out, &summary),
        _ if args.by.is_some() => table::write_groups(out, &summary, &style()),
        _ => block::write_block(out, &summary, &style()),
    })
}

/// Returns the summary of the sessions that match the filters, for a status line without
/// acknowledged ones, and the messages about the others.
pub fn summarize(
    config: &Config,
    filters: &cli::Filters,
    reading: &cli::Reading,
    by: Option<GroupBy>,
    is_line: bool,
) -> Result<(Summary, Report)> {
    let mut rules = config.rules(&reading.staleness)?;
    rules.finds_since = filters.longer_than.is_some();
    let (mut sessions, selection) = select(config, filters, &rules)?;
    sessions.retain(|session| !is_line || !session.health.is_acknowledged);
    let summary = Summary::new(sessions, selection.skipped_lines(), by);
    Ok((summary, selection.conclude(config, false)))
}
