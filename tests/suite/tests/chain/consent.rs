//! A network takes part with objects of the namespaces that its owner permits, by labels that are read as they change.

use serde_json::{Value, json};
use suite::{MINUTE, condition, paths};

use crate::{chain, network, ours, replica};

const REFUSED: &str = "ReferenceNotPermitted";

/// A network that permits namespaces for all roles by a label.
fn selective(namespace: &str, label: &str) -> Value {
    let mut network = network(namespace, "net");
    let from = json!({"from": "Selector", "selector": {"matchLabels": {label: "yes"}}});
    network["spec"]["allowedNamespaces"] = json!({"replicas": from, "sequencers": from, "components": from});
    network
}

fn label(namespace: &str, name: &str, value: &Value) {
    let path = format!("/api/v1/namespaces/{namespace}");
    chain().site.merge(&path, &json!({"metadata": {"labels": {name: value}}}));
}

#[test]
fn a_label_lets_a_namespace_in_and_out_again() {
    let site = &chain().site;
    let (home, guest) = ("consent-net", "consent-guest");
    [home, guest].iter().for_each(|namespace| site.namespace(namespace));
    let network = selective(home, "consent");
    let node = replica(guest, "node", &network, "geth");
    site.create(&network);
    site.create(&node);
    let (of_node, of_network) = (paths::of(&node), paths::of(&network));
    let refused = site.wait_ready(&of_node, "False", REFUSED);
    let message = condition::message(&refused, "Ready");
    assert!(message.contains("spec.allowedNamespaces.replicas") && message.contains("consent-net/net"), "{message}");
    let workload = format!("/apis/apps/v1/namespaces/{guest}/statefulsets/node");
    assert!(site.get(&workload).is_none(), "it was rendered");

    label(guest, "consent", &json!("yes"));
    site.wait("the node to be made", &workload, MINUTE, |_| true);
    label(guest, "consent", &Value::Null);
    site.wait_ready(&of_node, "False", REFUSED);
    assert!(site.get(&workload).is_some(), "what was rendered stays");

    // It holds up nothing.
    site.delete(&of_network);
    site.wait_gone(&of_network);
    site.delete(&of_node);
    site.wait_gone(&of_node);
}

#[test]
fn each_kind_of_a_stranger_is_refused() {
    let site = &chain().site;
    let (home, stranger) = ("strict-net", "strict-stranger");
    [home, stranger].iter().for_each(|namespace| site.namespace(namespace));
    let network = selective(home, "strict");
    site.create(&network);
    let with = |more: Value| {
        let mut spec = json!({"optimismNetworkRef": {"name": "net", "namespace": home}});
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        spec
    };
    let key = json!({"secretRef": {"name": "signer", "key": "key"}});
    for (kind, spec) in [
        ("OpNode", with(json!({"nodeType": "sequencer", "executionClient": {"name": "geth"}}))),
        ("OpBatcher", with(json!({"privateKey": key}))),
        ("OpProposer", with(json!({"privateKey": key}))),
        ("OpChallenger", with(json!({"privateKey": key}))),
    ] {
        let object = ours(kind, stranger, "x", &spec);
        site.create(&object);
        let refused = site.wait_ready(&paths::of(&object), "False", REFUSED);
        println!("consent: {kind}: {}", condition::message(&refused, "Ready"));
    }
    let children =
        ["/apis/apps/v1/namespaces/strict-stranger/statefulsets", "/api/v1/namespaces/strict-stranger/services"];
    for collection in children {
        assert_eq!(site.list(collection), Vec::<Value>::new(), "{collection}");
    }
    site.delete(&paths::of(&network));
    site.wait_gone(&paths::of(&network));
}

#[test]
fn a_consent_that_contradicts_itself_is_refused_by_the_rules() {
    let site = &chain().site;
    site.namespace("unclear");
    for (index, (from, is_fit)) in [
        (json!({"from": "Same"}), true),
        (json!({"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}), true),
        (json!({"selector": {"matchLabels": {"a": "b"}}}), false),
        (json!({"from": "Selector"}), false),
        (json!({"from": "All", "selector": {"matchLabels": {"a": "b"}}}), false),
    ]
    .into_iter()
    .enumerate()
    {
        for role in ["replicas", "sequencers", "components"] {
            let mut network = network("unclear", &format!("net-{index}-{role}"));
            network["spec"]["allowedNamespaces"] = json!({role: from});
            let answer = site.request("POST", &paths::collection(&network), Some(&network));
            assert_eq!(answer.is_success(), is_fit, "{role} {from}: {} {}", answer.status, answer.text());
            let says = format!("allowedNamespaces.{role}: selector is needed");
            assert!(is_fit || answer.text().contains(&says), "{role} {from}: {}", answer.text());
        }
    }
}
