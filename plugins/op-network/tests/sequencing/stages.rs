//! What happens in each stage.

use op_network::sequencing::decide::Act;
use op_network::sequencing::process::Pod;
use op_network::sequencing::record::{Mark, Record, Stage, Target};
use op_network::sequencing::seen::{Outcome, Seen, Sequencer};
use op_network::sequencing::verdict::Standing;

use super::moment::*;

#[test]
fn nothing_is_decided_before_anything_was_measured() {
    let decision = decided(&POLICY, Record::default(), &Seen::default());
    expect(&decision, Standing::NotObserved, &[]);
    assert_eq!(decision.record, Record::default());
}

// The start: what the first look finds.

#[test]
fn one_that_makes_blocks_is_kept_even_if_it_is_behind_another() {
    let decision = settled(&POLICY, Record::default(), &seen([standby("a", 120), active("b", 100)]));
    expect(&decision, Standing::Active, &[]);
    assert_eq!(decision.record.active(), Some("b"));
}

#[test]
fn of_several_that_make_blocks_the_most_advanced_is_kept_and_the_others_are_stopped() {
    let decision = settled(&POLICY, Record::default(), &seen([active("a", 90), active("b", 100), active("c", 95)]));
    assert_eq!(decision.record.active(), Some("b"));
    expect(&decision, Standing::SeveralActive, &[stop("a"), stop("c")]);
}

#[test]
fn where_none_makes_blocks_the_highest_is_started() {
    let decision = settled(&POLICY, Record::default(), &seen([standby("a", 90), standby("b", 100), standby("c", 100)]));
    expect(&decision, Standing::Starting, &[start("b", 100)]);
}

#[test]
fn where_one_can_not_be_heard_none_is_started() {
    let moment = seen([standby("a", 90), silent("b")]);
    let decision = settled(&POLICY, Record::default(), &moment);
    expect(&decision, Standing::Waiting, &[]);
    let decision = settled(&POLICY, decision.record, &at(moment.clone(), NOW + 5 * MINUTE));
    expect(&decision, Standing::NotProvenStopped, &[]);
    assert!(decision.verdict.message.contains("b may still make blocks"), "{}", decision.verdict.message);
    let word = format!("optimism.io/approve-promotion: \"{NETWORK}/{}\"", decision.record.nonce.as_ref().unwrap());
    assert!(decision.verdict.message.contains(&word), "{}", decision.verdict.message);
}

#[test]
fn a_network_without_sequencers_says_so() {
    expect(&settled(&POLICY, Record::default(), &seen([])), Standing::NoSequencer, &[]);
}

// One makes blocks.

#[test]
fn while_blocks_come_nothing_happens_and_each_head_is_noted() {
    let first = settled(&POLICY, running("a", &["b"]), &seen([active("a", 100), standby("b", 100)]));
    expect(&first, Standing::Active, &[]);
    assert_eq!(first.record.head.as_ref().unwrap().number, 100);
    let later = |age| at(seen([said("a", NOW + age, true, 110), said("b", NOW + age, false, 110)]), NOW + age);
    let second = decided(&POLICY, first.record.clone(), &later(5_000)).record;
    assert_eq!(second.head.as_ref().unwrap().number, 110);
    assert_eq!(Record { head: first.record.head.clone(), ..second }, first.record);
}

#[test]
fn a_standby_that_is_silent_matters_to_nobody() {
    expect(&settled(&POLICY, running("a", &["b"]), &seen([active("a", 100), silent("b")])), Standing::Active, &[]);
}

#[test]
fn one_that_stands_still_for_too_long_is_stopped_when_another_has_its_head() {
    let moment = seen([head_of_age(active("a", 100), 6 * MINUTE), standby("b", 100)]);
    let decision = settled(&POLICY, still_for("a", 100, 4 * MINUTE, &["b"]), &moment);
    expect(&decision, Standing::Active, &[]);
    let decision = settled(&POLICY, still_for("a", 100, 5 * MINUTE, &["b"]), &moment);
    expect(&decision, Standing::Stopping, &[stop("a")]);
    assert_eq!(decision.record.epoch, 8);
}

#[test]
fn one_that_stands_still_is_not_stopped_for_one_that_is_no_better() {
    let a = || head_of_age(active("a", 100), 6 * MINUTE);
    let behind_l1 = saying(standby("b", 100), |said| said.l1_time -= 60);
    let unable = Sequencer { eligible: false, ..standby("b", 100) };
    for b in [standby("b", 99), behind_l1, unable, silent("b"), gone("b")] {
        let decision = settled(&POLICY, still_for("a", 100, 6 * MINUTE, &["b"]), &seen([a(), b]));
        expect(&decision, Standing::HeadStandsStill, &[]);
    }
}

#[test]
fn one_whose_user_wants_it_stopped_hands_over_while_blocks_come() {
    let a = Sequencer { eligible: false, ..active("a", 100) };
    let decision = settled(&POLICY, running("a", &["b"]), &seen([a.clone(), standby("b", 98)]));
    expect(&decision, Standing::Stopping, &[stop("a")]);
    let decision = settled(&POLICY, running("a", &["b"]), &seen([a, silent("b")]));
    expect(&decision, Standing::Active, &[]);
}

#[test]
fn one_that_restarted_goes_on_from_its_own_head() {
    let decision = settled(&POLICY, running("a", &["b"]), &seen([standby("a", 100), standby("b", 100)]));
    expect(&decision, Standing::Starting, &[start("a", 100)]);
}

#[test]
fn one_that_restarted_with_fewer_blocks_yields_to_one_that_has_more() {
    let decision = settled(&POLICY, running("a", &["b"]), &seen([standby("a", 90), standby("b", 100)]));
    expect(&decision, Standing::Starting, &[start("b", 100)]);
}

#[test]
fn one_that_restarted_does_not_go_on_below_the_block_that_was_noted() {
    let head = Some(Mark { number: 110, hash: hash(110), at: NOW - MINUTE });
    let record = Record { head, ..running("a", &["b"]) };
    let moment = seen([standby("a", 90), standby("b", 100)]);
    expect(&settled(&POLICY, record.clone(), &moment), Standing::UnsafeHeadLossNotAllowed, &[]);
    let decision = settled(&LOSING, record, &moment);
    expect(&decision, Standing::Starting, &[start("b", 100)]);
    let loss = decision.record.loss.unwrap();
    assert!(loss.contains("at least 10 blocks: the highest that was ever told was 110"), "{loss}");
}

#[test]
fn one_that_a_person_changed_over_to_is_the_active_one() {
    let decision = settled(&POLICY, running("a", &["b"]), &seen([standby("a", 100), active("b", 105)]));
    expect(&decision, Standing::Active, &[]);
    assert_eq!(decision.record.active(), Some("b"));
}

#[test]
fn one_that_is_started_by_hand_beside_a_silent_one_is_left_alone_and_told() {
    let decision = settled(&POLICY, running("a", &["b"]), &seen([silent("a"), active("b", 105)]));
    expect(&decision, Standing::SeveralActive, &[]);
    assert_eq!(decision.record.active(), Some("a"));
}

// It is lost.

#[test]
fn a_silent_one_is_waited_for_and_then_nothing_is_started_without_proof() {
    let moment = seen([silent("a"), standby("b", 100)]);
    expect(&settled(&LOSING, running("a", &["b"]), &moment), Standing::NoAnswer, &[]);
    let decision = settled(&LOSING, still_for("a", 100, 6 * MINUTE, &["b"]), &moment);
    expect(&decision, Standing::NotProvenStopped, &[]);
    let message = &decision.verdict.message;
    for what in [
        "a (pod a-first on Node m1) may still",
        "kubectl taint node m1 node.kubernetes.io/out-of-service=",
        "approve-promotion: \"f6b1/n",
    ] {
        assert!(message.contains(what), "{message}");
    }
}

#[test]
fn an_approval_counts_for_what_was_asked_and_once() {
    let record = still_for("a", 100, 6 * MINUTE, &["b"]);
    let moment = seen([silent("a"), standby("b", 100)]);
    let asked = settled(&LOSING, record, &moment);
    for word in ["7", "f6b1", "f6b1/7", asked.record.nonce.as_ref().unwrap(), "f6b1/n0000000000000000"] {
        let other = Seen { approval: Some(word.into()), ..moment.clone() };
        expect(&settled(&LOSING, asked.record.clone(), &other), Standing::NotProvenStopped, &[]);
    }
    let approved = approving(moment.clone(), &asked);
    let decision = settled(&LOSING, asked.record.clone(), &approved);
    expect(&decision, Standing::Starting, &[start("b", 100)]);
    assert!(decision.record.loss.is_some());
    // The same annotation is still there when the next one is lost.
    let later = Record { epoch: decision.record.epoch + 1, ..still_for("b", 100, 6 * MINUTE, &["a"]) };
    let word = approved.approval.clone();
    let later_on = Seen { approval: word.clone(), ..seen([standby("a", 100), silent("b")]) };
    expect(&settled(&LOSING, later, &later_on), Standing::NotProvenStopped, &[]);
}

/// GitOps makes the network again with the annotation that was used: another uid, and epochs begin again.
#[test]
fn an_approval_of_a_former_life_of_the_network_does_not_count() {
    let record = || Record { epoch: 1, ..still_for("a", 100, 6 * MINUTE, &["b"]) };
    let moment = seen([silent("a"), standby("b", 100)]);
    let word = approving(moment.clone(), &settled(&LOSING, record(), &moment)).approval;
    let new = Seen { uid: "another".into(), approval: word, ..moment };
    expect(&settled(&LOSING, record(), &new), Standing::NotProvenStopped, &[]);
}

/// The word is for the pod that was named: where another one is meant by then, it is asked for again.
#[test]
fn an_approval_of_one_pod_is_none_of_another() {
    let moment = seen([silent("a"), standby("b", 100)]);
    let record = still_for("a", 100, 6 * MINUTE, &["b"]);
    let word = approving(moment.clone(), &settled(&LOSING, record.clone(), &moment)).approval;
    let mut other = record;
    other.processes[0].uid = "a-second".into();
    expect(&settled(&LOSING, other, &Seen { approval: word, ..moment }), Standing::NotProvenStopped, &[]);
}

#[test]
fn an_approval_does_not_allow_a_loss() {
    let moment = seen([silent("a"), standby("b", 100)]);
    let asked = settled(&POLICY, still_for("a", 100, 6 * MINUTE, &["b"]), &moment);
    let decision = settled(&POLICY, asked.record.clone(), &approving(moment, &asked));
    expect(&decision, Standing::UnsafeHeadLossNotAllowed, &[]);
}

#[test]
fn one_that_was_approved_and_comes_back_making_blocks_is_stopped() {
    let mut record = running("b", &[]);
    record.approved.insert("a".into());
    let decision = settled(&POLICY, record, &seen([active("a", 130), active("b", 120)]));
    assert_eq!(decision.record.active(), Some("b"));
    expect(&decision, Standing::SeveralActive, &[stop("a")]);
    assert!(decision.record.approved.is_empty());
}

#[test]
fn one_whose_pod_has_ended_is_waited_for_if_it_is_to_come_back() {
    let moment = seen([gone("a"), standby("b", 100)]);
    expect(&settled(&LOSING, running("a", &["b"]), &moment), Standing::NoAnswer, &[]);
    let scaled_down = Sequencer { wanted: false, eligible: false, ..gone("a") };
    let moment = seen([scaled_down, standby("b", 100)]);
    expect(&settled(&POLICY, running("a", &["b"]), &moment), Standing::UnsafeHeadLossNotAllowed, &[]);
    expect(&settled(&LOSING, running("a", &["b"]), &moment), Standing::Starting, &[start("b", 100)]);
}

#[test]
fn one_whose_object_is_deleted_is_in_doubt() {
    let decision = settled(&LOSING, running("a", &["b"]), &seen([standby("b", 100)]));
    expect(&decision, Standing::NotProvenStopped, &[]);
    // Its kubelet has said that the pod ended, or it was stopped before.
    let explained = Seen { pods: vec![Pod { ended: true, ..pod("a-first") }], ..seen([standby("b", 100)]) };
    expect(&settled(&LOSING, running("a", &["b"]), &explained), Standing::Starting, &[start("b", 100)]);
    let known = running("a", &["a", "b"]);
    expect(&settled(&LOSING, known, &seen([standby("b", 100)])), Standing::Starting, &[start("b", 100)]);
}

// It is being stopped.

#[test]
fn what_the_stopped_one_answers_is_where_the_next_one_goes_on() {
    let done = Outcome::Done(Some(hash(101)));
    let stopped = |b| after(seen([standby("a", 101), b]), &stop("a"), 7, done.clone());
    let decision = settled(&POLICY, stopping("a", &["b"]), &stopped(standby("b", 101)));
    expect(&decision, Standing::Starting, &[start("b", 101)]);
    // It is behind, and is waited for; its own head is never what it starts from.
    let decision = settled(&POLICY, stopping("a", &["b"]), &stopped(standby("b", 100)));
    expect(&decision, Standing::Waiting, &[]);
    assert!(matches!(decision.record.stage, Stage::Vacant { target: Target::Stopped(h), .. } if h == hash(101)));
}

#[test]
fn a_word_from_before_the_stop_does_not_count() {
    let old = saying(active("a", 100), |said| said.at = NOW - 3_000);
    let moment = after(seen([old, standby("b", 101)]), &stop("a"), 7, Outcome::Done(Some(hash(101))));
    let decision = settled(&POLICY, stopping("a", &["b"]), &moment);
    expect(&decision, Standing::Stopping, &[stop("a")]);
    // What it answered outlives the process that heard it.
    let decision = settled(&POLICY, decision.record, &seen([standby("a", 101), standby("b", 101)]));
    expect(&decision, Standing::Starting, &[start("b", 101)]);
}

#[test]
fn an_answer_that_was_lost_is_made_up_for_by_the_head_of_the_stopped_one() {
    let lost = Outcome::Unknown("unknown: no answer within 5s; it may have been done".into());
    let moment = after(seen([standby("a", 101), standby("b", 101)]), &stop("a"), 7, lost);
    expect(&settled(&POLICY, stopping("a", &["b"]), &moment), Standing::Starting, &[start("b", 101)]);
}

#[test]
fn one_that_was_not_stopped_is_still_the_active_one() {
    let refused = Outcome::NotDone("error -32000: context deadline exceeded".into());
    let moment = after(seen([active("a", 101), standby("b", 101)]), &stop("a"), 7, refused);
    let decision = settled(&POLICY, stopping("a", &["b"]), &moment);
    expect(&decision, Standing::Active, &[]);
    assert_eq!(decision.record.active(), Some("a"));
}

#[test]
fn one_that_falls_silent_while_it_is_stopped_is_not_replaced() {
    let moment = seen([silent("a"), standby("b", 101)]);
    expect(&settled(&LOSING, stopping("a", &["b"]), &moment), Standing::Stopping, &[stop("a")]);
    let decision = settled(&LOSING, stopping("a", &["b"]), &at(moment, NOW + 6 * MINUTE));
    expect(&decision, Standing::NotProvenStopped, &[]);
}

// Another one is being started.

#[test]
fn a_start_that_was_not_done_is_tried_elsewhere_from_the_same_block() {
    let target = || Target::Stopped(hash(101));
    let record = starting("b", 101, target(), &["a", "c"]);
    let refused = Outcome::NotDone("error -32000: block hash does not match: head 0x2:102, received 0x1".into());
    let moment = after(seen([standby("a", 101), standby("b", 101), standby("c", 101)]), &start("b", 101), 7, refused);
    let decision = settled(&POLICY, record, &moment);
    expect(&decision, Standing::Starting, &[start("c", 101)]);
    assert_eq!(decision.record.epoch, 8);
}

#[test]
fn while_a_start_is_in_doubt_no_other_is_begun() {
    let record = starting("b", 101, Target::Stopped(hash(101)), &["a", "c"]);
    let unknown = || Outcome::Unknown("unknown: reset; it may have been done".into());
    let nodes = |b| [standby("a", 101), b, standby("c", 101)];
    let moment = after(seen(nodes(standby("b", 101))), &start("b", 101), 7, unknown());
    let decision = settled(&POLICY, record.clone(), &moment);
    expect(&decision, Standing::Starting, &[start("b", 101)]);
    assert_eq!(decision.record.epoch, 7, "it is the same act, which runs once");
    // It is silent for too long: it may make blocks.
    let moment = at(after(seen(nodes(silent("b"))), &start("b", 101), 7, unknown()), NOW + 6 * MINUTE);
    expect(&settled(&LOSING, record, &moment), Standing::NotProvenStopped, &[]);
}

#[test]
fn a_start_is_not_sent_when_another_one_makes_blocks_by_now() {
    let record = starting("b", 101, Target::Stopped(hash(101)), &["a", "c"]);
    let decision = settled(&POLICY, record, &seen([standby("a", 101), standby("b", 101), active("c", 103)]));
    expect(&decision, Standing::Starting, &[]);
}

#[test]
fn one_that_was_started_is_active_when_it_says_so() {
    let record = starting("b", 101, Target::Stopped(hash(101)), &["a"]);
    let decision = settled(&POLICY, record, &seen([standby("a", 101), active("b", 102)]));
    expect(&decision, Standing::Active, &[]);
    assert_eq!(decision.record.active(), Some("b"));
}

#[test]
fn one_that_may_have_made_blocks_that_only_it_has_is_not_forgotten() {
    // The operator was away; the start was done, and the pod restarted since.
    let record = Record { since: Some(NOW - 10 * MINUTE), ..starting("b", 101, Target::Stopped(hash(101)), &["a"]) };
    let decision = settled(&POLICY, record, &seen([standby("a", 101), standby("b", 105)]));
    expect(&decision, Standing::Starting, &[start("b", 105)]);
}

#[test]
fn acts_of_different_epochs_are_different_acts() {
    assert_eq!(Act::Stop("ns/a".into()).id(7), "stop-ns/a-at-epoch-7");
    assert_ne!(start("b", 1).id(7), start("b", 1).id(8));
}
