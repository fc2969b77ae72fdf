//! Runs the command of the starship module in `contrib/starship`.

use std::process::Command;

use crate::support::{Ran, Sandbox, contrib, have_python_module};

#[test]
fn prompt_shows_sessions_and_is_empty_without_any() {
    if !have_python_module("tomllib") {
        return;
    }
    let sandbox = Sandbox::new();
    let module = &crate::toml(&sandbox, &contrib("starship/starship.toml"))["custom"]["sstat"];
    assert_eq!(module["shell"], serde_json::json!(["sh"]));
    let run = |key: &str| {
        let mut shell = Command::new("sh");
        sandbox.isolate(&mut shell);
        let command = module[key].as_str().unwrap();
        Ran::from(shell.args(["-c", command]).output().unwrap())
    };
    assert_eq!(run("when").code, 0);
    let silent = run("command");
    assert_eq!(
        (silent.code, silent.stdout.as_str(), silent.stderr.as_str()),
        (0, "", "")
    );
    sandbox.aged("w1", "working", 10);
    assert_eq!(run("command").stdout.trim_end(), "1 working");
    std::fs::remove_dir_all(sandbox.dir()).unwrap();
    let silent = run("command");
    assert_eq!((silent.stdout.as_str(), silent.stderr.as_str()), ("", ""));
}
