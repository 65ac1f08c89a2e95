//! The chain's files in the pod: rollup configuration, genesis, and the configuration of an L1 that programs don't know.
//!
//! A chain of the superchain registry needs none: the programs know it by name. Other files come from the ConfigMaps
//! that the network's plugin publishes; a pod can mount those of its own namespace only, so a node elsewhere has copies.
//! Files at a URL are fetched by an init container, which checks their digest.

use k8s_openapi::api::core::v1::{ConfigMap, Container, Volume, VolumeMount};
use opstack_sdk::Context;
use opstack_sdk::answer::Failure;
use opstack_sdk::execution::{Genesis, MountPoint};
use opstack_sdk::kubernetes::App;
use opstack_sdk::opstack::mounted::MountedFile;
use opstack_sdk::opstack::network::{ChainFile, File, GENESIS, L1_CHAIN_CONFIG, Network, ROLLUP_CONFIG};
use serde::Deserialize;

const L1_FLAG: &str = "--rollup.l1-chain-config";

/// What the pod needs for the chain's files.
#[derive(Debug)]
pub struct Chain {
    /// op-node's arguments.
    pub args: Vec<String>,
    /// op-node's mounts.
    pub mounts: Vec<VolumeMount>,
    /// Volumes.
    pub volumes: Vec<Volume>,
    /// Containers that fetch.
    pub init: Vec<Container>,
    /// Copies of ConfigMaps of another namespace.
    pub copies: Vec<ConfigMap>,
    /// The execution client's genesis, and where it is mounted.
    pub genesis: (Genesis, Option<MountPoint>),
    /// Texts whose change restarts the pod.
    pub restart_on: Vec<String>,
    /// What can be read of the rollup configuration.
    pub rollup: Option<Rollup>,
}

/// The fields of `rollup.json` that matter here.
#[derive(Clone, Debug, Deserialize)]
pub struct Rollup {
    /// Time between blocks, in seconds.
    pub block_time: u64,
    /// The beginning of the chain.
    pub genesis: RollupGenesis,
    /// When Ecotone begins; from then on op-node needs the beacon API.
    #[serde(default)]
    pub ecotone_time: Option<u64>,
    /// When Karst begins.
    #[serde(default)]
    pub karst_time: Option<u64>,
}

/// The beginning of a chain.
#[derive(Clone, Debug, Deserialize)]
pub struct RollupGenesis {
    /// First block of the L2.
    pub l2: BlockId,
}

/// A block.
#[derive(Clone, Debug, Deserialize)]
pub struct BlockId {
    /// Its hash.
    pub hash: String,
    /// Its number.
    pub number: u64,
}

impl Chain {
    /// Finds the files.
    ///
    /// # Errors
    /// `waiting` when the network's plugin has not published one.
    pub fn find(cx: &Context<'_>, app: &App, network: &Network) -> Result<Self, Failure> {
        let mut chain = Self {
            args: vec![],
            mounts: vec![],
            volumes: vec![],
            init: vec![],
            copies: vec![],
            genesis: (Genesis::Network(String::new()), None),
            restart_on: vec![],
            rollup: None,
        };
        let rollup = network.rollup_config(cx)?;
        chain.rollup = parse_rollup(network, &rollup)?;
        match chain.place(cx, app, network, ROLLUP_CONFIG, &rollup) {
            Placed::Known(name) => chain.args.push(format!("--network={name}")),
            Placed::File(file) => chain.give_to_op_node("--rollup.config", *file),
        }
        if let Some(l1) = network.l1_chain_config(cx)?
            && let Placed::File(file) = chain.place(cx, app, network, L1_CHAIN_CONFIG, &l1)
        {
            chain.give_to_op_node(L1_FLAG, *file);
        }
        let genesis = network.genesis(cx)?;
        chain.genesis = match chain.place(cx, app, network, GENESIS, &genesis) {
            Placed::Known(name) => (Genesis::Network(name), None),
            Placed::File(file) => {
                let place = MountPoint { volume: file.volume.name, path: directory(GENESIS) };
                (Genesis::File(file.mount.mount_path), Some(place))
            }
        };
        Ok(chain)
    }

    /// Whether op-node needs the beacon API of the L1. A file that only the pod reads is taken to need it.
    pub fn needs_beacon(&self) -> bool {
        self.rollup.as_ref().is_none_or(|rollup| rollup.ecotone_time.is_some())
    }

    /// The arguments with the rollup configuration, for those who need nothing else.
    pub fn rollup_args(&self) -> impl Iterator<Item = &str> {
        self.args.iter().map(String::as_str).filter(|arg| !arg.starts_with(L1_FLAG))
    }

    /// Where that is mounted.
    pub fn rollup_mounts(&self) -> impl Iterator<Item = &VolumeMount> {
        let named = |mount: &&VolumeMount| self.rollup_args().any(|arg| arg.ends_with(&mount.mount_path));
        self.mounts.iter().filter(named)
    }

    fn give_to_op_node(&mut self, flag: &str, file: MountedFile) {
        self.args.push(format!("{flag}={}", file.mount.mount_path));
        self.mounts.push(file.mount);
    }

    /// Makes a file available in the pod.
    fn place(&mut self, cx: &Context<'_>, app: &App, network: &Network, which: File, found: &ChainFile) -> Placed {
        let path = format!("{}/{}", directory(which), which.key);
        let name = match found {
            ChainFile::Registry(name) => name.clone(),
            _ => String::new(),
        };
        let Some(file) = MountedFile::at(&path, which, found, network, cx, app) else { return Placed::Known(name) };
        self.volumes.push(file.volume.clone());
        self.init.extend(file.init.clone());
        self.copies.extend(file.copy.clone());
        self.restart_on.push(file.restart_on.clone());
        Placed::File(Box::new(file))
    }
}

enum Placed {
    /// The programs know the chain by this name.
    Known(String),
    /// A file.
    File(Box<MountedFile>),
}

/// Where a file is in the pod.
fn directory(which: File) -> String {
    format!("/etc/opstack/{}", which.suffix)
}

fn parse_rollup(network: &Network, file: &ChainFile) -> Result<Option<Rollup>, Failure> {
    let ChainFile::Published { text, .. } = file else { return Ok(None) };
    serde_json::from_str(text)
        .map(Some)
        .map_err(|error| Failure::waiting(format!("a valid rollup configuration of {}: {error}", network.title())))
}
