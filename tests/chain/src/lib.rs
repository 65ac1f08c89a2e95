//! A complete OP Stack chain on a real Kubernetes node: a real L1 with the real contracts, the operator from its chart,
//! and a sequencer, replicas, a batcher, a proposer and a challenger that are made of custom resources alone.
//!
//! [`Site::up`] takes what is there and makes what is missing, so that a second call is fast. The chain stays until
//! [`cluster::down`].
//!
//! | file | what |
//! | --- | --- |
//! | `files/l1.yaml` | the L1, a Pod with anvil |
//! | `files/chain.yaml` | the custom resources, and nothing else |
//! | `genesis` | the files that a new chain begins with |
//! | `l1` of the workspace | the contracts on L1 |

mod genesis;
mod layer;
pub mod operator;
mod report;
mod site;

pub use layer::{Heads, Layer};
pub use report::{Report, condition};
pub use site::{Built, CHAIN, NODES, Site, until};

/// The chain id of the L1.
pub const L1_CHAIN_ID: u64 = 900;

/// The chain id of the chain.
pub const L2_CHAIN_ID: u64 = 901;

/// Who tells of progress.
const VOICE: go_build::Voice = go_build::Voice("chain");
