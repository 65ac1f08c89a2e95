//! Whose turn it is to have its pods replaced (see `opstack_core::rollout`).
//!
//! A turn is noted on the workload that has it, where every replica of the operator finds it. What was just taken and is not
//! written yet is remembered here: between the two, nobody else may take it.

use opstack_core::blame::Fault;
use opstack_core::ids::{GroupKind, ObjectKey, WORKLOAD_LABEL, workload_label};
use opstack_core::inventory::{Inventory, Live};
use opstack_core::policy::{Desired, DesiredChild};
use opstack_core::readiness::Readiness;
use opstack_core::rollout::{self, Pod, Standing, Turn};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cache::{Cache, Entry, Selector};
use crate::context::Context;
use crate::deps::Lookup;
use crate::hub::Hub;

/// A turn that was taken, and may not be written yet.
struct Taken {
    child: ObjectKey,
    owner: ObjectKey,
    until: Standing,
}

/// The turns of this process, by group.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<Box<str>, Taken>>);

/// A workload that waits for its turn.
pub struct Waits {
    /// Which.
    pub child: ObjectKey,
    /// Whose turn it is.
    pub behind: ObjectKey,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Taken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything: what another replica has written since is noted on the workloads.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// What this workload's turn ends with, if it was taken and is not written.
    fn taken_by(&self, group: &str, child: &ObjectKey) -> Option<Standing> {
        self.lock().get(group).filter(|taken| taken.child == *child).map(|taken| taken.until)
    }

    /// Takes the turn of a group.
    ///
    /// # Errors
    /// The workload whose turn it is.
    fn take(&self, cache: &Cache, group: &str, taken: Taken) -> Result<(), ObjectKey> {
        let mut turns = self.lock();
        if let Some(other) = turns.get(group).filter(|other| other.child != taken.child) {
            // Whoever is being deleted won't have its turn.
            if cache.get(&other.owner).is_some_and(|owner| !owner.live.terminating) {
                return Err(other.child.clone());
            }
        }
        if let Some(other) = rolling(cache, group, &taken.child) {
            return Err(other);
        }
        turns.insert(group.into(), taken);
        Ok(())
    }

    /// Forgets the turns of an owner that are written, and those of workloads that it does not want any more. What is being made
    /// anew keeps its turn. Those who wait for what is forgotten look again.
    pub fn written(&self, hub: &Hub, owner: &ObjectKey, desired: &Desired) {
        let is_wanted = |child: &ObjectKey| desired.children.iter().any(|wanted| wanted.key == *child);
        let is_away = |child: &ObjectKey| hub.cache.get(child).is_none_or(|entry| entry.live.terminating);
        let is_over = |taken: &Taken| taken.owner == *owner && !(is_wanted(&taken.child) && is_away(&taken.child));
        let over: Vec<_> = self.lock().extract_if(|_, taken| is_over(taken)).map(|(_, taken)| taken.child).collect();
        over.into_iter().for_each(|child| hub.wake_askers(&Lookup::Version(child)));
    }
}

/// Another workload of the group that rolls in its turn, or is being made anew. One that is no child of an object that is there
/// holds nobody up, whatever it says of itself.
fn rolling(cache: &Cache, group: &str, but: &ObjectKey) -> Option<ObjectKey> {
    let kinds = ["StatefulSet", "Deployment"].map(|kind| GroupKind::new("apps", kind));
    let members = kinds.iter().flat_map(|kind| cache.list(kind, None)).filter(|entry| {
        entry.key != *but
            && entry.live.rollout.as_ref().is_some_and(|rollout| rollout.group.as_ref() == group)
            && is_child(cache, &entry.live)
    });
    let rolls = |entry: &Arc<Entry>| {
        entry.live.terminating
            || entry.live.turn().is_some_and(|turn| stands(cache, &entry.key, &entry.live) < turn.until)
    };
    members.filter(rolls).map(|entry| entry.key.clone()).next()
}

fn is_child(cache: &Cache, live: &Live) -> bool {
    let owner = live.owner.as_ref().and_then(|owner| cache.get(owner));
    owner.is_some_and(|owner| live.is_child_of(&owner.key, &owner.live.uid))
}

/// Gives the workloads of groups whose pods are to be replaced their turn, or holds them back.
///
/// # Errors
/// The plugin's fault, where a workload has no place for its turn.
pub fn take(cx: &Context, owner: &ObjectKey, desired: &mut Desired, live: &Inventory) -> Result<Vec<Waits>, Fault> {
    let mut waiting = Vec::new();
    for child in &mut desired.children {
        let Some(group) = child.rollout_group().map(ToString::to_string) else { continue };
        let template = rollout::note_template(child);
        let before = live.get(&child.key);
        match turn(cx, owner, &group, child, before.map(|live| (live.as_ref(), template.as_str()))) {
            Ok(turn) => turn.into_iter().try_for_each(|turn| rollout::give(child, turn))?,
            Err(behind) => {
                child.held = true;
                // The end of its turn is written on it.
                cx.hub.deps.add(owner, [Lookup::Version(behind.clone())]);
                waiting.push(Waits { child: child.key.clone(), behind });
            }
        }
        if child.turn.is_some() {
            let pods = live_pods(&cx.hub.cache, &child.key);
            cx.hub.deps.add(owner, pods.iter().map(|pod| Lookup::Version(pod.key.clone())));
        }
    }
    Ok(waiting)
}

/// The turn of a workload, if it has or takes one. `before` is the live one, with the hash of what its pods shall be made of.
fn turn(
    cx: &Context,
    owner: &ObjectKey,
    group: &str,
    child: &DesiredChild,
    before: Option<(&Live, &str)>,
) -> Result<Option<Turn>, ObjectKey> {
    let (cache, wanted) = (&cx.hub.cache, child.object["spec"]["replicas"].as_i64().unwrap_or(1));
    let Some((live, template)) = before else {
        // It is being made anew, or is new.
        return Ok(cx.turns.taken_by(group, &child.key).map(|until| Turn::begin(until, wanted)));
    };
    let had = live.turn();
    if live.rollout.as_ref().is_some_and(|rollout| rollout.template.as_ref() == template) {
        return Ok(had.and_then(|turn| goes_on(cache, &child.key, live, turn)));
    }
    // A node is stopped, or started again: no pod takes the place of another.
    if wanted.min(live.replicas.unwrap_or(1)) == 0 {
        return Ok(None);
    }
    if let Some(turn) = had {
        return Ok(Some(Turn::begin(turn.until, wanted)));
    }
    match stands(cache, &child.key, live) {
        Standing::Rolling => Ok(None),
        until => {
            let taken = Taken { child: child.key.clone(), owner: owner.clone(), until };
            cx.turns.take(cache, group, taken).map(|()| Some(Turn::begin(until, wanted)))
        }
    }
}

/// A turn as far as it may go by now; nothing once it is over.
fn goes_on(cache: &Cache, key: &ObjectKey, live: &Live, turn: Turn) -> Option<Turn> {
    if stands(cache, key, live) >= turn.until {
        return None;
    }
    let status = live.parsed_status();
    // Until its controller has seen it, the newest revision is not known.
    if status["observedGeneration"].as_i64().is_none_or(|seen| seen < live.generation) {
        return Some(turn);
    }
    Some(rollout::proceed(turn, live.replicas.unwrap_or(1), &pods(cache, key, live, &status)))
}

/// Whether a turn that was written can go further, or is over. What is on its way out waits for its end.
pub fn moves(cx: &Context, desired: &Desired) -> bool {
    desired.children.iter().filter(|child| child.turn.is_some()).any(|child| {
        let live = cx.hub.cache.get(&child.key).filter(|entry| !entry.live.terminating);
        live.is_some_and(|entry| {
            entry.live.turn().and_then(|turn| goes_on(&cx.hub.cache, &child.key, &entry.live, turn)) != child.turn
        })
    })
}

fn stands(cache: &Cache, key: &ObjectKey, live: &Live) -> Standing {
    let is_ready = live.readiness(&key.kind.kind) == Readiness::Ready;
    rollout::standing(is_ready, live.replicas.unwrap_or(1), &pods(cache, key, live, &live.parsed_status()))
}

fn live_pods(cache: &Cache, workload: &ObjectKey) -> Vec<Arc<Entry>> {
    let Some(label) = workload_label(workload) else { return vec![] };
    let selector = Selector::parse(&format!("{WORKLOAD_LABEL}={label}"));
    let pods = cache.list(&GroupKind::new("", "Pod"), Some(&workload.namespace));
    pods.into_iter().filter(|pod| pod.is_selected(&selector) && !pod.live.terminating).collect()
}

fn pods(cache: &Cache, workload: &ObjectKey, live: &Live, status: &Value) -> Vec<Pod> {
    let settled = live.rollout.as_ref().and_then(|rollout| rollout.settled.as_deref()).map(Selector::parse);
    let pod = |entry: Arc<Entry>| {
        let (object, name) = (entry.parsed(), entry.key.name.as_ref());
        let conditions = object["status"]["conditions"].as_array();
        let is_ready = conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True");
        let standing = match (is_ready, &settled) {
            (false, _) => Standing::Rolling,
            (true, Some(selector)) if !entry.is_selected(selector) => Standing::Ready,
            (true, _) => Standing::Settled,
        };
        let revision = &object["metadata"]["labels"]["controller-revision-hash"];
        let ordinal = name.rsplit_once('-').and_then(|(_, ordinal)| ordinal.parse().ok()).unwrap_or(-1);
        Pod { ordinal, is_new: !revision.is_null() && *revision == status["updateRevision"], standing }
    };
    live_pods(cache, workload).into_iter().map(pod).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Keep;
    use crate::cache::facts::Facts;
    use opstack_core::ids::{OWNER_ANNOTATION, TURN_ANNOTATION};
    use serde_json::json;

    const GROUP: &str = "chains/devnet";

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new(GroupKind::new("apps", "StatefulSet"), "ns", name)
    }

    fn owner(name: &str) -> ObjectKey {
        ObjectKey::new(GroupKind::new("optimism.io", "OpNode"), "ns", name)
    }

    fn put(cache: &Cache, kind: &GroupKind, object: Value) {
        let keep = Keep { body: true, status: true };
        cache.put(cache.entry(kind, object, keep, &Facts::keyed([0; 32])));
    }

    fn written_by(manager: &str, annotations: &Value) -> Value {
        let fields: serde_json::Map<_, _> =
            annotations.as_object().unwrap().keys().map(|name| (format!("f:{name}"), json!({}))).collect();
        json!([{"manager": manager, "operation": "Apply", "fieldsV1": {"f:metadata": {"f:annotations": fields}}}])
    }

    /// A node of one ready pod, which is synced or not.
    fn node(cache: &Cache, name: &str, version: u64, turn: Option<&str>, is_synced: bool) {
        let metadata = |name: &str, more: Value| {
            let mut metadata =
                json!({"name": name, "namespace": "ns", "uid": name, "resourceVersion": version.to_string()});
            metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            metadata
        };
        put(cache, &owner(name).kind, json!({"metadata": metadata(name, json!({}))}));
        let annotations = json!({OWNER_ANNOTATION: owner(name).to_string(), rollout::GROUP_ANNOTATION: GROUP, rollout::SETTLED_ANNOTATION: "synced=true", TURN_ANNOTATION: turn});
        let status = json!({"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1});
        let made = json!({"annotations": annotations, "generation": 1, "ownerReferences": [{"uid": name}],
            "managedFields": written_by("opstack/op-node", &annotations)});
        put(
            cache,
            &key(name).kind,
            json!({"metadata": metadata(name, made), "spec": {"replicas": 1}, "status": status}),
        );
        let labels = json!({WORKLOAD_LABEL: format!("statefulset.{name}"), "synced": is_synced.to_string()});
        let status = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        let pod = metadata(&format!("{name}-0"), json!({"labels": labels}));
        put(cache, &GroupKind::new("", "Pod"), json!({"metadata": pod, "status": status}));
    }

    fn take(turns: &Turns, cache: &Cache, name: &str) -> Result<(), ObjectKey> {
        turns.take(cache, GROUP, Taken { child: key(name), owner: owner(name), until: Standing::Settled })
    }

    #[test]
    fn who_has_the_turn_keeps_it_until_it_stands_again() {
        let cache = Cache::default();
        ["a", "b"].iter().for_each(|name| node(&cache, name, 1, None, true));
        let turns = Turns::default();
        assert_eq!(take(&turns, &cache, "a"), Ok(()));
        assert_eq!(take(&turns, &cache, "b"), Err(key("a")), "it is taken, and not yet written");
        // Another process knows what is written alone.
        let turns = Turns::default();
        node(&cache, "a", 2, Some("settled/0"), false);
        assert_eq!(take(&turns, &cache, "b"), Err(key("a")));
        node(&cache, "a", 3, Some("ready/0"), false);
        assert_eq!(take(&turns, &cache, "b"), Ok(()), "it was not settled before either");
        node(&cache, "a", 4, Some("settled/0"), true);
        assert_eq!(take(&turns, &cache, "b"), Ok(()));
    }

    #[test]
    fn a_turn_goes_with_who_has_it() {
        let cache = Cache::default();
        ["a", "b"].iter().for_each(|name| node(&cache, name, 1, None, true));
        let turns = Turns::default();
        assert_eq!(take(&turns, &cache, "a"), Ok(()));
        // It is being made anew: its workload is away for a moment.
        cache.remove(&cache.get(&key("a")).unwrap());
        assert_eq!(take(&turns, &cache, "b"), Err(key("a")));
        assert_eq!(turns.taken_by(GROUP, &key("a")), Some(Standing::Settled));
        cache.remove(&cache.get(&owner("a")).unwrap());
        assert_eq!(take(&turns, &cache, "b"), Ok(()));
    }

    #[test]
    fn a_stranger_with_the_annotations_of_a_turn_holds_nobody_up() {
        let annotations = |owner_of: &str| json!({OWNER_ANNOTATION: owner(owner_of).to_string(), rollout::GROUP_ANNOTATION: GROUP, TURN_ANNOTATION: "settled/0"});
        let stranger = |namespace: &str, name: &str, uid: &str, manager: &str| {
            let annotations = annotations(name);
            json!({"metadata": {"name": "copy", "namespace": namespace, "uid": "copy", "resourceVersion": "9", "generation": 1,
                "annotations": annotations, "ownerReferences": [{"uid": uid}],
                "managedFields": written_by(manager, &annotations)}, "spec": {"replicas": 1}})
        };
        let held = |object: Value| {
            let cache = Cache::default();
            ["a", "b"].iter().for_each(|name| node(&cache, name, 1, None, true));
            put(&cache, &key("copy").kind, object);
            take(&Turns::default(), &cache, "b").is_err()
        };
        assert!(held(stranger("ns", "a", "a", "opstack/op-node")), "a child of `a` that rolls");
        for (what, object) in [
            ("made by other hands", stranger("ns", "a", "a", "kubectl")),
            ("of another namespace", stranger("other", "a", "a", "opstack/op-node")),
            ("of an earlier life", stranger("ns", "a", "earlier", "opstack/op-node")),
            ("of an owner that is gone", stranger("ns", "gone", "gone", "opstack/op-node")),
        ] {
            assert!(!held(object), "{what}");
        }
    }

    #[test]
    fn other_groups_are_no_ones_business() {
        let cache = Cache::default();
        ["a", "b"].iter().for_each(|name| node(&cache, name, 1, Some("settled/0"), false));
        let taken = Taken { child: key("c"), owner: owner("c"), until: Standing::Ready };
        assert_eq!(Turns::default().take(&cache, "chains/other", taken), Ok(()));
    }
}
