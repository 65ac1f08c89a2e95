//! Services: the one that users and other components dial, the headless one that gives pods their names, and p2p.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::App;

/// A TCP port under its own number.
pub fn port(name: &str, port: u16) -> ServicePort {
    ServicePort {
        name: Some(name.into()),
        port: port.into(),
        target_port: Some(IntOrString::Int(port.into())),
        protocol: Some("TCP".into()),
        ..Default::default()
    }
}

/// A UDP port under its own number.
pub fn udp_port(name: &str, number: u16) -> ServicePort {
    ServicePort { protocol: Some("UDP".into()), ..port(name, number) }
}

/// The Service named after the custom resource, of type ClusterIP.
pub fn service(app: &App, ports: Vec<ServicePort>) -> Service {
    let spec = ServiceSpec {
        type_: Some("ClusterIP".into()),
        selector: Some(app.selector()),
        ports: Some(ports),
        ..Default::default()
    };
    Service { metadata: app.metadata(), spec: Some(spec), ..Default::default() }
}

/// The Service `<instance>-headless`: each pod has a DNS name under it, ready or not, because peers have to find
/// each other before they are synced.
pub fn headless_service(app: &App, ports: Vec<ServicePort>) -> Service {
    let spec = ServiceSpec {
        type_: Some("ClusterIP".into()),
        cluster_ip: Some("None".into()),
        publish_not_ready_addresses: Some(true),
        selector: Some(app.selector()),
        ports: Some(ports),
        ..Default::default()
    };
    Service { metadata: app.metadata_with("headless"), spec: Some(spec), ..Default::default() }
}
