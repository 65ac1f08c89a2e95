//! What the real op-node answers, as it was recorded during a handover (`op-node.json`), is understood.

use op_network::OptimismNetwork;
use opstack_sdk::call;
use opstack_sdk::testkit::{Around, FakeCluster, documents};
use serde_json::{Value, json};

const OBJECTS: &str = "
apiVersion: optimism.io/v1alpha1
kind: OptimismNetwork
metadata: {name: devnet, namespace: ns}
spec:
  networkName: op-sepolia
  chainID: 11155420
  l1ChainID: 11155111
  l1RpcUrl: http://l1.ns.svc:8545
  sequencer: {ha: {mode: Operator}}
---
apiVersion: optimism.io/v1alpha1
kind: OpNode
metadata: {name: a, namespace: ns, creationTimestamp: 2024-01-01T00:00:00Z}
spec: {optimismNetworkRef: {name: devnet}, nodeType: sequencer}
---
apiVersion: optimism.io/v1alpha1
kind: OpNode
metadata: {name: b, namespace: ns, creationTimestamp: 2024-01-02T00:00:00Z}
spec: {optimismNetworkRef: {name: devnet}, nodeType: sequencer}
---
apiVersion: v1
kind: Pod
metadata: {name: a-0, namespace: ns, uid: pod-a}
---
apiVersion: v1
kind: Pod
metadata: {name: b-0, namespace: ns, uid: pod-b}
";

fn recording() -> Vec<Value> {
    let recording: Value = serde_json::from_str(include_str!("op-node.json")).unwrap();
    recording["calls"].as_array().unwrap().clone()
}

/// What a node answered to the probe.
fn probe(node: &str, about: &str) -> Value {
    let is_it = |call: &&Value| call["node"] == node && call["about"] == about && !call["probe"].is_null();
    recording().iter().find(is_it).unwrap()["probe"].clone()
}

/// A call, by what it was about.
fn acted(node: &str, about: &str) -> Value {
    let is_it = |call: &&Value| call["node"] == node && call["about"] == about && call["probe"].is_null();
    recording().iter().find(is_it).unwrap().clone()
}

/// The next `status.sequencing`, and the calls that are declared.
fn next(status: &Value, answers: [Value; 2], outcomes: Value) -> (Value, Vec<(String, String)>) {
    let mut objects = documents(OBJECTS);
    let mut network = objects.remove(0);
    network["status"] = json!({"sequencing": status});
    let cluster = FakeCluster::new(objects);
    let ask = |around: Value| {
        let around: Around = serde_json::from_value(around).unwrap();
        call::reconcile::<OptimismNetwork>(&cluster, around.request(&network)).unwrap()
    };
    let probes = ask(json!({})).probes;
    let of_sequencers = probes.iter().filter(|probe| probe.id.starts_with("sequencer-"));
    let observations: Vec<_> =
        of_sequencers.zip(answers).map(|(probe, answer)| json!({"probe": probe.id, "answer": answer})).collect();
    let response = ask(json!({"observations": observations, "outcomes": outcomes}));
    let status: Value = serde_json::from_str(&response.status).unwrap();
    let calls = response.actions.into_iter().map(|action| (action.call.method, action.call.params));
    (status["sequencing"].clone(), calls.collect())
}

#[test]
fn two_that_booted_stopped_are_understood_and_the_first_is_started() {
    let answers = || [probe("a", "it booted stopped"), probe("b", "it booted stopped")];
    let (status, calls) = next(&Value::Null, answers(), json!([]));
    assert_eq!(
        (status["stage"].as_str(), status["candidate"].as_str(), calls.len()),
        (Some("Starting"), Some("ns/a"), 0)
    );
    // The very call that op-node took.
    let (_, calls) = next(&status, answers(), json!([]));
    let taken = acted("a", "from its newest block");
    assert_eq!(calls, [("admin_startSequencer".to_string(), taken["params"].to_string())]);
    assert_eq!(taken["result"], Value::Null);
}

#[test]
fn one_that_makes_blocks_is_understood() {
    let (status, _) = next(&Value::Null, [probe("a", "it makes blocks"), probe("b", "it follows")], json!([]));
    assert_eq!((status["stage"].as_str(), status["active"].as_str()), (Some("Running"), Some("ns/a")));
}

#[test]
fn the_hash_that_a_stop_answers_is_the_one_that_the_next_start_took() {
    let answers = || [probe("a", "it was stopped"), probe("b", "it follows")];
    let stopping = json!({"stage": "Stopping", "epoch": 5, "active": "ns/a", "since": "2024-01-15T10:29:55Z", "standbys": ["ns/b"],
        "processes": [{"sequencer": "ns/a", "podUID": "pod-a", "restarts": 0}]});
    let stopped = acted("a", "it makes blocks")["result"].clone();
    let outcome = json!([{"id": "stop-ns/a-at-epoch-5", "age": 2000, "result": stopped}]);
    let (status, _) = next(&stopping, answers(), outcome);
    assert_eq!(status["stoppedAt"], stopped);
    let (status, _) = next(&status, answers(), json!([]));
    assert_eq!((status["candidate"].as_str(), &status["startingFrom"]), (Some("ns/b"), &stopped));
    let (_, calls) = next(&status, answers(), json!([]));
    let taken = acted("b", "from the block at which the other one stopped");
    assert_eq!(calls, [("admin_startSequencer".to_string(), taken["params"].to_string())]);
    assert_eq!(taken["result"], Value::Null);
}

#[test]
fn a_refusal_is_known_to_be_one() {
    let refusal = acted("a", "after others made newer blocks")["error"].clone();
    let told = format!("error {}: {}", refusal["code"], refusal["message"].as_str().unwrap());
    assert!(told.starts_with("error -32000: block hash does not match: head 0x"), "{told}");
    let hash = acted("a", "it makes blocks")["result"].clone();
    let starting = json!({"stage": "Starting", "epoch": 5, "candidate": "ns/b", "previous": "ns/a", "stoppedAt": hash,
        "startingFrom": hash, "since": "2024-01-15T10:29:55Z", "standbys": ["ns/a"],
        "processes": [{"sequencer": "ns/b", "podUID": "pod-b", "restarts": 0}]});
    let outcome = json!([{"id": "start-ns/b-at-epoch-5", "age": 2000, "error": told}]);
    let (status, _) = next(&starting, [probe("a", "it was stopped"), probe("b", "it follows")], outcome);
    assert_eq!((status["stage"].as_str(), status["refused"].as_str()), (Some("Vacant"), Some("ns/b")));
    assert_eq!(status["stoppedAt"], hash, "it is still the block to go on from");
}
