//! What is wrong with a spec beyond what its schema says.

use opstack_sdk::Object;
use opstack_sdk::answer::{Failure, FieldError};
use opstack_sdk::kubernetes::{check_name, check_new_name};
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::overrides::check_extra_args;
use opstack_sdk::opstack::sequencing::HaMode;

use crate::chain::{Chain, Rollup};
use crate::client::settings_path;
use crate::conductor;
use crate::flags::OP_NODE;
use crate::owned;
use crate::resources::IMAGE;
use crate::spec::{OpNodeSpec, ServiceType, SyncMode};
use std::net::{IpAddr, Ipv4Addr};

mod operated;
pub mod ports;

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
    errors.extend(advertised(spec));
    errors.extend(spec.execution_settings().and_then(|settings| {
        let path = format!("{}.networking.p2p.netRestrict", settings_path(spec));
        networks(&path, &settings.networking.p2p.net_restrict)
    }));
    errors.extend(spec.network_policy.errors());
    errors.extend(check_extra_args(&spec.extra_args).err());
    let owned = owned::op_node();
    errors.extend(owned.check_args("spec.extraArgs", &spec.extra_args));
    errors.extend(owned.check_env("spec.extraEnv", &spec.extra_env));
    let image = spec.chosen_image().map_or(IMAGE, |(_, image)| image);
    errors.extend(OP_NODE.check_args("spec.extraArgs", &spec.extra_args, image));
    errors.extend(
        check_extra_args(&spec.execution_client.extra_args)
            .err()
            .map(|error| FieldError::new("spec.executionClient.extraArgs", error.message)),
    );
    Failure::check(errors)
}

/// op-node resolves the address when it starts, and ends where that leads nowhere.
fn advertised(spec: &OpNodeSpec) -> Option<FieldError> {
    const PATH: &str = "spec.opNode.p2p.advertise.address";
    let address = spec.op_node.p2p.advertise.address.as_deref()?;
    let variables = spec.extra_env.iter().map(|entry| entry.name.as_str()).chain(["POD_IP", "POD_NAME"]);
    let known = variables.fold(address.to_string(), |text, name| text.replace(&format!("$({name})"), "x"));
    if known.contains('$') {
        let message = format!(
            "{address:?} names a variable that is not filled in; $(POD_IP), $(POD_NAME) and those of spec.extraEnv are"
        );
        return Some(FieldError::new(PATH, message));
    }
    if address.contains(':') {
        let message = format!(
            "{address:?} is an IPv6 address, and peers of op-node and its execution client are reached by IPv4 alone; write an IPv4 address, or a name that has one"
        );
        return Some(FieldError::new(PATH, message));
    }
    let is_number = address.split('.').all(|part| part.chars().all(|c| c.is_ascii_digit()));
    (is_number && address.parse::<Ipv4Addr>().is_err()).then(|| {
        let message = format!(
            "{address:?} is neither an IPv4 address nor a name; write one such as 203.0.113.7 or node.example.org"
        );
        FieldError::new(PATH, message)
    })
}

/// Networks with commas between, as both clients read them.
fn networks(path: &str, list: &str) -> Option<FieldError> {
    let is_network = |text: &str| {
        let Some((address, length)) = text.split_once('/') else { return false };
        let most = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        length.parse::<u8>().is_ok_and(|length| length <= most)
    };
    let wrong = list.split(',').map(str::trim).find(|network| !list.is_empty() && !is_network(network))?;
    let message =
        format!("{wrong:?} is no network; write address and length, such as 10.0.0.0/8, with commas between several");
    Some(FieldError::new(path, message))
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
pub fn chain(spec: &OpNodeSpec, network: &Network, chain: &Chain) -> Result<(), Failure> {
    let Some(Rollup { block_time, .. }) = chain.rollup else { return Ok(()) };
    let mut errors = vec![];
    let given = spec.op_node.sequencer.block_time.as_ref();
    if let Some(given) = given.filter(|given| given.as_millis() != block_time * 1000) {
        let message = format!(
            "{given} is not the block time of the chain; its rollup configuration says {block_time}s. Write that, or leave it out"
        );
        errors.push(FieldError::new("spec.opNode.sequencer.blockTime", message));
    }
    // Between two blocks every sequencer would be unhealthy, and the lead would go round (op-conductor/health, v1.19.6).
    let old = spec.conductor.health_check.unsafe_interval_seconds.get();
    if network.ha_mode() == HaMode::Conductor && spec.is_sequencer() && old < block_time {
        let message = format!(
            "{old} is less than the time between two blocks of this chain ({block_time}s), and op-conductor would take every sequencer for unhealthy; write three times that or more, such as {}",
            (3 * block_time).max(10)
        );
        errors.push(FieldError::new("spec.conductor.healthCheck.unsafeIntervalSeconds", message));
    }
    Failure::check(errors)
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
