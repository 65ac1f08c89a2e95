//! The cluster in which is measured, and raw access to it.

use anyhow::Context as _;
use control_plane::{AuditLevel, Options};
use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use serde_json::Value;
use suite::{Operator, Site, plugins};

/// An operator with all seven plugins.
pub struct Cluster {
    /// The control plane. Without controllers: what they do is not ours to measure.
    pub site: Site,
    /// The operator's process.
    pub operator: Operator,
    /// A client that is not the operator's.
    pub client: Client,
}

/// The plugins of a whole chain.
const PLUGINS: [&str; 7] = ["op-network", "op-node", "op-batcher", "op-proposer", "op-challenger", "reth", "geth"];

/// It keeps the lease while it is held still, and logs what it logs by default.
const ARGUMENTS: [&str; 2] = ["--log-filter=info", "--lease-duration=60"];

impl Cluster {
    /// Starts a cluster, an operator and its plugins.
    pub fn start(runtime: &tokio::runtime::Runtime) -> anyhow::Result<Self> {
        let site = Site::start_with(Options { controllers: false, ..Options::audited(AuditLevel::Metadata) });
        let operator = Operator::start_with(&site, &ARGUMENTS);
        for name in PLUGINS {
            site.install(&plugins::pack(&plugins::module("plugins", name)));
        }
        // Fails only if it was chosen before, by the same choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = kube::config::Kubeconfig::read_from(site.plane.kubeconfig_path())?;
        let client = runtime.block_on(async {
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await?;
            anyhow::Ok(Client::try_from(config)?)
        })?;
        Ok(Self { site, operator, client })
    }
}

/// Sends a request with a JSON body.
pub async fn send(client: &Client, method: &str, path: &str, kind: &str, body: &Value) -> anyhow::Result<Value> {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", kind)
        .body(serde_json::to_vec(body)?)?;
    client.request::<Value>(request).await.with_context(|| format!("{method} {path}"))
}

/// Makes objects, so many at once.
pub async fn create(client: &Client, path: &str, objects: Vec<Value>, at_once: usize) -> anyhow::Result<()> {
    stream::iter(objects)
        .map(|object| async move { send(client, "POST", path, "application/json", &object).await.map(|_| ()) })
        .buffer_unordered(at_once)
        .try_collect()
        .await
}

/// Applies objects by server-side apply, so many at once.
pub async fn apply(client: &Client, objects: &[(String, Value)], at_once: usize) -> anyhow::Result<()> {
    stream::iter(objects)
        .map(|(path, object)| async move {
            let path = format!("{path}?fieldManager=raw&force=true");
            send(client, "PATCH", &path, "application/apply-patch+yaml", object).await.map(|_| ())
        })
        .buffer_unordered(at_once)
        .try_collect()
        .await
}

/// Merges patches into objects, so many at once.
pub async fn merge(client: &Client, patches: &[(String, Value)], at_once: usize) -> anyhow::Result<()> {
    stream::iter(patches)
        .map(|(path, patch)| async move {
            send(client, "PATCH", path, "application/merge-patch+json", patch).await.map(|_| ())
        })
        .buffer_unordered(at_once)
        .try_collect()
        .await
}
