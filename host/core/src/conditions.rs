//! The host's conditions, and how conditions are carried from one status to the next.

use serde_json::{Value, json};

use crate::answer::{Condition, Truth};
use crate::blame::{Blame, Fault};

/// The object is as its spec wants it.
pub const READY: &str = "Ready";
/// Work is going on.
pub const RECONCILING: &str = "Reconciling";
/// Nothing will go on until somebody acts.
pub const STALLED: &str = "Stalled";
/// Reason: something that the object names is missing.
pub const WAITING: &str = "Waiting";
/// Reason: the spec is invalid.
pub const INVALID: &str = "InvalidSpec";
/// Reason: deletion was asked for and is held up.
pub const DELETION_BLOCKED: &str = "DeletionBlocked";
/// `spec.paused` is set.
pub const PAUSED: &str = "Paused";
/// Reason of a fault: the kind's plugin is not in service.
pub const UNAVAILABLE: &str = "Unavailable";
/// Reason of a fault: the plugin has no business in the object's namespace.
pub const NAMESPACE_NOT_GRANTED: &str = "NamespaceNotGranted";

/// Where an object stands, from which the host's three conditions follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// All children are ready.
    Ready,
    /// Children are rolling out, or the plugin says it is not ready; (reason, message).
    Progressing(String, String),
    /// Something is missing; names it.
    Waiting(String),
    /// The spec is invalid; says why.
    Invalid(String),
    /// A fault. `retried` tells whether the host tries again by itself.
    Faulty {
        /// What.
        fault: Fault,
        /// Tried again without anybody's act.
        retried: bool,
    },
    /// `spec.paused`.
    Paused,
    /// Deletion was asked for and is held up; says why.
    DeletionBlocked(String),
}

/// What is withdrawn of what an object asks of the chain and does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    /// It asks and does what its plugin said last.
    Nothing,
    /// It is asked how it is, and nothing is done to it.
    Acts,
    /// It is neither asked nor acted on.
    All,
}

impl Standing {
    /// What may not go on where an object stands so: acts of one that a person holds still, and anything in the name of a plugin
    /// that has no say any more.
    pub fn withdraws(&self) -> Withdrawn {
        match self {
            Self::Paused => Withdrawn::Acts,
            Self::Faulty { fault, .. } if [UNAVAILABLE, NAMESPACE_NOT_GRANTED].contains(&fault.reason) => {
                Withdrawn::All
            }
            _ => Withdrawn::Nothing,
        }
    }
}

/// `Ready`, `Reconciling` and `Stalled` (and `Paused` while it is true) of a standing.
pub fn of_standing(standing: &Standing) -> Vec<Condition> {
    let (ready, reconciling, stalled, reason, message) = match standing {
        Standing::Ready => {
            (Truth::True, false, false, "Ready".to_string(), "all objects are applied and ready".to_string())
        }
        Standing::Progressing(reason, message) => (Truth::False, true, false, reason.clone(), message.clone()),
        Standing::Waiting(what) => (Truth::False, true, false, WAITING.into(), format!("waiting for {what}")),
        Standing::Invalid(why) => (Truth::False, false, true, INVALID.into(), why.clone()),
        Standing::Faulty { fault, retried } => {
            let reason = format!("{}{}", fault.blame, fault.reason);
            (Truth::False, *retried, !*retried, reason, fault.message.clone())
        }
        Standing::Paused => {
            let message = "spec.paused is true: nothing is changed until it is false".into();
            (Truth::Unknown, false, false, "Paused".into(), message)
        }
        Standing::DeletionBlocked(why) => (Truth::False, false, true, DELETION_BLOCKED.into(), why.clone()),
    };
    let flag = |on: bool| if on { Truth::True } else { Truth::False };
    let side = |name: &str, on: bool| {
        let (reason, message) = if on { (reason.as_str(), message.as_str()) } else { ("Settled", "") };
        Condition::new(name, flag(on), reason, message)
    };
    let mut conditions = vec![
        Condition::new(READY, ready, &reason, message.clone()),
        side(RECONCILING, reconciling),
        side(STALLED, stalled),
    ];
    if *standing == Standing::Paused {
        conditions.push(Condition::new(PAUSED, Truth::True, "Paused", message));
    }
    conditions
}

/// The reason of the trouble that a status tells of: something is missing, or wrong, or somebody's fault. Nothing if it tells of
/// none; work that goes on by itself is none.
pub fn trouble(status: &Value) -> Option<&str> {
    const BLAMES: [Blame; 4] = [Blame::Plugin, Blame::Host, Blame::Cluster, Blame::Spec];
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let ready = conditions.find(|condition| condition["type"] == READY && condition["status"] == "False")?;
    let reason = ready["reason"].as_str()?;
    let is_trouble = [WAITING, INVALID, DELETION_BLOCKED].contains(&reason)
        || BLAMES.iter().any(|blame| reason.starts_with(blame.as_str()));
    is_trouble.then_some(reason)
}

/// Whether a condition is the host's own.
pub fn is_host(name: &str) -> bool {
    [READY, RECONCILING, STALLED, PAUSED].contains(&name)
}

/// The conditions of a status as Kubernetes writes them. `lastTransitionTime` is carried over unless `status` flipped.
///
/// A condition of `previous` that is not in `next` goes, unless `keep_absent`: a path on which the plugin did not
/// speak must not lose what it said before.
pub fn merge(previous: &Value, next: &[Condition], generation: i64, now: &str, keep_absent: bool) -> Vec<Value> {
    let old = |name: &str| previous.as_array().into_iter().flatten().find(|condition| condition["type"] == name);
    let mut merged: Vec<Value> = next
        .iter()
        .map(|condition| {
            let since = old(&condition.name)
                .filter(|old| old["status"] == condition.status.as_str())
                .and_then(|old| old["lastTransitionTime"].as_str())
                .unwrap_or(now);
            json!({
                "type": condition.name,
                "status": condition.status.as_str(),
                "reason": condition.reason,
                "message": condition.message,
                "observedGeneration": generation,
                "lastTransitionTime": since,
            })
        })
        .collect();
    if keep_absent {
        let absent = previous.as_array().into_iter().flatten().filter(|old| {
            let name = old["type"].as_str().unwrap_or_default();
            name != PAUSED && next.iter().all(|condition| condition.name != name)
        });
        merged.extend(absent.cloned());
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_withdraws_acts_and_a_lost_grant_everything() {
        let faulty = |reason| Standing::Faulty { fault: Fault::plugin(reason, ""), retried: false };
        for (standing, withdrawn) in [
            (Standing::Paused, Withdrawn::Acts),
            (faulty(UNAVAILABLE), Withdrawn::All),
            (faulty(NAMESPACE_NOT_GRANTED), Withdrawn::All),
            (faulty("Trap"), Withdrawn::Nothing),
            (Standing::Ready, Withdrawn::Nothing),
            (Standing::Invalid("spec.x".into()), Withdrawn::Nothing),
        ] {
            assert_eq!(standing.withdraws(), withdrawn, "{standing:?}");
        }
    }

    #[test]
    fn a_status_tells_of_trouble_by_the_reason_of_ready() {
        let told =
            |standing: &Standing| json!({"conditions": merge(&Value::Null, &of_standing(standing), 1, "t0", false)});
        let fault = Fault::new(Blame::Cluster, "Forbidden", "no right");
        for (standing, reason) in [
            (Standing::Waiting("a Secret".into()), Some("Waiting")),
            (Standing::Invalid("spec.x".into()), Some("InvalidSpec")),
            (Standing::DeletionBlocked("in use".into()), Some("DeletionBlocked")),
            (Standing::Faulty { fault, retried: true }, Some("ClusterForbidden")),
            (Standing::Progressing("Kept".into(), String::new()), None),
            (Standing::Ready, None),
            (Standing::Paused, None),
        ] {
            assert_eq!(trouble(&told(&standing)), reason, "{standing:?}");
        }
        assert_eq!(trouble(&Value::Null), None);
    }
}
