//! The network's plugin finds the contracts of a chain on a real L1, and tells each way in which that can fail.

use alloy_primitives::{Address, address};
use l1::{Accounts, Anvil, Artifacts, Chain, Deployer, FaultProofs, Settled, equipment, settle};
use op_network::OptimismNetwork;
use op_programs::OpPrograms;
use serde_json::{Value, json};
use std::net::TcpListener;

const L1_ID: u64 = 900;
const L2_ID: u64 = 901;
const GENESIS: &str = r#"{"config": {"chainId": 901}, "alloc": {}}"#;
const ROLLUP: &str = r#"{"genesis": {"l1": {"hash": "0x1111111111111111111111111111111111111111111111111111111111111111", "number": 0}, "l2": {"hash": "0x2222222222222222222222222222222222222222222222222222222222222222", "number": 0}, "l2_time": 1767225600, "system_config": {"batcherAddr": "0x70997970c51812dc3a010c7d01b50e0d17dc79c8", "scalar": "0x0100000000000000000000000000000000000000000000000000000000000000", "gasLimit": 30000000}}, "block_time": 2, "max_sequencer_drift": 600, "seq_window_size": 3600, "channel_timeout": 300, "batch_inbox_address": "0xff00000000000000000000000000000000000901", "deposit_contract_address": "0x4444444444444444444444444444444444444444", "l1_chain_id": 900, "l2_chain_id": 901}"#;

/// Contracts that lie. Each runs the same for every call.
const REVERTS: &str = "0x60006000fd";
const RETURNS_NOTHING: &str = "0x00";
const NEVER_ENDS: &str = "0x5b600056";
const RETURNS_ZERO: &str = "0x60206000f3";
const RETURNS_ONES: &str = "0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff60005260206000f3";
/// 0xaa, which is 170 where a number is asked for.
const RETURNS_170: &str = "0x60aa60005260206000f3";

const LIAR: Address = address!("00000000000000000000000000000000000011a5");
const NOBODY: Address = address!("00000000000000000000000000000000000000ee");

/// A chain on an L1, and the network that knows nothing of it but its SystemConfig.
struct Ground {
    anvil: Anvil,
    artifacts: Artifacts,
    programs: OpPrograms,
}

impl Ground {
    fn new() -> Option<Self> {
        let (programs, artifacts) = equipment()?;
        let anvil = Anvil::start(programs.anvil(), L1_ID).unwrap();
        Some(Self { anvil, artifacts, programs })
    }

    fn deployer(&self) -> Deployer<'_> {
        Deployer::new(self.anvil.rpc(), &self.artifacts).unwrap()
    }

    fn network(&self, system_config: Address) -> Value {
        json!({
            "apiVersion": "optimism.io/v1alpha1", "kind": "OptimismNetwork",
            "metadata": {"name": "devnet", "namespace": "chains"},
            "spec": {
                "chainID": L2_ID, "l1ChainID": L1_ID, "l1RpcUrl": self.anvil.rpc().url(), "l1RpcTimeout": "2s",
                "rollupConfig": {"inline": ROLLUP}, "l2Genesis": {"inline": GENESIS},
                "contractAddresses": {"systemConfigAddr": system_config.to_string()},
            },
        })
    }

    fn look(&self, system_config: Address) -> Settled {
        settle::<OptimismNetwork>(&self.network(system_config), vec![])
    }
}

fn discovered(settled: &Settled) -> &Value {
    &settled.status["networkInfo"]["discoveredContracts"]
}

fn assert_failed(settled: &Settled, reason: &str, words: &[&str]) {
    let (status, found, message) = settled.condition("ContractsDiscovered");
    assert_eq!((status.as_str(), found.as_str()), ("No", reason), "{message}");
    for word in words {
        assert!(message.contains(word), "{message} lacks {word}");
    }
}

fn text(address: Address) -> String {
    address.to_string()
}

#[test]
fn all_contracts_and_roles_are_found_from_system_config_alone() {
    let Some(ground) = Ground::new() else { return };
    let accounts = Accounts::default();
    let chain = ground.deployer().chain(FaultProofs::Permissioned, accounts).unwrap();
    let settled = ground.look(chain.system_config);

    let (status, reason, message) = settled.condition("ContractsDiscovered");
    assert_eq!((status.as_str(), reason.as_str()), ("Yes", "AddressesResolved"), "{message}");
    assert_eq!(settled.condition("L1Connected").1, "RPCEndpointReachable");
    let found = discovered(&settled);
    for (field, address) in [
        ("systemConfigAddr", chain.system_config),
        ("optimismPortalAddr", chain.portal),
        ("disputeGameFactoryAddr", chain.factory),
        ("l1CrossDomainMessengerAddr", chain.messenger),
        ("l1StandardBridgeAddr", chain.bridge),
    ] {
        assert_eq!(found[field], json!(text(address)), "{field}");
    }
    assert_eq!(found["l2OutputOracleAddr"], Value::Null);
    assert_eq!(found["discoveryMethod"], "system-config");
    assert_eq!(found["lastDiscoveryTime"], "2026-01-01T00:00:00Z");
    assert_eq!(
        settled.status["roles"],
        json!({
            "owner": text(accounts.owner), "batcher": text(accounts.batcher),
            "unsafeBlockSigner": text(accounts.signer),
            "proposer": text(accounts.proposer), "challenger": text(accounts.challenger),
        })
    );
}

#[test]
fn a_chain_from_before_fault_proofs_has_an_oracle() {
    let Some(ground) = Ground::new() else { return };
    let accounts = Accounts::default();
    let chain = ground.deployer().chain(FaultProofs::None, accounts).unwrap();
    let settled = ground.look(chain.system_config);
    let (status, _, message) = settled.condition("ContractsDiscovered");
    assert_eq!(status, "Yes", "{message}");
    assert_eq!(discovered(&settled)["l2OutputOracleAddr"], json!(text(chain.oracle)));
    assert_eq!(discovered(&settled)["disputeGameFactoryAddr"], Value::Null);
    assert_eq!(settled.status["roles"]["proposer"], json!(text(accounts.proposer)));
    assert_eq!(settled.status["roles"]["challenger"], json!(text(accounts.challenger)));
}

#[test]
fn an_address_of_the_spec_goes_before_what_system_config_says() {
    let Some(ground) = Ground::new() else { return };
    let chain = ground.deployer().chain(FaultProofs::Permissioned, Accounts::default()).unwrap();
    let mut network = ground.network(chain.system_config);
    network["spec"]["contractAddresses"]["l1StandardBridgeAddr"] = json!(text(chain.messenger));
    let settled = settle::<OptimismNetwork>(&network, vec![]);
    assert_eq!(discovered(&settled)["l1StandardBridgeAddr"], json!(text(chain.messenger)));
    assert_eq!(discovered(&settled)["optimismPortalAddr"], json!(text(chain.portal)));
}

#[test]
fn each_lie_has_its_own_reason() {
    let Some(ground) = Ground::new() else { return };
    let deployer = ground.deployer();
    let liar = text(LIAR);
    for (code, reason, words) in [
        (REVERTS, "CallReverted", ["reverts", "optimismPortal()"]),
        (RETURNS_NOTHING, "EmptyAnswer", ["returns nothing", "optimismPortal()"]),
        (NEVER_ENDS, "CallFailed", ["can't be called", "optimismPortal()"]),
        (RETURNS_ZERO, "ZeroAddress", ["zero address", "not initialised"]),
        (RETURNS_ONES, "MalformedAnswer", ["0xffff", "optimismPortal()"]),
        (RETURNS_170, "OtherL2", ["chain 170", "901"]),
    ] {
        deployer.put(LIAR, code).unwrap();
        let settled = ground.look(LIAR);
        assert_failed(&settled, reason, &[&liar, words[0], words[1]]);
        assert_eq!(discovered(&settled)["optimismPortalAddr"], Value::Null, "{reason}");
        // What is wrong may be mended at any time.
        assert!(settled.probes.iter().all(|probe| probe.interval_ms == 15_000), "{reason}");
    }
    // An address of the spec: nobody is there.
    assert_failed(&ground.look(NOBODY), "NoContract", &[&text(NOBODY), "spec.contractAddresses.systemConfigAddr"]);
}

#[test]
fn a_proxy_that_leads_nowhere_is_told() {
    let Some(ground) = Ground::new() else { return };
    let proxy = ground.deployer().proxy().unwrap();
    assert_failed(&ground.look(proxy), "CallReverted", &[&text(proxy)]);
}

#[test]
fn system_config_is_not_believed_what_is_no_contract() {
    let Some(ground) = Ground::new() else { return };
    let deployer = ground.deployer();
    let accounts = Accounts::default();
    let honest = deployer.chain(FaultProofs::Permissioned, accounts).unwrap();

    let liar = Chain { system_config: deployer.proxy().unwrap(), bridge: NOBODY, ..honest };
    deployer.system_config(liar, accounts).unwrap();
    // The portal is that of another SystemConfig.
    let settled = ground.look(liar.system_config);
    assert_failed(&settled, "ContractsDisagree", &[&text(honest.system_config), &text(liar.system_config)]);

    let liar = Chain { system_config: deployer.proxy().unwrap(), portal: NOBODY, ..honest };
    deployer.system_config(liar, accounts).unwrap();
    let settled = ground.look(liar.system_config);
    assert_failed(&settled, "AddressWithoutCode", &["optimismPortalAddr", &text(NOBODY)]);
    assert_eq!(discovered(&settled)["optimismPortalAddr"], Value::Null);
}

#[test]
fn another_l1_is_not_asked_for_its_contracts() {
    let Some(ground) = Ground::new() else { return };
    let chain = ground.deployer().chain(FaultProofs::Permissioned, Accounts::default()).unwrap();
    let mut network = ground.network(chain.system_config);
    network["spec"]["l1ChainID"] = json!(1);
    network["spec"]["rollupConfig"]["inline"] = json!(ROLLUP.replace("900", "1"));
    let settled = settle::<OptimismNetwork>(&network, vec![]);
    assert_eq!(settled.condition("L1Connected").1, "WrongChain");
    assert_failed(&settled, "WrongChain", &["chain 900"]);
    assert_eq!(settled.status.get("roles"), None);
}

#[test]
fn an_l1_that_hangs_is_given_up_and_what_it_said_before_stays() {
    let Some(ground) = Ground::new() else { return };
    let chain = ground.deployer().chain(FaultProofs::Permissioned, Accounts::default()).unwrap();
    let before = ground.look(chain.system_config);

    // Connections come about, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut network = ground.network(chain.system_config);
    network["spec"]["l1RpcUrl"] = json!(url);
    network["spec"]["l1RpcTimeout"] = json!("100ms");
    // Another endpoint is another spec: what the first one said is forgotten.
    network["status"] = before.status.clone();
    let settled = settle::<OptimismNetwork>(&network, vec![]);
    assert_failed(&settled, "NoAnswer", &["no answer within 100ms"]);
    assert_eq!(settled.condition("L1Connected").1, "Timeout");
    assert_eq!(discovered(&settled)["optimismPortalAddr"], Value::Null);
    assert_eq!(settled.status.get("roles"), None);

    // The same endpoint, which has stopped.
    let mut network = ground.network(chain.system_config);
    network["status"] = before.status.clone();
    drop(ground);
    let settled = settle::<OptimismNetwork>(&network, vec![]);
    let (status, reason, message) = settled.condition("ContractsDiscovered");
    assert_eq!((status.as_str(), reason.as_str()), ("Yes", "AddressesCached"), "{message}");
    assert_eq!(discovered(&settled), discovered(&before));
    assert_eq!(settled.status["roles"], before.status["roles"]);

    // Long after, it is no longer taken for granted.
    network["spec"]["contractAddresses"]["cacheTimeout"] = json!("1h");
    network["status"]["networkInfo"]["discoveredContracts"]["lastDiscoveryTime"] = json!("2025-12-31T22:59:59Z");
    let settled = settle::<OptimismNetwork>(&network, vec![]);
    let (status, reason, _) = settled.condition("ContractsDiscovered");
    assert_eq!((status.as_str(), reason.as_str()), ("Unknown", "CacheExpired"));
    assert_eq!(discovered(&settled)["optimismPortalAddr"], json!(text(chain.portal)));
}

#[test]
fn what_was_found_is_looked_up_again_after_the_cache_timeout() {
    let Some(ground) = Ground::new() else { return };
    let chain = ground.deployer().chain(FaultProofs::Permissioned, Accounts::default()).unwrap();
    let mut network = ground.network(chain.system_config);
    network["spec"]["contractAddresses"]["cacheTimeout"] = json!("2h");
    let settled = settle::<OptimismNetwork>(&network, vec![]);
    let interval = |name: &str| {
        let probe = settled.probes.iter().find(|probe| probe.id.starts_with(name));
        probe.unwrap_or_else(|| panic!("no probe {name}")).interval_ms
    };
    assert_eq!((interval("system-config"), interval("portal"), interval("code")), (7_200_000, 7_200_000, 7_200_000));
    assert_eq!((interval("roles"), interval("l1")), (300_000, 15_000));
}

#[test]
fn predeploys_of_the_l2_are_looked_for() {
    let Some(ground) = Ground::new() else { return };
    let l2 = Anvil::start(ground.programs.anvil(), L2_ID).unwrap();
    let on_l2 = Deployer::new(l2.rpc(), &ground.artifacts).unwrap();
    let chain = ground.deployer().chain(FaultProofs::Permissioned, Accounts::default()).unwrap();
    let mut network = ground.network(chain.system_config);
    network["spec"]["l2RpcUrl"] = json!(l2.rpc().url());
    let look = |network: &Value| settle::<OptimismNetwork>(network, vec![]).condition("L2PredeploysPresent");

    for at in ["07", "10"] {
        let at: Address = format!("0x42000000000000000000000000000000000000{at}").parse().unwrap();
        on_l2.put(at, RETURNS_NOTHING).unwrap();
    }
    let (status, reason, message) = look(&network);
    assert_eq!((status.as_str(), reason.as_str()), ("No", "PredeployMissing"));
    assert!(message.contains("L2ToL1MessagePasser 0x4200000000000000000000000000000000000016"), "{message}");
    assert!(!message.contains("L2StandardBridge"), "{message}");

    on_l2.put(address!("4200000000000000000000000000000000000016"), RETURNS_NOTHING).unwrap();
    assert_eq!(look(&network).1, "PredeploysFound");

    network["spec"]["l2RpcUrl"] = json!(ground.anvil.rpc().url());
    assert_eq!(look(&network).1, "WrongChain");
}
