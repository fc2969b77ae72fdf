//! `sstat summary`: the number of sessions by status, and their names.

use sstat::HealthRules;

use crate::cli;
use crate::config::Config;
use crate::error::Result;
use crate::select::select;
use crate::view::{Report, Summary, SummaryForm, View};

pub fn run(config: &Config, args: &cli::Summary) -> Result<Report> {
    let form = match args {
        cli::Summary { short: true, .. } => SummaryForm::Short,
        cli::Summary { tmux: true, .. } => SummaryForm::Tmux,
        cli::Summary {
            prometheus: true, ..
        } => SummaryForm::Prometheus,
        _ if args.reading.json => SummaryForm::Json,
        _ => SummaryForm::Block,
    };
    let rules = config.rules(&args.reading.staleness)?;
    report(config, &args.filters, &rules, form)
}

pub fn report(
    config: &Config,
    filters: &cli::Filters,
    rules: &HealthRules,
    form: SummaryForm,
) -> Result<Report> {
    let mut selection = select(config, filters, rules)?;
    let sessions = std::mem::take(&mut selection.sessions);
    let summary = Summary::new(sessions, selection.skipped_lines());
    let report = Report::of(View::Summary(summary, form));
    Ok(selection.conclude(config, report, false))
}
