//! A small chain of resources, what of it and of its kinds must not change when its operator goes and comes, and the programs
//! that were built with the tests.

use std::{env, path::PathBuf};

use anyhow::{Context as _, Result};
use control_plane::Kubectl;
use serde_json::{Value, json};

/// Where it is.
pub const NAMESPACE: &str = "test-of-the-chart";
/// The same for kubectl.
pub const IN: &str = "--namespace=test-of-the-chart";
/// Generous: the machine may be compiling something else.
pub const SOON: &str = "--timeout=300s";

/// What must not change: the kinds, and the children of the chain with their Pods.
#[derive(Debug, PartialEq, Eq)]
pub struct Chain {
    /// Names and identities.
    pub kinds: Vec<String>,
    /// Name, and what changes with every write of what somebody asks for (not of its status).
    pub children: Vec<String>,
    /// Identities.
    pub pods: Vec<String>,
}

impl Chain {
    /// As it is now.
    pub fn of(kubectl: &Kubectl) -> Result<Self> {
        let text = kubectl.run([IN, "get", CHILDREN, "--selector=app.kubernetes.io/managed-by", "--output=json"])?;
        let list: Value = serde_json::from_str(&text)?;
        Ok(Self {
            kinds: lines(kubectl.run(["get", "crds", "--output=custom-columns=:.metadata.name,:.metadata.uid"])?),
            children: list["items"].as_array().context("a list")?.iter().map(trace).collect(),
            pods: lines(kubectl.run([IN, "get", "pods", "--output=custom-columns=:.metadata.uid"])?),
        })
    }
}

const CHILDREN: &str = "statefulsets,services,configmaps,serviceaccounts,networkpolicies,poddisruptionbudgets,secrets";

/// An object's identity and the writes that it has seen. What a controller of Kubernetes says in a status is none.
fn trace(object: &Value) -> String {
    let metadata = &object["metadata"];
    let is_our_write = |entry: &&Value| entry["subresource"].is_null();
    let writes: Vec<_> = metadata["managedFields"].as_array().into_iter().flatten().filter(is_our_write).collect();
    format!("{} {} {} {} {writes:?}", object["kind"], metadata["name"], metadata["uid"], metadata["generation"])
}

fn lines(text: String) -> Vec<String> {
    text.lines().map(|line| line.trim().to_string()).filter(|line| !line.is_empty()).collect()
}

/// Lets the operator of now look at the chain once more, wholly: it says which generation it has seen.
pub fn looked_again(kubectl: &Kubectl) -> Result<()> {
    for paused in [true, false] {
        let patch = json!({ "spec": { "paused": paused } }).to_string();
        kubectl.run([IN, "patch", "opnode/node", "--type=merge", "--patch", &patch])?;
    }
    let generation = kubectl.run([IN, "get", "opnode/node", "--output=jsonpath={.metadata.generation}"])?;
    let seen = format!("--for=jsonpath={{.status.observedGeneration}}={generation}");
    kubectl.run([IN, "wait", "opnode/node", &seen, SOON]).map(drop)
}

/// Makes a namespace that is as strict as can be.
pub fn make_namespace(kubectl: &Kubectl, name: &str) -> Result<()> {
    let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } });
    kubectl.apply(&namespace.to_string()).map(drop)
}

/// A program that was built with the tests.
pub fn beside_tests(name: &str) -> Result<PathBuf> {
    let tests = env::current_exe()?;
    let places = tests.ancestors().skip(1).take(2).map(|directory| directory.join(name));
    let found = places.into_iter().find(|path| path.is_file());
    found.with_context(|| format!("there is no `{name}` beside {}: run `cargo build --workspace`", tests.display()))
}

/// The directory of the plugins as they were built last.
pub fn components() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins")
}

/// A network, and a node of it.
pub fn chain() -> Value {
    let metadata = |name: &str| json!({ "name": name, "namespace": NAMESPACE });
    let little = json!({ "cpu": "10m", "memory": "32Mi" });
    let items = json!([
        {
            "apiVersion": "optimism.io/v1alpha1", "kind": "OptimismNetwork", "metadata": metadata("network"),
            "spec": {
                "networkName": "op-mainnet", "chainID": 10, "l1ChainID": 1,
                "l1RpcUrl": "http://l1.invalid:8545", "l1BeaconUrl": "http://l1.invalid:5052",
            },
        },
        {
            "apiVersion": "optimism.io/v1alpha1", "kind": "OpNode", "metadata": metadata("node"),
            "spec": {
                "optimismNetworkRef": { "name": "network" }, "nodeType": "replica", "opGeth": {},
                // As little as fits beside the operator.
                "resources": { "opNode": { "requests": little }, "opGeth": { "requests": little } },
            },
        },
    ]);
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}
