//! What the engine asks of wasmtime, and how many calls it can hold at once.

use std::path::PathBuf;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::compiler::Compiler;

/// Settings of the engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Where compiled components are kept; nowhere if absent.
    pub cache_dir: Option<PathBuf>,
    /// Compiled components that came with the program, read before those of the cache and never written; none if absent.
    pub shipped_dir: Option<PathBuf>,
    /// Where components are compiled.
    pub compiler: Compiler,
    /// Calls at once. Each may ask an execution client, which is one instance more.
    pub concurrency: u32,
    /// Largest memory that a plugin's limits may allow, in bytes.
    pub max_memory: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        let compiler = Compiler::default();
        Self { cache_dir: None, shipped_dir: None, compiler, concurrency: 64, max_memory: 256 * 1024 * 1024 }
    }
}

/// Core modules in one component: the plugin's own, and two that `wit-component` puts around it.
const CORE_INSTANCES: u32 = 4;
/// Tables in one component: the plugin's own and one for its imports.
const TABLES: u32 = 4;
/// Elements of one table.
pub(crate) const TABLE_ELEMENTS: usize = 100_000;
/// Memory of a call that stays mapped, so that the next call does not fault it in again: more than a usual call touches.
const KEEP_RESIDENT: usize = 4 * 1024 * 1024;
/// Native stack of a call. Two calls are nested at most, and threads of an async runtime have 2 MiB.
const STACK: usize = 512 * 1024;

/// The settings, with instances from a pool.
pub(crate) fn pooled(config: &EngineConfig) -> Config {
    let instances = config.concurrency.saturating_mul(2);
    // Where the kernel can tell which pages a call touched, only these are wiped. Where it can't, wiping all costs more than
    // faulting in anew.
    let tells = PoolingAllocationConfig::is_pagemap_scan_available();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(TABLES))
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_component_instance_size(4 * 1024 * 1024)
        .max_core_instance_size(4 * 1024 * 1024)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(config.max_memory)
        .linear_memory_keep_resident(if tells { KEEP_RESIDENT } else { 0 })
        .table_keep_resident(64 * 1024)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(8);
    let mut settings = on_demand();
    settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    settings
}

/// The same without a pool: slower, for machines that refuse the address space a pool reserves.
pub(crate) fn on_demand() -> Config {
    let mut settings = Config::new();
    settings
        .wasm_component_model(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        .cranelift_opt_level(OptLevel::Speed)
        // Equal requests give equal answers on every processor.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .memory_init_cow(true)
        // A trap says what the guest logged; a backtrace of a stripped module would say nothing, and costs time.
        .wasm_backtrace_max_frames(None);
    settings
}

/// The same for a process that compiles and runs nothing, and whose time and memory do not depend on how many processors there
/// are. The machine code is that of the others.
pub(crate) fn one_thread() -> Config {
    let mut settings = on_demand();
    settings.parallel_compilation(false);
    settings
}
