//! Paths of the Kubernetes API.

use serde_json::Value;

/// ConfigMaps of a namespace.
pub fn config_maps(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

/// One ConfigMap.
pub fn config_map(namespace: &str, name: &str) -> String {
    format!("{}/{name}", config_maps(namespace))
}

/// One Secret.
pub fn secret(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets/{name}")
}

/// One `Plugin`.
pub fn plugin(name: &str) -> String {
    format!("/apis/optimism.io/v1alpha1/plugins/{name}")
}

/// The path of the kind's collection that an object belongs to.
///
/// # Panics
/// For an object without apiVersion or kind.
pub fn collection(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let version = text("/apiVersion").unwrap_or_else(|| panic!("no apiVersion: {object}"));
    let kind = text("/kind").unwrap_or_else(|| panic!("no kind: {object}"));
    let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let place = text("/metadata/namespace").map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
    format!("{root}{place}/{}", plural(kind))
}

/// The path of an object.
///
/// # Panics
/// For an object without apiVersion, kind or name.
pub fn of(object: &Value) -> String {
    let name = object["metadata"]["name"].as_str().unwrap_or_else(|| panic!("no name: {object}"));
    format!("{}/{name}", collection(object))
}

/// Good for the kinds of these tests.
fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_follow_from_objects() {
        let at = |version: &str, kind: &str, namespace: Option<&str>| {
            of(&json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": namespace}}))
        };
        assert_eq!(at("v1", "ConfigMap", Some("a")), config_map("a", "x"));
        assert_eq!(at("optimism.io/v1alpha1", "Plugin", None), plugin("x"));
        assert_eq!(
            at("networking.k8s.io/v1", "NetworkPolicy", Some("a")),
            "/apis/networking.k8s.io/v1/namespaces/a/networkpolicies/x"
        );
    }
}
