//! The objects that are measured with: the nodes of the examples and of a registry network.

use serde_json::{Value, json};
use suite::plugins::root;

/// The documents of a case of op-node: the object under test first.
pub fn case(name: &str) -> Vec<Value> {
    let path = root().join("plugins/op-node/tests/cases").join(name).join("cr.yaml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    opstack_sdk::testkit::documents(&text)
}

/// A network that needs no file: its chain is in the superchain registry.
pub fn network(namespace: &str) -> Value {
    json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": "OptimismNetwork",
        "metadata": {"name": "net", "namespace": namespace},
        "spec": {
            "networkName": "op-sepolia", "chainID": 11155420, "l1ChainID": 11155111,
            "l1RpcUrl": "http://127.0.0.1:9", "l1BeaconUrl": "http://127.0.0.1:9",
        },
    })
}

/// A replica of it with an own network.
pub fn node(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": "OpNode",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"optimismNetworkRef": {"name": "net"}, "nodeType": "replica"},
    })
}

/// URL of the nodes of a namespace.
pub fn nodes_path(namespace: &str) -> String {
    format!("/apis/optimism.io/v1alpha1/namespaces/{namespace}/opnodes")
}
