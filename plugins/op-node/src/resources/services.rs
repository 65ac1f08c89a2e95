//! The Services: `<name>` for users and other components, `<name>-headless` for the pods' names, `<name>-p2p` for peers.

use k8s_openapi::api::core::v1::{Service, ServicePort};
use opstack_sdk::answer::Answer;
use opstack_sdk::k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use opstack_sdk::kubernetes::{headless_service, port, service, udp_port};
use std::collections::BTreeMap;

use crate::args::p2p_node_port;
use crate::checks::ports::{Listener, listeners};
use crate::keys::pod_name;
use crate::labels;
use crate::settle::Node;
use crate::spec::ServiceType;

use super::selector;

/// Ports of the main Service where the spec names none.
const USUAL: [&str; 5] = ["geth-http", "geth-ws", "geth-p2p", "node-rpc", "node-p2p"];

/// The Service for peers, after the node's name.
const P2P: &str = "p2p";
/// Label that Kubernetes puts on a StatefulSet's pod.
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";

/// Names of the Services, for the status: (main, headless, p2p).
pub fn names(node: &Node<'_>) -> (Option<String>, String, Option<String>) {
    let all = reachable(node);
    let p2p = all.iter().any(|listener| listener.udp).then(|| node.app.named(P2P));
    let main = (!main_ports(node, &all).is_empty()).then(|| node.app.instance().into());
    (main, node.app.named("headless"), p2p)
}

/// Adds the Services to the answer.
pub fn render<S>(node: &Node<'_>, answer: &mut Answer<S>) {
    let all = reachable(node);
    let spec = &node.spec().service;
    let ports = main_ports(node, &all);
    // A Service without ports is refused by the API server.
    if !ports.is_empty() {
        let mut main = service(&node.app, ports);
        let mut pods = selector(node);
        if labels::selects_synced(node) {
            pods.insert(labels::SYNCED.into(), true.to_string());
        }
        main.spec.get_or_insert_default().selector = Some(pods);
        answer.child(&exposed(main, spec.kind, &spec.annotations));
    }
    answer.child(&headless_service(&node.app, all.iter().map(|listener| port(listener.name, listener.port)).collect()));
    let peers: Vec<_> = all.iter().filter(|listener| listener.udp).flat_map(both_protocols).collect();
    if !peers.is_empty() {
        let ports = with_node_port(node, peers);
        for service in p2p_services(node, &ports) {
            answer.child(&service);
        }
    }
}

/// The Service for peers; where it reaches beyond the cluster, one for each pod, for a peer dials one pod by its address. The
/// first pod's keeps its name and its address when others come and go.
fn p2p_services(node: &Node<'_>, ports: &[ServicePort]) -> Vec<Service> {
    let spec = &node.spec().service.p2p;
    let one = |name: &str, pod: Option<&str>| {
        let mut service = headless_service(&node.app, ports.to_vec());
        service.metadata = node.app.metadata_with(name);
        if let Some(spec) = &mut service.spec {
            // Peers dial a node that is not ready, too, and an address that stays. They know who should be there.
            spec.cluster_ip = None;
            let mut pods = selector(node);
            pods.extend(pod.map(|pod| (POD_NAME.to_string(), pod.to_string())));
            spec.selector = Some(pods);
        }
        let named = |text: &String| pod.map_or_else(|| text.clone(), |pod| text.replace("$(POD_NAME)", pod));
        let annotations = spec.annotations.iter().map(|(key, value)| (key.clone(), named(value))).collect();
        exposed(service, spec.kind, &annotations)
    };
    let pods = node.spec().pods();
    if pods <= 1 || spec.kind == ServiceType::ClusterIP {
        return vec![one(P2P, None)];
    }
    let of_pod = |ordinal| {
        let name = if ordinal == 0 { P2P.into() } else { format!("{P2P}-{ordinal}") };
        one(&name, Some(&pod_name(&node.place.workload, ordinal)))
    };
    (0..pods).map(of_pod).collect()
}

fn reachable(node: &Node<'_>) -> Vec<Listener> {
    listeners(node).into_iter().filter(|listener| listener.reachable).collect()
}

fn both_protocols(listener: &Listener) -> [ServicePort; 2] {
    [port(listener.name, listener.port), udp_port(&format!("{}-udp", listener.name), listener.port)]
}

/// What is advertised holds for TCP and UDP, so both have one number.
fn with_node_port(node: &Node<'_>, mut ports: Vec<ServicePort>) -> Vec<ServicePort> {
    let number = p2p_node_port(node.spec()).map(i32::from);
    for port in ports.iter_mut().filter(|port| port.name.as_ref().is_some_and(|name| name.starts_with("node-p2p"))) {
        port.node_port = number;
    }
    ports
}

fn main_ports(node: &Node<'_>, all: &[Listener]) -> Vec<ServicePort> {
    let Some(given) = &node.spec().service.ports else {
        let usual = all.iter().filter(|listener| USUAL.contains(&listener.name));
        return usual.map(|listener| port(listener.name, listener.port)).collect();
    };
    given
        .iter()
        .map(|given| ServicePort {
            name: Some(given.name.clone()),
            port: given.port.to_port().into(),
            target_port: Some(IntOrString::Int(given.target_port.unwrap_or(given.port).to_port().into())),
            protocol: Some(given.protocol.as_str().into()),
            node_port: given.node_port.map(|port| port.to_port().into()),
            ..Default::default()
        })
        .collect()
}

fn exposed(mut service: Service, kind: ServiceType, annotations: &BTreeMap<String, String>) -> Service {
    if !annotations.is_empty() {
        service.metadata.annotations = Some(annotations.clone());
    }
    if let Some(spec) = &mut service.spec {
        spec.type_ = Some(kind.as_str().into());
        // Peers are told apart by their address: keep it.
        if kind != ServiceType::ClusterIP && spec.publish_not_ready_addresses == Some(true) {
            spec.external_traffic_policy = Some("Local".into());
        }
    }
    service
}
