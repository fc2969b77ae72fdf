//! `sstat summary`: how many, and who.

use sstat::HealthRules;

use crate::cli;
use crate::config::Config;
use crate::error::Result;
use crate::select::select_in_parts;
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
    // Only the block says more of a session than its name.
    let with_text = form == SummaryForm::Block;
    let mut selection = select_in_parts(config, filters, rules, |sessions| {
        Summary::part(sessions, with_text)
    })?;
    let summary = Summary::new(
        std::mem::take(&mut selection.found),
        selection.skipped_lines(),
    );
    let report = Report::of(View::Summary(summary, form));
    Ok(selection.conclude(config, report, false))
}
