//! Properties of planning against a model of the API server: applying a plan leaves nothing to plan, whatever happened
//! before, and what is not ours or is to be retained is never touched.

use opstack_core::answer::Policy;
use opstack_core::ids::{GroupKind, Gvk, ObjectKey, PluginName};
use opstack_core::inventory::{Baseline, Inventory, Live};
use opstack_core::plan::{Plan, Step, plan};
use opstack_core::policy::{Desired, DesiredChild};
use proptest::prelude::*;
use std::sync::Arc;

const KINDS: [(&str, &str); 4] = [("", "ConfigMap"), ("", "Service"), ("apps", "StatefulSet"), ("", "Secret")];

fn owner() -> ObjectKey {
    ObjectKey::new(GroupKind::new("optimism.io", "OpNode"), "ns", "node")
}

fn plugin() -> PluginName {
    PluginName::parse("op-node").unwrap()
}

#[derive(Clone, Debug)]
struct Want {
    kind: usize,
    name: u8,
    version: u8,
    policy: Policy,
}

#[derive(Clone, Debug)]
enum Disturbance {
    Delete(usize),
    EditOurField(usize),
    ForeignField(usize),
    Restart,
}

fn wants() -> impl Strategy<Value = Vec<Want>> {
    let policy = prop_oneof![Just(Policy::Delete), Just(Policy::Retain)];
    let want = (0..KINDS.len(), 0u8..4, 0u8..3, policy).prop_map(|(kind, name, version, policy)| Want {
        kind,
        name,
        version,
        policy,
    });
    prop::collection::vec(want, 0..8)
}

fn disturbances() -> impl Strategy<Value = Vec<Disturbance>> {
    let one = prop_oneof![
        (0usize..8).prop_map(Disturbance::Delete),
        (0usize..8).prop_map(Disturbance::EditOurField),
        (0usize..8).prop_map(Disturbance::ForeignField),
        Just(Disturbance::Restart),
    ];
    prop::collection::vec(one, 0..6)
}

fn desired(wants: &[Want]) -> Desired {
    let mut desired = Desired::default();
    for want in wants {
        let Some((group, kind)) = KINDS.get(want.kind) else { continue };
        let key = ObjectKey::new(GroupKind::new(group, kind), "ns", &format!("c{}", want.name));
        if desired.children.iter().any(|child| child.key == key) {
            continue;
        }
        let hash = format!("{}-{:?}", want.version, want.policy);
        let gvk = Gvk::new(group, "v1", kind);
        let object = hash.clone().into();
        desired.children.push(DesiredChild { key, gvk, policy: want.policy, object, hash, turn: None, held: false });
    }
    desired
}

/// The API server and the shell, as far as planning can tell.
fn apply(desired: &Desired, plan: &Plan, cluster: &mut Inventory, serial: &mut u32) -> Baseline {
    for step in plan.waves.iter().flatten() {
        match step {
            Step::Apply(index) => {
                let child = &desired.children[*index];
                let uid = cluster.get(&child.key).map_or_else(|| format!("uid-{serial}"), |live| live.uid.to_string());
                *serial += 1;
                let live = Live {
                    uid: uid.into(),
                    owner: Some(owner()),
                    desired: Some(child.hash.as_str().into()),
                    owner_uids: (child.policy == Policy::Delete).then(|| "life".into()).into_iter().collect(),
                    retain: child.policy == Policy::Retain,
                    fields: vec![(plugin().field_manager().into(), format!("fields of {}", child.hash).into())],
                    ..Live::default()
                };
                cluster.insert(child.key.clone(), Arc::new(live));
            }
            Step::Prune { key, uid } => {
                let live = cluster.remove(key).expect("only what exists is pruned");
                assert_eq!(live.uid, *uid);
                assert!(!live.retain, "retained objects are never pruned");
                assert_eq!(live.owner, Some(owner()), "only our own is pruned");
            }
        }
    }
    Baseline::of(cluster, &plugin().field_manager())
}

fn disturb(disturbance: &Disturbance, cluster: &mut Inventory, baseline: &mut Baseline, recorded: &str) {
    let nth = |cluster: &Inventory, n: usize| {
        let ours: Vec<_> = cluster.iter().filter(|(_, live)| live.owner.is_some()).map(|(key, _)| key).collect();
        ours.get(n % ours.len().max(1)).map(|key| (*key).clone())
    };
    match disturbance {
        Disturbance::Delete(n) => {
            if let Some(key) = nth(cluster, *n) {
                cluster.remove(&key);
            }
        }
        Disturbance::EditOurField(n) => {
            if let Some(live) = nth(cluster, *n).and_then(|key| cluster.get_mut(&key)) {
                Arc::make_mut(live).fields = vec![(plugin().field_manager().into(), "one field fewer".into())];
            }
        }
        Disturbance::ForeignField(n) => {
            if let Some(live) = nth(cluster, *n).and_then(|key| cluster.get_mut(&key)) {
                Arc::make_mut(live).status = Some("{}".into());
            }
        }
        Disturbance::Restart => *baseline = Baseline::recover(cluster, &plugin().field_manager(), Some(recorded)),
    }
}

proptest! {
    #[test]
    fn applying_a_plan_leaves_nothing_to_plan(first in wants(), second in wants(), disturbances in disturbances()) {
        let (mut cluster, mut serial) = (Inventory::new(), 0);
        let foreign = ObjectKey::new(GroupKind::new("", "ConfigMap"), "ns", "foreign");
        cluster.insert(foreign.clone(), Arc::new(Live { uid: "f".into(), ..Live::default() }));
        let mut baseline = Baseline::default();
        for wants in [&first, &second, &first] {
            let desired = desired(wants);
            for disturbance in disturbances.iter().map(Some).chain([None]) {
                let steps = plan(&owner(), "life", &plugin(), &desired, &cluster, &baseline).unwrap();
                baseline = apply(&desired, &steps, &mut cluster, &mut serial);
                let again = plan(&owner(), "life", &plugin(), &desired, &cluster, &baseline).unwrap();
                prop_assert!(again.is_empty(), "{again:?}");
                for child in &desired.children {
                    prop_assert_eq!(cluster[&child.key].desired.as_deref(), Some(child.hash.as_str()));
                }
                if let Some(disturbance) = disturbance {
                    let recorded = baseline.digest();
                    disturb(disturbance, &mut cluster, &mut baseline, &recorded);
                }
            }
        }
        prop_assert_eq!(cluster[&foreign].uid.as_ref(), "f");
    }

    #[test]
    fn a_foreign_change_and_a_restart_write_nothing(wants in wants(), n in 0usize..8) {
        let (mut cluster, mut serial) = (Inventory::new(), 0);
        let desired = desired(&wants);
        let steps = plan(&owner(), "life", &plugin(), &desired, &cluster, &Baseline::default()).unwrap();
        let mut baseline = apply(&desired, &steps, &mut cluster, &mut serial);
        let recorded = baseline.digest();
        disturb(&Disturbance::ForeignField(n), &mut cluster, &mut baseline, &recorded);
        disturb(&Disturbance::Restart, &mut cluster, &mut baseline, &recorded);
        let again = plan(&owner(), "life", &plugin(), &desired, &cluster, &baseline).unwrap();
        prop_assert!(again.is_empty(), "{:?}", again);
    }
}

#[test]
fn an_object_of_somebody_else_stops_everything() {
    let desired = desired(&[Want { kind: 0, name: 1, version: 0, policy: Policy::Delete }]);
    let key = desired.children[0].key.clone();
    let cluster = Inventory::from([(key, Arc::new(Live { uid: "f".into(), ..Live::default() }))]);
    let fault = plan(&owner(), "life", &plugin(), &desired, &cluster, &Baseline::default()).unwrap_err();
    assert_eq!(fault.reason, "NameTaken");
}

/// A pod keeps its name and gets another life; what was patched on the first is on the second only once it is patched, too.
#[test]
fn a_patch_waits_for_its_object_and_follows_it_through_its_lives() {
    let desired = desired(&[Want { kind: 0, name: 1, version: 0, policy: Policy::Patch }]);
    let child = &desired.children[0];
    let steps = |live: Option<&Live>, baseline: &Baseline| {
        let cluster = live.map(|live| (child.key.clone(), Arc::new(live.clone())));
        plan(&owner(), "life", &plugin(), &desired, &cluster.into_iter().collect(), baseline).unwrap().waves.concat()
    };
    let born = |uid: &str| Live { uid: uid.into(), ..Live::default() };
    let patched = |uid: &str| Live {
        patches: vec![(plugin().as_str().into(), child.hash.as_str().into())],
        fields: vec![(plugin().field_manager().into(), "labels".into())],
        ..born(uid)
    };
    let after = |live: &Live| {
        Baseline::of(&Inventory::from([(child.key.clone(), Arc::new(live.clone()))]), &plugin().field_manager())
    };
    assert_eq!(steps(None, &Baseline::default()), [], "it is never created");
    assert_eq!(steps(Some(&born("1")), &Baseline::default()), [Step::Apply(0)]);
    assert_eq!(steps(Some(&patched("1")), &after(&patched("1"))), [], "nothing changed");
    assert_eq!(steps(Some(&born("2")), &after(&patched("1"))), [Step::Apply(0)], "made anew");
    assert_eq!(steps(Some(&Live { terminating: true, ..born("2") }), &after(&patched("1"))), [], "on its way out");
}
