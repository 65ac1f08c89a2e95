//! op-node's arguments and environment. Flags of optimism v1.19.6: `op-node/flags/{flags,p2p_flags}.go`,
//! `op-service/{rpc,signer}/cli.go`.

use k8s_openapi::api::core::v1::EnvVar;
use opstack_sdk::execution::SIBLINGS;
use opstack_sdk::kubernetes::{env_config_map, env_field};
use opstack_sdk::opstack::endpoint::secret_env;
use opstack_sdk::opstack::overrides::{with_extra_args, with_extra_env};
use opstack_sdk::opstack::signing::{Signing, TlsSwitch};

use crate::checks::sync_mode;
use crate::conductor::Conductor;
use crate::flags::OP_NODE;
use crate::peering;
use crate::settle::Node;
use crate::spec::{OpNodeSpec, ServiceType};
use crate::wiring::SequencerMode;

/// Where op-node keeps what it may write.
pub const DATA_DIR: &str = "/data/op-node";

/// All arguments.
pub fn args(node: &Node<'_>) -> Vec<String> {
    let spec = node.spec();
    let jwt = node.keys.jwt.as_ref().map_or("", |jwt| jwt.path.as_str());
    let mut args = vec![
        format!("--l2={}", engine(node)),
        format!("--l2.jwt-secret={jwt}"),
        format!("--l2.enginekind={}", node.fragment.engine_kind),
        format!("--syncmode={}", sync_mode(spec, &node.network).as_str()),
    ];
    args.extend(node.chain.args.iter().cloned());
    args.extend(sequencer(node));
    args.extend(p2p(node));
    if spec.op_node.safe_db.enabled {
        args.push(format!("--safedb.path={DATA_DIR}/safedb"));
    }
    args.extend(service(node));
    with_extra_args(args, &spec.extra_args)
}

/// The engine API, as the user wrote it where they did: it is checked to be that of this pod.
fn engine(node: &Node<'_>) -> String {
    let given = node.spec().op_node.engine.endpoint.clone();
    given.unwrap_or_else(|| format!("http://127.0.0.1:{}", node.fragment.ports.engine))
}

/// Why op-node does not get `maxSafeLag`.
pub fn lacks_max_safe_lag(spec: &OpNodeSpec) -> Option<String> {
    OP_NODE.why_left_out("sequencer.max-safe-lag", spec.chosen_image().map(|(_, image)| image))
}

fn sequencer(node: &Node<'_>) -> Vec<String> {
    let sequencer = &node.spec().op_node.sequencer;
    if node.wiring.mode == SequencerMode::Off {
        return vec![];
    }
    let mut args = vec!["--sequencer.enabled=true".into(), format!("--sequencer.l1-confs={}", sequencer.l1_confs)];
    if node.wiring.mode != SequencerMode::Active {
        args.push("--sequencer.stopped=true".into());
    }
    if node.conductor.is_some() {
        args.extend(Conductor::args_of_op_node(node.spec()));
    }
    if sequencer.max_safe_lag.get() > 0 && lacks_max_safe_lag(node.spec()).is_none() {
        args.push(format!("--sequencer.max-safe-lag={}", sequencer.max_safe_lag));
    }
    args.extend(node.signing.iter().flat_map(|signing| signing.args(TlsSwitch::Flag)));
    args
}

fn p2p(node: &Node<'_>) -> Vec<String> {
    let p2p = &node.spec().op_node.p2p;
    let Some(key) = &node.keys.p2p else { return vec!["--p2p.disable=true".into()] };
    let mut args = vec![
        "--p2p.listen.ip=0.0.0.0".into(),
        format!("--p2p.listen.tcp={}", p2p.listen_port),
        format!("--p2p.listen.udp={}", p2p.listen_port),
        format!("--p2p.priv.path={}", key.path),
        // Their default is the working directory, which can't be written to.
        format!("--p2p.peerstore.path={DATA_DIR}/peerstore"),
        format!("--p2p.discovery.path={DATA_DIR}/discovery"),
        format!("--p2p.scoring={}", if p2p.peer_scoring.enabled { "light" } else { "none" }),
    ];
    let advertise = &p2p.advertise;
    let discovers = p2p.discovery.enabled.unwrap_or(!node.spec().is_sequencer());
    let address = advertise.address.clone().or_else(|| discovers.then(|| own_name(node))?);
    args.extend(address.as_ref().map(|address| format!("--p2p.advertise.ip={address}")));
    // Without an address the port still is what others are told, beside the address that they see.
    let port = advertise.port.map(|port| port.to_port()).or_else(|| p2p_node_port(node.spec()));
    if let Some(port) = port.or(address.map(|_| p2p.listen_port.to_port())) {
        args.extend(["tcp", "udp"].map(|protocol| format!("--p2p.advertise.{protocol}={port}")));
    }
    if !discovers {
        args.push("--p2p.no-discovery=true".into());
    }
    args.extend(bootnodes(node, discovers));
    let mut peers = node.wiring.consensus.clone();
    if !node.wiring.peering.is_empty() {
        peers.push(format!("$({SIBLINGS})"));
    }
    if !peers.is_empty() {
        args.push(format!("--p2p.static={}", peers.join(",")));
    }
    args
}

/// The name by which peers of the cluster find the pod. op-node resolves it once, and ends when it can't: the headless
/// Service has it as soon as the pod has an address. On a public network it would keep op-node from finding out how it is
/// seen from outside.
fn own_name(node: &Node<'_>) -> Option<String> {
    let is_public = node.network.spec.registry_name().is_some();
    (!is_public).then(|| node.pod_name_in_dns())
}

/// Port of op-node's p2p on the cluster's nodes.
pub fn p2p_node_port(spec: &OpNodeSpec) -> Option<u16> {
    let service = &spec.service.p2p;
    service.node_port.filter(|_| service.kind != ServiceType::ClusterIP).map(|port| port.to_port())
}

/// An empty list makes op-node take its built-in one and resolve the names in it, even without discovery; where there
/// is no DNS it stops. A list with nothing between its commas has no entries and is not empty.
fn bootnodes(node: &Node<'_>, discovers: bool) -> Option<String> {
    const NONE: &str = ",";
    let given = node.wiring.bootnodes.join(",");
    let registered = node.network.spec.registry_name().is_some();
    match discovers {
        true if !given.is_empty() => Some(format!("--p2p.bootnodes={given}")),
        // The built-in ones are those of the superchain.
        true if registered => None,
        _ => Some(format!("--p2p.bootnodes={NONE}")),
    }
}

fn service(node: &Node<'_>) -> Vec<String> {
    let mut args = vec![
        format!("--rpc.addr={}", node.spec().rpc_host()),
        format!("--rpc.port={}", node.spec().op_node.rpc.port),
        format!("--rpc.enable-admin={}", node.serves_admin()),
    ];
    args.extend(node.logging.args());
    args.extend(node.metrics.args(node.metrics.port));
    args
}

/// The environment: URLs, which may hold an API key, and the sequencer's key.
pub fn env(node: &Node<'_>) -> Vec<EnvVar> {
    let mut env = vec![
        env_field("POD_NAME", "metadata.name"),
        env_field("POD_IP", "status.podIP"),
        node.l1.env("OP_NODE_L1_ETH_RPC"),
    ];
    env.extend(node.beacon.as_ref().map(|beacon| beacon.env("OP_NODE_L1_BEACON")));
    env.extend(node.wiring.follow.as_ref().map(|url| url.env("OP_NODE_L2_FOLLOW_SOURCE")));
    if node.spec().op_node.p2p.enabled && !node.wiring.peering.is_empty() {
        env.push(env_config_map(SIBLINGS, &node.app.named(peering::CONFIG_MAP), peering::CONSENSUS));
    }
    if let Some(Signing::Key(secret, _)) = &node.signing {
        env.push(secret_env("OP_NODE_P2P_SEQUENCER_KEY", secret));
    }
    with_extra_env(env, &node.spec().extra_env)
}
