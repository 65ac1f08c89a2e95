//! Documents in files, read as `kubectl apply` reads them: several in one file, Lists, anchors with merge keys.

use anyhow::{Context as _, bail};
use opstack_core::document;
use opstack_core::ids::{GroupKind, Gvk, ObjectKey};
use serde::Deserialize;
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};

/// An object and where it came from.
pub struct Document {
    /// File, place in it, kind and name.
    pub title: String,
    /// Which object it is.
    pub key: ObjectKey,
    /// The object.
    pub object: Value,
}

/// All objects of all files; `-` is the standard input.
///
/// # Errors
/// When a file can't be read or is no YAML, an object lacks what identifies it, or one is given twice.
pub fn load(files: &[PathBuf]) -> anyhow::Result<Vec<Document>> {
    let mut documents: Vec<Document> = Vec::new();
    for file in files {
        for document in parse(&read(file)?, &file.display().to_string())? {
            if let Some(twin) = documents.iter().find(|known| known.key == document.key) {
                bail!("{}: {} is given twice; it is in {} already", document.title, document.key, twin.title);
            }
            documents.push(document);
        }
    }
    Ok(documents)
}

fn parse(text: &str, file: &str) -> anyhow::Result<Vec<Document>> {
    // Editors of some systems begin a file with a byte order mark.
    let text = text.trim_start_matches('\u{feff}');
    let mut documents = Vec::new();
    for (index, document) in serde_norway::Deserializer::from_str(text).enumerate() {
        let title = format!("{file}, document {}", index + 1);
        let document = merged(document).with_context(|| format!("{title}: not valid YAML"))?;
        for (title, object) in objects(document, title) {
            documents.push(Document::of(object, &title)?);
        }
    }
    Ok(documents)
}

/// A document with what its merge keys (`<<`) bring in.
fn merged(document: serde_norway::Deserializer<'_>) -> anyhow::Result<Value> {
    let mut document = serde_norway::Value::deserialize(document)?;
    document.apply_merge()?;
    Ok(serde_json::to_value(document)?)
}

/// The objects in a document: those of a List, as `kubectl get -o yaml` prints several, or the one that it is.
fn objects(document: Value, title: String) -> Vec<(String, Value)> {
    let is_list = document["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match document["items"].as_array().filter(|_| is_list) {
        Some(items) => {
            let items = items.iter().cloned().enumerate();
            items.flat_map(|(index, item)| objects(item, format!("{title}, items[{index}]"))).collect()
        }
        None if document.is_null() => vec![],
        None => vec![(title, document)],
    }
}

impl Document {
    fn of(mut object: Value, title: &str) -> anyhow::Result<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let name = text(&object["metadata"]["name"]);
        for (field, value) in [("apiVersion", &api_version), ("kind", &kind), ("metadata.name", &name)] {
            if value.is_empty() {
                bail!("{title}: {field} is missing");
            }
        }
        let gvk = Gvk::from_api_version(&api_version, &kind);
        // The only kinds that are looked up and in no namespace.
        let is_namespaced = !["Namespace", "Node"].map(|kind| GroupKind::new("", kind)).contains(&gvk.group_kind);
        if object["metadata"]["namespace"].is_null() && is_namespaced {
            document::set(&mut object, &["metadata"], "namespace", "default");
        }
        let key = ObjectKey::new(gvk.group_kind, &text(&object["metadata"]["namespace"]), &name);
        Ok(Self { title: format!("{title} ({kind} {}/{name})", key.namespace), key, object })
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("failed to read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keys(text: &str) -> Vec<String> {
        parse(text, "f").unwrap().into_iter().map(|document| document.key.to_string()).collect()
    }

    const NODE: &str = "apiVersion: optimism.io/v1alpha1\nkind: OpNode\nmetadata: {name: a}\n";

    #[test]
    fn a_list_is_its_items() {
        let items = "items:\n- {apiVersion: v1, kind: Secret, metadata: {name: s, namespace: ns}}\n- {apiVersion: optimism.io/v1alpha1, kind: OpNode, metadata: {name: b}}\n";
        let list = format!("{NODE}---\napiVersion: v1\nkind: List\n{items}");
        assert_eq!(keys(&list), ["OpNode.optimism.io/default/a", "Secret/ns/s", "OpNode.optimism.io/default/b"]);
        let error = parse("kind: List\nitems:\n- {kind: Secret}\n", "f").err().unwrap().to_string();
        assert!(error.contains("f, document 1, items[0]: apiVersion is missing"), "{error}");
        assert_eq!(keys("kind: List\nitems: []\n"), [""; 0]);
    }

    #[test]
    fn merge_keys_bring_in_what_they_name_and_lose_against_what_stands_there() {
        let spec = "spec:\n  one: &one {cpu: 1, memory: 2Gi}\n  two: {<<: *one, memory: 8Gi}\n";
        let document = parse(&format!("{NODE}{spec}"), "f").unwrap().remove(0);
        assert_eq!(document.object["spec"]["two"], json!({"cpu": 1, "memory": "8Gi"}));
    }

    #[test]
    fn byte_order_marks_line_ends_and_empty_documents_are_no_matter() {
        let text = format!("\u{feff}---\n{NODE}---\n---\n").replace('\n', "\r\n");
        assert_eq!(keys(&text), ["OpNode.optimism.io/default/a"]);
    }
}
