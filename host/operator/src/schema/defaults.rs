//! Nulls and defaults (`apiextensions-apiserver/pkg/apiserver/schema/defaulting` of Kubernetes 1.36).

use serde_json::Value;

use super::{field, items};

/// Whether a null stands for an absent field.
fn is_void(value: &Value, schema: &Value) -> bool {
    value.is_null() && schema["nullable"] != true
}

/// Takes out fields that are null, may not be, and have no default.
pub fn prune(node: &mut Value, schema: &Value) {
    if let Some(fields) = node.as_object_mut() {
        fields.retain(|name, value| {
            field(schema, name).is_none_or(|schema| !is_void(value, schema) || !schema["default"].is_null())
        });
    }
    descend(node, schema, prune);
}

/// Gives absent fields their defaults, from the outside inwards.
pub fn fill(node: &mut Value, schema: &Value) {
    if let Some(fields) = node.as_object_mut() {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_absent = fields.get(name).is_none_or(|value| is_void(value, property));
            if is_absent && !property["default"].is_null() {
                fields.insert(name.clone(), property["default"].clone());
            }
        }
    }
    descend(node, schema, fill);
}

/// Does the same to all that is right below a node.
fn descend(node: &mut Value, schema: &Value, same: fn(&mut Value, &Value)) {
    match node {
        Value::Object(fields) => {
            for (name, value) in fields {
                field(schema, name).into_iter().for_each(|schema| same(value, schema));
            }
        }
        Value::Array(all) => {
            let of_items = items(schema);
            all.iter_mut().for_each(|item| of_items.into_iter().for_each(|schema| same(item, schema)));
        }
        _ => {}
    }
}
