//! The judge of what the plugins render: the real programs.
//!
//! Each container of a rendered pod is started with exactly its command, arguments, environment and files, as its user, on a
//! read-only root of its own and in a network of its own ([`task`], the program `sandbox`). It runs until something has
//! happened that its program does only after it has taken its configuration ([`proof`]):
//!
//! | program | proof |
//! | --- | --- |
//! | op-node, op-batcher, op-proposer, op-challenger | the first connection to an endpoint of the L1 |
//! | op-conductor | the first connection to its op-node |
//! | op-geth | its engine API accepts connections |
//! | init containers | they end with 0 |
//! | `opstack fetch` | the first connection to where the file is |
//! | op-reth | none: its arguments are looked up in a table ([`reth`]) |
//!
//! A variable of a program's own that it does not know is a failure, too: the programs only log those.
//!
//! A whole pod can also be run for as long as a test likes ([`Live`]), in a network in which the test is, too; and a small
//! chain of real programs, whose arguments are the test's own ([`chain`]).
//!
//! What is not rendered but belongs to the user (keys, the chain's files, what listens at a URL) is made up here.

pub mod chain;
mod files;
mod judge;
mod live;
pub mod network;
mod pod;
pub mod proof;
pub mod reth;
pub mod task;
mod volumes;

pub use judge::{Case, Judge, Refusal, Report};
pub use live::Live;
pub use pod::{Container, Pod};
pub use task::{Running, Sandbox, Verdict};
