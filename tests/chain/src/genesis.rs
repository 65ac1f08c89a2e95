//! The files of the chain: its genesis and its rollup configuration.
//!
//! The genesis has the predeploys that the messages between the layers need, as the published artifacts have them. It
//! lacks `L1Block`, whose artifact is older than the forks of this chain: the deposit that tells it of L1 calls nothing,
//! and fees are read as zero.

use std::{path::Path, process::Command};

use alloy_primitives::{Address, B256, hex, keccak256};
use anyhow::{Context as _, Result, bail};
use l1::{
    Accounts, Artifacts, Chain,
    config::{DENOMINATOR, ELASTICITY, FORKS, base_fee, blocks, from_genesis},
};
use serde_json::{Map, Value, json};

use crate::{L1_CHAIN_ID, L2_CHAIN_ID};

const GAS_LIMIT: u64 = 60_000_000;
const MESSAGE_PASSER: &str = "4200000000000000000000000000000000000016";
const PREDEPLOYS: [(&str, &str); 3] = [
    ("4200000000000000000000000000000000000007", "L2CrossDomainMessenger"),
    ("4200000000000000000000000000000000000010", "L2StandardBridge"),
    (MESSAGE_PASSER, "L2ToL1MessagePasser"),
];

/// A block of L1.
#[derive(Clone, Copy, Debug)]
pub struct L1Block {
    /// Its hash.
    pub hash: B256,
    /// Its height.
    pub number: u64,
    /// Unix time in seconds.
    pub timestamp: u64,
}

/// The first block of the chain.
#[derive(Clone, Copy, Debug)]
pub struct GenesisBlock {
    /// Its hash.
    pub hash: B256,
    /// The root of the state.
    pub state_root: B256,
    /// The root of the storage of `L2ToL1MessagePasser`, which the header has since Isthmus.
    pub message_passer_root: B256,
}

impl GenesisBlock {
    /// The block that the client makes of a genesis.
    pub fn of(op_geth: &Path, genesis: &Value) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let (file, data) = (directory.path().join("genesis.json"), directory.path().join("data"));
        std::fs::write(&file, genesis.to_string())?;
        output(Command::new(op_geth).arg("init").arg("--datadir").arg(&data).arg(&file))?;
        let mut console = Command::new(op_geth);
        console.arg("--datadir").arg(&data).arg(format!("--networkid={L2_CHAIN_ID}"));
        console.args(["--nodiscover", "--maxpeers=0", "--port=0", "--authrpc.port=0", "--ipcdisable"]);
        let block = "eth.getBlock(0)";
        let fields = ["hash", "stateRoot", "withdrawalsRoot"].map(|field| format!("{block}.{field}"));
        console.args(["--exec", &fields.join(" + ' ' + "), "console"]);
        let told = output(&mut console)?;
        let roots: Vec<B256> =
            told.trim().trim_matches('"').split(' ').map(str::parse).collect::<Result<_, _>>().context(told.clone())?;
        let [hash, state_root, message_passer_root] = roots[..] else { bail!("the first block is {told:?}") };
        Ok(Self { hash, state_root, message_passer_root })
    }

    /// The output root of it (OP Stack specification, "L2 output commitment construction", version 0).
    pub fn output_root(&self) -> B256 {
        keccak256([[0; 32], self.state_root.0, self.message_passer_root.0, self.hash.0].concat())
    }
}

/// The genesis, of the same time as the L1 block that the chain begins with. `rich` have ether.
pub fn l2(at: &L1Block, artifacts: &Artifacts, rich: &[Address]) -> Result<Value> {
    let mut config = json!({
        "chainId": L2_CHAIN_ID, "terminalTotalDifficulty": 0, "bedrockBlock": 0,
        "shanghaiTime": 0, "cancunTime": 0, "pragueTime": 0,
        "optimism": base_fee(),
    });
    // The client has no rule of its own for Delta.
    from_genesis(&mut config, FORKS.into_iter().filter(|fork| *fork != "delta").map(|fork| format!("{fork}Time")));
    from_genesis(&mut config, blocks());
    let mut alloc: Map<String, Value> =
        rich.iter().map(|account| (hex::encode(account), json!({"balance": "0x21e19e0c9bab2400000"}))).collect();
    for (address, name) in PREDEPLOYS {
        alloc.insert(address.into(), json!({"balance": "0x0", "nonce": "0x1", "code": artifacts.deployed(name)?}));
    }
    // The number of messages. Without storage there would be no root of it.
    alloc[MESSAGE_PASSER]["storage"] = json!({B256::with_last_byte(1).to_string(): B256::with_last_byte(1)});
    Ok(json!({
        "config": config,
        "timestamp": format!("{:#x}", at.timestamp),
        "extraData": hex::encode_prefixed(extra_data()),
        "gasLimit": format!("{GAS_LIMIT:#x}"),
        "baseFeePerGas": "0x3b9aca00",
        "coinbase": "0x4200000000000000000000000000000000000011",
        "alloc": alloc,
        "nonce": "0x0", "difficulty": "0x0", "number": "0x0", "gasUsed": "0x0",
        "mixHash": B256::ZERO, "parentHash": B256::ZERO, "excessBlobGas": "0x0", "blobGasUsed": "0x0",
    }))
}

/// The rollup configuration.
pub fn rollup(at: &L1Block, genesis: &GenesisBlock, chain: &Chain, accounts: &Accounts) -> Value {
    let mut config = json!({
        "genesis": {
            "l1": {"hash": at.hash, "number": at.number},
            "l2": {"hash": genesis.hash, "number": 0},
            "l2_time": at.timestamp,
            "system_config": {
                "batcherAddr": accounts.batcher,
                "overhead": B256::ZERO,
                "scalar": "0x010000000000000000000000000000000000000000000000000c5fc500000558",
                "gasLimit": GAS_LIMIT,
                "eip1559Params": "0x0000000000000000",
                "operatorFeeParams": B256::ZERO,
                "minBaseFee": 0, "daFootprintGasScalar": 0,
            },
        },
        "block_time": 2, "max_sequencer_drift": 600, "seq_window_size": 3600, "channel_timeout": 300,
        "l1_chain_id": L1_CHAIN_ID, "l2_chain_id": L2_CHAIN_ID,
        "batch_inbox_address": "0xff00000000000000000000000000000000000901",
        "deposit_contract_address": chain.portal,
        "l1_system_config_address": chain.system_config,
        "chain_op_config": base_fee(),
    });
    // Of the forks that op-geth has, all.
    from_genesis(&mut config, FORKS.map(|fork| format!("{fork}_time")));
    config
}

/// Since Jovian: a version, the two parameters of EIP-1559, and the least base fee.
fn extra_data() -> Vec<u8> {
    [&[1][..], &DENOMINATOR.to_be_bytes(), &ELASTICITY.to_be_bytes(), &0_u64.to_be_bytes()].concat()
}

/// What a program printed; its log, if it failed.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("failed to start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
