//! The children of a node.

use opstack_sdk::answer::{Answer, Failure, ObjectRef};
use opstack_sdk::cluster::kind_of;
use opstack_sdk::k8s_openapi::api::apps::v1::StatefulSet;
use opstack_sdk::k8s_openapi::api::policy::v1::PodDisruptionBudget;
use opstack_sdk::kubernetes::{
    Hash, check_claims, config_map, disruption_budget, in_turn, pod_template, service_account, stateful_set,
};
use opstack_sdk::opstack::consent::MemberRole;
use opstack_sdk::opstack::overrides::with_pod_template;
use opstack_sdk::opstack::owned::OwnedSettings;
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::client::{FILES, settings_path};
use crate::owned;
use crate::settle::Node;
use crate::side_by_side::Nodes;
use crate::spec::Rollout;

mod pod;
mod policy;
mod services;

pub use pod::{IMAGE, container_ports};
pub use services::names as service_names;

/// Annotation of the StatefulSet with the settings that can't change while data exists.
const DATA_SETTINGS: &str = "optimism.io/data-settings";

/// Label by which the host tells the pods of workloads apart: `statefulset.<name>`.
const WORKLOAD: &str = "opstack.optimism.io/workload";

/// The StatefulSet of a node.
pub fn workload_ref(node: &Node<'_>) -> ObjectRef {
    ObjectRef {
        kind: kind_of::<StatefulSet>(),
        namespace: Some(node.me.metadata.namespace.clone()),
        name: node.place.workload.clone(),
    }
}

/// Selects the pods of one workload, where the node has had several; else all pods of the node.
fn selector(node: &Node<'_>) -> BTreeMap<String, String> {
    let mut selector = node.app.selector();
    if node.place.apart {
        selector.insert(WORKLOAD.into(), format!("statefulset.{}", node.place.workload));
    }
    selector
}

/// Adds all children to the answer.
///
/// # Errors
/// `invalid` when the pod template of the spec does not merge, or a setting changed that can't.
pub fn render<S>(nodes: &Nodes<'_>, answer: &mut Answer<S>) -> Result<(), Failure> {
    let (node, app) = (&nodes.serving, &nodes.serving.app);
    let workloads: Vec<_> = nodes.all().map(workload).collect::<Result<_, _>>()?;
    answer.child(&service_account(app));
    for copy in &node.chain.copies {
        answer.child(copy);
    }
    for node in nodes.all().filter(|node| !node.fragment.files.is_empty()) {
        let files = node.fragment.files.iter().map(|(name, text)| (name.as_str(), text.clone()));
        let mut config = config_map(&node.app, FILES.0, files);
        config.metadata.name = Some(node.named(FILES.0));
        answer.child(&config);
    }
    if !node.wiring.peering.is_empty() {
        answer.child(&node.wiring.peering.config_map(app));
    }
    if let Some(conductor) = &node.conductor {
        answer.child(&conductor.config_map(node));
    }
    services::render(node, answer);
    if node.spec().network_policy.enabled {
        answer.child(&policy::render(node));
        if let Some(beside) = &nodes.beside {
            answer.child(&policy::beside(beside));
        }
    }
    if node.spec().pods() > 1 {
        answer.child(&budget(node));
    }
    for workload in &workloads {
        answer.child(workload);
    }
    Ok(())
}

/// The budget of the pods that serve: those that sync are in nobody's way.
fn budget(node: &Node<'_>) -> PodDisruptionBudget {
    let mut budget = disruption_budget(&node.app);
    let spec = budget.spec.as_mut().and_then(|spec| spec.selector.as_mut());
    spec.into_iter().for_each(|labels| labels.match_labels = Some(selector(node)));
    budget
}

fn workload(node: &Node<'_>) -> Result<StatefulSet, Failure> {
    let files = match &node.fragment.restart_on {
        Some(text) => vec![text],
        None => node.fragment.files.values().collect(),
    };
    let hash = node.restart_on.iter().chain(files).map(String::as_str);
    let mut template = pod_template(&node.app, pod::spec(node), Hash::of(hash));
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.extend(crate::labels::initial(node));
    let (op_node, conductor) = (owned::op_node(), owned::op_conductor());
    let of_client = OwnedSettings(node.fragment.owned.clone());
    let client = node.fragment.containers.iter().map(|container| (container.name.as_str(), &of_client));
    let programs: Vec<_> = client.chain([("op-node", &op_node), ("op-conductor", &conductor)]).collect();
    let template = with_pod_template(template, &node.spec().pod_template, &programs)?;
    let claims = pod::claims(node);
    check_claims(&claims)?;
    let mut workload = stateful_set(&node.app, node.spec().pods(), template, claims);
    let settings = data_settings(node);
    check_data_settings(node, &settings)?;
    // A workload that goes because another has taken its place is not the node that is deleted.
    if node.place.all.len() == 1 {
        node.spec().persistent_volume_claim_retention_policy.apply(&mut workload);
    }
    workload.metadata.name = Some(node.place.workload.clone());
    workload.metadata.annotations = Some(BTreeMap::from([(DATA_SETTINGS.into(), settings)]));
    if node.spec().rollout == Rollout::InTurn {
        in_turn(&mut workload.metadata, &rollout_group(node), &format!("{}=true", crate::labels::SYNCED));
    }
    Ok(workload)
}

/// The nodes whose pods are replaced in turn: those of the network's namespace and its sequencers. Replicas of another namespace are
/// a group of their own, and another word of the network on sequencers begins another group, so that no pod that its owner lets
/// fail, and no sequencer that is not permitted any more, holds up the network's own nodes.
fn rollout_group(node: &Node<'_>) -> String {
    let consent = node.network.consent();
    let group = format!("{}/{}", consent.namespace, consent.network);
    let own = node.app.namespace();
    if node.spec().role() == MemberRole::Replica && own != consent.namespace {
        return format!("{group}/of/{own}");
    }
    if consent.is_own_namespace_only(MemberRole::Sequencer) {
        return group;
    }
    let word = serde_json::to_string(consent.allowed.of(MemberRole::Sequencer)).unwrap_or_default();
    format!("{group}/with/{}", Hash::of([word.as_str()]).short())
}

/// `<client>/<data format> <settings>`: the part before the blank names the data, the one after it what it was made with.
fn data_settings(node: &Node<'_>) -> String {
    format!("{}/{} {}", node.client, node.fragment.data_format, node.fragment.immutable)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Live {
    metadata: LiveMetadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LiveMetadata {
    annotations: BTreeMap<String, String>,
}

fn check_data_settings(node: &Node<'_>, wanted: &str) -> Result<(), Failure> {
    let namespace = &node.me.metadata.namespace;
    let live: Option<Live> = node.cx.find(&kind_of::<StatefulSet>(), namespace, &node.place.workload)?;
    let Some(made) = live.and_then(|mut live| live.metadata.annotations.remove(DATA_SETTINGS)) else { return Ok(()) };
    let (Some((data, before)), Some((same, now))) = (made.split_once(' '), wanted.split_once(' ')) else {
        return Ok(());
    };
    if data != same || before == now {
        return Ok(());
    }
    Err(Failure::invalid(
        settings_path(node.spec()),
        format!(
            "the data of this node was made with {before}, which can't become {now}; set it back, or make a new OpNode"
        ),
    ))
}
