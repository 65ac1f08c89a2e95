//! An act happens once, on a fact that holds, in the term in which it began; and what is told of it is true.

mod common;

use common::{SECOND, acting, call, owner, sequencer};
use opstack_core::ids::{GroupKind, ObjectKey};
use opstack_core::probe::{Action, Precondition, Target};
use rpc_double::{Double, Fault, Frozen, bounded};
use serde_json::json;

const STOP: &str = "admin_stopSequencer";

#[tokio::test]
async fn an_act_happens_once_however_often_it_is_declared() {
    let ((node, action), mut acting, a) = (sequencer().await, acting(), owner("a"));
    for _ in 0..50 {
        acting.executor.execute(&a, vec![action.clone()]);
    }
    let outcomes = acting.outcomes(&a).await;
    assert_eq!(outcomes[0].outcome, Ok(r#""0xabc""#.into()));
    for _ in 0..50 {
        acting.executor.execute(&a, vec![action.clone()]);
    }
    assert_eq!(acting.executor.outcomes(&a), outcomes);
    acting.executor.stop().await;
    assert_eq!((node.count(STOP), acting.woken.rest()), (1, vec![]));
    let methods: Vec<_> = node.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(methods, ["admin_sequencerActive", STOP]);
}

#[tokio::test]
async fn an_act_that_is_no_longer_declared_is_forgotten() {
    let ((node, action), mut acting, a) = (sequencer().await, acting(), owner("a"));
    acting.outcome(&a, &action).await.unwrap();
    acting.executor.forget(&a);
    assert_eq!(acting.executor.outcomes(&a), []);
    acting.outcome(&a, &action).await.unwrap();
    acting.outcome(&owner("b"), &action).await.unwrap();
    assert_eq!(node.count(STOP), 3);
}

#[tokio::test]
async fn an_act_is_refused_where_its_fact_does_not_hold() {
    let ((node, action), mut acting, a) = (sequencer().await, acting(), owner("a"));
    node.answer("admin_sequencerActive", json!({"active": false}));
    let refused = acting.outcome(&a, &action).await;
    assert_eq!(refused, Err("precondition: admin_sequencerActive/active is false, not true".into()));
    node.answer("admin_sequencerActive", json!({}));
    let refused = acting.outcome(&owner("b"), &action).await;
    assert_eq!(refused, Err("precondition: admin_sequencerActive/active is absent, not true".into()));
    node.fail("admin_sequencerActive", -32601, "no such method");
    let refused = acting.outcome(&owner("c"), &action).await.unwrap_err();
    assert_eq!(refused, "precondition: admin_sequencerActive answered error -32601: no such method");
    node.close();
    let refused = acting.outcome(&owner("d"), &action).await.unwrap_err();
    assert!(refused.starts_with("precondition: admin_sequencerActive: no connection"), "{refused}");
    assert_eq!((node.count(STOP), acting.executor.counters().precondition.get()), (0, 4));
}

/// What comes of an action whose term becomes another while its precondition is in flight.
async fn fenced_between(term: Result<u64, String>) -> Result<String, String> {
    let ((node, action), mut acting, a) = (sequencer().await, acting(), owner("a"));
    node.script([Some(Fault::Hold)]);
    acting.executor.execute(&a, vec![action]);
    node.until("the precondition's question", |seen| seen.in_flight() == 1).await;
    acting.term.becomes(term);
    node.release();
    let outcome = acting.outcomes(&a).await.remove(0).outcome;
    assert_eq!((node.count(STOP), node.seen().requests), (0, 1));
    outcome
}

#[tokio::test]
async fn the_lease_is_looked_at_again_after_the_precondition() {
    let lost = fenced_between(Err("this replica does not hold the lease".into())).await;
    assert_eq!(lost, Err("fenced: this replica does not hold the lease".into()));
    let another = fenced_between(Ok(8)).await;
    assert_eq!(another, Err("fenced: this is term 8, and it was begun in term 7".into()));
}

#[tokio::test]
async fn who_does_not_lead_asks_not_even_the_precondition() {
    let ((node, action), mut acting, a) = (sequencer().await, acting(), owner("a"));
    acting.term.becomes(Err("not leading".into()));
    assert_eq!(acting.outcome(&a, &action).await, Err("fenced: not leading".into()));
    assert_eq!(node.seen().requests, 0);
}

#[tokio::test]
async fn a_call_that_times_out_is_told_as_unknown_and_not_retried() {
    let clock = Frozen::start();
    let ((node, action), mut acting, a) = (sequencer().await, acting(), owner("a"));
    node.spoil(STOP, Fault::Hang);
    acting.executor.execute(&a, vec![action.clone()]);
    node.until("the call", |seen| seen.requests == 2).await;
    clock.advance(5 * SECOND).await;
    let outcome = acting.outcomes(&a).await.remove(0).outcome;
    assert_eq!(outcome, Err("unknown: no answer within 5s; it may have been done".into()));
    node.heal();
    acting.executor.execute(&a, vec![action]);
    clock.advance(60 * SECOND).await;
    acting.executor.stop().await;
    assert_eq!((node.count(STOP), acting.executor.counters().unknown.get()), (1, 1));
}

#[tokio::test]
async fn what_may_have_been_done_is_never_told_as_not_done() {
    for fault in [
        Fault::Half,
        Fault::Close,
        Fault::Status(500),
        Fault::Status(504),
        Fault::Text("oops".into()),
        Fault::Huge(2 << 20),
    ] {
        let ((node, action), mut acting) = (sequencer().await, acting());
        node.spoil(STOP, fault.clone());
        let told = acting.outcome(&owner("a"), &action).await.unwrap_err();
        assert!(told.starts_with("unknown: "), "{fault:?}: {told}");
        acting.executor.stop().await;
        assert_eq!(node.count(STOP), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_the_node_says_is_told() {
    let ((node, action), mut acting) = (sequencer().await, acting());
    node.fail(STOP, -32000, "sequencer not running");
    let told = acting.outcome(&owner("a"), &action).await;
    assert_eq!(told, Err("error -32000: sequencer not running".into()));
    node.spoil(STOP, Fault::Status(403));
    let told = acting.outcome(&owner("b"), &action).await;
    assert_eq!(told, Err("turned away: HTTP status 403".into()));
}

#[tokio::test]
async fn an_act_withdrawn_before_its_call_is_not_sent() {
    let ((node, action), mut acting, a) = (sequencer().await, acting(), owner("a"));
    node.script([Some(Fault::Hold)]);
    acting.executor.execute(&a, vec![action]);
    node.until("the precondition's question", |seen| seen.in_flight() == 1).await;
    acting.executor.forget(&a);
    node.release();
    bounded("the worker's end", acting.executor.stop()).await;
    assert_eq!((node.count(STOP), acting.woken.rest()), (0, vec![]));
}

#[tokio::test]
async fn the_pod_that_is_named_is_called() {
    let ((first, action), second, mut acting) = (sequencer().await, Double::start().await, acting());
    second.answer("admin_sequencerActive", json!({"active": true}));
    second.answer("start", json!(null));
    let workload = ObjectKey::new(GroupKind::new("apps", "StatefulSet"), "ns", "node");
    let target = Target::Pods { workload, port: 1, path: "/".into() };
    acting.places.pods(&target, &[("node-0", &first), ("node-1", &second)]);
    let precondition = Precondition { equals: json!(true), ..action.precondition.clone() };
    let start = |pod: Option<&str>| Action {
        target: target.clone(),
        pod: pod.map(ToString::to_string),
        call: call("start", json!(["0xabc"])),
        precondition: precondition.clone(),
        ..action.clone()
    };
    assert_eq!(acting.outcome(&owner("a"), &start(Some("node-1"))).await, Ok("null".into()));
    assert_eq!(second.calls().last().map(|call| call.params.clone()), Some(json!(["0xabc"])));
    let told = acting.outcome(&owner("b"), &start(Some("node-7"))).await;
    assert_eq!(told, Err("not sent: no pod node-7 is running".into()));
    let told = acting.outcome(&owner("c"), &start(None)).await;
    assert_eq!(told, Err("not sent: it names no pod".into()));
    assert_eq!((first.seen().requests, second.count("start")), (0, 1));
}

#[tokio::test]
async fn after_the_stop_nothing_is_begun() {
    let ((node, action), mut acting) = (sequencer().await, acting());
    acting.executor.stop().await;
    acting.executor.execute(&owner("a"), vec![action]);
    bounded("the end", acting.executor.stop()).await;
    assert_eq!((node.seen().requests, acting.woken.rest()), (0, vec![]));
}
