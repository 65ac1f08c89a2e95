//! A cluster in memory: it applies what the plugin answers as the host does, and runs pods as Kubernetes does.

use op_batcher::OpBatcher;
use opstack_sdk::call;
use opstack_sdk::testkit::{FakeCluster, request};
use opstack_sdk::wire::{types, workload};
use serde_json::{Value, json};

pub const ADDRESS: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
pub const ACCOUNT: &str = "11155111-0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
/// Another account, to which a key may be changed.
pub const SECOND: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
pub const MACHINES: [&str; 2] = ["machine-0", "machine-1"];

/// A component by namespace and name.
pub type Place = (&'static str, &'static str);

/// What the plugin answered.
#[derive(Clone, Debug)]
pub struct Answered {
    pub children: Vec<Value>,
    pub status: Value,
    /// Reason and message of `Ready=False`.
    pub not_ready: Option<(String, String)>,
    pub again: Option<u32>,
}

impl Answered {
    pub fn child(&self, kind: &str) -> &Value {
        self.children.iter().find(|child| child["kind"] == kind).expect(kind)
    }

    pub fn replicas(&self) -> i64 {
        self.child("StatefulSet")["spec"]["replicas"].as_i64().expect("replicas")
    }

    pub fn reason(&self) -> &str {
        self.not_ready.as_ref().map_or("", |(reason, _)| reason)
    }

    pub fn claims(&self) -> bool {
        self.child("ServiceAccount")["metadata"]["labels"]["optimism.io/l1-account"] == ACCOUNT
    }
}

#[derive(Clone, Default)]
pub struct World {
    pub documents: Vec<Value>,
    uids: u64,
}

fn is(document: &Value, kind: &str, (namespace, name): (&str, &str)) -> bool {
    let metadata = &document["metadata"];
    document["kind"] == kind
        && metadata["namespace"].as_str().unwrap_or_default() == namespace
        && metadata["name"] == name
}

impl World {
    pub fn new() -> Self {
        let mut world = Self::default();
        for name in MACHINES {
            let status = json!({"conditions": [{"type": "Ready", "status": "True"}]});
            world.add(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": status}));
        }
        world
    }

    pub fn add(&mut self, mut document: Value) -> String {
        self.uids += 1;
        let uid = format!("uid-{}", self.uids);
        document["metadata"]["uid"] = uid.clone().into();
        let second = self.uids / 2;
        document["metadata"]["creationTimestamp"] =
            format!("2024-01-15T10:{:02}:{:02}Z", second / 60, second % 60).into();
        self.documents.push(document);
        uid
    }

    /// A batcher with its network, node and key, all in its namespace.
    pub fn batcher(&mut self, (namespace, name): Place) {
        if self.get("OptimismNetwork", (namespace, "net")).is_none() {
            let ours = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "optimism.io/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec});
            self.add(ours("OptimismNetwork", "net", json!({"networkName": "op-sepolia", "chainID": 11_155_420, "l1ChainID": 11_155_111, "l1RpcUrl": "https://l1.example.org"})));
            self.add(ours("OpNode", "node", json!({"optimismNetworkRef": {"name": "net"}, "nodeType": "sequencer"})));
            let key =
                json!({"length": 66, "hex32": true, "address": ADDRESS, "peerId": "16Uiu2HAm", "fingerprint": "f"});
            self.add(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": namespace}, "facts": {"key": key}}));
        }
        let spec = json!({"optimismNetworkRef": {"name": "net"}, "sequencerRef": {"name": "node"}, "privateKey": {"secretRef": {"name": "key", "key": "key"}}});
        self.add(json!({"apiVersion": "optimism.io/v1alpha1", "kind": "OpBatcher", "metadata": {"name": name, "namespace": namespace}, "spec": spec}));
    }

    /// Puts another key into the Secret of a namespace.
    pub fn rotate(&mut self, namespace: &str, address: &str) {
        self.edit("Secret", (namespace, "key"), |secret| secret["facts"]["key"]["address"] = address.into());
    }

    /// The account that a component's ServiceAccount claims.
    pub fn claimed(&self, place: Place) -> String {
        let account =
            self.get("ServiceAccount", place).map(|account| &account["metadata"]["labels"]["optimism.io/l1-account"]);
        account.and_then(Value::as_str).unwrap_or_default().into()
    }

    pub fn get(&self, kind: &str, place: (&str, &str)) -> Option<&Value> {
        self.documents.iter().find(|document| is(document, kind, place))
    }

    pub fn edit(&mut self, kind: &str, place: (&str, &str), edit: impl FnMut(&mut Value)) {
        self.documents.iter_mut().find(|document| is(document, kind, place)).into_iter().for_each(edit);
    }

    pub fn remove(&mut self, kind: &str, place: (&str, &str)) {
        self.documents.retain(|document| !is(document, kind, place));
    }

    pub fn render(&self, place: Place) -> Answered {
        let (namespace, name) = place;
        let object = self.get("OpBatcher", place).expect("a batcher");
        let mut request = request(object);
        for kind in ["StatefulSet", "Deployment"] {
            if let Some(found) = self.get(kind, place) {
                let kind = types::KindRef { group: "apps".into(), version: "v1".into(), kind: kind.into() };
                let ref_ = types::ObjectRef { kind, namespace: Some(namespace.into()), name: name.into() };
                let readiness = workload::Readiness::Ready;
                request.children.push(workload::Child { ref_, readiness, status: found["status"].to_string() });
            }
        }
        let answer =
            call::reconcile::<OpBatcher>(&FakeCluster::new(self.documents.clone()), request).expect("an answer");
        let workload::Children::Apply(children) = answer.children else { panic!("children are kept") };
        let ready = answer.conditions.iter().find(|condition| condition.name == "Ready");
        Answered {
            children: children.iter().map(|child| serde_json::from_str(&child.object).expect("JSON")).collect(),
            status: serde_json::from_str(&answer.status).expect("JSON"),
            not_ready: ready.map(|ready| (ready.reason.clone(), ready.message.clone())),
            again: answer.requeue_after_ms,
        }
    }

    /// Writes one child as the host does: with the owner, in place where it is there.
    pub fn apply(&mut self, place: Place, mut child: Value) {
        let (namespace, name) = place;
        let uid = self.get("OpBatcher", place).expect("a batcher")["metadata"]["uid"].clone();
        let kind = child["kind"].as_str().expect("a kind").to_string();
        let metadata = &mut child["metadata"];
        metadata["annotations"]["opstack.optimism.io/owner"] =
            format!("OpBatcher.optimism.io/{namespace}/{name}").into();
        metadata["ownerReferences"] = json!([{"apiVersion": "optimism.io/v1alpha1", "kind": "OpBatcher", "name": name, "uid": uid, "controller": true}]);
        match self.documents.iter_mut().find(|document| is(document, &kind, place)) {
            Some(known) => {
                for field in ["uid", "creationTimestamp"] {
                    child["metadata"][field] = known["metadata"][field].clone();
                }
                if let Some(status) = known.get("status") {
                    child["status"] = status.clone();
                }
                *known = child;
            }
            None => drop(self.add(child)),
        }
    }

    /// All of an answer: accounts first, the workload, what is no longer rendered, and the status last.
    pub fn carry_out(&mut self, place: Place, answered: &Answered) {
        self.apply(place, answered.child("ServiceAccount").clone());
        self.apply(place, answered.child("StatefulSet").clone());
        self.remove("Deployment", place);
        self.edit("OpBatcher", place, |batcher| batcher["status"] = answered.status.clone());
    }

    pub fn reconcile(&mut self, place: Place) -> Answered {
        let answered = self.render(place);
        self.carry_out(place, &answered);
        answered
    }

    /// The controller of StatefulSets and the kubelets: makes the pod that is wanted unless one of its name is there, and ends the
    /// one that is not. Says which pod was made.
    pub fn run_pods(&mut self, place: Place, machine: &str) -> Option<String> {
        let (namespace, name) = place;
        let pod = format!("{name}-0");
        let wanted = self.get("StatefulSet", place).is_some_and(|set| set["spec"]["replicas"] == 1);
        let is_there = self.get("Pod", (namespace, &pod)).is_some();
        let made = match (wanted, is_there) {
            (true, false) => Some(self.pod(place, &pod, ("StatefulSet", name), machine)),
            (false, true) => {
                self.remove("Pod", (namespace, &pod));
                None
            }
            _ => None,
        };
        self.edit("StatefulSet", place, |set| set["status"]["replicas"] = i64::from(wanted).into());
        made
    }

    pub fn pod(&mut self, (namespace, name): Place, pod: &str, controller: (&str, &str), machine: &str) -> String {
        let labels = json!({"app.kubernetes.io/name": "op-batcher", "app.kubernetes.io/instance": name});
        let owner = json!([{"kind": controller.0, "name": controller.1, "controller": true}]);
        self.add(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": pod, "namespace": namespace, "labels": labels, "ownerReferences": owner},
            "spec": {"nodeName": machine},
            "status": {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]},
        }))
    }

    pub fn taint(&mut self, machine: &str, taints: &[&str]) {
        let taints: Value = taints.iter().map(|key| json!({"key": key, "effect": "NoExecute"})).collect();
        self.edit("Node", ("", machine), |node| node["spec"]["taints"] = taints.clone());
    }

    /// Reconciles until nothing new is asked for, and runs the pod on a machine.
    pub fn start(&mut self, place: Place, machine: &str) -> String {
        while self.reconcile(place).again.is_some() {}
        let uid = self.run_pods(place, machine).expect("a pod");
        self.reconcile(place);
        uid
    }
}
