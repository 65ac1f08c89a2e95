//! NetworkPolicy: who may open a connection to the pods of a workload.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::{BTreeMap, BTreeSet};

use super::App;

/// Where connections may come from.
#[derive(Clone, Debug)]
pub enum Sources {
    /// Anywhere, also outside the cluster.
    Anywhere,
    /// These pods.
    Peers(Vec<NetworkPolicyPeer>),
}

/// Kubernetes puts this label on every namespace, and lets nobody change it.
const NAMESPACE: &str = "kubernetes.io/metadata.name";

/// Pods with these labels in one of these namespaces; nothing where there is no namespace. Everybody may label pods of their
/// own namespace, so there is no way to let in pods of all namespaces.
pub fn pods_in<'a>(
    namespaces: impl IntoIterator<Item = &'a str>,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Option<NetworkPolicyPeer> {
    let names: BTreeSet<String> = namespaces.into_iter().map(ToString::to_string).collect();
    let mut names: Vec<_> = names.into_iter().collect();
    let namespace_selector = match names.len() {
        0 => return None,
        1 => with_labels(BTreeMap::from([(NAMESPACE.into(), names.remove(0))])),
        _ => LabelSelector {
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: NAMESPACE.into(),
                operator: "In".into(),
                values: Some(names),
            }]),
            ..Default::default()
        },
    };
    let labels = labels.into_iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    Some(NetworkPolicyPeer {
        namespace_selector: Some(namespace_selector),
        pod_selector: Some(with_labels(labels)),
        ..Default::default()
    })
}

fn with_labels(labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels: (!labels.is_empty()).then_some(labels), ..Default::default() }
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
