//! The choice of the status directory.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Ran, Sandbox};

/// Runs sstat in a directory, without `SSTAT_DIR`.
fn run_in(sandbox: &Sandbox, directory: &Path, args: &[&str]) -> Ran {
    let mut command = sandbox.command(args);
    command.env_remove("SSTAT_DIR").current_dir(directory);
    Ran::from(command.output().unwrap())
}

#[cfg(unix)]
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
#[cfg_attr(windows, ignore = "Windows finds the home directory without HOME")]
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
#[cfg_attr(windows, ignore = "Windows finds the home directory without HOME")]
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

/// Creates a directory that is found from the home directory and belongs to user
/// 12345. Returns `None` without the right to do so.
#[cfg(unix)]
fn found_directory_of_another_user(sandbox: &Sandbox) -> Option<PathBuf> {
    let directory = sandbox.home().join("data/session_status");
    fs::create_dir_all(&directory).unwrap();
    if std::os::unix::fs::chown(&directory, Some(12345), None).is_err() {
        eprintln!("SKIPPED: only root can change the owner of a directory");
        return None;
    }
    Some(directory)
}

#[cfg(unix)]
#[test]
fn found_directory_of_another_user_is_refused() {
    let sandbox = Sandbox::new();
    let Some(directory) = found_directory_of_another_user(&sandbox) else {
        return;
    };
    for args in [&["push", "w", "idle"][..], &["summary"]] {
        let ran = run_in(&sandbox, &sandbox.home(), args);
        assert_eq!(ran.code, 2);
        for part in ["data/session_status", "12345", "--dir", "SSTAT_DIR"] {
            assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
        }
    }
    // The owner of a named directory does not matter.
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
fn note_names_the_status_directory_of_a_project() {
    let sandbox = Sandbox::new();
    let project = sandbox.root().join("project");
    let status = project.join("data").join("session_status");
    fs::create_dir_all(&status).unwrap();
    let run = |args: &[&str], directory: &Path| {
        let directory = directory.to_str().unwrap();
        sandbox.run([args, &["--dir", directory]].concat())
    };
    let note = |directory: &Path| {
        let (directory, status) = (directory.display(), status.display());
        format!("no sessions in {directory} (did you mean {status}?)\n")
    };
    for verb in ["list", "summary", "stale"] {
        let ran = run(&[verb], &project);
        let expected = format!("sstat: {}", note(&project));
        assert_eq!((ran.code, ran.stderr), (0, expected), "{verb}");
    }
    let data = project.join("data");
    let history = run(&["history", "--all"], &data);
    assert_eq!(history.stderr, format!("sstat: {}", note(&data)));
    let show = run(&["show", "w"], &project);
    let expected = format!("sstat: no session 'w': {}", note(&project));
    assert_eq!((show.code, show.stderr), (1, expected));
    assert_eq!(run(&["list", "--exit-code"], &project).code, 2);
    // A directory with status files is one.
    assert_eq!(run(&["push", "w", "idle"], &project).code, 0);
    assert_eq!(run(&["list"], &project).stderr, "");
}

#[test]
fn verbose_prints_directory_and_origin() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(["summary", "-v"]);
    assert!(ran.stderr.contains("named by SSTAT_DIR"), "{}", ran.stderr);
}

#[test]
fn push_fails_in_removed_directory() {
    if !crate::support::have("sh") {
        return;
    }
    let sandbox = Sandbox::new();
    let run_in_removed = |command: &str| {
        let gone = sandbox.home().join("gone");
        fs::create_dir(&gone).unwrap();
        let mut shell = Command::new("sh");
        sandbox.isolate(&mut shell);
        shell.env_remove("SSTAT_DIR").current_dir(&gone);
        shell.args(["-c", &format!("rmdir ../gone && {command}")]);
        Ran::from(shell.output().unwrap())
    };
    let error = "the current directory has been removed; \
                 name an absolute directory with --dir or SSTAT_DIR";
    for command in [
        "sstat push w idle",
        "sstat push w idle --dir status",
        "SSTAT_DIR=status sstat push w idle",
    ] {
        let ran = run_in_removed(command);
        assert_eq!(ran.code, 2, "{command}: {ran:?}");
        assert_eq!(ran.stderr, format!("sstat: {error}\n"), "{command}");
    }
    assert!(!sandbox.home().join(".local").exists());

    let ran = run_in_removed("sstat push w working -- echo runs");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "runs\n"), "{ran:?}");
    assert!(ran.stderr.contains(error), "{ran:?}");
    let ran = run_in_removed("echo '{}' | sstat push --hook claude-code");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:?}");

    let absolute = sandbox.dir().display().to_string();
    let ran = run_in_removed(&format!("sstat push w idle --dir '{absolute}'"));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(sandbox.file("w").exists());
}

#[test]
#[cfg_attr(windows, ignore = "Windows finds the home directory without HOME")]
fn tilde_is_expanded_and_literal_variable_refused() {
    let sandbox = Sandbox::new();
    let run = |args: &[&str], variable: Option<&str>| {
        let mut command = sandbox.command(args);
        command.current_dir(sandbox.root()).env_remove("SSTAT_DIR");
        if let Some(variable) = variable {
            command.env("SSTAT_DIR", variable);
        }
        Ran::from(command.output().unwrap())
    };
    assert_eq!(run(&["push", "w", "idle"], Some("~/a")).code, 0);
    assert!(sandbox.home().join("a/w_status.json").exists());
    assert_eq!(run(&["push", "w", "idle", "--dir", "~/b/c"], None).code, 0);
    assert!(sandbox.home().join("b/c/w_status.json").exists());
    assert!(!sandbox.root().join("~").exists());

    for (path, name) in [
        ("$HOME/x", "$HOME"),
        ("a/${XDG_STATE_HOME}/x", "$XDG_STATE_HOME"),
    ] {
        for args in [
            &["push", "w", "idle", "--dir", path][..],
            &["list", "--dir", path],
        ] {
            let ran = run(args, None);
            let error = format!("sstat: {path}: {name} is not expanded inside single quotes\n");
            assert_eq!((ran.code, ran.stderr), (2, error), "{args:?}");
        }
        assert_eq!(run(&["push", "w", "idle"], Some(path)).code, 2);
        assert!(!sandbox.root().join(path).exists());
        // Such a directory can exist, and is not a mistake then.
        fs::create_dir_all(sandbox.root().join(path)).unwrap();
        assert_eq!(run(&["push", "w", "idle"], Some(path)).code, 0);
        assert!(sandbox.root().join(path).join("w_status.json").exists());
    }
    for path in ["cost$", "$5"] {
        assert_eq!(run(&["push", "w", "idle", "--dir", path], None).code, 0);
    }
}

#[test]
fn messages_show_absolute_directory() {
    let sandbox = Sandbox::new();
    let absolute = sandbox.root().join("missing").display().to_string();
    for args in [&["list"][..], &["summary", "-v"], &["show", "w"]] {
        let mut command = sandbox.command(args);
        command
            .current_dir(sandbox.root())
            .env("SSTAT_DIR", "missing");
        let ran = Ran::from(command.output().unwrap());
        assert!(ran.stderr.contains(&absolute), "{args:?}: {ran:?}");
    }
}

/// Root with the `HOME` of another user, as `sudo -E` and containers have it.
#[cfg(unix)]
#[test]
fn push_of_root_leaves_new_files_to_the_owner_of_the_directory() {
    const USER: u32 = 12345;
    let sandbox = Sandbox::new();
    let home = sandbox.home();
    if std::os::unix::fs::chown(&home, Some(USER), Some(USER)).is_err() {
        eprintln!("SKIPPED: only root can change the owner of a directory");
        return;
    }
    let owner = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.uid(), metadata.gid())
    };
    for _ in 0..2 {
        let ran = run_in(&sandbox, &home, &["push", "w", "idle"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    }
    let file = home.join(".local/state/sstat/session_status/w_status.json");
    for path in file.ancestors().take_while(|path| *path != home) {
        assert_eq!(owner(path), (USER, USER), "{}", path.display());
    }
    // An existing directory keeps its owner.
    let existing = sandbox.root().join("existing");
    fs::create_dir(&existing).unwrap();
    let named = existing.join("status").display().to_string();
    run_in(&sandbox, &home, &["push", "w", "idle", "--dir", &named]);
    assert_eq!(owner(&existing.join("status/w_status.json")), (0, 0));
}

#[cfg(unix)]
#[test]
fn directory_of_the_sudo_user_is_accepted() {
    let sandbox = Sandbox::new();
    let Some(directory) = found_directory_of_another_user(&sandbox) else {
        return;
    };
    for (uid, code) in [("12345", 0), ("12346", 2), ("", 2)] {
        let mut command = sandbox.command(["push", "w", "idle"]);
        command.env_remove("SSTAT_DIR").env("SUDO_UID", uid);
        let ran = Ran::from(command.current_dir(sandbox.home()).output().unwrap());
        assert_eq!(ran.code, code, "{uid}: {ran:?}");
    }
    assert_eq!(
        fs::metadata(directory.join("w_status.json")).unwrap().uid(),
        12345
    );
}

#[cfg(unix)]
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
