//! The custom resources as they were first described, beside the living chain: as written, but for names, chain ids and
//! endpoints, and for what the text leaves open.

use anyhow::{Context as _, Result, ensure};
use chain::{CHAIN, Site, condition, until};
use serde_json::{Value, json};
use suite::specification;

use crate::figure;

const NAMESPACE: &str = "optimism-system";
const IN: &str = "--namespace=optimism-system";
/// What is changed wherever it stands in the text.
const CHANGED: [(&str, &str); 6] = [
    ("op-mainnet", "devnet"),
    ("chainID: 10 ", "chainID: 901 "),
    ("l1ChainID: 1 ", "l1ChainID: 900 "),
    ("https://eth-mainnet.alchemyapi.io/v2/YOUR-API-KEY", "http://l1.l1.svc:8545"),
    ("https://eth-beacon.example.com", "http://l1.l1.svc:8545"),
    ("0x229047fed2591dbec1eF1118d64F7aF3dB9EB290", "0x5FbDB2315678afecb367f032d93F642f64180aa3"),
];
/// Keys of accounts of anvil that the chain doesn't use, and the files that the text names.
const SECRETS: [(&str, &str, &str); 5] = [
    ("batcher-private-key", "private-key", "0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e"),
    ("proposer-private-key", "private-key", "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356"),
    ("challenger-private-key", "private-key", "0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97"),
    ("op-node-p2p-key", "private-key", "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"),
    ("engine-jwt-secret", "jwt", "0202020202020202020202020202020202020202020202020202020202020202"),
];
/// The challenger waits for a prestate: that of the text is `0xdeadbeef...`.
const RUNNING: [&str; 3] = ["OpNode", "OpBatcher", "OpProposer"];

/// All objects are accepted, and the programs of all that can run do.
pub fn runs_as_written(site: &Site) -> Result<()> {
    let Some(documents) = specification::documents() else {
        println!("skipped: there is no {}", specification::TEXT);
        return Ok(());
    };
    surroundings(site)?;
    let text = CHANGED.iter().try_fold(documents.join("\n---\n"), |text, (from, to)| {
        ensure!(text.contains(from), "the text has no {from:?}");
        Ok(text.replace(from, to))
    })?;
    let mut objects: Vec<Value> = text.split("\n---\n").map(serde_norway::from_str).collect::<Result<_, _>>()?;
    for object in &mut objects {
        fill_in(site, object)?;
        site.kubectl().run_with_input(["create", "--validate=strict", "--filename=-"], &object.to_string())?;
    }
    let mut told = Vec::new();
    until("every program of the specification's objects runs", || {
        told = objects.iter().map(|object| state(site, object)).collect::<Result<Vec<_>>>()?;
        let runs = |object: &Value, state: &State| state.runs || !RUNNING.iter().any(|kind| object["kind"] == *kind);
        Ok(objects.iter().zip(&told).all(|(object, state)| state.was_seen && runs(object, state)))
    })
    .with_context(|| format!("{told:#?}"))?;
    for (object, state) in objects.iter().zip(&told) {
        figure('G', &format!("{}: {}", object["kind"].as_str().unwrap_or_default(), state.told));
    }
    figure(
        'G',
        &format!(
            "the {} documents of the specification were taken as written; the programs of {} run",
            objects.len(),
            RUNNING.join(", ")
        ),
    );
    site.kubectl()
        .run_with_input(
            ["delete", "--filename=-"],
            &json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string(),
        )
        .map(drop)
}

/// What the documents name, and where they are.
fn surroundings(site: &Site) -> Result<()> {
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}});
    site.kubectl().apply(&namespace.to_string())?;
    for (name, key, value) in SECRETS {
        let metadata = json!({"name": name, "namespace": NAMESPACE});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {key: value}});
        site.kubectl().apply(&secret.to_string())?;
    }
    let classes: Value = serde_json::from_str(&site.kubectl().run(["get", "storageclasses", "--output=json"])?)?;
    let class = &classes["items"][0];
    for name in ["fast-ssd", "standard"] {
        let class = json!({
            "apiVersion": class["apiVersion"], "kind": "StorageClass",
            "provisioner": class["provisioner"], "volumeBindingMode": class["volumeBindingMode"],
            "metadata": {"name": name, "annotations": {"defaultVolumeType": "local"}},
        });
        site.kubectl().apply(&class.to_string())?;
    }
    let file = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "l1", "namespace": NAMESPACE},
        "data": {"l1.json": file(site, "l1.json")?},
    });
    site.kubectl().apply(&file.to_string()).map(drop)
}

/// A file of the living chain.
fn file(site: &Site, name: &str) -> Result<String> {
    let path = format!("--output=jsonpath={{.data.{}}}", name.replace('.', r"\."));
    site.kubectl().run(["--namespace", CHAIN, "get", "configmap", "devnet-chain", &path])
}

/// The text has `{ ... }` for the files of a chain. It names no images, whose published ones this machine can't have, and
/// knows only public L1s.
fn fill_in(site: &Site, object: &mut Value) -> Result<()> {
    let kind = object["kind"].as_str().context("a kind")?.to_owned();
    let spec = &mut object["spec"];
    match kind.as_str() {
        "OptimismNetwork" => {
            spec["rollupConfig"]["inline"] = file(site, "rollup.json")?.into();
            spec["l2Genesis"]["inline"] = file(site, "genesis.json")?.into();
            spec["l1ChainConfig"] = json!({"configMapRef": {"name": "l1", "key": "l1.json"}});
        }
        "OpNode" => {
            spec["image"] = json!("opstack.invalid/op-node:v1.19.6");
            spec["executionClient"] = json!({"image": "opstack.invalid/op-geth:v1.101702.3"});
            // It asks for two and a half processors, which this machine need not have.
            for program in ["opNode", "opGeth"] {
                spec["resources"][program]["requests"]["cpu"] = json!("50m");
            }
        }
        "OpBatcher" => spec["image"] = json!("opstack.invalid/op-batcher:v1.19.6"),
        "OpProposer" => spec["image"] = json!("opstack.invalid/op-proposer:v1.19.6"),
        _ => spec["image"] = json!("opstack.invalid/op-challenger:v1.19.6"),
    }
    Ok(())
}

/// How an object and its Pods are.
#[derive(Debug)]
struct State {
    /// The operator has looked at it.
    was_seen: bool,
    /// There are Pods, and all their containers are started.
    runs: bool,
    /// For people.
    told: String,
}

fn state(site: &Site, object: &Value) -> Result<State> {
    let name = object["metadata"]["name"].as_str().context("a name")?;
    let kind = object["kind"].as_str().context("a kind")?;
    let live: Value = serde_json::from_str(&site.kubectl().run([IN, "get", kind, name, "--output=json"])?)?;
    let selector = format!("--selector=app.kubernetes.io/instance={name}");
    let pods: Value = serde_json::from_str(&site.kubectl().run([IN, "get", "pods", &selector, "--output=json"])?)?;
    let pods = pods["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let statuses = |pod: &Value| pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
    let has_started = |pod: &Value| {
        let statuses = statuses(pod);
        !statuses.is_empty() && statuses.iter().all(|status| status["started"] == true)
    };
    let ready = condition(&live, "Ready");
    let text = |field: &str| ready.and_then(|ready| ready[field].as_str()).unwrap_or_default().to_owned();
    Ok(State {
        was_seen: ready.is_some() && live["status"]["observedGeneration"] == live["metadata"]["generation"],
        runs: !pods.is_empty() && pods.iter().all(has_started),
        told: format!("{} Pods, Ready={} {}: {}", pods.len(), text("status"), text("reason"), text("message")),
    })
}
