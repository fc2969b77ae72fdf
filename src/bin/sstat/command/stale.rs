//! `sstat stale`: who went silent or died, worst first.

use sstat::{Life, Origin, Session};

use crate::cli;
use crate::config::Config;
use crate::failure::{Result, code};
use crate::select::select_in_parts;
use crate::view::{Form, Part, Report, Row, Sessions, StaleList, View};

pub fn run(config: &Config, args: &cli::Stale) -> Result<Report> {
    let viewpoint = config.viewpoint(&args.reading.staleness)?;
    let is_wanted = |Session { condition, .. }: &Session| {
        let silent = if args.very {
            condition.is_very_stale()
        } else {
            condition.is_stale()
        };
        silent || condition.life == Life::Dead
    };
    let mut selection = select_in_parts(config, &args.filters, &viewpoint, |sessions| {
        Part::new(sessions.filter(is_wanted))
    })?;
    let mut sessions = Sessions::new(std::mem::take(&mut selection.found));
    sessions.sort_by(|a, b| {
        let badness = |Row { condition, .. }: &Row<'_>| {
            (
                condition.life == Life::Dead,
                condition.staleness,
                condition.age,
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
        report.code = code::NO;
    }
    Ok(selection.conclude(config, report, args.exit_code))
}
