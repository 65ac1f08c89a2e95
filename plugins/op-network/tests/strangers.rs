//! What other namespaces have no part in: the choice of the sequencer, op-conductor's cluster, and whether a network can go.

use op_network::OptimismNetwork;
use opstack_sdk::answer::Observation;
use opstack_sdk::call;
use opstack_sdk::kubernetes::Hash;
use opstack_sdk::testkit::{Case, FakeCluster, STRANGER, check_strangers, strangers};
use opstack_sdk::wire::workload::{Request, Response};
use serde_json::{Value, json};
use std::path::Path;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

fn case(name: &str) -> Case {
    Case::load(&Path::new(CRATE).join("tests/cases").join(name))
}

fn probe(kind: &str, namespace: &str, name: &str) -> String {
    format!("{kind}-{}", Hash::of([namespace, name]).short())
}

/// What a sequencer would have said: that it has the highest block of all.
fn boast(name: &str, active: bool) -> Observation {
    let hash = |digit: char| format!("0x{}", digit.to_string().repeat(64));
    let answer = json!([{"result": active}, {"result": {
        "head_l1": {"hash": hash('a'), "number": 1, "timestamp": 1_705_314_598},
        "unsafe_l2": {"hash": hash('b'), "number": 999_999_999, "timestamp": 1_705_314_599},
    }}]);
    let pod = format!("{name}-0");
    Observation { pod, ..heard(probe("sequencer", STRANGER, name), Ok(answer.to_string())) }
}

fn heard(probe: String, answer: Result<String, String>) -> Observation {
    Observation { probe, pod: format!("{STRANGER}-0"), measured_at: 1_705_314_600_000, stale: false, answer }
}

/// That it leads a cluster of op-conductors of its own.
fn lead(name: &str) -> Observation {
    let servers = json!([{"id": format!("{STRANGER}.{name}-0"), "addr": "x:1", "suffrage": 0}]);
    let answer =
        json!([{"result": true}, {"result": {"servers": servers, "version": 1}}, {"result": false}, {"result": true}]);
    heard(probe("conductor", STRANGER, name), Ok(answer.to_string()))
}

/// Name of the stranger that would be a sequencer of the network that is rendered.
fn name_of(request: &Request) -> String {
    let object: Value = serde_json::from_str(&request.object).unwrap();
    format!("{}-sequencer", object["metadata"]["name"].as_str().unwrap())
}

/// Whatever strangers say: that they make blocks and have the most, that they lead, or nothing.
#[test]
fn strangers_change_nothing() {
    check_strangers::<OptimismNetwork>(CRATE, &[], |_| {});
    check_strangers::<OptimismNetwork>(CRATE, &[], |request| {
        let name = name_of(request);
        request.observations.extend([boast(&name, false), lead(&name)]);
    });
    check_strangers::<OptimismNetwork>(CRATE, &[], |request| {
        let name = name_of(request);
        request.observations.push(boast(&name, true));
    });
    check_strangers::<OptimismNetwork>(CRATE, &[], |request| {
        let name = name_of(request);
        request
            .observations
            .push(heard(probe("sequencer", STRANGER, &name), Err("refused: connection refused".into())));
    });
}

fn answer(case: &Case, more: Vec<Observation>) -> Response {
    let mut request = case.request();
    request.observations.extend(more);
    call::reconcile::<OptimismNetwork>(&FakeCluster::new(case.documents.clone()), request).unwrap()
}

fn sequencing(answer: &Response) -> Value {
    serde_json::from_str::<Value>(&answer.status).unwrap()["sequencing"].clone()
}

/// The pod of a stranger's sequencer and its machine, as Kubernetes tells of them.
fn pod_of(name: &str) -> [Value; 2] {
    let labels = json!({"optimism.io/network": "chains.op-mainnet", "app.kubernetes.io/component": "sequencer"});
    let metadata = json!({"name": format!("{name}-0"), "namespace": STRANGER, "uid": "pod-stranger", "labels": labels});
    let status = json!({"phase": "Running", "containerStatuses": [{"name": "op-node", "restartCount": 0, "state": {"running": {}}}]});
    let machine = json!({"nodeInfo": {"systemUUID": "system-machine-s", "bootID": "boot-machine-s"}});
    [
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"nodeName": "machine-s"}, "status": status}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "machine-s"}, "spec": {}, "status": machine}),
    ]
}

/// The same strangers are chosen where the network permits them: what keeps them out is its consent, and nothing else.
#[test]
fn with_consent_the_highest_block_counts_wherever_it_is() {
    let mut case = case("sequencing-start");
    case.documents.extend(strangers(&case.object));
    let name = "op-mainnet-sequencer";
    case.documents.extend(pod_of(name));
    let chosen = |case: &Case| sequencing(&answer(case, vec![boast(name, false)]))["candidate"].clone();
    assert_eq!(chosen(&case), "chains/seq-b");
    case.object["spec"]["allowedNamespaces"] = json!({"replicas": {"from": "All"}, "components": {"from": "All"}});
    assert_eq!(chosen(&case), "chains/seq-b", "replicas and components are no sequencers");
    case.object["spec"]["allowedNamespaces"] = json!({"sequencers": {"from": "All"}});
    assert_eq!(chosen(&case), format!("{STRANGER}/{name}"));
}

/// One that loses its consent while it makes blocks is not forgotten, which would be to take it for stopped: it is handed over from.
#[test]
fn one_that_is_not_permitted_any_more_is_stopped_before_another_begins() {
    let mut case = case("sequencing-start");
    case.documents.extend(strangers(&case.object));
    let name = "op-mainnet-sequencer";
    let active = format!("{STRANGER}/{name}");
    case.object["status"] = json!({"sequencing": {"stage": "Running", "epoch": 4, "active": active,
        "standbys": ["chains/seq-a", "chains/seq-b"], "since": "2024-01-15T10:00:00Z"}});
    // It has the block that the others have, and makes the next ones.
    let mut said = boast(name, true);
    let block = case.request().observations.iter().find(|seen| seen.pod == "seq-b-0").unwrap().answer.clone().unwrap();
    let mut heard: Value = serde_json::from_str(&block).unwrap();
    heard[0]["result"] = true.into();
    said.answer = Ok(heard.to_string());
    let first = answer(&case, vec![said.clone()]);
    let next = sequencing(&first);
    assert_eq!((&next["stage"], &next["active"]), (&json!("Stopping"), &json!(active)), "{next}");
    assert!(first.actions.is_empty(), "what is written down is done next");
    case.object["status"]["sequencing"] = next;
    let acts: Vec<_> = answer(&case, vec![said]).actions.into_iter().map(|act| act.call.method).collect();
    assert_eq!(acts, ["admin_stopSequencer"]);
}

#[test]
fn contradictions_in_the_consent_are_told() {
    let mut case = case("minimal");
    case.object["spec"]["allowedNamespaces"] = json!({"sequencers": {"from": "Selector"}});
    let failure = call::reconcile::<OptimismNetwork>(&FakeCluster::new(case.documents.clone()), case.request());
    let told = failure.unwrap_err().to_string();
    assert!(told.contains("spec.allowedNamespaces.sequencers.selector: is missing"), "{told}");
}
