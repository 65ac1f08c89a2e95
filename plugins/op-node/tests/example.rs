//! The example that users copy: it parses, and has no field that the schema lacks.

use op_node::OpNode;
use op_node::spec::OpNodeSpec;
use opstack_sdk::crd::structural;
use opstack_sdk::testkit::documents;
use opstack_sdk::{Object, Workload};
use serde_json::Value;

#[test]
fn the_example_fits_the_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/opnode.yaml");
    let examples = documents(&std::fs::read_to_string(path).unwrap());
    let schema = structural::<<OpNode as Workload>::Spec>();
    for example in &examples {
        if let Err(failure) = Object::<OpNodeSpec>::parse(&example.to_string()) {
            panic!("{}: {failure}", example["metadata"]["name"]);
        }
        let mut unknown = vec![];
        find_unknown(&example["spec"], &schema, "spec", &mut unknown);
        assert!(unknown.is_empty(), "{}: the schema lacks {}", example["metadata"]["name"], unknown.join(", "));
    }
}

fn find_unknown(value: &Value, schema: &Value, path: &str, unknown: &mut Vec<String>) {
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    for (index, element) in value.as_array().into_iter().flatten().enumerate() {
        find_unknown(element, &schema["items"], &format!("{path}[{index}]"), unknown);
    }
    for (key, field) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(schema), _) => find_unknown(field, schema, &path, unknown),
            (None, Value::Object(_)) => {}
            (None, _) => unknown.push(path),
        }
    }
}
