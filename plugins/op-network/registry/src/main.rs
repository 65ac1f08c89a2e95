//! Prints the chains of the superchain registry as the crate `kona-registry` has them: for each the columns of
//! `src/registry.rs`. The crate itself holds a megabyte of what the plugin does not need.

use kona_registry::Registry;

fn main() {
    let registry = Registry::from_chain_list();
    let mut rows = vec![];
    for chain in &registry.chain_list.chains {
        let Some(config) = registry.op_chains.get(&chain.chain_id) else { continue };
        let Some((superchain, short)) = chain.identifier.split_once('/') else { continue };
        let Some(addresses) = &config.addresses else { continue };
        let columns = [
            Some(addresses.system_config_proxy),
            Some(addresses.optimism_portal_proxy),
            addresses.dispute_game_factory_proxy,
            addresses.l2_output_oracle_proxy,
            Some(addresses.l1_cross_domain_messenger_proxy),
            Some(addresses.l1_standard_bridge_proxy),
        ];
        let columns: Vec<_> = columns.iter().map(|address| address.map_or("-".into(), |a| a.to_string())).collect();
        // As the programs name it (`--network`).
        rows.push((chain.chain_id, config.l1_chain_id, format!("{short}-{superchain}"), columns.join("\t")));
    }
    rows.sort();
    for (chain, l1, name, addresses) in rows {
        println!("{chain}\t{l1}\t{name}\t{addresses}");
    }
}
