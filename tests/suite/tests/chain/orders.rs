//! Accept B with the project's own kinds: whatever comes first, across namespaces, the result is the same.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use suite::{MINUTE, Site, audit, condition, paths, until};

use crate::{chain, network, ours};

const NAMESPACES: [&str; 3] = ["order-net", "order-node", "order-batch"];
const HEALS_WITHIN: Duration = Duration::from_secs(1);

/// Collections in which children may be.
const CHILDREN: [&str; 6] = [
    "/api/v1/{}/configmaps",
    "/api/v1/{}/services",
    "/api/v1/{}/serviceaccounts",
    "/apis/apps/v1/{}/statefulsets",
    "/apis/networking.k8s.io/v1/{}/networkpolicies",
    "/apis/policy/v1/{}/poddisruptionbudgets",
];

/// A network, a sequencer of it, and a batcher for that; each in a namespace of its own.
fn objects() -> [Value; 3] {
    let network = network(NAMESPACES[0], "net");
    let network_ref = json!({"name": "net", "namespace": NAMESPACES[0]});
    let node = json!({
        "optimismNetworkRef": network_ref, "nodeType": "sequencer",
        // The other one is being swapped meanwhile.
        "executionClient": {"name": "geth"},
        "opNode": {"sequencer": {"enabled": true, "key": {"secretRef": {"name": "signer", "key": "key"}}}},
    });
    let batcher = json!({
        "optimismNetworkRef": network_ref,
        "sequencerRef": {"name": "node", "namespace": NAMESPACES[1]},
        "privateKey": {"secretRef": {"name": "signer", "key": "key"}},
    });
    [network, ours("OpNode", NAMESPACES[1], "node", &node), ours("OpBatcher", NAMESPACES[2], "batcher", &batcher)]
}

#[test]
fn all_orders_lead_to_the_same_objects() {
    let site = &chain().site;
    for (index, namespace) in NAMESPACES.iter().enumerate() {
        site.namespace(namespace);
        let key = format!("{:064x}", index + 1);
        site.create(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "signer", "namespace": namespace},
            "stringData": {"key": key},
        }));
    }
    let objects = objects();
    let mut results: Vec<([usize; 3], BTreeMap<String, Value>)> = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let order_objects = order.map(|index| &objects[index]);
        make(site, order_objects);
        let children = settled(site, results.first().map(|(_, children)| children));
        println!("B: order {order:?}: {} objects", children.len());
        results.push((order, children));
        remove(site, order_objects);
    }
    let (first, expected) = &results[0];
    let statefuls = expected.keys().filter(|key| key.contains("statefulsets")).count();
    assert_eq!(statefuls, 2, "{:?}", expected.keys());
    for (order, children) in &results[1..] {
        assert_eq!(children, expected, "order {order:?} leads elsewhere than {first:?}");
    }
}

/// Makes the objects; where one dangles, its status has to say so before the next is made.
fn make(site: &Site, order: [&Value; 3]) {
    for (place, object) in order.into_iter().enumerate() {
        let mark = site.audit.mark().expect("a mark");
        site.create(object);
        let path = paths::of(object);
        if object["kind"] == "OptimismNetwork" {
            let nodes = order[..place].iter().filter(|earlier| earlier["kind"] == "OpNode").count();
            if nodes > 0 {
                heals(site, mark);
            }
        } else if !order[..place].iter().any(|earlier| earlier["kind"] == "OptimismNetwork") {
            let waiting = site.wait_ready(&path, "False", "Waiting");
            assert_eq!(waiting["status"]["phase"], "Pending", "{waiting}");
            let message = condition::message(&waiting, "Ready");
            assert!(message.contains("order-net/net"), "it names the network: {message}");
        }
    }
}

/// From the answer to the network's creation to the write of the node's StatefulSet.
fn heals(site: &Site, mark: control_plane::Mark) {
    let stateful = |events: &control_plane::Events| {
        let writes = events.successes().by_resource("statefulsets").by_verb("patch");
        writes.iter().find(|event| event.name == "node" && event.subresource.is_empty()).cloned()
    };
    let events = site.audit.wait_for(mark, MINUTE, |events| stateful(events).is_some()).expect("the node is made");
    let networks = events.successes().by_resource("optimismnetworks").by_verb("create");
    let took = audit::between(&networks[0], &stateful(&events).expect("it was just there"));
    println!("B: a node was made {} ms after its network", took.as_millis());
    assert!(took < HEALS_WITHIN, "{took:?}");
}

/// The children when nothing moves any more: those expected, or else those that are there then.
fn settled(site: &Site, expected: Option<&BTreeMap<String, Value>>) -> BTreeMap<String, Value> {
    until("the StatefulSets of the batcher and of the node", MINUTE, || {
        let children = children(site);
        match children.keys().filter(|key| key.contains("statefulsets")).count() {
            2 => Ok(()),
            _ => Err(format!("{:#?}\n{}", children.keys(), site.log_tail())),
        }
    });
    chain().operator.settle();
    let children = children(site);
    for key in expected.into_iter().flat_map(BTreeMap::keys).filter(|key| !children.contains_key(*key)) {
        println!("missing: {key}");
    }
    children
}

/// All objects that have an owner among ours, without what differs from life to life.
fn children(site: &Site) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for namespace in NAMESPACES {
        for collection in CHILDREN {
            let collection = collection.replace("{}", &format!("namespaces/{namespace}"));
            for mut child in site.list(&collection) {
                if child["metadata"]["annotations"]["opstack.optimism.io/owner"].is_null() {
                    continue;
                }
                let path = format!("{collection}/{}", child["metadata"]["name"].as_str().unwrap_or_default());
                strip(&mut child);
                found.insert(path, child);
            }
        }
    }
    found
}

fn strip(child: &mut Value) {
    let remove = |value: &mut Value, fields: &[&str]| {
        if let Some(map) = value.as_object_mut() {
            fields.iter().for_each(|field| _ = map.remove(*field));
        }
    };
    remove(child, &["status"]);
    let metadata = ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"];
    remove(&mut child["metadata"], &metadata);
    // Its hash covers the owner's uid.
    let annotations = ["opstack.optimism.io/desired"];
    remove(&mut child["metadata"]["annotations"], &annotations);
    for owner in child["metadata"]["ownerReferences"].as_array_mut().into_iter().flatten() {
        remove(owner, &["uid"]);
    }
    if !child["spec"]["clusterIP"].is_null() {
        remove(&mut child["spec"], &["clusterIP", "clusterIPs", "healthCheckNodePort"]);
    }
    for port in child["spec"]["ports"].as_array_mut().into_iter().flatten() {
        remove(port, &["nodePort"]);
    }
}

/// Deletes the users before what they use.
fn remove(site: &Site, order: [&Value; 3]) {
    for kind in ["OpBatcher", "OpNode", "OptimismNetwork"] {
        let object = order.iter().find(|object| object["kind"] == kind).expect("one of each");
        site.delete(&paths::of(object));
        site.wait_gone(&paths::of(object));
    }
    until("all children to be gone", MINUTE, || {
        let left = children(site);
        if left.is_empty() { Ok(()) } else { Err(format!("{:#?}", left.keys())) }
    });
}
