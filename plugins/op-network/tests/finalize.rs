//! A network is not deleted under its components.

use op_network::OptimismNetwork;
use opstack_sdk::answer::Finalized;
use opstack_sdk::call;
use opstack_sdk::testkit::{FakeCluster, documents, request};

const NETWORK: &str = "
apiVersion: optimism.io/v1alpha1
kind: OptimismNetwork
metadata: {name: op-sepolia, namespace: chains, deletionTimestamp: 2026-01-01T00:00:00Z}
spec: {chainID: 11155420, l1ChainID: 11155111, l1RpcUrl: 'https://l1.example.org'}
";

fn finalize(around: &str) -> Finalized {
    let network = documents(NETWORK).remove(0);
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
fn users_of_all_namespaces_are_named() {
    let users = "
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
    let Finalized::Blocked(why) = finalize(users) else { panic!("not blocked") };
    assert_eq!(
        why,
        "in use by OpNode chains/n, OpProposer other/p; delete them first, or point them to another network"
    );
}
