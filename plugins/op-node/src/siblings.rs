//! Other nodes of the same network: which of them make blocks, and how they are reached.
//!
//! Peers are wired one way. A replica stays connected to the network's sequencers; a sequencer to those that are older
//! than it. So a node that is added or taken away never restarts the sequencer, and never one that was there before. Where the
//! sequencer changes by itself, sequencers are peers that come and go ([`crate::peering`]), and none restarts another node.

use opstack_sdk::answer::Failure;
use opstack_sdk::object::Metadata;
use opstack_sdk::opstack::NODE;
use opstack_sdk::opstack::consent::{MemberRole, Referrer, find_node};
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::node::serving;
use opstack_sdk::opstack::peers::PeerId;
use opstack_sdk::opstack::references::{Reference, SecretKeyRef, secret_facts};
use opstack_sdk::{Context, Object};

use crate::keys::{execution_key, p2p_key, pod_name};
use crate::spec::{OpNodeSpec, Protocol};

/// A node, as others see it.
pub type Sibling = Object<OpNodeSpec>;

/// The nodes of some roles that take part in a network, other than `me`, the oldest first.
pub fn nodes_of(cx: &Context<'_>, network: &Network, me: &Object<OpNodeSpec>, roles: &[MemberRole]) -> Vec<Sibling> {
    let members = network.consent().members(cx, NODE, roles);
    // A node that does not parse is shown as invalid on its own object.
    let nodes = members.iter().filter_map(|(_, json)| Object::parse(json).ok());
    let mut nodes: Vec<Sibling> = nodes.filter(|node| !same(node, me)).collect();
    nodes.sort_by_cached_key(age);
    nodes
}

/// The node that a reference of `me` names at `field`.
///
/// # Errors
/// `waiting` when it does not exist; `not permitted` when it is of another namespace, and its network does not permit that of `me`.
pub fn find(cx: &Context<'_>, me: &Object<OpNodeSpec>, reference: &Reference, field: &str) -> Result<Sibling, Failure> {
    let referrer = Referrer { role: me.spec.role(), namespace: &me.metadata.namespace, field };
    find_node(cx, referrer, reference)
}

/// Whether a node belongs to a network.
pub fn belongs(node: &Sibling, network: &Network) -> bool {
    let reference = &node.spec.optimism_network_ref;
    reference.name == network.name && reference.namespace(&node.metadata.namespace) == network.namespace
}

/// Whether two objects are the same.
pub fn same(node: &Sibling, other: &Sibling) -> bool {
    node.metadata.name == other.metadata.name && node.metadata.namespace == other.metadata.namespace
}

/// Order of creation; the names decide between equals.
pub fn age(node: &Sibling) -> (Option<String>, String, String) {
    let metadata = &node.metadata;
    (metadata.creation_timestamp.clone(), metadata.namespace.clone(), metadata.name.clone())
}

/// Whether a node makes blocks as soon as it runs.
pub fn is_active(node: &Sibling) -> bool {
    node.spec.sequences() && node.spec.op_node.sequencer.stopped != Some(true)
}

/// `OpNode ns/name`, for messages.
pub fn title(node: &Sibling) -> String {
    format!("OpNode {}", node.metadata.place())
}

/// Port of the node's Service that leads to a port of its pod.
fn service_port(node: &Sibling, target: u16) -> Option<u16> {
    let Some(ports) = &node.spec.service.ports else { return Some(target) };
    let leads = ports.iter().find(|port| {
        port.protocol == Protocol::Tcp && port.target_port.unwrap_or(port.port).get() == u64::from(target)
    });
    leads.map(|port| port.port.to_port())
}

/// URL of the execution client's HTTP RPC.
///
/// # Errors
/// `waiting` when the node does not serve it.
pub fn http_url(cx: &Context<'_>, node: &Sibling) -> Result<String, Failure> {
    let http = node.spec.execution_settings().map(|settings| settings.networking.http.clone()).unwrap_or_default();
    let port = Some(http.port.to_port()).filter(|_| http.enabled);
    url(cx, node, port)
        .ok_or_else(|| Failure::waiting(format!("the HTTP RPC of {}, which its Service lacks", title(node))))
}

/// URL of op-node's RPC.
///
/// # Errors
/// `waiting` when the node does not serve it.
pub fn rollup_url(cx: &Context<'_>, node: &Sibling) -> Result<String, Failure> {
    let rpc = &node.spec.op_node.rpc;
    let port = Some(rpc.port.to_port()).filter(|_| rpc.enabled);
    url(cx, node, port)
        .ok_or_else(|| Failure::waiting(format!("op-node's RPC of {}, which its Service lacks", title(node))))
}

fn url(cx: &Context<'_>, node: &Sibling, target: Option<u16>) -> Option<String> {
    let port = service_port(node, target?)?;
    let metadata = &node.metadata;
    Some(format!("http://{}.{}.svc.{}:{port}", metadata.name, metadata.namespace, cx.facts.cluster_domain))
}

/// The workload of a node to whose pods its Services lead.
pub fn workload(node: &Sibling) -> &str {
    serving(&node.metadata, &node.status)
}

/// Name of a pod of a node in DNS, whether it is ready or not.
pub fn pod_host(cx: &Context<'_>, node: &Sibling, workload: &str, ordinal: i32) -> String {
    let Metadata { name, namespace, .. } = &node.metadata;
    format!("{}.{name}-headless.{namespace}.svc.{}", pod_name(workload, ordinal), cx.facts.cluster_domain)
}

/// Peer id of a pod of a node, on op-node's network: that of its key, or, where the pod derives its own, the one that it
/// told its plugin. Nothing before it did.
///
/// # Errors
/// `waiting` when the Secret with the key is missing.
pub fn peer_id(cx: &Context<'_>, node: &Sibling, workload: &str, ordinal: i32) -> Result<Option<PeerId>, Failure> {
    match p2p_key(&node.spec, workload, ordinal) {
        Some(key) => identity(cx, &node.metadata.namespace, &key),
        None => Ok(told_peer_id(node, &pod_name(workload, ordinal))),
    }
}

/// Peer id that a pod told, as its node's status keeps it.
pub fn told_peer_id(node: &Sibling, pod: &str) -> Option<PeerId> {
    let peers = node.status["peers"].as_array()?;
    let peer = peers.iter().find(|peer| peer["pod"] == pod)?;
    PeerId::parse(peer["peerId"].as_str()?).ok()
}

/// Peer id that a key in a Secret stands for.
///
/// # Errors
/// `waiting` when the Secret or the key is missing.
pub fn identity(cx: &Context<'_>, namespace: &str, key: &SecretKeyRef) -> Result<Option<PeerId>, Failure> {
    let facts = secret_facts(cx, namespace, key)?;
    Ok(facts.peer_id.and_then(|id| PeerId::parse(&id).ok()))
}

/// Where op-node finds a pod of a node. Nothing when the node has no p2p, or its identity is not known.
///
/// # Errors
/// `waiting` when the Secret with the key is missing.
pub fn multiaddr(cx: &Context<'_>, node: &Sibling, workload: &str, ordinal: i32) -> Result<Option<String>, Failure> {
    let p2p = &node.spec.op_node.p2p;
    // A node that is stopped keeps its address, lest others restart for it.
    if !p2p.enabled || node.spec.pods().max(1) <= ordinal {
        return Ok(None);
    }
    let host = pod_host(cx, node, workload, ordinal);
    Ok(peer_id(cx, node, workload, ordinal)?.map(|id| id.multiaddr(&host, p2p.listen_port.to_port())))
}

/// Where an execution client finds that of one pod, by the pod's name in DNS: for clients that ask for it anew.
///
/// # Errors
/// `waiting` when the Secret with the key is missing.
pub fn pod_enode(cx: &Context<'_>, node: &Sibling, workload: &str, ordinal: i32) -> Result<Option<String>, Failure> {
    let id = identity(cx, &node.metadata.namespace, &execution_key(workload, ordinal))?;
    let host = pod_host(cx, node, workload, ordinal);
    Ok(id.and_then(|id| id.enode(&host, execution_port(node))))
}

fn execution_port(node: &Sibling) -> u16 {
    let settings = node.spec.execution_settings();
    settings.map(|settings| settings.networking.p2p.clone()).unwrap_or_default().port.to_port()
}

/// Where an execution client finds that of a node with one pod: behind the p2p Service, whose name resolves as soon as
/// the node was rendered, and to an address that stays when the pod moves. Clients resolve it when they start.
///
/// # Errors
/// `waiting` when the Secret with the key is missing.
pub fn enode(cx: &Context<'_>, node: &Sibling) -> Result<Option<String>, Failure> {
    if node.spec.pods() > 1 {
        return Ok(None);
    }
    let metadata = &node.metadata;
    let host = format!("{}-p2p.{}.svc.{}", metadata.name, metadata.namespace, cx.facts.cluster_domain);
    let id = identity(cx, &metadata.namespace, &execution_key(workload(node), 0))?;
    Ok(id.and_then(|id| id.enode(&host, execution_port(node))))
}
