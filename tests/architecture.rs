//! Which part may know which: what CONTRIBUTING.md says of the layout, held by
//! a look at the words of the code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// Where, what must not stand there, and where it may all the same.
const RULES: [(&str, &[&str], &[&str]); 13] = [
    // The library, from the format up.
    (
        "src",
        &["crate::store", "crate::session_status"],
        &["src/store", "src/session_status.rs", "src/bin"],
    ),
    ("src/store", &["crate::session_status"], &[]),
    // The command: definitions, meanings, views and texts know nothing above.
    ("src/bin/sstat/cli/mod.rs", &["crate::"], &[]),
    (
        "src/bin/sstat/hook",
        &[
            "crate::config",
            "crate::command",
            "crate::view",
            "crate::output",
        ],
        &[],
    ),
    ("src/bin/sstat/history.rs", &["crate::"], &[]),
    (
        "src/bin/sstat/view",
        &[
            "Store",
            "crate::config",
            "crate::cli",
            "crate::command",
            "crate::render",
            "crate::output",
            "crate::watch",
            "crate::tui",
        ],
        &[],
    ),
    (
        "src/bin/sstat/render",
        &[
            "Store",
            "History",
            "Follower",
            "crate::config",
            "crate::cli",
            "crate::command",
            "crate::output",
            "crate::watch",
            "crate::tui",
        ],
        &[],
    ),
    (
        "src/bin/sstat/command",
        &[
            "render::table",
            "render::block",
            "render::detail",
            "render::timeline",
            "render::plot",
            "owo_colors",
            "comfy_table",
        ],
        // It prints while it reads.
        &["src/bin/sstat/command/history.rs"],
    ),
    ("src/bin/sstat/select.rs", &["crate::command"], &[]),
    ("src/bin/sstat/watch", &["crate::command"], &[]),
    // One reader of the environment, one printer, one end of the process.
    (
        "src",
        &["env::var", "env::var_os", "env::vars", "env::vars_os"],
        &["src/bin/sstat/config.rs", "src/session_status.rs"],
    ),
    (
        "src",
        &["println!", "eprintln!", "print!", "eprint!", "dbg!"],
        &[],
    ),
    ("src", &["process::exit"], &[]),
];

#[test]
fn every_part_knows_only_what_lies_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut looked_at = 0;
    let mut breaks = Vec::new();
    for (place, words, exceptions) in RULES {
        for path in sources(&root.join(place)) {
            if exceptions
                .iter()
                .any(|exception| path.starts_with(root.join(exception)))
            {
                continue;
            }
            looked_at += 1;
            for line in code(&fs::read_to_string(&path).unwrap()) {
                for word in words.iter().filter(|word| has_word(line, word)) {
                    breaks.push(format!("{}: {word}: {line}", path.display()));
                }
            }
        }
    }
    assert!(looked_at > 100, "{looked_at} files");
    assert!(breaks.is_empty(), "{}", breaks.join("\n"));
}

/// Whether words stand in a line, no part of longer ones.
fn has_word(line: &str, words: &str) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_cut_at = |at: usize| {
        let (before, after) = line.split_at(at);
        before.ends_with(is_of_word) && after.starts_with(is_of_word)
    };
    line.match_indices(words)
        .any(|(at, _)| !is_cut_at(at) && !is_cut_at(at + words.len()))
}

#[test]
fn words_are_whole() {
    assert!(has_word("use sstat::History;", "History"));
    assert!(!has_word("use crate::view::HistoryForm;", "History"));
    assert!(!has_word("eprintln!()", "println!"));
    assert!(has_word("use crate::store::open;", "crate::"));
}

/// The Rust files at or below a path.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    fs::read_dir(path)
        .unwrap()
        .flat_map(|entry| sources(&entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// A file's lines but for comments and unit tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .take_while(|line| *line != "mod tests {")
        .filter(|line| !line.starts_with("//"))
}
