//! What comes back, good or spoilt, and how it reads as an answer.

mod common;

use common::{asking, call, exact, rpc};
use opstack_core::probe::{Question, Target};
use rpc_double::{Double, Fault};
use serde_json::{Value, json};

const MIB: usize = 1024 * 1024;

async fn node() -> Double {
    let node = Double::start().await;
    node.answer("eth_chainId", json!("0xa"));
    node.on("add", |params| Ok(json!(params[0].as_u64().unwrap() + params[1].as_u64().unwrap())));
    node.fail("eth_syncing", -32000, "not now");
    node
}

async fn ask(node: &Double, question: Question) -> Result<Value, String> {
    asking(exact()).ask(&Target::Url(node.url()), question).await
}

/// What is answered to a batch of two that is spoilt so.
async fn spoilt(fault: Fault) -> Result<Value, String> {
    let node = node().await;
    node.spoil_all(fault);
    ask(&node, rpc(&["eth_chainId", "eth_syncing"])).await
}

#[tokio::test]
async fn a_batch_is_one_request_and_its_answers_are_in_order() {
    let node = node().await;
    let calls = [call("eth_chainId", json!([])), call("eth_syncing", json!([])), call("add", json!([2, 3]))];
    let answer = ask(&node, Question::JsonRpc(calls.to_vec())).await;
    let wanted = json!([{"result": "0xa"}, {"error": {"code": -32000, "message": "not now"}}, {"result": 5}]);
    assert_eq!(answer, Ok(wanted));
    assert_eq!((node.seen().requests, node.calls().len()), (1, 3));
}

#[tokio::test]
async fn answers_in_another_order_are_put_in_order() {
    let wanted = json!([{"result": "0xa"}, {"error": {"code": -32000, "message": "not now"}}]);
    assert_eq!(spoilt(Fault::Shuffled).await, Ok(wanted));
}

#[tokio::test]
async fn an_error_of_one_call_is_an_answer_and_no_failure() {
    let wanted = json!([{"error": {"code": -32000, "message": "not now"}}]);
    assert_eq!(ask(&node().await, rpc(&["eth_syncing"])).await, Ok(wanted));
}

#[tokio::test]
async fn what_is_no_whole_answer_is_a_failure_that_says_why() {
    for (fault, wanted) in [
        (Fault::Status(500), "HTTP status 500"),
        (Fault::Text("<html>".into()), "not a JSON-RPC answer (at line 1, column 1)"),
        (Fault::Text("{\"jsonrpc\":".into()), "not a JSON-RPC answer (at line 1, column 11)"),
        (Fault::Huge(MIB), "the answer is larger than 1048576 bytes"),
        (Fault::Missing, "not a JSON-RPC answer: eth_syncing is not answered"),
        (Fault::Refused(-32005, "too many".into()), "the whole request was refused: error -32005: too many"),
        (Fault::Redirect("http://127.0.0.1:1/elsewhere".into()), "HTTP status 307"),
    ] {
        assert_eq!(spoilt(fault.clone()).await, Err(wanted.into()), "{fault:?}");
    }
    for fault in [Fault::Half, Fault::Close] {
        let why = spoilt(fault.clone()).await.unwrap_err();
        assert!(why.starts_with("the connection broke: "), "{fault:?}: {why}");
    }
}

#[tokio::test]
async fn an_answer_just_small_enough_is_taken() {
    let answer = spoilt(Fault::Huge(MIB - 1024)).await.unwrap();
    assert_eq!(answer[0]["result"].as_str().map(str::len), Some(MIB - 1024));
}

#[tokio::test]
async fn who_does_not_listen_is_unreachable() {
    let node = node().await;
    node.close();
    let why = ask(&node, rpc(&["eth_chainId"])).await.unwrap_err();
    assert!(why.starts_with("no connection: "), "{why}");
    node.reopen().await;
    assert!(ask(&node, rpc(&["eth_chainId"])).await.is_ok());
}

#[tokio::test]
async fn only_http_is_spoken_and_a_question_needs_a_call() {
    let mut asking = asking(exact());
    for url in ["ftp://127.0.0.1/", "file:///etc/hostname"] {
        let answer = asking.ask(&Target::Url(url.into()), Question::HttpGet).await;
        assert_eq!(answer, Err("only http and https URLs can be asked".into()));
    }
    assert_eq!(ask(&node().await, rpc(&[])).await, Err("the question has no call in it".into()));
}

#[tokio::test]
async fn a_page_is_told_with_any_status_and_cut() {
    let (node, mut asking) = (node().await, asking(exact()));
    node.page("/health", 503, "down");
    node.page("/long", 200, &"é".repeat(MIB));
    let mut get = async |path: &str| asking.ask(&Target::Url(node.url() + path), Question::HttpGet).await.unwrap();
    assert_eq!(get("/health").await, json!({"status": 503, "body": "down"}));
    let long = get("/long").await;
    assert_eq!((&long["status"], long["body"].as_str().map(str::len)), (&json!(200), Some(64 * 1024)));
}

#[tokio::test]
async fn metrics_are_reduced_to_those_asked_for() {
    let (node, mut asking) = (node().await, asking(exact()));
    node.page("/metrics", 200, "# TYPE up gauge\nup{job=\"a\"} 1\nother 2\n");
    node.page("/broken", 500, "up 1");
    let question = || Question::Metrics(vec!["up".into(), "absent".into()]);
    let mut get = async |path: &str| asking.ask(&Target::Url(node.url() + path), question()).await;
    assert_eq!(get("/metrics").await, Ok(json!({"up": [{"labels": {"job": "a"}, "value": 1.0}]})));
    assert_eq!(get("/broken").await, Err("HTTP status 500".into()));
}
