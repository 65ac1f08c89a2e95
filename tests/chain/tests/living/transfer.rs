//! A transfer on its way from a replica to L1 and to the node that knows nothing but L1.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use chain::{L2_CHAIN_ID, Site, until};
use l1::Anvil;
use op_programs::OpPrograms;
use serde_json::{Value, json};

use crate::figure;

/// Sends it to the replica with peers, and finds it in the same block on these nodes: the sequencer that makes blocks, that
/// replica, and the one that knows nothing but L1.
pub fn reaches(site: &Site, nodes: [&str; 3]) -> Result<()> {
    let [sequencer, replica, replica_of_l1] = nodes;
    let began = Instant::now();
    let nonce = site.execution(replica)?.rpc().call(
        "eth_getTransactionCount",
        &json!(["0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "latest"]).to_string(),
    )?;
    let signed = signed(&nonce)?;
    let hash = site.execution(replica)?.rpc().call("eth_sendRawTransaction", &json!([signed]).to_string())?;
    let mut blocks = Vec::new();
    for node in nodes {
        let mut receipt = Value::Null;
        until(&format!("the transfer is on {node}"), || {
            let found = site.execution(node)?.rpc().call("eth_getTransactionReceipt", &json!([hash]).to_string())?;
            receipt = found;
            Ok(!receipt.is_null())
        })?;
        ensure!(receipt["status"] == "0x1", "the transfer failed: {receipt}");
        figure('B', &format!("a transfer sent to {replica} is on {node} after {:.1} s", began.elapsed().as_secs_f64()));
        blocks.push(receipt["blockHash"].clone());
    }
    ensure!(blocks.windows(2).all(|pair| pair[0] == pair[1]), "the transfer is in different blocks: {blocks:?}");
    let safe = |node| -> Result<u64> { Ok(site.consensus(node)?.heads()?.safe_l2) };
    let goal = safe(sequencer)?;
    until("the node that knows only L1 has the same safe head", || Ok(safe(replica_of_l1)? >= goal))?;
    for node in nodes {
        ensure!(
            site.execution(node)?.hash(goal)? == site.execution(sequencer)?.hash(goal)?,
            "block {goal} of {node} is another one"
        );
    }
    figure('B', &format!("block {goal}, which is on L1, has the same hash on all of them"));
    Ok(())
}

/// A transfer of the first account that anvil knows the key of. Another chain of the same id signs it.
fn signed(nonce: &Value) -> Result<String> {
    let anvil = Anvil::start(OpPrograms::find()?.anvil(), L2_CHAIN_ID)?;
    let transfer = json!({
        "from": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "to": "0x00000000000000000000000000000000000c0ffe",
        "value": "0x1", "gas": "0x5208", "gasPrice": "0x77359400", "nonce": nonce,
    });
    let signed = anvil.rpc().call("eth_signTransaction", &json!([transfer]).to_string())?;
    Ok(signed.as_str().context("a signed transaction is hexadecimal")?.into())
}
