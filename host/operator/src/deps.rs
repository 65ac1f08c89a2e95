//! Who looked at what: so that a change wakes exactly those whose answer may change by it.

use opstack_core::ids::{GroupKind, ObjectKey};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Something that was looked up while an object was rendered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// One object, there or not.
    Object(ObjectKey),
    /// Any change of one object at all, content that is not kept included.
    Version(ObjectKey),
    /// The objects of a kind that a selector selects.
    List(Listing),
    /// What users want of the objects of a kind, whichever: none comes, goes or changes without a sign.
    Intents(GroupKind),
    /// The plugin of an execution client, there or not.
    Client(String),
}

/// What was listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listing {
    /// Kind of the objects.
    pub kind: GroupKind,
    /// One namespace, or all.
    pub namespace: Option<String>,
    /// As in the contract.
    pub selector: String,
}

/// Lookups and those who asked stand in it many times, and are kept once: objects are many, and each looks up a dozen.
#[derive(Default)]
struct Inner {
    listings: HashMap<GroupKind, HashSet<Listing>>,
    askers: HashMap<Arc<Lookup>, HashSet<Arc<ObjectKey>>>,
    asked: HashMap<Arc<ObjectKey>, HashSet<Arc<Lookup>>>,
}

impl Inner {
    fn add(&mut self, object: &Arc<ObjectKey>, lookup: Lookup) {
        if let Lookup::List(listing) = &lookup {
            self.listings.entry(listing.kind.clone()).or_default().insert(listing.clone());
        }
        let known = self.askers.get_key_value(&lookup).map(|(known, _)| known.clone());
        let lookup = known.unwrap_or_else(|| Arc::new(lookup));
        self.askers.entry(lookup.clone()).or_default().insert(object.clone());
        self.asked.entry(object.clone()).or_default().insert(lookup);
    }

    fn remove(&mut self, object: &ObjectKey, lookup: &Lookup) {
        let Some(askers) = self.askers.get_mut(lookup) else { return };
        askers.remove(object);
        if !askers.is_empty() {
            return;
        }
        self.askers.remove(lookup);
        if let Lookup::List(listing) = lookup
            && let Some(listings) = self.listings.get_mut(&listing.kind)
        {
            listings.remove(listing);
        }
    }

    /// The one that stands in the index, if any does.
    fn shared(&self, object: &ObjectKey) -> Arc<ObjectKey> {
        self.asked.get_key_value(object).map_or_else(|| Arc::new(object.clone()), |(known, _)| known.clone())
    }
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
        let object = inner.shared(object);
        let before = inner.asked.remove(&object).unwrap_or_default();
        for gone in before.iter().filter(|lookup| !lookups.contains(lookup.as_ref())) {
            inner.remove(&object, gone);
        }
        lookups.into_iter().for_each(|lookup| inner.add(&object, lookup));
    }

    /// Adds to what an object looked up: what its reconcile rests on beside its plugin's lookups.
    pub fn add(&self, object: &ObjectKey, lookups: impl IntoIterator<Item = Lookup>) {
        let mut inner = self.lock();
        let object = inner.shared(object);
        lookups.into_iter().for_each(|lookup| inner.add(&object, lookup));
    }

    /// What an object looked up.
    pub fn of(&self, object: &ObjectKey) -> HashSet<Lookup> {
        self.lock().asked.get(object).into_iter().flatten().map(|lookup| Lookup::clone(lookup)).collect()
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, object: &ObjectKey) {
        self.record(object, HashSet::new());
    }

    /// Who asked for this.
    pub fn askers(&self, lookup: &Lookup) -> Vec<ObjectKey> {
        self.lock().askers.get(lookup).into_iter().flatten().map(|asker| ObjectKey::clone(asker)).collect()
    }

    /// Who listed something in which an object of this kind and namespace is or was; `selects` tells by the selector.
    pub fn listers(&self, kind: &GroupKind, namespace: &str, selects: impl Fn(&str) -> bool) -> Vec<ObjectKey> {
        let inner = self.lock();
        let listings = inner.listings.get(kind).into_iter().flatten();
        let concerned = listings.filter(|listing| {
            listing.namespace.as_deref().is_none_or(|listed| listed == namespace) && selects(&listing.selector)
        });
        let askers = concerned.filter_map(|listing| inner.askers.get(&Lookup::List(listing.clone())));
        askers.flatten().map(|asker| ObjectKey::clone(asker)).collect()
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
        let listing = Listing { kind: network.kind.clone(), namespace: None, selector: "a=b".into() };
        let list = Lookup::List(listing);
        deps.record(&node, HashSet::from([lookup.clone(), list]));
        assert_eq!(deps.askers(&lookup), std::slice::from_ref(&node));
        assert_eq!(deps.of(&node).len(), 2);
        assert_eq!(deps.listers(&network.kind, "any", |selector| selector == "a=b"), std::slice::from_ref(&node));
        assert!(deps.listers(&network.kind, "any", |_| false).is_empty());
        deps.record(&node, HashSet::from([lookup.clone()]));
        assert!(deps.listers(&network.kind, "any", |_| true).is_empty());
        let added = Lookup::Version("ConfigMap/a/taken".parse().unwrap());
        deps.add(&node, [added.clone()]);
        assert_eq!(deps.askers(&added), std::slice::from_ref(&node));
        assert_eq!(deps.askers(&lookup), std::slice::from_ref(&node));
        deps.forget(&node);
        assert!(deps.askers(&added).is_empty());
        assert!(deps.askers(&lookup).is_empty());
        let inner = deps.lock();
        assert!(inner.askers.is_empty() && inner.asked.is_empty());
    }
}
