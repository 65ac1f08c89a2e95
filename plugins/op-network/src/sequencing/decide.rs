//! The decision: from what is remembered and what is seen to what is remembered next, what is done, and what is told.
//!
//! ```text
//!            ┌────────────── one answers that it makes blocks ──────────────┐
//!            │                                                              ▼
//!   ┌──► Vacant ── a candidate has the block, no other may be active ──► Starting ── it makes blocks ──► Running
//!   │        ▲                                                              │                             │ │
//!   │        └──────────────── it makes none, for certain ──────────────────┘                             │ │
//!   ├────────── it answers that it makes none, or is lost and proven or approved stopped ─────────────────┘ │
//!   └── stopped, at block H ── Stopping ◄── it stands still or is not to go on, and another has its head ───┘
//! ```
//!
//! What must stay true: a sequencer is started only when no other one may be active ([`super::suspects`]), and only from the
//! block at which the last one stopped, unless a person has allowed otherwise. In doubt nothing is started.

use std::collections::BTreeSet;

use opstack_sdk::answer::Event;

use super::record::{Record, Stage};
use super::seen::{Millis, Seen, Sequencer};
use super::verdict::{Standing, Verdict};
use super::{handover, running, vacant};

/// How long a call of an act may take.
pub const CALL_TIMEOUT: Millis = 5_000;
/// A node's status follows what it does so soon.
pub const TOLD_AFTER: Millis = 1_000;
/// An act that was withdrawn, or of which nobody knows whether it was done, may still arrive for so long: the host finds the
/// node, asks the precondition and calls, each within [`CALL_TIMEOUT`]. The rest is margin.
pub const SETTLED_AFTER: Millis = 6 * CALL_TIMEOUT;
/// A start that has no outcome is declared for so long, and then withdrawn.
pub const DECLARED_FOR: Millis = 15_000;

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long the head may stand still, or a sequencer be silent.
    pub max_block_time: Millis,
    /// How often sequencers are asked.
    pub check_interval: Millis,
    /// Whether blocks may be lost.
    pub allow_loss: bool,
}

/// A call with a side effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// `admin_stopSequencer`, if it makes blocks.
    Stop(String),
    /// `admin_startSequencer` from a block, if it makes none.
    Start(String, String),
}

impl Act {
    /// Names this one act: equal acts of different epochs are different.
    pub fn id(&self, epoch: u64) -> String {
        match self {
            Self::Stop(name) => format!("stop-{name}-at-epoch-{epoch}"),
            Self::Start(name, _) => format!("start-{name}-at-epoch-{epoch}"),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether a person should look at it.
    pub warning: bool,
    /// CamelCase.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
}

impl From<Notice> for Event {
    fn from(Notice { warning, reason, message }: Notice) -> Self {
        Self { warning, reason: reason.into(), message }
    }
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// To be remembered.
    pub record: Record,
    /// To be done, in the epoch of the record. Only what the record that was given calls for.
    pub acts: Vec<Act>,
    /// To be told.
    pub verdict: Verdict,
    /// What happened.
    pub notices: Vec<Notice>,
}

impl Decision {
    /// Things stay as they are.
    pub fn hold(record: Record, verdict: Verdict) -> Self {
        Self { record, acts: vec![], verdict, notices: vec![] }
    }

    /// With acts.
    #[must_use]
    pub fn acting(mut self, acts: Vec<Act>) -> Self {
        self.acts = acts;
        self
    }

    /// With something that happened as it should.
    #[must_use]
    pub fn noticing(mut self, reason: &'static str, message: impl Into<String>) -> Self {
        self.notices.push(Notice { warning: false, reason, message: message.into() });
        self
    }

    /// With something that a person should look at.
    #[must_use]
    pub fn warning(mut self, reason: &'static str, message: impl Into<String>) -> Self {
        self.notices.push(Notice { warning: true, reason, message: message.into() });
        self
    }
}

/// One moment: what is seen, what is wanted.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// What the user wants.
    pub policy: &'a Policy,
    /// What is seen.
    pub seen: &'a Seen,
    /// When the newest of it was measured.
    pub now: Millis,
    /// What a person was asked to vouch for.
    pub asked: Option<&'a str>,
}

/// Decides.
pub fn decide(policy: &Policy, mut record: Record, seen: &Seen) -> Decision {
    let Some(now) = seen.now else {
        return Decision::hold(record, Verdict::new(Standing::NotObserved, "no sequencer was asked yet"));
    };
    let asked = record.nonce.take();
    let view = View { policy, seen, now, asked: asked.as_deref() };
    let record = view.hear(record);
    match record.stage.clone() {
        Stage::Vacant { previous, target, refused } => vacant::vacant(view, record, previous, target, refused),
        Stage::Starting { candidate, hash, previous, target } => {
            handover::starting(view, record, candidate, &hash, (previous, target))
        }
        Stage::Running { node, still } => running::running(view, record, &node, still),
        Stage::Stopping { node, still, hash } => handover::stopping(view, record, &node, (still, hash)),
    }
}

impl View<'_> {
    /// Whether something lasts longer than the user lets it.
    pub fn too_long(&self, since: Option<Millis>) -> bool {
        self.lasts(since, self.policy.max_block_time)
    }

    /// Whether something lasts at least so long.
    pub fn lasts(&self, since: Option<Millis>, long: Millis) -> bool {
        since.is_some_and(|since| self.now.saturating_sub(since) >= long)
    }

    /// One that makes blocks is the active one from now on.
    pub fn adopt(&self, mut record: Record, name: &str) -> Decision {
        record.standbys.remove(name);
        record.approved.remove(name);
        let changes = record.previous() != Some(name);
        let record = record.at(Stage::Running { node: name.into(), still: None }, self.now).next_epoch();
        let message = format!("{name} makes the blocks");
        let decision = Decision::hold(record, Verdict::new(Standing::Active, &message));
        if changes { decision.noticing("SequencerActive", message) } else { decision }
    }

    /// Of several that make blocks, the one that has the most.
    pub fn most_advanced(&self, active: &BTreeSet<&str>) -> Option<String> {
        let number = |node: &&Sequencer| node.said().and_then(|said| said.head.as_ref()).map(|head| head.number);
        let active = self.seen.nodes.iter().rev().filter(|node| active.contains(node.name.as_str()));
        active.max_by_key(number).map(|node| node.name.clone())
    }
}
