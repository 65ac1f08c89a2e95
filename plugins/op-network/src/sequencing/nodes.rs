//! The sequencers of a network: what they are asked, and what they said.

use k8s_openapi::api::apps::v1::StatefulSet;
use opstack_sdk::answer::{Failure, Observation, Probe};
use opstack_sdk::cluster::Context;
use opstack_sdk::kubernetes::Hash;
use opstack_sdk::opstack::consent::Consent;
use opstack_sdk::opstack::node::Node;
use opstack_sdk::opstack::observed::{result, rpc_probe};
use serde_json::Value;
use std::collections::BTreeSet;

use super::decide::Policy;
use super::pods;
use super::seen::{Block, Said, Sequencer, Word};

/// An answer that takes longer than this is none.
const LONGEST_ANSWER_MS: u64 = 10_000;

/// The sequencers that take part in a network, the oldest first, and those that don't any more, although the status still has them
/// make blocks, or be about to. They may go on: so they are asked, handed over from, and never chosen.
pub fn asked(cx: &Context<'_>, consent: Consent<'_>, status: &Value, sequencers: &[Node]) -> Vec<Node> {
    let sequencing = &status["sequencing"];
    let names: BTreeSet<_> =
        ["active", "candidate", "previous"].iter().filter_map(|field| sequencing[*field].as_str()).collect();
    let mut asked = [sequencers.to_vec(), Node::outgoing(cx, consent, names)].concat();
    asked.sort_by_cached_key(Node::age);
    asked
}

/// The id of a node's probe: the same whatever other nodes there are.
fn probe_id(node: &Node) -> String {
    format!("sequencer-{}", Hash::of([node.metadata.namespace.as_str(), node.metadata.name.as_str()]).short())
}

/// Whether it makes blocks, and how far it is. Each new block is looked at: the highest one that was ever told must not be lost.
pub fn probe(node: &Node, policy: &Policy) -> Probe {
    let calls = [("admin_sequencerActive", "[]"), ("optimism_syncStatus", "[]")];
    paced(
        rpc_probe(&probe_id(node), node.rollup_pods(), &calls, &["/0", "/1/error", "/1/result/unsafe_l2/number"]),
        policy,
    )
}

/// A probe as often as the user wants sequencers to be asked.
pub fn paced(probe: Probe, policy: &Policy) -> Probe {
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
/// When its StatefulSet or its pod can't be read.
pub fn look(cx: &Context<'_>, node: &Node) -> Result<Sequencer, Failure> {
    let workload = cx.built_in::<StatefulSet>(&node.metadata.namespace, node.workload())?;
    let word = word(cx, &probe_id(node));
    Ok(Sequencer {
        name: node.metadata.place(),
        eligible: node.is_wanted() && node.may_sequence(),
        wanted: node.is_wanted(),
        // The status of a StatefulSet may lag; a pod that is asked is there.
        pod: pods::current(cx, node)?,
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
