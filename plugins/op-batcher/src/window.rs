//! Whether the data still reaches L1 in time. What is not posted within the sequencing window is dropped by every node, which
//! then fills the chain with empty blocks (specs, derivation: `seq_window_size`).
//!
//! The sequencer's op-node knows: its safe head is the last block that it found posted, and that block names the block of L1
//! that it was made on. Only what op-node has read of L1 counts, so one that is itself behind raises no alarm.

use opstack_sdk::Context;
use opstack_sdk::answer::{Condition, Event, Probe};
use opstack_sdk::opstack::observed::{self, Finding, rpc_probe};
use serde_json::Value;

use crate::resources::Sequencer;

/// Condition: the data reaches L1 well before the window ends.
const NAME: &str = "WithinSequencingWindow";
/// Reason of the alarm.
const LATE: &str = "NothingPosted";
const PROBE: &str = "window";
/// The methods that are asked for.
pub const METHODS: [&str; 2] = ["optimism_syncStatus", "optimism_rollupConfig"];
/// Alarm after this part of the window: three of the twelve hours that it usually has.
const PART: u64 = 4;

/// How far the posted data is behind.
struct Lag {
    /// The block of L1 that the last posted block was made on.
    posted: u64,
    /// Blocks of L1 that op-node has read since.
    read: u64,
    /// Blocks of L1 in the window.
    window: u64,
}

impl Lag {
    fn of(answer: &Value) -> Option<Self> {
        let [status, rollup] = [0, 1].map(|index| observed::result(answer, index));
        let (status, rollup) = (status.ok()?, rollup.ok()?);
        let posted = status["safe_l2"]["l1origin"]["number"].as_u64()?;
        let read = status["current_l1"]["number"].as_u64()?.saturating_sub(posted);
        Some(Self { posted, read, window: rollup["seq_window_size"].as_u64()? })
    }

    fn is_late(&self) -> bool {
        self.read > self.window / PART
    }

    fn alarm(&self) -> String {
        let Self { posted, window, .. } = self;
        format!(
            "nothing is posted that was made after block {posted} of L1; from block {} on every node drops what is not. See why op-batcher does not post: its log, spec.replicas, the balance of its account",
            posted + window
        )
    }
}

/// What the sequencer's op-node tells of its chain.
pub struct Told {
    /// The rollup configuration.
    pub rollup: Value,
    /// Timestamp of the newest block of L1 that it knows, in seconds.
    pub l1_time: Option<u64>,
}

impl Told {
    /// What it told last, where that is not old.
    pub fn of(cx: &Context<'_>) -> Option<Self> {
        let Finding::Answer(answer) = Finding::of(cx, PROBE) else { return None };
        let rollup = observed::result(&answer, 1).ok()?.clone();
        let status = observed::result(&answer, 0).ok();
        let l1_time = status.and_then(|status| status["head_l1"]["timestamp"].as_u64()).filter(|time| *time > 0);
        Some(Self { rollup, l1_time })
    }
}

/// The question; again with each block of L1 that op-node has read.
pub fn probe(sequencer: Option<&Sequencer>) -> Option<Probe> {
    let target = sequencer?.rollup.target.clone()?;
    Some(rpc_probe(PROBE, target, &METHODS.map(|method| (method, "[]")), &["/0/result/current_l1/number", "/0/error"]))
}

/// The condition; its message stays the same from block to block.
pub fn condition(cx: &Context<'_>, sequencer: Option<&Sequencer>) -> Condition {
    let observable = sequencer.is_none_or(|sequencer| sequencer.rollup.target.is_some());
    let finding = Finding::seek(cx, PROBE, observable);
    finding.condition(NAME, "the sequencer's op-node", |answer| match Lag::of(answer) {
        None => Condition::unknown(NAME, "NotTold", "the sequencer's op-node does not tell how far it has read L1"),
        Some(lag) if lag.is_late() => Condition::no(NAME, LATE, lag.alarm()),
        Some(Lag { window, .. }) => {
            let message = format!("the sequencer's blocks are posted well within the window of {window} blocks of L1");
            Condition::yes(NAME, "PostedInTime", message)
        }
    })
}

/// The warning that goes with the alarm.
pub fn warning(condition: &Condition) -> Option<Event> {
    (condition.reason == LATE).then(|| Event::warning(LATE, &condition.message))
}
