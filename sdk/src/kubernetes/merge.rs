//! Strategic merge of a user's `spec.podTemplate` over the generated pod template.
//!
//! Kubernetes' own rules for the fields of a pod, as far as its types declare them: some lists merge by a key,
//! others are replaced. `$patch: delete` takes an element out, `$patch: replace` makes a list or a map what the
//! patch says.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Map, Value};

const DIRECTIVE: &str = "$patch";

/// Lists of a pod that merge, and the fields that tell their elements apart. All others are atomic.
const MERGE_KEYS: [(&str, &[&str]); 13] = [
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("volumes", &["name"]),
    ("imagePullSecrets", &["name"]),
    ("env", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("ports", &["containerPort", "protocol"]),
    ("hostAliases", &["ip"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
];

/// Merges a patch over a template.
///
/// # Errors
/// What is wrong with the patch: an element without its key, an unknown directive, a field of the wrong type.
pub fn merge_pod_template(base: PodTemplateSpec, patch: &Value) -> Result<PodTemplateSpec, String> {
    let Some(patch) = patch.as_object() else {
        return if patch.is_null() { Ok(base) } else { Err("is not a pod template; write an object".into()) };
    };
    let mut merged = serde_json::to_value(base).map_err(|error| error.to_string())?;
    let fields = merged.as_object_mut().ok_or("the generated template is not an object")?;
    merge_map(fields, patch, "")?;
    serde_json::from_value(merged).map_err(|error| format!("does not fit a pod template: {error}"))
}

fn merge_map(base: &mut Map<String, Value>, patch: &Map<String, Value>, path: &str) -> Result<(), String> {
    match patch.get(DIRECTIVE).map(|word| word.as_str().unwrap_or_default()) {
        None | Some("merge") => {}
        Some("replace") => base.clear(),
        Some(other) => return Err(unknown_directive(path, other)),
    }
    for (key, value) in patch.iter().filter(|(key, _)| *key != DIRECTIVE) {
        let path = join(path, key);
        if is_directive(value, "delete") || value.is_null() {
            base.remove(key);
            continue;
        }
        match (base.get_mut(key), value) {
            (Some(Value::Object(base)), Value::Object(patch)) => merge_map(base, patch, &path)?,
            (Some(Value::Array(base)), Value::Array(patch)) => merge_list(base, key, patch, &path)?,
            _ => {
                base.insert(key.clone(), without_directives(value));
            }
        }
    }
    Ok(())
}

fn merge_list(base: &mut Vec<Value>, field: &str, patch: &[Value], path: &str) -> Result<(), String> {
    let keys = MERGE_KEYS.iter().find(|(name, _)| *name == field).map(|(_, keys)| *keys);
    let replace = patch
        .iter()
        .any(|element| is_directive(element, "replace") && element.as_object().is_some_and(|o| o.len() == 1));
    let Some(keys) = keys.filter(|_| !replace) else {
        *base = patch.iter().filter(|element| !element[DIRECTIVE].is_string()).cloned().collect();
        return Ok(());
    };
    for (index, element) in patch.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let (Some(fields), Some(_)) = (element.as_object(), element.get(keys[0])) else {
            return Err(format!("{path} lacks {}, by which the elements of this list are told apart", keys[0]));
        };
        let found = base.iter().position(|other| keys.iter().all(|key| same(key, &other[key], &element[key])));
        match (found, is_directive(element, "delete")) {
            (Some(at), true) => {
                base.remove(at);
            }
            (None, true) => {}
            (None, false) => base.push(without_directives(element)),
            (Some(at), false) => match &mut base[at] {
                Value::Object(base) => merge_map(base, fields, &path)?,
                other => *other = without_directives(element),
            },
        }
    }
    Ok(())
}

/// A port's protocol is TCP where nothing is said.
fn same(key: &str, left: &Value, right: &Value) -> bool {
    let default = if key == "protocol" { Value::from("TCP") } else { Value::Null };
    let or_default = |value: &Value| if value.is_null() { default.clone() } else { value.clone() };
    or_default(left) == or_default(right)
}

fn is_directive(value: &Value, word: &str) -> bool {
    value.get(DIRECTIVE).and_then(Value::as_str) == Some(word)
}

fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, _)| *key != DIRECTIVE);
            Value::Object(kept.map(|(key, value)| (key.clone(), without_directives(value))).collect())
        }
        Value::Array(elements) => Value::Array(elements.iter().map(without_directives).collect()),
        other => other.clone(),
    }
}

fn unknown_directive(path: &str, word: &str) -> String {
    format!(
        "{} has $patch: {word}; allowed are merge, replace and delete",
        if path.is_empty() { "the root" } else { path }
    )
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(patch: Value) -> Result<Value, String> {
        let base = json!({
            "metadata": {"labels": {"app": "a"}},
            "spec": {
                "containers": [
                    {"name": "one", "image": "one:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                     "args": ["--x"], "ports": [{"containerPort": 1, "protocol": "TCP"}, {"containerPort": 1, "protocol": "UDP"}]},
                    {"name": "two"},
                ],
                "tolerations": [{"key": "a"}],
            },
        });
        let base = serde_json::from_value(base).unwrap();
        merge_pod_template(base, &patch).map(|template| serde_json::to_value(template).unwrap())
    }

    #[test]
    fn lists_with_a_key_merge_by_it() {
        let all = merged(json!({"spec": {"containers": [
            {"name": "one", "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}], "args": ["--y"]},
            {"name": "three"},
        ]}}))
        .unwrap();
        let containers = &all["spec"]["containers"];
        assert_eq!(containers[0]["image"], "one:1");
        assert_eq!(containers[0]["args"], json!(["--y"]));
        let env = json!([{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}]);
        assert_eq!(containers[0]["env"], env);
        assert_eq!(containers[2]["name"], "three");
    }

    #[test]
    fn ports_are_told_apart_by_protocol() {
        let all = merged(json!({"spec": {"containers": [
            {"name": "one", "ports": [{"containerPort": 1, "name": "x"}, {"containerPort": 1, "protocol": "UDP", "name": "y"}]},
        ]}}))
        .unwrap();
        let names: Vec<_> =
            all["spec"]["containers"][0]["ports"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
        assert_eq!(names, ["x", "y"]);
    }

    #[test]
    fn lists_without_a_key_are_replaced() {
        let all = merged(json!({"spec": {"tolerations": [{"key": "b"}]}})).unwrap();
        assert_eq!(all["spec"]["tolerations"], json!([{"key": "b"}]));
    }

    #[test]
    fn directives_delete_and_replace() {
        let all = merged(json!({
            "metadata": {"labels": {"$patch": "replace", "b": "b"}},
            "spec": {"containers": [
                {"name": "two", "$patch": "delete"},
                {"name": "one", "env": [{"$patch": "replace"}, {"name": "Z", "value": "9"}]},
            ]},
        }))
        .unwrap();
        assert_eq!(all["metadata"]["labels"], json!({"b": "b"}));
        assert_eq!(all["spec"]["containers"].as_array().unwrap().len(), 1);
        assert_eq!(all["spec"]["containers"][0]["env"], json!([{"name": "Z", "value": "9"}]));
    }

    #[test]
    fn a_null_removes_and_nothing_changes_nothing() {
        let all = merged(json!({"spec": {"tolerations": null}})).unwrap();
        assert!(all["spec"]["tolerations"].is_null());
        assert_eq!(merged(Value::Null).unwrap(), merged(json!({})).unwrap());
    }

    #[test]
    fn mistakes_are_named() {
        for (patch, says) in [
            (json!({"spec": {"containers": [{"image": "x"}]}}), "spec.containers[0] lacks name"),
            (json!({"spec": {"$patch": "retain"}}), "spec has $patch: retain"),
            (json!({"spec": {"containers": "x"}}), "does not fit a pod template"),
            (json!([]), "is not a pod template"),
        ] {
            let error = merged(patch).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
