//! From loaded plugins to plugins in service.
//!
//! Loading is every replica's; service is the leader's. A standby keeps what it loaded ready and out of the registry. When it
//! gains the Lease, what each `Plugin` asks for goes through the guard of its kind before it serves, in this term as in every
//! other: a version that the leader before it refused is refused again. Then the last good one serves, if this replica has it
//! and the kind is still as that one installed it; else none does, and the objects say so.

use futures::future::join_all;
use opstack_core::blame::{Blame, Fault};
use opstack_core::ids::{GroupKind, Gvk, ObjectKey, PluginName};
use opstack_core::requeue;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;
use tracing::{info, warn};

use super::gate::Gate;
use super::loader::gvk;
use super::object::PluginSpec;
use super::{Serving, crd, revoke};
use crate::context::Context;
use crate::controller::Controllers;
use crate::deps::Lookup;

/// What is loaded under one name.
#[derive(Default)]
struct Loaded {
    /// What the `Plugin` object asks for; nothing where that can't be loaded.
    wanted: Option<Arc<Serving>>,
    /// The last one that served or could have.
    last_good: Option<Arc<Serving>>,
    /// What its object says now; nothing for a plugin that has none.
    spec: Option<PluginSpec>,
    /// The term in which the one in service passed the guard.
    passed_in: Option<u64>,
}

/// The plugins of this replica, in service or not.
pub struct Service {
    cx: Arc<Context>,
    controllers: Arc<Controllers>,
    gate: Arc<Gate>,
    loaded: Mutex<BTreeMap<PluginName, Loaded>>,
    /// One at a time may come to serve a kind or a client.
    places: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A plugin's name as that of its object.
pub fn key_of(plugin: &PluginName) -> ObjectKey {
    ObjectKey::new(gvk().group_kind, "", plugin.as_str())
}

impl Service {
    /// Nothing is loaded yet.
    pub fn new(cx: Arc<Context>, controllers: Arc<Controllers>, gate: Arc<Gate>) -> Self {
        Self { cx, controllers, gate, loaded: Mutex::default(), places: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PluginName, Loaded>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a `Plugin` asks for was loaded, or (nothing) can't be.
    pub fn supply(&self, name: &PluginName, wanted: Option<Serving>) {
        let serving = self.cx.registry.get(name);
        let mut all = self.lock();
        let loaded = all.entry(name.clone()).or_default();
        let before = std::mem::replace(&mut loaded.wanted, wanted.map(Arc::new));
        let good = before.filter(|before| self.is_installed(before)).or(serving);
        loaded.last_good = good.or(loaded.last_good.take());
    }

    /// A `Plugin` object says something else than before, and what it asks for is not loaded yet. From now on nothing of before
    /// serves or comes into service that it does not allow; nothing at all where the object can't be read (`None`).
    pub fn restrict(&self, name: &PluginName, spec: Option<&PluginSpec>) {
        {
            let mut all = self.lock();
            let loaded = all.entry(name.clone()).or_default();
            loaded.wanted = loaded.wanted.take().and_then(|known| allowed(known, spec?));
            loaded.last_good = loaded.last_good.take().filter(|_| spec.is_some());
            loaded.spec = spec.cloned();
        }
        revoke::restrict(&self.cx, name, spec);
    }

    /// Whether the kind is as this plugin would install it, so that it serves or may. A client has no kind.
    fn is_installed(&self, serving: &Serving) -> bool {
        let Some(manifest) = serving.manifest() else { return true };
        let Ok(wanted) = crd::dressed(manifest, &serving.name) else { return false };
        let live = self.cx.hub.cache.get(&crd_key(&wanted));
        live.is_some_and(|live| crd::is_installed(&live.parsed(), &wanted))
    }

    /// Lets what a `Plugin` asks for serve, where this replica leads. Where that is refused, what served in this term goes on.
    ///
    /// # Errors
    /// When the kind or the client is another plugin's, or its CRD can't be installed.
    pub async fn admit(&self, name: &PluginName) -> Result<(), Fault> {
        let Ok(term) = self.cx.leader.check() else { return Ok(()) };
        let (wanted, last_good, spec, passed_in) = match self.lock().get(name) {
            Some(loaded) => (loaded.wanted.clone(), loaded.last_good.clone(), loaded.spec.clone(), loaded.passed_in),
            None => return Ok(()),
        };
        let (serving, has_passed) = (self.cx.registry.get(name), passed_in == Some(term.token));
        if has_passed && serving.as_ref().zip(wanted.as_ref()).is_some_and(|(now, wanted)| Arc::ptr_eq(now, wanted)) {
            return Ok(());
        }
        let refusal = match &wanted {
            None => None,
            Some(wanted) => match self.guard(wanted).await {
                Ok(()) => {
                    self.serve(wanted, term.token);
                    return Ok(());
                }
                // Whether it may serve shows later.
                Err(fault) if requeue::retried(fault.blame) => return Err(fault),
                Err(fault) => Some(fault),
            },
        };
        if !has_passed {
            let good = [last_good, serving].into_iter().flatten();
            let good = good.filter_map(|known| match &spec {
                Some(spec) => allowed(known, spec),
                None => Some(known),
            });
            self.fall_back(name, good.collect(), term.token).await?;
        }
        self.gate.clear(name);
        refusal.map_or(Ok(()), Err)
    }

    /// Lets the first serve whose kind is as it installed it; none of them otherwise. None is installed anew: it is not what
    /// its object asks for.
    async fn fall_back(&self, name: &PluginName, good: Vec<Arc<Serving>>, term: u64) -> Result<(), Fault> {
        for serving in good {
            let is_as_it_was = match serving.manifest() {
                None => true,
                Some(manifest) => {
                    let wanted = crd::dressed(manifest, &serving.name)?;
                    let live = crd::live(&self.cx.hub.client, &wanted).await?;
                    live.is_some_and(|live| crd::is_installed(&live, &wanted))
                }
            };
            if is_as_it_was && self.check_taken(&serving).is_ok() {
                self.serve(&serving, term);
                return Ok(());
            }
        }
        self.withdraw(name);
        Ok(())
    }

    /// Installs the kind of a plugin, if it may.
    async fn guard(&self, serving: &Arc<Serving>) -> Result<(), Fault> {
        let place = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.entry(place_of(serving)).or_default().clone()
        };
        let _alone = place.lock().await;
        self.check_taken(serving)?;
        let Some(manifest) = serving.manifest() else { return Ok(()) };
        let crd = crd::dressed(manifest, &serving.name)?;
        self.cx.leader.during(crd::install(&self.cx.hub.client, &crd, &serving.name)).await?.map(|_| ())
    }

    fn serve(&self, serving: &Arc<Serving>, term: u64) {
        self.lock().entry(serving.name.clone()).or_default().passed_in = Some(term);
        let before = self.cx.registry.insert(serving.clone());
        if !before.as_ref().is_some_and(|before| Arc::ptr_eq(before, serving)) {
            info!(plugin = %serving.name, digest = %serving.plugin.digest(), "in service");
            before.iter().chain([serving]).for_each(|changed| self.wake(changed));
        }
        // Last: objects that waited for this are not named once more after they were looked at.
        self.gate.clear(&serving.name);
    }

    fn withdraw(&self, name: &PluginName) {
        if revoke::end(&self.cx, name).is_some() {
            info!(plugin = %name, "out of service");
        }
    }

    /// Forgets a plugin whose object is gone.
    pub fn remove(&self, name: &PluginName) {
        self.lock().remove(name);
        self.withdraw(name);
        self.gate.clear(name);
        self.gate.loaded(name);
    }

    /// Names whom it concerns that a plugin came, changed or went.
    fn wake(&self, changed: &Serving) {
        if let Some(client) = changed.client() {
            self.cx.hub.wake_askers(&Lookup::Client(client.to_string()));
        }
        if let Some(kind) = changed.kind() {
            self.controllers.wake_all(&kind.group_kind);
        }
        // Others that want its kind.
        self.cx.hub.wake_askers(&Lookup::Version(key_of(&changed.name)));
    }

    fn taken_by(&self, serving: &Serving) -> Option<PluginName> {
        let other = match (serving.kind(), serving.client()) {
            (Some(kind), _) => self.cx.registry.workload(&kind.group_kind),
            (None, Some(client)) => self.cx.registry.client(client),
            (None, None) => None,
        };
        other.map(|other| other.name.clone()).filter(|other| *other != serving.name)
    }

    fn check_taken(&self, serving: &Serving) -> Result<(), Fault> {
        self.taken_by(serving).map_or(Ok(()), |other| {
            let message =
                format!("plugin {other} serves the same kind or client already; delete one of the two Plugin objects");
            Err(Fault::new(Blame::Spec, "KindTaken", message))
        })
    }

    /// What a refusal of a plugin rests on: the definition of its kind with its annotations, the objects of its kind, and the
    /// plugin that has its place.
    pub fn rests_on(&self, name: &PluginName) -> Vec<Lookup> {
        let Some(wanted) = self.lock().get(name).and_then(|loaded| loaded.wanted.clone()) else { return vec![] };
        let mut lookups: Vec<_> = self.taken_by(&wanted).iter().map(|other| Lookup::Version(key_of(other))).collect();
        if let Some(crd) = wanted.manifest().and_then(|manifest| crd::dressed(manifest, name).ok()) {
            lookups.push(Lookup::Version(crd_key(&crd)));
        }
        lookups.extend(wanted.kind().map(|kind| Lookup::Intents(kind.group_kind)));
        lookups
    }

    /// Kinds of all that is loaded.
    pub fn kinds(&self) -> BTreeSet<Gvk> {
        let wanted = self.lock().values().filter_map(|loaded| loaded.wanted.as_ref()?.kind()).collect::<Vec<_>>();
        wanted.into_iter().chain(self.cx.registry.kinds()).collect()
    }

    /// Begins a term: all that is loaded goes through the guard. Gives those of which it is not known yet whether they may serve;
    /// their objects wait.
    pub async fn begin(&self, term: u64) -> BTreeSet<PluginName> {
        let serving = self.cx.registry.all().into_iter().map(|serving| serving.name.clone());
        let names: BTreeSet<PluginName> = serving.chain(self.lock().keys().cloned()).collect();
        let has_kind = |name: &PluginName| {
            let wanted = self.lock().get(name).and_then(|loaded| loaded.wanted.clone());
            wanted.is_none_or(|wanted| wanted.manifest().is_some())
        };
        let (kinds, clients): (BTreeSet<_>, BTreeSet<_>) = names.into_iter().partition(has_kind);
        // Clients have nothing to install, so that no object finds one missing.
        self.admit_all(clients).await;
        self.gate.begin(term, kinds.clone());
        self.admit_all(kinds).await
    }

    /// Tries those again that the API server kept from the guard, while the term lasts.
    pub async fn retry(&self, mut unclear: BTreeSet<PluginName>, term: u64) {
        while !unclear.is_empty() && self.cx.leader.check().is_ok_and(|now| now.token == term) {
            sleep(AGAIN).await;
            unclear = self.admit_all(unclear).await;
        }
    }

    /// Lets plugins serve, those first that do by the word of their objects. Gives those of which it is not known yet.
    async fn admit_all(&self, names: BTreeSet<PluginName>) -> BTreeSet<PluginName> {
        let (incumbents, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| self.serves_by_status(name));
        let mut left = BTreeSet::new();
        for group in [incumbents, others] {
            let outcomes = join_all(group.iter().map(|name| self.admit(name))).await;
            for (name, outcome) in group.into_iter().zip(outcomes) {
                let Err(fault) = outcome else { continue };
                warn!(plugin = %name, %fault, "the version that is asked for does not come into service");
                if requeue::retried(fault.blame) {
                    left.insert(name);
                }
            }
        }
        left
    }

    fn serves_by_status(&self, name: &PluginName) -> bool {
        let object = self.cx.hub.cache.get(&key_of(name)).map(|entry| entry.parsed()).unwrap_or_default();
        let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    }
}

/// A plugin with the grants of a spec; nothing if that allows another component only, or less than it asks for.
fn allowed(known: Arc<Serving>, spec: &PluginSpec) -> Option<Arc<Serving>> {
    let digest = known.plugin.digest().to_string();
    if spec.digest.as_ref().is_some_and(|pinned| *pinned != digest) {
        return None;
    }
    let grants = spec.grants.grants().ok()?;
    let missing = known.manifest().map(|manifest| grants.missing(manifest)).transpose().ok()?;
    if missing.is_some_and(|missing| !missing.is_empty()) {
        return None;
    }
    if grants == known.grants {
        return Some(known);
    }
    let (name, plugin, configuration) = (known.name.clone(), known.plugin.clone(), known.configuration.clone());
    Some(Arc::new(Serving { name, plugin, grants, configuration }))
}

/// A new leader tries a guard that the API server did not answer again after so long.
const AGAIN: Duration = Duration::from_secs(1);

fn crd_key(crd: &Value) -> ObjectKey {
    let kind: GroupKind = crd::gvk().group_kind;
    ObjectKey::new(kind, "", crd["metadata"]["name"].as_str().unwrap_or_default())
}

/// What only one plugin can have.
fn place_of(serving: &Serving) -> String {
    serving.kind().map_or_else(|| serving.client().unwrap_or_default().into(), |kind| kind.group_kind.to_string())
}
