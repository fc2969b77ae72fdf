//! `sstat watch`: the summary, again and again.

use crate::cli;
use crate::command::summary;
use crate::config::Config;
use crate::failure::Result;
use crate::view::{Report, SummaryForm};

/// One block: what `watch` shows at this moment.
pub fn block(config: &Config, args: &cli::Watch) -> Result<Report> {
    let viewpoint = config.viewpoint(&args.reading.staleness)?;
    summary::report(config, &args.filters, &viewpoint, SummaryForm::Block)
}
