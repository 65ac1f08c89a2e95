//! `OpNode` as the other kinds see it: only the fields that say where its RPCs are.
//!
//! The view is lenient: what it does not read may be of any shape, so that a new field of a node never breaks a batcher.

use serde::Deserialize;
use std::collections::BTreeSet;

use super::NODE;
use super::endpoint::Endpoint;
use super::network::Network;
use super::references::Reference;
use crate::answer::{Failure, ServiceTarget, Target};
use crate::cluster::Context;
use crate::object::Metadata;
use crate::values::Int;

/// Port of op-node's RPC where the spec says nothing.
const ROLLUP_PORT: u16 = 9545;
/// Port of the execution client's HTTP RPC where the spec says nothing.
const HTTP_PORT: u16 = 8545;

/// Where the RPCs of an `OpNode` are.
#[derive(Clone, Debug, Deserialize)]
pub struct Node {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    op_node: OpNode,
    op_geth: Option<Settings>,
    execution_client: ExecutionClient,
    service: Service,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct OpNode {
    rpc: Rpc,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Rpc {
    port: Option<Int<1, 65535>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Service {
    ports: Option<Vec<ServicePort>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServicePort {
    port: Int<1, 65535>,
    target_port: Option<Int<1, 65535>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ExecutionClient {
    settings: Option<Settings>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Settings {
    networking: Networking,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Networking {
    http: Rpc,
}

/// An RPC: where the program dials it, and where the host's prober does.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// For the program.
    pub endpoint: Endpoint,
    /// For the prober; nothing where it can't dial.
    pub target: Option<Target>,
    /// Changes with a URL in a Secret.
    pub fingerprint: Option<String>,
    /// The `OpNode` that it is of (`namespace/name`); nothing for a URL.
    pub node: Option<String>,
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
        Ok(Self { endpoint, target, fingerprint, node: None })
    }

    /// The nodes behind some RPCs, each once.
    pub fn nodes<'a>(upstreams: impl IntoIterator<Item = &'a Self>) -> Vec<String> {
        let nodes: BTreeSet<_> = upstreams.into_iter().filter_map(|upstream| upstream.node.clone()).collect();
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
    /// The execution RPC; `field` is where its URL could be given.
    ///
    /// # Errors
    /// `waiting` when the node, or the URL's Secret, does not exist.
    pub fn eth_rpc(&self, url: Option<Endpoint>, field: &str) -> Result<Upstream, Failure> {
        self.rpc(url, field, Node::eth_rpc)
    }

    /// op-node's RPC; `field` is where its URL could be given.
    ///
    /// # Errors
    /// As [`Self::eth_rpc`].
    pub fn rollup_rpc(&self, url: Option<Endpoint>, field: &str) -> Result<Upstream, Failure> {
        self.rpc(url, field, Node::rollup_rpc)
    }

    fn rpc(
        &self,
        url: Option<Endpoint>,
        field: &str,
        of_node: fn(&Node, &Context<'_>) -> Upstream,
    ) -> Result<Upstream, Failure> {
        match (url, self.node) {
            (Some(url), _) => Upstream::of_url(self.cx, url, self.namespace),
            (None, Some(reference)) => Ok(of_node(&Node::find(self.cx, self.namespace, reference)?, self.cx)),
            (None, None) => Ok(of_node(&self.default_node(field)?, self.cx)),
        }
    }

    fn default_node(&self, field: &str) -> Result<Node, Failure> {
        let Network { name, namespace, .. } = self.network;
        let default = Reference { name: default_name(name), namespace: Some(namespace.clone()) };
        Node::find(self.cx, self.namespace, &default).map_err(|failure| match failure {
            Failure::Waiting(what) => Failure::Waiting(format!(
                "{what}; it is looked for because neither spec.sequencerRef nor {field} is set"
            )),
            failure => failure,
        })
    }
}

impl Node {
    /// The node that an object in `namespace` refers to.
    ///
    /// # Errors
    /// `waiting` when it does not exist; names it.
    pub fn find(cx: &Context<'_>, namespace: &str, reference: &Reference) -> Result<Self, Failure> {
        cx.require(&NODE.to_ref(), reference.namespace(namespace), &reference.name)
    }

    /// The execution client's HTTP RPC, behind the Service named after the node.
    pub fn eth_rpc(&self, cx: &Context<'_>) -> Upstream {
        let Spec { op_geth, execution_client, .. } = &self.spec;
        let settings = execution_client.settings.as_ref().or(op_geth.as_ref());
        let port = settings.and_then(|settings| settings.networking.http.port);
        self.upstream(cx, port.map_or(HTTP_PORT, Int::to_port))
    }

    /// op-node's RPC, behind the Service named after the node.
    pub fn rollup_rpc(&self, cx: &Context<'_>) -> Upstream {
        self.upstream(cx, self.spec.op_node.rpc.port.map_or(ROLLUP_PORT, Int::to_port))
    }

    fn upstream(&self, cx: &Context<'_>, target: u16) -> Upstream {
        // The Service may have the pod's port under another number.
        let mut ports = self.spec.service.ports.iter().flatten();
        let leads = ports.find(|port| port.target_port.unwrap_or(port.port).to_port() == target);
        let port = leads.map_or(target, |port| port.port.to_port());
        let Metadata { name, namespace, .. } = &self.metadata;
        let url = format!("http://{name}.{namespace}.svc.{}:{port}", cx.facts.cluster_domain);
        let service = ServiceTarget { namespace: namespace.clone(), name: name.clone(), port, path: "/".into() };
        let node = Some(format!("{namespace}/{name}"));
        Upstream { endpoint: Endpoint::Plain(url), target: Some(Target::Service(service)), fingerprint: None, node }
    }
}

/// The node of a network that is taken where none is named.
fn default_name(network: &str) -> String {
    format!("{network}-sequencer")
}
