//! What happens to the chain when a program of it, its L1 or the operator is killed.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use chain::{CHAIN, NODES, Report, Site, condition, until};
use serde_json::Value;

use crate::{figure, pods::field};

const L1: &str = "--namespace=l1";
const OPERATOR: &str = "--namespace=opstack-system";
const SOON: &str = "--timeout=300s";
/// How long conditions may need to tell.
const TRUTH_WITHIN: Duration = Duration::from_secs(30);
const OUTAGE: Duration = Duration::from_secs(60);

/// The execution client of a replica, then the batcher: each is started again, and the safe head of the replica goes on.
pub fn of_programs(site: &Site) -> Result<()> {
    let batcher = site.kubectl().run([
        "--namespace",
        CHAIN,
        "get",
        "pods",
        "--selector=app.kubernetes.io/instance=batcher",
        "--output=jsonpath={.items[0].metadata.name}",
    ])?;
    for (pod, program) in [("replica-0", "geth"), (batcher.as_str(), "op-batcher")] {
        let began = Instant::now();
        let restarts = |site: &Site| -> Result<u64> {
            let counts = field(site, &format!("pod/{pod}"), "{.status.containerStatuses[*].restartCount}")?;
            counts.split_whitespace().map(|count| Ok(count.parse::<u64>()?)).sum()
        };
        let before = restarts(site)?;
        site.cluster().kill_in_pod(&field(site, &format!("pod/{pod}"), "{.metadata.uid}")?, program)?;
        until(&format!("{program} is started again"), || Ok(restarts(site)? > before))?;
        let safe = site.consensus(NODES[0])?.heads()?.safe_l2;
        until("the replica has a later safe head", || {
            Ok(site.consensus(NODES[1])?.heads().is_ok_and(|heads| heads.safe_l2 > safe))
        })?;
        figure(
            'E',
            &format!("{program} of {pod} was killed; its chain went on {:.1} s later", began.elapsed().as_secs_f64()),
        );
    }
    Report::when_ready(site).map(drop)
}

/// The L1 is killed and stays away for a minute. The sequencer goes on, the conditions tell, and afterwards batches land.
pub fn of_the_l1(site: &Site) -> Result<()> {
    let unsafe_head = |site: &Site| -> Result<u64> { Ok(site.consensus(NODES[0])?.heads()?.unsafe_l2) };
    let before = unsafe_head(site)?;
    let began = Instant::now();
    site.kubectl().run([L1, "scale", "statefulset/l1", "--replicas=0"])?;
    site.kubectl().run([L1, "delete", "pod", "l1-0", "--force", "--grace-period=0", "--ignore-not-found"])?;
    until("the network tells that its L1 is gone", || Ok(l1_connected(site)?.as_deref() == Some("False")))?;
    let told = began.elapsed();
    thread::sleep(OUTAGE.saturating_sub(began.elapsed()));
    let during = unsafe_head(site)? - before;
    site.kubectl().run([L1, "scale", "statefulset/l1", "--replicas=1"])?;
    site.kubectl().run([L1, "rollout", "status", "statefulset/l1", SOON])?;
    let back = Instant::now();
    let safe = site.consensus(NODES[0])?.heads()?.safe_l2;
    until("the network tells that its L1 is back", || Ok(l1_connected(site)?.as_deref() == Some("True")))?;
    let told_back = back.elapsed();
    until("batches land again", || Ok(site.consensus(NODES[2])?.heads().is_ok_and(|heads| heads.safe_l2 > safe)))?;
    figure(
        'E',
        &format!(
            "the L1 was killed for {:.0} s: told after {:.1} s, {during} blocks meanwhile; told that it is back after {:.1} s, batches after {:.1} s",
            OUTAGE.as_secs_f64(),
            told.as_secs_f64(),
            told_back.as_secs_f64(),
            back.elapsed().as_secs_f64()
        ),
    );
    ensure!(told < TRUTH_WITHIN && told_back < TRUTH_WITHIN, "the conditions told too late");
    ensure!(during > 20, "the sequencer stood still without L1");
    Report::when_ready(site).map(drop)
}

/// The leader is killed: another one takes its place, and no Pod of the chain notices.
pub fn of_the_operator(site: &Site) -> Result<()> {
    let holder = |site: &Site| {
        site.kubectl().run([OPERATOR, "get", "leases", "--output=jsonpath={.items[0].spec.holderIdentity}"])
    };
    let before = holder(site)?;
    let pods = pods_of_the_chain(site)?;
    let leader = before.split('_').next().context("a lease has a holder")?.to_owned();
    let uid = site.kubectl().run([OPERATOR, "get", "pod", &leader, "--output=jsonpath={.metadata.uid}"])?;
    let began = Instant::now();
    site.cluster().kill_in_pod(&uid, "opstack")?;
    until("another one leads", || Ok(holder(site).is_ok_and(|now| !now.is_empty() && now != before)))?;
    figure(
        'E',
        &format!("the operator's leader was killed; another one led {:.1} s later", began.elapsed().as_secs_f64()),
    );
    ensure!(pods_of_the_chain(site)? == pods, "Pods of the chain are other ones");
    Ok(())
}

/// The API server is killed: the chain, which does not ask it anything, goes on, and the operator's picture is true again as soon
/// as it is back.
pub fn of_the_api_server(site: &Site) -> Result<()> {
    let pods = pods_of_the_chain(site)?;
    let unsafe_head = || -> Result<u64> { Ok(site.consensus(NODES[0])?.heads()?.unsafe_l2) };
    let before = unsafe_head()?;
    let began = Instant::now();
    site.cluster().kill("kube-apiserver")?;
    until("the API server answers again", || Ok(site.kubectl().run(["get", "--raw=/readyz"]).is_ok()))?;
    let back = began.elapsed();
    // The operator must see this change of its own object, and undo it.
    const LABEL: &str = "app.kubernetes.io/instance";
    site.kubectl().run([
        "--namespace",
        CHAIN,
        "label",
        "statefulset/replica",
        "--overwrite",
        &format!("{LABEL}=nobody"),
    ])?;
    let label = || field(site, "statefulset/replica", r"{.metadata.labels.app\.kubernetes\.io/instance}");
    until("the operator undoes what was done to its object", || Ok(label()? == "replica"))?;
    figure(
        'E',
        &format!(
            "the API server was killed and was back after {:.1} s, the operator at work after {:.1} s; {} blocks meanwhile",
            back.as_secs_f64(),
            began.elapsed().as_secs_f64(),
            unsafe_head()? - before
        ),
    );
    Report::when_ready(site)?;
    ensure!(pods_of_the_chain(site)? == pods, "Pods of the chain are other ones");
    Ok(())
}

/// What must not change while the operator comes and goes: the Pods, and how often their containers were started.
pub fn pods_of_the_chain(site: &Site) -> Result<Vec<String>> {
    pods_of(site, CHAIN)
}

/// The Pods of a namespace, and how often their containers were started.
pub fn pods_of(site: &Site, namespace: &str) -> Result<Vec<String>> {
    const PATH: &str = r#"--output=jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.status.containerStatuses[*].restartCount}{"\n"}{end}"#;
    let mut pods: Vec<String> =
        site.kubectl().run(["--namespace", namespace, "get", "pods", PATH])?.lines().map(Into::into).collect();
    pods.sort();
    ensure!(!pods.is_empty(), "there is no Pod in {namespace}");
    Ok(pods)
}

fn l1_connected(site: &Site) -> Result<Option<String>> {
    let objects = site.objects()?;
    let network = objects.iter().find(|object| object["kind"] == "OptimismNetwork").context("a network")?;
    Ok(condition(network, "L1Connected").and_then(|told| told["status"].as_str()).map(ToString::to_string))
}

/// What the proposer says of its last proposal.
pub fn last_proposal(site: &Site) -> Result<Value> {
    let objects = site.objects()?;
    let proposer = objects.into_iter().find(|object| object["kind"] == "OpProposer").context("a proposer")?;
    Ok(proposer["status"]["proposerInfo"]["lastProposalSubmitted"].clone())
}
