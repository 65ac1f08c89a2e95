//! `.status` of an `OptimismNetwork`, written by its plugin and read by the others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contracts::Contracts;
use super::roles::Roles;
use super::sequencing::SequencingStatus;

/// `.status` without conditions. A fact that nobody measured is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkStatus {
    /// In one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<NetworkPhase>,
    /// Facts about the chain.
    pub network_info: NetworkInfo,
    /// Who may do what on L1. A role that is not known is absent.
    #[serde(skip_serializing_if = "Roles::is_unknown")]
    pub roles: Roles,
    /// The sequencers, where the operator chooses among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequencing: Option<SequencingStatus>,
    /// Service of the network's namespace that leads to whichever sequencer makes blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequencer_service: Option<String>,
}

/// A network in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkPhase {
    /// Something is missing, or was not measured yet.
    Pending,
    /// Valid, and L1 answers.
    Ready,
    /// Invalid, or L1 does not answer.
    Error,
}

/// Facts about the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkInfo {
    /// When the chain began: `genesis.l2_time` of its rollup configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub deployment_timestamp: Option<String>,
    /// When a fact of this block was measured last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub last_updated: Option<String>,
    /// Addresses of the contracts.
    pub discovered_contracts: DiscoveredContracts,
    /// Where the rollup configuration is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollup_config: Option<PublishedFile>,
    /// Where the genesis is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l2_genesis: Option<PublishedFile>,
    /// Where the chain configuration of L1 is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1_chain_config: Option<PublishedFile>,
}

/// A file of the chain in a ConfigMap of the network's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PublishedFile {
    /// Name of the ConfigMap.
    pub config_map: String,
    /// Key in it.
    pub key: String,
    /// Where it came from: `inline`, `configMapRef`, or `autoDiscover` (a running op-node of the chain).
    pub source: String,
}

/// Addresses of the contracts, and how they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DiscoveredContracts {
    /// The addresses.
    #[serde(flatten)]
    pub contracts: Contracts,
    /// When they were looked up on chain last; absent for those that come from the spec or a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub last_discovery_time: Option<String>,
    /// How they were found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery_method: Option<DiscoveryMethod>,
    /// Digest of the part of the spec that they were looked up for. While it is the same and L1 gives no answer, they
    /// are kept; another spec forgets them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_digest: Option<String>,
}

/// How addresses were found. Where several ways were needed, the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiscoveryMethod {
    /// Read from the SystemConfig contract.
    SystemConfig,
    /// From the superchain registry.
    SuperchainRegistry,
    /// From the operator's table.
    WellKnown,
    /// From the spec.
    Manual,
}
