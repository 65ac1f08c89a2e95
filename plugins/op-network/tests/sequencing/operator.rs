//! An operator in the model: what it remembers beside what is written down.

use std::collections::BTreeMap;

use op_network::sequencing::seen::{Ended, Millis, Word};
use op_network::sequencing::verdict::Standing;
use opstack_sdk::opstack::sequencing::SequencingStatus;

use super::model::{Api, NAMES};

/// One process of the operator.
pub struct Operator {
    /// The cluster as its watches have told.
    pub picture: Api,
    /// Until then they tell nothing new.
    pub blind_until: Millis,
    /// What each sequencer said last.
    pub words: Vec<Word>,
    /// Acts that it has begun.
    pub begun: Vec<String>,
    /// Acts that have ended.
    pub ended: BTreeMap<String, Ended>,
    /// What it told last.
    pub standing: Option<Standing>,
}

/// A status on its way to the API server.
pub struct Written {
    /// By which operator.
    pub by: usize,
    /// Over which version of the object.
    pub version: u64,
    /// Of which life of the object.
    pub uid: u32,
    pub status: SequencingStatus,
}

impl Operator {
    pub fn new(api: &Api) -> Self {
        Self {
            picture: api.clone(),
            blind_until: 0,
            words: vec![Word::Unheard; NAMES.len()],
            begun: vec![],
            ended: BTreeMap::new(),
            standing: None,
        }
    }

    /// A process begins anew, or gets the Lease. What its watches have told stays: a standby has watched as well.
    pub fn forget(&mut self) {
        self.ended.clear();
        self.begun.clear();
        self.words.fill(Word::Unheard);
    }
}
