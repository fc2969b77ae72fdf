//! Which sessions a reader looks at: the filters that the verbs share, and
//! what becomes of names that are none.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use glob::Pattern;
use sstat::{FileWarning, HealthRules, Session, Status, Update, natural_cmp};

use crate::cli::Filters;
use crate::config::{Config, before};
use crate::error::{CliError, Result, exit_code};
use crate::view::Report;

/// So many sessions that are asked for by name are collected together.
const PART: usize = 64;

/// The sessions that were asked for, and what was wrong on the way.
pub struct Selection<T> {
    pub found: Vec<T>,
    pub warnings: Vec<FileWarning>,
    /// Names that were asked for and are no session, with what is wrong with
    /// their file where there is one.
    pub unknown: Vec<(String, Option<FileWarning>)>,
    /// Why there is no directory to look into.
    pub missing: Option<String>,
    /// Statuses that were asked for and are slips, as far as can be told.
    slips: Vec<String>,
}

impl<T> Selection<T> {
    /// A report's warnings and failures. `strict` is for gates in scripts,
    /// which a mistake must never pass: there everything that kept a session
    /// from being looked at is an error.
    pub fn conclude(&mut self, config: &Config, report: Report, strict: bool) -> Report {
        // In an order that does not change from run to run.
        self.warnings.sort_by(|a, b| a.path.cmp(&b.path));
        let mut report = report.with_warnings(&self.warnings);
        for (name, warning) in &self.unknown {
            let failure = absent(config, name, warning.as_ref());
            let exit = if strict {
                exit_code::ERROR
            } else {
                failure.code
            };
            report.code = report.code.max(exit);
            report.failures.push(failure.message);
        }
        let hidden = self.warnings.iter().any(FileWarning::hides_session);
        if strict && (hidden || self.missing.is_some() || !self.slips.is_empty()) {
            report.code = exit_code::ERROR;
        }
        if strict {
            report.failures.append(&mut self.slips);
        } else {
            report.warnings.append(&mut self.slips);
        }
        match &self.missing {
            // Said already, of each name.
            Some(_) if !self.unknown.is_empty() => {}
            Some(missing) if strict => report.failures.push(missing.clone()),
            Some(missing) => report.warnings.push(missing.clone()),
            None => {}
        }
        report
    }

    pub fn skipped_lines(&self) -> u64 {
        self.warnings.iter().map(FileWarning::bad_lines).sum()
    }
}

/// Renderer at the sessions that the filters want and keeps what `keep` makes of
/// each, in natural order of their names.
pub fn select<T: Send>(
    config: &Config,
    filters: &Filters,
    rules: &HealthRules,
    keep: impl Fn(Session) -> Option<T> + Sync,
) -> Result<Selection<T>> {
    let selection = select_in_parts(config, filters, rules, |sessions| {
        sessions.filter_map(&keep).collect::<Vec<_>>()
    })?;
    Ok(Selection {
        found: selection.found.into_iter().flatten().collect(),
        warnings: selection.warnings,
        unknown: selection.unknown,
        missing: selection.missing,
        slips: selection.slips,
    })
}

/// Renderer at the sessions that the filters want. `collect` makes one thing of
/// some sessions that follow each other in natural order, and so do the things
/// found.
pub fn select_in_parts<C: Send>(
    config: &Config,
    filters: &Filters,
    rules: &HealthRules,
    collect: impl Fn(&mut dyn Iterator<Item = Session>) -> C + Sync,
) -> Result<Selection<C>> {
    let mut selection = Selection {
        found: Vec::new(),
        warnings: Vec::new(),
        unknown: Vec::new(),
        missing: missing_directory(config),
        slips: Vec::new(),
    };
    let names = Names::new(&filters.names);
    if selection.missing.is_some() {
        let unknown = names.literal.into_iter().map(|name| (name, None));
        selection.unknown = unknown.collect();
        return Ok(selection);
    }
    let foreign = Foreign::of(&filters.status);
    let collect = |sessions: &mut dyn Iterator<Item = Session>| {
        collect(&mut sessions.filter(|session| {
            foreign.note(&session.update.status);
            matches(filters, &session.update, rules.now)
        }))
    };
    let store = &config.location.store;
    if names.needs_scan() {
        let scan = store.scan_in_parts(rules, |name| names.want(name), collect)?;
        selection.found = scan.found;
        selection.warnings = scan.warnings;
    }
    let mut asked_for = Vec::new();
    for name in &names.literal {
        match store.session(name, rules)? {
            // Met already by the scan.
            (Some(_), _) if names.needs_scan() => {}
            (Some(session), warning) => {
                asked_for.push(session);
                selection.warnings.extend(warning);
            }
            (None, warning) => {
                // What is wrong with its file is said of the name.
                if let Some(FileWarning { path, .. }) = &warning {
                    selection.warnings.retain(|other| other.path != *path);
                }
                selection.unknown.push((name.clone(), warning));
            }
        }
    }
    if !names.needs_scan() {
        asked_for.sort_unstable_by(|a, b| natural_cmp(a.name(), b.name()));
        let mut asked_for = asked_for.into_iter();
        while asked_for.len() > 0 {
            let part = collect(&mut asked_for.by_ref().take(PART));
            selection.found.push(part);
        }
    }
    selection.slips = foreign.slips();
    Ok(selection)
}

/// The statuses asked for that sstat does not write, and whether another
/// writer's session has them.
struct Foreign<'a>(Vec<(&'a Status, AtomicBool)>);

impl<'a> Foreign<'a> {
    fn of(statuses: &'a [Status]) -> Self {
        let foreign = statuses
            .iter()
            .filter(|status| !Status::KNOWN.contains(status));
        Self(
            foreign
                .map(|status| (status, AtomicBool::new(false)))
                .collect(),
        )
    }

    fn note(&self, met: &Status) {
        for (status, is_met) in &self.0 {
            if *status == met {
                is_met.store(true, Ordering::Relaxed);
            }
        }
    }

    /// What nobody has and is near to what sstat writes.
    fn slips(self) -> Vec<String> {
        let known = Status::KNOWN.map(|status| status.to_string());
        let unmet = self
            .0
            .into_iter()
            .filter(|(_, is_met)| !is_met.load(Ordering::Relaxed));
        unmet
            .filter_map(|(status, _)| {
                let meant = nearest(status.as_str(), &known)?;
                Some(format!(
                    "--status: no session is '{status}' (did you mean '{meant}'?)"
                ))
            })
            .collect()
    }
}

/// Whether the filters other than names want a session with this last update.
pub fn matches(filters: &Filters, update: &Update, now: DateTime<Utc>) -> bool {
    (filters.status.is_empty() || filters.status.contains(&update.status))
        && (filters.task.is_none() || filters.task == update.task_id)
        && filters
            .since
            .is_none_or(|since| update.timestamp >= before(now, since))
}

/// Why there is nothing to read, if the directory does not exist.
pub fn missing_directory(config: &Config) -> Option<String> {
    let path = config.location.store.path();
    // One that cannot be looked at is not missing: to read it says why.
    let is_missing = path.try_exists().is_ok_and(|exists| !exists);
    is_missing.then(|| {
        format!(
            "{}: no such directory ({}), so no sessions",
            config.directory(),
            config.location.origin
        )
    })
}

/// Whether a name that was asked for is a name and no pattern.
pub fn is_literal(name: &str) -> bool {
    pattern(name).is_none()
}

/// A name's pattern, if it is one: `a[` can only be a name. What is not to
/// stand there is said with `!` or, as in most tools, with `^`.
fn pattern(name: &str) -> Option<Pattern> {
    if !name.contains(['*', '?', '[']) {
        return None;
    }
    let mut text = name.replace("[^", "[!");
    // Names have no parts for `**` to cross.
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    Pattern::new(&text).ok()
}

/// The names asked for, each once, apart from the patterns.
pub struct Names {
    literal: Vec<String>,
    /// With the text that was given, which may be a name that holds a
    /// pattern's characters and means itself.
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

    /// The names asked for, if no pattern is among them.
    pub fn exactly(&self) -> Option<&[String]> {
        (!self.needs_scan()).then_some(&self.literal)
    }

    pub fn want(&self, name: &str) -> bool {
        self.literal.iter().any(|literal| literal == name) || self.want_by_pattern(name)
    }

    /// Wanted by a pattern, or because nothing is named at all.
    fn want_by_pattern(&self, name: &str) -> bool {
        (self.literal.is_empty() && self.patterns.is_empty())
            || (self.patterns.iter()).any(|(text, pattern)| text == name || pattern.matches(name))
    }
}

/// Why a name that was asked for is no session: its file cannot be read, which
/// is an error; it holds no good line; or there is none.
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

/// "no session 'managr1' in DIR (did you mean 'manager1'?)"
pub fn unknown(config: &Config, name: &str) -> String {
    let text = format!("no session '{name}' in {}", config.directory());
    let names = config.location.store.names().unwrap_or_default();
    if names.iter().any(|there| there == name) {
        return format!("{text}: there is no update in its file");
    }
    match nearest(name, &names) {
        Some(nearest) => format!("{text} (did you mean '{nearest}'?)"),
        None => text,
    }
}

/// The name that a person may have meant: near enough that a slip explains it,
/// or its file's.
pub fn nearest<'a>(name: &str, names: &'a [String]) -> Option<&'a String> {
    let name = name.strip_suffix(sstat::FILE_SUFFIX).unwrap_or(name);
    let length = name.chars().count();
    // Of one letter nothing is left to know it by.
    let slips = (length / 4).max(1).min(length.saturating_sub(1));
    let name = name.to_lowercase();
    names
        .iter()
        .map(|other| {
            let distance = strsim::damerau_levenshtein(&name, &other.to_lowercase());
            (distance, other)
        })
        .filter(|(distance, _)| *distance <= slips)
        .min_by(|a, b| a.0.cmp(&b.0).then_with(|| natural_cmp(a.1, b.1)))
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_forgiven_and_a_stranger_not() {
        let names = ["manager1", "manager2", "worker10"].map(str::to_owned);
        assert_eq!(nearest("managr1", &names).unwrap(), "manager1");
        assert_eq!(nearest("wroker10", &names).unwrap(), "worker10");
        assert_eq!(nearest("Manager2", &names).unwrap(), "manager2");
        assert_eq!(nearest("worker10_status.json", &names).unwrap(), "worker10");
        assert_eq!(nearest("zebra", &names), None);
        assert_eq!(nearest("z", &["a".to_owned()]), None);
    }

    #[test]
    fn names_and_patterns() {
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
