//! The pods that are asked follow the scale.

use serde_json::{Value, json};
use suite::{MINUTE, kubelet, paths};

use crate::chain;
use crate::world::{self, INTERVAL, Pod, RUNTIME, world};

const NAMESPACE: &str = "scales";
const METHOD: &str = "optimism_syncStatus";

/// Lets pods run that don't yet.
fn run(pods: &[String], running: &mut Vec<Pod>) {
    for pod in &pods[running.len()..] {
        let programs = Pod::start(world::address(), "op-node-replica", "op-geth-replica");
        kubelet::report(&world().site, NAMESPACE, pod, programs.address, true);
        running.push(programs);
    }
}

/// Waits until each of these was asked once more.
fn asked(pods: &[Pod]) {
    for pod in pods {
        let before = pod.consensus.seen().requests;
        RUNTIME.block_on(pod.consensus.until("a pod to be asked", move |seen| seen.requests > before));
    }
}

#[test]
fn the_pods_of_a_changed_scale_are_asked_and_those_that_left_are_not() {
    let site = &world().site;
    chain::namespace(site, NAMESPACE);
    let l1 = world::double("anvil");
    let network = chain::network(NAMESPACE, "net", &l1.url());
    let node = chain::replica(NAMESPACE, "rep", 3);
    site.create(&network);
    site.create(&node);
    let mut running = Vec::new();
    run(&kubelet::wait_pods(site, NAMESPACE, "rep-", 3), &mut running);
    asked(&running);
    let scale = |pods: u32| site.merge(&paths::of(&node), &json!({"spec": {"replicas": pods}}));

    scale(5);
    run(&kubelet::wait_pods(site, NAMESPACE, "rep-", 5), &mut running);
    asked(&running);
    let best = |number: u64| move |node: &Value| node["status"]["nodeInfo"]["chainHead"]["blockNumber"] == number;
    running[4].head(|| (1_000_000, world::now()));
    site.wait("the fifth pod's block in the status", &paths::of(&node), MINUTE, best(1_000_000));
    println!("S0-20: of 3 pods and then 5 each was asked: {:?}", running.iter().map(count).collect::<Vec<_>>());

    scale(2);
    kubelet::wait_pods(site, NAMESPACE, "rep-", 2);
    // A round that began before is over when the next one has asked those that stay.
    asked(&running[..2]);
    let gone: Vec<usize> = running[2..].iter().map(count).collect();
    asked(&running[..2]);
    assert_eq!(running[2..].iter().map(count).collect::<Vec<_>>(), gone, "pods that left are not asked");
    let left = |node: &Value| node["status"]["nodeInfo"]["chainHead"]["blockNumber"] != 1_000_000;
    site.wait("the block of the pod that left to go", &paths::of(&node), 2 * INTERVAL + MINUTE, left);
}

fn count(pod: &Pod) -> usize {
    pod.consensus.count(METHOD)
}
