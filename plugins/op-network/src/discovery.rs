//! What the chain's contracts say of each other, beginning with SystemConfig.
//!
//! Questions build on answers, so they are asked one after the other, and the object is rendered again in between:
//! SystemConfig names the portal and the others, the portal has to name that SystemConfig in turn, and all have to be
//! contracts. What a contract says is not believed before.

use opstack_sdk::opstack::abi::{self, Fault, OptimismPortal, SystemConfig};
use opstack_sdk::opstack::contracts::Contracts;
use opstack_sdk::values::Address;

use crate::ask::{Answer, Asker, Batch, Silence};

/// Names of the probes.
pub const SYSTEM_CONFIG: &str = "system-config";
/// See [`portal`].
pub const PORTAL: &str = "portal";
/// See [`without_code`].
pub const CODE: &str = "code";

/// Something that no chain in order would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Of the condition.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
}

impl Trouble {
    fn new(reason: &'static str, message: String) -> Self {
        Self { reason, message }
    }
}

/// What a contract names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The addresses.
    pub contracts: Contracts,
    /// The first thing that is wrong.
    pub trouble: Option<Trouble>,
    /// When it was heard, in seconds since the Unix epoch.
    pub at: u64,
}

impl Named {
    /// Takes an address that a getter gave. One that the contract does not know is no trouble: which getters there are
    /// depends on its version. Data that are no address are.
    fn take(&mut self, who: &str, getter: &str, found: Result<alloy_primitives::Address, Fault>) -> Option<Address> {
        match found {
            Ok(found) => abi::address(found),
            Err(fault @ Fault::Malformed(_)) => {
                let (reason, what) = fault.told();
                self.blame(reason, format!("{who} {what} on {getter}()"));
                None
            }
            Err(Fault::Reverts | Fault::Empty | Fault::Failed(_)) => None,
        }
    }

    fn blame(&mut self, reason: &'static str, message: String) {
        self.trouble.get_or_insert(Trouble::new(reason, message));
    }
}

/// Asks SystemConfig at `at` for the other contracts of the chain `chain_id`.
///
/// # Errors
/// When L1 has not said anything.
pub fn system_config(asker: &mut Asker<'_>, at: &Address, chain_id: u64) -> Result<Named, Silence> {
    let mut batch = Batch::new();
    let code = batch.code(at);
    let chain = batch.call(at, &SystemConfig::l2ChainIdCall {});
    let portal = batch.call(at, &SystemConfig::optimismPortalCall {});
    let factory = batch.call(at, &SystemConfig::disputeGameFactoryCall {});
    let oracle = batch.call(at, &SystemConfig::l2OutputOracleCall {});
    let messenger = batch.call(at, &SystemConfig::l1CrossDomainMessengerCall {});
    let bridge = batch.call(at, &SystemConfig::l1StandardBridgeCall {});
    let answer = asker.ask(SYSTEM_CONFIG, batch)?;

    let who = format!("SystemConfig {at}");
    let mut named = Named { at: answer.at, ..Named::default() };
    if answer.has_code(code) == Ok(false) {
        named.blame("NotAContract", format!("L1 has no contract at {at}, which should be the chain's SystemConfig"));
        return Ok(named);
    }
    let portal = answer.value(portal);
    named.blame_portal(&who, &portal);
    // Since version 4.0 it knows its chain.
    if let Ok(other) = answer.value(chain)
        && !other.is_zero()
        && other != alloy_primitives::U256::from(chain_id)
    {
        named.blame("OtherL2", format!("{who} is that of chain {other}, but spec.chainID is {chain_id}"));
        return Ok(named);
    }
    named.contracts = Contracts {
        system_config_addr: Some(at.clone()),
        optimism_portal_addr: named.take(&who, "optimismPortal", portal),
        dispute_game_factory_addr: named.take(&who, "disputeGameFactory", answer.value(factory)),
        l2_output_oracle_addr: named.take(&who, "l2OutputOracle", answer.value(oracle)),
        l1_cross_domain_messenger_addr: named.take(&who, "l1CrossDomainMessenger", answer.value(messenger)),
        l1_standard_bridge_addr: named.take(&who, "l1StandardBridge", answer.value(bridge)),
    };
    Ok(named)
}

impl Named {
    /// Without a portal nothing else counts: each chain has one, and no later version does without the getter.
    fn blame_portal(&mut self, who: &str, portal: &Result<alloy_primitives::Address, Fault>) {
        match portal {
            Ok(portal) if portal.is_zero() => {
                let message = format!(
                    "{who} returns the zero address on optimismPortal(): it is not initialised, or no proxy of a chain"
                );
                self.blame("ZeroAddress", message);
            }
            Ok(_) => {}
            Err(fault) => {
                let (reason, what) = fault.told();
                let message = format!(
                    "{who} {what} on optimismPortal(): it is no SystemConfig, or too old to name the other contracts"
                );
                self.blame(reason, message);
            }
        }
    }
}

/// Asks the portal which SystemConfig it obeys, and what it settles by where SystemConfig did not tell.
///
/// # Errors
/// When L1 has not said anything.
pub fn portal(asker: &mut Asker<'_>, known: &Contracts) -> Option<Result<Named, Silence>> {
    let (portal, system_config) = (known.optimism_portal_addr.as_ref()?, known.system_config_addr.as_ref()?);
    let mut batch = Batch::new();
    let obeys = batch.call(portal, &OptimismPortal::systemConfigCall {});
    let factory = batch.call(portal, &OptimismPortal::disputeGameFactoryCall {});
    let oracle = batch.call(portal, &OptimismPortal::l2OracleCall {});
    let judge = |answer: Answer| {
        let who = format!("OptimismPortal {portal}");
        let mut named = Named { at: answer.at, ..Named::default() };
        match named.take(&who, "systemConfig", answer.value(obeys)) {
            Some(obeyed) if obeyed != *system_config => {
                let message = format!(
                    "{who} belongs to SystemConfig {obeyed}, but SystemConfig {system_config} says that it is its own"
                );
                named.blame("ContractsDisagree", message);
            }
            _ => {}
        }
        named.contracts.dispute_game_factory_addr = named.take(&who, "disputeGameFactory", answer.value(factory));
        named.contracts.l2_output_oracle_addr = named.take(&who, "l2Oracle", answer.value(oracle));
        named
    };
    Some(asker.ask(PORTAL, batch).map(judge))
}

/// The fields whose addresses have no code on L1, with these.
///
/// # Errors
/// When L1 has not said anything.
pub fn without_code(asker: &mut Asker<'_>, known: &Contracts) -> Result<Vec<(&'static str, Address)>, Silence> {
    let mut batch = Batch::new();
    let asked: Vec<_> = known.known().map(|(field, address)| (field, address.clone(), batch.code(address))).collect();
    if asked.is_empty() {
        return Ok(vec![]);
    }
    let answer = asker.ask(CODE, batch)?;
    let absent = asked.into_iter().filter(|(_, _, code)| answer.has_code(*code) == Ok(false));
    Ok(absent.map(|(field, address, _)| (field, address)).collect())
}
