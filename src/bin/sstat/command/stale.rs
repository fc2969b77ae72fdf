//! `sstat stale`: who went silent or died, worst first.

use sstat::{Liveness, Origin, Session};

use crate::cli;
use crate::config::Config;
use crate::error::{Result, exit_code};
use crate::select::select_in_parts;
use crate::view::{Form, Part, Report, Row, Sessions, StaleList, View};

pub fn run(config: &Config, args: &cli::Stale) -> Result<Report> {
    let rules = config.rules(&args.reading.staleness)?;
    let is_wanted = |Session { health, .. }: &Session| {
        let silent = if args.very {
            health.is_very_stale()
        } else {
            health.is_stale()
        };
        silent || health.liveness == Liveness::Dead
    };
    let mut selection = select_in_parts(config, &args.filters, &rules, |sessions| {
        Part::new(sessions.filter(is_wanted))
    })?;
    let mut sessions = Sessions::new(std::mem::take(&mut selection.found));
    sessions.sort_by(|a, b| {
        let badness = |Row { health, .. }: &Row<'_>| {
            (
                health.liveness == Liveness::Dead,
                health.staleness,
                health.age,
            )
        };
        badness(b).cmp(&badness(a))
    });
    let found = !sessions.is_empty();
    let named = config.location.origin == Origin::Named;
    let list = StaleList {
        sessions,
        directory: named.then(|| config.directory()),
    };
    let view = View::Stale(list, Form::of(args.reading.json));
    let mut report = Report::of(view);
    if args.exit_code && found {
        report.code = exit_code::NO_MATCH;
    }
    Ok(selection.conclude(config, report, args.exit_code))
}
