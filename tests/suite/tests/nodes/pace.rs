//! A chain has a block every other second; its nodes' statuses are written at most once in 15 s.

use std::time::{Duration, Instant};

use control_plane::Events;
use serde_json::{Value, json};
use suite::{MINUTE, audit, condition, kubelet, paths};

use crate::chain;
use crate::world::{self, INTERVAL, Pod, world};

const NAMESPACE: &str = "pace";
const BLOCK: Duration = Duration::from_secs(2);
/// So many gaps between writes are looked at.
const GAPS: usize = 4;

/// A node whose head moves, and whose execution client syncs, so that every answer of either differs from the last.
fn busy(pod: &Pod, lag: u64) {
    let begun = Instant::now();
    let block = move || 100 + (begun.elapsed().as_secs() / BLOCK.as_secs()).saturating_sub(lag);
    pod.head(move || (block(), world::now()));
    pod.execution.on("eth_syncing", move |_| {
        let hex = |number: u64| format!("0x{number:x}");
        Ok(json!({"startingBlock": "0x0", "currentBlock": hex(block()), "highestBlock": hex(block() + 5)}))
    });
}

#[test]
fn a_block_every_two_seconds_is_one_write_of_a_status_in_fifteen() {
    let site = &world().site;
    chain::namespace(site, NAMESPACE);
    let l1 = world::double("anvil");
    let network = chain::network(NAMESPACE, "net", &l1.url());
    let nodes = [chain::sequencer(NAMESPACE, "seq"), chain::replica(NAMESPACE, "rep", 3)];
    site.create(&network);
    nodes.iter().for_each(|node| _ = site.create(node));
    let mut running = Vec::new();
    for (name, count) in [("seq", 1), ("rep", 3)] {
        for (index, pod) in kubelet::wait_pods(site, NAMESPACE, name, count).iter().enumerate() {
            let programs = Pod::start(world::address(), "op-node-replica", "op-geth-replica");
            // Of several pods another one is ahead each time.
            busy(&programs, index as u64);
            kubelet::report(site, NAMESPACE, pod, programs.address, true);
            running.push(programs);
        }
    }
    let head = |node: &Value| node["status"]["nodeInfo"]["chainHead"]["blockNumber"].as_u64();
    let first = nodes.each_ref().map(|node| {
        let runs = |live: &Value| {
            live["status"]["phase"] == "Running"
                && condition::brief(live, "Syncing") == ("True", "ExecutionSyncing")
                && head(live).is_some()
        };
        head(&site.wait("a node to run", &paths::of(node), MINUTE, runs).0)
    });

    let mark = site.audit.mark().expect("a mark");
    let of = |events: &Events, name: &str| {
        let events = events.in_namespace(NAMESPACE).by_resource("opnodes");
        audit::writes(&events).filter(|event| event.name == name && event.subresource == "status")
    };
    let within = INTERVAL * (GAPS as u32 + 2) + MINUTE;
    let enough = |events: &Events| ["seq", "rep"].iter().all(|name| of(events, name).len() > GAPS);
    let events = site.audit.wait_for(mark, within, enough).expect("statuses of nodes that move");
    for (name, (node, first)) in ["seq", "rep"].iter().zip(nodes.iter().zip(first)) {
        let writes = of(&events, name);
        let gaps: Vec<_> = writes.windows(2).map(|pair| audit::between(&pair[0], &pair[1])).collect();
        let last = head(&site.get(&paths::of(node)).expect("it is there"));
        println!("S1-47: {name}: from block {first:?} to {last:?} in {} writes, {gaps:?} apart", writes.len());
        assert!(gaps.iter().all(|gap| *gap >= INTERVAL), "{gaps:?}\n{writes}");
        assert!(last > first, "the status follows the chain: {first:?}, {last:?}");
    }
}
