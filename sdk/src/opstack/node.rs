//! `OpNode` as the other kinds see it: where its RPCs are, and whether it is a sequencer that may make blocks.
//!
//! The view is lenient: what it does not read may be of any shape, so that a new field of a node never breaks a batcher.

use k8s_openapi::api::apps::v1::StatefulSet;
use serde::Deserialize;
use serde_json::Value;

use super::NODE;
use super::conductor;
use super::consent::{Consent, MemberRole, Referrer, find_node};
use super::endpoint::Endpoint;
use super::references::Reference;
use super::upstream::Upstream;
use crate::answer::{Failure, ObjectRef, PodsTarget, ServiceTarget, Target};
use crate::cluster::{Context, kind_of};
use crate::object::Metadata;
use crate::values::Int;

/// The RPCs that a node serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rpc {
    /// HTTP of the execution client.
    Execution,
    /// HTTP of op-node.
    Rollup,
}

impl Rpc {
    /// Its port where the spec says nothing.
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Execution => 8545,
            Self::Rollup => 9545,
        }
    }

    /// Name of its port, in pods and Services.
    pub fn port_name(self) -> &'static str {
        match self {
            Self::Execution => "geth-http",
            Self::Rollup => "node-rpc",
        }
    }
}

/// An `OpNode`.
#[derive(Clone, Debug, Deserialize)]
pub struct Node {
    /// Who it is.
    pub metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Value,
    /// Its network does not permit it any more.
    #[serde(skip)]
    refused: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    optimism_network_ref: Option<Reference>,
    node_type: String,
    replicas: Option<Int>,
    op_node: OpNode,
    op_geth: Option<Settings>,
    execution_client: ExecutionClient,
    service: Service,
    conductor: Conductor,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Conductor {
    rpc_port: Option<Int<1, 65535>>,
    consensus_port: Option<Int<1, 65535>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct OpNode {
    rpc: Listener,
    sequencer: Switches,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Listener {
    port: Option<Int<1, 65535>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Switches {
    enabled: Option<bool>,
    stopped: Option<bool>,
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
    http: Listener,
}

/// Name of the StatefulSet whose pods serve for a node: after a change of the execution client it may be another one than the
/// first, which has the node's own name.
pub fn serving<'a>(metadata: &'a Metadata, status: &'a Value) -> &'a str {
    status["workloads"]["serving"]["name"].as_str().unwrap_or(&metadata.name)
}

impl Node {
    /// The node that an object refers to.
    ///
    /// # Errors
    /// See [`find_node`].
    pub fn find(cx: &Context<'_>, referrer: Referrer<'_>, reference: &Reference) -> Result<Self, Failure> {
        find_node(cx, referrer, reference)
    }

    /// The sequencers that take part in a network, the oldest first.
    ///
    /// Only sequencers are looked at: there are few of them, and who lists objects is rendered again with each of them.
    pub fn sequencers(cx: &Context<'_>, consent: Consent<'_>) -> Vec<Self> {
        let members = consent.members(cx, NODE, &[MemberRole::Sequencer]);
        // One that does not parse is shown as invalid on its own object.
        let mut nodes: Vec<Self> = members.iter().filter_map(|(_, json)| serde_json::from_str(json).ok()).collect();
        nodes.sort_by_cached_key(Self::age);
        nodes
    }

    /// Sequencers that the network does not permit any more, of those called `names` (`namespace/name`): they may go on making
    /// blocks until they are stopped, and are not to begin. Without the network's word nobody gets among them.
    pub fn outgoing<'a>(cx: &Context<'_>, consent: Consent<'_>, names: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let places = names.into_iter().filter_map(|name| name.split_once('/'));
        let gone = places.filter(|(namespace, _)| !consent.permits(cx, MemberRole::Sequencer, namespace));
        let found = gone.filter_map(|(namespace, name)| cx.find(&NODE.to_ref(), namespace, name).ok().flatten());
        let found = found.filter(|node: &Self| node.is_sequencer_of(consent.namespace, consent.network));
        found.map(|node| Self { refused: true, ..node }).collect()
    }

    /// Order of creation; the names decide between equals.
    pub fn age(&self) -> (Option<String>, String, String) {
        let Metadata { creation_timestamp, namespace, name, .. } = &self.metadata;
        (creation_timestamp.clone(), namespace.clone(), name.clone())
    }

    /// Whether it is of the type sequencer, and belongs to the network `namespace/network`.
    pub fn is_sequencer_of(&self, namespace: &str, network: &str) -> bool {
        let reference = self.spec.optimism_network_ref.as_ref();
        self.spec.node_type == "sequencer"
            && reference.is_some_and(|reference| {
                reference.name == network && reference.namespace(&self.metadata.namespace) == namespace
            })
    }

    /// Whether it is meant to have a pod.
    pub fn is_wanted(&self) -> bool {
        self.metadata.deletion_timestamp.is_none() && self.spec.replicas.is_none_or(|replicas| replicas.get() > 0)
    }

    /// Whether its user lets it make blocks, and its network does.
    pub fn may_sequence(&self) -> bool {
        let Switches { enabled, stopped } = self.spec.op_node.sequencer;
        enabled != Some(false) && stopped != Some(true) && !self.refused
    }

    /// An RPC, behind the Service named after the node.
    pub fn upstream(&self, cx: &Context<'_>, rpc: Rpc) -> Upstream {
        let service = self.service(rpc);
        Upstream {
            endpoint: Endpoint::Plain(service_url(cx, &service)),
            target: Some(Target::Service(service)),
            fingerprint: None,
            nodes: vec![self.metadata.place()],
        }
    }

    /// Name of the StatefulSet whose pods serve.
    pub fn workload(&self) -> &str {
        serving(&self.metadata, &self.status)
    }

    /// Name of the node's first pod, as its StatefulSet makes it.
    pub fn pod(&self) -> String {
        format!("{}-0", self.workload())
    }

    /// op-node's RPC in each of the node's pods.
    pub fn rollup_pods(&self) -> Target {
        self.pods(self.port(Rpc::Rollup))
    }

    /// op-conductor's RPC there.
    pub fn conductor_pods(&self) -> Target {
        self.pods(self.conductor_port())
    }

    fn pods(&self, port: u16) -> Target {
        let (name, namespace) = (self.workload().into(), Some(self.metadata.namespace.clone()));
        let workload = ObjectRef { kind: kind_of::<StatefulSet>(), namespace, name };
        Target::Pods(PodsTarget { workload, port, path: "/".into() })
    }

    /// By which name the first pod's op-conductor is a member of its cluster.
    pub fn member_id(&self) -> String {
        conductor::member_id(&self.metadata.namespace, &self.pod())
    }

    /// Where the other members find it.
    pub fn member_address(&self, cx: &Context<'_>) -> String {
        let port = self.spec.conductor.consensus_port.map_or(conductor::CONSENSUS_PORT, Int::to_port);
        format!("{}:{port}", self.pod_host(cx))
    }

    /// Where its RPC is, for programs: it passes on what its op-node and execution client are asked, as long as it leads.
    pub fn conductor_url(&self, cx: &Context<'_>) -> String {
        format!("http://{}:{}", self.pod_host(cx), self.conductor_port())
    }

    fn conductor_port(&self) -> u16 {
        self.spec.conductor.rpc_port.map_or(conductor::RPC_PORT, Int::to_port)
    }

    /// Name of the first pod in DNS, whether it is ready or not.
    fn pod_host(&self, cx: &Context<'_>) -> String {
        let Metadata { name, namespace, .. } = &self.metadata;
        format!("{}.{name}-headless.{namespace}.svc.{}", self.pod(), cx.facts.cluster_domain)
    }

    fn port(&self, rpc: Rpc) -> u16 {
        let Spec { op_node, op_geth, execution_client, .. } = &self.spec;
        let port = match rpc {
            Rpc::Rollup => op_node.rpc.port,
            Rpc::Execution => {
                let settings = execution_client.settings.as_ref().or(op_geth.as_ref());
                settings.and_then(|settings| settings.networking.http.port)
            }
        };
        port.map_or(rpc.usual_port(), Int::to_port)
    }

    fn service(&self, rpc: Rpc) -> ServiceTarget {
        let target = self.port(rpc);
        // The Service may have the pod's port under another number.
        let mut ports = self.spec.service.ports.iter().flatten();
        let leads = ports.find(|port| port.target_port.unwrap_or(port.port).to_port() == target);
        let port = leads.map_or(target, |port| port.port.to_port());
        let Metadata { name, namespace, .. } = &self.metadata;
        ServiceTarget { namespace: namespace.clone(), name: name.clone(), port, path: "/".into() }
    }
}

/// The URL of a Service, for pods.
pub(super) fn service_url(cx: &Context<'_>, service: &ServiceTarget) -> String {
    let ServiceTarget { namespace, name, port, .. } = service;
    format!("http://{name}.{namespace}.svc.{}:{port}", cx.facts.cluster_domain)
}
