//! What an answer may hold. A plugin is somebody else's code: nothing of its answer reaches the cluster unchecked.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::answer::{Answer, Policy, Resource};
use crate::blame::Fault;
use crate::fields;
use crate::grants::Grants;
use crate::hash;
use crate::ids::{
    DESIRED_ANNOTATION, Gvk, OWNER_ANNOTATION, ObjectKey, POLICY_ANNOTATION, PluginName, RESERVED_PREFIX,
    WORKLOAD_LABEL, workload_label,
};
use crate::inventory::PATCH_ANNOTATION_PREFIX;
use crate::probe::Question;
use crate::rollout::{GROUP_ANNOTATION, SETTLED_ANNOTATION, Turn};

mod pod_security;

/// More objects than this in one answer is a defect.
pub const MAX_CHILDREN: usize = 500;

/// The object whose children are checked.
#[derive(Clone, Debug)]
pub struct Owner<'a> {
    /// Which.
    pub key: ObjectKey,
    /// Its life.
    pub uid: String,
    /// e.g. `optimism.io/v1alpha1`.
    pub api_version: String,
    /// What its user asks for.
    pub spec: &'a Value,
}

/// What the API server serves.
pub trait Kinds {
    /// Whether the kind is namespaced; nothing when it is not served in that version.
    fn namespaced(&self, kind: &Gvk) -> Option<bool>;
}

impl Kinds for BTreeMap<Gvk, bool> {
    fn namespaced(&self, kind: &Gvk) -> Option<bool> {
        self.get(kind).copied()
    }
}

/// A checked child, with the metadata that the host adds.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredChild {
    /// Which.
    pub key: ObjectKey,
    /// Version in which it is written.
    pub gvk: Gvk,
    /// Its fate.
    pub policy: Policy,
    /// What is applied.
    pub object: Value,
    /// Hash of it, also in its annotation.
    pub hash: String,
    /// Its turn, while its pods are replaced in one.
    pub turn: Option<Turn>,
    /// It stays as it is for now, for it is another's turn.
    pub held: bool,
}

impl DesiredChild {
    /// Adds an annotation that the hash does not cover.
    pub fn annotate(&mut self, key: &str, value: &str) {
        annotate(&mut self.object, key, value);
    }

    /// The group of its rollouts.
    pub fn rollout_group(&self) -> Option<&str> {
        self.object["metadata"]["annotations"][GROUP_ANNOTATION].as_str()
    }
}

/// Checked children of one owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// In the order of the answer.
    pub children: Vec<DesiredChild>,
}

/// Checks an answer's objects and adds the host's metadata.
///
/// # Errors
/// The plugin's fault, naming the object and the rule; nothing is applied then.
pub fn check(
    resources: &[Resource],
    owner: &Owner<'_>,
    plugin: &PluginName,
    grants: &Grants,
    kinds: &dyn Kinds,
) -> Result<Desired, Fault> {
    if resources.len() > MAX_CHILDREN {
        let message = format!("the answer holds {} objects; at most {MAX_CHILDREN} are allowed", resources.len());
        return Err(Fault::plugin("TooManyObjects", message));
    }
    let mut seen = BTreeSet::new();
    let mut children = Vec::with_capacity(resources.len());
    for (index, resource) in resources.iter().enumerate() {
        let child = check_one(index, resource, owner, plugin, grants, kinds)?;
        if !seen.insert(child.key.clone()) {
            return Err(Fault::plugin("DuplicateObject", format!("{} is rendered twice", child.key)));
        }
        children.push(child);
    }
    Ok(Desired { children })
}

fn check_one(
    index: usize,
    resource: &Resource,
    owner: &Owner<'_>,
    plugin: &PluginName,
    grants: &Grants,
    kinds: &dyn Kinds,
) -> Result<DesiredChild, Fault> {
    let bad = |message: String| Fault::plugin("InvalidAnswer", format!("object {index} of the answer {message}"));
    let mut object: Value =
        serde_json::from_str(&resource.object).map_err(|error| bad(format!("is not JSON: {error}")))?;
    let gvk = match (object["apiVersion"].as_str(), object["kind"].as_str()) {
        (Some(api_version), Some(kind)) => Gvk::from_api_version(api_version, kind),
        _ => return Err(bad("has no apiVersion or kind".into())),
    };
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    if !is_subdomain(name) {
        return Err(bad(format!(
            "({}) has the name {name:?}, which is not a lowercase RFC 1123 subdomain of at most 253 characters",
            gvk.group_kind
        )));
    }
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let key = ObjectKey::new(gvk.group_kind.clone(), namespace, name);
    match resource.policy {
        Policy::Patch => check_fields(&key, &object, grants)?,
        Policy::Delete | Policy::Retain => check_owned(&key, grants)?,
    }
    check_place(&key, &gvk, owner, kinds)?;
    check_metadata(&key, &object)?;
    if !object["status"].is_null() {
        return Err(Fault::plugin("InvalidAnswer", format!("{key} has a status; only its controller writes that")));
    }
    if !object["spec"].is_null() && !object["spec"].is_object() {
        return Err(Fault::plugin("InvalidAnswer", format!("{key} has a spec that is no object")));
    }
    pod_security::check(&key, &object, grants.pod_security, (plugin, owner.spec))?;
    let hash = dress(&key, &mut object, resource.policy, owner, plugin);
    Ok(DesiredChild { key, gvk, policy: resource.policy, object, hash, turn: None, held: false })
}

fn check_place(key: &ObjectKey, gvk: &Gvk, owner: &Owner<'_>, kinds: &dyn Kinds) -> Result<(), Fault> {
    if gvk.group_kind == owner.key.kind {
        return Err(Fault::plugin(
            "KindNotGranted",
            format!("{key} is of the plugin's own kind; an answer must not make its own input"),
        ));
    }
    match kinds.namespaced(gvk) {
        None => {
            return Err(Fault::new(
                crate::blame::Blame::Cluster,
                "KindNotServed",
                format!("the API server does not serve {gvk}, of which {key} is"),
            ));
        }
        Some(false) => {
            return Err(Fault::plugin(
                "ClusterScoped",
                format!("{key} is cluster-scoped; children live in the namespace of their owner"),
            ));
        }
        Some(true) => {}
    }
    if key.namespace != owner.key.namespace {
        let message = format!("{key} is in another namespace than its owner {}", owner.key);
        return Err(Fault::plugin("OtherNamespace", message));
    }
    Ok(())
}

fn check_owned(key: &ObjectKey, grants: &Grants) -> Result<(), Fault> {
    if grants.owns.contains(&key.kind) {
        return Ok(());
    }
    let message =
        format!("{key} is of a kind that the Plugin object does not grant; add it to spec.grants.owns if it should");
    Err(Fault::plugin("KindNotGranted", message))
}

/// A patch goes to somebody else's object, so it is granted field by field.
fn check_fields(key: &ObjectKey, object: &Value, grants: &Grants) -> Result<(), Fault> {
    match fields::set_by(object).iter().find(|field| !grants.allows_patch(&key.kind, field)) {
        None => Ok(()),
        Some(field) => {
            let message = format!(
                "the patch of {key} sets {field}, which the Plugin object does not grant; add it to the fields of {} in spec.grants.patches if it should",
                key.kind
            );
            Err(Fault::plugin("FieldNotGranted", message))
        }
    }
}

fn check_metadata(key: &ObjectKey, object: &Value) -> Result<(), Fault> {
    let metadata = &object["metadata"];
    for field in ["ownerReferences", "finalizers", "uid", "resourceVersion", "managedFields", "generateName"] {
        if !metadata[field].is_null() {
            return Err(Fault::plugin("InvalidAnswer", format!("{key} sets metadata.{field}, which is the host's")));
        }
    }
    let is_rolled = ["StatefulSet", "Deployment"].contains(&key.kind.kind.as_ref());
    let is_granted = |name: &str| is_rolled && [GROUP_ANNOTATION, SETTLED_ANNOTATION].contains(&name);
    let mut names = metadata["annotations"].as_object().into_iter().flat_map(Map::keys);
    let reserved = names.find(|name| name.starts_with(RESERVED_PREFIX) && !is_granted(name));
    match reserved {
        Some(name) => {
            Err(Fault::plugin("InvalidAnswer", format!("{key} sets the annotation {name}, which is the host's")))
        }
        None => Ok(()),
    }
}

/// Adds owner, policy and hash. The hash covers all that is applied but itself.
fn dress(key: &ObjectKey, object: &mut Value, policy: Policy, owner: &Owner<'_>, plugin: &PluginName) -> String {
    if policy == Policy::Patch {
        let hash = hash::of_json(object);
        annotate(object, &format!("{PATCH_ANNOTATION_PREFIX}{plugin}"), &hash);
        return hash;
    }
    label_pods(key, object);
    annotate(object, OWNER_ANNOTATION, &owner.key.to_string());
    annotate(object, POLICY_ANNOTATION, policy.as_str());
    if policy == Policy::Delete {
        let reference = json!([{
            "apiVersion": owner.api_version,
            "kind": owner.key.kind.kind.as_ref(),
            "name": owner.key.name.as_ref(),
            "uid": owner.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }]);
        metadata_of(object).map(|metadata| metadata.insert("ownerReferences".into(), reference));
    }
    let hash = hash::of_json(object);
    annotate(object, DESIRED_ANNOTATION, &hash);
    hash
}

/// The metadata of an object that was found to have a name, and so has some.
fn metadata_of(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object.get_mut("metadata")?.as_object_mut()
}

/// Tells the pods of a workload from others, so that the host finds those it is to ask.
fn label_pods(key: &ObjectKey, object: &mut Value) {
    let labels = match key.kind.kind.as_ref() {
        "Pod" => metadata_of(object).map(|metadata| metadata.entry("labels").or_insert_with(|| json!({}))),
        _ => object.pointer_mut("/spec/template/metadata/labels"),
    };
    if let (Some(label), Some(labels)) = (workload_label(key), labels.and_then(Value::as_object_mut)) {
        labels.insert(WORKLOAD_LABEL.into(), label.into());
    }
}

fn annotate(object: &mut Value, key: &str, value: &str) {
    let Some(metadata) = metadata_of(object) else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if !annotations.is_object() {
        *annotations = json!({});
    }
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(key.into(), value.into());
    }
}

fn is_subdomain(name: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (1..=253).contains(&name.len())
        && name.split('.').all(|part| {
            let bytes = part.as_bytes();
            edge(bytes.first())
                && edge(bytes.last())
                && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        })
}

/// Checks the JSON-RPC methods of an answer's probes and actions, and where they go.
///
/// # Errors
/// The plugin's fault, naming the method or the target.
pub fn check_calls(answer: &Answer, grants: &Grants) -> Result<(), Fault> {
    let asked = answer.probes.iter().flat_map(|probe| match &probe.question {
        Question::JsonRpc(calls) => calls.as_slice(),
        Question::HttpGet | Question::Metrics(_) => &[],
    });
    let done = answer.actions.iter().flat_map(|action| [&action.call, &action.precondition.call]);
    if let Some(call) = asked.chain(done).find(|call| !grants.allows_method(&call.method)) {
        let message =
            format!("it calls {}, which the Plugin object does not grant in spec.grants.rpcMethods", call.method);
        return Err(Fault::plugin("MethodNotGranted", message));
    }
    let probes = answer.probes.iter().map(|probe| ("probe", &probe.id, &probe.target));
    let actions = answer.actions.iter().map(|action| ("action", &action.id, &action.target));
    let objection = probes.chain(actions).find_map(|(what, id, target)| {
        let objection = grants.objection_to(target)?;
        Some(format!("its {what} {id} goes to {objection}"))
    });
    objection.map_or(Ok(()), |message| Err(Fault::plugin("TargetNotGranted", message)))
}

#[cfg(test)]
mod tests;
