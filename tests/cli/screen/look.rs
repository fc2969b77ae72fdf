//! Colors, widths and characters.

use super::dozen;
use crate::support::tmux::Tmux;
use crate::support::{Sandbox, have};

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
    // Only a terminal that has no others gets its own colors.
    for (command, colors) in [
        ("sstat watch", ["38;5;130", "38;5;30"]),
        ("sstat list", ["38;5;130", "38;5;30"]),
        ("sstat summary", ["38;5;130", "38;5;30"]),
        ("TERM=linux sstat watch", ["33", "36"]),
        ("TERM=xterm sstat list", ["33", "36"]),
    ] {
        tmux.shell("clear");
        tmux.wait("empty screen", |capture| !capture.contains("w1"));
        tmux.shell(command);
        tmux.wait(command, |capture| {
            capture.contains("w1") && capture.contains("completed")
        });
        let capture = tmux.capture_colors();
        for (word, color) in ["blocked", "completed"].into_iter().zip(colors) {
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

/// Returns whether text is reversed, and its color, after escape sequences.
fn state_at(text: &str) -> (bool, String) {
    let mut state = (false, String::new());
    for sequence in text.split("\u{1b}[").skip(1) {
        let parameters = sequence.split('m').next().unwrap();
        if parameters.starts_with('3') && parameters != "39" {
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

fn columns(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
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
