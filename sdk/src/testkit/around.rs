//! `around.yaml` of a case: what the host knows beside the objects.

use serde::Deserialize;
use serde_json::Value;

use super::request;
use crate::answer::{KindRef, ObjectRef};
use crate::wire::{probes, workload};

/// `around.yaml` of a case: how the children are doing, and what the probes found.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Around {
    children: Vec<AroundChild>,
    observations: Vec<AroundObservation>,
}

/// A child; ready, unless it says otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AroundChild {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
    progressing: Option<String>,
    failed: Option<String>,
    #[serde(default)]
    status: Value,
}

/// What a probe found: `answer`, or `error`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AroundObservation {
    probe: String,
    #[serde(default)]
    pod: String,
    #[serde(default)]
    stale: bool,
    #[serde(default)]
    answer: Value,
    error: Option<String>,
}

impl Around {
    /// The request of the host for an object with this around it.
    pub fn request(&self, object: &Value) -> workload::Request {
        workload::Request {
            children: self.children.iter().cloned().map(AroundChild::into_wire).collect(),
            observations: self.observations.iter().cloned().map(AroundObservation::into_wire).collect(),
            ..request(object)
        }
    }
}

impl AroundChild {
    fn into_wire(self) -> workload::Child {
        let (group, version) = self.api_version.split_once('/').unwrap_or(("", &self.api_version));
        let kind = KindRef { group: group.into(), version: version.into(), kind: self.kind };
        let readiness = match (self.failed, self.progressing) {
            (Some(why), _) => workload::Readiness::Failed(why),
            (None, Some(why)) => workload::Readiness::Progressing(why),
            (None, None) => workload::Readiness::Ready,
        };
        let ref_ = ObjectRef { kind, namespace: Some(self.namespace), name: self.name };
        workload::Child { ref_, readiness, status: self.status.to_string() }
    }
}

impl AroundObservation {
    fn into_wire(self) -> probes::Observation {
        probes::Observation {
            probe: self.probe,
            pod: self.pod,
            // 2024-01-15T10:30:00Z
            measured_at: 1_705_314_600_000,
            stale: self.stale,
            answer: self.error.map_or_else(|| Ok(self.answer.to_string()), Err),
        }
    }
}
