//! Checks which module uses which, by a search for paths in the source text.
//! Module privacy cannot express these rules, because all parts of the binary
//! see each other and the library.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// Files or directories below `src/`, separated by spaces, and the words that
/// they must not contain.
const RULES: &[(&str, &str)] = &[
    // The library: the line format does not know the store, the store does not
    // know the push API.
    (
        "directory.rs duration.rs error.rs health.rs json.rs name.rs process status.rs text.rs timestamp.rs \
         update.rs",
        "crate::store crate::session_status",
    ),
    ("store", "crate::session_status"),
    // The binary: definitions and hooks do not depend on commands.
    (
        "bin/sstat/cli",
        "crate::config crate::command crate::output crate::render crate::select crate::tui crate::watch",
    ),
    (
        "bin/sstat/hook",
        "crate::config crate::command crate::view crate::output",
    ),
    ("bin/sstat/select.rs bin/sstat/watch", "crate::command"),
    // Views are plain values, and rendering a view does no I/O.
    ("bin/sstat/view", "crate::render"),
    (
        "bin/sstat/view bin/sstat/render",
        "Store History Follower crate::config crate::cli crate::command \
         crate::output crate::watch crate::tui",
    ),
    // Only render/ knows the crates that lay out text.
    (
        "bin/sstat/command bin/sstat/view bin/sstat/watch",
        "owo_colors comfy_table",
    ),
    // config.rs reads the environment, output.rs prints, main returns the exit
    // code.
    (
        "lib.rs directory.rs duration.rs error.rs health.rs json.rs name.rs process status.rs store text.rs timestamp.rs \
         update.rs bin/sstat/cli bin/sstat/command bin/sstat/hook bin/sstat/render \
         bin/sstat/tui bin/sstat/view bin/sstat/watch bin/sstat/main.rs bin/sstat/output.rs",
        "env::var env::var_os env::vars env::vars_os",
    ),
    (".", "println! eprintln! print! eprint! dbg! process::exit"),
    // The search above does not see a grouped import of top-level modules.
    (".", "crate::{"),
];

#[test]
fn modules_use_only_what_their_layer_may_use() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut violations = Vec::new();
    for (paths, words) in RULES {
        for file in paths
            .split_whitespace()
            .flat_map(|path| rust_files(&root.join(path)))
        {
            for line in production_code(&fs::read_to_string(&file).unwrap()) {
                for word in words.split_whitespace().filter(|word| has_word(line, word)) {
                    violations.push(format!("{}: {word}: {line}", file.display()));
                }
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// Returns true if `line` contains `word` and not only as a part of longer
/// identifiers.
fn has_word(line: &str, word: &str) -> bool {
    let is_identifier = |c: char| c.is_alphanumeric() || c == '_';
    let splits_identifier = |at: usize| {
        let (before, after) = line.split_at(at);
        before.ends_with(is_identifier) && after.starts_with(is_identifier)
    };
    line.match_indices(word)
        .any(|(at, _)| !splits_identifier(at) && !splits_identifier(at + word.len()))
}

#[test]
fn word_search_ignores_parts_of_identifiers() {
    assert!(has_word("use sstat::History;", "History"));
    assert!(!has_word("use crate::view::StoreView;", "Store"));
    assert!(!has_word("eprintln!()", "println!"));
    assert!(has_word("use crate::store::open;", "crate::"));
}

/// Returns the Rust files at or below `path`.
fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    fs::read_dir(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .flat_map(|entry| rust_files(&entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| !path.ends_with("tests.rs"))
        .collect()
}

/// Returns the trimmed lines before the unit tests, without comments.
fn production_code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .take_while(|line| *line != "mod tests {")
        .filter(|line| !line.starts_with("//"))
}
