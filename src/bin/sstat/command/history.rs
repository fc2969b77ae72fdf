//! `sstat history`: the updates of some sessions.

use std::collections::{HashMap, HashSet};

use sstat::{Query, session_of_file};

use crate::cli;
use crate::config::Config;
use crate::error::Result;
use crate::history::{Follow, HistoryReader, NameFilter};
use crate::select::{Names, select};
use crate::view::{HistoryForm, Report, View};

/// How many updates of a session are printed unless it is said.
const LIMIT: usize = 50;

pub fn run(config: &Config, args: &cli::History) -> Result<Report> {
    // A picture of the last fifty updates of each would begin for each at
    // another time.
    let limit = args.limit.unwrap_or(if args.plot { 0 } else { LIMIT });
    let query = Query {
        limit: (limit > 0).then_some(limit),
        since: args.since.map(|since| config.moment(since)).transpose()?,
        until: args.until.map(|until| config.moment(until)).transpose()?,
        statuses: args.status.clone(),
        task: args.task.clone(),
    };
    let form = match args {
        cli::History { json: true, .. } => HistoryForm::Json,
        cli::History { jsonl: true, .. } => HistoryForm::Lines,
        _ => HistoryForm::Human,
    };
    let rules = config.rules(&cli::StalenessArgs::default())?;
    let filters = cli::Filters::of_names(args.names.clone());
    let mut selection = select(config, &filters, &rules, |session| {
        Some(session.update.session)
    })?;
    let mut names = std::mem::take(&mut selection.found);
    // The bad lines of these are met again, and all of them, when the history
    // is read.
    let read_again: HashSet<&String> = names.iter().collect();
    // So are files that are no sessions yet, but may join them.
    let joins = names_that_join(args);
    selection.warnings.retain(|warning| {
        let session = warning.path.file_name().and_then(session_of_file);
        session.is_none_or(|session| {
            !read_again.contains(&session) && joins.as_ref().is_none_or(|joins| !joins(&session))
        })
    });
    let mut places: HashMap<&String, usize> = HashMap::new();
    for (place, name) in args.names.iter().enumerate() {
        places.entry(name).or_insert(place);
    }
    // Names that a pattern found come last, in the order that they are in.
    names.sort_by_key(|name| places.get(name).copied().unwrap_or(usize::MAX));
    let one_name = match &*args.names {
        [name] => names.first() == Some(name),
        _ => false,
    };
    let view = if names.is_empty() && !selection.unknown.is_empty() {
        View::Nothing
    } else {
        let store = config.location.store.clone();
        let mut histories = HistoryReader::new(store, names, query, one_name);
        histories.follow = args.follow.then_some(Follow { joins });
        if args.plot {
            View::Plot(histories, Box::new(rules))
        } else {
            View::History(histories, form)
        }
    };
    Ok(selection.conclude(config, Report::of(view), false))
}

/// Which sessions are followed when they come, if any are.
fn names_that_join(args: &cli::History) -> Option<NameFilter> {
    let names = Names::new(&args.names);
    if !args.follow || names.exactly().is_some() {
        return None;
    }
    Some(Box::new(move |name| names.want(name)))
}
