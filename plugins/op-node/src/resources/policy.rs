//! The NetworkPolicy: the `admin` and `miner` APIs are for the operator, and for those of the same network who have to call
//! them or what is served beside them.

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer};
use opstack_sdk::Kind;
use opstack_sdk::kubernetes::{PART_OF, Sources, ingress_rule, network_policy, pods_in};
use opstack_sdk::opstack::active::{NETWORK, network_label};
use opstack_sdk::opstack::conductor::{CONSENSUS_NAME, RPC_NAME};
use opstack_sdk::opstack::consent::MemberRole;
use opstack_sdk::opstack::{BATCHER, CHALLENGER, NODE, PROPOSER};

use crate::checks::ports::listeners;
use crate::settle::Node;

use super::selector;

/// API namespaces that change what a node does.
const POWERFUL: [&str; 3] = ["admin", "miner", "personal"];

/// What a workload beside the one that serves has open beyond that, because its client has other ports.
pub fn beside(node: &Node<'_>) -> NetworkPolicy {
    let mut policy = render(node);
    policy.metadata = node.app.metadata_with("beside");
    policy.spec.get_or_insert_default().pod_selector.get_or_insert_default().match_labels = Some(selector(node));
    policy
}

/// The policy of a node's pods.
pub fn render(node: &Node<'_>) -> NetworkPolicy {
    let (mut open, mut guarded, mut monitored) = (vec![], vec![], vec![]);
    let wish = &node.spec().network_policy;
    for listener in listeners(node).into_iter().filter(|listener| listener.reachable) {
        if is_powerful(node, listener.name) {
            guarded.push((listener.name, listener.port));
            continue;
        }
        let ports = match listener.name {
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
    rules.extend(guarded.iter().map(|(name, port)| {
        let peers = [trusted(node, name), wish.also_from.clone()].concat();
        ingress_rule(Sources::Peers(peers), &[("TCP", *port)])
    }));
    if !monitored.is_empty() {
        rules.push(ingress_rule(Sources::Peers(wish.metrics_from.clone()), &monitored));
    }
    network_policy(&node.app, rules)
}

/// Who dials a node: kind of the objects, what they are for the network, and the role in the labels of their pods.
type Dialer = (Kind, MemberRole, &'static str);
const BATCHERS: Dialer = (BATCHER, MemberRole::Component, "batcher");
const PROPOSERS: Dialer = (PROPOSER, MemberRole::Component, "proposer");
const CHALLENGERS: Dialer = (CHALLENGER, MemberRole::Component, "challenger");
const REPLICAS: Dialer = (NODE, MemberRole::Replica, "replica");
const SEQUENCERS: Dialer = (NODE, MemberRole::Sequencer, "sequencer");

/// The operator, and the network's own pods that dial a listener. One port serves all its APIs to whoever reaches it, so those
/// who send transactions or read blocks are among them.
fn trusted(node: &Node<'_>, listener: &str) -> Vec<NetworkPolicyPeer> {
    // A proposer reads of op-node alone; a light node follows another one's. Members of op-conductor's cluster don't use each
    // other's RPC, and nobody else talks to them as a member does.
    let dialers: &[Dialer] = match listener {
        RPC_NAME => &[BATCHERS, PROPOSERS, CHALLENGERS],
        CONSENSUS_NAME => &[SEQUENCERS],
        "node-rpc" => &[BATCHERS, PROPOSERS, CHALLENGERS, REPLICAS],
        _ => &[BATCHERS, CHALLENGERS, REPLICAS],
    };
    let network = network_label(&node.network.namespace, &node.network.name);
    let of_dialer = |(kind, role, label): &Dialer| {
        // Anybody can make pods with such labels; only those count that are in namespaces of the network's owner's choice.
        let namespaces = node.network.consent().namespaces(node.cx, *kind, *role);
        let part_of = ("app.kubernetes.io/part-of", PART_OF);
        let labels = [part_of, ("app.kubernetes.io/component", *label), (NETWORK, network.as_str())];
        pods_in(namespaces.iter().map(String::as_str), labels)
    };
    let operator = pods_in([node.cx.facts.operator_namespace.as_str()], []);
    operator.into_iter().chain(dialers.iter().filter_map(of_dialer)).collect()
}

fn is_powerful(node: &Node<'_>, listener: &str) -> bool {
    let networking = &node.settings.networking;
    let any = |apis: &[String]| apis.iter().any(|api| POWERFUL.contains(&api.as_str()));
    match listener {
        "node-rpc" => node.serves_admin(),
        // Whoever reaches these decides who makes the blocks.
        RPC_NAME | CONSENSUS_NAME => true,
        // A sequencer's client serves `miner` to the batcher.
        "geth-http" => node.spec().is_sequencer() || any(&networking.http.apis),
        "geth-ws" => any(&networking.ws.apis),
        _ => false,
    }
}
