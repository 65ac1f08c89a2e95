//! A chain of our own and a sequencer of it: what its owner writes, and what the plugins make of that.

use matrix::{Kind, render};
use opstack_sdk::testkit::Around;
use oracle::Pod;
use serde_json::{Value, json};

const ROLLUP: &str = include_str!("../../files/rollup.json");
const GENESIS: &str = include_str!("../../files/genesis.json");
const CLIENT: &str = "geth";

/// Facts of a generated key, as the host shows them.
fn key(peer: &str) -> Value {
    json!({"length": 64, "hex32": true, "fingerprint": "f0", "address": "0xf0", "peerId": peer})
}

fn config_map(name: &str, file: &str, text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "chains"}, "data": {file: text}})
}

fn secret(name: &str, facts: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "chains"}, "facts": facts})
}

fn ours(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "chains"}, "spec": spec,
    })
}

/// The sequencer, and what it refers to; nothing of the node is set that is not about this machine or its small chain.
fn documents() -> Vec<Value> {
    let network = json!({
        "chainID": 901, "l1ChainID": 1, "l1RpcUrl": "http://l1.test:9001", "l1BeaconUrl": "http://beacon.test:9002",
        "rollupConfig": {"inline": ROLLUP}, "l2Genesis": {"inline": GENESIS},
    });
    let node = json!({
        "optimismNetworkRef": {"name": "devnet"}, "nodeType": "sequencer", "executionClient": {"name": CLIENT},
        "opNode": {"sequencer": {"l1Confs": 0}}, "opGeth": {"cache": 256, "syncMode": "full"},
    });
    vec![
        ours("OpNode", "seq", &node),
        ours("OptimismNetwork", "devnet", &network),
        config_map("devnet-rollup-config", "rollup.json", ROLLUP),
        config_map("devnet-genesis", "genesis.json", GENESIS),
        secret("seq-jwt", &json!({"jwt": {"length": 64, "hex32": true, "fingerprint": "f0"}})),
        secret(
            "seq-p2p",
            &json!({
                "private-key": key("16Uiu2HAm3cuhhRL2msUuLF62KRSfneFDx94RsuouyW25Ho42cFMq"),
                "execution-key": key("16Uiu2HAm8kegYGp6XeybmZAuNcnLosyjsRwZ44yLgfEuqLqYL9zt"),
            }),
        ),
    ]
}

/// The sequencer's pod.
pub fn pod() -> Pod {
    rendered(&documents())
}

/// The same node on a chain that the programs know by its name.
pub fn pod_of_the_registry(name: &str, chain: u64) -> Pod {
    let mut documents = documents();
    documents[1]["spec"] = json!({
        "networkName": name, "chainID": chain, "l1ChainID": 11_155_111, "l1RpcUrl": "http://l1.test:9001",
        "l1BeaconUrl": "http://beacon.test:9002",
    });
    rendered(&documents)
}

fn rendered(documents: &[Value]) -> Pod {
    let rendered = render(Kind::Node, documents, &Around::default()).unwrap();
    let mut pods = Pod::all(&rendered.children).unwrap();
    assert_eq!(pods.len(), 1, "{:?}", rendered.kept);
    pods.remove(0)
}

/// What a network publishes that finds its rollup configuration by asking an op-node, which told this.
pub fn published(told: &Value) -> String {
    let spec = json!({
        "chainID": 901, "l1ChainID": 1, "l1RpcUrl": "http://l1.test:9001", "rollupRpcUrl": "http://seq.test:9545",
        "l2Genesis": {"inline": GENESIS}, "contractAddresses": {"discoveryMethod": "manual"},
    });
    let network = [ours("OptimismNetwork", "devnet", &spec)];
    let asked = render(Kind::Network, &network, &Around::default()).unwrap().probes;
    let question =
        asked.iter().find(|probe| format!("{:?}", probe.question).contains("optimism_rollupConfig")).unwrap();
    let around = json!({"observations": [{"probe": question.id, "answer": [{"result": told}]}]});
    let found = render(Kind::Network, &network, &serde_json::from_value(around).unwrap()).unwrap();
    let file = found.children.iter().find(|child| child["metadata"]["name"] == "devnet-rollup-config").unwrap();
    file["data"]["rollup.json"].as_str().unwrap().into()
}

/// The genesis file of a chain that begins at a time, in seconds.
pub fn genesis(time: u64) -> String {
    let mut genesis: Value = serde_json::from_str(GENESIS).unwrap();
    genesis["timestamp"] = format!("{time:#x}").into();
    genesis.to_string()
}

/// The rollup configuration that belongs to it, where the chain begins at these blocks of both layers.
pub fn rollup(time: u64, l1: &Value, l2: &Value) -> String {
    let mut rollup: Value = serde_json::from_str(ROLLUP).unwrap();
    rollup["genesis"]["l1"] = json!({"hash": l1, "number": 0});
    rollup["genesis"]["l2"]["hash"] = l2.clone();
    rollup["genesis"]["l2_time"] = time.into();
    rollup.to_string()
}
