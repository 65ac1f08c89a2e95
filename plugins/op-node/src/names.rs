//! No two objects of a namespace have a child of one name, whatever they are called within the rules.

use opstack_sdk::kubernetes::{App, Component, check_new_name};
use opstack_sdk::object::Metadata;
use opstack_sdk::opstack::network::{GENESIS, L1_CHAIN_CONFIG, ROLLUP_CONFIG};
use std::collections::BTreeMap;

use crate::keys::{execution_key, p2p_key, pod_name};
use crate::spec::OpNodeSpec;
use crate::stage::Names;

const SEGMENTS: [&str; 16] = [
    "a",
    "0",
    "1",
    "geth",
    "reth",
    "p2p",
    "headless",
    "beside",
    "jwt",
    "other",
    "private-keys",
    "conductor",
    "peers",
    "active",
    "sequencers",
    "data",
];
const CLIENTS: [&str; 3] = ["geth", "reth", "p2p"];

fn is_fit(name: &str) -> bool {
    check_new_name(&Metadata { name: name.into(), ..Metadata::default() }).is_ok()
}

/// Names of up to three segments, with one dash or two between them.
fn names() -> Vec<String> {
    let mut names: Vec<String> = SEGMENTS.map(Into::into).into();
    let mut last = names.clone();
    for _ in 0..2 {
        let joined = |name: &String| {
            let longer = SEGMENTS.iter().flat_map(move |more| [format!("{name}-{more}"), format!("{name}--{more}")]);
            longer.collect::<Vec<_>>()
        };
        last = last.iter().flat_map(joined).collect();
        names.extend(last.iter().cloned());
    }
    names
}

/// Kind and name of all that a node of this name, or a component, may have, in every workload.
fn children(name: &str) -> Vec<(&'static str, String)> {
    let app = App::new("ns", name, Component { program: "op-node", role: "replica" });
    let spec: OpNodeSpec =
        serde_json::from_value(serde_json::json!({"optimismNetworkRef": {"name": "n"}, "nodeType": "replica"}))
            .unwrap();
    let names = Names { node: name.into(), ..Names::default() };
    let mut all = vec![("Secret", app.named("jwt"))];
    for suffix in ["headless", "p2p", "p2p-1", "p2p-10"] {
        all.push(("Service", app.named(suffix)));
    }
    let files = [ROLLUP_CONFIG, GENESIS, L1_CHAIN_CONFIG].map(|file| file.suffix);
    for suffix in ["peers", "conductor"].into_iter().chain(files) {
        all.push(("ConfigMap", app.named(suffix)));
    }
    all.extend(["Service", "NetworkPolicy", "PodDisruptionBudget", "ServiceAccount"].map(|kind| (kind, name.into())));
    all.push(("NetworkPolicy", app.named("beside")));
    // A network's.
    all.push(("Service", app.named("active")));
    all.push(("PodDisruptionBudget", app.named("sequencers")));
    for workload in CLIENTS.map(|client| names.beside(client, name)).into_iter().chain([name.into()]) {
        all.push(("ConfigMap", format!("{workload}-execution-config")));
        for ordinal in [0, 1] {
            all.push(("Pod", pod_name(&workload, ordinal)));
        }
        let keys = [0, 1].map(|ordinal| [p2p_key(&spec, &workload, ordinal), Some(execution_key(&workload, ordinal))]);
        let mut secrets: Vec<_> = keys.into_iter().flatten().flatten().map(|key| ("Secret", key.name)).collect();
        secrets.dedup();
        all.extend(secrets);
        all.push(("StatefulSet", workload));
    }
    all.sort();
    all.dedup();
    all
}

#[test]
fn no_two_objects_have_a_child_of_one_name() {
    let mut owners: BTreeMap<(&str, String), String> = BTreeMap::new();
    let (mut fit, mut refused) = (0, 0);
    for name in names() {
        if !is_fit(&name) {
            refused += 1;
            continue;
        }
        fit += 1;
        for child in children(&name) {
            if let Some(other) = owners.insert(child.clone(), name.clone()) {
                assert_eq!(other, name, "both have {child:?}");
            }
        }
    }
    println!("{fit} names, {refused} refused, {} children", owners.len());
    assert!(fit > 1_000 && refused > 1_000, "{fit} {refused}");
}

/// What made the rules needed: a node and the workload of another one with a second client.
#[test]
fn a_second_clients_workload_is_called_as_no_node_can_be() {
    let names = Names { node: "x".into(), ..Names::default() };
    let workload = names.beside("geth", "x");
    assert!(!is_fit(&workload), "{workload}");
    assert!(is_fit("x-geth"));
    assert_ne!(execution_key(&workload, 0).name, execution_key("x-geth", 0).name);
}
