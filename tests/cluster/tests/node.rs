//! The node: that Pods run on it as the operator renders them, find each other by name, and keep their volumes; and that
//! nothing is left of it.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use cluster::{Cluster, Life};
use control_plane::Kubectl;
use serde_json::{Value, json};
use support::{SOON, load_geth, pod};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cluster");

/// Of this test alone: the cluster may be somebody else's.
const NAMESPACE: &str = "test-of-the-node";

/// The same for kubectl.
const IN: &str = "--namespace=test-of-the-node";

#[test]
fn pods_of_a_chain_run_and_nothing_is_left_of_the_node() -> Result<()> {
    if let Some(why) = cluster::why_not() {
        println!("skipped: {why}");
        return Ok(());
    }
    let kernel = kernel_settings()?;
    let cluster = Cluster::start(Path::new(PROGRAM), Life::OfThisProcess)?;
    let geth = load_geth(&cluster)?;
    let kubectl = cluster.kubectl()?;

    kubectl.run(["delete", "namespace", NAMESPACE, "--ignore-not-found", SOON])?;
    kubectl.run(["create", "namespace", NAMESPACE])?;
    kubectl.apply(&execution_client(&geth).to_string())?;
    kubectl.run([IN, "rollout", "status", "statefulset/geth", SOON])?;
    is_on_a_volume_of_its_own_group(&kubectl)?;
    answers_by_name(&kubectl, &geth)?;
    answers_this_machine(&kubectl)?;
    keeps_its_data(&kubectl)?;

    kubectl.run(["delete", "namespace", NAMESPACE, SOON])?;
    let was_found = cluster.is_found();
    drop(cluster);
    if was_found {
        println!("the cluster was up before this test, and stays");
        return Ok(());
    }
    assert_eq!(cluster::status(), ["down"]);
    assert_eq!(kernel_settings()?, kernel, "the node changed settings of the whole machine");
    Ok(())
}

#[test]
fn a_node_that_is_killed_ends_and_is_cleaned_up() -> Result<()> {
    if let Some(why) = cluster::why_not() {
        println!("skipped: {why}");
        return Ok(());
    }
    let cluster = Cluster::start(Path::new(PROGRAM), Life::OfThisProcess)?;
    if cluster.is_found() {
        println!("skipped: the cluster was up before this test, and is not ours to kill");
        return Ok(());
    }
    let kubectl = cluster.kubectl()?;
    kubectl.run(["get", "--raw=/readyz"])?;
    let holder = cluster.holder().context("a cluster that lives")?;
    let killed = Command::new("kill").args(["-KILL", &holder.to_string()]).status()?;
    ensure!(killed.success(), "process {holder} was not killed");

    let deadline = Instant::now() + Duration::from_secs(30);
    while kubectl.run(["get", "--raw=/readyz", "--request-timeout=2s"]).is_ok() {
        ensure!(Instant::now() < deadline, "the API server outlives the process that holds the node");
    }
    let left = cluster::status();
    assert_eq!(left[0], "down");
    assert!(left.iter().any(|line| line.contains("left by a cluster that crashed")), "{left:?}");
    drop(cluster);
    assert_eq!(cluster::status(), ["down"]);
    Ok(())
}

/// Settings of the kernel that no namespace keeps apart, with the values of this machine.
fn kernel_settings() -> Result<BTreeMap<&'static str, String>> {
    const SETTINGS: [&str; 5] =
        ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward"];
    let value =
        |name| fs::read_to_string(format!("/proc/sys/{name}")).with_context(|| format!("failed to read {name}"));
    SETTINGS.into_iter().map(|name| Ok((name, value(name)?))).collect()
}

/// What kubelet asks of the volume, and what the Pod's own rights allow: the program is there to write, or not ready.
fn is_on_a_volume_of_its_own_group(kubectl: &Kubectl) -> Result<()> {
    let claim =
        kubectl.run([IN, "get", "pvc", "data-geth-0", "--output=jsonpath={.status.phase} {.spec.volumeName}"])?;
    let (phase, volume) = claim.split_once(' ').context("a claim with a phase and a volume")?;
    assert_eq!(phase, "Bound");
    let kind = kubectl.run(["get", "pv", volume, "--output=jsonpath={.spec.local.path}"])?;
    assert!(kind.starts_with("/var/lib/volumes/"), "no local volume: {kind:?}");
    Ok(())
}

/// From a Pod to the client's Service, by the name that CoreDNS resolves.
fn answers_by_name(kubectl: &Kubectl, image: &str) -> Result<()> {
    kubectl.apply(&question(image).to_string())?;
    kubectl.run([IN, "wait", "--for=condition=Complete", "job/question", SOON])?;
    let answer = kubectl.run([IN, "logs", "job/question"])?;
    assert_eq!(answer.trim(), "1337", "the chain id of a development chain");
    Ok(())
}

/// From this machine to the address of the Service, where kube-proxy takes it on.
fn answers_this_machine(kubectl: &Kubectl) -> Result<()> {
    let address = kubectl.run([IN, "get", "service", "geth", "--output=jsonpath={.spec.clusterIP}"])?;
    let address: IpAddr = address.parse().with_context(|| format!("{address:?} is no address"))?;
    TcpStream::connect_timeout(&SocketAddr::new(address, 8545), Duration::from_secs(10))
        .with_context(|| format!("{address} is not reached"))?;
    Ok(())
}

/// Another Pod of the same name finds the volume, and the key of the node in it.
fn keeps_its_data(kubectl: &Kubectl) -> Result<()> {
    let enode = |kubectl: &Kubectl| -> Result<String> {
        let log = kubectl.run([IN, "logs", "geth-0"])?;
        let line = log.lines().find_map(|line| line.split_once("self=enode://"));
        Ok(line.context("a client that tells its identity")?.1.split('@').next().unwrap_or_default().into())
    };
    let before = enode(kubectl)?;
    kubectl.run([IN, "delete", "pod", "geth-0", SOON])?;
    kubectl.run([IN, "rollout", "status", "statefulset/geth", SOON])?;
    kubectl.run([IN, "wait", "--for=condition=Ready", "pod/geth-0", SOON])?;
    ensure!(enode(kubectl)? == before, "the identity is another one: the volume was not kept");
    Ok(())
}

fn execution_client(image: &str) -> Value {
    let labels = json!({ "app": "geth" });
    let arguments = [
        "--datadir=/data",
        "--dev",
        "--ipcdisable",
        "--nat=none",
        "--port=30303",
        "--http",
        "--http.addr=0.0.0.0",
        "--http.vhosts=*",
        "--http.api=eth,net,web3",
    ];
    let items = json!([
        {
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "geth", "namespace": NAMESPACE },
            "spec": { "selector": labels, "ports": [{ "port": 8545 }] },
        },
        {
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "geth", "namespace": NAMESPACE },
            "spec": {
                "serviceName": "geth",
                "replicas": 1,
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": pod(json!({
                        "name": "geth",
                        "image": image,
                        "command": ["geth"],
                        "args": arguments,
                        "readinessProbe": { "tcpSocket": { "port": 8545 }, "periodSeconds": 1 },
                        "volumeMounts": [
                            { "name": "data", "mountPath": "/data" }, { "name": "tmp", "mountPath": "/tmp" }
                        ],
                    })),
                },
                "volumeClaimTemplates": [{
                    "metadata": { "name": "data" },
                    "spec": {
                        "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } },
                    },
                }],
            },
        },
    ]);
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

fn question(image: &str) -> Value {
    let mut pod = pod(json!({
        "name": "question",
        "image": image,
        "command": ["geth"],
        "args": ["attach", "--exec=parseInt(eth.chainId(), 16)", "http://geth.test-of-the-node.svc.cluster.local:8545"],
        "volumeMounts": [{ "name": "tmp", "mountPath": "/tmp" }],
    }));
    pod["restartPolicy"] = "Never".into();
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "question", "namespace": NAMESPACE },
        "spec": { "backoffLimit": 3, "template": { "spec": pod } },
    })
}
