//! The victim's chain on machines, and what has to be so after one of them is lost.

use adversary::{
    machines::{Machines, options},
    victim::{self, Victim},
};
use control_plane::Mark;
use serde_json::{Value, json};
use suite::{
    MINUTE, Site, chain, condition, kubelet,
    pair::NAMES,
    paths, until,
    world::{self, Pod, World},
};

use crate::reason;

/// Taint of machines that nothing is put on that does not ask for it.
pub const RESERVED: &str = "adversary.example/reserved";
/// Annotation by which a person says that a pod's process has ended.
const PROCESS_ENDED: &str = "optimism.io/process-ended";
/// Annotation by which a person says that sequencers make no blocks.
const APPROVAL: &str = "optimism.io/approve-promotion";
/// The second sequencer is looked at so often to be sure that nothing happens.
const AGAIN: usize = 5;

pub struct Scene {
    site: &'static Site,
    victim: Victim,
    /// Programs of pods that were made later.
    later: Vec<Pod>,
    /// How many calls the sequencers had when all was well.
    calls: usize,
    // Dropped before the control plane, which is never dropped.
    pub machines: Machines,
}

impl Scene {
    /// The active sequencer, the replica and the components are on machine `x`, the second sequencer on `y`; `z` is reserved.
    pub fn start() -> Option<Self> {
        let site: &'static World = {
            let site = Site::start_with(options());
            Box::leak(Box::new(World::start_on(site, &[])))
        };
        let Some(hosts) = &site.hosts else {
            println!("skipped: no namespaces here, so that the operator can't be given the names of Services");
            return None;
        };
        let site = &site.site;
        let machines = Machines::start(site, &["x", "y", "z"]);
        ["y", "z"].iter().for_each(|name| machines.taint(name, RESERVED, "NoSchedule"));
        let mut sequencers = NAMES.map(|name| chain::sequencer(victim::NAMESPACE, name));
        sequencers[1]["spec"]["podTemplate"] = json!({"spec": {
            "nodeSelector": {"kubernetes.io/hostname": "y"},
            "tolerations": [{"key": RESERVED, "operator": "Exists"}],
        }});
        let victim = Victim::start_of(site, hosts, sequencers);
        let scene = Self { site, victim, later: Vec::new(), calls: 0, machines };
        let on_x = scene.on("x");
        for name in ["seq-a-", "rep-", "batcher-", "proposer-", "challenger-"] {
            assert!(on_x.iter().any(|pod| named(pod).starts_with(name)), "{name} is not on x");
        }
        Some(scene)
    }

    /// Pods that are bound to a machine.
    fn on(&self, machine: &str) -> Vec<Value> {
        let mut pods = self.site.list(&format!("/api/v1/namespaces/{}/pods", victim::NAMESPACE));
        pods.retain(|pod| pod["spec"]["nodeName"] == machine);
        pods
    }

    /// Nobody hears the active sequencer any more. It goes on for all that anybody knows.
    pub fn falls_silent(&mut self, machine: &str) {
        let active = self.victim.pair.chain().active.first().copied();
        {
            let mut chain = self.victim.pair.chain();
            chain.stalled = active;
            self.calls = chain.calls.len();
        }
        let addresses: Vec<String> =
            self.on(machine).iter().filter_map(|pod| pod["status"]["podIP"].as_str().map(str::to_string)).collect();
        let pods = self.victim.pair.pods.iter().chain([&self.victim.replica]).chain(&self.later);
        for pod in pods.filter(|pod| addresses.contains(&pod.address.to_string())) {
            world::RUNTIME.block_on(async {
                pod.consensus.close().await;
                pod.execution.close().await;
            });
        }
    }

    /// The controllers have given the machine up: its pods are to be deleted, and nobody there does it.
    pub fn wait_evicted(&self, machine: &str) {
        until("the pods of the lost machine to be given up", 2 * MINUTE, || {
            let pods = self.on(machine);
            let left: Vec<_> =
                pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).map(named).collect();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
    }

    /// Deletes the machine's pods by force, as somebody does who is in a hurry.
    pub fn delete_pods(&self, machine: &str) {
        for pod in self.on(machine) {
            let path = format!("/api/v1/namespaces/{}/pods/{}", victim::NAMESPACE, named(&pod));
            let precise = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}});
            let answer = self.site.request("DELETE", &path, Some(&precise));
            // The garbage collector of pods may be faster.
            assert!(answer.is_success() || [404, 409].contains(&answer.status), "{path}: {}", answer.text());
        }
    }

    /// Nothing of what must be one was started, and no component has a pod that could run beside the lost one.
    pub fn stays_down(&self, when: &str) {
        let path = paths::of(&self.victim.pair.network);
        let told = |network: &Value| reason(network, "SequencerActive") == "NotProvenStopped";
        self.site.wait("the doubt about the sequencer to be told", &path, 2 * MINUTE, told);
        let asked = self.victim.pair.pods[1].consensus.count("admin_sequencerActive") + AGAIN;
        until("the second sequencer to be asked again", MINUTE, || {
            match self.victim.pair.pods[1].consensus.count("admin_sequencerActive") {
                count if count >= asked => Ok(()),
                count => Err(format!("{count}\n{}", self.site.log_tail())),
            }
        });
        let chain = self.victim.pair.chain();
        assert_eq!(chain.calls.len(), self.calls, "{when}, and a sequencer was called: {:?}", chain.calls);
        drop(chain);
        for component in self.victim.components() {
            let pods = self.pods_of(component);
            let second: Vec<_> = pods.iter().filter(|pod| is_living(pod)).map(named).collect();
            assert!(second.is_empty(), "{when}, and {second:?} may run beside the lost one");
        }
    }

    /// The scheduler put no further pod of a component on a machine since: not even for a moment a second process could begin.
    pub fn bound_none(&self, since: Mark) {
        let events = self.site.audit.events_since(since).expect("the audit log");
        let bound = events.by_verb("create").in_namespace(victim::NAMESPACE);
        let bound = bound.filter(|event| event.resource == "pods" && event.subresource == "binding");
        let names: Vec<_> = self.victim.components().map(|component| format!("{}-", named(component))).collect();
        let second = bound.filter(|event| names.iter().any(|name| event.name.starts_with(name)));
        assert!(second.is_empty(), "a second process could begin beside the lost one:\n{second}");
    }

    /// The present end of the audit log.
    pub fn mark(&self) -> Mark {
        self.site.audit.mark().expect("the audit log")
    }

    fn pods_of(&self, component: &Value) -> Vec<Value> {
        let prefix = format!("{}-", named(component));
        let mut pods = self.site.list(&format!("/api/v1/namespaces/{}/pods", victim::NAMESPACE));
        pods.retain(|pod| named(pod).starts_with(&prefix));
        pods
    }

    /// Each component says that its account may be in use.
    pub fn wait_in_doubt(&self) {
        for component in self.victim.components() {
            let told = |live: &Value| reason(live, "Ready") == "AccountMayBeInUse";
            self.site.wait("the doubt about an account to be told", &paths::of(component), MINUTE, told);
        }
    }

    /// The pod of this name that the scheduler has put on a machine.
    fn wait_on(&self, pod: &str, machine: &str) {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}", victim::NAMESPACE);
        let is_there =
            |pod: &Value| pod["spec"]["nodeName"] == machine && pod["metadata"]["deletionTimestamp"].is_null();
        self.site.wait(&format!("{pod} to be on {machine}"), &path, 2 * MINUTE, is_there);
    }

    /// A replica is one of many: it runs again without proof.
    pub fn replica_comes_back(&mut self, machine: &str) {
        self.wait_on("rep-0", machine);
        self.later.push(victim::replica_in(self.site, "rep-0"));
        self.wait_running(&self.victim.node);
    }

    fn wait_running(&self, object: &Value) {
        let runs = |live: &Value| condition::brief(live, "Ready").0 == "True" && live["status"]["phase"] == "Running";
        self.site.wait(&format!("{} to run again", named(object)), &paths::of(object), 2 * MINUTE, runs);
    }

    /// A new pod takes the name of the lost one, and says that it makes no blocks: that says nothing about the lost one.
    pub fn sequencer_boots_elsewhere(&mut self, name: &'static str) {
        let pod = kubelet::wait_pods(self.site, victim::NAMESPACE, "seq-a-", 1).remove(0);
        self.later.push(self.victim.pair.run(&pod, name));
    }

    /// The process has in truth ended.
    pub fn has_ended(&self, name: &str) {
        let mut chain = self.victim.pair.chain();
        chain.active.retain(|active| *active != name);
        chain.stalled = None;
    }

    /// One sequencer makes blocks, by a single start.
    pub fn wait_active(&self) {
        let started = || {
            let chain = self.victim.pair.chain();
            let calls: Vec<_> = chain.calls[self.calls..].iter().map(|(_, what, _)| *what).collect();
            match (chain.active.len(), calls.as_slice()) {
                (1, ["start"]) => Ok(()),
                _ => Err(format!("{:?} {:?}\n{}", chain.active, chain.calls, self.site.log_tail())),
            }
        };
        until("one sequencer to be started", 2 * MINUTE, started);
    }

    /// Hands over by plan, if it is not active already.
    pub fn make_active(&mut self, name: &str) {
        let node = paths::of(&self.victim.pair.nodes[1]);
        let stopped = |stopped: bool| json!({"spec": {"opNode": {"sequencer": {"stopped": stopped}}}});
        if self.victim.pair.chain().active != [name] {
            self.site.merge(&node, &stopped(true));
            until("the planned change", 2 * MINUTE, || match self.victim.pair.chain().active.as_slice() {
                [active] if *active == name => Ok(()),
                active => Err(format!("{active:?}\n{}", self.site.log_tail())),
            });
            self.site.merge(&node, &stopped(false));
        }
        let named = |network: &Value| network["status"]["sequencing"]["active"] == "victim/seq-a";
        self.site.wait("the change to be noted", &paths::of(&self.victim.pair.network), MINUTE, named);
        let ready = |node: &Value| condition::brief(node, "Ready").0 == "True";
        self.site.wait("the other one to be ready", &node, MINUTE, ready);
    }

    /// The components run on a machine again, each as one pod.
    pub fn components_come_back(&self, machine: &str) {
        for component in self.victim.components() {
            let pod = until("a component's pod", 2 * MINUTE, || {
                let living: Vec<_> = self.pods_of(component).into_iter().filter(is_living).collect();
                match living.as_slice() {
                    [pod] if pod["spec"]["nodeName"] == machine => Ok(named(pod)),
                    pods => Err(format!("{:?}\n{}", pods.iter().map(named).collect::<Vec<_>>(), self.site.log_tail())),
                }
            });
            kubelet::report(self.site, victim::NAMESPACE, &pod.0, world::address().into(), true);
            self.wait_running(component);
        }
    }

    /// A person says of each lost process that it has ended, by the words that the statuses ask for.
    pub fn a_person_vouches(&self) {
        for component in self.victim.components() {
            let live = self.site.get(&paths::of(component)).unwrap_or_default();
            let processes = live["status"]["processes"].as_array().cloned().unwrap_or_default();
            let uids: Vec<_> = processes.iter().filter_map(|process| process["podUID"].as_str()).collect();
            assert!(!uids.is_empty(), "no process is remembered: {}", live["status"]);
            annotate(self.site, component, PROCESS_ENDED, &uids.join(","));
        }
        let network = &self.victim.pair.network;
        let live = self.site.get(&paths::of(network)).unwrap_or_default();
        let nonce = &live["status"]["sequencing"]["approvalNonce"];
        let nonce = nonce.as_str().unwrap_or_else(|| panic!("no word is asked for: {}", live["status"]));
        let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
        annotate(self.site, network, APPROVAL, &format!("{uid}/{nonce}"));
    }
}

fn annotate(site: &Site, object: &Value, name: &str, value: &str) {
    site.merge(&paths::of(object), &json!({"metadata": {"annotations": {name: value}}}));
}

fn named(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_string()
}

/// On a machine, and not about to go.
fn is_living(pod: &Value) -> bool {
    !pod["spec"]["nodeName"].is_null() && pod["metadata"]["deletionTimestamp"].is_null()
}
