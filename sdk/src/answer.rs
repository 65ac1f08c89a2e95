//! What a plugin answers: children, probes, status, or why there is no answer.

use k8s_openapi::Resource;
use serde::Serialize;
use std::fmt::Display;

use crate::wire::{probes, types, workload};

pub use crate::wire::probes::{
    Action, Observation, PodsTarget, Precondition, Probe, Question, RpcCall, ServiceTarget, Target,
};
pub use crate::wire::types::{ConditionStatus, KindRef, ObjectRef, SecretKey};
pub use crate::wire::workload::{Child, Facts, Finalized, GeneratedSecret, Policy, Readiness, Recipe};

/// Why there is no answer. The host leaves the existing children as they are in every case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The user must change these fields. Not retried before that.
    Invalid(Vec<FieldError>),
    /// Something is missing; names it. Retried when it appears.
    Waiting(String),
    /// A reference leads into a namespace whose owner has not permitted it. Says which field, and what its owner has to set.
    /// The object gets `Ready=False` with the reason [`NOT_PERMITTED`], its probes end, and its children stay as they are. Looked
    /// at again when what was looked up changes.
    NotPermitted(String),
    /// Anything else; retried with backoff.
    Other(String),
}

/// Reason of `Ready`: a reference into another namespace lacks the consent of its owner.
pub const NOT_PERMITTED: &str = "ReferenceNotPermitted";

/// What is wrong with a field, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// From the root of the object: `spec.opNode.p2p.listenPort`.
    pub path: String,
    /// Names the value, what is allowed, and how to mend it.
    pub message: String,
}

impl FieldError {
    /// An error at a path.
    pub fn new(path: impl Display, message: impl Display) -> Self {
        Self { path: path.to_string(), message: message.to_string() }
    }
}

impl Failure {
    /// One invalid field.
    pub fn invalid(path: impl Display, message: impl Display) -> Self {
        Self::Invalid(vec![FieldError::new(path, message)])
    }

    /// Nothing wrong, if there are no errors.
    ///
    /// # Errors
    /// [`Failure::Invalid`] with all of them.
    pub fn check(errors: Vec<FieldError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self::Invalid(errors)) }
    }

    /// Something is missing or not ready; `what` names it.
    pub fn waiting(what: impl Display) -> Self {
        Self::Waiting(what.to_string())
    }

    /// Anything else.
    pub fn other(why: impl Display) -> Self {
        Self::Other(why.to_string())
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(errors) => {
                let lines: Vec<_> = errors.iter().map(|e| format!("{}: {}", e.path, e.message)).collect();
                write!(f, "invalid: {}", lines.join("; "))
            }
            Self::Waiting(what) => write!(f, "waiting for {what}"),
            Self::NotPermitted(why) => write!(f, "not permitted: {why}"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// A typed condition. The host keeps its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// CamelCase, e.g. `L1Connected`.
    pub name: &'static str,
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// CamelCase.
    pub reason: String,
    /// For a person.
    pub message: String,
}

impl Condition {
    /// `status: "True"`.
    pub fn yes(name: &'static str, reason: &str, message: impl Display) -> Self {
        Self { name, status: ConditionStatus::Yes, reason: reason.into(), message: message.to_string() }
    }

    /// `status: "False"`.
    pub fn no(name: &'static str, reason: &str, message: impl Display) -> Self {
        Self { status: ConditionStatus::No, ..Self::yes(name, reason, message) }
    }

    /// `status: "Unknown"`: nobody has measured it.
    pub fn unknown(name: &'static str, reason: &str, message: impl Display) -> Self {
        Self { status: ConditionStatus::Unknown, ..Self::yes(name, reason, message) }
    }
}

/// A Kubernetes event on the plugin's object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Warning or Normal.
    pub warning: bool,
    /// CamelCase.
    pub reason: String,
    /// For a person.
    pub message: String,
}

impl Event {
    /// Something the user should look at.
    pub fn warning(reason: &str, message: impl Display) -> Self {
        Self { warning: true, reason: reason.into(), message: message.to_string() }
    }
}

/// The answer of [`crate::Workload::reconcile`], built up step by step.
#[derive(Debug)]
pub struct Answer<S> {
    /// `.status` of the kind without conditions, which go below.
    pub status: S,
    /// Conditions beside the host's own `Ready`, `Reconciling`, `Stalled`.
    pub conditions: Vec<Condition>,
    /// Events on the object.
    pub events: Vec<Event>,
    /// Questions to the chain.
    pub probes: Vec<Probe>,
    /// Side effects on the chain.
    pub actions: Vec<Action>,
    /// Secrets that the host generates once.
    pub secrets: Vec<GeneratedSecret>,
    /// Ask again after so many milliseconds.
    pub requeue_after_ms: Option<u32>,
    children: Result<Vec<workload::Resource>, String>,
}

impl<S> Answer<S> {
    /// An answer with this status and no children.
    pub fn new(status: S) -> Self {
        Self {
            status,
            conditions: vec![],
            events: vec![],
            probes: vec![],
            actions: vec![],
            secrets: vec![],
            requeue_after_ms: None,
            children: Ok(vec![]),
        }
    }

    /// An answer that leaves the existing children as they are, for a reason.
    pub fn keep(status: S, why: impl Display) -> Self {
        Self { children: Err(why.to_string()), ..Self::new(status) }
    }

    /// Adds a child that goes when it is no longer rendered or its owner is deleted.
    pub fn child<K: Resource + Serialize>(&mut self, object: &K) -> &mut Self {
        self.child_with(Policy::Delete, object)
    }

    /// Adds a child with a policy.
    pub fn child_with<K: Resource + Serialize>(&mut self, policy: Policy, object: &K) -> &mut Self {
        // Typed objects of k8s-openapi always serialise; their maps have string keys.
        let object = serde_json::to_string(object).unwrap_or_default();
        self.child_json(policy, object)
    }

    /// Adds a child of a kind for which there is no type, as a JSON document.
    pub fn child_json(&mut self, policy: Policy, object: String) -> &mut Self {
        if let Ok(children) = &mut self.children {
            children.push(workload::Resource { object, policy });
        }
        self
    }

    /// Adds a condition.
    pub fn condition(&mut self, condition: Condition) -> &mut Self {
        self.conditions.push(condition);
        self
    }

    /// Adds a warning event.
    pub fn warn(&mut self, reason: &str, message: impl Display) -> &mut Self {
        self.events.push(Event::warning(reason, message));
        self
    }
}

impl<S: Serialize> From<Answer<S>> for workload::Response {
    fn from(answer: Answer<S>) -> Self {
        Self {
            children: match answer.children {
                Ok(children) => workload::Children::Apply(children),
                Err(why) => workload::Children::Keep(why),
            },
            secrets: answer.secrets,
            probes: answer.probes,
            actions: answer.actions,
            status: serde_json::to_string(&answer.status).unwrap_or_else(|_| "null".into()),
            conditions: answer.conditions.into_iter().map(Into::into).collect(),
            events: answer.events.into_iter().map(Into::into).collect(),
            requeue_after_ms: answer.requeue_after_ms,
        }
    }
}

impl From<Condition> for types::Condition {
    fn from(Condition { name, status, reason, message }: Condition) -> Self {
        Self { name: name.into(), status, reason, message }
    }
}

impl From<Event> for types::Event {
    fn from(Event { warning, reason, message }: Event) -> Self {
        Self { warning, reason, message }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Invalid(errors) => Self::Invalid(
                errors.into_iter().map(|e| types::FieldError { path: e.path, message: e.message }).collect(),
            ),
            // `call::reconcile` makes an answer of it; elsewhere it is something that somebody else has to do first.
            Failure::Waiting(what) | Failure::NotPermitted(what) => Self::Waiting(what),
            Failure::Other(why) => Self::Other(why),
        }
    }
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        match failure {
            types::Failure::Invalid(errors) => {
                Self::Invalid(errors.into_iter().map(|e| FieldError::new(e.path, e.message)).collect())
            }
            types::Failure::Waiting(what) => Self::Waiting(what),
            types::Failure::Other(why) => Self::Other(why),
        }
    }
}

/// One JSON-RPC batch as a question: `[(method, params), …]`.
pub fn json_rpc(calls: &[(&str, &str)]) -> Question {
    let call = |(method, params): &(&str, &str)| RpcCall { method: (*method).into(), params: (*params).into() };
    probes::Question::JsonRpc(calls.iter().map(call).collect())
}
