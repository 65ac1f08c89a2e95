//! What the tests share: owners, questions, a resolver that is told where targets are, and a record of who was woken.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use futures::FutureExt;
use futures::future::BoxFuture;
use opstack_core::ids::{GroupKind, ObjectKey};
use opstack_core::probe::{Action, ActionOutcome, Precondition, Probe, Question, RpcCall, SecretKey, Target};
use opstack_prober::{Config, Endpoint, EndpointUrl, Executor, Fence, Prober, Resolve, Wake};
use rpc_double::{Double, bounded};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

pub const SECOND: Duration = Duration::from_secs(1);

pub fn owner(name: &str) -> ObjectKey {
    ObjectKey::new(GroupKind::new("optimism.io", "OpNode"), "ns", name)
}

pub fn call(method: &str, params: Value) -> RpcCall {
    RpcCall { method: method.into(), params }
}

pub fn rpc(methods: &[&str]) -> Question {
    Question::JsonRpc(methods.iter().map(|method| call(method, json!([]))).collect())
}

/// A probe of a plain URL, each second, with a timeout of 5 s.
pub fn probe(url: &str, question: Question, wake_on: &[&str]) -> Probe {
    Probe {
        id: "p".into(),
        target: Target::Url(url.into()),
        question,
        interval: SECOND,
        timeout: 5 * SECOND,
        wake_on: wake_on.iter().map(ToString::to_string).collect(),
    }
}

/// Plain URLs are where they say. All else is where the test says.
#[derive(Default)]
pub struct Places(Mutex<HashMap<Target, Result<Vec<Endpoint>, String>>>);

impl Places {
    pub fn set(&self, target: &Target, place: Result<Vec<Endpoint>, String>) {
        self.0.lock().unwrap().insert(target.clone(), place);
    }

    pub fn pods(&self, target: &Target, pods: &[(&str, &Double)]) {
        let at = |(pod, node): &(&str, &Double)| Endpoint {
            pod: (*pod).to_owned(),
            url: EndpointUrl::plain(&node.url()).unwrap(),
        };
        self.set(target, Ok(pods.iter().map(at).collect()));
    }
}

impl Resolve for Places {
    fn resolve<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Vec<Endpoint>, String>> {
        let known = self.0.lock().unwrap().get(target).cloned();
        let place = known.unwrap_or_else(|| match target {
            Target::Url(url) => {
                let url = EndpointUrl::plain(url).map_err(|error| error.to_string())?;
                Ok(vec![Endpoint { pod: String::new(), url }])
            }
            _ => Err("nobody said where it is".into()),
        });
        async move { place }.boxed()
    }
}

pub fn secret_target() -> (Target, SecretKey) {
    let key = SecretKey { namespace: "ns".into(), name: "l1".into(), key: "url".into() };
    (Target::SecretUrl(key.clone()), key)
}

/// Who was woken, in order.
pub struct Woken(mpsc::UnboundedReceiver<ObjectKey>);

impl Woken {
    pub fn new() -> (Self, Wake) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let wake: Wake = Arc::new(move |owner| {
            let _ = sender.send(owner.clone());
        });
        (Self(receiver), wake)
    }

    pub async fn next(&mut self) -> ObjectKey {
        bounded("a wake", self.0.recv()).await.unwrap()
    }

    /// Wakes so far that nobody has asked for.
    pub fn rest(&mut self) -> Vec<ObjectKey> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

/// A prober without chance: no jitter, and the first question at once.
pub struct Asking {
    pub prober: Prober,
    pub places: Arc<Places>,
    pub woken: Woken,
}

pub fn exact() -> Config {
    Config { jitter: 0.0, spread: Duration::ZERO, ..Config::default() }
}

pub fn asking(config: Config) -> Asking {
    let places = Arc::new(Places::default());
    let (woken, wake) = Woken::new();
    let prober = Prober::new(config, places.clone(), wake).unwrap();
    Asking { prober, places, woken }
}

impl Asking {
    /// What an owner's only observation says.
    pub fn answer(&self, owner: &ObjectKey) -> Result<Value, String> {
        let observations = self.prober.observations(owner);
        assert_eq!(observations.len(), 1, "{observations:?}");
        observations[0].answer.clone().map(|text| serde_json::from_str(&text).unwrap())
    }

    /// Waits for a wake of this owner and of nobody else.
    pub async fn wakes(&mut self, owner: &ObjectKey) {
        assert_eq!(self.woken.next().await, *owner);
        assert_eq!(self.woken.rest(), []);
    }

    /// Declares one question and waits for what comes of it.
    pub async fn ask(&mut self, target: &Target, question: Question) -> Result<Value, String> {
        let asker = owner("asker");
        self.prober.declare(&asker, &[Probe { target: target.clone(), ..probe("", question, &[]) }]);
        self.wakes(&asker).await;
        let answer = self.answer(&asker);
        self.prober.forget(&asker);
        answer
    }
}

/// A term that tests end.
pub struct Term(pub Mutex<Result<u64, String>>);

impl Term {
    pub fn becomes(&self, term: Result<u64, String>) {
        *self.0.lock().unwrap() = term;
    }
}

impl Fence for Term {
    fn still_leader(&self) -> Result<u64, String> {
        self.0.lock().unwrap().clone()
    }
}

pub struct Acting {
    pub executor: Executor,
    pub term: Arc<Term>,
    pub places: Arc<Places>,
    pub woken: Woken,
}

pub fn acting() -> Acting {
    let places = Arc::new(Places::default());
    let (woken, wake) = Woken::new();
    let term = Arc::new(Term(Mutex::new(Ok(7))));
    let executor = Executor::new(places.clone(), term.clone(), wake).unwrap();
    Acting { executor, term, places, woken }
}

impl Acting {
    /// Waits for the next outcome and gives all of the owner's.
    pub async fn outcomes(&mut self, owner: &ObjectKey) -> Vec<ActionOutcome> {
        assert_eq!(self.woken.next().await, *owner);
        self.executor.outcomes(owner)
    }

    /// Runs one action and gives its outcome.
    pub async fn outcome(&mut self, owner: &ObjectKey, action: &Action) -> Result<String, String> {
        self.executor.execute(owner, vec![action.clone()]);
        let mut outcomes = self.outcomes(owner).await;
        assert_eq!(outcomes.len(), 1);
        assert_eq!(outcomes[0].id, action.id);
        outcomes.remove(0).outcome
    }
}

/// A sequencer that runs, and an action that stops it if it does.
pub async fn sequencer() -> (Double, Action) {
    let node = Double::start().await;
    node.answer("admin_sequencerActive", json!({"active": true}));
    node.answer("admin_stopSequencer", json!("0xabc"));
    let action = Action {
        id: "stop-node-0-at-epoch-7".into(),
        target: Target::Url(node.url()),
        pod: None,
        call: call("admin_stopSequencer", json!([])),
        precondition: Precondition {
            call: call("admin_sequencerActive", json!([])),
            pointer: "/active".into(),
            equals: json!(true),
        },
        timeout: 5 * SECOND,
    };
    (node, action)
}
