//! Whether two answers are of one shape: the same fields, of the same types.

use serde_json::Value;
use std::collections::BTreeSet;

/// The first difference in shape between two recordings, if any.
pub fn difference(recorded: &Value, live: &Value) -> Option<String> {
    let version =
        |document: &Value| document["version"].as_str().unwrap_or_default().trim_start_matches('v').to_owned();
    if version(recorded) != version(live) {
        return Some(format!("recorded from {}, but it is {} by now", recorded["version"], live["version"]));
    }
    let pairs = |part: &str| {
        let list = |document: &Value| document[part].as_array().cloned().unwrap_or_default();
        list(recorded).into_iter().zip(list(live))
    };
    let call = |(recorded, live): (Value, Value)| {
        of_values(&recorded, &live).map(|why| format!("{} {}: {why}", recorded["method"], recorded["params"]))
    };
    let page = |(recorded, live): (Value, Value)| {
        let absent: Vec<_> = samples(&recorded).difference(&samples(&live)).cloned().collect();
        (!absent.is_empty()).then(|| format!("{} lacks {absent:?}", recorded["path"]))
    };
    pairs("calls").find_map(call).or_else(|| pairs("pages").find_map(page))
}

fn of_values(recorded: &Value, live: &Value) -> Option<String> {
    match (recorded, live) {
        (Value::Object(old), Value::Object(new)) => {
            // Keyed by what is not the same twice.
            let is_map = |map: &serde_json::Map<String, Value>| map.keys().all(|key| key.starts_with("16Uiu2"));
            if !old.is_empty() && is_map(old) {
                return match (old.values().next(), new.values().next()) {
                    (Some(old), Some(new)) => of_values(old, new),
                    _ => Some("no peer".into()),
                };
            }
            if let Some(name) = old.keys().find(|name| !new.contains_key(*name)) {
                return Some(format!("there is no {name} any more"));
            }
            if let Some(name) = new.keys().find(|name| !old.contains_key(*name)) {
                return Some(format!("{name} was not recorded"));
            }
            old.iter().find_map(|(name, old)| of_values(old, &new[name]).map(|why| format!("{name}: {why}")))
        }
        (Value::Array(old), Value::Array(new)) => of_values(old.first()?, new.first()?),
        (old, new) if std::mem::discriminant(old) == std::mem::discriminant(new) => None,
        (old, new) => Some(format!("{old} was recorded, {new} is answered")),
    }
}

/// Whether a line is about a metric of the program, and not of its runtime.
pub fn is_own(line: &str) -> bool {
    line.split('{').next().unwrap_or_default().contains("op_")
}

/// Names of the metrics of a page.
fn samples(page: &Value) -> BTreeSet<String> {
    let lines = page["lines"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let types = lines.filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    types.map(str::to_owned).collect()
}
