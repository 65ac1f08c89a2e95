//! A cluster is formed: one begins it, makes blocks, and the others join.

use opstack_sdk::opstack::conductor::Said;

use super::decision::{Act, Decision, Record, act, add, making};
use super::seen::{Seen, Voter};
use crate::sequencing::verdict::Standing;

/// Nobody leads, and no cluster is known to be there: who is to begin it?
pub fn founding(mut record: Record, seen: &Seen) -> Decision {
    let founder = record.founder.as_deref().and_then(|name| seen.voter(name)).filter(|voter| voter.sequencer.wanted);
    if let Some(founder) = founder {
        let why = match &founder.conductor {
            Ok(_) => "it does not lead yet".into(),
            Err(why) => format!("it gives no answer ({why})"),
        };
        let message = format!("the op-conductor of {} is to begin the cluster: {why}", founder.name());
        return Decision::hold(record, Standing::Waiting, message);
    }
    let knowing = seen.voters.iter().find(|voter| voter.said().is_some_and(|said| !said.members.is_empty()));
    if let Some(knowing) = knowing {
        let message = format!(
            "the op-conductor of {} is a member of a cluster that has no leader now; no other one is begun beside it",
            knowing.name()
        );
        return Decision::hold(record, Standing::NoLeader, message);
    }
    // Whoever makes blocks has them all when it starts again; the oldest of equals.
    let wanted: Vec<_> = seen.wanted().collect();
    let rank = |voter: &&&Voter| (voter.is_active(), voter.head().map(|head| head.number));
    let Some(first) = wanted.iter().rev().max_by_key(rank) else {
        return Decision::hold(record, Standing::NoSequencer, "each sequencer of the network has replicas: 0");
    };
    let message = format!("the op-conductor of {} is to begin the cluster", first.name());
    record.founder = Some(first.name().into());
    record.epoch += 1;
    Decision::hold(record, Standing::Waiting, &message).noticing("ConductorFounder", message)
}

/// The founder leads, alone or with some of the others. It is paused: its sequencer is started by us, once.
pub fn joining(mut record: Record, seen: &Seen, leader: &Voter, said: &Said) -> Decision {
    if !leader.is_active() {
        return match startable(seen, leader) {
            Ok(hash) => {
                let message = format!("{} begins to make blocks, from block {hash}", leader.name());
                act(record, seen, leader, Act::Start(leader.name().into(), hash), Standing::Starting, &message)
            }
            Err(why) => Decision::hold(record, Standing::Waiting, why),
        };
    }
    let mut missing = seen.wanted().filter(|voter| !said.members.contains(&voter.id)).peekable();
    if missing.peek().is_some() {
        return add(record, seen, leader, missing);
    }
    if said.members.len() < 2 {
        let message = format!(
            "{} makes the blocks, and its op-conductor stays paused: there is no other sequencer to vote with; three make a cluster that bears the loss of one",
            leader.name()
        );
        let decision = Decision::hold(record, Standing::Active, message);
        return Decision { active: Some(leader.name().into()), ..decision };
    }
    let paused = seen.wanted().find(|voter| voter.said().is_some_and(|said| said.paused));
    if let Some(paused) = paused {
        // A leader that takes itself for unhealthy would stop its sequencer at once.
        if !paused.said().is_some_and(|said| said.healthy) {
            let message = format!(
                "the op-conductor of {} is to be resumed when it takes its sequencer for healthy",
                paused.name()
            );
            return making(record, leader, &message);
        }
        let message = format!("the op-conductor of {} is being resumed", paused.name());
        let decision = act(record, seen, paused, Act::Resume(paused.name().into()), Standing::Active, &message);
        return Decision { active: Some(leader.name().into()), ..decision };
    }
    record.formed = true;
    let message = format!("the cluster of op-conductor is formed: {}", names(seen, &said.members));
    making(record, leader, &format!("{} makes the blocks", leader.name())).noticing("ConductorFormed", message)
}

/// From which block the founder may start.
///
/// # Errors
/// Why it may not yet.
fn startable(seen: &Seen, leader: &Voter) -> Result<String, String> {
    for voter in &seen.voters {
        let silent = !voter.sequencer.stands_by() && (voter.sequencer.wanted || !voter.sequencer.gone);
        if voter.is_active() {
            return Err(format!("{} makes blocks, and has to be stopped before the cluster begins", voter.name()));
        }
        if silent {
            return Err(format!("{} has to say first that it makes no blocks", voter.name()));
        }
    }
    let head = leader.head().ok_or_else(|| format!("{} knows no block yet", leader.name()))?;
    let higher = seen.voters.iter().filter_map(|voter| Some((voter, voter.head()?)));
    let higher = higher.filter(|(_, other)| other.number > head.number).max_by_key(|(_, other)| other.number);
    match higher {
        Some((voter, other)) => Err(format!(
            "{} has block {}, which {} has to get first (it has {})",
            voter.name(),
            other.number,
            leader.name(),
            head.number
        )),
        None => Ok(head.hash.clone()),
    }
}

fn names(seen: &Seen, members: &[String]) -> String {
    members.iter().map(|id| seen.name_of(id)).collect::<Vec<_>>().join(", ")
}
