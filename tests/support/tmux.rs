//! A terminal for programs that need one.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Ran, Sandbox};

/// A shell in a terminal of its own tmux server.
pub struct Tmux<'a> {
    sandbox: &'a Sandbox,
    pub socket: PathBuf,
}

impl<'a> Tmux<'a> {
    pub fn new(sandbox: &'a Sandbox, name: &str, width: u16, height: u16) -> Self {
        Self::running(sandbox, name, width, height, "PS1='$ ' sh")
    }

    pub fn running(
        sandbox: &'a Sandbox,
        name: &str,
        width: u16,
        height: u16,
        command: &str,
    ) -> Self {
        let tmux = Self {
            sandbox,
            socket: sandbox.root().join(name),
        };
        let (width, height) = (width.to_string(), height.to_string());
        tmux.ok(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-s",
            name,
            "-x",
            &width,
            "-y",
            &height,
            command,
        ]);
        tmux
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        self.sandbox.isolate(&mut command);
        command.arg("-u").arg("-S").arg(&self.socket).args(args);
        command
    }

    pub fn ok(&self, args: &[&str]) -> String {
        let ran = Ran::from(self.command(args).output().unwrap());
        assert_eq!(ran.code, 0, "tmux {args:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Types a line into the shell.
    pub fn shell(&self, line: &str) {
        self.ok(&["send-keys", "-l", line]);
        self.keys(&["Enter"]);
    }

    pub fn keys(&self, keys: &[&str]) {
        self.ok(&[&["send-keys"], keys].concat());
    }

    pub fn capture(&self) -> String {
        self.ok(&["capture-pane", "-p"])
    }

    /// Returns the terminal's text with its colors.
    pub fn capture_colors(&self) -> String {
        self.ok(&["capture-pane", "-p", "-e"])
    }

    /// Pastes text as a terminal does, between the codes of a bracketed paste if
    /// the program has requested them.
    pub fn paste(&self, text: &str) {
        self.ok(&["set-buffer", text]);
        self.ok(&["paste-buffer", "-p", "-r"]);
    }

    /// Waits until the terminal shows the expected text and all else that belongs to it:
    /// the last of three captures that are equal, apart from numbers such as the time, is
    /// not one of half a frame. Returns all text.
    pub fn wait(&self, event: &str, expected: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut previous = String::new();
        let mut repeats = 0;
        loop {
            let capture = self.capture();
            let text = capture.replace(|c: char| c.is_ascii_digit(), "");
            repeats = if text == previous { repeats + 1 } else { 0 };
            if repeats >= 2 && expected(&capture) {
                return capture;
            }
            previous = text;
            assert!(Instant::now() < deadline, "no {event}:\n{capture}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    pub fn wait_for(&self, text: &str) -> String {
        self.wait(text, |capture| capture.contains(text))
    }

    /// Returns the settings of the terminal, as stty prints them.
    pub fn settings(&self) -> String {
        let path = self.sandbox.root().join("settings");
        let _ = std::fs::remove_file(&path);
        self.shell("stty -g > settings.new; mv settings.new settings");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !path.exists() {
            assert!(Instant::now() < deadline, "{}", self.capture());
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::read_to_string(path).unwrap()
    }

    pub fn is_in_alternate_screen(&self) -> bool {
        self.ok(&["display", "-p", "#{alternate_on}"]).trim() == "1"
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}
