//! Whatever goes wrong, in whatever order: no two sequencers make blocks, none goes on below what is there or was told, and when
//! all is well again there are blocks again. With any one rule turned off that does not hold.

use super::model::{Fault, RULES, Rules, World};
use super::moment::POLICY;
use super::stories::{heals, lived, tell};

/// So much at least is lived through in one run.
const STEPS: u64 = 1_000_000;

#[test]
fn a_million_seconds_no_two_make_blocks_and_none_is_lost() {
    let (mut steps, mut faults, mut starts, mut seed) = (0, 0, 0, 0);
    while steps < STEPS {
        let mut told = lived(seed);
        if let Some(broken) = &told.world.broken {
            panic!("story {seed}: {broken}: {:?}", told.world.told());
        }
        // Not each story is followed to its end: that takes longer than the story.
        if seed.is_multiple_of(4)
            && let Err(why) = heals(&mut told)
        {
            panic!("story {seed}: {why}");
        }
        (steps, faults, starts) = (steps + told.steps, faults + told.faults, starts + told.world.starts);
        seed += 1;
    }
    println!(
        "S3.8: {steps} steps in {seed} stories: {faults} faults, {starts} starts, 0 moments with two, 0 blocks lost"
    );
}

/// With a rule turned off some story breaks, and soon.
fn caught(rules: Rules) {
    let broken = (0..4_000).find_map(|seed| Some((seed, tell(seed, rules).world.broken?)));
    let (seed, broken) = broken.expect("the model noticed nothing");
    assert_eq!(lived(seed).world.broken, None, "it is the rule that holds it");
    println!("story {seed}: {broken}");
}

#[test]
fn a_pod_taken_for_the_one_before_it_is_caught() {
    caught(Rules { identity: false, ..RULES });
}

#[test]
fn a_pod_taken_for_ended_because_it_is_gone_is_caught() {
    caught(Rules { absence: false, ..RULES });
}

#[test]
fn a_machine_taken_for_another_of_its_name_is_caught() {
    caught(Rules { systems: false, ..RULES });
}

#[test]
fn a_head_that_is_forgotten_is_caught() {
    caught(Rules { heads: false, ..RULES });
}

#[test]
fn a_word_that_counts_again_is_caught() {
    caught(Rules { word: false, ..RULES });
}

#[test]
fn an_act_that_rests_on_an_old_picture_is_caught() {
    caught(Rules { fresh: false, ..RULES });
}

#[test]
fn a_status_that_overwrites_a_newer_one_is_caught() {
    caught(Rules { versions: false, ..RULES });
}

/// The operator stands still between the check and the call that starts the first one, and another one takes over. The first one
/// is cut off from the others, so that the block from which it was to begin is still its newest.
fn paused(rules: Rules) -> World {
    let mut world = World::new(POLICY, rules);
    world.suffer(Fault::Isolated(0));
    world.suffer(Fault::Paused(120));
    (0..240).for_each(|_| world.step());
    world
}

#[test]
fn a_call_that_is_sent_after_a_pause_is_caught() {
    let kept = paused(RULES);
    assert_eq!((kept.broken.clone(), kept.active()), (None, 1), "{:?}", kept.told());
    let broken = paused(Rules { fence: false, ..RULES }).broken;
    println!("{}", broken.expect("the model noticed nothing"));
}

#[test]
fn a_stranger_that_is_listed_is_caught() {
    caught(Rules { consent: false, ..RULES });
}

/// The model can break: with a sequencer that is started behind the operator's back, two make blocks.
#[test]
fn a_second_one_is_found_by_the_model_and_stopped_by_the_operator() {
    let mut world = World::new(POLICY, RULES);
    (0..60).for_each(|_| world.step());
    assert_eq!((world.active(), world.broken.clone()), (1, None));
    world.start_by_hand(1);
    assert_eq!(world.active(), 2);
    (0..20).for_each(|_| world.step());
    assert_eq!(world.active(), 1);
    world.suffer(Fault::Crash);
    (0..20).for_each(|_| world.step());
    assert_eq!((world.active(), world.broken), (1, None));
}
