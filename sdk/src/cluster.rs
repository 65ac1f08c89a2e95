//! What a plugin may ask while it renders, and the context of one call.

use k8s_openapi::{NamespaceResourceScope, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::{Child, Failure, KindRef, ObjectRef, Observation};
use crate::execution::{ClientFragment, ClientRequest};
use crate::wire;
use crate::wire::log::Level;
use crate::wire::probes::ActionOutcome;
use crate::wire::workload::Facts;

/// The imports of the contract. The guest's implementation calls the host; the [`crate::testkit`] has another.
pub trait Cluster {
    /// See `cluster.get`.
    fn get(&self, object: &ObjectRef) -> Option<String>;
    /// See `cluster.list`.
    fn list(&self, kind: &KindRef, namespace: Option<&str>, selector: &str) -> Vec<String>;
    /// See `execution-clients.render`.
    fn render_client(&self, client: &str, request: &str) -> Result<String, Failure>;
    /// See `log.write`.
    fn log(&self, level: Level, message: &str);
}

/// The host behind the imports.
pub(crate) struct Imports;

impl Cluster for Imports {
    fn get(&self, object: &ObjectRef) -> Option<String> {
        wire::cluster::get(object)
    }

    fn list(&self, kind: &KindRef, namespace: Option<&str>, selector: &str) -> Vec<String> {
        wire::cluster::list(kind, namespace, selector)
    }

    fn render_client(&self, client: &str, request: &str) -> Result<String, Failure> {
        wire::execution_clients::render(client, request).map_err(Failure::from)
    }

    fn log(&self, level: Level, message: &str) {
        wire::log::write(level, message);
    }
}

/// All that is around the object in one call.
pub struct Context<'a> {
    /// Lookups.
    pub cluster: &'a dyn Cluster,
    /// How the children rendered before are doing.
    pub children: Vec<Child>,
    /// What the probes found.
    pub observations: Vec<Observation>,
    /// What became of the actions.
    pub outcomes: Vec<ActionOutcome>,
    /// Facts about the cluster.
    pub facts: Facts,
    /// `Plugin.spec.configuration` as JSON.
    pub configuration: String,
}

impl Context<'_> {
    /// Looks up an object of a custom kind and parses it.
    ///
    /// # Errors
    /// `waiting` when it does not exist, `other` when it does not parse.
    pub fn require<T: DeserializeOwned>(&self, kind: &KindRef, namespace: &str, name: &str) -> Result<T, Failure> {
        self.find(kind, namespace, name)?
            .ok_or_else(|| Failure::waiting(format!("{} {namespace}/{name}, which does not exist", kind.kind)))
    }

    /// Looks up an object of any kind.
    ///
    /// # Errors
    /// `other` when it does not parse.
    pub fn find<T: DeserializeOwned>(&self, kind: &KindRef, namespace: &str, name: &str) -> Result<Option<T>, Failure> {
        let object = ObjectRef { kind: kind.clone(), namespace: Some(namespace.into()), name: name.into() };
        let Some(json) = self.cluster.get(&object) else { return Ok(None) };
        serde_json::from_str(&json)
            .map(Some)
            .map_err(|error| Failure::other(format!("failed to read {} {namespace}/{name}: {error}", kind.kind)))
    }

    /// Looks up an object of a built-in kind.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn built_in<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, Failure>
    where
        K: Resource<Scope = NamespaceResourceScope> + DeserializeOwned,
    {
        self.find(&kind_of::<K>(), namespace, name)
    }

    /// Asks an execution client's plugin for its part of a pod.
    ///
    /// # Errors
    /// What that plugin answers; `waiting` when it is not installed.
    pub fn render_client(&self, client: &str, request: &ClientRequest) -> Result<ClientFragment, Failure> {
        let answer = self.cluster.render_client(client, &to_json(request)?)?;
        serde_json::from_str(&answer).map_err(|error| {
            Failure::other(format!("execution client {client} gave an answer that does not parse: {error}"))
        })
    }

    /// Writes a line to the host's log.
    pub fn log(&self, level: Level, message: &str) {
        self.cluster.log(level, message);
    }
}

/// Reference to a built-in kind.
pub fn kind_of<K: Resource>() -> KindRef {
    KindRef { group: K::GROUP.into(), version: K::VERSION.into(), kind: K::KIND.into() }
}

fn to_json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(Failure::other)
}
