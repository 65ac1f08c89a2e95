//! From Rust types to a CustomResourceDefinition with a structural schema.
//!
//! schemars writes JSON Schema 2020-12; the API server takes a subset of OpenAPI 3. The difference is made up here:
//! references are inlined, `null` alternatives go (an optional field is one that is not required), string enums
//! become one list, and formats that the API server does not know are dropped.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::manifest::{Column, Link, Manifest, Patches, Targets};
use crate::workload::Workload;

/// Annotation: the object that one of this kind is a part of.
const BELONGS_TO: &str = "view.optimism.io/belongs-to";
/// Annotation: the objects that one of this kind reads from.
const FED_BY: &str = "view.optimism.io/fed-by";
/// Annotation: names of the columns that are blocks up to which a chain is known.
const HEADS: &str = "view.optimism.io/heads";

/// Annotation: what the plugin asks for beside what its manifest's record has fields for.
const ASKS_FOR: &str = "grants.optimism.io/asks-for";

/// The CustomResourceDefinition of a workload's kind.
pub fn definition<W: Workload>(manifest: &Manifest) -> Value {
    let kind = manifest.kind;
    let mut spec = structural::<W::Spec>();
    add_rules(&mut spec, &manifest.rules);
    let mut object = json!({
        "type": "object",
        "required": ["spec"],
        "properties": {"spec": spec, "status": lenient(structural::<W::Status>())},
    });
    add_rules(&mut object, &manifest.object_rules);
    let mut columns: Vec<_> = manifest.columns.iter().map(column).collect();
    columns.push(json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}));
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata(manifest),
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {
                "kind": kind.kind,
                "listKind": format!("{}List", kind.kind),
                "plural": kind.plural,
                "singular": kind.kind.to_lowercase(),
                "shortNames": kind.short_names,
            },
            "versions": [{
                "name": kind.version,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns,
                "schema": {"openAPIV3Schema": object},
            }],
        },
    })
}

fn add_rules(schema: &mut Value, rules: &[(&str, &str)]) {
    if !rules.is_empty() {
        let rules: Vec<_> = rules.iter().map(|(rule, message)| json!({"rule": rule, "message": message})).collect();
        schema["x-kubernetes-validations"] = rules.into();
    }
}

fn column(column: &Column) -> Value {
    let mut written = json!({"name": column.name, "type": column.kind, "jsonPath": column.path});
    if column.wide {
        written["priority"] = 1.into();
    }
    written
}

/// The name, and what those who look at objects of this kind should know.
fn metadata(manifest: &Manifest) -> Value {
    let link = |link: &Link| json!({"kind": format!("{}.{}", link.kind.kind, link.kind.group), "path": link.path});
    let heads: Vec<_> = manifest.columns.iter().filter(|column| column.head).map(|column| column.name).collect();
    let fed_by: Vec<_> = manifest.fed_by.iter().map(link).collect();
    let told = [
        (BELONGS_TO, manifest.belongs_to.as_ref().map(link)),
        (FED_BY, (!fed_by.is_empty()).then(|| fed_by.into())),
        (HEADS, (!heads.is_empty()).then(|| heads.into())),
        (ASKS_FOR, asks_for(manifest)),
    ];
    let annotations: Map<_, _> =
        told.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?.to_string().into()))).collect();
    let mut metadata = json!({"name": format!("{}.{}", manifest.kind.plural, manifest.kind.group)});
    if !annotations.is_empty() {
        metadata["annotations"] = annotations.into();
    }
    metadata
}

fn asks_for(manifest: &Manifest) -> Option<Value> {
    let Targets { hosts, secrets } = &manifest.targets;
    let patch = |Patches { kind, fields }: &Patches| json!({"group": kind.group, "version": kind.version, "kind": kind.kind, "fields": fields});
    let patches: Vec<_> = manifest.patches.iter().map(patch).collect();
    let asks = !patches.is_empty() || !hosts.is_empty() || *secrets;
    asks.then(|| json!({"patches": patches, "targets": {"hosts": hosts, "secrets": secrets}}))
}

/// A status is written piece by piece, by the host too where the plugin can't speak: nothing in it is required, and
/// nothing that nobody reported is filled in.
fn lenient(mut schema: Value) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.remove("required");
        object.remove("default");
        for (key, value) in object.iter_mut() {
            match key.as_str() {
                "properties" => value.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(relax),
                "items" | "additionalProperties" => relax(value),
                _ => {}
            }
        }
    }
    schema
}

fn relax(schema: &mut Value) {
    *schema = lenient(std::mem::take(schema));
}

/// The structural schema of a type.
pub fn structural<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema: Value = settings.into_generator().into_root_schema_for::<T>().into();
    if let Some(root) = schema.as_object_mut() {
        root.remove("title");
    }
    restructure(&mut schema);
    schema
}

/// For a field whose content is not described: any object, kept as it is.
pub fn any_object(_: &mut schemars::SchemaGenerator) -> Schema {
    schemars::json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

fn restructure(schema: &mut Value) {
    // `true` is the schema of any value.
    if schema.as_bool() == Some(true) {
        *schema = json!({"x-kubernetes-preserve-unknown-fields": true});
    }
    let Some(object) = schema.as_object_mut() else { return };
    if object.get("x-kubernetes-int-or-string").is_none() {
        drop_null(object);
        join_enum(object);
        flatten_all_of(object);
    }
    if let Some(constant) = object.remove("const") {
        object.insert("enum".into(), json!([constant]));
    }
    if object.get("type").and_then(Value::as_str) != Some("string") {
        object.remove("format");
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    for (key, value) in object.iter_mut() {
        match key.as_str() {
            "properties" => value.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(restructure),
            "items" | "additionalProperties" if value.is_object() => restructure(value),
            _ => {}
        }
    }
}

/// `["string", "null"]` and `anyOf: [X, null]` both mean X.
fn drop_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    for key in ["anyOf", "oneOf"] {
        let Some(Value::Array(choices)) = object.get_mut(key) else { continue };
        choices.retain(|choice| choice.get("type").and_then(Value::as_str) != Some("null"));
        if let [Value::Object(only)] = choices.as_mut_slice() {
            let only = std::mem::take(only);
            object.remove(key);
            // What stands beside the choice (a description) is closer to the field than what is in it.
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
            drop_null(object);
        }
    }
}

/// A documented string enum is a `oneOf` of constants; Kubernetes wants one `enum`.
fn join_enum(object: &mut Map<String, Value>) {
    for key in ["oneOf", "anyOf"] {
        let Some(Value::Array(choices)) = object.get(key) else { continue };
        let mut values = Vec::new();
        for choice in choices {
            match (choice.get("const"), choice.get("enum")) {
                (Some(value), _) => values.push(value.clone()),
                (None, Some(Value::Array(some))) => values.extend(some.iter().cloned()),
                _ => return,
            }
        }
        object.remove(key);
        object.insert("type".into(), "string".into());
        object.insert("enum".into(), values.into());
        return;
    }
}

/// `allOf: [X]` is how a referenced type gets a description of its own.
fn flatten_all_of(object: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = object.get_mut("allOf") else { return };
    if let [Value::Object(only)] = parts.as_mut_slice() {
        let only = std::mem::take(only);
        object.remove("allOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Mode {
        /// The one.
        SnapSync,
        /// The other.
        Full,
    }

    #[derive(serde::Serialize, serde::Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        #[serde(default = "nine")]
        port: u16,
        mode: Option<Mode>,
    }

    fn nine() -> u16 {
        9
    }

    #[derive(serde::Serialize, serde::Deserialize, JsonSchema)]
    struct Outer {
        /// Told twice.
        inner: Option<Inner>,
        list: Vec<Inner>,
    }

    #[test]
    fn options_references_and_enums_become_structural() {
        let inner = json!({
            "type": "object",
            "properties": {
                "mode": {"type": "string", "enum": ["snap-sync", "full"]},
                "port": {"type": "integer", "minimum": 0, "maximum": 65535, "default": 9},
            },
        });
        let mut described = inner.clone();
        described["description"] = "Told twice.".into();
        assert_eq!(
            structural::<Outer>(),
            json!({
                "type": "object",
                "required": ["list"],
                "properties": {"inner": described, "list": {"type": "array", "items": inner}},
            })
        );
    }
}
