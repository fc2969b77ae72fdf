//! Runs the remote push commands of docs/SCALING.md with a fake `ssh` that joins
//! its arguments with spaces and runs them in a local shell.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Ran, Sandbox, write_program};

/// Runs a line of the document; the remote status directory is `remote`.
#[track_caller]
fn run_documented(sandbox: &Sandbox, line: &str) -> Ran {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SCALING.md");
    let document = fs::read_to_string(document).unwrap();
    assert!(
        document.lines().any(|documented| documented == line),
        "{line}"
    );
    let bin = sandbox.root().join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(sandbox.root().join("remote")).unwrap();
    let ssh = bin.join("ssh");
    write_program(
        &ssh,
        "#!/bin/sh\n[ \"$1\" = hub ] && shift || exit 255\n\
         SSTAT_DIR=$REMOTE exec sh -c \"$*\"\n",
    );
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    let path = shell
        .get_envs()
        .find_map(|(key, value)| (key == "PATH").then_some(value?.to_str()?.to_owned()))
        .unwrap();
    shell
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("REMOTE", sandbox.root().join("remote"))
        .args(["-c", line]);
    Ran::from(shell.output().unwrap())
}

fn remote(sandbox: &Sandbox, session: &str) -> String {
    let path = sandbox.root().join(format!("remote/{session}_status.json"));
    fs::read_to_string(path).unwrap()
}

#[test]
fn update_with_any_message_is_pushed_remotely() {
    let sandbox = Sandbox::new();
    let ran = run_documented(
        &sandbox,
        r#"echo '{"session":"build7:nightly","status":"error","message":"disk full; $HOME is \"fine\""}' | ssh hub sstat push --stdin"#,
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let line = remote(&sandbox, "build7:nightly");
    let update = sstat::Update::decode(line.trim_end().as_bytes()).unwrap();
    assert_eq!(update.message, "disk full; $HOME is \"fine\"");
}

#[test]
fn whole_directory_is_pushed_remotely() {
    let sandbox = Sandbox::new();
    for step in 0..60 {
        for session in ["w1", "w2", "ö 3"] {
            let message = format!("step {step}");
            sandbox.ok(["push", session, "working", &message, "0.5", "160"]);
        }
    }
    let ran = run_documented(
        &sandbox,
        "sstat history --all --limit 0 --jsonl | ssh hub sstat push --stdin",
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    for session in ["w1", "w2", "ö 3"] {
        assert_eq!(remote(&sandbox, session), sandbox.read(session));
    }
}

#[test]
fn pushed_sessions_can_be_prefixed_with_the_host_name() {
    if !crate::support::have("jq") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w1", "working", "on build7"]);
    let ran = run_documented(
        &sandbox,
        r#"sstat history --all --limit 0 --jsonl | jq -c --unbuffered '.session |= "build7:" + .' | ssh hub sstat push --stdin"#,
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(remote(&sandbox, "build7:w1").contains("on build7"));
}
