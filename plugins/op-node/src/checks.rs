//! What is wrong with a spec beyond what its schema says.

use opstack_sdk::Object;
use opstack_sdk::answer::{Failure, FieldError};
use opstack_sdk::kubernetes::{check_name, check_new_name};
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::overrides::check_extra_args;

use crate::chain::Chain;
use crate::client::settings_path;
use crate::conductor;
use crate::owned;
use crate::spec::{OpNodeSpec, ServiceType, SyncMode};

mod operated;
pub mod ports;

fn verdict(errors: Vec<FieldError>) -> Result<(), Failure> {
    if errors.is_empty() { Ok(()) } else { Err(Failure::Invalid(errors)) }
}

/// Checks the spec by itself and against its network.
///
/// # Errors
/// All contradictions found.
pub fn spec(me: &Object<OpNodeSpec>, network: &Network) -> Result<(), Failure> {
    let spec = &me.spec;
    let mut errors = vec![];
    let mut refuse = |path: &str, message: String| errors.push(FieldError::new(path, message));
    if spec.is_sequencer() && spec.pods() > 1 {
        refuse(
            "spec.replicas",
            format!("{} pods of a sequencer would fork the chain; make one OpNode for each", spec.pods()),
        );
    }
    if !spec.is_sequencer() && spec.op_node.sequencer.enabled == Some(true) {
        refuse("spec.opNode.sequencer.enabled", "true needs spec.nodeType: sequencer; this is a replica".into());
    }
    if spec.pods() > 1 && spec.op_node.p2p.private_key.secret_ref.is_some() {
        refuse(
            "spec.opNode.p2p.privateKey.secretRef",
            format!(
                "{} pods can't share one identity; use generate or derive, which give each its own, or spec.replicas: 1",
                spec.pods()
            ),
        );
    }
    if let Some(name) = spec.execution_settings().and_then(|settings| settings.network.as_ref())
        && Some(name) != network.spec.network_name.as_ref()
        && *name != network.name
    {
        let known = network.spec.network_name.as_ref().unwrap_or(&network.name);
        refuse(
            &format!("{}.network", settings_path(spec)),
            format!("{name:?} is not the network of this node; write {known:?}, or leave it out"),
        );
    }
    if let Some(endpoint) = &spec.op_node.engine.endpoint
        && !is_own_engine(spec, endpoint)
    {
        let port = spec.execution_settings().map_or(8551, |settings| settings.networking.authrpc.port.to_port());
        refuse(
            "spec.opNode.engine.endpoint",
            format!(
                "{endpoint:?} is not the engine API of this pod; write \"http://127.0.0.1:{port}\" (the port is that of networking.authrpc), or leave it out"
            ),
        );
    }
    errors.extend(operated::errors(spec, network));
    errors.extend(conductor::errors(spec));
    errors.extend(check_name(&me.metadata).err());
    if me.status.is_null() {
        errors.extend(check_new_name(&me.metadata).err());
    }
    errors.extend(node_port(spec));
    errors.extend(spec.network_policy.errors());
    errors.extend(check_extra_args(&spec.extra_args).err());
    let owned = owned::op_node();
    errors.extend(owned.check_args("spec.extraArgs", &spec.extra_args));
    errors.extend(owned.check_env("spec.extraEnv", &spec.extra_env));
    errors.extend(
        check_extra_args(&spec.execution_client.extra_args)
            .err()
            .map(|error| FieldError::new("spec.executionClient.extraArgs", error.message)),
    );
    verdict(errors)
}

/// Peers dial the port that is advertised, and none but the port of the Service leads to the node.
fn node_port(spec: &OpNodeSpec) -> Option<FieldError> {
    const PATH: &str = "spec.service.p2p.nodePort";
    let (service, advertised) = (&spec.service.p2p, spec.op_node.p2p.advertise.port);
    let port = service.node_port?.to_port();
    if service.kind == ServiceType::ClusterIP {
        let message = format!("{port} needs spec.service.p2p.type: NodePort or LoadBalancer; a ClusterIP has none");
        return Some(FieldError::new(PATH, message));
    }
    if spec.pods() > 1 {
        let message = format!(
            "{port} leads to one pod, and spec.replicas is {}, each with a Service of its own; leave it out, or make one OpNode for each",
            spec.pods()
        );
        return Some(FieldError::new(PATH, message));
    }
    let other = advertised.map(|advertised| advertised.to_port()).filter(|advertised| *advertised != port)?;
    // A load balancer has ports of its own.
    (service.kind == ServiceType::NodePort).then(|| {
        let message = format!(
            "{port} is not what spec.opNode.p2p.advertise.port says: {other}. Write the same, or leave that out"
        );
        FieldError::new(PATH, message)
    })
}

fn is_own_engine(spec: &OpNodeSpec, endpoint: &str) -> bool {
    let port = spec.execution_settings().map_or(8551, |settings| settings.networking.authrpc.port.to_port());
    let address = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("ws://"));
    let address = address.map(|address| address.trim_end_matches('/'));
    address
        .and_then(|address| address.rsplit_once(':'))
        // Clients listen on no other address of the loopback.
        .is_some_and(|(host, given)| ["127.0.0.1", "localhost"].contains(&host) && given == port.to_string())
}

/// Checks the spec against the chain's rollup configuration.
///
/// # Errors
/// When the spec says something else.
pub fn chain(spec: &OpNodeSpec, chain: &Chain) -> Result<(), Failure> {
    match (&spec.op_node.sequencer.block_time, &chain.rollup) {
        (Some(given), Some(rollup)) if given.as_millis() != rollup.block_time * 1000 => Err(Failure::invalid(
            "spec.opNode.sequencer.blockTime",
            format!(
                "{given} is not the block time of the chain; its rollup configuration says {}s. Write that, or leave it out",
                rollup.block_time
            ),
        )),
        _ => Ok(()),
    }
}

/// Whether the user's choice would keep the sequencer from ever beginning (op-node v1.19.6, driver/sync_deriver.go).
pub fn overridden_sync_mode(spec: &OpNodeSpec) -> bool {
    spec.op_node.sync_mode == Some(SyncMode::ExecutionLayer)
        && spec.sequences()
        && spec.op_node.sequencer.stopped != Some(true)
}

/// The mode that op-node gets. Deriving a public chain from L1 takes weeks, so a replica of one has its execution client
/// fetch it from peers. In that mode a replica waits for the first block that is gossiped to it; on a chain of one's own
/// it might wait for ever, and derives from L1 instead.
pub fn sync_mode(spec: &OpNodeSpec, network: &Network) -> SyncMode {
    match spec.op_node.sync_mode {
        _ if overridden_sync_mode(spec) => SyncMode::ConsensusLayer,
        Some(mode) => mode,
        None if spec.is_sequencer() || network.spec.registry_name().is_none() => SyncMode::ConsensusLayer,
        None => SyncMode::ExecutionLayer,
    }
}
