//! What `wit-bindgen` makes of the contract: the records and functions of `wit/`, as they cross the boundary.
//!
//! Authors rarely meet these types; [`crate::answer`], [`crate::cluster`] and [`crate::manifest`] speak for them.
#![allow(missing_docs, unsafe_code, clippy::all, clippy::allow_attributes_without_reason, reason = "generated code")]

/// Bindings of the world `workload-plugin`.
pub mod workload_plugin {
    wit_bindgen::generate!({
        path: "../wit",
        world: "workload-plugin",
        pub_export_macro: true,
        default_bindings_module: "opstack_sdk::wire::workload_plugin",
    });
}

/// Bindings of the world `execution-client-plugin`; the shared types are those of the other world.
pub mod execution_client_plugin {
    wit_bindgen::generate!({
        path: "../wit",
        world: "execution-client-plugin",
        pub_export_macro: true,
        default_bindings_module: "opstack_sdk::wire::execution_client_plugin",
        with: { "opstack:plugin/types@0.1.0": super::workload_plugin::opstack::plugin::types },
    });
}

pub use execution_client_plugin::exports::opstack::plugin::execution_client;
pub use workload_plugin::exports::opstack::plugin::workload;
pub use workload_plugin::opstack::plugin::{cluster, execution_clients, log, probes, types};
