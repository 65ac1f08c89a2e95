//! What a plugin may ask while it renders: answered from memory, checked against its grants, and recorded.

use opstack_core::answer::Failure;
use opstack_core::grants::Grants;
use opstack_core::ids::{GroupKind, Gvk, ObjectKey};
use opstack_engine::{Denied, Host, LogLevel};
use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cache::{Cache, Entry, Selector};
use crate::deps::{Listing, Lookup};
use crate::hub::Texts;
use crate::named;
use crate::plugins::{Registry, Serving};

/// One call's view of the cluster.
pub struct Lookups {
    serving: Arc<Serving>,
    cache: Arc<Cache>,
    registry: Arc<Registry>,
    object: ObjectKey,
    recorded: Arc<Mutex<HashSet<Lookup>>>,
    /// Texts that were read for this call, because the cache has only outlines.
    beside: Arc<Texts>,
    missing: Arc<Mutex<BTreeSet<ObjectKey>>>,
}

impl Lookups {
    /// The view of a plugin that renders an object.
    pub fn new(serving: Arc<Serving>, cache: Arc<Cache>, registry: Arc<Registry>, object: ObjectKey) -> Self {
        let (recorded, missing) = (Arc::default(), Arc::default());
        Self { serving, cache, registry, object, recorded, beside: Arc::default(), missing }
    }

    /// The same with texts of which the cache has only outlines.
    #[must_use]
    pub fn with(self, beside: Arc<Texts>) -> Self {
        Self { beside, ..self }
    }

    /// A handle on what was looked up, to be read after the call.
    pub fn recorded(&self) -> Recorded {
        Recorded { lookups: self.recorded.clone(), missing: self.missing.clone() }
    }

    /// The text of an object. Where only an outline of it is known, it is noted as missing, and is not there for this call.
    fn text(&self, entry: &Entry) -> Option<Arc<str>> {
        if entry.whole {
            return entry.text();
        }
        if let Some(text) = self.beside.get(&entry.key) {
            return text.clone();
        }
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.key.clone());
        None
    }

    fn record(&self, lookup: Lookup) {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).insert(lookup);
    }

    /// Whether a kind may be looked up, in a namespace if one is named.
    fn allow(&self, kind: &Gvk, namespace: Option<&str>) -> Result<(), Denied> {
        if let Some(namespace) = namespace.filter(|namespace| !self.serving.grants.allows_namespace(namespace)) {
            return Err(Denied(format!(
                "it asked for a {kind} in the namespace {namespace}, which spec.grants.namespaces of its Plugin object does not hold"
            )));
        }
        let declared = self
            .serving
            .manifest()
            .is_some_and(|manifest| manifest.reads.iter().any(|read| read.group_kind == kind.group_kind));
        if declared && self.serving.grants.reads.contains(&kind.group_kind) {
            return Ok(());
        }
        Err(Denied(format!(
            "it asked for a {kind}, which its manifest's reads or its Plugin object's spec.grants.reads do not hold"
        )))
    }
}

/// Where a list looks: in the namespace that is named, else in all that are granted. What is in no namespace is in each of them.
fn places<'a>(grants: &'a Grants, named: Option<&'a str>) -> Vec<Option<&'a str>> {
    match named {
        Some(_) => vec![named],
        None if grants.namespaces.is_empty() => vec![None],
        None => [""].into_iter().chain(grants.namespaces.iter().map(String::as_str)).map(Some).collect(),
    }
}

/// What a call looked up.
pub struct Recorded {
    lookups: Arc<Mutex<HashSet<Lookup>>>,
    missing: Arc<Mutex<BTreeSet<ObjectKey>>>,
}

impl Recorded {
    /// The lookups so far.
    pub fn take(&self) -> HashSet<Lookup> {
        std::mem::take(&mut *self.lookups.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Objects whose texts were not known, so that what the call came to does not count.
    pub fn missing(&self) -> BTreeSet<ObjectKey> {
        std::mem::take(&mut *self.missing.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Host for Lookups {
    fn get(&mut self, kind: &Gvk, namespace: Option<&str>, name: &str) -> Result<Option<Arc<str>>, Denied> {
        self.allow(kind, namespace)?;
        let key = ObjectKey::new(kind.group_kind.clone(), namespace.unwrap_or_default(), name);
        let found = self.cache.get(&key).and_then(|entry| self.text(&entry));
        self.record(Lookup::Object(key));
        Ok(found)
    }

    fn list(&mut self, kind: &Gvk, namespace: Option<&str>, selector: &str) -> Result<Vec<Arc<str>>, Denied> {
        self.allow(kind, namespace)?;
        if named::is_named(&kind.group_kind) {
            return Err(Denied(format!("it asked for a list of {kind}; the host reads Secrets by name alone")));
        }
        let parsed = Selector::parse(selector);
        let mut found = Vec::new();
        for namespace in places(&self.serving.grants, namespace) {
            self.record(Lookup::List(Listing {
                kind: kind.group_kind.clone(),
                namespace: namespace.map(ToString::to_string),
                selector: selector.into(),
            }));
            let entries = self.cache.select(&kind.group_kind, namespace, &parsed).into_iter();
            // How a pod ended that is gone is told by its last state.
            let gone = self.cache.buried(&kind.group_kind, namespace).into_iter();
            found.extend(
                entries.chain(gone.filter(|entry| entry.is_selected(&parsed))).filter_map(|entry| self.text(&entry)),
            );
        }
        Ok(found)
    }

    fn render_client(&mut self, client: &str, request: &str) -> Result<String, Failure> {
        self.record(Lookup::Client(client.into()));
        let Some(serving) = self.registry.client(client) else {
            let installed = self.registry.clients().join(", ");
            let installed = if installed.is_empty() { "none".into() } else { installed };
            return Err(Failure::Waiting(format!(
                "the plugin of execution client {client}, which is not installed (installed: {installed})"
            )));
        };
        match serving.plugin.render_client(request) {
            Ok(answer) => answer,
            Err(fault) => {
                Err(Failure::Other(format!("plugin {} failed ({}): {}", serving.title(), fault.reason, fault.message)))
            }
        }
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        let (plugin, kind) = (self.serving.name.as_str(), &self.object.kind);
        let GroupKind { kind, .. } = kind;
        let (ns, name) = (&self.object.namespace, &self.object.name);
        match level {
            LogLevel::Trace => tracing::trace!(plugin, %kind, %ns, %name, "{message}"),
            LogLevel::Debug => tracing::debug!(plugin, %kind, %ns, %name, "{message}"),
            LogLevel::Info => tracing::info!(plugin, %kind, %ns, %name, "{message}"),
            LogLevel::Warn => tracing::warn!(plugin, %kind, %ns, %name, "{message}"),
            LogLevel::Error => tracing::error!(plugin, %kind, %ns, %name, "{message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_all_is_all_that_is_granted() {
        let grants = Grants { namespaces: ["a".into(), "b".into()].into(), ..Grants::default() };
        assert_eq!(places(&grants, None), [Some(""), Some("a"), Some("b")]);
        assert_eq!(places(&grants, Some("a")), [Some("a")]);
        assert_eq!(places(&Grants::default(), None), [None]);
    }
}
