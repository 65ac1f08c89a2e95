//! What is wrong with a spec beyond what its schema says.

use opstack_sdk::Object;
use opstack_sdk::answer::{Failure, FieldError};
use opstack_sdk::kubernetes::check_name;
use opstack_sdk::opstack::conductor::{CONSENSUS_NAME, RPC_NAME};
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::overrides::check_extra_args;
use opstack_sdk::opstack::rpc::is_loopback;
use opstack_sdk::opstack::sequencing::HaMode;

use crate::chain::Chain;
use crate::client::settings_path;
use crate::conductor::{self, METRICS_PORT};
use crate::settle::Node;
use crate::spec::{OpNodeSpec, PortSpec, Protocol, ServiceType, SyncMode};

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
    errors.extend(operated(spec, network));
    errors.extend(conductor::errors(spec));
    errors.extend(check_name(&me.metadata).err());
    errors.extend(node_port(spec));
    errors.extend(spec.network_policy.errors());
    errors.extend(check_extra_args(&spec.extra_args).err());
    errors.extend(
        check_extra_args(&spec.execution_client.extra_args)
            .err()
            .map(|error| FieldError::new("spec.executionClient.extraArgs", error.message)),
    );
    verdict(errors)
}

/// What the user would take from whoever chooses among the network's sequencers: that each boots stopped and can be reached.
fn operated(spec: &OpNodeSpec, network: &Network) -> Vec<FieldError> {
    const FLAGS: [&str; 3] = ["sequencer.stopped", "rpc.admin-state", "rpc.enable-admin"];
    let mode = network.ha_mode();
    if !spec.sequences() || mode == HaMode::Manual {
        return vec![];
    }
    let rpc = &spec.op_node.rpc;
    let mut errors = vec![];
    if !rpc.enabled || rpc.enable_admin == Some(false) || is_loopback(&rpc.host) {
        errors.push(FieldError::new(
            "spec.opNode.rpc",
            "the operator can't start this sequencer, as spec.sequencer.ha.mode of its network wants: leave enabled and enableAdmin out, and listen on host 0.0.0.0; the NetworkPolicy keeps others away",
        ));
    }
    if mode == HaMode::Conductor {
        errors.extend(conducted(spec));
    }
    // op-node's variables are its flags in capitals: OP_NODE_RPC_ADMIN_STATE.
    let variable = |flag: &str| format!("OP_NODE_{}", flag.to_uppercase().replace(['.', '-'], "_"));
    for flag in FLAGS {
        let argument = |arg: &String| arg.trim_start_matches('-').split('=').next() == Some(flag);
        let message = |given: &str| {
            format!(
                "{given} would decide whether this sequencer makes blocks, which is for spec.sequencer.ha of its network; leave it out"
            )
        };
        if spec.extra_args.iter().any(argument) {
            errors.push(FieldError::new("spec.extraArgs", message(&format!("--{flag}"))));
        }
        if spec.extra_env.iter().any(|entry| entry.name == variable(flag)) {
            errors.push(FieldError::new("spec.extraEnv", message(&variable(flag))));
        }
    }
    errors
}

/// What op-conductor can't do without.
fn conducted(spec: &OpNodeSpec) -> Vec<FieldError> {
    let mut errors = vec![];
    if spec.execution_settings().is_some_and(|settings| !settings.networking.http.enabled) {
        errors.push(FieldError::new(
            format!("{}.networking.http.enabled", settings_path(spec)),
            "false keeps op-conductor, which spec.sequencer.ha.mode of the network asks for, from its execution client; leave it out",
        ));
    }
    if !spec.op_node.p2p.enabled {
        errors.push(FieldError::new(
            "spec.opNode.p2p.enabled",
            "false makes op-conductor, which spec.sequencer.ha.mode of the network asks for, take this sequencer for unhealthy: it counts peers; leave it out",
        ));
    }
    errors
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

/// A port on which the pod listens.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Usual name in Services.
    pub name: &'static str,
    /// Field of the spec.
    pub path: String,
    /// Port.
    pub port: u16,
    /// Whether UDP is listened on too.
    pub udp: bool,
    /// Whether other pods reach it.
    pub reachable: bool,
}

/// All ports on which the pod listens.
pub fn listeners(node: &Node<'_>) -> Vec<Listener> {
    let (spec, networking, ports) = (node.spec(), &node.settings.networking, &node.fragment.ports);
    let settings = settings_path(spec);
    let mut all = vec![];
    let mut add = |name, path: String, port, udp, reachable| all.push(Listener { name, path, port, udp, reachable });
    let execution = |field: &str| format!("{settings}.networking.{field}.port");
    if let Some(port) = ports.http {
        add("geth-http", execution("http"), port, false, !is_loopback(&networking.http.host));
    }
    if let Some(port) = ports.ws {
        add("geth-ws", execution("ws"), port, false, !is_loopback(&networking.ws.host));
    }
    if let Some(port) = ports.p2p {
        add("geth-p2p", execution("p2p"), port, true, true);
    }
    add("node-rpc", "spec.opNode.rpc.port".into(), spec.op_node.rpc.port.to_port(), false, node.rpc_reachable());
    if spec.op_node.p2p.enabled {
        add("node-p2p", "spec.opNode.p2p.listenPort".into(), spec.op_node.p2p.listen_port.to_port(), true, true);
    }
    if node.metrics.enabled {
        add("node-metrics", "spec.metrics.port".into(), node.metrics.port, false, node.metrics.reachable());
    }
    if node.conductor.is_some() {
        let conductor = &spec.conductor;
        add(RPC_NAME, "spec.conductor.rpcPort".into(), conductor.rpc_port.to_port(), false, true);
        add(CONSENSUS_NAME, "spec.conductor.consensusPort".into(), conductor.consensus_port.to_port(), false, true);
        if node.metrics.enabled {
            let reachable = node.metrics.reachable();
            add("cond-metrics", "the metrics port of op-conductor".into(), METRICS_PORT, false, reachable);
        }
    }
    if let Some(port) = ports.metrics {
        add("geth-metrics", format!("the metrics port of {}", node.client), port, false, true);
    }
    add("engine", execution("authrpc"), ports.engine, false, false);
    all
}

/// Checks that no two programs listen on one port, and that the Service leads to ports that are listened on.
///
/// # Errors
/// All contradictions found.
pub fn ports(node: &Node<'_>) -> Result<(), Failure> {
    let listeners = listeners(node);
    let mut errors = vec![];
    for (index, one) in listeners.iter().enumerate() {
        if let Some(other) = listeners[..index].iter().find(|other| other.port == one.port) {
            errors.push(FieldError::new(
                &one.path,
                format!("{} is taken by {}; choose another one", one.port, other.path),
            ));
        }
    }
    for (index, port) in node.spec().service.ports.iter().flatten().enumerate() {
        errors.extend(service_port(&listeners, index, port));
    }
    verdict(errors)
}

fn service_port(listeners: &[Listener], index: usize, port: &PortSpec) -> Option<FieldError> {
    let target = port.target_port.unwrap_or(port.port).to_port();
    let path = format!("spec.service.ports[{index}].targetPort");
    let error = |message: String| Some(FieldError::new(&path, message));
    let listener =
        listeners.iter().find(|listener| listener.port == target && (listener.udp || port.protocol == Protocol::Tcp));
    if let Some(named) = listeners.iter().find(|listener| listener.name == port.name)
        && named.port != target
    {
        return error(format!(
            "{target} is not where {} is: {} is {}. Make them the same",
            port.name, named.path, named.port
        ));
    }
    match listener {
        None => error(format!(
            "nothing listens on {target}/{}; take the port out, or turn on what it is for",
            port.protocol.as_str()
        )),
        Some(listener) if listener.name == "engine" => error(format!(
            "{target} is the engine API, which moves the chain's head and is never in a Service; take the port out"
        )),
        Some(listener) if !listener.reachable => {
            error(format!("{} listens on the loopback only; take the port out, or listen on 0.0.0.0", listener.path))
        }
        Some(_) => None,
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
