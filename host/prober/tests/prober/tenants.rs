//! One prober, many namespaces: nothing that one of them asks, or answers, changes what another finds out, or when.

use opstack_core::probe::{Probe, Question};
use opstack_prober::{Config, Kept};
use rpc_double::{Double, Fault};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};

use crate::world::{SECOND, World, call, owner_in, pods_target, probe, settle, until};

/// A server with a thousand addresses, and as many objects of one namespace that ask each of them.
async fn thousand(world: &World, fault: Fault) -> Double {
    let hog = Double::start_at(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).await;
    hog.answer("head", json!(7));
    hog.spoil_all(fault);
    for number in 0..1000 {
        let url = format!("http://127.1.{}.{}:{}/", number / 250, number % 250 + 1, hog.port());
        world.prober.declare(&owner_in("hog", &number.to_string()), &[probe(&url)]);
    }
    settle().await;
    hog
}

/// Asks on behalf of another namespace, each second for a minute, and sees that no question is late.
async fn is_asked_each_second(world: &World, node: &Double) {
    world.prober.declare(&owner_in("victim", "node"), &[probe(&node.url())]);
    for round in 1..=60 {
        until("the question of the other namespace", || node.count("head") >= round).await;
        until("its answer", || world.prober.observations(&owner_in("victim", "node")).len() == 1).await;
        let seen = world.seen(&owner_in("victim", "node"));
        assert!(seen.answer.is_ok() && !seen.stale, "round {round}: {seen:?}");
        world.clock.advance(SECOND).await;
        settle().await;
    }
}

#[tokio::test]
async fn a_thousand_endpoints_that_hang_delay_no_question_of_another_namespace() {
    let (world, node) = (World::new(), Double::start().await);
    node.answer("head", json!(7));
    let hog = thousand(&world, Fault::Hang).await;
    is_asked_each_second(&world, &node).await;
    assert!(hog.seen().peak <= Config::default().total / 2, "{:?}", hog.seen());
}

#[tokio::test]
async fn a_thousand_slow_answers_delay_no_question_of_another_namespace() {
    let (world, node) = (World::new(), Double::start().await);
    node.answer("head", json!(7));
    // Slow, and in time: these endpoints do nothing wrong.
    let hog = thousand(&world, Fault::Slow(9 * SECOND)).await;
    is_asked_each_second(&world, &node).await;
    assert!(hog.seen().finished > 100, "they are asked all the same: {:?}", hog.seen());
}

#[tokio::test]
async fn slow_questions_to_an_endpoint_delay_no_question_of_another_namespace_to_it() {
    let (world, node) = (World::new(), Double::start().await);
    node.answer("head", json!(7));
    node.spoil("slow", Fault::Hang);
    for number in 0..100 {
        let question = Question::JsonRpc(vec![call("slow", json!([number]))]);
        let probe = Probe { question, timeout: 30 * SECOND, ..probe(&node.url()) };
        world.prober.declare(&owner_in("hog", &number.to_string()), &[probe]);
    }
    settle().await;
    is_asked_each_second(&world, &node).await;
}

#[tokio::test]
async fn another_namespace_sets_neither_the_pace_nor_the_patience_of_a_question() {
    let (world, node) = (World::new(), Double::start().await);
    node.answer("head", json!(7));
    node.spoil("head", Fault::Hang);
    let mine = owner_in("victim", "node");
    let patient = Probe { interval: 5 * SECOND, timeout: 2 * SECOND, ..probe(&node.url()) };
    world.prober.declare(&owner_in("hog", "node"), &[Probe { timeout: 30 * SECOND, ..probe(&node.url()) }]);
    world.prober.declare(&mine, &[patient]);
    node.until("both questions", |seen| seen.requests == 2).await;
    world.clock.advance(2 * SECOND).await;
    until("mine has ended", || world.prober.observations(&mine).len() == 1).await;
    assert_eq!(world.seen(&mine).answer.unwrap_err(), "no answer within 2s");
    assert!(world.prober.observations(&owner_in("hog", "node")).is_empty());
}

/// A question that no other object asks, whose answer is as long as the node says.
fn large(node: &Double, number: usize) -> Probe {
    let question = Question::JsonRpc(vec![call("large", json!([number]))]);
    Probe { question, ..probe(&node.url()) }
}

#[tokio::test]
async fn what_is_kept_of_answers_is_bounded_for_each_object_and_each_namespace_and_said() {
    const KIB: usize = 1024;
    let kept = Kept { per_object: 200 * KIB, per_namespace: 500 * KIB };
    let world = World::with(Config { kept, ..Config::default() });
    let node = Double::start().await;
    node.answer("large", json!("x".repeat(90 * KIB)));
    node.answer("head", json!(7));
    // Three of them are too much for one object, and six for a namespace.
    let three: Vec<_> = (0..3).map(|number| Probe { id: number.to_string(), ..large(&node, number) }).collect();
    world.prober.declare(&owner_in("hog", "three"), &three);
    for number in 3..8 {
        world.prober.declare(&owner_in("hog", &number.to_string()), &[large(&node, number)]);
    }
    world.prober.declare(&owner_in("victim", "node"), &[large(&node, 0)]);
    world.asked(9).await;
    assert!(world.prober.bytes() <= 600 * KIB, "{}", world.prober.bytes());
    let over: Vec<_> = ["three", "3", "4", "5", "6", "7"]
        .into_iter()
        .filter_map(|name| world.prober.over_budget(&owner_in("hog", name)))
        .map(|over| over.to_string())
        .collect();
    assert!(over.iter().any(|why| why.contains("this object would be over 204800 bytes")), "{over:?}");
    assert!(over.iter().any(|why| why.contains("this namespace would be over 512000 bytes")), "{over:?}");
    let observations = world.prober.observations(&owner_in("hog", "three"));
    let failed: Vec<_> = observations.into_iter().filter_map(|seen| seen.answer.err()).collect();
    assert!(!failed.is_empty() && failed.iter().all(|why| why.starts_with("the answer is larger")), "{failed:?}");
    assert!(world.seen(&owner_in("victim", "node")).answer.is_ok());
    assert_eq!(world.prober.over_budget(&owner_in("victim", "node")), None);
    // What was given back can be taken.
    for name in ["three", "3", "4", "5", "6"] {
        world.prober.forget(&owner_in("hog", name));
    }
    world.clock.advance(SECOND).await;
    until("room for the last one", || world.prober.over_budget(&owner_in("hog", "7")).is_none()).await;
    until("its answer", || world.seen(&owner_in("hog", "7")).answer.is_ok()).await;
}

#[tokio::test]
async fn an_answer_that_we_were_late_to_ask_for_is_old_and_no_failure() {
    let (world, node) = (World::new(), Double::start().await);
    node.answer("head", json!(7));
    let (target, mine) = (pods_target(), owner_in("ns", "node"));
    world.places.pods(&target, &[("node-0", node.url())]);
    world.prober.declare(&mine, &[Probe { target: target.clone(), timeout: SECOND / 2, ..probe("") }]);
    world.asked(1).await;
    world.prober.observations(&mine);
    // Where the pods are is not said in time any more: nobody can ask them.
    world.places.hold(&target);
    for _ in 0..10 {
        world.clock.advance(SECOND).await;
        settle().await;
    }
    let seen = world.seen(&mine);
    assert!(seen.stale, "it is not shown as current");
    assert_eq!((seen.pod.as_str(), seen.answer.as_deref()), ("node-0", Ok(r#"[{"result":7}]"#)));
}
