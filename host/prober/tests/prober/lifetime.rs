//! What runs, and what ends.

use opstack_core::probe::Probe;
use rpc_double::{Double, Fault, bounded};
use serde_json::json;
use tokio::runtime::Handle;

use crate::world::{SECOND, World, owner, probe, until};

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn all_tasks_end_when_the_prober_is_dropped() {
    let world = World::new();
    let node = Double::start().await;
    node.spoil_all(Fault::Hang);
    let before = tasks();
    for number in 0..20 {
        let question = opstack_core::probe::Question::Metrics(vec![number.to_string()]);
        world.prober.declare(&owner(&number.to_string()), &[Probe { question, ..probe(&node.url()) }]);
    }
    node.until("a question in flight", |seen| seen.requests > 0).await;
    let World { prober, clock: _clock, .. } = world;
    drop(prober);
    until("all tasks have ended", || tasks() <= before).await;
    node.until("the connections have ended", |seen| seen.in_flight() == 0).await;
}

#[tokio::test]
async fn an_owner_that_is_forgotten_ends_its_questions_in_flight() {
    let (world, node) = (World::new(), Double::start().await);
    node.spoil_all(Fault::Hang);
    world.prober.declare(&owner("a"), &[probe(&node.url())]);
    node.until("a question in flight", |seen| seen.requests == 1).await;
    world.prober.forget(&owner("a"));
    node.until("its end", |seen| seen.in_flight() == 0).await;
    assert!(world.prober.observations(&owner("a")).is_empty());
}

#[tokio::test]
async fn a_standby_asks_nothing_until_it_leads() {
    let (world, node) = (World::new(), Double::start().await);
    node.answer("head", json!(1));
    world.prober.pause();
    world.prober.declare(&owner("a"), &[probe(&node.url())]);
    world.clock.advance(60 * SECOND).await;
    assert_eq!(node.seen().requests, 0);
    world.prober.resume();
    world.asked(1).await;
    world.prober.pause();
    world.clock.advance(60 * SECOND).await;
    assert_eq!(node.seen().requests, 1);
    assert!(world.seen(&owner("a")).stale, "what was found long ago is not current");
    world.prober.resume();
    world.asked(2).await;
    assert!(!world.seen(&owner("a")).stale);
}

#[tokio::test]
async fn stop_waits_for_the_end() {
    let (world, node) = (World::new(), Double::start().await);
    node.spoil_all(Fault::Hang);
    world.prober.declare(&owner("a"), &[probe(&node.url())]);
    node.until("a question in flight", |seen| seen.requests == 1).await;
    bounded("the end", world.prober.stop()).await;
    world.prober.declare(&owner("b"), &[probe(&node.url())]);
    world.clock.advance(60 * SECOND).await;
    assert_eq!(node.seen().requests, 1);
}

#[tokio::test]
async fn a_node_that_comes_back_is_asked_again() {
    let (world, node) = (World::new(), Double::start().await);
    node.answer("head", json!(1));
    world.prober.declare(&owner("a"), &[probe(&node.url())]);
    world.asked(1).await;
    node.close().await;
    world.clock.advance(SECOND).await;
    world.asked(2).await;
    assert!(world.seen(&owner("a")).answer.is_err());
    node.reopen().await;
    world.clock.advance(SECOND).await;
    world.asked(3).await;
    assert!(world.seen(&owner("a")).answer.is_ok());
}
