//! Runs `contrib/tmux` in a separate tmux server.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Ran, Sandbox, contrib, have};

const TIMEOUT: Duration = Duration::from_secs(60);

/// A tmux server that is killed on drop.
struct Server<'a>(&'a Sandbox);

impl Server<'_> {
    /// Starts a session of 100 columns and 30 lines.
    fn start(&self, name: &str, command: &str) {
        let configuration = self.0.root().join("tmux.conf");
        let configuration = configuration.to_str().unwrap();
        let session = ["new-session", "-d", "-x100", "-y30", "-s", name, command];
        self.tmux(&[&["-f", configuration], &session[..]].concat());
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        self.0.isolate(&mut command);
        command.env("TMUX_TMPDIR", self.0.home()).args(arguments);
        let ran = Ran::from(command.output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        ran.stdout
    }

    /// Waits until the output of a command contains all expected parts.
    fn await_output(&self, arguments: &[&str], expected: &[&str]) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let output = self.tmux(arguments);
            if expected.iter().all(|part| output.contains(part)) {
                return;
            }
            assert!(Instant::now() < deadline, "{arguments:?}: {output}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        self.0.isolate(&mut command);
        let _ = command
            .env("TMUX_TMPDIR", self.0.home())
            .arg("kill-server")
            .output();
    }
}

#[test]
fn status_line_and_popup_show_sessions() {
    if !have("tmux") {
        return;
    }
    let sandbox = Sandbox::with_real_clock();
    sandbox.ok(["push", "worker1", "working", "Building"]);
    sandbox.ok(["push", "worker2", "blocked", "Waiting for a review"]);
    let configuration = sandbox.root().join("tmux.conf");
    // tmux runs status line commands and handles keys only for an attached
    // client: one runs in a window of this server, attached to the other session.
    let text = contrib("tmux/sstat.conf");
    std::fs::write(&configuration, format!("{text}\nset -g prefix C-a\n")).unwrap();
    let server = Server(&sandbox);
    server.start("work", "cat");
    server.start("screen", "env -u TMUX tmux attach -t work");
    let screen = ["capture-pane", "-p", "-t", "screen"];
    server.await_output(&screen, &["1 working", "1 blocked"]);
    assert!(!server.tmux(&screen).contains("#[fg"));
    server.tmux(&["send-keys", "-t", "screen", "C-a", "S"]);
    server.await_output(&screen, &["worker1", "Waiting for a review"]);
}
