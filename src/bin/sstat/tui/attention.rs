//! Which sessions need attention first, and the word that says why.

use sstat::Session;

use crate::render::style::{Role, worst_issue};

/// How urgently a session needs attention, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// The session reported an error or its process is gone.
    Failed,
    Blocked,
    Stale,
    None,
}

impl Urgency {
    pub fn of(role: Role) -> Self {
        match role {
            Role::Error | Role::Dead => Self::Failed,
            Role::Blocked => Self::Blocked,
            Role::Stale | Role::VeryStale => Self::Stale,
            _ => Self::None,
        }
    }

    pub fn of_session(Session { update, health }: &Session) -> Self {
        let issue = Role::of_health(health).map_or(Self::None, Self::of);
        issue.min(Self::of(Role::of_status(&update.status)))
    }
}

/// Returns the one word that says most about a session, and its role: the status
/// if it needs attention, otherwise the worst issue.
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
