//! Secrets that the host generates: once, and never again.
//!
//! One that exists gets a key that it lacks only if it is the owner's; another's is never written. One that a person made with
//! all the keys serves as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::api::{Api, Patch, PatchParams, PostParams};
use opstack_core::answer::{GeneratedSecret, Recipe};
use opstack_core::blame::{Blame, Fault};
use opstack_core::ids::{GroupKind, Gvk, OWNER_ANNOTATION, ObjectKey, POLICY_ANNOTATION, PluginName};
use opstack_core::inventory::Live;
use rand::TryRngCore;
use rand::rngs::OsRng;
use serde_json::{Map, Value, json};
use tracing::info;

use crate::apply::fault_of;
use crate::cache::Watched;
use crate::context::Context;
use crate::deps::Lookup;

/// Makes what is missing of the given Secrets, and follows them. True if anything was made, or was there and not read before: then
/// the answer may depend on it. Those of a new object are not read before: it has none, as a rule.
///
/// # Errors
/// When a Secret is asked for outside the owner's namespace, one of that name is somebody else's, or the API server refuses.
pub async fn ensure(
    cx: &Context,
    owner: &ObjectKey,
    plugin: &PluginName,
    secrets: &[GeneratedSecret],
    is_new: bool,
) -> Result<bool, Fault> {
    if secrets.is_empty() {
        return Ok(false);
    }
    if let Some(secret) = secrets.iter().find(|secret| secret.namespace != *owner.namespace) {
        let message = format!(
            "the generated Secret {} is in the namespace {:?} and not in its owner's",
            secret.name, secret.namespace
        );
        return Err(Fault::plugin("OtherNamespace", message));
    }
    let mut unread = cx.hub.unread(&lookups(secrets));
    if !is_new {
        // Whether a key is there is judged by its facts: a Secret that was not read yet would seem empty.
        cx.hub.named.read(&cx.hub, &unread).await?;
        unread.clear();
    }
    let ensured = ensure_all(cx, owner, plugin, secrets, &unread).await;
    // Whatever came of it: a refusal ends when somebody mends the Secret.
    follow(cx, owner, secrets);
    ensured
}

async fn ensure_all(
    cx: &Context,
    owner: &ObjectKey,
    plugin: &PluginName,
    secrets: &[GeneratedSecret],
    unread: &[ObjectKey],
) -> Result<bool, Fault> {
    let mut changed = false;
    for secret in secrets {
        let key = key_of(secret);
        // One that was not read seems not to be there, and making it tells.
        changed |= match ensure_one(cx, owner, plugin, secret).await {
            Err(fault) if fault.reason == CONFLICT && unread.contains(&key) => {
                cx.hub.named.read(&cx.hub, &[key]).await?;
                ensure_one(cx, owner, plugin, secret).await?;
                true
            }
            ensured => ensured?,
        };
    }
    Ok(changed)
}

/// Reason of a fault: a Secret is not as it was known.
const CONFLICT: &str = "Conflict";

/// Wakes the owner when one of its Secrets changes: a key that somebody removes is made again, and one that was refused because of
/// its name serves once it is mended.
pub fn follow(cx: &Context, owner: &ObjectKey, secrets: &[GeneratedSecret]) {
    cx.hub.depend(owner, lookups(secrets));
}

fn lookups(secrets: &[GeneratedSecret]) -> Vec<Lookup> {
    secrets.iter().map(|secret| Lookup::Object(key_of(secret))).collect()
}

/// The Secret's key.
pub fn key_of(secret: &GeneratedSecret) -> ObjectKey {
    ObjectKey::new(GroupKind::new("", "Secret"), &secret.namespace, &secret.name)
}

async fn ensure_one(
    cx: &Context,
    owner: &ObjectKey,
    plugin: &PluginName,
    secret: &GeneratedSecret,
) -> Result<bool, Fault> {
    let key = key_of(secret);
    let known = cx.hub.cache.get(&key);
    let facts = known.as_ref().map(|entry| entry.parsed()["facts"].clone()).unwrap_or(Value::Null);
    let missing: Vec<_> = secret.entries.iter().filter(|(entry, _)| facts[entry.as_str()].is_null()).collect();
    if let Some(known) = &known {
        check_taken(&key, &known.live, owner, &missing)?;
        if missing.is_empty() {
            return Ok(false);
        }
    }
    let mut data = Map::new();
    for (entry, recipe) in missing {
        data.insert(entry.clone(), generate(*recipe)?.into());
    }
    let api = crate::apply::api_of(cx, &Gvk::new("", "v1", "Secret"), &secret.namespace)?;
    let write = async {
        let Some(entry) = known else { return create(&api, owner, plugin, secret, &data).await };
        // Keys that are there stay: a merge touches only what it names.
        let version = entry.resource_version.to_string();
        let patch = json!({"metadata": {"resourceVersion": version}, "stringData": data});
        api.patch(&secret.name, &PatchParams::default(), &Patch::Merge(patch)).await
    };
    let writing = cx.hub.writing(&key, Some(owner.clone()));
    let answer = cx.leader.during(write).await?;
    cx.metrics.write("secret", answer.is_ok());
    match answer {
        Ok(made) => {
            info!(secret = %key, "generated");
            writing.answered(made.object);
            cx.hub.named.written(&key);
            Ok(true)
        }
        // Somebody was faster, or it is read too long ago.
        Err(kube::Error::Api(status)) if status.code == 409 => {
            cx.hub.named.doubt(&key);
            Err(Fault::new(Blame::Cluster, CONFLICT, format!("{key} changed while it was made")))
        }
        Err(error) => Err(fault_of(&unquoted(error, &data), &format!("failed to make {key}"))),
    }
}

/// Whether a Secret that exists may serve an owner, which needs these keys besides those that are there.
fn check_taken(key: &ObjectKey, live: &Live, owner: &ObjectKey, missing: &[&(String, Recipe)]) -> Result<(), Fault> {
    let whose = match &live.owner {
        Some(known) if known == owner => return Ok(()),
        Some(other) => format!("is owned by {other}, and a key is nobody's but its owner's"),
        None if missing.is_empty() => return Ok(()),
        None => {
            let names: Vec<_> = missing.iter().map(|(name, _)| name.as_str()).collect();
            format!("was not made by this operator, and lacks {}", names.join(", "))
        }
    };
    Err(Fault::new(
        Blame::Spec,
        "NameTaken",
        format!(
            "{key} exists and {whose}; it is left alone. Move it away, give it the keys that it lacks, or rename {owner}"
        ),
    ))
}

/// What the API server said, unless it says a value: an admission policy may quote what it refuses.
fn unquoted(error: kube::Error, data: &Map<String, Value>) -> kube::Error {
    let kube::Error::Api(mut status) = error else { return error };
    let quotes = |value: &str| status.message.contains(value) || status.message.contains(&STANDARD.encode(value));
    if data.values().filter_map(Value::as_str).any(quotes) {
        status.message = "the API server's words quote the value, and are withheld".into();
    }
    kube::Error::Api(status)
}

async fn create(
    api: &Api<Watched>,
    owner: &ObjectKey,
    plugin: &PluginName,
    secret: &GeneratedSecret,
    data: &Map<String, Value>,
) -> Result<Watched, kube::Error> {
    let labels: Map<_, _> =
        secret.labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    let object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": secret.name,
            "namespace": secret.namespace,
            "labels": labels,
            // No owner reference: whoever deletes the owner may want the identity back.
            "annotations": {OWNER_ANNOTATION: owner.to_string(), POLICY_ANNOTATION: "retain"},
        },
        "stringData": data,
    });
    let params = PostParams { field_manager: Some(plugin.field_manager()), ..PostParams::default() };
    let body = serde_json::to_vec(&object).map_err(kube::Error::SerdeError)?;
    let request =
        kube::core::Request::new(api.resource_url()).create(&params, body).map_err(kube::Error::BuildRequest)?;
    api.clone().into_client().request::<Watched>(request).await
}

fn generate(recipe: Recipe) -> Result<String, Fault> {
    loop {
        let mut bytes = [0u8; 32];
        OsRng
            .try_fill_bytes(&mut bytes)
            .map_err(|error| Fault::new(Blame::Host, "NoRandomness", format!("failed to get random bytes: {error}")))?;
        // All but one in 2^128 are valid keys.
        if recipe == Recipe::Hex32 || k256::SecretKey::from_slice(&bytes).is_ok() {
            return Ok(hex::encode(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_somebody_else_gets_no_key_and_gives_none() {
        let [owner, other, key]: [ObjectKey; 3] =
            ["OpNode.optimism.io/ns/a", "OpNode.optimism.io/ns/b", "Secret/ns/a-jwt"].map(|key| key.parse().unwrap());
        let missing = ("jwt".to_string(), Recipe::Hex32);
        let live = |owner: Option<&ObjectKey>| Live { owner: owner.cloned(), ..Live::default() };
        let judge = |live: &Live, missing: &[&(String, Recipe)]| check_taken(&key, live, &owner, missing);
        for missing in [&[][..], &[&missing]] {
            assert_eq!(judge(&live(Some(&owner)), missing), Ok(()));
            let fault = judge(&live(Some(&other)), missing).unwrap_err();
            assert_eq!((fault.blame, fault.reason), (Blame::Spec, "NameTaken"), "two objects never share a key");
        }
        assert_eq!(judge(&live(None), &[]), Ok(()), "a person made it, whole");
        let fault = judge(&live(None), &[&missing]).unwrap_err();
        assert!(fault.reason == "NameTaken" && fault.message.contains("lacks jwt"), "{fault}");
    }
}
