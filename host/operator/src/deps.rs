//! Who looked at what: so that a change wakes exactly those whose answer may change by it.

use opstack_core::ids::{GroupKind, ObjectKey};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// Something that was looked up while an object was rendered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// One object, there or not.
    Object(ObjectKey),
    /// Any change of one object at all, content that is not kept included.
    Version(ObjectKey),
    /// All objects of a kind, of one namespace or of all.
    List(GroupKind, Option<String>),
    /// The plugin of an execution client, there or not.
    Client(String),
}

#[derive(Default)]
struct Inner {
    askers: HashMap<Lookup, HashSet<ObjectKey>>,
    asked: HashMap<ObjectKey, HashSet<Lookup>>,
}

/// The index of lookups.
#[derive(Default)]
pub struct Deps {
    inner: Mutex<Inner>,
}

impl Deps {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces what an object looked up by what it looked up now.
    pub fn record(&self, object: &ObjectKey, lookups: HashSet<Lookup>) {
        let mut inner = self.lock();
        let before = inner.asked.remove(object).unwrap_or_default();
        for gone in before.difference(&lookups) {
            if let Some(askers) = inner.askers.get_mut(gone) {
                askers.remove(object);
                if askers.is_empty() {
                    inner.askers.remove(gone);
                }
            }
        }
        for new in lookups.difference(&before) {
            inner.askers.entry(new.clone()).or_default().insert(object.clone());
        }
        if !lookups.is_empty() {
            inner.asked.insert(object.clone(), lookups);
        }
    }

    /// Adds to what an object looked up: what its reconcile rests on beside its plugin's lookups.
    pub fn add(&self, object: &ObjectKey, lookups: impl IntoIterator<Item = Lookup>) {
        let mut inner = self.lock();
        for lookup in lookups {
            inner.askers.entry(lookup.clone()).or_default().insert(object.clone());
            inner.asked.entry(object.clone()).or_default().insert(lookup);
        }
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, object: &ObjectKey) {
        self.record(object, HashSet::new());
    }

    /// Who asked for this.
    pub fn askers(&self, lookup: &Lookup) -> Vec<ObjectKey> {
        self.lock().askers.get(lookup).into_iter().flatten().cloned().collect()
    }

    /// Who listed this kind, in this namespace or everywhere.
    pub fn listers(&self, kind: &GroupKind, namespace: &str) -> Vec<ObjectKey> {
        let mut askers = self.askers(&Lookup::List(kind.clone(), Some(namespace.into())));
        askers.extend(self.askers(&Lookup::List(kind.clone(), None)));
        askers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_asked_no_longer_wakes() {
        let deps = Deps::default();
        let [node, network]: [ObjectKey; 2] =
            ["OpNode.optimism.io/a/node", "OptimismNetwork.optimism.io/b/net"].map(|key| key.parse().unwrap());
        let lookup = Lookup::Object(network.clone());
        let list = Lookup::List(network.kind.clone(), None);
        deps.record(&node, HashSet::from([lookup.clone(), list]));
        assert_eq!(deps.askers(&lookup), [node.clone()]);
        assert_eq!(deps.listers(&network.kind, "any"), [node.clone()]);
        deps.record(&node, HashSet::from([lookup.clone()]));
        assert!(deps.listers(&network.kind, "any").is_empty());
        let added = Lookup::Version("ConfigMap/a/taken".parse().unwrap());
        deps.add(&node, [added.clone()]);
        assert_eq!(deps.askers(&added), [node.clone()]);
        assert_eq!(deps.askers(&lookup), [node.clone()]);
        deps.forget(&node);
        assert!(deps.askers(&added).is_empty());
        assert!(deps.askers(&lookup).is_empty());
        assert!(deps.lock().askers.is_empty());
    }
}
