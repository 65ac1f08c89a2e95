//! Of a network's nodes one pod is replaced at a time, the next one when that is at the chain's head again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use suite::{MINUTE, condition, kubelet, paths, until};

use crate::chain;
use crate::world::{self, Pod, RUNTIME, world};

const NAMESPACE: &str = "rollout";
const TURN: &str = "opstack.optimism.io/rollout-turn";
/// Long ago, in seconds since 1970.
const OLD: u64 = 1_700_000_000;

/// A pod, the life of it that was seen last, and its programs, which outlive it.
struct Living {
    name: String,
    uid: Value,
    programs: Pod,
    is_at_head: Arc<AtomicBool>,
}

fn pod(name: &str) -> Option<Value> {
    world().site.get(&format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}"))
}

impl Living {
    fn start(name: String) -> Self {
        let programs = Pod::start(world::address(), "op-node-replica", "op-geth-replica");
        let is_at_head = Arc::new(AtomicBool::new(true));
        let known = is_at_head.clone();
        programs.head(move || {
            let time = if known.load(Ordering::Relaxed) { world::now() } else { OLD };
            // A block each second since 1970.
            (time, time)
        });
        programs.execution.answer("eth_syncing", json!(false));
        let mut living = Self { name, uid: Value::Null, programs, is_at_head };
        living.begin();
        living
    }

    /// The pod there is now gets ready.
    fn begin(&mut self) {
        self.uid = pod(&self.name).expect("a pod")["metadata"]["uid"].clone();
        kubelet::report(&world().site, NAMESPACE, &self.name, self.programs.address, true);
    }

    fn is_replaced(&self) -> bool {
        pod(&self.name)
            .is_some_and(|pod| pod["metadata"]["uid"] != self.uid && pod["metadata"]["deletionTimestamp"].is_null())
    }

    /// Waits until it was asked twice more: what was answered first has been taken in then.
    fn asked(&self) {
        for _ in 0..2 {
            let before = self.programs.consensus.seen().requests;
            RUNTIME.block_on(self.programs.consensus.until("a pod to be asked", move |seen| seen.requests > before));
        }
    }

    fn wait_synced(&self) {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{}", self.name);
        let is_synced = |pod: &Value| pod["metadata"]["labels"]["optimism.io/synced"] == "true";
        world().site.wait("a pod to be synced", &path, MINUTE, is_synced);
    }
}

#[test]
fn one_pod_of_a_network_is_replaced_at_a_time() {
    let site = &world().site;
    chain::namespace(site, NAMESPACE);
    let l1 = world::double("anvil");
    let network = chain::network(NAMESPACE, "net", &l1.url());
    let nodes = [chain::replica(NAMESPACE, "rep", 2), chain::replica(NAMESPACE, "other", 1)];
    site.create(&network);
    nodes.iter().for_each(|node| _ = site.create(node));
    let mut names = kubelet::wait_pods(site, NAMESPACE, "rep-", 2);
    names.extend(kubelet::wait_pods(site, NAMESPACE, "other-", 1));
    let mut pods: Vec<_> = names.into_iter().map(Living::start).collect();
    pods.iter().for_each(Living::wait_synced);
    for node in &nodes {
        let is_ready = |live: &Value| condition::brief(live, "Ready") == ("True", "Ready");
        site.wait("a node to be ready", &paths::of(node), MINUTE, is_ready);
    }

    site.merge(&paths::of(&network), &json!({"spec": {"sharedConfig": {"logging": {"level": "debug"}}}}));
    let mut order = Vec::new();
    while order.len() < pods.len() {
        let next = until("a pod to be replaced", MINUTE, || {
            pods.iter().position(Living::is_replaced).ok_or_else(|| format!("{order:?}\n{}", site.log_tail()))
        });
        let name = pods[next.0].name.clone();
        if order.is_empty() {
            let waits = usize::from(name.starts_with("rep-"));
            let told = |live: &Value| condition::brief(live, "Ready") == ("False", "AwaitingTurn");
            let told = site.wait("the other node to wait", &paths::of(&nodes[waits]), MINUTE, told).0;
            let turn = name.trim_end_matches(|end: char| end == '-' || end.is_ascii_digit());
            let message = condition::message(&told, "Ready").to_string();
            assert!(message.contains(&format!("StatefulSet.apps/{NAMESPACE}/{turn} ")), "{message}");
        }
        // Ready, and not yet where the chain is.
        pods[next.0].is_at_head.store(false, Ordering::Relaxed);
        pods[next.0].begin();
        pods[next.0].asked();
        let others = pods.iter().filter(|pod| pod.is_replaced()).map(|pod| &pod.name).collect::<Vec<_>>();
        assert!(others.is_empty(), "{others:?} did not wait for {name} to be at the head");
        pods[next.0].is_at_head.store(true, Ordering::Relaxed);
        order.push(name);
    }
    let place = |name: &str| order.iter().position(|one| one == name).expect("it was replaced");
    assert!(place("rep-1") < place("rep-0") && place("other-0") != 1, "one node after the other: {order:?}");
    for node in &nodes {
        let path = format!(
            "/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/{}",
            node["metadata"]["name"].as_str().unwrap_or_default()
        );
        let rests = |set: &Value| set["metadata"]["annotations"][TURN].is_null();
        site.wait("the turn to end", &path, MINUTE, rests);
    }
    println!("D2: {order:?} one after the other");
}

#[test]
fn one_that_waits_for_its_turn_can_be_stopped() {
    const NAMESPACE: &str = "rollout-stop";
    const NAMES: [&str; 2] = ["one", "two"];
    let site = &world().site;
    chain::namespace(site, NAMESPACE);
    let l1 = world::double("anvil");
    let network = chain::network(NAMESPACE, "net", &l1.url());
    let nodes = NAMES.map(|name| chain::replica(NAMESPACE, name, 1));
    site.create(&network);
    nodes.iter().for_each(|node| _ = site.create(node));
    let set = |name: &str| format!("/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/{name}");
    for name in NAMES {
        let pod = kubelet::wait_pods(site, NAMESPACE, name, 1).remove(0);
        kubelet::report(site, NAMESPACE, &pod, world::address().into(), true);
        let is_ready = |set: &Value| set["status"]["readyReplicas"] == 1 && set["status"]["updatedReplicas"] == 1;
        site.wait("a workload to be ready", &set(name), MINUTE, is_ready);
    }
    site.merge(&paths::of(&network), &json!({"spec": {"sharedConfig": {"logging": {"level": "debug"}}}}));
    let waits = || {
        let told = nodes.iter().position(|node| {
            site.get(&paths::of(node)).is_some_and(|live| condition::brief(&live, "Ready") == ("False", "AwaitingTurn"))
        });
        told.ok_or_else(|| site.log_tail())
    };
    let (waits, _) = until("one of them to wait", MINUTE, waits);
    site.merge(&paths::of(&nodes[waits]), &json!({"spec": {"replicas": 0}}));
    site.wait("it to be stopped", &set(NAMES[waits]), MINUTE, |set| set["spec"]["replicas"] == 0);
    let other = site.get(&set(NAMES[1 - waits])).expect("it is there");
    assert_eq!(other["metadata"]["annotations"][TURN], "ready/0", "its turn is not over: {other}");
}
