//! NetworkPolicy objects: they close ports and open them, for those whom they name, and go on doing so when what enforces
//! them was killed.

mod support;

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use cluster::{Cluster, Life, visitor::Visitor};
use control_plane::Kubectl;
use serde_json::{Value, json};
use support::{SOON, load_geth, pod};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cluster");

/// Of this test alone: the cluster may be somebody else's.
const NAMESPACE: &str = "test-of-policies";
const ELSEWHERE: &str = "test-of-policies-elsewhere";

/// The same for kubectl.
const IN: &str = "--namespace=test-of-policies";

/// Ports on which the server listens.
const ONE: u16 = 8080;
const OTHER: u16 = 8081;

/// Whom the policy names, by this label and its namespace.
const FRIEND: Visitor<'_> = Visitor { namespace: NAMESPACE, name: "friend", labels: &[("role", "friend")] };

/// Its label is that of a friend, and its namespace another one.
const STRANGER: Visitor<'_> = Visitor { namespace: ELSEWHERE, name: "stranger", labels: &[("role", "friend")] };

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_policy_closes_ports_and_another_one_opens_one_of_them() -> Result<()> {
    if let Some(why) = cluster::why_not() {
        println!("skipped: {why}");
        return Ok(());
    }
    let cluster = Cluster::start(Path::new(PROGRAM), Life::OfThisProcess)?;
    let geth = load_geth(&cluster)?;
    let kubectl = cluster.kubectl()?;
    for namespace in [NAMESPACE, ELSEWHERE] {
        kubectl.run(["delete", "namespace", namespace, "--ignore-not-found", SOON])?;
        kubectl.run(["create", "namespace", namespace])?;
        kubectl.run(["--namespace", namespace, "wait", "serviceaccount/default", "--for=create", SOON])?;
    }
    for pod in [server(&geth), FRIEND.manifest(), STRANGER.manifest()] {
        kubectl.apply(&pod.to_string())?;
    }
    for (namespace, pod) in [(NAMESPACE, "pod/server"), (NAMESPACE, "pod/friend"), (ELSEWHERE, "pod/stranger")] {
        kubectl.run(["--namespace", namespace, "wait", pod, "--for=condition=Ready", SOON])?;
    }
    let server = Server { address: kubectl.run([IN, "get", "pod", "server", "--output=jsonpath={.status.podIP}"])? };
    let everything = vec![(FRIEND, ONE), (FRIEND, OTHER), (STRANGER, ONE), (STRANGER, OTHER)];
    server.becomes_open_to(&kubectl, &everything, "without a policy")?;

    kubectl.apply(&policy("closed", &json!([])).to_string())?;
    server.becomes_open_to(&kubectl, &[], "by a policy without a rule")?;
    let rule =
        json!([{ "from": [{ "podSelector": { "matchLabels": { "role": "friend" } } }], "ports": [{ "port": ONE }] }]);
    kubectl.apply(&policy("open", &rule).to_string())?;
    server.becomes_open_to(&kubectl, &[(FRIEND, ONE)], "by a rule for friends")?;

    cluster.kill("kube-router")?;
    ensure!(server.open_to(&kubectl)? == [(FRIEND, ONE)], "what was closed is open, since kube-router was killed");
    kubectl.run([IN, "delete", "networkpolicy", "--all"])?;
    server.becomes_open_to(&kubectl, &everything, "when the policies are gone")?;

    let restarts =
        kubectl.run([IN, "get", "pod", "server", "--output=jsonpath={.status.containerStatuses[*].restartCount}"])?;
    ensure!(restarts == "0 0", "the server's own node was kept from probing it: {restarts} restarts");
    [NAMESPACE, ELSEWHERE].iter().try_for_each(|name| kubectl.run(["delete", "namespace", name, SOON]).map(drop))
}

struct Server {
    address: String,
}

impl Server {
    /// Who reaches which port.
    fn open_to(&self, kubectl: &Kubectl) -> Result<Vec<(Visitor<'static>, u16)>> {
        let mut open = Vec::new();
        for (visitor, port) in [(FRIEND, ONE), (FRIEND, OTHER), (STRANGER, ONE), (STRANGER, OTHER)] {
            if visitor.reaches(kubectl, &self.address, port)? {
                open.push((visitor, port));
            }
        }
        Ok(open)
    }

    fn becomes_open_to(&self, kubectl: &Kubectl, wanted: &[(Visitor<'_>, u16)], why: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let open = self.open_to(kubectl)?;
            if open == wanted {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "{why} {wanted:?} should get through, and after {PATIENCE:?} {open:?} do"
            );
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Two ports that anybody may dial. Its node probes them all the while.
fn server(image: &str) -> Value {
    let container = |name: &str, port: u16| {
        json!({
            "name": name,
            "image": image,
            "command": ["busybox", "httpd", "-f", "-p", port.to_string()],
            "readinessProbe": { "tcpSocket": { "port": port }, "periodSeconds": 1 },
            "livenessProbe": { "tcpSocket": { "port": port }, "periodSeconds": 1, "failureThreshold": 3 },
        })
    };
    let mut spec = pod(container("one", ONE));
    let mut other = container("other", OTHER);
    other["securityContext"] = spec["containers"][0]["securityContext"].clone();
    if let Some(containers) = spec["containers"].as_array_mut() {
        containers.push(other);
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "server", "namespace": NAMESPACE, "labels": { "app": "server" } },
        "spec": spec,
    })
}

/// A policy of the server's.
fn policy(name: &str, ingress: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": {
            "podSelector": { "matchLabels": { "app": "server" } },
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        },
    })
}
