//! What other namespaces have no part in: a network and its nodes are there for objects that the network's owner permits.

use geth::Geth;
use op_node::OpNode;
use opstack_sdk::call::{self, render_client};
use opstack_sdk::testkit::{
    Case, FakeCluster, RenderClient, STRANGER, check_consent, check_refusal, check_strangers, foreign_chain,
};
use opstack_sdk::wire::workload::{Children, Response};
use reth::Reth;
use serde_json::{Value, json};
use std::path::Path;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");
const CLIENTS: [(&str, RenderClient); 2] = [("geth", render_client::<Geth>), ("reth", render_client::<Reth>)];

fn case(name: &str) -> Case {
    Case::load(&Path::new(CRATE).join("tests/cases").join(name))
}

fn answer(case: &Case) -> Response {
    let cluster = FakeCluster::new(case.documents.clone());
    let cluster = CLIENTS.into_iter().fold(cluster, |cluster, (name, render)| cluster.client(name, render));
    call::reconcile::<OpNode>(&cluster, case.request()).unwrap()
}

fn network(case: &mut Case) -> &mut Value {
    case.documents.iter_mut().find(|document| document["kind"] == "OptimismNetwork").unwrap()
}

/// The first object of a kind that is rendered.
fn rendered(answer: &Response, kind: &str) -> Value {
    let Children::Apply(children) = &answer.children else { panic!("nothing is rendered") };
    let objects = children.iter().map(|child| serde_json::from_str::<Value>(&child.object).unwrap());
    objects.into_iter().find(|object| object["kind"] == kind).unwrap()
}

#[test]
fn strangers_change_nothing() {
    check_strangers::<OpNode>(CRATE, &CLIENTS, |_| {});
}

#[test]
fn a_network_of_another_namespace_needs_consent() {
    check_consent::<OpNode>(CRATE, &CLIENTS);
}

#[test]
fn a_node_of_another_namespace_needs_the_consent_of_its_network() {
    for (field, path, reference) in [
        ("spec.sequencerRef", "/sequencerRef", "sequencer"),
        ("spec.opNode.followSource.nodeRef", "/opNode/followSource/nodeRef", "replica"),
    ] {
        let mut case = case("light-node");
        case.object["spec"]["sequencerRef"] = Value::Null;
        let target = case.object["spec"].pointer_mut(path).unwrap();
        *target = json!({"name": format!("theirs-{reference}"), "namespace": STRANGER});
        case.documents.extend(foreign_chain());
        check_refusal(&answer(&case), field, field);
    }
}

#[test]
fn a_node_that_its_network_does_not_permit_is_no_sequencer_to_name() {
    let mut case = case("replica-of-a-sequencer");
    network(&mut case)["spec"]["allowedNamespaces"] = json!({"replicas": {"from": "All"}});
    check_refusal(&answer(&case), "spec.sequencerRef", "its network permits replicas, and it is a sequencer");
}

#[test]
fn what_a_refused_node_remembers_stays() {
    let mut case = case("network-in-another-namespace");
    case.object["status"] = json!({
        "phase": "Running", "sequencer": "Standby", "applied": "digest", "observedGeneration": 3, "conditions": [],
        "workloads": {"serving": {"name": "rep-geth", "client": "geth"}},
    });
    network(&mut case)["spec"]["allowedNamespaces"] = json!({});
    let status: Value = serde_json::from_str(&answer(&case).status).unwrap();
    assert_eq!(
        status,
        json!({"phase": "Error", "sequencer": "Standby", "workloads": {"serving": {"name": "rep-geth", "client": "geth"}}})
    );
}

/// The values of `kubernetes.io/metadata.name` that the peers of a policy name, by the role of their pods.
fn namespaces(policy: &Value, role: &str) -> Vec<Vec<String>> {
    let rules = policy["spec"]["ingress"].as_array().unwrap().iter();
    let peers = rules.flat_map(|rule| rule["from"].as_array().into_iter().flatten());
    let of_role = peers.filter(|peer| peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == role);
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let names = of_role.map(|peer| {
        let selector = &peer["namespaceSelector"];
        match selector["matchLabels"]["kubernetes.io/metadata.name"].as_str() {
            Some(name) => vec![name.to_string()],
            None => {
                let [expression] = selector["matchExpressions"].as_array().unwrap().as_slice() else {
                    panic!("{peer}")
                };
                assert_eq!(
                    (&expression["key"], &expression["operator"]),
                    (&json!("kubernetes.io/metadata.name"), &json!("In"))
                );
                expression["values"].as_array().unwrap().iter().map(text).collect()
            }
        }
    });
    let names: std::collections::BTreeSet<_> = names.collect();
    names.into_iter().collect()
}

#[test]
fn policies_name_the_namespaces_of_those_who_are_permitted_and_there() {
    let mut case = case("conducted-leads");
    let reference = json!({"name": "devnet", "namespace": "chains"});
    let object = |kind: &str, namespace: &str, node_type: &str| {
        json!({
            "apiVersion": "optimism.io/v1alpha1", "kind": kind, "metadata": {"name": "other", "namespace": namespace},
            "spec": {"optimismNetworkRef": reference, "nodeType": node_type},
        })
    };
    case.documents.extend([
        object("OpBatcher", "posting", ""),
        object("OpNode", "readers", "replica"),
        object("OpNode", "makers", "sequencer"),
    ]);
    let roles = ["batcher", "challenger", "replica", "sequencer"];
    let policy = rendered(&answer(&case), "NetworkPolicy");
    for role in roles {
        assert_eq!(namespaces(&policy, role), [["chains"]], "{role}");
    }
    let all = json!({"from": "All"});
    network(&mut case)["spec"]["allowedNamespaces"] = json!({"replicas": all, "sequencers": all, "components": all});
    let policy = rendered(&answer(&case), "NetworkPolicy");
    let expected: [&[&str]; 4] = [&["chains", "posting"], &["chains"], &["chains", "readers"], &["chains", "makers"]];
    for (role, expected) in roles.into_iter().zip(expected) {
        assert_eq!(namespaces(&policy, role), [expected], "{role}");
    }
}

#[test]
fn a_replica_of_another_namespace_holds_up_no_rollout_of_the_network() {
    let group = |case: &Case| {
        let annotations = rendered(&answer(case), "StatefulSet")["metadata"]["annotations"].clone();
        annotations["opstack.optimism.io/rollout-group"].as_str().unwrap().to_string()
    };
    let elsewhere = group(&case("network-in-another-namespace"));
    let mut home = case("minimal-sequencer");
    assert_eq!((elsewhere.as_str(), group(&home).as_str()), ("networks/devnet/of/chains", "chains/mainnet"));
    // A sequencer that is permitted rolls in turn with the others; one that is not any more keeps the group that it had.
    network(&mut home)["spec"]["allowedNamespaces"] = json!({"sequencers": {"from": "All"}});
    let before = group(&home);
    network(&mut home)["spec"]["allowedNamespaces"] = json!({"sequencers": {"from": "Same"}});
    assert_ne!(before, group(&home));
}
