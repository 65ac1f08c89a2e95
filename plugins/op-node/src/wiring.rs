//! Whom a node talks to: its peers, the sequencer that it sends transactions to, the node that it follows.

use opstack_sdk::Context;
use opstack_sdk::Object;
use opstack_sdk::answer::{Event, Failure};
use opstack_sdk::opstack::active;
use opstack_sdk::opstack::consent::MemberRole;
use opstack_sdk::opstack::endpoint::Endpoint;
use opstack_sdk::opstack::honoured::Honoured;
use opstack_sdk::opstack::network::Network;
use opstack_sdk::opstack::peers::{PeerId, is_enode, is_enr, is_multiaddr};
use opstack_sdk::opstack::sequencing::HaMode;

use crate::peering::{self, Neighbour, Peering};
use crate::siblings::{self, Sibling, title};
use crate::spec::OpNodeSpec;

mod mode;

pub use mode::SequencerMode;

/// Whom a node talks to.
#[derive(Debug, Default)]
pub struct Wiring {
    /// What op-node's sequencer does.
    pub mode: SequencerMode,
    /// Peers of op-node, as multiaddrs.
    pub consensus: Vec<String>,
    /// Peers of the execution client, as enodes.
    pub execution: Vec<String>,
    /// Peers of both that come and go.
    pub peering: Peering,
    /// The replicas that a sequencer tells of.
    pub replicas: Vec<Neighbour>,
    /// Where op-node begins to search for peers.
    pub bootnodes: Vec<String>,
    /// Where transactions are sent; nothing for a sequencer.
    pub sequencer_http: Option<Endpoint>,
    /// op-node's RPC of the node that a light node follows.
    pub follow: Option<Endpoint>,
    /// The nodes behind the two (`namespace/name`).
    pub sources: Vec<String>,
    /// Warnings.
    pub events: Vec<Event>,
}

/// Sequencers of public networks (docs of optimism v1.19.6, node-operators).
const PUBLIC_SEQUENCERS: [(&str, &str); 2] =
    [("op-mainnet", "https://mainnet-sequencer.optimism.io"), ("op-sepolia", "https://sepolia-sequencer.optimism.io")];

impl Wiring {
    /// Settles whom the node talks to. `workloads` are its own.
    ///
    /// # Errors
    /// `waiting` when a node that the spec names, or its key, is missing; `invalid` when it is the wrong one.
    pub fn find(
        cx: &Context<'_>,
        me: &Object<OpNodeSpec>,
        network: &Network,
        workloads: &[String],
        honoured: &mut Honoured,
    ) -> Result<Self, Failure> {
        let referenced = referenced(cx, me, network)?;
        let changes = network.ha_mode() != HaMode::Manual;
        // Listing makes the node depend on all others, so a replica that says whom it follows does without.
        let others = if me.spec.is_sequencer() || referenced.is_none() || changes || has_bare_peer_ids(me) {
            // Only sequencers are wired, unless a peer is named by its id alone.
            let roles = [MemberRole::Sequencer, MemberRole::Replica];
            siblings::nodes_of(cx, network, me, if has_bare_peer_ids(me) { &roles } else { &roles[..1] })
        } else {
            vec![]
        };
        let mut wiring = Self { mode: mode::mode(me, network, &others, honoured), ..Self::default() };
        let unnamed = wiring.peer_with_sequencers(cx, me, referenced.as_ref(), &others, changes)?;
        wiring.add_static_peers(cx, me, &others, honoured);
        wiring.add_bootnodes(me, honoured);
        if me.spec.is_sequencer() {
            wiring.replicas = peering::replicas(cx, network);
            if changes {
                wiring.peering = Peering::of(cx, me, workloads, &unnamed, wiring.replicas.clone());
            }
        } else {
            let first = || others.iter().find(|other| other.spec.is_sequencer());
            let told = referenced.as_ref().or_else(first).map(peering::told).unwrap_or_default();
            wiring.peering = Peering::of(cx, me, workloads, &unnamed, told);
            wiring.sequencer_http = wiring.forward_to(cx, me, network, referenced.as_ref(), &others)?;
        }
        wiring.follow = wiring.follow_source(cx, me, network)?;
        Ok(wiring)
    }

    /// Gives the sequencers that the arguments don't name, since their coming or going would restart the node: the younger ones
    /// of a sequencer, and where the one that makes blocks `changes` all but the one that a replica refers to.
    fn peer_with_sequencers<'a>(
        &mut self,
        cx: &Context<'_>,
        me: &Sibling,
        referenced: Option<&Sibling>,
        others: &'a [Sibling],
        changes: bool,
    ) -> Result<Vec<&'a Sibling>, Failure> {
        if let Some(sequencer) = referenced {
            let address = siblings::multiaddr(cx, sequencer, siblings::workload(sequencer), 0)?;
            if address.is_none() {
                let message = format!(
                    "the p2p address of {} is not known (yet): blocks reach this node by other peers only",
                    title(sequencer)
                );
                self.events.push(Event::warning("PeerNotKnown", message));
            }
            self.consensus.extend(address);
            self.execution.extend(siblings::enode(cx, sequencer)?);
        }
        let mine = siblings::age(me);
        let mut unnamed = vec![];
        for other in others.iter().filter(|other| other.spec.is_sequencer()) {
            if referenced.is_some_and(|referenced| siblings::same(referenced, other)) {
                continue;
            }
            let is_younger = me.spec.is_sequencer() && siblings::age(other) > mine;
            if is_younger || changes {
                unnamed.push(other);
                continue;
            }
            // One that has no key yet may never get one; this node is rendered again when it does.
            self.consensus.extend(siblings::multiaddr(cx, other, siblings::workload(other), 0).unwrap_or_default());
            self.execution.extend(siblings::enode(cx, other).unwrap_or_default());
        }
        Ok(unnamed)
    }

    fn add_static_peers(&mut self, cx: &Context<'_>, me: &Sibling, others: &[Sibling], honoured: &mut Honoured) {
        for (index, peer) in me.spec.op_node.p2p.static_peers.iter().enumerate() {
            let resolved = if is_multiaddr(peer) { Some(peer.clone()) } else { by_peer_id(cx, peer, others) };
            match resolved {
                Some(address) if self.consensus.contains(&address) => {}
                Some(address) => self.consensus.push(address),
                None => self.skip(honoured, format!("spec.opNode.p2p.static[{index}]"), format!(
                    "{peer:?} is left out; write a multiaddr such as /dns4/host/tcp/9003/p2p/16Uiu2HA…, or the peer id of another node of this network"
                )),
            }
        }
    }

    fn add_bootnodes(&mut self, me: &Sibling, honoured: &mut Honoured) {
        for (index, node) in me.spec.op_node.p2p.discovery.bootnodes.iter().enumerate() {
            if is_enr(node) || is_enode(node) {
                self.bootnodes.push(node.clone());
            } else {
                let path = format!("spec.opNode.p2p.discovery.bootnodes[{index}]");
                self.skip(honoured, path, format!("{node:?} is left out; write a node record (enr:…) or an enode URL (enode://<128 hexadecimal digits>@host:port)"));
            }
        }
    }

    fn skip(&mut self, honoured: &mut Honoured, path: String, why: String) {
        self.events.push(Event::warning("InvalidPeer", format!("{path}: {why}")));
        honoured.refuse(path, why);
    }

    fn forward_to(
        &mut self,
        cx: &Context<'_>,
        me: &Sibling,
        network: &Network,
        referenced: Option<&Sibling>,
        others: &[Sibling],
    ) -> Result<Option<Endpoint>, Failure> {
        let spec = &me.spec;
        let given = [
            ("sequencerRef", spec.sequencer_ref.is_some()),
            ("sequencerUrlFrom", spec.sequencer_url_from.is_some()),
            ("sequencerUrl", spec.sequencer_url.is_some()),
        ];
        self.note_precedence("spec", &given);
        if let Some(sequencer) = referenced {
            return self.forward_to_node(cx, network, sequencer);
        }
        if let Some(url) = Endpoint::of(spec.sequencer_url_from.as_ref(), spec.sequencer_url.as_ref()) {
            return Ok(Some(url));
        }
        let mut sequencers = others.iter().filter(|other| other.spec.is_sequencer());
        let sequencer = sequencers.clone().find(|other| siblings::is_active(other)).or_else(|| sequencers.next());
        if let Some(sequencer) = sequencer {
            return self.forward_to_node(cx, network, sequencer);
        }
        let Some(name) = network.spec.registry_name() else {
            let domain = &cx.facts.cluster_domain;
            let usual = || format!("http://{}-sequencer.{}.svc.{domain}:8545", network.name, network.namespace);
            return Ok(Some(Endpoint::Plain(active_url(cx, network).unwrap_or_else(usual))));
        };
        let public = PUBLIC_SEQUENCERS.iter().find(|(known, _)| *known == name).map(|(_, url)| (*url).to_string());
        if public.is_none() {
            let message = format!(
                "transactions that this node receives go nowhere: set spec.sequencerUrl to the public sequencer of {name}"
            );
            self.events.push(Event::warning("TransactionsNotForwarded", message));
        }
        Ok(public.map(Endpoint::Plain))
    }

    fn forward_to_node(
        &mut self,
        cx: &Context<'_>,
        network: &Network,
        sequencer: &Sibling,
    ) -> Result<Option<Endpoint>, Failure> {
        let url = of_sequencer(cx, network, sequencer)?;
        self.sources.push(sequencer.metadata.place());
        Ok(Some(url))
    }

    /// A spec may name several sources; the first counts, and the user is told.
    fn note_precedence(&mut self, path: &str, given: &[(&str, bool)]) {
        let names: Vec<_> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
        if let [first, _, ..] = names.as_slice() {
            let message = format!("{path} has {}; {first} counts", names.join(" and "));
            self.events.push(Event::warning("SeveralSources", message));
        }
    }

    fn follow_source(
        &mut self,
        cx: &Context<'_>,
        me: &Sibling,
        network: &Network,
    ) -> Result<Option<Endpoint>, Failure> {
        const PATH: &str = "spec.opNode.followSource";
        let Some(source) = &me.spec.op_node.follow_source else { return Ok(None) };
        let given = [
            ("nodeRef", source.node_ref.is_some()),
            ("urlFrom", source.url_from.is_some()),
            ("url", source.url.is_some()),
        ];
        self.note_precedence(PATH, &given);
        let Some(reference) = &source.node_ref else {
            let url = Endpoint::of(source.url_from.as_ref(), source.url.as_ref());
            return match url {
                Some(url) => Ok(Some(url)),
                None => Err(Failure::invalid(PATH, "names no node; set nodeRef, urlFrom or url, or leave it out")),
            };
        };
        let node = siblings::find(cx, me, reference, &format!("{PATH}.nodeRef"))?;
        if siblings::same(&node, me) {
            return Err(Failure::invalid(format!("{PATH}.nodeRef"), "a node can't follow itself"));
        }
        of_network(&node, network, &format!("{PATH}.nodeRef"))?;
        let url = siblings::rollup_url(cx, &node)?;
        let place = node.metadata.place();
        if !self.sources.contains(&place) {
            self.sources.push(place);
        }
        Ok(Some(Endpoint::Plain(url)))
    }

    /// Texts that change with the URLs in Secrets.
    ///
    /// # Errors
    /// `waiting` when such a Secret is missing.
    pub fn fingerprints(&self, cx: &Context<'_>, namespace: &str) -> Result<Vec<String>, Failure> {
        let urls = self.sequencer_http.iter().chain(&self.follow);
        let all: Result<Vec<_>, _> = urls.map(|url| url.fingerprint(cx, namespace)).collect();
        Ok(all?.into_iter().flatten().collect())
    }
}

/// Where a replica sends transactions for a sequencer: where it is not always the same that makes blocks, to whichever does,
/// if the Service that leads there leads to this one.
fn of_sequencer(cx: &Context<'_>, network: &Network, sequencer: &Sibling) -> Result<Endpoint, Failure> {
    let active = active_url(cx, network).filter(|_| sequencer.metadata.namespace == network.namespace);
    active.map_or_else(|| siblings::http_url(cx, sequencer), Ok).map(Endpoint::Plain)
}

fn active_url(cx: &Context<'_>, network: &Network) -> Option<String> {
    let changes = network.ha_mode() != HaMode::Manual;
    changes.then(|| active::execution_url(cx, &network.namespace, &network.name)).flatten()
}

/// The sequencer that a replica names.
fn referenced(cx: &Context<'_>, me: &Sibling, network: &Network) -> Result<Option<Sibling>, Failure> {
    let Some(reference) = me.spec.sequencer_ref.as_ref().filter(|_| !me.spec.is_sequencer()) else { return Ok(None) };
    let sequencer = siblings::find(cx, me, reference, "spec.sequencerRef")?;
    of_network(&sequencer, network, "spec.sequencerRef")?;
    if !sequencer.spec.is_sequencer() {
        let message = format!("{} is a replica; name a node of type sequencer", title(&sequencer));
        return Err(Failure::invalid("spec.sequencerRef", message));
    }
    Ok(Some(sequencer))
}

fn of_network(node: &Sibling, network: &Network, path: &str) -> Result<(), Failure> {
    if siblings::belongs(node, network) {
        return Ok(());
    }
    Err(Failure::invalid(path, format!("{} belongs to another network than {}", title(node), network.title())))
}

fn has_bare_peer_ids(me: &Sibling) -> bool {
    me.spec.op_node.p2p.static_peers.iter().any(|peer| PeerId::parse(peer).is_ok())
}

/// Address of the sibling with a peer id.
fn by_peer_id(cx: &Context<'_>, text: &str, others: &[Sibling]) -> Option<String> {
    let wanted = PeerId::parse(text).ok()?;
    let mut pods = others.iter().flat_map(|node| (0..node.spec.pods()).map(move |ordinal| (node, ordinal)));
    let id = |node: &Sibling, ordinal| siblings::peer_id(cx, node, siblings::workload(node), ordinal).ok().flatten();
    let (node, ordinal) = pods.find(|(node, ordinal)| id(node, *ordinal).as_ref() == Some(&wanted))?;
    siblings::multiaddr(cx, node, siblings::workload(node), ordinal).ok().flatten()
}
