//! `sstat summary`: how many, and who.

use sstat::{Session, Viewpoint};

use crate::cli;
use crate::command::select::select;
use crate::config::Config;
use crate::failure::Result;
use crate::view::{Report, Summary, SummaryForm, SummaryRow, View};

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
    let viewpoint = config.viewpoint(&args.reading.staleness)?;
    report(config, &args.filters, &viewpoint, form)
}

pub fn report(
    config: &Config,
    filters: &cli::Filters,
    viewpoint: &Viewpoint,
    form: SummaryForm,
) -> Result<Report> {
    let mut selection = select(config, filters, viewpoint, |session| Some(row(session)))?;
    let mut summary = Summary {
        skipped_lines: selection.skipped_lines(),
        rows: std::mem::take(&mut selection.found),
        ..Summary::default()
    };
    summary
        .rows
        .sort_unstable_by(|a, b| sstat::natural_cmp(&a.name, &b.name));
    for row in &summary.rows {
        match summary.by_status.get_mut(&row.status) {
            Some(count) => *count += 1,
            None => {
                summary.by_status.insert(row.status.clone(), 1);
            }
        }
    }
    let report = Report::of(View::Summary(summary, form));
    Ok(selection.conclude(config, report, false))
}

fn row(Session { update, condition }: Session) -> SummaryRow {
    SummaryRow {
        pid: update.process.as_ref().map(|process| process.pid),
        name: update.session,
        status: update.status,
        progress: update.progress,
        message: update.message,
        updated: update.timestamp,
        condition,
    }
}
