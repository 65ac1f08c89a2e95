//! What the kinds of the OP Stack have in common: names, settings, and the typed views of each other's objects.
//!
//! A kind's own fields live in its plugin. Here is what a second plugin reads or writes alike.

#[cfg(feature = "contracts")]
pub mod abi;
pub mod active;
pub mod allowed;
pub mod argument;
pub mod chain_file;
pub mod component;
pub mod conductor;
pub mod consent;
pub mod contracts;
pub mod credentials;
pub mod endpoint;
pub mod execution;
pub mod fault;
pub mod flags;
pub mod honoured;
pub mod mounted;
pub mod network;
pub mod network_status;
pub mod node;
pub mod observed;
pub mod overrides;
pub mod owned;
pub mod peers;
pub mod policy;
pub mod references;
pub mod release;
pub mod resources;
pub mod roles;
pub mod rpc;
pub mod sequencing;
pub mod service;
pub mod shared;
pub mod signing;
pub mod status;
pub mod storage;
pub mod transactions;
pub mod upstream;

use crate::manifest::Kind;

const GROUP: &str = "optimism.io";
const VERSION: &str = "v1alpha1";

const fn kind(kind: &'static str, plural: &'static str, short_names: &'static [&'static str]) -> Kind {
    Kind { group: GROUP, version: VERSION, kind, plural, short_names }
}

/// `OptimismNetwork`: what all components of one chain share.
pub const NETWORK: Kind = kind("OptimismNetwork", "optimismnetworks", &["opnet"]);
/// `OpNode`: consensus and execution of one node.
pub const NODE: Kind = kind("OpNode", "opnodes", &["opn"]);
/// `OpBatcher`: posts the chain's data to L1.
pub const BATCHER: Kind = kind("OpBatcher", "opbatchers", &["opb"]);
/// `OpProposer`: posts the chain's outputs to L1.
pub const PROPOSER: Kind = kind("OpProposer", "opproposers", &["opp"]);
/// `OpChallenger`: plays the dispute games of the chain.
pub const CHALLENGER: Kind = kind("OpChallenger", "opchallengers", &["opc"]);
