//! The engine: one for the process. Loads plugins.

use std::path::PathBuf;
use std::sync::Arc;
use tracing::warn;
use wasmtime::component::{HasSelf, Linker};

use crate::artifact::Artifact;
use crate::compiled::{Compiled, Places};
use crate::contract::{ExecutionClientPlugin, ExecutionClientPluginPre, WorkloadPlugin, WorkloadPluginPre};
use crate::error::LoadError;
use crate::host::State;
use crate::limits::Limits;
use crate::plugin::{Identity, Instances, Plugin};
use crate::refusals::Refusals;
use crate::settings::EngineConfig;
use crate::surface::{CONTRACT, Surface, World};
use crate::{clock, compiled, settings};

/// The engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refuses the configuration on this machine.
    #[error("failed to configure wasmtime: {0:#}")]
    Configuration(wasmtime::Error),
    /// No thread for the clock.
    #[error("failed to start the clock: {0}")]
    Clock(std::io::Error),
}

/// Loads plugins. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    wasmtime: wasmtime::Engine,
    workloads: Linker<State>,
    clients: Linker<State>,
    places: Places,
    max_memory: usize,
}

impl Engine {
    /// Starts an engine and its clock.
    ///
    /// # Errors
    /// When wasmtime can't run here.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let wasmtime = wasmtime_engine(&config)?;
        let mut workloads = Linker::new(&wasmtime);
        WorkloadPlugin::add_to_linker::<_, HasSelf<_>>(&mut workloads, |state| state)
            .map_err(EngineError::Configuration)?;
        let mut clients = Linker::new(&wasmtime);
        ExecutionClientPlugin::add_to_linker::<_, HasSelf<_>>(&mut clients, |state| state)
            .map_err(EngineError::Configuration)?;
        clock::start(&wasmtime).map_err(EngineError::Clock)?;
        let EngineConfig { cache_dir: cache, shipped_dir: shipped, compiler, max_memory, concurrency: _ } = config;
        let places = Places { shipped, cache, compiler, refusals: Refusals::default() };
        Ok(Self { inner: Arc::new(Inner { wasmtime, workloads, clients, places, max_memory }) })
    }

    /// The file of the cache in which a component that was loaded is kept; nothing where there is no cache.
    pub fn cache_entry(&self, artifact: &Artifact) -> Option<PathBuf> {
        self.inner.places.entry(&self.inner.wasmtime, artifact)
    }

    /// Whether a component can be loaded, or is refused, without compiling it.
    pub fn is_known(&self, artifact: &Artifact) -> bool {
        self.inner.places.is_known(&self.inner.wasmtime, artifact)
    }

    /// Loads a component: compiles it or finds it compiled, holds its types against the contract, and asks what it is.
    ///
    /// # Errors
    /// Why it is no plugin for this host.
    pub fn load(&self, artifact: &Artifact, limits: Limits) -> Result<Plugin, LoadError> {
        let inner = &self.inner;
        if limits.memory > inner.max_memory {
            return Err(LoadError::Limits { max_mib: inner.max_memory / (1024 * 1024) });
        }
        let compiled = compiled::load(&inner.wasmtime, &inner.places, artifact)?;
        let instances = inner.link(&compiled).map_err(|error| mismatch(&error, &compiled.surface))?;
        let origin = compiled.origin;
        let identity =
            Identity { digest: artifact.digest().clone(), contract_version: compiled.surface.version, origin };
        Plugin::describe(inner.wasmtime.clone(), instances, limits, identity).map_err(LoadError::Describe)
    }
}

impl Inner {
    fn link(&self, compiled: &Compiled) -> wasmtime::Result<Instances> {
        let component = &compiled.component;
        Ok(match compiled.surface.world {
            World::Workload => Instances::Workload(WorkloadPluginPre::new(self.workloads.instantiate_pre(component)?)?),
            World::Client => {
                Instances::Client(ExecutionClientPluginPre::new(self.clients.instantiate_pre(component)?)?)
            }
        })
    }
}

fn mismatch(error: &wasmtime::Error, surface: &Surface) -> LoadError {
    let mut why = format!("{error:#}");
    if surface.version != CONTRACT {
        why += &format!(" (it was built for {} of the contract, and this host has {CONTRACT})", surface.version);
    }
    LoadError::Mismatch { why }
}

/// With a pool of instances, or without where the machine does not give it the address space.
fn wasmtime_engine(config: &EngineConfig) -> Result<wasmtime::Engine, EngineError> {
    wasmtime::Engine::new(&settings::pooled(config)).or_else(|error| {
        warn!(error = %format_args!("{error:#}"), "no pool of instances; calls are slower without");
        wasmtime::Engine::new(&settings::on_demand()).map_err(EngineError::Configuration)
    })
}
