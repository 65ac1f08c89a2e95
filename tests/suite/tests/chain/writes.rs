//! In which order the operator writes: its finalizer before all else, then wave by wave, and the status last.

use std::collections::BTreeMap;

use control_plane::{Event, Events};
use serde_json::{Value, json};
use suite::{MINUTE, Site, audit, paths};

use crate::{chain, network, ours, replica};

/// Kind, its resource, and what its objects have of a spec beside their network.
fn kinds() -> [(&'static str, &'static str, Value); 4] {
    let key = json!({"secretRef": {"name": "signer", "key": "key"}});
    let component = json!({"sequencerRef": {"name": "seq", "namespace": "first-net"}, "privateKey": key});
    let mut challenger = component.clone();
    challenger["faultProof"] = json!({"cannon": {"prestatesUrl": "http://127.0.0.1:9"}});
    [
        ("OpNode", "opnodes", json!({"nodeType": "sequencer", "executionClient": {"name": "geth"}})),
        ("OpBatcher", "opbatchers", component.clone()),
        ("OpProposer", "opproposers", component),
        ("OpChallenger", "opchallengers", challenger),
    ]
}

/// The operator's writes in a namespace, but for events.
fn writes(site: &Site, namespace: &str) -> Events {
    let events = site.audit.events().expect("events");
    audit::writes(&events).in_namespace(namespace).without_resource("events").successes()
}

#[test]
fn the_finalizer_of_each_kind_comes_before_its_first_child() {
    let site = &chain().site;
    site.namespace("first-net");
    let network = network("first-net", "net");
    site.create(&network);
    site.create(&ours(
        "OpNode",
        "first-net",
        "seq",
        &json!({
            "optimismNetworkRef": {"name": "net"}, "nodeType": "sequencer", "executionClient": {"name": "geth"},
        }),
    ));
    let finalizer = |object: &Value| object["metadata"]["finalizers"].clone();
    for (index, (kind, resource, mut spec)) in kinds().into_iter().enumerate() {
        let namespace = format!("first-{resource}");
        site.namespace(&namespace);
        site.create(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "signer", "namespace": namespace},
            "stringData": {"key": format!("{:064x}", 70 + index)},
        }));
        spec["optimismNetworkRef"] = json!({"name": "net", "namespace": "first-net"});
        let object = ours(kind, &namespace, "x", &spec);
        site.create(&object);
        let account = format!("/api/v1/namespaces/{namespace}/serviceaccounts/x");
        site.wait("the first child", &account, MINUTE, |_| true);
        let live = site.get(&paths::of(&object)).expect("it was made");
        assert_eq!(finalizer(&live), json!([format!("{}.optimism.io/finalizer", kind.to_lowercase())]));

        let writes = writes(site, &namespace);
        let first = &writes[0];
        assert_eq!(
            (first.verb.as_str(), first.resource.as_str(), first.subresource.as_str()),
            ("update", resource, "")
        );
        assert!(writes.len() > 1, "{writes}");
        let rest = writes.iter().skip(1);
        let early: Vec<_> = rest
            .filter(|other| other.request_received_timestamp < first.stage_timestamp)
            .map(Event::to_string)
            .collect();
        assert!(early.is_empty(), "begun before the finalizer was answered: {early:?}");
        println!("S1-04: {kind}: the finalizer, then {} writes", writes.len() - 1);
    }
    let (live, _) =
        site.wait("the network's finalizer", &paths::of(&network), MINUTE, |live| !finalizer(live).is_null());
    assert_eq!(finalizer(&live), json!(["optimismnetwork.optimism.io/finalizer"]));
}

/// The wave in which a write belongs.
fn wave(event: &Event) -> &'static str {
    match (event.resource.as_str(), event.subresource.as_str()) {
        ("opnodes", "") => "1 finalizer",
        ("secrets", _) => "2 generated Secrets",
        ("configmaps" | "serviceaccounts", _) => "3 configuration and accounts",
        ("services" | "networkpolicies" | "poddisruptionbudgets", _) => "4 what leads to pods",
        ("statefulsets", _) => "5 workloads",
        ("opnodes", "status") => "6 status",
        _ => panic!("nobody expects {event}"),
    }
}

#[test]
fn a_node_is_written_wave_by_wave_and_its_status_last() {
    let site = &chain().site;
    site.namespace("waves");
    let network = network("waves", "net");
    site.create(&network);
    site.wait("the network to be looked at", &paths::of(&network), MINUTE, |network| network["status"].is_object());
    let node = replica("waves", "node", &network, "geth");
    site.create(&node);
    site.wait("the node's status", &paths::of(&node), MINUTE, |node| node["status"]["applied"].is_string());
    let of_node = writes(site, "waves").filter(|event| event.resource != "optimismnetworks");
    let mut waves: BTreeMap<&str, (String, String)> = BTreeMap::new();
    for event in of_node.iter() {
        let (begun, ended) = (&event.request_received_timestamp, &event.stage_timestamp);
        let wave = waves.entry(wave(event)).or_insert((begun.clone(), ended.clone()));
        wave.0 = wave.0.clone().min(begun.clone());
        wave.1 = wave.1.clone().max(ended.clone());
    }
    println!("S1-05: {:?}", waves.keys());
    assert_eq!(waves.len(), 6, "{of_node}");
    // Statuses follow later, too: of them the first counts.
    let spans: Vec<_> = waves.values().collect();
    for (earlier, later) in spans.iter().zip(&spans[1..]) {
        assert!(earlier.1 <= later.0, "a wave began before the one before was answered:\n{of_node}");
    }
}

#[test]
fn a_node_whose_network_is_gone_can_be_deleted() {
    let site = &chain().site;
    site.namespace("orphaned");
    let network = network("orphaned", "net");
    let node = replica("orphaned", "node", &network, "geth");
    let set = "/apis/apps/v1/namespaces/orphaned/statefulsets/node";
    site.create(&network);
    site.create(&node);
    site.wait("the node to be made", set, MINUTE, |_| true);
    // It is in use, so it stays, unless somebody takes it away by force.
    site.delete(&paths::of(&network));
    site.wait_ready(&paths::of(&network), "False", "DeletionBlocked");
    site.merge(&paths::of(&network), &json!({"metadata": {"finalizers": null}}));
    site.wait_gone(&paths::of(&network));
    site.wait_ready(&paths::of(&node), "False", "Waiting");
    assert!(site.get(set).is_some(), "nothing is taken down for want of a network");
    site.delete(&paths::of(&node));
    let took = site.wait_gone(&paths::of(&node));
    site.wait_gone(set);
    println!("S1-04: a node without its network was gone after {} ms", took.as_millis());
}
