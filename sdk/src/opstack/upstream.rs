//! Where a component finds the RPCs of L2: by explicit URLs, by the node that it refers to, or by the sequencers of which
//! now one and now another makes the blocks.

use std::collections::BTreeSet;

use super::active;
use super::consent::{MemberRole, Referrer};
use super::endpoint::Endpoint;
use super::network::Network;
use super::node::{Node, Rpc};
use super::references::Reference;
use super::sequencing::HaMode;
use crate::answer::{Failure, Target};
use crate::cluster::Context;

/// An RPC: where the program dials it, and where the host's prober does.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// For the program.
    pub endpoint: Endpoint,
    /// For the prober; nothing where it can't dial.
    pub target: Option<Target>,
    /// Changes with a URL in a Secret.
    pub fingerprint: Option<String>,
    /// The `OpNode`s that it is of (`namespace/name`); nothing for a URL.
    pub nodes: Vec<String>,
}

impl Upstream {
    /// An explicit URL, for a pod in `namespace`.
    ///
    /// # Errors
    /// `waiting` when the URL is in a Secret that is missing in that namespace.
    pub fn of_url(cx: &Context<'_>, endpoint: Endpoint, namespace: &str) -> Result<Self, Failure> {
        // A list of URLs (`http://a,http://b`) is fine for the programs; the prober takes one.
        let single = !matches!(&endpoint, Endpoint::Plain(url) if url.contains(','));
        let target = endpoint.target(namespace).filter(|_| single);
        let fingerprint = endpoint.fingerprint(cx, namespace)?;
        Ok(Self { endpoint, target, fingerprint, nodes: vec![] })
    }

    /// The argument with which a program that got a list looks soon for the sequencer that makes blocks; nothing for a single URL. By
    /// itself it looks every two minutes, and reads from the one before till then (`op-batcher/flags/flags.go` and
    /// `op-proposer/flags/flags.go`, v1.9.3 to v1.19.6).
    pub fn check_arg(&self) -> Option<String> {
        let is_list = matches!(&self.endpoint, Endpoint::Plain(url) if url.contains(','));
        is_list.then(|| "--active-sequencer-check-duration=10s".into())
    }

    /// The nodes behind some RPCs, each once.
    pub fn nodes<'a>(upstreams: impl IntoIterator<Item = &'a Self>) -> Vec<String> {
        let nodes: BTreeSet<_> = upstreams.into_iter().flat_map(|upstream| upstream.nodes.clone()).collect();
        nodes.into_iter().collect()
    }
}

/// Where a component of `namespace` finds the L2: explicit URLs, else the node that it refers to, else the one that
/// is called `<network>-sequencer`, beside the network.
pub struct L2<'a> {
    /// The call.
    pub cx: &'a Context<'a>,
    /// Namespace of the component.
    pub namespace: &'a str,
    /// The component's network.
    pub network: &'a Network,
    /// `spec.sequencerRef`.
    pub node: Option<&'a Reference>,
}

impl L2<'_> {
    /// One node's RPC; `field` is where its URL could be given.
    ///
    /// # Errors
    /// `waiting` when the node, or the URL's Secret, does not exist; `not permitted` when the node is of another namespace, and its
    /// network does not permit the component's.
    pub fn rpc(&self, rpc: Rpc, url: Option<Endpoint>, field: &str) -> Result<Upstream, Failure> {
        match (url, self.node) {
            (Some(url), _) => Upstream::of_url(self.cx, url, self.namespace),
            (None, Some(reference)) => Ok(Node::find(self.cx, self.referrer(), reference)?.upstream(self.cx, rpc)),
            (None, None) => Ok(self.default_node(field)?.upstream(self.cx, rpc)),
        }
    }

    /// As [`Self::rpc`], for a program that takes a list of sequencers and dials the one that makes blocks
    /// (op-service/dial/active_l2_provider.go): where the operator chooses among the network's sequencers, all of them; where
    /// op-conductor does, all op-conductors, of which the one that leads passes on what it is asked.
    ///
    /// The Service that follows the active one would not do. A program keeps its connection, and the cluster cuts none: it
    /// would go on asking the sequencer that was stopped because it stood still.
    ///
    /// # Errors
    /// As there; and `waiting` where the network has no sequencer.
    pub fn active_rpc(&self, rpc: Rpc, url: Option<Endpoint>, field: &str) -> Result<Upstream, Failure> {
        if url.is_some() || !self.follows()? {
            return self.rpc(rpc, url, field);
        }
        let Network { name, namespace, .. } = self.network;
        let sequencers = Node::sequencers(self.cx, self.network.consent());
        if self.network.ha_mode() == HaMode::Conductor && !self.network.is_conducted() {
            let title = self.network.title();
            // A program that is started now would find nobody, and end.
            return Err(Failure::waiting(format!("op-conductor of {title} to choose a sequencer")));
        }
        let url = |node: &Node| match self.network.ha_mode() {
            HaMode::Conductor => node.may_sequence().then(|| node.conductor_url(self.cx)),
            HaMode::Operator | HaMode::Manual => node.upstream(self.cx, rpc).endpoint.plain(),
        };
        let urls: Vec<_> = sequencers.iter().filter_map(url).collect();
        if urls.is_empty() {
            let title = self.network.title();
            return Err(Failure::waiting(format!(
                "a sequencer of {title}: there is no OpNode of the type sequencer that may make blocks"
            )));
        }
        Ok(Upstream {
            endpoint: Endpoint::Plain(urls.join(",")),
            target: active::target(namespace, name, &sequencers, rpc),
            fingerprint: None,
            nodes: sequencers.iter().map(|node| node.metadata.place()).collect(),
        })
    }

    /// Whether who makes the blocks changes by itself, and the component names none but the network's sequencers.
    fn follows(&self) -> Result<bool, Failure> {
        if self.network.ha_mode() == HaMode::Manual {
            return Ok(false);
        }
        let Network { name, namespace, .. } = self.network;
        let node = self.node.map(|reference| Node::find(self.cx, self.referrer(), reference)).transpose()?;
        Ok(node.is_none_or(|node| node.is_sequencer_of(namespace, name)))
    }

    fn referrer(&self) -> Referrer<'_> {
        Referrer { role: MemberRole::Component, namespace: self.namespace, field: "spec.sequencerRef" }
    }

    fn default_node(&self, field: &str) -> Result<Node, Failure> {
        let Network { name, namespace, .. } = self.network;
        let default = Reference { name: default_name(name), namespace: Some(namespace.clone()) };
        Node::find(self.cx, self.referrer(), &default).map_err(|failure| match failure {
            Failure::Waiting(what) => Failure::Waiting(format!(
                "{what}; it is looked for because neither spec.sequencerRef nor {field} is set"
            )),
            failure => failure,
        })
    }
}

/// The node of a network that is taken where none is named.
fn default_name(network: &str) -> String {
    format!("{network}-sequencer")
}
