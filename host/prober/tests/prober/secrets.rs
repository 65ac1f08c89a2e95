//! A secret URL is nowhere but on the wire: not in an observation, an outcome, an error or a log, at any level.

use opstack_core::probe::{Action, Precondition, Probe, Question};
use opstack_prober::{Endpoint, EndpointUrl, Executor, Fence};
use rpc_double::{Double, Fault};
use serde_json::json;
use std::io;
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

use crate::world::{SECOND, World, call, loopback, owner, probe, secret_target, until};

/// Pieces that would give the URL away.
const KEYS: [&str; 4] = ["0123456789abcdefKEY", "hunter22", "qu3rySecret", "Basic "];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

struct Leads;

impl Fence for Leads {
    fn still_leader(&self) -> Result<u64, String> {
        Ok(1)
    }
}

fn spoken(path: &str) -> Vec<Option<Fault>> {
    let answer = json!({"jsonrpc": "2.0", "id": 0, "result": format!("you asked {path}")});
    let error = json!({"jsonrpc": "2.0", "id": 0, "error": {"code": -1, "message": format!("no project {path}")}});
    vec![
        None,
        Some(Fault::Status(404)),
        Some(Fault::Text(format!("Cannot POST {path}"))),
        Some(Fault::Text(answer.to_string())),
        Some(Fault::Text(error.to_string())),
        Some(Fault::Refused(-32600, format!("bad request to {path}"))),
        Some(Fault::Redirect(format!("http://127.0.0.1:1{path}"))),
        Some(Fault::Half),
        Some(Fault::Close),
        Some(Fault::Hang),
    ]
}

fn assert_clean(what: &str, text: &str, host: Option<&str>) {
    for key in KEYS.into_iter().chain(host) {
        assert!(!text.contains(key), "{what} holds {key}: {text}");
    }
}

#[tokio::test]
async fn a_secret_url_never_leaves() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let (world, node) = (World::new(), Double::start().await);
    node.answer("head", json!(1));
    let path = "/v3/0123456789abcdefKEY?token=qu3rySecret";
    let secret = format!("{}{path}", node.url().replace("http://", "http://user:hunter22@"));
    let (target, key) = secret_target();
    let url = EndpointUrl::secret(&secret, &key).unwrap();
    world.places.set(&target, Ok(vec![Endpoint { pod: String::new(), url: url.clone() }]));

    let mut seen = vec![];
    for question in
        [Question::JsonRpc(vec![call("head", json!([]))]), Question::HttpGet, Question::Metrics(vec!["x".into()])]
    {
        for fault in spoken(path) {
            let hangs = fault == Some(Fault::Hang);
            node.script([fault]);
            let before = node.seen().requests;
            world
                .prober
                .declare(&owner("a"), &[Probe { target: target.clone(), question: question.clone(), ..probe("") }]);
            if hangs {
                node.until("the question", |seen| seen.requests > before).await;
                world.clock.advance(10 * SECOND).await;
            }
            until("an observation", || world.wakes.count() > 0).await;
            seen.extend(world.prober.observations(&owner("a")));
            world.wakes.take();
            world.prober.forget(&owner("a"));
        }
    }
    node.heal();
    outcomes_of_actions(&world, &node, path).await;
    node.close().await;
    let closed = world.ask(target, Question::HttpGet).await;
    let port = node.url().replace("http://127.0.0.1:", "");
    assert!(closed.answer.clone().unwrap_err().starts_with("no connection: "));
    seen.push(closed);

    assert_eq!(seen.len(), 31);
    for observation in &seen {
        // What a server says may name a host; what we say never does.
        let host = observation.answer.is_err().then_some("127.0.0.1");
        assert_clean("an observation", &format!("{observation:?}"), host);
    }
    assert!(seen.iter().any(|observation| format!("{observation:?}").contains("[redacted]")), "something was cut out");
    assert_clean(
        "the URL itself",
        &format!("{url} {url:?} {:#?}", Endpoint { pod: String::new(), url: url.clone() }),
        Some(&port),
    );
    let log = log.text();
    assert!(log.contains("the URL in secret ns/l1, key url") && log.contains("TRACE"), "something was logged: {log}");
    assert_clean("the log", &log, None);
    let asked = node.paths();
    assert!(asked.iter().all(|asked| asked == path), "it was on the wire all the same: {asked:?}");
}

async fn outcomes_of_actions(world: &World, node: &Double, path: &str) {
    let (target, _) = secret_target();
    let executor = Executor::new(&loopback(), world.places.clone(), Arc::new(Leads), world.wakes.wake()).unwrap();
    node.answer("fact", json!(path));
    node.answer("act", json!(format!("done at {path}")));
    let action = |id: String, equals| Action {
        id,
        target: target.clone(),
        pod: None,
        call: call("act", json!([])),
        precondition: Precondition { call: call("fact", json!([])), pointer: String::new(), equals },
        timeout: SECOND,
    };
    let mut actions = vec![action("refused".into(), json!("other"))];
    for (number, fault) in spoken(path).into_iter().enumerate().filter(|(_, fault)| *fault != Some(Fault::Hang)) {
        // The precondition is asked first.
        node.script([None, fault]);
        let mut first = std::mem::take(&mut actions);
        first.push(action(format!("act-{number}"), json!(path)));
        if number == 0 {
            // The refused one asks its precondition only.
            node.script([]);
            first.rotate_left(1);
        }
        let wanted = first.len();
        executor.execute(&owner("acts"), first);
        until("the outcomes", || executor.outcomes(&owner("acts")).len() == wanted).await;
        for outcome in executor.outcomes(&owner("acts")) {
            assert_clean("an outcome", &format!("{outcome:?}"), None);
        }
    }
    world.wakes.take();
}
