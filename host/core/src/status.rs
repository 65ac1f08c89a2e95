//! What is written into `.status`, and whether anything is.

use serde_json::{Map, Value};

use crate::answer::Condition;
use crate::conditions;

/// Field of `.status` that holds [`crate::inventory::Baseline::digest`].
pub const APPLIED: &str = "applied";

/// What is new about an object.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The plugin's own status, where it spoke; else what was there stays.
    pub plugin: Option<&'a Value>,
    /// The plugin's conditions and the host's.
    pub conditions: &'a [Condition],
    /// Overrides `status.phase`.
    pub phase: Option<&'a str>,
    /// Digest of the baseline, where something was applied.
    pub applied: Option<&'a str>,
    /// `.metadata.generation` that all this is about.
    pub generation: i64,
    /// RFC 3339.
    pub now: &'a str,
}

/// The next status, or nothing when it differs from the previous one at most in times.
pub fn next(previous: &Value, report: &Report<'_>) -> Option<Value> {
    let mut status = match report.plugin {
        Some(Value::Object(own)) => own.clone(),
        Some(_) => Map::new(),
        None => previous.as_object().cloned().unwrap_or_default(),
    };
    let merged = conditions::merge(
        &previous["conditions"],
        report.conditions,
        report.generation,
        report.now,
        report.plugin.is_none(),
    );
    status.insert("conditions".into(), merged.into());
    status.insert("observedGeneration".into(), report.generation.into());
    if let Some(phase) = report.phase {
        status.insert("phase".into(), phase.into());
    }
    match report.applied.or_else(|| previous[APPLIED].as_str()) {
        Some(digest) => status.insert(APPLIED.into(), digest.into()),
        None => status.remove(APPLIED),
    };
    // The API server drops nulls on its way in; so must the comparison.
    let mut status = Value::Object(status);
    drop_nulls(&mut status);
    (without_times(&status) != without_times(previous)).then_some(status)
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Only the transition times of conditions are ignored: they are the host's own clock.
fn without_times(status: &Value) -> Value {
    let mut status = status.clone();
    if let Some(Value::Array(conditions)) = status.get_mut("conditions") {
        for condition in conditions.iter_mut() {
            if let Some(fields) = condition.as_object_mut() {
                fields.remove("lastTransitionTime");
            }
        }
        conditions.sort_by_key(|condition| condition["type"].to_string());
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Truth;
    use serde_json::json;

    fn report<'a>(conditions: &'a [Condition], plugin: Option<&'a Value>, now: &'a str) -> Report<'a> {
        Report { plugin, conditions, phase: None, applied: None, generation: 3, now }
    }

    #[test]
    fn time_alone_never_changes_a_status() {
        let ready = [Condition::new("Ready", Truth::True, "Ready", "")];
        let own = json!({"phase": "Running", "gone": null});
        let first = next(&Value::Null, &report(&ready, Some(&own), "t1")).unwrap();
        assert_eq!(first["observedGeneration"], 3);
        assert_eq!(next(&first, &report(&ready, Some(&own), "t2")), None);
        let not = [Condition::new("Ready", Truth::False, "No", "")];
        let second = next(&first, &report(&not, Some(&own), "t2")).unwrap();
        assert_eq!(second["conditions"][0]["lastTransitionTime"], "t2");
        let third =
            next(&second, &report(&[Condition::new("Ready", Truth::False, "Other", "")], Some(&own), "t3")).unwrap();
        assert_eq!(third["conditions"][0]["lastTransitionTime"], "t2", "the status did not flip");
    }

    #[test]
    fn where_the_plugin_was_silent_its_status_stays() {
        let said = json!({"phase": "Running", "peers": 5, "conditions": [
            {"type": "Synced", "status": "True", "reason": "r", "message": "m", "lastTransitionTime": "t0"}]});
        let fault = [Condition::new("Ready", Truth::False, "PluginTrap", "")];
        let status = next(&said, &Report { phase: Some("Error"), ..report(&fault, None, "t1") }).unwrap();
        assert_eq!(status["peers"], 5);
        assert_eq!(status["phase"], "Error");
        assert_eq!(status["conditions"].as_array().unwrap().len(), 2);
    }
}
