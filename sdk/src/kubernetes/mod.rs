//! Builders of Kubernetes objects that all plugins share: what is decided once for every pod of the OP Stack stands here.
//!
//! They know Kubernetes and nothing of a chain. Everything is typed with `k8s-openapi`; what a builder doesn't set,
//! the API server's default decides.

mod check;
mod disruption;
mod env;
mod hash;
mod labels;
mod merge;
mod network_policy;
mod objects;
mod peers;
mod pod;
mod probe;
mod selector;
mod service;
mod workload;

pub use check::{
    APART, NAME_RULES, check_child_name, check_claims, check_name, check_new_name, check_pod, fits_service,
};
pub use disruption::disruption_budget;
pub use env::{env_config_map, env_field, env_secret, env_value};
pub use hash::Hash;
pub use labels::{App, Component, PART_OF, label_value};
pub use merge::merge_pod_template;
pub use network_policy::{Sources, ingress_rule, network_policy, pods_in};
pub use objects::{config_map, service_account};
pub use peers::{check_peers, check_selector};
pub use pod::{
    CONFIG_HASH, config_map_volume, memory_volume, mount, mount_read_only, pod_spec, pod_template, restricted,
    scratch_volume, secret_volume, secrets_volume,
};
pub use probe::{exec_probe, http_probe, liveness, readiness, startup, tcp_probe};
pub use selector::{selector_schema, selects, selects_all};
pub use service::{headless_service, port, service, udp_port};
pub use workload::{claim, deployment, in_turn, stateful_set};
