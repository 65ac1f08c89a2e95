//! Which of several sequencers makes the blocks, where `spec.sequencer.ha.mode` is `Operator`. (`Conductor` is
//! [`crate::conducting`].)
//!
//! The network decides, because one object has one reconciler. [`decide`] is a pure function from what is remembered
//! ([`record`], kept in `status.sequencing`) and what is seen ([`seen`]) to what is remembered next, what is done and what is
//! told; here it is connected to probes, acts and the status. There is no clock: the time is that of the newest measurement.

pub mod budget;
pub mod decide;
pub mod handover;
pub mod nodes;
pub mod pods;
pub mod policy;
pub mod process;
pub mod record;
pub mod running;
pub mod seen;
pub mod service;
pub mod suspects;
pub mod vacant;
pub mod verdict;

use opstack_sdk::Object;
use opstack_sdk::answer::{Action, Answer, Failure, Precondition, RpcCall};
use opstack_sdk::cluster::Context;
use opstack_sdk::opstack::network::{NetworkSpec, NetworkStatus};
use opstack_sdk::opstack::node::Node;
use opstack_sdk::opstack::sequencing::{HaMode, SequencingStatus};
use serde_json::{Value, json};

use crate::conducting;
use decide::{Act, CALL_TIMEOUT, Decision, Policy};
use record::{Record, Stage};
use seen::{Ended, Outcome, Seen};
use verdict::APPROVAL;

/// JSON-RPC methods of probes and acts.
pub const METHODS: [&str; 4] =
    ["admin_sequencerActive", "admin_startSequencer", "admin_stopSequencer", "optimism_syncStatus"];
/// While something is under way, the object is looked at so often.
const SOON_MS: u32 = 1_000;
/// And so soon when there is another stage.
const AT_ONCE_MS: u32 = 50;

/// Adds to the network's answer what concerns its sequencers.
///
/// # Errors
/// `invalid` when the settings contradict each other; else when a lookup fails.
pub fn operate(
    cx: &Context<'_>,
    object: &Object<NetworkSpec>,
    nodes: &[Node],
    answer: &mut Answer<NetworkStatus>,
) -> Result<(), Failure> {
    let ha = &object.spec.sequencer.ha;
    let policy = policy::policy(ha)?;
    let known: Option<SequencingStatus> = serde_json::from_value(object.status["sequencing"].clone()).ok();
    match ha.mode {
        HaMode::Manual => {
            // An act of an epoch must not be taken for another one when the mode comes back.
            let epoch = known.map_or(0, |known| known.epoch);
            answer.status.sequencing = (epoch > 0).then(|| SequencingStatus { epoch, ..SequencingStatus::default() });
        }
        HaMode::Conductor => {
            conducting::operate(cx, &policy, known.unwrap_or_default(), nodes, ended(cx), answer)?;
        }
        HaMode::Operator => {
            let record = known.map(Record::from).unwrap_or_default();
            let seen = look(cx, object, &record, nodes)?;
            let decision = decide::decide(&policy, record.clone(), &seen);
            answer.probes.extend(nodes.iter().map(|node| nodes::probe(node, &policy)));
            tell(&policy, nodes, &record, decision, answer);
        }
    }
    Ok(())
}

fn look(cx: &Context<'_>, object: &Object<NetworkSpec>, record: &Record, nodes: &[Node]) -> Result<Seen, Failure> {
    let sequencers: Vec<_> = nodes.iter().map(|node| nodes::look(cx, node)).collect::<Result<_, _>>()?;
    let pods = pods::all(cx, &object.metadata, nodes);
    let current = sequencers.iter().filter_map(|node| node.pod.as_ref());
    Ok(Seen {
        now: cx.observations.iter().map(|seen| seen.measured_at).max(),
        machines: pods::machines(cx, record, pods.iter().chain(current))?,
        nodes: sequencers,
        pods,
        ended: ended(cx),
        uid: object.metadata.uid.clone(),
        approval: object.metadata.annotations.get(APPROVAL).map(|word| word.trim().to_string()),
    })
}

/// Acts that have ended.
fn ended(cx: &Context<'_>) -> Vec<Ended> {
    let ended = cx.outcomes.iter();
    ended.map(|ended| Ended { id: ended.id.clone(), at: ended.at, outcome: outcome(&ended.outcome) }).collect()
}

/// The host tells by the first word whether a call may have been made (`ActionError` of its prober).
fn outcome(told: &Result<String, String>) -> Outcome {
    match told {
        Ok(json) => {
            let text: Value = serde_json::from_str(json).unwrap_or_default();
            Outcome::Done(text.as_str().filter(|text| nodes::is_hash(text)).map(Into::into))
        }
        Err(why) if why.starts_with("unknown:") => Outcome::Unknown(why.clone()),
        Err(why) => Outcome::NotDone(why.clone()),
    }
}

/// From a decision to the answer.
fn tell(policy: &Policy, nodes: &[Node], before: &Record, decision: Decision, answer: &mut Answer<NetworkStatus>) {
    let Decision { record, acts, verdict, notices } = decision;
    let calls = acts.iter().filter_map(|act| call(act, record.epoch, nodes));
    answer.actions.extend(calls);
    answer.status.sequencing = Some(SequencingStatus::from(&record));
    verdict.tell(notices, answer);
    let quiet = matches!(record.stage, Stage::Running { still: None, .. }) && acts.is_empty();
    let interval = u32::try_from(policy.check_interval).unwrap_or(u32::MAX);
    // A stage is acted upon when it has been written down.
    let is_new =
        record.epoch != before.epoch || std::mem::discriminant(&record.stage) != std::mem::discriminant(&before.stage);
    let soon = if is_new { AT_ONCE_MS } else { SOON_MS };
    answer.requeue_after_ms = Some(if quiet && !is_new { interval } else { interval.min(soon) });
}

/// The call of an act. Whether the node makes blocks is asked again right before.
fn call(act: &Act, epoch: u64, nodes: &[Node]) -> Option<Action> {
    let (name, method, params, was_active) = match act {
        Act::Stop(name) => (name, "admin_stopSequencer", json!([]), true),
        Act::Start(name, hash) => (name, "admin_startSequencer", json!([hash]), false),
    };
    let node = nodes.iter().find(|node| node.metadata.place() == *name)?;
    Some(Action {
        id: act.id(epoch),
        target: node.rollup_pods(),
        pod: Some(node.pod()),
        call: RpcCall { method: method.into(), params: params.to_string() },
        precondition: Precondition {
            call: RpcCall { method: "admin_sequencerActive".into(), params: "[]".into() },
            pointer: String::new(),
            equals: json!(was_active).to_string(),
        },
        timeout_ms: u32::try_from(CALL_TIMEOUT).unwrap_or(u32::MAX),
    })
}
