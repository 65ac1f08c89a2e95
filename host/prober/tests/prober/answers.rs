//! What an answer looks like, and what is said when there is none.

use opstack_core::probe::{Question, Target};
use rpc_double::{Double, Fault};
use serde_json::{Value, json};

use crate::world::{SECOND, World, call, owner, probe, until};

fn batch() -> Question {
    Question::JsonRpc(vec![call("first", json!([1, {"a": true}])), call("second", json!([])), call("third", json!([]))])
}

async fn node() -> Double {
    let node = Double::start().await;
    node.answer("first", json!({"number": "0x10"}));
    node.fail("second", -32000, "not today");
    node.answer("third", json!(null));
    node.page("/page", 200, "hello");
    node
}

#[tokio::test]
async fn a_batch_is_one_request_and_its_answers_are_in_order_whatever_the_servers_order() {
    let (world, node) = (World::new(), node().await);
    for fault in [None, Some(Fault::Shuffled)] {
        node.script([fault]);
        let observation = world.ask(Target::Url(node.url()), batch()).await;
        let text = r#"[{"result":{"number":"0x10"}},{"error":{"code":-32000,"message":"not today"}},{"result":null}]"#;
        assert_eq!(observation.answer.as_deref(), Ok(text));
        assert_eq!((observation.probe.as_str(), observation.pod.as_str(), observation.stale), ("head", "", false));
    }
    assert_eq!(node.seen().requests, 2);
    assert_eq!(node.calls()[0].params, json!([1, {"a": true}]));
}

#[tokio::test]
async fn a_failure_is_told_with_its_reason() {
    let (world, node) = (World::new(), node().await);
    let cases = [
        (Fault::Status(503), "HTTP status 503"),
        (Fault::Status(401), "HTTP status 401"),
        (Fault::Redirect("http://elsewhere.invalid/".into()), "HTTP status 307"),
        (Fault::Text("<html>".into()), "not a JSON-RPC answer (at line 1, column 1)"),
        (Fault::Text(String::new()), "not a JSON-RPC answer (at line 1, column 0)"),
        (Fault::Text(r#"{"jsonrpc":"2.0","id":0}"#.into()), "not a JSON-RPC answer (at line 1, column 24)"),
        (
            Fault::Text(r#"{"jsonrpc":"2.0","id":0,"result":1}"#.into()),
            "not a JSON-RPC answer: one answer to several calls",
        ),
        (Fault::Text("[]".into()), "not a JSON-RPC answer: first is not answered"),
        (Fault::Missing, "not a JSON-RPC answer: third is not answered"),
        (
            Fault::Refused(-32600, "batches are off".into()),
            "the whole request was refused: error -32600: batches are off",
        ),
        (Fault::Huge(2 << 20), "the answer is larger than 1048576 bytes"),
        (Fault::Half, "the connection broke: "),
        (Fault::Close, "the connection broke: "),
    ];
    for (fault, wanted) in cases {
        node.script([Some(fault.clone())]);
        let why = world.ask(Target::Url(node.url()), batch()).await.answer.unwrap_err();
        let whole = !wanted.ends_with(": ");
        assert!(if whole { why == wanted } else { why.starts_with(wanted) }, "{fault:?}: {why}");
    }
    let why = world.ask(Target::Url(node.url().replace("http:", "https:")), batch()).await.answer.unwrap_err();
    assert!(why.starts_with("no connection: TLS: "), "{why}");
    node.close().await;
    let why = world.ask(Target::Url(node.url()), batch()).await.answer.unwrap_err();
    assert!(why.starts_with("no connection: Connection refused"), "{why}");
    let why = world.ask(Target::Url("http://nobody.invalid".into()), batch()).await.answer.unwrap_err();
    assert!(why.starts_with("no connection: name not resolved: "), "{why}");
    let why = world.ask(Target::Url("ftp://node".into()), batch()).await.answer.unwrap_err();
    assert_eq!(why, "only http and https URLs can be asked");
    let empty = world.ask(Target::Url(node.url()), Question::JsonRpc(vec![])).await;
    assert_eq!(empty.answer.unwrap_err(), "the question has no call in it");
}

#[tokio::test]
async fn a_node_that_hangs_is_given_up_after_the_probes_timeout() {
    let (world, node) = (World::new(), node().await);
    node.spoil_all(Fault::Hang);
    world.prober.declare(&owner("a"), &[probe(&node.url())]);
    node.until("the question", |seen| seen.requests == 1).await;
    world.clock.advance(9 * SECOND).await;
    assert_eq!(world.prober.observations(&owner("a")), vec![], "not known yet");
    world.clock.advance(SECOND).await;
    world.asked(1).await;
    assert_eq!(world.seen(&owner("a")).answer.unwrap_err(), "no answer within 10s");
    assert_eq!(world.prober.counters().timeout.get(), 1);
    node.until("the connection's end", |seen| seen.in_flight() == 0 || seen.requests > 1).await;
}

#[tokio::test]
async fn a_large_number_is_not_rounded() {
    let (world, node) = (World::new(), node().await);
    let text = r#"{"jsonrpc":"2.0","id":0,"result":123456789012345678901234567890.10}"#;
    node.spoil_all(Fault::Text(text.into()));
    let one = Question::JsonRpc(vec![call("first", json!([]))]);
    let answer = world.ask(Target::Url(node.url()), one).await.answer;
    assert_eq!(answer.as_deref(), Ok(r#"[{"result":123456789012345678901234567890.10}]"#));
}

#[tokio::test]
async fn a_page_is_an_answer_whatever_its_status_and_is_cut() {
    let (world, node) = (World::new(), node().await);
    let url = format!("{}/page", node.url());
    let page = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let answer = world.ask(Target::Url(url.clone()), Question::HttpGet).await.answer.unwrap();
    assert_eq!(page(answer.to_string()), json!({"status": 200, "body": "hello"}));
    node.script([Some(Fault::Status(404))]);
    let answer = world.ask(Target::Url(url.clone()), Question::HttpGet).await.answer.unwrap();
    assert_eq!(page(answer.to_string())["status"], 404);
    node.script([Some(Fault::Huge(3 << 20))]);
    let answer = world.ask(Target::Url(url), Question::HttpGet).await.answer.unwrap();
    assert_eq!(page(answer.to_string())["body"].as_str().unwrap().len(), 64 * 1024);
}

#[tokio::test]
async fn metrics_are_reduced_to_the_names_asked_for() {
    let (world, node) = (World::new(), node().await);
    let head = "op_node_refs_number{layer=\"l2\",type=\"l2_unsafe\"} 12\n";
    node.page("/metrics", 200, &format!("# HELP x y\n{head}go_threads 7\n"));
    let metrics = Question::Metrics(vec!["op_node_refs_number".into(), "absent".into()]);
    let target = Target::Url(format!("{}/metrics", node.url()));
    let answer = world.ask(target.clone(), metrics.clone()).await.answer.unwrap();
    let wanted = json!({"op_node_refs_number": [{"labels": {"layer": "l2", "type": "l2_unsafe"}, "value": 12.0}]});
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), wanted);
    node.script([Some(Fault::Status(500)), Some(Fault::Text("<html></html>".into()))]);
    for why in ["HTTP status 500", "not Prometheus text (line 1)"] {
        assert_eq!(world.ask(target.clone(), metrics.clone()).await.answer.unwrap_err(), why);
    }
}

#[tokio::test]
async fn a_node_that_flaps_is_shown_as_it_is() {
    let (world, node) = (World::new(), node().await);
    node.answer("head", json!(1));
    node.script([None, Some(Fault::Close), None, Some(Fault::Status(500)), None]);
    world.prober.declare(&owner("a"), &[probe(&node.url())]);
    for round in 1..=5 {
        world.asked(round).await;
        assert_eq!(world.seen(&owner("a")).answer.is_ok(), round % 2 == 1, "round {round}");
        world.clock.advance(SECOND).await;
    }
    until("all wakes", || world.wakes.count() == 5).await;
}
