//! The NetworkPolicy: the `admin` and `miner` APIs are for the operator and the components of the OP Stack.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use opstack_sdk::kubernetes::{PART_OF, Sources, ingress_rule, network_policy, pods_labelled};

use crate::checks::listeners;
use crate::settle::Node;

/// API namespaces that change what a node does.
const POWERFUL: [&str; 3] = ["admin", "miner", "personal"];

/// The policy of a node's pods.
pub fn render(node: &Node<'_>) -> NetworkPolicy {
    let (mut open, mut guarded, mut monitored) = (vec![], vec![], vec![]);
    let wish = &node.spec().network_policy;
    for listener in listeners(node).into_iter().filter(|listener| listener.reachable) {
        let ports = match listener.name {
            name if is_powerful(node, name) => &mut guarded,
            name if name.ends_with("-metrics") && !wish.metrics_from.is_empty() => &mut monitored,
            _ => &mut open,
        };
        ports.push(("TCP", listener.port));
        if listener.udp {
            ports.push(("UDP", listener.port));
        }
    }
    let mut rules = vec![];
    if !open.is_empty() {
        rules.push(ingress_rule(Sources::Anywhere, &open));
    }
    if !guarded.is_empty() {
        let mut peers = vec![
            pods_labelled(Some(&node.cx.facts.operator_namespace), []),
            pods_labelled(None, [("app.kubernetes.io/part-of", PART_OF)]),
        ];
        peers.extend(wish.also_from.iter().cloned());
        rules.push(ingress_rule(Sources::Peers(peers), &guarded));
    }
    if !monitored.is_empty() {
        rules.push(ingress_rule(Sources::Peers(wish.metrics_from.clone()), &monitored));
    }
    network_policy(&node.app, rules)
}

fn is_powerful(node: &Node<'_>, listener: &str) -> bool {
    let networking = &node.settings.networking;
    let any = |apis: &[String]| apis.iter().any(|api| POWERFUL.contains(&api.as_str()));
    match listener {
        "node-rpc" => node.serves_admin(),
        // A sequencer's client serves `miner` to the batcher.
        "geth-http" => node.spec().is_sequencer() || any(&networking.http.apis),
        "geth-ws" => any(&networking.ws.apis),
        _ => false,
    }
}
