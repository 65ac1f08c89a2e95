//! From the children that an answer wants to those that are there: plan, apply, and where they stand then.

use opstack_core::answer::Policy;
use opstack_core::blame::Fault;
use opstack_core::conditions::Standing;
use opstack_core::ids::ObjectKey;
use opstack_core::inventory::{Baseline, Inventory};
use opstack_core::policy::{Desired, DesiredChild};
use opstack_core::readiness::Readiness;
use opstack_core::{image, plan, status};
use serde_json::Value;
use std::collections::BTreeSet;
use tracing::info;

use crate::apply::{self, Applied};
use crate::context::Context;
use crate::deps::Lookup;
use crate::plugins::Serving;
use crate::turns::{self, Waits};

/// What carrying out came to.
pub struct Carried {
    /// Where the children stand.
    pub standing: Standing,
    /// Digest of the baseline.
    pub digest: String,
    /// Whether anything was written.
    pub wrote: bool,
    /// Whether what was written lets more be written.
    pub again: bool,
}

/// Plans and applies.
///
/// # Errors
/// The first failure; what was applied before stays.
pub async fn carry_out(
    cx: &Context,
    serving: &Serving,
    key: &ObjectKey,
    object: &Value,
    mut desired: Desired,
) -> Result<Carried, Fault> {
    let live = cx.hub.cache.inventory(key, desired.children.iter().map(|child| &child.key));
    image::keep(&mut desired, &live, &cx.facts.host_image);
    let waiting = turns::take(cx, key, &mut desired, &live)?;
    let carried = write(cx, serving, key, object, &desired, &live).await;
    cx.turns.written(&cx.hub, key, &desired);
    let mut carried = carried?;
    if let (Standing::Ready, Some(waits)) = (&carried.standing, waiting.first()) {
        carried.standing = awaiting(waits);
    }
    carried.again = turns::moves(cx, &desired);
    Ok(carried)
}

fn awaiting(waits: &Waits) -> Standing {
    let Waits { child, behind } = waits;
    let message = format!(
        "{child} is to be replaced pod by pod, and waits for its turn: {behind} of the same rollout group is not yet back where it was before its own"
    );
    Standing::Progressing("AwaitingTurn".into(), message)
}

async fn write(
    cx: &Context,
    serving: &Serving,
    key: &ObjectKey,
    object: &Value,
    desired: &Desired,
    live: &Inventory,
) -> Result<Carried, Fault> {
    let manager = serving.name.field_manager();
    let wanted = || desired.children.iter().map(|child| &child.key);
    cx.hub.deps.add(key, not_ours(key, desired, live));
    let mut baseline = cx.baselines.get(key).unwrap_or_else(|| {
        Baseline::recover(&only(live, desired), &manager, object["status"][status::APPLIED].as_str())
    });
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
    let plan = plan::plan(key, uid, &serving.name, desired, live, &baseline)?;
    if !plan.is_empty() {
        info!(writes = plan.waves.iter().map(Vec::len).sum::<usize>(), "applying");
        let applied = Applied::default();
        let outcome = apply::apply(cx, &serving.name, desired, &plan, &applied).await;
        applied.enter(&mut baseline);
        cx.baselines.set(key, baseline.clone());
        outcome?;
    }
    let live = cx.hub.cache.inventory(key, wanted());
    // Not what is live now: a child that somebody changed meanwhile must not pass for ours.
    let kept: BTreeSet<_> = wanted().filter(|child| live.contains_key(child)).collect();
    baseline.0.retain(|child, _| kept.contains(child));
    let digest = baseline.digest();
    cx.baselines.set(key, baseline);
    let standing = match plan.leaving.first() {
        Some(leaving) => {
            Standing::Progressing("Terminating".into(), format!("{leaving} is being deleted and will be made again"))
        }
        None => standing_of_children(desired, &live),
    };
    Ok(Carried { standing, digest, wrote: !plan.is_empty(), again: false })
}

/// What of the inventory is wanted: a child on its way out must not count in the baseline.
fn only(live: &Inventory, desired: &Desired) -> Inventory {
    let wanted = desired.children.iter().filter_map(|child| live.get_key_value(&child.key));
    wanted.map(|(key, live)| (key.clone(), live.clone())).collect()
}

/// Objects of others that matter here: those that are patched, and those that stand where a child should. Their changes wake
/// the owner, as its own children's do anyway.
fn not_ours<'a>(owner: &'a ObjectKey, desired: &'a Desired, live: &'a Inventory) -> impl Iterator<Item = Lookup> + 'a {
    let taken = |child: &DesiredChild| live.get(&child.key).is_some_and(|live| live.owner.as_ref() != Some(owner));
    let others = desired.children.iter().filter(move |child| child.policy == Policy::Patch || taken(child));
    others.map(|child| Lookup::Version(child.key.clone()))
}

fn standing_of_children(desired: &Desired, live: &Inventory) -> Standing {
    let mut progressing = None;
    for child in &desired.children {
        let kind = child.key.kind.kind.as_ref();
        let readiness = match live.get(&child.key) {
            None => Readiness::Progressing("does not exist yet".into()),
            Some(live) => live.readiness(kind),
        };
        let name = format!("{kind} {}", child.key.name);
        match readiness {
            Readiness::Ready => {}
            Readiness::Failed(why) => return Standing::Progressing("Failed".into(), format!("{name}: {why}")),
            Readiness::Progressing(why) => {
                progressing.get_or_insert(format!("{name}: {why}"));
            }
            Readiness::Terminating => {
                progressing.get_or_insert(format!("{name} is being deleted"));
            }
        }
    }
    progressing.map_or(Standing::Ready, |what| Standing::Progressing("Progressing".into(), what))
}
