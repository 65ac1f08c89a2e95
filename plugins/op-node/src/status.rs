//! `.status` of an `OpNode`. What nobody has measured is absent, and `Unknown` in the conditions.

use opstack_sdk::Context;
use opstack_sdk::answer::{Condition, Readiness};
use opstack_sdk::values::rfc3339;
use schemars::JsonSchema;
use serde::Serialize;

use crate::keys::pod_name;
use crate::peering::Neighbour;
use crate::probes::Findings;
use crate::resources::service_names;
use crate::settle::Node;
use crate::siblings::{pod_host, told_peer_id};
use crate::side_by_side::Nodes;
use crate::wiring::SequencerMode;
use crate::workloads::WorkloadsStatus;

/// `.status` without conditions.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpNodeStatus {
    /// In one word.
    pub phase: Phase,
    /// What was measured.
    pub node_info: NodeInfo,
    /// Name of the execution client that serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_client: Option<String>,
    /// What op-node's sequencer does: `Active`, `Stopped`, `Standby`, `Operated` where the operator
    /// chooses, `Conducted` where op-conductor does; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
    /// Names of the Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<Services>,
    /// The workloads: one, or two while a new execution client syncs beside the one that serves.
    #[serde(skip_serializing_if = "is_nothing")]
    pub workloads: WorkloadsStatus,
    /// Identities of the pods on op-node's network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Peer>,
    /// Of a sequencer: the oldest replicas of its network, for the others to dial.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<Neighbour>,
    /// The nodes that this one looks to (`namespace/name`): the one that it follows, and the sequencer that it forwards
    /// transactions to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// A node in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Phase {
    /// Something is missing.
    #[default]
    Pending,
    /// The pods are on their way, or have not answered yet.
    Initializing,
    /// The pods are ready, and op-node answers.
    Running,
    /// Something is wrong.
    Error,
    /// Scaled to zero by the user.
    Stopped,
}

/// What was measured. Of several pods, the one with the highest block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    /// The newest block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain_head: Option<ChainHead>,
    /// The newest block that follows from what is on L1. 0 until there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safe_block: Option<u64>,
    /// The newest block that follows from what is final on L1. 0 until there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finalized_block: Option<u64>,
    /// Whether op-node says that its sequencer makes blocks, and its op-conductor, where there is one, that it leads. Absent where
    /// there is none, or it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequencer_active: Option<bool>,
    /// The execution client's progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_status: Option<SyncStatus>,
    /// Connections of op-node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_count: Option<u64>,
    /// Whether op-node reads the chain from its execution client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine_connected: Option<bool>,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChainHead {
    /// Its number.
    pub block_number: u64,
    /// Its hash.
    pub block_hash: String,
    /// Its time.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
}

/// The execution client's progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// Block that it has.
    pub current_block: u64,
    /// Block that it knows of.
    pub highest_block: u64,
    /// Whether it syncs.
    pub syncing: bool,
}

/// Names of the Services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Services {
    /// For users and other components.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main: Option<String>,
    /// For the pods' names.
    pub headless: String,
    /// For peers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p2p: Option<String>,
}

/// Identity of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// Name of the pod.
    pub pod: String,
    /// Its peer id.
    pub peer_id: String,
    /// Its address, for `p2p.static` of others.
    pub address: String,
}

fn is_nothing(workloads: &WorkloadsStatus) -> bool {
    *workloads == WorkloadsStatus::default()
}

/// The status of a settled node.
pub fn status(nodes: &Nodes<'_>, found: &[Findings]) -> OpNodeStatus {
    let node = &nodes.serving;
    let best = node.findings(found).next();
    let (main, headless, p2p) = service_names(node);
    OpNodeStatus {
        phase: phase(node, best),
        node_info: best.map(|best| node_info(node, best)).unwrap_or_default(),
        execution_client: Some(node.client.clone()),
        sequencer: match node.wiring.mode {
            SequencerMode::Off => None,
            SequencerMode::Active => Some("Active".into()),
            SequencerMode::Stopped => Some("Stopped".into()),
            SequencerMode::Standby(_) => Some("Standby".into()),
            SequencerMode::Operated => Some("Operated".into()),
            SequencerMode::Conducted => Some("Conducted".into()),
        },
        services: Some(Services { main, headless, p2p }),
        workloads: nodes.workloads.status(),
        peers: nodes.all().flat_map(|node| peers(node, found)).collect(),
        replicas: node.wiring.replicas.clone(),
        sources: node.wiring.sources.clone(),
    }
}

/// The identities that the keys stand for, else those that the pods told. What a pod told once is kept while it is
/// silent: other nodes would restart if its address went and came.
fn peers(node: &Node<'_>, found: &[Findings]) -> Vec<Peer> {
    let workload = &node.place.workload;
    let p2p = &node.spec().op_node.p2p;
    if !p2p.enabled {
        return vec![];
    }
    let pods = (0..node.spec().pods()).filter_map(|ordinal| {
        let pod = pod_name(workload, ordinal);
        let known = node.keys.identities.iter().find(|identity| identity.pod == pod);
        let told = found.iter().find(|found| found.pod == pod);
        let id = match known {
            Some(identity) => identity.consensus.clone()?,
            None => told.and_then(|found| found.peer_id.clone()).or_else(|| told_peer_id(node.me, &pod))?,
        };
        let host = pod_host(node.cx, node.me, workload, ordinal);
        Some(Peer { pod, peer_id: id.to_string(), address: id.multiaddr(&host, p2p.listen_port.to_port()) })
    });
    pods.collect()
}

fn node_info(node: &Node<'_>, found: &Findings) -> NodeInfo {
    NodeInfo {
        chain_head: found.head.as_ref().map(|head| ChainHead {
            block_number: head.number,
            block_hash: head.hash.clone(),
            timestamp: rfc3339(head.time),
        }),
        safe_block: found.safe,
        finalized_block: found.finalized,
        sequencer_active: node.sequences(found),
        sync_status: found.syncing.map(|(current_block, highest_block, syncing)| SyncStatus {
            current_block,
            highest_block,
            syncing,
        }),
        peer_count: found.peers,
        // op-node tells a block only after it has read it from the engine.
        engine_connected: found.head.as_ref().map(|head| head.hash.bytes().any(|byte| (b'1'..=b'f').contains(&byte))),
    }
}

fn phase(node: &Node<'_>, best: Option<&Findings>) -> Phase {
    match readiness(node.cx, &node.place.workload) {
        Some(Readiness::Terminating) => Phase::Pending,
        Some(Readiness::Failed(_)) => Phase::Error,
        // What is not there yet is made with this answer.
        None | Some(Readiness::Progressing(_)) => Phase::Initializing,
        Some(Readiness::Ready) if node.spec().pods() == 0 => Phase::Stopped,
        // Nobody can ask an RPC on the loopback: then readiness is all there is.
        Some(Readiness::Ready) if best.is_some_and(|found| found.head.is_some()) || !node.rpc_reachable() => {
            Phase::Running
        }
        Some(Readiness::Ready) => Phase::Initializing,
    }
}

fn readiness<'a>(cx: &'a Context<'_>, name: &str) -> Option<&'a Readiness> {
    let workload = cx.children.iter().find(|child| child.ref_.kind.kind == "StatefulSet" && child.ref_.name == name);
    workload.map(|child| &child.readiness)
}

/// The conditions of a settled node.
pub fn conditions(nodes: &Nodes<'_>, found: &[Findings]) -> Vec<Condition> {
    let node = &nodes.serving;
    let best = node.findings(found).next();
    vec![initialization(node, best), p2p(node, best), syncing(best), nodes.wanted().honoured.condition()]
}

fn unknown(name: &'static str, best: Option<&Findings>) -> Condition {
    match best.and_then(|found| found.silence.as_ref()) {
        Some(silence) => Condition::unknown(name, silence.reason, &silence.message),
        None => Condition::unknown(name, "NotObserved", "nobody has asked the node yet, or the last answer is old"),
    }
}

fn initialization(node: &Node<'_>, best: Option<&Findings>) -> Condition {
    const NAME: &str = "InitializationComplete";
    let Some(first) = best.and_then(|found| found.first_block.as_ref()) else { return unknown(NAME, best) };
    // A chain that began before its rollup has another first block than its rollup configuration.
    let wanted = node.chain.rollup.as_ref().map(|rollup| &rollup.genesis.l2).filter(|block| block.number == 0);
    match wanted {
        Some(block) if !block.hash.eq_ignore_ascii_case(first) => Condition::no(
            NAME,
            "GenesisMismatch",
            format!(
                "the first block of {} is {first}, that of the rollup configuration {}; the genesis or the data is of another chain",
                node.client, block.hash
            ),
        ),
        _ => Condition::yes(NAME, "GenesisInitialized", format!("{} genesis block initialized: {first}", node.client)),
    }
}

fn p2p(node: &Node<'_>, best: Option<&Findings>) -> Condition {
    const NAME: &str = "P2PConnected";
    if !node.spec().op_node.p2p.enabled {
        return Condition::no(NAME, "P2PDisabled", "spec.opNode.p2p.enabled is false");
    }
    match best.and_then(|found| found.peers) {
        None => unknown(NAME, best),
        Some(0) => Condition::no(NAME, "NoPeers", "op-node has no peers"),
        Some(peers) => Condition::yes(NAME, "PeersConnected", format!("Connected to {peers} peers")),
    }
}

fn syncing(best: Option<&Findings>) -> Condition {
    const NAME: &str = "Syncing";
    let Some((found, head)) = best.and_then(|found| Some((found, found.head.as_ref()?))) else {
        return unknown(NAME, best);
    };
    if let Some((current, highest, true)) = found.syncing {
        return Condition::yes(
            NAME,
            "ExecutionSyncing",
            format!("the execution client has block {current} of {highest}"),
        );
    }
    let age = found.age().unwrap_or_default();
    if head.number == 0 {
        return Condition::yes(NAME, "AtGenesis", "the node has no block beyond the genesis");
    }
    if !found.is_at_head() {
        return Condition::yes(NAME, "HeadIsOld", format!("block {} was {age} s old when it was seen", head.number));
    }
    Condition::no(NAME, "FullySynced", format!("Node is fully synced with L1: block {} was {age} s old", head.number))
}
