//! A network is not deleted under its components.

use op_network::OptimismNetwork;
use opstack_sdk::answer::Finalized;
use opstack_sdk::call;
use opstack_sdk::testkit::{FakeCluster, documents, request};
use serde_json::json;

const NETWORK: &str = "
apiVersion: optimism.io/v1alpha1
kind: OptimismNetwork
metadata: {name: op-sepolia, namespace: chains, deletionTimestamp: 2026-01-01T00:00:00Z}
spec: {chainID: 11155420, l1ChainID: 11155111, l1RpcUrl: 'https://l1.example.org'}
";

fn finalize(around: &str) -> Finalized {
    finalize_with(around, &serde_json::Value::Null)
}

fn finalize_with(around: &str, allowed: &serde_json::Value) -> Finalized {
    let mut network = documents(NETWORK).remove(0);
    if !allowed.is_null() {
        network["spec"]["allowedNamespaces"] = allowed.clone();
    }
    call::finalize::<OptimismNetwork>(&FakeCluster::new(documents(around)), request(&network)).unwrap()
}

#[test]
fn a_network_without_users_goes() {
    let other = "
apiVersion: optimism.io/v1alpha1
kind: OpNode
metadata: {name: elsewhere, namespace: other}
spec: {optimismNetworkRef: {name: op-sepolia}}
";
    assert!(matches!(finalize(other), Finalized::Proceed));
}

#[test]
fn users_of_all_permitted_namespaces_are_named() {
    let Finalized::Blocked(why) = finalize_with(USERS, &json!({"components": {"from": "All"}})) else {
        panic!("not blocked")
    };
    assert_eq!(
        why,
        "in use by OpNode chains/n, OpProposer other/p; delete them first, or point them to another network"
    );
}

#[test]
fn who_is_not_permitted_blocks_nothing() {
    let Finalized::Blocked(why) = finalize(USERS) else { panic!("not blocked") };
    assert_eq!(why, "in use by OpNode chains/n; delete them first, or point them to another network");
    let (strangers, _) = USERS.split_once("---").unwrap();
    assert!(matches!(finalize(strangers), Finalized::Proceed));
}

const USERS: &str = "
apiVersion: optimism.io/v1alpha1
kind: OpProposer
metadata: {name: p, namespace: other}
spec: {optimismNetworkRef: {name: op-sepolia, namespace: chains}}
---
apiVersion: optimism.io/v1alpha1
kind: OpNode
metadata: {name: n, namespace: chains}
spec: {optimismNetworkRef: {name: op-sepolia}}
";
