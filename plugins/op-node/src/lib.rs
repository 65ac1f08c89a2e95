//! The plugin of the kind `OpNode`: op-node and an execution client in one pod, as a StatefulSet with its Services.
//!
//! The flow: [`workloads`] remembers which client runs where, [`settle`] looks up and decides everything for each that does,
//! [`resources`] renders, [`probes`] and [`status`] say how the node is doing. The execution client's part of the pod comes from
//! the client's own plugin. While one client takes the place of another, there are two workloads: [`stage`], [`side_by_side`].

pub mod args;
pub mod chain;
pub mod checks;
pub mod client;
pub mod compat;
pub mod conductor;
pub mod flags;
mod forks;
pub mod honour;
pub mod keys;
pub mod labels;
#[cfg(test)]
mod names;
pub mod owned;
pub mod peering;
pub mod probes;
pub mod resources;
pub mod settle;
pub mod siblings;
pub mod side_by_side;
pub mod spec;
pub mod stage;
pub mod status;
pub mod wiring;
pub mod workloads;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use opstack_sdk::answer::{Answer, Condition, Event, Failure};
use opstack_sdk::cluster::kind_of;
use opstack_sdk::kubernetes::NAME_RULES;
use opstack_sdk::manifest::{Column, Patches};
use opstack_sdk::opstack::credentials;
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::status::{ERROR, PENDING, PRIVATE_KEY_LOADED, READY};
use opstack_sdk::opstack::{BATCHER, CHALLENGER, NETWORK, NODE, PROPOSER, signing};
use opstack_sdk::{Context, Manifest, Object, Workload};

use crate::settle::Node;
use crate::side_by_side::Nodes;
use crate::spec::OpNodeSpec;
use crate::status::OpNodeStatus;
use crate::wiring::SequencerMode;
use crate::workloads::{Workloads, WorkloadsStatus};

/// The kind `OpNode`.
pub struct OpNode;

opstack_sdk::register_workload!(OpNode);

/// Rules on changes of the spec: (rule, message).
const RULES: [(&str, &str); 5] = [
    (
        "self.optimismNetworkRef == oldSelf.optimismNetworkRef",
        "a node's data belongs to one chain: make a new OpNode for another network",
    ),
    (
        "!has(oldSelf.opGeth) || !has(self.opGeth) || self.opGeth.stateScheme == oldSelf.opGeth.stateScheme",
        "opGeth.stateScheme can't change while data exists: make a new OpNode",
    ),
    (
        "!has(oldSelf.opGeth) || !has(self.opGeth) || self.opGeth.dbEngine == oldSelf.opGeth.dbEngine",
        "opGeth.dbEngine can't change while data exists: make a new OpNode",
    ),
    (
        "!has(oldSelf.executionClient.settings) || !has(self.executionClient.settings) || self.executionClient.settings.stateScheme == oldSelf.executionClient.settings.stateScheme",
        "executionClient.settings.stateScheme can't change while data exists: make a new OpNode",
    ),
    (
        "!has(oldSelf.executionClient.settings) || !has(self.executionClient.settings) || self.executionClient.settings.dbEngine == oldSelf.executionClient.settings.dbEngine",
        "executionClient.settings.dbEngine can't change while data exists: make a new OpNode",
    ),
];

impl Workload for OpNode {
    type Spec = OpNodeSpec;
    type Status = OpNodeStatus;

    fn manifest() -> Manifest {
        Manifest {
            columns: vec![
                Column::text("Type", ".spec.nodeType"),
                Column::text("Client", ".status.executionClient"),
                Column::text("Phase", ".status.phase"),
                Column::head("Unsafe", ".status.nodeInfo.chainHead.blockNumber"),
                Column::head("Safe", ".status.nodeInfo.safeBlock"),
                Column::head("Finalized", ".status.nodeInfo.finalizedBlock"),
                Column::date("Lag", ".status.nodeInfo.chainHead.timestamp"),
                Column::integer("Peers", ".status.nodeInfo.peerCount"),
                Column::new("boolean", "Active", ".status.nodeInfo.sequencerActive"),
            ],
            belongs_to: Some(NETWORK.at(".spec.optimismNetworkRef")),
            fed_by: vec![NODE.at(".status.sources[*]")],
            rules: RULES.to_vec(),
            object_rules: NAME_RULES.to_vec(),
            reads: vec![
                NETWORK.to_ref(),
                NODE.to_ref(),
                // Where they are, their pods may dial the node.
                BATCHER.to_ref(),
                PROPOSER.to_ref(),
                CHALLENGER.to_ref(),
                // Its labels decide whether a network permits it.
                kind_of::<Namespace>(),
                kind_of::<Secret>(),
                kind_of::<ConfigMap>(),
                kind_of::<StatefulSet>(),
                kind_of::<Pod>(),
            ],
            owns: vec![
                kind_of::<ServiceAccount>(),
                kind_of::<ConfigMap>(),
                kind_of::<Service>(),
                kind_of::<NetworkPolicy>(),
                kind_of::<PodDisruptionBudget>(),
                kind_of::<StatefulSet>(),
            ],
            patches: vec![Patches { kind: kind_of::<Pod>(), fields: labels::patched() }],
            rpc_methods: probes::METHODS.to_vec(),
            phases: Some((PENDING, ERROR)),
            ..Manifest::new("op-node", env!("CARGO_PKG_VERSION"), NODE)
        }
    }

    fn reconcile(cx: &Context<'_>, object: &Object<OpNodeSpec>) -> Result<Answer<OpNodeStatus>, Failure> {
        let spec = &object.spec;
        let network = Network::find(cx, spec.role(), &object.metadata.namespace, &spec.optimism_network_ref)?;
        let workloads = Workloads::intend(cx, object, &network)?;
        let former = workloads.former(object);
        let found = probes::findings(cx);
        let nodes = Nodes::settle(cx, object, former.as_ref(), network, workloads, &found)?;
        let missing: Vec<_> = nodes.all().flat_map(|node| node.keys.missing.iter().cloned()).collect();
        let status = status::status(&nodes, &found);
        let mut answer = if missing.is_empty() {
            let mut answer = Answer::new(status);
            resources::render(&nodes, &mut answer)?;
            for node in nodes.all() {
                labels::patch(node, &found, &mut answer);
                answer.probes.extend(probes::probes(node));
            }
            answer.requeue_after_ms = labels::look_again(&found).into_iter().chain(nodes.look_again()).min();
            answer
        } else {
            // Rendering now and again when they are there would restart the pods at once: their hash is in the pod. What is not
            // applied must not be remembered as if it were.
            let workloads = WorkloadsStatus::read(&object.status);
            Answer::keep(OpNodeStatus { workloads, ..status }, format!("generating {}", missing.join(", ")))
        };
        answer.secrets = nodes.secrets();
        answer.conditions = status::conditions(&nodes, &found);
        answer.conditions.extend(compat::condition(&nodes.serving));
        answer.conditions.extend(sequencing(&nodes.serving, &mut answer.events));
        nodes.tell(&found, &mut answer.conditions, &mut answer.events);
        answer.events.extend(nodes.wanted().events.iter().cloned());
        answer.events.extend(credentials::warning(object.spec.plain_urls()));
        Ok(answer)
    }
}

/// What a sequencer's user should know.
fn sequencing(node: &Node<'_>, events: &mut Vec<Event>) -> Vec<Condition> {
    let mut conditions = vec![];
    if let SequencerMode::Standby(why) = &node.wiring.mode {
        events.push(Event::warning("SequencerStandsBy", why));
        conditions.push(Condition::no(READY, "SequencerStandsBy", why));
    }
    if node.spec().sequences() {
        conditions.push(match &node.signing {
            Some(signing) => signing::condition(&Ok(signing.clone())),
            None => {
                let why = "blocks are not gossiped to replicas, which then follow L1 only: set spec.opNode.sequencer.key or signer";
                events.push(Event::warning("NoSequencerKey", why));
                Condition::no(PRIVATE_KEY_LOADED, "NoSequencerKey", why)
            }
        });
    }
    conditions
}
