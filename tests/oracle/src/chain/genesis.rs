//! Files of a chain without contracts, with all forks up to Isthmus at its genesis.

use anyhow::{Context as _, Result};
use l1::config::{FORKS, base_fee, blocks, from_genesis, of_l1};
use serde_json::{Map, Value, json};

/// Chain id of the L1.
pub const L1: u64 = 900;
/// Chain id of the L2.
pub const L2: u64 = 901;

/// The chain's SystemConfig on L1. Nothing is there but what tests put into its storage.
pub const SYSTEM_CONFIG: &str = "0x2222222222222222222222222222222222222222";
const BATCHER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
/// The L2ToL1MessagePasser, whose storage is part of every header since Isthmus: it must not be empty.
const MESSAGE_PASSER: &str = "0x4200000000000000000000000000000000000016";
const ZERO: &str = "0x0000000000000000000000000000000000000000000000000000000000000000";
const ONE: &str = "0x0000000000000000000000000000000000000000000000000000000000000001";

/// Without Jovian, which the older release lacks.
fn forks() -> impl Iterator<Item = &'static str> {
    FORKS.into_iter().filter(|fork| *fork != "jovian")
}

/// Chain configuration of the L1.
pub fn l1() -> Value {
    of_l1(L1)
}

/// Genesis of the L2, which begins with this block of the L1.
pub fn l2(head: &Value) -> Result<Value> {
    let mut config = json!({
        "chainId": L2, "terminalTotalDifficulty": 0, "bedrockBlock": 0,
        "shanghaiTime": 0, "cancunTime": 0, "pragueTime": 0, "optimism": base_fee(),
    });
    from_genesis(&mut config, blocks());
    // The client has no rule of its own for Delta.
    from_genesis(&mut config, forks().filter(|fork| *fork != "delta").map(|fork| format!("{fork}Time")));
    let mut alloc = Map::new();
    alloc.insert(BATCHER.into(), json!({"balance": "0x21e19e0c9bab2400000"}));
    alloc.insert(
        MESSAGE_PASSER.into(),
        json!({"balance": "0x0", "nonce": "0x1", "code": "0x00", "storage": {ONE: ONE}}),
    );
    Ok(json!({
        "config": config, "timestamp": head["timestamp"], "alloc": alloc, "gasLimit": "0x3938700", "baseFeePerGas": "0x3b9aca00",
        // Version, denominator and elasticity of EIP-1559, since Holocene.
        "extraData": "0x00000000fa00000006",
        "nonce": "0x0", "difficulty": "0x0", "mixHash": ZERO, "coinbase": "0x4200000000000000000000000000000000000011",
        "number": "0x0", "gasUsed": "0x0", "parentHash": ZERO, "excessBlobGas": "0x0", "blobGasUsed": "0x0",
    }))
}

/// Rollup configuration; the hash of the L2's genesis has to be filled in.
pub fn rollup(head: &Value) -> Result<Value> {
    let number = |field: &str| {
        let text = head[field].as_str().and_then(|text| text.strip_prefix("0x")).context("a quantity")?;
        Ok::<_, anyhow::Error>(u64::from_str_radix(text, 16)?)
    };
    let mut config = json!({
        "genesis": {
            "l1": {"hash": head["hash"], "number": number("number")?},
            "l2": {"hash": ZERO, "number": 0},
            "l2_time": number("timestamp")?,
            "system_config": {
                "batcherAddr": BATCHER, "overhead": ZERO, "gasLimit": 60_000_000, "eip1559Params": "0x0000000000000000",
                "scalar": "0x010000000000000000000000000000000000000000000000000c5fc500000558", "operatorFeeParams": ZERO,
            },
        },
        "block_time": 1, "max_sequencer_drift": 600, "seq_window_size": 3600, "channel_timeout": 300,
        "l1_chain_id": L1, "l2_chain_id": L2, "chain_op_config": base_fee(),
        "batch_inbox_address": "0x00289c189bee4e70334629f04cd5ed602b6600eb",
        "deposit_contract_address": "0x1111111111111111111111111111111111111111",
        "l1_system_config_address": SYSTEM_CONFIG,
    });
    from_genesis(&mut config, forks().map(|fork| format!("{fork}_time")));
    Ok(config)
}
