//! Accept G: whatever a guest does, the operator lives, says whose fault it is, and touches nothing else.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use suite::{MINUTE, condition, hostile, paths};

use crate::shared;

/// Behaviour, and the reason of `Ready=False` that it leads to.
const FAULTS: [(&str, &str); 37] = [
    ("trap", "PluginTrap"),
    ("endless-loop", "PluginDeadline"),
    ("memory-bomb", "PluginMemoryLimit"),
    ("stack-overflow", "PluginTrap"),
    ("huge-output", "PluginMemoryLimit"),
    ("large-output", "PluginOutputLimit"),
    ("invalid-json", "PluginInvalidAnswer"),
    ("no-kind", "PluginInvalidAnswer"),
    ("bad-name", "PluginInvalidAnswer"),
    ("reserved-annotation", "PluginInvalidAnswer"),
    ("owner-reference", "PluginInvalidAnswer"),
    ("bad-label", "PluginRejected"),
    ("duplicate", "PluginDuplicateObject"),
    ("many-children", "PluginTooManyObjects"),
    ("kind-not-granted", "PluginKindNotGranted"),
    ("own-kind", "PluginKindNotGranted"),
    ("other-namespace", "PluginOtherNamespace"),
    ("secret-elsewhere", "PluginOtherNamespace"),
    ("cluster-scoped", "PluginClusterScoped"),
    ("privileged-pod", "PluginPodSecurity"),
    ("host-path", "PluginPodSecurity"),
    ("host-network", "PluginPodSecurity"),
    ("init-container", "PluginPodSecurity"),
    ("probe-host", "PluginPodSecurity"),
    ("no-spec", "PluginInvalidAnswer"),
    ("patch-more", "PluginFieldNotGranted"),
    ("ungranted-read", "PluginNotGranted"),
    ("list-secrets", "PluginNotGranted"),
    ("many-secrets", "PluginLookupLimit"),
    ("method-not-granted", "PluginMethodNotGranted"),
    ("target-not-granted", "PluginTargetNotGranted"),
    ("foreign-object", "SpecNameTaken"),
    ("other", "PluginFailed"),
    ("invalid", "InvalidSpec"),
    ("no-such-behaviour", "InvalidSpec"),
    ("need", "Waiting"),
    ("", "InvalidSpec"),
];

const NAMESPACE: &str = "hostile";

#[test]
fn every_fault_is_blamed_and_touches_nothing_else() {
    let (site, operator) = (&shared().site, &shared().operator);
    site.namespace(NAMESPACE);
    site.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign", "namespace": NAMESPACE},
        "data": {"whose": "not the operator's"},
    }));
    site.create(&hostile::object(NAMESPACE, "neighbour", "good"));
    let pid = operator.id();
    let mut wrong = Vec::new();
    for (index, (behaviour, reason)) in FAULTS.into_iter().enumerate() {
        let (found, took) = misbehave(index, behaviour);
        println!("G: {behaviour:<20} {found:<24} after {:>5} ms", took.as_millis());
        if found != reason {
            wrong.push(format!("{behaviour}: {found}, expected {reason}"));
        }
        works_for_others(index);
    }
    println!("G: {} behaviours, operator's process {pid} is still the same", FAULTS.len());
    assert!(operator.is_running(), "the operator died");
    assert!(wrong.is_empty(), "{wrong:#?}");
    let foreign = site.get(&paths::config_map(NAMESPACE, "foreign")).expect("nobody may delete it");
    assert_eq!(foreign["data"], json!({"whose": "not the operator's"}));
    assert!(foreign["metadata"]["annotations"].is_null(), "{foreign}");
}

/// Lets a good object go bad. Gives the reason that its condition then has, and after how long.
fn misbehave(index: usize, behaviour: &str) -> (String, Duration) {
    let site = &shared().site;
    let name = format!("h{index}");
    let path = hostile::path(NAMESPACE, &name);
    site.create(&hostile::with(NAMESPACE, &name, "good", &json!({"count": 2, "data": {"k": "v"}})));
    site.wait_ready(&path, "True", "Ready");
    let before = children(&name);
    assert_eq!(before.len(), 2, "{before:?}");

    // The one thing to render, or not to find.
    let target = if behaviour == "need" { "missing" } else { "foreign" };
    site.merge(&path, &json!({"spec": {"behaviour": behaviour, "target": target}}));
    let what = format!("{behaviour} to be found out");
    let (bad, took) = site.wait(&what, &path, MINUTE, |object| {
        let ready = condition::of(object, "Ready");
        ready["observedGeneration"] == object["metadata"]["generation"] && ready["status"] == "False"
    });
    assert_eq!(bad["status"]["observedGeneration"], bad["metadata"]["generation"], "{bad}");
    assert!(!condition::message(&bad, "Ready").is_empty(), "{bad}");
    let (reason, blamed) = (condition::brief(&bad, "Ready").1, condition::message(&bad, "Ready"));
    if reason.starts_with("Plugin") && reason != "PluginFailed" {
        assert_eq!(condition::brief(&bad, "Stalled").0, "True", "a retry would not help: {bad}");
    }
    if ["PluginTrap", "PluginDeadline", "PluginMemoryLimit"].contains(&reason) {
        assert!(blamed.contains("plugin hostile 0.1.0 (sha256:"), "it names the plugin: {blamed}");
    }
    assert_eq!(children(&name), before, "{behaviour} touched children");
    (reason.to_string(), took)
}

/// Lives and versions of an object's children, and of what else has its name in it.
fn children(owner: &str) -> BTreeMap<String, (Value, Value)> {
    let site = &shared().site;
    let paths = [paths::config_maps(NAMESPACE), format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments")];
    let all = paths.iter().flat_map(|path| site.list(path));
    let prefix = format!("{owner}-");
    all.filter_map(|object| {
        let metadata = &object["metadata"];
        let name = metadata["name"].as_str().filter(|name| *name == owner || name.starts_with(&prefix))?;
        Some((name.to_string(), (metadata["uid"].clone(), metadata["resourceVersion"].clone())))
    })
    .collect()
}

/// An object that behaves is served all the while.
fn works_for_others(round: usize) {
    let site = &shared().site;
    let round = round.to_string();
    site.merge(&hostile::path(NAMESPACE, "neighbour"), &json!({"spec": {"data": {"round": round}}}));
    let child = paths::config_map(NAMESPACE, "neighbour-0");
    site.wait("the neighbour to be served", &child, MINUTE, |child| child["data"]["round"] == round.as_str());
}

#[test]
fn a_flood_of_log_lines_is_cut() {
    let (site, operator) = (&shared().site, &shared().operator);
    site.namespace("flood");
    site.create(&hostile::object("flood", "flood", "log-flood"));
    site.wait_ready(&hostile::path("flood", "flood"), "True", "Ready");
    let log = operator.log();
    let (kept, dropped) = (log.matches(&"x".repeat(100)).count(), log.matches("log lines were dropped").count());
    println!("G: of 10000 log lines {kept} were kept");
    assert!(kept > 0 && kept <= 3 * 64 * 1024 / 100, "{kept} lines of 100 bytes; a call may log 64 KiB");
    assert!(dropped > 0, "it must be said that lines are missing");
}

#[test]
fn a_taken_name_heals_when_it_is_free() {
    let site = &shared().site;
    site.namespace("taken");
    site.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "wanted-0", "namespace": "taken"},
    }));
    site.create(&hostile::object("taken", "wanted", "good"));
    let path = hostile::path("taken", "wanted");
    let stalled = site.wait_ready(&path, "False", "SpecNameTaken");
    let message = condition::message(&stalled, "Ready");
    assert!(message.contains("taken/wanted-0") && message.contains("not made by this operator"), "{message}");
    site.delete(&paths::config_map("taken", "wanted-0"));
    let (_, took) =
        site.wait("the name to be used", &path, MINUTE, |object| condition::is(object, "Ready", "True", "Ready"));
    println!("G: a taken name was used {} ms after it was free", took.as_millis());
}
