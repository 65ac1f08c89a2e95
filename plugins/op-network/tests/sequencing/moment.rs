//! Moments: what is seen of sequencers, made by hand.

use op_network::sequencing::decide::{Act, Decision, Policy, decide};
use op_network::sequencing::process::{Machine, Pod, Process};
use op_network::sequencing::record::{Record, Stage, Still, Target};
use op_network::sequencing::seen::{Block, Ended, Millis, Outcome, Said, Seen, Sequencer, Word};
use op_network::sequencing::verdict::Standing;
use opstack_sdk::opstack::sequencing::SequencingStatus;

/// The time of all moments that say no other: 2024-01-15T10:30:00Z.
pub const NOW: Millis = 1_705_314_600_000;
pub const MINUTE: Millis = 60_000;
/// Uid of the network.
pub const NETWORK: &str = "f6b1";

/// The defaults.
pub const POLICY: Policy = Policy { max_block_time: 5 * MINUTE, check_interval: 5_000, allow_loss: false };
pub const LOSING: Policy = Policy { allow_loss: true, ..POLICY };

pub fn hash(number: u64) -> String {
    format!("0x{number:064x}")
}

/// A node that answers at a time, with a head of that time.
pub fn said(name: &str, at: Millis, active: bool, number: u64) -> Sequencer {
    let head = Block { number, hash: hash(number), time: at / 1000 };
    let said = Said { at, active, head: Some(head), l1_time: at / 1000 - 12 };
    let pod = Some(pod(&uid(name)));
    Sequencer { name: name.into(), eligible: true, wanted: true, gone: false, pod, word: Word::Said(said) }
}

/// Uid of a sequencer's first pod.
pub fn uid(name: &str) -> String {
    format!("{name}-first")
}

/// A pod that runs on the machine `m1`.
pub fn pod(uid: &str) -> Pod {
    Pod { uid: uid.into(), machine: Some("m1".into()), ..Pod::default() }
}

/// A process of a sequencer's first pod, which began in the first start of the machine `m1`.
pub fn process(name: &str) -> Process {
    let (machine, system, boot) = (Some("m1".into()), Some("system".into()), Some("first".into()));
    Process { sequencer: name.into(), uid: uid(name), machine, system, boot, restarts: 0, denied: None }
}

/// The machine `m1` in a start.
pub fn machine(boot: &str) -> Machine {
    Machine { name: "m1".into(), system: Some("system".into()), boot: Some(boot.into()), out_of_service: false }
}

/// The same with another pod of that name.
pub fn replaced(node: Sequencer) -> Sequencer {
    let pod = Some(pod(&format!("{}-second", node.name)));
    Sequencer { pod, ..node }
}

pub fn active(name: &str, number: u64) -> Sequencer {
    said(name, NOW, true, number)
}

pub fn standby(name: &str, number: u64) -> Sequencer {
    said(name, NOW, false, number)
}

pub fn silent(name: &str) -> Sequencer {
    Sequencer { word: Word::Silent("no answer within 5s".into()), ..standby(name, 0) }
}

/// Its pod has ended, and its kubelet has said so before it was deleted ([`seen`] holds its last state).
pub fn gone(name: &str) -> Sequencer {
    Sequencer { word: Word::Unheard, gone: true, pod: None, ..standby(name, 0) }
}

/// Changes what a node said.
pub fn saying(mut node: Sequencer, change: impl FnOnce(&mut Said)) -> Sequencer {
    if let Word::Said(said) = &mut node.word {
        change(said);
    }
    node
}

/// Its newest block is of that age.
pub fn head_of_age(node: Sequencer, age: Millis) -> Sequencer {
    saying(node, |said| {
        let time = (said.at - age) / 1000;
        said.head.as_mut().unwrap().time = time;
    })
}

pub fn seen(nodes: impl IntoIterator<Item = Sequencer>) -> Seen {
    let nodes: Vec<_> = nodes.into_iter().collect();
    let ended = nodes.iter().filter(|node| node.gone).map(|node| Pod { ended: true, ..pod(&uid(&node.name)) });
    Seen { now: Some(NOW), pods: ended.collect(), nodes, uid: NETWORK.into(), ..Seen::default() }
}

/// The same without the last state of any pod: objects are gone, and nobody has said how the pods ended.
pub fn unexplained(seen: Seen) -> Seen {
    Seen { pods: vec![], ..seen }
}

pub fn at(seen: Seen, now: Millis) -> Seen {
    Seen { now: Some(now), ..seen }
}

/// With the word of a person, as a decision asked for it.
pub fn approving(seen: Seen, asked: &Decision) -> Seen {
    let nonce = asked.record.nonce.as_deref().expect("nobody was asked");
    Seen { approval: Some(format!("{NETWORK}/{nonce}")), ..seen }
}

/// With an act that has ended two seconds ago.
pub fn after(mut seen: Seen, act: &Act, epoch: u64, outcome: Outcome) -> Seen {
    seen.ended.push(Ended { id: act.id(epoch), at: NOW - 2_000, outcome });
    seen
}

/// A record of epoch 7 that began a moment ago.
pub fn record(stage: Stage, standbys: &[&str]) -> Record {
    let standbys = standbys.iter().map(ToString::to_string).collect();
    let record = Record { epoch: 7, stage, since: Some(NOW - 3_000), standbys, ..Record::default() };
    let started = match &record.stage {
        Stage::Starting { candidate, .. } => Some(candidate.clone()),
        _ => record.active().map(Into::into).filter(|name| !record.standbys.contains(name)),
    };
    Record { processes: started.as_deref().map(process).into_iter().collect(), ..record }
}

pub fn running(node: &str, standbys: &[&str]) -> Record {
    record(Stage::Running { node: node.into(), still: None }, standbys)
}

/// One whose head stands still, or that is silent, for so long.
pub fn still_for(node: &str, number: u64, age: Millis, standbys: &[&str]) -> Record {
    let still = Some(Still { number, since: NOW - age });
    record(Stage::Running { node: node.into(), still }, standbys)
}

pub fn stopping(node: &str, standbys: &[&str]) -> Record {
    record(Stage::Stopping { node: node.into(), still: None, hash: None }, standbys)
}

pub fn vacant(previous: Option<&str>, target: Target, standbys: &[&str]) -> Record {
    record(Stage::Vacant { previous: previous.map(Into::into), target, refused: None }, standbys)
}

pub fn starting(candidate: &str, number: u64, target: Target, standbys: &[&str]) -> Record {
    let stage = Stage::Starting { candidate: candidate.into(), hash: hash(number), previous: Some("a".into()), target };
    record(stage, standbys)
}

/// Decides, from a record as it comes back from the API server.
pub fn decided(policy: &Policy, record: Record, seen: &Seen) -> Decision {
    let status = SequencingStatus::from(&record);
    let json = serde_json::to_value(&status).unwrap();
    let back: SequencingStatus = serde_json::from_value(json).unwrap();
    decide(policy, Record::from(back), seen)
}

/// Decides until nothing more follows from the same moment.
pub fn settled(policy: &Policy, mut record: Record, seen: &Seen) -> Decision {
    for _ in 0..10 {
        let decision = decided(policy, record.clone(), seen);
        let back = Record::from(SequencingStatus::from(&decision.record));
        if back == Record::from(SequencingStatus::from(&record)) {
            return decision;
        }
        record = decision.record;
    }
    panic!("it doesn't settle: {record:?}");
}

#[track_caller]
pub fn expect(decision: &Decision, standing: Standing, acts: &[Act]) {
    assert_eq!((decision.verdict.standing, decision.acts.as_slice()), (standing, acts), "{decision:#?}");
}

pub fn stop(name: &str) -> Act {
    Act::Stop(name.into())
}

pub fn start(name: &str, number: u64) -> Act {
    Act::Start(name.into(), hash(number))
}
