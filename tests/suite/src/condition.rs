//! Conditions and statuses.

use serde_json::Value;

/// One of an object's conditions; null if it has none of that type.
pub fn of<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

/// Status and reason of a condition.
pub fn brief<'a>(object: &'a Value, kind: &str) -> (&'a str, &'a str) {
    let condition = of(object, kind);
    (condition["status"].as_str().unwrap_or_default(), condition["reason"].as_str().unwrap_or_default())
}

/// The message of a condition.
pub fn message<'a>(object: &'a Value, kind: &str) -> &'a str {
    of(object, kind)["message"].as_str().unwrap_or_default()
}

/// Whether a condition is about the present spec, and has this status and reason.
pub fn is(object: &Value, kind: &str, status: &str, reason: &str) -> bool {
    let generation = &object["metadata"]["generation"];
    of(object, kind)["observedGeneration"] == *generation && brief(object, kind) == (status, reason)
}
