//! `.spec` of an `OpNode`: consensus (op-node) and execution (op-reth, op-geth, …) of one node.
//!
//! What is inherited from the network, or follows from the node's role, is optional and has no default in the schema:
//! the API server would otherwise fill it in before the plugin can decide.

use k8s_openapi::api::core::v1::EnvVar;
use opstack_sdk::crd::any_object;
use opstack_sdk::opstack::consent::MemberRole;
use opstack_sdk::opstack::endpoint::L1Spec;
use opstack_sdk::opstack::execution::ExecutionSettings;
use opstack_sdk::opstack::overrides::env_schema;
use opstack_sdk::opstack::policy::NetworkPolicySpec;
use opstack_sdk::opstack::references::{FromSecret, Reference};
use opstack_sdk::opstack::shared::{LoggingSpec, MetricsSpec, ResourcesSpec, SecuritySpec};
use opstack_sdk::opstack::storage::ClaimRetention;
use opstack_sdk::values::{Int, ListenAddress};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod conductor;
mod consensus;
mod service;

pub use conductor::{ConductorSpec, HealthCheck};
pub use consensus::{Derive, FollowSource, JwtSecret, OpNodeSettings, P2p, P2pKey, SafeDb, Sequencer, SyncMode};
pub use service::{P2pService, PortSpec, Protocol, ServiceSpec, ServiceType};

/// `.spec` of an `OpNode`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpNodeSpec {
    /// The network that the node belongs to.
    pub optimism_network_ref: Reference,
    /// Whether the node makes blocks or follows.
    pub node_type: NodeType,
    /// The sequencer that a replica sends transactions to. Where absent: `sequencerUrlFrom`, else `sequencerUrl`, else the sequencer among the
    /// network's nodes, else the Service `<network>-sequencer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer_ref: Option<Reference>,
    /// URL of a sequencer outside of the cluster, for replicas of a public network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(https?|wss?)://\S+$"))]
    pub sequencer_url: Option<String>,
    /// The same in a Secret, for a URL that holds a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer_url_from: Option<FromSecret>,

    /// Consensus: op-node.
    #[serde(default)]
    pub op_node: OpNodeSettings,
    /// op-conductor, beside the op-node of a sequencer whose network has `spec.sequencer.ha.mode: Conductor`.
    #[serde(default)]
    pub conductor: ConductorSpec,
    /// Execution: op-geth, unless `executionClient` names another client, which then gets these settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op_geth: Option<ExecutionSettings>,
    /// Which execution client runs, and how.
    #[serde(default)]
    pub execution_client: ExecutionClient,

    /// Requests and limits, inherited from the network key by key.
    #[serde(default)]
    pub resources: NodeResources,
    /// The Service that users and other components dial.
    #[serde(default)]
    pub service: ServiceSpec,
    /// Who may dial the node.
    #[serde(default)]
    pub network_policy: NetworkPolicySpec,

    /// L1 endpoints, where they differ from those of the network.
    #[serde(default)]
    pub l1: L1Spec,
    /// Log settings; inherited from the network field by field.
    #[serde(default)]
    pub logging: LoggingSpec,
    /// Metrics settings; inherited from the network field by field. The execution client's metrics have a port of
    /// their own.
    #[serde(default)]
    pub metrics: MetricsSpec,
    /// Identity of the processes; inherited from the network field by field.
    #[serde(default)]
    pub security: SecuritySpec,

    /// Pods. 0 stops the node and keeps its data. More than one is for replicas only.
    #[serde(default = "one")]
    pub replicas: Int<0, 100>,
    /// Whether pods whose template changed wait for those of the network's other nodes.
    #[serde(default)]
    pub rollout: Rollout,
    /// What becomes of the volumes of the node, those of the execution client and of the safe head database.
    #[serde(default)]
    pub persistent_volume_claim_retention_policy: ClaimRetention,
    /// Image of op-node; the release that the operator was made for where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Arguments of op-node after the rendered ones; one that is rendered too takes its place. No secrets: everybody
    /// who can read pods sees them.
    #[serde(default)]
    pub extra_args: Vec<String>,
    /// Environment of op-node beside the rendered one; an entry of the same name takes its place.
    #[serde(default)]
    #[schemars(schema_with = "env_schema")]
    pub extra_env: Vec<EnvVar>,
    /// Merged over the pod template by the rules of a strategic merge patch.
    #[serde(default)]
    #[schemars(schema_with = "any_object")]
    pub pod_template: Value,
    /// Leaves everything of this object as it is.
    #[serde(default)]
    pub paused: bool,
}

fn one() -> Int<0, 100> {
    Int::of(1)
}

/// Whether a node makes blocks or follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeType {
    /// Makes the chain's blocks.
    Sequencer,
    /// Follows the chain and serves it.
    Replica,
}

/// Which execution client runs, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecutionClient {
    /// Name of the client's plugin: `reth`, `geth`, …. Where absent: that of the network, else `geth` if `opGeth` is
    /// given, else `reth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z0-9-]{1,40}$"))]
    pub name: Option<String>,
    /// Image of the client; the release that its plugin was made for where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Arguments of the client after the rendered ones; one that is rendered too takes its place.
    pub extra_args: Vec<String>,
    /// Environment of the client.
    #[schemars(schema_with = "env_schema")]
    pub extra_env: Vec<EnvVar>,
    /// How the node changes to another client: `InPlace` makes its pods anew, which then sync; with `SideBySide` as many further pods
    /// sync beside the old ones, which serve till then. The old client's claims stay in any case, and are found again.
    pub strategy: Strategy,
    /// Settings of the client, with the fields of `opGeth`, before which they go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<ExecutionSettings>,
}

/// Whether pods whose template changed wait for those of the network's other nodes. One that is not even ready is replaced at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Rollout {
    /// Of all the nodes of the network that are replaced in turn, one pod is replaced at a time; the next one when that is ready
    /// again, and at the chain's head where it was there before.
    #[default]
    InTurn,
    /// They don't wait for other nodes, nor for the chain's head: each when the one before of the same node is ready.
    AtOnce,
}

/// How a node changes to another client. Data directories are not portable: the new client begins with an empty volume,
/// and the old one's stays and is found again on the way back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Strategy {
    /// The node's pods are made anew with the other client, and sync.
    #[default]
    InPlace,
    /// As many further pods as the node has sync beside those of the old client, which serve till then and go when the Services
    /// lead to the new ones. For replicas whose op-node can be asked and whose pods have keys of their own for p2p.
    SideBySide,
}

/// Requests and limits of the two containers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeResources {
    /// Of op-node. In the end: 500m and 1Gi, at most 2 CPUs and 4Gi.
    pub op_node: ResourcesSpec,
    /// Of the execution client, whichever runs. In the end: 2 CPUs and 8Gi, at most 8 CPUs and 32Gi.
    pub op_geth: ResourcesSpec,
}

impl OpNodeSpec {
    /// The image of op-node that the user chose, and the field that names it: a pod template's counts.
    pub fn chosen_image(&self) -> Option<(&'static str, &str)> {
        let containers = self.pod_template["spec"]["containers"].as_array().into_iter().flatten();
        let mut images = containers.filter(|container| container["name"] == "op-node").map(|own| &own["image"]);
        let image = images.find_map(Value::as_str).map(|image| ("spec.podTemplate", image));
        image.or_else(|| Some(("spec.image", self.image.as_deref()?)))
    }

    /// Whether this is a node that makes blocks, or would if it were started.
    pub fn is_sequencer(&self) -> bool {
        self.node_type == NodeType::Sequencer
    }

    /// What the node is for its network.
    pub fn role(&self) -> MemberRole {
        if self.is_sequencer() { MemberRole::Sequencer } else { MemberRole::Replica }
    }

    /// Whether op-node runs with its sequencer.
    pub fn sequences(&self) -> bool {
        self.is_sequencer() && self.op_node.sequencer.enabled.unwrap_or(true)
    }

    /// op-node's RPC address: the loopback when the server is switched off.
    pub fn rpc_host(&self) -> ListenAddress {
        let rpc = &self.op_node.rpc;
        if rpc.enabled { rpc.host.clone() } else { ListenAddress::loopback() }
    }

    /// The URLs that stand in plain sight, by their fields.
    pub fn plain_urls(&self) -> [(&'static str, Option<&String>); 4] {
        let follow = self.op_node.follow_source.as_ref();
        [
            ("spec.l1.rpcUrl", self.l1.rpc_url.as_ref()),
            ("spec.l1.beaconUrl", self.l1.beacon_url.as_ref()),
            ("spec.sequencerUrl", self.sequencer_url.as_ref()),
            ("spec.opNode.followSource.url", follow.and_then(|source| source.url.as_ref())),
        ]
    }

    /// Settings of the execution client as given.
    pub fn execution_settings(&self) -> Option<&ExecutionSettings> {
        self.execution_client.settings.as_ref().or(self.op_geth.as_ref())
    }

    /// Pods wanted.
    pub fn pods(&self) -> i32 {
        i32::try_from(self.replicas.get()).unwrap_or(i32::MAX)
    }
}
