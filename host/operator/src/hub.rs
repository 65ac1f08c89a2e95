//! Watches and wake-ups: which kinds are followed, and who is named when something changes.

mod writing;

use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use kube::api::{Api, ApiResource};
use opstack_core::ids::{GroupKind, Gvk, ObjectKey};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::{Instrument, info_span};

use crate::cache::facts::Facts;
use crate::cache::{Cache, Change, Entry, Keep, Selector, Watch, Watched, is_outlined};
use crate::deps::{Deps, Lookup};
use crate::flights::Flights;
use crate::kinds::{Kinds, Served};
use crate::named::{self, Named};
use crate::namespaces::Namespaces;
use crate::queue::Queue;

pub use writing::Writing;

/// Those who list a kind are many, and a burst of changes is one reason to look again: they wait so long.
const LIST_DEBOUNCE: Duration = Duration::from_millis(500);
/// Statuses change all the time, with every block of a chain; those who list a kind look at them so often.
const LIST_STATUS_DEBOUNCE: Duration = Duration::from_secs(10);

/// Objects that are read at once for one that looked them up.
const READS: usize = 8;
/// Bytes of such texts that are kept for a namespace. What is beyond is read again each time.
const TEXTS_PER_NAMESPACE: usize = 32 * 1024 * 1024;

/// Texts of objects; nothing where the object is gone.
pub type Texts = HashMap<ObjectKey, Option<Arc<str>>>;

/// What wakes the objects of a served kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A change of what the user wants.
    OnIntent,
    /// Any change at all.
    OnAny,
}

struct Running {
    watch: Arc<Watch>,
    task: AbortHandle,
}

/// The cache, what feeds it, and whom it wakes.
pub struct Hub {
    /// Client of the API server.
    pub client: Client,
    /// Where it is looked.
    pub namespaces: Namespaces,
    /// What is known.
    pub cache: Arc<Cache>,
    /// What is served.
    pub kinds: Arc<Kinds>,
    /// Who looked at what.
    pub deps: Deps,
    /// What is read by name.
    pub named: Named,
    facts: Facts,
    flights: Flights,
    watches: Mutex<HashMap<GroupKind, Running>>,
    queues: RwLock<HashMap<GroupKind, (Arc<Queue>, Wake)>>,
    /// Counts the changes of stores from empty to listed.
    listed: watch::Sender<u64>,
}

impl Hub {
    /// A hub that watches nothing yet.
    pub fn new(client: Client, kinds: Arc<Kinds>, facts: Facts, namespaces: Namespaces) -> Arc<Self> {
        Arc::new(Self {
            client,
            namespaces,
            cache: Arc::default(),
            kinds,
            deps: Deps::default(),
            named: Named::default(),
            facts,
            flights: Flights::default(),
            watches: Mutex::default(),
            queues: RwLock::default(),
            listed: watch::Sender::new(0),
        })
    }

    /// Makes sure that a kind is watched and that enough of it is kept. Does nothing while the kind is not served.
    pub fn need(self: &Arc<Self>, gvk: &Gvk, keep: Keep) {
        let Some(served) = self.kinds.get(gvk) else { return };
        self.watch(served, keep);
    }

    fn watch(self: &Arc<Self>, served: Served, keep: Keep) {
        let Served { resource, namespaced } = served;
        let kind = GroupKind::new(&resource.group, &resource.kind);
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let keep = watches.get(&kind).map_or(keep, |running| running.watch.keep.or(keep));
        if watches.get(&kind).is_some_and(|running| running.watch.keep == keep && running.watch.resource == resource) {
            return;
        }
        if let Some(old) = watches.remove(&kind) {
            // The same objects come again with more of them kept; until then the old records serve.
            old.task.abort();
            self.cache.forget_versions(&kind);
        }
        let watch = Arc::new(Watch::new(resource, keep, self.namespaces.of(&kind, namespaced)));
        let (hub, running) = (self.clone(), watch.clone());
        let span = info_span!("watch", %kind);
        let task = tokio::spawn(
            async move {
                let on_change = |change: Change| hub.arrived(change);
                let on_listed = || hub.notify();
                running.run(hub.client.clone(), hub.cache.clone(), hub.facts.clone(), on_change, on_listed).await;
            }
            .instrument(span),
        );
        watches.insert(kind, Running { watch, task: task.abort_handle() });
    }

    /// Returns once every one of these kinds that is served and watched has been listed.
    pub async fn listed(&self, kinds: &[GroupKind]) {
        let mut listed = self.listed.subscribe();
        loop {
            listed.borrow_and_update();
            let is_known = |kind: &GroupKind| self.cache.is_ready(kind) || !self.is_watched(kind);
            if kinds.iter().all(is_known) || listed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Follows the completion of first lists.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.listed.subscribe()
    }

    /// How a kind is asked for.
    pub fn resource_of(&self, kind: &GroupKind) -> Option<ApiResource> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        watches.get(kind).map(|running| running.watch.resource.clone())
    }

    /// The version in which a kind is watched.
    pub fn gvk_of(&self, kind: &GroupKind) -> Option<Gvk> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(running) = watches.get(kind) else { return named::is_named(kind).then(named::gvk) };
        let resource = &running.watch.resource;
        Some(Gvk::new(&resource.group, &resource.version, &resource.kind))
    }

    /// Those of some lookups that are to be read by name, and were not yet.
    pub fn unread<'a>(&self, lookups: impl IntoIterator<Item = &'a Lookup>) -> Vec<ObjectKey> {
        self.named.unread(named::names(lookups).filter(|name| !self.is_watched(&name.kind)))
    }

    /// Adds to what an object looked up, and follows what is to be read by name.
    pub fn depend(&self, object: &ObjectKey, lookups: Vec<Lookup>) {
        let names: Vec<_> = named::names(&lookups).filter(|name| !self.is_watched(&name.kind)).cloned().collect();
        self.deps.add(object, lookups);
        self.named.follow(names);
    }

    /// Whether anybody looked an object up.
    pub fn is_looked_at(&self, key: &ObjectKey) -> bool {
        let lookups = [Lookup::Object(key.clone()), Lookup::Version(key.clone())];
        lookups.iter().any(|lookup| !self.deps.askers(lookup).is_empty())
    }

    fn is_watched(&self, kind: &GroupKind) -> bool {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).contains_key(kind)
    }

    /// Objects of this kind are reconciled from this queue.
    pub fn serve(&self, kind: GroupKind, queue: Arc<Queue>, wake: Wake) {
        self.queues.write().unwrap_or_else(PoisonError::into_inner).insert(kind, (queue, wake));
    }

    /// The kind is gone: nobody reconciles it any more, and there is nothing to watch.
    pub fn unserve(&self, kind: &GroupKind) {
        self.queues.write().unwrap_or_else(PoisonError::into_inner).remove(kind);
        if let Some(running) = self.watches.lock().unwrap_or_else(PoisonError::into_inner).remove(kind) {
            running.task.abort();
        }
        self.cache.drop_kind(kind);
    }

    fn queue_of(&self, kind: &GroupKind) -> Option<(Arc<Queue>, Wake)> {
        self.queues.read().unwrap_or_else(PoisonError::into_inner).get(kind).cloned()
    }

    /// Lets those look again who wait for kinds to be listed or served.
    pub fn notify(&self) {
        self.listed.send_modify(|count| *count += 1);
    }

    /// Names an object of a served kind.
    pub fn wake(&self, key: &ObjectKey) {
        if let Some((queue, _)) = self.queue_of(&key.kind) {
            queue.add(key.clone());
        }
    }

    /// Names all who looked something up.
    pub fn wake_askers(&self, lookup: &Lookup) {
        self.deps.askers(lookup).iter().for_each(|key| self.wake(key));
    }

    /// A watch told of a change.
    fn arrived(&self, change: Change) {
        let gone = change.before.clone().filter(|_| change.after.is_none());
        let free = self.flights.hold(change);
        // The answer to a write that this overtook may just have brought it back.
        gone.and_then(|gone| self.cache.remove(&gone));
        if let Some(change) = free {
            self.route(&change);
        }
    }

    /// Takes in an object as it was just read, and names whom that concerns.
    pub fn was_read(&self, kind: &GroupKind, object: serde_json::Value) {
        let entry = self.entry(kind, object);
        self.cache.put(entry).into_iter().for_each(|change| self.arrived(change));
    }

    /// The same of a list; of `known`, which were selected before it was asked for, those that are not in it are gone.
    pub fn was_listed(&self, kind: &GroupKind, known: &[Arc<Entry>], listed: Vec<serde_json::Value>) {
        let listed = listed.into_iter().map(|object| self.entry(kind, object)).collect();
        self.cache.settle(known, listed).into_iter().for_each(|change| self.arrived(change));
    }

    /// Takes in what a read by name found, as a watch event of it; `before` is what was known when the read began.
    pub fn found(&self, name: &ObjectKey, before: Option<&Entry>, object: Option<serde_json::Value>) {
        let change = match (object, before) {
            (Some(object), _) => self.cache.put(self.entry(&name.kind, object)),
            // What came since the read began is not what was not found.
            (None, Some(before)) if self.cache.get(name).is_some_and(|now| now.is_the_same_as(before)) => {
                self.cache.remove(before)
            }
            (None, _) => None,
        };
        if let Some(change) = change {
            self.arrived(change);
        }
    }

    fn entry(&self, kind: &GroupKind, object: serde_json::Value) -> Entry {
        self.cache.entry(kind, object, self.keep_of(kind), &self.facts)
    }

    /// Names whom a change concerns: the object itself, its owner, and those who looked at it.
    pub fn route(&self, change: &Change) {
        let lives = [&change.before, &change.after].map(|entry| entry.as_ref().map(|entry| &entry.live));
        if lives[0] != lives[1] {
            let owners = lives.iter().flatten().filter_map(|live| live.owner.as_ref());
            owners.for_each(|owner| self.wake(owner));
        }
        if let Some((queue, wake)) = self.queue_of(&change.key.kind)
            && (wake == Wake::OnAny || change.differs_in(|entry| &entry.intent))
        {
            queue.add(change.key.clone());
        }
        self.wake_lookers(change, None);
    }

    /// Names those who looked at an object, but for one who knows already.
    fn wake_lookers(&self, change: &Change, knows: Option<&ObjectKey>) {
        let wake = |lookup: fn(ObjectKey) -> Lookup| {
            let askers = self.deps.askers(&lookup(change.key.clone()));
            askers.iter().filter(|asker| Some(*asker) != knows).for_each(|asker| self.wake(asker));
        };
        wake(Lookup::Version);
        if !change.differs_in(|entry| &entry.content) {
            return;
        }
        wake(Lookup::Object);
        let is_intent = change.differs_in(|entry| &entry.intent);
        if is_intent {
            let askers = self.deps.askers(&Lookup::Intents(change.key.kind.clone()));
            askers.into_iter().for_each(|asker| self.wake_after(asker, LIST_DEBOUNCE));
        }
        let wait = if is_intent { LIST_DEBOUNCE } else { LIST_STATUS_DEBOUNCE };
        let sides = [&change.before, &change.after];
        let selects = |selector: &str| {
            let selector = Selector::parse(selector);
            sides.iter().any(|side| side.as_ref().is_some_and(|entry| entry.is_selected(&selector)))
        };
        let listers = self.deps.listers(&change.key.kind, &change.key.namespace, selects);
        for lister in listers.into_iter().filter(|lister| Some(lister) != knows) {
            self.wake_after(lister, wait);
        }
    }

    fn wake_after(&self, key: ObjectKey, wait: Duration) {
        if let Some((queue, _)) = self.queue_of(&key.kind) {
            queue.add_after(key, wait);
        }
    }

    /// Says that an object is about to be written on behalf of an owner, which may be the object itself.
    pub fn writing<'a>(&'a self, key: &'a ObjectKey, owner: Option<ObjectKey>) -> Writing<'a> {
        self.flights.begin(key);
        Writing { hub: self, key, owner, made: None }
    }

    /// Takes in that an object is gone, and names whom it concerns.
    pub fn lose(&self, gone: &Entry) {
        if let Some(change) = self.cache.remove(gone) {
            self.route(&change);
        }
    }

    /// Reads objects of which only outlines are kept, on behalf of one that looked them up. Those that are gone have no text.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn read(&self, asker: &ObjectKey, keys: BTreeSet<ObjectKey>) -> Result<Texts, kube::Error> {
        let read =
            stream::iter(keys).map(|key| async move { self.read_one(asker, &key).await.map(|text| (key, text)) });
        read.buffer_unordered(READS).try_collect().await
    }

    async fn read_one(&self, asker: &ObjectKey, key: &ObjectKey) -> Result<Option<Arc<str>>, kube::Error> {
        let watched =
            self.watches.lock().unwrap_or_else(PoisonError::into_inner).get(&key.kind).map(|r| r.watch.clone());
        let Some(watch) = watched else { return Ok(None) };
        let api = Api::<Watched>::namespaced_with(self.client.clone(), &key.namespace, &watch.resource);
        let Some(Watched { object, .. }) = api.get_opt(&key.name).await? else { return Ok(None) };
        let entry = self.cache.entry(&key.kind, object, watch.keep, &self.facts);
        let text = entry.text();
        // A namespace that has more of them than that is served all the same, and its own objects wait for it.
        if self.cache.bytes(&key.kind, Some(&key.namespace)) + entry.bytes() <= TEXTS_PER_NAMESPACE {
            let version = |entry: &Option<Arc<Entry>>| entry.as_ref().map(|entry| entry.resource_version);
            // Others who met the outline of this version read it themselves. A newer one is told by no event any more.
            let newer = self.cache.put(entry).filter(|change| version(&change.before) != version(&change.after));
            newer.iter().for_each(|change| self.wake_lookers(change, Some(asker)));
        }
        Ok(text)
    }

    /// Drops the texts of objects that nobody looks up any more.
    pub fn sweep(&self) {
        let kinds: Vec<_> = self.cache.sizes().into_iter().map(|(kind, _)| kind).filter(is_outlined).collect();
        for kind in kinds {
            self.cache.outline(&kind, |entry| {
                let selects = |selector: &str| entry.is_selected(&Selector::parse(selector));
                !self.deps.askers(&Lookup::Object(entry.key.clone())).is_empty()
                    || !self.deps.listers(&kind, &entry.key.namespace, selects).is_empty()
            });
        }
    }

    fn keep_of(&self, kind: &GroupKind) -> Keep {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = watches.get(kind).map(|running| running.watch.keep);
        // Of what is read by name, facts are all that there is.
        watched.unwrap_or(Keep { body: named::is_named(kind), status: false })
    }

    /// Which watch has been failing for longest, and for how long.
    pub fn stale(&self) -> Option<(GroupKind, Duration)> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let failing = watches.iter().filter_map(|(kind, running)| Some((kind, running.watch.failing_for()?)));
        failing.max_by_key(|(_, since)| *since).map(|(kind, since)| (kind.clone(), since))
    }

    /// Queue lengths by kind, for metrics.
    pub fn depths(&self) -> Vec<(GroupKind, usize)> {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        queues.iter().map(|(kind, (queue, _))| (kind.clone(), queue.depth())).collect()
    }
}

#[cfg(test)]
mod tests;
