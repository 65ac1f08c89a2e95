//! `around.yaml` of a case: what the host knows beside the objects.

use serde::Deserialize;
use serde_json::Value;

use super::request;
use crate::answer::{KindRef, ObjectRef};
use crate::wire::{probes, workload};

/// When all was measured: 2024-01-15T10:30:00Z.
const MEASURED_AT: u64 = 1_705_314_600_000;

/// `around.yaml` of a case: how the children are doing, what the probes found, and what became of actions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Around {
    children: Vec<AroundChild>,
    observations: Vec<AroundObservation>,
    outcomes: Vec<AroundOutcome>,
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

/// What became of an action: `result`, or `error`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AroundOutcome {
    id: String,
    /// Milliseconds before the measurements.
    #[serde(default)]
    age: u64,
    #[serde(default)]
    result: Value,
    error: Option<String>,
}

impl Around {
    /// The request of the host for an object with this around it.
    pub fn request(&self, object: &Value) -> workload::Request {
        workload::Request {
            children: self.children.iter().cloned().map(AroundChild::into_wire).collect(),
            observations: self.observations.iter().cloned().map(AroundObservation::into_wire).collect(),
            outcomes: self.outcomes.iter().cloned().map(AroundOutcome::into_wire).collect(),
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
            measured_at: MEASURED_AT,
            stale: self.stale,
            answer: self.error.map_or_else(|| Ok(self.answer.to_string()), Err),
        }
    }
}

impl AroundOutcome {
    fn into_wire(self) -> probes::ActionOutcome {
        probes::ActionOutcome {
            id: self.id,
            at: MEASURED_AT - self.age,
            outcome: self.error.map_or_else(|| Ok(self.result.to_string()), Err),
        }
    }
}
