//! Queries and commands for tmux, with a timeout for a server that hangs.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::timeout::run_with_timeout;

/// The timeout of a tmux command.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of bytes to read from tmux.
const MAX_OUTPUT: u64 = 16 * 1024 * 1024;

/// Returns the name of the tmux session of a pane.
pub fn session_of_pane(pane: &OsStr) -> Option<String> {
    let mut command = Command::new("tmux");
    command.args(["display-message", "-p", "-t"]).arg(pane);
    run(command.arg("#S")).ok()
}

/// Returns the last lines of the active pane of the tmux session with this name.
///
/// # Errors
/// The reason why the lines are not available.
pub fn last_lines(name: &str, count: usize) -> Result<Vec<String>, String> {
    let target = target(name)?;
    let text = run(Command::new("tmux").args(["capture-pane", "-p", "-t", &target]))?;
    let all: Vec<&str> = text.trim_end().lines().collect();
    let tail = &all[all.len().saturating_sub(count)..];
    Ok(tail.iter().map(ToString::to_string).collect())
}

/// Switches the tmux client to the session with this name.
///
/// # Errors
/// The reason why the client cannot switch.
#[cfg_attr(not(all(unix, feature = "tui")), allow(dead_code))] // only the live screen uses it
pub fn switch_to(name: &str) -> Result<(), String> {
    let target = target(name)?;
    run(Command::new("tmux").args(["switch-client", "-t", &target])).map(drop)
}

/// Returns the target that matches one session name exactly. tmux replaces `.`
/// and `:` in session names by `_`.
fn target(name: &str) -> Result<String, String> {
    if name.starts_with('$') {
        return Err("tmux: a name that starts with $ is a session id in tmux".to_owned());
    }
    Ok(format!("={}:", name.replace(['.', ':'], "_")))
}

/// Runs a command and returns its output, or its error message.
fn run(command: &mut Command) -> Result<String, String> {
    let fail = |error: io::Error| format!("tmux: {error}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let read = run_with_timeout(TIMEOUT, move || Ok((text(stdout)?, text(stderr)?)));
    let Some(read) = read else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("tmux: no answer within {} s", TIMEOUT.as_secs()));
    };
    let (printed, error) = read.map_err(fail)?;
    match child.wait().map_err(fail)?.success() {
        true => Ok(printed),
        false => Err(format!("tmux: {}", error.trim())),
    }
}

fn text(stream: Option<impl Read>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(MAX_OUTPUT).read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_matches_one_session() {
        assert_eq!(target("my.worker").unwrap(), "=my_worker:");
        assert!(target("$1").is_err());
    }
}
