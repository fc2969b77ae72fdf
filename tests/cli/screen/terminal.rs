//! Signals, job control and the state of the terminal.

use std::process::Command;

use super::{dozen, fake_tmux, selected};
use crate::support::tmux::Tmux;
use crate::support::{Ran, Sandbox, have, ps, sstat_binary};

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
    ps(pid, "stat").starts_with('T')
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
        assert!(!ps(alert().trim(), "args").contains("sleep"), "{end}");
        tmux.shell("clear");
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
