//! The addresses of the chain's contracts: those of the spec, and those of the table of well-known networks.

use opstack_sdk::answer::Condition;
use opstack_sdk::opstack::contracts::{Contracts, well_known};
use opstack_sdk::opstack::network::{DiscoveredContracts, Discovery, DiscoveryMethod, NetworkSpec};

const CONTRACTS_DISCOVERED: &str = "ContractsDiscovered";

/// The addresses of the spec, and with them those of the table where the method allows it. The spec goes first:
/// only what it leaves open is filled in. What of the spec is `absent` on L1 was looked for there.
pub fn known(spec: &NetworkSpec, absent: &[String]) -> (DiscoveredContracts, Condition) {
    let given = Contracts::of_spec(&spec.contract_addresses);
    let method = spec.contract_addresses.discovery_method;
    let table = match method {
        Discovery::Auto | Discovery::WellKnown => well_known(spec),
        Discovery::SuperchainRegistry | Discovery::Manual => None,
    };
    let contracts = given.clone().or(table.unwrap_or_default());
    let condition = if absent.is_empty() { condition(method, &contracts) } else { not_there(absent) };
    let discovery_method = if contracts != given {
        Some(DiscoveryMethod::WellKnown)
    } else {
        (contracts != Contracts::default()).then_some(DiscoveryMethod::Manual)
    };
    // No time of discovery: nothing was looked up on chain.
    (DiscoveredContracts { contracts, last_discovery_time: None, discovery_method }, condition)
}

fn not_there(absent: &[String]) -> Condition {
    let message = format!("L1 has no contract at spec.contractAddresses.{}", absent.join(", spec.contractAddresses."));
    Condition::no(CONTRACTS_DISCOVERED, "NoContract", message)
}

fn condition(method: Discovery, contracts: &Contracts) -> Condition {
    if contracts.complete() {
        let message = "all contract addresses are known";
        return Condition::yes(CONTRACTS_DISCOVERED, "AddressesResolved", message);
    }
    let missing = contracts.missing().join(", ");
    match method {
        Discovery::Manual => Condition::no(
            CONTRACTS_DISCOVERED,
            "AddressesMissing",
            format!("spec.contractAddresses lacks {missing}, and discoveryMethod is manual"),
        ),
        Discovery::WellKnown => Condition::no(
            CONTRACTS_DISCOVERED,
            "AddressesMissing",
            format!("neither spec.contractAddresses nor the table of well-known networks has {missing}"),
        ),
        Discovery::Auto | Discovery::SuperchainRegistry => Condition::unknown(
            CONTRACTS_DISCOVERED,
            "NotDiscovered",
            format!(
                "not known: {missing}; nothing was read from L1 or the registry. Components that need one take it from spec.contractAddresses"
            ),
        ),
    }
}
