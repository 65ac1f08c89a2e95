//! What the guard of a kind refuses serves on no replica, whoever leads; and what it advises to mend wakes the `Plugin`.

use opstack_core::ids::ObjectKey;
use opstack_core::requeue::Requeue;
use opstack_engine::CompileLimits;
use opstack_operator::plugins::crd::ALLOW_BREAKING;
use serde_json::json;

use crate::guest::{crd, plugin};
use crate::world::{World, definition};

/// Two versions of a plugin, of which the later one lacks a version in which objects are stored.
fn versions() -> [Vec<u8>; 2] {
    [plugin("fox", "1.0.0", &crd("Fox", &["v1"])), plugin("fox", "2.0.0", &crd("Fox", &["v2"]))]
}

fn stored(crd: &mut serde_json::Value) {
    crd["status"] = json!({"storedVersions": ["v1"]});
}

/// A standby that has loaded both, one after the other.
async fn with_both() -> (World, ObjectKey) {
    let world = World::standby().await;
    let [first, second] = versions();
    world.installed(&first, stored);
    let key = world.plugin("fox", &first, 1);
    world.loader.reconcile(&key).await;
    world.plugin("fox", &second, 2);
    world.loader.reconcile(&key).await;
    (world, key)
}

const REFUSED: [&str; 2] = ["False: PluginBreakingSchema", "False: PluginBreakingSchema"];

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_refused_does_not_serve_after_a_failover() {
    let world = World::standby().await;
    let [first, second] = versions();
    world.installed(&first, stored);
    let key = world.plugin("fox", &second, 2);
    world.loader.reconcile(&key).await;
    assert_eq!(world.serving("fox"), None, "a standby serves nothing");
    let term = world.gain().await;
    world.service.begin(term).await;
    assert_eq!(world.serving("fox"), None);
    let (_, said) = world.reconcile(&key).await;
    assert_eq!(said, REFUSED);
    let installed = world.api.get(&definition("foxs.test.org")).unwrap();
    assert_eq!(installed["spec"]["versions"][0]["name"], "v1", "nothing was installed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_version_serves_after_a_failover_and_not_the_refused_one() {
    let (world, key) = with_both().await;
    let term = world.gain().await;
    world.service.begin(term).await;
    assert_eq!(world.serving("fox").as_deref(), Some("1.0.0"));
    let (_, said) = world.reconcile(&key).await;
    assert_eq!(said, [REFUSED[0], "True: Serving"]);
    world.gate.expect([].into());
    world.gate.open();
    let name = opstack_core::ids::PluginName::parse("fox").unwrap();
    world.gate.admits(&name, term).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_good_version_whose_kind_is_another_by_now_does_not_serve() {
    let (world, _) = with_both().await;
    // The leader installed a third version meanwhile, which this replica never had.
    world.installed(&plugin("fox", "1.5.0", &crd("Fox", &["v1", "v1beta1"])), stored);
    let term = world.gain().await;
    world.service.begin(term).await;
    assert_eq!(world.serving("fox"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_good_version_that_is_not_allowed_any_more_does_not_serve() {
    let world = World::standby().await;
    let [first, _] = versions();
    let key = world.plugin("fox", &first, 1);
    world.loader.reconcile(&key).await;
    let term = world.gain().await;
    world.service.begin(term).await;
    assert_eq!(world.serving("fox").as_deref(), Some("1.0.0"));
    world.lose().await;
    world.pinned("fox", &first, 2, Some("sha256:another"));
    world.loader.reconcile(&key).await;
    let next = world.gain().await;
    assert_ne!(next, term);
    world.service.begin(next).await;
    assert_eq!(world.serving("fox"), None);
    assert_eq!(world.reconcile(&key).await.1[0], "False: SpecDigestMismatch");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_annotation_that_a_refusal_advises_wakes_the_plugin() {
    let world = World::leading(CompileLimits::default()).await;
    let [first, second] = versions();
    let definition = world.installed(&first, stored);
    let key = world.plugin("fox", &second, 2);
    assert!(world.is_named(&key).await, "it came");
    let (requeue, said) = world.reconcile(&key).await;
    assert_eq!(said, REFUSED);
    assert!(matches!(requeue, Requeue::After(_)), "a net under what no watch tells of: {requeue:?}");
    world.installed(&first, |crd| {
        stored(crd);
        crd["metadata"]["annotations"][ALLOW_BREAKING] = "true".into();
    });
    assert!(world.is_named(&key).await, "{definition} changed");
    let (requeue, said) = world.reconcile(&key).await;
    assert_eq!((requeue, said), (Requeue::Await, ["True: Loaded", "True: Serving"].map(String::from)));
    assert_eq!(world.serving("fox").as_deref(), Some("2.0.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_a_refusal_advises_to_mend_wakes_the_plugin() {
    let world = World::leading(CompileLimits::default()).await;
    let [first, second] = versions();
    world.installed(&first, stored);
    let key = world.plugin("fox", &second, 2);
    assert!(world.is_named(&key).await, "it came");
    assert_eq!(world.reconcile(&key).await.1, REFUSED);
    let object: ObjectKey = "Fox.test.org/ns/red".parse().unwrap();
    let fox = |version: u32, spec: &str| {
        let metadata = json!({"name": "red", "namespace": "ns", "uid": "1", "resourceVersion": version.to_string()});
        json!({"apiVersion": "test.org/v1", "kind": "Fox", "metadata": metadata, "spec": {"text": spec}})
    };
    world.tell(&object, fox(1000, "stored"));
    assert!(world.is_named(&key).await, "an object came");
    assert_eq!(world.reconcile(&key).await.1, REFUSED);
    world.tell(&object, fox(1001, "mended"));
    assert!(world.is_named(&key).await, "an object changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_leaves_its_kind_wakes_the_one_that_wants_it() {
    let world = World::leading(CompileLimits::default()).await;
    let fox = world.plugin("fox", &plugin("fox", "1.0.0", &crd("Fox", &["v1"])), 1);
    assert!(world.is_named(&fox).await, "it came");
    assert_eq!(world.reconcile(&fox).await.1, ["True: Loaded", "True: Serving"]);
    let wolf = world.plugin("wolf", &plugin("wolf", "1.0.0", &crd("Fox", &["v1"])), 1);
    assert!(world.is_named(&wolf).await, "it came");
    assert_eq!(world.reconcile(&wolf).await.1, ["False: SpecKindTaken", "False: SpecKindTaken"]);
    let gone = world.cx.hub.cache.get(&fox).unwrap();
    world.cx.hub.lose(&gone);
    assert!(world.is_named(&fox).await, "it went");
    // Too early: the one that goes was not looked at yet.
    assert!(world.is_named(&wolf).await, "what it waits for changed");
    assert_eq!(world.reconcile(&wolf).await.1[0], "False: SpecKindTaken");
    world.loader.reconcile(&fox).await;
    assert_eq!(world.serving("fox"), None);
    assert!(world.is_named(&wolf).await, "its place is free");
}
