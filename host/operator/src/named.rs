//! Secrets that objects name: read by name, kept as facts, and read again in turn.
//!
//! The operator has no right to list or watch Secrets, so no event says that one changed. A name that is looked up for the first
//! time is read before the answer counts (see [`crate::render`]); as long as anybody looks at it, it is read again every
//! [`PRESENT`], or every [`ABSENT`] while it is not there. All of these reads together are at most [`PER_SECOND`], and namespaces
//! take turns, so that one with many names does not delay the others'. What is read enters the cache like a watch event.

use kube::api::{Api, ApiResource};
use kube::core::GroupVersionKind;
use opstack_core::blame::{Blame, Fault};
use opstack_core::ids::{GroupKind, Gvk, ObjectKey};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::debug;

use crate::apply::fault_of;
use crate::cache::Watched;
use crate::deps::Lookup;
use crate::hub::Hub;

/// A Secret that is there is read again after so long, or later where there are very many.
pub const PRESENT: Duration = Duration::from_secs(30);
/// One that is not there: somebody waits for it.
pub const ABSENT: Duration = Duration::from_secs(5);
/// Reads in turn, of all namespaces together.
pub const PER_SECOND: u32 = 20;
/// How long the API server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The kind that is read by name.
pub fn gvk() -> Gvk {
    Gvk::new("", "v1", "Secret")
}

/// Whether a kind is read by name, unless a plugin owns it and it is watched for that.
pub fn is_named(kind: &GroupKind) -> bool {
    kind.group.is_empty() && kind.kind.as_ref() == "Secret"
}

/// When names are read again.
#[derive(Default)]
pub struct Named {
    turns: Mutex<Turns>,
    /// Something may be due earlier than before.
    added: Notify,
}

impl Named {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of these names, those that nobody has read yet.
    pub fn unread<'a>(&self, names: impl IntoIterator<Item = &'a ObjectKey>) -> Vec<ObjectKey> {
        let turns = self.turns();
        names.into_iter().filter(|name| !turns.due.contains_key(name)).cloned().collect()
    }

    /// Has names that were not read yet read in their turn.
    pub fn follow(&self, names: impl IntoIterator<Item = ObjectKey>) {
        let mut turns = self.turns();
        let now = Instant::now();
        let new: Vec<_> = names.into_iter().filter(|name| !turns.due.contains_key(name)).collect();
        new.into_iter().for_each(|name| turns.set(name, now));
        self.added.notify_one();
    }

    /// Reads names now.
    ///
    /// # Errors
    /// When the API server does not give an answer for one of them.
    pub async fn read(&self, hub: &Hub, names: &[ObjectKey]) -> Result<(), Fault> {
        for name in names {
            let what = format!("failed to read {name}");
            match timeout(TIMEOUT, fetch(hub, name)).await {
                Ok(Ok(is_there)) => self.again(name, is_there),
                Ok(Err(error)) => return Err(fault_of(&error, &what)),
                Err(_) => {
                    let message = format!("{what}: no answer within {} s", TIMEOUT.as_secs());
                    return Err(Fault::new(Blame::Cluster, "Timeout", message));
                }
            }
        }
        Ok(())
    }

    /// A name was just written, and what it holds is known.
    pub fn written(&self, name: &ObjectKey) {
        self.again(name, true);
    }

    /// A name is not as it was known: it is read as soon as it can have its turn.
    pub fn doubt(&self, name: &ObjectKey) {
        self.turns().set(name.clone(), Instant::now());
        self.added.notify_one();
    }

    fn again(&self, name: &ObjectKey, is_there: bool) {
        self.turns().set(name.clone(), Instant::now() + if is_there { PRESENT } else { ABSENT });
        self.added.notify_one();
    }

    /// Reads names in their turn, for ever.
    pub async fn run(&self, hub: &Hub) {
        loop {
            let next = self.turns().next(Instant::now());
            match next {
                Next::Now(name) => {
                    self.turn(hub, &name).await;
                    sleep(Duration::from_secs(1) / PER_SECOND).await;
                }
                Next::At(at) => tokio::select! { () = sleep_until(at) => {}, () = self.added.notified() => {} },
                Next::Never => self.added.notified().await,
            }
        }
    }

    async fn turn(&self, hub: &Hub, name: &ObjectKey) {
        if self.turns().drop_unless(name, || hub.is_looked_at(name)) {
            hub.found(name, hub.cache.get(name).as_deref(), None);
            return;
        }
        if let Err(fault) = self.read(hub, std::slice::from_ref(name)).await {
            // What is known stands; who needs more of it says so itself.
            debug!(%name, %fault, "not read again");
            self.again(name, true);
        }
    }
}

/// Reads a Secret, its values only if they may have changed. Whether it is there.
async fn fetch(hub: &Hub, name: &ObjectKey) -> Result<bool, kube::Error> {
    if !can_exist(name) {
        return Ok(false);
    }
    let Gvk { group_kind, version } = gvk();
    let gvk = GroupVersionKind::gvk(&group_kind.group, &version, &group_kind.kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, "secrets");
    let api = Api::<Watched>::namespaced_with(hub.client.clone(), &name.namespace, &resource);
    let known = hub.cache.get(name);
    if let Some(known) = &known {
        let metadata = api.get_metadata_opt(&name.name).await?.map(|object| object.metadata);
        let version = metadata.and_then(|metadata| metadata.resource_version);
        if version.is_some_and(|version| version == known.resource_version.to_string()) {
            return Ok(true);
        }
    }
    let found = api.get_opt(&name.name).await?;
    let is_there = found.is_some();
    hub.found(name, known.as_deref(), found.map(|found| found.object));
    Ok(is_there)
}

/// Whether anything may have such a name. Plugins choose it, and it becomes a part of a URL.
fn can_exist(name: &ObjectKey) -> bool {
    let fits = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        bytes.len() <= 253 && bytes.iter().all(|byte| allowed(*byte)) && ends(bytes.first()) && ends(bytes.last())
    };
    fits(&name.namespace) && fits(&name.name)
}

/// The names in some lookups.
pub fn names<'a>(lookups: impl IntoIterator<Item = &'a Lookup>) -> impl Iterator<Item = &'a ObjectKey> {
    lookups.into_iter().filter_map(|lookup| match lookup {
        Lookup::Object(key) | Lookup::Version(key) => Some(key).filter(|key| is_named(&key.kind)),
        Lookup::List(_) | Lookup::Intents(_) | Lookup::Client(_) => None,
    })
}

/// What is to be read next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Now(ObjectKey),
    At(Instant),
    Never,
}

/// Names by the time at which they are due, namespace by namespace.
#[derive(Default)]
struct Turns {
    due: HashMap<ObjectKey, Instant>,
    queues: BTreeMap<Arc<str>, BTreeSet<(Instant, Arc<str>)>>,
    /// The namespace that had its turn last.
    last: Arc<str>,
}

impl Turns {
    fn set(&mut self, name: ObjectKey, at: Instant) {
        self.remove(&name);
        self.queues.entry(name.namespace.clone()).or_default().insert((at, name.name.clone()));
        self.due.insert(name, at);
    }

    fn remove(&mut self, name: &ObjectKey) {
        let Some(at) = self.due.remove(name) else { return };
        if let Some(queue) = self.queues.get_mut(&name.namespace) {
            queue.remove(&(at, name.name.clone()));
            if queue.is_empty() {
                self.queues.remove(&name.namespace);
            }
        }
    }

    /// Forgets a name that nobody looks at. Under the lock, so that one who looks at it now finds it either followed or unread.
    fn drop_unless(&mut self, name: &ObjectKey, is_looked_at: impl FnOnce() -> bool) -> bool {
        let drops = !is_looked_at();
        if drops {
            self.remove(name);
        }
        drops
    }

    /// The first name of the next namespace that has one due; it stays until it is set to another time.
    fn next(&mut self, now: Instant) -> Next {
        let first = |queue: &BTreeSet<(Instant, Arc<str>)>| queue.first().cloned();
        let after = self.queues.range((Bound::Excluded(self.last.clone()), Bound::Unbounded));
        let upto = self.queues.range(..=self.last.clone());
        let firsts = after.chain(upto).filter_map(|(namespace, queue)| Some((namespace, first(queue)?)));
        let mut soonest: Option<Instant> = None;
        for (namespace, (at, name)) in firsts {
            if at <= now {
                let namespace = namespace.clone();
                self.last = namespace.clone();
                let GroupKind { group, kind, .. } = gvk().group_kind;
                return Next::Now(ObjectKey::new(GroupKind::new(&group, &kind), &namespace, &name));
            }
            soonest = Some(soonest.map_or(at, |soonest| soonest.min(at)));
        }
        soonest.map_or(Next::Never, Next::At)
    }
}

#[cfg(test)]
mod tests;
