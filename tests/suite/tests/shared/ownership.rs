//! Whose an object is: what only looks like a child of an object is left alone, and what belongs to somebody else gets nothing.

use serde_json::{Value, json};
use suite::{MINUTE, hostile, paths};

use crate::shared;

/// A copy of a child as a person or a tool makes one: with its annotations and its references, under another name or in another
/// namespace.
fn copy(child: &Value, namespace: &str, name: &str) -> Value {
    let metadata = &child["metadata"];
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"whose": "not the operator's"},
        "metadata": {"name": name, "namespace": namespace, "annotations": metadata["annotations"],
            "ownerReferences": if namespace == metadata["namespace"] { metadata["ownerReferences"].clone() } else { json!([]) }}})
}

#[test]
fn a_copy_of_a_child_is_neither_pruned_nor_torn_down() {
    let site = &shared().site;
    ["copied", "copied-elsewhere"].iter().for_each(|namespace| site.namespace(namespace));
    let object = hostile::path("copied", "x");
    site.create(&hostile::with("copied", "x", "good", &json!({"count": 2, "data": {"k": "v"}})));
    site.wait_ready(&object, "True", "Ready");
    let child = site.get(&paths::config_map("copied", "x-0")).expect("it is ready");
    let mut alone = copy(&child, "copied", "without-reference");
    alone["metadata"]["ownerReferences"] = json!([]);
    let copies = [copy(&child, "copied", "debug"), copy(&child, "copied-elsewhere", "x-0"), alone];
    for copy in &copies {
        site.create(copy);
    }
    // A prune is done in the same reconcile.
    site.merge(&object, &json!({"spec": {"count": 1, "data": {"k": "later"}}}));
    site.wait_gone(&paths::config_map("copied", "x-1"));
    site.wait("the change", &paths::config_map("copied", "x-0"), MINUTE, |child| child["data"]["k"] == "later");
    site.wait_ready(&object, "True", "Ready");
    let is_there = |copy: &Value| site.get(&paths::of(copy)).is_some_and(|found| found["data"] == copy["data"]);
    assert!(copies.iter().all(is_there), "a copy was pruned");
    site.delete(&object);
    site.wait_gone(&object);
    // The one with a reference goes: Kubernetes itself collects it.
    assert!(copies[1..].iter().all(is_there), "a copy was torn down");
}

#[test]
fn a_secret_of_somebody_else_gets_no_keys() {
    let site = &shared().site;
    site.namespace("taken-secret");
    site.create(
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x-key", "namespace": "taken-secret"},
        "stringData": {"password": "not a key of ours"}}),
    );
    site.create(&hostile::object("taken-secret", "x", "generated-secret"));
    let object = site.wait_ready(&hostile::path("taken-secret", "x"), "False", "SpecNameTaken");
    let message = suite::condition::message(&object, "Ready");
    assert!(message.contains("x-key") && message.contains("lacks jwt, p2p"), "{message}");
    let secret = site.get(&paths::secret("taken-secret", "x-key")).expect("it is there");
    assert_eq!(secret["data"].as_object().map(|data| data.len()), Some(1), "it was given keys");
    // With the keys of a person in it, it serves.
    let key = "11".repeat(32);
    site.merge(&paths::secret("taken-secret", "x-key"), &json!({"stringData": {"jwt": key, "p2p": key}}));
    site.wait_ready(&hostile::path("taken-secret", "x"), "True", "Ready");
}
