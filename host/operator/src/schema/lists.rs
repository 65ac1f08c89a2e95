//! Lists whose items have keys, or are each there once.

use serde_json::Value;
use std::collections::BTreeSet;

use super::Refusal;

/// What is there twice and must not be.
pub fn refusal(node: &Value, schema: &Value, path: &str) -> Option<Refusal> {
    let twice = twice(node.as_array()?, schema)?;
    Some(Refusal { path: path.into(), message: format!("{twice} is there twice") })
}

/// What two items have in common by which items are told apart.
fn twice(all: &[Value], schema: &Value) -> Option<String> {
    let keys: Vec<_> = match schema["x-kubernetes-list-type"].as_str()? {
        "map" => schema["x-kubernetes-list-map-keys"].as_array()?.iter().filter_map(Value::as_str).collect(),
        "set" => vec![],
        _ => return None,
    };
    let key = |item: &Value| match keys.as_slice() {
        [] => item.to_string(),
        keys => keys.iter().map(|key| format!("{key} {}", item[*key])).collect::<Vec<_>>().join(", "),
    };
    let mut seen = BTreeSet::new();
    all.iter().map(key).find(|key| !seen.insert(key.clone()))
}
