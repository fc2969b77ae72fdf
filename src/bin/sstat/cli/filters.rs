//! The filters of the commands that read.

use glob::Pattern;
use sstat::Update;

use super::Filters;

/// A condition on a value in the metadata.
#[derive(Clone, Debug)]
pub struct MetaFilter {
    pub key: String,
    pub text: String,
    pub pattern: Option<Pattern>,
}

impl MetaFilter {
    pub fn matches(&self, update: &Update) -> bool {
        let is_match = |value: String| {
            let pattern = self.pattern.as_ref();
            value == self.text || pattern.is_some_and(|pattern| pattern.matches(&value))
        };
        update.metadata_text(&self.key).is_some_and(is_match)
    }
}

impl Filters {
    pub fn of_names(names: Vec<String>) -> Self {
        Self {
            names,
            ..Self::default()
        }
    }

    /// Returns the filters as arguments, without quotes.
    #[cfg(feature = "tui")]
    pub fn to_arguments(&self) -> String {
        let mut words = self.names.clone();
        let mut add = |option: &str, value: &str| words.push(format!("--{option} {value}"));
        if !self.status.is_empty() {
            let status: Vec<&str> = self.status.iter().map(sstat::Status::as_str).collect();
            add("status", &status.join(","));
        }
        if let Some(task) = &self.task {
            add("task", task);
        }
        for (option, limit) in [
            ("since", self.since),
            ("older-than", self.older_than),
            ("longer-than", self.longer_than),
        ] {
            if let Some(limit) = limit {
                add(option, &sstat::format_duration(limit));
            }
        }
        for meta in &self.meta {
            add("meta", &format!("{}={}", meta.key, meta.text));
        }
        words.join(" ")
    }
}
