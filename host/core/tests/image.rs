//! Another image of the operator changes no pods; whatever else changes brings it along.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use opstack_core::answer::{Policy, Resource};
use opstack_core::grants::Grants;
use opstack_core::ids::{GroupKind, Gvk, ObjectKey, PluginName};
use opstack_core::image;
use opstack_core::inventory::{Inventory, Live};
use opstack_core::policy::{self, Desired, Owner};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const OLD: &str = "opstack:1";
const NEW: &str = "opstack:2";

fn workload(own: &str, argument: &str) -> Value {
    let context = json!({
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "node", "namespace": "ns"},
        "spec": {"template": {"spec": {
            "initContainers": [{"name": "init", "image": own, "securityContext": context}],
            "containers": [{"name": "node", "image": "op-node:1", "args": [argument], "securityContext": context}],
        }}},
    })
}

/// What an operator of the image `own` wants, where `live` is there.
fn wanted(own: &str, argument: &str, live: &Inventory) -> Desired {
    let gvk = Gvk::from_api_version("apps/v1", "StatefulSet");
    let owner = Owner {
        key: ObjectKey::new(GroupKind::new("optimism.io", "OpNode"), "ns", "node"),
        uid: "1".into(),
        api_version: "optimism.io/v1alpha1".into(),
        spec: &Value::Null,
    };
    let resources = [Resource { object: workload(own, argument).to_string(), policy: Policy::Delete }];
    let grants = Grants { owns: [gvk.group_kind.clone()].into(), ..Grants::default() };
    let kinds = BTreeMap::from([(gvk, true)]);
    let plugin = PluginName::parse("op-node").unwrap();
    let mut desired = policy::check(&resources, &owner, &plugin, &grants, &kinds).unwrap();
    image::keep(&mut desired, live, own);
    desired
}

fn applied(desired: &Desired) -> Inventory {
    let live = |child: &policy::DesiredChild| (child.key.clone(), Arc::new(Live::of(&child.object, false)));
    desired.children.iter().map(live).collect()
}

fn image_of(desired: &Desired) -> &Value {
    &desired.children[0].object["spec"]["template"]["spec"]["initContainers"][0]["image"]
}

#[test]
fn a_child_that_is_otherwise_the_same_stays_as_it_is() {
    let before = wanted(OLD, "a", &Inventory::new());
    assert_eq!(image_of(&before), OLD);
    let after = wanted(NEW, "a", &applied(&before));
    assert_eq!(after, before);
    // So it does when the operator is replaced once more, and when it goes back.
    assert_eq!(wanted("opstack:3", "a", &applied(&after)), before);
    assert_eq!(wanted(OLD, "a", &applied(&after)), before);
}

#[test]
fn another_change_brings_the_new_image() {
    let before = wanted(OLD, "a", &Inventory::new());
    let after = wanted(NEW, "b", &applied(&before));
    assert_eq!(image_of(&after), NEW);
    assert_eq!(wanted(NEW, "b", &applied(&after)), after);
    assert_eq!(wanted(NEW, "a", &Inventory::new()).children[0].object["spec"], workload(NEW, "a")["spec"]);
}
