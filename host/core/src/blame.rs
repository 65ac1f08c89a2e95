//! Every failure is somebody's: the word stands in the condition's reason, the metric and the log.

use std::fmt;

/// Who must act for a failure to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The plugin's author: a trap, a breach of a limit, an answer that breaks a rule.
    Plugin,
    /// The operator itself.
    Host,
    /// The cluster: the API server refuses or does not answer, a right is missing.
    Cluster,
    /// The user: the object's spec.
    Spec,
}

impl Blame {
    /// As in reasons and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plugin => "Plugin",
            Self::Host => "Host",
            Self::Cluster => "Cluster",
            Self::Spec => "Spec",
        }
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure with its blame: what a condition says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Who must act.
    pub blame: Blame,
    /// CamelCase, from a closed set in the code that makes it.
    pub reason: &'static str,
    /// For a person; without secrets.
    pub message: String,
}

impl Fault {
    /// Reason: the API server refuses an object as invalid.
    pub const REJECTED: &'static str = "Rejected";
    /// Reason: the API server refuses a claim its new size.
    pub const CLAIM_NOT_RESIZED: &'static str = "ClaimNotResized";

    /// A fault.
    pub fn new(blame: Blame, reason: &'static str, message: impl Into<String>) -> Self {
        Self { blame, reason, message: message.into() }
    }

    /// The plugin's.
    pub fn plugin(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Blame::Plugin, reason, message)
    }
}
