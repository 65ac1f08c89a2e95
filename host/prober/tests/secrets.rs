//! A secret URL is seen by nobody but the endpoint: not in an observation, an outcome, a log or a debug print.

mod common;

use common::{acting, asking, call, exact, probe, rpc, secret_target, sequencer};
use opstack_core::probe::{Action, Probe, Question, Target};
use opstack_prober::{Endpoint, EndpointUrl};
use rpc_double::{Double, Fault};
use serde_json::json;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

const PATH_KEY: &str = "0123456789abcdef0123";
const QUERY_KEY: &str = "hunter22";

/// All that is logged, however fine.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    (log, tracing::subscriber::set_default(subscriber))
}

fn secret(node: &Double) -> (Target, Endpoint) {
    let (target, key) = secret_target();
    let text = format!("{}/v3/{PATH_KEY}?apikey={QUERY_KEY}", node.url());
    (target, Endpoint { pod: String::new(), url: EndpointUrl::secret(&text, &key).unwrap() })
}

fn assert_kept(what: &str, said: &str, node: &Double) {
    let address = node.url().replace("http://", "");
    for piece in [PATH_KEY, QUERY_KEY, address.as_str()] {
        assert!(!said.contains(piece), "{what}: {piece} is in {said}");
    }
}

fn faults() -> Vec<Option<Fault>> {
    let quoting = format!("bad key {PATH_KEY} in /v3/{PATH_KEY}?apikey={QUERY_KEY}");
    vec![
        None,
        Some(Fault::Status(404)),
        Some(Fault::Text(quoting.clone())),
        Some(Fault::Refused(-32001, quoting)),
        Some(Fault::Half),
        Some(Fault::Close),
        Some(Fault::Hang),
        Some(Fault::Huge(2 * 1024 * 1024)),
        Some(Fault::Redirect(format!("http://127.0.0.1:1/{PATH_KEY}"))),
    ]
}

#[tokio::test]
async fn no_question_gives_a_secret_url_away() {
    let (log, _guard) = listen();
    let (node, mut asking) = (Double::start().await, asking(exact()));
    let (target, endpoint) = secret(&node);
    assert_kept("debug", &format!("{endpoint:?} {}", endpoint.url), &node);
    asking.places.set(&target, Ok(vec![endpoint]));
    node.answer("echo", json!({"you asked": format!("/v3/{PATH_KEY}?apikey={QUERY_KEY}")}));
    node.fail("fail", -32000, &format!("no such key: {PATH_KEY}"));
    let asker = common::owner("asker");
    for fault in faults() {
        for question in [rpc(&["echo", "fail"]), Question::HttpGet, Question::Metrics(vec!["up".into()])] {
            node.script([fault.clone()]);
            let probe = Probe {
                target: target.clone(),
                timeout: std::time::Duration::from_millis(200),
                ..probe("", question, &[])
            };
            asking.prober.declare(&asker, &[probe]);
            asking.wakes(&asker).await;
            let said = format!("{:?}", asking.prober.observations(&asker));
            asking.prober.forget(&asker);
            assert_kept(&format!("{fault:?}"), &said, &node);
        }
    }
    node.close();
    let refused = asking.ask(&target, rpc(&["echo"])).await;
    assert_kept("closed", &format!("{refused:?}"), &node);
    assert!(node.paths().iter().all(|path| path.contains(PATH_KEY)), "it was really asked");
    let logged = log.text();
    assert!(logged.contains("a probe has no answer") && logged.contains("ns/l1"), "{logged}");
    for piece in [PATH_KEY, QUERY_KEY] {
        assert!(!logged.contains(piece), "{piece} is in the log");
    }
}

#[tokio::test]
async fn no_action_gives_a_secret_url_away() {
    let (log, _guard) = listen();
    for (n, fault) in faults().into_iter().enumerate() {
        let (node, action) = sequencer().await;
        let mut acting = acting();
        let (target, endpoint) = secret(&node);
        acting.places.set(&target, Ok(vec![endpoint]));
        let timeout = std::time::Duration::from_millis(500);
        let action = Action { target, timeout, id: n.to_string(), ..action };
        node.fail("quote", -32000, &format!("no such key: {PATH_KEY}"));
        let first = Action { call: call("quote", json!([])), ..action.clone() };
        node.script([None, fault.clone()]);
        let said = acting.outcome(&common::owner("a"), &first).await;
        assert_kept(&format!("call, {fault:?}"), &format!("{said:?}"), &node);
        node.script([fault.clone()]);
        let said = acting.outcome(&common::owner("b"), &action).await;
        assert_kept(&format!("precondition, {fault:?}"), &format!("{said:?}"), &node);
    }
    let logged = log.text();
    assert!(logged.contains("an action came to nothing"), "{logged}");
    for piece in [PATH_KEY, QUERY_KEY] {
        assert!(!logged.contains(piece), "{piece} is in the log");
    }
}
