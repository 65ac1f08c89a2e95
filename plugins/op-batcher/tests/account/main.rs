//! One account, one process: which component may have a pod, whatever labels say, and what becomes of it when its machine is lost.

mod model;
mod world;

use serde_json::json;
use world::{ACCOUNT, MACHINES, World};

const OURS: world::Place = ("chains", "batcher");
const OTHER: world::Place = ("others", "batcher");
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

fn running() -> (World, String) {
    let mut world = World::new();
    world.batcher(OURS);
    let uid = world.start(OURS, MACHINES[0]);
    (world, uid)
}

#[test]
fn a_component_claims_the_account_before_it_has_a_pod() {
    let mut world = World::new();
    world.batcher(OURS);
    let first = world.reconcile(OURS);
    assert_eq!((first.replicas(), first.reason(), first.claims()), (0, "ClaimsAccount", true));
    assert!(first.again.is_some(), "its own claim wakes it not");
    let second = world.reconcile(OURS);
    assert_eq!((second.replicas(), second.again), (1, None));
}

#[test]
fn a_label_on_anybodys_service_account_is_no_claim() {
    let (mut world, _) = running();
    // An older account that the operator did not make, in another namespace and in its own.
    for namespace in ["others", "chains"] {
        let mut account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace, "labels": {"optimism.io/l1-account": ACCOUNT}}});
        world.add(account.clone());
        // One that names an owner which is not there, or is there in another life.
        account["metadata"]["name"] = "batcher-9".into();
        account["metadata"]["annotations"] =
            json!({"opstack.optimism.io/owner": format!("OpBatcher.optimism.io/{namespace}/batcher-9")});
        account["metadata"]["ownerReferences"] = json!([{"apiVersion": "optimism.io/v1alpha1", "kind": "OpBatcher", "name": "batcher-9", "uid": "made-up", "controller": true}]);
        world.add(account);
    }
    assert_eq!(world.reconcile(OURS).replicas(), 1, "what runs runs on");
    let mut fresh = World::new();
    fresh.documents.extend(
        world
            .documents
            .iter()
            .filter(|document| document["kind"] == "ServiceAccount" && document["metadata"]["name"] != "batcher")
            .cloned(),
    );
    fresh.batcher(OURS);
    fresh.reconcile(OURS);
    assert_eq!(fresh.reconcile(OURS).replicas(), 1, "nor does it keep a new one from running");
}

#[test]
fn a_claim_of_another_namespace_never_stops_what_runs() {
    let (mut world, _) = running();
    // The newcomer is an object of the operator's, and its account was made before: neither age nor name counts.
    world.batcher(OTHER);
    let newcomer = world.reconcile(OTHER);
    assert_eq!((newcomer.replicas(), newcomer.reason(), newcomer.claims()), (0, "AccountInUse", false));
    let message = newcomer.not_ready.expect("a reason").1;
    assert!(message.contains("chains/batcher"), "{message}");
    for place in [OURS, OTHER] {
        world.edit("ServiceAccount", place, |account| {
            account["metadata"]["labels"]["optimism.io/l1-account"] = ACCOUNT.into();
            let year = if place == OTHER { "2001" } else { "2024" };
            account["metadata"]["creationTimestamp"] = format!("{year}-01-01T00:00:00Z").into();
        });
    }
    let still = world.reconcile(OURS);
    assert_eq!((still.replicas(), still.claims()), (1, true));
    assert_eq!(world.reconcile(OTHER).replicas(), 0);
}

#[test]
fn a_signers_address_that_is_anothers_account_keeps_the_newcomer_down() {
    let (mut world, _) = running();
    world.batcher(OTHER);
    world.edit("OpBatcher", OTHER, |batcher| {
        batcher["spec"]["privateKey"] = serde_json::Value::Null;
        batcher["spec"]["signer"] =
            json!({"endpoint": "https://signer.example.org", "address": world::ADDRESS.to_lowercase()});
    });
    let newcomer = world.reconcile(OTHER);
    assert_eq!((newcomer.replicas(), newcomer.reason()), (0, "AccountInUse"));
    assert_eq!(world.reconcile(OURS).replicas(), 1);
}

#[test]
fn a_stopped_component_keeps_the_account_until_its_process_has_ended() {
    let (mut world, _) = running();
    world.edit("OpBatcher", OURS, |batcher| batcher["spec"]["replicas"] = 0.into());
    let stopping = world.reconcile(OURS);
    assert_eq!((stopping.replicas(), stopping.claims()), (0, true), "its pod is there");
    world.batcher(OTHER);
    assert_eq!(world.reconcile(OTHER).reason(), "AccountInUse");
    world.run_pods(OURS, MACHINES[0]);
    assert!(!world.reconcile(OURS).claims());
    world.reconcile(OTHER);
    assert_eq!(world.reconcile(OTHER).replicas(), 1);
}

#[test]
fn a_changed_key_is_used_when_the_process_of_the_old_one_has_ended() {
    let (mut world, _) = running();
    world.batcher(OTHER);
    world.rotate("others", world::SECOND);
    world.start(OTHER, MACHINES[1]);
    // The key becomes that of another one which runs.
    world.rotate("chains", world::SECOND);
    let changing = world.reconcile(OURS);
    assert_eq!(
        (changing.replicas(), changing.reason(), changing.claims()),
        (0, "Waiting", true),
        "the old account is its own still"
    );
    world.run_pods(OURS, MACHINES[0]);
    let down = world.reconcile(OURS);
    assert_eq!((down.replicas(), down.reason()), (0, "AccountInUse"));
    assert_eq!(world.reconcile(OTHER).replicas(), 1);
}

#[test]
fn a_pod_that_is_gone_with_its_machine_leaves_the_account_in_use() {
    let (lost, uid) = {
        let (mut world, uid) = running();
        world.taint(MACHINES[0], &[UNREACHABLE]);
        world.remove("Pod", ("chains", "batcher-0"));
        // The controller of StatefulSets makes another one at once.
        world.run_pods(OURS, MACHINES[1]);
        (world, uid)
    };
    let mut world = lost.clone();
    let told = world.reconcile(OURS);
    assert_eq!((told.replicas(), told.reason(), told.claims()), (0, "AccountMayBeInUse", true));
    let message = told.not_ready.clone().expect("a reason").1;
    assert!(message.contains(&uid) && message.contains(MACHINES[0]), "{message}");
    world.run_pods(OURS, MACHINES[1]);
    let told = world.reconcile(OURS);
    assert_eq!(
        told.status["processes"],
        json!([{"pod": "batcher-0", "podUID": uid, "node": MACHINES[0], "nodeUID": "uid-1"}])
    );
    assert_eq!(told.replicas(), 0);
    // Nor does the object of the machine being gone prove anything, nor another machine of its name.
    let mut without = world.clone();
    without.remove("Node", ("", MACHINES[0]));
    assert_eq!(without.reconcile(OURS).reason(), "AccountMayBeInUse");
    without.add(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": MACHINES[0]}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}));
    assert_eq!(without.reconcile(OURS).reason(), "AccountMayBeInUse");
    // What proves it: the kubelet is back, the machine is declared off, or a person's word about this very pod.
    let proofs: [fn(&mut World, &str); 3] = [
        |world, _| world.taint(MACHINES[0], &[]),
        |world, _| world.taint(MACHINES[0], &[UNREACHABLE, "node.kubernetes.io/out-of-service"]),
        |world, uid| {
            world.edit("OpBatcher", OURS, |batcher| {
                batcher["metadata"]["annotations"] = json!({"optimism.io/process-ended": uid})
            });
        },
    ];
    for proof in proofs {
        let mut world = world.clone();
        proof(&mut world, &uid);
        let free = world.reconcile(OURS);
        assert_eq!((free.replicas(), free.status["processes"].is_null()), (1, true));
    }
    world.edit("OpBatcher", OURS, |batcher| {
        batcher["metadata"]["annotations"] = json!({"optimism.io/process-ended": "uid-0"})
    });
    assert_eq!(world.reconcile(OURS).replicas(), 0, "the word is about another pod");
}

/// A forced deletion would give the controller of StatefulSets its turn before anybody can look.
#[test]
fn a_pod_that_is_being_deleted_out_of_reach_keeps_another_from_being_wanted() {
    let (mut world, uid) = running();
    let deleting = |world: &mut World| {
        world.edit("Pod", ("chains", "batcher-0"), |pod| {
            pod["metadata"]["deletionTimestamp"] = "2024-01-15T11:00:00Z".into();
        });
    };
    let mut in_reach = world.clone();
    deleting(&mut in_reach);
    assert_eq!(in_reach.reconcile(OURS).replicas(), 1, "its kubelet ends it");
    world.taint(MACHINES[0], &[UNREACHABLE]);
    assert_eq!(world.reconcile(OURS).replicas(), 1, "nothing was asked to end");
    deleting(&mut world);
    let told = world.reconcile(OURS);
    assert_eq!((told.replicas(), told.reason()), (0, "AccountMayBeInUse"));
    world.remove("Pod", ("chains", "batcher-0"));
    assert_eq!(world.run_pods(OURS, MACHINES[1]), None, "none is wanted");
    let told = world.reconcile(OURS);
    assert!(told.not_ready.is_some_and(|(_, message)| message.contains(&uid)));
    world.taint(MACHINES[0], &[]);
    assert_eq!(world.reconcile(OURS).replicas(), 1);
}

#[test]
fn a_process_has_ended_when_the_kubelet_says_so_of_every_container() {
    for (status, has_ended) in [
        (json!({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}), true),
        // The garbage collector of pods sets the phase of those whose machine is gone.
        (json!({"phase": "Failed", "containerStatuses": [{"state": {"running": {}}}]}), false),
        (json!({"phase": "Failed"}), false),
        (json!({"phase": "Running", "containerStatuses": [{"state": {"terminated": {"exitCode": 1}}}]}), false),
    ] {
        let (mut world, _) = running();
        world.edit("Pod", ("chains", "batcher-0"), |pod| pod["status"] = status.clone());
        let answered = world.reconcile(OURS);
        assert_eq!(answered.status["processes"].is_null(), has_ended, "{status}");
        assert_eq!(answered.replicas(), 1, "while the pod is there, no other one is made");
    }
}

#[test]
fn the_statefulset_has_no_pod_while_one_of_the_former_deployment_may_run() {
    let mut world = World::new();
    world.batcher(OURS);
    world.add(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "batcher", "namespace": "chains"}, "spec": {"replicas": 1}}));
    let uid = world.pod(OURS, "batcher-5d9f-abcde", ("ReplicaSet", "batcher-5d9f"), MACHINES[0]);
    let upgrade = world.reconcile(OURS);
    assert_eq!((upgrade.replicas(), upgrade.reason(), upgrade.claims()), (0, "Waiting", true));
    assert!(world.get("Deployment", OURS).is_none(), "it is pruned");
    assert_eq!(world.reconcile(OURS).replicas(), 0, "its pod is still there");
    let mut ended = world.clone();
    ended.remove("Pod", ("chains", "batcher-5d9f-abcde"));
    assert_eq!(ended.reconcile(OURS).replicas(), 1);
    world.taint(MACHINES[0], &[UNREACHABLE]);
    world.remove("Pod", ("chains", "batcher-5d9f-abcde"));
    let lost = world.reconcile(OURS);
    assert_eq!((lost.replicas(), lost.reason()), (0, "AccountMayBeInUse"));
    assert!(lost.not_ready.expect("a reason").1.contains(&uid));
}
