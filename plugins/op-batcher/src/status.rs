//! What is known of a running batcher.

use opstack_sdk::answer::{Condition, Probe};
use opstack_sdk::opstack::component::Component;
use opstack_sdk::opstack::observed::{Finding, metric, rpc_probe};
use opstack_sdk::opstack::status::{L1_CONNECTED, L2_CONNECTED, Phase};
use opstack_sdk::values::rfc3339;
use schemars::JsonSchema;
use serde::Serialize;

use crate::resources::Sequencer;

const L1: &str = "l1";
const L2: &str = "l2";
const METRICS: &str = "metrics";
/// `op-batcher/metrics/metrics.go`: Unix time of the last event by stage, and channels that wait.
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
    /// What the batcher did.
    pub batcher_info: BatcherInfo,
}

/// What the batcher did.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatcherInfo {
    /// The last transaction with data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_batch_submitted: Option<Batch>,
    /// Channels that are not on L1 yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_batches: Option<u64>,
    /// Transactions with data since the beginning. Absent: the program counts since its start only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_batches_submitted: Option<u64>,
}

/// A transaction with data. What the program's metrics don't tell is absent.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Block of L1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_number: Option<u64>,
    /// Hash of the transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_hash: Option<String>,
    /// When it was confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: Option<String>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gas_used: Option<u64>,
}

/// The questions to ask while the batcher runs.
pub fn probes(component: &Component<'_>, sequencer: Option<&Sequencer>) -> Vec<Probe> {
    let l1 = component.l1_target().map(|target| rpc_probe(L1, target, &[("eth_chainId", "[]")], &["/0"]));
    let l2 = sequencer
        .and_then(|sequencer| sequencer.eth.target.clone())
        .map(|target| rpc_probe(L2, target, &[("eth_chainId", "[]")], &["/0"]));
    let metrics = component.metrics_probe(METRICS, &[LAST_TX, QUEUE], &[&format!("/{LAST_TX}"), &format!("/{QUEUE}")]);
    l1.into_iter().chain(l2).chain(metrics).collect()
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

/// What the program's metrics tell.
pub fn info(component: &Component<'_>) -> BatcherInfo {
    let Finding::Answer(answer) = Finding::of(component.cx, METRICS) else { return BatcherInfo::default() };
    let confirmed = metric(&answer, LAST_TX, Some(("stage", "success"))).filter(|time| *time > 0.0);
    BatcherInfo {
        last_batch_submitted: confirmed
            .map(|time| Batch { timestamp: Some(rfc3339(time as u64)), ..Default::default() }),
        pending_batches: metric(&answer, QUEUE, None).map(|count| count as u64),
        total_batches_submitted: None,
    }
}
