//! `.spec` of an `OpProposer`: the fields of the specification with their defaults, and additions.

use opstack_sdk::component_spec;
use opstack_sdk::opstack::references::{FromSecret, Reference};
use opstack_sdk::opstack::rpc::Rpc;
use opstack_sdk::opstack::transactions::L1Transaction;
use opstack_sdk::values::{AddressOrEmpty, GoDuration, Int};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

component_spec! {
    /// What the user wants of a proposer.
    pub struct ProposerSpec {
        /// The node whose outputs are proposed. Where neither it nor the URLs below are given, the `OpNode` called
        /// `<network>-sequencer` beside the network.
        #[serde(default)]
        pub sequencer_ref: Option<Reference>,
        /// URL of an op-node RPC, for one outside the cluster; a comma-separated list follows the active sequencer.
        /// Goes before `sequencerRef`.
        #[serde(default)]
        pub rollup_rpc: Option<String>,
        /// The same in a Secret; goes before `rollupRpc`.
        #[serde(default)]
        pub rollup_rpc_from: Option<FromSecret>,
        /// URLs of sources of super roots, for the game types 4, 5, 9 and 10. Where absent, the op-node of
        /// `sequencerRef` or `rollupRpc`, which needs a safe head database (`--safedb.path`) for that.
        #[serde(default)]
        pub super_root_rpcs: Vec<String>,
        /// L2OutputOracle of a chain without fault proofs. Found in the network's status where empty.
        #[serde(default)]
        pub l2_output_oracle_addr: AddressOrEmpty,
        /// When and what is proposed.
        #[serde(default)]
        pub proposal: Proposal,
        /// Dispute games of a chain with fault proofs.
        #[serde(default)]
        pub dispute_game: DisputeGame,
        /// Whether to begin only when the source's op-node has read L1 up to where it is at the start.
        #[serde(default = "yes")]
        pub wait_node_sync: bool,
        /// Transactions on L1.
        #[serde(default)]
        pub l1_transaction: L1Transaction<5>,
        /// RPC server of the proposer.
        #[serde(default)]
        pub rpc: Rpc<8560>,
    }
}

fn yes() -> bool {
    true
}

/// When and what is proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Proposal {
    /// How often it is checked whether a proposal is due.
    pub poll_interval: GoDuration,
    /// Proposes blocks that L1 has not finalized. For testnets: refused on Ethereum mainnet.
    pub allow_non_finalized: bool,
    /// How often a proposal is due.
    pub output_interval: GoDuration,
}

impl Default for Proposal {
    fn default() -> Self {
        Self {
            poll_interval: GoDuration::of_secs(12),
            allow_non_finalized: false,
            output_interval: GoDuration::of_secs(1800),
        }
    }
}

/// Dispute games of a chain with fault proofs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DisputeGame {
    /// DisputeGameFactory. Found in the network's status where empty.
    pub factory_addr: AddressOrEmpty,
    /// Type of the games to create: 0 cannon, 1 permissioned, 5 super-permissioned, 8 cannon-kona, 9
    /// super-cannon-kona, …
    pub game_type: Int<0, 4_294_967_295>,
}

impl Default for DisputeGame {
    fn default() -> Self {
        Self { factory_addr: AddressOrEmpty::default(), game_type: Int::of(0) }
    }
}
