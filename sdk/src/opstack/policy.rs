//! `spec.networkPolicy`: who may dial the pods of an object, where the cluster's network enforces policies.

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::answer::FieldError;
use crate::kubernetes::{Sources, check_peers};

/// Who may dial the pods, where the cluster's network enforces policies. Peers of a node always may.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicySpec {
    /// Whether there is a policy: the ports with the `admin` or `miner` API are open to the operator and the
    /// components of the OP Stack only, the others to everybody.
    pub enabled: bool,
    /// Who else may reach the ports with the `admin` or `miner` API.
    #[schemars(schema_with = "peers")]
    pub also_from: Vec<NetworkPolicyPeer>,
    /// Who may reach the metrics, such as the namespace that monitors; everybody where empty.
    #[schemars(schema_with = "peers")]
    pub metrics_from: Vec<NetworkPolicyPeer>,
}

impl Default for NetworkPolicySpec {
    fn default() -> Self {
        Self { enabled: true, also_from: vec![], metrics_from: vec![] }
    }
}

impl NetworkPolicySpec {
    /// The entries that name nobody.
    pub fn errors(&self) -> impl Iterator<Item = FieldError> {
        let also = check_peers("spec.networkPolicy.alsoFrom", &self.also_from);
        also.into_iter().chain(check_peers("spec.networkPolicy.metricsFrom", &self.metrics_from))
    }

    /// Who may reach the metrics.
    pub fn metrics_sources(&self) -> Sources {
        if self.metrics_from.is_empty() { Sources::Anywhere } else { Sources::Peers(self.metrics_from.clone()) }
    }
}

/// The entries of a NetworkPolicy's `from`.
fn peers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    })
}
