//! The sessions that a command reads: the filters that the verbs share, and the
//! errors for names that match no session.

use chrono::{DateTime, Utc};
use glob::Pattern;
use sstat::{FileWarning, HealthRules, Session, SessionName, Status, Update, natural_cmp};

use crate::cli::{Filters, pattern};
use crate::config::{Config, before};
use crate::error::{CliError, Result, exit_code};
use crate::view::Report;

/// The sessions that match the filters, and the messages about the others.
pub struct Selection {
    /// In natural order of their names.
    pub sessions: Vec<Session>,
    pub warnings: Vec<FileWarning>,
    /// Names given by the user that are not a session, with the warning about
    /// their file if they have one.
    pub unknown: Vec<(String, Option<FileWarning>)>,
    /// The message about a missing status directory.
    pub missing: Option<String>,
    /// Warnings about probable typing errors in `--status`.
    misspelled: Vec<String>,
    /// Notes of [`dropped_keys`].
    dropped: Vec<String>,
}

impl Selection {
    /// Adds the warnings and errors to a report. With `strict`, which is for gates
    /// in scripts, everything that kept a session from being read is an error.
    pub fn conclude(&mut self, config: &Config, report: Report, strict: bool) -> Report {
        self.warnings.sort_by(|a, b| a.path.cmp(&b.path));
        let mut report = report.with_warnings(&self.warnings);
        for (name, warning) in &self.unknown {
            let error = absent(config, name, warning.as_ref());
            let code = if strict { exit_code::ERROR } else { error.code };
            report.code = report.code.max(code);
            report.failures.push(error.message);
        }
        let hides_session = self.warnings.iter().any(FileWarning::hides_session);
        if strict && (hides_session || self.missing.is_some() || !self.misspelled.is_empty()) {
            report.code = exit_code::ERROR;
        }
        report.warnings.append(&mut self.dropped);
        let messages = if strict {
            &mut report.failures
        } else {
            &mut report.warnings
        };
        messages.append(&mut self.misspelled);
        // The error about each unknown name has given this reason already.
        if self.unknown.is_empty() {
            messages.extend(self.missing.clone());
        }
        report
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
    keys.map(|key| format!("{}: ignored {key}", session.name()))
        .collect()
}

/// Reads the sessions that match the filters.
pub fn select(config: &Config, filters: &Filters, rules: &HealthRules) -> Result<Selection> {
    let mut selection = Selection {
        sessions: Vec::new(),
        warnings: Vec::new(),
        unknown: Vec::new(),
        missing: missing_directory(config),
        misspelled: Vec::new(),
        dropped: Vec::new(),
    };
    let names = Names::new(&filters.names);
    if selection.missing.is_some() {
        let unknown = names.literal.into_iter().map(|name| (name, None));
        selection.unknown = unknown.collect();
        return Ok(selection);
    }
    let store = &config.location.store;
    if names.needs_scan() {
        let scan = store.scan(rules, |name| names.want(name))?;
        selection.sessions = scan.sessions;
        selection.warnings = scan.warnings;
    }
    for name in &names.literal {
        match store.session(name, rules)? {
            // The scan has found it.
            (Some(_), _) if names.needs_scan() => {}
            (Some(session), warning) => {
                selection.sessions.push(session);
                selection.warnings.extend(warning);
            }
            (None, warning) => {
                // The error about the name includes this warning.
                if let Some(FileWarning { path, .. }) = &warning {
                    selection.warnings.retain(|other| other.path != *path);
                }
                selection.unknown.push((name.clone(), warning));
            }
        }
    }
    if !names.needs_scan() {
        let sessions = &mut selection.sessions;
        sessions.sort_unstable_by(|a, b| natural_cmp(a.name(), b.name()));
    }
    selection.misspelled = misspelled(&filters.status, &selection.sessions);
    let sessions = &mut selection.sessions;
    sessions.retain(|session| matches(filters, &session.update, rules.now));
    let dropped = sessions
        .iter()
        .flat_map(|session| dropped_keys(config, session));
    selection.dropped = dropped.collect();
    Ok(selection)
}

/// Returns a warning for each status in `wanted` that no session has and that is
/// similar to one that sstat writes.
fn misspelled(wanted: &[Status], sessions: &[Session]) -> Vec<String> {
    let known = Status::KNOWN.map(|status| status.to_string());
    let is_used = |status| {
        Status::KNOWN.contains(status)
            || sessions
                .iter()
                .any(|session| session.update.status == *status)
    };
    let unused = wanted.iter().filter(|status| !is_used(status));
    unused
        .filter_map(|status| {
            let meant = nearest(status.as_str(), &known)?;
            Some(format!(
                "--status: no session is '{status}' (did you mean '{meant}'?)"
            ))
        })
        .collect()
}

/// Returns whether a session with this last update matches the filters other
/// than the names.
pub fn matches(filters: &Filters, update: &Update, now: DateTime<Utc>) -> bool {
    (filters.status.is_empty() || filters.status.contains(&update.status))
        && (filters.task.is_none() || filters.task == update.task_id)
        && filters
            .since
            .is_none_or(|since| update.timestamp >= before(now, since))
        && filters
            .older_than
            .is_none_or(|age| update.timestamp < before(now, age))
        && filters.meta.iter().all(|filter| filter.matches(update))
}

/// Returns the reason why there is nothing to read, if the directory does not
/// exist.
pub fn missing_directory(config: &Config) -> Option<String> {
    let path = config.location.store.path();
    // If this fails, reading the directory fails too and gives the reason.
    let is_missing = path.try_exists().is_ok_and(|exists| !exists);
    is_missing.then(|| {
        format!(
            "no sessions: {} does not exist ({})",
            config.directory(),
            config.location.origin
        )
    })
}

/// Returns whether a NAME argument is a name, not a pattern.
pub fn is_literal(name: &str) -> bool {
    pattern(name).is_none()
}

/// Replaces a NAME argument that cannot be a session's name by the name that
/// `push` makes of it, unless there is a session of the given name.
pub fn resolve_name(config: &Config, name: &mut String) {
    if SessionName::new(name.as_str()).is_ok() || !is_literal(name) {
        return;
    }
    let names = config.location.store.names().unwrap_or_default();
    if !names.contains(name)
        && let Ok(made) = SessionName::from_text(name)
    {
        *name = made.to_string();
    }
}

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

    /// Returns whether a session's name matches. Without arguments, every name
    /// matches.
    pub fn want(&self, name: &str) -> bool {
        (self.literal.is_empty() && self.patterns.is_empty())
            || self.literal.iter().any(|literal| literal == name)
            || (self.patterns.iter()).any(|(text, pattern)| text == name || pattern.matches(name))
    }
}

/// The error for a name that is not a session: exit code 2 if its file cannot be
/// read, otherwise 1.
pub fn absent(config: &Config, name: &str, warning: Option<&FileWarning>) -> CliError {
    match warning {
        Some(warning) if warning.is_unreadable() => CliError::error(warning.to_string()),
        Some(warning) => CliError::no(format!("no session '{name}': {warning}")),
        None => match missing_directory(config) {
            Some(missing) => CliError::no(format!("no session '{name}': {missing}")),
            None => CliError::no(unknown(config, name)),
        },
    }
}

/// Formats "no session 'managr1' in DIR (did you mean 'manager1'?)".
pub fn unknown(config: &Config, name: &str) -> String {
    let text = format!("no session '{name}' in {}", config.directory());
    let names = config.location.store.names().unwrap_or_default();
    if names.iter().any(|existing| existing == name) {
        return format!("{text}: its file has no update yet");
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
        assert!(of(&[]).want("anything"));
        assert!(of(&["w*"]).want("w1") && !of(&["w*"]).want("m1"));
        assert!(of(&["a", "w*"]).want("a") && !of(&["a", "w*"]).want("b"));
        assert!(of(&["w[1]"]).want("w[1]") && of(&["w[1]"]).want("w1"));
        assert!(!of(&["a", "b"]).needs_scan());
        assert!(of(&["w["]).want("w[") && !of(&["w["]).needs_scan());
        assert!(of(&["[^a]"]).want("b") && !of(&["[^a]"]).want("a"));
        assert!(of(&["w**"]).want("w1") && of(&["***"]).want("w1"));
        assert!(of(&["[^a]"]).want("[^a]") && !of(&["[!a]"]).want("a"));
    }
}
