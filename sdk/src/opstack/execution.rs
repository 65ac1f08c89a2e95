//! Settings of an execution client: `spec.opGeth` and `spec.executionClient.settings` of an `OpNode`.
//!
//! The fields and their defaults are those that were documented for op-geth. Other clients serve the same fields by
//! flags of their own, and name those that they lack.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::storage::Storage;
use crate::values::{Address, GoDuration, Int};

mod networking;

pub use networking::{AuthRpc, Cors, Http, Networking, P2p, Ws};

/// Port to listen on.
pub type Port = Int<1, 65535>;

/// All settings of an execution client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecutionSettings {
    /// The chain's name, for readers: must be that of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Where the volume with the chain's data is mounted: `/data/geth` for op-geth, `/data/reth` for op-reth.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$"))]
    pub data_dir: Option<String>,
    /// The volume.
    pub storage: Storage<1024>,
    /// How the chain's state is fetched first. It is `full` wherever op-node's mode is consensus-layer: there op-node hands
    /// over block by block, which op-geth in the mode snap does not take.
    pub sync_mode: SyncMode,
    /// Which states are kept.
    pub gc_mode: GcMode,
    /// Layout of the state. Can't change while data exists.
    pub state_scheme: StateScheme,
    /// Memory for caches, in megabytes.
    pub cache: Int<16, 1_048_576>,
    /// Database of op-geth. Can't change while data exists.
    pub db_engine: DbEngine,
    /// Where the client listens.
    pub networking: Networking,
    /// The pool of transactions.
    pub txpool: TxPool,
    /// Settings of the OP Stack.
    pub rollup: Rollup,
}

impl Default for ExecutionSettings {
    fn default() -> Self {
        Self {
            network: None,
            data_dir: None,
            storage: Storage::default(),
            sync_mode: SyncMode::default(),
            gc_mode: GcMode::default(),
            state_scheme: StateScheme::default(),
            cache: Int::of(4096),
            db_engine: DbEngine::default(),
            networking: Networking::default(),
            txpool: TxPool::default(),
            rollup: Rollup::default(),
        }
    }
}

/// How the chain's state is fetched first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SyncMode {
    /// A recent state from peers.
    #[default]
    Snap,
    /// Every block is executed.
    Full,
}

/// Which states are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GcMode {
    /// Recent ones.
    #[default]
    Full,
    /// All of them.
    Archive,
}

/// Layout of the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StateScheme {
    /// By path.
    #[default]
    Path,
    /// By hash.
    Hash,
}

/// Database of op-geth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DbEngine {
    /// Pebble.
    #[default]
    Pebble,
    /// LevelDB.
    Leveldb,
}

macro_rules! words {
    ($($name:ident { $($case:ident = $word:literal),* })*) => {$(
        impl $name {
            /// The word that the clients take.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$case => $word),* }
            }
        }
    )*};
}
words! {
    SyncMode { Snap = "snap", Full = "full" }
    GcMode { Full = "full", Archive = "archive" }
    StateScheme { Path = "path", Hash = "hash" }
    DbEngine { Pebble = "pebble", Leveldb = "leveldb" }
}

/// The pool of transactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TxPool {
    /// Accounts whose transactions count as local.
    pub locals: Vec<Address>,
    /// Whether transactions that come over the RPC get no privilege.
    pub no_locals: bool,
    /// File in the data directory that keeps local transactions; empty for none.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]*$"))]
    pub journal: String,
    /// Whether the file keeps those of others too.
    pub journal_remotes: bool,
    /// How long a transaction that can't be executed waits.
    pub lifetime: GoDuration,
    /// What a replacement must pay more, in percent.
    pub price_bump: Int,
    /// Executable transactions guaranteed to an account.
    pub account_slots: Int,
    /// Executable transactions of all accounts.
    pub global_slots: Int,
    /// Transactions that wait, of one account.
    pub account_queue: Int,
    /// Transactions that wait, of all accounts.
    pub global_queue: Int,
}

impl Default for TxPool {
    fn default() -> Self {
        Self {
            locals: vec![],
            no_locals: true,
            journal: "transactions.rlp".into(),
            journal_remotes: false,
            lifetime: GoDuration::parse("1h").unwrap_or_else(|_| GoDuration::of_secs(3600)),
            price_bump: Int::of(10),
            account_slots: Int::of(16),
            global_slots: Int::of(5120),
            account_queue: Int::of(64),
            global_queue: Int::of(1024),
        }
    }
}

/// Settings of the OP Stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rollup {
    /// Whether transactions are kept from the peers.
    pub disable_tx_pool_gossip: bool,
    /// Whether the pending block is made of the pool, which shows what is in there.
    pub compute_pending_block: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::structural;

    #[test]
    fn nothing_given_is_the_documented_default() {
        let settings: ExecutionSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, ExecutionSettings::default());
        assert_eq!(settings.storage.size.as_str(), "1Ti");
    }

    #[test]
    fn the_schema_fills_nested_defaults() {
        let schema = structural::<ExecutionSettings>();
        assert_eq!(schema["properties"]["cache"]["default"], 4096);
        assert_eq!(schema["properties"]["networking"]["properties"]["http"]["properties"]["port"]["default"], 8545);
        assert_eq!(schema["properties"]["stateScheme"]["enum"], serde_json::json!(["path", "hash"]));
    }
}
