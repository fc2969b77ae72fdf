//! Sessions in groups, for `summary --by` and the live screen.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use sstat::{Attention, Session, Status, natural_cmp};

use crate::view::column::Column;

/// The group of sessions that lack the key.
const NONE: &str = "(none)";

/// What the sessions of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// The text of a column: task, host, status, directory or a metadata key.
    Column(Column),
    /// The start of the name.
    Prefix,
}

impl GroupBy {
    /// Returns the name of a session's group.
    pub fn key<'a>(&self, session: &'a Session) -> Cow<'a, str> {
        let key = match self {
            Self::Column(column) => column.text(session),
            Self::Prefix => prefix(session.name()).into(),
        };
        if key.is_empty() { NONE.into() } else { key }
    }

    /// Returns the heading.
    pub fn title(&self) -> String {
        match self {
            Self::Column(column) => column.title(),
            Self::Prefix => "PREFIX".to_owned(),
        }
    }
}

impl fmt::Display for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => column.fmt(f),
            Self::Prefix => f.write_str("prefix"),
        }
    }
}

impl FromStr for GroupBy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use Column::{Directory, Host, Meta, Status, Task};
        match text.parse() {
            Ok(column @ (Task | Host | Status | Directory | Meta(_))) => Ok(Self::Column(column)),
            _ if text == "prefix" => Ok(Self::Prefix),
            _ => Err("expected task, host, status, directory, prefix or meta.KEY"),
        }
    }
}

/// Returns a name up to its last digits or its last separator, whichever is later,
/// without separators at the end. A name without both is returned whole.
fn prefix(name: &str) -> &str {
    let is_separator = |c: char| "-_.:/ ".contains(c);
    let end = name.rfind(|c: char| c.is_ascii_digit() || is_separator(c));
    let start = &name[..end.map_or(name.len(), |end| end + 1)];
    let start = start.trim_end_matches(|c: char| c.is_ascii_digit());
    start.trim_end_matches(is_separator)
}

/// The sessions with one key, and their counts.
#[derive(Debug, Default)]
pub struct Group {
    pub name: String,
    /// The indexes of the sessions, in their order.
    pub members: Vec<usize>,
    pub by_status: BTreeMap<Status, u64>,
    /// The number of sessions that need attention.
    pub attention: usize,
    /// The most urgent reason to look at a session.
    pub worst: Attention,
    /// The sum of the progress and the number of sessions that have one.
    progress: (f64, usize),
}

impl Group {
    pub fn new(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    pub fn add(&mut self, index: usize, session: &Session) {
        self.members.push(index);
        *self
            .by_status
            .entry(session.update.status.clone())
            .or_default() += 1;
        self.attention += usize::from(session.needs_attention());
        self.worst = self.worst.min(session.attention());
        if let Some(progress) = session.update.progress {
            self.progress.0 += progress;
            self.progress.1 += 1;
        }
    }

    /// Returns the mean progress of the sessions that have one; `None` without.
    pub fn mean_progress(&self) -> Option<f64> {
        let (sum, count) = self.progress;
        (count > 0).then(|| sum / count as f64)
    }
}

/// Groups sessions, each given with an index. The group that needs attention most
/// comes first: by its most urgent session, then by the number of sessions that
/// need attention, then by name.
pub fn group<'a>(by: &GroupBy, sessions: impl Iterator<Item = (usize, &'a Session)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places = HashMap::new();
    for (index, session) in sessions {
        let key = by.key(session);
        let place = match places.get(&key) {
            Some(&place) => place,
            None => {
                groups.push(Group::new(key.to_string()));
                places.insert(key, groups.len() - 1);
                groups.len() - 1
            }
        };
        groups[place].add(index, session);
    }
    groups.sort_by(|a, b| {
        let urgency = |group: &Group| (group.worst, Reverse(group.attention));
        let order = urgency(a).cmp(&urgency(b));
        order.then_with(|| natural_cmp(&a.name, &b.name))
    });
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use sstat::{HealthRules, Thresholds, Update};

    #[test]
    fn prefix_ends_at_the_last_digits_or_separator() {
        for (name, expected) in [
            ("worker12", "worker"),
            ("qa_tester1", "qa_tester"),
            ("worker-12", "worker"),
            ("build-linux", "build"),
            ("build-linux-3", "build-linux"),
            ("web3-frontend", "web3"),
            ("api/worker 7", "api/worker"),
            ("step1a", "step"),
            ("a.b:c", "a.b"),
            ("manager", "manager"),
            ("größe", "größe"),
            ("12", ""),
        ] {
            assert_eq!(prefix(name), expected, "{name}");
        }
    }

    #[test]
    fn key_is_parsed_and_printed() {
        for text in ["task", "host", "status", "directory", "prefix", "meta.a.b"] {
            assert_eq!(text.parse::<GroupBy>().unwrap().to_string(), text);
        }
        for text in ["message", "meta.", "", "Task"] {
            assert!(text.parse::<GroupBy>().is_err(), "{text}");
        }
    }

    fn session(name: &str, keys: &str) -> Session {
        let now = sstat::parse_timestamp("2026-02-14T20:35:00Z").unwrap();
        let line = format!(r#"{{"timestamp":"2026-02-14T20:34:00Z","session":"{name}",{keys}}}"#);
        let update = Update::decode(line.as_bytes()).unwrap();
        HealthRules::new(now, Thresholds::default()).evaluate(update)
    }

    #[test]
    fn group_that_needs_attention_most_is_first() {
        let sessions = [
            session("a", r#""status":"working","task_id":"t10","progress":0.5"#),
            session("b", r#""status":"working","task_id":"t2","progress":1"#),
            session("c", r#""status":"error","task_id":"t3""#),
            session("d", r#""status":"blocked","task_id":"t4""#),
            session("e", r#""status":"blocked","task_id":"t5""#),
            session("f", r#""status":"blocked","task_id":"t5""#),
            session("g", r#""status":"idle","task_id":"t10","progress":0"#),
            session("h", r#""status":"idle""#),
        ];
        let by = "task".parse().unwrap();
        let groups = group(&by, sessions.iter().enumerate());
        let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["t3", "t5", "t4", "(none)", "t2", "t10"]);
        let last = &groups[5];
        assert_eq!(last.members, [0, 6]);
        assert_eq!(last.mean_progress(), Some(0.25));
        assert_eq!(last.by_status[&Status::Idle], 1);
        assert_eq!((last.attention, last.worst), (0, Attention::None));
        assert_eq!(
            (groups[1].attention, groups[1].worst),
            (2, Attention::Blocked)
        );
        assert_eq!(groups[3].mean_progress(), None);
    }

    #[test]
    fn metadata_key_is_exact_before_it_is_a_path() {
        let update = r#""status":"idle","metadata":{"a.b":"exact","a":{"b":"path","c.d":{"e":1}},"n":null,"l":[1, 2]}"#;
        let session = session("a", update);
        for (key, text) in [
            ("a.b", "exact"),
            ("a.c.d.e", "1"),
            ("n", "null"),
            ("l", "[1, 2]"),
            ("a.x", "(none)"),
            ("b", "(none)"),
        ] {
            let by = GroupBy::Column(Column::Meta(key.to_owned()));
            assert_eq!(by.key(&session), text, "{key}");
        }
    }
}
