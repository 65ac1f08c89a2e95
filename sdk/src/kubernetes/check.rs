//! What users bring into an object and the API server would refuse: told before anything is applied, in the words of the spec.
//!
//! Only what specs let through is checked here; what builders make is right by construction.

use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, PersistentVolumeClaim, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

use crate::answer::{Failure, FieldError};
use crate::object::Metadata;
use crate::values::QuantityText;

/// The pods of a StatefulSet carry its name with a hash of ten letters in a label.
const LONGEST_NAME: usize = 52;

/// Checks that Services, pods and their labels can be named after an object.
///
/// # Errors
/// `invalid`, with the longest name and its letters.
pub fn check_name(metadata: &Metadata) -> Result<(), FieldError> {
    let name = &metadata.name;
    if fits_service(name) {
        return Ok(());
    }
    let message = format!(
        "{name:?} can't name a Service and its pods; use at most {LONGEST_NAME} lowercase letters, digits and dashes"
    );
    Err(FieldError::new("metadata.name", message))
}

/// Whether Services can be named after an object of this name, with room for a suffix.
pub fn fits_service(name: &str) -> bool {
    name.len() <= LONGEST_NAME && !name.contains('.')
}

/// Characters of a name that is an RFC 1123 subdomain, as those of most objects are.
const LONGEST_SUBDOMAIN: usize = 253;

/// Checks that a child `<name>-<suffix>` can be called after an object.
///
/// # Errors
/// `invalid`, with the longest name.
pub fn check_child_name(metadata: &Metadata, suffix: &str) -> Result<(), FieldError> {
    let longest = LONGEST_SUBDOMAIN - 1 - suffix.len();
    if metadata.name.len() <= longest {
        return Ok(());
    }
    let message = format!("{:?} leaves no room for \"-{suffix}\"; use at most {longest} characters", metadata.name);
    Err(FieldError::new("metadata.name", message))
}

/// Stands in the names of children of which an object of another name could have one that is called alike.
pub const APART: &str = "--";
/// Endings of the names of an object's children, beside those that end with a number.
const CHILDREN: [&str; 5] = ["-headless", "-p2p", "-beside", "-sequencers", "-active"];

/// Rules for the name of a new object of a kind of the OP Stack: (CEL on the object, message). With them no child of one object is
/// called as a child of another one of its namespace. An object that has a status was there before them, and may be changed.
pub const NAME_RULES: [(&str, &str); 2] = [
    (
        "has(self.status) || !self.metadata.name.contains('--')",
        "metadata.name must not hold \"--\", which stands in the names of what belongs to an object; use another name",
    ),
    (
        "has(self.status) || !self.metadata.name.matches('-(headless|p2p|beside|sequencers|active|p2p-[0-9]+)$')",
        "metadata.name must not end with -headless, -p2p, -p2p-<number>, -beside, -sequencers or -active, as names of what belongs to another object do; use another name",
    ),
];

/// Checks the name of a new object as [`NAME_RULES`] do, for objects that no API server has checked.
///
/// # Errors
/// `invalid`, with what it must not hold.
pub fn check_new_name(metadata: &Metadata) -> Result<(), FieldError> {
    let name = metadata.name.as_str();
    let numbered = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_numbered = numbered.len() < name.len() && numbered.ends_with("-p2p-");
    let [(_, apart), (_, child)] = NAME_RULES;
    if name.contains(APART) {
        return Err(FieldError::new("metadata.name", format!("{name:?}: {apart}")));
    }
    if is_numbered || CHILDREN.iter().any(|ending| name.ends_with(ending)) {
        return Err(FieldError::new("metadata.name", format!("{name:?}: {child}")));
    }
    Ok(())
}

/// Checks a pod with all that its user gave to it.
///
/// # Errors
/// `invalid`, with everything that was found.
pub fn check_pod(template: &PodTemplateSpec) -> Result<(), Failure> {
    let Some(pod) = &template.spec else { return Ok(()) };
    let mut errors = vec![];
    if pod.containers.is_empty() {
        errors.push(FieldError::new("spec.podTemplate", "leaves no container in the pod"));
    }
    let all = pod.containers.iter().chain(pod.init_containers.iter().flatten());
    all.for_each(|container| check_container(container, &mut errors));
    check_identity(pod, &mut errors);
    verdict(errors)
}

/// Checks the claims of a pod.
///
/// # Errors
/// `invalid`, with everything that was found.
pub fn check_claims(claims: &[PersistentVolumeClaim]) -> Result<(), Failure> {
    let mut errors = vec![];
    for claim in claims {
        let path = format!("storage of the claim {}", claim.metadata.name.as_deref().unwrap_or_default());
        let Some(spec) = &claim.spec else { continue };
        let size = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()?.get("storage"));
        if size.and_then(amount).is_some_and(|size| size <= 0.0) {
            errors.push(FieldError::new(format!("{path}: size"), "0 is no size; write one such as \"100Gi\""));
        }
        if let Some(class) = spec.storage_class_name.as_ref().filter(|class| !class.is_empty() && !is_subdomain(class))
        {
            let message =
                format!("{class:?} is not the name of a storage class: lowercase letters, digits, '-' and '.'");
            errors.push(FieldError::new(format!("{path}: storageClass"), message));
        }
    }
    verdict(errors)
}

fn verdict(errors: Vec<FieldError>) -> Result<(), Failure> {
    Failure::check(errors)
}

fn check_container(container: &Container, errors: &mut Vec<FieldError>) {
    let name = &container.name;
    let mut refuse = |what: String, why: String| errors.push(FieldError::new(format!("container {name}: {what}"), why));
    let image = container.image.as_deref().unwrap_or_default();
    if image.is_empty() || image != image.trim() {
        refuse("image".into(), format!("{image:?} is not an image; write a reference without blanks around it"));
    }
    for entry in container.env.iter().flatten() {
        if let Err(why) = check_env(entry) {
            refuse(format!("env {:?}", entry.name), why);
        }
    }
    let words = container.command.iter().chain(&container.args).flatten();
    let values = container.env.iter().flatten().filter_map(|entry| entry.value.as_ref());
    if words.chain(values).any(|text| text.contains('\0')) {
        let why =
            "one holds a NUL character, with which no program is started; take it out of the field that it comes from";
        refuse("arguments and variables".into(), why.into());
    }
    let resources = container.resources.clone().unwrap_or_default();
    let (requests, limits) = (resources.requests.unwrap_or_default(), resources.limits.unwrap_or_default());
    for key in requests.keys().chain(limits.keys()) {
        if let Err(why) = check_resource(key, &requests, &limits) {
            refuse(format!("resources: {key:?}"), why);
        }
    }
}

fn check_env(entry: &EnvVar) -> Result<(), String> {
    let is_fit = |c: char| c.is_ascii_graphic() && c != '=' || c == ' ';
    if entry.name.is_empty() || !entry.name.chars().all(is_fit) {
        return Err("the name of a variable is printable ASCII without '='".into());
    }
    let Some(source) = &entry.value_from else { return Ok(()) };
    if entry.value.as_ref().is_some_and(|value| !value.is_empty()) {
        return Err("has a value and valueFrom; give one of them".into());
    }
    check_source(source)
}

fn check_source(source: &EnvVarSource) -> Result<(), String> {
    let EnvVarSource { config_map_key_ref, field_ref, file_key_ref, resource_field_ref, secret_key_ref } = source;
    let given = [
        config_map_key_ref.is_some(),
        field_ref.is_some(),
        file_key_ref.is_some(),
        resource_field_ref.is_some(),
        secret_key_ref.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err("valueFrom needs exactly one of configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef".into());
    }
    let config_map = config_map_key_ref.as_ref().map(|from| (&from.name, &from.key));
    let keys = config_map.into_iter().chain(secret_key_ref.as_ref().map(|from| (&from.name, &from.key)));
    for (name, key) in keys {
        if !is_subdomain(name) {
            return Err(format!("{name:?} is not the name of an object; valueFrom needs name and key"));
        }
        if !is_key(key) {
            return Err(format!(
                "{key:?} is not a key: letters, digits, '-', '_' and '.'; valueFrom needs name and key"
            ));
        }
    }
    match field_ref {
        Some(field) if field.field_path.is_empty() => Err("valueFrom.fieldRef needs a fieldPath".into()),
        _ => Ok(()),
    }
}

fn check_resource(
    key: &str,
    requests: &BTreeMap<String, Quantity>,
    limits: &BTreeMap<String, Quantity>,
) -> Result<(), String> {
    if ["cpu", "memory", "ephemeral-storage"].contains(&key) {
        return Ok(());
    }
    let extended = key.split_once('/').is_some_and(|(domain, name)| is_subdomain(domain) && is_label(name));
    if !extended && !key.starts_with("hugepages-") {
        return Err("is not a resource of a container; there are cpu, memory, ephemeral-storage and what devices offer as domain/name".into());
    }
    let limit = limits.get(key).and_then(amount);
    let whole = |amount: f64| amount.fract() == 0.0;
    match requests.get(key).map(amount) {
        _ if !limit.is_some_and(whole) => Err("needs a limit, in whole numbers".into()),
        Some(request) if request != limit => Err("can't be shared, so its request is its limit".into()),
        _ => Ok(()),
    }
}

fn check_identity(pod: &PodSpec, errors: &mut Vec<FieldError>) {
    let Some(context) = &pod.security_context else { return };
    let ids = [("runAsUser", context.run_as_user), ("fsGroup", context.fs_group)];
    for (field, id) in ids {
        if let Some(id) = id.filter(|id| i32::try_from(*id).map_or(true, i32::is_negative)) {
            let message = format!("{id} is not an id; those are between 0 and {}", i32::MAX);
            errors.push(FieldError::new(format!("spec.security.{field}"), message));
        }
    }
    let profile = context.seccomp_profile.as_ref().filter(|profile| profile.type_ == "Localhost");
    let file = profile.map(|profile| profile.localhost_profile.as_deref().unwrap_or_default());
    if file.is_some_and(|file| file.is_empty() || file.starts_with('/') || file.split('/').any(|part| part == "..")) {
        errors.push(FieldError::new(
            "spec.security.seccompProfile.localhostProfile",
            "the type Localhost needs the file of a profile, relative to the kubelet's directory of profiles",
        ));
    }
}

fn amount(quantity: &Quantity) -> Option<f64> {
    QuantityText::parse(&quantity.0).ok().map(|quantity| quantity.value())
}

pub(super) fn is_subdomain(name: &str) -> bool {
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        let fit = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        bytes.first().is_some_and(fit) && bytes.last().is_some_and(fit) && bytes.iter().all(|b| fit(b) || *b == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_part)
}

pub(super) fn is_label(name: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    name.len() <= 63 && edge(name.as_bytes().first()) && edge(name.as_bytes().last()) && is_key(name)
}

fn is_key(key: &str) -> bool {
    let fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=253).contains(&key.len()) && key != "." && !key.starts_with("..") && key.chars().all(fit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(container: serde_json::Value) -> Result<(), Failure> {
        let template = json!({"spec": {"containers": [container]}});
        check_pod(&serde_json::from_value(template).unwrap())
    }

    #[test]
    fn what_the_api_server_takes_passes() {
        let container = json!({
            "name": "c", "image": "i:1",
            "env": [{"name": "A.b-c d", "value": ""}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k.1"}}}],
            "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi", "example.org/gpu": "1"}},
        });
        assert_eq!(pod(container), Ok(()));
        assert!(check_name(&Metadata { name: "a".repeat(52), ..Default::default() }).is_ok());
    }

    #[test]
    fn what_it_would_refuse_is_named() {
        for (container, says) in [
            (json!({"name": "c", "image": "i "}), "container c: image"),
            (json!({"name": "c", "image": "i", "env": [{"name": "日本"}]}), "printable ASCII"),
            (json!({"name": "c", "image": "i", "env": [{"name": "A", "valueFrom": {}}]}), "exactly one of"),
            (
                json!({"name": "c", "image": "i", "env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}),
                "one of them",
            ),
            (
                json!({"name": "c", "image": "i", "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "", "key": "k"}}}]}),
                "name and key",
            ),
            (json!({"name": "c", "image": "i", "resources": {"limits": {"storage": "1"}}}), "not a resource"),
            (json!({"name": "c", "image": "i", "resources": {"requests": {"a.b/c": "1"}}}), "needs a limit"),
        ] {
            let failure = pod(container).unwrap_err().to_string();
            assert!(failure.contains(says), "{failure}");
        }
        for name in ["a.b".to_owned(), "a".repeat(53)] {
            assert!(check_name(&Metadata { name, ..Default::default() }).is_err());
        }
    }
}
