//! The state of a session's hooks, which the metadata of their updates stores.

use serde::{Deserialize, Serialize};
use sstat::{ProcessIdentity, Status, Update};

use crate::hook::request::{Kind, Request};
use crate::hook::wording::first_line;

/// The metadata of a hook's update.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookState {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<String>,
    /// The reason why the agent's session has ended, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<TaskCounts>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subagents: Vec<Subagent>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
    /// The id of the agent's session.
    #[serde(skip)]
    pub run: Option<String>,
    #[serde(skip)]
    pub process: Option<ProcessIdentity>,
}

impl HookState {
    /// Returns the state in the metadata of a hook's update, or `None` for the
    /// update of another writer.
    pub fn of(update: &Update) -> Option<Self> {
        let metadata = update.metadata.as_ref()?;
        let state: Self = serde_json::from_str(metadata.get()).ok()?;
        state.agent.is_some().then(|| Self {
            run: update.run.clone(),
            // After the end of the session, it is the wrapper's.
            process: update
                .process
                .as_deref()
                .cloned()
                .filter(|_| state.session_end.is_none()),
            ..state
        })
    }

    /// Forgets the status, which another writer has replaced.
    pub fn without_status(self) -> Self {
        Self {
            behind: None,
            error_kind: None,
            session_end: None,
            ..self
        }
    }
}

/// Returns true if nothing more is expected of the session: it is completed, or the
/// update is the last one of an agent's session. Inside a wrapped command, others may
/// follow.
pub fn is_finished(update: &Update) -> bool {
    let has_ended = |state: HookState| state.session_end.is_some();
    // Updates without `stale_after` are not parsed: none of them ends a session.
    let may_end = update.stale_after.is_some() && update.wrapper.is_none();
    update.status == Status::Completed || (may_end && HookState::of(update).is_some_and(has_ended))
}

/// The status behind open requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Behind {
    pub status: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<String>,
}

impl Default for Behind {
    fn default() -> Self {
        Self {
            status: Status::Working.as_str().to_owned(),
            message: "Working on a prompt".to_owned(),
            progress: None,
            error_kind: None,
        }
    }
}

impl Behind {
    pub fn of(last: &Update, state: &HookState) -> Self {
        Self {
            status: last.status.as_str().to_owned(),
            message: last.message.clone(),
            progress: last.progress,
            error_kind: state.error_kind.clone(),
        }
    }

    pub fn status(&self) -> Status {
        self.status.parse().unwrap_or(Status::Working)
    }
}

/// A subagent that runs in the background.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subagent {
    pub id: String,
    pub label: String,
}

impl Subagent {
    /// Returns a message of the subagent with its label: the description of its
    /// task if known, else its type.
    pub fn message(&self, state: &HookState, message: &str) -> String {
        let known = state.subagents.iter().find(|known| known.id == self.id);
        let label = &known.unwrap_or(self).label;
        first_line(&format!("{label}: {message}")).unwrap_or_default()
    }
}

/// Number of tasks in an agent's list, counted from events that each report one
/// task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCounts {
    created: u64,
    completed: u64,
}

impl TaskCounts {
    /// Counts a new task. After a completed list, a new list begins.
    pub fn created(self) -> Self {
        match self.completed >= self.created {
            true => Self {
                created: 1,
                completed: 0,
            },
            false => Self {
                created: self.created.saturating_add(1),
                ..self
            },
        }
    }

    pub fn completed(self) -> Self {
        Self {
            completed: self.completed.saturating_add(1).min(self.created),
            ..self
        }
    }

    pub fn progress(self) -> f64 {
        self.completed.min(self.created) as f64 / self.created.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_counts_change_with_each_event() {
        let counts = |created, completed| TaskCounts { created, completed };
        assert_eq!(TaskCounts::default().created(), counts(1, 0));
        assert_eq!(counts(2, 1).created(), counts(3, 1));
        assert_eq!(counts(3, 3).created(), counts(1, 0));
        assert_eq!(counts(3, 3).completed(), counts(3, 3));
        assert_eq!(counts(4, 1).progress(), 0.25);
        assert_eq!(counts(0, 7).progress(), 0.0);
        assert_eq!(counts(u64::MAX, 0).created(), counts(u64::MAX, 0));
    }
}
