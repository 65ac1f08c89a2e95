//! Objects that are little more than their metadata.

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use std::collections::BTreeMap;

use super::App;

/// An account for the pods of one workload. They get no token: nothing in the OP Stack talks to Kubernetes.
pub fn service_account(app: &App) -> ServiceAccount {
    ServiceAccount { metadata: app.metadata(), automount_service_account_token: Some(false), ..Default::default() }
}

/// A ConfigMap named `<instance>-<suffix>`.
pub fn config_map<'a>(app: &App, suffix: &str, data: impl IntoIterator<Item = (&'a str, String)>) -> ConfigMap {
    let data: BTreeMap<_, _> = data.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    ConfigMap { metadata: app.metadata_with(suffix), data: Some(data), ..Default::default() }
}
