//! The finalizer: set before the first side effect, removed when what was made is gone or let go.
//!
//! Teardown works from the inventory alone, so it needs no plugin.

use futures::FutureExt;
use kube::api::PostParams;
use kube::core::Request;
use opstack_core::blame::{Blame, Fault};
use opstack_core::document;
use opstack_core::inventory::Live;
use serde_json::Value;
use tracing::info;

use crate::apply::{self, api_of, fault_of};
use crate::cache::{Entry, Watched};
use crate::context::Context;
use crate::reconcile::ServedKind;

/// `opnode.optimism.io/finalizer` for the kind OpNode of the group optimism.io.
pub fn name_of(served: &ServedKind) -> String {
    let kind = &served.gvk.group_kind;
    format!("{}.{}/finalizer", kind.kind.to_lowercase(), kind.group)
}

fn finalizers(object: &Value) -> Vec<&str> {
    object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether our finalizer is on the object.
pub fn is_set(served: &ServedKind, object: &Value) -> bool {
    finalizers(object).contains(&name_of(served).as_str())
}

/// Adds the finalizer, unless it is there.
///
/// # Errors
/// What the API server says.
pub async fn add(cx: &Context, served: &ServedKind, entry: &Entry, object: &Value) -> Result<(), Fault> {
    if is_set(served, object) {
        return Ok(());
    }
    let ours = name_of(served);
    let mut all = finalizers(object);
    all.push(&ours);
    write(cx, served, entry, object, &all).await
}

/// Deletes the children that are not retained, then lets the object go.
///
/// # Errors
/// What the API server says; the finalizer stays then.
pub async fn tear_down(cx: &Context, served: &ServedKind, entry: &Entry, object: &Value) -> Result<(), Fault> {
    let inventory = cx.hub.cache.inventory(&entry.key, []);
    let goes = |live: &Live| live.goes_with(&entry.key, &entry.live.uid) && !live.terminating;
    let doomed = inventory.iter().filter(|(_, live)| goes(live));
    apply::all(doomed.map(|(key, live)| apply::prune(cx, key, &live.uid).boxed()).collect()).await?;
    let ours = name_of(served);
    let rest: Vec<_> = finalizers(object).into_iter().filter(|name| *name != ours).collect();
    write(cx, served, entry, object, &rest).await?;
    info!("torn down");
    Ok(())
}

/// Replaces the object as it was read but for the finalizers. Its `resourceVersion` makes sure that nothing is lost that
/// somebody wrote since. For a patch of the same effect the API server takes half as long again.
async fn write(cx: &Context, served: &ServedKind, entry: &Entry, object: &Value, all: &[&str]) -> Result<(), Fault> {
    let api = api_of(cx, &served.gvk, &entry.key.namespace)?;
    let mut object = object.clone();
    if !document::set(&mut object, &["metadata"], "finalizers", all) {
        return Err(Fault::new(
            Blame::Cluster,
            "NotAnObject",
            format!("the API server gave no object for {}", entry.key),
        ));
    }
    let params = PostParams { field_manager: Some(served.plugin.field_manager()), ..PostParams::default() };
    let request = Request::new(api.resource_url()).replace(&entry.key.name, &params, object.to_string().into());
    let failed = |error: &kube::Error| fault_of(error, &format!("failed to write the finalizers of {}", entry.key));
    let request = request.map_err(|error| failed(&kube::Error::BuildRequest(error)))?;
    let writing = cx.hub.writing(&entry.key, Some(entry.key.clone()));
    let answer = cx.leader.during(cx.hub.client.request::<Watched>(request)).await?;
    cx.metrics.write("finalizer", answer.is_ok());
    match answer {
        // The last finalizer is gone, and the object with it. The answer's version is the one before.
        Ok(_) if entry.live.terminating && all.is_empty() => {
            cx.hub.lose(entry);
            Ok(())
        }
        Ok(written) => {
            writing.answered(written.object);
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}
