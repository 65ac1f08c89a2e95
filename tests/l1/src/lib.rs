//! A real L1 for tests, with the real contracts of an OP chain on it, and a loop that lets a plugin look at it.
//!
//! The L1 is anvil, as `op-programs` has it. The contracts are the official artifacts in the npm package
//! `@eth-optimism/contracts-bedrock`, which is put into the user's cache once per machine. Where either can't be had, a
//! test says `skipped: why`.

mod abi;
mod anvil;
mod artifacts;
mod chain;
pub mod config;
mod driver;
mod games;
mod rpc;
mod sender;

pub use anvil::Anvil;
pub use artifacts::{Artifacts, CONTRACTS_VERSION};
pub use chain::{ALPHABET, Accounts, Chain, Deployer, FaultProofs};
pub use driver::{Settled, settle};
pub use games::Games;
pub use rpc::{Rpc, quantity};

use anyhow::Result;
use op_programs::OpPrograms;

/// What a test needs; nothing, after saying why, where this machine lacks it.
pub fn equipment() -> Option<(OpPrograms, Artifacts)> {
    let found = || -> Result<_> { Ok((OpPrograms::find()?, Artifacts::find()?)) };
    found().inspect_err(|why| println!("skipped: {why:#}")).ok()
}
