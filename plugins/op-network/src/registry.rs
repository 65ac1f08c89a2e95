//! The superchain registry's contracts, as a table that is small enough to be part of the plugin.
//!
//! `registry.tsv` is printed by the program in `registry/` from the crate `kona-registry` 0.4.5 (a row for each chain:
//! chain id, L1's chain id, name, SystemConfig, portal, factory, oracle, messenger, bridge; `-` where it has none).
//! `tests/l1` holds it against the registry that op-node carries.

use opstack_sdk::opstack::contracts::Contracts;
use opstack_sdk::opstack::network::NetworkSpec;
use opstack_sdk::values::Address;

const TABLE: &str = include_str!("registry.tsv");

/// The registry's addresses of a network. A chain is known by its id and its L1's; a name of its own has to be that of
/// the registry, for an own chain may have taken the id.
pub fn contracts(spec: &NetworkSpec) -> Option<Contracts> {
    let (chain, l1) = (spec.chain_id.to_string(), spec.l1_chain_id.to_string());
    let mut rows = TABLE.lines().map(|line| line.split('\t'));
    let mut row = rows.find_map(|mut row| (row.next()? == chain && row.next()? == l1).then_some(row))?;
    let name = row.next()?;
    if spec.network_name.as_deref().is_some_and(|given| given != name && !given.is_empty()) {
        return None;
    }
    let mut address = || row.next().and_then(|text| Address::parse(text).ok());
    Some(Contracts {
        system_config_addr: address(),
        optimism_portal_addr: address(),
        dispute_game_factory_addr: address(),
        l2_output_oracle_addr: address(),
        l1_cross_domain_messenger_addr: address(),
        l1_standard_bridge_addr: address(),
    })
}

/// The ids of a chain and of its L1, by the name that it has in the registry.
pub fn chain_ids(name: &str) -> Option<(u64, u64)> {
    let mut rows = TABLE.lines().map(|line| line.split('\t'));
    rows.find_map(|mut row| {
        let (chain, l1) = (row.next()?.parse().ok()?, row.next()?.parse().ok()?);
        (row.next()? == name).then_some((chain, l1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(name: &str, chain: u64, l1: u64) -> Option<Contracts> {
        let spec = json!({"networkName": name, "chainID": chain, "l1ChainID": l1, "l1RpcUrl": "http://l1"});
        contracts(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn a_chain_is_known_by_its_ids_and_not_by_a_name_alone() {
        let found = of("op-mainnet", 10, 1).unwrap();
        assert_eq!(found.system_config_addr, Address::parse("0x229047fed2591dbec1eF1118d64F7aF3dB9EB290").ok());
        assert!(found.complete());
        assert_eq!(of("", 10, 1), Some(found));
        assert_eq!(of("op-mainnet", 10, 900), None);
        assert_eq!(of("mychain", 10, 1), None);
        assert_eq!(of("op-mainnet", 901, 1), None);
    }

    #[test]
    fn a_name_tells_both_ids() {
        assert_eq!(chain_ids("op-mainnet"), Some((10, 1)));
        assert_eq!(chain_ids("base-sepolia"), Some((84532, 11_155_111)));
        assert_eq!(chain_ids("mychain"), None);
    }

    #[test]
    fn every_row_has_nine_columns_and_no_address_is_malformed() {
        for line in TABLE.lines() {
            let columns: Vec<_> = line.split('\t').collect();
            assert_eq!(columns.len(), 9, "{line}");
            assert!(columns[..2].iter().all(|id| id.parse::<u64>().is_ok()), "{line}");
            assert!(columns[3..].iter().all(|text| *text == "-" || Address::parse(text).is_ok()), "{line}");
        }
    }
}
