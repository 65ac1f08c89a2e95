//! `spec.service`: by which ports the node is dialled.

use opstack_sdk::opstack::execution::Port;
use opstack_sdk::values::Int;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The Service that users and other components dial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// How far it reaches.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// Annotations of the Service, for load balancers.
    pub annotations: BTreeMap<String, String>,
    /// Whether it leads to pods at the chain's head only, by their label `optimism.io/synced`. Where absent: for a replica; a
    /// sequencer must be reached before there is a head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_synced: Option<bool>,
    /// Its ports. Where absent: `geth-http`, `geth-ws`, `geth-p2p`, `node-rpc` and `node-p2p`, as far as the node
    /// listens on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<PortSpec>>,
    /// The Service `<name>-p2p`, which has the p2p ports with TCP and UDP; of a type beyond ClusterIP, one for each pod.
    pub p2p: P2pService,
}

/// How far a Service reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// The cluster.
    #[default]
    ClusterIP,
    /// Whoever reaches a node of the cluster.
    NodePort,
    /// Whoever reaches the load balancer.
    LoadBalancer,
}

impl ServiceType {
    /// As in a Service.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}

/// A port of the Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortSpec {
    /// Name: `geth-http`, `geth-ws`, `geth-p2p`, `node-rpc`, `node-p2p`, or another one.
    #[schemars(regex(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"))]
    pub name: String,
    /// Port of the Service.
    pub port: Port,
    /// Port of the pod, on which the node must listen; `port` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_port: Option<Port>,
    /// TCP or UDP.
    #[serde(default)]
    pub protocol: Protocol,
    /// Port on the cluster's nodes, for types beyond ClusterIP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<Port>,
}

/// Protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// As in a Service.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// The Service with the p2p ports. Of a type beyond ClusterIP there is one for each pod: `<name>-p2p` for the first one, then
/// `<name>-p2p-1`, ….
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct P2pService {
    /// How far it reaches. The address that peers should dial goes into `opNode.p2p.advertise`: that of several pods by
    /// `$(POD_NAME)` in it.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// Port of op-node on the cluster's nodes, for types beyond ClusterIP and a single pod: TCP and UDP alike. It is advertised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_port: Option<Int<1024, 65535>>,
    /// Annotations of the Service, for load balancers. Of several pods, `$(POD_NAME)` in a value is the name of the Service's own.
    pub annotations: BTreeMap<String, String>,
}
