//! What proves that the last sequencer has stopped, and what doesn't. Each is a way in which two made blocks.

use op_network::sequencing::process::{Machine, Pod};
use op_network::sequencing::record::{Mark, Record, Target};
use op_network::sequencing::seen::{Outcome, Seen, Sequencer};
use op_network::sequencing::verdict::Standing;

use super::moment::*;

/// `a` was the active one; it is lost, and `b` has all of its blocks.
fn lost(a: Sequencer) -> Seen {
    seen([a, standby("b", 100)])
}

/// It is silent, and nobody waits for it to come back.
fn silent_for_good() -> Sequencer {
    Sequencer { wanted: false, ..silent("a") }
}

fn since_long() -> Record {
    still_for("a", 100, 6 * MINUTE, &["b"])
}

#[test]
fn a_pod_that_was_deleted_proves_nothing() {
    let moment = unexplained(lost(gone("a")));
    let decision = settled(&LOSING, since_long(), &moment);
    expect(&decision, Standing::NotProvenStopped, &[]);
    // Neither does it when the node is scaled to nothing.
    let scaled = Sequencer { wanted: false, ..gone("a") };
    expect(&settled(&LOSING, running("a", &["b"]), &unexplained(lost(scaled))), Standing::NotProvenStopped, &[]);
}

#[test]
fn another_pod_of_that_name_that_makes_no_blocks_proves_nothing() {
    let moment = lost(replaced(standby("a", 100)));
    let decision = settled(&LOSING, since_long(), &moment);
    expect(&decision, Standing::NotProvenStopped, &[]);
    assert!(decision.verdict.message.contains("another pod has its name"), "{}", decision.verdict.message);
    assert!(decision.verdict.message.contains("a (pod a-first on Node m1)"), "{}", decision.verdict.message);
    // Nor does it while it is being stopped, or after a start of which nothing is known.
    let stopping = settled(&LOSING, stopping("a", &["b"]), &at(moment.clone(), NOW + 6 * MINUTE));
    assert!(stopping.acts.iter().all(|act| *act != start("b", 100)), "{stopping:?}");
    assert!(!stopping.record.standbys.contains("a"), "{stopping:?}");
}

#[test]
fn a_pod_that_failed_by_the_word_of_a_controller_proves_nothing() {
    // The collector of pods marks one as failed whose Node is gone; its containers run by the last word of the kubelet.
    let moment = Seen { pods: vec![pod("a-first")], ..lost(gone("a")) };
    expect(&settled(&LOSING, since_long(), &moment), Standing::NotProvenStopped, &[]);
}

#[test]
fn what_the_kubelet_reports_of_this_very_pod_proves_it() {
    for pod in [Pod { ended: true, ..pod("a-first") }, Pod { restarts: 1, ..pod("a-first") }] {
        let moment = Seen { pods: vec![pod], ..lost(silent_for_good()) };
        let decision = settled(&LOSING, since_long(), &moment);
        expect(&decision, Standing::Starting, &[start("b", 100)]);
    }
    let other = Seen { pods: vec![Pod { ended: true, ..pod("a-second") }], ..lost(silent_for_good()) };
    expect(&settled(&LOSING, since_long(), &other), Standing::NotProvenStopped, &[]);
}

#[test]
fn a_machine_that_is_out_of_service_proves_it() {
    let mut record = since_long();
    record.processes[0].machine = Some("m2".into());
    let out = |name: &str| Machine { name: name.into(), out_of_service: true, ..machine("first") };
    let moment = Seen { machines: vec![out("m2")], ..lost(silent_for_good()) };
    expect(&settled(&LOSING, record.clone(), &moment), Standing::Starting, &[start("b", 100)]);
    let other = Seen { machines: vec![out("m3")], ..lost(silent_for_good()) };
    expect(&settled(&LOSING, record, &other), Standing::NotProvenStopped, &[]);
}

/// A start came to nothing, by the word of a pod that has the name by now: it says nothing of the one that was active before.
#[test]
fn a_refusal_clears_no_other_pod() {
    let record = Record { since: Some(NOW - 10 * MINUTE), ..starting("a", 100, Target::Highest, &["b"]) };
    let moment = seen([replaced(standby("a", 100)), standby("b", 100)]);
    let decision = decided(&POLICY, record, &moment);
    assert!(!decision.record.standbys.contains("a"), "{decision:?}");
    assert_eq!(decision.record.processes[0].uid, "a-first");
}

#[test]
fn a_machine_that_was_started_again_proves_it_unless_another_one_has_its_name() {
    let moment = |machine| Seen { machines: vec![machine], ..lost(silent_for_good()) };
    expect(&settled(&LOSING, since_long(), &moment(machine("first"))), Standing::NotProvenStopped, &[]);
    expect(&settled(&LOSING, since_long(), &moment(machine("second"))), Standing::Starting, &[start("b", 100)]);
    let namesake = Machine { system: Some("another".into()), ..machine("second") };
    expect(&settled(&LOSING, since_long(), &moment(namesake)), Standing::NotProvenStopped, &[]);
}

#[test]
fn its_own_word_clears_the_pod_that_said_it() {
    let moment = lost(standby("a", 100));
    let decision = settled(&POLICY, running("a", &["b"]), &moment);
    expect(&decision, Standing::Starting, &[start("a", 100)]);
    // An answer and the uid of a pod are known from two places: as long as one may be behind, the pod is remembered.
    let cleared = decided(&POLICY, running("a", &["b"]), &moment).record;
    assert_eq!((cleared.processes.len(), cleared.standbys.contains("a")), (1, true));
    let shown = decided(&POLICY, cleared.clone(), &lost(replaced(standby("a", 100)))).record;
    assert!(!shown.standbys.contains("a"), "it was the next pod's word");
    // Another one was started, by a fresh look at both.
    let begun = starting("b", 90, Target::Highest, &["a"]);
    let with_a = Record { processes: [begun.processes.clone(), cleared.processes].concat(), ..begun };
    let moment = after(seen([standby("a", 90), active("b", 91)]), &start("b", 90), 7, Outcome::Done(None));
    let uids: Vec<_> = decided(&POLICY, with_a, &moment).record.processes.into_iter().map(|known| known.uid).collect();
    assert_eq!(uids, ["b-first"]);
}

#[test]
fn what_the_stop_answers_clears_it_whatever_comes_after() {
    let done = Outcome::Done(Some(hash(101)));
    let moment = after(seen([replaced(standby("a", 101)), standby("b", 101)]), &stop("a"), 7, done);
    expect(&settled(&POLICY, stopping("a", &["b"]), &moment), Standing::Starting, &[start("b", 101)]);
}

#[test]
fn a_start_goes_to_the_pod_that_was_noted_and_to_no_other() {
    let record = || starting("b", 101, Target::Stopped(hash(101)), &["a"]);
    let moment = seen([standby("a", 101), standby("b", 101)]);
    expect(&settled(&POLICY, record(), &moment), Standing::Starting, &[start("b", 101)]);
    let other = seen([standby("a", 101), replaced(standby("b", 101))]);
    expect(&settled(&POLICY, record(), &other), Standing::Starting, &[]);
    let unknown = seen([standby("a", 101), Sequencer { pod: None, ..standby("b", 101) }]);
    expect(&settled(&POLICY, record(), &unknown), Standing::Starting, &[]);
}

/// Its kubelet is late: by its last word the container has ended, which must not count for the one that answers now.
#[test]
fn what_is_not_reported_to_run_is_not_started() {
    let late = |name: &str| {
        let pod = Some(Pod { ended: true, ..pod(&uid(name)) });
        Sequencer { pod, ..standby(name, 101) }
    };
    let decision = settled(&POLICY, Record::default(), &seen([late("a")]));
    expect(&decision, Standing::Waiting, &[]);
    let record = starting("b", 101, Target::Stopped(hash(101)), &["a"]);
    expect(&settled(&POLICY, record, &seen([standby("a", 101), late("b")])), Standing::Starting, &[]);
}

#[test]
fn a_pod_is_noted_before_it_is_started() {
    let decision = decided(&POLICY, Record::default(), &seen([standby("a", 100)]));
    assert!(decision.acts.is_empty());
    let uids: Vec<_> = decision.record.processes.iter().map(|process| process.uid.as_str()).collect();
    assert_eq!(uids, ["a-first"]);
}

// Blocks.

/// It answered 110 once, and comes back 10 blocks lower: what was told last before it fell silent counts, however short it was
/// seen.
#[test]
fn a_sequencer_that_comes_back_lower_does_not_go_on() {
    let seen_once = decided(&POLICY, running("a", &["b"]), &seen([active("a", 110), silent("b")])).record;
    let silence = decided(&POLICY, seen_once, &seen([silent("a"), silent("b")])).record;
    let back = seen([standby("a", 100), standby("b", 99)]);
    let decision = settled(&POLICY, silence.clone(), &back);
    expect(&decision, Standing::UnsafeHeadLossNotAllowed, &[]);
    let message = &decision.verdict.message;
    assert!(message.contains("at least 10 blocks: the highest that was ever told was 110"), "{message}");
    expect(&settled(&LOSING, silence, &back), Standing::Starting, &[start("a", 100)]);
}

#[test]
fn what_a_standby_had_counts_too() {
    let record = decided(&POLICY, running("a", &["b"]), &seen([silent("a"), standby("b", 120)])).record;
    let both_lower = seen([standby("a", 110), standby("b", 110)]);
    expect(&settled(&POLICY, record, &both_lower), Standing::UnsafeHeadLossNotAllowed, &[]);
}

#[test]
fn neither_does_one_go_on_from_the_block_of_a_stop_that_is_below() {
    let head = Some(Mark { number: 110, hash: hash(110), at: NOW - MINUTE });
    let record = Record { head, ..vacant(Some("a"), Target::Stopped(hash(101)), &["a", "b"]) };
    let moment = seen([standby("a", 101), standby("b", 101)]);
    expect(&settled(&POLICY, record, &moment), Standing::UnsafeHeadLossNotAllowed, &[]);
}

#[test]
fn another_block_of_the_same_height_is_no_substitute() {
    let head = Some(Mark { number: 100, hash: hash(999), at: NOW - MINUTE });
    let record = Record { head, ..vacant(Some("a"), Target::Highest, &["a", "b"]) };
    let moment = seen([standby("a", 100), standby("b", 100)]);
    expect(&settled(&POLICY, record, &moment), Standing::UnsafeHeadLossNotAllowed, &[]);
}

/// A chain that L1 took back goes on with the one that makes blocks; to hand over below what was told would stop it.
#[test]
fn one_that_is_below_what_was_told_is_not_stopped_by_plan() {
    let head = Some(Mark { number: 110, hash: hash(110), at: NOW - MINUTE });
    let a = Sequencer { eligible: false, ..active("a", 100) };
    let record = Record { head, ..running("a", &["b"]) };
    let decision = settled(&POLICY, record, &seen([a, standby("b", 100)]));
    expect(&decision, Standing::Active, &[]);
    assert!(decision.verdict.message.contains("10 blocks below"), "{}", decision.verdict.message);
}
