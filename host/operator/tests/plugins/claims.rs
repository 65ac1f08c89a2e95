//! A StatefulSet that is recreated loses none of its claims, whichever there are.

use opstack_core::answer::Policy;
use opstack_core::ids::{Gvk, ObjectKey, PluginName};
use opstack_core::policy::DesiredChild;
use opstack_engine::CompileLimits;
use opstack_operator::apply::{Applied, api_of};
use opstack_operator::replace::replace;
use serde_json::{Value, json};

use crate::world::World;

const SET: &str = "/apis/apps/v1/namespaces/ns/statefulsets/node";

fn claim_path(name: &str) -> String {
    format!("/api/v1/namespaces/ns/persistentvolumeclaims/{name}")
}

fn set(templates: &[(&str, &str)]) -> Value {
    let template = |(name, size): &(&str, &str)| json!({"metadata": {"name": name}, "spec": {"resources": {"requests": {"storage": size}}}});
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "node", "namespace": "ns", "generation": 1},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "node"}},
            "volumeClaimTemplates": templates.iter().map(template).collect::<Value>(),
        },
        "status": {"observedGeneration": 1},
    })
}

/// Puts claims there: of ordinal 0, of pods that were scaled away with a gap before them, and one that is a stranger's.
fn claims(world: &World, owner: &Value) {
    for (name, app, owner) in [
        ("data-node-0", "node", owner),
        ("data-node-2", "node", owner),
        ("data-node-7", "node", owner),
        ("data-node-3", "other", &"other".into()),
    ] {
        let owners = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "node", "uid": owner}]);
        let metadata = json!({"name": name, "namespace": "ns", "labels": {"app": app}, "ownerReferences": owners});
        let spec = json!({"resources": {"requests": {"storage": "1Gi"}}});
        let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec});
        world.api.put(&claim_path(name), claim);
    }
}

async fn recreate(world: &World, wanted: Value) {
    let gvk = Gvk::new("apps", "v1", "StatefulSet");
    let child = DesiredChild {
        key: ObjectKey::new(gvk.group_kind.clone(), "ns", "node"),
        gvk: gvk.clone(),
        policy: Policy::Delete,
        object: wanted,
        hash: String::new(),
        turn: None,
        held: false,
    };
    let api = api_of(&world.cx, &gvk, "ns").unwrap();
    let plugin = PluginName::parse("op-node").unwrap();
    replace(&world.cx, &api, &plugin, &child, "field is immutable", &Applied::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_behind_a_gap_do_not_go_with_a_statefulset() {
    let world = World::leading(CompileLimits::default()).await;
    let before = world.api.put(SET, set(&[("data", "1Gi")]));
    claims(&world, &before["metadata"]["uid"]);
    recreate(&world, set(&[("data", "1Gi"), ("more", "1Gi")])).await;
    assert_ne!(world.api.get(SET).unwrap()["metadata"]["uid"], before["metadata"]["uid"], "it is another one");
    let owners = |name: &str| world.api.get(&claim_path(name)).unwrap()["metadata"]["ownerReferences"].clone();
    for name in ["data-node-0", "data-node-2", "data-node-7"] {
        assert_eq!(owners(name), json!([]), "{name} would have gone with its StatefulSet");
    }
    assert_eq!(owners("data-node-3")[0]["uid"], "other", "a stranger's");
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_behind_a_gap_grow_with_their_template() {
    let world = World::leading(CompileLimits::default()).await;
    let before = world.api.put(SET, set(&[("data", "1Gi")]));
    claims(&world, &before["metadata"]["uid"]);
    recreate(&world, set(&[("data", "2Gi")])).await;
    let size =
        |name: &str| world.api.get(&claim_path(name)).unwrap()["spec"]["resources"]["requests"]["storage"].clone();
    for (name, expected) in
        [("data-node-0", "2Gi"), ("data-node-2", "2Gi"), ("data-node-7", "2Gi"), ("data-node-3", "1Gi")]
    {
        assert_eq!(size(name), expected, "{name}");
    }
}
