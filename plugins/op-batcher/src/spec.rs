//! `.spec` of an `OpBatcher`: the fields of the specification with their defaults, and additions.

use opstack_sdk::component_spec;
use opstack_sdk::opstack::references::{FromSecret, Reference};
use opstack_sdk::opstack::rpc::Rpc;
use opstack_sdk::opstack::transactions::L1Transaction;
use opstack_sdk::values::{GoDuration, Int, Ratio};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

component_spec! {
    /// What the user wants of a batcher.
    pub struct BatcherSpec {
        /// The sequencer whose blocks are posted. Where neither it nor the URLs below are given, the `OpNode` called
        /// `<network>-sequencer` beside the network.
        #[serde(default)]
        pub sequencer_ref: Option<Reference>,
        /// URL of the sequencer's execution RPC, for one outside the cluster; a comma-separated list follows the active
        /// sequencer. Goes before `sequencerRef`.
        #[serde(default)]
        pub l2_eth_rpc: Option<String>,
        /// The same in a Secret; goes before `l2EthRpc`.
        #[serde(default)]
        pub l2_eth_rpc_from: Option<FromSecret>,
        /// URL of the sequencer's op-node RPC, for one outside the cluster; as many as in `l2EthRpc`. Goes before
        /// `sequencerRef`.
        #[serde(default)]
        pub rollup_rpc: Option<String>,
        /// The same in a Secret; goes before `rollupRpc`.
        #[serde(default)]
        pub rollup_rpc_from: Option<FromSecret>,
        /// How blocks are put together.
        #[serde(default)]
        pub batching: Batching,
        /// Where the data goes.
        #[serde(default)]
        pub data_availability: DataAvailability,
        /// What happens when L1 can't keep up.
        #[serde(default)]
        pub throttling: Throttling,
        /// Whether to begin only when the sequencer's op-node has read L1 up to where it is at the start: what was posted
        /// right before a restart is not posted again.
        #[serde(default = "yes")]
        pub wait_node_sync: bool,
        /// Transactions on L1.
        #[serde(default)]
        pub l1_transaction: L1Transaction<10>,
        /// RPC server of the batcher.
        #[serde(default)]
        pub rpc: Rpc<8548>,
    }
}

fn yes() -> bool {
    true
}

/// How blocks are put together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Batching {
    /// How long a channel stays open; becomes L1 blocks of 12 s, at least one. "0s" keeps it open until it is full.
    pub max_channel_duration: GoDuration,
    /// L1 blocks by which data goes out before its deadline.
    pub sub_safety_margin: Int,
    /// Bytes of a transaction with calldata. Blobs are always filled.
    pub target_l1_tx_size: Int<2>,
    /// Frames of a channel. A blob holds one frame: with blobs, 1 leaves the number to
    /// `dataAvailability.maxBlobsPerTx`, which also bounds a larger one.
    pub target_num_frames: Int<1>,
    /// Expected compression, for the compressor `ratio`.
    pub approx_compr_ratio: Ratio,
    /// Compressor.
    pub compressor: Compressor,
}

impl Default for Batching {
    fn default() -> Self {
        Self {
            max_channel_duration: GoDuration::of_minutes(10),
            sub_safety_margin: Int::of(10),
            target_l1_tx_size: Int::of(120_000),
            target_num_frames: Int::of(1),
            approx_compr_ratio: Ratio::of(0.4),
            compressor: Compressor::Shadow,
        }
    }
}

/// How the size of compressed data is known before a channel is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compressor {
    /// By compressing twice: never over the target.
    #[default]
    Shadow,
    /// By an expected ratio.
    Ratio,
    /// Not compressed.
    None,
}

/// Where the data goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DataAvailability {
    /// Kind of transaction.
    #[serde(rename = "type")]
    pub kind: DataAvailabilityType,
    /// Blobs of one transaction; L1 takes six at most (EIP-7594).
    pub max_blobs_per_tx: Int<1, 6>,
}

impl Default for DataAvailability {
    fn default() -> Self {
        Self { kind: DataAvailabilityType::Blobs, max_blobs_per_tx: Int::of(6) }
    }
}

/// Kind of transaction that carries the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DataAvailabilityType {
    /// Blobs (EIP-4844).
    Blobs,
    /// Calldata.
    Calldata,
    /// Whichever is cheaper at the time.
    Auto,
}

/// What happens when L1 can't keep up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Throttling {
    /// Whether the sequencer is made to build smaller blocks. It needs the `miner` API of the execution client, which an
    /// `OpNode` of the type sequencer serves; without it op-batcher would end, so it is not started.
    pub enabled: bool,
    /// Transactions in flight; 0 for no limit.
    pub max_pending_tx: Int,
    /// op-batcher has no such setting.
    pub backlog_safety_margin: Int,
}

impl Default for Throttling {
    fn default() -> Self {
        Self { enabled: true, max_pending_tx: Int::of(10), backlog_safety_margin: Int::of(10) }
    }
}
