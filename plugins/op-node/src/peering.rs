//! Replicas keep in touch with each other, so that one that is new or fell behind gets old blocks from whoever has them.
//!
//! Who they are stands in a ConfigMap, which a pod reads when it starts and whose change restarts none: a pod that comes
//! dials those that were there before. The pods of a node are in it, each, and the oldest replicas of the network, which
//! its sequencers tell in their status. So only sequencers look at all nodes of a network, and not each at each.
//!
//! Where the sequencer changes by itself, a replica that is connected to one of them alone would be without blocks when that is
//! lost. So all sequencers are in it, too, and a sequencer has one itself: one that comes dials all who were there before.

use opstack_sdk::Context;
use opstack_sdk::k8s_openapi::api::core::v1::ConfigMap;
use opstack_sdk::kubernetes::{App, config_map};
use opstack_sdk::opstack::NODE;
use opstack_sdk::opstack::consent::MemberRole;
use opstack_sdk::opstack::network::Network;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::siblings::{self, Sibling};

/// ConfigMap `<node>-peers`.
pub const CONFIG_MAP: &str = "peers";
/// Key of op-node's peers.
pub const CONSENSUS: &str = "consensus";
/// Key of the execution client's peers.
pub const EXECUTION: &str = "execution";
/// Each connection costs something: more than these are not needed to find the chain.
const MOST: usize = 8;

/// A node of the network, for others to dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Neighbour {
    /// `<namespace>/<name>` of the node.
    pub node: String,
    /// Where op-node finds its first pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consensus: Option<String>,
    /// Where the execution client does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
}

impl Neighbour {
    fn of(cx: &Context<'_>, node: &Sibling) -> Self {
        let workload = siblings::workload(node);
        Self {
            node: node.metadata.place(),
            // One that has no key yet is told when it has.
            consensus: siblings::multiaddr(cx, node, workload, 0).unwrap_or_default(),
            execution: siblings::pod_enode(cx, node, workload, 0).unwrap_or_default(),
        }
    }
}

/// Peers that come and go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peering {
    /// Of op-node, as multiaddrs.
    pub consensus: Vec<String>,
    /// Of the execution client, as enodes.
    pub execution: Vec<String>,
}

impl Peering {
    /// The peers of a node with these workloads: its own pods, `sequencers` that its arguments don't name, and replicas that a
    /// sequencer tells of. One that is stopped keeps its address, so there is always somebody.
    pub fn of(
        cx: &Context<'_>,
        me: &Sibling,
        workloads: &[String],
        sequencers: &[&Sibling],
        replicas: Vec<Neighbour>,
    ) -> Self {
        let mut peering = Self::default();
        // Pods have one template, so each finds itself among them; the programs pass over that.
        for (workload, ordinal) in workloads.iter().flat_map(|name| (0..me.spec.pods().max(1)).map(move |n| (name, n)))
        {
            peering.consensus.extend(siblings::multiaddr(cx, me, workload, ordinal).unwrap_or_default());
            peering.execution.extend(siblings::pod_enode(cx, me, workload, ordinal).unwrap_or_default());
        }
        let sequencers = sequencers.iter().map(|sequencer| Neighbour::of(cx, sequencer));
        for other in sequencers.chain(replicas).filter(|other| other.node != me.metadata.place()) {
            peering.consensus.extend(other.consensus.filter(|_| me.spec.op_node.p2p.enabled));
            peering.execution.extend(other.execution);
        }
        peering
    }

    /// Whether there is anybody.
    pub fn is_empty(&self) -> bool {
        self.execution.is_empty()
    }

    /// The ConfigMap.
    pub fn config_map(&self, app: &App) -> ConfigMap {
        config_map(app, CONFIG_MAP, [(CONSENSUS, self.consensus.join(",")), (EXECUTION, self.execution.join(","))])
    }
}

/// The replicas that a sequencer tells of.
pub fn told(sequencer: &Sibling) -> Vec<Neighbour> {
    serde_json::from_value(sequencer.status["replicas"].clone()).unwrap_or_default()
}

/// The oldest replicas of a network, for a sequencer to tell.
pub fn replicas(cx: &Context<'_>, network: &Network) -> Vec<Neighbour> {
    let mut replicas = network.consent().members(cx, NODE, &[MemberRole::Replica]);
    replicas.retain(|(replica, _)| replica.metadata.deletion_timestamp.is_none());
    replicas.sort_by_cached_key(|(replica, _)| (replica.metadata.creation_timestamp.clone(), replica.metadata.place()));
    let oldest = replicas.iter().take(MOST).filter_map(|(_, json)| Sibling::parse(json).ok());
    oldest.map(|node| Neighbour::of(cx, &node)).collect()
}
