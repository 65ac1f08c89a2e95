//! Objects of a chain: a network of the recorded devnet and what runs on it.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::Site;
use rpc_double::Recording;
use serde_json::{Value, json};

/// A contract that the recorded L1 has.
pub const FACTORY: &str = "0x4444444444444444444444444444444444444444";

/// An object of one of the kinds.
pub fn object(kind: &str, namespace: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    })
}

/// The rollup configuration of the recordings' chain, on the L1 with this chain id.
pub fn rollup_on(l1_chain: u64) -> Value {
    let mut rollup = Recording::load("op-node-sequencer").result("optimism_rollupConfig").clone();
    rollup["l1_chain_id"] = l1_chain.into();
    rollup
}

/// The network of the recordings, with its L1 there.
pub fn network(namespace: &str, name: &str, l1: &str) -> Value {
    let rollup = Recording::load("op-node-sequencer").result("optimism_rollupConfig").clone();
    let (chain, l1_chain) = (rollup["l2_chain_id"].clone(), rollup["l1_chain_id"].clone());
    let genesis = json!({"config": {"chainId": chain}, "alloc": {}});
    let spec = json!({
        "chainID": chain, "l1ChainID": l1_chain, "l1RpcUrl": l1, "l1BeaconUrl": l1,
        "rollupConfig": {"inline": rollup.to_string()},
        "l2Genesis": {"inline": genesis.to_string()},
        "l1ChainConfig": {"inline": json!({"chainId": l1_chain}).to_string()},
        "contractAddresses": {"disputeGameFactoryAddr": FACTORY, "discoveryMethod": "manual"},
    });
    object("OptimismNetwork", namespace, name, spec)
}

/// A sequencer of the network `net`, with op-geth.
pub fn sequencer(namespace: &str, name: &str) -> Value {
    let spec = json!({
        "optimismNetworkRef": {"name": "net"}, "nodeType": "sequencer", "executionClient": {"name": "geth"},
        "opNode": {"sequencer": {"key": {"secretRef": {"name": "signer", "key": "key"}}}},
    });
    object("OpNode", namespace, name, spec)
}

/// A replica of the network `net` that follows nobody, with so many pods.
pub fn replica(namespace: &str, name: &str, pods: u32) -> Value {
    let spec = json!({
        "optimismNetworkRef": {"name": "net"}, "nodeType": "replica", "executionClient": {"name": "geth"},
        "replicas": pods, "sequencerUrl": "http://127.0.0.1:9",
    });
    object("OpNode", namespace, name, spec)
}

/// A batcher, a proposer or a challenger of the sequencer `seq`, with what only it needs. It is called after what it is, for it
/// has a key of that name.
pub fn component(kind: &str, namespace: &str, name: &str, own: &Value) -> Value {
    let mut spec = json!({
        "optimismNetworkRef": {"name": "net"}, "sequencerRef": {"name": "seq"},
        "privateKey": {"secretRef": {"name": "signer", "key": name}},
    });
    for (field, value) in own.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    object(kind, namespace, name, spec)
}

/// A namespace with keys to sign with. No other namespace has the same: of two with one account only one runs.
pub fn namespace(site: &Site, name: &str) {
    site.namespace(name);
    let keys =
        ["key", "batcher", "proposer", "challenger"].map(|of| (of.to_string(), Value::from(private_key(name, of))));
    site.create(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "signer", "namespace": name},
        "stringData": serde_json::Map::from_iter(keys),
    }));
}

/// The key in a namespace's Secret: another one for each namespace and use, the same in each run.
pub fn private_key(namespace: &str, of: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (namespace, of).hash(&mut hasher);
    format!("{:064x}", hasher.finish())
}
