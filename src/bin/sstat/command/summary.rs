//! `sstat summary`: the number of sessions by status, and their names.

use crate::cli;
use crate::config::Config;
use crate::error::Result;
use crate::select::select;
use crate::view::group::GroupBy;
use crate::view::{Report, Summary, SummaryForm, View};

pub fn run(config: &Config, args: &cli::Summary) -> Result<Report> {
    let form = match args {
        cli::Summary { short: true, .. } => SummaryForm::Short,
        cli::Summary { tmux: true, .. } => SummaryForm::Tmux,
        cli::Summary {
            prometheus: true, ..
        } => SummaryForm::Prometheus,
        _ if args.reading.json => SummaryForm::Json,
        _ if args.by.is_some() => SummaryForm::Groups,
        _ => SummaryForm::Block,
    };
    report(config, &args.filters, &args.reading, args.by.clone(), form)
}

pub fn report(
    config: &Config,
    filters: &cli::Filters,
    reading: &cli::Reading,
    by: Option<GroupBy>,
    form: SummaryForm,
) -> Result<Report> {
    let mut rules = config.rules(&reading.staleness)?;
    rules.finds_since = filters.longer_than.is_some();
    let mut selection = select(config, filters, &rules)?;
    let mut sessions = std::mem::take(&mut selection.sessions);
    if matches!(form, SummaryForm::Short | SummaryForm::Tmux) {
        sessions.retain(|session| !session.health.is_acknowledged);
    }
    let summary = Summary::new(sessions, selection.skipped_lines(), by);
    let report = Report::of(View::Summary(summary, form));
    Ok(selection.conclude(config, report, false))
}
