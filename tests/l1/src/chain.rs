//! The L1 contracts of an OP chain, deployed one by one as the artifacts have them, each behind its proxy.

use alloy_primitives::{Address, B256, U256, address, b256};
use alloy_sol_types::{SolCall, SolValue};
use anyhow::Result;
use serde_json::json;

use crate::{
    Artifacts, Rpc,
    abi::{
        Addresses, AnchorStateRegistry, Bridge, DisputeGameFactory, L2OutputOracle, Messenger, OptimismPortal,
        OptimismPortal2, OutputRoot, Proxy, ResourceConfig, StartingAnchorRoot, SuperchainConfig, SystemConfig,
    },
    sender::Sender,
};

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
    /// By one with games over the alphabet, which anybody may play without a fault proof program. Holds the output root
    /// of the L2's genesis, from which the first game starts.
    Alphabet(B256),
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

/// Types of games (`src/dispute/lib/Types.sol`).
const PERMISSIONED: u32 = 1;
/// Likewise.
pub const ALPHABET: u32 = 255;

/// Deploys with the first account that anvil unlocks.
#[derive(Debug)]
pub struct Deployer<'a> {
    sender: Sender<'a>,
    artifacts: &'a Artifacts,
}

/// What op-challenger starts the alphabet from (`op-challenger/game/fault/trace/alphabet/prestate.go`, v1.19.6): the hash
/// of 0x60 in a word, whose first byte says that the machine has not ended.
const ALPHABET_PRESTATE: B256 = b256!("03c7ae758795765c6664a5d39bf63841c71ff191e9189522bad8ebff5d4eca98");

impl<'a> Deployer<'a> {
    /// A deployer on a chain of anvil.
    pub fn new(rpc: &'a Rpc, artifacts: &'a Artifacts) -> Result<Self> {
        Ok(Self { sender: Sender::new(rpc)?, artifacts })
    }

    /// A whole chain.
    pub fn chain(&self, proofs: FaultProofs, accounts: Accounts) -> Result<Chain> {
        let mut chain = Chain {
            system_config: self.new_proxy()?,
            portal: self.new_proxy()?,
            messenger: self.new_proxy()?,
            bridge: self.new_proxy()?,
            ..Chain::default()
        };
        let superchain = self.new_proxy()?;
        let call = SuperchainConfig::initializeCall { guardian: self.sender.from(), paused: false };
        self.install(superchain, "SuperchainConfig", &[], &call)?;
        match proofs {
            FaultProofs::Permissioned => {
                self.games(&mut chain, superchain, PERMISSIONED)?;
                let players = (accounts.proposer, accounts.challenger).abi_encode_params();
                let registry = self.deploy("AnchorStateRegistry", &chain.factory.abi_encode())?;
                self.game(chain.factory, PERMISSIONED, "PermissionedDisputeGame", registry, &players)?;
            }
            FaultProofs::Alphabet(root) => {
                self.games(&mut chain, superchain, ALPHABET)?;
                let registry = self.new_proxy()?;
                let output = OutputRoot { root, l2BlockNumber: U256::ZERO };
                let roots = vec![StartingAnchorRoot { gameType: ALPHABET, outputRoot: output }];
                let call = AnchorStateRegistry::initializeCall { roots };
                self.install(registry, "AnchorStateRegistry", &chain.factory.abi_encode(), &call)?;
                self.game(chain.factory, ALPHABET, "FaultDisputeGame", registry, &[])?;
            }
            FaultProofs::None => self.outputs(&mut chain, superchain, accounts)?,
        }
        let Chain { system_config, portal, messenger, bridge, .. } = chain;
        let call = Messenger::initializeCall { superchainConfig: superchain, portal, systemConfig: system_config };
        self.install(messenger, "L1CrossDomainMessenger", &[], &call)?;
        let call = Bridge::initializeCall { messenger, superchainConfig: superchain, systemConfig: system_config };
        self.install(bridge, "L1StandardBridge", &[], &call)?;
        self.install_system_config(chain, accounts)?;
        self.sender.settle()?;
        Ok(chain)
    }

    /// SystemConfig at `chain.system_config`, a proxy without one, that names the rest of `chain`.
    pub fn system_config(&self, chain: Chain, accounts: Accounts) -> Result<()> {
        self.install_system_config(chain, accounts)?;
        self.sender.settle()
    }

    fn install_system_config(&self, chain: Chain, accounts: Accounts) -> Result<()> {
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

    /// The factory, and the portal that trusts games of a type.
    fn games(&self, chain: &mut Chain, superchain: Address, trusted: u32) -> Result<()> {
        chain.factory = self.new_proxy()?;
        let call = DisputeGameFactory::initializeCall { owner: self.sender.from() };
        self.install(chain.factory, "DisputeGameFactory", &[], &call)?;
        let call = OptimismPortal2::initializeCall {
            factory: chain.factory,
            systemConfig: chain.system_config,
            superchainConfig: superchain,
            gameType: trusted,
        };
        let delays = (U256::from(1), U256::from(1)).abi_encode_params();
        self.install(chain.portal, "OptimismPortal2", &delays, &call)
    }

    /// A game of a type, all of whose instances run the virtual machine of the alphabet.
    fn game(&self, factory: Address, kind: u32, name: &str, registry: Address, players: &[u8]) -> Result<()> {
        let images = self.deploy("PreimageOracle", &(U256::from(10_000), U256::from(120)).abi_encode_params())?;
        let machine = self.deploy("AlphabetVM", &(ALPHABET_PRESTATE, images).abi_encode_params())?;
        let weth = self.deploy("DelayedWETH", &U256::from(1).abi_encode())?;
        let (deepest, split) = (U256::from(73), U256::from(30));
        let (extension, clock) = (10_800_u64, 302_400_u64);
        let chain_id = U256::from(901);
        let arguments = (kind, ALPHABET_PRESTATE, deepest, split, extension, clock, machine, weth, registry, chain_id);
        let game = self.deploy(name, &[&arguments.abi_encode_params(), players].concat())?;
        let call = DisputeGameFactory::setImplementationCall { gameType: kind, implementation: game };
        self.sender.send("DisputeGameFactory.setImplementation", Some(factory), &call.abi_encode())
    }

    fn outputs(&self, chain: &mut Chain, superchain: Address, accounts: Accounts) -> Result<()> {
        chain.oracle = self.new_proxy()?;
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
        let proxy = self.new_proxy()?;
        self.sender.settle()?;
        Ok(proxy)
    }

    fn new_proxy(&self) -> Result<Address> {
        self.deploy("Proxy", &self.sender.from().abi_encode())
    }

    /// Lets a proxy lead to a new contract, and initialises that.
    fn install(&self, proxy: Address, name: &str, constructor: &[u8], initialize: &impl SolCall) -> Result<()> {
        let implementation = self.deploy(name, constructor)?;
        let call = Proxy::upgradeToAndCallCall { implementation, data: initialize.abi_encode().into() };
        self.sender.send(&format!("{name}.initialize"), Some(proxy), &call.abi_encode())
    }

    fn deploy(&self, name: &str, constructor: &[u8]) -> Result<Address> {
        let address = self.sender.creates();
        self.sender.send(name, None, &[&self.artifacts.creation(name)?, constructor].concat())?;
        Ok(address)
    }

    /// Puts code at an address, as it runs.
    pub fn put(&self, at: Address, code: &str) -> Result<()> {
        self.sender.rpc().call("anvil_setCode", &json!([at.to_string(), code]).to_string()).map(drop)
    }
}
