//! Accept J: deletion depends on no plugin's good will, except where the plugin has a reason and says it.

use serde_json::json;
use suite::{MINUTE, condition, hostile, paths};

use crate::shared;

fn good(namespace: &str, behaviour: &str, more: &serde_json::Value) {
    let site = &shared().site;
    site.namespace(namespace);
    site.create(&hostile::with(namespace, "x", behaviour, more));
    site.wait_ready(&hostile::path(namespace, "x"), "True", "Ready");
}

#[test]
fn an_object_whose_plugin_traps_in_finalize_can_be_deleted() {
    let site = &shared().site;
    good("trapping", "trap-finalize", &json!({"count": 2}));
    site.delete(&hostile::path("trapping", "x"));
    let took = site.wait_gone(&hostile::path("trapping", "x"));
    for name in ["x-0", "x-1"] {
        site.wait_gone(&paths::config_map("trapping", name));
    }
    println!("J: gone {} ms after its deletion, with a plugin that traps in finalize", took.as_millis());
}

#[test]
fn an_object_that_went_bad_can_be_deleted() {
    let site = &shared().site;
    good("gone-bad", "good", &json!({}));
    let path = hostile::path("gone-bad", "x");
    site.merge(&path, &json!({"spec": {"behaviour": "trap"}}));
    site.wait_ready(&path, "False", "PluginTrap");
    site.delete(&path);
    site.wait_gone(&path);
    site.wait_gone(&paths::config_map("gone-bad", "x-0"));
}

#[test]
fn a_blocked_deletion_says_why_and_goes_on_when_it_may() {
    let site = &shared().site;
    good("blocked", "good", &json!({"block": "used by OpNode somewhere/node-a"}));
    let (path, child) = (hostile::path("blocked", "x"), paths::config_map("blocked", "x-0"));
    let before = site.get(&child).expect("it is ready");
    site.delete(&path);
    let held = site.wait_ready(&path, "False", "DeletionBlocked");
    assert!(condition::message(&held, "Ready").contains("somewhere/node-a"), "{held}");
    assert_eq!(condition::brief(&held, "Stalled").0, "True", "{held}");
    assert_eq!(site.get(&child).expect("it is held")["metadata"]["uid"], before["metadata"]["uid"]);
    let events = site.list("/api/v1/namespaces/blocked/events");
    assert!(events.iter().any(|event| event["reason"] == "DeletionBlocked"), "{events:?}");

    site.merge(&path, &json!({"spec": {"block": null}}));
    let took = site.wait_gone(&path);
    site.wait_gone(&child);
    println!("J: a blocked deletion named its user, and went on {} ms after it was free", took.as_millis());
}

#[test]
fn children_go_with_their_object_and_others_stay() {
    let site = &shared().site;
    good("leaving", "good", &json!({"count": 3}));
    site.create(
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "leaving"}}),
    );
    site.delete(&hostile::path("leaving", "x"));
    site.wait_gone(&hostile::path("leaving", "x"));
    for index in 0..3 {
        site.wait_gone(&paths::config_map("leaving", &format!("x-{index}")));
    }
    let mine = paths::config_map("leaving", "mine");
    site.wait("the foreign object to stay", &mine, MINUTE, |_| true);
}
