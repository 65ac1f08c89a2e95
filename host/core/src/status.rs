//! What is written into `.status`, and whether anything is.

use serde_json::{Map, Value, json};
use std::time::Duration;

use crate::answer::Condition;
use crate::conditions;

/// Figures of one object are told at most this often: a chain has a block every other second.
pub const PACE: Duration = Duration::from_secs(15);

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

/// Whether a status says more than newer figures: something that a person, a script or another object waits for.
pub fn is_news(previous: &Value, next: &Value) -> bool {
    previous["observedGeneration"] != next["observedGeneration"]
        || gist_of_conditions(previous) != gist_of_conditions(next)
        || says_more(&without_conditions(previous), &without_conditions(next))
}

/// Whether two values differ by more than numbers, times and hashes, of which a chain has new ones with every block.
fn says_more(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            before.len() != after.len()
                || before.iter().any(|(name, old)| after.get(name).is_none_or(|new| says_more(old, new)))
        }
        (Value::Array(before), Value::Array(after)) => {
            before.len() != after.len() || before.iter().zip(after).any(|(old, new)| says_more(old, new))
        }
        (Value::Number(_), Value::Number(_)) => false,
        (Value::String(before), Value::String(after)) => before != after && !(is_figure(before) && is_figure(after)),
        (before, after) => before != after,
    }
}

/// `0x1f`, `12.5` or `2026-05-31T00:00:00Z`.
fn is_figure(text: &str) -> bool {
    let is_hex = text.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_hex
        || text.starts_with(|first: char| first.is_ascii_digit())
            && text.bytes().all(|byte| b"0123456789.:-TZ".contains(&byte))
}

/// How long a status waits that was last written so long ago, if it was. News don't wait.
pub fn rest(is_news: bool, since: Option<Duration>) -> Duration {
    since.filter(|_| !is_news).map_or(Duration::ZERO, |since| PACE.saturating_sub(since))
}

/// Of the conditions of the host all, of those of the plugin status and reason: their messages like to hold figures.
fn gist_of_conditions(status: &Value) -> Vec<Value> {
    let mut conditions: Vec<_> = status["conditions"].as_array().into_iter().flatten().map(gist_of_condition).collect();
    conditions.sort_by_key(|condition| condition["type"].to_string());
    conditions
}

fn without_conditions(status: &Value) -> Value {
    let mut status = status.clone();
    if let Some(status) = status.as_object_mut() {
        status.remove("conditions");
    }
    status
}

fn gist_of_condition(condition: &Value) -> Value {
    let is_host = condition["type"].as_str().is_some_and(conditions::is_host);
    let message = if is_host { &condition["message"] } else { &Value::Null };
    json!({"type": condition["type"], "status": condition["status"], "reason": condition["reason"], "message": message})
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
    fn figures_wait_and_news_do_not() {
        let status = |head: u64, reason: &str, age: &str| {
            json!({"phase": "Running", "head": head, "observedGeneration": 1, "conditions": [
                {"type": "Syncing", "status": "False", "reason": reason, "message": age, "lastTransitionTime": "t0"}]})
        };
        let before = status(7, "FullySynced", "1 s old");
        assert!(!is_news(&before, &status(8, "FullySynced", "2 s old")));
        assert!(is_news(&before, &status(7, "HeadIsOld", "1 s old")));
        for (field, value) in [
            ("phase", json!("Error")),
            ("observedGeneration", json!(2)),
            (APPLIED, json!("digest")),
            ("stoppedAt", json!("0x1")),
            ("head", json!("unknown")),
        ] {
            let mut after = before.clone();
            after[field] = value;
            assert!(is_news(&before, &after), "{field}");
        }
        let at = |hash: &str, time: &str| json!({"chainHead": {"hash": hash, "time": time, "peers": [3]}});
        assert!(!is_news(&at("0xa1", "2026-05-31T00:00:00Z"), &at("0xb2", "2026-05-31T00:00:02Z")));
        assert!(is_news(
            &at("0xa1", "2026-05-31T00:00:00Z"),
            &json!({"chainHead": {"hash": "0xa1", "time": "2026-05-31T00:00:00Z"}})
        ));
        let waiting = |what: &str| json!({"conditions": [{"type": "Ready", "status": "False", "message": what}]});
        assert!(is_news(&waiting("for a"), &waiting("for b")), "the host's own words");
    }

    #[test]
    fn figures_rest_for_what_is_left_of_the_pace() {
        let since = Some(Duration::from_secs(6));
        assert_eq!(rest(false, since), Duration::from_secs(9));
        assert_eq!(rest(false, Some(2 * PACE)), Duration::ZERO);
        assert_eq!((rest(true, since), rest(false, None)), (Duration::ZERO, Duration::ZERO));
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
