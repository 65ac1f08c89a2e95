//! From the wire to the traits and back: the only code that runs around a plugin's own.

use std::marker::PhantomData;

use crate::answer::{Answer, Condition, Failure, Finalized, NOT_PERMITTED};
use crate::cluster::{Cluster, Context, Imports};
use crate::execution::ExecutionClient;
use crate::object::Object;
use crate::wire::{execution_client, types, workload};
use crate::workload::Workload;

/// Lets a panic say why before the guest traps.
fn explain_panics() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|info| {
        crate::wire::log::write(crate::wire::log::Level::Error, &info.to_string());
    }));
}

/// The component that `register_workload!` exports.
pub struct WorkloadGuest<W>(PhantomData<W>);

impl<W: Workload> workload::Guest for WorkloadGuest<W> {
    fn describe() -> workload::Manifest {
        W::manifest().to_wire::<W>()
    }

    fn reconcile(input: workload::Request) -> Result<workload::Response, types::Failure> {
        explain_panics();
        reconcile::<W>(&Imports, input).map_err(Into::into)
    }

    fn finalize(input: workload::Request) -> Result<Finalized, types::Failure> {
        explain_panics();
        finalize::<W>(&Imports, input).map_err(Into::into)
    }
}

/// `workload.reconcile`, natively.
///
/// # Errors
/// As [`Workload::reconcile`].
pub fn reconcile<W: Workload>(cluster: &dyn Cluster, input: workload::Request) -> Result<workload::Response, Failure> {
    let (cx, object) = open::<W>(cluster, input)?;
    let answer = match W::reconcile(&cx, &object) {
        Err(Failure::NotPermitted(why)) => Ok(refused::<W>(&object, why)),
        answered => answered.map(Into::into),
    };
    leave((cx, object));
    answer
}

/// The answer of an object that is not permitted to refer to what it names: it asks nobody and does nothing, says why, and keeps
/// what it remembers in its status.
fn refused<W: Workload>(object: &Object<W::Spec>, why: String) -> workload::Response {
    let mut status = object.status.as_object().cloned().unwrap_or_default();
    // The host writes these itself.
    ["conditions", "observedGeneration", "applied"].iter().for_each(|field| {
        status.remove(*field);
    });
    if let Some((_, error)) = W::manifest().phases {
        status.insert("phase".into(), error.into());
    }
    let mut answer = Answer::keep(status, &why);
    answer.condition(Condition::no("Ready", NOT_PERMITTED, why));
    answer.into()
}

/// `workload.finalize`, natively.
///
/// # Errors
/// As [`Workload::finalize`].
pub fn finalize<W: Workload>(cluster: &dyn Cluster, input: workload::Request) -> Result<Finalized, Failure> {
    let (cx, object) = open::<W>(cluster, input)?;
    let answer = W::finalize(&cx, &object);
    leave((cx, object));
    answer
}

fn open<W: Workload>(
    cluster: &dyn Cluster,
    input: workload::Request,
) -> Result<(Context<'_>, Object<W::Spec>), Failure> {
    let workload::Request { object, children, observations, outcomes, facts, configuration } = input;
    let object = Object::parse(&object)?;
    Ok((Context { cluster, children, observations, outcomes, facts, configuration }, object))
}

/// The component that `register_execution_client!` exports.
pub struct ClientGuest<C>(PhantomData<C>);

impl<C: ExecutionClient> execution_client::Guest for ClientGuest<C> {
    fn describe() -> execution_client::ClientManifest {
        execution_client::ClientManifest {
            name: C::NAME.into(),
            version: C::VERSION.into(),
            data_format: C::DATA_FORMAT.into(),
        }
    }

    fn render(request: String) -> Result<String, types::Failure> {
        explain_panics();
        render_client::<C>(&request).map_err(Into::into)
    }
}

/// `execution-client.render`, natively.
///
/// # Errors
/// As [`ExecutionClient::render`].
pub fn render_client<C: ExecutionClient>(request: &str) -> Result<String, Failure> {
    let request =
        serde_json::from_str(request).map_err(|e| Failure::other(format!("failed to read the request: {e}")))?;
    let fragment = C::render(&request)?;
    let answer = serde_json::to_string(&fragment).map_err(Failure::other);
    leave((request, fragment));
    answer
}

/// Gives nothing back: an instance lives for one call, and its memory goes with it.
#[cfg(target_arch = "wasm32")]
fn leave<T>(value: T) {
    std::mem::forget(value);
}

#[cfg(not(target_arch = "wasm32"))]
fn leave<T>(value: T) {
    drop(value);
}
