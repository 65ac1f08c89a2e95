//! What was made of an object: its children, and what the controllers of Kubernetes made of those.

use opstack_core::ids::{GroupKind, ObjectKey};
use opstack_core::inventory::Live;
use opstack_core::readiness::{self, Readiness};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

use super::standing::Tone;

/// References may go in a circle; nothing that is real is made of so much.
const DEPTH: usize = 6;

/// An object that was made of another.
#[derive(Clone, Debug)]
pub struct Part {
    key: ObjectKey,
    live: Arc<Live>,
    /// Of a StatefulSet: how the names of its claims begin. They carry no reference to it where they are to stay.
    claims: Vec<String>,
}

/// The same, for people.
#[derive(Clone, Debug, Serialize)]
pub struct PartView {
    /// Its kind, without the group.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How it is doing.
    pub tone: Tone,
    /// What is missing; empty where nothing is.
    pub why: String,
    /// What was made of it.
    pub parts: Vec<PartView>,
}

impl Part {
    /// An object as the API server sent it.
    pub fn of(kind: &GroupKind, object: &Value) -> Self {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        let templates = object["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
        let name = text("name");
        Self {
            key: ObjectKey::new(kind.clone(), text("namespace"), name),
            live: Arc::new(Live::of(object, true)),
            claims: templates.filter_map(|t| Some(format!("{}-{name}-", t["metadata"]["name"].as_str()?))).collect(),
        }
    }

    /// An object as the operator knows it.
    pub fn known(key: ObjectKey, live: Arc<Live>) -> Self {
        Self { key, live, claims: vec![] }
    }

    fn is_claimed_by(&self, owner: &Self) -> bool {
        let ordinal =
            |prefix: &String| self.key.name.strip_prefix(prefix.as_str()).is_some_and(|n| n.parse::<u32>().is_ok());
        self.key.namespace == owner.key.namespace && owner.claims.iter().any(ordinal)
    }

    /// How it is doing, and what is missing.
    fn state(&self) -> (Tone, String) {
        let status: Value =
            self.live.status.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        if let Some(why) = condition(&status, "ReplicaFailure", "True") {
            return (Tone::Bad, why);
        }
        if (self.key.kind.group.as_ref(), self.key.kind.kind.as_ref()) == ("", "Pod") && !self.live.terminating {
            return pod(&status);
        }
        let Live { generation, replicas, terminating, .. } = *self.live;
        match readiness::judge(&self.key.kind.kind, generation, replicas, terminating, &status) {
            Readiness::Ready => (Tone::Good, String::new()),
            Readiness::Progressing(why) => (Tone::Busy, why),
            Readiness::Failed(why) => (Tone::Bad, why),
            Readiness::Terminating => (Tone::Busy, "is being deleted".into()),
        }
    }
}

/// Everything that was made, by what it was made of.
#[derive(Default)]
pub struct Parts<'a> {
    by_owner: HashMap<&'a ObjectKey, Vec<&'a Part>>,
    by_uid: HashMap<&'a str, Vec<&'a Part>>,
    claims: Vec<&'a Part>,
}

impl<'a> Parts<'a> {
    /// Sorts them.
    pub fn of(all: &'a [Part]) -> Self {
        let mut parts = Self::default();
        for part in all {
            let Live { owner, owner_uids, .. } = part.live.as_ref();
            for uid in owner_uids {
                parts.by_uid.entry(uid).or_default().push(part);
            }
            // A Deployment hands its annotations down, so these do not tell who made an object that has references.
            if let Some(owner) = owner.as_ref().filter(|_| owner_uids.is_empty()) {
                parts.by_owner.entry(owner).or_default().push(part);
            }
            if part.key.kind.kind.as_ref() == "PersistentVolumeClaim" && owner_uids.is_empty() {
                parts.claims.push(part);
            }
        }
        parts
    }

    /// What was made of an object, and below that what was made of it in turn.
    pub fn made_of(&self, owner: &ObjectKey, uid: &str) -> Vec<PartView> {
        let by_owner = self.by_owner.get(owner).into_iter().flatten();
        self.views(by_owner.chain(self.by_uid.get(uid).into_iter().flatten()).copied(), DEPTH)
    }

    fn views(&self, parts: impl Iterator<Item = &'a Part>, depth: usize) -> Vec<PartView> {
        let mut views: Vec<_> = parts.map(|part| self.view(part, depth)).collect();
        views.sort_by(|one, other| (&one.kind, &one.name).cmp(&(&other.kind, &other.name)));
        views
    }

    fn view(&self, part: &Part, depth: usize) -> PartView {
        let (tone, why) = part.state();
        let by_uid = self.by_uid.get(part.live.uid.as_ref()).into_iter().flatten();
        let claims = self.claims.iter().filter(|claim| claim.is_claimed_by(part));
        let below = by_uid.chain(claims).copied();
        PartView {
            kind: part.key.kind.kind.to_string(),
            name: part.key.name.to_string(),
            tone,
            why,
            parts: depth.checked_sub(1).map(|depth| self.views(below, depth)).unwrap_or_default(),
        }
    }
}

fn condition(status: &Value, name: &str, value: &str) -> Option<String> {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let found = conditions.find(|condition| condition["type"] == name && condition["status"] == value)?;
    Some(found["message"].as_str().unwrap_or_default().into())
}

/// A pod's phase is kinder than its conditions; why a container waits says more than both.
fn pod(status: &Value) -> (Tone, String) {
    if condition(status, "Ready", "True").is_some() || status["phase"] == "Succeeded" {
        return (Tone::Good, String::new());
    }
    let containers = ["initContainerStatuses", "containerStatuses"].into_iter();
    let mut containers = containers.flat_map(|field| status[field].as_array().into_iter().flatten());
    let waiting = containers.find_map(|container| {
        let reason = container["state"]["waiting"]["reason"].as_str()?;
        Some((reason, format!("{}: {reason}", container["name"].as_str().unwrap_or_default())))
    });
    let phase = status["phase"].as_str().unwrap_or("Unknown").to_string();
    let why = match waiting {
        Some((reason, why)) if reason.ends_with("BackOff") || reason.starts_with("Err") => return (Tone::Bad, why),
        Some((_, why)) => Some(why),
        None => ["PodScheduled", "Initialized", "Ready"].iter().find_map(|name| condition(status, name, "False")),
    };
    let tone = if phase == "Failed" { Tone::Bad } else { Tone::Busy };
    (tone, why.filter(|why| !why.is_empty()).map_or(phase.clone(), |why| format!("{phase}, {why}")))
}
