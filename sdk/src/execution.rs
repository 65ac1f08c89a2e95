//! Execution clients: the documents of `execution-client.render`, and the trait that a client's plugin implements.
//!
//! Both documents are JSON that may grow: a reader ignores fields it does not know, and an absent field means its
//! default.

use k8s_openapi::api::core::v1::{Container, Volume};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::answer::Failure;
use crate::opstack::execution::ExecutionSettings;
use crate::opstack::owned::OwnedSetting;
use crate::opstack::shared::Logging;

/// Variable of a node's containers with peers that come and go, separated by commas.
pub const SIBLINGS: &str = "SIBLINGS";

/// An execution client of the OP Stack.
pub trait ExecutionClient {
    /// What `spec.executionClient.name` says.
    const NAME: &'static str;
    /// Semantic version of the plugin.
    const VERSION: &'static str;
    /// Format of the data directory; claims of different formats are never exchanged.
    const DATA_FORMAT: &'static str;

    /// Maps the settings to a pod fragment. Pure.
    ///
    /// # Errors
    /// `invalid` with paths relative to the settings, prefixed by `settings.`; the node's plugin rewrites them.
    fn render(request: &ClientRequest) -> Result<ClientFragment, Failure>;
}

/// What the node's plugin asks of a client's plugin.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientRequest {
    /// Name of the node's object; claims and volumes may use it.
    pub node: String,
    /// Namespace of the node's object.
    pub namespace: String,
    /// True for a sequencer, false for a replica.
    pub sequencer: bool,
    /// Where the chain's genesis comes from.
    pub genesis: Genesis,
    /// Chain id of the L2.
    pub chain_id: u64,
    /// The settings of the user (`spec.opGeth` or `spec.executionClient.settings`), defaults filled in.
    pub settings: ExecutionSettings,
    /// Image asked for; the client's default where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Arguments to add after the rendered ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_args: Vec<String>,
    /// Path of the engine JWT inside the container; the file exists before the client starts.
    pub jwt_path: String,
    /// File with the key of the client's p2p identity, 64 hexadecimal digits. `$(POD_NAME)` in it is for Kubernetes to
    /// expand in arguments; the node's plugin gives that variable to all containers.
    pub node_key: String,
    /// Peers (`enode://…`) to stay connected to, beside those of the settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<String>,
    /// More peers (`enode://…`), which come and go: a change of them MUST change nothing but `files`. In arguments,
    /// `$(SIBLINGS)` stands for them, separated by commas; the node's plugin gives that variable to all containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub siblings: Vec<String>,
    /// Where transactions are forwarded to: `http://…`, or a variable to expand in arguments, `$(…)`, that the node's
    /// plugin gives to all containers. Absent on a sequencer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer_http: Option<String>,
    /// The batcher's throttling needs the `miner` API.
    #[serde(default)]
    pub miner_api: bool,
    /// op-node hands over each block, from the first one on (`--syncmode=consensus-layer`): the client MUST take them on an
    /// empty database, whatever the settings say of how states are fetched.
    #[serde(default)]
    pub block_by_block: bool,
    /// Log settings after inheritance.
    pub logging: Logging,
    /// Whether metrics are served.
    pub metrics: bool,
    /// Volumes that the node's plugin offers, and where the client may mount them.
    pub mounts: Mounts,
}

/// Where the genesis comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Genesis {
    /// A network of the superchain registry, by its name there: `op-mainnet`.
    Network(String),
    /// A genesis file inside the pod, on the volume [`Mounts::genesis`].
    File(String),
}

/// Volumes of the pod, by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mounts {
    /// Holds the engine JWT.
    pub jwt: MountPoint,
    /// Holds the key of the p2p identity.
    pub node_key: MountPoint,
    /// Holds the genesis file, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub genesis: Option<MountPoint>,
    /// Holds the fragment's `files`, if it has any.
    pub files: MountPoint,
}

/// A volume and the directory where it is mounted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MountPoint {
    /// Name of the volume.
    pub volume: String,
    /// Directory.
    pub path: String,
}

/// The client's part of the node's pod.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientFragment {
    /// Containers; the first is the client itself.
    pub containers: Vec<Container>,
    /// Run before all containers, in order; must be idempotent.
    pub init_containers: Vec<Container>,
    /// Volumes beside the claims.
    pub volumes: Vec<Volume>,
    /// Volumes with a claim for each pod.
    pub claims: Vec<Claim>,
    /// Configuration files by name, on the volume [`Mounts::files`]. No secrets.
    pub files: BTreeMap<String, String>,
    /// What of `files` the pod must be restarted for, as one text that changes with it; all of them where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_on: Option<String>,
    /// Ports for the node's Services.
    pub ports: Ports,
    /// Format of the data directory.
    pub data_format: String,
    /// Settings that can't change while data exists, as one text that changes with any of them.
    pub immutable: String,
    /// What the client needs to stop cleanly, in seconds.
    pub grace_period_seconds: i64,
    /// Settings that this client lacks or that make no sense to it.
    pub unsupported: Vec<Unsupported>,
    /// Value of op-node's `--l2.enginekind`: `geth` or `reth`.
    pub engine_kind: String,
    /// Settings of the client that no hand may change: where it listens, its keys and its data. The node's plugin holds the
    /// containers against them after the user's pod template was merged; the client's plugin checks `extra_args` itself.
    pub owned: Vec<OwnedSetting>,
}

/// A claim template of the StatefulSet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Name of the template; made of the client and its data format, so that clients never share data.
    pub name: String,
    /// Size, e.g. `1Ti`.
    pub size: String,
    /// Storage class; the cluster's default where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// e.g. `ReadWriteOnce`.
    pub access_mode: String,
    /// VolumeSnapshot from which a new volume is filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

/// Ports on which the client listens; a port that is closed is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ports {
    /// JSON-RPC over HTTP.
    pub http: Option<u16>,
    /// JSON-RPC over WebSocket.
    pub ws: Option<u16>,
    /// Engine API, on the loopback only: never in a Service.
    pub engine: u16,
    /// Execution p2p, TCP and UDP.
    pub p2p: Option<u16>,
    /// Prometheus metrics.
    pub metrics: Option<u16>,
    /// Path of the metrics.
    pub metrics_path: Option<String>,
}

/// A setting that the client lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsupported {
    /// Relative to the settings: `txpool.journal`.
    pub path: String,
    /// What happens instead.
    pub reason: String,
}
