//! Five conditions that the first loop of this kind was tested with, and the defects that it had: each is a way in which a
//! chain stood still or forked.

use op_network::sequencing::record::{Record, Target};
use op_network::sequencing::seen::{Outcome, Sequencer};
use op_network::sequencing::verdict::Standing;

use super::moment::*;

// The five conditions.

#[test]
fn condition_1_none_is_active_and_one_is_promoted() {
    let moment = seen([standby("a", 100), standby("b", 100), standby("c", 100)]);
    expect(&settled(&POLICY, Record::default(), &moment), Standing::Starting, &[start("a", 100)]);
}

#[test]
fn condition_2_one_is_active_and_stays() {
    let moment = seen([standby("a", 100), active("b", 100), standby("c", 100)]);
    expect(&settled(&POLICY, Record::default(), &moment), Standing::Active, &[]);
}

#[test]
fn condition_3_several_are_active_and_one_remains() {
    let moment = seen([active("a", 100), active("b", 100), standby("c", 100)]);
    expect(&settled(&POLICY, Record::default(), &moment), Standing::SeveralActive, &[stop("b")]);
}

#[test]
fn condition_4_the_first_is_behind_and_the_highest_is_promoted() {
    let moment = seen([standby("a", 60), standby("b", 100), standby("c", 80)]);
    expect(&settled(&POLICY, Record::default(), &moment), Standing::Starting, &[start("b", 100)]);
}

#[test]
fn condition_5_the_active_one_stalls_and_another_goes_on_from_its_head() {
    let stalled = head_of_age(active("a", 100), 6 * MINUTE);
    let decision = settled(&POLICY, still_for("a", 100, 6 * MINUTE, &["b"]), &seen([stalled, standby("b", 100)]));
    expect(&decision, Standing::Stopping, &[stop("a")]);
    let done = Outcome::Done(Some(hash(100)));
    let moment = after(seen([standby("a", 100), standby("b", 100)]), &stop("a"), decision.record.epoch, done);
    expect(&settled(&POLICY, decision.record, &moment), Standing::Starting, &[start("b", 100)]);
}

// The defects.

#[test]
fn d1_one_that_can_not_be_reached_is_not_waited_for_in_silence() {
    let moment = seen([silent("a"), standby("b", 100)]);
    let decision = settled(&POLICY, still_for("a", 100, 6 * MINUTE, &["b"]), &moment);
    expect(&decision, Standing::NotProvenStopped, &[]);
    // Its pod has ended for good: then it fails over.
    let moment = seen([Sequencer { wanted: false, ..gone("a") }, standby("b", 100)]);
    expect(&settled(&LOSING, decision.record, &moment), Standing::Starting, &[start("b", 100)]);
}

#[test]
fn d2_a_start_without_a_candidate_is_told_and_tried_again() {
    let lagging = || saying(standby("a", 100), |said| said.l1_time -= 3600);
    let decision = settled(&POLICY, Record::default(), &seen([lagging()]));
    expect(&decision, Standing::Waiting, &[]);
    let late = at(seen([saying(lagging(), |said| said.at += 6 * MINUTE)]), NOW + 6 * MINUTE);
    let decision = settled(&POLICY, decision.record, &late);
    expect(&decision, Standing::NoCandidate, &[]);
    expect(&settled(&POLICY, decision.record, &seen([standby("a", 100)])), Standing::Starting, &[start("a", 100)]);
}

#[test]
fn d3_a_candidate_never_starts_from_its_own_head() {
    for own in [99, 102] {
        let record = vacant(Some("a"), Target::Stopped(hash(101)), &["a", "b"]);
        let decision = settled(&POLICY, record, &seen([standby("a", 101), standby("b", own)]));
        expect(&decision, Standing::Waiting, &[]);
    }
}

#[test]
fn d4_after_a_switch_the_new_one_is_remembered_and_the_old_one_stays_stopped() {
    let moment = seen([standby("a", 101), active("b", 105)]);
    let record = starting("b", 101, Target::Stopped(hash(101)), &["a"]);
    let decision = settled(&POLICY, record, &moment);
    let decision = settled(&POLICY, decision.record, &moment);
    expect(&decision, Standing::Active, &[]);
    assert_eq!(decision.record.active(), Some("b"));
}

#[test]
fn d5_the_stalled_one_is_the_last_to_replace_itself() {
    let record = || vacant(Some("a"), Target::Stopped(hash(100)), &["a", "b", "c"]);
    let moment = seen([standby("a", 100), standby("b", 100), standby("c", 100)]);
    expect(&settled(&POLICY, record(), &moment), Standing::Starting, &[start("b", 100)]);
    // Only when nobody else has come to its block in time.
    let alone = seen([standby("a", 100), standby("b", 90)]);
    expect(&settled(&POLICY, record(), &alone), Standing::Waiting, &[]);
    let late =
        at(seen([said("a", NOW + 6 * MINUTE, false, 100), said("b", NOW + 6 * MINUTE, false, 90)]), NOW + 6 * MINUTE);
    let decision = decided(&POLICY, record(), &late);
    expect(&settled(&POLICY, decision.record, &late), Standing::Starting, &[start("a", 100)]);
}

#[test]
fn d6_nothing_is_started_when_the_stop_failed() {
    for outcome in [Outcome::NotDone("not sent: refused".into()), Outcome::Unknown("unknown: reset".into())] {
        for a in [active("a", 100), silent("a")] {
            let moment = after(seen([a, standby("b", 100)]), &stop("a"), 7, outcome.clone());
            let decision = settled(&LOSING, stopping("a", &["b"]), &moment);
            assert!(!decision.acts.iter().any(|act| *act == start("b", 100)), "{decision:?}");
            assert_eq!(decision.record.active(), Some("a"));
        }
    }
}

#[test]
fn d7_a_decision_that_was_not_written_down_has_done_nothing() {
    let stalled = head_of_age(active("a", 100), 6 * MINUTE);
    let moment = seen([stalled, standby("b", 100)]);
    let record = still_for("a", 100, 6 * MINUTE, &["b"]);
    let first = decided(&POLICY, record.clone(), &moment);
    assert!(first.acts.is_empty(), "the act is declared by who finds the stage written down");
    assert_eq!(first, decided(&POLICY, record, &moment), "another one decides the same");
}

#[test]
fn d8_a_sequencer_that_is_not_heard_is_not_told_to_be_active() {
    let decision = settled(&POLICY, running("a", &["b"]), &seen([silent("a"), standby("b", 100)]));
    assert_ne!(decision.verdict.standing, Standing::Active);
}

#[test]
fn d9_time_at_a_block_begins_anew_with_another_block_and_another_sequencer() {
    let old = |number| seen([head_of_age(active("a", number), MINUTE), standby("b", number)]);
    let record = still_for("a", 100, 6 * MINUTE, &["b"]);
    // A lower head is another head.
    expect(&settled(&POLICY, record.clone(), &old(99)), Standing::Active, &[]);
    let switched = settled(&POLICY, record, &seen([standby("a", 100), head_of_age(active("b", 100), 10 * MINUTE)]));
    expect(&switched, Standing::Active, &[]);
    assert_eq!(switched.record.active(), Some("b"));
}
