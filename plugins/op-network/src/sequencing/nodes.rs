//! The sequencers of a network: their objects, what they are asked, and what they said.

use k8s_openapi::api::apps::v1::StatefulSet;
use opstack_sdk::answer::{Failure, Observation, PodsTarget, Probe, Target};
use opstack_sdk::cluster::{Context, kind_of};
use opstack_sdk::kubernetes::Hash;
use opstack_sdk::object::Metadata;
use opstack_sdk::opstack::NODE;
use opstack_sdk::opstack::observed::{result, rpc_probe};
use opstack_sdk::opstack::references::Reference;
use opstack_sdk::values::Int;
use opstack_sdk::{Object, answer::ObjectRef};
use serde::Deserialize;
use serde_json::Value;

use super::decide::Policy;
use super::seen::{Block, Said, Sequencer, Word};

/// Port of op-node's RPC where the spec says nothing.
const ROLLUP_PORT: u16 = 9545;
/// An answer that takes longer than this is none.
const LONGEST_ANSWER_MS: u64 = 10_000;

/// Of an `OpNode` what matters here; what is not read may be of any shape.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSpec {
    optimism_network_ref: Reference,
    #[serde(default)]
    replicas: Option<Int>,
    #[serde(default)]
    op_node: OpNode,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct OpNode {
    rpc: Rpc,
    sequencer: Switches,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Rpc {
    port: Option<Int<1, 65535>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Switches {
    enabled: Option<bool>,
    stopped: Option<bool>,
}

/// An `OpNode` that is a sequencer.
pub type Node = Object<NodeSpec>;

/// The sequencers of a network, the oldest first.
pub fn sequencers(cx: &Context<'_>, network: &Metadata) -> Vec<Node> {
    let selector = format!(".spec.optimismNetworkRef.name={},.spec.nodeType=sequencer", network.name);
    let nodes = cx.cluster.list(&NODE.to_ref(), None, &selector);
    // One that does not parse is shown as invalid on its own object. It stays in doubt here, if it was ever known.
    let nodes = nodes.iter().filter_map(|json| Node::parse(json).ok());
    let belongs = |node: &Node| node.spec.optimism_network_ref.namespace(&node.metadata.namespace) == network.namespace;
    let mut nodes: Vec<_> = nodes.filter(belongs).collect();
    nodes.sort_by_cached_key(|node| {
        let Metadata { creation_timestamp, namespace, name, .. } = node.metadata.clone();
        (creation_timestamp, namespace, name)
    });
    nodes
}

/// `namespace/name`.
pub fn name(node: &Node) -> String {
    format!("{}/{}", node.metadata.namespace, node.metadata.name)
}

/// Name of a node's one pod, as its StatefulSet makes it.
pub fn pod(node: &Node) -> String {
    format!("{}-0", node.metadata.name)
}

/// Each pod of a node; there is one at most.
pub fn target(node: &Node) -> Target {
    let workload = ObjectRef {
        kind: kind_of::<StatefulSet>(),
        namespace: Some(node.metadata.namespace.clone()),
        name: node.metadata.name.clone(),
    };
    let port = node.spec.op_node.rpc.port.map_or(ROLLUP_PORT, Int::to_port);
    Target::Pods(PodsTarget { workload, port, path: "/".into() })
}

/// The id of a node's probe: the same whatever other nodes there are.
fn probe_id(node: &Node) -> String {
    format!("sequencer-{}", Hash::of([node.metadata.namespace.as_str(), node.metadata.name.as_str()]).short())
}

/// Whether it makes blocks, and how far it is. A new block wakes nobody: the object is looked at regularly.
pub fn probe(node: &Node, policy: &Policy) -> Probe {
    let calls = [("admin_sequencerActive", "[]"), ("optimism_syncStatus", "[]")];
    let probe = rpc_probe(&probe_id(node), target(node), &calls, &["/0", "/1/error"]);
    let to_u32 = |millis: u64| u32::try_from(millis).unwrap_or(u32::MAX);
    Probe {
        interval_ms: to_u32(policy.check_interval),
        timeout_ms: to_u32(policy.check_interval.min(LONGEST_ANSWER_MS)),
        ..probe
    }
}

/// What is seen of a node.
///
/// # Errors
/// When its StatefulSet can't be read.
pub fn look(cx: &Context<'_>, node: &Node) -> Result<Sequencer, Failure> {
    let Metadata { namespace, name: own, deletion_timestamp, .. } = &node.metadata;
    let workload = cx.built_in::<StatefulSet>(namespace, own)?;
    let wanted = deletion_timestamp.is_none() && node.spec.replicas.is_none_or(|replicas| replicas.get() > 0);
    let Switches { enabled, stopped } = node.spec.op_node.sequencer;
    let word = word(cx, &probe_id(node));
    Ok(Sequencer {
        name: name(node),
        eligible: wanted && enabled != Some(false) && stopped != Some(true),
        wanted,
        // The status of a StatefulSet may lag; a pod that is asked is there.
        gone: word == Word::Unheard && workload.is_some_and(|workload| has_no_pod(&workload)),
        word,
    })
}

/// Whether the controller of a StatefulSet, having seen its present form, says that there is no pod; one that is being
/// deleted is there until it has ended.
fn has_no_pod(workload: &StatefulSet) -> bool {
    let Some(status) = &workload.status else { return false };
    status.replicas == 0 && status.observed_generation.is_some_and(|seen| Some(seen) >= workload.metadata.generation)
}

/// The last word of a node's pod. Where two are seen, while one replaces the other, one that makes blocks goes before.
fn word(cx: &Context<'_>, probe: &str) -> Word {
    let words = cx.observations.iter().filter(|seen| seen.probe == probe).map(read);
    words.max_by_key(rank).unwrap_or(Word::Unheard)
}

fn rank(word: &Word) -> u8 {
    match word {
        Word::Unheard => 0,
        Word::Said(said) if !said.active => 1,
        Word::Silent(_) => 2,
        Word::Said(_) => 3,
    }
}

fn read(seen: &Observation) -> Word {
    let answer: Value = match &seen.answer {
        Err(why) => return Word::Silent(why.clone()),
        Ok(_) if seen.stale => return Word::Silent("its last answer is old".into()),
        Ok(json) => serde_json::from_str(json).unwrap_or_default(),
    };
    let active = result(&answer, 0)
        .and_then(|active| active.as_bool().ok_or_else(|| format!("{active} is neither true nor false")));
    let active = match active {
        Ok(active) => active,
        Err(why) => return Word::Silent(format!("admin_sequencerActive: {why}")),
    };
    let status = result(&answer, 1).unwrap_or(&Value::Null);
    Word::Said(Said {
        at: seen.measured_at,
        active,
        head: block(&status["unsafe_l2"]),
        l1_time: status["head_l1"]["timestamp"].as_u64().unwrap_or(0),
    })
}

/// A block; none where op-node fills in zeros because it knows none yet.
fn block(block: &Value) -> Option<Block> {
    let hash = block["hash"].as_str().filter(|hash| is_hash(hash))?.to_string();
    let is_zero = hash.bytes().skip(2).all(|digit| digit == b'0');
    let (number, time) = (block["number"].as_u64()?, block["timestamp"].as_u64()?);
    (!is_zero).then_some(Block { number, hash, time })
}

/// Whether a text is a block's hash.
pub fn is_hash(text: &str) -> bool {
    text.strip_prefix("0x")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}
