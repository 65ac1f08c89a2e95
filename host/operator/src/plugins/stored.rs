//! What a changed schema means for objects that are stored: whether each is still valid, and says all that it says now.
//!
//! The API server asks neither when a CustomResourceDefinition changes. It would refuse the next write of an object that is no longer
//! valid, ours too, and drop the fields that the new schema does not know.

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// A schema as a judge of specs.
pub struct Schema(Validator);

impl Schema {
    /// The spec's part of a version of a CustomResourceDefinition; nothing if it has none. Rules in CEL are left to the API server.
    ///
    /// # Errors
    /// Why it is no schema.
    pub fn of(crd: &Value, version: &str) -> Result<Option<Self>, String> {
        let mut versions = crd["spec"]["versions"].as_array().into_iter().flatten();
        let version = versions.find(|candidate| candidate["name"] == version);
        let Some(spec) = version.and_then(|version| version.pointer("/schema/openAPIV3Schema/properties/spec")) else {
            return Ok(None);
        };
        // OpenAPI 3.0 speaks the dialect of draft 4; its formats are checked by nobody but the API server.
        let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(false);
        options.build(&plain(spec)).map(|validator| Some(Self(validator))).map_err(|error| error.to_string())
    }

    /// Why an object would not be what it is now: the field, and what is wrong with it. No value is quoted.
    pub fn objection(&self, object: &Value) -> Option<String> {
        let error = self.0.iter_errors(object.get("spec")?).next()?;
        let path = error.instance_path().to_string().replace('/', ".");
        Some(format!("spec{path}: {}", error.masked_with("its value")))
    }
}

/// A structural schema in the words of JSON Schema. What the API server would drop is not allowed.
fn plain(schema: &Value) -> Value {
    let Value::Object(given) = schema else { return schema.clone() };
    let is = |field: &str| given.get(field) == Some(&Value::Bool(true));
    let mut schema: Map<String, Value> = given.clone();
    schema.retain(|field, _| !field.starts_with("x-kubernetes-") && field != "default" && field != "nullable");
    for field in ["items", "additionalProperties", "not"] {
        schema.entry(field).and_modify(|inner| *inner = plain(inner));
    }
    for field in ["allOf", "anyOf", "oneOf"] {
        if let Some(Value::Array(all)) = schema.get_mut(field) {
            all.iter_mut().for_each(|inner| *inner = plain_part(inner));
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(|inner| *inner = plain(inner));
        if !is("x-kubernetes-preserve-unknown-fields") {
            schema.entry("additionalProperties").or_insert(json!(false));
        }
    }
    // What has a default is never missing.
    let has_default = |name: &Value| !given["properties"][name.as_str().unwrap_or_default()]["default"].is_null();
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| !has_default(name));
    }
    if schema.get("required") == Some(&json!([])) {
        schema.remove("required");
    }
    if is("x-kubernetes-int-or-string") {
        schema.insert("type".into(), json!(["integer", "string"]));
    }
    match is("nullable") {
        true => json!({"anyOf": [{"type": "null"}, schema]}),
        false => schema.into(),
    }
}

/// A part that narrows a schema, and names its properties only to say more of them.
fn plain_part(schema: &Value) -> Value {
    let mut part = plain(schema);
    if part["additionalProperties"] == false
        && let Some(part) = part.as_object_mut()
    {
        part.remove("additionalProperties");
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objection(schema: Value, spec: Value) -> Option<String> {
        let crd = json!({"spec": {"versions": [
            {"name": "v1", "schema": {"openAPIV3Schema": {"properties": {"spec": schema}}}}]}});
        Schema::of(&crd, "v1").expect("a schema").expect("a version").objection(&json!({"spec": spec}))
    }

    #[test]
    fn what_is_still_valid_is_not_objected_to() {
        let schema = json!({"type": "object", "required": ["a", "n"], "properties": {
            "a": {"type": "string", "enum": ["x", "y"]},
            "n": {"type": "integer", "default": 3, "minimum": 1},
            "size": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "maybe": {"type": "object", "nullable": true, "properties": {"b": {"type": "boolean"}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
        }});
        for spec in [
            json!({"a": "x"}),
            json!({"a": "y", "n": 1, "size": "10Gi", "maybe": null, "free": {"any": [1]}, "map": {"k": "v"}}),
            json!({"a": "y", "size": 10, "maybe": {"b": true}}),
        ] {
            assert_eq!(objection(schema.clone(), spec.clone()), None, "{spec}");
        }
    }

    #[test]
    fn what_would_be_refused_or_dropped_is_named_without_its_value() {
        let schema = json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string", "enum": ["x", "y"]},
            "n": {"type": "integer", "minimum": 1},
            "list": {"type": "array", "items": {"type": "object", "properties": {"b": {"type": "boolean"}}}},
        }});
        for (spec, path) in [
            (json!({}), "spec: "),
            (json!({"a": "hidden"}), "spec.a: "),
            (json!({"a": "x", "n": 0}), "spec.n: "),
            (json!({"a": "x", "gone": "hidden"}), "spec: "),
            (json!({"a": "x", "list": [{"b": true}, {"b": true, "gone": "hidden"}]}), "spec.list.1: "),
            (json!({"a": ["hidden"]}), "spec.a: "),
        ] {
            let objection = objection(schema.clone(), spec.clone()).unwrap_or_else(|| panic!("{spec} passes"));
            assert!(objection.starts_with(path) && !objection.contains("hidden"), "{objection}");
        }
    }
}
