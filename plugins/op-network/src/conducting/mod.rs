//! op-conductor's cluster, where `spec.sequencer.ha.mode` is `Conductor`: it decides which sequencer makes the blocks, by the
//! vote of one member beside each.
//!
//! The operator forms the cluster and keeps its members those that there are. [`decide`] is a pure function from what is
//! remembered in `status.sequencing` and what is [`seen`]; here it is connected to probes, acts and the status.

pub mod decide;
pub mod decision;
mod forming;
mod keeping;
pub mod seen;

use opstack_sdk::answer::{Action, Answer, Failure, Precondition, Probe, RpcCall, Target};
use opstack_sdk::cluster::Context;
use opstack_sdk::kubernetes::Hash;
use opstack_sdk::opstack::conductor::{QUESTIONS, read};
use opstack_sdk::opstack::network::NetworkStatus;
use opstack_sdk::opstack::node::Node;
use opstack_sdk::opstack::observed::rpc_probe;
use opstack_sdk::opstack::sequencing::{ConductorStatus, SequencingStage, SequencingStatus};
use serde_json::{Value, json};

use crate::sequencing::decide::{CALL_TIMEOUT, Policy};
use crate::sequencing::nodes;
use crate::sequencing::seen::Ended;
use decision::{Act, Decision, Record};
use seen::{Seen, Voter};

/// JSON-RPC methods of probes and acts, beside those of [`crate::sequencing`].
pub const METHODS: [&str; 7] = [
    QUESTIONS[0].0,
    QUESTIONS[1].0,
    QUESTIONS[2].0,
    QUESTIONS[3].0,
    "conductor_addServerAsVoter",
    "conductor_removeServer",
    "conductor_resume",
];
/// While something is under way, the object is looked at so often.
const SOON_MS: u32 = 1_000;

/// Adds to the network's answer what concerns op-conductor.
///
/// # Errors
/// When a lookup fails.
pub fn operate(
    cx: &Context<'_>,
    policy: &Policy,
    known: SequencingStatus,
    sequencers: &[Node],
    outcomes: Vec<Ended>,
    answer: &mut Answer<NetworkStatus>,
) -> Result<(), Failure> {
    let members: Vec<_> = sequencers.iter().filter(|node| node.may_sequence()).collect();
    let voters = members.iter().map(|node| look(cx, node)).collect::<Result<_, _>>()?;
    let seen = Seen { voters, ended: outcomes };
    let cluster = known.conductor.unwrap_or_default();
    let record = Record { epoch: known.epoch, founder: cluster.founder, formed: cluster.formed };
    let decision = decide::decide(record, &seen);
    answer.probes.extend(members.iter().flat_map(|node| [nodes::probe(node, policy), probe(node, policy)]));
    tell(policy, &members, &seen, decision, answer);
    Ok(())
}

fn probe_id(node: &Node) -> String {
    format!("conductor-{}", Hash::of([node.metadata.namespace.as_str(), node.metadata.name.as_str()]).short())
}

fn probe(node: &Node, policy: &Policy) -> Probe {
    let wake_on = ["/0", "/1", "/2", "/3"];
    nodes::paced(rpc_probe(&probe_id(node), node.conductor_pods(), &QUESTIONS, &wake_on), policy)
}

fn look(cx: &Context<'_>, node: &Node) -> Result<Voter, Failure> {
    let id = probe_id(node);
    let unheard = || Err("it has no running pod that was asked".into());
    // Of two pods, while one replaces the other, one that leads goes before.
    let words = cx.observations.iter().filter(|seen| seen.probe == id).map(read);
    let conductor = words.max_by_key(|word| word.as_ref().map_or(0, |said| 1 + u8::from(said.leads)));
    Ok(Voter {
        sequencer: nodes::look(cx, node)?,
        id: node.member_id(),
        address: node.member_address(cx),
        conductor: conductor.unwrap_or_else(unheard),
    })
}

/// From a decision to the answer.
fn tell(policy: &Policy, members: &[&Node], seen: &Seen, decision: Decision, answer: &mut Answer<NetworkStatus>) {
    let Decision { record, act, verdict, active, notices } = decision;
    let call = act.as_ref().and_then(|act| call(act, record.epoch, members));
    answer.actions.extend(call);
    verdict.tell(notices, answer);
    let quiet = record.formed && act.is_none();
    let interval = u32::try_from(policy.check_interval).unwrap_or(u32::MAX);
    answer.requeue_after_ms = Some(if quiet { interval } else { interval.min(SOON_MS) });
    answer.status.sequencing = Some(status(seen, record, active));
}

/// To be remembered, and for people. Who leads is told by its op-conductor alone.
fn status(seen: &Seen, record: Record, active: Option<String>) -> SequencingStatus {
    let leader = seen.leaders().next();
    let members =
        leader.map_or(vec![], |(_, said)| said.members.iter().map(|id| seen.name_of(id).to_string()).collect());
    let standbys =
        seen.voters.iter().filter(|voter| voter.sequencer.stands_by() && active.as_deref() != Some(voter.name()));
    SequencingStatus {
        stage: if active.is_some() { SequencingStage::Running } else { SequencingStage::Vacant },
        epoch: record.epoch,
        standbys: standbys.map(|voter| voter.name().to_string()).collect(),
        active,
        conductor: Some(ConductorStatus { founder: record.founder, formed: record.formed, members }),
        ..SequencingStatus::default()
    }
}

/// The call of an act, with what has to be so right before.
fn call(act: &Act, epoch: u64, members: &[&Node]) -> Option<Action> {
    let (name, method, params, asks, must_be): (_, _, Value, _, _) = match act {
        Act::Start(name, hash) => (name, "admin_startSequencer", json!([hash]), "admin_sequencerActive", false),
        Act::Add { leader, id, address } => {
            // Version 0: whatever the membership is by now.
            (leader, "conductor_addServerAsVoter", json!([id, address, 0]), QUESTIONS[0].0, true)
        }
        Act::Remove { leader, id } => (leader, "conductor_removeServer", json!([id, 0]), QUESTIONS[0].0, true),
        Act::Resume(name) => (name, "conductor_resume", json!([]), QUESTIONS[2].0, true),
    };
    let node = members.iter().find(|node| node.metadata.place() == *name)?;
    let target: Target = match act {
        Act::Start(..) => node.rollup_pods(),
        Act::Add { .. } | Act::Remove { .. } | Act::Resume(_) => node.conductor_pods(),
    };
    Some(Action {
        id: act.id(epoch),
        target,
        pod: Some(node.pod()),
        call: RpcCall { method: method.into(), params: params.to_string() },
        precondition: Precondition {
            call: RpcCall { method: asks.into(), params: "[]".into() },
            pointer: String::new(),
            equals: json!(must_be).to_string(),
        },
        timeout_ms: u32::try_from(CALL_TIMEOUT).unwrap_or(u32::MAX),
    })
}
