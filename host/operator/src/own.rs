//! The operator's own objects, beside its Lease: the kind Plugin, and the key of its fingerprints.

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, ApiResource, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use opstack_core::{document, hash};
use rand::TryRngCore;
use serde_json::{Value, json};

use crate::cache::Watched;
use crate::plugins::object;

/// Installs the kind Plugin, unless it is there as it should be.
///
/// # Errors
/// When the API server refuses.
pub async fn install_kind(client: &Client) -> anyhow::Result<()> {
    let mut own: Value = serde_norway::from_str(object::CRD)?;
    let hash = hash::of_json(&own);
    document::set(&mut own, &["metadata", "annotations"], "opstack.optimism.io/desired", hash.as_str());
    let name = own["metadata"]["name"].as_str().unwrap_or_default().to_string();
    let gvk = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let api =
        Api::<Watched>::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&gvk, "customresourcedefinitions"));
    let live = api.get_opt(&name).await?;
    if live.is_some_and(|live| live.object["metadata"]["annotations"]["opstack.optimism.io/desired"] == hash.as_str()) {
        return Ok(());
    }
    api.patch(&name, &PatchParams::apply("opstack/host").force(), &Patch::Apply(&own)).await?;
    Ok(())
}

/// Name of the Secret with the key of the fingerprints.
pub const FINGERPRINT: &str = "opstack-fingerprint";

/// Key of the fingerprints.
pub struct Key {
    /// Made once, so that they outlive the process and tell nothing to who does not have it.
    pub value: [u8; 32],
    /// Whether it was made just now: no operator was in this namespace before.
    pub is_new: bool,
}

/// Gets the key of the fingerprints, or makes it.
///
/// # Errors
/// When the API server refuses, or the Secret holds something else.
pub async fn fingerprint_key(client: &Client, namespace: &str) -> anyhow::Result<Key> {
    const NAME: &str = FINGERPRINT;
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let what = || format!("failed to get the Secret {namespace}/{NAME} (does the namespace exist?)");
    for _ in 0..3 {
        if let Some(secret) = api.get_opt(NAME).await.with_context(what)? {
            let value = secret.data.and_then(|mut data| data.remove("key")).map(|value| value.0).unwrap_or_default();
            let value = <[u8; 32]>::try_from(value).map_err(|_| {
                anyhow::anyhow!(
                    "the Secret {namespace}/{NAME} holds no 32-byte value under `key`; delete it to have it made anew"
                )
            })?;
            return Ok(Key { value, is_new: false });
        }
        let mut key = [0u8; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut key).context("failed to get random bytes")?;
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": NAME, "namespace": namespace},
            "type": "Opaque",
            "data": {"key": k8s_openapi::ByteString(key.to_vec())},
        }))?;
        match api.create(&PostParams::default(), &secret).await {
            Ok(_) => return Ok(Key { value: key, is_new: true }),
            // Another replica was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(error).with_context(what),
        }
    }
    anyhow::bail!(what())
}
