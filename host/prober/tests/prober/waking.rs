//! When an owner is woken, and when it is left alone.

use opstack_core::probe::{Probe, Question};
use rpc_double::{Double, Fault};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

use crate::world::{SECOND, World, call, owner, pods_target, probe, settle, until};

/// A node with a head that a test sets.
async fn node() -> (Double, Arc<Mutex<Value>>) {
    let node = Double::start().await;
    let head = Arc::new(Mutex::new(json!({"number": 1, "peers": 1})));
    let shown = head.clone();
    node.on("head", move |_| Ok(shown.lock().unwrap().clone()));
    (node, head)
}

fn watching(node: &Double, pointers: &[&str]) -> Probe {
    Probe { wake_on: pointers.iter().map(|pointer| (*pointer).into()).collect(), ..probe(&node.url()) }
}

#[tokio::test]
async fn only_a_watched_value_wakes() {
    let world = World::new();
    let (node, head) = node().await;
    let (watches, ignores) = (owner("watches"), owner("ignores"));
    world.prober.declare(&watches, &[watching(&node, &["/0/result/number"])]);
    world.prober.declare(&ignores, &[watching(&node, &[])]);
    world.asked(1).await;
    assert_eq!(world.wakes.take().len(), 2, "the first answer is news to both");
    for key in [&watches, &ignores] {
        world.seen(key);
    }
    let mut round = 1;
    for (value, woken) in [
        (json!({"number": 1, "peers": 1}), vec![]),
        (json!({"number": 1, "peers": 2}), vec![]),
        (json!({"number": 2, "peers": 2}), vec![watches.clone()]),
        (json!({"number": 2, "peers": 3}), vec![]),
        (json!({"peers": 3}), vec![watches.clone()]),
        (json!(null), vec![]),
    ] {
        *head.lock().unwrap() = value.clone();
        world.clock.advance(SECOND).await;
        round += 1;
        world.asked(round).await;
        assert_eq!(world.wakes.take(), woken, "{value}");
        let fresh = format!(r#"[{{"result":{value}}}]"#);
        for key in [&watches, &ignores] {
            assert_eq!(
                world.seen(key).answer.as_deref(),
                Ok(fresh.as_str()),
                "what it is shown is the newest all the same"
            );
        }
    }
}

#[tokio::test]
async fn an_answer_that_stays_the_same_wakes_nobody_however_long() {
    let world = World::new();
    let (node, _head) = node().await;
    world.prober.declare(&owner("a"), &[watching(&node, &["/0/result/number"])]);
    world.asked(1).await;
    world.wakes.take();
    let first = world.seen(&owner("a"));
    for round in 2..=60 {
        world.clock.advance(SECOND).await;
        world.asked(round).await;
    }
    assert_eq!(world.wakes.count(), 0);
    assert_eq!(world.seen(&owner("a")).answer, first.answer);
}

#[tokio::test]
async fn health_wakes_when_it_turns_and_not_for_another_reason() {
    let world = World::new();
    let (node, _head) = node().await;
    world.prober.declare(&owner("a"), &[watching(&node, &[])]);
    // For less than three intervals: an answer that becomes stale is told too.
    let faults = [None, Some(Fault::Status(500)), Some(Fault::Close), None, None];
    node.script(faults);
    for (round, woken) in [(1, 1), (2, 1), (3, 0), (4, 1), (5, 0)] {
        world.asked(round).await;
        assert_eq!(world.wakes.take().len(), woken, "round {round}");
        world.seen(&owner("a"));
        world.clock.advance(SECOND).await;
    }
}

#[tokio::test]
async fn changes_before_the_owner_looks_are_one_wake_and_those_after_are_another() {
    let world = World::new();
    let (node, head) = node().await;
    world.prober.declare(&owner("a"), &[watching(&node, &["/0/result/number"])]);
    for round in 1..=4 {
        *head.lock().unwrap() = json!({"number": round});
        world.asked(round).await;
        world.clock.advance(SECOND).await;
    }
    world.asked(5).await;
    assert_eq!(world.wakes.take().len(), 1);
    world.seen(&owner("a"));
    *head.lock().unwrap() = json!({"number": 100});
    world.clock.advance(SECOND).await;
    world.asked(6).await;
    assert_eq!(world.wakes.take().len(), 1);
}

#[tokio::test]
async fn an_answer_is_stale_after_three_intervals_and_that_wakes() {
    let world = World::new();
    let (node, _head) = node().await;
    let (short, long) = (owner("short"), owner("long"));
    world.prober.declare(&short, &[watching(&node, &[])]);
    world.prober.declare(&long, &[Probe { interval: 2 * SECOND, ..watching(&node, &[]) }]);
    world.asked(1).await;
    for key in [&short, &long] {
        assert!(!world.seen(key).stale);
    }
    world.wakes.take();
    node.spoil_all(Fault::Hang);
    world.clock.advance(SECOND).await;
    node.until("the question that hangs", |seen| seen.requests == 2).await;
    world.clock.advance(SECOND).await;
    assert_eq!(world.wakes.count(), 0);
    assert!(!world.seen(&short).stale);
    world.clock.advance(SECOND).await;
    until("the first wake", || world.wakes.count() == 1).await;
    assert_eq!(world.wakes.take(), std::slice::from_ref(&short));
    let stale = world.seen(&short);
    assert!(stale.stale && stale.answer.is_ok(), "it is shown, but not as current");
    assert!(!world.seen(&long).stale, "its intervals are longer");
    world.clock.advance(3 * SECOND).await;
    until("the second wake", || world.wakes.count() == 1).await;
    assert_eq!(world.wakes.take(), std::slice::from_ref(&long));
    assert!(world.seen(&long).stale);
    node.heal();
    world.clock.advance(5 * SECOND).await;
    // The question that hangs times out, the next one is answered.
    world.asked(2).await;
    assert!(world.seen(&short).answer.is_err());
    world.clock.advance(SECOND).await;
    world.asked(3).await;
    let fresh = world.seen(&short);
    assert!(!fresh.stale && fresh.answer.is_ok());
}

#[tokio::test]
async fn an_answer_becomes_stale_between_two_rounds_if_that_is_when_it_does() {
    let world = World::new();
    let (node, _head) = node().await;
    node.script([Some(Fault::Slow(SECOND / 2))]);
    node.spoil_all(Fault::Hang);
    world.prober.declare(&owner("a"), &[watching(&node, &[])]);
    node.until("the question", |seen| seen.requests == 1).await;
    world.clock.advance(SECOND / 2).await;
    world.asked(1).await;
    world.wakes.take();
    assert!(!world.seen(&owner("a")).stale);
    // It came half a second after its round began, and will be three seconds old half a second after another one.
    world.clock.advance(SECOND / 2).await;
    node.until("the question that hangs", |seen| seen.requests == 2).await;
    world.clock.advance(2 * SECOND).await;
    settle().await;
    assert!(!world.seen(&owner("a")).stale);
    world.clock.advance(SECOND / 2).await;
    until("the wake", || world.wakes.count() == 1).await;
    assert!(world.seen(&owner("a")).stale);
}

#[tokio::test]
async fn an_error_is_stale_when_there_was_nothing_good_for_three_intervals() {
    let world = World::new();
    let (node, _head) = node().await;
    world.prober.declare(&owner("a"), &[watching(&node, &[])]);
    node.script([None]);
    node.spoil_all(Fault::Status(500));
    for (round, stale) in [(1, false), (2, false), (3, false), (4, true), (5, true)] {
        world.asked(round).await;
        let seen = world.seen(&owner("a"));
        assert_eq!((seen.answer.is_ok(), seen.stale), (round == 1, stale), "round {round}");
        world.clock.advance(SECOND).await;
    }
}

#[tokio::test]
async fn who_asks_what_is_known_already_is_woken_at_once_and_once() {
    let world = World::new();
    let (node, _head) = node().await;
    world.prober.declare(&owner("first"), &[watching(&node, &[])]);
    world.asked(1).await;
    world.wakes.take();
    for _ in 0..3 {
        world.prober.declare(&owner("second"), &[watching(&node, &["/0/result"])]);
    }
    assert_eq!(world.wakes.take(), [owner("second")]);
    assert!(world.seen(&owner("second")).answer.is_ok());
    // Another pointer is another probe: what it points at was perhaps not looked at.
    world.prober.declare(&owner("second"), &[watching(&node, &["/0/result/peers"])]);
    assert_eq!(world.wakes.take(), [owner("second")]);
    assert_eq!(node.seen().requests, 1);
}

#[tokio::test]
async fn each_pod_has_its_observation_and_a_pod_that_goes_takes_it_along() {
    let world = World::new();
    let ((one, _), (two, head)) = (node().await, node().await);
    *head.lock().unwrap() = json!(2);
    let target = pods_target();
    world.places.pods(&target, &[("node-0", one.url()), ("node-1", two.url())]);
    let probe = Probe { target: target.clone(), ..watching(&one, &[]) };
    world.prober.declare(&owner("a"), &[probe]);
    world.asked(2).await;
    let pods = || world.prober.observations(&owner("a")).into_iter().map(|seen| seen.pod).collect::<Vec<_>>();
    assert_eq!(pods(), ["node-0", "node-1"]);
    world.wakes.take();
    world.places.pods(&target, &[("node-1", two.url())]);
    world.clock.advance(SECOND).await;
    world.asked(3).await;
    assert_eq!(world.wakes.take(), [owner("a")]);
    assert_eq!(pods(), ["node-1"]);
    world.places.set(&target, Err("the workload is gone".into()));
    world.clock.advance(SECOND).await;
    world.asked(4).await;
    assert_eq!(world.wakes.take(), [owner("a")]);
    let seen = world.seen(&owner("a"));
    assert_eq!((seen.pod.as_str(), seen.answer.unwrap_err().as_str()), ("node-1", "the workload is gone"));
    world.places.set(&target, Ok(vec![]));
    world.clock.advance(SECOND).await;
    until("the wake", || world.wakes.count() == 1).await;
    assert!(pods().is_empty());
}

#[tokio::test]
async fn two_probes_of_one_owner_are_watched_each() {
    let world = World::new();
    let (node, _head) = node().await;
    node.answer("other", json!(1));
    let question = Question::JsonRpc(vec![call("other", json!([]))]);
    let other = Probe { id: "other".into(), question, ..watching(&node, &["/0/result"]) };
    world.prober.declare(&owner("a"), &[watching(&node, &[]), other]);
    world.asked(2).await;
    let ids: Vec<_> = world.prober.observations(&owner("a")).into_iter().map(|seen| seen.probe).collect();
    assert_eq!(ids, ["head", "other"]);
    world.wakes.take();
    node.answer("other", json!(2));
    world.clock.advance(SECOND).await;
    world.asked(4).await;
    assert_eq!(world.wakes.take(), [owner("a")]);
}
