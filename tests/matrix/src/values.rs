//! Other values for a field, from its schema, its name and its place.

use serde_json::{Map, Value, json};

use crate::place::{Path, Step};
use crate::{Kind, table};

/// Values to try at a place, in a fixed order.
pub fn candidates(kind: Kind, path: &Path, schema: &Value) -> Vec<Value> {
    table::of(kind, path).unwrap_or_else(|| generic(path, schema))
}

/// What has to be at a place that was made on the way to another one.
pub fn fill(path: &Path, schema: &Value) -> Value {
    if schema["items"].is_object() {
        return json!([]);
    }
    if schema["x-kubernetes-preserve-unknown-fields"] == true || schema["additionalProperties"].is_object() {
        return json!({});
    }
    let Some(fields) = schema["properties"].as_object() else {
        return generic(path, schema).into_iter().next().unwrap_or_default();
    };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let filled = required.filter_map(|name| {
        let value = fill(&path.then(Step::Field(name.into())), fields.get(name)?);
        Some((name.to_string(), value))
    });
    Value::Object(filled.collect::<Map<_, _>>())
}

fn generic(path: &Path, schema: &Value) -> Vec<Value> {
    if let Some(values) = schema["enum"].as_array() {
        return values.clone();
    }
    if schema["type"] == "boolean" {
        return vec![json!(true), json!(false)];
    }
    if let Some(values) = table::by_name(path) {
        return values;
    }
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    if pattern == "^[0-9]+$" {
        return quoted(integers(schema));
    }
    match schema["type"].as_str() {
        Some("integer") => integers(schema),
        Some("object") => vec![json!({"matrix": "a"})],
        // A quantity is a number or a text.
        None if pattern.contains("Ki|") || pattern.contains("[KMGTPE]i") => vec![json!("3Gi"), json!("5Gi")],
        None => vec![json!(0.3), json!("0.6")],
        _ => texts(path, pattern),
    }
}

fn integers(schema: &Value) -> Vec<Value> {
    let least = schema["minimum"].as_u64().unwrap_or(0);
    let most = schema["maximum"].as_u64().unwrap_or(u64::MAX);
    let near = [least.saturating_add(1), least.saturating_add(2), least];
    // A port of the system can't be listened on.
    let all = if most == 65535 { [18_545, 18_546, 18_547] } else { near };
    all.into_iter().filter(|number| (least..=most).contains(number)).map(Value::from).collect()
}

/// Numbers may be given as text.
fn quoted(numbers: Vec<Value>) -> Vec<Value> {
    let text = |number: &Value| Value::from(number.to_string());
    let as_texts: Vec<_> = numbers.iter().skip(1).map(text).collect();
    numbers.into_iter().take(1).chain(as_texts).collect()
}

fn texts(path: &Path, pattern: &str) -> Vec<Value> {
    let texts: &[&str] = match pattern {
        r"^(https?|wss?)://\S+$" => &["http://matrix-a.example.org:8545", "ws://matrix-b.example.org:8546"],
        r"^https?://\S+$" => &["http://matrix-a.example.org:8080", "https://matrix-b.example.org/path"],
        "^0x[0-9a-fA-F]{40}$" | "^(0x[0-9a-fA-F]{40})?$" => {
            &["0x00000000000000000000000000000000000000a1", "0x00000000000000000000000000000000000000b2"]
        }
        "^[0-9a-fA-F]{64}$" => &[
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        ],
        r"^(https?|file)://\S+$" => &["https://matrix-a.example.org/prestates", "file:///opt/matrix-b"],
        _ if pattern.contains("ns|us|ms") => &["24s", "90m"],
        _ if pattern.starts_with("^/") || pattern.starts_with("^(/") => &["/data/matrix-a", "/data/matrix-b"],
        _ if path.fields().next().is_some_and(|name| name.ends_with("Path")) => &["/opt/matrix-a", "/opt/matrix-b"],
        _ => &["matrix-a", "matrix-b"],
    };
    texts.iter().map(|text| json!(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaves;

    /// Those for which there are values here, or by name: whoever adds another one adds values for it.
    const PATTERNS: [&str; 17] = [
        "",
        "^/",
        "^[0-9]+$",
        "^[0-9a-fA-F]{64}$",
        "^[a-z0-9-]*$",
        "^[a-z0-9-]{1,40}$",
        "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$",
        "^[A-Za-z0-9._-]*$",
        "^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$",
        "^0x[0-9a-fA-F]{40}$",
        "^(0x[0-9a-fA-F]{40})?$",
        r"^(https?|wss?)://\S+$",
        r"^https?://\S+$",
        r"^(https?|file)://\S+$",
        r"^[A-Za-z0-9._:()$-]+$",
        "^([0-9.]+|[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*)$",
    ];

    #[test]
    fn every_leaf_has_another_value() {
        for leaf in Kind::ALL.into_iter().flat_map(leaves) {
            let values = leaf.values();
            assert!(values.len() >= 2, "{} {}: {values:?}", leaf.kind.name(), leaf.path);
            let is_measure = |pattern: &str| pattern.contains("ns|us|ms") || pattern.contains("[KMGTPE]i");
            let pattern = leaf.schema["pattern"].as_str().unwrap_or_default();
            assert!(
                PATTERNS.contains(&pattern) || is_measure(pattern),
                "{} {}: {pattern} is unknown",
                leaf.kind.name(),
                leaf.path
            );
            assert!(values.windows(2).all(|pair| pair[0] != pair[1]), "{} {}: {values:?}", leaf.kind.name(), leaf.path);
        }
    }
}
