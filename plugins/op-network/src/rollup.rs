//! What `rollup.json` must hold for the chain's programs to start: op-node, op-conductor and op-batcher check it, and end where it
//! does not (`Config.Check` in op-node/rollup/types.go, v1.16.13 and v1.19.6).

use opstack_sdk::values::Address;
use serde::Deserialize;
use serde_json::Value;

/// Numbers: where they stand, the least that is taken, and one that a chain usually has.
const NUMBERS: [(&str, u64, &str); 6] = [
    ("block_time", 1, "the seconds between two blocks, such as 2"),
    ("max_sequencer_drift", 1, "how many seconds a block may be ahead of its L1 origin, such as 600"),
    ("seq_window_size", 2, "the number of L1 blocks in which a batch must be posted, such as 3600"),
    ("channel_timeout", 1, "the number of L1 blocks in which a channel must be closed, such as 300"),
    ("genesis.l2_time", 1, "the timestamp of the L2's first block"),
    ("genesis.system_config.gasLimit", 1, "the gas limit of the L2's first block, such as 30000000"),
];

/// Hashes and addresses, which may not be all zeros.
const IDENTITIES: [(&str, &str); 6] = [
    ("genesis.l1.hash", "the hash of the L1 block at which the chain begins"),
    ("genesis.l2.hash", "the hash of the L2's first block"),
    ("genesis.system_config.batcherAddr", "the account of the first batcher"),
    ("genesis.system_config.scalar", "the fee scalar of the SystemConfig at the chain's beginning"),
    ("batch_inbox_address", "the address to which batches are posted"),
    ("deposit_contract_address", "the address of the OptimismPortal on the L1"),
];

/// Forks that come in this order. Later ones may come in any.
const FORKS: [&str; 8] = ["regolith", "canyon", "delta", "ecotone", "fjord", "granite", "holocene", "isthmus"];

/// The fields of it that the plugin itself reads.
#[derive(Deserialize)]
pub struct Rollup {
    /// The beginning of the chain.
    pub genesis: Genesis,
    /// Chain id of the L1.
    pub l1_chain_id: u64,
    /// Chain id of the L2.
    pub l2_chain_id: u64,
    /// The SystemConfig on the L1.
    pub l1_system_config_address: Option<Address>,
}

/// The beginning of a chain.
#[derive(Deserialize)]
pub struct Genesis {
    /// Timestamp of its first block.
    pub l2_time: u64,
}

impl Rollup {
    /// Reads it.
    ///
    /// # Errors
    /// When it is not JSON, or a field that the plugin reads is missing.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

/// What the programs refuse in it, each as the end of a sentence about the file.
pub fn problems(rollup: &Value) -> Vec<String> {
    let numbers = NUMBERS.iter().filter_map(|(path, least, what)| too_small(rollup, path, *least, what));
    let identities = IDENTITIES.iter().filter_map(|(path, what)| is_zero(rollup, path, what));
    numbers.chain(identities).chain(equal_hashes(rollup)).chain(out_of_order(rollup)).collect()
}

/// What op-node ends without, and an argument or an older release of it does without: that is for each node to say, so it is told and
/// not refused. Each as [`problems`] has it (op-node/node/node.go and op-node/config/config.go, v1.16.13 and v1.19.6).
pub fn gaps(rollup: &Value) -> Vec<String> {
    let mut gaps = vec![];
    if rollup["chain_op_config"].is_null() {
        gaps.push("has no chain_op_config, without which op-node ends; add the fields of config.optimism of the chain's genesis: eip1559Elasticity, eip1559Denominator and eip1559DenominatorCanyon".into());
    }
    let l1 = rollup["l1_chain_id"].as_u64();
    let prague = PRAGUE.iter().find(|(chain, _)| Some(*chain) == l1).map(|(_, time)| *time);
    let began = at(rollup, "genesis.l2_time").as_u64();
    if rollup["pectra_blob_schedule_time"].is_null() && prague.zip(began).is_some_and(|(prague, began)| prague >= began)
    {
        gaps.push("has no pectra_blob_schedule_time, without which op-node ends where a chain began before Prague on its L1; add the time that the chain's operator gives, or --ignore-missing-pectra-blob-schedule to spec.extraArgs of each OpNode".into());
    }
    if ["lagoon_time", "interop_time"].iter().any(|fork| rollup[fork].is_u64()) {
        gaps.push("plans Lagoon, for which op-node needs a dependency set; mount one by spec.podTemplate of each OpNode, and name it in its spec.extraArgs (--interop.dependency-set)".into());
    }
    gaps
}

/// L1s whose Prague came while they had chains that missed it: chain id, timestamp.
const PRAGUE: [(u64, u64); 2] = [(11_155_111, 1_741_159_776), (17_000, 1_740_434_112)];

fn at<'a>(rollup: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(rollup, |value, field| &value[field])
}

fn too_small(rollup: &Value, path: &str, least: u64, what: &str) -> Option<String> {
    match at(rollup, path) {
        Value::Null => Some(format!("has no {path}; write {what}")),
        value if value.as_u64().is_some_and(|number| number >= least) => None,
        value => Some(format!("has {path} {value}, and at least {least} is needed; write {what}")),
    }
}

fn is_zero(rollup: &Value, path: &str, what: &str) -> Option<String> {
    let value = at(rollup, path);
    let digits = value.as_str().map(|text| text.strip_prefix("0x").unwrap_or(text));
    match digits {
        Some(digits) if digits.chars().any(|digit| digit != '0') => None,
        Some(_) => Some(format!("has {path} {value}, which is nothing; write {what}")),
        None => Some(format!("has no {path}; write {what}")),
    }
}

fn equal_hashes(rollup: &Value) -> Option<String> {
    let [l1, l2] = ["genesis.l1.hash", "genesis.l2.hash"].map(|path| at(rollup, path));
    (l1.is_string() && l1 == l2).then(|| {
        "has one hash for genesis.l1 and genesis.l2; write that of the L2's first block into genesis.l2.hash".into()
    })
}

fn out_of_order(rollup: &Value) -> Option<String> {
    let times = FORKS.map(|fork| rollup[format!("{fork}_time")].as_u64());
    let mut pairs = FORKS.windows(2).zip(times.windows(2));
    pairs.find_map(|(forks, times)| {
        let [before, fork] = [forks.first()?, forks.last()?];
        match (times.first()?, times.last()?) {
            (None, Some(_)) => Some(format!(
                "has {fork}_time and no {before}_time, and {before} comes before {fork}; add it"
            )),
            (Some(early), Some(late)) if early > late => Some(format!(
                "has {before}_time {early}, which is after {fork}_time {late}, and {before} comes before {fork}; change one of them"
            )),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole() -> Value {
        let text = include_str!("../../../tests/oracle/files/rollup.json");
        serde_json::from_str(text).unwrap()
    }

    fn with(path: &str, value: Value) -> Value {
        let mut rollup = whole();
        let pointer = format!("/{}", path.replace('.', "/"));
        match rollup.pointer_mut(&pointer) {
            Some(place) => *place = value,
            None => rollup[path] = value,
        }
        rollup
    }

    #[test]
    fn a_file_that_the_programs_take_has_no_problem() {
        assert_eq!(problems(&whole()), [""; 0]);
    }

    #[test]
    fn gaps_that_a_node_can_close_are_told_apart() {
        assert_eq!(gaps(&whole()), [""; 0]);
        assert!(gaps(&with("chain_op_config", Value::Null))[0].starts_with("has no chain_op_config"));
        assert!(gaps(&with("lagoon_time", json!(1)))[0].starts_with("plans Lagoon"));
        let mut on_sepolia = with("l1_chain_id", json!(11_155_111));
        assert!(gaps(&on_sepolia)[0].starts_with("has no pectra_blob_schedule_time"));
        on_sepolia["genesis"]["l2_time"] = json!(1_741_159_777);
        assert_eq!(gaps(&on_sepolia), [""; 0], "it began after Prague");
    }

    #[test]
    fn each_check_of_the_programs_is_made() {
        for (path, ..) in NUMBERS {
            for (value, told) in [(json!(0), "at least"), (Value::Null, "has no")] {
                let found = problems(&with(path, value));
                assert!(matches!(found.as_slice(), [only] if only.contains(path) && only.contains(told)), "{found:?}");
            }
        }
        for (path, _) in IDENTITIES {
            for (value, told) in [(json!(format!("0x{:064x}", 0)), "is nothing"), (Value::Null, "has no")] {
                let found = problems(&with(path, value));
                assert!(matches!(found.as_slice(), [only] if only.contains(path) && only.contains(told)), "{found:?}");
            }
        }
        let l1 = at(&whole(), "genesis.l1.hash").clone();
        assert!(problems(&with("genesis.l2.hash", l1))[0].starts_with("has one hash"));
        for fork in FORKS.iter().take(7) {
            let found = problems(&with(&format!("{fork}_time"), Value::Null));
            assert!(found[0].contains(&format!("no {fork}_time")), "{found:?}");
        }
        let found = problems(&with("granite_time", json!(9)));
        assert!(found[0].contains("granite_time 9, which is after holocene_time 0"), "{found:?}");
    }
}
