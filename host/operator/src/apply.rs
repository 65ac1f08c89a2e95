//! The writes of a plan: server-side apply under the plugin's field manager, and deletes of what is no longer wanted.

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::Status;
use opstack_core::answer::Policy;
use opstack_core::blame::{Blame, Fault};
use opstack_core::document;
use opstack_core::ids::{Gvk, OWNER_ANNOTATION, ObjectKey, PluginName};
use opstack_core::inventory::{Baseline, Live};
use opstack_core::plan::{Plan, Step};
use opstack_core::policy::{Desired, DesiredChild};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use tracing::{debug, info};

use crate::cache::Watched;
use crate::context::Context;
use crate::replace;

/// Writes of one wave go out side by side, up to so many.
const AT_ONCE: usize = 4;

/// Children that were applied, with the hash of our fields as the API server answered.
#[derive(Default)]
pub struct Applied(Mutex<Vec<(ObjectKey, Box<str>)>>);

impl Applied {
    fn note(&self, child: &ObjectKey, answer: &Value, plugin: &PluginName) {
        let live = Live::of(answer, false);
        if let Some(fields) = live.fields_of(&plugin.field_manager()) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((child.clone(), fields.into()));
        }
    }

    /// Enters them into a baseline.
    pub fn enter(self, baseline: &mut Baseline) {
        baseline.0.extend(self.0.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Carries a plan out, wave by wave.
///
/// # Errors
/// The first failure; what was applied before stays, and is noted, so that the next plan has only the rest to do.
pub async fn apply(
    cx: &Context,
    plugin: &PluginName,
    desired: &Desired,
    plan: &Plan,
    applied: &Applied,
) -> Result<(), Fault> {
    for wave in &plan.waves {
        let mut writes: Vec<BoxFuture<'_, Result<(), Fault>>> = Vec::with_capacity(wave.len());
        for step in wave {
            match step {
                Step::Apply(index) => {
                    writes.extend(
                        desired.children.get(*index).map(|child| apply_child(cx, plugin, child, applied).boxed()),
                    );
                }
                Step::Prune { key, uid } => writes.push(prune(cx, key, uid).boxed()),
            }
        }
        all(writes).await?;
    }
    Ok(())
}

async fn apply_child(cx: &Context, plugin: &PluginName, child: &DesiredChild, applied: &Applied) -> Result<(), Fault> {
    let api = api_of(cx, &child.gvk, &child.key.namespace)?;
    match server_side_apply(cx, &api, plugin, child, applied).await {
        Err(Refused::Immutable(why)) => {
            info!(child = %child.key, why, "replacing an object whose change the API server does not take in place");
            replace::replace(cx, &api, plugin, child, &why, applied).await
        }
        Err(Refused::Fault(fault)) => Err(fault),
        Ok(()) => Ok(()),
    }
}

/// Why a write was refused.
pub enum Refused {
    /// An immutable field would change.
    Immutable(String),
    /// Anything else.
    Fault(Fault),
}

/// One server-side apply. The answer enters the cache.
///
/// # Errors
/// What the API server says, with its blame.
pub async fn server_side_apply(
    cx: &Context,
    api: &Api<Watched>,
    plugin: &PluginName,
    child: &DesiredChild,
    applied: &Applied,
) -> Result<(), Refused> {
    let params = PatchParams::apply(&plugin.field_manager()).force();
    let Some(object) = written(cx, child) else { return Ok(()) };
    let patch = Patch::Apply(document(&object));
    let owner = child.object["metadata"]["annotations"][OWNER_ANNOTATION].as_str().and_then(|owner| owner.parse().ok());
    let writing = cx.hub.writing(&child.key, owner);
    let answer = cx.leader.during(api.patch(&child.key.name, &params, &patch)).await.map_err(Refused::Fault)?;
    cx.metrics.write("apply", answer.is_ok());
    match answer {
        Ok(answer) => {
            debug!(child = %child.key, "applied");
            applied.note(&child.key, &answer.object, plugin);
            writing.answered(answer.object);
            Ok(())
        }
        Err(kube::Error::Api(status)) if is_immutable(&status) => Err(Refused::Immutable(status.message.clone())),
        Err(error) => Err(Refused::Fault(fault_of(&error, &format!("failed to apply {}", child.key)))),
    }
}

/// What is sent. A patch names the life of the object that it is for, so that it neither makes one that is gone nor changes
/// one that was made anew; it is nothing when there is none.
fn written<'a>(cx: &Context, child: &'a DesiredChild) -> Option<Cow<'a, Value>> {
    if child.policy != Policy::Patch {
        return Some(Cow::Borrowed(&child.object));
    }
    let live = cx.hub.cache.get(&child.key)?;
    let mut object = child.object.clone();
    document::set(&mut object, &["metadata"], "uid", live.live.uid.as_ref()).then_some(Cow::Owned(object))
}

/// A document as readers of both JSON and YAML take it: the API server reads server-side apply as YAML, which refuses characters
/// that JSON lets stand in a text, such as a byte order mark.
pub fn document(object: &Value) -> Box<RawValue> {
    let refused =
        |c: char| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    let mut text = object.to_string();
    if text.contains(refused) {
        // They stand in texts only, where they may be written by their number.
        let escaped = |c: char| if refused(c) { format!("\\u{:04x}", u32::from(c)) } else { c.into() };
        text = text.chars().map(escaped).collect();
    }
    // It is JSON in either case.
    RawValue::from_string(text).unwrap_or_default()
}

fn is_immutable(status: &Status) -> bool {
    let says = |text: &str| status.message.contains(text);
    status.code == 422 && (says("field is immutable") || says("Forbidden: updates to") || says("may not be changed"))
}

/// Deletes a child that is no longer wanted.
///
/// # Errors
/// As [`delete`].
pub async fn prune(cx: &Context, key: &ObjectKey, uid: &str) -> Result<(), Fault> {
    let Some(gvk) = cx.hub.gvk_of(&key.kind) else { return Ok(()) };
    let api = api_of(cx, &gvk, &key.namespace)?;
    delete(cx, &api, key, uid).await
}

/// Deletes an object if it is still in the same life. Its own children follow in the background.
///
/// # Errors
/// What the API server says; an object that is gone already is no error.
pub async fn delete(cx: &Context, api: &Api<Watched>, key: &ObjectKey, uid: &str) -> Result<(), Fault> {
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.to_string()), resource_version: None }),
        ..DeleteParams::background()
    };
    let owner = cx.hub.cache.get(key).and_then(|entry| entry.live.owner.clone());
    let writing = cx.hub.writing(key, owner);
    let answer = cx.leader.during(api.delete(&key.name, &params)).await?;
    cx.metrics.write("delete", answer.is_ok());
    match answer {
        Ok(deletion) => {
            // Of some kinds the answer is the object even where it is gone.
            match deletion.left().filter(|object| !object.object["metadata"]["deletionTimestamp"].is_null()) {
                // It waits for finalizers or a grace period.
                Some(leaving) => writing.answered(leaving.object),
                None => writing.gone(uid),
            }
            info!(child = %key, "deleted");
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        // A conflict may mean that somebody made another of the same name, which is not ours to delete. The cache will tell.
        Err(error) => Err(fault_of(&error, &format!("failed to delete {key}"))),
    }
}

/// The API of a kind in a namespace.
///
/// # Errors
/// When the kind is not served.
pub fn api_of(cx: &Context, gvk: &Gvk, namespace: &str) -> Result<Api<Watched>, Fault> {
    let served =
        cx.hub.kinds.get(gvk).ok_or_else(|| {
            Fault::new(Blame::Cluster, "KindNotServed", format!("the API server does not serve {gvk}"))
        })?;
    Ok(Api::namespaced_with(cx.hub.client.clone(), namespace, &served.resource))
}

/// An API server's refusal with its blame.
pub fn fault_of(error: &kube::Error, what: &str) -> Fault {
    let (blame, reason, why) = match error {
        kube::Error::Api(status) => {
            let (blame, reason) = match status.code {
                400 | 422 if is_taken(status) => (Blame::Cluster, "Taken"),
                400 | 422 if is_denied(status) => (Blame::Cluster, "Denied"),
                400 | 422 => (Blame::Plugin, Fault::REJECTED),
                403 if status.message.contains("PodSecurity") => (Blame::Cluster, "PodSecurity"),
                403 if status.message.contains("exceeded quota") => (Blame::Cluster, "QuotaExceeded"),
                401 | 403 => (Blame::Cluster, "Forbidden"),
                409 => (Blame::Cluster, "Conflict"),
                429 => (Blame::Cluster, "Throttled"),
                404 => (Blame::Cluster, "NotFound"),
                _ => (Blame::Cluster, "ApiError"),
            };
            (blame, reason, status.message.clone())
        }
        error => (Blame::Cluster, "Unreachable", error.to_string()),
    };
    Fault::new(blame, reason, format!("{what}: {why}"))
}

/// What the API server says where an object is valid and asks for what only one can have, or for what this cluster does not
/// have: a port of nodes, an address of a Service (Kubernetes v1.36.1, `pkg/registry/core/service`).
const TAKEN: [&str; 3] = ["already allocated", "failed to allocate", "is not in the valid range"];

fn is_taken(status: &Status) -> bool {
    says(status, &TAKEN)
}

/// What it says where a rule of this cluster refuses an object: a webhook, a policy.
const DENIED: [&str; 2] = ["admission webhook", "AdmissionPolicy"];

fn is_denied(status: &Status) -> bool {
    says(status, &DENIED)
}

/// Whether a refusal, or one of its causes, holds one of these words.
fn says(status: &Status, words: &[&str]) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes).map(|cause| cause.message.as_str());
    causes.chain([status.message.as_str()]).any(|said| words.iter().any(|word| said.contains(word)))
}

/// Runs futures of writes to many objects, a few at once. After a failure none is begun, but those under way are waited for:
/// given up, they would be carried out all the same, and nobody would hear of it.
///
/// # Errors
/// The first failure.
pub async fn all(writes: Vec<BoxFuture<'_, Result<(), Fault>>>) -> Result<(), Fault> {
    let mut waiting = writes.into_iter();
    let mut under_way: FuturesUnordered<_> = waiting.by_ref().take(AT_ONCE).collect();
    let mut failure = None;
    while let Some(outcome) = under_way.next().await {
        match outcome {
            Ok(()) if failure.is_none() => under_way.extend(waiting.next()),
            Ok(()) => {}
            Err(fault) => _ = failure.get_or_insert(fault),
        }
    }
    failure.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opstack_core::conditions::Standing;
    use opstack_core::requeue::{self, Requeue};

    /// What an API server answered, word for word.
    fn refusal(message: &str) -> Fault {
        let status = Status::failure(message, "Invalid").with_code(422);
        fault_of(&kube::Error::Api(status.boxed()), "failed to apply Service/ns/node")
    }

    #[test]
    fn what_another_object_has_is_the_clusters_and_tried_again() {
        for (message, reason) in [
            (
                "Service \"node\" is invalid: spec.ports[0].nodePort: Invalid value: 30303: provided port is already allocated",
                "Taken",
            ),
            (
                "Service \"node\" is invalid: spec.clusterIPs: Invalid value: [\"10.0.0.9\"]: failed to allocate IP 10.0.0.9: provided IP is already allocated",
                "Taken",
            ),
            (
                "Service \"node\" is invalid: spec.ports[0].nodePort: Invalid value: 9: provided port is not in the valid range. The range of valid ports is 30000-32767",
                "Taken",
            ),
            (
                "services \"node\" is forbidden: ValidatingAdmissionPolicy 'no-ports' with binding 'all' denied request: no ports",
                "Denied",
            ),
            ("admission webhook \"rules.example.org\" denied the request: not on Fridays", "Denied"),
        ] {
            let fault = refusal(message);
            assert_eq!((fault.blame, fault.reason), (Blame::Cluster, reason), "{message}");
            assert!(requeue::retried(fault.blame));
        }
    }

    #[test]
    fn what_is_invalid_by_itself_is_the_plugins_and_tried_again_after_long() {
        let fault = refusal(
            "Service \"node\" is invalid: spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535",
        );
        assert_eq!((fault.blame, fault.reason), (Blame::Plugin, Fault::REJECTED));
        let next = requeue::of(&Standing::Faulty { fault, retried: false }, None);
        assert!(matches!(next, Requeue::After(_)), "{next:?}");
    }
}
