//! Queries and commands for tmux, with a timeout for a server that hangs.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sstat::{HostIdentity, ProcessState, Update};

use crate::timeout::run_with_timeout;

/// The timeout of a tmux command.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of bytes to read from tmux.
const MAX_OUTPUT: u64 = 16 * 1024 * 1024;

/// A pane of a tmux server.
struct Pane<'a> {
    /// The server's socket and pid.
    socket: Cow<'a, Path>,
    server: &'a str,
    id: &'a str,
}

impl<'a> Pane<'a> {
    /// Parses the value of the key `tmux` of an update.
    fn parse(key: &'a str) -> Option<Self> {
        let mut parts = key.rsplitn(3, ',');
        let (id, server, socket) = (parts.next()?, parts.next()?, parts.next()?);
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_valid = id.strip_prefix('%').is_some_and(is_number) && is_number(server);
        let socket = Cow::Borrowed(Path::new(socket));
        (is_valid && socket.is_absolute()).then_some(Self { socket, server, id })
    }

    /// Returns a tmux command for the pane's server, followed by the pane.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&*self.socket);
        command.args(arguments).arg(self.id);
        command
    }
}

/// Returns the name of the tmux session of a pane, as in the key `tmux`.
pub fn session_of_pane(key: &str) -> Option<String> {
    let mut command = Pane::parse(key)?.command(&["display-message", "-p", "-t"]);
    run(command.arg("#S")).ok()
}

/// Returns the last lines of the pane of a session with this last update.
///
/// # Errors
/// The reason why the lines are not available.
pub fn last_lines(update: &Update, count: usize) -> Result<Vec<String>, String> {
    let arguments = ["capture-pane", "-p", "-t"];
    let text = match pane(update)? {
        Some(pane) => run(&mut pane.command(&arguments)),
        None => run(Command::new("tmux").args(arguments).arg(target(update)?)),
    }?;
    let all: Vec<&str> = text.trim_end().lines().collect();
    let tail = &all[all.len().saturating_sub(count)..];
    Ok(tail.iter().map(ToString::to_string).collect())
}

/// Switches the tmux client of this process, whose pane is `current`, to the pane of a
/// session with this last update.
///
/// # Errors
/// The reason why the client cannot switch.
#[cfg_attr(not(feature = "tui"), allow(dead_code))] // only the live screen uses it
pub fn switch_to(update: &Update, current: Option<&str>) -> Result<(), String> {
    let current = current.and_then(Pane::parse).ok_or("not inside tmux")?;
    let arguments = ["switch-client", "-t"];
    match pane(update)? {
        Some(pane) if pane.server != current.server => Err(format!(
            "tmux: the session is in another server: tmux -S {} attach -t {}",
            pane.socket.display(),
            pane.id
        )),
        Some(pane) => run(&mut pane.command(&arguments)),
        None => run(Command::new("tmux").args(arguments).arg(target(update)?)),
    }
    .map(drop)
}

/// Returns the pane that an update came from, or `None` if it names none.
///
/// # Errors
/// The reason why the pane cannot be used.
fn pane(update: &Update) -> Result<Option<Pane<'_>>, String> {
    let Some(key) = &update.tmux else {
        return Ok(None);
    };
    let mut pane = Pane::parse(key).ok_or_else(|| format!("tmux: invalid pane '{key}'"))?;
    let socket = pane.socket.display().to_string();
    // Without symbolic links, which someone could change after the check.
    pane.socket = match pane.socket.canonicalize() {
        Ok(path) => path.into(),
        Err(error) => return Err(format!("tmux: {socket}: {error}")),
    };
    if !is_own_socket(&pane.socket) {
        return Err(format!("tmux: {socket} is not a socket of this user"));
    }
    // A later server has the same socket and may have a pane with this id.
    let server = run(pane.command(&["display-message", "-p", "-t"]).arg("#{pid}"))?;
    match server.trim() == pane.server {
        true => Ok(Some(pane)),
        false => Err("tmux: the server of the session's pane has ended".to_owned()),
    }
}

/// Returns true for a socket of this user in a directory of this user. A tmux server
/// can have its client run commands, and the path is from a status file, so the server
/// must not belong to someone else.
#[cfg(unix)]
fn is_own_socket(path: &Path) -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let user = rustix::process::geteuid().as_raw();
    let is_own = |path: &Path| {
        let file = path.symlink_metadata().ok()?;
        (file.uid() == user).then(|| file.file_type().is_socket())
    };
    is_own(path) == Some(true) && path.parent().and_then(is_own).is_some()
}

#[cfg(not(unix))]
fn is_own_socket(_path: &Path) -> bool {
    false
}

/// Returns the target for an update that names no pane: the tmux session with its name
/// in the server of this process. tmux replaces `.` and `:` in session names by `_`.
fn target(update: &Update) -> Result<String, String> {
    let here = HostIdentity::current();
    if let Some(process) = &update.process
        && process.state(here.as_ref()) == ProcessState::Unknown
    {
        return Err(format!("tmux: the session runs on {}", process.host));
    }
    match update.session.starts_with('$') {
        true => Err("tmux: a name that starts with $ is a session id in tmux".to_owned()),
        false => Ok(format!("={}:", update.session.replace(['.', ':'], "_"))),
    }
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
