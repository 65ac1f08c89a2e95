//! Whether a built-in object is ready, by the rules that kstatus uses.

use serde_json::Value;

/// How an object is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Nothing is missing.
    Ready,
    /// Still rolling out; says what is missing.
    Progressing(String),
    /// Won't get ready by itself.
    Failed(String),
    /// Deletion has begun.
    Terminating,
}

/// Judges an object by its kind.
///
/// `spec_replicas` is `.spec.replicas`; `generation` is `.metadata.generation`. Kinds without rules of their own are ready once
/// they exist, unless they carry a `Ready` condition.
pub fn judge(kind: &str, generation: i64, spec_replicas: Option<i64>, terminating: bool, status: &Value) -> Readiness {
    if terminating {
        return Readiness::Terminating;
    }
    if let Some(seen) = status["observedGeneration"].as_i64()
        && seen < generation
    {
        return Readiness::Progressing(format!("generation {generation} is not yet seen by its controller"));
    }
    match kind {
        "StatefulSet" => replicas(spec_replicas, status, generation),
        "Deployment" => deployment(spec_replicas, status, generation),
        "PersistentVolumeClaim" => match status["phase"].as_str() {
            Some("Bound") => Readiness::Ready,
            phase => Readiness::Progressing(format!("claim is {}", phase.unwrap_or("not bound"))),
        },
        "Job" => job(status),
        _ => by_condition(status),
    }
}

fn replicas(wanted: Option<i64>, status: &Value, generation: i64) -> Readiness {
    let wanted = wanted.unwrap_or(1);
    if status["observedGeneration"].as_i64().is_none() && generation > 0 && wanted > 0 {
        return Readiness::Progressing("not yet seen by its controller".into());
    }
    let count = |field: &str| status[field].as_i64().unwrap_or(0);
    for field in ["updatedReplicas", "readyReplicas"] {
        if count(field) < wanted {
            return Readiness::Progressing(format!("{} of {wanted} {field}", count(field)));
        }
    }
    if count("replicas") > wanted {
        return Readiness::Progressing(format!("{} replicas, {wanted} wanted", count("replicas")));
    }
    Readiness::Ready
}

fn deployment(wanted: Option<i64>, status: &Value, generation: i64) -> Readiness {
    let stuck = status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Progressing" && condition["reason"] == "ProgressDeadlineExceeded");
    if let Some(condition) = stuck {
        return Readiness::Failed(condition["message"].as_str().unwrap_or("deadline exceeded").into());
    }
    replicas(wanted, status, generation)
}

fn job(status: &Value) -> Readiness {
    for condition in status["conditions"].as_array().into_iter().flatten() {
        match (condition["type"].as_str(), condition["status"].as_str()) {
            (Some("Complete"), Some("True")) => return Readiness::Ready,
            (Some("Failed"), Some("True")) => {
                return Readiness::Failed(condition["message"].as_str().unwrap_or("failed").into());
            }
            _ => {}
        }
    }
    Readiness::Progressing("job is not complete".into())
}

fn by_condition(status: &Value) -> Readiness {
    let ready = status["conditions"].as_array().into_iter().flatten().find(|condition| condition["type"] == "Ready");
    match ready {
        Some(condition) if condition["status"] != "True" => {
            Readiness::Progressing(condition["message"].as_str().unwrap_or("not ready").into())
        }
        _ => Readiness::Ready,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn workloads_are_judged_by_their_replicas() {
        let ready = json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1});
        assert_eq!(judge("StatefulSet", 2, Some(1), false, &ready), Readiness::Ready);
        assert!(matches!(judge("StatefulSet", 3, Some(1), false, &ready), Readiness::Progressing(_)));
        assert!(matches!(judge("StatefulSet", 2, Some(2), false, &ready), Readiness::Progressing(_)));
        assert!(matches!(judge("StatefulSet", 1, Some(1), false, &Value::Null), Readiness::Progressing(_)));
        assert_eq!(judge("StatefulSet", 2, Some(1), true, &ready), Readiness::Terminating);
        let stuck = json!({"observedGeneration": 1, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "late"}]});
        assert_eq!(judge("Deployment", 1, Some(1), false, &stuck), Readiness::Failed("late".into()));
    }

    #[test]
    fn other_kinds_are_ready_once_they_exist() {
        assert_eq!(judge("ConfigMap", 0, None, false, &Value::Null), Readiness::Ready);
        let waiting = json!({"conditions": [{"type": "Ready", "status": "False", "message": "no"}]});
        assert_eq!(judge("Certificate", 1, None, false, &waiting), Readiness::Progressing("no".into()));
        assert!(matches!(judge("Job", 1, None, false, &Value::Null), Readiness::Progressing(_)));
        assert!(matches!(
            judge("PersistentVolumeClaim", 1, None, false, &json!({"phase": "Pending"})),
            Readiness::Progressing(_)
        ));
    }
}
