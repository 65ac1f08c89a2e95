//! Which sequencer of a network makes blocks, as labels of pods tell it, and the Service `<network>-active` that follows.
//!
//! op-node's plugin sets the labels, the network's renders the Service, and others dial it. A Service leads to pods of its
//! own namespace alone, which is the network's.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

use super::node::{Node, Rpc, service_url};
use crate::answer::{ServiceTarget, Target};
use crate::cluster::Context;
use crate::kubernetes::{App, fits_service, label_value};

/// Label of the pods of nodes and components: their network.
pub const NETWORK: &str = "optimism.io/network";
/// Label of a sequencer's pod: `"true"` while it makes blocks.
pub const ACTIVE: &str = "optimism.io/active";
/// The Service is `<network>-active`.
const SUFFIX: &str = "active";

/// Value of the label [`NETWORK`].
pub fn network_label(namespace: &str, network: &str) -> String {
    label_value(&format!("{namespace}.{network}"))
}

/// Name of a network's Service; nothing where the network's own name is too long for one, or has a dot.
pub fn service_name(network: &str) -> Option<String> {
    fits_service(network).then(|| format!("{network}-{SUFFIX}"))
}

/// The Service. Sequencers may listen on ports of their own, so it leads to them by name.
pub fn service(app: &App) -> Service {
    let port = |rpc: Rpc| ServicePort {
        name: Some(rpc.port_name().into()),
        port: rpc.usual_port().into(),
        target_port: Some(IntOrString::String(rpc.port_name().into())),
        protocol: Some("TCP".into()),
        ..Default::default()
    };
    let selector = BTreeMap::from([
        (NETWORK.into(), network_label(app.namespace(), app.instance())),
        (ACTIVE.into(), true.to_string()),
    ]);
    let spec = ServiceSpec {
        type_: Some("ClusterIP".into()),
        selector: Some(selector),
        ports: Some(vec![port(Rpc::Execution), port(Rpc::Rollup)]),
        ..Default::default()
    };
    Service { metadata: app.metadata_with(SUFFIX), spec: Some(spec), ..Default::default() }
}

/// URL of the execution RPC of whichever sequencer makes blocks; nothing where the Service has no name.
pub fn execution_url(cx: &Context<'_>, namespace: &str, network: &str) -> Option<String> {
    Some(service_url(cx, &address(namespace, network, Rpc::Execution)?))
}

/// Where the prober asks whichever sequencer makes blocks; nothing where the Service can't lead to all of `sequencers`.
pub(super) fn target(namespace: &str, network: &str, sequencers: &[Node], rpc: Rpc) -> Option<Target> {
    let served = sequencers.iter().all(|node| node.metadata.namespace == namespace);
    address(namespace, network, rpc).filter(|_| served).map(Target::Service)
}

fn address(namespace: &str, network: &str, rpc: Rpc) -> Option<ServiceTarget> {
    let name = service_name(network)?;
    Some(ServiceTarget { namespace: namespace.into(), name, port: rpc.usual_port(), path: "/".into() })
}
