//! When questions are asked, and whom their answers wake. The clock stands still but for the tests that move it.

mod common;

use common::{Asking, SECOND, asking, call, exact, owner, probe, rpc};
use opstack_core::ids::{GroupKind, ObjectKey};
use opstack_core::probe::{Probe, Question, Target};
use opstack_prober::Config;
use rpc_double::{Double, Fault, Frozen};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// Answers `tick` with 1, 2, 3, …
async fn ticking() -> Double {
    let node = Double::start().await;
    let ticks = AtomicU64::new(0);
    node.on("tick", move |_| Ok(json!(ticks.fetch_add(1, Ordering::Relaxed) + 1)));
    node
}

fn result(of: &Result<Value, String>) -> &Value {
    &of.as_ref().unwrap()[0]["result"]
}

#[tokio::test]
async fn fifty_owners_of_one_question_cost_one_request_each_interval() {
    let (clock, node, mut asking) = (Frozen::start(), ticking().await, asking(exact()));
    let owners: BTreeSet<_> = (0..50).map(|n| owner(&n.to_string())).collect();
    for owner in &owners {
        asking.prober.declare(owner, &[probe(&node.url(), rpc(&["tick"]), &["/0/result"])]);
    }
    assert_eq!((asking.prober.owners(), asking.prober.questions()), (50, 1));
    for round in 1..=5 {
        let mut woken = BTreeSet::new();
        while woken.len() < owners.len() {
            woken.insert(asking.woken.next().await);
        }
        assert_eq!((woken, asking.woken.rest()), (owners.clone(), vec![]));
        assert!(owners.iter().all(|owner| *result(&asking.answer(owner)) == round));
        assert_eq!(node.seen().requests, round);
        clock.advance(SECOND).await;
    }
}

#[tokio::test]
async fn the_most_eager_sets_the_pace_and_its_leaving_slows_it() {
    let (clock, node, mut asking) = (Frozen::start(), ticking().await, asking(exact()));
    let (lazy, eager) = (owner("lazy"), owner("eager"));
    let asked = probe(&node.url(), rpc(&["tick"]), &["/0/result"]);
    asking.prober.declare(&lazy, &[Probe { interval: 10 * SECOND, wake_on: vec![], ..asked.clone() }]);
    asking.wakes(&lazy).await;
    asking.answer(&lazy).unwrap();
    asking.prober.declare(&eager, std::slice::from_ref(&asked));
    asking.wakes(&eager).await;
    for round in 2..=4 {
        asking.answer(&eager).unwrap();
        clock.advance(SECOND).await;
        asking.wakes(&eager).await;
        assert_eq!(node.seen().requests, round);
    }
    asking.prober.forget(&eager);
    asking.prober.declare(&lazy, &[Probe { interval: 10 * SECOND, ..asked }]);
    asking.wakes(&lazy).await;
    asking.answer(&lazy).unwrap();
    clock.advance(9 * SECOND).await;
    assert_eq!(node.seen().requests, 4);
    clock.advance(SECOND).await;
    asking.wakes(&lazy).await;
    assert_eq!(node.seen().requests, 5);
}

#[tokio::test]
async fn the_same_declaration_again_disturbs_nothing() {
    let (clock, node, mut asking) = (Frozen::start(), ticking().await, asking(exact()));
    let a = owner("a");
    let asked = [probe(&node.url(), rpc(&["tick"]), &["/0/result"])];
    asking.prober.declare(&a, &asked);
    asking.wakes(&a).await;
    asking.answer(&a).unwrap();
    for _ in 0..9 {
        clock.advance(SECOND / 10).await;
        asking.prober.declare(&a, &asked);
    }
    assert_eq!((node.seen().requests, asking.woken.rest()), (1, vec![]));
    clock.advance(SECOND / 10).await;
    asking.wakes(&a).await;
    assert_eq!(*result(&asking.answer(&a)), 2);
    asking.prober.forget(&a);
    assert_eq!((asking.prober.owners(), asking.prober.questions()), (0, 0));
    assert_eq!(asking.prober.observations(&a), []);
}

/// Two owners of one question: one watches what never changes, the other what always does and so tells the rounds.
async fn calm_and_restless(node: &Double, asking: &mut Asking) -> (ObjectKey, ObjectKey) {
    node.answer("eth_chainId", json!("0xa"));
    let (calm, restless) = (owner("a-calm"), owner("b-restless"));
    let question = || rpc(&["eth_chainId", "tick"]);
    asking.prober.declare(&calm, &[probe(&node.url(), question(), &["/0/result", "/7/absent"])]);
    asking.prober.declare(&restless, &[probe(&node.url(), question(), &["/1/result"])]);
    assert_eq!([asking.woken.next().await, asking.woken.next().await], [calm.clone(), restless.clone()]);
    asking.answer(&calm).unwrap();
    asking.answer(&restless).unwrap();
    (calm, restless)
}

#[tokio::test]
async fn only_a_watched_value_or_the_health_wakes() {
    let (clock, node, mut asking) = (Frozen::start(), ticking().await, asking(exact()));
    let (calm, restless) = calm_and_restless(&node, &mut asking).await;
    for _ in 0..5 {
        clock.advance(SECOND).await;
        // In one round the calm one would have been woken first.
        asking.wakes(&restless).await;
        asking.answer(&restless).unwrap();
    }
    node.answer("eth_chainId", json!("0xb"));
    clock.advance(SECOND).await;
    assert_eq!([asking.woken.next().await, asking.woken.next().await], [calm.clone(), restless.clone()]);
    assert_eq!(*result(&asking.answer(&calm)), "0xb");
    asking.answer(&restless).unwrap();
}

#[tokio::test]
async fn each_change_of_health_wakes_once() {
    let (clock, node, mut asking) = (Frozen::start(), ticking().await, asking(exact()));
    node.answer("eth_chainId", json!("0xa"));
    let a = owner("a");
    asking.prober.declare(&a, &[probe(&node.url(), rpc(&["eth_chainId"]), &["/0/result"])]);
    asking.wakes(&a).await;
    asking.answer(&a).unwrap();
    let bad = || Some(Fault::Status(500));
    node.script([bad(), bad(), None, None, bad(), None]);
    for (round, wakes) in [true, false, true, false, true, true].into_iter().enumerate() {
        clock.advance(SECOND).await;
        node.until("a round", |seen| seen.finished == round + 2).await;
        if wakes {
            asking.wakes(&a).await;
        }
        let healthy = asking.answer(&a).is_ok();
        assert!(!wakes || healthy == [2, 5].contains(&round), "round {round}");
    }
    assert_eq!(asking.woken.rest(), []);
}

#[tokio::test]
async fn nobody_is_woken_twice_before_looking() {
    let (clock, node, mut asking) = (Frozen::start(), ticking().await, asking(exact()));
    let (_, restless) = calm_and_restless(&node, &mut asking).await;
    for round in 2..=6 {
        clock.advance(SECOND).await;
        node.until("a round", |seen| seen.finished == round).await;
    }
    asking.wakes(&restless).await;
}

#[tokio::test]
async fn an_answer_older_than_three_intervals_is_stale_and_that_is_told() {
    let (clock, node, mut asking) = (Frozen::start(), ticking().await, asking(exact()));
    let a = owner("a");
    asking.prober.declare(&a, &[probe(&node.url(), rpc(&["tick"]), &[])]);
    asking.wakes(&a).await;
    let stale = |asking: &Asking| asking.prober.observations(&a)[0].stale;
    assert!(!stale(&asking));
    node.spoil_all(Fault::Hang);
    clock.advance(SECOND).await;
    node.until("the question that hangs", |seen| seen.in_flight() == 1).await;
    clock.advance(SECOND * 19 / 10).await;
    assert!(!stale(&asking));
    clock.advance(SECOND / 10).await;
    asking.wakes(&a).await;
    assert!(stale(&asking));
    assert!(asking.answer(&a).is_ok(), "the old answer is still shown, as stale, until the question fails");
    clock.advance(4 * SECOND).await;
    asking.wakes(&a).await;
    assert_eq!(asking.answer(&a), Err("no answer within 5s".into()));
    assert!(stale(&asking));
    node.heal();
    clock.advance(SECOND).await;
    asking.wakes(&a).await;
    assert!(!stale(&asking) && asking.answer(&a).is_ok());
}

#[tokio::test]
async fn a_standby_asks_nothing_and_what_it_knows_grows_stale() {
    let (clock, node, mut asking) = (Frozen::start(), ticking().await, asking(exact()));
    let a = owner("a");
    asking.prober.pause();
    asking.prober.declare(&a, &[probe(&node.url(), rpc(&["tick"]), &[])]);
    clock.advance(10 * SECOND).await;
    assert_eq!((node.seen().requests, asking.prober.observations(&a)), (0, vec![]));
    asking.prober.resume();
    asking.wakes(&a).await;
    assert!(!asking.prober.observations(&a)[0].stale);
    asking.prober.pause();
    for _ in 0..10 {
        clock.advance(SECOND).await;
    }
    assert!(asking.prober.observations(&a)[0].stale);
    assert_eq!(node.seen().requests, 1);
}

#[tokio::test]
async fn an_endpoint_is_never_asked_more_than_two_things_at_once_by_two_hundred_owners() {
    let (nodes, mut asking) = ([Double::start().await, Double::start().await], asking(exact()));
    for node in &nodes {
        node.on("echo", |params| Ok(params.clone()));
        node.spoil_all(Fault::Hold);
    }
    for n in 0..200 {
        let question = Question::JsonRpc(vec![call("echo", json!([n]))]);
        let probes = nodes.each_ref().map(|node| Probe {
            id: format!("p{}", node.url().len()),
            interval: 3600 * SECOND,
            timeout: 30 * SECOND,
            ..probe(&node.url(), question.clone(), &["/0/result"])
        });
        asking.prober.declare(&owner(&n.to_string()), &probes);
    }
    for node in &nodes {
        node.until("two at once", |seen| seen.in_flight() == 2).await;
        node.release();
    }
    for node in &nodes {
        let seen = node.until("all questions", |seen| seen.finished == 200).await;
        assert_eq!((seen.peak, seen.requests), (2, 200));
    }
    assert_eq!(asking.woken.next().await.namespace.as_ref(), "ns");
}

#[tokio::test]
async fn an_endpoint_that_hangs_delays_nobody_else() {
    let (clock, well, hanging) = (Frozen::start(), ticking().await, Double::start().await);
    let mut asking = asking(exact());
    hanging.spoil_all(Fault::Hang);
    for n in 0..40 {
        let question = Question::JsonRpc(vec![call("never", json!([n]))]);
        let probe = Probe { timeout: 30 * SECOND, ..probe(&hanging.url(), question, &[]) };
        asking.prober.declare(&owner(&format!("h{n}")), &[probe]);
    }
    hanging.until("its two slots", |seen| seen.in_flight() == 2).await;
    let a = owner("a");
    asking.prober.declare(&a, &[probe(&well.url(), rpc(&["tick"]), &["/0/result"])]);
    for round in 1..=20 {
        asking.wakes(&a).await;
        assert_eq!(*result(&asking.answer(&a)), round);
        clock.advance(SECOND).await;
    }
    let seen = hanging.seen();
    assert_eq!((seen.requests, seen.peak), (2, 2));
}

#[tokio::test]
async fn more_hanging_endpoints_than_slots_leave_slots_after_their_first_timeout() {
    let (clock, well) = (Frozen::start(), ticking().await);
    let mut asking = asking(Config { total: 8, ..exact() });
    let mut hanging = vec![];
    for n in 0..16 {
        let node = Double::start().await;
        node.spoil_all(Fault::Hang);
        asking.prober.declare(&owner(&format!("h{n}")), &[probe(&node.url(), rpc(&["never"]), &[])]);
        hanging.push(node);
    }
    // Two batches of eight fill all slots and time out.
    for batch in [8, 16] {
        for _ in 0..hanging.len() {
            let asked = || hanging.iter().map(|node| node.seen().requests).sum::<usize>();
            while asked() < batch {
                tokio::task::yield_now().await;
            }
        }
        clock.advance(5 * SECOND).await;
        for _ in 0..8 {
            asking.woken.next().await;
        }
    }
    let a = owner("a");
    asking.prober.declare(&a, &[probe(&well.url(), rpc(&["tick"]), &["/0/result"])]);
    for round in 1..=5 {
        while asking.woken.next().await != a {}
        assert_eq!(*result(&asking.answer(&a)), round);
        clock.advance(SECOND).await;
    }
}

#[tokio::test]
async fn each_pod_is_asked_for_itself_and_a_gone_one_is_forgotten() {
    let (clock, first, second) = (Frozen::start(), ticking().await, ticking().await);
    let mut asking = asking(exact());
    let workload = ObjectKey::new(GroupKind::new("apps", "StatefulSet"), "ns", "node");
    let target = Target::Pods { workload, port: 1, path: "/".into() };
    asking.places.pods(&target, &[("node-0", &first), ("node-1", &second)]);
    second.spoil_all(Fault::Hang);
    let a = owner("a");
    let asked = probe("", rpc(&["tick"]), &["/0/result"]);
    asking.prober.declare(&a, &[Probe { target: target.clone(), ..asked }]);
    for round in 1..=3 {
        asking.wakes(&a).await;
        let observations = asking.prober.observations(&a);
        assert_eq!(observations.len(), 1);
        assert_eq!(observations[0].pod, "node-0");
        assert_eq!(observations[0].answer.as_deref(), Ok(format!(r#"[{{"result":{round}}}]"#).as_str()));
        clock.advance(SECOND).await;
    }
    asking.places.pods(&target, &[("node-0", &first), ("node-2", &first)]);
    let mut pods = vec![];
    while pods != ["node-0", "node-2"] {
        asking.wakes(&a).await;
        pods = asking.prober.observations(&a).into_iter().map(|observation| observation.pod).collect();
        clock.advance(SECOND).await;
    }
}
