//! Volumes that keep data.

use k8s_openapi::api::apps::v1::StatefulSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::QuantityText;

/// How a claim may be mounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessMode {
    /// By the pods of one node.
    #[default]
    ReadWriteOnce,
    /// By one pod.
    ReadWriteOncePod,
    /// By pods of several nodes.
    ReadWriteMany,
}

impl AccessMode {
    /// As in a claim.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "ReadWriteOnce",
            Self::ReadWriteOncePod => "ReadWriteOncePod",
            Self::ReadWriteMany => "ReadWriteMany",
        }
    }
}

/// A claim; `GIBIBYTES` is the default size of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default = "Storage::<GIBIBYTES>::default")]
pub struct Storage<const GIBIBYTES: u64> {
    /// Size of the volume. It may grow where the storage class allows it, and never shrinks.
    pub size: QuantityText,
    /// Storage class; the cluster's default where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// How it may be mounted.
    pub access_mode: AccessMode,
    /// VolumeSnapshot in the namespace of the object from which a volume is made. One that is there already stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"))]
    pub snapshot: Option<String>,
}

impl<const GIBIBYTES: u64> Default for Storage<GIBIBYTES> {
    fn default() -> Self {
        let size =
            if GIBIBYTES.is_multiple_of(1024) { format!("{}Ti", GIBIBYTES / 1024) } else { format!("{GIBIBYTES}Gi") };
        Self { size: QuantityText::of(&size), storage_class: None, access_mode: AccessMode::default(), snapshot: None }
    }
}

/// What becomes of the claims, in the words of a StatefulSet. Fewer pods never delete any: 0 of them only stop the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimRetention {
    /// What becomes of them when the object is deleted.
    pub when_deleted: Retention,
}

/// What becomes of a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Retention {
    /// It stays, with its volume, and the next object of the name finds it again.
    #[default]
    Retain,
    /// It is deleted, and its volume as its storage class says: the data is lost.
    Delete,
}

impl ClaimRetention {
    /// Has a StatefulSet do so.
    pub fn apply(self, workload: &mut StatefulSet) {
        let policy = workload.spec.as_mut().and_then(|spec| spec.persistent_volume_claim_retention_policy.as_mut());
        if let (Self { when_deleted: Retention::Delete }, Some(policy)) = (self, policy) {
            policy.when_deleted = Some("Delete".into());
        }
    }
}
