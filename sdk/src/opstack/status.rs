//! What the statuses of the kinds that run one program have in common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::Readiness;
use crate::cluster::Context;

/// Condition: the L1 endpoint answers.
pub const L1_CONNECTED: &str = "L1Connected";
/// Condition: the L2 endpoint answers.
pub const L2_CONNECTED: &str = "L2Connected";
/// Condition: the signing key is there.
pub const PRIVATE_KEY_LOADED: &str = "PrivateKeyLoaded";
/// Condition of the host, to which a plugin may contribute `False`.
pub const READY: &str = "Ready";

/// Phase while a reference dangles, for `Manifest.phases`.
pub const PENDING: &str = "Pending";
/// Phase on an error, for `Manifest.phases`.
pub const ERROR: &str = "Error";

/// A component in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Something is missing, or the pods are on their way.
    #[default]
    Pending,
    /// The pod is ready.
    Running,
    /// Something is wrong.
    Error,
    /// Scaled to zero by the user.
    Stopped,
}

impl Phase {
    /// The phase of a component with one workload (`Deployment` or `StatefulSet`) named after it.
    pub fn of_workload(cx: &Context<'_>, kind: &str, name: &str, replicas: i32) -> Self {
        let readiness = cx
            .children
            .iter()
            .find(|child| child.ref_.kind.kind == kind && child.ref_.name == name)
            .map(|child| &child.readiness);
        match readiness {
            Some(Readiness::Failed(_)) => Self::Error,
            Some(Readiness::Ready) if replicas == 0 => Self::Stopped,
            Some(Readiness::Ready) => Self::Running,
            _ => Self::Pending,
        }
    }
}
