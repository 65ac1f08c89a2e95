//! The node from inside: control plane, containerd, kubelet, kube-proxy, the provisioner of volumes and the enforcer of network
//! policies.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
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

/// How often a program may end by itself, all of them together: one that can't run must not be started for ever.
const ENDS: usize = 20;

/// Programs that run beside the control plane.
struct Node {
    programs: NodePrograms,
    logs: PathBuf,
    running: Vec<Program>,
}

struct Program {
    name: &'static str,
    arguments: Vec<String>,
    process: Process,
}

/// Starts everything, says when it is ready, and from then on starts again what ends, as a machine's supervisor does. Returns only
/// when that is of no use.
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
    wait_for_node(&kubectl)?;
    node.start_policies(&plane)?;
    wait_for_names(&kubectl)?;
    say("the node is ready, and names are resolved");
    publish(&plane, &state)?;
    let mut ends = 0;
    loop {
        for how in plane.start_ended()?.into_iter().chain(node.start_ended()?) {
            ends += 1;
            ensure!(ends <= ENDS, "programs end again and again; the last one: {how}");
            say(&format!("started again, since {how}"));
        }
        thread::sleep(Duration::from_millis(200));
    }
}

impl Node {
    fn start(&mut self, name: &'static str, arguments: Vec<String>) -> Result<()> {
        let process = Process::start(&self.programs.path(name), &arguments, &self.log(name))?;
        self.running.push(Program { name, arguments, process });
        Ok(())
    }

    fn log(&self, program: &str) -> PathBuf {
        self.logs.join(format!("{program}.log"))
    }

    /// Starts every program again that has ended, and says how it had, with the end of its log.
    fn start_ended(&mut self) -> Result<Vec<String>> {
        let mut ends = Vec::new();
        for program in &mut self.running {
            let Some(status) = program.process.exit_status()? else { continue };
            let log = self.logs.join(format!("{}.log", program.name));
            ends.push(format!("{} ended ({status}):\n{}", program.name, process::tail(&log)));
            program.process = Process::start(&self.programs.path(program.name), &program.arguments, &log)?;
        }
        Ok(ends)
    }

    fn start_containerd(&mut self, configs: &Configs) -> Result<()> {
        self.start("containerd", vec![flag("config", &configs.containerd)])?;
        let ctr = self.programs.path("ctr").display().to_string();
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = tool::output(&ctr, &["--address", SOCKET, "version"]) {
            let ends = self.start_ended()?;
            ensure!(ends.is_empty(), "{}", ends.join("\n"));
            ensure!(Instant::now() < deadline, "containerd does not answer after {PATIENCE:?}: {error:#}");
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn start_others(&mut self, plane: &ControlPlane, configs: &Configs) -> Result<()> {
        let kubelet = plane.user_kubeconfig(&format!("system:node:{NODE_NAME}"), Some("system:nodes"))?;
        let kubelet = vec![
            flag("config", &configs.kubelet),
            flag("kubeconfig", &kubelet),
            format!("--hostname-override={NODE_NAME}"),
            format!("--node-ip={}", network::NODE),
        ];
        self.start("kubelet", kubelet)?;
        self.start("kube-proxy", vec![flag("config", &configs.proxy)])?;
        let volumes = vec![
            "start".to_owned(),
            flag("kubeconfig", &plane.kubeconfig_path()),
            flag("config", &configs.volumes),
            flag("helper-pod-file", &configs.volume_pod),
            format!("--helper-image={}", images::VOLUME),
            "--namespace=kube-system".to_owned(),
            "--service-account-name=volume".to_owned(),
        ];
        self.start("local-path-provisioner", volumes)
    }

    /// Starts what enforces network policies. It asks for its node once, and ends where that is not there.
    fn start_policies(&mut self, plane: &ControlPlane) -> Result<()> {
        let policies = vec![
            flag("kubeconfig", &plane.kubeconfig_path()),
            format!("--hostname-override={NODE_NAME}"),
            format!("--service-cluster-ip-range={}", network::SERVICES),
        ];
        self.start("kube-router", policies)
    }
}

fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

fn timeout() -> String {
    format!("--timeout={}s", PATIENCE.as_secs())
}

fn wait_for_node(kubectl: &Kubectl) -> Result<()> {
    let (node, timeout) = (format!("node/{NODE_NAME}"), timeout());
    kubectl.run(["wait", "--for=create", &node, &timeout])?;
    kubectl.run(["wait", "--for=condition=Ready", &node, &timeout]).map(drop)
}

fn wait_for_names(kubectl: &Kubectl) -> Result<()> {
    let deployment = format!("deployment/{}", addons::DNS);
    kubectl.run(["--namespace=kube-system", "rollout", "status", &deployment, &timeout()]).map(drop)
}

/// Puts the kubeconfig to its place, complete: whoever sees it may use it.
fn publish(plane: &ControlPlane, state: &State) -> Result<()> {
    let place = state.kubeconfig();
    let partial = place.with_extension("partial");
    fs::copy(plane.kubeconfig_path(), &partial)
        .and_then(|_| fs::rename(&partial, &place))
        .with_context(|| format!("failed to write {}", place.display()))
}
