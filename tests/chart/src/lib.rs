//! The chart `charts/opstack`, the real helm to install it with, and Prometheus' judge of the alerts in it.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let helm = chart::Helm::find()?;
//! let release = helm.release(std::path::Path::new("kubeconfig"), "opstack-system");
//! release.apply(&serde_json::json!({ "image": { "repository": "opstack.invalid/opstack" } }))?;
//! release.uninstall()?;
//! # Ok(())
//! # }
//! ```
//!
//! helm is built once per machine from its published Go module, into `$XDG_CACHE_HOME/opstack/helm`; `OPSTACK_HELM` names
//! a program to take instead. So is promtool ([`alerts`]).

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod alerts;
mod recipe;

use std::{
    env,
    ffi::OsStr,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use go_build::Plan;
use serde::Deserialize as _;
use serde_json::{Value, json};

pub use recipe::{HELM_VERSION, monitoring_definitions};

/// The environment variable that names a helm.
const VARIABLE: &str = "OPSTACK_HELM";

/// The name of the release, and so of its objects.
pub const RELEASE: &str = "opstack";

/// How long helm waits for what it has installed. Generous: the machine may be compiling something else.
const WAIT: &str = "--timeout=10m";

/// Installs what is not there yet.
const UPGRADE: [&str; 5] = ["upgrade", RELEASE, "--install", "--create-namespace", "--values=-"];

/// Where the chart is.
pub fn directory() -> PathBuf {
    // Where the manifest is now; where it was at build time is true of one clone only.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let charts = Path::new(&manifest).ancestors().map(|above| above.join("charts/opstack"));
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/opstack");
    charts.into_iter().find(|chart| chart.is_dir()).unwrap_or(built)
}

/// helm, with none of a user's own settings.
#[derive(Clone, Debug)]
pub struct Helm {
    program: PathBuf,
}

impl Helm {
    /// Takes `OPSTACK_HELM` if that is set, else the one of the cache, where it is built first if it is not there yet.
    pub fn find() -> Result<Self> {
        Ok(Self { program: program(VARIABLE, &recipe::helm())? })
    }

    /// Looks for mistakes in the chart as it is with these values; a warning is one, too.
    pub fn lint(&self, values: &Value) -> Result<String> {
        self.run(["lint", "--strict", "--values=-"], Some(&directory()), values)
    }

    /// The objects that would be installed, in YAML: in the namespace `opstack-system`, on a cluster that serves some APIs
    /// (`group/version/Kind`) beside those of Kubernetes.
    pub fn template(&self, values: &Value, apis: &[String]) -> Result<String> {
        let apis = apis.iter().map(|api| format!("--api-versions={api}"));
        let fixed = ["template", RELEASE, "--namespace=opstack-system", "--values=-"].map(String::from);
        self.run(fixed.into_iter().chain(apis), Some(&directory()), values)
    }

    /// What a Prometheus scrapes of a program's pod: name of a port, and path. Pods are found by the label
    /// `app.kubernetes.io/managed-by=opstack`.
    pub fn scraped(&self) -> Result<Vec<(String, String)>> {
        let objects = self.template(&json!({}), &["monitoring.coreos.com/v1/PodMonitor".into()])?;
        let objects = serde_norway::Deserializer::from_str(&objects).map(Value::deserialize);
        let objects = objects.collect::<Result<Vec<_>, _>>()?;
        let monitor = objects.iter().find(|object| object["kind"] == "PodMonitor").context("no PodMonitor")?;
        let selector = json!({ "matchLabels": { "app.kubernetes.io/managed-by": "opstack" } });
        ensure!(monitor["spec"]["selector"] == selector, "it selects {}", monitor["spec"]["selector"]);
        let endpoints = monitor["spec"]["podMetricsEndpoints"].as_array().context("no endpoints")?;
        let text = |endpoint: &Value, key: &str| Some(endpoint[key].as_str()?.to_string());
        let endpoints = endpoints.iter().map(|endpoint| Some((text(endpoint, "port")?, text(endpoint, "path")?)));
        endpoints.collect::<Option<_>>().context("an endpoint without port or path")
    }

    /// The release of the chart in a namespace of a cluster, installed or not.
    pub fn release(&self, kubeconfig: &Path, namespace: &str) -> Release {
        Release { helm: self.clone(), kubeconfig: kubeconfig.into(), namespace: namespace.into() }
    }

    fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        chart: Option<&Path>,
        values: &Value,
    ) -> Result<String> {
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("HELM_") || name == "KUBECONFIG") {
                command.env_remove(name);
            }
        }
        // There is nothing in any of them, so nothing is found.
        for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(name, "/nonexistent");
        }
        command.args(arguments).args(chart);
        output(command, &values.to_string())
    }
}

/// The chart, installed in a namespace of a cluster or not.
#[derive(Clone, Debug)]
pub struct Release {
    helm: Helm,
    kubeconfig: PathBuf,
    namespace: String,
}

impl Release {
    /// Installs the chart, or brings it to other values, and waits until its replicas are ready and its plugins serve.
    pub fn apply(&self, values: &Value) -> Result<String> {
        self.run(&[&UPGRADE[..], &["--wait", WAIT]].concat(), Some(&directory()), values)
    }

    /// The same, without waiting for anything.
    pub fn submit(&self, values: &Value) -> Result<String> {
        self.run(&UPGRADE, Some(&directory()), values)
    }

    /// Removes what was installed, and waits until it is gone.
    pub fn uninstall(&self) -> Result<String> {
        self.run(&["uninstall", RELEASE, "--wait", WAIT], None, &Value::Null)
    }

    fn run(&self, arguments: &[&str], chart: Option<&Path>, values: &Value) -> Result<String> {
        let cluster =
            [format!("--kubeconfig={}", self.kubeconfig.display()), format!("--namespace={}", self.namespace)];
        let arguments = arguments.iter().map(ToString::to_string).chain(cluster);
        self.helm.run(arguments, chart, values)
    }
}

/// The program that a variable names, else the one that a plan is named after and builds.
fn program(variable: &str, plan: &Plan) -> Result<PathBuf> {
    let Some(given) = env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from) else {
        return Ok(plan.ensure_built()?.join(plan.kind));
    };
    ensure!(given.is_file(), "{variable}={} names no file", given.display());
    Ok(given)
}

/// Runs a program with a text to read and returns what it prints; fails with what it complains of.
fn output(mut command: Command, input: &str) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("failed to start {command:?}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may end without having read everything; its exit code tells whether that is bad.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    // `helm lint` complains on the standard output.
    let complaint = [output.stdout.as_slice(), &output.stderr].map(String::from_utf8_lossy).concat();
    ensure!(output.status.success(), "{}", complaint.trim());
    String::from_utf8(output.stdout).context("the output is not UTF-8")
}
