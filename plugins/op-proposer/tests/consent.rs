//! What other namespaces have no part in: a network and its nodes are there for objects that the network's owner permits.

use op_proposer::OpProposer;
use opstack_sdk::call;
use opstack_sdk::testkit::{Case, FakeCluster, STRANGER, check_consent, check_refusal, check_strangers, foreign_chain};
use serde_json::json;
use std::path::Path;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn strangers_change_nothing() {
    check_strangers::<OpProposer>(CRATE, &[], |_| {});
}

#[test]
fn a_network_of_another_namespace_needs_consent() {
    check_consent::<OpProposer>(CRATE, &[]);
}

#[test]
fn a_node_of_another_namespace_needs_the_consent_of_its_network() {
    let mut case = Case::load(&Path::new(CRATE).join("tests/cases/minimal"));
    case.object["spec"]["sequencerRef"] = json!({"name": "theirs-sequencer", "namespace": STRANGER});
    case.documents.extend(foreign_chain());
    let answer = call::reconcile::<OpProposer>(&FakeCluster::new(case.documents.clone()), case.request()).unwrap();
    check_refusal(&answer, "spec.sequencerRef", "minimal");
    // With it, the node is read from.
    for document in &mut case.documents {
        if document["metadata"]["name"] == "theirs" {
            document["spec"]["allowedNamespaces"] = json!({"components": {"from": "All"}});
        }
    }
    let answer = call::reconcile::<OpProposer>(&FakeCluster::new(case.documents.clone()), case.request()).unwrap();
    let sources = serde_json::from_str::<serde_json::Value>(&answer.status).unwrap()["sources"].clone();
    assert_eq!(sources, json!([format!("{STRANGER}/theirs-sequencer")]));
}
