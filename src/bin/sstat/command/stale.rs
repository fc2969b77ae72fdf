//! `sstat stale`: who went silent or died, worst first.

use std::cmp::Reverse;

use sstat::{Life, Origin, Session};

use crate::cli;
use crate::config::Config;
use crate::failure::{Result, code};
use crate::select::select;
use crate::view::{Form, Report, StaleList, View};

pub fn run(config: &Config, args: &cli::Stale) -> Result<Report> {
    let viewpoint = config.viewpoint(&args.reading.staleness)?;
    let mut selection = select(config, &args.filters, &viewpoint, |session| {
        let condition = &session.condition;
        let silent = if args.very {
            condition.is_very_stale()
        } else {
            condition.is_stale()
        };
        (silent || condition.life == Life::Dead).then_some(session)
    })?;
    let mut sessions = std::mem::take(&mut selection.found);
    sessions.sort_by_key(|Session { condition, .. }| {
        Reverse((
            condition.life == Life::Dead,
            condition.staleness,
            condition.age,
        ))
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
        report.code = code::NO;
    }
    Ok(selection.conclude(config, report, args.exit_code))
}
