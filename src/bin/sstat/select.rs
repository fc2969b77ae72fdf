//! The sessions that a command reads: the filters that the verbs share, and the
//! errors for names that match no session.

use chrono::{DateTime, Utc};
use glob::{MatchOptions, Pattern};
use sstat::{
    FileWarning, HealthRules, Session, SessionName, Status, Store, Thresholds, natural_cmp,
};

use crate::cli::{Filters, pattern};
use crate::config::{Config, before};
use crate::directories::{Directories, compare, name_in, name_in_project, parts, split};
use crate::error::{CliError, Result, exit_code};
use crate::view::Report;

/// The messages about the sessions that a command reads.
#[derive(Default)]
pub struct Selection {
    pub warnings: Vec<FileWarning>,
    /// Names given by the user that are not a session.
    pub unknown: Vec<String>,
    /// Errors about directories and named sessions that could not be read, while
    /// others could.
    failures: Vec<String>,
    /// Messages about missing directories and about probable typing errors in
    /// `--status`, which are errors in a gate.
    mistakes: Vec<String>,
    notes: Vec<String>,
}

impl Selection {
    /// Returns the messages and the exit code. With `strict`, which is for gates in
    /// scripts, everything that kept a session from being read is an error.
    pub fn conclude(self, config: &Config, strict: bool) -> Report {
        let mut report = Report {
            warnings: self.warnings.iter().map(ToString::to_string).collect(),
            ..Report::default()
        };
        for name in &self.unknown {
            let error = absent(config, name);
            let code = if strict { exit_code::ERROR } else { error.code };
            report.code = report.code.max(code);
            report.failures.push(error.message);
        }
        let hides_session = self.warnings.iter().any(FileWarning::hides_session);
        if !self.failures.is_empty() || (strict && (hides_session || !self.mistakes.is_empty())) {
            report.code = exit_code::ERROR;
        }
        report.failures.extend(self.failures);
        report.warnings.extend(self.notes);
        match strict {
            true => report.failures.extend(self.mistakes),
            false => report.warnings.extend(self.mistakes),
        }
        report
    }

    /// Reads the sessions with a name given by the user.
    fn add_named(
        &mut self,
        sessions: &mut Vec<Session>,
        directories: &Directories,
        given: &str,
        rules: &HealthRules,
    ) -> sstat::Result<()> {
        let mut is_found = false;
        let mut unread = Vec::new();
        for store in directories.stores() {
            let Some(name) = name_in(store, given) else {
                continue;
            };
            match store.session(name, rules)? {
                (Some(session), warning) => {
                    is_found = true;
                    self.notes.extend(stored_name(store, name));
                    sessions.push(session);
                    self.warnings.extend(warning);
                }
                (None, warning) => unread.extend(warning),
            }
        }
        if !is_found {
            // The error about the name includes the warnings.
            self.unknown.push(given.to_owned());
            return Ok(());
        }
        for warning in unread {
            match warning.is_unreadable() {
                true => self.failures.push(warning.to_string()),
                false => self.warnings.push(warning),
            }
        }
        Ok(())
    }

    /// Returns the number of invalid lines that were skipped.
    pub fn skipped_lines(&self) -> u64 {
        self.warnings.iter().map(FileWarning::bad_lines).sum()
    }
}

/// Returns notes about the keys of a session's last line that count as absent, with
/// `--verbose`.
pub fn dropped_keys(config: &Config, session: &Session) -> Vec<String> {
    let keys = session.update.dropped.iter().filter(|_| config.verbose);
    keys.map(|key| format!("{}: ignored {key}", session.display_name()))
        .collect()
}

/// Returns a note if the file system stores a session under another name.
pub fn stored_name(store: &Store, name: &str) -> Option<String> {
    let stored = store.stored_name(name)?;
    Some(format!(
        "{name}: this file system stores the session as '{stored}'"
    ))
}

/// Reads the sessions that match the filters, in natural order of their names. Returns
/// them with the messages about the others.
pub fn select(
    config: &Config,
    filters: &Filters,
    rules: &HealthRules,
) -> Result<(Vec<Session>, Selection)> {
    let (mut sessions, mut selection) = (Vec::new(), Selection::default());
    let missing = config.directories.missing();
    let names = Names::new(&filters.names);
    let is_single = config.directories.is_single();
    for store in config.directories.stores().filter(|_| names.needs_scan()) {
        let project = store.directory().project();
        let is_wanted = |name: &str| names.want(project, name) && !names.have(project, name);
        match store.scan(rules, is_wanted) {
            Ok(mut scan) => {
                // A copy would double the memory of a single directory.
                match sessions.is_empty() {
                    true => sessions = scan.sessions,
                    false => sessions.extend(scan.sessions),
                }
                selection.warnings.append(&mut scan.warnings);
            }
            // The message about it is in `missing`.
            Err(error) if error.is_not_found() && !missing.is_empty() => {}
            Err(error) if is_single => return Err(error.into()),
            Err(error) => selection.failures.push(format!("{error:#}")),
        }
    }
    for name in &names.literal {
        selection.add_named(&mut sessions, &config.directories, name, rules)?;
    }
    selection.warnings.sort_by(|a, b| a.path.cmp(&b.path));
    selection.warnings.dedup_by(|a, b| a.path == b.path);
    if !is_single || !names.literal.is_empty() {
        // A stable sort merges the directories, whose sessions are in order.
        sessions.sort_by(|a, b| compare(parts(a), parts(b)));
        // The bare and the qualified name of one session may be given.
        sessions.dedup_by(|a, b| parts(a) == parts(b));
    }
    if !is_single {
        for namesakes in sessions.chunk_by_mut(|a, b| a.name() == b.name()) {
            let is_several = namesakes.len() > 1;
            namesakes
                .iter_mut()
                .for_each(|session| session.has_namesake = is_several);
        }
    }
    let is_used =
        |status: &Status| (sessions.iter()).any(|session| session.update.status == *status);
    let (misspelled, others) = unknown_statuses(&filters.status, "no session", is_used);
    selection.mistakes = misspelled;
    selection.notes.extend(others);
    // For a single directory, the error about each unknown name gives this reason.
    if selection.unknown.is_empty() || !is_single {
        selection.mistakes.extend(missing);
    }
    sessions.retain(|session| matches(filters, session, rules.now));
    let dropped = sessions
        .iter()
        .flat_map(|session| dropped_keys(config, session));
    selection.notes.extend(dropped);
    Ok((sessions, selection))
}

/// Returns warnings about the statuses in `wanted` that sstat does not write and that
/// nothing has: first about those that are similar to one that sstat writes, then
/// about the others, which another program may write.
pub fn unknown_statuses(
    wanted: &[Status],
    nothing: &str,
    is_used: impl Fn(&Status) -> bool,
) -> (Vec<String>, Vec<String>) {
    let known = Status::KNOWN.map(|status| status.to_string());
    let (mut misspelled, mut others) = (Vec::new(), Vec::new());
    for status in wanted {
        if Status::KNOWN.contains(status) || is_used(status) {
            continue;
        }
        let warning = format!("--status: {nothing} is '{status}'");
        match nearest(status.as_str(), &known) {
            Some(meant) => misspelled.push(format!("{warning} (did you mean '{meant}'?)")),
            None => others.push(format!("{warning} (sstat writes {})", known.join(", "))),
        }
    }
    (misspelled, others)
}

/// Returns whether a session matches the filters other than the names.
pub fn matches(filters: &Filters, session: &Session, now: DateTime<Utc>) -> bool {
    let update = &session.update;
    (filters.status.is_empty() || filters.status.contains(&update.status))
        && (filters.task.is_none() || filters.task == update.task_id)
        && filters
            .since
            .is_none_or(|since| update.timestamp >= before(now, since))
        && filters
            .older_than
            .is_none_or(|age| update.timestamp < before(now, age))
        && filters.meta.iter().all(|filter| filter.matches(update))
        && filters.longer_than.is_none_or(|limit| {
            let since = session.since;
            since.is_some_and(|since| since.elapsed(now) > limit)
        })
}

/// Returns whether a NAME argument is a name, not a pattern.
pub fn is_literal(name: &str) -> bool {
    pattern(name).is_none()
}

/// Replaces a NAME argument that cannot be a session's name by the name that
/// `push` makes of it, unless there is a session of the given name. A project in
/// front of it is kept.
pub fn resolve_name(config: &Config, given: &mut String) {
    let in_project = config.directories.split_given(given);
    let start = in_project.map_or(0, |(_, name)| given.len() - name.len());
    let name = &given[start..];
    if SessionName::new(name).is_ok() || !is_literal(given) {
        return;
    }
    let exists = |other: &String| other == given || split(other).1 == *given;
    if !config.directories.names().iter().any(exists)
        && let Ok(made) = SessionName::from_text(name)
    {
        given.replace_range(start.., made.as_str());
    }
}

/// How a pattern matches a qualified name.
const QUALIFIED: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// The NAME arguments of a command.
pub struct Names {
    /// Each once.
    literal: Vec<String>,
    /// With their text, because a session's name can look like a pattern.
    patterns: Vec<(String, Pattern)>,
}

impl Names {
    pub fn new(names: &[String]) -> Self {
        let mut literal: Vec<String> = Vec::new();
        let mut patterns = Vec::new();
        for name in names {
            match pattern(name) {
                Some(pattern) => patterns.push((name.clone(), pattern)),
                None if literal.contains(name) => {}
                None => literal.push(name.clone()),
            }
        }
        Self { literal, patterns }
    }

    fn needs_scan(&self) -> bool {
        self.literal.is_empty() || !self.patterns.is_empty()
    }

    /// Returns the names if there are only names, no patterns.
    pub fn exactly(&self) -> Option<&[String]> {
        (!self.needs_scan()).then_some(&self.literal)
    }

    /// Returns whether a session's name or qualified name matches. Without
    /// arguments, every name matches.
    pub fn want(&self, project: Option<&str>, name: &str) -> bool {
        let matches = |pattern: &Pattern| {
            // `*` does not match `/`, so that other patterns match bare names.
            match (project, pattern.as_str().contains('/')) {
                (Some(project), true) => {
                    pattern.matches_with(&format!("{project}/{name}"), QUALIFIED)
                }
                _ => pattern.matches(name),
            }
        };
        (self.literal.is_empty() && self.patterns.is_empty())
            || self.have(project, name)
            || (self.patterns.iter()).any(|(text, pattern)| {
                name_in_project(project, text) == Some(name) || matches(pattern)
            })
    }

    /// Returns whether a session is given by its name or qualified name.
    fn have(&self, project: Option<&str>, name: &str) -> bool {
        (self.literal.iter()).any(|literal| name_in_project(project, literal) == Some(name))
    }

    /// Returns whether a session's name or qualified name matches.
    pub fn want_session(&self, session: &Session) -> bool {
        self.want(session.project(), session.name())
    }
}

/// The error for a name that is not a session: exit code 2 if its file cannot be
/// read, otherwise 1.
pub fn absent(config: &Config, name: &str) -> CliError {
    let rules = HealthRules::new(DateTime::default(), Thresholds::default());
    let warning = config.directories.stores().find_map(|store| {
        let (_, warning) = store.session(name_in(store, name)?, &rules).ok()?;
        warning
    });
    match (warning, &*config.directories.missing()) {
        (Some(warning), _) if warning.is_unreadable() => CliError::error(warning.to_string()),
        (Some(warning), _) => CliError::no(format!("no session '{name}': {warning}")),
        (None, [missing]) if config.directories.is_single() => {
            CliError::no(format!("no session '{name}': {missing}"))
        }
        (None, _) => CliError::no(unknown(config, name)),
    }
}

/// Formats "no session 'managr1' in DIR (did you mean 'manager1'?)".
pub fn unknown(config: &Config, name: &str) -> String {
    let text = format!("no session '{name}' in {}", config.directories);
    let mut names = config.directories.names();
    let bare: Vec<String> = names.iter().map(|name| split(name).1.to_owned()).collect();
    if names.iter().chain(&bare).any(|existing| existing == name) {
        return format!("{text}: its file has no update yet");
    }
    if !config.directories.is_single() {
        names.extend(bare);
    }
    match nearest(name, &names) {
        Some(nearest) => format!("{text} (did you mean '{nearest}'?)"),
        None => text,
    }
}

/// Returns the most similar of some names, if a typing error can explain the
/// difference. The name of a status file counts as its session's name.
pub fn nearest<'a>(name: &str, names: &'a [String]) -> Option<&'a String> {
    let name = name.strip_suffix(sstat::FILE_SUFFIX).unwrap_or(name);
    let length = name.chars().count();
    // A name of one character must match exactly, since otherwise every other
    // one would be similar.
    let max_distance = (length / 4).max(1).min(length.saturating_sub(1));
    let name = name.to_lowercase();
    names
        .iter()
        .map(|other| {
            let distance = strsim::damerau_levenshtein(&name, &other.to_lowercase());
            (distance, other)
        })
        .filter(|(distance, _)| *distance <= max_distance)
        .min_by(|a, b| a.0.cmp(&b.0).then_with(|| natural_cmp(a.1, b.1)))
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_is_found_within_a_typing_error() {
        let names = ["manager1", "manager2", "worker10"].map(str::to_owned);
        assert_eq!(nearest("managr1", &names).unwrap(), "manager1");
        assert_eq!(nearest("wroker10", &names).unwrap(), "worker10");
        assert_eq!(nearest("Manager2", &names).unwrap(), "manager2");
        assert_eq!(nearest("worker10_status.json", &names).unwrap(), "worker10");
        assert_eq!(nearest("zebra", &names), None);
        assert_eq!(nearest("z", &["a".to_owned()]), None);
    }

    #[test]
    fn names_and_patterns_match() {
        let of =
            |names: &[&str]| Names::new(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(of(&[]).want(None, "anything"));
        assert!(of(&["w*"]).want(None, "w1") && !of(&["w*"]).want(None, "m1"));
        assert!(of(&["a", "w*"]).want(None, "a") && !of(&["a", "w*"]).want(None, "b"));
        assert!(of(&["w[1]"]).want(None, "w[1]") && of(&["w[1]"]).want(None, "w1"));
        assert!(!of(&["a", "b"]).needs_scan());
        assert!(of(&["w["]).want(None, "w[") && !of(&["w["]).needs_scan());
        assert!(of(&["[^a]"]).want(None, "b") && !of(&["[^a]"]).want(None, "a"));
        assert!(of(&["w**"]).want(None, "w1") && of(&["***"]).want(None, "w1"));
        assert!(of(&["[^a]"]).want(None, "[^a]") && !of(&["[!a]"]).want(None, "a"));
    }
}
