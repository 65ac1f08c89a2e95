//! Plugins come, change and go while the chain lives; the operator's Pods don't notice.

use std::{path::Path, process::Command, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};
use chain::{Site, operator};
use chart::Helm;
use serde_json::{Value, json};
use suite::plugins::{self, Packed};

use crate::{faults::pods_of, figure};

const SOON: &str = "--timeout=300s";
const HELLO: &str = include_str!("../../../../examples/hello-plugin/hello.yaml");

/// Does something with plugins, and holds the operator's Pods against what they were before.
pub fn without_a_restart(site: &Site, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let before = pods_of(site, operator::NAMESPACE)?;
    work()?;
    let after = pods_of(site, operator::NAMESPACE)?;
    ensure!(before == after, "the operator's Pods were {before:?} and are {after:?}");
    figure('D', &format!("the operator's {} Pods are the same, and none was restarted", after.len()));
    Ok(())
}

/// The client by a stranger, as its author built it.
pub fn geth_leveldb() -> Vec<u8> {
    plugins::module("guests", "geth-leveldb")
}

/// Delivers a plugin as its author packed it, a ConfigMap and a `Plugin` that trusts it, and waits until it serves.
pub fn deliver(site: &Site, module: &[u8]) -> Result<()> {
    let Packed { config_map, plugin } = plugins::pack(module);
    for object in [&config_map, &plugin] {
        site.kubectl().apply(&object.to_string())?;
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, digest) = (format!("plugin/{}", text(&plugin["metadata"]["name"])), text(&plugin["spec"]["digest"]));
    site.kubectl().run(["wait", &name, &format!("--for=jsonpath={{.status.digest}}={digest}"), SOON])?;
    site.kubectl().run(["wait", &name, "--for=condition=Ready", SOON]).map(drop)
}

/// The example's kind comes to the running operator: with the rights that `opstack rbac` tells, in the chart's values.
pub fn a_new_kind_serves(site: &Site) -> Result<()> {
    const NAMESPACE: &str = "--namespace=default";
    let module = plugins::root().join("target/hello-plugin/hello-plugin.wasm");
    let directory = module.parent().context("a module is in a directory")?;
    let mut values = operator::values();
    values["rbac"] = json!({"extraRules": rights(directory)?});
    let release = Helm::find()?.release(&site.cluster().kubeconfig(), operator::NAMESPACE);
    let began = Instant::now();
    release.apply(&values)?;
    deliver(site, &plugins::module("hello-plugin", "hello-plugin"))?;
    let served = began.elapsed();
    site.kubectl().apply(HELLO)?;
    let text =
        |object: &str, path: &str| site.kubectl().run([NAMESPACE, "get", object, &format!("--output=jsonpath={path}")]);
    chain::until("the page's ConfigMap is there", || {
        Ok(text("configmap/world-page", r"{.data.index\.html}").is_ok_and(|text| text == "Hello, world!"))
    })?;
    const OF_IT: &str = "--selector=app.kubernetes.io/name=hello";
    let mut seen = String::new();
    chain::until("a Pod of the greeting waits for its image", || {
        const REASONS: &str = "--output=jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}";
        seen = site.kubectl().run([NAMESPACE, "get", "pods", OF_IT, REASONS])?;
        Ok(seen.contains("Image"))
    })?;
    figure(
        'D',
        &format!(
            "the kind Hello served {:.1} s after its rights and its ConfigMap came; its object has its ConfigMap, Deployment and Pod, which waits for an image of a registry ({seen})",
            served.as_secs_f64()
        ),
    );
    site.kubectl().run_with_input(["delete", "--filename=-"], HELLO)?;
    // The chart's own values, which come again later, have no rights for it.
    site.kubectl().run(["delete", "plugin/hello", SOON]).map(drop)
}

/// The rules for the operator that `opstack rbac` prints for the plugins of a directory.
fn rights(directory: &Path) -> Result<Value> {
    let output = Command::new(suite::program()).args(["rbac", "--plugins"]).arg(directory).output()?;
    ensure!(output.status.success(), "opstack rbac: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    for document in text.split("---\n").filter(|part| !part.trim().is_empty()) {
        let mut document: Value = serde_norway::from_str(document)?;
        if document["kind"] == "ClusterRole" {
            return Ok(document["rules"].take());
        }
    }
    bail!("opstack rbac tells no rights for the cluster")
}
