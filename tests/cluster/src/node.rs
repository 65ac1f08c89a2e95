//! The node from inside: control plane, containerd, kubelet, kube-proxy and the provisioner of volumes.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use control_plane::{
    ControlPlane, Kubectl, Options,
    process::{self, Process},
};

use crate::{
    addons,
    config::{Configs, NODE_NAME, SOCKET},
    images, network,
    recipe::{NodePrograms, VOICE},
    state::State,
    tool,
};

/// How long each part may take until it does its work, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(180);

/// Programs that run beside the control plane. One that ends by itself ends them all.
struct Node {
    programs: NodePrograms,
    logs: PathBuf,
    running: Vec<(&'static str, Process)>,
}

/// Starts everything, says when it is ready, and returns only if something has ended by itself.
pub(crate) fn node() -> Result<()> {
    let state = State::new();
    let started = Instant::now();
    let say = |what: &str| VOICE.say(&format!("{:.1} s: {what}", started.elapsed().as_secs_f64()));
    let mut node = Node { programs: NodePrograms::find()?, logs: state.logs(), running: Vec::new() };
    let plane = ControlPlane::start(Options {
        scheduler: true,
        address: network::NODE,
        parent: Some(state.root().into()),
        start_timeout: PATIENCE,
        ..Options::default()
    })?;
    say("the control plane is ready");
    let kubectl = plane.kubectl().context("the programs came without kubectl")?;
    let proxy = plane.user_kubeconfig("system:kube-proxy", None)?;
    let configs = Configs::write(&state.root().join("config"), &node.programs, &plane.authority_path(), &proxy)?;
    node.start_containerd(&configs)?;
    images::load(&images::of_the_node(&node.programs), &node.programs.path("ctr"), Path::new(SOCKET), &state.images())?;
    say("containerd has its images");
    node.start_others(&plane, &configs)?;
    kubectl.apply(&addons::manifests().to_string())?;
    wait_ready(&kubectl)?;
    say("the node is ready, and names are resolved");
    publish(&plane, &state)?;
    loop {
        plane.check()?;
        node.check()?;
        thread::sleep(Duration::from_millis(200));
    }
}

impl Node {
    fn start(&mut self, program: &'static str, arguments: &[String]) -> Result<()> {
        let process = Process::start(&self.programs.path(program), arguments, &self.log(program))?;
        self.running.push((program, process));
        Ok(())
    }

    fn log(&self, program: &str) -> PathBuf {
        self.logs.join(format!("{program}.log"))
    }

    /// Fails, with the end of its log, if a program has ended.
    fn check(&mut self) -> Result<()> {
        for (program, process) in &mut self.running {
            if let Some(status) = process.exit_status()? {
                let log = self.logs.join(format!("{program}.log"));
                bail!("{program} ended ({status}):\n{}", process::tail(&log));
            }
        }
        Ok(())
    }

    fn start_containerd(&mut self, configs: &Configs) -> Result<()> {
        self.start("containerd", &[flag("config", &configs.containerd)])?;
        let ctr = self.programs.path("ctr").display().to_string();
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = tool::output(&ctr, &["--address", SOCKET, "version"]) {
            self.check()?;
            ensure!(Instant::now() < deadline, "containerd does not answer after {PATIENCE:?}: {error:#}");
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn start_others(&mut self, plane: &ControlPlane, configs: &Configs) -> Result<()> {
        let kubelet = plane.user_kubeconfig(&format!("system:node:{NODE_NAME}"), Some("system:nodes"))?;
        let kubelet = [
            flag("config", &configs.kubelet),
            flag("kubeconfig", &kubelet),
            format!("--hostname-override={NODE_NAME}"),
            format!("--node-ip={}", network::NODE),
        ];
        self.start("kubelet", &kubelet)?;
        self.start("kube-proxy", &[flag("config", &configs.proxy)])?;
        let volumes = [
            "start".to_owned(),
            flag("kubeconfig", &plane.kubeconfig_path()),
            flag("config", &configs.volumes),
            flag("helper-pod-file", &configs.volume_pod),
            format!("--helper-image={}", images::VOLUME),
            "--namespace=kube-system".to_owned(),
            "--service-account-name=volume".to_owned(),
        ];
        self.start("local-path-provisioner", &volumes)
    }
}

fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

fn wait_ready(kubectl: &Kubectl) -> Result<()> {
    let timeout = format!("--timeout={}s", PATIENCE.as_secs());
    let node = format!("node/{NODE_NAME}");
    kubectl.run(["wait", "--for=create", &node, &timeout])?;
    kubectl.run(["wait", "--for=condition=Ready", &node, &timeout])?;
    let deployment = format!("deployment/{}", addons::DNS);
    kubectl.run(["--namespace=kube-system", "rollout", "status", &deployment, &timeout])?;
    Ok(())
}

/// Puts the kubeconfig to its place, complete: whoever sees it may use it.
fn publish(plane: &ControlPlane, state: &State) -> Result<()> {
    let place = state.kubeconfig();
    let partial = place.with_extension("partial");
    fs::copy(plane.kubeconfig_path(), &partial)
        .and_then(|_| fs::rename(&partial, &place))
        .with_context(|| format!("failed to write {}", place.display()))
}
