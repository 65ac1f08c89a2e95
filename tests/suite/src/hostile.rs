//! Objects of the kind that the guest `hostile` serves.

use serde_json::{Value, json};

/// An object with a behaviour.
pub fn object(namespace: &str, name: &str, behaviour: &str) -> Value {
    json!({
        "apiVersion": "test.optimism.io/v1",
        "kind": "Hostile",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"behaviour": behaviour},
    })
}

/// An object with a behaviour and more of a spec.
pub fn with(namespace: &str, name: &str, behaviour: &str, more: &Value) -> Value {
    let mut object = object(namespace, name, behaviour);
    for (field, value) in more.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    object
}

/// The path of an object.
pub fn path(namespace: &str, name: &str) -> String {
    format!("{}/{name}", paths(namespace))
}

/// The path of all objects of a namespace.
pub fn paths(namespace: &str) -> String {
    format!("/apis/test.optimism.io/v1/namespaces/{namespace}/hostiles")
}
