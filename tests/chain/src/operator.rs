//! The operator, as its users install it.

use std::path::Path;

use anyhow::Result;
use chart::Helm;
use cluster::images;
use serde_json::{Value, json};

/// Where it runs.
pub const NAMESPACE: &str = "opstack-system";

/// What differs from the chart's own values: the image that is made here.
pub fn values() -> Value {
    let image = images::name("opstack", env!("CARGO_PKG_VERSION"));
    let (repository, tag) = image.rsplit_once(':').unwrap_or((&image, ""));
    json!({ "image": { "repository": repository, "tag": tag } })
}

/// Installs the chart, or brings it to these values, and waits until its replicas are ready and its plugins serve.
pub(crate) fn install(kubeconfig: &Path) -> Result<()> {
    Helm::find()?.release(kubeconfig, NAMESPACE).apply(&values()).map(drop)
}
