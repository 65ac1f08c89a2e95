//! References from one object to another, and the facts of the Secrets they name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use crate::answer::Failure;
use crate::cluster::{Context, kind_of};

/// Another object, in the same namespace unless told otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the object; that of the referring object where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl Reference {
    /// The namespace meant, seen from an object in `own`.
    pub fn namespace<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or(own)
    }
}

/// One key of a Secret. A pod can read the Secrets of its own namespace only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key inside the Secret.
    #[schemars(length(min = 1))]
    pub key: String,
}

/// A value that lives in a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FromSecret {
    /// Where the value is.
    pub secret_key_ref: SecretKeyRef,
}

/// One key of a ConfigMap in the namespace of the referring object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key inside the ConfigMap.
    #[schemars(length(min = 1))]
    pub key: String,
}

/// What the host tells about one value of a Secret: see `cluster.get` of the contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretFacts {
    /// Length in bytes.
    pub length: u64,
    /// Whether it is 32 bytes in hexadecimal.
    pub hex32: bool,
    /// Ethereum address of the value as a secp256k1 key.
    pub address: Option<String>,
    /// libp2p peer id of the value as a secp256k1 key.
    pub peer_id: Option<String>,
    /// Changes when the value does; safe to show.
    pub fingerprint: String,
}

#[derive(Deserialize)]
struct SecretView {
    #[serde(default)]
    facts: BTreeMap<String, SecretFacts>,
}

/// The facts of one key of a Secret.
///
/// # Errors
/// `waiting` when the Secret or the key does not exist; names it, and the keys that exist.
pub fn secret_facts(cx: &Context<'_>, namespace: &str, secret: &SecretKeyRef) -> Result<SecretFacts, Failure> {
    let SecretKeyRef { name, key } = secret;
    let mut view: SecretView = cx.require(&kind_of::<Secret>(), namespace, name)?;
    view.facts.remove(key).ok_or_else(|| {
        let keys: Vec<_> = view.facts.keys().map(String::as_str).collect();
        let there = if keys.is_empty() { "it is empty".into() } else { format!("it holds {}", keys.join(", ")) };
        Failure::waiting(format!("key {key} in Secret {namespace}/{name}, which is missing ({there})"))
    })
}

/// The text under one key of a ConfigMap.
///
/// # Errors
/// `waiting` when the ConfigMap or the key does not exist; names it.
pub fn config_map_text(cx: &Context<'_>, namespace: &str, name: &str, key: &str) -> Result<String, Failure> {
    let map = cx
        .built_in::<ConfigMap>(namespace, name)?
        .ok_or_else(|| Failure::waiting(format!("ConfigMap {namespace}/{name}, which does not exist")))?;
    map.data
        .and_then(|mut data| data.remove(key))
        .ok_or_else(|| Failure::waiting(format!("key {key} in ConfigMap {namespace}/{name}, which is missing")))
}
