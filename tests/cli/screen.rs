//! The live screen of `sstat watch`, in tmux as a real terminal.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::tmux::Tmux;
use crate::support::{Ran, Sandbox, have, sstat_binary};

/// Returns the row under the cursor.
fn selected(capture: &str) -> &str {
    let row = capture.lines().find_map(|line| line.strip_prefix("› "));
    row.unwrap_or_default()
}

/// Pushes twelve sessions: w1 to w10, a blocked one and a failed one.
fn dozen(sandbox: &Sandbox) {
    for number in 1..=10 {
        let name = format!("w{number}");
        let progress = format!("{}%", number * 10);
        let message = format!("step {number}");
        sandbox.ok(["push", &name, "working", &message, &progress, "160"]);
    }
    sandbox.aged("stuck", "blocked", 60);
    sandbox.aged("broken", "error", 90);
}

/// Creates a tmux in the home directory that runs a script.
fn fake_tmux(sandbox: &Sandbox, script: &str) {
    let path = sandbox.home().join("tmux");
    crate::support::write_program(&path, &format!("#!/bin/sh\n{script}\n"));
}

#[test]
fn sessions_of_several_directories_are_distinguished() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    for (project, session) in [("web", "main"), ("api", "main"), ("api", "build")] {
        sandbox.ok(["push", session, "working", project, "--dir", project]);
    }
    let tmux = Tmux::new(&sandbox, "projects", 80, 24);
    tmux.shell("SSTAT_DIR=web:api sstat watch");
    let capture = tmux.wait_for("3 sessions");
    for name in [" build ", " api/main ", " web/main "] {
        assert!(capture.contains(name), "{capture}");
    }
    // The filter finds projects, and the detail is that of the selected session.
    tmux.keys(&["/", "w", "e", "b", "Enter", "Enter"]);
    let capture = tmux.wait_for("File ");
    assert!(selected(&capture).starts_with("web/main "), "{capture}");
    assert!(capture.contains("Message    web"), "{capture}");
    // A name that no longer occurs twice is not qualified.
    std::fs::remove_file(sandbox.root().join("api/main_status.json")).unwrap();
    tmux.keys(&["Escape", "Escape"]);
    tmux.wait("bare name", |capture| {
        capture.contains("\n  main ") && !capture.contains("/main ")
    });
}

#[test]
fn each_key_has_its_effect() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    let tmux = Tmux::new(&sandbox, "tour", 80, 24);
    tmux.shell("echo before the screen");
    let settings = tmux.settings();
    tmux.shell("sstat watch; echo exit=$?");
    let capture = tmux.wait_for("12 sessions");
    assert!(tmux.is_in_alternate_screen());
    let first = capture.lines().next().unwrap();
    assert!(
        first.starts_with(" 12 sessions  10 working  1 blocked  1 error"),
        "{first}"
    );
    assert!(
        selected(&capture).starts_with("broken   error"),
        "{capture}"
    );
    assert!(capture.contains("q quit  ? help"), "{capture}");

    // Letters and arrows move the cursor.
    tmux.keys(&["j", "Down"]);
    tmux.wait("w1", |capture| selected(capture).starts_with("w1 "));
    tmux.keys(&["G"]);
    tmux.wait("w10", |capture| selected(capture).starts_with("w10 "));
    tmux.keys(&["k", "Up", "g"]);
    tmux.wait("broken", |capture| selected(capture).starts_with("broken "));

    // The filter applies while it is typed; Esc clears it.
    tmux.keys(&["/", "s", "t", "u"]);
    let capture = tmux.wait_for("/stu   1 of 12");
    assert!(!capture.contains("broken"), "{capture}");
    tmux.keys(&["Enter"]);
    tmux.wait_for("/stu 1 of 12");
    tmux.keys(&["Escape"]);
    tmux.wait("screen with all sessions", |capture| {
        capture.contains("broken") && !capture.contains("/stu")
    });
    tmux.keys(&["a"]);
    tmux.wait_for("attention 2 of 12");
    tmux.keys(&["a", "s"]);
    tmux.wait_for("sorted by session");

    // The detail is below, beside or in place of the table.
    tmux.keys(&["G", "Enter"]);
    let capture = tmux.wait_for("Last updates");
    assert!(
        capture.contains("Progress   ████████████████████ 100%"),
        "{capture}"
    );
    assert!(capture.contains("w10_status.json"), "{capture}");
    tmux.ok(&["resize-window", "-x", "150", "-y", "30"]);
    tmux.wait("detail beside the table", |capture| {
        let line = capture.lines().nth(1).unwrap_or_default();
        line.contains("SESSION") && line.contains("│ w10")
    });
    tmux.ok(&["resize-window", "-x", "40", "-y", "10"]);
    tmux.wait("detail alone", |capture| {
        capture.lines().count() == 10 && !capture.contains("SESSION") && capture.contains(" w10\n")
    });
    tmux.keys(&["Escape"]);
    tmux.wait_for("SESSION");
    tmux.keys(&["?"]);
    let capture = tmux.wait_for("Keys");
    assert!(
        capture.contains("j k scroll  Esc back  q quit"),
        "{capture}"
    );
    tmux.keys(&["Escape"]);
    tmux.wait("table", |capture| capture.contains("SESSION"));
    // Esc removes a message and does nothing else.
    tmux.keys(&["S"]);
    tmux.wait_for("sorted by session, reversed");
    tmux.keys(&["Escape"]);
    let capture = tmux.wait("screen without a message", |capture| {
        !capture.contains("reversed\n")
    });
    assert!(capture.contains("SESSION"), "{capture}");

    tmux.keys(&["q"]);
    let capture = tmux.wait_for("exit=0");
    assert!(!tmux.is_in_alternate_screen());
    assert!(!capture.contains("SESSION"), "{capture}");
    assert!(capture.contains("before the screen"), "{capture}");
    assert_eq!(tmux.settings(), settings);
}

#[test]
fn each_question_has_a_key() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    for (name, status, age) in [
        ("api-1", "working", 20),
        ("api-2", "error", 30),
        ("web-1", "blocked", 250),
        ("web-2", "completed", 4000),
        ("web-3", "completed", 5000),
    ] {
        sandbox.aged(name, status, age);
    }
    let tmux = Tmux::new(&sandbox, "questions", 100, 24);
    tmux.shell("sstat watch '*-*'; echo exit=$?");
    tmux.wait_for("▸ 2 finished sessions");
    // Which group is stuck?
    tmux.keys(&["b"]);
    let capture = tmux.wait_for("*-* › by prefix 5 of 5");
    let group: Vec<&str> = selected(&capture).split_whitespace().collect();
    assert_eq!(group.join(" "), "▸ api 2 1 attention 1 error 1 working");
    // The cursor stays with its group.
    tmux.keys(&["Down"]);
    tmux.wait("web", |capture| selected(capture).starts_with("▸ web"));
    tmux.keys(&["Up"]);
    tmux.wait("api", |capture| selected(capture).starts_with("▸ api"));
    sandbox.ok(["push", "api-2", "working"]);
    tmux.wait("web above api", |capture| {
        let web = capture.find("  ▸ web");
        web.is_some_and(|web| capture.find("› ▸ api").is_some_and(|api| web < api))
    });
    tmux.keys(&["Right", "Down"]);
    tmux.wait("api-1", |capture| selected(capture).starts_with("  api-1 "));
    tmux.keys(&["Left"]);
    tmux.wait("folded group", |capture| {
        selected(capture).starts_with("▸ api")
    });
    // Who has waited longest?
    tmux.keys(&["w"]);
    let capture = tmux.wait_for("*-* › attention 1 of 5");
    assert!(
        capture.contains("FOR↓") && capture.contains("web-1"),
        "{capture}"
    );
    // It is known: x acknowledges it, and withdraws that.
    let last = || sandbox.updates("web-1").pop().unwrap();
    tmux.keys(&["x"]);
    tmux.wait_for("no session needs attention");
    assert_eq!(last()["acknowledged_until"], "next-update");
    tmux.keys(&["a", "/", "w", "e", "b", "-", "1", "Enter"]);
    tmux.wait("web-1", |capture| {
        selected(capture).starts_with("web-1    blocked ack")
    });
    tmux.keys(&["x"]);
    tmux.wait("web-1", |capture| {
        selected(capture).starts_with("web-1    blocked  ")
    });
    assert_eq!(last()["acknowledged_until"], serde_json::Value::Null);
    tmux.keys(&["Escape"]);
    tmux.wait_for("*-* 5 of 5");
    // What can be cleared away?
    tmux.keys(&["f"]);
    let capture = tmux.wait_for("*-* › finished 2 of 5");
    assert!(
        capture.contains("web-2") && capture.contains("web-3"),
        "{capture}"
    );
    // A column more.
    tmux.keys(&["f", "c"]);
    tmux.wait_for("[x] message");
    tmux.keys(&["G", "Space", "Enter"]);
    tmux.wait("table without messages", |capture| {
        capture.contains("SESSION") && !capture.contains("MESSAGE") && !capture.contains("[x]")
    });
    tmux.keys(&["q"]);
    tmux.wait_for("exit=0");
}

#[test]
fn mouse_clicks_and_scrolls_until_it_is_off() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    let tmux = Tmux::new(&sandbox, "mouse", 80, 24);
    tmux.shell("sstat watch; echo exit=$?");
    tmux.wait_for("12 sessions");
    let reports = || tmux.ok(&["display", "-p", "#{mouse_standard_flag}#{mouse_any_flag}"]);
    assert_eq!(reports(), "11\n", "presses are reported");
    assert_eq!(
        tmux.ok(&["display", "-p", "#{mouse_all_flag}"]),
        "0\n",
        "not movements"
    );
    let mouse = |code| {
        tmux.ok(&["send-keys", "-l", &format!("\x1b[<{code}M")]);
    };
    mouse("0;5;5");
    tmux.wait("w1", |capture| selected(capture).starts_with("w1 "));
    mouse("65;5;5");
    tmux.wait("w4", |capture| selected(capture).starts_with("w4 "));
    mouse("0;5;2");
    tmux.wait_for("SESSION↑");
    tmux.keys(&["m"]);
    tmux.wait_for("the mouse selects text");
    assert_eq!(reports(), "00\n");
    tmux.keys(&["m", "q"]);
    tmux.wait_for("exit=0");
    assert_eq!(reports(), "00\n", "the shell gets no reports");
}

#[test]
fn screen_follows_the_sessions() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::with_real_clock();
    let push = |args: &[&str]| sandbox.ok([&["push"], args].concat());
    push(&["quick", "working", "m", "--expect", "1h"]);
    push(&["slow", "working", "m"]);
    let tmux = Tmux::new(&sandbox, "live", 80, 12);
    tmux.shell(
        "sstat watch --stale-after 2s --on stale,error --exec 'echo x >> alerts; echo printed'",
    );
    tmux.wait_for("2 sessions  2 working");
    let capture = tmux.wait_for("1 stale");
    assert!(
        selected(&capture).starts_with("slow     stale"),
        "{capture}"
    );
    push(&["slow", "completed", "done"]);
    let capture = tmux.wait_for("1 completed");
    assert!(!capture.contains("stale"), "{capture}");

    push(&["new", "error", "no such host"]);
    let capture = tmux.wait_for("3 sessions");
    assert!(
        selected(&capture).starts_with("new      error"),
        "{capture}"
    );

    // Alert commands run and print nothing on the screen.
    let alerts = sandbox.root().join("alerts");
    let log = || std::fs::read_to_string(&alerts).unwrap_or_default();
    tmux.wait("two alerts", |_| log() == "x\nx\n");
    assert!(!tmux.capture().contains("printed"));

    // A paused screen does not change.
    tmux.keys(&["Space"]);
    tmux.wait_for("PAUSED");
    std::fs::remove_file(sandbox.file("new")).unwrap();
    push(&["quick", "blocked", "which one?"]);
    std::thread::sleep(Duration::from_millis(300));
    let capture = tmux.capture();
    assert!(
        capture.contains("3 sessions") && !capture.contains("which"),
        "{capture}"
    );
    tmux.keys(&["p"]);
    tmux.wait("screen with both changes", |capture| {
        capture.contains("2 sessions") && selected(capture).starts_with("quick    blocked")
    });

    // A warning is shown on the screen, and printed when it ends.
    std::fs::create_dir(sandbox.file("folder")).unwrap();
    tmux.wait_for("folder_status.json");
    tmux.keys(&["C-c"]);
    tmux.wait("warning in the shell", |capture| {
        capture.contains("sstat: ") && capture.contains("folder_status.json")
    });
}

#[test]
fn signal_finds_the_terminal_restored() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    let tmux = Tmux::running(&sandbox, "signals", 80, 24, "PS1='$ ' bash --norc");
    let settings = tmux.settings();
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        tmux.shell("sh -c 'echo $$ > pid; exec sstat watch'");
        tmux.wait_for("12 sessions");
        let pid = std::fs::read_to_string(sandbox.root().join("pid")).unwrap();
        let kill = Command::new("kill")
            .args([&format!("-{signal}"), pid.trim()])
            .status();
        assert!(kill.unwrap().success());
        tmux.wait("shell", |capture| !capture.contains("SESSION"));
        tmux.shell("echo exit=$?");
        tmux.wait_for(&format!("exit={code}"));
        assert!(!tmux.is_in_alternate_screen());
        assert_eq!(tmux.settings(), settings, "SIG{signal}");
        tmux.shell("clear");
    }
    // Ctrl-Z stops the screen, fg continues it.
    tmux.shell("sstat watch; echo over");
    tmux.wait_for("12 sessions");
    tmux.keys(&["C-z"]);
    tmux.wait("shell", |capture| capture.contains("Stopped"));
    assert!(!tmux.is_in_alternate_screen());
    assert_eq!(tmux.settings(), settings);
    tmux.shell("fg");
    tmux.wait_for("12 sessions");
    tmux.keys(&["G"]);
    tmux.wait("w10", |capture| selected(capture).starts_with("w10 "));
    tmux.keys(&["q"]);
    tmux.wait("shell", |capture| !capture.contains("SESSION"));
    assert_eq!(tmux.settings(), settings);
    drop(tmux);

    // Without a shell that could continue it, Ctrl-Z does not stop it.
    let tmux = Tmux::running(&sandbox, "alone", 80, 24, "exec sstat watch");
    tmux.wait_for("12 sessions");
    tmux.keys(&["C-z"]);
    tmux.wait_for("no shell to return to");
    tmux.keys(&["G"]);
    tmux.wait("w10", |capture| selected(capture).starts_with("w10 "));
}

#[test]
fn screen_is_restored_after_a_stop_without_notice() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    let tmux = Tmux::running(&sandbox, "stop", 80, 24, "PS1='$ ' bash --norc");
    let settings = tmux.settings();
    tmux.shell("sh -c 'echo $$ > pid; exec sstat watch'; echo exit=$?");
    tmux.wait_for("12 sessions");
    let pid = std::fs::read_to_string(sandbox.root().join("pid")).unwrap();
    let kill = |signal: &str| {
        let kill = Command::new("kill").args([signal, pid.trim()]).status();
        assert!(kill.unwrap().success());
    };
    kill("-STOP");
    tmux.wait("shell", |capture| capture.contains("Stopped"));
    // In the background it stops instead of drawing over the shell.
    tmux.shell("clear; bg");
    tmux.wait("stop in the background", |_| is_stopped(pid.trim()));
    tmux.shell("echo still in the shell");
    tmux.wait_for("still in the shell");
    assert!(
        !tmux.capture().contains("12 sessions"),
        "{}",
        tmux.capture()
    );
    tmux.shell("clear; fg");
    tmux.wait_for("12 sessions");
    tmux.keys(&["G"]);
    tmux.wait("w10", |capture| selected(capture).starts_with("w10 "));
    // A signal that does not follow a stop only redraws.
    kill("-CONT");
    tmux.keys(&["g"]);
    tmux.wait("broken", |capture| selected(capture).starts_with("broken "));
    tmux.keys(&["q"]);
    tmux.wait("normal screen", |_| !tmux.is_in_alternate_screen());
    assert_eq!(tmux.settings(), settings);
}

fn is_stopped(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().starts_with('T')
}

#[test]
fn paste_is_text_for_the_filter_and_never_a_key() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    let tmux = Tmux::new(&sandbox, "filter", 80, 24);
    tmux.shell("sstat watch; echo exit=$?");
    tmux.wait_for("12 sessions");
    // `G` as a key would move the cursor, `/` would start the filter.
    tmux.paste("G/sq\n");
    tmux.keys(&["j"]);
    tmux.wait("stuck", |capture| selected(capture).starts_with("stuck "));
    assert!(tmux.capture().contains(" q quit"), "{}", tmux.capture());
    tmux.keys(&["/"]);
    tmux.paste("step\n10\n");
    tmux.wait_for("/step 10   1 of 12");
    tmux.keys(&["Enter", "q"]);
    tmux.wait_for("exit=0");
}

/// Pastes shell commands, short and long, into screens that then end.
fn paste_runs_nothing_in_the_shell(tries: usize) {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    let tmux = Tmux::new(&sandbox, "paste", 80, 24);
    let ran = sandbox.root().join("ran");
    let short = "q\ntouch ran; true q\n";
    let long = short.repeat(6000 / short.len());
    for attempt in 0..tries {
        for text in [short, &long] {
            tmux.shell("clear; sstat watch; echo exit=$?");
            tmux.wait_for("12 sessions");
            tmux.paste(text);
            if attempt % 2 == 0 {
                tmux.keys(&["G"]);
                tmux.wait("w10", |capture| selected(capture).starts_with("w10 "));
            }
            tmux.keys(&["q"]);
            tmux.wait_for("exit=0");
            // The shell has handled all input before this line.
            tmux.shell("echo over");
            tmux.wait("shell", |capture| capture.contains("\nover"));
            assert!(!ran.exists(), "{}", tmux.capture());
        }
    }
}

#[test]
fn paste_runs_nothing() {
    paste_runs_nothing_in_the_shell(3);
}

#[test]
#[ignore = "takes a minute"]
fn fifty_pastes_run_nothing() {
    paste_runs_nothing_in_the_shell(50);
}

#[test]
fn selected_row_keeps_the_colors_of_its_bar() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w1", "working", "m", "90%"]);
    sandbox.ok(["push", "w2", "working", "m", "0.999999"]);
    sandbox.ok(["push", "w3", "working", "m", "1.0"]);
    let tmux = Tmux::new(&sandbox, "colors", 80, 24);
    tmux.shell("sstat watch");
    let capture = tmux.wait_for("3 sessions");
    for (name, progress) in [
        ("w1", "█████░  90%"),
        ("w2", "█████░  99%"),
        ("w3", "██████ 100%"),
    ] {
        let row = capture.lines().find(|line| line.contains(name)).unwrap();
        assert!(row.contains(progress), "{row}");
    }
    let capture = tmux.capture_colors();
    let rows: Vec<&str> = capture.lines().filter(|line| line.contains('█')).collect();
    let [selected, other, _] = rows[..] else {
        panic!("{capture}");
    };
    let cursor = selected.find("› w1").unwrap();
    assert!(state_at(&selected[..cursor]).0, "{selected:?}");
    for row in [selected, other] {
        let start = row.find('█').unwrap();
        let state = state_at(&row[..start]);
        assert_eq!(state, (false, "38;5;28".to_owned()), "{row:?}");
    }
    let percent = selected.find("90%").unwrap();
    assert!(state_at(&selected[..percent]).0, "{selected:?}");
}

#[test]
fn status_colors_are_not_those_of_the_terminal() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "w1", "blocked", "m"]);
    sandbox.ok(["push", "w2", "completed", "m"]);
    let tmux = Tmux::new(&sandbox, "legible", 80, 24);
    for command in ["watch", "list", "summary"] {
        tmux.shell("clear");
        tmux.wait("empty screen", |capture| !capture.contains("w1"));
        tmux.shell(&format!("sstat {command}"));
        tmux.wait(command, |capture| {
            capture.contains("w1") && capture.contains("completed")
        });
        let capture = tmux.capture_colors();
        for (word, color) in [("blocked", "38;5;130"), ("completed", "38;5;30")] {
            let place = capture.find(word).unwrap();
            assert_eq!(
                state_at(&capture[..place]).1,
                color,
                "{command}: {capture:?}"
            );
        }
        tmux.keys(&["q", "C-u"]);
        tmux.wait("normal screen", |_| !tmux.is_in_alternate_screen());
    }
}

#[test]
fn warnings_are_kept_once_a_file_and_limited() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "w1", "working", "m"]);
    let tmux = Tmux::new(&sandbox, "warnings", 100, 150);
    tmux.shell("sstat watch --on update --exec 'date +%s%N >> ran; exit 3'; echo exit=$?");
    tmux.wait_for("1 session ");
    let ran = sandbox.root().join("ran");
    for count in 1..=3 {
        sandbox.ok(["push", "w1", "working", "m"]);
        tmux.wait("command", |_| {
            std::fs::read_to_string(&ran).is_ok_and(|ran| ran.lines().count() == count)
        });
    }
    tmux.wait_for("exit code 3");
    tmux.keys(&["q"]);
    let capture = tmux.wait_for("exit=0");
    assert_eq!(capture.matches("exit code 3").count(), 1, "{capture}");

    for number in 0..110 {
        std::fs::create_dir(sandbox.file(&format!("folder{number}"))).unwrap();
    }
    tmux.shell("clear; sstat watch; echo exit=$?");
    tmux.wait_for("_status.json");
    tmux.keys(&["q"]);
    let capture = tmux.wait_for("exit=0");
    assert_eq!(capture.matches("sstat: ").count(), 100, "{capture}");
}

/// Returns whether text is reversed, and its color, after escape sequences.
fn state_at(text: &str) -> (bool, String) {
    let mut state = (false, String::new());
    for sequence in text.split("\u{1b}[").skip(1) {
        let parameters = sequence.split('m').next().unwrap();
        if parameters.starts_with("38;") {
            state.1 = parameters.to_owned();
            continue;
        }
        for parameter in parameters.split(';') {
            match parameter {
                "0" => state = (false, String::new()),
                "7" => state.0 = true,
                "27" => state.0 = false,
                "39" => state.1.clear(),
                _ => {}
            }
        }
    }
    state
}

#[test]
fn end_of_the_screen_ends_the_alert_commands() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    let tmux = Tmux::running(&sandbox, "alerts", 80, 24, "PS1='$ ' bash --norc");
    std::fs::write(
        sandbox.root().join("alert"),
        "echo $$ > alert.pid; exec sleep 1000\n",
    )
    .unwrap();
    for (end, code) in [("q", 0), ("TERM", 143)] {
        let pid = sandbox.root().join("alert.pid");
        let _ = std::fs::remove_file(&pid);
        tmux.shell("sh -c 'echo $$ > pid; exec sstat watch --on update --exec \". ./alert\"'");
        tmux.wait_for("12 sessions");
        sandbox.ok(["push", "w1", "working"]);
        let alert = || std::fs::read_to_string(&pid).unwrap_or_default();
        tmux.wait("alert command", |_| alert().ends_with('\n'));
        if end == "q" {
            tmux.keys(&["q"]);
        } else {
            let pid = std::fs::read_to_string(sandbox.root().join("pid")).unwrap();
            let kill = Command::new("kill").arg(pid.trim()).status();
            assert!(kill.unwrap().success());
        }
        tmux.wait("normal screen", |_| !tmux.is_in_alternate_screen());
        tmux.shell("echo exit=$?");
        tmux.wait_for(&format!("exit={code}"));
        let process = format!("/proc/{}", alert().trim());
        assert!(!std::path::Path::new(&process).exists(), "{end}");
        tmux.shell("clear");
    }
}

#[test]
fn hanging_tmux_does_not_block_the_screen() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    fake_tmux(&sandbox, "exec sleep 60");
    let tmux = Tmux::new(&sandbox, "hangs", 80, 24);
    tmux.shell(&format!(
        "PATH={}:$PATH sstat watch",
        sandbox.home().display()
    ));
    tmux.wait_for("12 sessions");
    tmux.keys(&["t"]);
    tmux.wait_for("tmux: no answer within 1 s");
}

#[test]
fn columns_are_aligned_for_wide_and_hostile_text() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    let push = |name: &str, message: &str| {
        sandbox.ok(["push", name, "working", message, "50%", "日本"]);
    };
    push("研究者", "日本語のメッセージ");
    push("a👩‍💻b", "⚠️ 👍🏽 1️⃣ 🇩🇪");
    push("plain", "\u{1b}[2J\u{202e}\u{9b}31m");
    push("cafe\u{301}", "e\u{301}");
    let tmux = Tmux::new(&sandbox, "wide", 80, 12);
    tmux.shell("sstat watch");
    let capture = tmux.wait_for("4 sessions");
    // tmux does not pad wide characters, so that an aligned table has each bar in
    // the same column.
    let columns: Vec<usize> = capture
        .lines()
        .filter_map(|line| line.find("███░░░").map(|end| columns(&line[..end])))
        .collect();
    assert_eq!(columns.len(), 4, "{capture}");
    assert!(
        columns.iter().all(|&column| column == columns[0]),
        "{capture}"
    );
    assert!(capture.contains("\\x1b[2J\\u{202e}\\u{9b}31m"), "{capture}");
    tmux.keys(&["q"]);

    sandbox.ok(["push", "ascii", "working", "m", "50%"]);
    for name in ["研究者", "a👩‍💻b", "plain", "cafe\u{301}"] {
        std::fs::remove_file(sandbox.file(name)).unwrap();
    }
    tmux.wait("shell", |capture| !capture.contains("SESSION"));
    tmux.shell("LC_ALL=C sstat watch");
    tmux.wait_for("1 session ");
    tmux.keys(&["Enter"]);
    let capture = tmux.wait_for("Last updates");
    assert!(capture.is_ascii(), "{capture}");
}

#[test]
fn empty_screen_gives_the_reason() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ok(["push", "other", "working", "m"]);
    let tmux = Tmux::new(&sandbox, "empty", 120, 12);
    for (arguments, count, update) in [
        ("'worker*'", 1, ["worker1", "working"]),
        ("--status idle", 2, ["other", "idle"]),
    ] {
        tmux.shell(&format!("clear; sstat watch {arguments}"));
        tmux.wait_for(&format!("no session matches ({count} in "));
        sandbox.ok([&["push"], &update[..], &["m"]].concat());
        tmux.wait_for("1 session ");
        tmux.keys(&["q"]);
        tmux.wait("shell", |capture| !capture.contains("SESSION"));
    }
    for name in ["worker1", "other"] {
        std::fs::remove_file(sandbox.file(name)).unwrap();
    }
    tmux.shell("clear; sstat watch 'worker*'");
    tmux.wait_for("no sessions in ");
}

fn columns(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

#[test]
fn key_switches_to_the_sessions_pane() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    let inner = Tmux::new(&sandbox, "inner", 80, 12);
    inner.ok(&["new-session", "-d", "-s", "stuck", "cat"]);
    let attach = format!("tmux -u -S {} attach -t inner", inner.socket.display());
    let outer = Tmux::running(&sandbox, "outer", 80, 14, &attach);
    inner.ok(&["send-keys", "-t", "inner", "sstat watch", "Enter"]);
    outer.wait_for("12 sessions");
    // No tmux session has this name.
    outer.keys(&["t"]);
    outer.wait_for("tmux: can't find session");
    outer.keys(&["j", "t"]);
    let deadline = Instant::now() + Duration::from_secs(30);
    while inner
        .ok(&["list-clients", "-F", "#{client_session}"])
        .trim()
        != "stuck"
    {
        assert!(Instant::now() < deadline, "{}", outer.capture());
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn once_prints_a_block_without_a_screen() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    let tmux = Tmux::new(&sandbox, "dumb", 80, 50);
    for command in [
        "sstat watch --once",
        "TERM=dumb sstat watch --once",
        "sstat watch --once < /dev/null",
    ] {
        tmux.shell(&format!("clear; {command}"));
        tmux.wait_for("Total Sessions: 12");
        assert!(!tmux.is_in_alternate_screen(), "{command}");
    }
}

#[test]
fn closed_terminal_ends_the_screen() {
    if !have("python3") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    // The key t keeps the screen busy for a while.
    fake_tmux(&sandbox, "touch asked; exec sleep 60");
    // Without a controlling terminal, the kernel sends no signal.
    let script = "
import os, pty, subprocess, sys, time
master, slave = pty.openpty()
child = subprocess.Popen(['sstat', 'watch'], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
os.close(slave)
while b'\\x1b[?2026l' not in os.read(master, 100000): pass
if sys.argv[1] == 'busy':
    os.write(master, b't')
    while not os.path.exists('asked'): time.sleep(0.01)
os.close(master)
try:
    print(child.wait(timeout=30))
finally:
    child.kill()
";
    for when in ["idle", "busy"] {
        let mut python = Command::new("python3");
        sandbox.isolate(&mut python);
        let bin = sstat_binary().parent().unwrap().display();
        let path = format!("{}:{bin}:/usr/bin:/bin", sandbox.home().display());
        python.env("PATH", path);
        python.envs([("TMUX", "/nowhere,1,0"), ("TMUX_PANE", "%0")]);
        let ran = Ran::from(python.args(["-c", script, when]).output().unwrap());
        assert_eq!(ran.stdout, "-1\n", "{when}: {}", ran.stderr);
    }
}

#[test]
fn terminal_without_a_size_is_used() {
    if !have("python3") {
        return;
    }
    let sandbox = Sandbox::new();
    dozen(&sandbox);
    // The size of a new pty is 0x0.
    let script = "
import fcntl, os, pty, struct, subprocess, termios
master, slave = pty.openpty()
child = subprocess.Popen(['sstat', 'watch'], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
os.close(slave)
drawn = b''
def until(text):
    global drawn
    while text not in drawn: drawn += os.read(master, 100000)
try:
    until(b'12 sessions')
    until(b'\x1b[24;')
    print('24 lines')
    drawn = b''
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 100, 0, 0))
    until(b'\x1b[30;')
    print('30 lines')
    os.write(master, b'q')
    print(child.wait(timeout=30))
finally:
    child.kill()
";
    let mut python = Command::new("python3");
    sandbox.isolate(&mut python);
    // The timeout ends a screen that does not respond.
    python
        .arg("-c")
        .arg(format!("import signal; signal.alarm(60){script}"));
    let ran = Ran::from(python.output().unwrap());
    assert_eq!(ran.stdout, "24 lines\n30 lines\n0\n", "{}", ran.stderr);
}
