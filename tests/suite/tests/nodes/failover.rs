//! The operator chooses among two sequencers: one makes blocks at a time, the next goes on from where the last one stopped, and
//! labels, Service and batcher follow.

use serde_json::{Value, json};
use suite::{MINUTE, paths};

use crate::chain;
use crate::pair::{NAMES, Pair, other};

#[test]
fn labels_and_service_follow_a_planned_change_of_the_sequencer() {
    let pair = Pair::start("failover", "30s", |_| {});
    let site = pair.site;
    let mut batcher = chain::component("OpBatcher", "failover", "batcher", &json!({}));
    batcher["spec"].as_object_mut().expect("a spec").remove("sequencerRef");
    site.create(&batcher);
    let first = suite::until("one to make blocks", MINUTE, || {
        pair.chain().active.first().copied().ok_or_else(|| site.log_tail())
    });
    let first = first.0;
    pair.follows(first);
    let dials = |set: &Value| {
        let env = &set["spec"]["template"]["spec"]["containers"][0]["env"];
        let url = |name: &str| env.as_array().into_iter().flatten().find(|entry| entry["name"] == name).cloned();
        ["OP_BATCHER_L2_ETH_RPC", "OP_BATCHER_ROLLUP_RPC"]
            .map(|name| url(name).and_then(|entry| entry["value"].as_str().map(str::to_string)).unwrap_or_default())
    };
    let set = "/apis/apps/v1/namespaces/failover/statefulsets/batcher";
    let before = site.wait("the batcher's pod", set, MINUTE, |set| set["spec"]["replicas"] == 1).0;
    // In a list op-batcher itself looks for the active one.
    for urls in dials(&before) {
        let hosts: Vec<_> = urls.split(',').filter_map(|url| url.strip_prefix("http://")?.split('.').next()).collect();
        assert_eq!(hosts, NAMES, "{urls}");
    }

    let second = other(first);
    let index = NAMES.iter().position(|name| *name == first).expect("one of them");
    site.merge(&paths::of(&pair.nodes[index]), &json!({"spec": {"opNode": {"sequencer": {"stopped": true}}}}));
    pair.follows(second);
    let chain = pair.chain();
    assert_eq!(chain.active, [second], "one makes blocks");
    let said: Vec<_> = chain.calls.iter().map(|(name, what, _)| (*name, *what)).collect();
    assert_eq!(said, [(first, "start"), (first, "stop"), (second, "start")], "nothing else was called");
    assert_eq!(chain.calls[1].2, chain.calls[2].2, "the second goes on from where the first one stopped");
    let after = site.get(set).expect("it was there");
    assert_eq!(
        (after["spec"]["template"].clone(), &after["metadata"]["generation"]),
        (before["spec"]["template"].clone(), &before["metadata"]["generation"]),
        "the batcher follows without a restart"
    );
    println!("S0-16, S0-25, S1-68: {:?}", chain.calls);
}
