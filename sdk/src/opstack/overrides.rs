//! The way out for what a spec does not model: image, arguments, environment, and the pod template itself.

use k8s_openapi::api::core::v1::{Capabilities, EnvVar, PodTemplateSpec};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::argument::flag_name;
use super::owned::{self, OwnedSettings};
use crate::answer::{Failure, FieldError};
use crate::kubernetes::{check_pod, merge_pod_template};

/// Schema of `extraEnv`: the entries of a container's `env`.
pub fn env_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "value": {"type": "string"},
                "valueFrom": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            },
        },
    })
}

/// Flags whose value is a secret: an argument can be read by everybody who may read pods.
const SECRET_FLAGS: [&str; 7] = [
    "private-key",
    "mnemonic",
    "signer.header",
    "p2p.sequencer.key",
    "p2p.priv.raw",
    "nodekeyhex",
    "p2p-secret-key-hex",
];

/// Whether a flag's value is a secret.
pub(super) fn is_secret(flag: &str) -> bool {
    SECRET_FLAGS.contains(&flag)
}

/// Refuses secrets in `spec.extraArgs`.
pub fn check_extra_args(args: &[String]) -> Result<(), FieldError> {
    match args.iter().filter_map(|arg| flag_name(arg)).find(|name| is_secret(name)) {
        None => Ok(()),
        Some(name) => Err(FieldError::new(
            "spec.extraArgs",
            format!(
                "--{name} would show a secret to everybody who can read pods; leave it out: the spec has fields for keys and signers, which name Secrets"
            ),
        )),
    }
}

/// The arguments with the user's after them. A rendered flag that the user gives too is left out: some programs take
/// the last of two equal flags, others refuse to start.
pub fn with_extra_args(mut args: Vec<String>, extra: &[String]) -> Vec<String> {
    args.retain(|arg| flag_name(arg).is_none_or(|name| extra.iter().all(|other| flag_name(other) != Some(name))));
    args.extend(extra.iter().cloned());
    args
}

/// The environment with the user's entries: one of the same name takes the place of the rendered one.
pub fn with_extra_env(mut env: Vec<EnvVar>, extra: &[EnvVar]) -> Vec<EnvVar> {
    for entry in extra {
        match env.iter_mut().find(|rendered| rendered.name == entry.name) {
            Some(rendered) => *rendered = entry.clone(),
            None => env.push(entry.clone()),
        }
    }
    env
}

/// The template with `spec.podTemplate` merged over it, and checked with all that the user gave to it. Of the containers in
/// `programs` the operator's settings stay as they are.
///
/// # Errors
/// `invalid` when the merge or the outcome is.
pub fn with_pod_template(
    template: PodTemplateSpec,
    patch: &Value,
    programs: &[(&str, &OwnedSettings)],
) -> Result<PodTemplateSpec, Failure> {
    let merged =
        merge_pod_template(template.clone(), patch).map_err(|error| Failure::invalid("spec.podTemplate", error))?;
    let errors = owned::errors(&template, &merged, programs);
    Failure::check(errors)?;
    let merged = confine(merged);
    check_pod(&merged).map(|()| merged)
}

/// Containers of the user's own get the restrictions that every namespace of the level `restricted` asks for, where they say
/// nothing else. The rest of it stands on the pod.
fn confine(mut template: PodTemplateSpec) -> PodTemplateSpec {
    let Some(pod) = &mut template.spec else { return template };
    for container in pod.containers.iter_mut().chain(pod.init_containers.iter_mut().flatten()) {
        let context = container.security_context.get_or_insert_default();
        context.allow_privilege_escalation.get_or_insert(false);
        let drops = || Capabilities { drop: Some(vec!["ALL".into()]), add: None };
        context.capabilities.get_or_insert_with(drops);
    }
    template
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_container_of_the_users_own_is_confined_as_the_others_are() {
        let template = |containers: Value| {
            serde_json::from_value::<PodTemplateSpec>(json!({"spec": {"containers": containers}})).unwrap()
        };
        let confined = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        let own = json!({"name": "op-node", "image": "op-node", "securityContext": confined});
        let said = json!({"allowPrivilegeEscalation": true, "runAsUser": 7});
        let patch = json!({"spec": {
            "containers": [{"name": "exporter", "image": "exporter"}, {"name": "debug", "image": "debug", "securityContext": said}],
            "initContainers": [{"name": "before", "image": "before"}],
        }});
        let merged = with_pod_template(template(json!([own])), &patch, &[]).unwrap();
        let pod = serde_json::to_value(merged.spec.unwrap()).unwrap();
        let context = |list: &str, name: &str| {
            let containers = pod[list].as_array().unwrap();
            containers.iter().find(|container| container["name"] == name).unwrap()["securityContext"].clone()
        };
        for (list, name) in [("containers", "op-node"), ("containers", "exporter"), ("initContainers", "before")] {
            assert_eq!(context(list, name), confined, "{name}");
        }
        // What a person says stands; what the namespace permits is the namespace's word.
        let expected = json!({"allowPrivilegeEscalation": true, "runAsUser": 7, "capabilities": {"drop": ["ALL"]}});
        assert_eq!(context("containers", "debug"), expected);
    }
}
