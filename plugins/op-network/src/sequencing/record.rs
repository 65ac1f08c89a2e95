//! What is remembered from one decision to the next: the stage as a type, and its form in `status.sequencing`.
//!
//! An act is declared only in a call whose object holds the stage that calls for it. So what was begun is known after any
//! crash, and a decision that was never written down has done nothing.

use opstack_sdk::opstack::sequencing::{SeenBlock, SequencingStage, SequencingStatus, StandingStill};
use opstack_sdk::values::{rfc3339, unix_seconds};
use std::collections::BTreeSet;

use super::process::Process;
use super::seen::Millis;

/// How far the operator is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No sequencer is known to make blocks: at the start, after the last one was stopped, or when it is lost.
    Vacant {
        /// The one that did so last.
        previous: Option<String>,
        /// From which block the next one goes on.
        target: Target,
        /// The one whose start came to nothing last.
        refused: Option<String>,
    },
    /// One is being started.
    Starting {
        /// Which.
        candidate: String,
        /// Hash of its newest block, from which it is to go on.
        hash: String,
        /// As in `Vacant`.
        previous: Option<String>,
        /// As in `Vacant`.
        target: Target,
    },
    /// One makes blocks.
    Running {
        /// Which.
        node: String,
        /// Set while it shows no new block.
        still: Option<Still>,
    },
    /// The one that makes blocks is being stopped.
    Stopping {
        /// Which.
        node: String,
        /// As in `Running`.
        still: Option<Still>,
        /// The block at which it was stopped, once it has said so.
        hash: Option<String>,
    },
}

/// From which block the next sequencer goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// From the one with this hash, at which the last sequencer was stopped, and from no other.
    Stopped(String),
    /// From the highest that any sequencer knows.
    Highest,
}

/// A chain that stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Still {
    /// Number of the last block; 0 where it isn't known.
    pub number: u64,
    /// Since when.
    pub since: Millis,
}

/// A block, and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: String,
    /// When it was seen.
    pub at: Millis,
}

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts what was begun.
    pub epoch: u64,
    /// How far the operator is.
    pub stage: Stage,
    /// Since when; nothing before anything was measured.
    pub since: Option<Millis>,
    /// Those that are known to make no blocks.
    pub standbys: BTreeSet<String>,
    /// Those that are taken for stopped on a person's word.
    pub approved: BTreeSet<String>,
    /// Those that may make blocks: what was active, and is not known to have ended.
    pub processes: Vec<Process>,
    /// What a person is asked to vouch for.
    pub nonce: Option<String>,
    /// The highest block that was ever told.
    pub head: Option<Mark>,
    /// What the last change may have lost.
    pub loss: Option<String>,
}

impl Default for Record {
    /// Nothing is known.
    fn default() -> Self {
        Self {
            epoch: 0,
            stage: Stage::Vacant { previous: None, target: Target::Highest, refused: None },
            since: None,
            standbys: BTreeSet::new(),
            approved: BTreeSet::new(),
            processes: vec![],
            nonce: None,
            head: None,
            loss: None,
        }
    }
}

impl Record {
    /// The same, at the beginning of another stage.
    #[must_use]
    pub fn at(mut self, stage: Stage, now: Millis) -> Self {
        (self.stage, self.since) = (stage, Some(now));
        self
    }

    /// The same in the next epoch: something is begun, or an approval was used.
    #[must_use]
    pub fn next_epoch(mut self) -> Self {
        self.epoch = self.epoch.saturating_add(1);
        self
    }

    /// Whether a process of a sequencer may make blocks.
    pub fn may_run(&self, sequencer: &str) -> bool {
        self.processes.iter().any(|process| process.sequencer == sequencer && process.denied.is_none())
    }

    /// A sequencer makes no blocks, by its own word; of its pods the one with this uid, or the only one.
    pub fn acquit(&mut self, sequencer: &str, uid: Option<&str>) {
        let is_only = self.processes.iter().filter(|process| process.sequencer == sequencer).count() == 1;
        let is_meant =
            |process: &Process| process.sequencer == sequencer && (is_only || uid == Some(process.uid.as_str()));
        self.processes.retain(|process| !is_meant(process));
        if !self.may_run(sequencer) {
            self.standbys.insert(sequencer.into());
        }
    }

    /// The sequencer that counts as the one that makes blocks.
    pub fn active(&self) -> Option<&str> {
        match &self.stage {
            Stage::Running { node, .. } | Stage::Stopping { node, .. } => Some(node),
            Stage::Vacant { .. } | Stage::Starting { .. } => None,
        }
    }

    /// The one that made blocks last.
    pub fn previous(&self) -> Option<&str> {
        match &self.stage {
            Stage::Vacant { previous, .. } | Stage::Starting { previous, .. } => previous.as_deref(),
            Stage::Running { node, .. } | Stage::Stopping { node, .. } => Some(node),
        }
    }
}

impl From<&Record> for SequencingStatus {
    fn from(record: &Record) -> Self {
        let mut status = Self {
            epoch: record.epoch,
            active: record.active().map(Into::into),
            since: record.since.map(written),
            head: record.head.as_ref().map(|mark| SeenBlock {
                number: mark.number,
                hash: mark.hash.clone(),
                seen: written(mark.at),
            }),
            standbys: record.standbys.iter().cloned().collect(),
            approved: record.approved.iter().cloned().collect(),
            processes: record.processes.iter().map(Into::into).collect(),
            approval_nonce: record.nonce.clone(),
            loss: record.loss.clone(),
            ..Self::default()
        };
        let hash_of = |target: &Target| match target {
            Target::Stopped(hash) => Some(hash.clone()),
            Target::Highest => None,
        };
        let standing = |still: &Option<Still>| {
            still.map(|still| StandingStill { number: still.number, since: written(still.since) })
        };
        match &record.stage {
            Stage::Vacant { previous, target, refused } => {
                status.stage = SequencingStage::Vacant;
                (status.previous, status.refused) = (previous.clone(), refused.clone());
                status.stopped_at = hash_of(target);
            }
            Stage::Starting { candidate, hash, previous, target } => {
                status.stage = SequencingStage::Starting;
                (status.candidate, status.starting_from) = (Some(candidate.clone()), Some(hash.clone()));
                (status.previous, status.stopped_at) = (previous.clone(), hash_of(target));
            }
            Stage::Running { still, .. } => {
                (status.stage, status.still) = (SequencingStage::Running, standing(still));
            }
            Stage::Stopping { still, hash, .. } => {
                (status.stage, status.still) = (SequencingStage::Stopping, standing(still));
                status.stopped_at.clone_from(hash);
            }
        }
        status
    }
}

impl From<SequencingStatus> for Record {
    /// A status that makes no sense counts as if nothing were known; its epoch is kept, so that no act of old is taken for a
    /// new one, and what may make blocks or must not be lost.
    fn from(status: SequencingStatus) -> Self {
        let processes: Vec<_> = status.processes.into_iter().map(Process::from).collect();
        let head = status.head.and_then(|head| {
            let at = read(&head.seen)?;
            Some(Mark { number: head.number, hash: head.hash, at })
        });
        let nothing = Self { epoch: status.epoch, processes: processes.clone(), head: head.clone(), ..Self::default() };
        let still = status.still.as_ref().and_then(|still| {
            let since = read(&still.since)?;
            Some(Still { number: still.number, since })
        });
        let hash_of_stopped = status.stopped_at;
        let target = hash_of_stopped.clone().map_or(Target::Highest, Target::Stopped);
        let (active, candidate, hash) = (status.active, status.candidate, status.starting_from);
        let previous = status.previous;
        let stage = match (status.stage, active, candidate, hash) {
            (SequencingStage::Vacant, ..) => Stage::Vacant { previous, target, refused: status.refused },
            (SequencingStage::Starting, _, Some(candidate), Some(hash)) => {
                Stage::Starting { candidate, hash, previous, target }
            }
            (SequencingStage::Running, Some(node), ..) => Stage::Running { node, still },
            (SequencingStage::Stopping, Some(node), ..) => Stage::Stopping { node, still, hash: hash_of_stopped },
            _ => return nothing,
        };
        Self {
            epoch: status.epoch,
            stage,
            since: status.since.as_deref().and_then(read),
            standbys: status.standbys.into_iter().collect(),
            approved: status.approved.into_iter().collect(),
            processes,
            nonce: status.approval_nonce,
            head,
            loss: status.loss,
        }
    }
}

/// A time as it is written, in whole seconds.
pub fn written(at: Millis) -> String {
    rfc3339(at / 1000)
}

/// A time as [`written`] writes it.
pub fn read(text: &str) -> Option<Millis> {
    unix_seconds(text).map(|seconds| seconds * 1000)
}
