//! The ports on which the pod listens.

use opstack_sdk::answer::{Failure, FieldError};
use opstack_sdk::opstack::conductor::{CONSENSUS_NAME, RPC_NAME};

use crate::client::settings_path;
use crate::conductor::METRICS_PORT;
use crate::settle::Node;
use crate::spec::{PortSpec, Protocol};

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
        add("geth-http", execution("http"), port, false, !networking.http.host.is_loopback());
    }
    if let Some(port) = ports.ws {
        add("geth-ws", execution("ws"), port, false, !networking.ws.host.is_loopback());
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
pub fn check(node: &Node<'_>) -> Result<(), Failure> {
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
    Failure::check(errors)
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
