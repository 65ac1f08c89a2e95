//! Environment variables of containers.

use k8s_openapi::api::core::v1::{ConfigMapKeySelector, EnvVar, EnvVarSource, ObjectFieldSelector, SecretKeySelector};

/// A plain value. MUST NOT be a secret: pods are readable by more people than Secrets.
pub fn env_value(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar { name: name.into(), value: Some(value.into()), ..Default::default() }
}

/// A key of a Secret in the pod's namespace. The pod doesn't start before it exists.
pub fn env_secret(name: &str, secret: &str, key: &str) -> EnvVar {
    let selector = SecretKeySelector { name: secret.into(), key: key.into(), optional: None };
    from(name, EnvVarSource { secret_key_ref: Some(selector), ..Default::default() })
}

/// A key of a ConfigMap in the pod's namespace, as it is when the container starts.
pub fn env_config_map(name: &str, config_map: &str, key: &str) -> EnvVar {
    let selector = ConfigMapKeySelector { name: config_map.into(), key: key.into(), optional: None };
    from(name, EnvVarSource { config_map_key_ref: Some(selector), ..Default::default() })
}

/// A field of the pod: `metadata.name`, `status.podIP`.
pub fn env_field(name: &str, path: &str) -> EnvVar {
    let selector = ObjectFieldSelector { field_path: path.into(), ..Default::default() };
    from(name, EnvVarSource { field_ref: Some(selector), ..Default::default() })
}

fn from(name: &str, source: EnvVarSource) -> EnvVar {
    EnvVar { name: name.into(), value_from: Some(source), ..Default::default() }
}
