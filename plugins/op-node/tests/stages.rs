//! A change of the execution client side by side, from the first stage to the last, whatever is seen on the way: the Services lead
//! to pods that are synced wherever there are any, and no claim goes.

use geth::Geth;
use op_node::OpNode;
use opstack_sdk::call::{self, render_client};
use opstack_sdk::testkit::{Case, FakeCluster};
use opstack_sdk::wire::probes::Observation;
use opstack_sdk::wire::types::{KindRef, ObjectRef};
use opstack_sdk::wire::workload::{Child, Children, Policy, Readiness, Request};
use reth::Reth;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const SYNCED: &str = "optimism.io/synced";
const WORKLOAD: &str = "opstack.optimism.io/workload";
const PODS: u64 = 2;
/// 2024-01-15T10:30:00Z
const BEGIN: u64 = 1_705_314_600;

/// Numbers that are the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What is in the cluster, and what the pods would answer.
struct World {
    object: Value,
    around: Vec<Value>,
    /// Labels of each pod, by workload and name.
    pods: BTreeMap<(String, String), BTreeMap<String, String>>,
    /// Pods at the chain's head.
    at_head: BTreeMap<String, bool>,
    /// Selector of the main Service.
    selector: Value,
    now: u64,
}

impl World {
    /// A replica with geth, of which all pods serve.
    fn new() -> Self {
        let case = Case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/side-by-side-begins"));
        let mut object = case.object;
        object.as_object_mut().unwrap().remove("status");
        object["spec"]["replicas"] = PODS.into();
        object["spec"]["executionClient"]["name"] = "geth".into();
        let around =
            case.documents.into_iter().filter(|document| document["kind"] != "Pod" && document["kind"] != "Secret");
        let mut around: Vec<Value> = around.collect();
        let facts = json!({"length": 64, "hex32": true, "fingerprint": "f"});
        let secret = |name: &str, facts: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "chains"}, "facts": facts});
        around.push(secret("rep-jwt", json!({"jwt": facts})));
        for workload in ["rep", "rep--geth", "rep--reth"] {
            around.push(secret(&format!("{workload}-p2p"), json!({"private-key": facts, "execution-key": facts})));
            for file in ["private-keys", "execution-keys"] {
                around.push(secret(&format!("{workload}-other-{file}"), json!({format!("{workload}-1"): facts})));
            }
        }
        Self { object, around, pods: BTreeMap::new(), at_head: BTreeMap::new(), selector: Value::Null, now: BEGIN }
    }

    fn request(&self) -> Request {
        let kind = KindRef { group: "apps".into(), version: "v1".into(), kind: "StatefulSet".into() };
        let mut workloads: Vec<&String> = self.pods.keys().map(|(workload, _)| workload).collect();
        workloads.dedup();
        let child = |name: &&String| Child {
            ref_: ObjectRef { kind: kind.clone(), namespace: Some("chains".into()), name: (*name).clone() },
            readiness: Readiness::Ready,
            status: "null".into(),
        };
        let answers = self.pods.keys().flat_map(|(workload, pod)| {
            let time = if self.at_head[pod] { self.now } else { self.now - 3600 };
            let id = workload.strip_prefix("rep").unwrap();
            let consensus = json!([{"result": {"unsafe_l2": {"hash": "0xabc", "number": 7, "timestamp": time}}}]);
            let execution = json!([{"result": false}, {"result": {"number": "0x7"}}, {"result": {"hash": "0xabc1"}}]);
            [("op-node", consensus), ("execution", execution)].map(|(probe, answer)| Observation {
                probe: format!("{probe}{id}"),
                pod: pod.clone(),
                measured_at: self.now * 1000,
                stale: false,
                answer: Ok(answer.to_string()),
            })
        });
        Request {
            children: workloads.iter().map(child).collect(),
            observations: answers.collect(),
            ..opstack_sdk::testkit::request(&self.object)
        }
    }

    fn documents(&self) -> Vec<Value> {
        let pods = self.pods.iter().map(|((_, name), labels)| {
            let metadata = json!({"name": name, "namespace": "chains", "labels": labels, "creationTimestamp": "2024-01-15T10:00:00Z"});
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})
        });
        self.around.iter().cloned().chain(pods).collect()
    }

    /// Renders, and carries out what is rendered.
    fn reconcile(&mut self) {
        let cluster = FakeCluster::new(self.documents());
        let cluster = cluster.client("geth", render_client::<Geth>).client("reth", render_client::<Reth>);
        let answer = call::reconcile::<OpNode>(&cluster, self.request()).unwrap();
        let Children::Apply(children) = answer.children else { panic!("nothing is rendered") };
        let mut wanted = vec![];
        for child in children {
            let object: Value = serde_json::from_str(&child.object).unwrap();
            let name = object["metadata"]["name"].as_str().unwrap().to_string();
            match object["kind"].as_str().unwrap() {
                "PersistentVolumeClaim" => panic!("claims are nobody's to render"),
                "Service" if name == "rep" => self.selector = object["spec"]["selector"].clone(),
                "Pod" => {
                    assert_eq!(child.policy, Policy::Patch);
                    let labels: BTreeMap<String, String> =
                        serde_json::from_value(object["metadata"]["labels"].clone()).unwrap();
                    let pod = self.pods.iter_mut().find(|((_, pod), _)| *pod == name).unwrap().1;
                    pod.extend(labels);
                }
                "StatefulSet" => {
                    let keep = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
                    assert_eq!(object["spec"]["persistentVolumeClaimRetentionPolicy"], keep);
                    self.start(&name, &object);
                    wanted.push(name);
                }
                _ => {}
            }
        }
        self.pods.retain(|(workload, _), _| wanted.contains(workload));
        self.object["status"] = serde_json::from_str(&answer.status).unwrap();
    }

    fn start(&mut self, workload: &str, object: &Value) {
        for ordinal in 0..PODS {
            let pod = format!("{workload}-{ordinal}");
            let labels = &object["spec"]["template"]["metadata"]["labels"];
            let mut labels: BTreeMap<String, String> = serde_json::from_value(labels.clone()).unwrap();
            // The host's.
            labels.insert(WORKLOAD.into(), format!("statefulset.{workload}"));
            self.pods.entry((workload.into(), pod.clone())).or_insert(labels);
            self.at_head.entry(pod).or_insert(false);
        }
    }

    fn labelled(&self) -> Vec<String> {
        let synced = self.pods.iter().filter(|(_, labels)| labels[SYNCED] == "true");
        synced.map(|((_, pod), _)| pod.clone()).collect()
    }

    fn selected(&self) -> Vec<String> {
        let wanted: BTreeMap<String, String> = serde_json::from_value(self.selector.clone()).unwrap();
        let fits = |labels: &BTreeMap<String, String>| wanted.iter().all(|(key, value)| labels.get(key) == Some(value));
        self.pods.iter().filter(|(_, labels)| fits(labels)).map(|((_, pod), _)| pod.clone()).collect()
    }

    fn workloads(&self) -> Vec<&str> {
        let mut all: Vec<_> = self.pods.keys().map(|(workload, _)| workload.as_str()).collect();
        all.dedup();
        all
    }

    fn set(&mut self, workload: &str, at_head: bool) {
        self.at_head
            .iter_mut()
            .filter(|(pod, _)| pod.rsplit_once('-').unwrap().0 == workload)
            .for_each(|pod| *pod.1 = at_head);
    }

    fn want(&mut self, client: &str) {
        self.object["spec"]["executionClient"]["name"] = client.into();
    }

    fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        self.reconcile();
    }
}

/// A node whose pods serve with geth.
fn serving() -> World {
    let mut world = World::new();
    world.pass(1);
    world.set("rep", true);
    world.pass(1);
    assert_eq!(world.selected(), ["rep-0", "rep-1"]);
    world
}

#[test]
fn another_client_syncs_beside_and_takes_over_and_back() {
    let mut world = serving();
    world.want("reth");
    world.pass(1);
    assert_eq!(world.workloads(), ["rep", "rep--reth"]);
    world.pass(60);
    assert_eq!(world.selected(), ["rep-0", "rep-1"]);
    world.set("rep--reth", true);
    world.pass(2);
    assert_eq!(world.selected(), ["rep-0", "rep-1"], "their labels come first");
    world.pass(2);
    assert_eq!(world.selected(), ["rep--reth-0", "rep--reth-1"]);
    assert_eq!(world.workloads(), ["rep", "rep--reth"]);
    world.pass(20);
    assert_eq!(world.workloads(), ["rep--reth"]);
    assert_eq!(world.selected(), ["rep--reth-0", "rep--reth-1"]);
    assert_eq!(world.object["status"]["executionClient"], "reth");
    world.want("geth");
    world.set("rep", false);
    world.pass(1);
    assert_eq!(world.workloads(), ["rep", "rep--reth"], "geth's claims are those of the first");
    world.set("rep", true);
    world.pass(2);
    world.pass(2);
    world.pass(20);
    assert_eq!(world.workloads(), ["rep"]);
    assert_eq!(world.selected(), ["rep-0", "rep-1"]);
}

#[test]
fn services_lead_to_synced_pods_wherever_there_are_any() {
    let mut moves = 0;
    for seed in 0..40 {
        let (mut world, mut random) = (serving(), Random(seed));
        for step in 0..60 {
            if random.below(12) == 0 {
                world.want(["geth", "reth"][usize::try_from(random.below(2)).unwrap()]);
            }
            let pods: Vec<String> = world.at_head.keys().cloned().collect();
            for pod in pods {
                if random.below(4) == 0 {
                    world.at_head.insert(pod, random.below(3) > 0);
                }
            }
            let (before, served) = (world.labelled(), world.object["status"]["executionClient"].clone());
            world.pass(1 + random.below(12));
            let (after, selected) = (world.labelled(), world.selected());
            // Who is labelled just now serves from the next time on.
            let steady = world.pods.keys().any(|(_, pod)| before.contains(pod) && after.contains(pod));
            assert!(
                !steady || !selected.is_empty(),
                "seed {seed}, step {step}: {after:?}, and the Service leads nowhere"
            );
            assert!(world.workloads().len() <= 2);
            moves += usize::from(world.object["status"]["executionClient"] != served);
        }
    }
    assert!(moves > 40, "{moves} moves alone prove little");
}
