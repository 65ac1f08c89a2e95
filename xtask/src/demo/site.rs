//! The demo's cluster: a control plane, and the operator as a process beside it. Both end with the value.

use std::{
    cell::RefCell,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use anyhow::{Context as _, Result, bail};
use control_plane::{ControlPlane, Kubectl, Options, Programs};

use super::{NAMESPACE, OPERATOR_NAMESPACE, view::View};
use crate::{run, workspace};

/// A control plane and an operator.
pub struct Site {
    operator: RefCell<Option<Child>>,
    kubectl: Kubectl,
    programs: PathBuf,
    plane: ControlPlane,
}

impl Site {
    /// Starts the control plane, with a scheduler, which says why no pod runs.
    pub fn start(programs: &Programs) -> Result<Self> {
        let directory = programs.kube_apiserver.parent().unwrap_or(Path::new("")).to_owned();
        let scheduler = programs.kube_scheduler.is_some();
        let plane = ControlPlane::start_with(programs, Options { scheduler, ..Options::default() })?;
        let kubectl = plane.kubectl().context("the directory of KUBEBUILDER_ASSETS lacks kubectl")?;
        let site = Self { operator: RefCell::default(), kubectl, programs: directory, plane };
        for namespace in [OPERATOR_NAMESPACE, NAMESPACE] {
            // What the examples lead to must be fit for a namespace that is strict about its pods.
            let labels = "{pod-security.kubernetes.io/enforce: restricted}";
            site.apply(&format!(
                "{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}, labels: {labels}}}}}"
            ))?;
        }
        Ok(site)
    }

    /// Applies the CustomResourceDefinition of the operator's own kind, and waits until it is served.
    pub fn install_own_kind(&self) -> Result<()> {
        self.apply(&run::output(run::scrubbed(workspace::opstack()).args(["crds", "--own"]))?)?;
        let wait =
            ["wait", "--for=condition=Established", "--timeout=60s", "customresourcedefinition/plugins.optimism.io"];
        self.kubectl.run(wait).map(drop)
    }

    /// Starts the operator, which dies with this process however that ends.
    pub fn start_operator(&self) -> Result<()> {
        let log = File::create(self.log())?;
        let mut command = run::scrubbed(workspace::opstack());
        // The chain's nodes are on the loopback.
        command.args(["run", "--listen=127.0.0.1:0", "--probe-allow=127.0.0.0/8", "--namespace", OPERATOR_NAMESPACE]);
        command.env("KUBECONFIG", self.kubeconfig()).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = control_plane::spawn(command).context("failed to start the operator")?;
        self.operator.replace(Some(child));
        Ok(())
    }

    /// Fails if the operator has ended.
    pub fn check_operator(&self) -> Result<()> {
        if let Some(child) = self.operator.borrow_mut().as_mut()
            && let Some(status) = child.try_wait()?
        {
            bail!("the operator ended ({status}):\n{}", self.log_tail());
        }
        Ok(())
    }

    /// Applies manifests.
    pub fn apply(&self, manifests: &str) -> Result<()> {
        self.kubectl.apply(manifests).map(drop)
    }

    /// Applies a file whose objects are in a namespace, where they don't say so themselves.
    pub fn apply_file(&self, namespace: &str, path: &Path) -> Result<()> {
        let manifests = fs::read_to_string(path)?;
        let arguments = ["apply", "--server-side", "--namespace", namespace, "--filename=-"];
        self.kubectl.run_with_input(arguments, &manifests).map(drop)
    }

    /// Runs `opstack` as a user of the cluster; gives what it prints.
    pub fn opstack(&self, arguments: &[&str]) -> Result<String> {
        let mut command = run::scrubbed(workspace::opstack());
        command.args(arguments).args(["--operator-namespace", OPERATOR_NAMESPACE]);
        run::output(command.env("KUBECONFIG", self.kubeconfig()))
    }

    /// Everything in a namespace.
    pub fn view(&self, namespace: &str) -> Result<View> {
        View::parse(&self.opstack(&["tree", "--namespace", namespace, "--output=json"])?)
    }

    /// A kubeconfig that may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.plane.kubeconfig_path()
    }

    /// The directory of kubectl.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// The operator's log.
    pub fn log(&self) -> PathBuf {
        self.plane.directory().join("operator.log")
    }

    /// The end of the operator's log.
    pub fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut child) = self.operator.take() {
            // Both fail only if it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
