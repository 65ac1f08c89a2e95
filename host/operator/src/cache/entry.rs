//! One object in the cache.

use opstack_core::hash;
use opstack_core::ids::{GroupKind, OWNER_ANNOTATION, ObjectKey};
use opstack_core::inventory::Live;
use serde_json::Value;
use std::sync::Arc;

use super::body::{Body, Example};
use super::facts::Facts;
use super::selector::{Selectable, Selector};

/// What is kept of a kind's objects, by the use that plugins make of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The JSON text: plugins look the kind up, or serve it.
    pub body: bool,
    /// The status: plugins render the kind.
    pub status: bool,
}

impl Keep {
    /// What serves both uses.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { body: self.body || other.body, status: self.status || other.status }
    }
}

/// One object, as much of it as is needed.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Which.
    pub key: ObjectKey,
    /// API server's counter; comparable since Kubernetes 1.35.
    pub resource_version: u64,
    /// What planning needs.
    pub live: Arc<Live>,
    /// What selectors can ask for; only with a body.
    pub labels: Option<Selectable>,
    /// JSON text without managed fields; of a Secret, its facts.
    pub body: Option<Body>,
    /// Changes with anything but what the host itself writes into a status.
    pub content: Box<str>,
    /// `spec`, labels, annotations, finalizers and deletion: what a reconcile starts from.
    pub intent: Box<str>,
    /// Not an outline, of which only the metadata were read.
    pub whole: bool,
}

impl Entry {
    /// Reads an object as the API server sent it; `example` is that of its kind.
    pub fn of(kind: &GroupKind, mut object: Value, keep: Keep, facts: &Facts, example: &Arc<Example>) -> Self {
        let live = Live::of(&object, keep.status);
        let metadata = &object["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let key = ObjectKey::new(kind.clone(), &text(&metadata["namespace"]), &text(&metadata["name"]));
        let resource_version = text(&metadata["resourceVersion"]).parse().unwrap_or(0);
        if live.owner.is_none() {
            // Plugins, which don't see who wrote it, may believe it.
            leave_out(&mut object, "/metadata/annotations", OWNER_ANNOTATION);
        }
        leave_out(&mut object, "/metadata", "managedFields");
        match (kind.group.as_ref(), kind.kind.as_ref()) {
            ("", "Secret") => facts.redact(&mut object),
            // Plugins read text; binary data are mostly plugins themselves.
            ("", "ConfigMap") => leave_out(&mut object, "", "binaryData"),
            // The larger part, and that of a workload which plugins rendered themselves; but for the machine.
            ("", "Pod") => reduce(&mut object, "spec", &["nodeName"]),
            // Of a machine, what tells whether it works, and which one it is: not its images and heartbeats.
            ("", "Node") => reduce_machine(&mut object),
            _ => {}
        }
        let labels = keep.body.then(|| Selectable::of(&object));
        let body = keep.body.then(|| Body::of(object.to_string(), example));
        let (content, intent) = if keep.body { digests(&mut object) } else { Default::default() };
        Self { key, resource_version, live: Arc::new(live), labels, body, content, intent, whole: true }
    }

    /// The same record without its text. Any change is a change of its content, for the content is not known.
    #[must_use]
    pub fn outlined(self) -> Self {
        let version: Box<str> = format!("version {}", self.resource_version).into();
        Self { body: None, content: version.clone(), intent: version, whole: false, ..self }
    }

    /// The same record, older than any other.
    pub fn unversioned(&self) -> Self {
        Self { resource_version: 0, ..self.clone() }
    }

    /// Bytes that its text takes.
    pub fn bytes(&self) -> usize {
        self.body.as_ref().map_or(0, Body::bytes)
    }

    /// Whether the other record of the same name is newer, or as new and says more. Versions of a kind are comparable whatever the
    /// object's life is: one counter of the API server gives them all, so that a record of an earlier life is as old as its version
    /// says. Without comparable versions, the other is newer.
    pub fn is_older_than(&self, other: &Self) -> bool {
        if self.resource_version == 0 || other.resource_version == 0 {
            return true;
        }
        let is_outline = !self.whole && other.whole;
        self.resource_version < other.resource_version
            || (self.resource_version == other.resource_version && is_outline)
    }

    /// Whether it is the same version of the same life.
    pub fn is_the_same_as(&self, other: &Self) -> bool {
        self.live.uid == other.live.uid && self.resource_version == other.resource_version
    }

    /// The JSON text, where it is kept.
    pub fn text(&self) -> Option<Arc<str>> {
        self.body.as_ref().map(Body::text)
    }

    /// The body parsed, for the host's own use.
    pub fn parsed(&self) -> Value {
        self.text().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
    }

    /// Whether a selector selects it.
    pub fn is_selected(&self, selector: &Selector) -> bool {
        selector.selects(self.labels.as_ref())
    }
}

/// Leaves a field out of the object at a JSON pointer.
fn leave_out(object: &mut Value, place: &str, field: &str) {
    object.pointer_mut(place).and_then(Value::as_object_mut).and_then(|object| object.remove(field));
}

/// Keeps only some fields of a part of an object.
fn reduce(object: &mut Value, part: &str, kept: &[&str]) {
    if let Some(fields) = object.get_mut(part).and_then(Value::as_object_mut) {
        fields.retain(|field, _| kept.contains(&field.as_str()));
    }
}

fn reduce_machine(object: &mut Value) {
    reduce(object, "metadata", &["name", "uid", "resourceVersion", "labels", "deletionTimestamp"]);
    reduce(object, "spec", &["taints", "unschedulable"]);
    reduce(object, "status", &["conditions", "nodeInfo"]);
    let Some(status) = object.get_mut("status") else { return };
    reduce(status, "nodeInfo", &["bootID", "machineID", "systemUUID"]);
    for condition in status.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(fields) = condition.as_object_mut() {
            fields.retain(|field, _| ["type", "status"].contains(&field.as_str()));
        }
    }
}

/// Fields of a status that the host writes: they must not wake those who look at the object.
const HOST_STATUS: [&str; 3] = ["conditions", "observedGeneration", opstack_core::status::APPLIED];

fn digests(object: &mut Value) -> (Box<str>, Box<str>) {
    ["resourceVersion", "generation"].iter().for_each(|field| leave_out(object, "/metadata", field));
    HOST_STATUS.iter().for_each(|field| leave_out(object, "/status", field));
    let content = hash::of_json(object);
    leave_out(object, "", "status");
    (content.into(), hash::of_json(object).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plugins_see_the_name_of_an_owner_only_where_the_operator_wrote_it() {
        let seen = |manager: &str| {
            let object = json!({"metadata": {"name": "a", "namespace": "ns",
                "annotations": {OWNER_ANNOTATION: "OpBatcher.optimism.io/ns/a"},
                "managedFields": [{"manager": manager, "operation": "Apply",
                    "fieldsV1": {"f:metadata": {"f:annotations": {format!("f:{OWNER_ANNOTATION}"): {}}}}}]}});
            let keep = Keep { body: true, status: false };
            let kind = GroupKind::new("", "ServiceAccount");
            Entry::of(&kind, object, keep, &Facts::keyed([0; 32]), &Arc::default()).parsed()
        };
        let annotations = |seen: Value| seen["metadata"]["annotations"].clone();
        assert_eq!(annotations(seen("opstack/op-batcher")), json!({OWNER_ANNOTATION: "OpBatcher.optimism.io/ns/a"}));
        assert_eq!(annotations(seen("kubectl-edit")), json!({}));
        assert!(seen("opstack/op-batcher")["metadata"]["managedFields"].is_null());
    }

    fn kept(kind: &str, object: Value) -> Value {
        let keep = Keep { body: true, status: false };
        let facts = Facts::keyed([0; 32]);
        Entry::of(&GroupKind::new("", kind), object, keep, &facts, &Arc::default()).parsed()
    }

    #[test]
    fn of_a_pod_its_machine_is_kept_and_nothing_else_of_its_spec() {
        let pod = json!({
            "metadata": {"name": "p", "namespace": "ns", "uid": "u"},
            "spec": {"nodeName": "machine", "containers": [{"name": "c"}]},
            "status": {"phase": "Running"},
        });
        let kept = kept("Pod", pod);
        assert_eq!(kept["spec"], json!({"nodeName": "machine"}));
        assert_eq!(kept["status"]["phase"], "Running");
    }

    #[test]
    fn a_heartbeat_of_a_machine_changes_nothing_that_is_kept() {
        let machine = |heartbeat: &str, ready: &str| {
            json!({
                "metadata": {"name": "m", "uid": "u", "annotations": {"a": heartbeat}},
                "spec": {"podCIDR": "10.0.0.0/24", "taints": [{"key": "t", "effect": "NoExecute"}]},
                "status": {
                    "conditions": [{"type": "Ready", "status": ready, "lastHeartbeatTime": heartbeat}],
                    "nodeInfo": {"bootID": "b", "kernelVersion": "6"},
                    "images": [{"names": ["i"]}],
                },
            })
        };
        let first = kept("Node", machine("1", "True"));
        assert_eq!(first, kept("Node", machine("2", "True")));
        assert_ne!(first, kept("Node", machine("2", "Unknown")));
        assert_eq!(first["spec"], json!({"taints": [{"key": "t", "effect": "NoExecute"}]}));
        assert_eq!(first["status"]["nodeInfo"], json!({"bootID": "b"}));
    }
}
