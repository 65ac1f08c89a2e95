//! The batcher's Pod: what it serves, and how it ends and comes again.

use std::{thread, time::Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use chain::{CHAIN, Layer, NODES, Site, until};
use l1::Rpc;
use serde_json::Value;

use crate::{
    figure,
    forward::Forward,
    pods::{field, object},
};

const IN: &str = "--namespace=chain";
const OF_IT: &str = "--selector=app.kubernetes.io/instance=batcher";
const WITHIN: &str = "--timeout=120s";
/// `spec.rpc.port`, unless the object says otherwise.
const RPC: u16 = 8548;

/// Its RPC answers. `replicas: 0` ends it in order, with all the time that the Pod's specification grants; with `replicas: 1`
/// it goes on, and nothing is missing on L1.
pub fn ends_and_comes_again(site: &Site) -> Result<()> {
    let [pod] = &pods(site)?[..] else { anyhow::bail!("the batcher has not one Pod") };
    serves_rpc(site, pod)?;
    let began = Instant::now();
    let log = stop(site, pod)?;
    for told in ["Stopping batcher", "Batch Submitter stopped"] {
        ensure!(log.contains(told), "the batcher did not end in order: {log}");
    }
    until("the batcher is stopped, and has no Pod", || Ok(phase(site)? == "Stopped" && pods(site)?.is_empty()))?;
    let stopped = began.elapsed();
    let responding = r#"{.status.conditions[?(@.type=="Responding")].reason}"#;
    ensure!(field(site, "opbatcher/batcher", responding)? == "Stopped", "the batcher does not say that it is stopped");
    let made = site.consensus(NODES[0])?.heads()?.unsafe_l2;

    let began = Instant::now();
    scale(site, 1)?;
    let mut seen = vec!["Stopped".to_owned()];
    until("the batcher runs", || {
        let now = phase(site)?;
        ensure!(pods(site)?.len() < 2, "the batcher has two Pods");
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        Ok(seen.last().is_some_and(|phase| phase == "Running"))
    })?;
    ensure!(seen.iter().any(|phase| phase == "Pending"), "the batcher ran before its Pod did: {seen:?}");
    until("all blocks that were made without a batcher are on L1", || {
        Ok(site.consensus(NODES[0])?.heads()?.safe_l2 >= made)
    })?;
    figure(
        'C',
        &format!(
            "S1-60: the batcher was told to stop, had 300 s for it, ended in order and was Stopped after {:.1} s; {} and block {made} on L1 {:.1} s after it was wanted again",
            stopped.as_secs_f64(),
            seen.join(" → "),
            began.elapsed().as_secs_f64()
        ),
    );
    Ok(())
}

/// The port, which has `admin`, answers a call on the Pod's loopback, and nobody elsewhere. The container has the resources of
/// the network's default.
fn serves_rpc(site: &Site, pod: &Value) -> Result<()> {
    let name = pod["metadata"]["name"].as_str().context("a Pod has a name")?;
    let forward = Forward::start(site, CHAIN, &format!("pod/{name}"), RPC)?;
    let version = Rpc::new(forward.url()).call("health_status", "[]")?;
    ensure!(version.as_str().is_some_and(|version| version.contains("v1.19.6")), "the batcher's RPC says {version}");
    let address = pod["status"]["podIP"].as_str().context("a Pod has an address")?;
    let refused =
        Layer::at(address, RPC).rpc().call("health_status", "[]").err().context("the RPC is open to others")?;
    ensure!(refused.to_string().contains("refused"), "{refused}");
    let given = object(site, "optimismnetwork/devnet")?["spec"]["sharedConfig"]["resources"].take();
    let has = &pod["spec"]["containers"][0]["resources"];
    let is_so = has["requests"] == given["requests"] && has["limits"]["memory"] == given["limits"]["memory"];
    ensure!(is_so, "the batcher has {has}, and was given {given}");
    figure(
        'C',
        &format!("S1-66: the batcher's RPC answers on port {RPC} of its Pod's loopback, and on no other: {version}"),
    );
    Ok(())
}

/// Stops it, and looks on: what it logged to its end, which is an exit with 0 within the grace period of the specification.
fn stop(site: &Site, pod: &Value) -> Result<String> {
    let grace = &pod["spec"]["terminationGracePeriodSeconds"];
    ensure!(*grace == 300, "the batcher's Pod gets {grace} s");
    let name = pod["metadata"]["name"].as_str().context("a Pod has a name")?;
    let comes = |what: &str| {
        let what = format!("--for=jsonpath={what}");
        site.kubectl().run([IN, "wait", &format!("pod/{name}"), &what, WITHIN])
    };
    thread::scope(|scope| {
        let granted = scope.spawn(|| comes("{.metadata.deletionGracePeriodSeconds}=300"));
        let ended = scope.spawn(|| comes("{.status.containerStatuses[0].state.terminated.exitCode}=0"));
        let log = scope.spawn(|| site.kubectl().run([IN, "logs", name, "--follow"]));
        scale(site, 0)?;
        for seen in [granted, ended] {
            seen.join().map_err(|_| anyhow!("nobody looked on"))??;
        }
        log.join().map_err(|_| anyhow!("nobody read the log"))?
    })
}

fn scale(site: &Site, replicas: u8) -> Result<()> {
    let patch = format!(r#"{{"spec":{{"replicas":{replicas}}}}}"#);
    site.kubectl().run([IN, "patch", "opbatcher", "batcher", "--type=merge", "--patch", &patch]).map(drop)
}

fn phase(site: &Site) -> Result<String> {
    field(site, "opbatcher/batcher", "{.status.phase}")
}

fn pods(site: &Site) -> Result<Vec<Value>> {
    let mut list: Value = serde_json::from_str(&site.kubectl().run([IN, "get", "pods", OF_IT, "--output=json"])?)?;
    Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
}
