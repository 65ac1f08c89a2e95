//! What a changed schema means for objects that are stored: whether each is still valid, and says all that it says now.
//!
//! The API server asks neither when a CustomResourceDefinition changes. It would refuse the next write of an object that is no longer
//! valid, ours too, and drop the fields that the new schema does not know.

use serde_json::Value;

use crate::schema::{self, Judge};

/// A schema as a judge of specs.
pub struct Schema(Judge);

impl Schema {
    /// The spec's part of a version of a CustomResourceDefinition; nothing if it has none. Rules in CEL are left to the API server.
    ///
    /// # Errors
    /// Why it is no schema.
    pub fn of(crd: &Value, version: &str) -> Result<Option<Self>, String> {
        let spec = schema::of_version(crd, version).map(|schema| &schema["properties"]["spec"]);
        let Some(spec) = spec.filter(|spec| spec.is_object()) else { return Ok(None) };
        Judge::of(spec).map(Self).map(Some)
    }

    /// Why an object would not be what it is now: the field, and what is wrong with it. No value is quoted.
    pub fn objection(&self, object: &Value) -> Option<String> {
        let refusal = self.0.objection(object.get("spec")?)?;
        Some(format!("{}: {}", schema::below("spec", &refusal.path), refusal.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
            (json!({"a": "x", "list": [{"b": true}, {"b": true, "gone": "hidden"}]}), "spec.list[1]: "),
            (json!({"a": ["hidden"]}), "spec.a: "),
        ] {
            let objection = objection(schema.clone(), spec.clone()).unwrap_or_else(|| panic!("{spec} passes"));
            assert!(objection.starts_with(path) && !objection.contains("hidden"), "{objection}");
        }
    }
}
