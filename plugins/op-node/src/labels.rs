//! Labels of the pods, by which Services select them: whether a pod is synced, and whether it makes blocks.
//!
//! A pod begins with `false` for both, by its template. `true` needs a fresh answer of this very pod; one that says otherwise,
//! or a failed one, takes it back. Where nobody has asked, since the operator began or in time, a label stays as it is: neither
//! a restart of the operator nor its lateness takes a pod out of its Services.

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
use crate::probes::{CONDUCTOR, CONSENSUS, EXECUTION, Findings, is_probe};
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
    let found = found.iter().find(|found| found.pod == live.metadata.name);
    let label = |key: &str, says: Option<bool>| {
        let before = live.metadata.labels.get(key).is_some_and(|value| value == "true");
        (key.to_string(), says.unwrap_or(before).to_string())
    };
    let mut labels = BTreeMap::from([label(SYNCED, is_synced(node, live, found))]);
    if node.spec().sequences() {
        let (key, value) = label(ACTIVE, makes_blocks(node, live, found));
        labels.insert(key, value);
    }
    labels
}

/// What came of the last question of a kind to this life of a pod.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// It answered.
    Answered,
    /// It was asked and gave no answer.
    InVain,
    /// Nobody has asked it, or not for a while: its last answer is old, and no question has failed since.
    Not,
}

/// Times of Kubernetes are whole seconds.
fn last(node: &Node<'_>, live: &Live, probe: &str) -> Asked {
    let born = live.metadata.creation_timestamp.as_deref().unwrap_or_default();
    let mut observations = node.cx.observations.iter().filter(|observation| observation.pod == live.metadata.name);
    let last = observations.find(|observation| {
        is_probe(probe, &observation.probe) && rfc3339(observation.measured_at / 1000).as_str() > born
    });
    match last {
        None => Asked::Not,
        Some(observation) if observation.answer.is_err() => Asked::InVain,
        Some(observation) if observation.stale => Asked::Not,
        Some(_) => Asked::Answered,
    }
}

/// Whether this life of the pod was asked of late, with or without success.
fn asked(node: &Node<'_>, live: &Live) -> bool {
    last(node, live, CONSENSUS) != Asked::Not
}

/// Whether each question was answered so; nothing while it is not known of one and none says no.
fn all(answers: &[(Asked, bool)]) -> Option<bool> {
    if answers.iter().any(|(asked, says)| *asked == Asked::InVain || (*asked == Asked::Answered && !says)) {
        return Some(false);
    }
    answers.iter().all(|(asked, _)| *asked == Asked::Answered).then_some(true)
}

/// By op-node's word, and where op-conductor decides by its word, too: one that was deposed may not know it yet.
fn makes_blocks(node: &Node<'_>, live: &Live, found: Option<&Findings>) -> Option<bool> {
    // One whose execution client is silent makes none.
    let executes = last(node, live, EXECUTION) != Asked::InVain;
    let active = found.is_some_and(|found| found.active == Some(true)) && executes;
    let active = (last(node, live, CONSENSUS), active);
    let leads = (last(node, live, CONDUCTOR), found.is_some_and(|found| found.leads == Some(true)));
    if node.conductor.is_some() { all(&[active, leads]) } else { all(&[active]) }
}

fn is_synced(node: &Node<'_>, live: &Live, found: Option<&Findings>) -> Option<bool> {
    let at_head = (last(node, live, CONSENSUS), found.is_some_and(Findings::is_at_head));
    let executes = found.is_some_and(|found| matches!(found.syncing, Some((_, _, false))));
    match crate::probes::asks_execution(node) {
        true => all(&[at_head, (last(node, live, EXECUTION), executes)]),
        false => all(&[at_head]),
    }
}

/// When to look again, in milliseconds: a head that stands still wakes nobody, and is old after a while.
pub fn look_again(found: &[Findings]) -> Option<u32> {
    found.iter().filter_map(Findings::fresh_for_ms).min()
}
