//! The choice of the status directory.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::{Ran, Sandbox};

/// Runs sstat in a directory, without `SSTAT_DIR`.
fn run_in(sandbox: &Sandbox, directory: &Path, args: &[&str]) -> Ran {
    let mut command = sandbox.command(args);
    command.env_remove("SSTAT_DIR").current_dir(directory);
    Ran::from(command.output().unwrap())
}

#[test]
fn flag_precedes_variable_project_and_state_directory() {
    let sandbox = Sandbox::new();
    let project = sandbox.home().join("project");
    let deep = project.join("src/deep");
    fs::create_dir_all(&deep).unwrap();
    let state = sandbox.home().join(".local/state/sstat/session_status");

    let ran = run_in(&sandbox, &deep, &["push", "state", "idle"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(state.join("state_status.json").exists());
    for directory in [&state, state.parent().unwrap()] {
        assert_eq!(
            fs::metadata(directory).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    let walked = project.join("data/session_status");
    fs::create_dir_all(&walked).unwrap();
    assert_eq!(run_in(&sandbox, &deep, &["push", "walked", "idle"]).code, 0);
    assert!(walked.join("walked_status.json").exists());

    let mut command = sandbox.command(["push", "variable", "idle"]);
    assert!(command.current_dir(&deep).status().unwrap().success());
    assert!(sandbox.file("variable").exists());

    for flag in ["--dir", "--status-dir"] {
        let named = sandbox.root().join(format!("made{flag}/by/flag"));
        let mut command = sandbox.command(["push", "named", "idle", flag]);
        assert!(
            command
                .arg(&named)
                .current_dir(&deep)
                .status()
                .unwrap()
                .success()
        );
        assert!(named.join("named_status.json").exists());
    }
}

#[test]
fn xdg_state_home_is_used() {
    let sandbox = Sandbox::new();
    let state = sandbox.root().join("xdg");
    let mut command = sandbox.command(["push", "w", "idle"]);
    command
        .env_remove("SSTAT_DIR")
        .env("XDG_STATE_HOME", &state);
    assert!(command.status().unwrap().success());
    assert!(state.join("sstat/session_status/w_status.json").exists());
}

#[test]
fn search_stops_at_home() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.root().join("data/session_status")).unwrap();
    assert_eq!(
        run_in(&sandbox, &sandbox.home(), &["push", "w", "idle"]).code,
        0
    );
    assert!(
        !sandbox
            .root()
            .join("data/session_status/w_status.json")
            .exists()
    );
}

#[test]
fn found_directory_of_another_user_is_refused() {
    let sandbox = Sandbox::new();
    let directory = sandbox.home().join("data/session_status");
    fs::create_dir_all(&directory).unwrap();
    if std::os::unix::fs::chown(&directory, Some(12345), None).is_err() {
        eprintln!("SKIPPED: only root can change the owner of a directory");
        return;
    }
    for args in [&["push", "w", "idle"][..], &["summary"]] {
        let ran = run_in(&sandbox, &sandbox.home(), args);
        assert_eq!(ran.code, 2);
        for part in ["data/session_status", "12345", "--dir", "SSTAT_DIR"] {
            assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
        }
    }
    // A named directory is used whoever owns it.
    let named = directory.to_str().unwrap();
    assert_eq!(
        run_in(
            &sandbox,
            &sandbox.home(),
            &["push", "w", "idle", "--dir", named]
        )
        .code,
        0
    );
    assert_eq!(fs::metadata(&directory).unwrap().uid(), 12345);
}

#[test]
fn reader_reports_missing_directory_and_creates_none() {
    let sandbox = Sandbox::new();
    fs::remove_dir(sandbox.dir()).unwrap();
    for args in [
        &["summary"][..],
        &["list"],
        &["stale"],
        &["history", "--all"],
        &["summary", "--json"],
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, 0, "{args:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(
            ran.stderr.contains(sandbox.dir().to_str().unwrap()),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("SSTAT_DIR"), "{}", ran.stderr);
        assert!(!sandbox.dir().exists());
        let quiet = sandbox.run([args, &["--quiet"]].concat());
        assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
    }
    assert!(
        sandbox
            .run(["summary"])
            .stdout
            .contains("Total Sessions: 0")
    );
    for args in [&["list", "--exit-code"][..], &["stale", "--exit-code"]] {
        assert_eq!(sandbox.run(args).code, 2, "{args:?}");
    }
}

#[test]
fn verbose_prints_directory_and_origin() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(["summary", "-v"]);
    assert!(ran.stderr.contains("named by SSTAT_DIR"), "{}", ran.stderr);
}

#[test]
fn removed_current_directory_is_tolerated() {
    let sandbox = Sandbox::new();
    let gone = sandbox.home().join("gone");
    fs::create_dir(&gone).unwrap();
    let mut shell = Command::new("sh");
    sandbox.isolate(&mut shell);
    shell.env_remove("SSTAT_DIR").current_dir(&gone);
    shell.args([
        "-c",
        "rmdir ../gone && sstat push w idle && sstat show w --json",
    ]);
    let ran = Ran::from(shell.output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn inaccessible_directory_is_not_missing() {
    let sandbox = Sandbox::new();
    symlink("round", sandbox.root().join("round")).unwrap();
    fs::write(sandbox.root().join("file"), "").unwrap();
    for directory in ["round/status", "file/status"] {
        for arguments in [&["list"][..], &["summary", "--json"], &["history", "--all"]] {
            let ran = sandbox.run([arguments, &["--dir", directory]].concat());
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
            assert!(ran.stderr.contains(directory), "{ran:?}");
        }
    }
}
