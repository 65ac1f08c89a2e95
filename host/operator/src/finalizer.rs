//! The finalizer: set before the first side effect, removed when what was made is gone or let go.
//!
//! Teardown works from the inventory alone, so it needs no plugin.

use futures::FutureExt;
use kube::api::{Patch, PatchParams};
use opstack_core::blame::Fault;
use serde_json::{Value, json};
use tracing::info;

use crate::apply::{self, api_of, fault_of};
use crate::cache::Entry;
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
    let doomed = inventory.iter().filter(|(_, live)| !live.retain && !live.terminating);
    apply::all(doomed.map(|(key, live)| apply::prune(cx, key, &live.uid).boxed()).collect()).await?;
    let ours = name_of(served);
    let rest: Vec<_> = finalizers(object).into_iter().filter(|name| *name != ours).collect();
    write(cx, served, entry, object, &rest).await?;
    info!("torn down");
    Ok(())
}

async fn write(cx: &Context, served: &ServedKind, entry: &Entry, object: &Value, all: &[&str]) -> Result<(), Fault> {
    let api = api_of(cx, &served.gvk, &entry.key.namespace)?;
    // A list of a custom kind is replaced as a whole: the version makes sure that nobody's entry is lost.
    let version = &object["metadata"]["resourceVersion"];
    let patch = json!({"metadata": {"resourceVersion": version, "finalizers": all}});
    let params = PatchParams { field_manager: Some(served.plugin.field_manager()), ..PatchParams::default() };
    let writing = cx.hub.writing(&entry.key, Some(entry.key.clone()));
    let answer = cx.leader.during(api.patch(&entry.key.name, &params, &Patch::Merge(patch))).await?;
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
        Err(error) => Err(fault_of(&error, &format!("failed to write the finalizers of {}", entry.key))),
    }
}
