//! All that the operator knows of the cluster, in memory: one store for each kind, shared by every plugin.
//!
//! Objects are kept as small as their use allows (see [`Keep`]): of a child, what planning needs; of an object that plugins
//! look up, its JSON text; of a Secret, facts; of a ConfigMap, an outline until somebody looks it up. A write of our own enters the cache with the API server's answer,
//! so that the watch event that follows it says nothing new and wakes nobody.

mod body;
mod entry;
pub mod facts;
mod graves;
mod health;
mod selector;
mod watch;

pub use entry::{Entry, Keep};
pub use selector::Selector;
pub use watch::{Watch, Watched, is_outlined, selection};

use opstack_core::ids::{GroupKind, ObjectKey};
use opstack_core::inventory::Inventory;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

/// Namespace and name.
type Place = (Arc<str>, Arc<str>);

/// A change of one object: what it was and what it is.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which.
    pub key: ObjectKey,
    /// Before; nothing if it was not there.
    pub before: Option<Arc<Entry>>,
    /// After; nothing if it is gone.
    pub after: Option<Arc<Entry>>,
}

impl Change {
    /// Whether it changed a part of the object; coming and going changes every part.
    pub fn differs_in(&self, part: fn(&Entry) -> &str) -> bool {
        self.before.as_deref().map(part) != self.after.as_deref().map(part)
    }
}

#[derive(Default)]
struct Store {
    ready: bool,
    /// What the bodies are packed beside.
    example: Arc<body::Example>,
    objects: BTreeMap<Place, Arc<Entry>>,
}

#[derive(Default)]
struct Inner {
    stores: HashMap<GroupKind, Store>,
    /// Live children by the owner that their annotation names.
    children: HashMap<ObjectKey, BTreeSet<ObjectKey>>,
    /// Pods that are gone.
    graves: graves::Graves,
}

/// The stores. Cheap to share; locks are held for moments and never across an await.
#[derive(Default)]
pub struct Cache {
    inner: RwLock<Inner>,
}

impl Cache {
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// One object.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Entry>> {
        let inner = self.read();
        inner.stores.get(&key.kind)?.objects.get(&(key.namespace.clone(), key.name.clone())).cloned()
    }

    /// All objects of a kind, of one namespace or of all, sorted.
    pub fn list(&self, kind: &GroupKind, namespace: Option<&str>) -> Vec<Arc<Entry>> {
        self.those(kind, namespace, |_| true)
    }

    /// Those of them that a selector selects.
    pub fn select(&self, kind: &GroupKind, namespace: Option<&str>, selector: &Selector) -> Vec<Arc<Entry>> {
        self.those(kind, namespace, |entry| entry.is_selected(selector))
    }

    fn those(&self, kind: &GroupKind, namespace: Option<&str>, is_one: impl Fn(&Entry) -> bool) -> Vec<Arc<Entry>> {
        let inner = self.read();
        let Some(store) = inner.stores.get(kind) else { return vec![] };
        let from = (Arc::from(namespace.unwrap_or_default()), Arc::from(""));
        let placed = store.objects.range(from..);
        let placed = placed.take_while(|((place, _), _)| namespace.is_none_or(|namespace| place.as_ref() == namespace));
        placed.map(|(_, entry)| entry).filter(|entry| is_one(entry)).cloned().collect()
    }

    /// Keys of all objects of a kind.
    pub fn keys(&self, kind: &GroupKind) -> Vec<ObjectKey> {
        self.list(kind, None).iter().map(|entry| entry.key.clone()).collect()
    }

    /// Live children of an owner, and the objects that stand where it wants to put some.
    pub fn inventory<'a>(&self, owner: &ObjectKey, wanted: impl IntoIterator<Item = &'a ObjectKey>) -> Inventory {
        let mut keys: Vec<_> = self.read().children.get(owner).into_iter().flatten().cloned().collect();
        keys.extend(wanted.into_iter().cloned());
        keys.into_iter()
            .filter_map(|key| {
                let live = self.get(&key)?.live.clone();
                Some((key, live))
            })
            .collect()
    }

    /// Whether the first list of a kind is complete.
    pub fn is_ready(&self, kind: &GroupKind) -> bool {
        self.read().stores.get(kind).is_some_and(|store| store.ready)
    }

    /// Number of objects by kind, for metrics.
    pub fn sizes(&self) -> Vec<(GroupKind, usize)> {
        self.read().stores.iter().map(|(kind, store)| (kind.clone(), store.objects.len())).collect()
    }

    /// Reads an object of a kind as the API server sent it, for this cache to take in.
    pub fn entry(&self, kind: &GroupKind, object: Value, keep: Keep, facts: &facts::Facts) -> Entry {
        let known = self.read().stores.get(kind).map(|store| store.example.clone());
        let example = known.unwrap_or_else(|| self.write().stores.entry(kind.clone()).or_default().example.clone());
        Entry::of(kind, object, keep, facts, &example)
    }

    /// Bytes that the texts of a kind take, of one namespace or of all.
    pub fn bytes(&self, kind: &GroupKind, namespace: Option<&str>) -> usize {
        self.list(kind, namespace).iter().map(|entry| entry.bytes()).sum()
    }

    /// Drops the texts of those objects of a kind that are not wanted. Of outlined kinds only: they can be read again.
    pub fn outline(&self, kind: &GroupKind, wanted: impl Fn(&Entry) -> bool) {
        let dropped: Vec<_> = self.list(kind, None).into_iter().filter(|entry| entry.whole && !wanted(entry)).collect();
        let mut inner = self.write();
        let Some(store) = inner.stores.get_mut(kind) else { return };
        for entry in dropped {
            let place = (entry.key.namespace.clone(), entry.key.name.clone());
            // Another one may have come in its place meanwhile.
            if let Some(known) = store.objects.get_mut(&place).filter(|known| Arc::ptr_eq(known, &entry)) {
                *known = Arc::new(Entry::clone(&entry).outlined());
            }
        }
    }

    /// Takes in one object; nothing if it says no more than is known.
    pub fn put(&self, mut entry: Entry) -> Option<Change> {
        let mut inner = self.write();
        inner.share_names(&mut entry);
        let place = (entry.key.namespace.clone(), entry.key.name.clone());
        let before = inner.stores.entry(entry.key.kind.clone()).or_default().objects.get(&place).cloned();
        if before.as_ref().is_some_and(|before| !before.is_older_than(&entry)) {
            return None;
        }
        let after = Arc::new(entry);
        if let Some(before) = before.as_ref().filter(|before| before.live.uid != after.live.uid) {
            inner.bury(before.clone());
        }
        inner.relate(before.as_deref(), Some(&after));
        if let Some(store) = inner.stores.get_mut(&after.key.kind) {
            store.objects.insert(place, after.clone());
        }
        Some(Change { key: after.key.clone(), before, after: Some(after) })
    }

    /// Forgets one object, unless a later life of it is already known.
    pub fn remove(&self, gone: &Entry) -> Option<Change> {
        let mut inner = self.write();
        let place = (gone.key.namespace.clone(), gone.key.name.clone());
        let store = inner.stores.get_mut(&gone.key.kind)?;
        let is_later =
            |known: &Arc<Entry>| known.live.uid != gone.live.uid && known.resource_version > gone.resource_version;
        if store.objects.get(&place).is_some_and(is_later) {
            return None;
        }
        let before = store.objects.remove(&place)?;
        inner.relate(Some(&before), None);
        Some(Change { key: gone.key.clone(), before: Some(before), after: None })
    }

    /// Keeps the last state of an object that is gone, where somebody may ask how it ended.
    pub fn bury(&self, last: Arc<Entry>) {
        self.write().bury(last);
    }

    /// The last states of objects of a kind that were deleted within the last hour.
    pub fn buried(&self, kind: &GroupKind, namespace: Option<&str>) -> Vec<Arc<Entry>> {
        if is_pod(kind) { self.read().graves.of(namespace, Instant::now()) } else { vec![] }
    }

    /// Takes in what a fresh list of a kind holds, of one namespace or of all: of `known`, which were selected before it was asked
    /// for, those that are not in it are gone.
    pub fn settle(&self, known: &[Arc<Entry>], listed: Vec<Entry>) -> Vec<Change> {
        let names: BTreeSet<Place> =
            listed.iter().map(|entry| (entry.key.namespace.clone(), entry.key.name.clone())).collect();
        let is_gone = |entry: &&Arc<Entry>| !names.contains(&(entry.key.namespace.clone(), entry.key.name.clone()));
        let mut changes = vec![];
        for entry in known.iter().filter(is_gone) {
            self.bury(entry.clone());
            changes.extend(self.remove(entry));
        }
        changes.extend(listed.into_iter().filter_map(|entry| self.put(entry)));
        changes
    }

    /// Replaces what is known of a kind, in one namespace or in all, after a list: what is not in it is gone.
    pub fn replace(&self, kind: &GroupKind, namespace: Option<&str>, listed: Vec<Entry>) -> Vec<Change> {
        self.settle(&self.list(kind, namespace), listed)
    }

    /// Notes that the first list of a kind is complete, in all namespaces that are watched.
    pub fn complete(&self, kind: &GroupKind) {
        self.write().stores.entry(kind.clone()).or_default().ready = true;
    }

    /// Forgets a kind that is gone.
    pub fn drop_kind(&self, kind: &GroupKind) {
        let mut inner = self.write();
        let Some(store) = inner.stores.remove(kind) else { return };
        store.objects.values().for_each(|entry| inner.relate(Some(entry), None));
    }

    /// Lets the next list replace every record of a kind, although the objects did not change.
    pub fn forget_versions(&self, kind: &GroupKind) {
        let mut inner = self.write();
        let Some(store) = inner.stores.get_mut(kind) else { return };
        store.ready = false;
        for entry in store.objects.values_mut() {
            *entry = Arc::new(entry.unversioned());
        }
    }
}

fn is_pod(kind: &GroupKind) -> bool {
    (kind.group.as_ref(), kind.kind.as_ref()) == ("", "Pod")
}

impl Inner {
    fn bury(&mut self, last: Arc<Entry>) {
        if is_pod(&last.key.kind) {
            self.graves.bury(last, Instant::now());
        }
    }

    /// The children of one owner name it alike: what is kept once for all of them.
    fn share_names(&self, entry: &mut Entry) {
        let Some(live) = Arc::get_mut(&mut entry.live) else { return };
        let known = live.owner.as_ref().and_then(|owner| self.children.get_key_value(owner));
        let Some((owner, _)) = known else { return };
        live.owner = Some(owner.clone());
        if entry.key.namespace == owner.namespace {
            entry.key.namespace = owner.namespace.clone();
        }
    }

    /// Keeps the index of children by owner.
    fn relate(&mut self, before: Option<&Entry>, after: Option<&Arc<Entry>>) {
        let old = before.and_then(|entry| entry.live.owner.clone());
        let new = after.and_then(|entry| entry.live.owner.clone());
        if old == new {
            return;
        }
        if let (Some(owner), Some(entry)) = (old, before)
            && let Some(children) = self.children.get_mut(&owner)
        {
            children.remove(&entry.key);
            if children.is_empty() {
                self.children.remove(&owner);
            }
        }
        if let (Some(owner), Some(entry)) = (new, after) {
            self.children.entry(owner).or_default().insert(entry.key.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(uid: &str, version: u64) -> Entry {
        let object =
            json!({"metadata": {"name": "a", "namespace": "ns", "uid": uid, "resourceVersion": version.to_string()}});
        let kind = GroupKind::new("", "ConfigMap");
        Cache::default().entry(&kind, object, Keep::default(), &facts::Facts::keyed([0; 32]))
    }

    #[test]
    fn a_record_of_an_earlier_life_is_not_taken_in() {
        let cache = Cache::default();
        cache.put(entry("second", 3));
        assert!(cache.put(entry("first", 2)).is_none(), "a late answer about the life before");
        let kind = GroupKind::new("", "ConfigMap");
        assert_eq!(cache.list(&kind, None).iter().map(|entry| entry.live.uid.as_ref()).collect::<Vec<_>>(), ["second"]);
        assert!(cache.put(entry("third", 4)).is_some(), "the life after");
    }

    #[test]
    fn how_a_pod_ended_is_known_when_it_is_gone_and_of_each_of_that_name() {
        let cache = Cache::default();
        let pod = |uid: &str, version: u64, namespace: &str| {
            let metadata =
                json!({"name": "a", "namespace": namespace, "uid": uid, "resourceVersion": version.to_string()});
            let object = json!({"metadata": metadata, "status": {"phase": "Failed"}});
            let keep = Keep { body: true, status: false };
            cache.entry(&GroupKind::new("", "Pod"), object, keep, &facts::Facts::keyed([0; 32]))
        };
        let kind = GroupKind::new("", "Pod");
        cache.replace(&kind, None, vec![pod("first", 1, "ns")]);
        cache.replace(&kind, None, vec![pod("second", 2, "ns")]);
        cache.bury(Arc::new(pod("second", 3, "ns")));
        let uids = || cache.buried(&kind, Some("ns")).iter().map(|last| last.live.uid.to_string()).collect::<Vec<_>>();
        cache.replace(&kind, None, vec![]);
        assert_eq!(uids(), ["first", "second"]);
        for number in 0..200 {
            cache.bury(Arc::new(pod(&number.to_string(), 9, "crowd")));
        }
        assert_eq!((uids().len(), cache.buried(&kind, Some("crowd")).len()), (2, 64));
        assert!(cache.buried(&GroupKind::new("", "ConfigMap"), None).is_empty());
    }

    #[test]
    fn a_list_of_one_namespace_says_nothing_of_another() {
        let cache = Cache::default();
        let kind = entry("first", 1).key.kind;
        cache.replace(&kind, Some("ns"), vec![entry("first", 1)]);
        assert!(!cache.is_ready(&kind), "another namespace may not be listed yet");
        assert!(cache.replace(&kind, Some("other"), vec![]).is_empty());
        cache.complete(&kind);
        assert!(cache.is_ready(&kind) && cache.list(&kind, None).len() == 1);
        assert_eq!(cache.replace(&kind, Some("ns"), vec![]).len(), 1);
    }

    #[test]
    fn the_end_of_an_earlier_life_ends_no_later_one() {
        let cache = Cache::default();
        cache.put(entry("first", 1));
        cache.put(entry("second", 3));
        assert!(cache.remove(&entry("first", 2)).is_none());
        assert!(cache.remove(&entry("second", 4)).is_some());
    }

    fn config_map(name: &str, version: u64, data: Option<&str>) -> Entry {
        let metadata = json!({"name": name, "namespace": "ns", "uid": name, "resourceVersion": version.to_string()});
        let mut object = json!({"metadata": metadata});
        if let Some(data) = data {
            object["data"] = json!({"file": data});
        }
        let (kind, keep) = (GroupKind::new("", "ConfigMap"), Keep { body: true, status: false });
        let entry = Cache::default().entry(&kind, object, keep, &facts::Facts::keyed([0; 32]));
        if data.is_some() { entry } else { entry.outlined() }
    }

    #[test]
    fn an_outline_gives_way_to_the_whole_and_the_whole_to_a_newer_outline() {
        let (cache, kind) = (Cache::default(), GroupKind::new("", "ConfigMap"));
        let is_whole = || cache.list(&kind, None).iter().map(|entry| entry.whole).collect::<Vec<_>>();
        assert!(cache.put(config_map("a", 1, None)).is_some());
        let change = cache.put(config_map("a", 1, Some("text"))).unwrap();
        assert!(change.differs_in(|entry| &entry.content), "who saw the outline looks again");
        assert!(cache.put(config_map("a", 1, None)).is_none(), "the watch is behind");
        assert_eq!(is_whole(), [true]);
        let change = cache.put(config_map("a", 2, None)).unwrap();
        assert!(change.differs_in(|entry| &entry.content), "who saw the whole looks again");
        assert_eq!((is_whole(), cache.bytes(&kind, None)), (vec![false], 0));
    }

    #[test]
    fn texts_that_nobody_wants_are_dropped() {
        let (cache, kind) = (Cache::default(), GroupKind::new("", "ConfigMap"));
        for name in ["a", "b"] {
            cache.put(config_map(name, 1, Some(&"x".repeat(100))));
        }
        cache.outline(&kind, |entry| entry.key.name.as_ref() == "a");
        let whole: Vec<_> = cache.list(&kind, None).iter().map(|entry| (entry.whole, entry.bytes() > 100)).collect();
        assert_eq!(whole, [(true, true), (false, false)]);
    }
}
