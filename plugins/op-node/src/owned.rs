//! Settings of op-node and op-conductor that are the operator's: whether the node makes blocks, whom its engine obeys, its keys,
//! where it listens. Flags of optimism v1.19.6: `op-node/flags/{flags,p2p_flags}.go`, `op-conductor/flags/flags.go`; an
//! execution client's are in its own plugin.

use opstack_sdk::execution::SIBLINGS;
use opstack_sdk::opstack::owned::{KEYS, METRICS, Owned, OwnedSettings, RPC};

use crate::client::SEQUENCER_URL;

const SEQUENCING: &str =
    "spec.opNode.sequencer, or spec.sequencer.ha of the network: it decides whether this sequencer makes blocks";
const STATE: &str =
    "the operator, which knows whether this sequencer is active: a file would make it active at its start";
const ENGINE: &str = "the operator, for the execution client of this pod (spec.opNode.engine)";
const IDENTITY: &str = "spec.opNode.p2p.privateKey";
const SIGNS: &str = "spec.opNode.sequencer.key or signer";
const LISTENS: &str = "spec.opNode.p2p.listenPort";
const CHAIN: &str = "the network, whose chain the node follows";

const OP_NODE: &[Owned] = &[
    Owned::new("sequencer.enabled", SEQUENCING),
    Owned::new("sequencer.stopped", SEQUENCING),
    Owned::new("rpc.admin-state", STATE),
    Owned::new("conductor.enabled", SEQUENCING),
    Owned::new("conductor.rpc", SEQUENCING),
    Owned::new("l2", ENGINE).variable("OP_NODE_L2_ENGINE_RPC"),
    Owned::new("l2.jwt-secret", ENGINE).variable("OP_NODE_L2_ENGINE_AUTH"),
    Owned::new("l2.enginekind", ENGINE).variable("OP_NODE_L2_ENGINE_KIND"),
    Owned::new("p2p.disable", "spec.opNode.p2p.enabled"),
    Owned::new("p2p.priv.path", IDENTITY),
    Owned::new("p2p.priv.raw", IDENTITY),
    Owned::new("p2p.sequencer.key", SIGNS),
    Owned::new("p2p.listen.ip", LISTENS),
    Owned::new("p2p.listen.tcp", LISTENS).variable("OP_NODE_P2P_LISTEN_TCP_PORT"),
    Owned::new("p2p.listen.udp", LISTENS).variable("OP_NODE_P2P_LISTEN_UDP_PORT"),
    Owned::new("safedb.path", "spec.opNode.safeDb"),
    Owned::new("network", CHAIN).aliases(&["beta.network"]),
    Owned::new("rollup.config", CHAIN),
];

const CLUSTER: &str = "the operator, lest two clusters choose a sequencer each";

const OP_CONDUCTOR: &[Owned] = &[
    Owned::new("raft.bootstrap", CLUSTER),
    Owned::new("raft.server.id", CLUSTER),
    Owned::new("raft.storage.dir", CLUSTER),
    Owned::new("paused", CLUSTER),
    Owned::new("consensus.addr", "spec.conductor.consensusPort"),
    Owned::new("consensus.port", "spec.conductor.consensusPort"),
    Owned::new("consensus.advertised", "spec.conductor.consensusPort"),
    Owned::new("node.rpc", "the operator, for the op-node of this pod"),
    Owned::new("execution.rpc", "the operator, for the execution client of this pod"),
    Owned::new("rpc.enable-proxy", "the operator, which asks the leader by it"),
    Owned::new("network", CHAIN),
    Owned::new("rollup.config", CHAIN),
];

/// Variables in rendered arguments, of every container of the pod.
pub const VARIABLES: [&str; 4] = ["POD_NAME", "POD_IP", SIBLINGS, SEQUENCER_URL];

/// op-node's.
pub fn op_node() -> OwnedSettings {
    OwnedSettings::of("OP_NODE", &[OP_NODE, RPC, METRICS, KEYS]).with_variables(&VARIABLES)
}

/// op-conductor's.
pub fn op_conductor() -> OwnedSettings {
    OwnedSettings::of("OP_CONDUCTOR", &[OP_CONDUCTOR, RPC, METRICS]).with_variables(&VARIABLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No flag of the operator's can be given by hand in any spelling.
    #[test]
    fn nothing_of_the_operators_passes_in_any_spelling() {
        for (settings, tables) in
            [(op_node(), [OP_NODE, RPC, METRICS].concat()), (op_conductor(), [OP_CONDUCTOR, RPC, METRICS].concat())]
        {
            for flag in tables.iter().flat_map(|owned| std::iter::once(&owned.flag).chain(owned.aliases)) {
                for arg in [format!("--{flag}=x"), format!("-{flag}=x"), format!("--{flag}"), format!("-{flag}")] {
                    let is_secret = ["p2p.priv.raw", "p2p.sequencer.key"].contains(flag);
                    assert_eq!(
                        settings.check_args("spec.extraArgs", std::slice::from_ref(&arg)).is_empty(),
                        is_secret,
                        "{arg}"
                    );
                }
            }
        }
    }

    #[test]
    fn op_nodes_variables_are_those_of_its_flags() {
        let variables: Vec<_> = op_node().0.into_iter().flat_map(|setting| setting.variables).collect();
        for name in [
            "OP_NODE_SEQUENCER_ENABLED",
            "OP_NODE_SEQUENCER_STOPPED",
            "OP_NODE_RPC_ADMIN_STATE",
            "OP_NODE_RPC_ENABLE_ADMIN",
            "OP_NODE_L2_ENGINE_RPC",
            "OP_NODE_L2_ENGINE_AUTH",
            "OP_NODE_P2P_SEQUENCER_KEY",
            "OP_NODE_P2P_PRIV_PATH",
            "OP_NODE_P2P_LISTEN_TCP_PORT",
            "OP_NODE_CONDUCTOR_ENABLED",
            "OP_NODE_METRICS_PORT",
            "POD_NAME",
        ] {
            assert!(variables.iter().any(|variable| variable == name), "{name}");
        }
    }
}
