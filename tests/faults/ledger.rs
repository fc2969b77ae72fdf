//! Counts how often each pushed token occurs in the files.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

/// The tokens in the valid lines of some files. A token is the first word of a
/// message.
#[derive(Debug, Default)]
pub struct Ledger {
    /// How often each token occurs.
    pub times: HashMap<String, u32>,
    /// The number of invalid lines.
    pub bad: usize,
}

impl Ledger {
    /// Parses the lines with `serde_json`, not with the library under test.
    pub fn of(content: &[u8]) -> Self {
        let mut ledger = Self::default();
        ledger.add(content);
        ledger
    }

    /// Reads every file of a directory, including rotated ones.
    pub fn of_directory(directory: &Path) -> Self {
        let mut ledger = Self::default();
        for entry in std::fs::read_dir(directory).unwrap() {
            ledger.add(&std::fs::read(entry.unwrap().path()).unwrap());
        }
        ledger
    }

    fn add(&mut self, content: &[u8]) {
        for line in content.split(|&byte| byte == b'\n') {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Value>(line) {
                Ok(value) if value["status"].is_string() && value["timestamp"].is_string() => {
                    let message = value["message"].as_str().unwrap_or_default();
                    let token = message.split(' ').next().unwrap_or_default();
                    *self.times.entry(token.to_owned()).or_default() += 1;
                }
                _ => self.bad += 1,
            }
        }
    }

    pub fn times(&self, token: &str) -> u32 {
        self.times.get(token).copied().unwrap_or(0)
    }

    /// Asserts that each acknowledged token occurs exactly once and any other at
    /// most once.
    pub fn check<'a>(&self, pushes: impl IntoIterator<Item = (&'a str, bool)>) {
        let (mut lost, mut doubled, mut all) = (Vec::new(), Vec::new(), 0);
        for (token, acknowledged) in pushes {
            all += 1;
            match self.times(token) {
                0 if acknowledged => lost.push(token),
                0 | 1 => {}
                _ => doubled.push(token),
            }
        }
        assert!(
            lost.is_empty() && doubled.is_empty(),
            "of {all} pushes lost {lost:?}, doubled {doubled:?}"
        );
    }
}
