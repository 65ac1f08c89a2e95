//! The getters of the chain's contracts on L1, in Solidity.
//!
//! Every getter is optional: which ones a contract has depends on its version (SystemConfig 1.3 to 4.0, OptimismPortal
//! 1.7 to 5.8, DisputeGameFactory 1.0 to 1.6).

#![allow(missing_docs, reason = "they are Solidity's, and documented there")]

use alloy_sol_types::sol;

sol! {
    /// `src/L1/SystemConfig.sol` of contracts-bedrock.
    interface SystemConfig {
        function disputeGameFactory() external view returns (address);
        function optimismPortal() external view returns (address);
        function l1CrossDomainMessenger() external view returns (address);
        function l1StandardBridge() external view returns (address);
        function l2OutputOracle() external view returns (address);
        function l2ChainId() external view returns (uint256);
        function batcherHash() external view returns (bytes32);
        function unsafeBlockSigner() external view returns (address);
        function owner() external view returns (address);
    }

    /// `src/L1/OptimismPortal.sol` and `OptimismPortal2.sol`.
    interface OptimismPortal {
        function disputeGameFactory() external view returns (address);
        function l2Oracle() external view returns (address);
        function systemConfig() external view returns (address);
        function respectedGameType() external view returns (uint32);
    }

    /// `src/dispute/DisputeGameFactory.sol`.
    interface DisputeGameFactory {
        /// A game, as a search gives it. The low 20 bytes of `metadata` are its address.
        struct GameSearchResult {
            uint256 index;
            bytes32 metadata;
            uint64 timestamp;
            bytes32 rootClaim;
            bytes extraData;
        }

        function gameImpls(uint32 gameType) external view returns (address);
        function gameArgs(uint32 gameType) external view returns (bytes);
        function gameCount() external view returns (uint256);
        function findLatestGames(uint32 gameType, uint256 start, uint256 n) external view returns (GameSearchResult[]);
    }

    /// `interfaces/dispute/IDisputeGame.sol`.
    interface DisputeGame {
        function gameCreator() external view returns (address);
        function rootClaim() external view returns (bytes32);
    }

    /// `src/dispute/PermissionedDisputeGame.sol`, and `src/L1/L2OutputOracle.sol`, which has the same two getters.
    interface Permissioned {
        function proposer() external view returns (address);
        function challenger() external view returns (address);
    }
}
