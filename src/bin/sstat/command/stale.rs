//! `sstat stale`: stale and dead sessions, worst first.

use std::cmp::Reverse;

use sstat::{Origin, Session, Staleness};

use crate::cli;
use crate::config::Config;
use crate::error::{Result, exit_code};
use crate::select::select;
use crate::view::{Form, Report, StaleList, View};

pub fn run(config: &Config, args: &cli::Stale) -> Result<Report> {
    let mut rules = config.rules(&args.reading.staleness)?;
    rules.finds_since = true;
    let mut selection = select(config, &args.filters, &rules)?;
    let mut sessions = std::mem::take(&mut selection.sessions);
    let least = match args.very {
        true => Staleness::VeryStale,
        false => Staleness::Stale,
    };
    sessions.retain(|Session { health, .. }| health.is_dead() || health.staleness >= least);
    sessions.sort_by_key(|Session { health, .. }| {
        Reverse((health.is_dead(), health.staleness, health.age))
    });
    let is_match = !sessions.is_empty();
    let has_named_directory = config.directories.first().origin == Origin::Named;
    let list = StaleList {
        sessions,
        has_named_directory,
    };
    let view = View::Stale(list, Form::of(args.reading.json));
    let mut report = Report::of(view);
    if args.exit_code && is_match {
        report.code = exit_code::NO_MATCH;
    }
    Ok(selection.conclude(config, report, args.exit_code))
}
