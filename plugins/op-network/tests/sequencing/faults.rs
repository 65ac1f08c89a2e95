//! Whatever goes wrong, in whatever order: no two sequencers make blocks, none goes on from a block below the newest one
//! that was made, and when all is well again there are blocks again.

use op_network::sequencing::decide::Policy;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::model::{Fault, NAMES, World};
use super::moment::POLICY;

fn fault() -> impl Strategy<Value = Fault> {
    let node = || 0..NAMES.len();
    prop_oneof![
        3 => node().prop_map(Fault::Cut),
        2 => node().prop_map(Fault::Isolated),
        3 => node().prop_map(Fault::Stalled),
        1 => node().prop_map(Fault::BehindL1),
        2 => node().prop_map(Fault::Hangs),
        3 => (node(), 1..400_u64).prop_map(|(node, seconds)| Fault::Restarts(node, seconds)),
        2 => Just(Fault::AnswerLost),
        2 => (1..25_u64).prop_map(Fault::Late),
        2 => Just(Fault::Refused),
        2 => Just(Fault::Crash),
        1 => Just(Fault::NotWritten),
    ]
}

fn begun() -> impl Strategy<Value = Option<usize>> {
    prop::option::of(0..NAMES.len())
}

fn longest() -> impl Strategy<Value = u64> {
    prop_oneof![Just(10_000), Just(60_000), Just(300_000)]
}

/// Faults, each some seconds after the one before.
fn story() -> impl Strategy<Value = Vec<(u64, Fault)>> {
    let pause = prop_oneof![4 => 0..10_u64, 2 => 10..90_u64, 1 => 90..600_u64];
    prop::collection::vec((pause, fault()), 0..40)
}

/// A chain on which one makes blocks already, or none does, and what happens to it.
fn lived(policy: Policy, begun: Option<usize>, story: &[(u64, Fault)]) -> World {
    let mut world = World::new(policy);
    begun.into_iter().for_each(|at| world.start_by_hand(at));
    for (pause, fault) in story {
        (0..*pause).for_each(|_| world.step());
        world.suffer(*fault);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_two_make_blocks_and_none_is_lost(begun in begun(), story in story(), longest in longest()) {
        let policy = Policy { max_block_time: longest, ..POLICY };
        let mut world = lived(policy, begun, &story);
        prop_assert_eq!(&world.broken, &None, "{:?}", world.told());
        world.mend();
        // The longest chain of waits: a pod comes back, an act is in doubt, a head is waited for.
        (0..1800).for_each(|_| world.step());
        prop_assert_eq!(&world.broken, &None, "{:?}", world.told());
        prop_assert_eq!(world.active(), 1, "{:?}", world.told());
        let before = world.number();
        (0..20).for_each(|_| world.step());
        prop_assert!(world.number() > before, "{:?}", world.told());
    }

    #[test]
    fn where_loss_is_allowed_no_two_make_blocks_either(begun in begun(), story in story()) {
        let policy = Policy { allow_loss: true, max_block_time: 30_000, ..POLICY };
        let world = lived(policy, begun, &story);
        prop_assert_eq!(&world.broken, &None, "{:?}", world.told());
    }
}

/// The model can break: with a sequencer that is started behind the operator's back, two make blocks.
#[test]
fn a_second_one_is_found_by_the_model_and_stopped_by_the_operator() {
    let mut world = World::new(POLICY);
    (0..60).for_each(|_| world.step());
    assert_eq!((world.active(), world.broken.clone()), (1, None));
    world.start_by_hand(1);
    world.step();
    assert!(world.broken.is_some());
    (0..20).for_each(|_| world.step());
    assert_eq!(world.active(), 1);
}
