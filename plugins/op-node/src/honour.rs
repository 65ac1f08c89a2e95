//! What no program can do, or what has no effect in this node: the condition `FieldsHonored`.

use opstack_sdk::opstack::honoured::Honoured;

use crate::args::{self, lacks_max_safe_lag};
use crate::checks::overridden_sync_mode;
use crate::client::settings_path;
use crate::flags::OP_NODE;
use crate::forks;
use crate::settle::Node;
use crate::side_by_side::unfit;
use crate::spec::{ConductorSpec, OpNodeSpec, Sequencer, Strategy};

/// Notes the settings that the programs can't serve.
pub fn note(node: &mut Node<'_>) {
    let spec = node.spec();
    if !spec.extra_env.is_empty() {
        let args = args::args(node);
        node.honoured.note_variables("spec.extraEnv", &OP_NODE, &args, &spec.extra_env);
    }
    let (op_node, settings) = (&spec.op_node, settings_path(spec));
    let authrpc = &node.settings.networking.authrpc;
    let honoured = &mut node.honoured;
    if op_node.p2p.bandwidth_limit.is_some() {
        honoured.refuse("spec.opNode.p2p.bandwidthLimit", "op-node can't limit it; some clusters do by the pod annotation kubernetes.io/egress-bandwidth, to be set in spec.podTemplate");
    }
    if !op_node.rpc.enabled {
        honoured.refuse(
            "spec.opNode.rpc.enabled",
            "op-node can't turn its RPC off; it listens on the loopback only, without the admin API",
        );
    }
    if spec.service.only_synced == Some(true) && op_node.rpc.host.is_loopback() {
        honoured.refuse(
            "spec.service.onlySynced",
            "op-node's RPC is on the loopback, so nobody can ask whether it is synced; the Service leads to every ready pod",
        );
    }
    let cors = &op_node.rpc.cors;
    honoured.idle(
        "spec.opNode.rpc.cors",
        !cors.origins.is_empty() || cors.methods_differ(),
        "op-node sends no CORS headers",
    );
    let most = op_node.sequencer.max_tx_per_block.map(|most| most.get());
    honoured.idle(
        "spec.opNode.sequencer.maxTxPerBlock",
        most.is_some_and(|most| most != 1000),
        "op-node limits blocks by gas, which the chain's SystemConfig sets",
    );
    if !authrpc.host.is_loopback() {
        honoured.refuse(
            format!("{settings}.networking.authrpc.host"),
            format!(
                "{:?} would let other pods move the chain's head; the engine API listens on 127.0.0.1",
                authrpc.host
            ),
        );
    }
    if spec.execution_client.strategy == Strategy::SideBySide
        && let Some(why) = unfit(spec)
    {
        honoured.refuse("spec.executionClient.strategy", format!("{why}; a change of the client happens InPlace"));
    }
    if spec.is_sequencer() {
        for (path, given) in [
            ("spec.sequencerRef", spec.sequencer_ref.is_some()),
            ("spec.sequencerUrl", spec.sequencer_url.is_some()),
            ("spec.sequencerUrlFrom", spec.sequencer_url_from.is_some()),
        ] {
            if given {
                honoured.refuse(path, "only a replica sends its transactions elsewhere; a sequencer that did so would send them to itself");
            }
        }
        let why = lacks_max_safe_lag(spec).filter(|_| op_node.sequencer.max_safe_lag.get() > 0);
        why.into_iter().for_each(|why| honoured.refuse("spec.opNode.sequencer.maxSafeLag", why));
    } else {
        honour_sequencer_of_replica(spec, honoured);
    }
    honour_keys(spec, honoured);
    forks::note(spec, honoured);
    if node.conductor.is_none() && spec.conductor != ConductorSpec::default() {
        honoured.refuse(
            "spec.conductor",
            "op-conductor runs beside sequencers that may make blocks, where their network has spec.sequencer.ha.mode: Conductor",
        );
    }
    if op_node.sequencer.block_time.is_some() && node.chain.rollup.is_none() {
        honoured.refuse(
            "spec.opNode.sequencer.blockTime",
            "the chain's rollup configuration decides, and only the pod reads it: nothing compares the two",
        );
    }
    spec.security.report("spec.security", honoured);
    if overridden_sync_mode(spec) {
        honoured.refuse(
            "spec.opNode.syncMode",
            "a sequencer in execution-layer mode waits for blocks of others and makes none; consensus-layer is used",
        );
    }
}

/// A replica has no use for what a sequencer is told.
fn honour_sequencer_of_replica(spec: &OpNodeSpec, honoured: &mut Honoured) {
    let (given, usual) = (&spec.op_node.sequencer, Sequencer::default());
    let signs = "only a sequencer signs blocks; this replica does not get the key";
    let makes = "only a sequencer makes blocks, and this is a replica";
    for (field, is_given, why) in [
        ("key", given.key.is_some(), signs),
        ("signer", given.signer.is_some(), signs),
        ("stopped", given.stopped == Some(true), makes),
        ("l1Confs", given.l1_confs != usual.l1_confs, makes),
        ("maxSafeLag", given.max_safe_lag != usual.max_safe_lag, makes),
    ] {
        if is_given {
            honoured.refuse(format!("spec.opNode.sequencer.{field}"), why);
        }
    }
}

/// A node has a key in any case.
fn honour_keys(spec: &OpNodeSpec, honoured: &mut Honoured) {
    let (jwt, key) = (&spec.op_node.engine.jwt_secret, &spec.op_node.p2p.private_key);
    if jwt.generate == Some(false) && jwt.secret_ref.is_none() && !jwt.ephemeral {
        honoured.refuse(
            "spec.opNode.engine.jwtSecret.generate",
            "the node can't be without this secret, and nothing else says where it comes from: it is generated; set secretRef or ephemeral",
        );
    }
    if spec.op_node.p2p.enabled && key.generate == Some(false) && key.secret_ref.is_none() && key.derive.is_none() {
        honoured.refuse(
            "spec.opNode.p2p.privateKey.generate",
            "the node can't be without this key, and nothing else says where it comes from: it is generated; set secretRef or derive, or p2p.enabled: false",
        );
    }
}
