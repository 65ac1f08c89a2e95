//! `OptimismNetwork`: the spec, and the view that the other kinds have of one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NETWORK;
use super::allowed::AllowedNamespaces;
use super::consent::{Consent, MemberRole, Referrer};
use super::contracts::Contracts;
use super::endpoint::{Endpoint, L1Spec, check_url};
use super::references::{FromSecret, Reference};
use super::roles::Roles;
use super::sequencing::{HaMode, SequencerSpec};
use super::shared::SharedConfig;
use crate::answer::{Failure, FieldError};
use crate::cluster::Context;
use crate::object::Object;
use crate::values::{Address, AddressOrEmpty, GoDuration, Int};

pub use super::chain_file::{ChainFile, ConfigSource, File, GENESIS, L1_CHAIN_CONFIG, ROLLUP_CONFIG, Source};
pub use super::network_status::{DiscoveredContracts, DiscoveryMethod, NetworkInfo, NetworkStatus, PublishedFile};

/// Chains that have left the superchain registry, or never came into the one that the programs carry: op-node v1.16.13
/// and v1.19.6 exit on these names (`invalid network`), and op-reth v2.4.0 has none of them.
pub const LEFT_REGISTRY: [&str; 6] =
    ["arena-z-mainnet", "base-devnet-0-sepolia-dev-0", "base-mainnet", "base-sepolia", "snax-mainnet", "swell-mainnet"];

/// `.spec` of an `OptimismNetwork`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkSpec {
    /// Name in the superchain registry (`op-mainnet`, `op-sepolia`, …), for a chain that is registered there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z0-9-]*$"))]
    pub network_name: Option<String>,
    /// Chain id of the L2.
    #[serde(rename = "chainID")]
    pub chain_id: Int<1>,
    /// Chain id of the L1: 1 for Ethereum, 11155111 for Sepolia.
    #[serde(rename = "l1ChainID")]
    pub l1_chain_id: Int<1>,

    /// URL of the L1's execution RPC: a single one, as op-node takes a single one; several endpoints with failover are
    /// the work of a proxy such as proxyd, whose URL goes here. Put one that holds an API key into a Secret, and name it in `l1RpcUrlFrom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(https?|wss?)://\S+$"))]
    pub l1_rpc_url: Option<String>,
    /// URL of the L1's execution RPC in a Secret; goes before `l1RpcUrl`. Components in other namespaces need a
    /// Secret of the same name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l1_rpc_url_from: Option<FromSecret>,
    /// URL of the L1's beacon API, which serves the blobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://\S+$"))]
    pub l1_beacon_url: Option<String>,
    /// URL of the L1's beacon API in a Secret; goes before `l1BeaconUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l1_beacon_url_from: Option<FromSecret>,
    /// URL of an execution RPC of the L2, by which the operator looks for the predeploys; where absent, the network's
    /// sequencer in the cluster is asked. No program uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://\S+$"))]
    pub l2_rpc_url: Option<String>,
    /// That URL in a Secret; goes before `l2RpcUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l2_rpc_url_from: Option<FromSecret>,
    /// URL of the RPC of a running op-node of the chain, from which `rollupConfig.autoDiscover` takes the rollup
    /// configuration; where absent, the network's sequencer in the cluster is asked. No program uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://\S+$"))]
    pub rollup_rpc_url: Option<String>,
    /// That URL in a Secret; goes before `rollupRpcUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollup_rpc_url_from: Option<FromSecret>,
    /// How long an answer of L1 may take (at most 30s).
    #[serde(default = "ten_seconds")]
    pub l1_rpc_timeout: GoDuration,

    /// The chain's rollup configuration; where several sources are given: inline, configMapRef, url, autoDiscover.
    #[serde(default)]
    pub rollup_config: ConfigSource,
    /// The chain's genesis; where several sources are given: inline, configMapRef, url, autoDiscover.
    #[serde(default)]
    pub l2_genesis: ConfigSource,
    /// Chain configuration of the L1 (a genesis, or its `config`), for an L1 that is none of mainnet, sepolia, holesky
    /// and hoodi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l1_chain_config: Option<ConfigSource>,
    /// Contracts on L1.
    #[serde(default)]
    pub contract_addresses: ContractAddresses,
    /// What the components inherit.
    #[serde(default)]
    pub shared_config: SharedConfig,
    /// The execution client of nodes that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_client: Option<ExecutionClientChoice>,
    /// The sequencers.
    #[serde(default)]
    pub sequencer: SequencerSpec,
    /// From which other namespaces nodes and components may join the network; from none where nothing is said.
    #[serde(default)]
    pub allowed_namespaces: AllowedNamespaces,
    /// Leaves everything of this object as it is.
    #[serde(default)]
    pub paused: bool,
}

/// Which execution client nodes run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionClientChoice {
    /// Name of the client's plugin: `reth`, `geth`, ….
    #[schemars(regex(pattern = "^[a-z0-9-]{1,40}$"))]
    pub name: String,
}

/// Contracts of the chain on L1. An address that is given here is never replaced by a discovered one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ContractAddresses {
    /// SystemConfig, from which the others can be read.
    pub system_config_addr: AddressOrEmpty,
    /// L2OutputOracle; chains with fault proofs have none.
    pub l2_output_oracle_addr: AddressOrEmpty,
    /// DisputeGameFactory; chains without fault proofs have none.
    pub dispute_game_factory_addr: AddressOrEmpty,
    /// OptimismPortal.
    pub optimism_portal_addr: AddressOrEmpty,
    /// L1CrossDomainMessenger.
    pub l1_cross_domain_messenger_addr: AddressOrEmpty,
    /// L1StandardBridge.
    pub l1_standard_bridge_addr: AddressOrEmpty,
    /// How the missing addresses are found.
    pub discovery_method: Discovery,
    /// How long discovered addresses are kept before they are looked up again; at least 15 seconds. Another spec
    /// forgets them at once.
    pub cache_timeout: GoDuration,
}

impl Default for ContractAddresses {
    fn default() -> Self {
        Self {
            system_config_addr: AddressOrEmpty::default(),
            l2_output_oracle_addr: AddressOrEmpty::default(),
            dispute_game_factory_addr: AddressOrEmpty::default(),
            optimism_portal_addr: AddressOrEmpty::default(),
            l1_cross_domain_messenger_addr: AddressOrEmpty::default(),
            l1_standard_bridge_addr: AddressOrEmpty::default(),
            discovery_method: Discovery::Auto,
            cache_timeout: GoDuration::of_hours(24),
        }
    }
}

/// How addresses are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Discovery {
    /// All ways, in this order: SystemConfig, registry, the table of well-known networks.
    #[default]
    Auto,
    /// The superchain registry.
    SuperchainRegistry,
    /// The table of well-known networks.
    WellKnown,
    /// Only what the spec says.
    Manual,
}

fn ten_seconds() -> GoDuration {
    GoDuration::of_secs(10)
}

impl NetworkSpec {
    /// The network's own L1 execution RPC.
    pub fn l1_rpc(&self) -> Option<Endpoint> {
        Endpoint::of(self.l1_rpc_url_from.as_ref(), self.l1_rpc_url.as_ref())
    }

    /// The network's own L1 beacon API.
    pub fn l1_beacon(&self) -> Option<Endpoint> {
        Endpoint::of(self.l1_beacon_url_from.as_ref(), self.l1_beacon_url.as_ref())
    }

    /// What is wrong with the ids: op-node takes no chain that is its own L1 (`Config.Check` of `op-node/rollup/types.go`, v1.19.6).
    pub fn chain_id_error(&self) -> Option<FieldError> {
        let (own, l1) = (self.chain_id.get(), self.l1_chain_id.get());
        (own == l1).then(|| {
            let message =
                format!("{l1} is the id of the L2 too (spec.chainID); write that of the L1, such as 1 for Ethereum");
            FieldError::new("spec.l1ChainID", message)
        })
    }

    /// What is wrong with the URLs of L1.
    pub fn l1_errors(&self) -> Vec<FieldError> {
        let fields = [("spec.l1RpcUrl", &self.l1_rpc_url), ("spec.l1BeaconUrl", &self.l1_beacon_url)];
        fields.into_iter().filter_map(|(path, url)| check_url(path, url.as_ref())).collect()
    }

    /// The L2's execution RPC that the operator asks, where the network names one.
    pub fn l2_rpc(&self) -> Option<Endpoint> {
        Endpoint::of(self.l2_rpc_url_from.as_ref(), self.l2_rpc_url.as_ref())
    }

    /// The RPC of an op-node that the operator asks, where the network names one.
    pub fn rollup_rpc(&self) -> Option<Endpoint> {
        Endpoint::of(self.rollup_rpc_url_from.as_ref(), self.rollup_rpc_url.as_ref())
    }

    /// The name that the programs take for `--network`, for a chain of the superchain registry.
    pub fn registry_name(&self) -> Option<&str> {
        // The registry names chains by file and folder: `<chain>-mainnet`, `<chain>-sepolia`. Which ones a program
        // knows depends on its release, so a list here would only lag behind.
        let name = self.network_name.as_deref()?;
        let registered = name.ends_with("-mainnet") || name.ends_with("-sepolia") || name.contains("-sepolia-dev-");
        (registered && !LEFT_REGISTRY.contains(&name)).then_some(name)
    }

    /// The name of a chain that was in the superchain registry once, and that the programs refuse now.
    pub fn former_registry_name(&self) -> Option<&str> {
        self.network_name.as_deref().filter(|name| LEFT_REGISTRY.contains(name))
    }
}

/// A network as its components see it.
#[derive(Clone, Debug)]
pub struct Network {
    /// Name of the object.
    pub name: String,
    /// Namespace of the object.
    pub namespace: String,
    /// What its author wants.
    pub spec: NetworkSpec,
    /// What its plugin found out.
    pub status: NetworkStatus,
}

impl Network {
    /// The network that an object of a role in `namespace` refers to by `spec.optimismNetworkRef`.
    ///
    /// # Errors
    /// `waiting` when it does not exist; names it. `not permitted` when it does not let objects of that namespace take part.
    /// `other` when it does not parse.
    pub fn find(cx: &Context<'_>, role: MemberRole, namespace: &str, reference: &Reference) -> Result<Self, Failure> {
        let network = Self::read(cx, reference.namespace(namespace), &reference.name)?;
        let referrer = Referrer { role, namespace, field: "spec.optimismNetworkRef" };
        let instead = format!("make an {} in {namespace} and name that", NETWORK.kind);
        network.consent().check(cx, referrer, &network.title(), &instead)?;
        Ok(network)
    }

    /// What may take part in it.
    pub fn consent(&self) -> Consent<'_> {
        Consent { namespace: &self.namespace, network: &self.name, allowed: &self.spec.allowed_namespaces }
    }

    /// The network of a name, whoever asks.
    pub(super) fn read(cx: &Context<'_>, namespace: &str, name: &str) -> Result<Self, Failure> {
        let object: Object<NetworkSpec> = cx.require(&NETWORK.to_ref(), namespace, name)?;
        let Object { metadata, spec, status } = object;
        // A status that does not parse was written by another version: as good as none.
        let status = serde_json::from_value(status).unwrap_or_default();
        Ok(Self { name: metadata.name, namespace: metadata.namespace, spec, status })
    }

    /// `OptimismNetwork ns/name`, for messages.
    pub fn title(&self) -> String {
        format!("OptimismNetwork {}/{}", self.namespace, self.name)
    }

    /// Who decides which of its sequencers makes the blocks.
    pub fn ha_mode(&self) -> HaMode {
        self.spec.sequencer.ha.mode
    }

    /// Whether op-conductor's cluster is there, be it of one member: from then on one of its RPCs leads to the active sequencer.
    pub fn is_conducted(&self) -> bool {
        let Some(sequencing) = &self.status.sequencing else { return false };
        sequencing.conductor.as_ref().is_some_and(|cluster| cluster.formed || sequencing.active.is_some())
    }

    /// The L1 execution RPC of a component.
    ///
    /// # Errors
    /// `waiting` when neither the component nor the network has one, or the network's is none; `invalid` when the component's is
    /// none.
    pub fn l1_rpc(&self, own: &L1Spec) -> Result<Endpoint, Failure> {
        self.check_l1(own)?;
        own.rpc().or_else(|| self.spec.l1_rpc()).ok_or_else(|| {
            Failure::waiting(format!("an L1 endpoint: {} has neither l1RpcUrl nor l1RpcUrlFrom", self.title()))
        })
    }

    fn check_l1(&self, own: &L1Spec) -> Result<(), Failure> {
        let errors = own.errors();
        Failure::check(errors)?;
        let told =
            |error: &FieldError| format!("one URL in {} of {}, which {}", error.path, self.title(), error.message);
        self.spec.l1_errors().first().map_or(Ok(()), |error| Err(Failure::waiting(told(error))))
    }

    /// The L1 beacon API of a component, if there is one.
    pub fn l1_beacon(&self, own: &L1Spec) -> Option<Endpoint> {
        own.beacon().or_else(|| self.spec.l1_beacon())
    }

    /// An address of the spec, or else the one that the network's plugin found.
    pub fn contract(&self, which: fn(&Contracts) -> Option<&Address>) -> Option<&Address> {
        which(&self.status.network_info.discovered_contracts.contracts)
    }

    /// Who may do what on L1, as far as the network's plugin knows it.
    pub fn roles(&self) -> &Roles {
        &self.status.roles
    }

    /// Where the chain's rollup configuration is.
    ///
    /// # Errors
    /// See [`File::locate`].
    pub fn rollup_config(&self, cx: &Context<'_>) -> Result<ChainFile, Failure> {
        ROLLUP_CONFIG.locate(cx, self, &self.spec.rollup_config)
    }

    /// Where the chain configuration of the L1 is; nothing where the programs know the L1.
    ///
    /// # Errors
    /// `waiting` when they don't and the network names none; else see [`File::locate`].
    pub fn l1_chain_config(&self, cx: &Context<'_>) -> Result<Option<ChainFile>, Failure> {
        // op-node v1.19.6, op-node/service.go and op-service/eth: mainnet, sepolia, holesky, hoodi.
        const KNOWN: [u64; 4] = [1, 11_155_111, 17_000, 560_048];
        let source = self.spec.l1_chain_config.as_ref().filter(|source| !source.given().is_empty());
        match source {
            _ if KNOWN.contains(&self.spec.l1_chain_id.get()) => Ok(None),
            Some(source) => L1_CHAIN_CONFIG.locate(cx, self, source).map(Some),
            None => Err(Failure::waiting(format!(
                "spec.{} of {}: the programs do not know an L1 with the chain id {}, so they need inline, configMapRef or url",
                L1_CHAIN_CONFIG.field,
                self.title(),
                self.spec.l1_chain_id
            ))),
        }
    }

    /// Where the chain's genesis is.
    ///
    /// # Errors
    /// See [`File::locate`].
    pub fn genesis(&self, cx: &Context<'_>) -> Result<ChainFile, Failure> {
        GENESIS.locate(cx, self, &self.spec.l2_genesis)
    }
}
