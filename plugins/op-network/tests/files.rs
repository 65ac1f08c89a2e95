//! The chain's files are published in ConfigMaps, and have to fit into them.

use op_network::OptimismNetwork;
use opstack_sdk::call;
use opstack_sdk::testkit::{FakeCluster, request};
use serde_json::{Value, json};

/// What the API server takes for all values of a ConfigMap.
const LARGEST: usize = 1 << 20;

fn network(genesis: &str) -> Value {
    let mut rollup: Value = serde_json::from_str(include_str!("../../../tests/oracle/files/rollup.json")).unwrap();
    rollup["l1_chain_id"] = 900.into();
    json!({
        "apiVersion": "optimism.io/v1alpha1",
        "kind": "OptimismNetwork",
        "metadata": {"name": "devnet", "namespace": "chains"},
        "spec": {
            "chainID": 901, "l1ChainID": 900, "l1RpcUrl": "http://l1.example.org",
            "rollupConfig": {"inline": rollup.to_string()}, "l2Genesis": {"inline": genesis},
        },
    })
}

/// A genesis of that many bytes.
fn genesis(bytes: usize) -> String {
    let text = json!({"config": {"chainId": 901}, "alloc": {}}).to_string();
    let blanks = bytes - text.len();
    text + &" ".repeat(blanks)
}

/// Reason and message of the condition `ConfigurationValid`.
fn judged(genesis: &str) -> (String, String) {
    let answer = call::reconcile::<OptimismNetwork>(&FakeCluster::default(), request(&network(genesis))).unwrap();
    let mut conditions = answer.conditions.into_iter();
    let valid = conditions.find(|condition| condition.name == "ConfigurationValid").unwrap();
    (valid.reason, valid.message)
}

#[test]
fn a_file_that_fits_into_a_config_map_is_published_and_a_larger_one_is_refused() {
    assert_eq!(judged(&genesis(LARGEST)).0, "ValidConfiguration");
    let (reason, message) = judged(&genesis(LARGEST + 1));
    assert_eq!(reason, "InvalidGenesis");
    assert!(message.contains("spec.l2Genesis.inline is 1048577 bytes long"), "{message}");
    assert!(message.contains("set url and sha256"), "{message}");
}
