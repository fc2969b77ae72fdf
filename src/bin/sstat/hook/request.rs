//! Requests: questions and permissions that the user has not answered.

use serde::{Deserialize, Serialize};

/// The hash of requests that are not tool calls.
pub const COMPACTION: &str = "compaction";
pub const ELICITATION: &str = "elicitation";

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Permission,
    Question,
    Plan,
    /// The conversation is being compacted: the session works, and continues
    /// with the status behind.
    Compaction,
}

/// Something that must end before the session shows its own status again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub kind: Kind,
    /// The id of the subagent, empty for the main agent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// The id of the tool call, if known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub call: String,
    /// The hash of the tool call's name and input, if known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
    pub message: String,
}

impl Request {
    pub fn compaction() -> Self {
        Self {
            kind: Kind::Compaction,
            agent: String::new(),
            call: String::new(),
            hash: COMPACTION.to_owned(),
            message: "Compacting the conversation".to_owned(),
        }
    }

    /// Returns true if both are about the same tool call.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.agent == other.agent
            && (self.hash == other.hash || (!self.call.is_empty() && self.call == other.call))
    }

    /// Returns true if the user must answer: the session is blocked.
    pub fn is_question(&self) -> bool {
        self.kind != Kind::Compaction
    }
}

/// The requests that an event answers.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Answered {
    #[default]
    Nothing,
    /// Requests of the main agent for this tool call, and those without a known
    /// call. Both the id and the hash may be empty.
    Call {
        id: String,
        hash: String,
    },
    /// All requests of this agent.
    Agent(String),
    /// All requests of this subagent, and permissions that do not name their call:
    /// Copilot does not say which agent needs them.
    Subagent(String),
    Everything,
}

impl Answered {
    /// Returns the requests of the main agent with this hash.
    pub fn hash(hash: &str) -> Self {
        Self::Call {
            id: String::new(),
            hash: hash.to_owned(),
        }
    }

    pub fn includes(&self, request: &Request) -> bool {
        let is_main = request.agent.is_empty();
        let is_unnamed = request.call.is_empty() && request.hash.is_empty();
        match self {
            Self::Nothing => false,
            Self::Call { id, hash } => {
                let is_call = !id.is_empty() && *id == request.call;
                let is_input = !hash.is_empty() && *hash == request.hash;
                is_main && (is_unnamed || is_call || is_input)
            }
            Self::Agent(agent) => request.agent == *agent,
            Self::Subagent(agent) => {
                let is_anonymous = is_main && is_unnamed && request.kind == Kind::Permission;
                request.agent == *agent || is_anonymous
            }
            Self::Everything => true,
        }
    }
}
