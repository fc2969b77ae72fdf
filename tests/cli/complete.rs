//! The completions, run in their shells.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Sandbox, have};

fn completions(file: &str) -> String {
    format!("{}/completions/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["manager1", "manager two", "worker1"] {
        sandbox.ok(["push", name, "idle"]);
    }
    for (directory, name) in [("other", "manager9"), ("third", "worker1")] {
        sandbox.ok(["push", name, "idle", "--dir", directory]);
    }
    sandbox
}

fn shell(sandbox: &Sandbox, shell: &str, script: &str) -> Vec<String> {
    let mut command = Command::new(shell);
    sandbox.isolate(&mut command);
    let output = command.args(["-c", script]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_names_and_statuses() {
    if !have("bash") {
        return;
    }
    let sandbox = sandbox();
    let complete = |words: &[&str]| {
        let script = format!(
            "shopt -u progcomp_alias 2>/dev/null; compopt() {{ :; }}; source {}; COMP_WORDS=(sstat {}); COMP_CWORD={}; _sstat_with_sessions sstat \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            completions("sstat.bash"),
            words
                .iter()
                .map(|word| format!("'{word}'"))
                .collect::<Vec<_>>()
                .join(" "),
            words.len()
        );
        shell(&sandbox, "bash", &script)
    };
    assert_eq!(complete(&["show", "man"]), ["manager\\ two", "manager1"]);
    assert_eq!(complete(&["show", "--dir", "other", ""]), ["manager9"]);
    assert_eq!(complete(&["show", "--dir", "=", "other", ""]), ["manager9"]);
    let several = ["--dir", "third", "--dir", "status", "third"];
    for verb in ["show", "push"] {
        assert_eq!(
            complete(&[&[verb], &several[..]].concat()),
            ["third/worker1"]
        );
    }
    assert_eq!(complete(&["push", "wo"]), ["worker1"]);
    assert_eq!(complete(&["push", "worker1", "b"]), ["blocked"]);
    assert_eq!(complete(&["list", "--sort", "age", "w"]), ["worker1"]);
    assert_eq!(complete(&["sho"]), ["show"]);
    let verbs = complete(&["--dir", "other", ""]);
    assert_eq!((verbs.len(), verbs[0].as_str()), (7, "push"));
    assert_eq!(complete(&[""]), verbs);
    assert_eq!(complete(&["--ver"]), ["--verbose", "--version"]);
    assert_eq!(complete(&["list", "--atten"]), ["--attention"]);
    assert_eq!(complete(&["list", "--sort", "a"]), ["age"]);
    assert_eq!(complete(&["list", "--status", "wo"]), ["working"]);
    let list = ["list", "w", "--status", "idle,blocked,wo"];
    assert_eq!(complete(&list), ["idle,blocked,working"]);
    assert_eq!(
        complete(&["list", "--columns", "session,ho"]),
        ["session,host"]
    );
    assert_eq!(complete(&["summary", "--by", "pre"]), ["prefix"]);
    assert_eq!(
        complete(&["watch", "--on", "dead,very"]),
        ["dead,very_stale"]
    );
    assert_eq!(complete(&["watch", "w", "--until", "com"]), ["completed"]);
    assert_eq!(complete(&["list", "--task", "status"]), ["status"]);
    assert_eq!(complete(&["list", "--sort", "=", "a"]), ["age"]);
    assert_eq!(complete(&["list", "--sort", "=", "age", "w"]), ["worker1"]);
}

#[test]
fn fish_completes_names_and_statuses() {
    if !have("fish") {
        return;
    }
    let sandbox = sandbox();
    let complete = |line: &str| -> Vec<String> {
        let script = format!("source {}; complete -C '{line}'", completions("sstat.fish"));
        let lines = shell(&sandbox, "fish", &script);
        // A description follows the value.
        let value = |line: &String| line.split('\t').next().unwrap().to_owned();
        lines.iter().map(value).collect()
    };
    assert_eq!(complete("sstat show man"), ["manager two", "manager1"]);
    assert_eq!(complete("sstat --dir other show man"), ["manager9"]);
    assert_eq!(complete("sstat show --dir=other man"), ["manager9"]);
    let several = "sstat --dir third show --dir status third";
    assert_eq!(complete(several), ["third/worker1"]);
    assert_eq!(complete("sstat push wo"), ["worker1"]);
    assert_eq!(complete("sstat push worker1 b"), ["blocked"]);
    assert_eq!(complete("sstat sho"), ["show"]);
    assert_eq!(complete("sstat list --sort a"), ["age"]);
    assert_eq!(complete("sstat list --status wo"), ["working"]);
    let list = "sstat watch --on dead,very";
    assert_eq!(complete(list), ["dead,very_stale"]);
    assert_eq!(
        complete("sstat list --columns session,ho"),
        ["session,host"]
    );
    assert_eq!(complete("sstat history --until 1"), [""; 0]);
}

#[test]
fn zsh_completes_names_and_statuses() {
    if !have("zsh") || !have("tmux") {
        return;
    }
    let sandbox = sandbox();
    let functions = sandbox.root().join("functions");
    fs::create_dir(&functions).unwrap();
    // A file name completes an argument of a wrapped command, not a session.
    fs::write(sandbox.root().join("workfile"), "").unwrap();
    fs::copy(completions("_sstat"), functions.join("_sstat")).unwrap();
    fs::write(
        sandbox.home().join(".zshrc"),
        format!("fpath=({} $fpath); autoload -Uz compinit; compinit -u; PS1='ready> '; zle_bracketed_paste=()\n", functions.display()),
    )
    .unwrap();
    let tmux = |args: &[&str]| {
        let mut command = Command::new("tmux");
        sandbox.isolate(&mut command);
        command
            .env("TMUX_TMPDIR", sandbox.root())
            .env("TERM", "xterm");
        let output = command.args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    tmux(&[
        "new-session",
        "-d",
        "-s",
        "z",
        "-x",
        "100",
        "-y",
        "24",
        "zsh",
    ]);
    let expect = |wanted: &str| {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let screen = tmux(&["capture-pane", "-p", "-t", "z"]);
            if screen.contains(wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "{wanted} is not in:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    expect("ready>");
    for (typed, completed) in [
        ("sstat show wor", "sstat show worker1"),
        ("sstat push work", "sstat push worker1"),
        ("sstat push worker1 blo", "sstat push worker1 blocked"),
        ("sstat push w working -- cat workf", "-- cat workfile"),
        (
            "sstat --dir other show man",
            "sstat --dir other show manager9",
        ),
        (
            "sstat show --dir=other man",
            "sstat show --dir=other manager9",
        ),
        (
            "sstat --dir third --dir status show th",
            "sstat --dir third --dir status show third/worker1",
        ),
        ("sstat list --atte", "sstat list --attention"),
        ("sstat list --sort ag", "sstat list --sort age"),
        (
            "sstat list --status idle,wo",
            "sstat list --status idle,working",
        ),
        ("sstat summary --by pre", "sstat summary --by prefix"),
    ] {
        tmux(&["send-keys", "-t", "z", typed, "Tab"]);
        expect(completed);
        tmux(&["send-keys", "-t", "z", "C-u"]);
    }
    tmux(&["kill-server"]);
}
