//! What only Windows has: its paths, shells, exit codes and locks.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Sandbox, fs, or_skip, waiting_process};

#[test]
fn name_stays_in_the_directory() {
    let sandbox = Sandbox::new();
    for (text, name) in [
        ("C:foo", "C_foo"),
        ("..\\out", "_._out"),
        ("a<b>\"|?*", "a_b_____"),
        ("nul.x", "_nul.x"),
        ("dot.", "dot_"),
    ] {
        sandbox.ok(["push", text, "working"]);
        assert!(sandbox.file(name).exists(), "{text}");
    }
    assert_eq!(fs::read_dir(sandbox.dir()).unwrap().count(), 5);
    let line = sandbox.read("C_foo");
    fs::write(sandbox.root().join("out_status.json"), line).unwrap();
    let outside = sandbox.root().join("out");
    for name in ["..\\out", "../out", outside.to_str().unwrap()] {
        for verb in ["show", "history"] {
            let ran = sandbox.run([verb, name, "--json"]);
            assert!(!ran.stdout.contains("C:foo"), "{verb} {name}: {ran:?}");
        }
    }
}

#[test]
fn directory_at_the_root_of_a_drive_is_used_only_there() {
    let sandbox = Sandbox::new();
    let system = std::path::PathBuf::from(std::env::var_os("SystemRoot").unwrap());
    let root = system.ancestors().last().unwrap();
    let data = root.join("data");
    if !or_skip(!data.exists(), "a drive without a directory data") {
        return;
    }
    fs::create_dir_all(data.join("session_status")).unwrap();
    let notes = [root, &system].map(|current| {
        let mut command = sandbox.command(["list", "-v"]);
        command.env_remove("SSTAT_DIR").current_dir(current);
        crate::support::Ran::from(command.output().unwrap()).stderr
    });
    fs::remove_dir_all(data).unwrap();
    assert!(
        notes[0].contains("the nearest data/session_status; its owner is not checked"),
        "{notes:?}"
    );
    assert!(notes[1].contains("the default without"), "{notes:?}");
}

#[test]
fn missing_features_are_named_where_they_are_asked_for() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(["push", "w", "working", "--pid", "3"]);
    assert!(ran.stderr.contains("in Git Bash, use"), "{ran:?}");
    sandbox.ok(["push", "w", "working"]);
    let ran = sandbox.run([
        "watch", "w", "--until", "working", "--now", "--bell", "--on", "stopped",
    ]);
    assert_eq!(
        ran.stderr.trim_start_matches('\u{7}'),
        "sstat: --on stopped: never occurs: Windows does not show whether a process is stopped\n"
    );
}

#[test]
fn link_is_not_followed() {
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w", "working"]);
    let target = sandbox.root().join("target");
    fs::rename(sandbox.file("w"), &target).unwrap();
    let linked = std::os::windows::fs::symlink_file(&target, sandbox.file("w"));
    // Wine shows a link as the file that it leads to.
    let is_link = |metadata: fs::Metadata| metadata.file_type().is_symlink();
    let is_linked = linked.is_ok() && sandbox.file("w").symlink_metadata().is_ok_and(is_link);
    if !or_skip(is_linked, "a system with symbolic links") {
        return;
    }
    let before = fs::read(&target).unwrap();
    for args in [&["push", "w", "idle"][..], &["show", "w"]] {
        let ran = sandbox.run(args);
        assert!(ran.stderr.contains("symbolic link"), "{ran:?}");
    }
    assert_eq!(fs::read(target).unwrap(), before);
}

/// A lock must disturb neither readers nor programs that know nothing of it.
#[test]
fn readers_and_foreign_writers_work_beside_pushes() {
    const PUSHES: usize = 20;
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w", "working"]);
    let foreign = sandbox.read("w");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..PUSHES {
                    sandbox.ok(["push", "w", "working"]);
                }
            });
        }
        for _ in 0..PUSHES {
            let mut file = fs::File::options().append(true).open(sandbox.file("w"));
            std::io::Write::write_all(file.as_mut().unwrap(), foreign.as_bytes()).unwrap();
            assert_eq!(sandbox.json(["list", "--json"])["w"]["status"], "working");
        }
    });
    assert_eq!(sandbox.updates("w").len(), 1 + 3 * PUSHES);
}

#[test]
fn file_can_be_replaced_while_it_is_watched() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "working"]);
    let live = super::watch::Live::listening(&sandbox, &["--json"]);
    let rotated = sandbox.root().join("w_status.json.1");
    fs::rename(sandbox.file("w"), rotated).unwrap();
    sandbox.ok(["push", "w", "blocked"]);
    let events = [live.short(), live.short()];
    assert!(
        events.iter().any(|event| event.ends_with("blocked")),
        "{events:?}"
    );
}

#[test]
fn wrapped_command_keeps_its_exit_code() {
    let sandbox = Sandbox::new();
    for (code, message) in [
        (0, "m"),
        (7, "m: exit code 7"),
        (70_000, "m: exit code 70000"),
        // A program that Ctrl-C has ended.
        (-1_073_741_510, "m: interrupted by Ctrl-C"),
    ] {
        let script = format!("exit {code}");
        let ran = sandbox.run(["push", "w", "working", "m", "--", "cmd", "/C", &script]);
        assert_eq!(ran.code, code, "{ran:?}");
        let last = sandbox.updates("w").pop().unwrap();
        assert_eq!(last["message"], message);
        assert_eq!(last["metadata"]["exit_code"], code);
    }
}

#[test]
fn batch_file_is_found_by_its_bare_name() {
    let sandbox = Sandbox::new();
    let script = "@echo got %1 %2\r\n@echo last words 1>&2\r\n@exit /b 5\r\n";
    fs::write(sandbox.root().join("tool.cmd"), script).unwrap();
    let mut command = sandbox.command([
        "push",
        "w",
        "working",
        "--tail",
        "--",
        "tool",
        "one",
        "two words",
    ]);
    let mut path = std::ffi::OsString::from(sandbox.root());
    path.push(";");
    path.push(std::env::var_os("PATH").unwrap());
    let ran = crate::support::Ran::from(command.env("PATH", path).output().unwrap());
    assert_eq!(ran.code, 5, "{ran:?}");
    assert_eq!(ran.stdout.trim_end(), "got one \"two words\"");
    assert_eq!(ran.stderr.trim_end(), "last words");
    let last = sandbox.updates("w").pop().unwrap();
    assert_eq!(last["metadata"]["stderr_tail"], "last words");
    let missing = sandbox.run(["push", "w", "working", "--", "no-such-tool"]);
    assert_eq!(missing.code, 127, "{missing:?}");
}

#[test]
fn killed_worker_is_dead_and_a_wrapped_command_is_alive() {
    let sandbox = Sandbox::with_real_clock();
    let mut worker = waiting_process();
    let pid = worker.id().to_string();
    sandbox.ok(["push", "pid", "working", "--pid", &pid]);
    let mut wrapper = sandbox
        .command(["push", "wrapped", "working", "--", "cmd"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    super::watch::wait_until("the command runs", || {
        !sandbox.updates("wrapped").is_empty()
    });
    let live = super::watch::Live::start(&sandbox, &["--json"]);
    for name in ["pid", "wrapped"] {
        let snapshot = live.event();
        assert_eq!(snapshot["session"], name);
        assert_eq!(snapshot["state"]["is_alive"], true);
    }
    // The command of the wrapper waits for its stdin.
    let stdin = wrapper.stdin.take();
    for (child, name) in [(&mut worker, "pid"), (&mut wrapper, "wrapped")] {
        let start = Instant::now();
        child.kill().unwrap();
        assert_eq!(live.short(), format!("dead {name}"));
        eprintln!("{name}: dead after {:?}", start.elapsed());
        child.wait().unwrap();
    }
    let shown = sandbox.ok(["show", "wrapped"]);
    assert!(shown.contains("its command still runs (pid "), "{shown}");
    drop(stdin);
    super::watch::wait_until("the command ends", || {
        !sandbox.ok(["show", "wrapped"]).contains("still runs")
    });
}

#[test]
fn push_of_another_process_is_an_event() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "working"]);
    let live = super::watch::Live::listening(&sandbox, &["--json"]);
    for (from, to) in [("working", "blocked"), ("blocked", "idle")] {
        let start = Instant::now();
        sandbox.ok(["push", "w", to]);
        assert_eq!(live.short(), format!("update w {from} {to}"));
        eprintln!("seen {:?} after the start of the push", start.elapsed());
    }
    sandbox.ok(["push", "new", "working"]);
    assert_eq!(live.short(), "update new null working");
    fs::remove_file(sandbox.file("new")).unwrap();
    assert_eq!(live.short(), "removed new");
}

/// More alerts than commands may run at once, so that the end of one must start the
/// next.
#[test]
fn commands_of_all_alerts_run() {
    const SESSIONS: usize = 20;
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "first", "working"]);
    let path = std::env::var_os("PATH").unwrap();
    let has_sh = std::env::split_paths(&path).any(|directory| directory.join("sh.exe").exists());
    let note = match has_sh {
        true => "echo $SSTAT_SESSION >> alerts",
        false => "echo %SSTAT_SESSION%>>alerts",
    };
    let args = ["--json", "--on", "blocked", "--exec", note];
    let _live = super::watch::Live::listening(&sandbox, &args);
    for number in 0..SESSIONS {
        sandbox.ok(["push", &format!("w{number}"), "blocked"]);
    }
    let alerts = || fs::read_to_string(sandbox.root().join("alerts")).unwrap_or_default();
    super::watch::wait_until("all commands run", || alerts().lines().count() >= SESSIONS);
    for number in 0..SESSIONS {
        let name = format!("w{number}");
        assert!(alerts().lines().any(|line| line.trim() == name), "{name}");
    }
}

#[test]
fn alert_command_is_ended_with_the_watch() {
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w", "blocked"]);
    let start = Instant::now();
    // It reads its stdin to the end and then waits for input that never comes.
    let ran = sandbox.run([
        "watch", "w", "--until", "blocked", "--now", "--on", "blocked", "--exec", "cmd",
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(start.elapsed() < Duration::from_secs(60));
}
