//! The L1 contracts of an OP chain, deployed one by one as the artifacts have them, each behind its proxy.

use alloy_primitives::{Address, B256, Bytes, U256, address, hex};
use alloy_sol_types::{SolCall, SolValue, sol};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use crate::{Artifacts, Rpc};

sol! {
    struct ResourceConfig {
        uint32 maxResourceLimit;
        uint8 elasticityMultiplier;
        uint8 baseFeeMaxChangeDenominator;
        uint32 minimumBaseFee;
        uint32 systemTxMaxGas;
        uint128 maximumBaseFee;
    }

    struct Addresses {
        address l1CrossDomainMessenger;
        address l1ERC721Bridge;
        address l1StandardBridge;
        address disputeGameFactory;
        address optimismPortal;
        address optimismMintableERC20Factory;
        address gasPayingToken;
    }

    interface Proxy {
        function upgradeToAndCall(address implementation, bytes data) external payable returns (bytes);
    }
    interface SystemConfig {
        function initialize(
            address owner, uint32 basefeeScalar, uint32 blobbasefeeScalar, bytes32 batcherHash, uint64 gasLimit,
            address unsafeBlockSigner, ResourceConfig config, address batchInbox, Addresses addresses
        ) external;
    }
    interface SuperchainConfig { function initialize(address guardian, bool paused) external; }
    interface OptimismPortal {
        function initialize(address l2Oracle, address systemConfig, address superchainConfig) external;
    }
    interface OptimismPortal2 {
        function initialize(address factory, address systemConfig, address superchainConfig, uint32 gameType) external;
    }
    interface L2OutputOracle {
        function initialize(
            uint256 submissionInterval, uint256 l2BlockTime, uint256 startingBlockNumber, uint256 startingTimestamp,
            address proposer, address challenger, uint256 finalizationPeriodSeconds
        ) external;
    }
    interface Messenger { function initialize(address superchainConfig, address portal, address systemConfig) external; }
    interface Bridge { function initialize(address messenger, address superchainConfig, address systemConfig) external; }
    interface DisputeGameFactory {
        function initialize(address owner) external;
        function setImplementation(uint32 gameType, address implementation) external;
    }
}

/// Who may do what. All differ, so that a test sees which is which.
#[derive(Clone, Copy, Debug)]
pub struct Accounts {
    /// Owner of SystemConfig.
    pub owner: Address,
    /// Posts batches.
    pub batcher: Address,
    /// Signs unsafe blocks.
    pub signer: Address,
    /// Proposes outputs.
    pub proposer: Address,
    /// Challenges outputs.
    pub challenger: Address,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            owner: address!("00000000000000000000000000000000000000A1"),
            batcher: address!("00000000000000000000000000000000000000B2"),
            signer: address!("00000000000000000000000000000000000000c3"),
            proposer: address!("00000000000000000000000000000000000000d4"),
            challenger: address!("00000000000000000000000000000000000000E5"),
        }
    }
}

/// How outputs are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultProofs {
    /// By a DisputeGameFactory with permissioned games.
    Permissioned,
    /// By an L2OutputOracle, as before fault proofs.
    None,
}

/// Addresses of a deployed chain: those of its proxies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    /// SystemConfig.
    pub system_config: Address,
    /// OptimismPortal.
    pub portal: Address,
    /// DisputeGameFactory; zero where there is none.
    pub factory: Address,
    /// L2OutputOracle; zero where there is none.
    pub oracle: Address,
    /// L1CrossDomainMessenger.
    pub messenger: Address,
    /// L1StandardBridge.
    pub bridge: Address,
}

/// Deploys with the first account that anvil unlocks.
#[derive(Debug)]
pub struct Deployer<'a> {
    rpc: &'a Rpc,
    artifacts: &'a Artifacts,
    from: Address,
}

impl<'a> Deployer<'a> {
    /// A deployer on a chain of anvil.
    pub fn new(rpc: &'a Rpc, artifacts: &'a Artifacts) -> Result<Self> {
        let accounts = rpc.call("eth_accounts", "[]")?;
        let from = accounts[0].as_str().context("anvil has no account")?.parse()?;
        Ok(Self { rpc, artifacts, from })
    }

    /// A whole chain.
    pub fn chain(&self, proofs: FaultProofs, accounts: Accounts) -> Result<Chain> {
        let mut chain = Chain {
            system_config: self.proxy()?,
            portal: self.proxy()?,
            messenger: self.proxy()?,
            bridge: self.proxy()?,
            ..Chain::default()
        };
        let superchain = self.proxy()?;
        let call = SuperchainConfig::initializeCall { guardian: self.from, paused: false };
        self.install(superchain, "SuperchainConfig", &[], &call)?;
        match proofs {
            FaultProofs::Permissioned => self.games(&mut chain, superchain, accounts)?,
            FaultProofs::None => self.outputs(&mut chain, superchain, accounts)?,
        }
        let Chain { system_config, portal, messenger, bridge, .. } = chain;
        let call = Messenger::initializeCall { superchainConfig: superchain, portal, systemConfig: system_config };
        self.install(messenger, "L1CrossDomainMessenger", &[], &call)?;
        let call = Bridge::initializeCall { messenger, superchainConfig: superchain, systemConfig: system_config };
        self.install(bridge, "L1StandardBridge", &[], &call)?;
        self.system_config(chain, accounts)?;
        Ok(chain)
    }

    /// SystemConfig at `chain.system_config`, a proxy without one, that names the rest of `chain`.
    pub fn system_config(&self, chain: Chain, accounts: Accounts) -> Result<()> {
        let call = SystemConfig::initializeCall {
            owner: accounts.owner,
            basefeeScalar: 1368,
            blobbasefeeScalar: 810_949,
            batcherHash: B256::left_padding_from(accounts.batcher.as_slice()),
            gasLimit: 30_000_000,
            unsafeBlockSigner: accounts.signer,
            // As every chain has it (`src/libraries/Constants.sol`).
            config: ResourceConfig {
                maxResourceLimit: 20_000_000,
                elasticityMultiplier: 10,
                baseFeeMaxChangeDenominator: 8,
                minimumBaseFee: 1_000_000_000,
                systemTxMaxGas: 1_000_000,
                maximumBaseFee: u128::MAX,
            },
            batchInbox: address!("ff00000000000000000000000000000000000901"),
            addresses: Addresses {
                l1CrossDomainMessenger: chain.messenger,
                l1ERC721Bridge: Address::ZERO,
                l1StandardBridge: chain.bridge,
                disputeGameFactory: chain.factory,
                optimismPortal: chain.portal,
                optimismMintableERC20Factory: Address::ZERO,
                gasPayingToken: Address::ZERO,
            },
        };
        self.install(chain.system_config, "SystemConfig", &[], &call)
    }

    fn games(&self, chain: &mut Chain, superchain: Address, accounts: Accounts) -> Result<()> {
        const PERMISSIONED: u32 = 1;
        chain.factory = self.proxy()?;
        let call = DisputeGameFactory::initializeCall { owner: self.from };
        self.install(chain.factory, "DisputeGameFactory", &[], &call)?;
        let call = OptimismPortal2::initializeCall {
            factory: chain.factory,
            systemConfig: chain.system_config,
            superchainConfig: superchain,
            gameType: PERMISSIONED,
        };
        let delays = (U256::from(1), U256::from(1)).abi_encode_params();
        self.install(chain.portal, "OptimismPortal2", &delays, &call)?;
        let game = self.permissioned_game(chain.factory, accounts)?;
        let call = DisputeGameFactory::setImplementationCall { gameType: PERMISSIONED, implementation: game };
        self.send(chain.factory, &call.abi_encode())
    }

    fn permissioned_game(&self, factory: Address, accounts: Accounts) -> Result<Address> {
        let prestate = B256::repeat_byte(1);
        let images = self.deploy("PreimageOracle", &(U256::from(10_000), U256::from(120)).abi_encode_params())?;
        let machine = self.deploy("AlphabetVM", &(prestate, images).abi_encode_params())?;
        let weth = self.deploy("DelayedWETH", &U256::from(1).abi_encode())?;
        let registry = self.deploy("AnchorStateRegistry", &factory.abi_encode())?;
        let (deepest, split) = (U256::from(73), U256::from(30));
        let (extension, clock) = (10_800_u64, 302_400_u64);
        let chain_id = U256::from(901);
        let arguments = (1_u32, prestate, deepest, split, extension, clock, machine, weth, registry, chain_id);
        let players = (accounts.proposer, accounts.challenger).abi_encode_params();
        self.deploy("PermissionedDisputeGame", &[arguments.abi_encode_params(), players].concat())
    }

    fn outputs(&self, chain: &mut Chain, superchain: Address, accounts: Accounts) -> Result<()> {
        chain.oracle = self.proxy()?;
        let call = L2OutputOracle::initializeCall {
            submissionInterval: U256::from(120),
            l2BlockTime: U256::from(2),
            startingBlockNumber: U256::ZERO,
            startingTimestamp: U256::from(1),
            proposer: accounts.proposer,
            challenger: accounts.challenger,
            finalizationPeriodSeconds: U256::from(12),
        };
        self.install(chain.oracle, "L2OutputOracle", &[], &call)?;
        let call = OptimismPortal::initializeCall {
            l2Oracle: chain.oracle,
            systemConfig: chain.system_config,
            superchainConfig: superchain,
        };
        self.install(chain.portal, "OptimismPortal", &[], &call)
    }

    /// A proxy that leads nowhere yet.
    pub fn proxy(&self) -> Result<Address> {
        self.deploy("Proxy", &self.from.abi_encode())
    }

    /// Lets a proxy lead to a new contract, and initialises that.
    fn install(&self, proxy: Address, name: &str, constructor: &[u8], initialize: &impl SolCall) -> Result<()> {
        let implementation = self.deploy(name, constructor)?;
        let call = Proxy::upgradeToAndCallCall { implementation, data: initialize.abi_encode().into() };
        self.send(proxy, &call.abi_encode()).with_context(|| format!("failed to initialise {name}"))
    }

    fn deploy(&self, name: &str, constructor: &[u8]) -> Result<Address> {
        let code: Bytes = [&self.artifacts.creation(name)?, constructor].concat().into();
        let receipt = self.transact(None, &code).with_context(|| format!("failed to deploy {name}"))?;
        Ok(receipt["contractAddress"].as_str().context("no address of the contract")?.parse()?)
    }

    fn send(&self, to: Address, data: &[u8]) -> Result<()> {
        self.transact(Some(to), data).map(drop)
    }

    /// Sends a transaction, and gives its receipt.
    fn transact(&self, to: Option<Address>, data: &[u8]) -> Result<Value> {
        let mut transaction =
            json!({"from": self.from.to_string(), "gas": "0x1c00000", "data": hex::encode_prefixed(data)});
        if let Some(to) = to {
            transaction["to"] = json!(to.to_string());
        }
        let hash = self.rpc.call("eth_sendTransaction", &json!([transaction]).to_string())?;
        let receipt = self.receipt(&hash)?;
        if receipt["status"] != "0x1" {
            bail!("the transaction was reverted: {receipt}");
        }
        Ok(receipt)
    }

    /// Anvil mines a transaction as soon as it has it, which may be after it has answered.
    fn receipt(&self, hash: &Value) -> Result<Value> {
        const PATIENCE: Duration = Duration::from_secs(60);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let receipt = self.rpc.call("eth_getTransactionReceipt", &json!([hash]).to_string())?;
            if !receipt.is_null() {
                return Ok(receipt);
            }
        }
        bail!("transaction {hash} was not mined within {PATIENCE:?}")
    }

    /// Puts code at an address, as it runs.
    pub fn put(&self, at: Address, code: &str) -> Result<()> {
        self.rpc.call("anvil_setCode", &json!([at.to_string(), code]).to_string()).map(drop)
    }
}
