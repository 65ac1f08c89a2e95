//! What a plugin answered, in the host's own words: the engine translates the contract's records into these.

use serde_json::Value;
use std::time::Duration;

use crate::ids::{Gvk, ObjectKey};
use crate::probe::{Action, Probe};

/// What becomes of a child that is no longer rendered, or whose owner is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Deleted; owned by reference where it is in the owner's namespace.
    Delete,
    /// Kept, without an owner reference; found again by name.
    Retain,
    /// Somebody else's: fields are applied if it exists, and it is never created nor deleted.
    Patch,
}

impl Policy {
    /// As in the annotation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Retain => "retain",
            Self::Patch => "patch",
        }
    }
}

/// One object of an answer, not yet checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// The JSON document as it came.
    pub object: String,
    /// Its fate.
    pub policy: Policy,
}

/// What the children should be.
#[derive(Clone, Debug, PartialEq)]
pub enum Children {
    /// Exactly these.
    Apply(Vec<Resource>),
    /// As they are, for a reason.
    Keep(String),
}

/// How a generated secret is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// 32 random bytes in hexadecimal.
    Hex32,
    /// A secp256k1 private key in hexadecimal.
    Secp256k1,
}

/// A Secret to generate once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedSecret {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Key and recipe.
    pub entries: Vec<(String, Recipe)>,
}

/// Three-valued truth of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// `"True"`
    True,
    /// `"False"`
    False,
    /// `"Unknown"`
    Unknown,
}

impl Truth {
    /// As in a condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// CamelCase.
    pub name: String,
    /// Three-valued.
    pub status: Truth,
    /// CamelCase.
    pub reason: String,
    /// For a person.
    pub message: String,
}

impl Condition {
    /// A condition.
    pub fn new(name: &str, status: Truth, reason: &str, message: impl Into<String>) -> Self {
        Self { name: name.into(), status, reason: reason.into(), message: message.into() }
    }
}

/// An event on the object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// Warning or Normal.
    pub warning: bool,
    /// CamelCase.
    pub reason: String,
    /// For a person.
    pub message: String,
}

/// The whole answer of `workload.reconcile`.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Objects.
    pub children: Children,
    /// Secrets to generate.
    pub secrets: Vec<GeneratedSecret>,
    /// Questions to the chain.
    pub probes: Vec<Probe>,
    /// Side effects on the chain.
    pub actions: Vec<Action>,
    /// `.status` without conditions; an object or null.
    pub status: Value,
    /// The plugin's conditions.
    pub conditions: Vec<Condition>,
    /// Events.
    pub events: Vec<Event>,
    /// Ask again.
    pub requeue_after: Option<Duration>,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// From the root of the object.
    pub path: String,
    /// Value, what is allowed, how to mend it.
    pub message: String,
}

/// Why the plugin gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The user must act.
    Invalid(Vec<FieldError>),
    /// Something is missing.
    Waiting(String),
    /// Anything else.
    Other(String),
}

/// The answer of `workload.finalize`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finalized {
    /// Tear down.
    Proceed,
    /// Not yet.
    Blocked(String),
}

/// Words for `status.phase` on the paths where the plugin can't speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phases {
    /// A reference dangles.
    pub waiting: String,
    /// Invalid, or the plugin failed.
    pub error: String,
}

/// What a workload plugin is.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Name, still to be checked against the `Plugin` object.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// The CustomResourceDefinition.
    pub crd: Value,
    /// Version of it that `reconcile` expects.
    pub served_version: String,
    /// Kinds it may look up.
    pub reads: Vec<Gvk>,
    /// Kinds it may render.
    pub owns: Vec<Gvk>,
    /// JSON-RPC methods.
    pub rpc_methods: Vec<String>,
    /// Words for `status.phase`.
    pub phases: Option<Phases>,
}

impl Manifest {
    /// The kind that its CustomResourceDefinition defines, in the version that `reconcile` expects.
    pub fn served(&self) -> Gvk {
        let spec = &self.crd["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        Gvk::new(&text(&spec["group"]), &self.served_version, &text(&spec["names"]["kind"]))
    }
}

/// What an execution client's plugin is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientManifest {
    /// What `spec.executionClient.name` says.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// Format of the data directory.
    pub data_format: String,
}

/// Facts about the cluster that a plugin is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// e.g. `cluster.local`
    pub cluster_domain: String,
    /// Where the operator runs.
    pub operator_namespace: String,
    /// Version of the host.
    pub host_version: String,
    /// Optional API groups served, sorted.
    pub api_groups: Vec<String>,
    /// Image that runs `opstack`.
    pub host_image: String,
}

/// How a child is doing, as the plugin is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Which.
    pub key: ObjectKey,
    /// Version in which it is read.
    pub version: String,
    /// Judged by the host.
    pub readiness: crate::readiness::Readiness,
    /// `.status` as JSON text.
    pub status: String,
}

/// All that a plugin is told in one call.
#[derive(Clone, Debug)]
pub struct Request {
    /// The object as JSON text, without managed fields.
    pub object: std::sync::Arc<str>,
    /// Children rendered before.
    pub children: Vec<Child>,
    /// What the probes found.
    pub observations: Vec<crate::probe::Observation>,
    /// What became of the actions.
    pub outcomes: Vec<crate::probe::ActionOutcome>,
    /// About the cluster.
    pub facts: std::sync::Arc<Facts>,
    /// `Plugin.spec.configuration` as JSON text.
    pub configuration: std::sync::Arc<str>,
}
