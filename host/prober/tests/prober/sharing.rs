//! Many owners, few requests: what is asked once, how much at a time, and that nobody waits for another's endpoint.

use opstack_core::probe::{Probe, Question, Target};
use opstack_prober::Config;
use rpc_double::{Double, Fault};
use serde_json::json;

use crate::world::{SECOND, World, call, loopback, owner, probe, settle, until};

#[tokio::test]
async fn fifty_owners_of_one_question_are_one_request_an_interval() {
    let (world, node) = (World::new(), Double::start().await);
    node.answer("head", json!(7));
    let owners: Vec<_> = (0..50).map(|number| owner(&format!("node-{number}"))).collect();
    for (number, key) in owners.iter().enumerate() {
        // Ids and pointers are each owner's own; the question is the same.
        let probe = Probe { id: format!("p{number}"), wake_on: vec![], ..probe(&node.url()) };
        world.prober.declare(key, &[probe]);
    }
    assert_eq!((world.prober.owners(), world.prober.questions()), (50, 1));
    for round in 1..=5 {
        world.asked(round).await;
        assert_eq!(node.seen().requests, round as usize);
        world.clock.advance(SECOND).await;
    }
    for (number, key) in owners.iter().enumerate() {
        let observation = world.seen(key);
        assert_eq!((observation.probe, observation.answer.as_deref()), (format!("p{number}"), Ok(r#"[{"result":7}]"#)));
    }
    for key in &owners {
        world.prober.forget(key);
    }
    assert_eq!((world.prober.owners(), world.prober.questions()), (0, 0));
}

#[tokio::test]
async fn the_most_eager_owner_sets_the_pace_for_as_long_as_it_asks() {
    let (world, node) = (World::new(), Double::start().await);
    node.answer("head", json!(7));
    let patient = Probe { interval: 10 * SECOND, ..probe(&node.url()) };
    world.prober.declare(&owner("patient"), std::slice::from_ref(&patient));
    world.asked(1).await;
    world.clock.advance(5 * SECOND).await;
    world.prober.declare(&owner("eager"), &[probe(&node.url())]);
    // Its first answer is due: more than its interval has passed since the last round.
    for round in 2..=4 {
        world.asked(round).await;
        world.clock.advance(SECOND).await;
    }
    world.asked(5).await;
    world.prober.forget(&owner("eager"));
    settle().await;
    world.clock.advance(9 * SECOND).await;
    settle().await;
    world.asked(5).await;
    world.clock.advance(SECOND).await;
    world.asked(6).await;
}

#[tokio::test]
async fn declaring_the_same_again_restarts_nothing() {
    let (world, node) = (World::new(), Double::start().await);
    node.answer("head", json!(7));
    let other = Probe { id: "other".into(), question: Question::HttpGet, ..probe(&node.url()) };
    world.prober.declare(&owner("a"), &[probe(&node.url())]);
    world.asked(1).await;
    world.prober.observations(&owner("a"));
    for _ in 0..10 {
        world.prober.declare(&owner("a"), &[probe(&node.url())]);
        settle().await;
    }
    assert_eq!(node.seen().requests, 1);
    // A further probe leaves the first one as it is: what is known stays known.
    world.prober.declare(&owner("a"), &[probe(&node.url()), other]);
    assert_eq!(world.seen(&owner("a")).probe, "head");
    world.asked(2).await;
    assert_eq!((node.count("head"), node.seen().requests), (1, 2));
}

#[tokio::test]
async fn an_endpoint_never_has_more_than_its_limit_in_flight() {
    let (world, node) = (World::new(), Double::start().await);
    node.answer("block", json!(7));
    node.spoil_all(Fault::Hold);
    for number in 0..200 {
        let question = Question::JsonRpc(vec![call("block", json!([number]))]);
        world.prober.declare(&owner(&number.to_string()), &[Probe { question, ..probe(&node.url()) }]);
    }
    assert_eq!(world.prober.questions(), 200);
    node.until("two requests", |seen| seen.requests == 2).await;
    settle().await;
    assert_eq!((node.seen().in_flight(), world.prober.counters().in_flight.get()), (2, 2));
    node.release();
    world.asked(200).await;
    assert_eq!(node.seen().peak, 2);
    assert_eq!((world.prober.counters().ok.get(), world.prober.counters().in_flight.get()), (200, 0));
}

#[tokio::test]
async fn an_endpoint_that_hangs_delays_no_other_and_no_other_pod() {
    let (world, good, bad) = (World::new(), Double::start().await, Double::start().await);
    good.answer("head", json!(7));
    bad.spoil_all(Fault::Hang);
    let pods = crate::world::pods_target();
    world.places.pods(&pods, &[("node-0", bad.url()), ("node-1", good.url())]);
    world.prober.declare(&owner("bad"), &[probe(&bad.url())]);
    world.prober.declare(&owner("good"), &[probe(&good.url())]);
    world.prober.declare(&owner("pods"), &[Probe { target: pods, ..probe("") }]);
    for round in 1..=8 {
        world.asked(2 * round).await;
        assert_eq!(good.seen().requests, 2 * round as usize);
        assert_eq!(world.seen(&owner("pods")).pod, "node-1");
        world.clock.advance(SECOND).await;
    }
    assert_eq!(bad.seen().requests, 2, "one at a time for each question");
}

#[tokio::test]
async fn a_question_is_not_asked_again_while_it_is_in_flight() {
    let (world, node) = (World::new(), Double::start().await);
    node.spoil_all(Fault::Hold);
    node.answer("head", json!(7));
    world.prober.declare(&owner("a"), &[probe(&node.url())]);
    node.until("the question", |seen| seen.requests == 1).await;
    for _ in 0..5 {
        world.clock.advance(SECOND).await;
        settle().await;
    }
    assert_eq!(node.seen().requests, 1, "though the endpoint has a second slot");
    node.release();
    world.asked(1).await;
    world.clock.advance(SECOND).await;
    world.asked(2).await;
}

#[tokio::test]
async fn however_many_endpoints_hang_one_that_answers_is_asked_in_time() {
    // One namespace alone gets half of them.
    let config = Config { total: 16, ..Config::default() };
    let (world, good) = (World::with(config), Double::start().await);
    good.answer("head", json!(7));
    world.prober.declare(&owner("good"), &[probe(&good.url())]);
    world.asked(1).await;
    let mut hanging = vec![];
    for number in 0..20 {
        let bad = Double::start().await;
        bad.spoil_all(Fault::Hang);
        let probe = Probe { timeout: 2 * SECOND, ..probe(&bad.url()) };
        world.prober.declare(&owner(&format!("bad-{number}")), &[probe]);
        hanging.push(bad);
    }
    for round in 2..=20 {
        world.clock.advance(SECOND).await;
        until("the next good answer", || world.prober.counters().ok.get() == round).await;
    }
    assert!(world.prober.counters().timeout.get() > 20);
    let at_once: usize = hanging.iter().map(|bad| bad.seen().in_flight()).sum();
    assert!(at_once <= 6, "{at_once}");
}

#[tokio::test]
async fn questions_are_spread_and_intervals_vary() {
    let node = Double::start().await;
    node.answer("head", json!(7));
    let config = Config { jitter: 0.1, spread: 10 * SECOND, reach: loopback(), ..Config::default() };
    let (places, wakes) = (std::sync::Arc::default(), crate::world::Wakes::default());
    let places: std::sync::Arc<crate::world::Places> = places;
    let clock = rpc_double::Frozen::start();
    let prober = opstack_prober::Prober::new(config, places, wakes.wake()).unwrap();
    for number in 0..100 {
        let question = Question::JsonRpc(vec![call("head", json!([number]))]);
        let probe = Probe { interval: 10 * SECOND, question, ..probe(&node.url()) };
        prober.declare(&owner(&number.to_string()), &[Probe { target: Target::Url(node.url()), ..probe }]);
    }
    let mut asked = vec![];
    for _ in 0..30 {
        clock.advance(SECOND).await;
        settle().await;
        until("quiet", || prober.counters().in_flight.get() == 0).await;
        asked.push(node.seen().requests);
    }
    let first = asked.iter().position(|count| *count >= 100).unwrap();
    assert!((5..=10).contains(&first), "spread over the whole interval: {asked:?}");
    assert!(asked[4] < 100 && asked[4] > 5, "{asked:?}");
    let last = *asked.last().unwrap();
    assert!((200..=400).contains(&last), "{asked:?}");
}
