//! Who may dial the chain's Pods, tried by Pods of its namespace and of another one on the ports that the programs listen on.

use anyhow::{Context as _, Result, ensure};
use chain::{CHAIN, NODES, Site, until};
use cluster::visitor::Visitor;
use control_plane::Kubectl;
use serde_json::{Value, json};

use crate::{
    faults::pods_of_the_chain,
    figure,
    pods::{field, object},
};

const NAMESPACE: &str = "visitors";
const SOON: &str = "--timeout=120s";
const ENGINE: u16 = 8551;
/// `spec.rpc.port` of the batcher, which listens on the loopback.
const BATCHER_RPC: u16 = 8548;

/// Those who dial: nobody's, and two each that have the labels of components of the chain, in a namespace that the network does not
/// permit and in its own.
const VISITORS: [Visitor<'_>; 5] = [
    Visitor { namespace: NAMESPACE, name: "stranger", labels: &[] },
    Visitor { namespace: NAMESPACE, name: "like-a-proposer", labels: &component("proposer") },
    Visitor { namespace: NAMESPACE, name: "like-a-batcher", labels: &component("batcher") },
    Visitor { namespace: CHAIN, name: "as-a-proposer", labels: &component("proposer") },
    Visitor { namespace: CHAIN, name: "as-a-batcher", labels: &component("batcher") },
];

/// Of [`VISITORS`], those who get through.
type Open = [bool; 5];
const NOBODY: Open = [false; 5];
const EVERYBODY: Open = [true; 5];

const fn component(role: &str) -> [(&str, &str); 3] {
    [
        ("app.kubernetes.io/part-of", "op-stack"),
        ("app.kubernetes.io/component", role),
        ("optimism.io/network", "chain.devnet"),
    ]
}

/// The `admin` and `miner` APIs of the sequencer are open to components alone, the engine to nobody, all else to everybody;
/// and metrics to whom they are said to be.
pub fn are_enforced(site: &Site) -> Result<()> {
    let kubectl = site.kubectl();
    let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE, "labels": labels } });
    kubectl.apply(&namespace.to_string())?;
    kubectl.run(["--namespace", NAMESPACE, "wait", "serviceaccount/default", "--for=create", SOON])?;
    for visitor in VISITORS {
        kubectl.apply(&visitor.manifest().to_string())?;
    }
    for Visitor { namespace, name, .. } in VISITORS {
        kubectl.run(["--namespace", namespace, "wait", "pod", name, "--for=condition=Ready", SOON])?;
    }

    of_the_sequencer(site)?;
    let replica = ports(site, &format!("{}-0", NODES[1]))?;
    let open = replica.listening.iter().map(|(name, port)| (name.as_str(), *port, EVERYBODY));
    replica.are_open_to(kubectl, open.chain([("engine", ENGINE, NOBODY)]))?;
    let batcher = ports(site, &batcher(site)?)?;
    let open = batcher.listening.iter().map(|(name, port)| (name.as_str(), *port, EVERYBODY));
    batcher.are_open_to(kubectl, open.chain([("rpc", BATCHER_RPC, NOBODY)]))?;
    of_metrics(site)?;
    for Visitor { name, .. } in VISITORS.iter().filter(|visitor| visitor.namespace == CHAIN) {
        kubectl.run(["--namespace", CHAIN, "delete", "pod", *name, SOON])?;
    }
    kubectl.run(["delete", "namespace", NAMESPACE, SOON]).map(drop)
}

fn of_the_sequencer(site: &Site) -> Result<()> {
    let pod = format!("{}-0", NODES[0]);
    let ports = ports(site, &pod)?;
    let open = |name: &str| match name {
        "node-rpc" => [false, false, false, true, true],
        "geth-http" => [false, false, false, false, true],
        _ => EVERYBODY,
    };
    for name in ["node-rpc", "geth-http", "node-p2p", "geth-p2p", "node-metrics"] {
        ensure!(ports.listening.iter().any(|(found, _)| found == name), "{pod} has no port {name}: {ports:?}");
    }
    let wanted = ports.listening.iter().map(|(name, port)| (name.as_str(), *port, open(name)));
    ports.are_open_to(site.kubectl(), wanted.chain([("engine", ENGINE, NOBODY)]))?;

    // No policy is between a Pod and its own address: this tells who listens there.
    let itself = Visitor { namespace: CHAIN, name: &pod, labels: &[] };
    let reaches = |port| itself.reaches(site.kubectl(), &ports.address, port);
    ensure!(reaches(8545)? && !reaches(ENGINE)?, "the engine of {pod} listens on the Pod's address");
    figure(
        'C',
        &format!(
            "X6, X20: from another namespace the ports of {pod} that act on the chain are closed, to Pods with the labels of components, too, and in the network's namespace open to those alone; p2p and metrics are open, the engine is on the loopback: {:?}",
            ports.listening
        ),
    );
    Ok(())
}

/// `metricsFrom` closes the metrics of a replica to all but those whom it names, without another Pod.
fn of_metrics(site: &Site) -> Result<()> {
    let node = NODES[1];
    let (before, ports) = (pods_of_the_chain(site)?, ports(site, &format!("{node}-0"))?);
    let named = json!([{
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": NAMESPACE } },
        "podSelector": { "matchLabels": { "app.kubernetes.io/component": "proposer" } },
    }]);
    for (from, open) in [(named, [false, true, false, false, false]), (Value::Null, EVERYBODY)] {
        let patch = json!({ "spec": { "networkPolicy": { "metricsFrom": from } } }).to_string();
        let to = format!("--namespace={CHAIN}");
        site.kubectl().run([&to, "patch", "opnode", node, "--type=merge", "--patch", &patch])?;
        let wanted = ports
            .listening
            .iter()
            .map(|(name, port)| (name.as_str(), *port, if name.ends_with("-metrics") { open } else { EVERYBODY }));
        ports.are_open_to(site.kubectl(), wanted)?;
    }
    ensure!(pods_of_the_chain(site)? == before, "a Pod noticed that the policy changed");
    figure(
        'C',
        &format!("N13: metricsFrom closed the metrics of {node} to all but whom it names, and opened them again"),
    );
    Ok(())
}

fn batcher(site: &Site) -> Result<String> {
    let of_it = "--selector=app.kubernetes.io/instance=batcher";
    let name = "--output=jsonpath={.items[0].metadata.name}";
    site.kubectl().run(["--namespace", CHAIN, "get", "pods", of_it, name])
}

/// The TCP ports of a Pod's containers, as they are named.
#[derive(Debug)]
struct Ports {
    pod: String,
    address: String,
    listening: Vec<(String, u16)>,
}

fn ports(site: &Site, pod: &str) -> Result<Ports> {
    let mut listening = Vec::new();
    let live = object(site, &format!("pod/{pod}"))?;
    for container in live["spec"]["containers"].as_array().into_iter().flatten() {
        for port in container["ports"].as_array().into_iter().flatten().filter(|port| port["protocol"] == "TCP") {
            let name = port["name"].as_str().context("a port has a name")?;
            listening.push((name.to_owned(), u16::try_from(port["containerPort"].as_u64().context("a number")?)?));
        }
    }
    ensure!(!listening.is_empty(), "{pod} has no port");
    Ok(Ports { pod: pod.to_owned(), address: field(site, &format!("pod/{pod}"), "{.status.podIP}")?, listening })
}

impl Ports {
    /// Looks until each port is open to those who are wanted, and to nobody else: a policy is known a moment after it is there.
    fn are_open_to<'a>(&self, kubectl: &Kubectl, wanted: impl IntoIterator<Item = (&'a str, u16, Open)>) -> Result<()> {
        for (name, port, wanted) in wanted {
            let mut open = NOBODY;
            until(&format!("{name} ({port}) of {} is open to those who may dial it", self.pod), || {
                for (visitor, open) in VISITORS.iter().zip(&mut open) {
                    *open = visitor.reaches(kubectl, &self.address, port)?;
                }
                Ok(open == wanted)
            })
            .with_context(|| format!("of {VISITORS:?} get through {open:?}, and {wanted:?} should"))?;
        }
        Ok(())
    }
}
