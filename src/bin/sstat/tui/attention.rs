//! Which sessions need a person's attention first, and the word that says why.

use sstat::{Liveness, Session, Status};

use crate::render::style::{Role, worst_issue};

/// How urgently a session needs a person's attention, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// The session reported an error or its process is gone.
    Failed,
    /// The session waits for somebody.
    Blocked,
    /// The session is stale.
    Silent,
    None,
}

pub fn urgency(session: &Session) -> Urgency {
    match (&session.update.status, session.health.liveness) {
        (Status::Error, _) | (_, Liveness::Dead) => Urgency::Failed,
        (Status::Blocked, _) => Urgency::Blocked,
        _ if session.health.is_stale() => Urgency::Silent,
        _ => Urgency::None,
    }
}

/// Returns the one word that says most about a session, and its role: the status
/// if it calls for a person, otherwise the worst issue.
pub fn worst_word(session: &Session) -> (&str, Role) {
    let Session { update, health } = session;
    let status = Role::of_status(&update.status);
    match worst_issue(health) {
        Some((_, Role::Stale | Role::VeryStale)) if status == Role::Blocked => {}
        Some(issue) if status != Role::Error => return issue,
        _ => {}
    }
    (update.status.as_str(), status)
}
