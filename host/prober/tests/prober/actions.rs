//! Actions: each once, only while the fact holds and the Lease is ours, and never told as undone when it may be done.

use opstack_core::ids::ObjectKey;
use opstack_core::probe::{Action, Precondition, Target};
use opstack_prober::{Executor, Fence};
use rpc_double::{Double, Fault, Frozen, bounded};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::world::{Places, SECOND, Wakes, call, loopback, owner, pods_target, until};

/// Says what it is told to, one after the other; then that this is term 1.
#[derive(Default)]
struct Terms(Mutex<VecDeque<Result<u64, String>>>, Mutex<Option<Duration>>);

impl Fence for Terms {
    fn still_leader(&self) -> Result<u64, String> {
        self.0.lock().unwrap().pop_front().unwrap_or(Ok(1))
    }

    fn left(&self) -> Duration {
        self.1.lock().unwrap().unwrap_or(Duration::MAX)
    }
}

struct Stage {
    clock: Frozen,
    node: Double,
    places: Arc<Places>,
    terms: Arc<Terms>,
    wakes: Wakes,
    executor: Executor,
    key: ObjectKey,
}

impl Stage {
    async fn new() -> Self {
        let (places, terms, wakes) = (Arc::<Places>::default(), Arc::<Terms>::default(), Wakes::default());
        let executor = Executor::new(&loopback(), places.clone(), terms.clone(), wakes.wake()).unwrap();
        let node = Double::start().await;
        node.answer("admin_sequencerActive", json!({"active": true}));
        node.answer("admin_stopSequencer", json!("0xabc"));
        Self { clock: Frozen::start(), node, places, terms, wakes, executor, key: owner("net") }
    }

    /// Stops the sequencer if it is active.
    fn stop(&self, id: &str) -> Action {
        let fact = call("admin_sequencerActive", json!([]));
        Action {
            id: id.into(),
            target: Target::Url(self.node.url()),
            pod: None,
            call: call("admin_stopSequencer", json!([])),
            precondition: Precondition { call: fact, pointer: "/active".into(), equals: json!(true) },
            timeout: 5 * SECOND,
        }
    }

    /// Runs one action and gives what came of it.
    async fn outcome(&self, action: Action) -> Result<String, String> {
        self.executor.execute(&self.key, vec![action]);
        self.ended(1).await;
        let mut outcomes = self.executor.outcomes(&self.key);
        assert!(outcomes[0].at > 1_600_000_000_000);
        outcomes.pop().unwrap().outcome
    }

    async fn ended(&self, count: usize) {
        until("the outcome", || self.executor.outcomes(&self.key).len() == count).await;
    }

    fn stopped(&self) -> usize {
        self.node.count("admin_stopSequencer")
    }
}

#[tokio::test]
async fn an_action_runs_once_however_often_it_is_declared() {
    let stage = Stage::new().await;
    for _ in 0..10 {
        assert_eq!(stage.outcome(stage.stop("epoch-7")).await, Ok(r#""0xabc""#.into()));
        stage.clock.advance(60 * SECOND).await;
    }
    assert_eq!((stage.stopped(), stage.node.count("admin_sequencerActive")), (1, 1));
    assert_eq!(stage.wakes.take(), std::slice::from_ref(&stage.key));
    assert_eq!(stage.executor.counters().done.get(), 1);
    // Forgotten when it is no longer declared, and then new.
    stage.executor.execute(&stage.key, vec![]);
    assert_eq!(stage.executor.outcomes(&stage.key), vec![]);
    assert!(stage.outcome(stage.stop("epoch-7")).await.is_ok());
    assert_eq!(stage.stopped(), 2);
}

#[tokio::test]
async fn an_action_is_refused_unless_its_precondition_holds() {
    let stage = Stage::new().await;
    let active = |value: Value| stage.node.answer("admin_sequencerActive", value);
    active(json!({"active": false}));
    let refused = stage.outcome(stage.stop("a")).await.unwrap_err();
    assert_eq!(refused, "precondition: admin_sequencerActive/active is false, not true");
    active(json!(true));
    let refused = stage.outcome(stage.stop("b")).await.unwrap_err();
    assert_eq!(refused, "precondition: admin_sequencerActive/active is absent, not true");
    stage.node.fail("admin_sequencerActive", -32601, "no such method");
    let refused = stage.outcome(stage.stop("c")).await.unwrap_err();
    assert_eq!(refused, "precondition: admin_sequencerActive answered error -32601: no such method");
    stage.node.spoil("admin_sequencerActive", Fault::Status(502));
    let refused = stage.outcome(stage.stop("d")).await.unwrap_err();
    assert_eq!(refused, "precondition: admin_sequencerActive: HTTP status 502");
    stage.node.close().await;
    let refused = stage.outcome(stage.stop("e")).await.unwrap_err();
    assert!(refused.starts_with("precondition: admin_sequencerActive: no connection: "), "{refused}");
    assert_eq!((stage.stopped(), stage.executor.counters().precondition.get()), (0, 5));
}

#[tokio::test]
async fn an_action_is_fenced_before_it_and_between_its_precondition_and_its_call() {
    let stage = Stage::new().await;
    let cases = [
        (vec![Err("the lease ran out".to_owned())], "fenced: the lease ran out", 0),
        (vec![Ok(1), Err("the lease ran out".to_owned())], "fenced: the lease ran out", 1),
        (vec![Ok(1), Ok(3)], "fenced: this is term 3, and it was begun in term 1", 2),
    ];
    for (terms, wanted, asked) in cases {
        *stage.terms.0.lock().unwrap() = terms.into();
        assert_eq!(stage.outcome(stage.stop(wanted)).await.unwrap_err(), wanted);
        assert_eq!(stage.node.count("admin_sequencerActive"), asked);
        stage.executor.forget(&stage.key);
    }
    assert_eq!((stage.stopped(), stage.executor.counters().fenced.get()), (0, 3));
}

/// The process stood still after the call was sent: what came of it is not known, and it is not waited for.
#[tokio::test]
async fn a_call_whose_term_ends_before_its_answer_is_unknown() {
    let stage = Stage::new().await;
    *stage.terms.0.lock().unwrap() = [Ok(1), Ok(1), Err("the lease ran out".to_owned())].into();
    assert_eq!(stage.outcome(stage.stop("a")).await.unwrap_err(), "unknown: the lease ran out; it may have been done");
}

#[tokio::test]
async fn a_call_has_no_longer_than_what_is_left_of_the_term() {
    let stage = Stage::new().await;
    *stage.terms.1.lock().unwrap() = Some(SECOND / 2);
    assert_eq!(stage.outcome(stage.stop("a")).await.unwrap_err(), "fenced: the lease is about to run out");
    assert_eq!(stage.stopped(), 0);
    stage.executor.forget(&stage.key);
    *stage.terms.1.lock().unwrap() = Some(2 * SECOND);
    stage.node.spoil("admin_stopSequencer", Fault::Hang);
    stage.executor.execute(&stage.key, vec![stage.stop("b")]);
    until("the call", || stage.stopped() == 1).await;
    stage.clock.advance(2 * SECOND).await;
    stage.ended(1).await;
    let outcome = stage.executor.outcomes(&stage.key).pop().unwrap().outcome.unwrap_err();
    assert_eq!(outcome, "unknown: no answer within 2s; it may have been done");
    stage.node.heal();
}

#[tokio::test]
async fn a_call_without_an_answer_is_unknown_and_not_repeated() {
    let stage = Stage::new().await;
    stage.node.spoil("admin_stopSequencer", Fault::Hang);
    stage.executor.execute(&stage.key, vec![stage.stop("a")]);
    until("the call", || stage.stopped() == 1).await;
    stage.clock.advance(5 * SECOND).await;
    stage.ended(1).await;
    let outcome = || stage.executor.outcomes(&stage.key).pop().unwrap().outcome.unwrap_err();
    assert_eq!(outcome(), "unknown: no answer within 5s; it may have been done");
    stage.node.heal();
    stage.executor.execute(&stage.key, vec![stage.stop("a")]);
    stage.clock.advance(60 * SECOND).await;
    assert_eq!((outcome().split(':').next(), stage.stopped()), (Some("unknown"), 1));
    let cases = [
        (Fault::Half, "unknown: the connection broke: "),
        (Fault::Close, "unknown: the connection broke: "),
        (Fault::Status(502), "unknown: HTTP status 502; it may have been done"),
        (Fault::Text("ok".into()), "unknown: not a JSON-RPC answer (at line 1, column 1); it may have been done"),
        (Fault::Status(403), "turned away: HTTP status 403"),
        (Fault::Redirect("/".into()), "turned away: HTTP status 307"),
    ];
    for (number, (fault, wanted)) in cases.into_iter().enumerate() {
        stage.node.spoil("admin_stopSequencer", fault);
        let outcome = stage.outcome(stage.stop(&format!("b-{number}"))).await.unwrap_err();
        assert!(outcome.starts_with(wanted), "{outcome}");
        assert_eq!(stage.stopped(), 2 + number, "one call each");
    }
}

#[tokio::test]
async fn what_the_node_says_is_the_outcome() {
    let stage = Stage::new().await;
    stage.node.fail("admin_stopSequencer", -32000, "sequencer not running");
    assert_eq!(stage.outcome(stage.stop("a")).await.unwrap_err(), "error -32000: sequencer not running");
    assert_eq!((stage.stopped(), stage.executor.counters().failed.get()), (1, 1));
}

#[tokio::test]
async fn an_action_that_is_withdrawn_in_time_is_not_sent() {
    let stage = Stage::new().await;
    stage.node.spoil("admin_sequencerActive", Fault::Hold);
    stage.executor.execute(&stage.key, vec![stage.stop("a"), stage.stop("b")]);
    stage.node.until("the precondition", |seen| seen.in_flight() == 1).await;
    stage.executor.execute(&stage.key, vec![]);
    stage.node.release();
    until("the end", || stage.executor.counters().in_flight.get() == 0).await;
    assert_eq!((stage.stopped(), stage.node.count("admin_sequencerActive")), (0, 1));
    assert_eq!((stage.executor.outcomes(&stage.key), stage.wakes.count()), (vec![], 0));
}

#[tokio::test]
async fn actions_of_one_owner_run_in_order_and_those_of_others_beside_them() {
    let stage = Stage::new().await;
    stage.node.answer("admin_startSequencer", json!(null));
    let start = Action { call: call("admin_startSequencer", json!(["0xabc"])), ..stage.stop("start") };
    stage.node.spoil("admin_stopSequencer", Fault::Hold);
    stage.executor.execute(&stage.key, vec![stage.stop("stop"), start.clone()]);
    until("the first call", || stage.stopped() == 1).await;
    let other = owner("other");
    stage.executor.execute(&other, vec![start]);
    until("the other's outcome", || stage.executor.outcomes(&other).len() == 1).await;
    assert_eq!(stage.node.count("admin_startSequencer"), 1, "the second of the first owner waits for its first");
    stage.node.release();
    stage.ended(2).await;
    let ids: Vec<_> = stage.executor.outcomes(&stage.key).into_iter().map(|outcome| outcome.id).collect();
    assert_eq!(ids, ["stop", "start"]);
    assert_eq!(stage.node.count("admin_startSequencer"), 2);
}

#[tokio::test]
async fn an_action_on_a_workload_goes_to_the_pod_it_names() {
    let stage = Stage::new().await;
    let sibling = Double::start().await;
    let target = pods_target();
    stage.places.pods(&target, &[("node-0", sibling.url()), ("node-1", stage.node.url())]);
    let action =
        |id: &str, pod: Option<&str>| Action { target: target.clone(), pod: pod.map(str::to_owned), ..stage.stop(id) };
    assert!(stage.outcome(action("a", Some("node-1"))).await.is_ok());
    assert_eq!(stage.outcome(action("b", Some("node-7"))).await.unwrap_err(), "not sent: no pod node-7 is running");
    assert_eq!(stage.outcome(action("c", None)).await.unwrap_err(), "not sent: it names no pod");
    stage.places.set(&target, Err("the workload is gone".into()));
    assert_eq!(stage.outcome(action("d", Some("node-1"))).await.unwrap_err(), "not sent: the workload is gone");
    assert_eq!((stage.stopped(), sibling.seen().requests), (1, 0));
}

#[tokio::test]
async fn stop_waits_for_the_call_in_flight_and_makes_no_other() {
    let stage = Stage::new().await;
    stage.node.spoil("admin_stopSequencer", Fault::Hold);
    stage.executor.execute(&stage.key, vec![stage.stop("a"), stage.stop("b")]);
    until("the call", || stage.stopped() == 1).await;
    let mut stopping = Box::pin(stage.executor.stop());
    assert!(futures::poll!(&mut stopping).is_pending());
    stage.node.release();
    bounded("the end", stopping).await;
    assert_eq!(stage.stopped(), 1);
    assert_eq!(stage.executor.outcomes(&stage.key).len(), 1);
    stage.executor.execute(&stage.key, vec![stage.stop("c")]);
    assert_eq!(stage.executor.outcomes(&stage.key).len(), 0);
}

#[tokio::test]
async fn nothing_is_left_when_the_executor_is_dropped() {
    let stage = Stage::new().await;
    stage.node.spoil("admin_sequencerActive", Fault::Hang);
    stage.executor.execute(&stage.key, vec![stage.stop("a")]);
    stage.node.until("the precondition", |seen| seen.in_flight() == 1).await;
    let Stage { executor, node, clock: _clock, .. } = stage;
    drop(executor);
    node.until("its end", |seen| seen.in_flight() == 0).await;
    assert_eq!(node.count("admin_stopSequencer"), 0);
}
