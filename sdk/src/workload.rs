//! The trait that a plugin of one kind implements.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::{Answer, Failure, Finalized};
use crate::cluster::Context;
use crate::manifest::Manifest;
use crate::object::Object;

/// A kind of the Kubernetes API and what its objects become.
///
/// # Guarantees asked of an implementation
/// Equal objects, lookups and observations give equal answers. There is no clock, no randomness and no state.
pub trait Workload {
    /// `.spec`; its schema and defaults become the CRD's.
    type Spec: DeserializeOwned + JsonSchema;
    /// `.status` without conditions.
    type Status: Serialize + JsonSchema;

    /// What the plugin is: name, kind, what it reads and owns.
    fn manifest() -> Manifest;

    /// Maps an object to its children, probes and status.
    ///
    /// # Errors
    /// See [`Failure`]; existing children stay as they are.
    fn reconcile(cx: &Context<'_>, object: &Object<Self::Spec>) -> Result<Answer<Self::Status>, Failure>;

    /// Called when the deletion of an object was asked for.
    ///
    /// # Errors
    /// An error counts as `Proceed`.
    fn finalize(_cx: &Context<'_>, _object: &Object<Self::Spec>) -> Result<Finalized, Failure> {
        Ok(Finalized::Proceed)
    }
}
