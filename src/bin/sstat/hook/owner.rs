//! The owner of a session's name: an agent owns it from its first hook until its
//! session ends or its process is gone. Another agent with the same name gets a
//! name of its own, unless it runs inside the owner.

use sstat::{HostIdentity, ProcessIdentity, SessionName};

use crate::hook::state::HookState;

/// What an agent may do with a session's name.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// Write: the agent owns the name or takes it over.
    Granted,
    /// Ignore the event: a nested agent, or the end of an earlier session.
    Ignored,
    /// Use a name of its own.
    OtherName,
}

/// Decides whether the agent's session `run` in `process` may write under a name
/// with this state. `ends_session` is true for an event that ends the agent's
/// session.
pub fn claim(
    state: &HookState,
    run: &str,
    process: Option<&ProcessIdentity>,
    ends_session: bool,
) -> Claim {
    if state.run.as_deref().is_none_or(|owner| owner == run) {
        return Claim::Granted;
    }
    if ends_session {
        return Claim::Ignored;
    }
    let (Some(owner), Some(process)) = (&state.process, process) else {
        return Claim::Granted;
    };
    let is_alive = || owner.state(HostIdentity::current().as_ref()).is_alive();
    let is_same = owner.pid == process.pid && owner.start_time == process.start_time;
    if state.has_ended || is_same || !is_alive() {
        Claim::Granted
    } else if process.descends_from(owner) {
        Claim::Ignored
    } else {
        Claim::OtherName
    }
}

/// Returns true for a process that runs the hooks of several sessions with the
/// environment of the first one.
pub fn is_shared_daemon(process: &ProcessIdentity) -> bool {
    // Codex; Claude Code starts its background agents in a terminal of its own.
    const MODES: [&str; 4] = [
        "app-server",
        "--managed-daemon",
        "--bg-pty-host",
        "--bg-spare",
    ];
    let is_mode = |argument: &String| MODES.contains(&argument.as_str());
    let mut processes = process.arguments().take(3);
    processes.any(|arguments| arguments.iter().take(8).any(is_mode))
}

/// Returns the name for an agent whose name another agent owns.
pub fn other_name(name: &SessionName, run: &str) -> Option<SessionName> {
    let end = super::name_end(run)?;
    let most = sstat::MAX_NAME_BYTES - end.len();
    SessionName::new(format!("{}{end}", sstat::truncate(name.as_str(), most))).ok()
}
