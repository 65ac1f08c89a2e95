//! `spec.opNode`: settings of op-node.

use opstack_sdk::opstack::execution::{Cors, Port};
use opstack_sdk::opstack::references::{FromSecret, Reference, SecretKeyRef};
use opstack_sdk::opstack::signing::{PrivateKey, RemoteSigner};
use opstack_sdk::opstack::storage::Storage;
use opstack_sdk::values::{GoDuration, Int, ListenAddress};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of op-node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OpNodeSettings {
    /// How the chain is caught up with. Where absent: `execution-layer` for a replica of a chain of the superchain
    /// registry, else `consensus-layer`; a sequencer in the other mode would wait for blocks of somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_mode: Option<SyncMode>,
    /// Connections to other op-nodes.
    pub p2p: P2p,
    /// RPC server.
    pub rpc: Rpc,
    /// Block production.
    pub sequencer: Sequencer,
    /// Connection to the execution client.
    pub engine: Engine,
    /// Makes a light node: safe and finalized blocks are taken from another node instead of being derived from L1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_source: Option<FollowSource>,
    /// Record of which L1 block made which L2 block safe; challengers and some proposers ask for it.
    pub safe_db: SafeDb,
}

/// How the chain is caught up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SyncMode {
    /// The execution client fetches it from its peers.
    ExecutionLayer,
    /// It is derived from L1.
    ConsensusLayer,
}

impl SyncMode {
    /// The word that op-node takes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExecutionLayer => "execution-layer",
            Self::ConsensusLayer => "consensus-layer",
        }
    }
}

/// Connections to other op-nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct P2p {
    /// Whether there are any.
    pub enabled: bool,
    /// Port to listen on, TCP and UDP. op-node takes no port of the system.
    pub listen_port: Int<1024, 65535>,
    /// Search for peers.
    pub discovery: Discovery,
    /// Peers to stay connected to: multiaddrs (`/dns4/…/tcp/9003/p2p/16Uiu2HA…`), or the bare peer id of another node of
    /// this network. The network's sequencers are added.
    #[serde(rename = "static")]
    pub static_peers: Vec<String>,
    /// Scores, by which bad peers are left.
    pub peer_scoring: PeerScoring,
    /// op-node can't limit its bandwidth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth_limit: Option<String>,
    /// Key of the node's identity. Where several sources are given: secretRef, derive, generate.
    pub private_key: P2pKey,
    /// Address that is told to others, for nodes that can be dialled from outside.
    pub advertise: Advertise,
}

impl Default for P2p {
    fn default() -> Self {
        Self {
            enabled: true,
            listen_port: Int::of(9003),
            discovery: Discovery::default(),
            static_peers: vec![],
            peer_scoring: PeerScoring::default(),
            bandwidth_limit: None,
            private_key: P2pKey::default(),
            advertise: Advertise::default(),
        }
    }
}

/// Search for peers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Discovery {
    /// Whether peers are searched for. Where absent: not for a sequencer, else yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Where the search begins: `enr:…` or `enode://…`. A network of the superchain registry has some built in.
    pub bootnodes: Vec<String>,
}

/// Scores, by which bad peers are left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PeerScoring {
    /// Whether peers are scored.
    pub enabled: bool,
}

impl Default for PeerScoring {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Key of a node's identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct P2pKey {
    /// A key of your own: 32 bytes in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
    /// A key that each pod derives from a root, its namespace and its name: the same after every move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derive: Option<Derive>,
    /// A key that the operator makes once and keeps. This is the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate: Option<bool>,
}

/// A key derived from a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Derive {
    /// The root: any text without blanks. Whoever knows it knows all keys.
    pub root_secret_ref: SecretKeyRef,
}

/// Address that is told to others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Advertise {
    /// IPv4 address, or a name that op-node resolves when it starts. `$(POD_IP)` and `$(POD_NAME)` are filled in. Where
    /// absent and peers are searched for on a chain of one's own: the pod's name in the cluster's DNS. Nothing on a public
    /// network, where that would lead nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9._:()$-]+$"))]
    pub address: Option<String>,
    /// Port, TCP and UDP. Where absent: `service.p2p.nodePort`, else the one listened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<Int<1024, 65535>>,
}

/// RPC server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rpc {
    /// Whether anything but the pod itself may call it. op-node can't turn its server off: `false` keeps it on the
    /// loopback, without the admin API.
    pub enabled: bool,
    /// Address to listen on; on the loopback only the pod itself reaches it.
    pub host: ListenAddress,
    /// Port to listen on.
    pub port: Port,
    /// Whether the `admin` methods are served. Where absent: for a sequencer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_admin: Option<bool>,
    /// op-node sends no CORS headers.
    pub cors: Cors,
}

impl Default for Rpc {
    fn default() -> Self {
        Self {
            enabled: true,
            host: ListenAddress::all(),
            port: Int::of(9545),
            enable_admin: None,
            cors: Cors::default(),
        }
    }
}

/// Block production.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Sequencer {
    /// Whether a node of type sequencer makes blocks. Where absent: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Boots without making blocks, until `admin_startSequencer` is called: for a standby beside another sequencer.
    /// Where absent: the second sequencer of a network, and only that, waits so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<bool>,
    /// Time between blocks, for readers: the rollup configuration decides, and must say the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_time: Option<GoDuration>,
    /// op-node can't limit the number of transactions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tx_per_block: Option<Int>,
    /// L1 blocks to wait before one becomes the origin of an L2 block.
    pub l1_confs: Int,
    /// Most L2 blocks ahead of the safe one; 0 for no limit.
    pub max_safe_lag: Int,
    /// Key that signs the blocks which are gossiped: that of the chain's `unsafeBlockSigner`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PrivateKey>,
    /// Remote signer in place of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<RemoteSigner>,
}

impl Default for Sequencer {
    fn default() -> Self {
        Self {
            enabled: None,
            stopped: None,
            block_time: None,
            max_tx_per_block: None,
            l1_confs: Int::of(4),
            max_safe_lag: Int::of(0),
            key: None,
            signer: None,
        }
    }
}

/// Connection to the execution client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Engine {
    /// Secret that the two share. Where several sources are given: secretRef, ephemeral, generate.
    pub jwt_secret: JwtSecret,
    /// URL of the engine API: on the loopback, with the port of `networking.authrpc`, because the execution client is
    /// in the same pod. Where absent: that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Secret between op-node and the execution client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JwtSecret {
    /// A secret of your own: 32 bytes in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
    /// Made afresh in memory by each pod; it is in no Secret.
    pub ephemeral: bool,
    /// Made once by the operator, and kept. This is the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate: Option<bool>,
}

/// Another node to follow. Where several are given: nodeRef, urlFrom, url.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FollowSource {
    /// Another `OpNode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_ref: Option<Reference>,
    /// URL in a Secret, of an op-node, or of an op-supernode's chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_from: Option<FromSecret>,
    /// URL of an op-node, or of an op-supernode's chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://\S+$"))]
    pub url: Option<String>,
}

/// Record of which L1 block made which L2 block safe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SafeDb {
    /// Whether it is kept.
    pub enabled: bool,
    /// The volume for it.
    pub storage: Storage<10>,
}
