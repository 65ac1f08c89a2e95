//! The examples that users begin with.

use serde_json::Value;
use std::fs;
use std::path::Path;

use super::{FakeCluster, documents, request};
use crate::answer::Failure;
use crate::workload::Workload;
use crate::{call, crd};

/// Checks `examples/<file>` of the workspace: every field of the kind is in it, at least in a comment, and the plugin
/// takes all its objects.
///
/// # Panics
/// When that is not so; names the fields or the failure.
pub fn check_example<W: Workload>(crate_dir: &str, file: &str) {
    let text = fs::read_to_string(Path::new(crate_dir).join("../../examples").join(file)).unwrap();
    let mut missing = vec![];
    collect_missing(&crd::structural::<W::Spec>(), "spec", &text, &mut missing);
    assert!(missing.is_empty(), "examples/{file} does not show {}", missing.join(", "));
    let objects = documents(&text);
    let kind = W::manifest().kind.kind;
    for object in objects.iter().filter(|object| object["kind"] == kind) {
        let mut object = object.clone();
        if object["metadata"]["namespace"].is_null() {
            object["metadata"]["namespace"] = "default".into();
        }
        let answer = call::reconcile::<W>(&FakeCluster::new(objects.clone()), request(&object));
        assert!(!matches!(answer, Err(Failure::Invalid(_) | Failure::Other(_))), "examples/{file}: {answer:?}");
    }
}

fn collect_missing(schema: &Value, path: &str, text: &str, missing: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if !text.contains(&format!("{name}:")) {
            missing.push(path.clone());
        }
        collect_missing(field, &path, text, missing);
    }
    if schema["items"].is_object() {
        collect_missing(&schema["items"], &format!("{path}[]"), text, missing);
    }
}
