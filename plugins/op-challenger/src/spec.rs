//! `.spec` of an `OpChallenger`: the fields of the specification with their defaults, and additions.

use opstack_sdk::answer::{Failure, FieldError};
use opstack_sdk::component_spec;
use opstack_sdk::opstack::references::{FromSecret, Reference};
use opstack_sdk::opstack::storage::{ClaimRetention, Storage};
use opstack_sdk::values::{Address, AddressOrEmpty, GoDuration, Int};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

component_spec! {
    /// What the user wants of a challenger.
    pub struct ChallengerSpec {
        /// The node that the challenger believes: an archive with the `debug` API and a safe head database
        /// (`--safedb.path`). Where neither it nor the URLs below are given, the `OpNode` called `<network>-sequencer`
        /// beside the network.
        #[serde(default)]
        pub sequencer_ref: Option<Reference>,
        /// URL of an L2 execution RPC. Goes before `sequencerRef`.
        #[serde(default)]
        pub l2_eth_rpc: Option<String>,
        /// The same in a Secret; goes before `l2EthRpc`.
        #[serde(default)]
        pub l2_eth_rpc_from: Option<FromSecret>,
        /// URL of an op-node RPC. Goes before `sequencerRef`.
        #[serde(default)]
        pub rollup_rpc: Option<String>,
        /// The same in a Secret; goes before `rollupRpc`.
        #[serde(default)]
        pub rollup_rpc_from: Option<FromSecret>,
        /// URL of a source of super roots (op-supernode, or the op-node of a single chain), for the types
        /// super-cannon-kona and zk. Where absent, the op-node of `sequencerRef` or `rollupRpc`.
        #[serde(default)]
        pub super_root_rpc: Option<String>,
        /// The games.
        #[serde(default)]
        pub dispute_game: DisputeGame,
        /// How a game is played.
        #[serde(default)]
        pub fault_proof: FaultProof,
        /// Where the challenger keeps its state.
        #[serde(default = "data_dir")]
        #[schemars(regex(pattern = "^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$"))]
        pub data_dir: String,
        /// The volume for that.
        #[serde(default)]
        pub storage: Storage<100>,
        /// What becomes of that volume.
        #[serde(default)]
        pub persistent_volume_claim_retention_policy: ClaimRetention,
        /// How games are watched.
        #[serde(default)]
        pub monitoring: Monitoring,
        /// op-challenger has no RPC server: this has no effect.
        #[serde(default)]
        pub rpc: NoRpc,
    }
}

fn data_dir() -> String {
    "/data/challenger".into()
}

/// The games.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DisputeGame {
    /// DisputeGameFactory. Found in the network's status where empty.
    pub factory_addr: AddressOrEmpty,
    /// The only games to play; all where empty.
    pub game_allowlist: Vec<Address>,
}

/// How a game is played.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FaultProof {
    /// Type of the games to play.
    pub trace_type: TraceType,
    /// More of them: after a chain moved to another type, the open games of the old one are still played.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional_trace_types: Vec<TraceType>,
    /// The fault proof machine.
    pub cannon: Cannon,
}

/// Types of games that op-challenger plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TraceType {
    /// op-program on cannon, before Karst.
    #[default]
    Cannon,
    /// For tests.
    Alphabet,
    /// Among trusted actors.
    Permissioned,
    /// kona on cannon, since Karst.
    CannonKona,
    /// kona on cannon over super roots.
    SuperCannonKona,
    /// Validity proofs.
    Zk,
    /// For tests.
    Fast,
}

/// The fault proof machine. All paths are those inside the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Cannon {
    /// Absolute path of cannon.
    pub bin: String,
    /// Path of op-program, the server of the type cannon: an executable, not a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Absolute path of kona-host, the server of the types with kona.
    pub kona_server: String,
    /// Path of the absolute prestate's file; or its hash, under which `prestatesUrl` has to hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prestate: Option<String>,
    /// Where the files of absolute prestates are, each under its hash: `https://…` or `file:///…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(https?|file)://\S+$"))]
    pub prestates_url: Option<String>,
    /// Where the network's rollup configuration is mounted, for a chain that is not of the superchain registry.
    #[schemars(regex(pattern = "^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$"))]
    pub rollup_config_path: String,
    /// Where the network's genesis is mounted, for a chain that is not of the superchain registry.
    #[schemars(regex(pattern = "^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$"))]
    pub l2_genesis_path: String,
    /// Absolute path of the chain configuration of an L1 that the programs do not know, where it is mounted by `podTemplate`
    /// rather than taken from the network's `l1ChainConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_genesis_path: Option<String>,
    /// Absolute path of the interop dependency set, for super-cannon-kona on a chain that is not of the superchain registry;
    /// mount it by `podTemplate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depset_config_path: Option<String>,
}

impl Default for Cannon {
    fn default() -> Self {
        Self {
            bin: "/usr/local/bin/cannon".into(),
            server: None,
            kona_server: "/usr/local/bin/kona-host".into(),
            prestate: None,
            prestates_url: None,
            rollup_config_path: "/config/rollup.json".into(),
            l2_genesis_path: "/config/genesis.json".into(),
            l1_genesis_path: None,
            depset_config_path: None,
        }
    }
}

impl Cannon {
    /// A relative path would lead somewhere else in every image: the directory in which the program is started is not
    /// promised.
    ///
    /// # Errors
    /// `invalid`, with each that is relative.
    pub fn check_paths(&self) -> Result<(), Failure> {
        let paths = [
            ("bin", Some(&self.bin)),
            ("konaServer", Some(&self.kona_server)),
            ("rollupConfigPath", Some(&self.rollup_config_path)),
            ("l2GenesisPath", Some(&self.l2_genesis_path)),
            ("l1GenesisPath", self.l1_genesis_path.as_ref()),
            ("depsetConfigPath", self.depset_config_path.as_ref()),
        ];
        let relative = paths.into_iter().filter_map(|(field, path)| {
            let path = path.filter(|path| !path.starts_with('/'))?;
            let message =
                format!("{path:?} is no absolute path; write that of the file inside the container, from / on");
            Some(FieldError::new(format!("spec.faultProof.cannon.{field}"), message))
        });
        let errors: Vec<_> = relative.collect();
        Failure::check(errors)
    }
}

/// How games are watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Monitoring {
    /// How often L1 is asked for a new block, and with it for new games.
    pub interval: GoDuration,
    /// Blocks to wait for after a transaction.
    pub num_confirmations: Int<1>,
    /// Games that are worked on at the same time.
    pub max_games: Int<1>,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self { interval: GoDuration::of_minutes(1), num_confirmations: Int::of(5), max_games: Int::of(100) }
    }
}

/// What the specification has for an RPC server, which the program lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NoRpc {
    /// No effect.
    pub enabled: bool,
    /// No effect.
    pub host: String,
    /// No effect.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
}

impl Default for NoRpc {
    fn default() -> Self {
        Self { enabled: true, host: "127.0.0.1".into(), port: 8545 }
    }
}
