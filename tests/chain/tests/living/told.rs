//! What statuses tell of the programs' work, held against what the programs themselves and L1 say at that time.

use anyhow::{Context as _, Result, ensure};
use chain::{Layer, NODES, Site, condition, until};
use l1::quantity;
use opstack_sdk::values::{rfc3339, unix_seconds};
use serde_json::{Value, json};

use crate::{
    figure,
    pods::{endpoints, field, object},
};

/// Where the rollup configuration has the batches go.
const INBOX: &str = "0xff00000000000000000000000000000000000901";
/// `spec.proposal.outputInterval` of the proposer, in seconds.
const OUTPUT_INTERVAL: u64 = 60;

/// Nodes, batcher and proposer.
pub fn is_so(site: &Site) -> Result<()> {
    for node in NODES {
        of_a_node(site, node)?;
    }
    of_the_active_sequencer(site)?;
    of_the_batcher(site)?;
    of_the_proposer(site)
}

/// A status that is younger than one answer of the node and older than another lies between the two.
fn of_a_node(site: &Site, node: &str) -> Result<()> {
    let (consensus, execution) = (site.consensus(node)?, site.execution(node)?);
    let before = consensus.heads()?;
    let mut live = Value::Null;
    until(&format!("the status of {node} is of a later block, with the peers that op-node has"), || {
        live = object(site, &format!("opnode/{node}"))?;
        let info = &live["status"]["nodeInfo"];
        // Without p2p there is no such method, and nothing is told.
        let peers =
            consensus.rpc().call("opp2p_peerStats", "[]").map_or(Value::Null, |mut stats| stats["connected"].take());
        Ok(info["peerCount"] == peers && info["chainHead"]["blockNumber"].as_u64() > Some(before.unsafe_l2))
    })?;
    let now = consensus.heads()?;
    let info = &live["status"]["nodeInfo"];
    let head = &info["chainHead"];
    for (name, told, least, most) in [
        ("unsafe", &head["blockNumber"], before.unsafe_l2, now.unsafe_l2),
        ("safe", &info["safeBlock"], before.safe_l2, now.safe_l2),
        ("finalized", &info["finalizedBlock"], before.finalized_l2, now.finalized_l2),
        ("executed", &info["syncStatus"]["currentBlock"], 1, execution.height()?),
    ] {
        let told = told.as_u64().with_context(|| format!("no {name} block of {node}: {info}"))?;
        ensure!(
            (least..=most).contains(&told),
            "the {name} block of {node} is told as {told}, was {least} and is {most}"
        );
    }
    let block = execution.block(&format!("{:#x}", head["blockNumber"].as_u64().unwrap_or_default()))?;
    ensure!(block["hash"] == head["blockHash"], "{node} tells {head} of {block}");
    ensure!(head["timestamp"] == rfc3339(quantity(&block["timestamp"])?), "{node} tells {head} of {block}");
    ensure!(execution.rpc().call("eth_syncing", "[]")? == info["syncStatus"]["syncing"], "{node} tells {info}");
    ensure!(info["engineConnected"] == true, "{node} tells {info}");
    is_as(&live, "Syncing", "False", "FullySynced")?;
    match info["peerCount"].as_u64() {
        None => is_as(&live, "P2PConnected", "False", "P2PDisabled")?,
        Some(_) => is_as(&live, "P2PConnected", "True", "PeersConnected")?,
    }
    figure('C', &format!("S1-47: the status of {node} is what the node answers: {info}"));
    Ok(())
}

/// The network's Service leads to the Pod of the sequencer that the operator has started, by its label; replicas send
/// transactions there.
fn of_the_active_sequencer(site: &Site) -> Result<()> {
    let sequencer = NODES[0];
    let service = field(site, "optimismnetwork/devnet", "{.status.sequencerService}")?;
    let active = Layer::find(site.kubectl(), chain::CHAIN, &service, 9545)?;
    ensure!(active.rpc().call("admin_sequencerActive", "[]")? == true, "who is behind {service} makes no blocks");
    let pod = format!("{sequencer}-0");
    ensure!(endpoints(site, &service)? == [pod.clone()], "{service} leads to {:?}", endpoints(site, &service)?);
    let label = field(site, &format!("pod/{pod}"), r"{.metadata.labels.optimism\.io/active}")?;
    ensure!(label == "true", "{pod} is labelled as active: {label}");
    let told = field(site, &format!("opnode/{sequencer}"), "{.status.sequencer} {.status.nodeInfo.sequencerActive}")?;
    ensure!(told == "Operated true", "{sequencer} tells {told}");
    let replica = field(site, "pod/replica-0", "{.spec.containers[?(@.name=='geth')]}")?;
    ensure!(replica.contains(&format!("{service}.chain.svc")), "the replica does not send transactions to {service}");
    figure('C', &format!("S0-16: the operator started {sequencer}, and the Service {service} leads to {pod} alone"));
    Ok(())
}

/// The last batch is a transaction on L1 with data for the inbox.
fn of_the_batcher(site: &Site) -> Result<()> {
    let live = of_component(site, "opbatcher/batcher", "/status/batcherInfo/lastBatchSubmitted/transactionHash")?;
    let info = &live["status"]["batcherInfo"];
    let batch = &info["lastBatchSubmitted"];
    let sent = Sent::find(site, &batch["transactionHash"])?;
    ensure!(sent.receipt["from"] == lower(&live["status"]["account"]), "{live} sent {:?}", sent.receipt);
    ensure!(sent.receipt["to"] == INBOX && sent.receipt["status"] == "0x1", "{:?}", sent.receipt);
    ensure!(batch["blockNumber"].as_u64() == Some(quantity(&sent.receipt["blockNumber"])?), "{batch}");
    ensure!(batch["gasUsed"].as_u64() == Some(quantity(&sent.receipt["gasUsed"])?), "{batch}");
    ensure!(batch["timestamp"] == rfc3339(sent.time), "{batch} was at {}", rfc3339(sent.time));
    sent.is_counted(site, &info["totalBatchesSubmitted"])?;
    ensure!(info["pendingBatches"].is_u64(), "{info}");
    is_as(&live, "L1Connected", "True", "ConnectionEstablished")?;
    is_as(&live, "L2Connected", "True", "SequencerReachable")?;
    figure('B', &format!("S1-67: the batcher's status is what L1 says: {info}"));
    Ok(())
}

/// The last proposal is a transaction to the factory; the root is that of the node which knows nothing but L1.
fn of_the_proposer(site: &Site) -> Result<()> {
    let live = of_component(site, "opproposer/proposer", "/status/proposerInfo/lastProposalSubmitted/transactionHash")?;
    let info = &live["status"]["proposerInfo"];
    let proposal = &info["lastProposalSubmitted"];
    let sent = Sent::find(site, &proposal["transactionHash"])?;
    ensure!(sent.receipt["from"] == lower(&live["status"]["account"]), "{live} sent {:?}", sent.receipt);
    let factory =
        field(site, "optimismnetwork/devnet", "{.status.networkInfo.discoveredContracts.disputeGameFactoryAddr}")?;
    ensure!(sent.receipt["to"] == factory.to_lowercase() && sent.receipt["status"] == "0x1", "{:?}", sent.receipt);
    ensure!(proposal["timestamp"] == rfc3339(sent.time), "{proposal} was at {}", rfc3339(sent.time));
    let block = proposal["l2BlockNumber"].as_u64().context("a block")?;
    let output =
        site.consensus(NODES[2])?.rpc().call("optimism_outputAtBlock", &json!([format!("{block:#x}")]).to_string())?;
    ensure!(output["outputRoot"] == proposal["outputRoot"], "{proposal} is not {output}");
    sent.is_counted(site, &info["totalProposalsSubmitted"])?;
    let proposed = proposal["timestamp"].as_str().and_then(unix_seconds).context("a time")?;
    ensure!(info["nextProposalDue"] == rfc3339(proposed + OUTPUT_INTERVAL), "{info}");
    for name in ["L1Connected", "L2Connected"] {
        let told = condition(&live, name).with_context(|| format!("{name} is not told"))?;
        ensure!(told["status"] == "True", "{told}");
    }
    figure('B', &format!("S1-72: the proposer's status is what L1 and {} say: {info}", NODES[2]));
    Ok(())
}

/// An object, as soon as it tells something.
fn of_component(site: &Site, name: &str, pointer: &str) -> Result<Value> {
    let mut live = Value::Null;
    until(&format!("{name} tells {pointer}"), || {
        live = object(site, name)?;
        Ok(live.pointer(pointer).is_some())
    })?;
    Ok(live)
}

/// A transaction on L1.
struct Sent {
    transaction: Value,
    receipt: Value,
    /// Unix time of its block, in seconds.
    time: u64,
}

impl Sent {
    fn find(site: &Site, hash: &Value) -> Result<Self> {
        let l1 = site.l1()?;
        let of = |method: &str| l1.rpc().call(method, &json!([hash]).to_string());
        let (transaction, receipt) = (of("eth_getTransactionByHash")?, of("eth_getTransactionReceipt")?);
        let block = l1.block(receipt["blockNumber"].as_str().with_context(|| format!("{hash} is not on L1"))?)?;
        Ok(Self { transaction, time: quantity(&block["timestamp"])?, receipt })
    }

    /// A total counts this one, and none that its account has not sent.
    fn is_counted(&self, site: &Site, total: &Value) -> Result<()> {
        let nonces = json!([self.transaction["from"], "latest"]).to_string();
        let most = quantity(&site.l1()?.rpc().call("eth_getTransactionCount", &nonces)?)?;
        let least = quantity(&self.transaction["nonce"])? + 1;
        let total = total.as_u64().context("a total")?;
        ensure!((least..=most).contains(&total), "{total} is told, {least} to {most} were sent");
        Ok(())
    }
}

fn lower(address: &Value) -> String {
    address.as_str().unwrap_or_default().to_lowercase()
}

/// A condition is so, for that reason.
fn is_as(object: &Value, name: &str, status: &str, reason: &str) -> Result<()> {
    let told = condition(object, name).with_context(|| format!("{name} is not told"))?;
    ensure!(told["status"] == status && told["reason"] == reason, "{told}");
    Ok(())
}
