//! What a challenger dials and reads beside L1, and the pod that does.

use opstack_sdk::answer::{Condition, Failure};
use opstack_sdk::kubernetes::{claim, mount, scratch_volume};
use opstack_sdk::opstack::component::{Component, Program, Wanted, Work};
use opstack_sdk::opstack::endpoint::Endpoint;
use opstack_sdk::opstack::flags::Flags;
use opstack_sdk::opstack::mounted::MountedFile;
use opstack_sdk::opstack::network::{ChainFile, GENESIS, L1_CHAIN_CONFIG, ROLLUP_CONFIG};
use opstack_sdk::opstack::node::Rpc;
use opstack_sdk::opstack::owned::Owned;
use opstack_sdk::opstack::upstream::Upstream;
use opstack_sdk::values::Address;

use crate::args;
use crate::games::Games;
use crate::spec::ChallengerSpec;

/// op-challenger as the spec documents it.
pub static PROGRAM: Program = Program {
    name: "op-challenger",
    role: "challenger",
    prefix: "OP_CHALLENGER",
    vital: ["op_challenger_up", "op_challenger_info"],
    image: "us-docker.pkg.dev/oplabs-tools-artifacts/images/op-challenger:v1.9.4",
    requests: ("200m", "512Mi"),
    limits: ("2000m", "4Gi"),
    // A transaction in flight is waited for: five confirmations of twelve seconds, and some more.
    grace_seconds: 120,
    flags: Flags { program: "op-challenger", table: include_str!("../flags/op-challenger.tsv") },
    owned: &[
        Owned::new("datadir", "spec.dataDir"),
        // A list that is given twice adds up.
        Owned::new("game-types", "spec.faultProof.traceType and additionalTraceTypes").aliases(&["trace-type"]),
    ],
};

const DATA: &str = "data";
const TMP: &str = "tmp";
/// Where the network's chain configuration of L1 is mounted.
const L1_PATH: &str = "/config/l1-chain-config.json";

/// What the program dials.
pub struct Endpoints {
    /// L1's beacon API.
    pub beacon: Upstream,
    /// L2's execution.
    pub eth: Upstream,
    /// L2's consensus.
    pub rollup: Option<Upstream>,
    /// A source of super roots.
    pub super_roots: Option<Upstream>,
}

impl Endpoints {
    /// Finds them.
    ///
    /// # Errors
    /// `waiting` when what is named does not exist.
    pub fn find(component: &Component<'_>, spec: &ChallengerSpec, games: &Games) -> Result<Self, Failure> {
        let (cx, namespace, network) = (component.cx, component.namespace(), &component.network);
        let beacon = network.l1_beacon(&spec.l1).ok_or_else(|| {
            Failure::waiting(format!(
                "a beacon API of L1: {} has neither l1BeaconUrl nor l1BeaconUrlFrom",
                network.title()
            ))
        })?;
        let l2 = component.l2(spec.sequencer_ref.as_ref());
        let eth = Endpoint::of(spec.l2_eth_rpc_from.as_ref(), spec.l2_eth_rpc.as_ref());
        let rollup = || Endpoint::of(spec.rollup_rpc_from.as_ref(), spec.rollup_rpc.as_ref());
        let super_roots = Endpoint::of(None, spec.super_root_rpc.as_ref());
        let wanted =
            |wanted: bool, url: Option<Endpoint>, field| wanted.then(|| l2.rpc(Rpc::Rollup, url, field)).transpose();
        Ok(Self {
            beacon: Upstream::of_url(cx, beacon, namespace)?,
            eth: l2.rpc(Rpc::Execution, eth, "spec.l2EthRpc")?,
            rollup: wanted(games.need_rollup_rpc(), rollup(), "spec.rollupRpc")?,
            super_roots: wanted(
                games.need_super_roots() || super_roots.is_some(),
                super_roots.or_else(rollup),
                "spec.superRootRpc",
            )?,
        })
    }

    /// The nodes behind them.
    pub fn nodes(&self) -> Vec<String> {
        Upstream::nodes([Some(&self.eth), self.rollup.as_ref(), self.super_roots.as_ref()].into_iter().flatten())
    }

    fn variables(&self) -> impl Iterator<Item = (&'static str, &Upstream)> {
        [
            ("OP_CHALLENGER_L1_BEACON", Some(&self.beacon)),
            ("OP_CHALLENGER_L2_ETH_RPC", Some(&self.eth)),
            ("OP_CHALLENGER_ROLLUP_RPC", self.rollup.as_ref()),
            // The flag was renamed after v1.9.4 (--supernode-rpc, now --superroot-rpc); this variable is read by both.
            ("OP_CHALLENGER_SUPERNODE_RPC", self.super_roots.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, upstream)| Some((name, upstream?)))
    }
}

/// Whether the node that the challenger believes keeps what it compares claims with: the states behind them, what was safe
/// at a block of L1, and for a step of the machine the witness. Nobody knows that of a node that is given by URL.
pub fn source_condition(component: &Component<'_>, spec: &ChallengerSpec, games: &Games) -> Condition {
    let by_url = [spec.l2_eth_rpc.is_some(), spec.l2_eth_rpc_from.is_some()].contains(&true)
        || [spec.rollup_rpc.is_some(), spec.rollup_rpc_from.is_some()].contains(&true);
    let source = (!by_url).then(|| component.source(spec.sequencer_ref.as_ref())).flatten();
    let wanted = Wanted { archive: true, safe_db: true, debug: games.need_prestate() };
    component.source_condition(source.as_ref(), wanted)
}

/// What the program knows the chain by.
pub enum Chain {
    /// Its name in the registry.
    Registry(String),
    /// Its files, and the path of L1's chain configuration where the programs do not know that L1.
    Files(Vec<MountedFile>, Option<String>),
    /// Nothing: its games need none.
    Unneeded,
}

impl Chain {
    /// Finds it.
    ///
    /// # Errors
    /// `waiting` when the network has not published a file, `invalid` when the set of chains is missing.
    pub fn find(component: &Component<'_>, spec: &ChallengerSpec, games: &Games) -> Result<Self, Failure> {
        let (cx, network) = (component.cx, &component.network);
        if !games.need_cannon() {
            return Ok(network.spec.registry_name().map_or(Self::Unneeded, |name| Self::Registry(name.into())));
        }
        let rollup = network.rollup_config(cx)?;
        if let ChainFile::Registry(name) = &rollup {
            return Ok(Self::Registry(name.clone()));
        }
        if games.need_depset() && spec.fault_proof.cannon.depset_config_path.is_none() {
            let message = "games of the type super-cannon-kona need the interop dependency set of a chain that is not of the superchain registry; mount it by spec.podTemplate and write its path";
            return Err(Failure::invalid("spec.faultProof.cannon.depsetConfigPath", message));
        }
        let cannon = &spec.fault_proof.cannon;
        let genesis = network.genesis(cx)?;
        if let ChainFile::Registry(_) = genesis {
            let what = format!(
                "spec.l2Genesis of {}: its rollup configuration is given, so its genesis has to be",
                network.title()
            );
            return Err(Failure::waiting(what));
        }
        let mut files = vec![
            (ROLLUP_CONFIG, rollup, cannon.rollup_config_path.as_str()),
            (GENESIS, genesis, cannon.l2_genesis_path.as_str()),
        ];
        let mut l1 = cannon.l1_genesis_path.clone();
        if l1.is_none()
            && games.need_prestate()
            && let Some(file) = network.l1_chain_config(cx)?
        {
            files.push((L1_CHAIN_CONFIG, file, L1_PATH));
            l1 = Some(L1_PATH.into());
        }
        let mounted = files
            .iter()
            .filter_map(|(which, file, path)| MountedFile::at(path, *which, file, network, cx, &component.app));
        Ok(Self::Files(mounted.collect(), l1))
    }
}

/// What op-challenger adds to its pod.
pub fn work(
    component: &Component<'_>,
    spec: &ChallengerSpec,
    games: &Games,
    factory: Option<&Address>,
    endpoints: &Endpoints,
    chain: Chain,
) -> Work {
    let storage = &spec.storage;
    let claim = claim(
        &component.app,
        DATA,
        storage.size.to_kubernetes(),
        storage.storage_class.as_deref(),
        storage.access_mode.as_str(),
        storage.snapshot.as_deref(),
    );
    let mut work = Work {
        args: args::args(spec, games, factory, &chain),
        env: endpoints.variables().map(|(name, upstream)| upstream.endpoint.env(name)).collect(),
        // Cannon and its servers make temporary files, and the root file system is read-only.
        volumes: vec![scratch_volume(TMP)],
        mounts: vec![mount(DATA, &spec.data_dir), mount(TMP, "/tmp")],
        claims: vec![claim],
        retention: spec.persistent_volume_claim_retention_policy,
        restart_on: endpoints.variables().filter_map(|(_, upstream)| upstream.fingerprint.clone()).collect(),
        ..Default::default()
    };
    if let Chain::Files(files, _) = chain {
        files.into_iter().for_each(|file| work.file(file));
    }
    work
}
