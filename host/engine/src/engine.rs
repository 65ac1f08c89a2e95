//! The engine: one for the process. Loads plugins and keeps time for their calls.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use opstack_core::blame::Fault;

use crate::artifact::Artifact;
use crate::compiled;
use crate::contract::{ExecutionClientPlugin, ExecutionClientPluginPre, WorkloadPlugin, WorkloadPluginPre};
use crate::host::State;
use crate::imports::{self, World};
use crate::limits::Limits;
use crate::plugin::{Instances, Plugin};

/// Settings of the engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Where compiled components are kept; nowhere if absent.
    pub cache_dir: Option<PathBuf>,
    /// Calls at once.
    pub concurrency: u32,
    /// Largest memory that a plugin's limits may allow, in bytes.
    pub max_memory: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { cache_dir: None, concurrency: 128, max_memory: 256 * 1024 * 1024 }
    }
}

/// The engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refuses the configuration on this machine.
    #[error("failed to configure wasmtime: {0}")]
    Configuration(wasmtime::Error),
    /// No thread for the clock.
    #[error("failed to start the clock: {0}")]
    Clock(std::io::Error),
}

/// A component was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Too many bytes.
    #[error("the component is larger than {limit} bytes")]
    TooLarge {
        /// What is allowed.
        limit: usize,
    },
    /// Truncated, not WebAssembly, or invalid.
    #[error("the file is damaged or no WebAssembly: {why}")]
    Damaged {
        /// What is wrong.
        why: String,
    },
    /// A core module without the contract in it.
    #[error("the module can't be made a component; was it built with the SDK? {why}")]
    NotAPlugin {
        /// What is wrong.
        why: String,
    },
    /// It asks for something outside the contract.
    #[error("it imports {name}, which is outside the contract; a plugin has no files, clock, network or environment")]
    ForbiddenImport {
        /// The import.
        name: String,
    },
    /// Built for another version of the contract.
    #[error(
        "it speaks version {found} of the contract opstack:plugin, and this host {supported}; rebuild it with a matching SDK"
    )]
    WrongContract {
        /// The component's.
        found: String,
        /// The host's.
        supported: String,
    },
    /// It exports neither world.
    #[error("it exports neither opstack:plugin/workload nor opstack:plugin/execution-client")]
    NoWorld,
    /// It does not fit the world it claims.
    #[error("it does not fit the contract: {why}")]
    Mismatch {
        /// What is wrong.
        why: String,
    },
    /// The compiler refused it.
    #[error("failed to compile it: {why}")]
    Compile {
        /// What is wrong.
        why: String,
    },
    /// A limit beyond what the engine can give.
    #[error("spec.limits.memoryMib asks for more than the {max_mib} MiB that a call can have")]
    Limits {
        /// The most there is.
        max_mib: usize,
    },
    /// Its `describe` failed.
    #[error("its describe failed: {0}")]
    Describe(Fault),
}

impl LoadError {
    /// CamelCase, for a condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "TooLarge",
            Self::Damaged { .. } => "Damaged",
            Self::NotAPlugin { .. } => "NotAPlugin",
            Self::ForbiddenImport { .. } => "ForbiddenImport",
            Self::WrongContract { .. } => "WrongContract",
            Self::NoWorld => "NoWorld",
            Self::Mismatch { .. } => "Mismatch",
            Self::Compile { .. } => "Compile",
            Self::Limits { .. } => "Limits",
            Self::Describe(fault) => fault.reason,
        }
    }

    /// Whether the host is to blame and not the plugin.
    pub fn is_hosts(&self) -> bool {
        matches!(self, Self::Describe(fault) if fault.blame == opstack_core::blame::Blame::Host)
    }
}

/// Time is counted in steps so long.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Loads plugins. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    wasmtime: wasmtime::Engine,
    workloads: Linker<State>,
    clients: Linker<State>,
    config: EngineConfig,
}

impl Engine {
    /// Starts an engine and its clock.
    ///
    /// # Errors
    /// When wasmtime can't run here.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let wasmtime = wasmtime::Engine::new(&wasmtime_config(&config)).map_err(EngineError::Configuration)?;
        let mut workloads = Linker::new(&wasmtime);
        WorkloadPlugin::add_to_linker::<_, HasSelf<_>>(&mut workloads, |state| state)
            .map_err(EngineError::Configuration)?;
        let mut clients = Linker::new(&wasmtime);
        ExecutionClientPlugin::add_to_linker::<_, HasSelf<_>>(&mut clients, |state| state)
            .map_err(EngineError::Configuration)?;
        tick(&wasmtime).map_err(EngineError::Clock)?;
        Ok(Self { inner: Arc::new(Inner { wasmtime, workloads, clients, config }) })
    }

    /// Loads a component: checks what it imports, compiles it or finds it compiled, and asks what it is.
    ///
    /// # Errors
    /// Why it is no plugin for this host.
    pub fn load(&self, artifact: &Artifact, limits: Limits) -> Result<Plugin, LoadError> {
        let inner = &self.inner;
        if limits.memory > inner.config.max_memory {
            return Err(LoadError::Limits { max_mib: inner.config.max_memory / (1024 * 1024) });
        }
        let dir = inner.config.cache_dir.as_deref();
        let (component, origin) = compiled::component(&inner.wasmtime, dir, artifact)?;
        let (world, version) = imports::check(&component, &inner.wasmtime)?;
        let mismatch = |error: wasmtime::Error| LoadError::Mismatch { why: format!("{error:#}") };
        let instances = match world {
            World::Workload => {
                let pre = inner.workloads.instantiate_pre(&component).map_err(mismatch)?;
                Instances::Workload(WorkloadPluginPre::new(pre).map_err(mismatch)?)
            }
            World::Client => {
                let pre = inner.clients.instantiate_pre(&component).map_err(mismatch)?;
                Instances::Client(ExecutionClientPluginPre::new(pre).map_err(mismatch)?)
            }
        };
        Plugin::describe(inner.wasmtime.clone(), instances, limits, artifact.digest().clone(), version, origin)
            .map_err(LoadError::Describe)
    }
}

fn wasmtime_config(config: &EngineConfig) -> Config {
    let calls = config.concurrency;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(calls * 8)
        .total_memories(calls)
        .total_tables(calls * 4)
        .max_memories_per_component(1)
        .max_tables_per_component(4)
        .max_core_instances_per_component(16)
        .max_component_instance_size(4 * 1024 * 1024)
        .max_core_instance_size(4 * 1024 * 1024)
        .table_elements(100_000)
        .max_memory_size(config.max_memory)
        // What a usual call touches stays mapped, so the next call does not fault it in again.
        .linear_memory_keep_resident(1024 * 1024)
        .table_keep_resident(64 * 1024)
        .max_unused_warm_slots(8);
    let mut wasmtime = Config::new();
    wasmtime
        .wasm_component_model(true)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true)
        .wasm_backtrace_max_frames(None)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    wasmtime
}

/// The clock by which calls are interrupted. It ends with the engine.
fn tick(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let weak = engine.weak();
    let clock = std::thread::Builder::new().name("opstack-clock".into());
    clock.spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}
