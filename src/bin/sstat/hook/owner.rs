//! The owner of a session's name: an agent owns it from its first hook until its
//! session ends or its process is gone. Another agent with the same name gets a
//! name of its own, unless it runs inside the owner.

use sstat::{HostIdentity, ProcessIdentity};

use crate::hook::change::Sender;
use crate::hook::state::HookState;

/// The relation of an agent to a session's name.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// The agent owns the name, or continues with another session of its own.
    Owned,
    /// No running agent owns the name.
    Free,
    /// Another agent owns the name, or the event ends an earlier session.
    Taken,
    /// The agent runs inside the owner, which has this name.
    Nested,
}

/// Returns the relation of an agent to a name with this state. `ends_session` is true for
/// an event that ends the agent's session.
pub fn claim(state: &HookState, sender: &Sender, ends_session: bool) -> Claim {
    let (Some(owner), Some(run)) = (&state.run, &sender.run) else {
        return Claim::Free;
    };
    if owner == run {
        return Claim::Owned;
    }
    if ends_session {
        return Claim::Taken;
    }
    let (Some(owner), Some(process)) = (&state.process, &sender.process) else {
        return Claim::Free;
    };
    let here = HostIdentity::current();
    if !owner.state(here.as_ref()).is_alive() {
        Claim::Free
    } else if owner.pid == process.pid && owner.start_time == process.start_time {
        Claim::Owned
    } else if process.descends_from(owner) {
        Claim::Nested
    } else {
        Claim::Taken
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
