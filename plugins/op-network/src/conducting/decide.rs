//! The decision: what the operator does for op-conductor's cluster, and what it tells.
//!
//! ```text
//!   one is named founder ──► its op-conductor leads a cluster of one, paused
//!     ──► its op-node is started, from the highest block of all ──► the others join, one by one ──► it is resumed ──► formed
//! ```
//!
//! From then on op-conductor alone starts and stops sequencers. New ones join, those that are gone are taken out.
//!
//! What must stay true: nobody begins a second cluster beside one that may be there, and no sequencer is started before all
//! have said that they make no blocks and have no newer one. In doubt nothing is done.

use opstack_sdk::opstack::conductor::Said;

use super::seen::{Seen, Voter};
use crate::sequencing::decide::{Notice, TOLD_AFTER};
use crate::sequencing::seen::{Ended, Outcome};
use crate::sequencing::verdict::{Standing, Verdict};

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Counts what was begun; an act of another epoch is another act.
    pub epoch: u64,
    /// The sequencer whose op-conductor begins the cluster.
    pub founder: Option<String>,
    /// Whether the cluster is there.
    pub formed: bool,
}

/// A call with a side effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// `admin_startSequencer` from a block, on the op-node of a sequencer.
    Start(String, String),
    /// `conductor_addServerAsVoter`, on the leader: id and address of the new member.
    Add {
        /// Sequencer of the leader.
        leader: String,
        /// The new member.
        id: String,
        /// Where the others find it.
        address: String,
    },
    /// `conductor_removeServer`, on the leader.
    Remove {
        /// Sequencer of the leader.
        leader: String,
        /// The member that is gone.
        id: String,
    },
    /// `conductor_resume`.
    Resume(String),
}

impl Act {
    /// Names this one act.
    pub fn id(&self, epoch: u64) -> String {
        match self {
            Self::Start(name, _) => format!("found-with-{name}-at-epoch-{epoch}"),
            Self::Add { id, .. } => format!("add-{id}-at-epoch-{epoch}"),
            Self::Remove { id, .. } => format!("remove-{id}-at-epoch-{epoch}"),
            Self::Resume(name) => format!("resume-{name}-at-epoch-{epoch}"),
        }
    }
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// To be remembered.
    pub record: Record,
    /// To be done.
    pub act: Option<Act>,
    /// To be told.
    pub verdict: Verdict,
    /// The sequencer that makes the blocks.
    pub active: Option<String>,
    /// What happened.
    pub notices: Vec<Notice>,
}

impl Decision {
    fn hold(record: Record, standing: Standing, message: impl Into<String>) -> Self {
        Self { record, act: None, verdict: Verdict::new(standing, message), active: None, notices: vec![] }
    }

    fn noticing(mut self, reason: &'static str, message: impl Into<String>) -> Self {
        self.notices.push(Notice { warning: false, reason, message: message.into() });
        self
    }
}

/// Decides.
pub fn decide(mut record: Record, seen: &Seen) -> Decision {
    if seen.voters.is_empty() {
        return Decision::hold(record, Standing::NoSequencer, "the network has no OpNode of type sequencer");
    }
    let leaders: Vec<_> = seen.voters.iter().filter(|voter| voter.leads()).collect();
    match leaders.as_slice() {
        [] if record.formed => without_leader(record, seen),
        [] => founding(record, seen),
        [leader] => {
            let said = leader.said().cloned().unwrap_or_else(nothing);
            // A cluster that was there before: whoever formed it is done.
            record.formed |= record.founder.is_none() && said.members.len() > 1;
            if record.formed { formed(record, seen, leader, &said) } else { joining(record, seen, leader, &said) }
        }
        several => {
            let names: Vec<_> = several.iter().map(|voter| voter.name()).collect();
            let message = format!(
                "the op-conductors of {} say that they lead; for a moment that may be so while the lead changes. If it stays so there are two clusters: see which one has the chain, and stop the others (spec.opNode.sequencer.stopped: true)",
                names.join(" and ")
            );
            Decision::hold(record, Standing::SeveralActive, message)
        }
    }
}

fn nothing() -> Said {
    Said { at: 0, leads: false, members: vec![], paused: false, healthy: false }
}

/// Nobody leads, and no cluster is known to be there: who is to begin it?
fn founding(mut record: Record, seen: &Seen) -> Decision {
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
fn joining(mut record: Record, seen: &Seen, leader: &Voter, said: &Said) -> Decision {
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

/// The cluster is there, and has a leader.
fn formed(record: Record, seen: &Seen, leader: &Voter, said: &Said) -> Decision {
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

fn standing(leader: &Voter) -> Standing {
    if leader.is_active() { Standing::Active } else { Standing::Waiting }
}

fn making(record: Record, leader: &Voter, message: &str) -> Decision {
    let decision = Decision::hold(record, standing(leader), message);
    Decision { active: leader.is_active().then(|| leader.name().into()), ..decision }
}

/// The first of the missing ones that answers joins: op-conductor dials a new member before it takes it in.
fn add<'a>(record: Record, seen: &Seen, leader: &Voter, missing: impl Iterator<Item = &'a Voter>) -> Decision {
    let missing: Vec<_> = missing.collect();
    let active = leader.is_active().then(|| leader.name().into());
    let decision = match missing.iter().find(|voter| voter.conductor.is_ok()) {
        Some(voter) => {
            let message =
                format!("the op-conductor of {} joins the cluster that {} leads", voter.name(), leader.name());
            let (id, address) = (voter.id.clone(), voter.address.clone());
            let add = Act::Add { leader: leader.name().into(), id, address };
            act(record, seen, leader, add, standing(leader), &message)
        }
        None => {
            let why = missing.iter().map(|voter| {
                format!("{} ({})", voter.name(), voter.conductor.as_ref().err().map_or("", String::as_str))
            });
            let message = format!(
                "{} leads the cluster of op-conductor, which is still to be joined by {}",
                leader.name(),
                why.collect::<Vec<_>>().join(", ")
            );
            Decision::hold(record, standing(leader), message)
        }
    };
    Decision { active, ..decision }
}

/// One act at a time. What came of it is seen in later answers of whom it concerns; if nothing did, it is another act in the
/// next epoch.
fn act(mut record: Record, seen: &Seen, of: &Voter, act: Act, standing: Standing, message: &str) -> Decision {
    let id = act.id(record.epoch);
    let Some(Ended { at, outcome, .. }) = seen.ended(&id) else {
        return Decision { act: Some(act), ..Decision::hold(record, standing, message) };
    };
    let told = of.heard_at().is_some_and(|heard| heard >= at.saturating_add(TOLD_AFTER));
    let message = match outcome {
        Outcome::Done(_) => message.to_string(),
        Outcome::NotDone(why) | Outcome::Unknown(why) => format!("{message}; it failed and is tried again: {why}"),
    };
    if told {
        record.epoch += 1;
        return Decision::hold(record, standing, message);
    }
    // Declared until then, so that its outcome is kept.
    Decision { act: Some(act), ..Decision::hold(record, standing, message) }
}

/// The cluster is known to be there, and nobody leads it.
fn without_leader(record: Record, seen: &Seen) -> Decision {
    let wanted = seen.wanted().count();
    let answering = seen.wanted().filter(|voter| voter.conductor.is_ok()).count();
    let message = format!(
        "no op-conductor says that it leads; {answering} of {wanted} answer, and more than half of the members are needed to choose one. Bring back those that are down; nothing is started without them"
    );
    Decision::hold(record, Standing::NoLeader, message)
}

fn names(seen: &Seen, members: &[String]) -> String {
    members.iter().map(|id| seen.name_of(id)).collect::<Vec<_>>().join(", ")
}
