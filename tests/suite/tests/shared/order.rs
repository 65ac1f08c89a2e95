//! Accept B: the order of creation does not matter, and a missing reference heals when what it names appears.

use std::{thread, time::Duration};

use control_plane::{Event, Events};
use serde_json::{Value, json};
use suite::{MINUTE, Site, audit, condition, hostile, paths};

use crate::shared;

const HEALS_WITHIN: Duration = Duration::from_secs(1);

#[test]
fn a_missing_reference_shows_its_name_and_heals_within_a_second() {
    let site = &shared().site;
    site.namespace("heal");
    let mut times = Vec::new();
    for round in 0..5 {
        let (name, target) = (format!("user-{round}"), format!("target-{round}"));
        site.create(&hostile::with("heal", &name, "need", &json!({"target": target})));
        let waiting = site.wait_ready(&hostile::path("heal", &name), "False", "Waiting");
        assert_eq!(waiting["status"]["phase"], "Pending", "{waiting}");
        let message = condition::message(&waiting, "Ready");
        assert!(message.contains(&format!("heal/{target}")), "it names what is missing: {message}");
        assert_eq!(condition::brief(&waiting, "Stalled").0, "False", "nobody has to act on the object: {waiting}");
        assert!(site.get(&paths::config_map("heal", &format!("{name}-0"))).is_none(), "a child was made too early");
        times.push(heal(site, &name, &target));
    }
    println!("B: healed after {times:?} (allowed: {HEALS_WITHIN:?})");
    assert!(times.iter().all(|time| *time < HEALS_WITHIN), "{times:?}");
}

/// Makes what is missing. Gives the time from that answer to the one to the child's write.
fn heal(site: &Site, name: &str, target: &str) -> Duration {
    let mark = site.audit.mark().expect("a mark");
    site.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": target, "namespace": "heal"},
    }));
    let child = format!("{name}-0");
    let made = |events: &Events| -> Option<Event> { written(events, &child, "patch") };
    let events = site.audit.wait_for(mark, MINUTE, |events| made(events).is_some()).expect("the child is made");
    let cause = written(&events, target, "create").expect("we made it");
    site.wait_ready(&hostile::path("heal", name), "True", "Ready");
    audit::between(&cause, &made(&events).expect("it was just there"))
}

fn written(events: &Events, name: &str, verb: &str) -> Option<Event> {
    let found = events.successes().by_resource("configmaps").by_verb(verb);
    found.iter().find(|event| event.name == name).cloned()
}

#[test]
fn an_object_made_before_what_it_needs_ends_up_like_one_made_after() {
    let site = &shared().site;
    let spec = json!({"target": "wanted", "count": 3, "data": {"a": "1", "b": "2"}});
    let wanted = |namespace: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "wanted", "namespace": namespace}});
    for (namespace, user_first) in [("order-a", true), ("order-b", false)] {
        site.namespace(namespace);
        let user = hostile::with(namespace, "user", "need", &spec);
        if user_first {
            site.create(&user);
            site.wait_ready(&hostile::path(namespace, "user"), "False", "Waiting");
            site.create(&wanted(namespace));
        } else {
            site.create(&wanted(namespace));
            site.create(&user);
        }
        site.wait_ready(&hostile::path(namespace, "user"), "True", "Ready");
    }
    let (first, second) = (children(site, "order-a"), children(site, "order-b"));
    assert_eq!(first.len(), 3, "{first:?}");
    assert_eq!(first, second);
}

#[test]
fn edits_in_quick_succession_are_not_lost() {
    const OBJECTS: usize = 4;
    const EDITS: usize = 60;
    let site = &shared().site;
    site.namespace("quick");
    let name = |index: usize| format!("o{index}");
    for index in 0..OBJECTS {
        site.create(&hostile::object("quick", &name(index), "good"));
    }
    // Each edit may meet the operator's write of the status of the one before.
    thread::scope(|scope| {
        for index in 0..OBJECTS {
            scope.spawn(move || {
                for edit in 0..EDITS {
                    let patch = json!({"spec": {"data": {"edit": edit.to_string()}}});
                    site.merge(&hostile::path("quick", &name(index)), &patch);
                }
            });
        }
    });
    let last = (EDITS - 1).to_string();
    for index in 0..OBJECTS {
        let child = paths::config_map("quick", &format!("{}-0", name(index)));
        site.wait("the last edit to be applied", &child, MINUTE, |child| child["data"]["edit"] == last.as_str());
        site.wait_ready(&hostile::path("quick", &name(index)), "True", "Ready");
    }
    println!("B: of {EDITS} edits in quick succession of each of {OBJECTS} objects the last one counted");
}

/// The ConfigMaps that the operator made in a namespace, without what differs from life to life.
fn children(site: &Site, namespace: &str) -> Vec<Value> {
    let mut children = site.list(&paths::config_maps(namespace));
    children.retain(|child| !child["metadata"]["ownerReferences"].is_null());
    children
        .iter()
        .map(|child| {
            let metadata = &child["metadata"];
            json!({"name": metadata["name"], "labels": metadata["labels"], "data": child["data"]})
        })
        .collect()
}
