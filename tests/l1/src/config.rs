//! What files of chains have in common: the forks, the parameters of fees, and the configuration of an L1 of one's own.

use serde_json::{Value, json};

/// The forks of an L2 that op-geth has, the oldest first.
pub const FORKS: [&str; 9] =
    ["regolith", "canyon", "delta", "ecotone", "fjord", "granite", "holocene", "isthmus", "jovian"];
/// Those of an L1, as far as they are counted in blocks.
const BEFORE_THE_MERGE: [&str; 11] = [
    "homestead",
    "eip150",
    "eip155",
    "eip158",
    "byzantium",
    "constantinople",
    "petersburg",
    "istanbul",
    "berlin",
    "london",
    "mergeNetsplit",
];

/// Gas limit of an L2's block over what its base fee aims at.
pub const ELASTICITY: u32 = 6;
/// How slowly the base fee of an L2 changes since Canyon.
pub const DENOMINATOR: u32 = 250;

/// Puts fields to zero: what they name is there from the first block on.
pub fn from_genesis(config: &mut Value, names: impl IntoIterator<Item = String>) {
    names.into_iter().for_each(|name| config[name] = json!(0));
}

/// The names of forks that are counted in blocks, in a configuration of a chain.
pub fn blocks() -> impl Iterator<Item = String> {
    BEFORE_THE_MERGE.into_iter().map(|fork| format!("{fork}Block"))
}

/// What op-node must know of an L1 that it does not know by name.
pub fn of_l1(chain_id: u64) -> Value {
    let mut config = json!({
        "chainId": chain_id, "terminalTotalDifficulty": 0, "shanghaiTime": 0, "cancunTime": 0, "pragueTime": 0,
        "blobSchedule": {
            "cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3_338_477},
            "prague": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5_007_716},
        },
    });
    from_genesis(&mut config, blocks());
    config
}

/// The parameters of an L2's base fee.
pub fn base_fee() -> Value {
    json!({"eip1559Elasticity": ELASTICITY, "eip1559Denominator": 50, "eip1559DenominatorCanyon": DENOMINATOR})
}
