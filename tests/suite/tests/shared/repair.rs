//! Accept D: what is deleted or edited is mended at once; what others add stays; what is no longer wanted goes.

use std::time::Duration;

use serde_json::{Value, json};
use suite::{MINUTE, audit, hostile, paths};

use crate::shared;

/// An object with one child in a namespace of its own. Gives the child.
fn good(namespace: &str) -> Value {
    let site = &shared().site;
    site.namespace(namespace);
    site.create(&hostile::with(namespace, "x", "good", &json!({"data": {"k": "v", "other": "w"}})));
    site.wait_ready(&hostile::path(namespace, "x"), "True", "Ready");
    site.get(&paths::config_map(namespace, "x-0")).expect("it is ready")
}

#[test]
fn a_deleted_child_is_made_again() {
    let site = &shared().site;
    let before = good("deleted");
    let path = paths::config_map("deleted", "x-0");
    let mut times = Vec::new();
    let mut uid = before["metadata"]["uid"].clone();
    for _ in 0..5 {
        site.delete(&path);
        let (again, took) =
            site.wait("the child to be made again", &path, MINUTE, |child| child["metadata"]["uid"] != uid);
        assert_eq!(again["data"], before["data"]);
        uid = again["metadata"]["uid"].clone();
        times.push(took);
    }
    println!("D: a deleted child was there again after {times:?}");
    assert!(times.iter().all(|time| *time < Duration::from_secs(1)), "{times:?}");
}

#[test]
fn every_edit_of_our_fields_is_undone() {
    let site = &shared().site;
    let before = good("edited");
    let path = paths::config_map("edited", "x-0");
    let edits = [
        ("a value", json!({"data": {"k": "edited"}})),
        ("a value removed", json!({"data": {"k": null}})),
        ("all values removed", json!({"data": null})),
        ("an annotation of the plugin", json!({"metadata": {"annotations": {"test.optimism.io/version": "edited"}}})),
        ("the hash", json!({"metadata": {"annotations": {"opstack.optimism.io/desired": "edited"}}})),
        ("the policy", json!({"metadata": {"annotations": {"opstack.optimism.io/policy": "retain"}}})),
        ("the owner reference removed", json!({"metadata": {"ownerReferences": null}})),
        ("the owner removed", json!({"metadata": {"annotations": {"opstack.optimism.io/owner": null}}})),
        ("all annotations removed", json!({"metadata": {"annotations": null}})),
    ];
    for (what, edit) in edits {
        site.merge(&path, &edit);
        let (_, took) = site.wait(&format!("the edit to be undone: {what}"), &path, MINUTE, |child| {
            ["data", "metadata/annotations", "metadata/ownerReferences"]
                .iter()
                .all(|part| child.pointer(&format!("/{part}")) == before.pointer(&format!("/{part}")))
        });
        println!("D: undone after {:>4} ms: {what}", took.as_millis());
    }
    let after = site.get(&path).expect("it was there");
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"], "it was mended, not made anew");
    site.wait_ready(&hostile::path("edited", "x"), "True", "Ready");
}

#[test]
fn a_foreign_managers_fields_survive() {
    let site = &shared().site;
    good("foreign");
    let path = paths::config_map("foreign", "x-0");
    site.apply_as(
        "somebody",
        &json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "x-0", "namespace": "foreign", "labels": {"team": "blue"}, "annotations": {"note": "hands off"},
            },
            "data": {"theirs": "stays"},
        }),
    );
    // A new render, a repair, and a restart of the child's life would each be an occasion to lose them.
    site.merge(&hostile::path("foreign", "x"), &json!({"spec": {"data": {"k": "v2"}}}));
    let (child, _) = site.wait("the new value", &path, MINUTE, |child| child["data"]["k"] == "v2");
    theirs_is_there(&child);
    site.merge(&path, &json!({"data": {"k": "edited"}}));
    let (child, _) = site.wait("the repair", &path, MINUTE, |child| child["data"]["k"] == "v2");
    theirs_is_there(&child);
    println!("D: a foreign label, annotation and value survived a new render and a repair");
}

fn theirs_is_there(child: &Value) {
    assert_eq!(child["metadata"]["labels"]["team"], "blue", "{child}");
    assert_eq!(child["metadata"]["annotations"]["note"], "hands off", "{child}");
    assert_eq!(child["data"]["theirs"], "stays", "{child}");
}

#[test]
fn a_foreign_addition_alone_causes_no_write() {
    let (site, operator) = (&shared().site, &shared().operator);
    good("addition");
    let path = paths::config_map("addition", "x-0");
    let before = operator.reconciles();
    let mark = site.audit.mark().expect("a mark");
    site.merge(&path, &json!({"metadata": {"labels": {"team": "blue"}}, "data": {"theirs": "stays"}}));
    // The operator has seen the addition when it has seen a later edit of the same child, and undone it.
    site.merge(&path, &json!({"data": {"k": "edited"}}));
    let (child, _) = site.wait("the repair", &path, MINUTE, |child| child["data"]["k"] == "v");
    assert_eq!(child["data"]["theirs"], "stays");
    let writes = audit::writes(&site.audit.events_since(mark).expect("events")).in_namespace("addition");
    println!("D: {} write for an addition and an edit ({} reconciles)", writes.len(), operator.reconciles() - before);
    assert_eq!(writes.len(), 1, "one repair, and nothing for the addition:\n{writes}");
}

#[test]
fn children_that_are_no_longer_rendered_are_pruned() {
    let site = &shared().site;
    site.namespace("prune");
    site.create(&hostile::with("prune", "x", "good", &json!({"count": 3})));
    site.wait_ready(&hostile::path("prune", "x"), "True", "Ready");
    // Not ours, though it is named like one.
    site.create(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x-3", "namespace": "prune"}}));
    let mark = site.audit.mark().expect("a mark");
    site.merge(&hostile::path("prune", "x"), &json!({"spec": {"count": 1}}));
    for name in ["x-1", "x-2"] {
        site.wait_gone(&paths::config_map("prune", name));
    }
    site.wait_ready(&hostile::path("prune", "x"), "True", "Ready");
    let deletes =
        audit::writes(&site.audit.events_since(mark).expect("events")).in_namespace("prune").by_verb("delete");
    println!("D: pruned by {} deletions", deletes.len());
    assert_eq!(deletes.len(), 2, "{deletes}");
    for name in ["x-0", "x-3"] {
        assert!(site.get(&paths::config_map("prune", name)).is_some(), "{name} had to stay");
    }
}

#[test]
fn a_paused_object_is_left_alone_until_it_is_not() {
    let site = &shared().site;
    good("paused");
    let (object, child) = (hostile::path("paused", "x"), paths::config_map("paused", "x-0"));
    site.merge(&object, &json!({"spec": {"paused": true}}));
    site.wait_ready(&object, "Unknown", "Paused");
    let mark = site.audit.mark().expect("a mark");
    site.merge(&child, &json!({"data": {"k": "edited"}}));
    site.merge(&object, &json!({"spec": {"count": 2}}));
    site.wait_ready(&object, "Unknown", "Paused");
    let writes = audit::writes(&site.audit.events_since(mark).expect("events")).in_namespace("paused");
    assert!(writes.by_resource("configmaps").is_empty(), "{writes}");
    site.merge(&object, &json!({"spec": {"paused": false}}));
    site.wait_ready(&object, "True", "Ready");
    assert_eq!(site.get(&child).expect("it was there")["data"]["k"], "v");
    println!("D: nothing was written while paused; the edit was undone afterwards");
}
