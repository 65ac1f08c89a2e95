//! op-conductor on the living chain: the choice of the sequencer is left to it, its members form a cluster, and when the pod of
//! the one that leads is lost another one goes on by itself.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use chain::{CHAIN, Layer, NODES, Report, Site, until};
use serde_json::{Value, json};

use crate::{
    faults::pods_of_the_chain,
    figure,
    lookout::{Lookout, Seen},
    pods::{endpoints, field, object},
    sequencers::{FIRST, IN, NETWORK, SECOND, SERVICE, SOON, comes, is_active, patch, roles},
};

const THIRD: &str = "third-sequencer";
const SEQUENCERS: [&str; 3] = [FIRST, SECOND, THIRD];
/// It knows nothing but L1.
const OF_L1: &str = NODES[2];
const RPC: u16 = 8547;
const IMAGE: &str = "opstack.invalid/op-conductor:v1.19.6";

/// From the mode `Operator` to `Conductor`, and through the loss of a leader and of a member.
pub fn decides(site: &Site) -> Result<()> {
    let began = Instant::now();
    let lookout = is_formed(site)?;
    let changed = began..Instant::now();
    let began = Instant::now();
    leader_is_lost(site)?;
    let lost = began..Instant::now();
    let seen: Seen = lookout.conclude()?;
    figure(
        'E',
        &format!(
            "Y11: the chain stood still for {:.1} s when it was left to op-conductor, and for {:.1} s when its leader was lost; {} blocks that its sequencers told as their newest are all on the chain",
            seen.stood_still(&changed).as_secs_f64(),
            seen.stood_still(&lost).as_secs_f64(),
            seen.are_on(&site.execution(leader(site)?)?)?,
        ),
    );
    member_goes(site)
}

/// A third sequencer comes, and the network is left to op-conductor. The operator forms a cluster of three, with the sequencer
/// that made blocks as its founder, and no op-conductor is to begin another one.
fn is_formed(site: &Site) -> Result<Lookout> {
    let began = Instant::now();
    comes(site, THIRD)?;
    let lookout = Lookout::start(site, SEQUENCERS)?;
    let stopped = json!({"sequencer": {"stopped": null}});
    for node in SEQUENCERS {
        patch(site, &format!("opnode/{node}"), &json!({"spec": {"conductor": {"image": IMAGE}, "opNode": stopped}}))?;
    }
    patch(site, NETWORK, &json!({"spec": {"sequencer": {"ha": {"mode": "Conductor"}}}}))?;
    // One after the other: each waits for the one before.
    for node in SEQUENCERS {
        until(&format!("{node} has an op-conductor that answers"), || Ok(ask(site, node, "conductor_leader").is_ok()))?;
    }
    let mut told = Value::Null;
    until("the cluster of op-conductor is formed", || {
        told = object(site, NETWORK)?["status"]["sequencing"].take();
        Ok(told["conductor"]["formed"] == true)
    })?;
    ensure!(told["conductor"]["founder"] == format!("{CHAIN}/{FIRST}"), "it was founded by {told}");
    let leader = leader(site)?;
    let mut members = members(site, leader)?;
    members.sort();
    let wanted: Vec<_> = SEQUENCERS.iter().map(|node| format!("{CHAIN}.{node}-0")).collect();
    ensure!(members == wanted, "the members are {members:?}");
    for node in SEQUENCERS {
        ensure!(ask(site, node, "conductor_paused")? == false, "the op-conductor of {node} is paused");
        until(&format!("{node} begins no cluster"), || {
            Ok(field(site, &format!("configmap/{node}-conductor"), "{.data.bootstrap}")? == "false")
        })?;
    }
    follows(site, leader)?;
    figure(
        'E',
        &format!(
            "Y11: op-conductor decides {:.1} s after it was asked to; {FIRST} has founded a cluster of three, {leader} leads it and makes the blocks",
            began.elapsed().as_secs_f64()
        ),
    );
    Ok(lookout)
}

/// The pod of the leader is lost. The others choose another one, which makes blocks; status, labels and Service follow, the batcher
/// does, and the pod that comes back is a member like before.
fn leader_is_lost(site: &Site) -> Result<()> {
    let before = leader(site)?;
    let height = site.consensus(before)?.heads()?.unsafe_l2;
    let began = Instant::now();
    site.kubectl().run([IN, "delete", &format!("pod/{before}-0"), "--grace-period=1", "--wait=false"])?;
    let others: Vec<_> = SEQUENCERS.into_iter().filter(|node| *node != before).collect();
    let mut after = None;
    until("another op-conductor leads", || {
        after =
            others.iter().copied().find(|node| ask(site, node, "conductor_leader").is_ok_and(|leads| leads == true));
        Ok(after.is_some())
    })?;
    let after = after.context("it was just found")?;
    let led = began.elapsed();
    let consensus = site.consensus(after)?;
    until("another sequencer makes blocks", || {
        Ok(is_active(&consensus).unwrap_or_default() && consensus.heads().is_ok_and(|heads| heads.unsafe_l2 > height))
    })?;
    let made = began.elapsed();
    follows(site, after)?;
    let followed = began.elapsed();
    let (safe, goal) = (site.consensus(OF_L1)?, consensus.heads()?.unsafe_l2);
    until("blocks of the new leader are on L1", || Ok(safe.heads()?.safe_l2 >= goal))?;
    site.kubectl().run([IN, "wait", &format!("pod/{before}-0"), "--for=condition=Ready", SOON])?;
    until("the one that was lost is a member again, and stands by", || {
        let told = object(site, NETWORK)?["status"]["sequencing"].take();
        let is_there = ask(site, before, "conductor_leader").is_ok_and(|leads| leads == false);
        Ok(is_there
            && !is_active(&site.consensus(before)?).unwrap_or(true)
            && told["active"] == format!("{CHAIN}/{after}"))
    })?;
    ensure!(members(site, after)?.len() == SEQUENCERS.len(), "a member got lost");
    figure(
        'E',
        &format!(
            "Y11: the pod of the leader, {before}, was deleted; {after} led after {:.1} s and had made a new block after {:.1} s, {SERVICE} led to it after {:.1} s, and its block {goal} was on L1 after {:.1} s",
            led.as_secs_f64(),
            made.as_secs_f64(),
            followed.as_secs_f64(),
            began.elapsed().as_secs_f64()
        ),
    );
    Ok(())
}

/// The OpNode of a member that does not lead is deleted: the operator takes it out of the cluster, and the chain goes on. No pod
/// of another node notices, that of a younger sequencer neither, which dialled the one that is gone.
fn member_goes(site: &Site) -> Result<()> {
    let leader = leader(site)?;
    // The first one is of the objects that later phases look at.
    let gone = [SECOND, THIRD].into_iter().find(|node| *node != leader).context("one of two does not lead")?;
    let before = pods_of_nodes(site, gone)?;
    let began = Instant::now();
    site.kubectl().run([IN, "delete", &format!("opnode/{gone}"), SOON])?;
    until("the member that is gone has no vote", || {
        Ok(members(site, leader)?.iter().all(|id| *id != format!("{CHAIN}.{gone}-0")))
    })?;
    figure(
        'E',
        &format!("Y11: {gone} was deleted, and was no member any more after {:.1} s", began.elapsed().as_secs_f64()),
    );
    until(&format!("no other sequencer dials {gone}"), || {
        let peers = field(site, &format!("configmap/{leader}-peers"), "{.data.consensus}")?;
        Ok(!peers.contains(&format!("{gone}-0.")))
    })?;
    Report::when_ready(site)?;
    ensure!(pods_of_nodes(site, gone)? == before, "pods of other nodes noticed that {gone} went");
    Ok(())
}

/// The pods of nodes but one, and how often their containers were started. Batcher and proposer have other arguments with every
/// sequencer that comes or goes.
fn pods_of_nodes(site: &Site, but: &str) -> Result<Vec<String>> {
    let nodes = NODES.into_iter().chain([SECOND, THIRD]).filter(|node| *node != but);
    let pods: Vec<_> = nodes.map(|node| format!("{node}-0 ")).collect();
    let is_theirs = |line: &String| pods.iter().any(|pod| line.starts_with(pod));
    let lines: Vec<_> = pods_of_the_chain(site)?.into_iter().filter(is_theirs).collect();
    ensure!(lines.len() == pods.len(), "not each node has a pod: {lines:?}");
    Ok(lines)
}

/// The one whose op-conductor leads; exactly one does, and its op-node makes blocks.
fn leader(site: &Site) -> Result<&'static str> {
    let mut leader = None;
    until("one op-conductor leads, and its sequencer makes blocks", || {
        let leads = |node: &&&str| ask(site, node, "conductor_leader").is_ok_and(|leads| leads == true);
        let leaders: Vec<_> = SEQUENCERS.iter().filter(leads).collect();
        leader = if let [leader] = leaders[..] { Some(*leader) } else { None };
        Ok(match leader {
            Some(leader) => is_active(&site.consensus(leader)?).unwrap_or_default(),
            None => false,
        })
    })?;
    leader.context("it was just found")
}

/// Ids of the members, by the word of one.
fn members(site: &Site, node: &str) -> Result<Vec<String>> {
    let told = ask(site, node, "conductor_clusterMembership")?;
    let servers = told["servers"].as_array().with_context(|| format!("{node} is in no cluster: {told}"))?;
    ensure!(servers.iter().all(|server| server["suffrage"] == 0), "not all have a vote: {told}");
    Ok(servers.iter().filter_map(|server| server["id"].as_str().map(Into::into)).collect())
}

/// The network's status, the labels of pods and the Service tell of one sequencer alone.
fn follows(site: &Site, node: &str) -> Result<()> {
    let pod = format!("{node}-0");
    until(&format!("status, labels and {SERVICE} tell of {node} alone"), || {
        let labelled =
            site.kubectl().run([IN, "get", "pods", "--selector=optimism.io/active=true", "--output=name"])?;
        let is_labelled = labelled.trim() == format!("pod/{pod}");
        Ok(roles(site)?.0 == format!("{CHAIN}/{node}") && is_labelled && endpoints(site, SERVICE)? == [pod.clone()])
    })
}

/// Asks the op-conductor of a sequencer.
fn ask(site: &Site, node: &str, method: &str) -> Result<Value> {
    let address = field(site, &format!("pod/{node}-0"), "{.status.podIP}")?;
    Layer::at(&address, RPC).rpc().call(method, "[]")
}
