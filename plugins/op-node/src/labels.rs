//! Labels of the pods, by which Services select them: whether a pod is synced, and whether it makes blocks.
//!
//! A pod begins with `false` for both, by its template. `true` needs a fresh answer of this very pod; one that is old or
//! failed takes it back. Where nobody has asked since the operator began, a label stays as it is, so that a restart of the
//! operator takes no pod out of its Services.

use opstack_sdk::answer::{Answer, Policy};
use opstack_sdk::cluster::kind_of;
use opstack_sdk::k8s_openapi::api::core::v1::Pod;
use opstack_sdk::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use opstack_sdk::object::Metadata;
use opstack_sdk::opstack::active::{ACTIVE, NETWORK, network_label};
use opstack_sdk::values::rfc3339;
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::keys::pod_name;
use crate::probes::{CONSENSUS, Findings};
use crate::settle::Node;

/// `"true"` while the pod is at the chain's head.
pub const SYNCED: &str = "optimism.io/synced";
/// What a pod begins with.
pub fn initial(node: &Node<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (NETWORK.to_string(), network_label(&node.network.namespace, &node.network.name)),
        (SYNCED.to_string(), false.to_string()),
    ]);
    if node.spec().sequences() {
        labels.insert(ACTIVE.into(), false.to_string());
    }
    labels
}

/// Whether the main Service leads to synced pods only. It must not where nobody can ask the pods.
pub fn selects_synced(node: &Node<'_>) -> bool {
    let wish = node.spec().service.only_synced;
    wish.unwrap_or(!node.spec().is_sequencer()) && node.rpc_reachable()
}

/// A pod as it is.
#[derive(Deserialize)]
struct Live {
    metadata: Metadata,
}

/// Patches the labels of the pods that there are.
pub fn patch<S>(node: &Node<'_>, found: &[Findings], answer: &mut Answer<S>) {
    let metadata = &node.me.metadata;
    for ordinal in 0..node.spec().pods() {
        let name = pod_name(&metadata.name, ordinal);
        // One that does not parse is not a pod.
        let Ok(Some(live)) = node.cx.find::<Live>(&kind_of::<Pod>(), &metadata.namespace, &name) else { continue };
        let ours = node.app.selector().iter().all(|(key, value)| live.metadata.labels.get(key) == Some(value));
        if !ours || live.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let labels = labels(node, &live, found);
        // What a pod begins with needs no write.
        if labels.iter().all(|(key, value)| value == "false" && live.metadata.labels.get(key) == Some(value)) {
            continue;
        }
        let metadata = ObjectMeta {
            name: Some(name),
            namespace: Some(metadata.namespace.clone()),
            labels: Some(labels),
            ..Default::default()
        };
        answer.child_with(Policy::Patch, &Pod { metadata, ..Default::default() });
    }
}

fn labels(node: &Node<'_>, live: &Live, found: &[Findings]) -> BTreeMap<String, String> {
    let found = asked(node, live).then(|| found.iter().find(|found| found.pod == live.metadata.name));
    let judge = |key: &str, judge: fn(&Node<'_>, &Findings) -> bool| match found {
        Some(found) => found.is_some_and(|found| judge(node, found)),
        None => live.metadata.labels.get(key).is_some_and(|value| value == "true"),
    };
    let mut labels = BTreeMap::from([(SYNCED.to_string(), judge(SYNCED, is_synced).to_string())]);
    if node.spec().sequences() {
        labels.insert(ACTIVE.into(), judge(ACTIVE, |_, found| found.makes_blocks()).to_string());
    }
    labels
}

/// Whether this life of the pod was asked, with or without success. Times of Kubernetes are whole seconds.
fn asked(node: &Node<'_>, live: &Live) -> bool {
    let born = live.metadata.creation_timestamp.as_deref().unwrap_or_default();
    let mut observations = node.cx.observations.iter().filter(|observation| observation.pod == live.metadata.name);
    observations
        .any(|observation| observation.probe == CONSENSUS && rfc3339(observation.measured_at / 1000).as_str() > born)
}

fn is_synced(node: &Node<'_>, found: &Findings) -> bool {
    let executes = !crate::probes::asks_execution(node) || matches!(found.syncing, Some((_, _, false)));
    executes && found.silence.is_none() && found.is_at_head()
}

/// When to look again, in milliseconds: a head that stands still wakes nobody, and is old after a while.
pub fn look_again(found: &[Findings]) -> Option<u32> {
    found.iter().filter_map(Findings::fresh_for_ms).min()
}
