//! That a real API server takes what the chart renders: every object of every case by its schema, the Pods under the
//! standard `restricted`, and what is left after an uninstall. No operator runs here.

mod support;

use anyhow::{Context as _, Result, ensure};
use chart::Helm;
use control_plane::{Cluster, Kubectl, Options};
use serde_json::{Value, json};
use support::{Case, chain::make_namespace};

const NAMESPACE: &str = "opstack-system";
const IN: &str = "--namespace=opstack-system";
const SOON: &str = "--timeout=120s";

/// What a Secret may hold.
const MIB: usize = 1 << 20;

#[test]
fn an_api_server_takes_all_that_the_chart_renders() -> Result<()> {
    let helm = Helm::find()?;
    let cluster = Cluster::from(control_plane::ControlPlane::start(Options::default())?);
    let kubectl = cluster.kubectl()?;
    prepare(&kubectl)?;

    for case in Case::all()? {
        let Some(objects) = case.objects() else { continue };
        try_out(&kubectl, &objects).with_context(|| case.name.clone())?;
        let wrong = objects.replace("replicas:", "replica:");
        let error = try_out(&kubectl, &wrong).expect_err("a Deployment has no such field").to_string();
        ensure!(error.contains(".spec.replica: field not declared"), "{}: {error}", case.name);
    }
    install_twice(&helm.release(cluster.kubeconfig_path(), NAMESPACE), &kubectl)
}

/// A namespace as strict as can be, the kinds of the plugins, and those that Prometheus' operator has for its users.
fn prepare(kubectl: &Kubectl) -> Result<()> {
    make_namespace(kubectl, NAMESPACE)?;
    for case in Case::all()? {
        // Roles are made where the values say, in namespaces that are there.
        for namespace in case.values["plugins"]["namespaces"].as_array().into_iter().flatten().filter_map(Value::as_str)
        {
            make_namespace(kubectl, namespace)?;
        }
    }
    let definitions = chart::directory().join("../../config/crds");
    for path in chart::monitoring_definitions()?.into_iter().chain([definitions]) {
        kubectl.run(["apply", "--server-side", "--filename", &path.display().to_string()])?;
    }
    kubectl.run(["wait", "--for=condition=Established", "crd", "--all", SOON])?;
    Ok(())
}

fn try_out(kubectl: &Kubectl, objects: &str) -> Result<String> {
    kubectl.run_with_input(["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"], objects)
}

/// Installs, removes, installs again; what is no part of the release is the same afterwards.
fn install_twice(release: &chart::Release, kubectl: &Kubectl) -> Result<()> {
    let values = json!({ "plugins": { "components": { "reth": { "enabled": false } } } });
    release.submit(&json!({}))?;
    kubectl.run([IN, "wait", "--for=jsonpath={.status.replicas}=2", "deployment/opstack", SOON])?;
    assert_eq!(names(kubectl, "plugins")?.len(), 7);
    is_small(kubectl)?;
    release.submit(&values)?;
    assert_eq!(names(kubectl, "plugins")?.len(), 6, "one was switched off");

    kubectl.apply(&network().to_string())?;
    let (kinds, network) = (names(kubectl, "crds")?, as_it_is(kubectl)?);
    release.uninstall()?;
    assert_eq!(names(kubectl, "plugins")?, [""; 0]);
    assert_eq!(names(kubectl, "crds")?, kinds);
    assert_eq!(as_it_is(kubectl)?, network);

    release.submit(&values)?;
    assert_eq!(names(kubectl, "plugins")?.len(), 6);
    assert_eq!(as_it_is(kubectl)?, network);
    Ok(())
}

/// The Secret of a release can't be larger than a MiB, and charts grow.
fn is_small(kubectl: &Kubectl) -> Result<()> {
    let release = kubectl.run([IN, "get", "secrets", "--selector=owner=helm", "--output=jsonpath={.items[0].data}"])?;
    ensure!(!release.is_empty(), "helm keeps no Secret of the release");
    ensure!(release.len() < MIB / 8, "the release takes {} bytes", release.len());
    Ok(())
}

fn names(kubectl: &Kubectl, kind: &str) -> Result<Vec<String>> {
    Ok(kubectl.run(["get", kind, "--output=name"])?.lines().map(ToString::to_string).collect())
}

fn network() -> Value {
    json!({
        "apiVersion": "optimism.io/v1alpha1", "kind": "OptimismNetwork",
        "metadata": { "name": "kept", "namespace": "default" },
        "spec": { "chainID": 901, "l1ChainID": 900, "l1RpcUrl": "http://l1.invalid:8545" },
    })
}

fn as_it_is(kubectl: &Kubectl) -> Result<Value> {
    let text = kubectl.run(["get", "optimismnetwork", "kept", "--namespace=default", "--output=json"])?;
    Ok(serde_json::from_str(&text)?)
}
