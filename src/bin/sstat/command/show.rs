//! `sstat show`: one session in detail.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sstat::{FileWarning, HealthRules, Query, Session, Status, StatusSince, Store, Update};

use crate::cli;
use crate::config::{Config, Stream};
use crate::directories::{name_in, qualify};
use crate::error::{CliError, Result};
use crate::output;
use crate::render::detail::write_detail;
use crate::select::{absent, dropped_keys, stored_name};
use crate::tmux;
use crate::view::{Detail, Remaining, Report};

/// The number of updates to read to find the start of the status and the progress.
const LOOK_BACK: usize = 1000;

/// A longer estimate would be meaningless and is not shown.
const MAX_REMAINING: Duration = Duration::from_secs(100 * 24 * 3600);

/// The number of updates to show.
const RECENT: usize = 10;

pub fn run(config: &Config, args: &cli::Show) -> Result<u8> {
    let rules = config.rules(&args.reading.staleness)?;
    let (store, name) = find_one(config, &args.name, &rules)?;
    let (detail, warning) = detail(store, name, &rules, RECENT)?;
    let Some(mut detail) = detail else {
        return Err(absent(config, &args.name));
    };
    let update = &detail.session.update;
    detail.pane = args.tmux.map(|lines| tmux::last_lines(update, lines));
    let mut report = Report::default();
    report
        .warnings
        .extend(warning.map(|warning| warning.to_string()));
    report
        .warnings
        .extend(dropped_keys(config, &detail.session));
    report.warnings.extend(stored_name(store, name));
    output::print(config, &report, |out| match args.reading.json {
        true => output::write_document(out, &detail),
        false => write_detail(out, &detail, &config.style(Stream::Out)),
    })
}

/// Returns the directory of the session with a bare or qualified name, and its name
/// there.
///
/// # Errors
/// If several directories have a session of this name.
pub fn find_one<'a>(
    config: &'a Config,
    given: &'a str,
    rules: &HealthRules,
) -> Result<(&'a Store, &'a str)> {
    let stores: Vec<&Store> = config.directories.stores().collect();
    if let [store] = *stores {
        return Ok((store, given));
    }
    let mut found = Vec::new();
    for store in stores {
        if let Some(name) = name_in(store, given)
            && store.session(name, rules)?.0.is_some()
        {
            found.push((store, name));
        }
    }
    match *found {
        [] => Err(absent(config, given)),
        [one] => Ok(one),
        _ => {
            let names = found
                .iter()
                .map(|(store, name)| qualify(store, (*name).to_owned()));
            let names = names.collect::<Vec<String>>().join(", ");
            Err(CliError::error(format!(
                "session '{given}' is ambiguous: {names}"
            )))
        }
    }
}

/// Reads a session's detail with its last `recent` updates, and the warning about
/// its file. Returns no detail for a session that does not exist.
pub fn detail(
    store: &Store,
    name: &str,
    rules: &HealthRules,
    recent: usize,
) -> Result<(Option<Detail>, Option<FileWarning>)> {
    let query = Query::last(LOOK_BACK);
    let Some(history) = store.history(name, query)? else {
        return Ok((None, None));
    };
    let mut track = None;
    let mut latest = VecDeque::new();
    let warning = history.for_each(|_, update| -> sstat::Result<()> {
        let track = track.get_or_insert_with(|| Track::new(&update));
        track.add(&update);
        // Each can be 1 MiB, so only the updates to show are kept.
        if latest.len() == recent.max(1) {
            latest.pop_front();
        }
        latest.push_back(update);
        Ok(())
    })?;
    // The history has no repeated updates, but the last one can be repeated.
    let Some(mut session) = store.session(name, rules)?.0 else {
        return Ok((None, warning));
    };
    let mut track = track.unwrap_or_else(|| Track::new(&session.update));
    if track.status != session.update.status {
        track.add(&session.update);
    }
    latest.truncate(recent);
    let is_exact = track.status_updates < LOOK_BACK;
    session.since = Some(StatusSince::new(track.status_since, is_exact));
    let detail = Detail {
        now: rules.now,
        remaining: remaining(&session, &track.progress, rules.now),
        progress: track.progress,
        recent: latest.into(),
        pane: None,
        path: history.path().to_path_buf(),
        session,
    };
    Ok((Some(detail), warning))
}

/// The status and the task of a session, tracked from its oldest update to its
/// last.
struct Track {
    status: Status,
    status_since: DateTime<Utc>,
    /// The number of updates since then, the first one included.
    status_updates: usize,
    task_id: Option<String>,
    /// The progress of the task since it last went back. Without a task id, a
    /// new task begins after `idle` or `completed`.
    progress: Vec<(DateTime<Utc>, f64)>,
}

impl Track {
    fn new(first: &Update) -> Self {
        Self {
            status: first.status.clone(),
            status_since: first.timestamp,
            status_updates: 0,
            task_id: first.task_id.clone(),
            progress: Vec::new(),
        }
    }

    fn add(&mut self, update: &Update) {
        let was_finished = match self.status {
            Status::Completed => true,
            Status::Idle => update.task_id.is_none(),
            _ => false,
        };
        if was_finished || update.task_id != self.task_id {
            self.task_id.clone_from(&update.task_id);
            self.progress.clear();
        }
        if let Some(progress) = update.progress {
            if self.progress.last().is_some_and(|last| progress < last.1) {
                self.progress.clear();
            }
            self.progress.push((update.timestamp, progress));
        }
        if update.status != self.status {
            self.status.clone_from(&update.status);
            self.status_since = update.timestamp;
            self.status_updates = 0;
        }
        self.status_updates += 1;
    }
}

/// Estimates the time until the task is completed, from its average pace and from
/// the pace in the later half of its time. `None` without progress, and for
/// a session that is not working or needs attention.
fn remaining(
    session: &Session,
    points: &[(DateTime<Utc>, f64)],
    now: DateTime<Utc>,
) -> Option<Remaining> {
    if session.update.status != Status::Working || session.needs_attention() {
        return None;
    }
    let (first, last) = (points.first()?, points.last()?);
    let middle = first.0 + (last.0 - first.0) / 2;
    let half_way = points.iter().rev().find(|(at, _)| *at <= middle)?;
    let since = (now - last.0).as_seconds_f64().max(0.0);
    let left = |from: &(DateTime<Utc>, f64)| {
        let took = (last.0 - from.0).as_seconds_f64();
        let advanced = last.1 - from.1;
        (took > 0.0 && advanced > 0.0 && last.1 < 1.0)
            .then(|| (1.0 - last.1) * took / advanced - since)
    };
    let (overall, recent) = (left(first)?, left(half_way)?);
    if overall.max(recent) > MAX_REMAINING.as_secs_f64() {
        return None;
    }
    // Fails if the task is overdue at both paces: neither predicts its end.
    Some(Remaining {
        soonest: Duration::try_from_secs_f64(overall.min(recent).max(0.0)).ok()?,
        latest: Duration::try_from_secs_f64(overall.max(recent)).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sstat::Thresholds;

    fn updates(points: &[(u32, &str, &str, f64)]) -> Vec<Update> {
        points
            .iter()
            .map(|(minute, status, task, progress)| {
                let line = format!(
                    r#"{{"timestamp":"2026-02-14T20:{minute:02}:00Z","status":"{status}","task_id":"{task}","progress":{progress}}}"#
                );
                Update::decode(line.as_bytes()).unwrap()
            })
            .collect()
    }

    fn task_progress(updates: &[Update]) -> Vec<(DateTime<Utc>, f64)> {
        let mut track = Track::new(&updates[0]);
        for update in updates {
            track.add(update);
        }
        track.progress
    }

    fn range(points: &[(u32, &str, &str, f64)], minute: u32) -> Option<(u64, u64)> {
        let updates = updates(points);
        let now = sstat::parse_timestamp(&format!("2026-02-14T20:{minute:02}:00Z")).unwrap();
        let rules = HealthRules::new(now, Thresholds::default());
        let session = rules.evaluate(updates.last().unwrap().clone());
        let minutes = |left: Duration| (left.as_secs() + 30) / 60;
        remaining(&session, &task_progress(&updates), now)
            .map(|left| (minutes(left.soonest), minutes(left.latest)))
    }

    fn left(points: &[(u32, &str, &str, f64)], minute: u32) -> Option<u64> {
        range(points, minute).map(|(soonest, latest)| {
            assert_eq!(soonest, latest);
            soonest
        })
    }

    #[test]
    fn estimate_needs_two_advancing_points_of_one_task() {
        let w = "working";
        assert_eq!(left(&[(0, w, "1", 0.2)], 1), None);
        assert_eq!(left(&[(0, w, "1", 0.2), (10, w, "1", 0.2)], 11), None);
        assert_eq!(left(&[(0, w, "1", 0.2), (10, w, "1", 0.4)], 10), Some(30));
        assert_eq!(left(&[(0, w, "1", 0.2), (10, w, "1", 0.4)], 12), Some(28));
        assert_eq!(left(&[(0, w, "1", 0.2), (10, w, "2", 0.4)], 10), None);
        assert_eq!(
            left(&[(0, w, "1", 0.9), (1, w, "1", 0.2), (10, w, "1", 0.4)], 10),
            Some(27)
        );
        assert_eq!(
            left(&[(0, w, "1", 0.2), (10, "blocked", "1", 0.4)], 10),
            None
        );
        assert_eq!(left(&[(0, w, "1", 0.2), (10, w, "1", 0.4)], 16), None);
        let crawl = [(0, w, "1", 0.2), (10, w, "1", 0.2 + 1e-9)];
        assert_eq!(left(&crawl, 10), None, "not in two thousand years");
    }

    #[test]
    fn different_paces_give_a_range() {
        let w = "working";
        let slower = [(0, w, "1", 0.0), (10, w, "1", 0.4), (20, w, "1", 0.5)];
        assert_eq!(range(&slower, 20), Some((20, 50)));
        assert_eq!(range(&slower, 24), Some((16, 46)));
        let stalled = [(0, w, "1", 0.1), (4, w, "1", 0.5), (20, w, "1", 0.5)];
        assert_eq!(range(&stalled, 20), None);
    }

    #[test]
    fn idle_ends_a_task_without_an_id() {
        let mut updates = updates(&[
            (0, "working", "1", 0.1),
            (5, "idle", "1", 0.1),
            (10, "working", "1", 0.2),
            (15, "working", "1", 0.3),
        ]);
        assert_eq!(task_progress(&updates).len(), 4);
        for update in &mut updates {
            update.task_id = None;
        }
        assert_eq!(task_progress(&updates).len(), 2);
        updates[1].status = Status::Completed;
        updates.truncate(2);
        assert_eq!(task_progress(&updates).len(), 2);
    }
}
