//! From `Plugin` objects to plugins in service.
//!
//! A change of the object or of its ConfigMap loads the component anew and swaps it in. Whatever goes wrong with a new version,
//! the old one serves on, and the object's status says why.

use opstack_core::answer::{Condition, Truth};
use opstack_core::blame::{Blame, Fault};
use opstack_core::grants::Grants;
use opstack_core::hash;
use opstack_core::ids::{GroupKind, Gvk, ObjectKey, PluginName};
use opstack_core::requeue::{self, Requeue};
use opstack_engine::{Artifact, Engine, LoadError, Role};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::object::{self, PluginSpec};
use super::{Serving, crd, revoke, source};
use crate::context::Context;
use crate::controller::Controllers;
use crate::deps::Lookup;

/// How long the API server may take to serve a new kind.
const ESTABLISHED_WITHIN: Duration = Duration::from_secs(20);

/// Loads plugins.
pub struct Loader {
    cx: Arc<Context>,
    controllers: Arc<Controllers>,
    engine: Engine,
    /// What was loaded last under a name: hash of the spec and version of its ConfigMap.
    seen: Mutex<HashMap<PluginName, String>>,
}

/// The kind `Plugin`.
pub fn gvk() -> Gvk {
    Gvk::new(object::GROUP, object::VERSION, object::KIND)
}

impl Loader {
    /// A loader that puts plugins into the registry of the context.
    pub fn new(cx: Arc<Context>, controllers: Arc<Controllers>, engine: Engine) -> Self {
        Self { cx, controllers, engine, seen: Mutex::default() }
    }

    /// Brings one plugin to where its object wants it. Says when to look again.
    pub async fn reconcile(&self, key: &ObjectKey) -> Requeue {
        let Ok(name) = PluginName::parse(&key.name) else { return Requeue::Await };
        let Some(entry) = self.cx.hub.cache.get(key).filter(|entry| !entry.live.terminating) else {
            self.unload(&name);
            self.cx.hub.deps.forget(key);
            return Requeue::Await;
        };
        let object = entry.parsed();
        let outcome = self.advance(key, &name, &object).await;
        let requeue = match &outcome {
            Err(fault) if requeue::retried(fault.blame) => Requeue::Backoff,
            _ => Requeue::Await,
        };
        if let Err(fault) = &outcome {
            warn!(plugin = %name, blame = %fault.blame, reason = fault.reason, "{fault}");
        }
        match self.report(key, &name, &object, outcome.err().as_ref()).await {
            Ok(()) => requeue,
            Err(_) => Requeue::Backoff,
        }
    }

    async fn advance(&self, key: &ObjectKey, name: &PluginName, object: &Value) -> Result<(), Fault> {
        let spec = serde_json::from_value::<PluginSpec>(object["spec"].clone());
        // First of all: what fails below must not keep a right that was taken.
        revoke::restrict(&self.cx, name, spec.as_ref().ok());
        let spec = spec.map_err(|error| Fault::new(Blame::Spec, "InvalidSpec", format!("spec: {error}")))?;
        let version = self.follow_source(key, &spec);
        let stamp = hash::of_parts([object["spec"].to_string().as_str(), version.as_str()]);
        let is_seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(name) == Some(&stamp);
        if is_seen && self.cx.registry.get(name).is_some() {
            return Ok(());
        }
        let bytes = source::fetch(&self.cx.hub.client, &spec.source, &self.cx.facts.operator_namespace).await?;
        let serving = self.load(name, &spec, bytes).await?;
        // Loading takes a while: what was taken meanwhile must not be given back.
        if self
            .cx
            .hub
            .cache
            .get(key)
            .is_none_or(|entry| entry.live.terminating || entry.parsed()["spec"] != object["spec"])
        {
            return Err(Fault::new(Blame::Host, "Superseded", "the Plugin changed while its component was loaded"));
        }
        self.put_into_service(serving).await?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), stamp);
        Ok(())
    }

    /// Lets changes of the ConfigMap wake the object; gives the version that is known now.
    fn follow_source(&self, key: &ObjectKey, spec: &PluginSpec) -> String {
        let Some(source) = &spec.source.config_map else { return String::new() };
        let namespace = source.namespace.as_deref().unwrap_or(&self.cx.facts.operator_namespace);
        let config_map = ObjectKey::new(GroupKind::new("", "ConfigMap"), namespace, &source.name);
        let version = self.cx.hub.cache.get(&config_map).map(|entry| entry.resource_version.to_string());
        self.cx.hub.deps.record(key, [Lookup::Version(config_map)].into());
        version.unwrap_or_default()
    }

    /// Loads a component and checks it against what the object allows.
    async fn load(&self, name: &PluginName, spec: &PluginSpec, bytes: Vec<u8>) -> Result<Serving, Fault> {
        let (engine, limits, pinned) = (self.engine.clone(), spec.limits.limits(), spec.digest.clone());
        let loaded = spawn_blocking(move || load(&engine, &bytes, limits, pinned.as_deref())).await;
        let plugin = loaded.map_err(|error| Fault::new(Blame::Host, "LoadTask", error.to_string()))??;
        let serving = Serving {
            name: name.clone(),
            plugin,
            grants: spec.grants.grants()?,
            configuration: spec.configuration.to_string().into(),
        };
        check(&serving)?;
        Ok(serving)
    }

    /// Installs the kind and lets the plugin serve.
    ///
    /// # Errors
    /// When the kind or the client is another plugin's, or its CRD can't be installed.
    pub async fn put_into_service(&self, serving: Serving) -> Result<(), Fault> {
        self.check_taken(&serving)?;
        if let Some(manifest) = serving.manifest() {
            let crd = crd::dressed(manifest, &serving.name)?;
            // Only the leader writes; a standby serves as soon as the leader has installed the kind.
            if self.cx.leader.check().is_ok() {
                self.install(&crd, &serving.name).await?;
            }
        }
        info!(plugin = %serving.name, digest = %serving.plugin.digest(), "in service");
        let (client, kind) = (serving.client().map(ToString::to_string), serving.kind());
        self.cx.registry.insert(serving);
        self.wake(client, kind);
        Ok(())
    }

    async fn install(&self, crd: &Value, plugin: &PluginName) -> Result<(), Fault> {
        self.cx.leader.during(crd::install(&self.cx.hub.client, crd, plugin)).await?.map(|_| ())
    }

    /// Installs the kinds of all plugins in service: what a new leader does first.
    pub async fn install_all(&self) {
        for serving in self.cx.registry.all() {
            let Some(manifest) = serving.manifest() else { continue };
            let installed = match crd::dressed(manifest, &serving.name) {
                Ok(crd) => self.install(&crd, &serving.name).await,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = installed {
                warn!(plugin = %serving.name, %fault, "failed to install the plugin's kind");
            }
        }
    }

    /// Puts all plugins of a directory into service, trusted with all that they ask for.
    pub async fn load_dir(&self, dir: &std::path::Path) {
        let (engine, dir) = (self.engine.clone(), dir.to_path_buf());
        let loaded = spawn_blocking(move || crate::cli::offline::load_dir(&engine, &dir)).await;
        let all = match loaded {
            Ok(Ok(all)) => all,
            Ok(Err(error)) => return tracing::error!("{error:#}"),
            Err(error) => return tracing::error!(%error, "failed to load plugins"),
        };
        for serving in all {
            let name = serving.name.clone();
            if let Err(fault) = self.put_into_service(serving).await {
                warn!(plugin = %name, %fault, "failed to put a plugin into service");
            }
        }
    }

    fn check_taken(&self, serving: &Serving) -> Result<(), Fault> {
        let other = match (serving.kind(), serving.client()) {
            (Some(kind), _) => self.cx.registry.workload(&kind.group_kind),
            (None, Some(client)) => self.cx.registry.client(client),
            (None, None) => None,
        };
        match other.filter(|other| other.name != serving.name) {
            None => Ok(()),
            Some(other) => {
                let message = format!("plugin {} serves the same kind or client already", other.name);
                Err(Fault::new(Blame::Spec, "KindTaken", message))
            }
        }
    }

    fn unload(&self, name: &PluginName) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        if revoke::end(&self.cx, name).is_some() {
            info!(plugin = %name, "out of service");
        }
    }

    fn wake(&self, client: Option<String>, kind: Option<Gvk>) {
        if let Some(client) = client {
            self.cx.hub.wake_askers(&Lookup::Client(client));
        }
        if let Some(kind) = kind {
            self.controllers.wake_all(&kind.group_kind);
        }
    }

    /// Waits, for a bounded time, until the kinds of all loaded plugins are served.
    pub async fn established(&self) {
        let served = async {
            let mut listed = self.cx.hub.subscribe();
            loop {
                let kinds = self.controllers.kinds();
                let missing = self.cx.registry.kinds().into_iter().any(|kind| !kinds.contains(&kind));
                if !missing || listed.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(ESTABLISHED_WITHIN, served).await.is_err() {
            warn!("some plugins' kinds are not yet served by the API server");
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

fn load(
    engine: &Engine,
    bytes: &[u8],
    limits: opstack_engine::Limits,
    pinned: Option<&str>,
) -> Result<opstack_engine::Plugin, Fault> {
    let refused = |error: LoadError| {
        let blame = if error.is_hosts() { Blame::Host } else { Blame::Plugin };
        Fault::new(blame, error.reason(), error.to_string())
    };
    let artifact = Artifact::open(bytes).map_err(refused)?;
    let digest = artifact.digest().to_string();
    if let Some(pinned) = pinned.filter(|pinned| *pinned != digest) {
        let message = format!("the component has the digest {digest}; spec.digest allows only {pinned}");
        return Err(Fault::new(Blame::Spec, "DigestMismatch", message));
    }
    engine.load(&artifact, limits).map_err(refused)
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
    let plugin = load(engine, bytes, opstack_engine::Limits::default(), None)?;
    let (name, grants) = match plugin.role() {
        Role::Workload(manifest) => (manifest.name.clone(), Grants::all_of(manifest)?),
        Role::Client(manifest) => (manifest.name.clone(), Grants::default()),
    };
    let name = PluginName::parse(&name).map_err(|error| Fault::plugin("InvalidManifest", error.to_string()))?;
    Ok(Serving { name, plugin, grants, configuration: "null".into() })
}
