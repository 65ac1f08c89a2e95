//! The claims of a StatefulSet that is recreated: they grow, and they never go with it.
//!
//! Which claims those are is read from the claims themselves, by their owner and by their name. It is not counted: a claim in the
//! middle may be gone, ordinals may begin anywhere, and pods that were scaled away have left theirs.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::runtime::wait::await_condition;
use opstack_core::blame::{Blame, Fault};
use opstack_core::policy::DesiredChild;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;
use tracing::info;

use crate::apply::fault_of;
use crate::cache::Watched;
use crate::context::Context;

/// The controller of StatefulSets looks at a change at once; longer means that it does not run.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

/// Names of claim templates, and the sizes that they ask for.
pub fn templates(set: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let templates = set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
    templates.filter_map(|template| {
        Some((template["metadata"]["name"].as_str()?, &template["spec"]["resources"]["requests"]["storage"]))
    })
}

/// Patches the claims of a StatefulSet's pods up to the size that the new template asks for.
///
/// # Errors
/// When one does not grow.
pub async fn grow(cx: &Context, child: &DesiredChild, live: &Value) -> Result<(), Fault> {
    let differs = |template: &str, size: &Value| templates(live).any(|(old, had)| old == template && had != size);
    let changed: Vec<_> = templates(&child.object).filter(|(template, size)| differs(template, size)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let claims = all(cx, child, &format!("failed to find the claims of {}", child.key)).await?;
    for (template, size) in changed {
        let patch = Patch::Merge(json!({"spec": {"resources": {"requests": {"storage": size}}}}));
        for name in claims.iter().filter(|claim| is_made_for(claim, template, live)).map(ResourceExt::name_any) {
            match change(cx, child, &name, &patch).await? {
                Ok(true) => info!(claim = name, %size, "grew"),
                Ok(false) => {}
                Err(error) => {
                    let fault = fault_of(&error, &format!("failed to change the size of claim {name} to {size}"));
                    return Err(Fault::new(Blame::Spec, Fault::CLAIM_NOT_RESIZED, fault.message));
                }
            }
        }
    }
    Ok(())
}

/// Takes the claims of a StatefulSet out of its hands: where it is to delete them with itself, that is meant for the end of the
/// object that it is a child of, and not for a StatefulSet that takes its place.
///
/// # Errors
/// When one is still the StatefulSet's afterwards, or the API server refuses.
pub async fn release(cx: &Context, api: &Api<Watched>, child: &DesiredChild, live: &Value) -> Result<(), Fault> {
    let what = format!("failed to release the claims of {}", child.key);
    let retain = Patch::Merge(json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain"}}}));
    let answer = cx.leader.during(api.patch(&child.key.name, &PatchParams::default(), &retain)).await?;
    answer.map_err(|error| fault_of(&error, &what))?;
    // Before it has seen that, it would make itself their owner again.
    let seen = |set: Option<&Watched>| {
        set.is_none_or(|set| set.object["status"]["observedGeneration"] == set.object["metadata"]["generation"])
    };
    let not_released =
        |why: &str| Err(Fault::new(Blame::Cluster, "ClaimsNotReleased", format!("{what}: {why}; it stays meanwhile")));
    if timeout(SEEN_WITHIN, await_condition(api.clone(), &child.key.name, seen)).await.is_err() {
        return not_released("the controller of StatefulSets has not seen that it is to keep them");
    }
    // As the garbage collector does it for what it orphans.
    let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
    let disown = Patch::Strategic(json!({"metadata": {"ownerReferences": [{"$patch": "delete", "uid": uid}]}}));
    for name in owned(&all(cx, child, &what).await?, uid) {
        change(cx, child, &name, &disown).await?.map_err(|error| fault_of(&error, &what))?;
    }
    match owned(&all(cx, child, &what).await?, uid).first() {
        None => Ok(()),
        Some(name) => not_released(&format!("claim {name} would go with it")),
    }
}

/// All claims of the child's namespace: who owns one is nothing that a list could be narrowed by.
async fn all(cx: &Context, child: &DesiredChild, what: &str) -> Result<Vec<PersistentVolumeClaim>, Fault> {
    let claims = claims(cx, child).list(&ListParams::default()).await;
    Ok(claims.map_err(|error| fault_of(&error, what))?.items)
}

/// Names of the claims that go with the owner of this uid.
fn owned(claims: &[PersistentVolumeClaim], uid: &str) -> Vec<String> {
    let is_owned = |claim: &&PersistentVolumeClaim| claim.owner_references().iter().any(|owner| owner.uid == uid);
    claims.iter().filter(is_owned).map(ResourceExt::name_any).collect()
}

/// Whether the controller of StatefulSets made a claim from a template for a pod of this set, be the pod there or not: it is
/// named after template, set and ordinal, and labelled as the set's selector asks
/// (Kubernetes v1.36.1, `pkg/controller/statefulset/stateful_set_utils.go`, `getPersistentVolumeClaims`).
fn is_made_for(claim: &PersistentVolumeClaim, template: &str, set: &Value) -> bool {
    let name = claim.name_any();
    let set_name = set["metadata"]["name"].as_str().unwrap_or_default();
    let ordinal = name.strip_prefix(template).and_then(|rest| rest.strip_prefix('-')).and_then(|rest| {
        let rest = rest.strip_prefix(set_name)?;
        rest.strip_prefix('-')
    });
    let is_ordinal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let labels = set["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    let has = |(label, value): (&String, &Value)| claim.labels().get(label).map(String::as_str) == value.as_str();
    ordinal.is_some_and(is_ordinal) && labels.into_iter().all(has)
}

fn claims(cx: &Context, child: &DesiredChild) -> Api<PersistentVolumeClaim> {
    Api::namespaced(cx.hub.client.clone(), &child.key.namespace)
}

/// Patches a claim, and says whether it is there.
async fn change(
    cx: &Context,
    child: &DesiredChild,
    name: &str,
    patch: &Patch<Value>,
) -> Result<Result<bool, kube::Error>, Fault> {
    Ok(match cx.leader.during(claims(cx, child).patch(name, &PatchParams::default(), patch)).await? {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(name: &str, owner: Option<&str>, app: &str) -> PersistentVolumeClaim {
        let owners: Vec<_> = owner
            .iter()
            .map(|uid| json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "node", "uid": uid}))
            .collect();
        let metadata = json!({"name": name, "labels": {"app": app}, "ownerReferences": owners});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    #[test]
    fn claims_are_found_by_owner_whatever_ordinals_there_are() {
        let claims = [
            claim("data-node-0", Some("one"), "node"),
            claim("data-node-2", Some("one"), "node"),
            claim("data-node-3", Some("another"), "node"),
            claim("data-node-4", None, "node"),
        ];
        assert_eq!(owned(&claims, "one"), ["data-node-0", "data-node-2"]);
    }

    #[test]
    fn claims_are_grown_by_their_name_and_labels() {
        let set = json!({"metadata": {"name": "node"}, "spec": {"selector": {"matchLabels": {"app": "node"}}}});
        let is = |name: &str, app: &str| is_made_for(&claim(name, None, app), "data", &set);
        assert!(is("data-node-0", "node") && is("data-node-17", "node"));
        for (name, app) in [
            ("data-node-0", "stranger"),
            ("data-node-", "node"),
            ("data-node-0-0", "node"),
            ("data-nodes-0", "node"),
            ("more-node-0", "node"),
            ("data-node-x", "node"),
        ] {
            assert!(!is(name, app), "{name} {app}");
        }
    }
}
