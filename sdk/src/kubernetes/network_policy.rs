//! NetworkPolicy: who may open a connection to the pods of a workload.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

use super::App;

/// Where connections may come from.
#[derive(Clone, Debug)]
pub enum Sources {
    /// Anywhere, also outside the cluster.
    Anywhere,
    /// These pods.
    Peers(Vec<NetworkPolicyPeer>),
}

/// Pods with these labels, in a namespace or (absent) in all of them.
pub fn pods_labelled<'a>(
    namespace: Option<&str>,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> NetworkPolicyPeer {
    let select = |labels: BTreeMap<String, String>| LabelSelector {
        match_labels: (!labels.is_empty()).then_some(labels),
        ..Default::default()
    };
    // Kubernetes puts this label on every namespace.
    let in_namespace =
        namespace.map(|name| ("kubernetes.io/metadata.name".to_string(), name.to_string())).into_iter().collect();
    let labels = labels.into_iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    NetworkPolicyPeer {
        namespace_selector: Some(select(in_namespace)),
        pod_selector: Some(select(labels)),
        ..Default::default()
    }
}

/// These sources may reach these ports: `(protocol, number)`.
pub fn ingress_rule(sources: Sources, ports: &[(&str, u16)]) -> NetworkPolicyIngressRule {
    let port = |(protocol, number): &(&str, u16)| NetworkPolicyPort {
        protocol: Some((*protocol).into()),
        port: Some(IntOrString::Int((*number).into())),
        ..Default::default()
    };
    NetworkPolicyIngressRule {
        from: match sources {
            Sources::Anywhere => None,
            Sources::Peers(peers) => Some(peers),
        },
        ports: Some(ports.iter().map(port).collect()),
    }
}

/// Nothing but the rules given reaches the pods of the workload. What they dial themselves is not restricted.
pub fn network_policy(app: &App, rules: Vec<NetworkPolicyIngressRule>) -> NetworkPolicy {
    let spec = NetworkPolicySpec {
        pod_selector: Some(app.label_selector()),
        policy_types: Some(vec!["Ingress".into()]),
        ingress: Some(rules),
        ..Default::default()
    };
    NetworkPolicy { metadata: app.metadata(), spec: Some(spec) }
}
