//! The plugin's table of the superchain registry against the registry that op-node carries.

use op_programs::{OpPrograms, Release};
use opstack_sdk::opstack::network::LEFT_REGISTRY;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const TABLE: &str = include_str!("../../../plugins/op-network/src/registry.tsv");
/// `--network` of these is refused by the releases as they are built here, but op-reth v2.4.0 knows the chains.
const ELSEWHERE: [&str; 3] = ["boba-mainnet", "boba-sepolia", "celo-mainnet"];

/// What op-node knows of a network; nothing where it refuses the name.
fn rollup_config(op_node: &Path, network: &str) -> Option<Value> {
    let mut command = Command::new(op_node);
    command.args(["networks", "dump-rollup-config", "--network", network]);
    let output = command.output().unwrap();
    serde_json::from_slice(&output.stdout).ok()
}

fn programs() -> Option<OpPrograms> {
    OpPrograms::find().inspect_err(|why| println!("skipped: {why:#}")).ok()
}

#[test]
fn the_table_agrees_with_the_registry_of_op_node() {
    let Some(programs) = programs() else { return };
    let op_node = programs.path(Release::V1_19_6, "op-node");
    let mut compared = 0;
    for line in TABLE.lines() {
        let columns: Vec<_> = line.split('\t').collect();
        let Some(config) = rollup_config(&op_node, columns[2]) else {
            assert!(
                LEFT_REGISTRY.contains(&columns[2]) || ELSEWHERE.contains(&columns[2]),
                "{} is refused",
                columns[2]
            );
            continue;
        };
        let same = |field: &str, column: &str| {
            let found = config[field].as_str().map(ToString::to_string).unwrap_or_else(|| config[field].to_string());
            assert!(found.eq_ignore_ascii_case(column), "{}: {field} is {found}, not {column}", columns[2]);
        };
        same("l2_chain_id", columns[0]);
        same("l1_chain_id", columns[1]);
        same("l1_system_config_address", columns[3]);
        same("deposit_contract_address", columns[4]);
        compared += 1;
    }
    assert!(compared >= 45, "only {compared} chains were compared");
}

#[test]
fn the_programs_refuse_the_names_of_chains_that_left() {
    let Some(programs) = programs() else { return };
    for release in Release::ALL {
        let op_node = programs.path(release, "op-node");
        assert!(rollup_config(&op_node, "op-mainnet").is_some());
        for name in LEFT_REGISTRY {
            assert!(rollup_config(&op_node, name).is_none(), "{} knows {name}", release.version());
        }
    }
}
