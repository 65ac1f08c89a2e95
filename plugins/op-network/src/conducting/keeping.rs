//! A cluster that is formed: its members are kept those that there are, and nothing else is done.

use opstack_sdk::opstack::conductor::Said;

use super::decision::{Act, Decision, Record, act, add, making, standing};
use super::seen::{Seen, Voter};
use crate::sequencing::verdict::Standing;

/// The cluster is there, and has a leader.
pub fn formed(record: Record, seen: &Seen, leader: &Voter, said: &Said) -> Decision {
    let mut missing = seen.wanted().filter(|voter| !said.members.contains(&voter.id)).peekable();
    if missing.peek().is_some() {
        return add(record, seen, leader, missing);
    }
    let stranger = said.members.iter().find(|id| seen.voters.iter().all(|voter| voter.id != **id));
    if let Some(id) = stranger.filter(|_| said.members.len() > 1) {
        let message = format!("{id} is a member and no sequencer of this network any more; it is being taken out");
        let remove = Act::Remove { leader: leader.name().into(), id: id.clone() };
        let decision = act(record, seen, leader, remove, standing(leader), &message);
        return Decision { active: leader.is_active().then(|| leader.name().into()), ..decision };
    }
    making(record, leader, &told(seen, leader, said))
}

/// In words how the cluster is.
fn told(seen: &Seen, leader: &Voter, said: &Said) -> String {
    let name = leader.name();
    let begin = match (leader.is_active(), said.healthy) {
        (true, _) => format!("{name} makes the blocks, by the vote of {} op-conductors", said.members.len()),
        (false, true) => format!("{name} leads, and makes no blocks yet"),
        (false, false) => format!("{name} leads, and its op-conductor takes it for unhealthy"),
    };
    let paused: Vec<_> = seen.voters.iter().filter(|voter| voter.said().is_some_and(|said| said.paused)).collect();
    let silent: Vec<_> = seen.wanted().filter(|voter| voter.conductor.is_err()).collect();
    let list = |voters: Vec<&Voter>| voters.iter().map(|voter| voter.name()).collect::<Vec<_>>().join(", ");
    let mut text = begin;
    if !paused.is_empty() {
        text += &format!("; paused, so that it starts and stops nothing: {}", list(paused));
    }
    if !silent.is_empty() {
        text += &format!("; silent: {}", list(silent));
    }
    text
}

/// The cluster is known to be there, and nobody leads it.
pub fn without_leader(record: Record, seen: &Seen) -> Decision {
    let wanted = seen.wanted().count();
    let answering = seen.wanted().filter(|voter| voter.conductor.is_ok()).count();
    let message = format!(
        "no op-conductor says that it leads; {answering} of {wanted} answer, and more than half of the members are needed to choose one. Bring back those that are down; nothing is started without them"
    );
    Decision::hold(record, Standing::NoLeader, message)
}
