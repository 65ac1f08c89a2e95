//! The claims of a StatefulSet that is made anew: they grow, and they never go with it.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Api, Patch, PatchParams};
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
    let replicas = live["spec"]["replicas"].as_i64().unwrap_or(1);
    for (template, size) in templates(&child.object) {
        if templates(live).filter(|(old, _)| *old == template).all(|(_, old)| old == size) {
            continue;
        }
        let patch = Patch::Merge(json!({"spec": {"resources": {"requests": {"storage": size}}}}));
        for name in (0..replicas).map(|ordinal| name(child, template, ordinal)) {
            match change(cx, child, &name, &patch).await? {
                Ok(true) => info!(claim = name, %size, "grew"),
                Ok(false) => {}
                Err(error) => {
                    let fault = fault_of(&error, &format!("failed to change the size of claim {name} to {size}"));
                    return Err(Fault::new(Blame::Spec, "ClaimNotResized", fault.message));
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
/// When the controller of StatefulSets does not take notice, or the API server refuses.
pub async fn release(cx: &Context, api: &Api<Watched>, child: &DesiredChild, live: &Value) -> Result<(), Fault> {
    let what = format!("failed to release the claims of {}", child.key);
    let retain = Patch::Merge(json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain"}}}));
    let answer = cx.leader.during(api.patch(&child.key.name, &PatchParams::default(), &retain)).await?;
    answer.map_err(|error| fault_of(&error, &what))?;
    // Before it has seen that, it would make itself their owner again.
    let seen = |set: Option<&Watched>| {
        set.is_none_or(|set| set.object["status"]["observedGeneration"] == set.object["metadata"]["generation"])
    };
    if timeout(SEEN_WITHIN, await_condition(api.clone(), &child.key.name, seen)).await.is_err() {
        let message = format!("{what}: the controller of StatefulSets has not seen that it is to keep them");
        return Err(Fault::new(Blame::Cluster, "ClaimsNotReleased", message));
    }
    // As the garbage collector does it for what it orphans.
    let disown = json!({"metadata": {"ownerReferences": [{"$patch": "delete", "uid": live["metadata"]["uid"]}]}});
    let disown = Patch::Strategic(disown);
    for (template, _) in templates(live) {
        // Pods that were scaled away have left claims, too.
        for name in (0..).map(|ordinal| name(child, template, ordinal)) {
            if !change(cx, child, &name, &disown).await?.map_err(|error| fault_of(&error, &what))? {
                break;
            }
        }
    }
    Ok(())
}

/// Patches a claim, and says whether it is there.
async fn change(
    cx: &Context,
    child: &DesiredChild,
    name: &str,
    patch: &Patch<Value>,
) -> Result<Result<bool, kube::Error>, Fault> {
    let claims = Api::<PersistentVolumeClaim>::namespaced(cx.hub.client.clone(), &child.key.namespace);
    Ok(match cx.leader.during(claims.patch(name, &PatchParams::default(), patch)).await? {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    })
}

/// As the controller of StatefulSets names it.
fn name(child: &DesiredChild, template: &str, ordinal: i64) -> String {
    format!("{template}-{}-{ordinal}", child.key.name)
}
