//! `sstat stale`: stale and dead sessions, worst first.

use std::cmp::Reverse;

use sstat::{Origin, Session, Staleness};

use crate::cli;
use crate::config::{Config, Stream};
use crate::error::Result;
use crate::output;
use crate::render::table;
use crate::select::select;
use crate::view::StaleList;

pub fn run(config: &Config, args: &cli::Stale) -> Result<u8> {
    let mut rules = config.rules(&args.reading.staleness)?;
    rules.finds_since = true;
    let (mut sessions, selection) = select(config, &args.filters, &rules)?;
    let least = match args.very {
        true => Staleness::VeryStale,
        false => Staleness::Stale,
    };
    sessions.retain(|Session { health, .. }| health.is_dead() || health.staleness >= least);
    sessions.sort_by_key(|Session { health, .. }| {
        Reverse((health.is_dead(), health.staleness, health.age))
    });
    let mut report = selection.conclude(config, args.exit_code);
    report.note_match(args.exit_code && !sessions.is_empty());
    let has_named_directory = config.directories.first().origin == Origin::Named;
    let list = StaleList {
        sessions,
        has_named_directory,
    };
    output::print(config, &report, |out| match args.reading.json {
        true => output::write_document(out, &list),
        false => table::write_stale(out, &list, &config.style(Stream::Out)),
    })
}
