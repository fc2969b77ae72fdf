//! completions/ and man/ are generated from the definitions of the arguments,
//! docs/images/ from real output.
//! These tests fail if the committed files are out of date;
//! `SSTAT_REGENERATE=1 cargo test --locked --test generated` writes them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../src/bin/sstat/cli/mod.rs"]
#[allow(dead_code, unused_imports)]
mod cli;
mod completions;
mod manual;
mod pictures;
mod readme;
#[path = "../support/mod.rs"]
mod support;
/// The part of the binary's module that the definitions use.
#[path = "../../src/bin/sstat/view"]
#[allow(dead_code)]
mod view {
    pub mod column;
    pub mod group;
}

use std::fs;
use std::path::Path;

/// Compares a text with the committed file, or writes the file.
fn check(path: &str, generated: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("SSTAT_REGENERATE").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, generated).unwrap();
        return;
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    if committed == generated {
        return;
    }
    let (old, new): (Vec<&str>, Vec<&str>) =
        (committed.lines().collect(), generated.lines().collect());
    let first = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    panic!(
        "{path} is out of date from line {}:\n- {}\n+ {}\nRun: SSTAT_REGENERATE=1 cargo test --locked --test generated",
        first + 1,
        old.get(first).unwrap_or(&"(end)"),
        new.get(first).unwrap_or(&"(end)"),
    );
}
