//! The columns of a list of sessions.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use sstat::{Session, natural_cmp};

/// A column of `list` and of the live screen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Column {
    Session,
    Status,
    /// How long the session has had its status.
    For,
    /// The age of the last update.
    Age,
    Progress,
    Task,
    Message,
    Pid,
    Host,
    /// When the status started.
    Since,
    Directory,
    /// A key or a dotted path of the metadata.
    #[value(skip)]
    Meta(String),
}

impl Column {
    /// Returns the heading.
    pub fn title(&self) -> String {
        match self {
            Self::Meta(key) => key.to_uppercase(),
            _ => self.to_string().to_uppercase(),
        }
    }

    /// Returns a session's text, empty for a column whose text depends on the time
    /// or on the terminal.
    pub fn text<'a>(&self, session: &'a Session) -> Cow<'a, str> {
        let update = &session.update;
        let process = update.process.as_ref();
        match self {
            Self::Session => session.display_name(),
            Self::Status => update.status.as_str().into(),
            Self::Task => update.task_id.as_deref().unwrap_or_default().into(),
            Self::Message => update.message.as_str().into(),
            Self::Pid => process.map_or(Cow::default(), |process| process.pid.to_string().into()),
            Self::Host => process.map_or(Cow::default(), |process| process.host.as_str().into()),
            Self::Meta(key) => update.metadata_text(key).unwrap_or_default().into(),
            Self::Directory => match (session.project(), &session.directory) {
                (Some(project), _) => project.into(),
                (None, Some(directory)) => directory.to_string().into(),
                (None, None) => Cow::default(),
            },
            Self::For | Self::Age | Self::Progress | Self::Since => "".into(),
        }
    }

    /// Sorts what `session` maps to sessions and is in the order of their names: the
    /// oldest, the longest in its status and the highest progress first, other columns
    /// in natural order. What a session lacks comes last.
    pub fn sort<T>(&self, items: &mut [T], session: impl Fn(&T) -> &Session) {
        let progress = |item: &T| session(item).update.progress.unwrap_or(-1.0);
        match self {
            Self::Session => {}
            Self::Status => items.sort_by(|a, b| {
                let (a, b) = (session(a), session(b));
                a.update.status.cmp(&b.update.status)
            }),
            Self::Age => items.sort_by_key(|item| session(item).update.timestamp),
            Self::For | Self::Since => items.sort_by_key(|item| {
                let Session { update, since, .. } = session(item);
                since.map_or(update.timestamp, |since| since.at)
            }),
            Self::Progress => items.sort_by(|a, b| progress(b).total_cmp(&progress(a))),
            _ => items.sort_by_cached_key(|item| {
                let text = self.text(session(item)).into_owned();
                (text.is_empty(), NaturalText(text))
            }),
        }
    }
}

/// A text in natural order: worker2 before worker10.
#[derive(PartialEq, Eq)]
struct NaturalText(String);

impl Ord for NaturalText {
    fn cmp(&self, other: &Self) -> Ordering {
        natural_cmp(&self.0, &other.0)
    }
}

impl PartialOrd for NaturalText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.to_possible_value()) {
            (Self::Meta(key), _) => write!(f, "meta.{key}"),
            (_, value) => f.write_str(value.as_ref().map_or("", PossibleValue::get_name)),
        }
    }
}

impl FromStr for Column {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(key) = text.strip_prefix("meta.").filter(|key| !key.is_empty()) {
            return Ok(Self::Meta(key.to_owned()));
        }
        <Self as ValueEnum>::from_str(text, false).map_err(|_| {
            let names = Self::value_variants().iter().map(Self::to_string);
            let names = names.collect::<Vec<_>>().join(", ");
            format!("expected {names} or meta.KEY")
        })
    }
}
