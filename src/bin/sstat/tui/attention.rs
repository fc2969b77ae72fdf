//! How urgently a role needs attention, and the word that says why a session does.

use sstat::{Attention, Health, Update};

use crate::render::style::{Role, worst_issue};

pub fn attention_of(role: Role) -> Attention {
    match role {
        Role::Error | Role::Dead => Attention::Failed,
        Role::Blocked => Attention::Blocked,
        Role::Stale | Role::VeryStale => Attention::Stale,
        _ => Attention::None,
    }
}

/// Returns the one word that says most about a session, and its role: the status
/// if it needs attention, otherwise the worst issue.
pub fn worst_word<'a>(update: &'a Update, health: &Health) -> (&'a str, Role) {
    let status = Role::of_status(&update.status);
    match worst_issue(health) {
        Some((_, Role::Stale | Role::VeryStale)) if status == Role::Blocked => {}
        Some(issue) if status != Role::Error => return issue,
        _ => {}
    }
    (update.status.as_str(), status)
}
