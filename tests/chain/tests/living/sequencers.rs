//! A second sequencer on the living chain: it stands by, takes over when the first one is lost, and hands back by plan.

use std::{ops::Range, thread, time::Instant};

use alloy_primitives::B256;
use anyhow::{Context as _, Result, ensure};
use chain::{CHAIN, Layer, NODES, Report, Site, condition, until};
use serde_json::{Value, json};

use crate::{
    faults::pods_of_the_chain,
    figure, judged,
    lookout::Lookout,
    pods::{endpoints, field, object},
    transfer,
};

/// The namespace of the chain, for kubectl.
pub const IN: &str = "--namespace=chain";
/// For what takes as long as a Pod does to start.
pub const SOON: &str = "--timeout=300s";
/// The network.
pub const NETWORK: &str = "optimismnetwork/devnet";
/// The sequencer that the chain began with.
pub const FIRST: &str = NODES[0];
/// The one that came later.
pub const SECOND: &str = "second-sequencer";
const REPLICA: &str = NODES[1];
/// It knows nothing but L1.
const OF_L1: &str = NODES[2];
/// Leads to whichever makes blocks.
pub const SERVICE: &str = "devnet-active";
/// A node that is so many blocks behind another follows it.
const FOLLOWS: u64 = 3;

/// Two sequencers of one network, which are asked all the while whether they make blocks.
pub struct Pair {
    lookout: Lookout,
}

impl Pair {
    /// A second sequencer comes, like the first one and with the same key for signing, as L1 knows one. It boots stopped, the
    /// network tells that it stands by, and batcher and proposer get a list of both.
    pub fn complete(site: &Site) -> Result<Self> {
        let began = Instant::now();
        comes(site, SECOND)?;
        let lookout = Lookout::start(site, [FIRST, SECOND])?;
        until("the network tells that the second sequencer stands by", || Ok(roles(site)? == of(FIRST, &[SECOND])))?;
        let stands_by = began.elapsed();
        for (component, variable) in [("batcher", "OP_BATCHER_ROLLUP_RPC"), ("proposer", "OP_PROPOSER_ROLLUP_RPC")] {
            let (workload, path) = (
                format!("statefulset/{component}"),
                format!("{{.spec.template.spec.containers[0].env[?(@.name=='{variable}')].value}}"),
            );
            until(&format!("{workload} has a list of both sequencers"), || {
                let urls = field(site, &workload, &path)?;
                let dials = |node: &str| urls.contains(&format!("http://{node}.{CHAIN}.svc"));
                Ok(dials(FIRST) && dials(SECOND))
            })?;
            site.kubectl().run([IN, "rollout", "status", &workload, SOON])?;
        }
        figure(
            'E',
            &format!(
                "S1-18: a second sequencer came; the network told after {:.1} s that it stands by, and batcher and proposer had both after {:.1} s",
                stands_by.as_secs_f64(),
                began.elapsed().as_secs_f64()
            ),
        );
        Ok(Self { lookout })
    }

    /// The first one is lost, the second takes over, and hands back when the first is there again. What the two answered
    /// meanwhile is judged: no two made blocks, and no block that either told was replaced.
    pub fn change_over(self, site: &Site) -> Result<()> {
        follows(site, SECOND, FIRST)?;
        let lost = is_lost(site)?;
        peers_follow(site)?;
        thread::scope(|scope| {
            let back = scope.spawn(|| comes_back(site));
            transfer::reaches(site, [SECOND, REPLICA, OF_L1])?;
            judged(back)
        })?;
        let planned = hands_back(site)?;
        let seen = self.lookout.conclude()?;
        let (looks, turns) = seen.one_at_a_time()?;
        ensure!(turns == [FIRST, SECOND, FIRST], "blocks were made by {turns:?}, one after the other");
        figure(
            'E',
            &format!(
                "N1: both sequencers answered {looks} times, and no two of them made blocks at a time: {}. {} blocks that they told as their newest are all on the chain. It stood still for {:.1} s when the first was lost, and for {:.1} s at the handover",
                turns.join(" → "),
                seen.are_on(&site.execution(FIRST)?)?,
                seen.stood_still(&lost).as_secs_f64(),
                seen.stood_still(&planned).as_secs_f64(),
            ),
        );
        Report::when_ready(site).map(drop)
    }
}

/// Another sequencer, like the first one.
pub fn comes(site: &Site, name: &str) -> Result<()> {
    let first = object(site, &format!("opnode/{FIRST}"))?;
    let other = json!({
        "apiVersion": first["apiVersion"], "kind": first["kind"],
        "metadata": {"name": name, "namespace": CHAIN}, "spec": first["spec"],
    });
    site.kubectl().apply(&other.to_string())?;
    until(&format!("{name} has a Service"), || Ok(site.consensus(name).is_ok()))
}

/// The sequencer that makes blocks is lost: its Pod ends with a second of grace, and is not to come back. The other one has the
/// highest known block. Nothing is started while blocks may be lost that only the first had; once that is allowed it goes on.
fn is_lost(site: &Site) -> Result<Range<Instant>> {
    let began = Instant::now();
    let pod = format!("pod/{FIRST}-0");
    patch(site, &format!("opnode/{FIRST}"), &json!({"spec": {"replicas": 0}}))?;
    until("the first sequencer's Pod is to end", || {
        Ok(field(site, &pod, "{.metadata.deletionTimestamp}").map_or(true, |at| !at.is_empty()))
    })?;
    site.kubectl().run([IN, "delete", &pod, "--grace-period=1", "--ignore-not-found", SOON])?;
    let gone = began.elapsed();
    let mut told = Value::Null;
    until("the network tells that going on may lose blocks", || {
        told = sequencing(site)?;
        Ok(told["reason"] == "UnsafeHeadLossNotAllowed")
    })?;
    let refused = began.elapsed();
    let second = site.consensus(SECOND)?;
    ensure!(!is_active(&second)?, "{SECOND} makes blocks, although that is not allowed");
    let height = second.heads()?.unsafe_l2;
    figure('E', &format!("N2: {FIRST} was lost; {}", told["message"]));

    allow_loss(site, true)?;
    let took = takes_over(site, SECOND, Instant::now())?;
    let loss = field(site, NETWORK, "{.status.sequencing.loss}")?;
    ensure!(loss.contains(&format!("chain/{SECOND} goes on from block {height} ")), "what may be lost: {loss}");
    figure(
        'E',
        &format!(
            "S0-25, N1: its Pod had ended after {:.1} s, which was told after {:.1} s; {SECOND} went on from block {height} when it was allowed to: {took}. It is noted: {loss}",
            gone.as_secs_f64(),
            refused.as_secs_f64(),
        ),
    );
    Ok(began..Instant::now())
}

/// The replica, which names the sequencer that is lost, gets the other one's blocks before they are on L1.
fn peers_follow(site: &Site) -> Result<()> {
    let (replica, goal) = (site.consensus(REPLICA)?, site.consensus(SECOND)?.heads()?.unsafe_l2);
    let began = Instant::now();
    until(&format!("{REPLICA} has block {goal} of {SECOND}"), || {
        let heads = replica.heads()?;
        ensure!(heads.safe_l2 < goal, "{REPLICA} learnt of block {goal} from L1 alone");
        Ok(heads.unsafe_l2 >= goal)
    })?;
    figure(
        'E',
        &format!("{REPLICA} had a block of {SECOND} from its peers {:.1} s later", began.elapsed().as_secs_f64()),
    );
    Ok(())
}

/// The first one is wanted again: it boots stopped, stands by, and follows the one that makes the blocks.
fn comes_back(site: &Site) -> Result<()> {
    let began = Instant::now();
    allow_loss(site, false)?;
    patch(site, &format!("opnode/{FIRST}"), &json!({"spec": {"replicas": 1}}))?;
    until("the network tells that the first sequencer stands by", || {
        let told = roles(site)?;
        ensure!(told.0 == format!("{CHAIN}/{SECOND}"), "blocks are made by {:?}", told.0);
        // Its Pod has ended, which is known as well.
        Ok(told == of(SECOND, &[FIRST]) && site.consensus(FIRST)?.heads().is_ok())
    })?;
    let stands_by = began.elapsed();
    follows(site, FIRST, SECOND)?;
    figure(
        'E',
        &format!(
            "{FIRST} was wanted again, stood by after {:.1} s and followed {SECOND} after {:.1} s",
            stands_by.as_secs_f64(),
            began.elapsed().as_secs_f64()
        ),
    );
    Ok(())
}

/// The second one is not to make blocks any more. It is stopped, and the first goes on from the very block that the answer
/// names; no Pod is restarted for it. The batcher follows: the block of the handover and the next are on L1.
fn hands_back(site: &Site) -> Result<Range<Instant>> {
    let pods = pods_of_the_chain(site)?;
    let began = Instant::now();
    patch(site, &format!("opnode/{SECOND}"), &json!({"spec": {"opNode": {"sequencer": {"stopped": true}}}}))?;
    let took = takes_over(site, FIRST, began)?;
    let ended = Instant::now();
    let (height, hash) = handed_over_at(site)?;
    for node in [FIRST, SECOND, REPLICA, OF_L1] {
        let execution = site.execution(node)?;
        until(&format!("{node} has the block after the handover"), || Ok(execution.height()? > height))?;
        let next = execution.block(&format!("{:#x}", height + 1))?;
        let parent: B256 = next["parentHash"].as_str().context("a block has a parent")?.parse()?;
        ensure!(execution.hash(height)? == hash && parent == hash, "{node} has another block {height} than {hash}");
    }
    let safe = site.consensus(OF_L1)?;
    until("the block after the handover is on L1", || Ok(safe.heads()?.safe_l2 > height))?;
    ensure!(pods_of_the_chain(site)? == pods, "the handover has restarted Pods");
    figure(
        'E',
        &format!(
            "S0-23, S0-25: {SECOND} was stopped at block {height} ({hash}), and {FIRST} made the next one on it: {took}; all nodes have both, and {OF_L1} has them from L1 after {:.1} s. No Pod was restarted",
            began.elapsed().as_secs_f64()
        ),
    );
    Ok(began..ended)
}

/// Height and hash of the block at which the second one was stopped, and from which the first one was started: of the events that
/// tell of both.
fn handed_over_at(site: &Site) -> Result<(u64, B256)> {
    let events = site.kubectl().run([IN, "get", "events", "--output=json"])?;
    let events: Value = serde_json::from_str(&events)?;
    let messages = |reason: &str| -> Vec<&str> {
        let events = events["items"].as_array().into_iter().flatten().filter(|event| event["reason"] == reason);
        events.filter_map(|event| event["message"].as_str()).collect()
    };
    let (stopped, started) = (messages("SequencerStopped"), messages("SequencerPromoted"));
    let hash = stopped.iter().find_map(|text| text.strip_prefix(&format!("{CHAIN}/{SECOND} was stopped at block ")));
    let hash = hash.with_context(|| format!("no event says where {SECOND} was stopped: {stopped:?}"))?;
    let height = started.iter().find_map(|text| {
        let from = text.strip_prefix(&format!("{CHAIN}/{FIRST} is being started from block "))?;
        from.strip_suffix(&format!(" ({hash})"))?.parse().ok()
    });
    let height = height.with_context(|| format!("{FIRST} was not started from {hash}: {started:?}"))?;
    Ok((height, hash.parse()?))
}

/// A sequencer makes blocks, the network tells so, and its Service leads to that Pod alone. When, since `began`.
fn takes_over(site: &Site, node: &str, began: Instant) -> Result<String> {
    let (consensus, pod) = (site.consensus(node)?, format!("{node}-0"));
    until(&format!("{node} makes blocks"), || is_active(&consensus))?;
    let active = began.elapsed();
    until(&format!("the network tells that {node} makes blocks"), || {
        Ok(roles(site)?.0 == format!("{CHAIN}/{node}") && sequencing(site)?["reason"] == "Active")
    })?;
    until(&format!("{SERVICE} leads to {pod} alone"), || {
        let labelled =
            site.kubectl().run([IN, "get", "pods", "--selector=optimism.io/active=true", "--output=name"])?;
        Ok(labelled.trim() == format!("pod/{pod}") && endpoints(site, SERVICE)? == [pod.clone()])
    })?;
    let service = Layer::find(site.kubectl(), CHAIN, SERVICE, 9545)?;
    until(&format!("who is behind {SERVICE} makes blocks"), || Ok(is_active(&service).unwrap_or_default()))?;
    let served = began.elapsed();
    Ok(format!(
        "it made blocks after {:.1} s, and {SERVICE} led to it after {:.1} s",
        active.as_secs_f64(),
        served.as_secs_f64()
    ))
}

/// Whether an op-node says that it makes blocks.
pub fn is_active(consensus: &Layer) -> Result<bool> {
    let told = consensus.rpc().call("admin_sequencerActive", "[]")?;
    told.as_bool().with_context(|| format!("{told} is neither true nor false"))
}

/// Waits until a node is about as far as another.
fn follows(site: &Site, node: &str, leader: &str) -> Result<()> {
    let (node, leader) = (site.consensus(node)?, site.consensus(leader)?);
    until("one sequencer follows the other", || {
        let head = leader.heads()?.unsafe_l2;
        Ok(node.heads().is_ok_and(|heads| heads.unsafe_l2 + FOLLOWS > head))
    })
}

/// Who makes the blocks and who stands by, as the network's status tells.
pub fn roles(site: &Site) -> Result<(String, Vec<String>)> {
    let told = object(site, NETWORK)?["status"]["sequencing"].take();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok((text(&told["active"]), told["standbys"].as_array().into_iter().flatten().map(text).collect()))
}

fn of(active: &str, standbys: &[&str]) -> (String, Vec<String>) {
    let name = |node: &&str| format!("{CHAIN}/{node}");
    (name(&active), standbys.iter().map(name).collect())
}

/// The condition of the network about its sequencers.
fn sequencing(site: &Site) -> Result<Value> {
    let network = object(site, NETWORK)?;
    condition(&network, "SequencerActive").cloned().context("the network tells nothing of its sequencers")
}

fn allow_loss(site: &Site, is_allowed: bool) -> Result<()> {
    patch(site, NETWORK, &json!({"spec": {"sequencer": {"ha": {"allowUnsafeHeadLoss": is_allowed}}}}))
}

/// Merges something into an object of the chain.
pub fn patch(site: &Site, object: &str, patch: &Value) -> Result<()> {
    site.kubectl().run([IN, "patch", object, "--type=merge", "--patch", &patch.to_string()]).map(drop)
}
