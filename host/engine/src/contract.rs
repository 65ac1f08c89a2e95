//! What `wasmtime` makes of the contract: one module for each world, over the same types.
#![allow(missing_docs, clippy::all, clippy::allow_attributes_without_reason, reason = "generated code")]

pub(crate) mod workload_plugin {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "workload-plugin",
        imports: { default: trappable },
    });
}

pub(crate) mod client_plugin {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "execution-client-plugin",
        imports: { default: trappable },
        with: {
            "opstack:plugin/types": super::workload_plugin::opstack::plugin::types,
            "opstack:plugin/log": super::workload_plugin::opstack::plugin::log,
        },
    });
}

pub(crate) use client_plugin::{ExecutionClientPlugin, ExecutionClientPluginPre};
pub(crate) use workload_plugin::exports::opstack::plugin::workload;
pub(crate) use workload_plugin::opstack::plugin::{cluster, execution_clients, log, probes, types};
pub(crate) use workload_plugin::{WorkloadPlugin, WorkloadPluginPre};
