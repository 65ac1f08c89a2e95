//! Types, bounds, patterns, required and unknown fields: a structural schema as JSON Schema.

use jsonschema::{Draft, ValidationError, Validator};
use serde_json::{Map, Value, json};

use super::Refusal;

/// A schema that judges.
pub struct Judge(Validator);

impl Judge {
    /// Of a structural schema. Rules in CEL are not its matter.
    ///
    /// # Errors
    /// Why it is no schema.
    pub fn of(schema: &Value) -> Result<Self, String> {
        // OpenAPI 3.0 speaks the dialect of draft 4; its formats are checked by nobody but the API server.
        let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(false);
        options.build(&plain(schema)).map(Self).map_err(|error| error.to_string())
    }

    /// All that is wrong, each with the value that is. A URL is not quoted: it may hold a key.
    pub fn refusals(&self, value: &Value) -> Vec<Refusal> {
        let told = |error: ValidationError<'_>| {
            let path = path_of(&error.instance_path().to_string());
            let is_url = error.instance().as_str().is_some_and(|text| text.contains("://"));
            let message = if is_url { error.masked_with("its value").to_string() } else { error.to_string() };
            Refusal { path, message }
        };
        self.0.iter_errors(value).map(told).collect()
    }

    /// The first of it: the field, and what is wrong with it. No value is quoted.
    pub fn objection(&self, value: &Value) -> Option<Refusal> {
        let error = self.0.iter_errors(value).next()?;
        Some(Refusal {
            path: path_of(&error.instance_path().to_string()),
            message: error.masked_with("its value").to_string(),
        })
    }
}

/// `/spec/list/0/name` as people write it: `spec.list[0].name`.
fn path_of(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")) {
        match part.parse::<usize>() {
            Ok(index) => path.push_str(&format!("[{index}]")),
            Err(_) if path.is_empty() => path = part,
            Err(_) => path.push_str(&format!(".{part}")),
        }
    }
    path
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
    if let Some(Value::String(pattern)) = schema.get_mut("pattern") {
        *pattern = of_go(pattern);
    }
    let is_whole = given.get("type") == Some(&json!("integer")) || is("x-kubernetes-int-or-string");
    if is_whole && !given.contains_key("maximum") {
        // A larger one is no integer to the API server.
        schema.insert("maximum".into(), i64::MAX.into());
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

/// A pattern of Go's in the dialect of JSON Schema: a blank is one of ASCII.
fn of_go(pattern: &str) -> String {
    pattern.replace(r"\S", r"[^\t\n\f\r ]").replace(r"\s", r"[\t\n\f\r ]")
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
