//! What an API server does to an object before it stores it, by the schema of its kind: it fills in defaults, and refuses what the
//! schema does not allow. `tests/faults` holds both against a real one.
//!
//! | file | what |
//! | --- | --- |
//! | `schema/defaults.rs` | nulls that mean nothing, and defaults |
//! | `schema/judge.rs` | types, bounds, patterns, required and unknown fields |
//! | `schema/lists.rs` | lists that are maps or sets |
//! | `schema/rules.rs` | CEL |

use serde_json::Value;

mod defaults;
mod judge;
mod lists;
mod rules;

pub use judge::Judge;

/// A field that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// From the root of what was judged: `spec.replicas`.
    pub path: String,
    /// Names the value and what is allowed.
    pub message: String,
}

/// The schema of a kind in one version, as an API server goes by it.
pub struct Schema<'a> {
    schema: &'a Value,
    judge: Judge,
}

impl<'a> Schema<'a> {
    /// Of a version of a definition; nothing where it has no such version.
    ///
    /// # Errors
    /// Why it is no schema.
    pub fn of(definition: &'a Value, version: &str) -> Result<Option<Self>, String> {
        let Some(schema) = of_version(definition, version) else { return Ok(None) };
        Ok(Some(Self { schema, judge: Judge::of(schema)? }))
    }

    /// Fills in what is left out and has a default; a null stands for that.
    pub fn complete(&self, object: &mut Value) {
        defaults::prune(object, self.schema);
        defaults::fill(object, self.schema);
    }

    /// All that is refused of a complete object, with strict validation of fields, as `kubectl apply` asks for it.
    pub fn refusals(&self, object: &Value) -> Vec<Refusal> {
        let mut refusals = self.judge.refusals(&own_part(object));
        walk(object, self.schema, "", &mut |node, schema, path| refusals.extend(lists::refusal(node, schema, path)));
        // Rules are asked of what is of the right shape.
        if refusals.is_empty() {
            walk(object, self.schema, "", &mut |node, schema, path| {
                refusals.extend(rules::refusals(node, schema, path))
            });
        }
        refusals
    }
}

/// What the schema speaks of: version, kind and metadata are those of every kind.
fn own_part(object: &Value) -> Value {
    let mut own = object.clone();
    if let Some(fields) = own.as_object_mut() {
        fields.retain(|name, _| !["apiVersion", "kind", "metadata"].contains(&name.as_str()));
    }
    own
}

/// The schema of a version of a CustomResourceDefinition.
pub fn of_version<'a>(definition: &'a Value, version: &str) -> Option<&'a Value> {
    let versions = definition["spec"]["versions"].as_array()?;
    let version = versions.iter().find(|known| known["name"] == version)?;
    version.pointer("/schema/openAPIV3Schema")
}

/// The path of a field below another path.
pub fn below(path: &str, field: &str) -> String {
    match (path, field) {
        ("", field) => field.into(),
        (path, "") => path.into(),
        (path, field) if field.starts_with('[') => format!("{path}{field}"),
        (path, field) => format!("{path}.{field}"),
    }
}

/// The schema of a field, be it a named one or any.
fn field<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    let named = schema["properties"].get(name);
    named.or_else(|| Some(&schema["additionalProperties"]).filter(|any| any.is_object()))
}

fn items(schema: &Value) -> Option<&Value> {
    Some(&schema["items"]).filter(|items| items.is_object())
}

/// Visits a node and all that is below it, each with its schema and path.
fn walk(node: &Value, schema: &Value, path: &str, visit: &mut impl FnMut(&Value, &Value, &str)) {
    visit(node, schema, path);
    match node {
        Value::Object(fields) => {
            for (name, value) in fields {
                field(schema, name).into_iter().for_each(|schema| walk(value, schema, &below(path, name), visit));
            }
        }
        Value::Array(all) => {
            for (index, item) in all.iter().enumerate() {
                let path = format!("{path}[{index}]");
                items(schema).into_iter().for_each(|schema| walk(item, schema, &path, visit));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
