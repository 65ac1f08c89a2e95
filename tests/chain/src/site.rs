//! The chain from nothing to blocks.

use std::{
    env,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, address};
use anyhow::{Context as _, Result, ensure};
use cluster::{Cluster, Life, images};
use control_plane::Kubectl;
use l1::{Accounts, Artifacts, Chain, Deployer, FaultProofs, quantity};
use op_programs::OpPrograms;
use serde_json::{Value, json};

use crate::{
    L1_CHAIN_ID, Layer, VOICE,
    genesis::{self, GenesisBlock, L1Block},
    operator,
};

/// The namespace of the chain.
pub const CHAIN: &str = "chain";
/// The nodes of it: the sequencer, then the replicas.
pub const NODES: [&str; 3] = ["devnet-sequencer", "replica", "replica-of-l1"];

const L1: &str = "l1";
const RPC: u16 = 8545;
/// What is needed to make the custom resources, and is made when the chain begins.
const FILES: &str = "devnet-chain";
const L1_MANIFESTS: &str = include_str!("../files/l1.yaml");
const CUSTOM_RESOURCES: &str = include_str!("../files/chain.yaml");
const SECRETS: &str = include_str!("../../../examples/secrets.yaml");
const SYSTEM_CONFIG: Address = address!("5FbDB2315678afecb367f032d93F642f64180aa3");

const POLL: Duration = Duration::from_millis(200);
const SOON: &str = "--timeout=300s";
/// Generous: the machine may be compiling something else, and a proposal is made every minute.
const PATIENCE: Duration = Duration::from_secs(240);

/// Those whose keys are in the Secrets.
fn accounts() -> Accounts {
    Accounts {
        owner: address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        batcher: address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        proposer: address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
        challenger: address!("90F79bf6EB2c4f870365E785982E1f101E93b906"),
        signer: address!("15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
    }
}

/// What was built of this workspace.
#[derive(Clone, Debug)]
pub struct Built {
    /// The program that starts a Kubernetes node.
    pub cluster: PathBuf,
    /// The operator.
    pub opstack: PathBuf,
    /// The directory of its components.
    pub plugins: PathBuf,
}

impl Built {
    /// What `cargo xtask build` and `cargo build --workspace --bins` made, for a test of this workspace.
    pub fn beside_tests() -> Result<Self> {
        let test = env::current_exe()?;
        let directory = test.ancestors().nth(2).context("a test is in `deps` of a profile's directory")?;
        let manifest = env::var_os("CARGO_MANIFEST_DIR").context("tests are run by cargo")?;
        let root = Path::new(&manifest).ancestors().nth(2).context("the workspace")?;
        Ok(Self {
            cluster: directory.join("cluster"),
            opstack: directory.join("opstack"),
            plugins: root.join("target/plugins"),
        })
    }
}

/// A cluster with a chain.
#[derive(Debug)]
pub struct Site {
    cluster: Cluster,
    kubectl: Kubectl,
}

impl Site {
    /// The cluster of this machine, with the images, the operator, the L1 and the chain. Takes what is there.
    pub fn up(built: &Built, life: Life) -> Result<Self> {
        let programs = OpPrograms::find()?;
        let artifacts = Artifacts::find()?;
        let cluster = step("a Kubernetes node", || Cluster::start(&built.cluster, life))?;
        let kubectl = cluster.kubectl()?;
        let site = Self { cluster, kubectl };
        step("images", || site.load(&programs, built))?;
        step("an L1", || site.start_l1())?;
        step("the operator", || operator::install(&site.cluster.kubeconfig()))?;
        step("contracts on L1 and a genesis", || site.begin(&programs, &artifacts))?;
        step("custom resources", || site.kubectl.apply(CUSTOM_RESOURCES).map(drop))?;
        Ok(site)
    }

    /// kubectl, as a user who may do everything.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The L1.
    pub fn l1(&self) -> Result<Layer> {
        Layer::find(&self.kubectl, L1, L1, RPC)
    }

    /// The execution client of a node.
    pub fn execution(&self, node: &str) -> Result<Layer> {
        Layer::find(&self.kubectl, CHAIN, node, RPC)
    }

    /// The op-node of a node.
    pub fn consensus(&self, node: &str) -> Result<Layer> {
        Layer::find(&self.kubectl, CHAIN, node, 9545)
    }

    /// The custom resources, by kind and name.
    pub fn objects(&self) -> Result<Vec<Value>> {
        let list = self.kubectl.run_with_input(["get", "--filename=-", "--output=json"], CUSTOM_RESOURCES)?;
        let mut list: Value = serde_json::from_str(&list)?;
        Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    fn load(&self, programs: &OpPrograms, built: &Built) -> Result<()> {
        let mut made = images::of_programs(programs);
        made.push(images::of_opstack(&built.opstack, &built.plugins)?);
        self.cluster.load(&made)
    }

    fn start_l1(&self) -> Result<()> {
        self.namespace(L1)?;
        self.kubectl.apply(L1_MANIFESTS)?;
        self.kubectl.run(["--namespace", L1, "rollout", "status", "statefulset/l1", SOON])?;
        let l1 = self.l1()?;
        until("the L1 makes blocks", || Ok(l1.height().is_ok_and(|height| height > 0)))
    }

    /// Puts the contracts on L1 and the files of the chain into the cluster, unless they are there.
    fn begin(&self, programs: &OpPrograms, artifacts: &Artifacts) -> Result<()> {
        self.namespace(CHAIN)?;
        self.kubectl.run_with_input(["apply", "--server-side", "--namespace", CHAIN, "--filename=-"], SECRETS)?;
        let found = ["--namespace", CHAIN, "get", "configmap", FILES, "--ignore-not-found", "--output=name"];
        if !self.kubectl.run(found)?.is_empty() {
            return Ok(());
        }
        let l1 = self.l1()?;
        let at = begins_at(&l1.block("latest")?)?;
        let accounts = accounts();
        let rich = [accounts.owner, accounts.batcher, accounts.proposer, accounts.challenger];
        let l2 = genesis::l2(&at, artifacts, &rich)?;
        let block = GenesisBlock::of(programs.op_geth(), &l2)?;
        let proofs = FaultProofs::Alphabet(block.output_root());
        let chain: Chain = Deployer::new(l1.rpc(), artifacts)?.chain(proofs, accounts)?;
        ensure!(
            chain.system_config == SYSTEM_CONFIG,
            "SystemConfig is at {}, and not where the custom resources have it: this L1 was used before",
            chain.system_config
        );
        let rollup = genesis::rollup(&at, &block, &chain, &accounts);
        let files = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": FILES, "namespace": CHAIN},
            "data": {
                "genesis.json": l2.to_string(),
                "rollup.json": rollup.to_string(),
                "l1.json": l1::config::of_l1(L1_CHAIN_ID).to_string(),
            },
        });
        self.kubectl.apply(&files.to_string()).map(drop)
    }

    /// A namespace that is strict about its Pods.
    fn namespace(&self, name: &str) -> Result<()> {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        });
        self.kubectl.apply(&namespace.to_string()).map(drop)
    }
}

/// Says what is done, and how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    VOICE.say(what);
    let began = Instant::now();
    let done = work().with_context(|| format!("failed at: {what}"))?;
    VOICE.say(&format!("{what}: {:.1} s", began.elapsed().as_secs_f64()));
    Ok(done)
}

/// Looks until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so()? {
        ensure!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::sleep(POLL);
    }
    Ok(())
}

fn begins_at(block: &Value) -> Result<L1Block> {
    let hash = block["hash"].as_str().context("a block has a hash")?.parse()?;
    Ok(L1Block { hash, number: quantity(&block["number"])?, timestamp: quantity(&block["timestamp"])? })
}
