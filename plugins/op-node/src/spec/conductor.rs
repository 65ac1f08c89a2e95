//! `spec.conductor`: settings of op-conductor.

use k8s_openapi::api::core::v1::EnvVar;
use opstack_sdk::opstack::conductor::{CONSENSUS_PORT, RPC_PORT};
use opstack_sdk::opstack::execution::Port;
use opstack_sdk::opstack::overrides::env_schema;
use opstack_sdk::opstack::shared::ResourcesSpec;
use opstack_sdk::opstack::storage::Storage;
use opstack_sdk::values::Int;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// op-conductor, which runs beside the op-node of a sequencer where the network has `spec.sequencer.ha.mode: Conductor`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConductorSpec {
    /// Port of its RPC, by which the operator forms the cluster, and batchers and proposers reach the sequencer that leads.
    pub rpc_port: Port,
    /// Port by which the members of the cluster talk to each other.
    pub consensus_port: Port,
    /// When it takes its sequencer for unhealthy, and lets another one lead.
    pub health_check: HealthCheck,
    /// The volume for what the members have agreed on.
    pub storage: Storage<1>,
    /// Requests and limits, inherited from the network key by key.
    pub resources: ResourcesSpec,
    /// Image of op-conductor; the release that the operator was made for where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Arguments of op-conductor after the rendered ones; one that is rendered too takes its place.
    pub extra_args: Vec<String>,
    /// Environment of op-conductor beside the rendered one; an entry of the same name takes its place.
    #[schemars(schema_with = "env_schema")]
    pub extra_env: Vec<EnvVar>,
}

impl Default for ConductorSpec {
    fn default() -> Self {
        Self {
            rpc_port: Int::of(RPC_PORT.into()),
            consensus_port: Int::of(CONSENSUS_PORT.into()),
            health_check: HealthCheck::default(),
            storage: Storage::default(),
            resources: ResourcesSpec::default(),
            image: None,
            extra_args: vec![],
            extra_env: vec![],
        }
    }
}

/// When op-conductor takes its sequencer for unhealthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthCheck {
    /// Seconds between two looks.
    pub interval_seconds: Int<1, 3600>,
    /// Seconds that the newest block may be old: at least two or three times the chain's block time.
    pub unsafe_interval_seconds: Int<1, 3600>,
    /// Peers that op-node has to have; the other sequencers are among them.
    pub min_peer_count: Int<1, 1000>,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self { interval_seconds: Int::of(1), unsafe_interval_seconds: Int::of(10), min_peer_count: Int::of(1) }
    }
}
