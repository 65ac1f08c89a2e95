//! What a decision is, and the steps that forming a cluster and keeping it share.

use crate::sequencing::decide::{Notice, TOLD_AFTER};
use crate::sequencing::seen::{Ended, Outcome};
use crate::sequencing::verdict::{Standing, Verdict};

use super::seen::{Seen, Voter};

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
    /// Nothing is done.
    pub fn hold(record: Record, standing: Standing, message: impl Into<String>) -> Self {
        Self { record, act: None, verdict: Verdict::new(standing, message), active: None, notices: vec![] }
    }

    /// And something happened.
    pub fn noticing(mut self, reason: &'static str, message: impl Into<String>) -> Self {
        self.notices.push(Notice { warning: false, reason, message: message.into() });
        self
    }
}

/// Whether blocks are made.
pub fn standing(leader: &Voter) -> Standing {
    if leader.is_active() { Standing::Active } else { Standing::Waiting }
}

/// Nothing is done; whoever leads makes the blocks, or is to.
pub fn making(record: Record, leader: &Voter, message: &str) -> Decision {
    let decision = Decision::hold(record, standing(leader), message);
    Decision { active: leader.is_active().then(|| leader.name().into()), ..decision }
}

/// The first of the missing ones that answers joins: op-conductor dials a new member before it takes it in.
pub fn add<'a>(record: Record, seen: &Seen, leader: &Voter, missing: impl Iterator<Item = &'a Voter>) -> Decision {
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
pub fn act(mut record: Record, seen: &Seen, of: &Voter, act: Act, standing: Standing, message: &str) -> Decision {
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
