//! Where a component's bytes come from.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::Api;
use opstack_core::blame::{Blame, Fault};

use super::object::{ConfigMapSource, Source};

/// Names under which a ConfigMap holds a component.
pub const KEYS: [&str; 2] = ["plugin.wasm", "plugin.wasm.zst"];

/// Fetches the bytes of a component.
///
/// # Errors
/// What is missing, and how to mend it.
pub async fn fetch(client: &Client, source: &Source, operator_namespace: &str) -> Result<Vec<u8>, Fault> {
    match (&source.config_map, &source.path) {
        (Some(config_map), None) => from_config_map(client, config_map, operator_namespace).await,
        (None, Some(path)) => tokio::fs::read(path).await.map_err(|error| {
            unavailable(format!("failed to read {path}, the spec.source.path of the Plugin: {error}"))
        }),
        _ => Err(Fault::new(Blame::Spec, "InvalidSpec", "spec.source must hold exactly one of configMap and path")),
    }
}

fn unavailable(message: String) -> Fault {
    Fault::new(Blame::Cluster, "SourceUnavailable", message)
}

async fn from_config_map(
    client: &Client,
    source: &ConfigMapSource,
    operator_namespace: &str,
) -> Result<Vec<u8>, Fault> {
    let namespace = source.namespace.as_deref().unwrap_or(operator_namespace);
    let name = &source.name;
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let config_map = api
        .get_opt(name)
        .await
        .map_err(|error| unavailable(format!("failed to read ConfigMap {namespace}/{name}: {error}")))?
        .ok_or_else(|| unavailable(format!("ConfigMap {namespace}/{name} does not exist")))?;
    let mut data = config_map.binary_data.unwrap_or_default();
    let wanted: Vec<&str> = source.key.as_deref().map_or_else(|| KEYS.to_vec(), |key| vec![key]);
    wanted.iter().find_map(|key| data.remove(*key)).map(|bytes| bytes.0).ok_or_else(|| {
        unavailable(format!("ConfigMap {namespace}/{name} has no binaryData key {}", wanted.join(" or ")))
    })
}
