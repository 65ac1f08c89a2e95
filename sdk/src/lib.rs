//! All that the author of a plugin for the OP Stack operator depends on.
//!
//! A plugin is a pure function from a custom resource to Kubernetes objects. Implement [`Workload`] for a kind,
//! or [`ExecutionClient`] for an execution client, and register it:
//!
//! ```text
//! opstack_sdk::register_workload!(Hello);
//! ```
//!
//! The crate hides the wire: [`wire`] holds what `wit-bindgen` makes of the contract in `wit/`, and nothing
//! else in here is generated. A plugin is `["cdylib", "rlib"]`, so that all its logic runs under a native
//! `cargo test` against the [`testkit`].

pub mod answer;
pub mod cluster;
pub mod crd;
pub mod execution;
pub mod kubernetes;
pub mod manifest;
pub mod object;
pub mod opstack;
pub mod testkit;
pub mod values;
pub mod wire;
pub mod workload;

mod alloc;
pub mod call;

pub use answer::{Answer, Condition, Event, Failure};
pub use cluster::{Cluster, Context};
pub use execution::ExecutionClient;
pub use manifest::{Kind, Manifest};
pub use object::{Metadata, Object};
pub use workload::Workload;

#[doc(hidden)]
pub use alloc::Bump;
#[doc(hidden)]
pub use call::{ClientGuest, WorkloadGuest};

// Authors use the same versions as the SDK.
pub use k8s_openapi;
pub use schemars;
pub use serde;
pub use serde_json;

/// Makes the crate a component of the world `workload-plugin` that serves the given [`Workload`].
#[macro_export]
macro_rules! register_workload {
    ($workload:ident) => {
        #[cfg(target_arch = "wasm32")]
        mod __component {
            #[global_allocator]
            static ALLOCATOR: $crate::Bump = $crate::Bump::new();
            type Guest = $crate::WorkloadGuest<super::$workload>;
            $crate::wire::workload_plugin::export!(Guest with_types_in $crate::wire::workload_plugin);
        }
    };
}

/// Makes the crate a component of the world `execution-client-plugin` that serves the given [`ExecutionClient`].
#[macro_export]
macro_rules! register_execution_client {
    ($client:ident) => {
        #[cfg(target_arch = "wasm32")]
        mod __component {
            #[global_allocator]
            static ALLOCATOR: $crate::Bump = $crate::Bump::new();
            type Guest = $crate::ClientGuest<super::$client>;
            $crate::wire::execution_client_plugin::export!(Guest with_types_in $crate::wire::execution_client_plugin);
        }
    };
}
