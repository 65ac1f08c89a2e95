//! What is seen of the sequencers and of their op-conductors: the input of every decision.

use opstack_sdk::opstack::conductor::Said;

use crate::sequencing::seen::{Block, Ended, Millis, Sequencer};

/// A sequencer with a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Its op-node, and who it is.
    pub sequencer: Sequencer,
    /// By which name its op-conductor is a member.
    pub id: String,
    /// Where the other members find that.
    pub address: String,
    /// What its op-conductor said, or why it said nothing.
    pub conductor: Result<Said, String>,
}

/// All that a decision looks at beside the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The sequencers that may make blocks, the oldest first; those that are scaled to nothing among them.
    pub voters: Vec<Voter>,
    /// Acts that have ended.
    pub ended: Vec<Ended>,
}

impl Voter {
    /// `namespace/name` of its object.
    pub fn name(&self) -> &str {
        &self.sequencer.name
    }

    /// What its op-conductor said, if it did.
    pub fn said(&self) -> Option<&Said> {
        self.conductor.as_ref().ok()
    }

    /// Whether its op-node said that it makes blocks.
    pub fn is_active(&self) -> bool {
        self.sequencer.said().is_some_and(|said| said.active)
    }

    /// Its newest block.
    pub fn head(&self) -> Option<&Block> {
        self.sequencer.said()?.head.as_ref()
    }

    /// When the older of its two words was measured.
    pub fn heard_at(&self) -> Option<Millis> {
        Some(self.said()?.at.min(self.sequencer.said()?.at))
    }
}

impl Seen {
    /// A voter by the name of its object.
    pub fn voter(&self, name: &str) -> Option<&Voter> {
        self.voters.iter().find(|voter| voter.name() == name)
    }

    /// Those whose op-conductor says that it leads, and what else it said.
    pub fn leaders(&self) -> impl Iterator<Item = (&Voter, &Said)> {
        let said = self.voters.iter().filter_map(|voter| Some((voter, voter.said()?)));
        said.filter(|(_, said)| said.leads)
    }

    /// A member's sequencer, or its id where that is no sequencer's.
    pub fn name_of<'a>(&'a self, id: &'a str) -> &'a str {
        self.voters.iter().find(|voter| voter.id == id).map_or(id, Voter::name)
    }

    /// Those that are to have a pod.
    pub fn wanted(&self) -> impl Iterator<Item = &Voter> {
        self.voters.iter().filter(|voter| voter.sequencer.wanted)
    }

    /// What became of an act, once it ended.
    pub fn ended(&self, id: &str) -> Option<&Ended> {
        self.ended.iter().find(|ended| ended.id == id)
    }
}
