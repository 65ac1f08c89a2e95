//! A real Kubernetes node on this machine, with its control plane: for tests that need Pods to run.
//!
//! etcd, the control plane, containerd, kubelet, kube-proxy, CoreDNS, a provisioner of volumes and an enforcer of network
//! policies are built from their published sources, and the images of what runs in Pods are made here: no registry, no
//! daemon and no virtual machine.
//!
//! All of it lives in namespaces of its own for mounts, processes and the network (see [`mod@network`] for how to get
//! there), held by one process. When that ends, however it does, the kernel ends all others, and takes away their mounts,
//! interfaces and rules: nothing of a crashed cluster is left but files, empty control groups and one end of a wire, and
//! those go with [`down`] or before the next start. One of the node's own programs that ends is started again.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let program = std::path::Path::new("target/debug/cluster");
//! let cluster = cluster::Cluster::start(program, cluster::Life::OfThisProcess)?;
//! println!("{}", cluster.kubeconfig().display());
//! # Ok(())
//! # }
//! ```
//!
//! # Who is let in
//!
//! NetworkPolicy objects are enforced by kube-router's part for them. To a policy this machine is a stranger at
//! [`network::MACHINE`], unless the policy names that address: what tests dial from here has to be open to it. What the
//! node itself dials, such as kubelet for its probes, is let in always. A new Pod is unknown to policies for a moment after
//! its start: for as long nothing of it is closed, and nobody's rule lets it in elsewhere.
//!
//! # What it can't do
//!
//! - Pods do not reach the outside: there is no route from the node but to this machine.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod addons;
mod config;
mod control_groups;
mod image;
pub mod images;
mod init;
mod libraries;
mod machine;
pub mod network;
mod node;
mod packages;
mod recipe;
mod requirements;
mod signals;
mod state;
mod tool;
pub mod visitor;

use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

pub use config::NODE_NAME;
pub use image::Image;
pub use requirements::{missing, provide};

use recipe::{NodePrograms, VOICE};
use state::State;

/// The environment variable that says with `built` that tests are to do without a node rather than build one, and with `none` that
/// they are to do without one in any case.
const NODE: &str = "OPSTACK_NODE";

/// How long a cluster lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Until [`down`] is called, by whomever.
    UntilDown,
    /// For as long as this process, or the [`Cluster`] value.
    OfThisProcess,
}

/// The cluster of this machine, of which there is one. It is ours alone for as long as this value lives.
#[derive(Debug)]
pub struct Cluster {
    state: State,
    is_found: bool,
    life: Life,
    _lock: File,
}

impl Cluster {
    /// Takes the cluster that is there, or starts one and waits until it is ready.
    ///
    /// `program` is this crate's own. The first call on a machine builds the node's programs, which takes minutes.
    /// Waits while another process uses the cluster. Fails where [`missing`] tells why.
    pub fn start(program: &Path, life: Life) -> Result<Self> {
        if let Some(why) = missing() {
            bail!("{why}");
        }
        let lock = state::lock()?;
        let state = State::new();
        if state.holder().is_some() && state.kubeconfig().exists() {
            return Ok(Self { state, is_found: true, life: Life::UntilDown, _lock: lock });
        }
        control_plane::Programs::find()?;
        let programs = NodePrograms::find()?;
        let started = Instant::now();
        // What a crash left, or a start that was interrupted.
        machine::end(&state)?;
        state.create()?;
        if let Err(error) = machine::start(&state, &programs, program, life) {
            machine::end(&state)?;
            return Err(error);
        }
        VOICE.say(&format!("ready, {:.1} s", started.elapsed().as_secs_f64()));
        Ok(Self { state, is_found: false, life, _lock: lock })
    }

    /// Whether it was there already.
    pub fn is_found(&self) -> bool {
        self.is_found
    }

    /// The process that holds the node, if it lives: when it is killed, all of the node is.
    pub fn holder(&self) -> Option<u32> {
        Some(self.state.holder()?.id)
    }

    /// The kubeconfig of a user who may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.kubeconfig()
    }

    /// Makes images and gives them to the node.
    pub fn load(&self, images: &[Image]) -> Result<()> {
        let holder = self.state.holder().context("the cluster has ended")?;
        // The node's own /run, seen through the process that holds it.
        let socket = format!("/proc/{}/root{}", holder.id, config::SOCKET);
        images::load(images, &NodePrograms::find()?.path("ctr"), Path::new(&socket), &self.state.images())
    }

    /// kubectl as that user.
    pub fn kubectl(&self) -> Result<control_plane::Kubectl> {
        let programs = control_plane::Programs::find()?;
        let program = programs.kubectl.unwrap_or_else(|| "kubectl".into());
        Ok(control_plane::Kubectl::new(program, self.kubeconfig()))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.life == Life::OfThisProcess
            && let Err(error) = machine::end(&self.state)
        {
            VOICE.say(&format!("failed to end the cluster: {error:#}"));
        }
    }
}

/// Says why a test can't have a node of its own here, if so.
pub fn why_not() -> Option<String> {
    match control_plane::Cluster::from_env() {
        Ok(Some(_)) => Some("another cluster is named by the environment, and this is about a node of our own".into()),
        Ok(None) => missing().or_else(unwanted),
        Err(error) => Some(format!("{error:#}")),
    }
}

/// Says why there is to be no node, where the environment asks for none or for one that is built.
fn unwanted() -> Option<String> {
    match env::var(NODE).as_deref() {
        Ok("built") => {}
        Ok("none") => return Some(format!("{NODE}=none asks for no node; without it the tests of one run")),
        _ => return None,
    }
    match NodePrograms::are_built() {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "{NODE}=built asks for no node that is to be built first, and it is; `cargo xtask cluster up` builds it"
        )),
        Err(error) => Some(format!("{error:#}")),
    }
}

/// Ends the cluster of this machine, and removes what is left of it or of one that crashed.
pub fn down() -> Result<()> {
    let _lock = state::lock()?;
    machine::end(&State::new())
}

/// What there is of the cluster, in lines.
pub fn status() -> Vec<String> {
    let state = State::new();
    let mut lines = Vec::new();
    match state.holder() {
        Some(holder) if state.kubeconfig().exists() => {
            lines.push(format!("up, held by process {}", holder.id));
            lines.push(format!("export KUBECONFIG={}", state.kubeconfig().display()));
        }
        Some(holder) => lines.push(format!("starting, held by process {}", holder.id)),
        None => lines.push("down".into()),
    }
    if state.holder().is_none() {
        let left = control_groups::existing()
            .into_iter()
            .chain(Some(state.root().into()).filter(|path: &PathBuf| path.exists()));
        lines.extend(left.map(|path| format!("left by a cluster that crashed: {}", path.display())));
    }
    lines.extend(network::is_connected().then(|| format!("interface {}", network::LINK)));
    lines
}

/// The first process of the node's namespaces, which [`Cluster::start`] makes of this crate's program.
pub fn init() -> Result<()> {
    let mut node = Command::new(env::current_exe()?);
    node.arg("node");
    init::init(node)
}

/// The node itself, started by [`init`].
pub fn node() -> Result<()> {
    node::node()
}
