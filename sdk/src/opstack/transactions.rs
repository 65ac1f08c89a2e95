//! Transactions on L1: the settings of `op-service/txmgr`, which op-batcher, op-proposer and op-challenger share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::FieldError;
use crate::values::{GoDuration, Int};

/// How transactions are sent; `CONFIRMATIONS` is the default of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default = "L1Transaction::<CONFIRMATIONS>::default")]
pub struct L1Transaction<const CONFIRMATIONS: u64> {
    /// Fees never exceed this multiple of the suggested ones.
    pub fee_limit_multiplier: Int<1>,
    /// A transaction that is not mined by then is sent again with higher fees.
    pub resubmission_timeout: GoDuration,
    /// Blocks to wait for after a transaction.
    pub num_confirmations: Int<1>,
    /// Errors "nonce too low" after which a transaction is given up.
    pub safe_abort_nonce_too_low_count: Int<1>,
}

impl<const CONFIRMATIONS: u64> Default for L1Transaction<CONFIRMATIONS> {
    fn default() -> Self {
        Self {
            fee_limit_multiplier: Int::of(5),
            resubmission_timeout: GoDuration::of_secs(48),
            num_confirmations: Int::of(CONFIRMATIONS),
            safe_abort_nonce_too_low_count: Int::of(3),
        }
    }
}

impl<const CONFIRMATIONS: u64> L1Transaction<CONFIRMATIONS> {
    /// What the programs would not start with (`CLIConfig.Check` of `op-service/txmgr/cli.go`, v1.16.13 and v1.19.6).
    pub fn error(&self) -> Option<FieldError> {
        self.resubmission_timeout.check_interval("spec.l1Transaction.resubmissionTimeout")
    }

    /// Flags of `op-service/txmgr/cli.go`, the same in v1.16.13 and v1.19.6. The four oldest have no `txmgr.` prefix.
    pub fn args(&self) -> Vec<String> {
        vec![
            format!("--fee-limit-multiplier={}", self.fee_limit_multiplier),
            format!("--resubmission-timeout={}", self.resubmission_timeout),
            format!("--num-confirmations={}", self.num_confirmations),
            format!("--safe-abort-nonce-too-low-count={}", self.safe_abort_nonce_too_low_count),
        ]
    }
}
