//! A changed value rolls the pods that use it, and no others.

use std::collections::BTreeMap;

use control_plane::Events;
use serde_json::{Value, json};
use suite::audit::{AGENT, is_named_read};
use suite::{MINUTE, Site, paths};

use crate::world::{fresh, from, ours, secret};
use crate::{World, world};

const NAMESPACE: &str = "rotation";
const APPS: &str = "/apis/apps/v1/namespaces/rotation";

/// A key of a Secret, and the workloads whose pods use it.
const USERS: [(&str, &str, &[&str]); 9] = [
    ("engine", "key", &["statefulsets/node"]),
    // A replica names the sequencer by its identity.
    ("identity", "key", &["statefulsets/derived", "statefulsets/node"]),
    ("gossip", "key", &["statefulsets/node"]),
    ("root", "key", &["statefulsets/derived"]),
    ("batcher", "key", &["statefulsets/batcher"]),
    ("signer-tls", "tls.key", &["statefulsets/proposer"]),
    ("l1", "rpc", &["statefulsets/batcher", "statefulsets/derived", "statefulsets/node", "statefulsets/proposer"]),
    ("l2", "rollup", &["statefulsets/batcher"]),
    // Nobody uses this one, though all use another key of the same Secret.
    ("l1", "unused", &[]),
];

#[test]
fn a_rotated_secret_rolls_the_pods_that_use_it_and_no_others() {
    let World { site, operator, .. } = world();
    site.namespace(NAMESPACE);
    objects().iter().for_each(|object| drop(site.create(object)));
    for workload in USERS.iter().flat_map(|(.., users)| users.iter()) {
        site.wait(&format!("{workload} to be there"), &format!("{APPS}/{workload}"), MINUTE, |_| true);
    }
    operator.settle();
    for (name, key, users) in USERS {
        let before = templates(site);
        let value = if name.starts_with('l') { url() } else { fresh() };
        site.merge(&paths::secret(NAMESPACE, name), &json!({"stringData": {key: value}}));
        read_again(site, name);
        for user in users {
            site.wait(&format!("{name}/{key} to roll {user}"), &format!("{APPS}/{user}"), MINUTE, |workload| {
                workload["spec"]["template"] != before[*user]
            });
        }
        operator.settle();
        let after = templates(site);
        let rolled: Vec<_> = after.keys().filter(|workload| after[*workload] != before[*workload]).collect();
        assert_eq!(rolled, users, "{name}/{key}");
        println!("S1-10: {name}/{key} rolled {users:?}");
    }
}

/// Waits until the operator has read a Secret whose version is new to it: first the version, then the values.
fn read_again(site: &Site, name: &str) {
    let mark = site.audit.mark().expect("a mark");
    let read = |events: &Events| {
        let reads = events.by_user_agent_prefix(AGENT).in_namespace(NAMESPACE);
        reads.iter().filter(|event| is_named_read(event) && event.name == name).count() > 1
    };
    site.audit.wait_for(mark, MINUTE, read).expect("it is read in its turn");
}

fn url() -> String {
    format!("http://127.0.0.1:1/{}", fresh())
}

/// The pod templates, by the workloads' kinds and names.
fn templates(site: &Site) -> BTreeMap<String, Value> {
    let of = |kind: &'static str| {
        site.list(&format!("{APPS}/{kind}")).into_iter().map(move |mut workload| {
            let name = workload["metadata"]["name"].as_str().unwrap_or_default().to_string();
            (format!("{kind}/{name}"), workload["spec"]["template"].take())
        })
    };
    of("statefulsets").collect()
}

fn objects() -> Vec<Value> {
    let reference = |name: &str| json!({"secretRef": {"name": name, "key": "key"}});
    let given = |name: &str| secret(NAMESPACE, name, &json!({"key": fresh()}));
    let mut all: Vec<_> = ["engine", "identity", "gossip", "root", "batcher"].map(given).into();
    all.push(secret(NAMESPACE, "l1", &json!({"rpc": url(), "beacon": url(), "unused": url()})));
    all.push(secret(NAMESPACE, "l2", &json!({"eth": url(), "rollup": url()})));
    all.push(secret(NAMESPACE, "signer-tls", &json!({"ca.crt": fresh(), "tls.crt": fresh(), "tls.key": fresh()})));
    let network = json!({
        "networkName": "op-sepolia", "chainID": 11_155_420, "l1ChainID": 11_155_111,
        "l1RpcUrlFrom": from("l1", "rpc"), "l1BeaconUrlFrom": from("l1", "beacon"),
    });
    let node = json!({
        "optimismNetworkRef": {"name": "net"}, "nodeType": "sequencer", "executionClient": {"name": "geth"},
        "opNode": {
            "engine": {"jwtSecret": reference("engine")}, "p2p": {"privateKey": reference("identity")},
            "sequencer": {"key": reference("gossip")},
        },
    });
    let derived = json!({
        "optimismNetworkRef": {"name": "net"}, "nodeType": "replica", "executionClient": {"name": "geth"},
        "opNode": {
            "engine": {"jwtSecret": {"ephemeral": true}},
            "p2p": {"privateKey": {"derive": {"rootSecretRef": {"name": "root", "key": "key"}}}},
        },
    });
    let batcher = json!({
        "optimismNetworkRef": {"name": "net"}, "privateKey": reference("batcher"),
        "l2EthRpcFrom": from("l2", "eth"), "rollupRpcFrom": from("l2", "rollup"),
    });
    let proposer = json!({
        "optimismNetworkRef": {"name": "net"}, "sequencerRef": {"name": "node"},
        "signer": {
            "endpoint": "https://signer.example.org", "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "tls": {"secretName": "signer-tls"},
        },
    });
    let ours = |kind: &str, name: &str, spec: Value| ours(kind, NAMESPACE, name, spec);
    all.extend([
        ours("OptimismNetwork", "net", network),
        ours("OpNode", "node", node),
        ours("OpNode", "derived", derived),
        ours("OpBatcher", "batcher", batcher),
        ours("OpProposer", "proposer", proposer),
    ]);
    all
}
