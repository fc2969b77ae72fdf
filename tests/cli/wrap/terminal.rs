//! Wrapped commands on a terminal.

use std::process::Command;

use super::*;
use crate::support::ps;

/// A terminal with an interactive bash.
struct Terminal<'a> {
    sandbox: &'a Sandbox,
}

impl<'a> Terminal<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let terminal = Self { sandbox };
        let size = ["-x", "200", "-y", "50"];
        let bash = "exec bash --norc --noprofile -i";
        terminal.tmux(&[&["new-session", "-d"][..], &size, &[bash]].concat());
        terminal.enter("PS1='prompt:'");
        terminal.wait_for("\nprompt:");
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        self.sandbox.isolate(&mut tmux);
        let output = tmux
            .arg("-S")
            .arg(self.sandbox.root().join("tmux"))
            .args(["-f", "/dev/null"])
            .args(args)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn key(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn enter(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.key("Enter");
    }

    fn wait_for(&self, text: &str) {
        let mut screen = String::new();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !screen.contains(text) {
            assert!(Instant::now() < deadline, "timeout: {text:?}: {screen}");
            thread::sleep(Duration::from_millis(10));
            screen = format!("\n{}", self.tmux(&["capture-pane", "-p"]));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// Returns the state of a process, a letter.
pub fn state(pid: u64) -> Option<char> {
    ps(&pid.to_string(), "stat").chars().next()
}

fn pid_of(sandbox: &Sandbox) -> u64 {
    eventually("the first update", || {
        sandbox
            .updates("w")
            .first()
            .map(|first| first["process"]["pid"].as_u64().unwrap())
    })
}

#[test]
fn terminal_keys_work_as_without_sstat() {
    let sandbox = Sandbox::with_real_clock();
    if !have("tmux") || !have("bash") {
        return;
    }
    let terminal = Terminal::new(&sandbox);

    // The command reads from the terminal.
    terminal.enter("sstat push w working -- bash -c 'read -p name: x; echo hello $x'");
    terminal.wait_for("\nname:");
    terminal.enter("there");
    terminal.wait_for("\nhello there");

    // Ctrl-C reaches the command once; the command may continue.
    terminal.enter("clear; sstat push w working -- bash -c 'trap \"echo caught; n=1\" INT; echo first; until [ $n ]; do sleep 0.1; done; echo after; exit 9'; echo rc:$?");
    terminal.wait_for("\nfirst");
    terminal.key("C-c");
    terminal.wait_for("caught\nafter\nrc:9");

    // Ctrl-C ends the command and the shell loop around it.
    terminal.enter("clear; for i in 1 2; do sstat push w working -- sh -c 'echo second; exec sleep 60'; done; echo rc:$?");
    terminal.wait_for("\nsecond");
    terminal.key("C-c");
    terminal.wait_for("\nprompt:");
    eventually("the record of the interrupt", || {
        (sandbox.updates("w").last()?["metadata"]["signal"] == "SIGINT").then_some(())
    });
    terminal.enter("echo rc:$?");
    terminal.wait_for("\nrc:130");

    // Ctrl-Z stops both, fg continues both.
    std::fs::remove_file(sandbox.file("w")).unwrap();
    terminal.enter(
        "clear; sstat push w working -- sh -c 'echo third; read x; echo got $x; exit 4'; echo rc:$?",
    );
    terminal.wait_for("\nthird");
    let pid = pid_of(&sandbox);
    terminal.key("C-z");
    terminal.wait_for("Stopped");
    assert_eq!(state(pid), Some('T'));
    assert_eq!(sandbox.json(["list", "--json"])["w"]["is_alive"], true);
    terminal.enter("fg");
    eventually("the wrapper's return", || {
        (state(pid)? == 'S').then_some(())
    });
    terminal.enter("it");
    terminal.wait_for("\ngot it");
    // The screen already has the `rc` of the stopped job, so read the file.
    eventually("the end", || {
        (sandbox.updates("w").last()?["metadata"]["exit_code"] == 4).then_some(())
    });

    // If the command stops itself, the job stops.
    std::fs::remove_file(sandbox.file("w")).unwrap();
    terminal.enter(
        "clear; sstat push w working -- bash -c 'echo fourth; kill -STOP $$; echo woken; exit 6'",
    );
    terminal.wait_for("\nfourth");
    terminal.wait_for("Stopped");
    terminal.enter("fg");
    terminal.wait_for("\nwoken");
    terminal.enter("echo rc:$?");
    terminal.wait_for("\nrc:6");
}

#[test]
fn hangup_reaches_the_command_of_a_session_leader() {
    let sandbox = Sandbox::with_real_clock();
    if !have("tmux") {
        return;
    }
    let terminal = Terminal::new(&sandbox);
    // The kernel sends SIGHUP only to sstat, the session leader.
    terminal.tmux(&[
        "new-window",
        "-d",
        "-n",
        "job",
        "exec sstat push w working -- sh -c 'trap \"exit 3\" HUP; touch ready; sleep 60 & wait'",
    ]);
    eventually("the trap", || {
        sandbox.root().join("ready").exists().then_some(())
    });
    terminal.tmux(&["kill-window", "-t", "job"]);
    let last = eventually("the end", || {
        sandbox
            .updates("w")
            .pop()
            .filter(|last| last["status"] == "error")
    });
    assert_eq!(last["metadata"]["exit_code"], 3);
}
