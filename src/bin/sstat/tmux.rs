//! What is asked of tmux. A server that hangs is not waited for.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::timeout::run_with_timeout;

/// How long tmux may take to answer. It does so at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// More than any answer has.
const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;

/// The name of the session that a pane belongs to.
pub fn session_of_pane(pane: &OsStr) -> Option<String> {
    let mut command = Command::new("tmux");
    command.args(["display-message", "-p", "-t"]).arg(pane);
    run(command.arg("#S")).ok()
}

/// The last lines of the pane of a session of that name, or why there are none.
pub fn last_lines(name: &str, count: usize) -> Result<Vec<String>, String> {
    let target = target(name)?;
    let text = run(Command::new("tmux").args(["capture-pane", "-p", "-t", &target]))?;
    let all: Vec<&str> = text.trim_end().lines().collect();
    let tail = &all[all.len().saturating_sub(count)..];
    Ok(tail.iter().map(ToString::to_string).collect())
}

/// Shows the session of that name in the terminal, or says why it does not.
#[cfg_attr(not(all(unix, feature = "tui")), allow(dead_code))] // the live screen's
pub fn switch_to(name: &str) -> Result<(), String> {
    let target = target(name)?;
    run(Command::new("tmux").args(["switch-client", "-t", &target])).map(drop)
}

/// The target that names a session exactly. tmux itself puts `_` for the `.`
/// and `:` of a session's name, and takes one that begins with `$` for an id.
fn target(name: &str) -> Result<String, String> {
    if name.starts_with('$') {
        return Err("tmux: a session whose name begins with $ cannot be asked for".to_owned());
    }
    Ok(format!("={}:", name.replace(['.', ':'], "_")))
}

/// What a command prints, or else why it fails.
fn run(command: &mut Command) -> Result<String, String> {
    let fail = |error: io::Error| format!("tmux: {error}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let read = run_with_timeout(PATIENCE, move || Ok((text(stdout)?, text(stderr)?)));
    let Some(read) = read else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("tmux: no answer within {} s", PATIENCE.as_secs()));
    };
    let (printed, complaint) = read.map_err(fail)?;
    match child.wait().map_err(fail)?.success() {
        true => Ok(printed),
        false => Err(format!("tmux: {}", complaint.trim())),
    }
}

fn text(stream: Option<impl Read>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(LONGEST_ANSWER).read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_one_session_exactly() {
        assert_eq!(target("my.worker").unwrap(), "=my_worker:");
        assert!(target("$1").is_err());
    }
}
