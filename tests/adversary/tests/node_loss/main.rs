//! A machine is lost with all that ran on it: the active sequencer, the replica, the batcher, the proposer and the challenger. The
//! scheduler and the controllers are the real ones; what kubelets do is done by the test.
//!
//! The machine falls silent, its pods are deleted by force: nothing of what must be one is started, until the machine is taken
//! out of service. The next machine's Node object is deleted: nothing is started until a person says that the processes have ended.

mod scene;

use scene::Scene;
use serde_json::Value;
use suite::{condition, pair::NAMES};

const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

#[test]
fn what_must_be_one_waits_for_proof_and_the_rest_comes_back() {
    let Some(mut scene) = Scene::start() else { return };

    // The first machine falls silent.
    let mark = scene.mark();
    scene.falls_silent("x");
    scene.machines.lose("x");
    scene.wait_evicted("x");
    scene.stays_down("its machine is silent");
    scene.machines.untaint("z", scene::RESERVED);
    scene.delete_pods("x");
    scene.wait_in_doubt();
    scene.replica_comes_back("z");
    scene.sequencer_boots_elsewhere("seq-a-again");
    scene.stays_down("its pods were deleted by force");
    scene.bound_none(mark);
    scene.has_ended(NAMES[0]);
    scene.machines.taint("x", OUT_OF_SERVICE, "NoExecute");
    scene.wait_active();
    scene.components_come_back("z");
    println!("D: a silent machine: nothing was started before it was out of service, and all after it");

    // The second machine's object is deleted.
    scene.make_active("seq-a-again");
    scene.machines.add("v");
    scene.falls_silent("z");
    scene.machines.delete("z");
    scene.delete_pods("z");
    scene.wait_in_doubt();
    scene.replica_comes_back("v");
    scene.sequencer_boots_elsewhere("seq-a-once-more");
    scene.stays_down("its Node object was deleted");
    scene.has_ended("seq-a-again");
    scene.a_person_vouches();
    scene.wait_active();
    scene.components_come_back("v");
    println!("D: a deleted machine: nothing was started before a person's word, and all after it");
}

/// The reason of a condition.
fn reason(object: &Value, kind: &str) -> String {
    condition::brief(object, kind).1.to_string()
}
