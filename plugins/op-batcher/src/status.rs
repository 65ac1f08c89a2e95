//! What is known of a running batcher.

use opstack_sdk::answer::{Condition, Probe};
use opstack_sdk::opstack::component::{Account, Component, LastSent, Process, Sent};
use opstack_sdk::opstack::observed::{metric, rpc_probe};
use opstack_sdk::opstack::status::{L1_CONNECTED, L2_CONNECTED, Phase};
use opstack_sdk::values::rfc3339;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::resources::Sequencer;

const L1: &str = "l1";
/// The probe of the sequencer's execution RPC.
pub const L2: &str = "l2";
/// `op-batcher/metrics/metrics.go`: Unix time of the last event by stage, and channels in memory.
const LAST_TX: &str = "op_batcher_default_last_batcher_tx_unix";
const QUEUE: &str = "op_batcher_default_channel_queue_length";

/// `.status` without conditions. A fact that nobody measured is absent.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatcherStatus {
    /// In one word.
    pub phase: Phase,
    /// The account that posts the data. The chain's SystemConfig has to name it (`batcherHash`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Ether of the account on L1. Absent while L1 does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<String>,
    /// The nodes whose RPCs it dials (`namespace/name`); none where it is given URLs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Processes of the program that may be running: of pods that were bound to a machine and are not known to have ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<Process>,
    /// What the batcher did.
    pub batcher_info: BatcherInfo,
}

/// What the batcher did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BatcherInfo {
    /// The last transaction with data that is known; it stays while nobody answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_batch_submitted: Option<Batch>,
    /// Channels in the batcher's memory: being filled, on their way, or not derived by the sequencer yet. Absent while the
    /// batcher does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_batches: Option<u64>,
    /// Transactions that the account has on L1. Absent while L1 does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_batches_submitted: Option<u64>,
}

/// A transaction with data. What nobody tells is absent: block, hash and gas need an L1 endpoint that serves
/// `eth_getTransactionBySenderAndNonce`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Batch {
    /// Block of L1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_number: Option<u64>,
    /// Hash of the transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_hash: Option<String>,
    /// Time of its block; where nobody tells that, when the batcher saw it confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: Option<String>,
    /// Gas that it used, beside that of its blobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gas_used: Option<u64>,
    /// What it paid: for its gas and its blobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_gwei: Option<u64>,
}

/// The questions to ask while the batcher runs.
pub fn probes(component: &Component<'_>, sequencer: Option<&Sequencer>) -> Vec<Probe> {
    let l1 = component.l1_target().map(|target| rpc_probe(L1, target, &[("eth_chainId", "[]")], &["/0"]));
    let l2 = sequencer
        .and_then(|sequencer| sequencer.eth.target.clone())
        .map(|target| rpc_probe(L2, target, &[("eth_chainId", "[]"), ("rpc_modules", "[]")], &["/0", "/1"]));
    l1.into_iter().chain(l2).chain(component.metrics_probe(&[LAST_TX, QUEUE])).collect()
}

/// The conditions about L1 and L2.
pub fn connections(component: &Component<'_>, sequencer: Option<&Sequencer>) -> [Condition; 2] {
    let l2 = sequencer.map(|sequencer| &sequencer.eth);
    [
        component.l1_condition(L1, |_| {
            Condition::yes(L1_CONNECTED, "ConnectionEstablished", "Connected to L1 RPC endpoint")
        }),
        component.l2_condition(L2, l2, "the sequencer's execution RPC", |_| {
            Condition::yes(L2_CONNECTED, "SequencerReachable", "Connected to L2 sequencer")
        }),
    ]
}

/// What the program's metrics and L1 tell; `known` is the status of before.
pub fn info(component: &Component<'_>, known: &Value) -> BatcherInfo {
    let known: BatcherInfo = serde_json::from_value(known["batcherInfo"].clone()).unwrap_or_default();
    let told = component.told();
    let told = |name, label| told.as_ref().and_then(|answer| metric(answer, name, label));
    let known = known.last_batch_submitted;
    let last = match LastSent::of(component.cx) {
        LastSent::Known(sent) if is_batch(&sent) => Some(Batch::from(sent)),
        LastSent::Known(_) => known,
        // What L1 told is about one transaction: it is kept whole until L1 tells of the next.
        LastSent::NotYet if known.as_ref().is_some_and(|batch| batch.block_number.is_some()) => known,
        // The program knows of none until it has sent one itself.
        LastSent::NotYet | LastSent::NotServed => told(LAST_TX, Some(("stage", "success")))
            .filter(|time| *time > 0.0)
            .map(|time| Batch { timestamp: Some(rfc3339(time as u64)), ..Default::default() })
            .or(known),
    };
    BatcherInfo {
        last_batch_submitted: last,
        pending_batches: told(QUEUE, None).map(|count| count as u64),
        total_batches_submitted: Account::of(component.cx).map(|account| account.transactions),
    }
}

impl From<Sent> for Batch {
    fn from(sent: Sent) -> Self {
        Self {
            block_number: Some(sent.block),
            transaction_hash: Some(sent.hash),
            timestamp: sent.time.map(rfc3339),
            gas_used: Some(sent.gas),
            fee_gwei: Some(sent.fee_gwei),
        }
    }
}

/// Whether a transaction carries data: the batcher sends others to its own account, to replace what is stuck.
fn is_batch(sent: &Sent) -> bool {
    sent.succeeded && sent.to != sent.from
}
