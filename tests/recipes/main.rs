//! Runs the recipes in `contrib` and `docs` with the real programs.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod agents;
mod alerts;
mod logrotate;
mod prometheus;
mod queries;
mod remote;
mod rsyslog;
mod shell;
mod starship;
mod tmux;

use support::{Ran, Sandbox};

/// Converts TOML to JSON with Python.
fn toml(sandbox: &Sandbox, text: &str) -> serde_json::Value {
    let path = sandbox.root().join("settings.toml");
    std::fs::write(&path, text).unwrap();
    let mut python = std::process::Command::new("python3");
    sandbox.isolate(&mut python);
    let convert =
        "import json, sys, tomllib; json.dump(tomllib.load(sys.stdin.buffer), sys.stdout)";
    let file = std::fs::File::open(path).unwrap();
    let ran = Ran::from(python.args(["-c", convert]).stdin(file).output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{text}");
    serde_json::from_str(&ran.stdout).unwrap()
}
