//! What is called of the contracts (`@eth-optimism/contracts-bedrock` 0.17.3).

use alloy_sol_types::sol;

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
    struct OutputRoot {
        bytes32 root;
        uint256 l2BlockNumber;
    }
    struct StartingAnchorRoot {
        uint32 gameType;
        OutputRoot outputRoot;
    }
    interface AnchorStateRegistry { function initialize(StartingAnchorRoot[] roots) external; }
    interface DisputeGameFactory {
        function initialize(address owner) external;
        function setImplementation(uint32 gameType, address implementation) external;
        function create(uint32 gameType, bytes32 rootClaim, bytes extraData) external payable returns (address);
        function gameCount() external view returns (uint256);
        function games(uint32 gameType, bytes32 rootClaim, bytes extraData)
            external view returns (address proxy, uint64 timestamp);
    }
    interface FaultDisputeGame { function claimDataLen() external view returns (uint256); }
}
