//! Accept E, F and part of J: plugins come, change, break and go while the operator runs.
//!
//! Plugins are cluster-wide, so the tests take turns.

use std::{
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Instant,
};

use control_plane::{AuditLevel, Events};
use serde_json::{Value, json};
use suite::{MINUTE, Operator, Site, audit, condition, hostile, paths, plugins};

const TEXT: &str = "the first version of the hostile guest";
const OTHER_TEXT: &str = "the other version of the hostile guest";
const MARK: &str = "test.optimism.io/version";

struct Shared {
    site: Site,
    operator: Operator,
    module: Vec<u8>,
}

/// The one cluster, with the guest `hostile` in its first version.
fn turn() -> (&'static Shared, MutexGuard<'static, ()>) {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = SHARED.get_or_init(|| {
        let site = Site::start(AuditLevel::Metadata);
        let operator = Operator::start(&site);
        Shared { site, operator, module: plugins::module("guests", "hostile") }
    });
    shared.site.offer(&plugins::hostile().unpinned());
    deliver(shared, &shared.module);
    serves(shared, "True", "Loaded");
    (shared, turn)
}

const CONFIG_MAP: &str = "/api/v1/namespaces/opstack-system/configmaps/plugin-hostile";

/// Puts other bytes into the guest's ConfigMap.
fn deliver(shared: &Shared, module: &[u8]) {
    shared.site.merge(CONFIG_MAP, &plugins::bytes_patch(module));
}

/// Waits until the guest's `Plugin` says whether what it asks for is loaded.
fn serves(shared: &Shared, loaded: &str, reason: &str) -> Value {
    let what = format!("Loaded={loaded} for {reason}");
    let (plugin, _) = shared
        .site
        .wait(&what, &paths::plugin("hostile"), MINUTE, |plugin| condition::is(plugin, "Loaded", loaded, reason));
    plugin
}

/// Makes good objects in a namespace and waits until all are ready.
fn objects(shared: &Shared, namespace: &str, count: usize) {
    let site = &shared.site;
    site.namespace(namespace);
    for index in 0..count {
        site.create(&hostile::with(namespace, &format!("o{index}"), "good", &json!({"data": {"k": "v"}})));
    }
    for index in 0..count {
        site.wait_ready(&hostile::path(namespace, &format!("o{index}")), "True", "Ready");
    }
}

fn texts(shared: &Shared, namespace: &str) -> Vec<String> {
    let children = shared.site.list(&paths::config_maps(namespace));
    let text = |child: &Value| child["metadata"]["annotations"][MARK].as_str().map(ToString::to_string);
    children.iter().filter_map(text).collect()
}

#[test]
fn another_version_renders_its_objects_anew_without_a_restart() {
    let (shared, _turn) = turn();
    const COUNT: usize = 50;
    objects(shared, "swap", COUNT);
    assert_eq!(texts(shared, "swap"), vec![TEXT; COUNT]);
    let begun = Instant::now();
    deliver(shared, &plugins::patched(&shared.module, TEXT, OTHER_TEXT));
    suite::until("all children to be rendered by the other version", MINUTE, || {
        let texts = texts(shared, "swap");
        if texts == vec![OTHER_TEXT; COUNT] { Ok(()) } else { Err(format!("{texts:?}\n{}", shared.site.log_tail())) }
    });
    println!(
        "E: {COUNT} objects were rendered by the other version {} ms after its delivery",
        begun.elapsed().as_millis()
    );
    assert!(shared.operator.is_running());
    assert_eq!(texts(shared, "swap").len(), COUNT);
}

#[test]
fn an_equal_output_causes_no_write() {
    let (shared, _turn) = turn();
    const COUNT: usize = 20;
    objects(shared, "equal", COUNT);
    shared.operator.settle();
    let (before, mark) = (shared.operator.reconciles(), shared.site.audit.mark().expect("a mark"));
    let old = serves(shared, "True", "Loaded")["status"]["digest"].clone();
    deliver(shared, &plugins::rebuilt(&shared.module, "rebuilt"));
    let what = "the rebuilt module to be loaded";
    shared.site.wait(what, &paths::plugin("hostile"), MINUTE, |plugin| plugin["status"]["digest"] != old);
    // Every object is looked at once by the new version.
    suite::until("all objects to be looked at", MINUTE, || {
        let looked_at = shared.operator.reconciles() - before;
        if looked_at >= COUNT as u64 { Ok(()) } else { Err(format!("{looked_at} reconciles")) }
    });
    shared.operator.settle();
    let writes = audit::writes(&shared.site.audit.events_since(mark).expect("events"));
    let writes = writes.without_resource("plugins");
    println!("E: {} reconciles, {} writes after an equal rebuild", shared.operator.reconciles() - before, writes.len());
    assert!(writes.is_empty(), "{writes}");
}

/// Delivers a bad version, by its bytes or by a change of the `Plugin`'s spec. The old one must serve on.
fn is_refused(shared: &Shared, namespace: &str, what: &str, reason: &str, spoil: impl FnOnce(&Site)) {
    let (site, child) = (&shared.site, paths::config_map(namespace, "o0-0"));
    let digest = serves(shared, "True", "Loaded")["status"]["digest"].clone();
    spoil(site);
    let refused = serves(shared, "False", reason);
    let message = condition::message(&refused, "Loaded");
    assert!(!message.is_empty(), "{refused}");
    assert_eq!(condition::brief(&refused, "Ready"), ("True", "Serving"), "the old one must serve: {refused}");
    assert_eq!(refused["status"]["digest"], digest, "{refused}");
    site.merge(&hostile::path(namespace, "o0"), &json!({"spec": {"data": {"after": what}}}));
    let (served, _) = site.wait("the old version to serve", &child, MINUTE, |child| child["data"]["after"] == what);
    assert_eq!(served["metadata"]["annotations"][MARK], TEXT, "{served}");
    println!("E: {what}: {reason}: {message}");
    // Back to what is good.
    site.merge(&paths::plugin("hostile"), &json!({"spec": {"digest": null}}));
    deliver(shared, &shared.module);
    serves(shared, "True", "Loaded");
}

#[test]
fn a_bad_version_leaves_the_old_one_serving() {
    let (shared, _turn) = turn();
    objects(shared, "bad", 1);
    let module = &shared.module;
    let bytes: Vec<(&str, &str, Vec<u8>)> = vec![
        ("a truncated file", "PluginDamaged", module[..module.len() / 2].to_vec()),
        ("an empty file", "PluginDamaged", Vec::new()),
        ("no WebAssembly", "PluginDamaged", b"#!/bin/sh\nexit 1\n".to_vec()),
        ("an empty module", "PluginNoWorld", wat("(module)")),
        ("a module with an import of its own", "PluginForbiddenImport", wat(r#"(module (import "env" "now" (func)))"#)),
        ("a component without a world", "PluginNoWorld", wat("(component)")),
        ("a forbidden import", "PluginForbiddenImport", plugins::importing("wasi:cli/environment@0.2.0")),
        ("another version of the contract", "PluginWrongContract", plugins::importing("opstack:plugin/cluster@0.2.0")),
        ("a guest of the next contract", "PluginWrongContract", plugins::patched(module, "@0.1.0", "@0.2.0")),
        ("a slow start", "PluginDeadline", plugins::module("guests", "slow-start")),
    ];
    let count = bytes.len();
    for (what, reason, bytes) in bytes {
        is_refused(shared, "bad", what, reason, |site| {
            site.merge(CONFIG_MAP, &plugins::bytes_patch(&bytes));
        });
    }
    is_refused(shared, "bad", "a lost ConfigMap key", "ClusterSourceUnavailable", |site| {
        site.merge(CONFIG_MAP, &json!({"binaryData": null}));
    });
    println!("E: {} bad versions were refused", count + 1);
}

#[test]
fn a_schema_that_would_drop_what_an_object_says_is_refused() {
    let (shared, _turn) = turn();
    objects(shared, "schema", 1);
    let path = hostile::path("schema", "o0");
    shared.site.merge(&path, &json!({"spec": {"count": 1}}));
    // A field by another name: the same length, so that the module's layout stays.
    let renamed = plugins::patched(&shared.module, "count", "total");
    is_refused(shared, "schema", "a field that goes", "PluginBreakingSchema", |site| {
        site.merge(CONFIG_MAP, &plugins::bytes_patch(&renamed));
        let plugin = serves(shared, "False", "PluginBreakingSchema");
        let message = condition::message(&plugin, "Loaded");
        assert!(message.contains("schema/o0") && message.contains("allow-breaking-change"), "{message}");
    });
    assert_eq!(shared.site.get(&path).expect("it is there")["spec"]["count"], 1);
    // Without it, nothing is in the way.
    shared.site.merge(&path, &json!({"spec": {"count": null}}));
    let old = serves(shared, "True", "Loaded")["status"]["digest"].clone();
    deliver(shared, &renamed);
    let plugin = paths::plugin("hostile");
    shared.site.wait("the other version", &plugin, MINUTE, |plugin| plugin["status"]["digest"] != old);
    deliver(shared, &shared.module);
    shared.site.wait("the first version", &plugin, MINUTE, |plugin| plugin["status"]["digest"] == old);
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn fewer_grants_are_refused_and_the_status_names_them() {
    let (shared, _turn) = turn();
    objects(shared, "grants", 1);
    let path = paths::plugin("hostile");
    let granted = shared.site.get(&path).expect("it is installed")["spec"]["grants"]["reads"].clone();
    shared.site.merge(&path, &json!({"spec": {"grants": {"reads": [{"group": "", "kind": "ConfigMap"}]}}}));
    let refused = serves(shared, "False", "SpecNotGranted");
    let message = condition::message(&refused, "Loaded");
    assert!(message.contains("read Secret"), "{message}");
    assert_eq!(condition::brief(&refused, "Ready").0, "False", "it serves with more than it is granted: {refused}");
    println!("E: {message}");
    shared.site.merge(&path, &json!({"spec": {"grants": {"reads": granted}}}));
    serves(shared, "True", "Loaded");
}

/// Changes the grants or the pin of the `Plugin`, so that what serves may do so no longer.
fn is_ended(shared: &Shared, namespace: &str, what: &str, reason: &str, change: &Value, back: &Value) {
    let (site, plugin, object) = (&shared.site, paths::plugin("hostile"), hostile::path(namespace, "o0"));
    site.merge(&plugin, change);
    let refused = serves(shared, "False", reason);
    assert_eq!(condition::brief(&refused, "Ready"), ("False", reason), "{what}: {refused}");
    assert!(refused["status"]["digest"].is_null(), "{what}: {refused}");
    site.wait_ready(&object, "False", "PluginUnavailable");
    site.merge(&object, &json!({"spec": {"data": {"during": what}}}));
    site.wait_ready(&object, "False", "PluginUnavailable");
    let child = paths::config_map(namespace, "o0-0");
    assert_ne!(site.get(&child).expect("it stays")["data"]["during"], what, "{what}: it was rendered all the same");
    site.merge(&plugin, back);
    serves(shared, "True", "Loaded");
    site.wait("the plugin to serve again", &child, MINUTE, |child| child["data"]["during"] == what);
    site.wait_ready(&object, "True", "Ready");
}

#[test]
fn what_is_taken_from_a_plugin_is_taken_at_once() {
    let (shared, _turn) = turn();
    objects(shared, "revoked", 1);
    let pin = format!("sha256:{}", "0".repeat(64));
    let pinned = json!({"spec": {"digest": pin}});
    is_ended(shared, "revoked", "a pin", "SpecDigestMismatch", &pinned, &json!({"spec": {"digest": null}}));
    let grants = shared.site.get(&paths::plugin("hostile")).expect("it is installed")["spec"]["grants"].clone();
    for field in ["serves", "owns", "reads", "rpcMethods"] {
        let without = json!({"spec": {"grants": {field: []}}});
        let back = json!({"spec": {"grants": {field: grants[field]}}});
        is_ended(shared, "revoked", field, "SpecNotGranted", &without, &back);
    }
    // Fewer namespaces leave the plugin in service, elsewhere.
    let elsewhere = json!({"spec": {"grants": {"namespaces": ["elsewhere"]}}});
    shared.site.merge(&paths::plugin("hostile"), &elsewhere);
    shared.site.wait_ready(&hostile::path("revoked", "o0"), "False", "ClusterNamespaceNotGranted");
    assert_eq!(condition::brief(&serves(shared, "True", "Loaded"), "Ready"), ("True", "Serving"));
    shared.site.merge(&paths::plugin("hostile"), &json!({"spec": {"grants": {"namespaces": null}}}));
    shared.site.wait_ready(&hostile::path("revoked", "o0"), "True", "Ready");
}

#[test]
fn what_a_plugin_asks_of_the_chain_ends_with_its_right_to() {
    let (shared, _turn) = turn();
    let (site, plugin) = (&shared.site, paths::plugin("hostile"));
    site.namespace("asking");
    let object = hostile::path("asking", "o0");
    site.create(&hostile::object("asking", "o0", "ask"));
    let asking = |wanted: f64, what: &str| {
        suite::until(what, MINUTE, || match shared.operator.metric("opstack_probe_owners", "") {
            owners if (owners - wanted).abs() < 0.5 => Ok(()),
            owners => Err(format!("{owners} objects ask\n{}", site.log_tail())),
        });
    };
    let pin = format!("sha256:{}", "0".repeat(64));
    let all = site.get(&plugin).expect("it is installed")["spec"]["grants"].clone();
    for (what, change, back) in [
        ("a pin", json!({"digest": pin}), json!({"digest": null})),
        ("other namespaces", json!({"grants": {"namespaces": ["elsewhere"]}}), json!({"grants": {"namespaces": null}})),
        (
            "other hosts",
            json!({"grants": {"targets": {"hosts": ["example.org"]}}}),
            json!({"grants": {"targets": all["targets"]}}),
        ),
    ] {
        asking(1.0, "the object to ask");
        site.merge(&plugin, &json!({"spec": change}));
        asking(0.0, what);
        site.merge(&plugin, &json!({"spec": back}));
    }
    site.wait_ready(&object, "True", "Ready");
    asking(1.0, "the object to ask again");
    site.delete(&plugin);
    asking(0.0, "a deleted plugin");
    site.install(&plugins::hostile().unpinned());
    site.delete(&object);
    site.wait_gone(&object);
}

#[test]
fn a_definition_of_somebody_else_is_not_taken_over() {
    let (shared, _turn) = turn();
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/hostiles.test.optimism.io";
    let label = |label: Value| json!({"metadata": {"labels": {"opstack.optimism.io/plugin": label}}});
    shared.site.merge(path, &label(Value::Null));
    deliver(shared, &plugins::rebuilt(&shared.module, "unlabelled"));
    let refused = serves(shared, "False", "SpecKindTaken");
    let message = condition::message(&refused, "Loaded");
    assert!(message.contains("opstack.optimism.io/plugin=hostile"), "{message}");
    assert!(shared.site.get(path).expect("it is there")["metadata"]["labels"].is_null(), "it was taken over");
    shared.site.merge(path, &label("hostile".into()));
    deliver(shared, &shared.module);
    serves(shared, "True", "Loaded");
}

#[test]
fn a_plugin_added_to_a_running_operator_adds_its_kind() {
    let (shared, _turn) = turn();
    let site = &shared.site;
    let Some(example) = plugins::built("hello-plugin").into_iter().next() else {
        println!("skipped: target/hello-plugin holds no module; run `cargo xtask build` first");
        return;
    };
    let hello = plugins::pack(&std::fs::read(example).expect("a module"));
    let collection = "/apis/example.io/v1/namespaces/added/hellos";
    site.namespace("added");
    assert_eq!(site.request("GET", collection, None).status, 404, "the kind is there too early");
    let process = shared.operator.id();
    let begun = Instant::now();
    site.install(&hello);
    suite::until("the kind to be served", MINUTE, || match site.request("GET", collection, None).status {
        200 => Ok(()),
        status => Err(format!("{status}\n{}", site.log_tail())),
    });
    let served = begun.elapsed();
    let mark = site.audit.mark().expect("a mark");
    site.create(&json!({
        "apiVersion": "example.io/v1", "kind": "Hello", "metadata": {"name": "world", "namespace": "added"},
        "spec": {"message": "Hello, world"},
    }));
    let of = |events: &Events, resource: &str| events.successes().by_resource(resource).in_namespace("added").writes();
    let events = site.audit.wait_for(mark, MINUTE, |events| !of(events, "deployments").is_empty());
    let events = events.expect("the kind's object is reconciled");
    let took = audit::between(&of(&events, "hellos")[0], &of(&events, "deployments")[0]);
    println!("F: a new kind was served {} ms after its ConfigMap, by the same process {process}", served.as_millis());
    println!("F: its first object had its Deployment after {} ms", took.as_millis());
    assert!(shared.operator.is_running());
}

#[test]
fn an_object_whose_plugin_is_gone_can_be_deleted() {
    let (shared, _turn) = turn();
    let site = &shared.site;
    objects(shared, "absent", 2);
    site.delete(&paths::plugin("hostile"));
    let what = "the object to say that its plugin is gone";
    let (stalled, _) = site.wait(what, &hostile::path("absent", "o0"), MINUTE, |object| {
        condition::is(object, "Ready", "False", "PluginUnavailable")
    });
    assert!(condition::message(&stalled, "Ready").contains("plugin hostile is not loaded"), "{stalled}");
    assert!(site.get(&paths::config_map("absent", "o0-0")).is_some(), "children stay while the plugin is away");

    site.delete(&hostile::path("absent", "o0"));
    let took = site.wait_gone(&hostile::path("absent", "o0"));
    site.wait_gone(&paths::config_map("absent", "o0-0"));
    assert!(site.get(&paths::config_map("absent", "o1-0")).is_some(), "another's child had to stay");
    println!("J: an object without its plugin was gone after {} ms", took.as_millis());

    // And the plugin's return finds the rest as it was.
    let mark = site.audit.mark().expect("a mark");
    site.install(&plugins::hostile().unpinned());
    site.wait_ready(&hostile::path("absent", "o1"), "True", "Ready");
    let writes = audit::writes(&site.audit.events_since(mark).expect("events")).in_namespace("absent");
    assert!(writes.by_resource("configmaps").is_empty(), "{writes}");
}

#[test]
fn a_deleted_plugin_object_takes_no_objects_along() {
    let (shared, _turn) = turn();
    objects(shared, "kept", 3);
    let operator = &shared.operator;
    shared.site.delete(&paths::plugin("hostile"));
    let what = "the object to say that its plugin is gone";
    shared.site.wait(what, &hostile::path("kept", "o2"), MINUTE, |object| {
        condition::brief(object, "Ready").1 == "PluginUnavailable"
    });
    assert_eq!(shared.site.list(&hostile::paths("kept")).len(), 3);
    assert_eq!(texts(shared, "kept").len(), 3);
    assert!(operator.is_running());
    let (code, _) = operator.get("/readyz").expect("an answer");
    assert_eq!(code, 200, "one plugin less is no reason to be restarted");
}
