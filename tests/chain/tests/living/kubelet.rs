//! What only a node with real Pods can show of them: that probes pass, metrics answer, names resolve, and what is written
//! stays where it may be.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use chain::{CHAIN, NODES, Site, until};
use chart::Helm;
use l1::quantity;
use serde_json::Value;
use suite::ask;

use crate::{figure, pods::field};

const IN: &str = "--namespace=chain";
const SOON: &str = "--timeout=300s";

/// What is true of a chain that is left alone.
pub fn takes_them_as_they_are(site: &Site) -> Result<()> {
    let pods = pods(site)?;
    probes_pass(site, &pods)?;
    metrics_answer(&pods)?;
    names_resolve(site)?;
    roots_are_read_only(site, &pods)?;
    the_default_jwt_is_used(site)?;
    clients_have_peers(site)
}

fn pods(site: &Site) -> Result<Vec<Value>> {
    let mut pods: Value = serde_json::from_str(&site.kubectl().run([IN, "get", "pods", "--output=json"])?)?;
    Ok(pods["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

fn list<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(path).and_then(Value::as_array).into_iter().flatten()
}

/// Every container has its three probes, is started and ready, and none was killed for one that failed.
fn probes_pass(site: &Site, pods: &[Value]) -> Result<()> {
    let mut containers = 0;
    for pod in pods {
        let name = &pod["metadata"]["name"];
        for container in list(pod, "/spec/containers") {
            let of = |probe: &str| !container[probe].is_null();
            ensure!(of("startupProbe") && of("livenessProbe") && of("readinessProbe"), "{name}: {}", container["name"]);
            containers += 1;
        }
        for status in list(pod, "/status/containerStatuses") {
            let is_well = status["ready"] == true && status["started"] == true && status["restartCount"] == 0;
            ensure!(is_well, "{name}: {status}");
        }
    }
    let killed = site.kubectl().run([IN, "get", "events", "--field-selector=reason=Killing", "--output=name"])?;
    ensure!(killed.is_empty(), "the kubelet killed: {killed}");
    figure(
        'C',
        &format!(
            "{containers} containers of {} Pods pass all their probes; none was started twice or killed",
            pods.len()
        ),
    );
    Ok(())
}

/// Each port for metrics answers on the Pod's address, with series of the program, where the chart's PodMonitor has Prometheus
/// scrape it.
fn metrics_answer(pods: &[Value]) -> Result<()> {
    let (scraped, mut families) = (Helm::find()?.scraped()?, Vec::new());
    for pod in pods {
        ensure!(pod["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "opstack", "a Pod that is not found");
        let address: IpAddr = pod["status"]["podIP"].as_str().context("a Pod has an address")?.parse()?;
        for container in list(pod, "/spec/containers") {
            let endpoint = |port: &Value| {
                let (_, path) = scraped.iter().find(|(name, _)| port["name"] == *name)?;
                Some((port["containerPort"].as_u64()?, path))
            };
            let (port, path) = list(container, "/ports")
                .find_map(endpoint)
                .with_context(|| format!("nothing of {} is scraped", container["name"]))?;
            let port = u16::try_from(port)?;
            let answer = ask(SocketAddr::new(address, port), "GET", path).context("no answer")?;
            let count = answer.lines().filter(|line| line.starts_with("# TYPE ")).count();
            ensure!(answer.starts_with("HTTP/1.1 200") && count > 10, "{}: {answer:.300}", container["name"]);
            families.push(format!("{} {count}", container["name"].as_str().unwrap_or_default()));
        }
    }
    families.sort();
    families.dedup_by_key(|family| family.split(' ').next().map(ToString::to_string));
    figure('C', &format!("metrics are scraped from every Pod; families: {}", families.join(", ")));
    Ok(())
}

/// The name that op-node advertises is that of its Pod, and leads to it. op-node ends when it does not, and it was started
/// once: so it did before the Pod was ready, too.
fn names_resolve(site: &Site) -> Result<()> {
    let pod = "replica-0";
    let args = field(site, &format!("pod/{pod}"), "{.spec.containers[?(@.name=='op-node')].args}")?;
    let advertised = format!("{pod}.replica-headless.{CHAIN}.svc.cluster.local");
    ensure!(args.contains("--p2p.advertise.ip=$(POD_NAME).replica-headless.chain.svc.cluster.local"), "{args}");
    let address = field(site, &format!("pod/{pod}"), "{.status.podIP}")?;
    let told = site.kubectl().run([IN, "exec", pod, "--container=geth", "--", "busybox", "nslookup", &advertised])?;
    ensure!(told.contains(&address), "{advertised} leads elsewhere than {address}: {told}");
    figure('C', &format!("{advertised}, which op-node advertises, leads to its Pod"));
    Ok(())
}

/// No container may write but in its volumes.
fn roots_are_read_only(site: &Site, pods: &[Value]) -> Result<()> {
    for container in pods.iter().flat_map(|pod| list(pod, "/spec/containers").chain(list(pod, "/spec/initContainers")))
    {
        ensure!(container["securityContext"]["readOnlyRootFilesystem"] == true, "{container}");
    }
    let write =
        |path: &str| site.kubectl().run([IN, "exec", "replica-0", "--container=geth", "--", "busybox", "touch", path]);
    write("/data/geth/probe").context("the control of this check")?;
    for path in ["/probe", "/tmp/probe", "/usr/local/bin/probe"] {
        let refused = write(path).err().with_context(|| format!("{path} can be written"))?.to_string();
        ensure!(refused.contains("Read-only file system"), "{refused}");
    }
    figure('C', "geth writes in its volume, and nowhere else");
    Ok(())
}

/// A spec that says nothing of a JWT has a Secret for it, which both programs of the Pod mount.
fn the_default_jwt_is_used(site: &Site) -> Result<()> {
    let sequencer = NODES[0];
    let secret = field(site, &format!("secret/{sequencer}-jwt"), "{.data.jwt}")?;
    ensure!(!secret.is_empty(), "the Secret has no jwt");
    let pod = format!("pod/{sequencer}-0");
    let mounted = field(site, &pod, "{.spec.volumes[?(@.name=='jwt')].secret.secretName}")?;
    ensure!(mounted == format!("{sequencer}-jwt"), "{mounted:?} is mounted");
    figure('C', "the sequencer's programs let each other in by the Secret that was made for them");
    Ok(())
}

/// The execution clients of sequencer and replica found each other.
fn clients_have_peers(site: &Site) -> Result<()> {
    for node in &NODES[..2] {
        let peers = quantity(&site.execution(node)?.rpc().call("net_peerCount", "[]")?)?;
        ensure!(peers > 0, "the execution client of {node} has no peer");
    }
    figure('C', "the execution clients of sequencer and replica are peers");
    Ok(())
}

/// What is in the challenger's volume is there again for the Pod after.
pub fn the_challenger_keeps_its_state(site: &Site) -> Result<()> {
    const POD: &str = "challenger-0";
    let volume = field(site, "pvc/data-challenger-0", "{.spec.volumeName}")?;
    let path = site.kubectl().run(["get", "pv", &volume, "--output=jsonpath={.spec.local.path}"])?;
    let holder = site.cluster().holder().context("the cluster has ended")?;
    // It plays alphabet games by heart and writes nothing, so something is put where it would.
    let state = format!("/proc/{holder}/root{path}/state");
    std::fs::write(&state, POD)?;
    let uid = field(site, &format!("pod/{POD}"), "{.metadata.uid}")?;
    site.kubectl().run([IN, "delete", "pod", POD, SOON])?;
    until("another Pod is ready", || {
        const READY: &str = "{.metadata.uid} {.status.containerStatuses[0].ready}";
        let now = field(site, &format!("pod/{POD}"), READY).unwrap_or_default();
        Ok(now.split_once(' ').is_some_and(|(now, ready)| now != uid && ready == "true"))
    })?;
    ensure!(field(site, "pvc/data-challenger-0", "{.spec.volumeName}")? == volume, "another volume");
    ensure!(std::fs::read_to_string(&state)? == POD, "its state is another one");
    figure('C', "the challenger's Pod was deleted, and the next one has its volume again with what was in it");
    Ok(())
}
