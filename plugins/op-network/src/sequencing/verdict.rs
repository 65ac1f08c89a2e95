//! What is told of a decision: the condition `SequencerActive`, with a reason for every way in which a chain can be without
//! blocks, and what to do about it.

use opstack_sdk::answer::{Answer, Condition, ConditionStatus, Event};
use opstack_sdk::opstack::network::NetworkStatus;
use opstack_sdk::opstack::status::READY;

use std::collections::BTreeSet;

use super::decide::Notice;
use super::process::OUT_OF_SERVICE;
use super::suspects::Suspect;

/// Name of the condition.
pub const SEQUENCER_ACTIVE: &str = "SequencerActive";
/// Annotation by which a person vouches that the sequencers named in the condition make no blocks; its value is
/// `<uid of the network>/<status.sequencing.approvalNonce>`.
pub const APPROVAL: &str = "optimism.io/approve-promotion";

/// Where the chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// One sequencer makes blocks.
    Active,
    /// Nobody was asked yet.
    NotObserved,
    /// The active one doesn't answer, for a while.
    NoAnswer,
    /// There is no sequencer.
    NoSequencer,
    /// The active one makes no blocks, and there is no better one.
    HeadStandsStill,
    /// More than one makes blocks, or may.
    SeveralActive,
    /// The active one is being stopped.
    Stopping,
    /// Nobody makes blocks, for the moment: somebody is waited for.
    Waiting,
    /// One is being started.
    Starting,
    /// Nobody can make blocks.
    NoCandidate,
    /// op-conductor's cluster has no leader.
    NoLeader,
    /// A sequencer may still make blocks.
    NotProvenStopped,
    /// Going on might lose blocks.
    UnsafeHeadLossNotAllowed,
}

impl Standing {
    /// The reason of the condition.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::NotObserved => "NotObserved",
            Self::NoAnswer => "NoAnswer",
            Self::NoSequencer => "NoSequencer",
            Self::HeadStandsStill => "HeadStandsStill",
            Self::SeveralActive => "SeveralActive",
            Self::Stopping => "Stopping",
            Self::Waiting => "Waiting",
            Self::Starting => "Starting",
            Self::NoCandidate => "NoCandidate",
            Self::NoLeader => "NoLeader",
            Self::NotProvenStopped => "NotProvenStopped",
            Self::UnsafeHeadLossNotAllowed => "UnsafeHeadLossNotAllowed",
        }
    }

    const fn status(self) -> ConditionStatus {
        match self {
            Self::Active => ConditionStatus::Yes,
            Self::NotObserved | Self::NoAnswer => ConditionStatus::Unknown,
            _ => ConditionStatus::No,
        }
    }
}

/// Where the chain stands, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// In one word.
    pub standing: Standing,
    /// For a person: who, why, and what to do.
    pub message: String,
}

impl Verdict {
    /// A verdict.
    pub fn new(standing: Standing, message: impl Into<String>) -> Self {
        Self { standing, message: message.into() }
    }

    /// They may still make blocks: says what proves that they don't, and by which word a person can vouch for it.
    pub fn not_proven(suspects: &[Suspect], word: &str, why: &str) -> Self {
        let join = |texts: Vec<String>| texts.join(", ");
        let names = join(suspects.iter().map(ToString::to_string).collect());
        let machines: BTreeSet<_> = suspects.iter().filter_map(Suspect::machine).collect();
        let taint = if machines.is_empty() {
            String::new()
        } else {
            let machines = machines.into_iter().collect::<Vec<_>>().join(" ");
            format!(
                ", or when you have switched its machine off and say so (kubectl taint node {machines} {OUT_OF_SERVICE}=nodeshutdown:NoExecute)"
            )
        };
        let message = format!(
            "{names} may still make blocks: {why}. Nothing is started beside it. It is proven stopped when it answers so, when its kubelet reports that this very pod has ended{taint}. If you know that it makes no blocks and never will by itself, annotate this network with {APPROVAL}: \"{word}\""
        );
        Self::new(Standing::NotProvenStopped, message)
    }

    /// Going on might lose blocks, and that is not allowed.
    pub fn loss_not_allowed(what: &str) -> Self {
        let message = format!(
            "{what}. Blocks that only it has would be lost: bring it back, or set spec.sequencer.ha.allowUnsafeHeadLoss: true to go on without them"
        );
        Self::new(Standing::UnsafeHeadLossNotAllowed, message)
    }

    /// Adds it to the network's answer, and what happened.
    pub fn tell(&self, notices: Vec<Notice>, answer: &mut Answer<NetworkStatus>) {
        let condition = self.condition();
        if condition.status == ConditionStatus::No && !answer.conditions.iter().any(|other| other.name == READY) {
            // Without figures, which change all the time.
            let message = format!("the condition {SEQUENCER_ACTIVE} says what is wrong and what to do");
            answer.condition(Condition::no(READY, &condition.reason, message));
        }
        answer.condition(condition);
        answer.events.extend(notices.into_iter().map(Event::from));
    }

    /// The condition.
    pub fn condition(&self) -> Condition {
        let condition = Condition::no(SEQUENCER_ACTIVE, self.standing.reason(), &self.message);
        Condition { status: self.standing.status(), ..condition }
    }
}
