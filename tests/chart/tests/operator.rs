//! The chart with an operator that runs beside the cluster, with the chart's account, rights and plugins: one that is installed
//! again goes on with a chain and writes nothing of what it had made (the API server's audit log is the judge), and plugins
//! come from ConfigMaps, too.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use chart::{Helm, Release};
use control_plane::{AuditLevel, ControlPlane, Event, Kubectl, Options};
use serde_json::{Value, json};
use support::chain::{self, Chain, IN, SOON, beside_tests, components, looked_again, make_namespace};

const NAMESPACE: &str = "opstack-system";

/// What an operator writes about itself, its plugins and the health of objects; a child is none of these.
const ABOUT: [(&str, &str); 5] =
    [("leases", ""), ("events", ""), ("plugins", "status"), ("optimismnetworks", "status"), ("opnodes", "status")];

#[test]
fn an_operator_that_is_installed_again_adopts_without_a_write() -> Result<()> {
    let helm = Helm::find()?;
    let plane = ControlPlane::start(Options::audited(AuditLevel::Metadata))?;
    let (kubectl, audit) = (plane.kubectl().context("kubectl")?, plane.audit().context("asked for")?);
    let release = helm.release(&plane.kubeconfig_path(), NAMESPACE);
    make_namespace(&kubectl, NAMESPACE)?;
    make_namespace(&kubectl, chain::NAMESPACE)?;

    let first = install(&plane, &release, &kubectl, &values()?)?;
    kubectl.apply(&chain::chain().to_string())?;
    kubectl.run([IN, "wait", "opnode/node", "--for=jsonpath={.status.applied}", SOON])?;
    looked_again(&kubectl)?;
    let before = Chain::of(&kubectl)?;
    ensure!(before.children.len() > 4, "hardly any children: {:?}", before.children);

    // Its plugins and rights are taken from it while it runs, which is what an uninstall can come to.
    let mark = audit.mark()?;
    release.uninstall()?;
    drop(first);
    assert_eq!(Chain::of(&kubectl)?, before, "after the operator went");
    let second = install(&plane, &release, &kubectl, &values()?)?;
    looked_again(&kubectl)?;
    assert_eq!(Chain::of(&kubectl)?, before, "after the operator came again");

    let writes = audit.events_since(mark)?.by_user_agent_prefix("opstack").writes().successes();
    let others = writes.filter(|event| !is_about(event));
    ensure!(!writes.is_empty(), "it says nothing at all: the log is not of its time");
    ensure!(others.is_empty(), "it wrote:\n{others}");
    drop(second);
    Ok(())
}

/// As the chart's README has it.
#[test]
fn plugins_come_from_config_maps_that_were_applied_before() -> Result<()> {
    let helm = Helm::find()?;
    let plane = ControlPlane::start(Options::default())?;
    let kubectl = plane.kubectl().context("kubectl")?;
    make_namespace(&kubectl, NAMESPACE)?;
    let definitions = chart::directory().join("crds").display().to_string();
    kubectl.run(["apply", "--server-side", "--filename", &definitions])?;
    kubectl.run(["wait", "--for=condition=Established", "crd", "--all", SOON])?;
    let components = files()?;
    let packed = opstack(["plugin", "pack"].map(PathBuf::from).iter().chain(&components))?;
    let selected = ["apply", "--server-side", "--selector=app.kubernetes.io/part-of=opstack", "--filename=-"];
    kubectl.run_with_input(selected, &packed)?;

    let mut pinned = serde_json::Map::new();
    for component in &components {
        let facts = opstack(["plugin", "inspect"].map(PathBuf::from).iter().chain([component]))?;
        let facts: Value = serde_norway::from_str(&facts)?;
        let name = facts["name"].as_str().context("a plugin without a name")?;
        pinned.insert(name.into(), json!({ "digest": facts["digest"] }));
    }
    let values = json!({ "replicas": 0, "plugins": { "source": "configMap", "components": pinned } });
    let release = helm.release(&plane.kubeconfig_path(), NAMESPACE);
    let _operator = install(&plane, &release, &kubectl, &values)?;
    let sources = kubectl.run(["get", "plugins", "--output=jsonpath={.items[*].spec.source.configMap.name}"])?;
    assert_eq!(sources.split(' ').count(), 7, "{sources}");
    Ok(())
}

/// The components, by name.
fn files() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(components()).context("there are no plugins: run `cargo xtask build`")?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    files.sort();
    Ok(files)
}

/// What `opstack` prints.
fn opstack<'a>(arguments: impl Iterator<Item = &'a PathBuf>) -> Result<String> {
    let output = Command::new(beside_tests("opstack")?).args(arguments).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn is_about(event: &Event) -> bool {
    ABOUT.contains(&(event.resource.as_str(), event.subresource.as_str()))
}

/// A process that ends with its value.
struct Operator(Child);

impl Drop for Operator {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Installs the chart for an operator that runs here, starts that, and waits until all plugins are loaded.
fn install(plane: &ControlPlane, release: &Release, kubectl: &Kubectl, values: &Value) -> Result<Operator> {
    release.submit(values)?;
    let operator = start(&plane.service_account_kubeconfig(NAMESPACE, chart::RELEASE)?)?;
    kubectl.run(["wait", "plugins", "--all", "--for=condition=Loaded", SOON])?;
    Ok(operator)
}

/// No Pod: there is no node. The plugins are where they were built.
fn values() -> Result<Value> {
    let directory = components().canonicalize().context("there are no plugins: run `cargo xtask build`")?;
    Ok(json!({ "replicas": 0, "plugins": { "directory": directory } }))
}

fn start(kubeconfig: &Path) -> Result<Operator> {
    let mut command = Command::new(beside_tests("opstack")?);
    command
        .args(["run", "--listen=127.0.0.1:0", "--lease-duration=5", "--image=opstack:0.1.0"])
        .arg(format!("--namespace={NAMESPACE}"))
        .arg(format!("--cache-dir={}", components().join("../compiled").display()))
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(Operator(control_plane::spawn(command)?))
}
