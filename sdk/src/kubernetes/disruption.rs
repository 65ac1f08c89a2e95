//! PodDisruptionBudget: how many pods a drain may take at once.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::App;

/// At most one pod of the workload is away by choice. Pods that are not ready may always be evicted, since they
/// would block a drain for the days that a sync takes.
pub fn disruption_budget(app: &App) -> PodDisruptionBudget {
    let spec = PodDisruptionBudgetSpec {
        max_unavailable: Some(IntOrString::Int(1)),
        selector: Some(app.label_selector()),
        unhealthy_pod_eviction_policy: Some("AlwaysAllow".into()),
        ..Default::default()
    };
    PodDisruptionBudget { metadata: app.metadata(), spec: Some(spec), ..Default::default() }
}
