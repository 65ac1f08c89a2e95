//! The chart on a node: the operator is installed as users do it, goes and comes again, is brought to another image, and
//! nothing of that reaches a chain.
//!
//! The Pods of the chain have no program here but the operator's own in their init container: what counts is that they are
//! the same Pods afterwards.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use chart::Helm;
use cluster::{Cluster, Image, Life, images};
use control_plane::Kubectl;
use serde_json::{Value, json};

/// Where the operator is.
const NAMESPACE: &str = "opstack-system";
/// Where the chain is.
const CHAIN: &str = "test-of-the-chart";
const OF_CHAIN: &str = "--namespace=test-of-the-chart";
/// Generous: the machine may be compiling something else.
const SOON: &str = "--timeout=300s";

#[test]
fn a_chain_does_not_notice_that_its_operator_goes_and_comes() -> Result<()> {
    if let Some(why) = cluster::why_not() {
        println!("skipped: {why}");
        return Ok(());
    }
    let helm = Helm::find()?;
    let cluster = Cluster::start(&beside_tests("cluster")?, Life::OfThisProcess)?;
    if cluster.is_found() {
        println!("skipped: the cluster was up before this test, and may have an operator already");
        return Ok(());
    }
    let [image, next] = operator_images()?;
    cluster.load(&[image.clone(), next.clone()])?;
    let kubectl = cluster.kubectl()?;
    let release = helm.release(&cluster.kubeconfig(), NAMESPACE);
    make_namespace(&kubectl, NAMESPACE, "restricted")?;
    make_namespace(&kubectl, CHAIN, "restricted")?;

    release.apply(&values(&image))?;
    kubectl.run(["wait", "plugins", "--all", "--for=condition=Loaded", SOON])?;
    assert_eq!(kubectl.run(["get", "plugins", "--output=name"])?.lines().count(), 7);
    kubectl.apply(&chain().to_string())?;
    kubectl.run([OF_CHAIN, "wait", "opnode/node", "--for=jsonpath={.status.applied}", SOON])?;
    kubectl.run([OF_CHAIN, "wait", "pod/node-0", "--for=condition=Initialized", SOON])?;
    let before = Chain::of(&kubectl)?;
    ensure!(before.children.len() > 4, "hardly any children: {:?}", before.children);

    release.uninstall()?;
    assert_eq!(Chain::of(&kubectl)?, before, "after the operator went");
    release.apply(&values(&image))?;
    looked_again(&kubectl)?;
    assert_eq!(Chain::of(&kubectl)?, before, "after the operator came again");

    let mut upgraded = values(&next);
    // Init containers keep theirs, or the Pods would be other ones.
    upgraded["initImage"] = image.name.as_str().into();
    release.apply(&upgraded)?;
    looked_again(&kubectl)?;
    assert_eq!(Chain::of(&kubectl)?, before, "after the operator was replaced");
    Ok(())
}

/// What must not change: the kinds, and the children of the chain with their Pods.
#[derive(Debug, PartialEq, Eq)]
struct Chain {
    kinds: Vec<String>,
    /// Name, and what changes with every write of what somebody asks for (not of its status).
    children: Vec<String>,
    pods: Vec<String>,
}

impl Chain {
    fn of(kubectl: &Kubectl) -> Result<Self> {
        let text =
            kubectl.run([OF_CHAIN, "get", CHILDREN, "--selector=app.kubernetes.io/managed-by", "--output=json"])?;
        let list: Value = serde_json::from_str(&text)?;
        Ok(Self {
            kinds: lines(kubectl.run(["get", "crds", "--output=custom-columns=:.metadata.name,:.metadata.uid"])?),
            children: list["items"].as_array().context("a list")?.iter().map(trace).collect(),
            pods: lines(kubectl.run([OF_CHAIN, "get", "pods", "--output=custom-columns=:.metadata.uid"])?),
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
fn looked_again(kubectl: &Kubectl) -> Result<()> {
    for paused in [true, false] {
        let patch = json!({ "spec": { "paused": paused } }).to_string();
        kubectl.run([OF_CHAIN, "patch", "opnode/node", "--type=merge", "--patch", &patch])?;
    }
    let generation = kubectl.run([OF_CHAIN, "get", "opnode/node", "--output=jsonpath={.metadata.generation}"])?;
    let seen = format!("--for=jsonpath={{.status.observedGeneration}}={generation}");
    kubectl.run([OF_CHAIN, "wait", "opnode/node", &seen, SOON]).map(drop)
}

fn make_namespace(kubectl: &Kubectl, name: &str, standard: &str) -> Result<()> {
    let labels = json!({ "pod-security.kubernetes.io/enforce": standard });
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } });
    kubectl.apply(&namespace.to_string()).map(drop)
}

/// The operator's image, and the same under the name of a next version.
fn operator_images() -> Result<[Image; 2]> {
    let components = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins");
    let image = images::of_opstack(beside_tests("opstack")?, &components)?;
    let next = Image { name: images::name("opstack", "next"), ..image.clone() };
    Ok([image, next])
}

fn values(image: &Image) -> Value {
    let (repository, tag) = image.name.rsplit_once(':').unwrap_or((&image.name, ""));
    json!({ "image": { "repository": repository, "tag": tag, "pullPolicy": "Never" } })
}

/// A program that was built with the tests.
fn beside_tests(name: &str) -> Result<PathBuf> {
    let tests = env::current_exe()?;
    let places = tests.ancestors().skip(1).take(2).map(|directory| directory.join(name));
    let found = places.into_iter().find(|path| path.is_file());
    found.with_context(|| format!("there is no `{name}` beside {}: run `cargo build --workspace`", tests.display()))
}

fn chain() -> Value {
    let metadata = |name: &str| json!({ "name": name, "namespace": CHAIN });
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
            "spec": { "optimismNetworkRef": { "name": "network" }, "nodeType": "replica", "opGeth": {} },
        },
    ]);
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}
