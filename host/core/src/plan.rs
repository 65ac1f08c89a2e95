//! From what should be and what is to the writes between the two. No difference, no write.

use crate::answer::Policy;
use crate::blame::{Blame, Fault};
use crate::ids::{ObjectKey, PluginName};
use crate::inventory::{Baseline, Inventory, Live};
use crate::policy::{Desired, DesiredChild};

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Server-side apply of the child at this index of the desired ones.
    Apply(usize),
    /// Delete a child that is no longer rendered, if it is still this one.
    Prune {
        /// Which.
        key: ObjectKey,
        /// Its life.
        uid: std::sync::Arc<str>,
    },
}

/// Ordered writes: a wave begins when the one before has succeeded; within a wave the order is free.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Waves; none is empty.
    pub waves: Vec<Vec<Step>>,
    /// Children whose deletion has begun and which must be gone before they can be made again.
    pub leaving: Vec<ObjectKey>,
}

impl Plan {
    /// Nothing to write.
    pub fn is_empty(&self) -> bool {
        self.waves.is_empty()
    }
}

/// Plans the writes for one owner, in the life that `uid` names.
///
/// `live` must hold every live object among the desired keys and every live child of the owner.
///
/// # Errors
/// When a desired object exists and belongs to somebody else: it is left alone, and so is everything else.
pub fn plan(
    owner: &ObjectKey,
    uid: &str,
    plugin: &PluginName,
    desired: &Desired,
    live: &Inventory,
    baseline: &Baseline,
) -> Result<Plan, Fault> {
    let mut waves = vec![Vec::new(); WAVES];
    let mut leaving = Vec::new();
    for (index, child) in desired.children.iter().enumerate() {
        let verdict = match live.get(&child.key) {
            None if child.policy == Policy::Patch => Verdict::Fine,
            None => Verdict::Apply,
            Some(live) => judge((owner, uid), plugin, child, live, baseline)?,
        };
        match verdict {
            Verdict::Fine => {}
            Verdict::Leaving => leaving.push(child.key.clone()),
            Verdict::Apply => {
                if let Some(wave) = waves.get_mut(wave_of(&child.key.kind.kind)) {
                    wave.push(Step::Apply(index));
                }
            }
        }
    }
    // Pruning comes last: what replaces a child exists before the child goes.
    waves.push(prune(owner, uid, desired, live));
    waves.retain(|wave| !wave.is_empty());
    Ok(Plan { waves, leaving })
}

enum Verdict {
    Fine,
    Apply,
    Leaving,
}

fn judge(
    owner: (&ObjectKey, &str),
    plugin: &PluginName,
    child: &DesiredChild,
    live: &Live,
    baseline: &Baseline,
) -> Result<Verdict, Fault> {
    let recorded = if child.policy == Policy::Patch {
        live.patch_of(plugin.as_str())
    } else {
        if !is_owners(owner, plugin, live) {
            return Err(taken(child, live));
        }
        live.desired.as_deref()
    };
    if live.terminating {
        return Ok(Verdict::Leaving);
    }
    if child.held {
        return Ok(Verdict::Fine);
    }
    let fields = live.fields_of(&plugin.field_manager());
    let untouched = fields.is_some() && fields == baseline.0.get(&child.key).map(AsRef::as_ref);
    let is_same = recorded == Some(child.hash.as_str()) && live.turn() == child.turn;
    Ok(if is_same && untouched { Verdict::Fine } else { Verdict::Apply })
}

/// Whether a live object is the owner's. One of an earlier life of the owner is: it goes on as the child of this one. One whose owner
/// annotation somebody removed or changed still is, while fields of it are ours and it refers to nobody else: we applied them, and not
/// as a patch of somebody else's object.
fn is_owners((owner, uid): (&ObjectKey, &str), plugin: &PluginName, live: &Live) -> bool {
    match &live.owner {
        Some(known) => known == owner,
        None => {
            live.fields_of(&plugin.field_manager()).is_some()
                && live.patch_of(plugin.as_str()).is_none()
                && (live.owner_uids.is_empty() || live.refers_to(uid))
        }
    }
}

fn taken(child: &DesiredChild, live: &Live) -> Fault {
    let whose = live.owner.as_ref().map_or("not made by this operator".into(), |owner| format!("owned by {owner}"));
    Fault::new(
        Blame::Spec,
        "NameTaken",
        format!("{} exists and is {whose}; it is left alone. Rename this object, or move that one away", child.key),
    )
}

fn prune(owner: &ObjectKey, uid: &str, desired: &Desired, live: &Inventory) -> Vec<Step> {
    live.iter()
        .filter(|(_, live)| live.goes_with(owner, uid) && !live.terminating)
        .filter(|(key, _)| desired.children.iter().all(|child| child.key != **key))
        .map(|(key, live)| Step::Prune { key: key.clone(), uid: live.uid.clone() })
        .collect()
}

const WAVES: usize = 3;

/// Pods read configuration and accounts when they start and resolve Services soon after, so workloads come last.
fn wave_of(kind: &str) -> usize {
    match kind {
        "ConfigMap" | "Secret" | "ServiceAccount" | "PersistentVolumeClaim" | "Role" | "RoleBinding" => 0,
        "StatefulSet" | "Deployment" | "DaemonSet" | "ReplicaSet" | "Job" | "CronJob" | "Pod" => 2,
        _ => 1,
    }
}
