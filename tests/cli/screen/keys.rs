//! Keys, the mouse and pasted text.

use super::{dozen, fake_tmux, selected};
use crate::support::tmux::Tmux;
use crate::support::{Sandbox, have};

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
    let capture = tmux.wait_for("  ? help\n");
    assert!(tmux.is_in_alternate_screen());
    let first = capture.lines().next().unwrap();
    assert!(
        first.starts_with(" 12 sessions  1 error  1 blocked  10 working"),
        "{first}"
    );
    assert!(
        selected(&capture).starts_with("broken   error"),
        "{capture}"
    );
    assert!(
        capture.contains(" q quit  / filter") && capture.contains("  ? help\n"),
        "{capture}"
    );

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
        capture.contains("j/k scroll  Esc back  q quit"),
        "{capture}"
    );
    tmux.keys(&["Escape"]);
    tmux.wait("table", |capture| capture.contains("SESSION"));
    // Esc removes a message and does nothing else.
    tmux.keys(&["S"]);
    tmux.wait_for("sorted by session, reversed");
    tmux.keys(&["Escape"]);
    let capture = tmux.wait("screen without a message", |capture| {
        !capture.contains("sorted by")
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
    let capture = tmux.wait_for("*-* › waiting 1 of 5");
    assert!(
        capture.contains("FOR↓") && capture.contains("web-1"),
        "{capture}"
    );
    // It is known: x acknowledges it, and withdraws that.
    let last = || sandbox.updates("web-1").pop().unwrap();
    tmux.keys(&["x"]);
    tmux.wait_for("no session needs attention");
    assert_eq!(last()["acknowledged_until"], "next-update");
    // `a` leaves `w` for all that needs attention, then for all sessions.
    tmux.keys(&["a", "a", "/", "w", "e", "b", "-", "1", "Enter"]);
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
    tmux.keys(&["C-u"]);
    tmux.paste("step");
    tmux.paste(" 10");
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
    outer.wait("the session's pane", |_| {
        let sessions = inner.ok(&["list-clients", "-F", "#{client_session}"]);
        sessions.trim() == "stuck"
    });
}
