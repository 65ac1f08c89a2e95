//! The addresses of the chain's contracts: those of the spec, and for what it leaves open those that L1 gives, those of
//! the superchain registry, and those of the table of well-known networks, in this order.

use opstack_sdk::Object;
use opstack_sdk::answer::{Condition, ConditionStatus, Probe};
use opstack_sdk::cluster::Context;
use opstack_sdk::kubernetes::Hash;
use opstack_sdk::opstack::contracts::{Contracts, well_known};
use opstack_sdk::opstack::network::{DiscoveredContracts, Discovery, DiscoveryMethod, NetworkSpec, NetworkStatus};
use opstack_sdk::opstack::observed::INTERVAL_MS;
use opstack_sdk::opstack::roles::Roles;
use opstack_sdk::values::{Address, rfc3339};
use serde::Deserialize;

use crate::ask::{Asker, Silence};
use crate::discovery::{self, Named, Trouble};
use crate::files::Files;
use crate::l1::{L1, Line};
use crate::{pace, registry, roles};

const CONTRACTS_DISCOVERED: &str = "ContractsDiscovered";
/// Reason when nobody names an address.
const MISSING: &str = "AddressesMissing";
/// Reason while L1 gives no answer, and what it gave before still counts.
const CACHED: &str = "AddressesCached";

/// What is known of the contracts.
pub struct Known {
    /// For the status.
    pub discovered: DiscoveredContracts,
    /// Whether that is all.
    pub condition: Condition,
    /// Who may do what.
    pub roles: Roles,
}

/// What is looked at.
struct Look<'a> {
    /// The network's spec.
    spec: &'a NetworkSpec,
    /// What was reported last.
    before: &'a NetworkStatus,
    /// SystemConfig as the rollup configuration has it.
    system_config: Option<Address>,
    /// Digest of what of the spec decides the result.
    digest: String,
    /// When L1 said something last, in seconds since the Unix epoch.
    now: Option<u64>,
}

/// Looks for the contracts of a network, and declares what L1 is asked for it.
pub fn find(cx: &Context<'_>, network: &Object<NetworkSpec>, files: &Files, l1: &L1) -> (Known, Vec<Probe>) {
    let spec = &network.spec;
    // A status that does not parse was written by another version: as good as none.
    let before: NetworkStatus = NetworkStatus::deserialize(&network.status).unwrap_or_default();
    let system_config = files.system_config.clone();
    let digest = digest(spec, system_config.as_ref(), l1);
    let mut asker = l1.line.as_ref().map(|Line { target, timeout_ms, .. }| {
        Asker::new(cx, target.clone(), spec.l1_chain_id.get(), *timeout_ms, digest)
    });
    let look = Look { spec, before: &before, system_config, digest: digest.to_string(), now: l1.heard };
    let known = look.find(asker.as_mut());
    let heard = asker.as_ref().is_some_and(Asker::all_heard);
    // What is missing is in no contract; all else that is wrong may be mended at any time.
    let settled = heard && (known.condition.status == ConditionStatus::Yes || known.condition.reason == MISSING);
    let interval = |name: &str| match settled {
        true if name.starts_with(roles::PREFIX) => pace::roles(spec),
        true => pace::cached(spec),
        false => INTERVAL_MS,
    };
    (known, asker.map(|asker| asker.probes(interval)).unwrap_or_default())
}

/// Changes with all that decides what is looked up, and where.
fn digest(spec: &NetworkSpec, system_config: Option<&Address>, l1: &L1) -> Hash {
    let line = l1.line.as_ref().map_or(Hash::default(), |line| line.digest);
    let name = spec.network_name.as_deref().unwrap_or_default();
    let ids = format!("{} {}", spec.chain_id, spec.l1_chain_id);
    let method = format!("{:?}", spec.contract_addresses.discovery_method);
    let texts = [ids.as_str(), name, &method, system_config.map_or("", Address::as_str)];
    let digest = texts.into_iter().fold(line, Hash::with);
    let given = Contracts::of_spec(&spec.contract_addresses);
    given.known().fold(digest, |digest, (field, address)| digest.with(field).with(address.as_str()))
}

/// What L1 contributed.
#[derive(Default)]
struct OnChain {
    contracts: Contracts,
    trouble: Option<Trouble>,
    silence: Option<Silence>,
    /// When, as the status has it.
    at: Option<String>,
}

impl Look<'_> {
    /// Finds the addresses. Without an `asker`, L1 can't be asked.
    fn find(&self, mut asker: Option<&mut Asker<'_>>) -> Known {
        let method = self.spec.contract_addresses.discovery_method;
        let given = Contracts::of_spec(&self.spec.contract_addresses);
        let tables = tables(self.spec);
        let on_chain = match (&mut asker, method) {
            (Some(asker), Discovery::Auto) => self.ask(asker, &given, &tables),
            (None, Discovery::Auto) => self.cached(OnChain::default()),
            _ => OnChain::default(),
        };
        let (mut known, way) = merged(&given, &on_chain.contracts, &tables);
        let mut lies = None;
        let mut absent = vec![];
        if let Some(asker) = &mut asker {
            // A silence here is that of the connection, which has a condition of its own.
            for (field, address) in discovery::without_code(asker, &known).unwrap_or_default() {
                if given.known().any(|(given, _)| given == field) {
                    absent.push(format!("spec.contractAddresses.{field} {address}"));
                } else {
                    lies.get_or_insert(format!("{field} {address}"));
                    known.retain(|other, _| other != field);
                }
            }
        }
        let roles = match asker {
            Some(asker) => roles::look(asker, &known, &self.last_roles()),
            None => self.last_roles(),
        };
        let condition = self.condition(&known, &on_chain, &absent, lies.as_deref());
        let discovered = DiscoveredContracts {
            spec_digest: (known != Contracts::default()).then(|| self.digest.clone()),
            contracts: known,
            last_discovery_time: on_chain.at,
            discovery_method: way,
        };
        Known { discovered, condition, roles }
    }

    /// Asks SystemConfig, and the portal that it names.
    fn ask(&self, asker: &mut Asker<'_>, given: &Contracts, tables: &[(DiscoveryMethod, Contracts)]) -> OnChain {
        let first = tables.iter().find_map(|(_, table)| table.system_config_addr.clone());
        let Some(at) = given.system_config_addr.clone().or(self.system_config.clone()).or(first) else {
            return OnChain::default();
        };
        let Named { contracts, trouble, at } = match discovery::system_config(asker, &at, self.spec.chain_id.get()) {
            Ok(named) => named,
            Err(silence) => return self.cached(OnChain { silence: Some(silence), ..OnChain::default() }),
        };
        let mut found = OnChain { contracts, trouble, silence: None, at: Some(rfc3339(at)) };
        let (known, _) = merged(given, &found.contracts, tables);
        match discovery::portal(asker, &known) {
            // Of two that contradict each other neither is believed.
            Some(Ok(Named { trouble: Some(trouble), .. })) => OnChain {
                contracts: Contracts { system_config_addr: found.contracts.system_config_addr, ..Contracts::default() },
                trouble: found.trouble.or(Some(trouble)),
                ..found
            },
            Some(Ok(portal)) => {
                found.contracts = without_oracle(&found.contracts, portal.contracts);
                found
            }
            Some(Err(silence)) => self.cached(OnChain { silence: Some(silence), ..found }),
            None => found,
        }
    }

    /// What was found for the same spec before, if there was something.
    fn cached(&self, found: OnChain) -> OnChain {
        let last = &self.before.network_info.discovered_contracts;
        if last.last_discovery_time.is_none() || !self.is_same_spec() {
            return found;
        }
        OnChain { contracts: last.contracts.clone(), at: last.last_discovery_time.clone(), ..found }
    }

    fn is_same_spec(&self) -> bool {
        self.before.network_info.discovered_contracts.spec_digest.as_ref() == Some(&self.digest)
    }

    fn last_roles(&self) -> Roles {
        if self.is_same_spec() { self.before.roles.clone() } else { Roles::default() }
    }

    fn condition(&self, known: &Contracts, on_chain: &OnChain, absent: &[String], lies: Option<&str>) -> Condition {
        if !absent.is_empty() {
            let message = format!("L1 has no contract at {}", absent.join(", "));
            return Condition::no(CONTRACTS_DISCOVERED, "NoContract", message);
        }
        if let Some(Trouble { reason, message }) = &on_chain.trouble {
            return Condition::no(CONTRACTS_DISCOVERED, reason, message);
        }
        if let Some(lie) = lies {
            let message = format!("the address found is no contract on L1, and is not taken: {lie}");
            return Condition::no(CONTRACTS_DISCOVERED, "AddressWithoutCode", message);
        }
        if let Some(silence) = &on_chain.silence {
            return self.silent(silence, on_chain.at.as_deref());
        }
        if known.complete() {
            return Condition::yes(CONTRACTS_DISCOVERED, "AddressesResolved", "all contract addresses are known");
        }
        missing(self.spec, known)
    }

    /// SystemConfig has not answered: what was found before still counts, for a while.
    fn silent(&self, silence: &Silence, last: Option<&str>) -> Condition {
        let (reason, why) = match silence {
            Silence::NotAsked => ("NotObserved", "L1 was not asked for the contracts yet".into()),
            Silence::NoAnswer(why) => ("NoAnswer", format!("L1 gave no answer about the contracts: {why}")),
            Silence::OtherChain(chain) => (
                "WrongChain",
                format!("the L1 RPC endpoint serves chain {chain}, so its contracts are not those of this chain"),
            ),
        };
        let Some(last) = last else {
            let why = format!("{why}; until then those of the spec and of the tables count");
            return match silence {
                Silence::NotAsked => Condition::unknown(CONTRACTS_DISCOVERED, reason, why),
                _ => Condition::no(CONTRACTS_DISCOVERED, reason, why),
            };
        };
        let lifetime = self.spec.contract_addresses.cache_timeout.as_secs();
        // RFC 3339 in UTC sorts by time.
        if self.now.is_some_and(|now| rfc3339(now.saturating_sub(lifetime)).as_str() > last) {
            let message = format!("{why}; what is known was found at {last}, which is older than cacheTimeout");
            return Condition::unknown(CONTRACTS_DISCOVERED, "CacheExpired", message);
        }
        let message = format!("all contract addresses are known, as found at {last}; since then: {why}");
        Condition::yes(CONTRACTS_DISCOVERED, CACHED, message)
    }
}

/// The tables that the method allows, best first.
fn tables(spec: &NetworkSpec) -> Vec<(DiscoveryMethod, Contracts)> {
    let registry = || registry::contracts(spec).map(|found| (DiscoveryMethod::SuperchainRegistry, found));
    let well_known = || well_known(spec).map(|found| (DiscoveryMethod::WellKnown, found));
    let found = match spec.contract_addresses.discovery_method {
        Discovery::Auto => [registry(), well_known()],
        Discovery::SuperchainRegistry => [registry(), None],
        Discovery::WellKnown => [None, well_known()],
        Discovery::Manual => [None, None],
    };
    found.into_iter().flatten().collect()
}

/// All addresses, the better source first, and the best source that gave one.
fn merged(
    given: &Contracts,
    on_chain: &Contracts,
    tables: &[(DiscoveryMethod, Contracts)],
) -> (Contracts, Option<DiscoveryMethod>) {
    let mut known = given.clone();
    let mut way = None;
    for (method, source) in
        [(DiscoveryMethod::SystemConfig, on_chain)].into_iter().chain(tables.iter().map(|(m, c)| (*m, c)))
    {
        let more = without_oracle(&known, source.clone());
        if more != known {
            way = way.or(Some(method));
            known = more;
        }
    }
    let manual = (*given != Contracts::default()).then_some(DiscoveryMethod::Manual);
    (known, way.or(manual))
}

/// `known`, and what it lacks of `source`. Where there is a factory, a worse source's oracle is one of the past.
fn without_oracle(known: &Contracts, mut source: Contracts) -> Contracts {
    if known.dispute_game_factory_addr.is_some() {
        source.l2_output_oracle_addr = None;
    }
    known.clone().or(source)
}

fn missing(spec: &NetworkSpec, known: &Contracts) -> Condition {
    let missing = known.missing().join(", ");
    let missed = |reason, message| Condition::no(CONTRACTS_DISCOVERED, reason, message);
    match spec.contract_addresses.discovery_method {
        Discovery::Manual => {
            missed(MISSING, format!("spec.contractAddresses lacks {missing}, and discoveryMethod is manual"))
        }
        Discovery::WellKnown => missed(
            MISSING,
            format!("neither spec.contractAddresses nor the table of well-known networks has {missing}"),
        ),
        Discovery::SuperchainRegistry => missed(
            MISSING,
            format!(
                "neither spec.contractAddresses nor the superchain registry has {missing} for chain {} on L1 {}",
                spec.chain_id, spec.l1_chain_id
            ),
        ),
        Discovery::Auto if known.system_config_addr.is_some() => missed(
            MISSING,
            format!("neither SystemConfig nor its portal names {missing}; give it in spec.contractAddresses"),
        ),
        Discovery::Auto => Condition::unknown(
            CONTRACTS_DISCOVERED,
            "NotDiscovered",
            format!(
                "not known: {missing}; give spec.contractAddresses.systemConfigAddr, from which the others are read on L1"
            ),
        ),
    }
}
