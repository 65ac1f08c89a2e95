//! A node changes its execution client, and a client its version, under the chain.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use chain::{CHAIN, Layer, NODES, Site, until};
use serde_json::{Value, json};
use suite::plugins as modules;

use crate::{
    figure,
    plugins::{deliver, geth_leveldb},
    pods::field,
};

const IN: &str = "--namespace=chain";
const REPLICA: &str = NODES[1];
const POD: &str = "replica-0";
/// Another node with the client of a stranger.
const OTHER: &str = "replica-on-leveldb";
const SOON: &str = "--timeout=300s";
const STRANGER: &str = "geth-leveldb";
const FIRST: &str = "the first version of geth-leveldb";
const LATER: &str = "the other version of geth-leveldb";

/// A replica goes from geth to the client of a stranger, which arrives on the running cluster, and back: by one field each
/// time. Geth finds what it had left. In between, the stranger's client gets another version.
pub fn in_place(site: &Site) -> Result<()> {
    deliver(site, &geth_leveldb())?;
    add_another(site)?;
    let (of_geth, of_stranger) = (claim("geth"), claim(STRANGER));
    let volume = field(site, &of_geth, "{.spec.volumeName}")?;

    let left = Layer::at(&field(site, "pod/replica-0", "{.status.podIP}")?, 8545).height()?;
    let took = change(site, "geth", STRANGER)?;
    let fresh = field(site, &of_stranger, "{.spec.volumeName}")?;
    ensure!(!fresh.is_empty() && fresh != volume, "the other client has no volume of its own: {fresh:?}");
    ensure!(field(site, &of_geth, "{.spec.volumeName}")? == volume, "the old client's claim was not kept");
    figure(
        'D',
        &format!(
            "{REPLICA} went from geth to {STRANGER} and followed the chain {took:.1} s later; the claim of geth was kept"
        ),
    );

    of_a_version(site)?;
    site.kubectl().run([IN, "delete", "opnode", OTHER, SOON])?;

    let began = Instant::now();
    let wanted = Begun::change_to(site, STRANGER, "geth")?;
    let first = wanted.first_height(site)?;
    let took = wanted.follows(site, began)?;
    let log = site.kubectl().run([IN, "logs", POD, "--container=geth-init"])?;
    ensure!(log.contains("the chain is there already"), "geth began anew: {log}");
    ensure!(first >= left, "geth began at {first}, and had left at {left}");
    ensure!(field(site, &of_geth, "{.spec.volumeName}")? == volume, "the old claim was not found again");
    ensure!(field(site, &of_stranger, "{.spec.volumeName}")? == fresh, "the claim of {STRANGER} was not kept");
    figure(
        'D',
        &format!(
            "and back, followed the chain {took:.1} s later: geth began at block {first} of its old claim, where it had left at {left}"
        ),
    );
    Ok(())
}

fn claim(client: &str) -> String {
    format!("pvc/data-{client}-{POD}")
}

/// Seconds until the replica follows the chain by another client.
fn change(site: &Site, from: &str, to: &str) -> Result<f64> {
    let began = Instant::now();
    Begun::change_to(site, from, to)?.follows(site, began)
}

/// A change of clients that is asked for.
struct Begun<'a> {
    client: &'a str,
    /// The Pod with the client before.
    uid: String,
    /// Height of a block on L1 when the change began.
    goal: u64,
}

impl<'a> Begun<'a> {
    fn change_to(site: &Site, from: &str, client: &'a str) -> Result<Self> {
        let uid = field(site, "pod/replica-0", "{.metadata.uid}")?;
        let running = field(site, "pod/replica-0", "{.spec.containers[0].name}")?;
        ensure!(running == from, "{POD} runs {running}, not {from}");
        let goal = site.consensus(NODES[0])?.heads()?.safe_l2;
        let patch = json!({"spec": {"executionClient": {"name": client}}}).to_string();
        site.kubectl().run([IN, "patch", "opnode", REPLICA, "--type=merge", "--patch", &patch])?;
        Ok(Self { client, uid, goal })
    }

    /// The height that the new Pod's client tells first.
    fn first_height(&self, site: &Site) -> Result<u64> {
        let mut height = None;
        until("the other client answers", || {
            let pod = field(site, "pod/replica-0", "{.metadata.uid} {.status.podIP}").unwrap_or_default();
            let (uid, address) = pod.split_once(' ').unwrap_or_default();
            if uid != self.uid && !address.is_empty() {
                height = Layer::at(address, 8545).height().ok();
            }
            Ok(height.is_some())
        })?;
        height.context("it answers")
    }

    /// Waits until the node follows by the client: it has what was on L1 when the change began, and the sequencer's blocks.
    fn follows(&self, site: &Site, began: Instant) -> Result<f64> {
        let Self { client, uid, goal } = self;
        until(&format!("{POD} runs {client}"), || {
            let pod = field(site, "pod/replica-0", "{.metadata.uid} {.spec.containers[0].name}").unwrap_or_default();
            Ok(pod.split_once(' ').is_some_and(|(now, name)| now != *uid && name == *client))
        })?;
        until(&format!("{REPLICA} follows the chain by {client}"), || {
            let head = site.consensus(NODES[0])?.heads()?.unsafe_l2;
            Ok(site.consensus(REPLICA)?.heads().is_ok_and(|heads| heads.safe_l2 >= *goal && heads.unsafe_l2 + 5 > head))
        })?;
        let took = began.elapsed().as_secs_f64();
        let restarts = field(site, "pod/replica-0", "{.status.containerStatuses[*].restartCount}")?;
        ensure!(restarts == "0 0", "a Pod that synced was killed: {restarts} restarts");
        ensure!(
            site.execution(REPLICA)?.hash(*goal)? == site.execution(NODES[0])?.hash(*goal)?,
            "block {goal} by {client} is another one"
        );
        until("the status names the client", || {
            Ok(field(site, "opnode/replica", "{.status.executionClient}")? == **client)
        })?;
        Ok(took)
    }
}

/// Makes a node of two Pods with the stranger's client, like the replica but for its name.
fn add_another(site: &Site) -> Result<()> {
    let replica = site.kubectl().run([IN, "get", "opnode", REPLICA, "--output=json"])?;
    let replica: Value = serde_json::from_str(&replica)?;
    let mut spec = replica["spec"].clone();
    spec["replicas"] = json!(2);
    spec["executionClient"]["name"] = json!(STRANGER);
    spec["opNode"]["p2p"] = json!({"privateKey": {"derive": {"rootSecretRef": {"name": "identities", "key": "root"}}}});
    let root = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "identities", "namespace": CHAIN},
        "stringData": {"root": "of-nobodys-nodes"},
    });
    site.kubectl().apply(&root.to_string())?;
    let other = json!({
        "apiVersion": replica["apiVersion"], "kind": replica["kind"],
        "metadata": {"name": OTHER, "namespace": CHAIN}, "spec": spec,
    });
    site.kubectl().apply(&other.to_string()).map(drop)
}

/// Another version of the stranger's client rolls the Pods that have it, of all nodes one after the other: the next goes when the
/// one before is synced. No other Pod notices.
fn of_a_version(site: &Site) -> Result<()> {
    until("the other node is synced", || Ok(Pods::now(site)?.of(OTHER).filter(|pod| pod.is_synced).count() == 2))?;
    let (before, ids) = (Pods::now(site)?, peer_ids(site)?);
    let began = Instant::now();
    deliver(site, &modules::patched(&geth_leveldb(), FIRST, LATER))?;
    let mut done = BTreeSet::new();
    until("all Pods with the client have its other version, and are synced", || {
        let now = Pods::now(site)?;
        let is_begun = |name: &&String| {
            let (before, now) = (before.0.get(*name), now.0.get(*name));
            now.is_none_or(|now| now.is_ending || before.is_none_or(|before| before.uid != now.uid))
        };
        let begun: BTreeSet<_> = before.0.keys().filter(is_begun).cloned().collect();
        done.extend(begun.iter().filter(|name| now.0.get(*name).is_some_and(|pod| pod.is_synced)).cloned());
        ensure!(begun.difference(&done).count() <= 1, "of {begun:?} only {done:?} were synced: {now:?}");
        Ok(now.0.values().filter(|pod| pod.is_synced && pod.client.contains(LATER)).count() == 3)
    })?;
    ensure!(peer_ids(site)? == ids, "derived peer ids are other ones in new Pods");
    let now = Pods::now(site)?;
    let rolled: Vec<_> =
        before.0.iter().filter(|(name, pod)| now.0.get(*name).is_none_or(|now| now.uid != pod.uid)).collect();
    ensure!(
        rolled.len() == 3 && rolled.iter().all(|(_, pod)| pod.client.contains(FIRST)),
        "other Pods rolled: {rolled:?}"
    );
    figure(
        'D',
        &format!(
            "another version of {STRANGER} rolled the {} Pods that have it in {:.1} s, one after the other, each when the one before was synced; no other Pod of {} noticed",
            rolled.len(),
            began.elapsed().as_secs_f64(),
            before.0.len(),
        ),
    );
    Ok(())
}

/// The peer ids that op-node tells in the Pods of the other node, which are derived from one root.
fn peer_ids(site: &Site) -> Result<Vec<Value>> {
    let mut told = Vec::new();
    for ordinal in 0..2 {
        let address = field(site, &format!("pod/{OTHER}-{ordinal}"), "{.status.podIP}")?;
        told.push(Layer::at(&address, 9545).rpc().call("opp2p_self", "[]")?["peerID"].take());
    }
    ensure!(told[0].is_string() && told[0] != told[1], "peer ids: {told:?}");
    Ok(told)
}

/// The Pods of nodes, by name.
#[derive(Debug)]
struct Pods(BTreeMap<String, Pod>);

#[derive(Debug)]
struct Pod {
    node: String,
    uid: String,
    is_ending: bool,
    is_synced: bool,
    /// The container of the execution client.
    client: String,
}

impl Pods {
    fn now(site: &Site) -> Result<Self> {
        let pods =
            site.kubectl().run([IN, "get", "pods", "--selector=app.kubernetes.io/name=op-node", "--output=json"])?;
        let pods: Value = serde_json::from_str(&pods)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pod = |pod: &Value| {
            let (metadata, labels) = (&pod["metadata"], &pod["metadata"]["labels"]);
            let is_ending = !metadata["deletionTimestamp"].is_null();
            let pod = Pod {
                node: text(&labels["app.kubernetes.io/instance"]),
                uid: text(&metadata["uid"]),
                is_ending,
                is_synced: !is_ending && labels["optimism.io/synced"] == "true",
                client: pod["spec"]["containers"][0].to_string(),
            };
            (text(&metadata["name"]), pod)
        };
        Ok(Self(pods["items"].as_array().into_iter().flatten().map(pod).collect()))
    }

    fn of(&self, node: &str) -> impl Iterator<Item = &Pod> {
        self.0.values().filter(move |pod| pod.node == node)
    }
}
