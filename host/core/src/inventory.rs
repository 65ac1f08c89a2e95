//! What exists: a compact record of each live object, and of what we applied to it.
//!
//! The inventory of an object is nothing but its live children: each carries its owner's name in an annotation. So it can't be lost
//! in a crash between a write and its record, and teardown needs no plugin.
//!
//! Anybody who may write an object may give it any annotation, and a copy has those of its original. So the annotation counts only
//! where the API server says that a field manager of ours wrote it, and where it names an owner of the object's own namespace.
//! What is deleted must besides refer to its owner by the uid of the owner's present life.
//!
//! Drift is told without keeping or comparing whole objects: when anybody changes or removes a field that we applied, the
//! API server takes that field out of our entry in `managedFields`. So our entry is the same as after our
//! last apply if and only if everything we applied is still there; defaulting and foreign additions never touch it.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::answer::Policy;
use crate::hash;
use crate::ids::{
    DESIRED_ANNOTATION, FIELD_MANAGER_PREFIX, IMAGE_ANNOTATION, OWNER_ANNOTATION, ObjectKey, POLICY_ANNOTATION,
};
use crate::readiness::{Readiness, judge};
use crate::rollout::{Rollout, Turn};

/// A live object, as much of it as planning needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Unique for one life of the object.
    pub uid: Arc<str>,
    /// `.metadata.generation`, 0 where the kind has none.
    pub generation: i64,
    /// From the owner annotation, where it is ours and names an owner of the same namespace.
    pub owner: Option<ObjectKey>,
    /// `uid`s of the owner references.
    pub owner_uids: Vec<Arc<str>>,
    /// From the desired annotation.
    pub desired: Option<Box<str>>,
    /// From the image annotation.
    pub image: Option<Box<str>>,
    /// From the policy annotation.
    pub retain: bool,
    /// Annotations of patches on somebody else's object: field manager and hash.
    pub patches: Vec<(Box<str>, Box<str>)>,
    /// For each field manager of ours, the hash of the fields it owns.
    pub fields: Vec<(Box<str>, Box<str>)>,
    /// Deletion has begun.
    pub terminating: bool,
    /// `.spec.replicas`.
    pub replicas: Option<i64>,
    /// `.status` as JSON text.
    pub status: Option<Box<str>>,
    /// From the annotations of a rollout group that are ours.
    pub rollout: Option<Arc<Rollout>>,
}

/// Prefix of the annotation that holds the hash of a patch; the plugin's name follows.
pub const PATCH_ANNOTATION_PREFIX: &str = "opstack.optimism.io/patch.";

impl Live {
    /// Reads an object as the API server sent it. `keep_status` says whether its status is of interest.
    pub fn of(object: &Value, keep_status: bool) -> Self {
        let metadata = &object["metadata"];
        let annotations = &metadata["annotations"];
        let text = |value: &Value| value.as_str().map(Box::<str>::from);
        let ours = |name: &str| annotations[name].as_str().filter(|_| is_written_by_us(metadata, name));
        let patches = annotations.as_object().into_iter().flatten();
        Self {
            uid: metadata["uid"].as_str().unwrap_or_default().into(),
            generation: metadata["generation"].as_i64().unwrap_or(0),
            owner: ours(OWNER_ANNOTATION)
                .and_then(|owner| owner.parse::<ObjectKey>().ok())
                .filter(|owner| metadata["namespace"] == *owner.namespace),
            owner_uids: list(&metadata["ownerReferences"]).filter_map(|o| o["uid"].as_str()).map(Arc::from).collect(),
            desired: text(&annotations[DESIRED_ANNOTATION]),
            image: text(&annotations[IMAGE_ANNOTATION]),
            retain: annotations[POLICY_ANNOTATION] == Policy::Retain.as_str(),
            patches: patches
                .filter_map(|(key, value)| Some((key.strip_prefix(PATCH_ANNOTATION_PREFIX)?.into(), text(value)?)))
                .collect(),
            fields: list(&metadata["managedFields"]).filter_map(our_fields).collect(),
            terminating: !metadata["deletionTimestamp"].is_null(),
            replicas: object["spec"]["replicas"].as_i64(),
            status: Some(&object["status"]).filter(|s| keep_status && !s.is_null()).map(|s| s.to_string().into()),
            rollout: Rollout::of(ours).map(Arc::new),
        }
    }

    /// Whether it is a child of an owner in its present life: by its reference, or, if it is retained and so has none, by name.
    pub fn is_child_of(&self, owner: &ObjectKey, uid: &str) -> bool {
        self.owner.as_ref() == Some(owner) && (self.owner_uids.is_empty() || self.refers_to(uid))
    }

    /// Whether it goes when it is no longer wanted, or with its owner.
    pub fn goes_with(&self, owner: &ObjectKey, uid: &str) -> bool {
        self.owner.as_ref() == Some(owner) && self.refers_to(uid) && !self.retain
    }

    /// Whether one of its owner references names this life.
    pub fn refers_to(&self, uid: &str) -> bool {
        self.owner_uids.iter().any(|owner| owner.as_ref() == uid)
    }

    /// Hash of the fields that a manager of ours owns.
    pub fn fields_of(&self, manager: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name.as_ref() == manager).map(|(_, hash)| hash.as_ref())
    }

    /// Hash of the patch that a plugin applied.
    pub fn patch_of(&self, plugin: &str) -> Option<&str> {
        self.patches.iter().find(|(name, _)| name.as_ref() == plugin).map(|(_, hash)| hash.as_ref())
    }

    /// `.status`; null where there is none.
    pub fn parsed_status(&self) -> Value {
        self.status.as_deref().and_then(|status| serde_json::from_str(status).ok()).unwrap_or_default()
    }

    /// Whether it is ready, by the rules of its kind.
    pub fn readiness(&self, kind: &str) -> Readiness {
        judge(kind, self.generation, self.replicas, self.terminating, &self.parsed_status())
    }

    /// Its turn, while it rolls in one.
    pub fn turn(&self) -> Option<Turn> {
        self.rollout.as_ref()?.turn
    }

    /// Whether the difference between two records matters to the owner: anything but the resource version.
    pub fn differs(&self, other: &Self) -> bool {
        self != other
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether an annotation was written last by a field manager of ours.
fn is_written_by_us(metadata: &Value, annotation: &str) -> bool {
    let field = format!("f:{annotation}");
    list(&metadata["managedFields"]).any(|entry| {
        entry["manager"].as_str().is_some_and(|manager| manager.starts_with(FIELD_MANAGER_PREFIX))
            && entry["subresource"].is_null()
            && !entry["fieldsV1"]["f:metadata"]["f:annotations"][&field].is_null()
    })
}

fn our_fields(entry: &Value) -> Option<(Box<str>, Box<str>)> {
    let manager = entry["manager"].as_str().filter(|manager| manager.starts_with(FIELD_MANAGER_PREFIX))?;
    let applied = entry["operation"] == "Apply" && entry["subresource"].is_null();
    applied.then(|| (manager.into(), hash::of_json(&entry["fieldsV1"]).into()))
}

/// The live children of one owner.
pub type Inventory = BTreeMap<ObjectKey, Arc<Live>>;

/// What we know of the last apply: for each child, the hash of our fields right after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(pub BTreeMap<ObjectKey, Box<str>>);

impl Baseline {
    /// The baseline as it stands in the inventory: true of children to which nothing happened since.
    pub fn of(inventory: &Inventory, manager: &str) -> Self {
        let fields = inventory.iter().filter_map(|(key, live)| Some((key.clone(), live.fields_of(manager)?.into())));
        Self(fields.collect())
    }

    /// One text for the whole, kept in the owner's status so that a restart can tell drift.
    pub fn digest(&self) -> String {
        let parts: Vec<_> = self.0.iter().flat_map(|(key, fields)| [key.to_string(), fields.to_string()]).collect();
        hash::of_parts(parts.iter().map(String::as_str))
    }

    /// After a restart nothing is in memory: the live fields are the baseline if their digest is the recorded one.
    pub fn recover(inventory: &Inventory, manager: &str, recorded: Option<&str>) -> Self {
        let live = Self::of(inventory, manager);
        if recorded == Some(live.digest().as_str()) { live } else { Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OWNER: &str = "OpNode.optimism.io/ns/a";

    /// A child as its owner made it.
    fn child() -> Value {
        json!({"metadata": {"uid": "u", "namespace": "ns",
            "annotations": {"opstack.optimism.io/owner": OWNER, "opstack.optimism.io/desired": "h"},
            "ownerReferences": [{"uid": "life", "controller": true}],
            "managedFields": [
                {"manager": "opstack/op-node", "operation": "Apply", "fieldsV1": fields()},
                {"manager": "opstack/op-node", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}},
                {"manager": "kubectl", "operation": "Update", "fieldsV1": {}}]}})
    }

    fn fields() -> Value {
        json!({"f:metadata": {"f:annotations": {"f:opstack.optimism.io/owner": {}}}, "f:spec": {}})
    }

    /// The same with a part changed.
    fn with(pointer: &str, value: Value) -> Live {
        let mut object = child();
        *object.pointer_mut(pointer).unwrap() = value;
        Live::of(&object, false)
    }

    #[test]
    fn only_our_applied_fields_count() {
        let live = Live::of(&child(), false);
        assert_eq!(live.fields.len(), 1);
        assert_eq!(live.fields_of("opstack/op-node"), Some(hash::of_json(&fields()).as_str()));
        assert_eq!(live.owner.map(|o| o.to_string()).as_deref(), Some(OWNER));
    }

    #[test]
    fn what_other_hands_wrote_names_no_owner() {
        let owner: ObjectKey = OWNER.parse().unwrap();
        let made = Live::of(&child(), false);
        assert!(made.goes_with(&owner, "life") && made.is_child_of(&owner, "life"));
        assert!(!made.goes_with(&owner, "another life"), "the owner was made anew since");
        for (what, copy) in [
            ("a copy", with("/metadata/managedFields", json!([]))),
            ("a copy by kubectl", with("/metadata/managedFields/0/manager", "kubectl-create".into())),
            ("an edited annotation", with("/metadata/managedFields/0/fieldsV1/f:metadata/f:annotations", json!({}))),
            (
                "a status",
                with(
                    "/metadata/managedFields/0",
                    json!({"manager": "opstack/op-node", "operation": "Apply", "subresource": "status", "fieldsV1": fields()}),
                ),
            ),
            ("another namespace", with("/metadata/namespace", "other".into())),
            (
                "another owner's namespace",
                with("/metadata/annotations/opstack.optimism.io~1owner", "OpNode.optimism.io/other/a".into()),
            ),
        ] {
            assert_eq!(copy.owner, None, "{what}");
            assert!(!copy.goes_with(&owner, "life") && !copy.is_child_of(&owner, "life"), "{what}");
        }
        let retained = with("/metadata/ownerReferences", json!([]));
        assert!(retained.is_child_of(&owner, "any life") && !retained.goes_with(&owner, "any life"));
    }

    #[test]
    fn a_turn_that_somebody_else_noted_is_none() {
        let noted = |manager: &str| {
            let names = ["rollout-group", "rollout-turn"].map(|name| format!("opstack.optimism.io/{name}"));
            let [group, turn] = names.each_ref().map(|name| format!("f:{name}"));
            let annotations = json!({names[0].as_str(): "chain", names[1].as_str(): "settled/0"});
            Live::of(
                &json!({"metadata": {"annotations": annotations, "managedFields": [
                {"manager": "opstack/op-node", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:annotations": {group: {}}}}},
                {"manager": manager, "operation": "Apply", "fieldsV1": {"f:metadata": {"f:annotations": {turn: {}}}}}]}}),
                false,
            )
        };
        assert!(noted("opstack/op-node").turn().is_some());
        let stranger = noted("kubectl");
        assert!(stranger.rollout.is_some() && stranger.turn().is_none());
    }

    #[test]
    fn a_restart_recovers_the_baseline_unless_something_drifted() {
        let key: ObjectKey = "ConfigMap/ns/a".parse().unwrap();
        let live = |fields: &str| Live { fields: vec![("opstack/x".into(), fields.into())], ..Live::default() };
        let before = Inventory::from([(key.clone(), Arc::new(live("1")))]);
        let recorded = Baseline::of(&before, "opstack/x").digest();
        assert_eq!(Baseline::recover(&before, "opstack/x", Some(&recorded)).0.len(), 1);
        let after = Inventory::from([(key, Arc::new(live("2")))]);
        assert_eq!(Baseline::recover(&after, "opstack/x", Some(&recorded)), Baseline::default());
    }
}
