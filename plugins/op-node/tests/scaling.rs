//! What must not restart a pod: another number of pods, and nodes that come and go.

use geth::Geth;
use op_node::OpNode;
use opstack_sdk::call::{self, render_client};
use opstack_sdk::testkit::{Case, FakeCluster};
use opstack_sdk::wire::workload::Children;
use reth::Reth;
use serde_json::{Value, json};
use std::path::Path;

fn case(name: &str) -> Case {
    Case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name))
}

/// What becomes of a case: its pod template, and its ConfigMap of peers.
fn rendered(case: &Case) -> (Value, Value) {
    let cluster = FakeCluster::new(case.documents.clone());
    let cluster = cluster.client("geth", render_client::<Geth>).client("reth", render_client::<Reth>);
    let answer = call::reconcile::<OpNode>(&cluster, case.request()).unwrap();
    let Children::Apply(children) = answer.children else { panic!("nothing is rendered") };
    let objects: Vec<Value> = children.iter().map(|child| serde_json::from_str(&child.object).unwrap()).collect();
    let find = |kind: &str, end: &str| {
        let named = |object: &&Value| object["metadata"]["name"].as_str().unwrap().ends_with(end);
        objects.iter().filter(|object| object["kind"] == kind).find(named).unwrap()
    };
    (find("StatefulSet", "")["spec"]["template"].clone(), find("ConfigMap", "-peers")["data"].clone())
}

#[test]
fn another_number_of_pods_restarts_none() {
    for client in ["reth", "geth"] {
        let mut case = case("three-replicas");
        case.object["spec"]["executionClient"] = json!({"name": client});
        let (three, peers_of_three) = rendered(&case);
        case.object["spec"]["replicas"] = 1.into();
        let (one, peers_of_one) = rendered(&case);
        assert_eq!(one, three, "{client}");
        assert_ne!(peers_of_one, peers_of_three, "{client}");
    }
}

#[test]
fn a_replica_that_comes_or_goes_restarts_no_other() {
    for name in ["replica-among-replicas", "replica-among-replicas-geth"] {
        let mut case = case(name);
        let (among, peers) = rendered(&case);
        for document in &mut case.documents {
            document.as_object_mut().unwrap().remove("status");
        }
        let (alone, fewer) = rendered(&case);
        assert_eq!(alone, among, "{name}");
        assert_ne!(fewer, peers, "{name}");
    }
}

#[test]
fn where_the_operator_chooses_a_sequencer_that_comes_is_a_peer_of_all_and_restarts_none() {
    for (name, client) in [
        ("replica-of-an-operated-sequencer", "reth"),
        ("replica-of-an-operated-sequencer", "geth"),
        ("sequencer-operated", "reth"),
        ("sequencer-operated", "geth"),
    ] {
        let mut case = case(name);
        case.object["spec"]["executionClient"] = json!({"name": client});
        let (before, fewer) = rendered(&case);
        case.documents.extend(newcomer("seq-new"));
        let (after, peers) = rendered(&case);
        assert_eq!(after, before, "{name}, {client}");
        assert_ne!(peers, fewer, "{name}, {client}");
        for network in ["consensus", "execution"] {
            let told = peers[network].as_str().unwrap();
            assert!(told.contains("seq-new-0.seq-new-headless.chains.svc"), "{name}, {client}: {told}");
        }
    }
}

/// A younger sequencer of the cases' network, and the Secret with its keys.
fn newcomer(name: &str) -> [Value; 2] {
    let metadata = json!({"name": name, "namespace": "chains", "creationTimestamp": "2024-01-20T00:00:00Z"});
    let spec = json!({"optimismNetworkRef": {"name": "devnet"}, "nodeType": "sequencer"});
    let key = |id: &str| json!({"length": 64, "hex32": true, "fingerprint": "f01", "address": "0xf01", "peerId": id});
    let facts = json!({
        "private-key": key("16Uiu2HAm3cuhhRL2msUuLF62KRSfneFDx94RsuouyW25Ho42cFMq"),
        "execution-key": key("16Uiu2HAm8kegYGp6XeybmZAuNcnLosyjsRwZ44yLgfEuqLqYL9zt"),
    });
    let secret = json!({"name": format!("{name}-p2p"), "namespace": "chains"});
    [
        json!({"apiVersion": "optimism.io/v1alpha1", "kind": "OpNode", "metadata": metadata, "spec": spec}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": secret, "facts": facts}),
    ]
}
