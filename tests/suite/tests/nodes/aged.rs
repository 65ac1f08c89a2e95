//! What was measured long ago is not shown as current.

use std::time::{Duration, Instant};

use rpc_double::Fault;
use serde_json::Value;
use suite::{MINUTE, Signal, condition, kubelet, paths, until};

use crate::chain;
use crate::world::{self, INTERVAL, Pod, World};

const NAMESPACE: &str = "aged";
/// After so many intervals without a good answer the last one is stale.
const FRESH_INTERVALS: u32 = 3;

/// The operator stands still, as on a machine that sleeps. When it goes on, all that it knows is old, and nobody answers.
#[test]
fn old_facts_are_told_as_old() {
    let World { site, operator, .. } = World::start(&["--leader-elect=false"]);
    chain::namespace(&site, NAMESPACE);
    let l1 = world::double("anvil");
    let (network, node) = (chain::network(NAMESPACE, "net", &l1.url()), chain::replica(NAMESPACE, "rep", 1));
    site.create(&network);
    site.create(&node);
    let pod = Pod::start(world::address(), "op-node-replica", "op-geth-replica");
    kubelet::report(&site, NAMESPACE, &kubelet::wait_pods(&site, NAMESPACE, "rep-", 1)[0], pod.address, true);
    let head = |node: &Value| node["status"]["nodeInfo"]["chainHead"].is_object();
    site.wait("the node to run", &paths::of(&node), MINUTE, |node| node["status"]["phase"] == "Running" && head(node));
    site.wait_ready(&paths::of(&network), "True", "Ready");

    operator.signal(Signal::STOP);
    for double in [&l1, &pod.consensus, &pod.execution] {
        double.spoil_all(Fault::Hold);
    }
    let stopped = Instant::now();
    until("the answers to be old", 2 * MINUTE, || match stopped.elapsed() {
        passed if passed > INTERVAL * FRESH_INTERVALS + Duration::from_secs(1) => Ok(()),
        passed => Err(format!("{passed:?}")),
    });
    operator.signal(Signal::CONT);
    let is = |object: &Value, name: &str, told: (&str, &str)| condition::brief(object, name) == told;
    let (old, _) = site.wait("L1's answer to be old", &paths::of(&network), MINUTE, |network| {
        is(network, "L1Connected", ("Unknown", "ObservationStale"))
    });
    println!("S1-47: {}", condition::message(&old, "L1Connected"));
    let (old, _) = site.wait("the node's answers to be old", &paths::of(&node), MINUTE, |node| {
        is(node, "Syncing", ("Unknown", "NotObserved")) && !head(node)
    });
    println!("S1-47: {}", condition::message(&old, "Syncing"));
    assert_ne!(old["status"]["phase"], "Running", "{old}");

    for double in [&l1, &pod.consensus, &pod.execution] {
        double.heal();
        double.release();
    }
    site.wait("the node to run again", &paths::of(&node), MINUTE, |node| {
        node["status"]["phase"] == "Running" && head(node)
    });
    site.wait_ready(&paths::of(&network), "True", "Ready");
}
