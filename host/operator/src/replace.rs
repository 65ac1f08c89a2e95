//! Objects whose change the API server does not take in place are made anew.
//!
//! A StatefulSet is deleted without its pods and claims and made again, so that its pods go on and are adopted. Where it has a
//! claim template that its pods know nothing of, they go with it, since the controller of StatefulSets would try for ever to give
//! them that volume (Kubernetes v1.36.1, `pkg/controller/statefulset/stateful_pod_control.go`, `UpdateStatefulPod`). Its claims
//! are grown first where the new template asks for more; they are never made smaller, and never deleted.

use kube::api::{Api, DeleteParams, Preconditions, PropagationPolicy};
use opstack_core::answer::Policy;
use opstack_core::blame::{Blame, Fault};
use opstack_core::ids::PluginName;
use opstack_core::policy::DesiredChild;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

use crate::apply::{Applied, Refused, fault_of, server_side_apply};
use crate::cache::Watched;
use crate::context::Context;

mod claims;

/// Deletion of an object without dependents ends at once; longer means that a finalizer holds it.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Makes an object anew. `why` is what the API server said.
///
/// # Errors
/// When the object is to be retained, or the API server refuses.
pub async fn replace(
    cx: &Context,
    api: &Api<Watched>,
    plugin: &PluginName,
    child: &DesiredChild,
    why: &str,
    applied: &Applied,
) -> Result<(), Fault> {
    if child.policy != Policy::Delete {
        let message = format!("{} is retained, so it is not made anew; the change is refused: {why}", child.key);
        return Err(Fault::new(Blame::Spec, "Immutable", message));
    }
    let what = format!("failed to replace {}", child.key);
    let is_stateful = child.key.kind.kind.as_ref() == "StatefulSet";
    let live = if is_stateful {
        let live = api.get(&child.key.name).await.map_err(|error| fault_of(&error, &what))?.object;
        claims::grow(cx, child, &live).await?;
        live
    } else {
        // Of all else only the life is asked for, so no right to read it is needed.
        let known = cx.hub.cache.get(&child.key).map(|entry| entry.live.uid.to_string());
        let uid = known.ok_or_else(|| Fault::new(Blame::Cluster, "Gone", format!("{what}: it is gone")))?;
        json!({"metadata": {"uid": uid}})
    };
    let propagation = if !is_stateful {
        PropagationPolicy::Background
    } else if pods_fit(&live, &child.object) {
        PropagationPolicy::Orphan
    } else {
        claims::release(cx, api, child, &live).await?;
        // The next one is made when the pods are gone: it could not make any of their names before.
        PropagationPolicy::Foreground
    };
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: live["metadata"]["uid"].as_str().map(ToString::to_string),
            resource_version: None,
        }),
        propagation_policy: Some(propagation),
        ..DeleteParams::default()
    };
    let answer = cx.leader.during(api.delete(&child.key.name, &params)).await?;
    cx.metrics.write("replace", answer.is_ok());
    answer.map_err(|error| fault_of(&error, &what))?;
    let name = child.key.name.to_string();
    let gone = kube::runtime::wait::await_condition(api.clone(), &name, |object: Option<&Watched>| object.is_none());
    if timeout(GONE_WITHIN, gone).await.is_err() {
        return Err(Fault::new(
            Blame::Cluster,
            "Terminating",
            format!("{} is being deleted to be made anew", child.key),
        ));
    }
    match server_side_apply(cx, api, plugin, child, applied).await {
        Ok(()) => Ok(()),
        Err(Refused::Immutable(why)) => Err(Fault::new(Blame::Cluster, "Immutable", format!("{what}: {why}"))),
        Err(Refused::Fault(fault)) => Err(fault),
    }
}

/// Whether the pods of a StatefulSet have a volume for each claim template of the one that takes its place.
fn pods_fit(live: &Value, wanted: &Value) -> bool {
    claims::templates(wanted).all(|(name, _)| claims::templates(live).any(|(known, _)| known == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_go_on_unless_a_volume_is_new_to_them() {
        let set = |names: &[&str]| {
            let templates: Vec<_> = names.iter().map(|name| json!({"metadata": {"name": name}})).collect();
            json!({"spec": {"volumeClaimTemplates": templates}})
        };
        let live = set(&["data", "more"]);
        assert!(pods_fit(&live, &live));
        assert!(pods_fit(&live, &set(&["data"])), "a volume that is not asked for any more is in nobody's way");
        assert!(pods_fit(&live, &json!({"spec": {}})));
        assert!(!pods_fit(&live, &set(&["data", "other"])));
        assert!(!pods_fit(&json!({"spec": {}}), &live));
    }
}
