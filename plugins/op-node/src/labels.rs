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
use crate::probes::{CONSENSUS, Findings, is_probe};
use crate::settle::Node;
use crate::stage::Synced;

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

/// The fields that [`patch`] sets.
pub fn patched() -> Vec<String> {
    [SYNCED, ACTIVE].map(|label| format!("metadata.labels['{label}']")).into()
}

/// Patches the labels of the pods that there are.
pub fn patch<S>(node: &Node<'_>, found: &[Findings], answer: &mut Answer<S>) {
    for live in live_pods(node) {
        let labels = labels(node, &live, found);
        // What a pod begins with needs no write.
        if labels.iter().all(|(key, value)| value == "false" && live.metadata.labels.get(key) == Some(value)) {
            continue;
        }
        let metadata = ObjectMeta {
            name: Some(live.metadata.name),
            namespace: Some(node.me.metadata.namespace.clone()),
            labels: Some(labels),
            ..Default::default()
        };
        answer.child_with(Policy::Patch, &Pod { metadata, ..Default::default() });
    }
}

/// How many of the workload's pods are labelled as synced, and stay so.
pub fn synced(node: &Node<'_>, found: &[Findings]) -> Synced {
    let is_true = |labels: &BTreeMap<String, String>| labels.get(SYNCED).is_some_and(|value| value == "true");
    let stays = |live: &Live| is_true(&live.metadata.labels) && is_true(&labels(node, live, found));
    let pods: Vec<_> = live_pods(node).filter(stays).collect();
    let wanted = usize::try_from(node.spec().pods()).unwrap_or_default();
    Synced { some: !pods.is_empty(), all: wanted > 0 && pods.iter().filter(|live| asked(node, live)).count() == wanted }
}

/// The workload's pods, but for those on their way out.
fn live_pods(node: &Node<'_>) -> impl Iterator<Item = Live> {
    let pod = move |ordinal| {
        let name = pod_name(&node.place.workload, ordinal);
        // One that does not parse is not a pod.
        let live: Live = node.cx.find(&kind_of::<Pod>(), &node.me.metadata.namespace, &name).ok().flatten()?;
        let ours = node.app.selector().iter().all(|(key, value)| live.metadata.labels.get(key) == Some(value));
        (ours && live.metadata.deletion_timestamp.is_none()).then_some(live)
    };
    (0..node.spec().pods()).filter_map(pod)
}

fn labels(node: &Node<'_>, live: &Live, found: &[Findings]) -> BTreeMap<String, String> {
    let found = asked(node, live).then(|| found.iter().find(|found| found.pod == live.metadata.name));
    let judge = |key: &str, judge: fn(&Node<'_>, &Findings) -> bool| match found {
        Some(found) => found.is_some_and(|found| judge(node, found)),
        None => live.metadata.labels.get(key).is_some_and(|value| value == "true"),
    };
    let mut labels = BTreeMap::from([(SYNCED.to_string(), judge(SYNCED, is_synced).to_string())]);
    if node.spec().sequences() {
        labels.insert(ACTIVE.into(), judge(ACTIVE, makes_blocks).to_string());
    }
    labels
}

/// Whether this life of the pod was asked, with or without success. Times of Kubernetes are whole seconds.
fn asked(node: &Node<'_>, live: &Live) -> bool {
    let born = live.metadata.creation_timestamp.as_deref().unwrap_or_default();
    let mut observations = node.cx.observations.iter().filter(|observation| observation.pod == live.metadata.name);
    observations.any(|observation| {
        is_probe(CONSENSUS, &observation.probe) && rfc3339(observation.measured_at / 1000).as_str() > born
    })
}

fn makes_blocks(node: &Node<'_>, found: &Findings) -> bool {
    node.sequences(found) == Some(true) && found.silence.is_none()
}

fn is_synced(node: &Node<'_>, found: &Findings) -> bool {
    let executes = !crate::probes::asks_execution(node) || matches!(found.syncing, Some((_, _, false)));
    executes && found.silence.is_none() && found.is_at_head()
}

/// When to look again, in milliseconds: a head that stands still wakes nobody, and is old after a while.
pub fn look_again(found: &[Findings]) -> Option<u32> {
    found.iter().filter_map(Findings::fresh_for_ms).min()
}
