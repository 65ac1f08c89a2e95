//! From `Plugin` objects to loaded plugins.
//!
//! A change of the object or of its ConfigMap loads the component anew. Whatever goes wrong with a new version, the old one serves
//! on, and the object's status says why. What waits for a compiler holds up nothing that does not.

use opstack_core::answer::{Condition, Truth};
use opstack_core::blame::{Blame, Fault};
use opstack_core::grants::Grants;
use opstack_core::hash;
use opstack_core::ids::{GroupKind, Gvk, ObjectKey, PluginName};
use opstack_core::requeue::{self, Requeue};
use opstack_engine::{Artifact, Engine, LoadError, Plugin, Role};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::object::{self, PluginSpec};
use super::service::Service;
use super::{Serving, source};
use crate::context::Context;
use crate::deps::Lookup;

/// Components whose bytes are in memory at once, beside those that are being compiled.
const OPENED_AT_ONCE: usize = 2;
/// Compilers at once. Each may take the memory that is allowed to one.
const COMPILED_AT_ONCE: usize = 2;
/// What is refused and loaded is tried again after so long, whatever wakes it before: that costs a call or two.
const REFUSED_AGAIN: Duration = Duration::from_secs(300);

/// Loads plugins.
pub struct Loader {
    cx: Arc<Context>,
    service: Arc<Service>,
    engine: Engine,
    opening: Semaphore,
    compiling: Semaphore,
    /// What was loaded last under a name: hash of the spec and version of its ConfigMap.
    seen: Mutex<HashMap<PluginName, String>>,
}

/// The kind `Plugin`.
pub fn gvk() -> Gvk {
    Gvk::new(object::GROUP, object::VERSION, object::KIND)
}

impl Loader {
    /// A loader of plugins for a service.
    pub fn new(cx: Arc<Context>, service: Arc<Service>, engine: Engine) -> Self {
        let (opening, compiling) = (Semaphore::new(OPENED_AT_ONCE), Semaphore::new(COMPILED_AT_ONCE));
        Self { cx, service, engine, opening, compiling, seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<PluginName, String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings one plugin to where its object wants it. Says when to look again.
    pub async fn reconcile(&self, key: &ObjectKey) -> Requeue {
        let Ok(name) = PluginName::parse(&key.name) else { return Requeue::Await };
        let Some(entry) = self.cx.hub.cache.get(key).filter(|entry| !entry.live.terminating) else {
            self.seen().remove(&name);
            self.service.remove(&name);
            self.cx.hub.deps.forget(key);
            return Requeue::Await;
        };
        let object = entry.parsed();
        let outcome = self.advance(key, &name, &object).await;
        if let Err(fault) = &outcome {
            warn!(plugin = %name, blame = %fault.blame, reason = fault.reason, "{fault}");
        }
        let requeue = match (&outcome, self.seen().contains_key(&name)) {
            (Ok(()), _) => Requeue::Await,
            (Err(fault), is_loaded) => match requeue::after(fault) {
                Requeue::Await if is_loaded => Requeue::After(REFUSED_AGAIN),
                other => other,
            },
        };
        match self.report(key, &name, &object, outcome.err().as_ref()).await {
            Ok(()) => requeue,
            Err(_) => Requeue::Backoff,
        }
    }

    async fn advance(&self, key: &ObjectKey, name: &PluginName, object: &Value) -> Result<(), Fault> {
        let spec = serde_json::from_value::<PluginSpec>(object["spec"].clone());
        // First of all: what fails below must not keep a right that was taken.
        self.service.restrict(name, spec.as_ref().ok());
        let spec = spec.map_err(|error| Fault::new(Blame::Spec, "InvalidSpec", format!("spec: {error}")));
        let supplied = match spec {
            Ok(spec) => self.supply(key, name, &spec, object).await,
            Err(fault) => Err(fault),
        };
        supplied.inspect_err(|_| {
            if self.seen().remove(name).is_some() {
                self.service.supply(name, None);
            }
        })?;
        let admitted = self.service.admit(name).await;
        if admitted.is_err() {
            self.cx.hub.deps.add(key, self.service.rests_on(name));
        }
        admitted
    }

    /// Loads what the object asks for, unless it is loaded.
    async fn supply(&self, key: &ObjectKey, name: &PluginName, spec: &PluginSpec, object: &Value) -> Result<(), Fault> {
        let version = self.follow_source(key, spec);
        let stamp = hash::of_parts([object["spec"].to_string().as_str(), version.as_str()]);
        if self.seen().get(name) == Some(&stamp) {
            return Ok(());
        }
        let serving = Serving {
            name: name.clone(),
            plugin: self.load(spec).await?,
            grants: spec.grants.grants()?,
            configuration: spec.configuration.to_string().into(),
        };
        check(&serving)?;
        // Loading takes a while: what was taken meanwhile must not be given back.
        if self.is_superseded(key, object) {
            return Err(Fault::new(Blame::Host, "Superseded", "the Plugin changed while its component was loaded"));
        }
        self.service.supply(name, Some(serving));
        self.seen().insert(name.clone(), stamp);
        Ok(())
    }

    /// Lets changes of the ConfigMap wake the object; gives the version that is known now.
    fn follow_source(&self, key: &ObjectKey, spec: &PluginSpec) -> String {
        let config_map = spec.source.config_map.as_ref().map(|source| {
            let namespace = source.namespace.as_deref().unwrap_or(&self.cx.facts.operator_namespace);
            ObjectKey::new(GroupKind::new("", "ConfigMap"), namespace, &source.name)
        });
        self.cx.hub.deps.record(key, config_map.clone().map(Lookup::Version).into_iter().collect());
        let entry = config_map.and_then(|config_map| self.cx.hub.cache.get(&config_map));
        entry.map(|entry| entry.resource_version.to_string()).unwrap_or_default()
    }

    fn is_superseded(&self, key: &ObjectKey, object: &Value) -> bool {
        let now = self.cx.hub.cache.get(key);
        now.is_none_or(|entry| entry.live.terminating || entry.parsed()["spec"] != object["spec"])
    }

    /// Loads a component. What has to be compiled waits apart, and without its bytes.
    async fn load(&self, spec: &PluginSpec) -> Result<Plugin, Fault> {
        {
            let _turn = self.opening.acquire().await;
            let artifact = self.open(spec).await?;
            let engine = self.engine.clone();
            let (artifact, is_known) = blocking(move || {
                let is_known = engine.is_known(&artifact);
                (artifact, is_known)
            })
            .await?;
            if is_known {
                return self.finish(artifact, spec).await;
            }
        }
        let _turn = self.compiling.acquire().await;
        let artifact = self.open(spec).await?;
        self.finish(artifact, spec).await
    }

    async fn open(&self, spec: &PluginSpec) -> Result<Artifact, Fault> {
        let bytes = source::fetch(&self.cx.hub.client, &spec.source, &self.cx.facts.operator_namespace).await?;
        let pinned = spec.digest.clone();
        blocking(move || open(&bytes, pinned.as_deref())).await?
    }

    async fn finish(&self, artifact: Artifact, spec: &PluginSpec) -> Result<Plugin, Fault> {
        let (engine, limits) = (self.engine.clone(), spec.limits.limits());
        blocking(move || engine.load(&artifact, limits).map_err(refused)).await?
    }

    /// Puts all plugins of a directory into service, trusted with all that they ask for.
    pub async fn load_dir(&self, dir: &std::path::Path) {
        let (engine, dir) = (self.engine.clone(), dir.to_path_buf());
        let all = match blocking(move || crate::cli::offline::load_dir(&engine, &dir)).await {
            Ok(Ok(all)) => all,
            Ok(Err(error)) => return tracing::error!("{error:#}"),
            Err(fault) => return tracing::error!(%fault, "failed to load plugins"),
        };
        for serving in all {
            let name = serving.name.clone();
            self.service.supply(&name, Some(serving));
            if let Err(fault) = self.service.admit(&name).await {
                warn!(plugin = %name, %fault, "failed to put a plugin into service");
            }
        }
    }

    async fn report(
        &self,
        key: &ObjectKey,
        name: &PluginName,
        object: &Value,
        fault: Option<&Fault>,
    ) -> Result<(), Fault> {
        if self.cx.leader.check().is_err() {
            return Ok(());
        }
        let serving = self.cx.registry.get(name);
        let loaded = match fault {
            None => Condition::new("Loaded", Truth::True, "Loaded", "the component that spec asks for is loaded"),
            Some(fault) => {
                Condition::new("Loaded", Truth::False, &format!("{}{}", fault.blame, fault.reason), &*fault.message)
            }
        };
        let ready = match &serving {
            Some(serving) => Condition::new("Ready", Truth::True, "Serving", format!("{} is serving", serving.title())),
            None => Condition::new("Ready", Truth::False, &loaded.reason, &*loaded.message),
        };
        let status = serving.as_deref().map(status_of).unwrap_or_else(|| json!({}));
        let next = opstack_core::status::next(
            &object["status"],
            &opstack_core::status::Report {
                plugin: Some(&status),
                conditions: &[loaded, ready],
                phase: None,
                applied: None,
                generation: object["metadata"]["generation"].as_i64().unwrap_or(0),
                now: &crate::report::now(),
            },
        );
        let Some(next) = next else { return Ok(()) };
        let gvk = gvk();
        let subject = crate::report::Subject { key, gvk: &gvk, object, manager: "opstack/host" };
        crate::report::write(&self.cx, &subject, next).await
    }
}

fn status_of(serving: &Serving) -> Value {
    let (role, serves, version) = match serving.plugin.role() {
        Role::Workload(manifest) => {
            ("Workload", super::served_kind(manifest).group_kind.to_string(), manifest.version.clone())
        }
        Role::Client(manifest) => ("ExecutionClient", manifest.name.clone(), manifest.version.clone()),
    };
    json!({
        "role": role,
        "serves": serves,
        "version": version,
        "contractVersion": serving.plugin.contract_version(),
        "digest": serving.plugin.digest().to_string(),
    })
}

fn refused(error: LoadError) -> Fault {
    let blame = if error.is_hosts() { Blame::Host } else { Blame::Plugin };
    Fault::new(blame, error.reason(), error.to_string())
}

fn open(bytes: &[u8], pinned: Option<&str>) -> Result<Artifact, Fault> {
    let artifact = Artifact::open(bytes).map_err(refused)?;
    let digest = artifact.digest().to_string();
    match pinned.filter(|pinned| *pinned != digest) {
        None => Ok(artifact),
        Some(pinned) => {
            let message = format!("the component has the digest {digest}; spec.digest allows only {pinned}");
            Err(Fault::new(Blame::Spec, "DigestMismatch", message))
        }
    }
}

/// Runs what takes its time on a thread for that.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    spawn_blocking(work).await.map_err(|error| Fault::new(Blame::Host, "LoadTask", error.to_string()))
}

/// Whether the component is what its object is about, and asks for no more than is granted.
fn check(serving: &Serving) -> Result<(), Fault> {
    let own_name = match serving.plugin.role() {
        Role::Workload(manifest) => &manifest.name,
        Role::Client(manifest) => &manifest.name,
    };
    if own_name != serving.name.as_str() {
        let message = format!(
            "the component calls itself {own_name:?}; its Plugin object must have that name and not {:?}",
            serving.name.as_str()
        );
        return Err(Fault::new(Blame::Spec, "NameMismatch", message));
    }
    let missing = serving.manifest().map(|manifest| serving.grants.missing(manifest)).transpose()?.unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("it asks to {}; spec.grants does not allow that", missing.join(", to "));
    Err(Fault::new(Blame::Spec, "NotGranted", message))
}

/// A plugin from a file, with all that its manifest asks for granted: for development.
///
/// # Errors
/// As for a `Plugin` object.
pub fn trusted(engine: &Engine, bytes: &[u8]) -> Result<Serving, Fault> {
    let plugin = engine.load(&open(bytes, None)?, opstack_engine::Limits::default()).map_err(refused)?;
    let (name, grants) = match plugin.role() {
        Role::Workload(manifest) => (manifest.name.clone(), Grants::all_of(manifest)?),
        Role::Client(manifest) => (manifest.name.clone(), Grants::default()),
    };
    let name = PluginName::parse(&name).map_err(|error| Fault::plugin("InvalidManifest", error.to_string()))?;
    Ok(Serving { name, plugin, grants, configuration: "null".into() })
}
