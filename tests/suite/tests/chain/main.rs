//! Tests with the project's own plugins, on one control plane with one operator; each has namespaces of its own.

mod claims;
mod client;
mod consent;
mod events;
mod files;
mod growth;
mod in_use;
mod orders;
mod schema;
mod seed;
mod writes;

use std::{fs, os::unix::fs::symlink, sync::OnceLock};

use control_plane::AuditLevel;
use serde_json::{Value, json};
use suite::{Operator, Site, plugins};

/// A control plane and an operator with all plugins; `reth` comes from a ConfigMap, so that it can be swapped.
struct Chain {
    site: Site,
    operator: Operator,
}

fn chain() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| {
        let site = Site::start(AuditLevel::Metadata);
        let directory = site.directory().join("plugins");
        fs::create_dir(&directory).expect("a directory");
        let built = plugins::built("plugins");
        assert!(built.len() >= 7, "{} plugins in target/plugins; run `cargo xtask build` first", built.len());
        for path in built.iter().filter(|path| !path.ends_with("reth.wasm")) {
            symlink(path, directory.join(path.file_name().expect("a name"))).expect("a link");
        }
        let operator = Operator::start_with(&site, &[&format!("--plugins={}", directory.display())]);
        site.install(&plugins::pack(&plugins::module("plugins", "reth")).unpinned());
        Chain { site, operator }
    })
}

fn ours(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    })
}

/// A network of the superchain registry with an L1 that nobody serves.
fn network(namespace: &str, name: &str) -> Value {
    let spec = json!({
        "networkName": "op-sepolia", "chainID": 11_155_420, "l1ChainID": 11_155_111,
        "l1RpcUrl": "http://127.0.0.1:9", "l1BeaconUrl": "http://127.0.0.1:9",
        // The tests have namespaces of their own, and look at references between them.
        "allowedNamespaces": {"replicas": {"from": "All"}, "sequencers": {"from": "All"}, "components": {"from": "All"}},
    });
    ours("OptimismNetwork", namespace, name, &spec)
}

/// A replica of a network in another namespace.
fn replica(namespace: &str, name: &str, network: &Value, client: &str) -> Value {
    let network = &network["metadata"];
    let spec = json!({
        "optimismNetworkRef": {"name": network["name"], "namespace": network["namespace"]},
        "nodeType": "replica",
        "sequencerUrl": "http://127.0.0.1:9",
        "executionClient": {"name": client},
    });
    ours("OpNode", namespace, name, &spec)
}
