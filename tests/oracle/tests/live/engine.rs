//! op-node and its engine: who waits for whom, and that both live on what they may write.

use op_programs::Release;
use oracle::{Live, Running, network};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::l1::L1;
use crate::{NODE, block, chain, entered, output, pod, until};

const ROLLUP: &str = "/etc/opstack/rollup-config/rollup.json";
/// What op-node says when its engine is not there.
const WAITS: &str = "failed to dial address, but may connect later";

/// A chain that begins now: its L1, its sequencer's pod with data, and its rollup configuration.
fn begun(release: Release) -> (L1, Live, impl Fn(&Value) -> String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (l1, pod) = (L1::start(now - 20), pod(release));
    pod.put("geth-init", "/etc/opstack/genesis/genesis.json", &chain::genesis(now - 10)).unwrap();
    output(pod.run("geth-init").unwrap());
    let genesis = l1.genesis.clone();
    (l1, pod, move |l2: &Value| chain::rollup(now - 10, &genesis, l2))
}

/// The hash of block 0, from op-geth itself.
fn first_block(pod: &Live) -> Value {
    let geth = pod.start("geth").unwrap();
    let hash = block("0x0", &geth)["hash"].clone();
    output(geth.stop().unwrap());
    hash
}

/// The number of the newest block, as soon as it is at least this.
fn reaches(number: u64, node: &Running) -> u64 {
    until(&format!("block {number}"), Some(node), || {
        let status = network::call(NODE, "optimism_syncStatus", &json!([])).map_err(|error| format!("{error:#}"))?;
        let head = status["unsafe_l2"]["number"].as_u64().unwrap_or_default();
        if head >= number { Ok(head) } else { Err(format!("{}", status["unsafe_l2"])) }
    })
}

/// op-node without an engine, then with one; then both stopped, and started again with the configuration that a network
/// publishes which asked this op-node.
fn lives(release: Release) {
    let (_l1, pod, rollup) = begun(release);
    let genesis = first_block(&pod);
    pod.put("op-node", ROLLUP, &rollup(&genesis)).unwrap();

    let mut node = pod.start("op-node").unwrap();
    until("op-node to ask in vain, twice", Some(&node), || match node.output().matches(WAITS).count() {
        0 | 1 => Err("not yet".into()),
        _ => Ok(()),
    });
    assert!(node.is_running(), "{}", node.output());
    let geth = pod.start("geth").unwrap();
    let head = reaches(3, &node);
    assert!(node.is_running(), "the same process goes on: {}", node.output());
    println!("S0-10: {}: op-node waited, and block {head} came", release.version());
    let told = network::call(NODE, "optimism_rollupConfig", &json!([])).unwrap();
    output(node.stop().unwrap());
    output(geth.stop().unwrap());

    let published = chain::published(&told);
    assert_eq!(serde_json::from_str::<Value>(&published).unwrap(), told);
    pod.put("op-node", ROLLUP, &published).unwrap();
    let (geth, node) = (pod.start("geth").unwrap(), pod.start("op-node").unwrap());
    assert_eq!(block("0x0", &geth)["hash"], genesis);
    let later = reaches(head + 2, &node);
    println!("X17: {}: on a read-only root up to block {head}, and after a stop to {later}", release.version());
    println!("S1-22: {}: it goes on with the configuration that a network found by asking it", release.version());
    output(node.stop().unwrap());
    output(geth.stop().unwrap());
}

#[test]
fn op_node_waits_for_its_engine_and_both_go_on_after_a_stop() {
    if entered() {
        lives(Release::V1_19_6);
    }
}

#[test]
fn so_it_was_in_the_release_before() {
    if entered() {
        lives(Release::V1_16_13);
    }
}

#[test]
fn op_node_takes_no_other_first_block_than_that_of_its_configuration() {
    if !entered() {
        return;
    }
    let (_l1, pod, rollup) = begun(Release::V1_19_6);
    let wrong = json!(format!("0x{:0>64}", "bad"));
    pod.put("op-node", ROLLUP, &rollup(&wrong)).unwrap();
    let geth = pod.start("geth").unwrap();
    let right = block("0x0", &geth)["hash"].clone();
    let mut node = pod.start("op-node").unwrap();
    until("op-node to refuse", None, || if node.is_running() { Err(node.output()) } else { Ok(()) });
    let said = node.output();
    let hashes = [&wrong, &right].map(|hash| hash.as_str().unwrap());
    assert!(hashes.iter().all(|hash| said.contains(hash)), "it names both: {said}");
}
