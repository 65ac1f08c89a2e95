//! The operator, as its users install it.

use std::path::Path;

use anyhow::Result;
use chart::Helm;
use cluster::images;
use serde_json::{Value, json};

/// Where it runs.
pub const NAMESPACE: &str = "opstack-system";

/// The port of its page for browsers, on the loopback of its Pods.
pub const PAGE: u16 = 8081;

/// What differs from the chart's own values: the image that is made here, and a page.
pub fn values() -> Value {
    let image = images::name("opstack", env!("CARGO_PKG_VERSION"));
    let (repository, tag) = image.rsplit_once(':').unwrap_or((&image, ""));
    json!({ "image": { "repository": repository, "tag": tag }, "extraArgs": [format!("--page=127.0.0.1:{PAGE}")] })
}

/// Installs the chart, or brings it to these values, and waits until its replicas are ready and its plugins serve.
pub(crate) fn install(kubeconfig: &Path) -> Result<()> {
    Helm::find()?.release(kubeconfig, NAMESPACE).apply(&values()).map(drop)
}
