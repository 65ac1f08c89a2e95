//! What is seen of the sequencers: the input of every decision, parsed at the edge.

use std::collections::BTreeSet;

use super::process::{Machine, Pod};

/// Milliseconds since the Unix epoch, by the clock of the operator that measured.
pub type Millis = u64;

/// L1 blocks come every 12 s. A node whose newest one is older than three of them is behind L1.
pub const L1_FRESH: Millis = 36_000;

/// A block of L2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: String,
    /// Its time, in seconds since the Unix epoch.
    pub time: u64,
}

/// What a sequencer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Millis,
    /// Whether it makes blocks (`admin_sequencerActive`).
    pub active: bool,
    /// Its newest block (`unsafe_l2` of `optimism_syncStatus`); nothing while it knows none.
    pub head: Option<Block>,
    /// Time of the newest L1 block that it knows (`head_l1`), in seconds since the Unix epoch.
    pub l1_time: u64,
}

/// The last word of a sequencer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// It has no running pod, or none that was asked yet.
    Unheard,
    /// It was asked and didn't answer so that it can be understood; says why.
    Silent(String),
    /// It answered.
    Said(Said),
}

/// A sequencer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequencer {
    /// `namespace/name` of its object.
    pub name: String,
    /// Whether its user lets it make blocks.
    pub eligible: bool,
    /// Whether its user wants it to run at all.
    pub wanted: bool,
    /// Whether it has no pod, by the word of its StatefulSet's controller. That counts only for one of which nothing tells
    /// that it was ever active.
    pub gone: bool,
    /// The pod of its name, where there is one.
    pub pod: Option<Pod>,
    /// What it said.
    pub word: Word,
}

/// What became of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The node did it, and answered this text (a hash, or nothing).
    Done(Option<String>),
    /// It was certainly not done; says why.
    NotDone(String),
    /// Nobody knows; says why.
    Unknown(String),
}

/// The outcome of one act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub id: String,
    /// When.
    pub at: Millis,
    /// What became of it.
    pub outcome: Outcome,
}

/// All that a decision looks at beside the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When the newest of it was measured. Nothing was, where this is nothing.
    pub now: Option<Millis>,
    /// The sequencers of the network, the oldest first.
    pub nodes: Vec<Sequencer>,
    /// The pods of sequencers, and those that were deleted a while ago in the state in which they were last.
    pub pods: Vec<Pod>,
    /// The machines on which they run, or did.
    pub machines: Vec<Machine>,
    /// Acts that have ended.
    pub ended: Vec<Ended>,
    /// Uid of the network. Another one of the same name is another one.
    pub uid: String,
    /// What a person has approved: `<uid>/<nonce>`.
    pub approval: Option<String>,
}

impl Sequencer {
    /// What it said, if it did.
    pub fn said(&self) -> Option<&Said> {
        match &self.word {
            Word::Said(said) => Some(said),
            Word::Unheard | Word::Silent(_) => None,
        }
    }

    /// Whether it said that it makes no blocks.
    pub fn stands_by(&self) -> bool {
        self.said().is_some_and(|said| !said.active)
    }

    /// Its newest block, where it could go on from there: it may, it stands by, and it follows L1.
    ///
    /// # Errors
    /// Why it could not.
    pub fn ready(&self) -> Result<&Block, String> {
        let said = match &self.word {
            _ if !self.wanted => return Err("is not to run".into()),
            _ if !self.eligible => return Err("is kept from it by spec.opNode.sequencer".into()),
            Word::Unheard => return Err("has no running pod that was asked".into()),
            Word::Silent(why) => return Err(format!("gives no answer ({why})")),
            Word::Said(said) => said,
        };
        // What is started has to be told from what follows it: a report of an end that was before must not count for it.
        match &self.pod {
            None => return Err("has a pod that is not known yet".into()),
            Some(pod) if pod.ended => return Err("answers, and is not reported to run yet".into()),
            Some(_) => {}
        }
        let age = said.at.saturating_sub(said.l1_time.saturating_mul(1000));
        match &said.head {
            _ if said.active => Err("makes blocks".into()),
            None => Err("knows no block".into()),
            Some(_) if age >= L1_FRESH => Err(format!("is {} s behind L1", age / 1000)),
            Some(head) => Ok(head),
        }
    }
}

impl Seen {
    /// A sequencer by its name.
    pub fn node(&self, name: &str) -> Option<&Sequencer> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// A machine by the name of its Node.
    pub fn machine(&self, name: &str) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.name == name)
    }

    /// What a sequencer said.
    pub fn said(&self, name: &str) -> Option<&Said> {
        self.node(name)?.said()
    }

    /// Names of those that said that they make blocks.
    pub fn active(&self) -> BTreeSet<&str> {
        let active = self.nodes.iter().filter(|node| node.said().is_some_and(|said| said.active));
        active.map(|node| node.name.as_str()).collect()
    }

    /// The newest block that any sequencer knows, and who.
    pub fn highest(&self) -> Option<(&Sequencer, &Block)> {
        let heads = self.nodes.iter().filter_map(|node| Some((node, node.said()?.head.as_ref()?)));
        // The first of equals.
        heads.rev().max_by_key(|(_, head)| head.number)
    }

    /// What became of an act, once it ended.
    pub fn ended(&self, id: &str) -> Option<&Ended> {
        self.ended.iter().find(|ended| ended.id == id)
    }
}
