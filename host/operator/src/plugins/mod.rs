//! Plugins: which are loaded, what they may do, and how they get here.

pub mod crd;
pub mod gate;
pub mod loader;
pub mod object;
pub mod revoke;
pub mod service;
pub mod source;
mod stored;

use opstack_core::answer::Manifest;
use opstack_core::grants::Grants;
use opstack_core::ids::{GroupKind, Gvk, PluginName};
use opstack_engine::{Plugin, Role};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// A plugin in service.
pub struct Serving {
    /// Its name, and that of its `Plugin` object.
    pub name: PluginName,
    /// The component.
    pub plugin: Plugin,
    /// What it may do.
    pub grants: Grants,
    /// `Plugin.spec.configuration` as JSON text.
    pub configuration: Arc<str>,
}

impl Serving {
    /// The kind that a workload plugin serves.
    pub fn kind(&self) -> Option<Gvk> {
        self.manifest().map(served_kind)
    }

    /// The manifest of a workload plugin.
    pub fn manifest(&self) -> Option<&Manifest> {
        match self.plugin.role() {
            Role::Workload(manifest) => Some(manifest),
            Role::Client(_) => None,
        }
    }

    /// The client that a client plugin renders.
    pub fn client(&self) -> Option<&str> {
        match self.plugin.role() {
            Role::Workload(_) => None,
            Role::Client(manifest) => Some(&manifest.name),
        }
    }

    /// For messages: `op-node 0.1.0 (sha256:0123456789ab)`.
    pub fn title(&self) -> String {
        let digest = self.plugin.digest().to_string();
        let short = digest.get(..19).unwrap_or(&digest);
        match self.plugin.role() {
            Role::Workload(manifest) => format!("{} {} ({short})", self.name, manifest.version),
            Role::Client(manifest) => format!("{} {} ({short})", self.name, manifest.version),
        }
    }
}

/// The kind of a manifest's CRD, in the version that its plugin reads.
pub fn served_kind(manifest: &Manifest) -> Gvk {
    manifest.served()
}

/// The plugins in service.
#[derive(Default)]
pub struct Registry {
    serving: RwLock<BTreeMap<PluginName, Arc<Serving>>>,
}

impl Registry {
    /// All of them, by name.
    pub fn all(&self) -> Vec<Arc<Serving>> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// One plugin by name.
    pub fn get(&self, name: &PluginName) -> Option<Arc<Serving>> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The plugin that serves a kind.
    pub fn workload(&self, kind: &GroupKind) -> Option<Arc<Serving>> {
        self.all().into_iter().find(|serving| serving.kind().is_some_and(|served| served.group_kind == *kind))
    }

    /// The plugin of an execution client.
    pub fn client(&self, name: &str) -> Option<Arc<Serving>> {
        self.all().into_iter().find(|serving| serving.client() == Some(name))
    }

    /// Names of the execution clients, sorted.
    pub fn clients(&self) -> Vec<String> {
        self.all().iter().filter_map(|serving| serving.client().map(ToString::to_string)).collect()
    }

    /// Kinds of the workload plugins.
    pub fn kinds(&self) -> Vec<Gvk> {
        self.all().iter().filter_map(|serving| serving.kind()).collect()
    }

    /// Puts a plugin into service, in place of the one of the same name.
    pub fn insert(&self, serving: impl Into<Arc<Serving>>) -> Option<Arc<Serving>> {
        let serving = serving.into();
        let mut all = self.serving.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(serving.name.clone(), serving)
    }

    /// Takes a plugin out of service.
    pub fn remove(&self, name: &PluginName) -> Option<Arc<Serving>> {
        self.serving.write().unwrap_or_else(PoisonError::into_inner).remove(name)
    }
}
